//! `plugin prune`: removes unused versions.

use super::show;
use crate::manager::Manager;
use crate::project::ProjectLock;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step};
use pintle_plugin::Level;

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
    // The project may have been moved since it was synced.
    if let Ok(Some(project)) = ProjectLock::find(session) {
        store.keep_view(&project.view(), &project.path)?;
    }
    let needed = store.needed_by_projects(is_dry)?;
    let what = if is_dry { "would remove" } else { "removed" };
    let mut n_removed = 0;
    for stored in store.plugins()? {
        // For a disabled plugin, the version that would be enabled is kept.
        let latest = stored.latest().map(|it| it.0.to_owned());
        for (version, receipt) in &stored.versions {
            let is_needed = needed.contains(&(stored.place.clone(), version.clone()));
            if latest.as_ref() == Some(version) || is_needed {
                continue;
            }
            if !is_dry {
                store.remove_version(&stored.place, version)?;
            }
            session.console().println(format!("{what} {}", show::key(receipt)));
            n_removed += 1;
        }
        for version in stored.damaged_versions() {
            let shown = format!("{}/{version}, which is damaged", stored.place);
            if store.is_linked(&stored.place, version)? {
                let text = format!("kept {shown}: it is in use; install it again");
                session.console().log(Level::Warn, &text);
                continue;
            }
            if !is_dry {
                store.remove_version(&stored.place, version)?;
            }
            session.console().println(format!("{what} {shown}"));
            n_removed += 1;
        }
    }
    if n_removed == 0 {
        session.console().println("nothing to remove");
    }
    Ok(Exit::Done.into())
}
