//! `plugin run KEY COMMAND…`: runs a command of a specific plugin.

use super::subject::parse_key;
use crate::catalog::{Entry, ManifestCommand};
use crate::cli::completion::values::{Values, plugin_keys};
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::plugin_command;
use crate::cli::session::Session;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use pintle_plugin::Candidate;
use std::ffi::OsString;

pub(in crate::cli) const ROW: Row =
    Row::new(&["plugin", "run"], "Run a command of a specific plugin", Run::Plain(run)).args(
        |command| {
            let key = Arg::new("key").value_name("KEY").required(true).help("The plugin's key");
            let keys = |session: &Session<'_>, _: &ArgMatches| {
                plugin_keys(session, |it| it.is_usable() && !it.commands().is_empty())
            };
            command.arg(key.add(Values(keys))).arg(
                Arg::new("command")
                    .value_name("COMMAND")
                    .required(true)
                    .value_parser(value_parser!(OsString))
                    .action(ArgAction::Append)
                    .num_args(1..)
                    .trailing_var_arg(true)
                    .add(Values(words))
                    .allow_hyphen_values(true)
                    .help("The command and its arguments"),
            )
        },
    );

/// Returns the words that may follow those of a command of the plugin.
fn words(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let key = matches.get_one::<String>("key").and_then(|it| parse_key(it).ok());
    let entry = key.and_then(|it| session.resolve(&it, None).ok());
    let typed: Vec<_> = matches.get_many::<OsString>("command").into_iter().flatten().collect();
    let next = |it: &ManifestCommand| {
        let fits = it.path.iter().zip(&typed).all(|(word, typed)| *typed == word.as_str());
        it.path.get(typed.len()).filter(|_| fits).cloned()
    };
    let commands = entry.iter().flat_map(|it| it.commands());
    let mut words: Vec<_> = commands.filter_map(next).collect();
    words.sort();
    words.dedup();
    words.into_iter().map(|it| Candidate::new(it, "")).collect()
}

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let key = matches.get_one::<String>("key").expect("the argument is required");
    let args: Vec<OsString> = matches.get_many("command").into_iter().flatten().cloned().collect();
    let entry = session.resolve(&parse_key(key)?, None)?;
    let Some(command) = find(&entry, &args) else { return Err(no_command(&entry, key, &args)) };
    let rest = &args[command.path.len()..];
    plugin_command::run(session, &entry, command, rest, &["plugin", "run", key])
}

/// Returns the plugin's command that `args` begin with, the longest first.
fn find<'a>(entry: &'a Entry, args: &[OsString]) -> Option<&'a ManifestCommand> {
    let commands = &entry.manifest()?.commands;
    let fits = |it: &&ManifestCommand| {
        args.len() >= it.path.len()
            && it.path.iter().zip(args).all(|(word, arg)| arg == word.as_str())
    };
    commands.iter().filter(fits).max_by_key(|it| it.path.len())
}

fn no_command(entry: &Entry, key: &str, args: &[OsString]) -> CliError {
    let first = args.first().map(|it| it.to_string_lossy()).unwrap_or_default();
    let commands = entry.manifest().map_or(&[][..], |it| &it.commands);
    let names: Vec<_> = commands.iter().map(|it| format!("`{}`", it.path.join(" "))).collect();
    let hint = match names.is_empty() {
        true => "the plugin has no commands".to_owned(),
        false => format!("use one of the commands of the plugin: {}", names.join(", ")),
    };
    CliError::new(Exit::Usage, format!("plugin `{key}` has no command `{first}`")).hint(hint)
}
