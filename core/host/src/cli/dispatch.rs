//! From a command line to the code that does the work.
//!
//! The words of the line are resolved first: to a row of the table, to a command of the
//! embedding program, to a plugin's command, or to nothing. The catalog is made only when
//! no row is meant, or a row needs it; and only the plugin whose command is meant is
//! loaded. Then the rest of the line is parsed, once.

use super::builder::{Context, ExtraCommand};
use super::group::{Bound, Row, Run};
use super::line::Line;
use super::table::Target;
use super::{CliError, Exit, Host, Session, Step, args, completion, global, hooked, tree};
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

impl Host {
    /// Runs one command line, the program's name first, and returns how it ended.
    pub fn run(&self, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        run(&Session::new(self), args)
    }

    /// Runs the command line of a process that ends with it.
    ///
    /// What was read and loaded is left to the system: taking a catalog of a thousand
    /// plugins apart would cost more than the process has left to do.
    pub fn run_to_exit(&self, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        run(&std::mem::ManuallyDrop::new(Session::new(self)), args)
    }
}

fn run(session: &Session<'_>, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().skip(1).map(Into::into).collect();
    if let Some(shell) = completion::requested(session.host()) {
        let line = completion::line(args);
        session.start(&line);
        session.complete();
        return completion::complete(session, &shell, line).into();
    }
    session.start(&args);
    let exit = follow(session, args).unwrap_or_else(|err| session.fail(&err));
    match exit.code() {
        0 if session.console().has_lost_output() => Exit::Failed.into(),
        _ => exit.into(),
    }
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
    let name = &session.host().identity.command_name;
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

/// Resolves the words of a line, and runs the command that they mean.
fn step(session: &Session<'_>, args: &[OsString]) -> Result<Step, CliError> {
    let host = session.host();
    let line = Line::new(args);
    let words = line.words();
    match host.find(&words) {
        Some((Target::Row(row), n)) => return run_row(session, row, &line.rest(n)),
        Some((Target::Extra(extra), n)) => return run_extra(session, extra, &line.rest(n)),
        None if words.is_empty() => return run_nothing(session, args),
        None => {}
    }
    match session.catalog().find_command(&words)? {
        Some((entry, command)) => {
            let rest = line.rest(command.path.len());
            run_plugin_command(session, entry, command, &rest, &[])
        }
        None => run_unknown(session, &words, args),
    }
}

/// Runs a row: its arguments are completed, the line is parsed, and what it needs is checked.
fn run_row(session: &Session<'_>, row: &Row, rest: &[OsString]) -> Result<Step, CliError> {
    match &row.run {
        Run::Plain(run) => {
            let command = global::add_to(row.command());
            parse_row(session, row, command, rest, |matches| run(session, matches))
        }
        Run::Hooked { events, run } => {
            let mut described = hooked::describe(session, row, events)?;
            let command = std::mem::take(&mut described.command);
            parse_row(session, row, command, rest, |matches| {
                run(session, &described.hooks(session, matches)?, matches)
            })
        }
        Run::Late(bind) => {
            let Bound { command, run } = bind(session, row.command(), rest)?;
            let command = global::add_to(command);
            parse_row(session, row, command, rest, |matches| run(session, matches))
        }
    }
}

fn parse_row(
    session: &Session<'_>,
    row: &Row,
    command: Command,
    rest: &[OsString],
    run: impl FnOnce(&ArgMatches) -> Result<Step, CliError>,
) -> Result<Step, CliError> {
    let command = command.bin_name(session.bin_name(row.path));
    parse(session, command, rest, |matches| {
        row.needs.iter().try_for_each(|it| (it.check)(session))?;
        run(matches)
    })
}

/// Parses what follows a command's words, and goes on with it; or shows clap's error, or
/// the help.
fn parse(
    session: &Session<'_>,
    command: Command,
    rest: &[OsString],
    run: impl FnOnce(&ArgMatches) -> Result<Step, CliError>,
) -> Result<Step, CliError> {
    session.narrow_form(&command);
    let line = std::iter::once(OsString::new()).chain(rest.iter().cloned());
    match command.try_get_matches_from(line) {
        Ok(matches) => {
            session.apply_verbosity(&matches);
            run(&matches)
        }
        Err(err) => Ok(show_clap(session, &err).into()),
    }
}

fn run_extra(
    session: &Session<'_>,
    extra: &ExtraCommand,
    rest: &[OsString],
) -> Result<Step, CliError> {
    let command = global::add_to(extra.command.clone());
    let command = command.bin_name(session.bin_name(&[extra.command.get_name()]));
    parse(session, command, rest, |matches| {
        let context = Context { session };
        match (extra.handler)(matches, &context) {
            Ok(code) => Ok(Exit::Code(code).into()),
            Err(err) => Err(CliError::from_error(Exit::Failed, err.as_ref())),
        }
    })
}

/// Runs a line without any words: it asks for help or the version, or is a mistake.
fn run_nothing(session: &Session<'_>, args: &[OsString]) -> Result<Step, CliError> {
    let tree = tree::full(session.host(), &crate::Catalog::default(), None);
    let line = std::iter::once(OsString::new()).chain(args.iter().cloned());
    let Err(err) = tree.try_get_matches_from(line) else { return Ok(Exit::Done.into()) };
    let is_help = matches!(
        err.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    Ok(if is_help { show_help(session, err.exit_code()) } else { show_clap(session, &err) }.into())
}

fn show_help(session: &Session<'_>, exit_code: i32) -> Exit {
    let help = tree::help_text(session.host(), session.catalog());
    // In one piece: a thousand plugins have a thousand lines.
    let stream = if exit_code == 0 { Stream::Out } else { Stream::Err };
    session.console().styled(stream, &help);
    if exit_code == 0 { Exit::Done } else { Exit::Usage }
}

/// Tells why no command is meant: its plugin is not usable, words are missing or unknown.
fn run_unknown(
    session: &Session<'_>,
    words: &[String],
    args: &[OsString],
) -> Result<Step, CliError> {
    let first = words.first().map(String::as_str);
    if !session.is_noun(words)
        && let Some(err) = session.set_aside(words)
    {
        return Err(err);
    }
    let parse = |first| {
        let tree = tree::full(session.host(), session.catalog(), first);
        tree.try_get_matches_from(std::iter::once(OsString::new()).chain(args.iter().cloned()))
    };
    let err = match parse(first) {
        // Suggestions come from all there is.
        Err(err) if err.kind() == ErrorKind::InvalidSubcommand => parse(None).err(),
        res => res.err(),
    };
    match err {
        Some(err) => Ok(show_clap(session, &err).into()),
        None => {
            let text = format!("unknown command `{}`", words.join(" "));
            Err(CliError::new(Exit::Usage, text))
        }
    }
}

/// Runs a plugin's command; `prefix` are the words before it, as in `plugin run KEY`.
pub(super) fn run_plugin_command(
    session: &Session<'_>,
    entry: &Entry,
    command: &ManifestCommand,
    rest: &[OsString],
    prefix: &[&str],
) -> Result<Step, CliError> {
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
    let words: Vec<&str> = std::iter::once(session.host().identity.command_name.as_str())
        .chain(prefix.iter().copied())
        .chain(path.iter().map(String::as_str))
        .collect();
    // A plugin does not know what its host is called.
    let mut shown = description.clone();
    for example in &mut shown.examples {
        example.line = format!("{} {}", session.host().identity.command_name, example.line);
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
    Ok(global::add_to(command.after_help(footer).bin_name(words.join(" "))))
}

/// Tells once that a plugin should not be used any more.
pub fn warn_deprecated(session: &Session<'_>, plugin: &LoadedPlugin) {
    if let Some(notice) = &plugin.manifest().deprecated {
        let text = format!("plugin `{}` is deprecated: {notice}", plugin.key());
        session.console().log(pintle_plugin::Level::Warn, &text);
    }
}

/// Shows clap's error, or the help or version that it is.
pub fn show_clap(session: &Session<'_>, err: &clap::Error) -> Exit {
    if !err.use_stderr() {
        session.console().styled(Stream::Out, &err.render().ansi().to_string());
        return Exit::Done;
    }
    if err.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        && !session.form().is_text()
    {
        return session.fail(&CliError::from_clap(err));
    }
    session.console().styled(Stream::Err, &err.render().ansi().to_string());
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts the runs whose session, and with it the catalog, is gone.
    struct Counter(&'static AtomicUsize);

    impl Drop for Counter {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_run_leaves_nothing_behind() {
        static N_GONE: AtomicUsize = AtomicUsize::new(0);
        let host = Cli::new().extra_command(Command::new("sail"), |_, context| {
            context.session().catalog();
            context.session().shared(|| Counter(&N_GONE));
            Ok(0)
        });
        let host = host.build().unwrap();
        for n in 1..=10 {
            host.run(["pintle", "sail", "--plugin-dir", "/dev/null/none", "-q"]);
            assert_eq!(N_GONE.load(Ordering::Relaxed), n);
        }
    }
}
