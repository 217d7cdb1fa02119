//! `version`: what is running.

use super::group::{Row, Run};
use super::{CliError, Exit, Session, Step, output};
use crate::LIBRARY_VERSION;
use clap::ArgMatches;
use pintle_plugin::manifest::{INTERFACE_VERSION, TARGET};
use serde::Serialize;

#[derive(Serialize)]
struct Version<'a> {
    name: &'a str,
    version: &'a str,
    library: &'a str,
    interface: &'a str,
    target: &'a str,
}

pub(super) const ROW: Row = Row::new(
    &["version"],
    "Show the versions of the host and of its plugin interface",
    Run::Plain(run),
)
.args(|command| command.arg(output::arg()));

/// Prints the versions. It reads no plugin.
fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let identity = session.identity();
    let version = Version {
        name: &identity.command_name,
        version: &identity.version,
        library: LIBRARY_VERSION,
        interface: INTERFACE_VERSION,
        target: TARGET,
    };
    output::print(matches, session.console(), &version, |it| {
        format!("{} {} (plugin interface {}, {})", it.name, it.version, it.interface, it.target)
    });
    Ok(Exit::Done.into())
}
