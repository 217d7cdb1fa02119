//! `plugin rollback`, `pin` and `unpin`.

use super::{args, show};
use crate::errors::failed;
use crate::manager::Manager;
use crate::store::{LockedStore, Stored};
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step};

pub(super) fn name_arg(command: Command) -> Command {
    command.arg(args::name().required(true))
}

/// Changes the named plugin, and reports it.
fn change(
    session: &Session<'_>,
    matches: &ArgMatches,
    change: impl FnOnce(&LockedStore, &Stored) -> Result<String, CliError>,
) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let store = manager.lock()?;
    let name = args::texts(matches, "plugin").next().unwrap_or_default();
    let stored = manager.find(&store, name)?;
    session.console().println(change(&store, &stored)?);
    Ok(Exit::Done.into())
}

fn latest(stored: &Stored) -> Result<(&str, String), CliError> {
    let (version, receipt) =
        stored.latest().ok_or_else(|| failed("no version has ever been in use"))?;
    Ok((version, show::key(receipt)))
}

pub(super) fn rollback(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    change(session, matches, |store, stored| {
        let (_, key) = latest(stored)?;
        let Some((version, receipt)) = stored.before() else {
            return Err(failed(format!("the store has no version before {key}"))
                .hint("install the version that you want".to_owned()));
        };
        let (version, text) = (version.to_owned(), show::key(receipt));
        store.roll_back(stored, &version)?;
        Ok(format!("went back from {key} to {text}"))
    })
}

pub(super) fn pin(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    set_pinned(session, matches, true)
}

pub(super) fn unpin(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    set_pinned(session, matches, false)
}

fn set_pinned(
    session: &Session<'_>,
    matches: &ArgMatches,
    is_pinned: bool,
) -> Result<Step, CliError> {
    change(session, matches, |store, stored| {
        let (_, key) = latest(stored)?;
        let mut state = stored.state.clone();
        state.is_pinned = is_pinned;
        store.set_state(&stored.place, &state)?;
        Ok(match is_pinned {
            true => {
                format!("{key} is pinned: `plugin update` and `plugin install` do not change it")
            }
            false => format!("{key} is no longer pinned"),
        })
    })
}
