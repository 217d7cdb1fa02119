//! All commands of a host: the rows of its groups, and the extra commands.

use super::error::CliError;
use super::group::{Group, HOST, Row, Run};
use super::hooked;
use super::interface_info::InterfaceInfo;
use super::provenance::Provenance;
use super::rows;
use super::session::{Session, Surroundings};
use super::settings::Settings;
use crate::catalog::{Entry, ForeignPlugin, PluginKey};
use crate::identity::Identity;
use crate::lifecycle::EventInfo;
use crate::services::Service;
use crate::transport::LoadedPlugin;
use crate::transport::program::{EventVariables, HookedCommand};
use clap::{ArgMatches, Command};
use pintle_plugin::Level;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

type Handler =
    dyn Fn(&ArgMatches, &Context<'_>) -> Result<u8, Box<dyn std::error::Error>> + Send + Sync;

/// A command of an embedding program.
#[derive(Clone)]
pub(super) struct ExtraCommand {
    pub(super) command: Command,
    pub(super) handler: Arc<Handler>,
}

/// What an embedding program's own command receives from the host.
pub struct Context<'a> {
    pub(super) session: &'a Session<'a>,
}

impl<'a> Context<'a> {
    /// Returns the names of the host.
    pub fn identity(&self) -> &Identity {
        self.session.identity()
    }

    /// Returns the run of the host, which provides access to plugins.
    pub fn session(&self) -> &'a Session<'a> {
        self.session
    }

    /// Writes a result and a line feed to the standard output.
    pub fn println(&self, text: impl Display) {
        self.session.console().println(text);
    }

    /// Logs a line to the standard error; `-q` and `-v` determine whether it is shown.
    pub fn log(&self, level: Level, text: impl Display) {
        self.session.console().log(level, &text.to_string());
    }
}

/// All commands of a host.
#[derive(Clone)]
pub(super) struct Table {
    /// The host's own group is the first.
    pub(super) groups: Vec<&'static Group>,
    pub(super) extra_commands: Vec<ExtraCommand>,
    /// Events without a group.
    pub(super) events: Vec<EventInfo>,
    /// Interfaces without a group.
    pub(super) interfaces: Vec<InterfaceInfo>,
}

/// A row of the table.
#[derive(Clone, Copy)]
pub(super) enum Target<'h> {
    /// A command of a group.
    Row(&'h Row),
    /// A command of the embedding program.
    Extra(&'h ExtraCommand),
}

impl Table {
    /// Returns the groups, the host's own first.
    pub(super) fn groups(&self) -> impl Iterator<Item = &'static Group> + '_ {
        self.groups.iter().copied()
    }

    /// Returns all rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &'static Row> + '_ {
        self.groups().flat_map(|it| it.rows)
    }

    /// Finds the command that `words` begin with, and the number of its words.
    pub(super) fn find(&self, words: &[String]) -> Option<(Target<'_>, usize)> {
        let fits = |row: &&Row| row.path.len() <= words.len() && row.is_called(words);
        let row = self.rows().filter(fits).max_by_key(|it| it.path.len());
        if let Some(row) = row {
            return Some((Target::Row(row), row.path.len()));
        }
        let first = words.first()?;
        let extra = self.extra_commands.iter().find(|it| it.command.get_name() == first)?;
        Some((Target::Extra(extra), 1))
    }

    /// Returns all commands, each row's as `command` creates it.
    pub(super) fn commands(
        &self,
        settings: &Settings,
        command: impl Fn(&Row) -> Command,
    ) -> Command {
        let extra = self.extra_commands.iter().map(|it| it.command.clone());
        rows::tree(settings, &self.groups, command).subcommands(extra)
    }

    /// Returns the paths of the groups' commands, including aliases.
    pub(super) fn group_paths(&self) -> Vec<Vec<String>> {
        self.rows().flat_map(Row::paths).collect()
    }
}

impl Surroundings for Table {
    fn command(&self, settings: &Settings) -> Command {
        self.commands(settings, Row::with_global_args)
    }

    fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = self.group_paths();
        for extra in &self.extra_commands {
            leaves(&extra.command, &mut vec![extra.command.get_name().to_owned()], &mut paths);
        }
        paths
    }

    fn is_noun(&self, words: &[String]) -> bool {
        let is_on_the_way =
            |row: &Row| row.path.len() > words.len() && starts_with(row.path, words);
        !words.is_empty() && self.rows().any(is_on_the_way)
    }

    fn is_own(&self, word: &str) -> bool {
        let mut rows = self.groups().filter(|it| it.name == HOST).flat_map(|it| it.rows);
        rows.any(|it| it.path[0] == word)
    }

    fn work(&self) -> Vec<Vec<String>> {
        let rows = self.groups().filter(|it| it.name != HOST).flat_map(|it| it.rows);
        let rows = rows.map(|it| it.path().iter().map(|it| (*it).to_owned()).collect());
        let extra = self.extra_commands.iter().map(|it| vec![it.command.get_name().to_owned()]);
        rows.chain(extra).collect()
    }

    fn events(&self) -> Vec<EventInfo> {
        self.groups().flat_map(|it| it.events).chain(&self.events).copied().collect()
    }

    fn interfaces(&self) -> Vec<InterfaceInfo> {
        self.groups().flat_map(|it| it.interfaces).chain(&self.interfaces).copied().collect()
    }

    fn check_options(
        &self,
        session: &Session<'_>,
        plugin: &LoadedPlugin,
        announce: &dyn Fn(&str),
    ) -> Result<Vec<(String, usize)>, CliError> {
        let subscribed = &plugin.manifest().events;
        let mut found = Vec::new();
        for row in self.rows() {
            let Run::Hooked { events, .. } = &row.run else { continue };
            if !events.iter().any(|event| subscribed.iter().any(|it| it == event)) {
                continue;
            }
            let command = row.path.join(" ");
            announce(&command);
            let n_options = hooked::check_options(session, row, plugin)?;
            found.push((command, n_options));
        }
        Ok(found)
    }

    fn services(&self, session: &Session<'_>) -> Vec<Arc<dyn Service>> {
        self.groups().filter_map(|it| it.services).map(|make| make(session)).collect()
    }

    fn hooked(&self) -> Vec<HookedCommand> {
        self.rows().filter_map(hooked::facts).collect()
    }

    fn variables(&self) -> Vec<EventVariables> {
        self.groups().filter_map(|it| it.variables).collect()
    }

    fn foreign_plugins(&self, session: &Session<'_>) -> Vec<ForeignPlugin> {
        self.groups().filter_map(|it| it.plugins).flat_map(|find| find(session)).collect()
    }

    fn project_plugins(&self, session: &Session<'_>) -> Result<Option<PathBuf>, CliError> {
        for find in self.groups().filter_map(|it| it.project_plugins) {
            if let Some(found) = find(session)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn made_by(&self, session: &Session<'_>) -> Result<Vec<PluginKey>, CliError> {
        let mut found = Vec::new();
        for made_by in self.groups().filter_map(|it| it.made_by) {
            found.extend(made_by(session)?);
        }
        Ok(found)
    }

    fn vet(&self, session: &Session<'_>, entry: &Entry) -> Result<(), CliError> {
        self.groups().filter_map(|it| it.vet).try_for_each(|vet| vet(session, entry))
    }

    fn provenance(&self, session: &Session<'_>, entry: &Entry) -> Option<Provenance> {
        self.groups().filter_map(|it| it.provenance).find_map(|find| find(session, entry))
    }

    fn suggest(&self, session: &Session<'_>, words: &[String]) -> Option<String> {
        self.groups().filter_map(|it| it.suggest).find_map(|suggest| suggest(session, words))
    }

    fn suggest_option(&self, session: &Session<'_>, command: &str, option: &str) -> Option<String> {
        let suggest = self.groups().filter_map(|it| it.suggest_option);
        suggest.into_iter().find_map(|suggest| suggest(session, command, option))
    }
}

impl Row {
    fn is_called(&self, words: &[String]) -> bool {
        let Some((last, nouns)) = self.path.split_last() else { return false };
        let word = &words[nouns.len()];
        starts_with(words, nouns) && (word == last || self.aliases.iter().any(|it| word == it))
    }

    /// Returns whether one line could call both rows.
    pub(super) fn clashes(&self, other: &Row) -> bool {
        let n = self.path.len().min(other.path.len());
        let Some(last) = n.checked_sub(1) else { return false };
        self.path[..last] == other.path[..last]
            && self.spellings(last).any(|it| other.spellings(last).any(|other| it == other))
    }

    /// Returns the name and the aliases of one of the row's words.
    fn spellings(&self, idx: usize) -> impl Iterator<Item = &'static str> {
        let aliases = if idx + 1 == self.path.len() { self.aliases } else { &[] };
        std::iter::once(self.path[idx]).chain(aliases.iter().copied())
    }

    /// Returns the row's path, and one with each alias.
    pub(super) fn paths(&self) -> Vec<Vec<String>> {
        let Some(last) = self.path.len().checked_sub(1) else { return Vec::new() };
        let nouns = &self.path[..last];
        let path = |word| nouns.iter().copied().chain([word]).map(str::to_owned).collect();
        self.spellings(last).map(path).collect()
    }
}

fn starts_with<A: PartialEq<B>, B>(words: &[A], prefix: &[B]) -> bool {
    prefix.len() <= words.len() && words.iter().zip(prefix).all(|(word, it)| word == it)
}

fn leaves(command: &Command, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    if command.get_subcommands().next().is_none() {
        paths.push(path.clone());
    }
    for child in command.get_subcommands() {
        path.push(child.get_name().to_owned());
        leaves(child, path, paths);
        path.pop();
    }
}
