//! `plugin prune`: removes versions that nothing needs.

use super::show;
use crate::manager::Manager;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step};

pub(super) fn args(command: Command) -> Command {
    command.arg(
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Only list what would be removed"),
    )
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let is_dry = matches.get_flag("dry-run");
    let store = manager.lock()?;
    let needed = store.needed_by_projects(is_dry)?;
    let mut n_removed = 0;
    for stored in store.plugins()? {
        // Of a plugin that is disabled, the version stays that would be enabled.
        let latest = stored.latest().map(|it| it.0.to_owned());
        for (version, receipt) in &stored.versions {
            let is_needed = needed.contains(&(stored.place.clone(), version.clone()));
            if latest.as_ref() == Some(version) || is_needed {
                continue;
            }
            if !is_dry {
                store.remove_version(&stored.place, version)?;
            }
            let what = if is_dry { "would remove" } else { "removed" };
            session.console().println(format!("{what} {}", show::key(receipt)));
            n_removed += 1;
        }
    }
    if n_removed == 0 {
        session.console().println("there is nothing to remove");
    }
    Ok(Exit::Done.into())
}
