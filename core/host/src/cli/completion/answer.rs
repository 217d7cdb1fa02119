//! What a completion script is answered.
//!
//! Words are completed from manifests alone; only the options of one plugin's command load
//! that plugin.

use super::program_answer;
use super::script::variable;
use crate::caller;
use crate::catalog::{Entry, ManifestCommand};
use crate::cli::builder::Host;
use crate::cli::exit::Exit;
use crate::cli::group::{Row, Run};
use crate::cli::line::Line;
use crate::cli::session::Session;
use crate::cli::table::Target;
use crate::cli::{args, callable, global, hooked, output, plugin_command, tree};
use crate::services::PluginServices;
use crate::transport::LoadedPlugin;
use clap::Command;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::{CompleteRequest, ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::{Arg, Level};
use std::ffi::{OsStr, OsString};

/// Returns the shell whose script asks for completions, if one does.
pub(in crate::cli) fn requested(host: &Host) -> Option<String> {
    caller::var(&variable(&host.settings.identity)).filter(|it| !it.is_empty())
}

/// Returns whether a completion script asks a process that must not do what its caller's
/// environment says. There is no answer then: the line that the script gives is no command.
pub(in crate::cli) fn is_for_untrusted_caller(host: &Host) -> bool {
    !caller::is_trusted() && caller::is_set(&variable(&host.settings.identity))
}

/// Returns the words on the line, which stand behind `--` in the script's `args`.
pub(in crate::cli) fn line(args: Vec<OsString>) -> Vec<OsString> {
    args.into_iter().skip_while(|it| it != "--").skip(1).collect()
}

/// Answers a completion script for the words on the line.
pub(in crate::cli) fn complete(
    host: &Host,
    session: &Session<'_>,
    shell: &str,
    line: Vec<OsString>,
) -> Exit {
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else { return Exit::Usage };
    let line = up_to_cursor(line);
    let (mut command, line) = match program_answer::answer(host, session, shell, &line) {
        Some(command) => (command, program_answer::stand_in(line)),
        None => (tree(host, session, &line), line),
    };
    let mut answer = Vec::new();
    let cwd = std::env::current_dir().ok();
    match completer.write_complete(&mut command, line, cwd.as_deref(), &mut answer) {
        Ok(()) => {
            session.console().write(pintle_plugin::host::Stream::Out, &answer);
            Exit::Done
        }
        // An error message would end up in the middle of the user's line.
        Err(_) => Exit::Failed,
    }
}

/// Returns the words up to the one that is completed: the scripts of some shells hand on those
/// behind the cursor, too.
fn up_to_cursor(mut line: Vec<OsString>) -> Vec<OsString> {
    let idx = caller::var("_CLAP_COMPLETE_INDEX").and_then(|it| it.parse::<usize>().ok());
    if let Some(idx) = idx.filter(|it| *it <= line.len()) {
        line.resize(idx + 1, OsString::new());
    }
    line
}

/// Returns the full tree, with the options of the one command on the line.
fn tree(host: &Host, session: &Session<'_>, line: &[OsString]) -> Command {
    // Only while the first word is typed can it be any plugin's.
    let typed = line.split_last().map_or(&[][..], |(_, typed)| typed);
    if Line::new(typed.get(1..).unwrap_or_default()).words().is_empty() {
        return tree::first_word(host, session.catalog(), &callable::all(session));
    }
    let line = Line::new(&line[1..]);
    let words = line.words();
    let first = words.first().map(String::as_str);
    let catalog = first.map_or_else(|| session.catalog(), |it| session.catalog_below(it));
    let root = tree::full(host, catalog, first);
    let described = match host.table.find(&words) {
        Some((Target::Row(row), n)) => of_row(session, row, &line.rest(n)),
        Some((Target::Extra(_), _)) => None,
        None => match catalog.find_command(&words) {
            Ok(Some((entry, command))) => {
                let rest = line.rest(command.path.len());
                of_plugin(session, entry, command, &rest).map(|it| (command.path.clone(), it))
            }
            _ => return tree::with_programs(root, &callable::below(session, &words[..1])),
        },
    };
    match described {
        Some((path, command)) => replace(root, &path, command),
        None => root,
    }
}

/// Returns a row's command with its options.
fn of_row(session: &Session<'_>, row: &Row, rest: &[OsString]) -> Option<(Vec<String>, Command)> {
    let command = match &row.run {
        Run::Plain(_) => global::add_to(row.command()),
        Run::Hooked { events, .. } => hooked::describe(session, row, events).ok()?.command,
        Run::Late(bind) => global::add_to(bind(session, row.command(), rest).ok()?.command),
    };
    Some((row.path.iter().copied().map(str::to_owned).collect(), command))
}

/// Returns the command with its options; a plugin that fails has none to complete.
fn of_plugin(
    session: &Session<'_>,
    entry: &Entry,
    command: &ManifestCommand,
    rest: &[OsString],
) -> Option<Command> {
    let plugin = session.load(entry).ok()?;
    let description = plugin_command::describe(session, &plugin, &command.path).ok()?;
    let name = command.path.last()?.clone();
    let clap_command = args::command(name.clone(), &description).ok()?;
    let mut request = CompleteRequest::default();
    request.caller = session.caller(plugin.key());
    request.path.clone_from(&command.path);
    request.args = typed_values(&clap_command, &description.args, rest);
    let services = session.services().of(plugin.key().to_string());
    let asked = |name: &str| Asked {
        plugin: plugin.clone(),
        services: services.clone(),
        request: {
            let mut request = request.clone();
            name.clone_into(&mut request.arg);
            request
        },
    };
    let more = |spec: &Arg, arg: clap::Arg| {
        if !spec.completed {
            return arg;
        }
        let asked = asked(&spec.name);
        arg.add(ArgValueCompleter::new(move |word: &OsStr| asked.candidates(word)))
    };
    args::command_with(name, &description, more).ok()
}

/// Returns the values on the line so far, as far as they can be read: the word that is being
/// typed is not among them.
fn typed_values(command: &Command, args: &[Arg], rest: &[OsString]) -> Map<String, Value> {
    let typed = rest.split_last().map_or(&[][..], |(_, typed)| typed);
    let line = std::iter::once(OsString::new()).chain(typed.iter().cloned());
    let command = global::add_to(command.clone()).ignore_errors(true);
    command.try_get_matches_from(line).map(|it| args::values(args, &it)).unwrap_or_default()
}

/// A plugin that is asked for the values of an argument.
struct Asked {
    plugin: LoadedPlugin,
    services: PluginServices,
    request: CompleteRequest,
}

impl Asked {
    /// Returns the values that begin with `word`; a plugin that fails has none.
    fn candidates(&self, word: &OsStr) -> Vec<CompletionCandidate> {
        let Some(word) = word.to_str() else { return Vec::new() };
        let mut request = self.request.clone();
        word.clone_into(&mut request.word);
        let reply = self.plugin.complete(&request, &Silent(&self.services)).unwrap_or_default();
        let fits = reply.candidates.into_iter().filter(|it| it.value.starts_with(word));
        fits.map(|it| {
            let help = Some(output::plain(&it.help).into_owned()).filter(|it| !it.is_empty());
            CompletionCandidate::new(output::plain(&it.value).into_owned())
                .help(help.map(Into::into))
        })
        .collect()
    }
}

/// The services for a plugin that is asked in the middle of the user's line: nothing of it may
/// be shown there.
struct Silent<'a>(&'a PluginServices);

impl HostServices for Silent<'_> {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, _text: &str) {}

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Prompt(_) | ServiceRequest::Show(_) => {
                Err(ErrorReply::unsupported("nothing can be asked or shown in a completion"))
            }
            ServiceRequest::Progress(_) => Ok(ServiceReply::default()),
            request => self.0.request(request),
        }
    }
}

/// Returns `root` with another command at `path`.
fn replace(root: Command, path: &[String], command: Command) -> Command {
    match path {
        [] => root,
        [word] => root.mut_subcommand(word, |_| command),
        [word, rest @ ..] => root.mut_subcommand(word, |it| replace(it, rest, command)),
    }
}
