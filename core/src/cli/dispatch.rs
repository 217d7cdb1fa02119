//! From a command line to the code that does the work.
//!
//! The line is first read with the core tree. Only when that meets a word it does
//! not know, or must show help, is the catalog made; and only the plugin whose
//! command is meant is loaded.

use super::builder::{Context, Host};
#[cfg(feature = "cluster")]
use super::cluster;
use super::global::{self, Early};
use super::{
    CliError, Exit, Session, args, completion, events, plugin, project, scaffold, tree, version,
};
use crate::catalog::{Entry, ManifestCommand};
use crate::transport::LoadedPlugin;
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use pintle_plugin::host::Stream;
use pintle_plugin::message::{CommandDescription, CommandRequest, DescribeRequest};
use std::ffi::OsString;
use std::process::ExitCode;

/// How often plugins may hand a command line on before it counts as a loop.
const MAX_HOPS: usize = 16;

/// How one step of the dispatch ended.
pub(super) enum Step {
    /// The command is done.
    Exit(Exit),
    /// A plugin gave other arguments to go on with.
    Continue(Vec<OsString>),
}

/// Runs one command line, the program's name first.
pub(super) fn run(host: &Host, args: Vec<OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().skip(1).collect();
    if let Some(shell) = completion::requested(host) {
        let line = completion::line(args);
        let session = Session::new(host, Early::scan(&line));
        return completion::complete(&session, &shell, line).into();
    }
    let session = Session::new(host, Early::scan(&args));
    let exit = follow(&session, args).unwrap_or_else(|err| {
        err.show(&session.console);
        err.exit()
    });
    let exit =
        if exit.code() == 0 && session.console.has_lost_output() { Exit::Failed } else { exit };
    // Taking a catalog of a thousand plugins apart would cost more than the process
    // that is about to end has left to do.
    std::mem::forget(session);
    exit.into()
}

/// Runs a command line, and those that plugins go on with.
fn follow(session: &Session<'_>, args: Vec<OsString>) -> Result<Exit, CliError> {
    let mut lines: Vec<Vec<OsString>> = vec![args];
    loop {
        match step(session, &lines[lines.len() - 1])? {
            Step::Exit(exit) => return Ok(exit),
            Step::Continue(_) if lines.len() > MAX_HOPS => return Err(endless(session, &lines)),
            Step::Continue(args) => lines.push(args),
        }
    }
}

fn endless(session: &Session<'_>, lines: &[Vec<OsString>]) -> CliError {
    let name = &session.host.identity.command_name;
    let show = |it: &Vec<OsString>| {
        let words: Vec<_> = it.iter().map(|it| it.to_string_lossy()).collect();
        format!("{name} {}", words.join(" "))
    };
    // The end of the chain is where the loop shows, whatever led into it.
    let last: Vec<_> = lines.iter().rev().take(4).map(show).collect();
    let lines: Vec<_> = last.iter().rev().map(String::as_str).collect();
    let text = format!("plugins went on with other arguments more than {MAX_HOPS} times");
    CliError::new(Exit::Failed, text)
        .hint(format!("the last command lines were: {}", lines.join(" -> ")))
}

fn step(session: &Session<'_>, args: &[OsString]) -> Result<Step, CliError> {
    let matches = match parse(tree::core(session.host, args), args) {
        Ok(matches) => matches,
        Err(err) => return no_core_command(session, args, &err),
    };
    apply_verbosity(session, &matches);
    let (path, leaf) = leaf(&matches);
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["help"] => step(session, &help_args(leaf)),
        ["version"] => {
            version::run(session, leaf);
            Ok(Step::Exit(Exit::Done))
        }
        ["completion"] => {
            completion::print_script(session, leaf)?;
            Ok(Step::Exit(Exit::Done))
        }
        ["plugin", verb] if plugin::is_verb(verb) => plugin::run(session, verb, leaf),
        ["project", verb] if project::is_verb(verb) => {
            project::run(session, verb, leaf).map(Step::Exit)
        }
        ["events"] => {
            events::run(session, leaf);
            Ok(Step::Exit(Exit::Done))
        }
        #[cfg(feature = "cluster")]
        words if cluster::is_command(words) => {
            cluster::run(session, words, leaf, &rest(leaf)).map(Step::Exit)
        }
        words if scaffold::is_subcommand(words) => {
            scaffold::run(session, &words.join(" "), &rest(leaf)).map(Step::Exit)
        }
        _ => {
            match session.host.extra_commands.iter().find(|it| it.command.get_name() == words[0]) {
                Some(extra) => run_extra(session, extra, &matches),
                None => run_unknown(session, &path, leaf, args),
            }
        }
    }
}

