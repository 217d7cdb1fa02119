//! Commands of plugins: described by the plugin, parsed by the host.

use super::error::CliError;
use super::exit::{Exit, Step};
use super::parse::parse;
use super::session::Session;
use super::{args, global, required};
use crate::catalog::{Entry, ManifestCommand, defect};
use crate::transport::LoadedPlugin;
use clap::Command;
use pintle_plugin::message::{CommandDescription, CommandRequest, DescribeRequest};
use std::ffi::OsString;

/// Runs a plugin's command; `prefix` contains the words before it, for example of `plugin run KEY`.
pub(super) fn run(
    session: &Session<'_>,
    entry: &Entry,
    command: &ManifestCommand,
    rest: &[OsString],
    prefix: &[&str],
) -> Result<Step, CliError> {
    let words: Vec<_> = command.path.iter().map(String::as_str).collect();
    required::check(session, &words, rest)?;
    let plugin = session.load(entry)?;
    warn_deprecated(session, &plugin);
    let description = describe(session, &plugin, &command.path)?;
    let clap_command = clap_command(session, &plugin, &command.path, &description, prefix)?;
    parse(session, clap_command, rest, |matches| {
        let mut request = CommandRequest::default();
        request.caller = session.caller(plugin.key());
        request.path = command.path.clone();
        request.args = args::values(&description.args, matches);
        let key = plugin.key().to_string();
        let reply = plugin.command(&request, &session.services().of(key))?;
        Ok(match reply.continue_with {
            Some(args) => Step::Continue(args.into_iter().map(Into::into).collect()),
            None => Exit::Code(reply.exit_code).into(),
        })
    })
}

/// Asks a plugin for the description of a command.
pub(super) fn describe(
    session: &Session<'_>,
    plugin: &LoadedPlugin,
    path: &[String],
) -> Result<CommandDescription, CliError> {
    let mut request = DescribeRequest::default();
    request.caller = session.caller(plugin.key());
    request.path = path.to_vec();
    Ok(plugin.describe(&request)?)
}

/// Returns the clap command for one command of a plugin.
pub(super) fn clap_command(
    session: &Session<'_>,
    plugin: &LoadedPlugin,
    path: &[String],
    description: &CommandDescription,
    prefix: &[&str],
) -> Result<Command, CliError> {
    let words: Vec<&str> = std::iter::once(session.identity().command_name.as_str())
        .chain(prefix.iter().copied())
        .chain(path.iter().map(String::as_str))
        .collect();
    // A plugin does not know the command name of its host.
    let mut shown = description.clone();
    for example in &mut shown.examples {
        example.line = format!("{} {}", session.identity().command_name, example.line);
    }
    let command =
        args::command(path.last().cloned().unwrap_or_default(), &shown).map_err(|why| {
            let text = format!(
                "plugin `{}` provides an invalid description of its command `{}`",
                plugin.key(),
                path.join(" ")
            );
            CliError::new(Exit::Refused, text)
                .cause(&std::io::Error::other(why))
                .hint(defect(Some(plugin.manifest())))
        })?;
    let footer = match command.get_after_help() {
        Some(examples) => format!("{examples}\n\nPlugin: {}", plugin.key()),
        None => format!("Plugin: {}", plugin.key()),
    };
    Ok(global::add_to(command.after_help(footer).bin_name(words.join(" "))))
}

/// Warns once that a plugin is deprecated.
pub fn warn_deprecated(session: &Session<'_>, plugin: &LoadedPlugin) {
    if let Some(notice) = &plugin.manifest().deprecated {
        let text = format!("plugin `{}` is deprecated: {notice}", plugin.key());
        session.console().log(pintle_plugin::Level::Warn, &text);
    }
}
