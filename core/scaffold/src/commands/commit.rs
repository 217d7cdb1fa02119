//! The end of a scaffolding command: its changes are shown, or written to the disk.

use super::preview::{ChangeList, ShowOptions};
use crate::operations::prepared::Prepared;
use crate::transaction::Lock;
use clap::ArgMatches;
use pintle_host::catalog::ProjectVersion;
use pintle_host::cli::{CliError, Exit, Session};
use pintle_host::lifecycle;
use pintle_host::transport::LoadedPlugin;
use pintle_plugin::message::ProjectEvent;
use pintle_plugin::{EventType, events};

/// The events before and after the work of a command.
pub(super) struct Moments {
    pub(super) before: EventType<ProjectEvent>,
    pub(super) behind: EventType<ProjectEvent>,
}

impl Moments {
    /// The events of a change to the project as a whole.
    pub(super) const EDIT: Self =
        Self { before: events::PRE_PROJECT_EDIT, behind: events::POST_PROJECT_EDIT };
}

/// Shows what would change, or writes it to the disk between the hooks.
pub(super) fn show_or_commit(
    session: &Session<'_>,
    lock: Option<Lock>,
    moments: Moments,
    version: &ProjectVersion,
    prepared: Prepared,
    show: &ShowOptions,
    matches: &ArgMatches,
) -> Result<Exit, CliError> {
    show.dump(session, &prepared.dump())?;
    show.warn_of_losses(session, &prepared);
    let exit = match prepared.is_incomplete() {
        true => Exit::Failed,
        false => Exit::Done,
    };
    let Some(lock) = lock.filter(|_| !show.changes_nothing()) else {
        show.show(session, matches, &prepared);
        return Ok(exit);
    };
    let changes = ChangeList::new(&prepared);
    let subscribers = |event: &EventType<ProjectEvent>| {
        session.subscribers(event.name(), &|it| it.supports(version))
    };
    // A plugin that must not be loaded is reported before anything changes.
    let (before, behind) = (subscribers(&moments.before)?, subscribers(&moments.behind)?);
    run_hooks(session, &moments.before, &before, &prepared.event())?;
    let report = prepared.commit(&lock)?;
    drop(lock);
    show.report(session, matches, &report, changes);
    run_hooks(session, &moments.behind, &behind, &report.event())?;
    Ok(exit)
}

/// Sends an event before or after the work to the plugins that subscribe to it.
fn run_hooks(
    session: &Session<'_>,
    event: &EventType<ProjectEvent>,
    subscribers: &[LoadedPlugin],
    payload: &ProjectEvent,
) -> Result<(), CliError> {
    let (services, limit) = (session.services(), session.hook_time_limit()?);
    lifecycle::dispatch(event, payload, subscribers, &services, limit)?;
    Ok(())
}
