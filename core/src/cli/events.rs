//! `events`: the events of lifecycles, and who subscribes to them.

use super::{Session, output};
use crate::lifecycle::{EVENTS, EventInfo};
use clap::{ArgMatches, Command};
use serde::Serialize;

/// Returns the clap command.
pub(super) fn command() -> Command {
    Command::new("events").about("List the events, and who subscribes").arg(output::arg())
}

/// An event in the listing.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    event: EventInfo,
    /// The keys of the plugins whose hooks subscribe.
    subscribers: Vec<String>,
}

/// Lists the events. No plugin is loaded: their manifests say what they subscribe to.
pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) {
    let row = |event: &EventInfo| {
        let subscribers = session.catalog().subscribers(event.name);
        let keys = subscribers.filter_map(|it| it.key()).map(ToString::to_string);
        Row { event: *event, subscribers: keys.collect() }
    };
    let rows: Vec<Row> = EVENTS.iter().map(row).collect();
    output::print(matches, &session.console, &rows, |rows| {
        let mut table = vec![["EVENT", "WHEN", "SUBSCRIBERS"].map(str::to_owned).to_vec()];
        for row in rows {
            let subscribers =
                if row.subscribers.is_empty() { "-".into() } else { row.subscribers.join(", ") };
            table.push(vec![row.event.name.to_owned(), row.event.about.to_owned(), subscribers]);
        }
        output::table(&table)
    });
}