/// Shows help or an error, with the plugins' commands in it.
fn no_core_command(
    session: &Session<'_>,
    args: &[OsString],
    err: &clap::Error,
) -> Result<Step, CliError> {
    let is_help = matches!(
        err.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    match (err.kind(), global::words(args).first()) {
        (ErrorKind::DisplayVersion, _) => Ok(Step::Exit(show_clap(session, err))),
        (_, None) if is_help => Ok(Step::Exit(show_help(session, err.exit_code()))),
        (_, first) => from_full_tree(session, args, first.map(String::as_str)),
    }
}

fn show_help(session: &Session<'_>, exit_code: i32) -> Exit {
    let help = tree::help_text(session.host, session.catalog());
    // In one piece: a thousand plugins have a thousand lines.
    let stream = if exit_code == 0 { Stream::Out } else { Stream::Err };
    session.console.styled(stream, &help);
    if exit_code == 0 { Exit::Done } else { Exit::Usage }
}

fn run_extra(
    session: &Session<'_>,
    extra: &super::builder::ExtraCommand,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let context = Context { identity: &session.host.identity, console: &session.console };
    let (_, matches) = matches.subcommand().expect("the extra command was matched");
    match (extra.handler)(matches, &context) {
        Ok(code) => Ok(Step::Exit(Exit::Code(code))),
        Err(err) => Err(CliError::from_error(Exit::Failed, err.as_ref())),
    }
}

/// Runs what the core tree does not know: a plugin's command, or a mistake.
fn run_unknown(
    session: &Session<'_>,
    path: &[String],
    leaf: &ArgMatches,
    args: &[OsString],
) -> Result<Step, CliError> {
    let rest: Vec<OsString> =
        leaf.get_many::<OsString>("").into_iter().flatten().cloned().collect();
    let leading = rest.iter().map_while(|it| it.to_str().filter(|it| !it.starts_with('-')));
    let words: Vec<String> = path.iter().cloned().chain(leading.map(str::to_owned)).collect();
    match session.catalog().find_command(&words)? {
        Some((entry, command)) => {
            let n_used = command.path.len().saturating_sub(path.len());
            run_plugin_command(session, entry, command, &rest[n_used..], &[])
        }
        None => match session.set_aside(&words) {
            Some(err) => Err(err),
            None => from_full_tree(session, args, words.first().map(String::as_str)),
        },
    }
}

/// Reads the line with the plugins' commands in the tree: for help, for errors, and
/// for commands with an option between their words.
fn from_full_tree(
    session: &Session<'_>,
    args: &[OsString],
    first: Option<&str>,
) -> Result<Step, CliError> {
    let catalog = session.catalog();
    let matches = match parse(tree::full(session.host, catalog, first), args) {
        Ok(matches) => matches,
        // Suggestions come from all there is.
        Err(err) if err.kind() == ErrorKind::InvalidSubcommand && first.is_some() => {
            return match session.set_aside(&global::words(args)) {
                Some(err) => Err(err),
                None => from_full_tree(session, args, None),
            };
        }
        Err(err) => return Ok(Step::Exit(show_clap(session, &err))),
    };
    apply_verbosity(session, &matches);
    let (path, leaf) = leaf(&matches);
    match catalog.find_command(&path)? {
        Some((entry, command)) => run_plugin_command(session, entry, command, &rest(leaf), &[]),
        None => {
            Err(CliError::new(Exit::Usage, format!("there is no command `{}`", path.join(" "))))
        }
    }
}

/// Runs a plugin's command; `prefix` are the words before it, as in `plugin run KEY`.
pub(super) fn run_plugin_command(
    session: &Session<'_>,
    entry: &Entry,
    command: &ManifestCommand,
    args: &[OsString],
    prefix: &[&str],
) -> Result<Step, CliError> {
    let plugin = session.load(entry)?;
    warn_deprecated(session, &plugin);
    let description = describe(session, &plugin, &command.path)?;
    let clap_command = clap_command(session, &plugin, &command.path, &description, prefix)?;
    let line = std::iter::once(OsString::new()).chain(args.iter().cloned());
    let matches = match clap_command.try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(err) => return Ok(Step::Exit(show_clap(session, &err))),
    };
    apply_verbosity(session, &matches);

    let mut request = CommandRequest::default();
    request.caller = session.caller(plugin.key());
    request.path = command.path.clone();
    request.args = args::values(&description.args, &matches);
    let key = plugin.key().to_string();
    let reply = plugin.command(&request, &session.services().of(key))?;
    Ok(match reply.continue_with {
        Some(args) => Step::Continue(args.into_iter().map(Into::into).collect()),
        None => Step::Exit(Exit::Code(reply.exit_code)),
    })
}

