//! The checks of `plugin check` that load a plugin.

use crate::LIBRARY_VERSION;
use crate::catalog::defect;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::plugin_command;
use crate::cli::session::Session;
use crate::transport::LoadedPlugin;
use pintle_plugin::manifest::{ABI_STABLE_VERSION, INTERFACE_VERSION, ManifestCommand};
use pintle_plugin::message::{ScaffoldRequest, Step};
use pintle_plugin::rules;
use serde::{Deserialize, Serialize};

/// A plugin that has passed every check.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) key: String,
    pub(super) path: Option<String>,
    pub(super) checks: Vec<Check>,
    /// The words of its commands.
    pub(super) commands: Vec<ManifestCommand>,
}

/// One check that the plugin has passed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Check {
    pub(super) check: String,
    pub(super) found: String,
}

/// Checks a plugin that was loaded; `path` is its file, as it is shown. `announce` is called before
/// each call of the plugin, with text that completes the sentence "it crashed while …".
pub(super) fn examine(
    session: &Session<'_>,
    plugin: &LoadedPlugin,
    path: Option<String>,
    announce: &dyn Fn(String),
) -> Result<Report, CliError> {
    let mut found = file_checks(path.is_some(), plugin);
    found.extend(manifest_checks(plugin));
    if plugin.is_library() {
        found.extend(function_checks(plugin));
    }
    found.extend(command_checks(session, plugin, announce)?);
    found.extend(scaffold_checks(session, plugin, announce)?);
    found.extend(option_checks(session, plugin, announce)?);
    let check = |(check, found): (&str, String)| Check { check: check.to_owned(), found };
    let checks = found.into_iter().map(check).collect();
    let commands = plugin.manifest().commands.clone();
    Ok(Report { key: plugin.key().to_string(), path, checks, commands })
}

type Found = Vec<(&'static str, String)>;

/// The checks that [`transport::load`](crate::transport::load) performed before it opened the file.
fn file_checks(is_file: bool, plugin: &LoadedPlugin) -> Found {
    if !plugin.is_library() {
        return vec![("file", "a program that describes itself".to_owned())];
    }
    if !is_file {
        return vec![("file", "none: the plugin is part of the program".to_owned())];
    }
    vec![
        (
            "file",
            "a regular file, a library for this machine, with all segments inside the file"
                .to_owned(),
        ),
        ("root symbol", format!("`{}`, defined by this file", plugin.manifest().abi.root)),
        ("layout", "matches this host".to_owned()),
        ("code", "matches the manifest in the file".to_owned()),
    ]
}

fn manifest_checks(plugin: &LoadedPlugin) -> Found {
    let manifest = plugin.manifest();
    let abi = &manifest.abi;
    let mut found = Vec::new();
    if plugin.is_library() {
        found.extend([
            ("interface", format!("{} (this host: {INTERFACE_VERSION})", abi.interface)),
            ("abi_stable", format!("{} (this host: {ABI_STABLE_VERSION})", abi.abi_stable)),
            ("target", manifest.target.clone()),
            ("panic", abi.panic.clone()),
        ]);
    }
    if !manifest.host.is_empty() {
        found
            .push(("host", format!("requires `{}` (this host: {LIBRARY_VERSION})", manifest.host)));
    }
    if !manifest.project_versions.is_empty() {
        found.push(("project", manifest.project_versions.join(", ")));
    }
    found.extend(manifest.interfaces.iter().map(|it| ("implements", it.clone())));
    if !plugin.is_library() {
        found.extend(manifest.events.iter().map(|it| ("event", it.clone())));
    }
    found
}

fn function_checks(plugin: &LoadedPlugin) -> Found {
    let functions = plugin.functions();
    let names = |present: bool| {
        let names = functions.iter().filter(|it| it.1 == present).map(|it| it.0);
        names.collect::<Vec<_>>().join(", ")
    };
    let mut found = vec![("functions", names(true))];
    if functions.iter().any(|it| !it.1) {
        found.push(("absent", format!("{} (newer than the plugin; not required)", names(false))));
    }
    found
}

/// Lets each command describe itself.
fn command_checks(
    session: &Session<'_>,
    plugin: &LoadedPlugin,
    announce: &dyn Fn(String),
) -> Result<Found, CliError> {
    let mut found = Vec::new();
    for command in &plugin.manifest().commands {
        let name = command.path.join(" ");
        announce(format!("describing its command `{name}`"));
        let description = plugin_command::describe(session, plugin, &command.path)?;
        plugin_command::clap_command(session, plugin, &command.path, &description, &[])?;
        found.push(("command", format!("`{name}`, {}", count(description.args.len(), "argument"))));
    }
    Ok(found)
}

/// Requests the flags on each scaffolding subcommand.
fn scaffold_checks(
    session: &Session<'_>,
    plugin: &LoadedPlugin,
    announce: &dyn Fn(String),
) -> Result<Found, CliError> {
    let mut found = Vec::new();
    for subcommand in &plugin.manifest().subcommands {
        announce(format!("listing its flags for `{subcommand}`"));
        let mut request = ScaffoldRequest::default();
        request.caller = session.caller(plugin.key());
        request.subcommand = subcommand.clone();
        request.step = Step::BindFlags;
        request.project_version =
            plugin.manifest().project_versions.first().cloned().unwrap_or_default();
        let services = session.services().of(plugin.key().to_string());
        let flags = plugin.scaffold(&request, &services)?.0.flags;
        rules::check_flags(subcommand, &flags).map_err(|why| {
            let text =
                format!("plugin `{}` declares invalid flags for `{subcommand}`", plugin.key());
            CliError::new(Exit::Refused, text)
                .cause(&std::io::Error::other(why))
                .hint(defect(Some(plugin.manifest())))
        })?;
        found.push(("subcommand", format!("`{subcommand}`, {}", count(flags.len(), "flag"))));
    }
    Ok(found)
}

/// Requests the options of the hooks on each command of the host that has hooks.
fn option_checks(
    session: &Session<'_>,
    plugin: &LoadedPlugin,
    announce: &dyn Fn(String),
) -> Result<Found, CliError> {
    let announce = |command: &str| announce(format!("listing its options for `{command}`"));
    let found = session.check_options(plugin, &announce)?.into_iter().filter(|it| it.1 > 0);
    let row = |(command, n)| ("options", format!("`{command}`, {}", count(n, "option")));
    Ok(found.map(row).collect())
}

fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
