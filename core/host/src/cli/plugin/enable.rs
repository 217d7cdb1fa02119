//! `plugin disable` and `plugin enable`: plugins that the user does not use, whatever directory
//! they are in.

use super::subject::parse_key;
use crate::caller;
use crate::catalog::{Disabled, Entry, PluginKey, PluginName, Reason, ResolveError};
use crate::cli::completion::values::{Values, plugin_keys};
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::explain;
use crate::cli::group::{Row, Run};
use crate::cli::output;
use crate::cli::required;
use crate::cli::session::Session;
use crate::config;
use clap::{Arg, ArgMatches};
use pintle_plugin::Candidate;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(in crate::cli) const DISABLE: Row = Row::new(
    &["plugin", "disable"],
    "Disable a plugin until it is enabled again",
    Run::Plain(disable),
)
.args(|command| command.arg(key_arg().add(Values(enabled_keys))))
.needs(&[required::READABLE]);

pub(in crate::cli) const ENABLE: Row =
    Row::new(&["plugin", "enable"], "Undo `plugin disable`", Run::Plain(enable))
        .args(|command| command.arg(key_arg().add(Values(disabled_keys))));

fn key_arg() -> Arg {
    Arg::new("key").value_name("KEY").required(true).help("The plugin's key")
}

fn enabled_keys(session: &Session<'_>, _: &ArgMatches) -> Vec<Candidate> {
    plugin_keys(session, |it| !is_disabled(it))
}

fn disabled_keys(session: &Session<'_>, _: &ArgMatches) -> Vec<Candidate> {
    plugin_keys(session, is_disabled)
}

fn is_disabled(entry: &Entry) -> bool {
    matches!(entry.reason(), Some(Reason::Disabled { .. }))
}

fn given(matches: &ArgMatches) -> Result<PluginKey, CliError> {
    parse_key(matches.get_one::<String>("key").expect("the argument is required"))
}

fn disable(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let key = full(session, &given(matches)?)?;
    let path = path(session)?;
    let is_new = config::disable(&path, &key)?;
    let what = if is_new { "is disabled" } else { "is already disabled" };
    session.console().println(format!("{key} {what} in `{}`", output::path(&path)));
    Ok(Exit::Done.into())
}

fn enable(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let given = given(matches)?;
    let path = path(session)?;
    let is_meant = |listed: &PluginKey| {
        let is_name = given.matches_name(listed.name()) || listed.matches_name(given.name());
        is_name && (given.version().is_none() || given.version() == listed.version())
    };
    let enabled = config::enable(&path, is_meant)?;
    for key in &enabled {
        session.console().println(format!("{key} is enabled again"));
    }
    // A catalog from before the change would still contain the disabled plugins.
    let mut entries = session.catalog().entries().iter();
    if let Some(other) = entries.find_map(|it| disabled(it, &given)) {
        let text = format!("plugin `{given}` is still disabled by the key {other}");
        return Err(CliError::new(Exit::Failed, text).hint(explain::disabled(&other)));
    }
    if enabled.is_empty() {
        session.console().println(format!("{} was not disabled", full(session, &given)?));
    }
    Ok(Exit::Done.into())
}

/// Returns a key with the full name of the plugin: another plugin with the same short name may be
/// installed later.
fn full(session: &Session<'_>, given: &PluginKey) -> Result<PluginKey, CliError> {
    let entries = session.catalog().entries().iter();
    let names: BTreeSet<&PluginName> = entries
        .filter(|it| is_meant(it, given))
        .filter_map(|it| it.key())
        .map(PluginKey::name)
        .collect();
    let with_name = |it: &PluginName| PluginKey::new(it.clone(), given.version().cloned());
    match names.iter().collect::<Vec<_>>()[..] {
        [name] => Ok(with_name(name)),
        [] => {
            let found = session.catalog().resolve(given, None);
            found.map(|_| given.clone()).map_err(CliError::from)
        }
        _ => {
            let candidates = names.iter().map(|it| with_name(it)).collect();
            Err(ResolveError::Ambiguous { key: given.clone(), candidates }.into())
        }
    }
}

/// Returns whether a key matches a plugin, even if the plugin is refused or disabled.
fn is_meant(entry: &Entry, given: &PluginKey) -> bool {
    let key = entry.key().zip(entry.version());
    key.is_some_and(|(key, version)| given.matches(key.name(), &version))
}

/// Returns how a plugin is disabled, if it is disabled and matches the key.
fn disabled(entry: &Entry, given: &PluginKey) -> Option<Disabled> {
    match entry.reason() {
        Some(Reason::Disabled { by }) if is_meant(entry, given) => Some(by),
        _ => None,
    }
}

/// Returns where the user's configuration is.
fn path(session: &Session<'_>) -> Result<PathBuf, CliError> {
    let path = config::user_path(session.identity(), &caller::var_os);
    path.ok_or_else(|| {
        CliError::new(Exit::Failed, "the user has no configuration directory")
            .hint("set `HOME` or `XDG_CONFIG_HOME`")
    })
}
