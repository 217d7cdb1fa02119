//! What a program gives a host: groups of commands, events and services.

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

/// One job of a host: its commands, its events, and what it offers to plugins.
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
    /// Its name, for messages about groups that clash.
    pub name: &'static str,
    /// The nouns that it brings. Rows may also stand under nouns of other groups.
    pub nouns: &'static [Noun],
    /// Its commands, in the order of the help.
    pub rows: &'static [Row],
    /// The events that its commands hand to hooks.
    pub events: &'static [EventInfo],
    /// The interfaces by which it calls plugins.
    pub interfaces: &'static [InterfaceInfo],
    /// Returns what plugins that are programs are told of its events in variables.
    pub variables: Option<EventVariables>,
    /// Makes the services that it offers to plugins, for one run of the host.
    pub services: Option<MakeService>,
    /// Finds plugins that are not libraries of this interface, whenever the catalog is made.
    pub plugins: Option<FindPlugins>,
    /// Returns the directory of the plugins that the project demands in which the command is run.
    pub project_plugins: Option<FindDirectory>,
    /// Returns the plugins that have made the project in which the command is run.
    pub made_by: Option<MadeBy>,
    /// Decides whether a plugin's file may be loaded or run, each time before that happens.
    pub vet: Option<Vet>,
    /// Returns where a plugin was installed from, if the group has installed it.
    pub provenance: Option<FindProvenance>,
    /// Returns what to do about words that are no command.
    pub suggest: Option<Suggest>,
    /// Returns what to do about an option that no plugin has that takes part in a command.
    pub suggest_option: Option<SuggestOption>,
}

/// A word that commands stand under, for example `plugin` of `plugin list`.
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

/// What a command needs. It is checked when the line has been parsed, so that the help is
/// there in any case.
pub struct Need {
    /// Returns why the command cannot run.
    pub check: fn(&Session<'_>) -> Result<(), CliError>,
}

/// Makes a service for one run of the host.
pub type MakeService = fn(&Session<'_>) -> Arc<dyn Service>;

/// Finds plugins that are not libraries of this interface. It must not ask for the catalog,
/// which is being made.
pub type FindPlugins = fn(&Session<'_>) -> Vec<ForeignPlugin>;

/// Returns a directory, if there is one. It must not ask for the catalog, which is being made.
pub type FindDirectory = fn(&Session<'_>) -> Result<Option<PathBuf>, CliError>;

/// Returns plugins with their versions.
pub type MadeBy = fn(&Session<'_>) -> Result<Vec<PluginKey>, CliError>;

/// Decides whether a plugin may be loaded.
pub type Vet = fn(&Session<'_>, &Entry) -> Result<(), CliError>;

/// Returns where a plugin was installed from.
pub type FindProvenance = fn(&Session<'_>, &Entry) -> Option<Provenance>;

/// Returns a hint for words that are no command.
pub type Suggest = fn(&Session<'_>, &[String]) -> Option<String>;

/// Returns a hint for an option, given without dashes behind the words of a command.
pub type SuggestOption = fn(&Session<'_>, &str, &str) -> Option<String>;

type RunPlain = fn(&Session<'_>, &ArgMatches) -> Result<Step, CliError>;
type RunHooked = fn(&Session<'_>, &Hooks, &ArgMatches) -> Result<Step, CliError>;
type HintBound = dyn FnOnce(&Session<'_>, &str) -> Option<String>;
type RunBound = dyn FnOnce(&Session<'_>, &ArgMatches) -> Result<Step, CliError>;

/// How a command does its work.
pub enum Run {
    /// The arguments are known from the start.
    Plain(RunPlain),
    /// Plugins with hooks on the command's events can add options of their own.
    Hooked {
        /// The events, of which each hook may subscribe to some.
        events: &'static [&'static str],
        /// Does the work.
        run: RunHooked,
    },
    /// The arguments depend on what is on the line, for example on plugins that it names.
    Late(fn(&Session<'_>, Command, &[OsString]) -> Result<Bound, CliError>),
}

/// A command whose arguments are known now.
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
    /// Returns the command with the words `path`, for example `["plugin", "list"]`, and one
    /// line of help.
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

    /// Shows the command among the few that matter first, which the host lists when it is called
    /// without a command.
    pub const fn common(mut self) -> Self {
        self.is_common = true;
        self
    }

    /// Sets the function that adds the command's arguments.
    pub const fn args(mut self, args: fn(Command) -> Command) -> Self {
        self.args = args;
        self
    }

    /// Sets what must hold before the command runs.
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

    /// Returns the command with its arguments, but for those of plugins.
    pub(super) fn command(&self) -> Command {
        (self.args)(self.stub())
    }

    /// Returns the command with its arguments and those of every command.
    pub(super) fn with_global_args(&self) -> Command {
        global::add_to(self.command())
    }
}
