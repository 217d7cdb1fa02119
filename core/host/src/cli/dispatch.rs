//! From a command line to the code that does the work.
//!
//! The words of the line are resolved first: to a row of the table, a command of the embedding
//! program, a plugin's command, a program on the search path, or nothing. The catalog is built only
//! if the words are not a row, or the row requires it; and only the plugin with the command is
//! loaded. Then the rest of the line is parsed, once; a program receives it unchanged.

use super::builder::Host;
use super::completion::answer;
use super::error::CliError;
use super::exit::{Exit, Step};
use super::group::{Bound, Row, Run};
use super::line::Line;
use super::parse::{parse, parse_with_hint, show_clap};
use super::session::Session;
use super::table::{Context, ExtraCommand, Target};
use super::{callable, global, hooked, overview, plugin_command, required, tree};
use crate::catalog::{Catalog, Entry, ManifestCommand};
use crate::services::{forget_interrupt, is_interrupted};
use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use pintle_plugin::Level;
use pintle_plugin::host::Stream;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// How often plugins may continue with another command line before this counts as a loop.
const MAX_HOPS: usize = 16;

impl Host {
    /// Runs one command line, including the program's name, and returns how it ended.
    pub fn run(&self, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        run(self, &Session::new(&self.settings, &self.table), args)
    }

    /// Runs the command line of a process that ends with it.
    ///
    /// Memory is left to the system: freeing a catalog of a thousand plugins would take longer than
    /// the remaining work of the process.
    pub fn run_to_exit(&self, args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let session = Session::new(&self.settings, &self.table);
        run(self, &std::mem::ManuallyDrop::new(session), args)
    }
}

fn run(
    host: &Host,
    session: &Session<'_>,
    args: impl IntoIterator<Item = impl Into<OsString>>,
) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().skip(1).map(Into::into).collect();
    if answer::is_for_untrusted_caller(host, &args) {
        return Exit::Done.into();
    }
    if let Some(shell) = answer::requested(host, &args) {
        return answer::complete(host, session, &shell, &args).into();
    }
    forget_interrupt();
    session.start(own_part(host, &args));
    let ended = session.check_caller().and_then(|()| follow(host, session, args));
    session.end_programs();
    let exit = ended.unwrap_or_else(|err| session.fail(&err));
    match exit.code() {
        _ if is_interrupted() => Exit::Interrupted.into(),
        0 if session.console().has_lost_output() || session.has_left_out() => Exit::Failed.into(),
        _ => exit.into(),
    }
}

/// Returns the part of a line that can contain options of the host: after the words of a program,
/// all options belong to the program.
fn own_part<'a>(host: &Host, args: &'a [OsString]) -> &'a [OsString] {
    let line = Line::new(args);
    let behind = global::Early::scan(line.behind_program(line.program_words().len()));
    let decides = !behind.plugin_dirs.is_empty() || !behind.disabled.is_empty();
    if !decides || host.table.find(&line.words()).is_some() {
        return args;
    }
    let silent = Session::new(&host.settings, &host.table);
    if silent.callables().find(&line.program_words()).next().is_none() {
        return args;
    }
    // A command of a plugin takes precedence over a program, even if an option names the plugin's
    // directory.
    silent.start(args);
    silent.complete();
    match meaning(&silent, &line) {
        Ok(Meaning::Program(..)) => line.before_words(),
        _ => args,
    }
}

/// Runs a command line, and the command lines with which plugins continue.
fn follow(host: &Host, session: &Session<'_>, args: Vec<OsString>) -> Result<Exit, CliError> {
    let mut lines: Vec<Vec<OsString>> = vec![args];
    loop {
        match step(host, session, &lines[lines.len() - 1])? {
            Step::Exit(exit) => return Ok(exit),
            Step::Continue(_) if is_interrupted() => return Ok(Exit::Interrupted),
            Step::Continue(_) if lines.len() > MAX_HOPS => return Err(endless(session, &lines)),
            Step::Continue(args) => lines.push(args),
        }
    }
}

fn endless(session: &Session<'_>, lines: &[Vec<OsString>]) -> CliError {
    let name = &session.identity().command_name;
    let show = |it: &Vec<OsString>| {
        let words: Vec<_> = it.iter().map(|it| it.to_string_lossy()).collect();
        format!("{name} {}", words.join(" "))
    };
    // The end of the chain shows the loop, whatever preceded it.
    let last: Vec<_> = lines.iter().rev().take(4).map(show).collect();
    let lines: Vec<_> = last.iter().rev().map(String::as_str).collect();
    let text = format!("plugins continued with another command line more than {MAX_HOPS} times");
    CliError::new(Exit::Failed, text)
        .hint(format!("the last command lines were: {}", lines.join(" -> ")))
}

/// Resolves the words of a line, and runs the command.
fn step(host: &Host, session: &Session<'_>, args: &[OsString]) -> Result<Step, CliError> {
    let line = Line::new(args);
    let words = line.words();
    match host.table.find(&words) {
        Some((Target::Row(row), n)) => return run_row(session, row, &line.rest(n)),
        Some((Target::Extra(extra), n)) => return run_extra(session, extra, &line.rest(n)),
        None if words.is_empty() => return run_nothing(host, session, args),
        None => {}
    }
    if !global::asks_for_help(args) {
        required::readable(session)?;
    }
    match meaning(session, &line)? {
        Meaning::Plugin(entry, command) => {
            let rest = line.rest(command.path.len());
            session.warn_of_pre_release(entry);
            plugin_command::run(session, entry, command, &rest, &[])
        }
        Meaning::Program(path, n) => callable::run(session, &path, &line, n),
        Meaning::Unknown => run_unknown(host, session, &line, args),
    }
}

