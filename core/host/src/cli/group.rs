//! What a program adds to a host: groups of commands, events and services.

use super::global;
use super::interface_info::InterfaceInfo;
use super::provenance::Provenance;
use super::{CliError, Hooks, Session, Step};
use crate::catalog::{Entry, ForeignPlugin, PluginKey};
use crate::lifecycle::EventInfo;
use crate::services::Service;
use crate::transport::program::EventVariables;
use clap::{ArgMatches, Command};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// The name of the groups with the host's own commands.
pub(super) const HOST: &str = "host";

/// One task of a host: its commands, its events, and its services for plugins.
///
/// ```
/// use pintle_host::cli::{Exit, Group, Row, Run};
///
/// static HARBOUR: Group = Group {
///     name: "harbour",
///     rows: &[Row::new(
///         &["moor"],
///         "Moor a ship",
///         Run::Plain(|session, _| {
///             session.console().println("moored");
///             Ok(Exit::Done.into())
///         }),
///     )],
///     ..Group::EMPTY
/// };
/// let host = pintle_host::Cli::new().group(&HARBOUR).build()?;
/// # Ok::<(), pintle_host::cli::BuildError>(())
/// ```
pub struct Group {
    /// Its name, for messages about groups that conflict.
    pub name: &'static str,
    /// The nouns that it defines. Rows may also belong to nouns of other groups.
    pub nouns: &'static [Noun],
    /// Its commands, in the order of the help.
    pub rows: &'static [Row],
    /// The events that its commands hand to hooks.
    pub events: &'static [EventInfo],
    /// The interfaces by which it calls plugins.
    pub interfaces: &'static [InterfaceInfo],
    /// Returns the variables that describe its events to plugins that are programs.
    pub variables: Option<EventVariables>,
    /// Creates its services for plugins, for one run of the host.
    pub services: Option<MakeService>,
    /// Finds plugins that are not libraries of this interface, whenever the catalog is built.
    pub plugins: Option<FindPlugins>,
    /// Returns the directory of the plugins that the project requires in which the command is run.
    pub project_plugins: Option<FindDirectory>,
    /// Returns the plugins that created the project in which the command is run.
    pub made_by: Option<MadeBy>,
    /// Decides whether a plugin's file may be loaded or run, before each time that happens.
    pub vet: Option<Vet>,
    /// Returns where a plugin was installed from, if the group installed it.
    pub provenance: Option<FindProvenance>,
    /// Returns what to do about words that are no command.
    pub suggest: Option<Suggest>,
    /// Returns what to do about an option that is unknown to all plugins of a command.
    pub suggest_option: Option<SuggestOption>,
}

/// The noun of commands, for example `plugin` of `plugin list`.
pub struct Noun {
    /// The word.
    pub word: &'static str,
    /// One line of help.
    pub about: &'static str,
}

/// One command.
pub struct Row {
    pub(super) path: &'static [&'static str],
    pub(super) aliases: &'static [&'static str],
    pub(super) about: &'static str,
    pub(super) is_hidden: bool,
    pub(super) is_common: bool,
    pub(super) args: fn(Command) -> Command,
    pub(super) needs: &'static [Need],
    pub(super) run: Run,
}

