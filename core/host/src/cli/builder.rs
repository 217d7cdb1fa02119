//! Builds a host: Pintle's own, or one with another name and its own plugins.

use super::group::{Group, Run};
use super::interface_info::InterfaceInfo;
use super::own;
use super::session::Surroundings as _;
use super::settings::Settings;
use super::table::{Context, ExtraCommand, Table};
use crate::catalog::{
    NameError, PluginKey, PluginName, PluginVersion, ProjectVersion, VersionError,
};
use crate::identity::Identity;
use crate::lifecycle::EventInfo;
use crate::services::Console;
use clap::{ArgMatches, Command};
use pintle_plugin::LinkedPlugin;
use pintle_plugin::manifest::Manifest;
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

/// Builds a host.
///
/// ```
/// let host = pintle_host::Cli::new().command_name("rudder").version("2.0.0").build()?;
/// # Ok::<(), pintle_host::cli::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Cli {
    host: Host,
}

/// A host that is ready to run.
#[derive(Clone)]
pub struct Host {
    pub(super) settings: Settings,
    pub(super) table: Table,
}

/// Why a host cannot be built: a mistake in the embedding program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The command name cannot be used in shells and in the names of directories and variables.
    #[error(
        "invalid command name `{0}`: expected lower-case letters, digits and `-`, beginning with a letter"
    )]
    CommandName(String),
    /// The qualifier is not a DNS-1123 subdomain.
    #[error(
        "invalid name qualifier `{0}`: expected a DNS-1123 subdomain, for example `example.org`"
    )]
    Qualifier(String),
    /// An extra command has the name of a command that exists.
    #[error("the extra command `{command}` conflicts with a command of {owner}")]
    CommandClash {
        /// The extra command.
        command: String,
        /// Who already has the command: the host, or a plugin.
        owner: String,
    },
    /// Two groups have the same command.
    #[error(
        "the command `{command}` of group `{group}` conflicts with a command of group `{other}`"
    )]
    GroupClash {
        /// The command's words.
        command: String,
        /// The group.
        group: &'static str,
        /// The group that already has the command.
        other: &'static str,
    },
    /// No group defines the noun of a command.
    #[error("no group defines the noun of the command `{command}` of group `{group}`")]
    UnknownNoun {
        /// The command's words.
        command: String,
        /// The group.
        group: &'static str,
    },
    /// Two events have the same name.
    #[error("the event `{0}` is registered twice")]
    DuplicateEvent(&'static str),
    /// A command sends an event to hooks that is not registered.
    #[error("the command `{command}` refers to the event `{event}`, which is not registered")]
    UnknownEvent {
        /// The command's words.
        command: String,
        /// The event.
        event: &'static str,
    },
    /// An interface is registered more than once.
    #[error("the interface `{0}` is registered twice")]
    DuplicateInterface(&'static str),
    /// Two linked plugins have the same key.
    #[error("the plugin `{0}` is linked twice")]
    DuplicatePlugin(PluginKey),
    /// The manifest of a linked plugin is invalid.
    #[error("the linked plugin `{name}` has an invalid manifest: {reason}")]
    Manifest {
        /// The plugin's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}

impl Cli {
    /// Creates a builder with Pintle's own names, and without groups, linked plugins or default
    /// plugins.
    pub fn new() -> Self {
        Self {
            host: Host {
                settings: Settings {
                    identity: Identity::default(),
                    about: "A host for native plugins".to_owned(),
                    linked: Vec::new(),
                    default_project_version: ProjectVersion::default(),
                    default_plugins: BTreeMap::new(),
                    defaults: HashMap::new(),
                },
                table: Table {
                    groups: vec![&own::GROUP],
                    extra_commands: Vec::new(),
                    events: Vec::new(),
                    interfaces: Vec::new(),
                },
            },
        }
    }

    /// Sets the defaults of a group, in a type of the group.
    pub fn defaults<T: Any + Send + Sync>(mut self, defaults: T) -> Self {
        self.host.settings.defaults.insert(TypeId::of::<T>(), Arc::new(defaults));
        self
    }

    /// Adds a group of commands, events and services.
    pub fn group(mut self, group: &'static Group) -> Self {
        self.host.table.groups.push(group);
        self
    }

    /// Adds an event that an extra command sends to hooks. Events of a group's commands are
    /// registered with the group.
    pub fn event(mut self, event: EventInfo) -> Self {
        self.host.table.events.push(event);
        self
    }

    /// Adds an interface by which extra commands call plugins. Interfaces of a group's commands are
    /// registered with the group.
    pub fn interface(mut self, interface: InterfaceInfo) -> Self {
        self.host.table.interfaces.push(interface);
        self
    }

    /// Sets the command's name, which also names its directories and environment variables.
    pub fn command_name(mut self, name: impl Into<String>) -> Self {
        self.host.settings.identity.command_name = name.into();
        self
    }

    /// Sets the version that `version` and `--version` show.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.host.settings.identity.version = version.into();
        self
    }

    /// Sets the line that the help begins with.
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.host.settings.about = text.into();
        self
    }

    /// Sets the qualifier that is appended to a plugin name without a dot.
    pub fn name_qualifier(mut self, qualifier: impl Into<String>) -> Self {
        self.host.settings.identity.name_qualifier = qualifier.into();
        self
    }

    /// Sets the crate that plugins of this host are built with, for error messages: a crate that
    /// re-exports `pintle-plugin` and contains the program's own interfaces and events.
    pub fn plugin_crate(mut self, name: impl Into<String>) -> Self {
        self.host.settings.identity.plugin_crate = name.into();
        self
    }

    /// Adds a plugin that is part of the program. It comes before all installed plugins.
    pub fn plugin(mut self, plugin: LinkedPlugin) -> Self {
        self.host.settings.linked.push(plugin);
        self
    }

    /// Sets the project version that a new project gets.
    pub fn default_project_version(mut self, version: ProjectVersion) -> Self {
        self.host.settings.default_project_version = version;
        self
    }

    /// Sets the default chain of plugins for projects of one version.
    pub fn default_plugins(
        mut self,
        version: ProjectVersion,
        keys: impl IntoIterator<Item = PluginKey>,
    ) -> Self {
        self.host.settings.default_plugins.insert(version, keys.into_iter().collect());
        self
    }

    /// Adds a command of the embedding program; `handler` returns the exit code.
    pub fn extra_command(
        mut self,
        command: Command,
        handler: impl Fn(&ArgMatches, &Context<'_>) -> Result<u8, Box<dyn std::error::Error>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.host.table.extra_commands.push(ExtraCommand { command, handler: Arc::new(handler) });
        self
    }

    /// Checks the settings, and builds the host.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for the first invalid setting.
    pub fn build(self) -> Result<Host, BuildError> {
        let mut host = self.host;
        if !host.table.interfaces().is_empty() {
            // After the host's own commands.
            host.table.groups.insert(1, &own::INTERFACES);
        }
        check_identity(&host.settings.identity)?;
        check_groups(&host.table)?;
        check_events(&host.table)?;
        check_interfaces(&host.table)?;
        let plugin_commands = check_linked(&host)?;
        check_extra_commands(&host, &plugin_commands)?;
        Ok(host)
    }

    /// Builds the host and runs it with the program's arguments, including the program's name, as
    /// the last action of the program.
    ///
    /// If the host cannot be built, an error is printed to the standard error, and the exit code is
    /// 70.
    pub fn run(self, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        match self.build() {
            Ok(host) => host.run_to_exit(args),
            Err(err) => {
                Console::new().message(&format!("error: {err}"));
                ExitCode::from(70)
            }
        }
    }
}

fn check_identity(identity: &Identity) -> Result<(), BuildError> {
    let name = &identity.command_name;
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if !name.starts_with(|it: char| it.is_ascii_lowercase()) || !name.chars().all(fits) {
        return Err(BuildError::CommandName(name.clone()));
    }
    match identity.name_qualifier.parse::<PluginName>() {
        Ok(_) => Ok(()),
        Err(_) => Err(BuildError::Qualifier(identity.name_qualifier.clone())),
    }
}

/// Returns the commands of the linked plugins, each with its plugin's name.
fn check_linked(host: &Host) -> Result<Vec<(Vec<String>, String)>, BuildError> {
    let (mut keys, mut commands) = (Vec::new(), Vec::new());
    for plugin in &host.settings.linked {
        let manifest = Manifest::parse(plugin.manifest().as_bytes()).map_err(|err| {
            BuildError::Manifest { name: "?".to_owned(), reason: err.to_string() }
        })?;
        let invalid = |reason: String| BuildError::Manifest { name: manifest.name.clone(), reason };
        let name: PluginName =
            manifest.name.parse().map_err(|err: NameError| invalid(err.to_string()))?;
        let name = name
            .qualified(&host.settings.identity.name_qualifier)
            .map_err(|err| invalid(err.to_string()))?;
        let version: PluginVersion =
            manifest.version.parse().map_err(|err: VersionError| invalid(err.to_string()))?;
        let key = PluginKey::exact(name, version);
        if keys.contains(&key) {
            return Err(BuildError::DuplicatePlugin(key));
        }
        commands
            .extend(manifest.commands.into_iter().map(|it| (it.path, format!("plugin `{key}`"))));
        keys.push(key);
    }
    Ok(commands)
}

fn check_groups(table: &Table) -> Result<(), BuildError> {
    let rows: Vec<_> = table
        .groups()
        .flat_map(|group| group.rows.iter().map(move |row| (group.name, row)))
        .collect();
    let has_noun = |noun: &str| table.groups().flat_map(|it| it.nouns).any(|it| it.word == noun);
    for (idx, (group, row)) in rows.iter().enumerate() {
        // Rows of one noun are adjacent, so most rows need not be checked.
        let before = idx.checked_sub(1).and_then(|it| rows[it].1.path.first());
        let is_new = before != row.path.first();
        if row.path.len() > 1 && is_new && !has_noun(row.path[0]) {
            return Err(BuildError::UnknownNoun { command: row.path.join(" "), group });
        }
    }
    // Only rows with the same first word can conflict; a single word may have aliases.
    let words = |row: &'static super::group::Row| {
        let aliases = if row.path.len() == 1 { row.aliases } else { &[] };
        row.path.iter().take(1).chain(aliases).copied()
    };
    let mut by_word: Vec<_> = rows
        .iter()
        .enumerate()
        .flat_map(|(idx, it)| words(it.1).map(move |word| (word, idx)))
        .collect();
    by_word.sort_unstable();
    for same in by_word.chunk_by(|one, other| one.0 == other.0) {
        for (at, &(_, idx)) in same.iter().enumerate() {
            let (group, row) = rows[idx];
            if let Some((_, other)) = same[..at].iter().find(|it| rows[it.1].1.clashes(row)) {
                let (command, other) = (row.path.join(" "), rows[*other].0);
                return Err(BuildError::GroupClash { command, group, other });
            }
        }
    }
    Ok(())
}

fn check_events(table: &Table) -> Result<(), BuildError> {
    let events = table.events();
    let mut names: Vec<_> = events.iter().map(|it| it.name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|it| it[0] == it[1]) {
        return Err(BuildError::DuplicateEvent(twice[0]));
    }
    for row in table.rows() {
        let Run::Hooked { events: handed, .. } = &row.run else { continue };
        if let Some(event) = handed.iter().find(|it| names.binary_search(it).is_err()) {
            return Err(BuildError::UnknownEvent { command: row.path.join(" "), event });
        }
    }
    Ok(())
}

fn check_interfaces(table: &Table) -> Result<(), BuildError> {
    let mut names: Vec<_> = table.interfaces().iter().map(|it| it.name).collect();
    names.sort_unstable();
    match names.windows(2).find(|it| it[0] == it[1]) {
        Some(twice) => Err(BuildError::DuplicateInterface(twice[0])),
        None => Ok(()),
    }
}

fn check_extra_commands(
    host: &Host,
    plugin_commands: &[(Vec<String>, String)],
) -> Result<(), BuildError> {
    if host.table.extra_commands.is_empty() {
        return Ok(());
    }
    let core = host.table.group_paths().into_iter().map(|it| (it, "the host".to_owned()));
    let mut taken: Vec<_> = core.chain(plugin_commands.iter().cloned()).collect();
    for extra in &host.table.extra_commands {
        let name = extra.command.get_name().to_owned();
        if let Some((_, owner)) = taken.iter().find(|(path, _)| path.first() == Some(&name)) {
            return Err(BuildError::CommandClash { command: name, owner: owner.clone() });
        }
        taken.push((vec![name], "the embedding program".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Exit, Noun, Row, Run};
    use super::*;

    #[track_caller]
    fn check_err(cli: Cli, expected: &str) {
        let err = cli.build().err().map(|it| it.to_string());
        assert_eq!(err.as_deref(), Some(expected));
    }

    fn extra(name: &'static str) -> Cli {
        Cli::new().extra_command(Command::new(name), |_, _| Ok(0))
    }

    #[test]
    fn a_clash_is_an_error_at_construction() {
        check_err(
            extra("version"),
            "the extra command `version` conflicts with a command of the host",
        );
        check_err(
            extra("plugin"),
            "the extra command `plugin` conflicts with a command of the host",
        );
        check_err(
            extra("sail").extra_command(Command::new("sail"), |_, _| Ok(0)),
            "the extra command `sail` conflicts with a command of the embedding program",
        );
        assert!(extra("sail").build().is_ok());
    }

    static EMPTY_NOUN: Group = Group {
        name: "dock",
        rows: &[Row::new(&["dock", "in"], "", Run::Plain(|_, _| Ok(Exit::Done.into())))],
        ..Group::EMPTY
    };
    static RIVAL: Group = Group {
        name: "rival",
        nouns: &[Noun { word: "plugin", about: "" }],
        rows: &[Row::new(&["plugin", "ls"], "", Run::Plain(|_, _| Ok(Exit::Done.into())))
            .aliases(&["list"])],
        ..Group::EMPTY
    };

    static GUEST: Group = Group {
        name: "guest",
        rows: &[Row::new(
            &["plugin", "polish"],
            "Polish it",
            Run::Plain(|_, _| Ok(Exit::Done.into())),
        )],
        ..Group::EMPTY
    };

    #[test]
    fn a_group_may_add_a_verb_under_the_noun_of_another() {
        let host = Cli::new().group(&GUEST).build().unwrap();
        let plugin = host.command().find_subcommand("plugin").cloned().unwrap();
        let verbs: Vec<_> = plugin.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(
            verbs,
            [
                "list",
                "inspect",
                "check",
                "new",
                "dev",
                "run",
                "register",
                "unregister",
                "disable",
                "enable",
                "abi",
                "polish"
            ]
        );
        assert_eq!(host.run(["pintle", "-q", "plugin", "polish"]), Exit::Done.into());
    }

    #[test]
    fn groups_that_clash_are_errors_at_construction() {
        check_err(
            Cli::new().group(&EMPTY_NOUN),
            "no group defines the noun of the command `dock in` of group `dock`",
        );
        check_err(
            Cli::new().group(&RIVAL),
            "the command `plugin ls` of group `rival` conflicts with a command of group `host`",
        );
    }

    #[test]
    fn names_that_cannot_be_are_errors_at_construction() {
        check_err(
            Cli::new().command_name("Rudder"),
            "invalid command name `Rudder`: expected lower-case letters, digits and `-`, beginning with a letter",
        );
        check_err(
            Cli::new().name_qualifier("a..b"),
            "invalid name qualifier `a..b`: expected a DNS-1123 subdomain, for example `example.org`",
        );
    }
}
