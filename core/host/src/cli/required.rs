//! The plugins without which commands must not run, as the configuration says.

use super::error::CliError;
use super::exit::Exit;
use super::explain;
use super::global;
use super::group::Need;
use super::session::{Session, unusable};
use crate::catalog::{Catalog, Entry, PluginKey, State, Wanted};
use crate::config::Requirement;
use std::ffi::OsString;

/// Checks that the plugins are there which the configuration requires for a command. The help of
/// a command requires none.
///
/// # Errors
///
/// When one is missing, or the configuration cannot be read.
pub(super) fn check(
    session: &Session<'_>,
    command: &[&str],
    rest: &[OsString],
) -> Result<(), CliError> {
    if global::asks_for_help(rest) {
        return Ok(());
    }
    readable(session)?;
    let config = session.config().ok();
    let mut required = config.into_iter().flat_map(|it| it.required(command));
    required.try_for_each(|it| check_one(session, command, it))
}

/// What commands need that show what is installed: the configuration is a part of that.
pub(super) const READABLE: Need = Need { check: readable };

pub(super) fn readable(session: &Session<'_>) -> Result<(), CliError> {
    session.config().map(drop).map_err(|err| CliError::from_error(Exit::Usage, err))
}

fn check_one(
    session: &Session<'_>,
    command: &[&str],
    required: &Requirement,
) -> Result<(), CliError> {
    let key = PluginKey::new(required.plugin.clone(), None);
    let narrow = session.narrow(Wanted::Plugin(&key));
    if narrow.is_some_and(|it| is_there(&it, required)) || is_there(session.catalog(), required) {
        return Ok(());
    }
    Err(missing(session, command, required))
}

/// Returns whether the version that counts is one that will do.
fn is_there(catalog: &Catalog, required: &Requirement) -> bool {
    let mut current = of_plugin(catalog, required).filter(|it| it.is_current());
    current.any(|it| it.version().is_some_and(|it| required.takes(&it)))
}

fn of_plugin<'c>(
    catalog: &'c Catalog,
    required: &'c Requirement,
) -> impl Iterator<Item = &'c Entry> {
    let is_meant = |it: &&Entry| it.key().is_some_and(|it| *it.name() == required.plugin);
    catalog.entries().iter().filter(is_meant)
}

fn missing(session: &Session<'_>, command: &[&str], required: &Requirement) -> CliError {
    let catalog = session.catalog();
    let found = || of_plugin(catalog, required);
    let current = found().find(|it| it.is_current());
    // What is refused or disabled might do, were it not.
    let set_aside = || found().find(|it| matches!(it.state(), State::Refused | State::Disabled));
    let by = format!("which `{}` requires for `{}`", required.file.display(), command.join(" "));
    let error = |what: &str| {
        let text = format!("{}, {by}, is {what}", required.wanted());
        CliError::new(Exit::Refused, text)
    };
    let (error, fix) = match (current, set_aside()) {
        (Some(entry), _) => {
            let version = entry.version().map(|it| it.to_string()).unwrap_or_default();
            let error = error(&format!("not in use, but `{version}` is"));
            (error, "install a version that matches".to_owned())
        }
        (None, Some(entry)) => {
            let error = error(&entry.state().to_string());
            let error = match entry.reason() {
                Some(reason) => error.cause(&reason),
                None => error,
            };
            (error, unusable(entry).advice(session.identity()).unwrap_or_default())
        }
        (None, None) => (error("not installed"), "install it".to_owned()),
    };
    error.hint(explain::requirement(required, &fix))
}
