//! `events`: the events of lifecycles, and their subscribers.

use super::group::{Row as CommandRow, Run};
use super::session::name;
use super::{CliError, Exit, Session, Step, output, required};
use crate::lifecycle::EventInfo;
use clap::ArgMatches;
use serde::Serialize;

pub(super) const ROW: CommandRow =
    CommandRow::new(&["events"], "List the events and their subscribers", Run::Plain(run))
        .args(|command| command.arg(output::arg()))
        .needs(&[required::READABLE]);

/// An event in the listing.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    event: EventInfo,
    /// The keys of the plugins whose hooks subscribe.
    subscribers: Vec<String>,
    /// The keys or files of refused plugins that would otherwise subscribe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

/// Lists the events. No plugin is loaded: their manifests list the events that they subscribe to.
fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let row = |event: EventInfo| {
        let subscribers = session.catalog().subscribers(event.name);
        let keys = subscribers.filter_map(|it| it.key()).map(ToString::to_string);
        let refused = session.catalog().refused_subscribers(event.name).map(name);
        Listed { event, subscribers: keys.collect(), refused: refused.collect() }
    };
    let rows: Vec<Listed> = session.events().into_iter().map(row).collect();
    output::print(matches, session.console(), &rows, |rows| {
        let mut table = vec![["EVENT", "WHEN", "SUBSCRIBERS"].map(str::to_owned).to_vec()];
        for row in rows {
            let refused = row.refused.iter().map(|it| format!("{it} (refused)"));
            let subscribers: Vec<_> = row.subscribers.iter().cloned().chain(refused).collect();
            let subscribers =
                if subscribers.is_empty() { "-".into() } else { subscribers.join(", ") };
            table.push(vec![row.event.name.to_owned(), row.event.about.to_owned(), subscribers]);
        }
        output::table(&table)
    });
    Ok(Exit::Done.into())
}