/// A requirement of a command. It is checked after the line has been parsed, so help is always
/// available.
pub struct Need {
    /// Returns why the command cannot run.
    pub check: fn(&Session<'_>) -> Result<(), CliError>,
}

/// Creates a service for one run of the host.
pub type MakeService = fn(&Session<'_>) -> Arc<dyn Service>;

/// Finds plugins that are not libraries of this interface. It must not use the catalog, which is
/// being built.
pub type FindPlugins = fn(&Session<'_>) -> Vec<ForeignPlugin>;

/// Returns a directory, if there is one. It must not use the catalog, which is being built.
pub type FindDirectory = fn(&Session<'_>) -> Result<Option<PathBuf>, CliError>;

/// Returns plugins with their versions.
pub type MadeBy = fn(&Session<'_>) -> Result<Vec<PluginKey>, CliError>;

/// Decides whether a plugin may be loaded.
pub type Vet = fn(&Session<'_>, &Entry) -> Result<(), CliError>;

/// Returns where a plugin was installed from.
pub type FindProvenance = fn(&Session<'_>, &Entry) -> Option<Provenance>;

/// Returns a hint for words that are no command.
pub type Suggest = fn(&Session<'_>, &[String]) -> Option<String>;

/// Returns a hint for an option, given without dashes, of a command.
pub type SuggestOption = fn(&Session<'_>, &str, &str) -> Option<String>;

type RunPlain = fn(&Session<'_>, &ArgMatches) -> Result<Step, CliError>;
type RunHooked = fn(&Session<'_>, &Hooks, &ArgMatches) -> Result<Step, CliError>;
type HintBound = dyn FnOnce(&Session<'_>, &str) -> Option<String>;
type RunBound = dyn FnOnce(&Session<'_>, &ArgMatches) -> Result<Step, CliError>;

/// How a command does its work.
pub enum Run {
    /// The arguments are known in advance.
    Plain(RunPlain),
    /// Plugins with hooks on the command's events can add options of their own.
    Hooked {
        /// The events, of which each hook may subscribe to some.
        events: &'static [&'static str],
        /// Does the work.
        run: RunHooked,
    },
    /// The arguments depend on the line, for example on plugins that it names.
    Late(fn(&Session<'_>, Command, &[OsString]) -> Result<Bound, CliError>),
}

/// A command whose arguments are now known.
pub struct Bound {
    /// The command with its arguments.
    pub command: Command,
    /// Does the work.
    pub run: Box<RunBound>,
    /// Returns what to do about an option that the command does not have, given without dashes.
    pub hint: Box<HintBound>,
}

impl Group {
    /// A group of nothing, for `..Group::EMPTY`.
    pub const EMPTY: Self = Self {
        name: "",
        nouns: &[],
        rows: &[],
        events: &[],
        interfaces: &[],
        variables: None,
        services: None,
        plugins: None,
        project_plugins: None,
        made_by: None,
        vet: None,
        provenance: None,
        suggest: None,
        suggest_option: None,
    };
}

impl Row {
    /// Returns the command with the words `path`, for example `["plugin", "list"]`, and one line of
    /// help.
    pub const fn new(path: &'static [&'static str], about: &'static str, run: Run) -> Self {
        Self {
            path,
            aliases: &[],
            about,
            is_hidden: false,
            is_common: false,
            args: |command| command,
            needs: &[],
            run,
        }
    }

    /// Checks what the command needs.
    pub(super) fn check_needs(&self, session: &Session<'_>) -> Result<(), CliError> {
        self.needs.iter().try_for_each(|it| (it.check)(session))
    }

    /// Sets other spellings of the last word.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Leaves the command out of help and completion.
    pub const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    /// Marks the command as one of the common ones, which the host lists when it is called without
    /// a command.
    pub const fn common(mut self) -> Self {
        self.is_common = true;
        self
    }

    /// Sets the function that adds the command's arguments.
    pub const fn args(mut self, args: fn(Command) -> Command) -> Self {
        self.args = args;
        self
    }

    /// Sets the requirements of the command.
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Returns the words that call the command.
    pub fn path(&self) -> &'static [&'static str] {
        self.path
    }

    /// Returns whether plugins can have hooks on the command's events.
    pub fn is_hooked(&self) -> bool {
        matches!(self.run, Run::Hooked { .. })
    }

    /// Returns the last of the words.
    pub(super) fn word(&self) -> &'static str {
        self.path.last().copied().unwrap_or_default()
    }

    /// Returns the command as far as a listing shows it.
    pub(super) fn stub(&self) -> Command {
        let command = Command::new(self.word()).about(self.about).hide(self.is_hidden);
        command.aliases(self.aliases.iter().copied())
    }

    /// Returns the command with its arguments, except for those of plugins.
    pub(super) fn command(&self) -> Command {
        (self.args)(self.stub())
    }

    /// Returns the command with its arguments and the global ones.
    pub(super) fn with_global_args(&self) -> Command {
        global::add_to(self.command())
    }
}