/// Asks a plugin what a command of it takes.
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
    let words: Vec<&str> = std::iter::once(session.host.identity.command_name.as_str())
        .chain(prefix.iter().copied())
        .chain(path.iter().map(String::as_str))
        .collect();
    // A plugin does not know what its host is called.
    let mut shown = description.clone();
    for example in &mut shown.examples {
        example.line = format!("{} {}", session.host.identity.command_name, example.line);
    }
    let command =
        args::command(path.last().cloned().unwrap_or_default(), &shown).map_err(|why| {
            let text = format!(
                "plugin `{}` describes its command `{}` wrongly",
                plugin.key(),
                path.join(" ")
            );
            CliError::new(Exit::Refused, text)
                .cause(&std::io::Error::other(why))
                .hint("this is a defect of the plugin; tell its author".to_owned())
        })?;
    let footer = match command.get_after_help() {
        Some(examples) => format!("{examples}\n\nPlugin: {}", plugin.key()),
        None => format!("Plugin: {}", plugin.key()),
    };
    Ok(command.after_help(footer).bin_name(words.join(" ")).args(global::args()))
}

/// Tells once that a plugin should not be used any more.
pub(super) fn warn_deprecated(session: &Session<'_>, plugin: &LoadedPlugin) {
    if let Some(notice) = &plugin.manifest().deprecated {
        let text = format!("plugin `{}` is deprecated: {notice}", plugin.key());
        session.console.log(pintle_plugin::Level::Warn, &text);
    }
}

fn parse(command: Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    command.try_get_matches_from(std::iter::once(OsString::new()).chain(args.iter().cloned()))
}

/// Shows clap's error, or the help it stands for.
pub(super) fn show_clap(session: &Session<'_>, err: &clap::Error) -> Exit {
    let stream = if err.use_stderr() { Stream::Err } else { Stream::Out };
    session.console.styled(stream, &err.render().ansi().to_string());
    match err.exit_code() {
        0 => Exit::Done,
        _ => Exit::Usage,
    }
}

/// Applies `-q` and `-v`, which may stand before and behind a command's words.
pub(super) fn apply_verbosity(session: &Session<'_>, matches: &ArgMatches) {
    if let Some(verbosity) = global::verbosity(matches) {
        session.console.set_verbosity(verbosity);
    }
}

/// Returns the words of the matched command, and the matches of its last word.
fn leaf(mut matches: &ArgMatches) -> (Vec<String>, &ArgMatches) {
    let mut path = Vec::new();
    while let Some((word, child)) = matches.subcommand() {
        path.push(word.to_owned());
        matches = child;
    }
    (path, matches)
}

/// Returns what a command could not know yet.
fn rest(leaf: &ArgMatches) -> Vec<OsString> {
    // Commands that know their arguments have no rest.
    let rest = leaf.try_get_many::<OsString>(tree::REST).ok().flatten();
    rest.into_iter().flatten().cloned().collect()
}

/// `help a b` means `a b --help`.
fn help_args(leaf: &ArgMatches) -> Vec<OsString> {
    let words = leaf.get_many::<String>("command").into_iter().flatten();
    words.map(OsString::from).chain(["--help".into()]).collect()
}
