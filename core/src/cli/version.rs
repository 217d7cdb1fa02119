//! `version`: what is running.

use super::{Session, output};
use crate::LIBRARY_VERSION;
use clap::{ArgMatches, Command};
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

/// Returns the clap command.
pub(super) fn command() -> Command {
    Command::new("version")
        .about("Show the versions of the host and of its plugin interface")
        .arg(output::arg())
}

/// Prints the versions. Looks at no plugin.
pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) {
    let identity = &session.host.identity;
    let version = Version {
        name: &identity.command_name,
        version: &identity.version,
        library: LIBRARY_VERSION,
        interface: INTERFACE_VERSION,
        target: TARGET,
    };
    output::print(matches, &session.console, &version, |it| {
        format!("{} {} (plugin interface {}, {})", it.name, it.version, it.interface, it.target)
    });
}
