//! The plugins that the configuration requires for commands.

use super::error::CliError;
use super::exit::Exit;
use super::explain;
use super::global;
use super::group::Need;
use super::session::{Session, unusable};
use crate::catalog::{Catalog, Entry, PluginKey, State, Wanted};
use crate::config::{Config, Requirement};
use pintle_plugin::Level;
use std::ffi::OsString;

/// How similar words must be for one to be a typing error for the other, up to 1.
const LIKENESS: f64 = 0.8;

/// Checks that the plugins exist that the configuration requires for a command. Help requires none;
/// nor do the host's own commands, with which the user finds and fixes problems.
///
/// # Errors
///
/// When one is missing, or the configuration cannot be read.
pub(super) fn check(
    session: &Session<'_>,
    command: &[&str],
    rest: &[OsString],
) -> Result<(), CliError> {
    if command.first().is_some_and(|it| session.is_own(it)) || global::asks_for_help(rest) {
        return Ok(());
    }
    readable(session)?;
    report_unknown(session);
    let config = session.config().ok();
    let mut required = config.into_iter().flat_map(|it| it.required(command));
    required.try_for_each(|it| check_one(session, command, it))
}

/// The requirement of commands that show what is installed, which includes the configuration.
pub(super) const READABLE: Need = Need { check: readable_with_warnings };

fn readable_with_warnings(session: &Session<'_>) -> Result<(), CliError> {
    readable(session)?;
    report_unknown(session);
    Ok(())
}

pub(super) fn readable(session: &Session<'_>) -> Result<(), CliError> {
    session.config().map(drop).map_err(|err| CliError::from_error(Exit::Usage, err))
}

/// Warns of commands in the configuration that do not exist: with a typing error, the user wrongly
/// assumes that the plugin is required.
fn report_unknown(session: &Session<'_>) {
    let named: Vec<_> = session.config().into_iter().flat_map(Config::named).collect();
    if named.is_empty() || session.is_config_checked.replace(true) {
        return;
    }
    let work = session.work();
    for (required, words) in named {
        let what = if words.first().is_some_and(|it| session.is_own(it)) {
            "a command of the host and never requires plugins".to_owned()
        } else if begins_one(&work, words)
            || is_of_plugin(session, words)
            || is_of_program(session, words)
        {
            continue;
        } else if let Some(it) = similar(&work, words) {
            format!("not a command; did you mean `{it}`?")
        } else {
            "not a command".to_owned()
        };
        let (file, plugin) = (required.file.display(), &required.plugin);
        let command = words.join(" ");
        let text = format!("`{file}` requires plugin `{plugin}` for `{command}`, which is {what}");
        session.console().log(Level::Warn, &text);
    }
}

/// Returns whether one of some commands begins with words.
fn begins_one(commands: &[Vec<String>], words: &[String]) -> bool {
    commands.iter().any(|it| it.starts_with(words))
}

fn is_of_plugin(session: &Session<'_>, words: &[String]) -> bool {
    let has = |it: &Catalog| {
        let mut commands = it.entries().iter().flat_map(Entry::commands);
        commands.any(|it| it.path.starts_with(words))
    };
    let narrow = words.first().and_then(|it| session.narrow(Wanted::Below(it)));
    narrow.is_some_and(|it| has(&it)) || has(session.catalog())
}

fn is_of_program(session: &Session<'_>, words: &[String]) -> bool {
    session.callables().list().iter().any(|it| it.words.starts_with(words))
}

/// Returns the words of the host's commands that are most similar to others.
fn similar(work: &[Vec<String>], words: &[String]) -> Option<String> {
    let begins = work.iter().filter_map(|it| it.get(..words.len()));
    let likeness = |it: &[String]| {
        let words = it.iter().zip(words).map(|(one, other)| strsim::jaro_winkler(one, other));
        words.fold(1.0, f64::min)
    };
    let best = begins.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    best.filter(|it| likeness(it) > LIKENESS).map(|it| it.join(" "))
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

/// Returns whether the version in use meets the requirement.
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
    // A refused or disabled plugin might otherwise meet the requirement.
    let set_aside = || found().find(|it| matches!(it.state(), State::Refused | State::Disabled));
    let by = format!("which `{}` requires for `{}`", required.file.display(), command.join(" "));
    let error = |what: &str| {
        let text = format!("{}, {by}, is {what}", required.wanted());
        CliError::new(Exit::Refused, text)
    };
    let (error, fix) = match (current, set_aside()) {
        (Some(entry), _) => {
            let version = entry.version().map(|it| it.to_string()).unwrap_or_default();
            let error = error(&format!("not in use: the version in use is `{version}`"));
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