/// The meaning of words that are not a row.
enum Meaning<'s> {
    Plugin(&'s Entry, &'s ManifestCommand),
    /// A program, and how many of the words are its name.
    Program(PathBuf, usize),
    Unknown,
}

/// Resolves the words of a line; an error explains why their plugin is not usable.
fn meaning<'s>(session: &'s Session<'_>, line: &Line<'_>) -> Result<Meaning<'s>, CliError> {
    let words = line.words();
    if let Some((entry, command)) = session.catalog_of_command(&words).find_command(&words)? {
        return Ok(Meaning::Plugin(entry, command));
    }
    if !session.is_noun(&words)
        && let Some(err) = session.set_aside(&words)
    {
        return Err(err);
    }
    let program = callable::find(session, line);
    Ok(program.map_or(Meaning::Unknown, |(path, n)| Meaning::Program(path, n)))
}

/// Runs a row: completes its arguments, parses the line, and checks its requirements.
fn run_row(session: &Session<'_>, row: &Row, rest: &[OsString]) -> Result<Step, CliError> {
    required::check(session, row.path(), rest)?;
    match &row.run {
        Run::Plain(run) => {
            let command = global::add_to(row.command());
            parse_row(session, row, command, rest, |matches| run(session, matches))
        }
        Run::Hooked { events, run } => {
            let mut described = hooked::describe(session, row, events)?;
            if let Some(fault) = described.take_fault() {
                // The command's help works whatever a plugin does.
                if !global::asks_for_help(rest) {
                    return Err(fault);
                }
                session.console().log(Level::Warn, &fault.line());
            }
            let command = std::mem::take(&mut described.command);
            parse_row(session, row, command, rest, |matches| {
                run(session, &described.hooks(session, matches)?, matches)
            })
        }
        Run::Late(bind) => {
            let Bound { command, run, hint } = bind(session, row.command(), rest)?;
            let command = global::add_to(command).bin_name(session.bin_name(row.path));
            let hint = |option: &str| hint(session, option);
            parse_with_hint(session, command, rest, hint, |matches| {
                row.check_needs(session)?;
                run(session, matches)
            })
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
        row.check_needs(session)?;
        run(matches)
    })
}

fn run_extra(
    session: &Session<'_>,
    extra: &ExtraCommand,
    rest: &[OsString],
) -> Result<Step, CliError> {
    required::check(session, &[extra.command.get_name()], rest)?;
    let command = global::add_to(extra.command.clone());
    let command = command.bin_name(session.bin_name(&[extra.command.get_name()]));
    parse(session, command, rest, |matches| {
        let context = Context { session };
        match (extra.handler)(matches, &context) {
            Ok(code) => Ok(Exit::Code(code).into()),
            Err(err) => Err(err.into()),
        }
    })
}

/// Runs a line without any words: a request for help or the version, or a mistake.
fn run_nothing(host: &Host, session: &Session<'_>, args: &[OsString]) -> Result<Step, CliError> {
    let tree = tree::full(host, &Catalog::default(), None);
    let line = std::iter::once(OsString::new()).chain(args.iter().cloned());
    let Err(err) = tree.try_get_matches_from(line) else { return Ok(Exit::Done.into()) };
    let exit = match err.kind() {
        ErrorKind::DisplayHelp => show_help(host, session, err.exit_code()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            match overview::text(host) {
                Some(text) => {
                    session.console().styled(Stream::Err, &text);
                    Exit::Usage
                }
                None => show_help(host, session, err.exit_code()),
            }
        }
        _ => show_clap(session, &err),
    };
    Ok(exit.into())
}

fn show_help(host: &Host, session: &Session<'_>, exit_code: i32) -> Exit {
    let (own, of_plugins) = tree::help_text(host, session.catalog(), &callable::all(session));
    let stream = if exit_code == 0 { Stream::Out } else { Stream::Err };
    session.console().styled(stream, &own);
    // In one piece: a thousand plugins have a thousand lines.
    session.console().write(stream, &of_plugins);
    if exit_code == 0 { Exit::Done } else { Exit::Usage }
}

/// Reports why the words are not a command: some are missing or unknown.
fn run_unknown(
    host: &Host,
    session: &Session<'_>,
    line: &Line<'_>,
    args: &[OsString],
) -> Result<Step, CliError> {
    if let Some(err) = callable::not_executable(session, line) {
        return Err(err);
    }
    let words = line.words();
    if let Some(hint) = session.suggestion(&words) {
        let text = format!("unknown command `{}`", words.join(" "));
        return Err(CliError::new(Exit::Usage, text).hint(hint));
    }
    let first = words.first().map(String::as_str);
    let parse = |first| {
        let mut tree = tree::full(host, session.catalog(), first);
        if first.is_none() {
            tree = tree::with_programs(tree, &callable::all(session));
        }
        tree.try_get_matches_from(std::iter::once(OsString::new()).chain(args.iter().cloned()))
    };
    let err = match parse(first) {
        // Suggestions take all commands into account.
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
