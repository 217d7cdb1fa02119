//! The end of a scaffolding command: it is shown, or its changes reach the disk.

use super::preview::{ChangeList, ShowOptions};
use crate::operations::prepared::Prepared;
use crate::transaction::Lock;
use clap::ArgMatches;
use pintle_host::catalog::ProjectVersion;
use pintle_host::cli::{CliError, Exit, Session};
use pintle_host::lifecycle;
use pintle_plugin::message::ProjectEvent;

/// Shows what would change, or writes it to the disk between its hooks.
pub(super) fn show_or_commit(
    session: &Session<'_>,
    lock: Option<Lock>,
    event: &str,
    version: &ProjectVersion,
    prepared: Prepared,
    show: &ShowOptions,
    matches: &ArgMatches,
) -> Result<Exit, CliError> {
    show.dump(session, &prepared.dump())?;
    let exit = match prepared.conflicts().iter().any(|it| it.marked) {
        true => Exit::Failed,
        false => Exit::Done,
    };
    let Some(lock) = lock.filter(|_| !show.changes_nothing()) else {
        show.show(session, matches, &prepared);
        return Ok(exit);
    };
    let changes = ChangeList::new(&prepared);
    run_hooks(session, &format!("pre-{event}"), version, &prepared.event())?;
    let report = prepared.commit(&lock)?;
    drop(lock);
    show.report(session, matches, &report, changes);
    run_hooks(session, &format!("post-{event}"), version, &report.event())?;
    Ok(exit)
}

/// Hands an event before or behind the work to all plugins that subscribe to it.
fn run_hooks(
    session: &Session<'_>,
    event: &str,
    version: &ProjectVersion,
    payload: &ProjectEvent,
) -> Result<(), CliError> {
    let subscribers = session.subscribers(event, &|it| it.supports(version));
    let replies = lifecycle::dispatch(
        event,
        payload,
        &subscribers,
        &session.services(),
        session.hook_time_limit()?,
    )?;
    match replies.iter().find(|it| !it.1.amend.is_empty()) {
        Some((plugin, _)) => {
            let text = format!("plugin `{plugin}` amends `{event}`, which cannot be amended");
            Err(CliError::new(Exit::Failed, text))
        }
        None => Ok(()),
    }
}
