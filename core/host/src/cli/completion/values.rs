//! Values of arguments that are found while the user types.

use crate::catalog::Entry;
use crate::cli::session::Session;
use crate::transport::LoadedPlugin;
use clap::builder::ArgExt;
use clap::{ArgMatches, Command};
use pintle_plugin::{Arg, Candidate};
use std::collections::HashSet;
use std::sync::Arc;

/// Completes an argument of a row with the values that a function finds:
/// `Arg::new("berth").add(Values(berths))`.
///
/// The function receives the values on the line so far, as far as they can be read. It runs while
/// the user waits, so it should be fast. If it fails, there are no values. The host leaves out
/// values that do not begin with the typed part, or that the parser rejects.
#[derive(Debug, Clone, Copy)]
pub struct Values(pub fn(&Session<'_>, &ArgMatches) -> Vec<Candidate>);

impl ArgExt for Values {}

/// Returns the keys of the plugins for which `is_meant` holds.
pub fn plugin_keys(session: &Session<'_>, is_meant: impl Fn(&Entry) -> bool) -> Vec<Candidate> {
    let found = session.catalog().entries().iter().filter(|it| is_meant(it));
    // A plugin may have several copies.
    let mut keys = HashSet::new();
    let candidate = |it: &Entry| {
        let about = it.manifest().map_or("", |it| &it.description);
        let key = it.key()?.to_string();
        keys.insert(key.clone()).then(|| Candidate::new(key, about))
    };
    found.filter_map(candidate).collect()
}

/// Completes an argument with the suggestions of a plugin.
#[derive(Clone)]
pub(super) struct PluginValues {
    pub(super) plugin: LoadedPlugin,
    /// The words of the command.
    pub(super) path: Vec<String>,
    /// The arguments whose values are passed to the plugin.
    pub(super) args: Arc<[Arg]>,
    /// The name of the argument.
    pub(super) name: String,
}

impl std::fmt::Debug for PluginValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.name, self.plugin.key())
    }
}

impl ArgExt for PluginValues {}

/// Returns a command with the words `path` for whose completed arguments a plugin is asked.
pub fn completed_by(
    command: Command,
    plugin: &LoadedPlugin,
    path: &[impl AsRef<str>],
    args: &[Arg],
) -> Command {
    if !args.iter().any(|it| it.completed) {
        return command;
    }
    let path: Vec<_> = path.iter().map(|it| it.as_ref().to_owned()).collect();
    let all: Arc<[Arg]> = args.into();
    // `mut_arg` would change the order of positional arguments.
    command.mut_args(|arg| {
        let is_meant = |it: &&Arg| it.completed && arg.get_id() == it.name.as_str();
        let Some(name) = args.iter().find(is_meant).map(|it| it.name.clone()) else { return arg };
        let (plugin, path, args) = (plugin.clone(), path.clone(), Arc::clone(&all));
        arg.add(PluginValues { plugin, path, args, name })
    })
}
