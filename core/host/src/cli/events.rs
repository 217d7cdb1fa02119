//! `events`: the events of lifecycles, and who subscribes to them.

use super::group::{Row as CommandRow, Run};
use super::{CliError, Exit, Session, Step, output};
use crate::lifecycle::EventInfo;
use clap::ArgMatches;
use serde::Serialize;

pub(super) const ROW: CommandRow =
    CommandRow::new(&["events"], "List the events, and who subscribes", Run::Plain(run))
        .args(|command| command.arg(output::arg()));

/// An event in the listing.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    event: EventInfo,
    /// The keys of the plugins whose hooks subscribe.
    subscribers: Vec<String>,
}

/// Lists the events. No plugin is loaded: their manifests say what they subscribe to.
fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let row = |event: EventInfo| {
        let subscribers = session.catalog().subscribers(event.name);
        let keys = subscribers.filter_map(|it| it.key()).map(ToString::to_string);
        Listed { event, subscribers: keys.collect() }
    };
    let rows: Vec<Listed> = session.events().into_iter().map(row).collect();
    output::print(matches, session.console(), &rows, |rows| {
        let mut table = vec![["EVENT", "WHEN", "SUBSCRIBERS"].map(str::to_owned).to_vec()];
        for row in rows {
            let subscribers =
                if row.subscribers.is_empty() { "-".into() } else { row.subscribers.join(", ") };
            table.push(vec![row.event.name.to_owned(), row.event.about.to_owned(), subscribers]);
        }
        output::table(&table)
    });
    Ok(Exit::Done.into())
}
