//! Answers completion scripts.
//!
//! Words are completed from manifests alone. Only the options of a plugin's command load that
//! plugin.

use super::accepted;
use super::offer::Offer;
use super::paths::{self, Wanted};
use super::program_answer;
use super::script::variable;
use super::shell::{Question, Shell};
use super::values::{PluginValues, Values, completed_by, plugin_keys};
use crate::caller;
use crate::catalog::{Entry, ManifestCommand};
use crate::cli::builder::Host;
use crate::cli::exit::Exit;
use crate::cli::group::{Row, Run};
use crate::cli::line::Line;
use crate::cli::session::Session;
use crate::cli::table::Target;
use crate::cli::{args, callable, global, help, hooked, plugin_command, tree};
use crate::services::PluginServices;
use clap::{ArgMatches, Command, ValueHint};
use clap_complete::engine::{self, ArgValueCompleter, CompletionCandidate};
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{CompleteRequest, ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::{Candidate, Level};
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, PoisonError};

/// Returns the shell whose script requests completions, if there is one. Scripts pass their words
/// after `--`; the variable alone, which a user may have exported, changes nothing.
pub(in crate::cli) fn requested(host: &Host, args: &[OsString]) -> Option<String> {
    let shell = caller::var(&variable(&host.settings.identity)).filter(|it| !it.is_empty());
    shell.filter(|_| is_by_script(args))
}

/// Returns whether a completion script calls a process that must ignore its caller's environment.
/// There is no answer then, because the script's words are not a command.
pub(in crate::cli) fn is_for_untrusted_caller(host: &Host, args: &[OsString]) -> bool {
    let is_set = || caller::is_set(&variable(&host.settings.identity));
    !caller::is_trusted() && is_by_script(args) && is_set()
}

fn is_by_script(args: &[OsString]) -> bool {
    args.first().is_some_and(|it| it == "--")
}

/// Answers a completion script.
pub(in crate::cli) fn complete(
    host: &Host,
    session: &Session<'_>,
    shell: &str,
    args: &[OsString],
) -> Exit {
    let question = Shell::named(shell).and_then(|it| it.read(&args[1..]));
    let Some(question) = question else { return Exit::Usage };
    session.start(&question.words());
    session.complete();
    let answer = question.answer(&offers(host, session, &question));
    session.console().write(Stream::Out, answer.as_bytes());
    Exit::Done
}

/// Returns the offers for the last word.
fn offers(host: &Host, session: &Session<'_>, question: &Question) -> Vec<Offer> {
    let Some(word) = question.word() else { return Vec::new() };
    let line = question.words();
    if let Some(offers) = program_answer::answer(host, session, &line) {
        return offers;
    }
    if let Some(line) = helped(host, &line) {
        // Help is available for words, and not for anything after the words of a command.
        let (root, leaf) = tree(host, session, &line);
        let mut offers = match leaf {
            Some(_) => Vec::new(),
            None => found(session, root, None, word, line),
        };
        offers.retain(|it| !it.value.starts_with('-'));
        return offers;
    }
    let (root, leaf) = tree(host, session, &line);
    let mut offers = found(session, root.clone(), leaf.as_ref(), word, line);
    let is_option = |it: &Offer| it.value.starts_with('-');
    match &leaf {
        Some(leaf) => accepted::retain(&leaf.command, leaf.typed(), &mut offers),
        // The words are valid: they are those of the existing commands.
        None if offers.iter().any(is_option) => {
            accepted::retain(&root, question.before.get(1..).unwrap_or_default(), &mut offers);
        }
        None => {}
    }
    // If there are other offers, options are requested with a dash.
    if word.is_empty() && !offers.iter().all(is_option) {
        offers.retain(|it| !is_option(it));
    }
    offers
}

/// Returns the line without `help`, if it begins with it.
fn helped(host: &Host, line: &[OsString]) -> Option<Vec<OsString>> {
    let typed = line.get(1..line.len().checked_sub(1)?)?;
    let is_help = typed.first()? == help::ROW.word();
    let words = Line::new(typed).words();
    let is_row = matches!(host.table.find(&words), Some((Target::Row(_), 1)));
    (is_help && is_row).then(|| [&line[..1], &line[2..]].concat())
}

/// Returns the offers of the commands and of the values of their arguments.
fn found(
    session: &Session<'_>,
    root: Command,
    leaf: Option<&Leaf>,
    word: &str,
    mut line: Vec<OsString>,
) -> Vec<Offer> {
    let (n_before, asked) = (line.len() - 1, Asked::default());
    let mut alias = None;
    if let Some(leaf) = leaf {
        for it in &mut line[..n_before] {
            leaf.end_without_value(it);
        }
        alias = leaf.alias(word);
    }
    if let Some((given, own)) = &alias {
        line[n_before] = format!("{own}{}", &word[given.len()..]).into();
    }
    if n_before == 0 {
        return Vec::new();
    }
    // Without the words of a command, `--` is followed by nothing that the parser accepts.
    let typed = &line[1..n_before];
    if leaf.is_none() && (!has_words(&root, typed) || typed.iter().any(|it| it == "--")) {
        return Vec::new();
    }
    let mut root = noting(root, &asked);
    let Ok(candidates) = engine::complete(&mut root, line, n_before, None) else {
        return Vec::new();
    };
    let mut offers: Vec<_> = candidates.iter().filter_map(offer).collect();
    if let Some((given, own)) = &alias {
        for it in &mut offers {
            it.value = it.value.replacen(own, given, 1);
        }
    }
    for (source, part) in asked.take() {
        let start = word.strip_suffix(&part[..]).unwrap_or_default();
        let found = source.offers(session, leaf, &part).into_iter();
        offers.extend(found.map(|it| Offer { value: format!("{start}{}", it.value), ..it }));
    }
    offers
}

/// Returns whether the words of a line lead to a command, or to a noun with commands.
fn has_words(root: &Command, line: &[OsString]) -> bool {
    let mut command = root;
    for word in Line::new(line).words() {
        match command.find_subcommand(&word) {
            Some(it) => command = it,
            // The words of a command are followed by its values.
            None => return !command.has_subcommands(),
        }
    }
    true
}

fn offer(candidate: &CompletionCandidate) -> Option<Offer> {
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Offer::new(candidate.get_value().to_str()?).help(&help))
}

/// The command that the line calls, with its arguments.
struct Leaf {
    path: Vec<String>,
    command: Command,
    /// The line without the words of the command; the last word is being typed.
    rest: Vec<OsString>,
}

impl Leaf {
    fn typed(&self) -> &[OsString] {
        self.rest.split_last().map_or(&[], |(_, typed)| typed)
    }

    /// Returns the values on the line so far, as far as they can be read.
    fn matches(&self) -> Option<ArgMatches> {
        let line = std::iter::once(OsString::new()).chain(self.typed().iter().cloned());
        self.command.clone().ignore_errors(true).try_get_matches_from(line).ok()
    }

    /// Marks an option that only has its value after `=` as an option without a value for the
    /// engine.
    fn end_without_value(&self, word: &mut OsString) {
        let name = word.to_str().and_then(|it| it.strip_prefix("--"));
        let is_meant = |it: &clap::Arg| it.is_require_equals_set() && it.get_long() == name;
        if name.is_some() && self.command.get_arguments().any(is_meant) {
            word.push("=");
        }
    }

    /// Returns the other name of an option before `=`, which the engine does not know, and the
    /// option's own name.
    fn alias(&self, word: &str) -> Option<(String, String)> {
        let name = word.strip_prefix("--")?.split_once('=')?.0;
        let is_alias = |it: &&clap::Arg| it.get_all_aliases().is_some_and(|it| it.contains(&name));
        let own = self.command.get_arguments().find(is_alias)?.get_long()?;
        Some((format!("--{name}="), format!("--{own}=")))
    }
}

/// The source of the values of an argument.
#[derive(Clone)]
enum Source {
    Paths(Wanted),
    Values(Values),
    Plugin(Box<PluginValues>),
}

impl Source {
    fn of(arg: &clap::Arg) -> Vec<Self> {
        let paths = match arg.get_value_hint() {
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::ExecutablePath => {
                Some(Wanted::Files)
            }
            ValueHint::DirPath => Some(Wanted::Dirs),
            _ => None,
        };
        // The session, which is required to find values, is built from the options of every
        // command.
        let keys = Values(|session, _| plugin_keys(session, Entry::is_usable));
        let is_key = arg.get_id() == global::DISABLE_PLUGIN;
        let values = arg.get::<Values>().copied().or(is_key.then_some(keys)).map(Self::Values);
        let of_plugin = arg.get::<PluginValues>().cloned().map(|it| Self::Plugin(Box::new(it)));
        values.into_iter().chain(of_plugin).chain(paths.map(Self::Paths)).collect()
    }

    fn offers(&self, session: &Session<'_>, leaf: Option<&Leaf>, part: &str) -> Vec<Offer> {
        let matches = || leaf.map_or_else(|| Some(ArgMatches::default()), Leaf::matches);
        let found = match self {
            Self::Paths(wanted) => return paths::offers(part, wanted),
            Self::Values(Values(find)) => matches().map(|it| find(session, &it)),
            Self::Plugin(asked) => matches().map(|it| suggested(session, asked, &it, part)),
        };
        let found = found.unwrap_or_default().into_iter().filter(|it| it.value.starts_with(part));
        found.map(|it| Offer::new(it.value).help(&it.help)).collect()
    }
}

/// The values that the engine has requested, each with its typed part. Finding them requires the
/// session.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<(Source, String)>>>);

impl Asked {
    fn note(&self, sources: &[Source], part: &OsStr) {
        // The engine requests the value of a positional argument even while an option is typed.
        let Some(part) = part.to_str().filter(|it| !it.starts_with('-')) else { return };
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.extend(sources.iter().map(|it| (it.clone(), part.to_owned())));
    }

    fn take(&self) -> Vec<(Source, String)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns a command whose arguments record that the engine requests their values.
fn noting(command: Command, asked: &Asked) -> Command {
    let command = command.mut_args(|arg| {
        let sources = Source::of(&arg);
        match sources.is_empty() {
            true => arg,
            false => {
                let asked = asked.clone();
                arg.add(ArgValueCompleter::new(move |part: &OsStr| {
                    asked.note(&sources, part);
                    Vec::new()
                }))
            }
        }
    });
    command.mut_subcommands(|it| noting(it, asked))
}

/// Returns the full tree, and the one command on the line with its options, if there is one.
fn tree(host: &Host, session: &Session<'_>, line: &[OsString]) -> (Command, Option<Leaf>) {
    // Any plugin's command is possible only while the first word is typed.
    let typed = line.split_last().map_or(&[][..], |(_, typed)| typed);
    if Line::new(typed.get(1..).unwrap_or_default()).words().is_empty() {
        let root = tree::first_word(host, session.catalog(), &callable::all(session));
        return (root, None);
    }
    let line = Line::new(&line[1..]);
    let words = line.words();
    let first = words.first().map(String::as_str);
    let catalog = first.map_or_else(|| session.catalog(), |it| session.catalog_below(it));
    let root = tree::full(host, catalog, first);
    let leaf = match host.table.find(&words) {
        Some((Target::Row(row), n)) => of_row(session, row, line.rest(n)),
        Some((Target::Extra(_), _)) => None,
        None => match catalog.find_command(&words) {
            Ok(Some((entry, command))) => {
                of_plugin(session, entry, command, line.rest(command.path.len()))
            }
            _ => {
                let programs = callable::below(session, &words[..1]);
                return (tree::with_programs(root, &programs), None);
            }
        },
    };
    match leaf {
        Some(leaf) => (replace(root, &leaf.path, leaf.command.clone()), Some(leaf)),
        None => (root, None),
    }
}

/// Returns a row's command with its options.
fn of_row(session: &Session<'_>, row: &Row, rest: Vec<OsString>) -> Option<Leaf> {
    let command = match &row.run {
        Run::Plain(_) => global::add_to(row.command()),
        Run::Hooked { events, .. } => hooked::describe(session, row, events).ok()?.command,
        Run::Late(bind) => global::add_to(bind(session, row.command(), &rest).ok()?.command),
    };
    Some(Leaf { path: row.path.iter().copied().map(str::to_owned).collect(), command, rest })
}

/// Returns the command with its options; the command of a failing plugin has no options to
/// complete.
fn of_plugin(
    session: &Session<'_>,
    entry: &Entry,
    command: &ManifestCommand,
    rest: Vec<OsString>,
) -> Option<Leaf> {
    let plugin = session.load(entry).ok()?;
    let description = plugin_command::describe(session, &plugin, &command.path).ok()?;
    let name = command.path.last()?.clone();
    let clap_command = global::add_to(args::command(name, &description).ok()?);
    let clap_command = completed_by(clap_command, &plugin, &command.path, &description.args);
    Some(Leaf { path: command.path.clone(), command: clap_command, rest })
}

/// Asks a plugin for the values that begin with `part`; a failing plugin has no values.
fn suggested(
    session: &Session<'_>,
    asked: &PluginValues,
    matches: &ArgMatches,
    part: &str,
) -> Vec<Candidate> {
    let mut request = CompleteRequest::default();
    request.caller = session.caller(asked.plugin.key());
    request.path.clone_from(&asked.path);
    request.arg.clone_from(&asked.name);
    request.args = args::values(&asked.args, matches);
    part.clone_into(&mut request.word);
    let services = session.services().of(asked.plugin.key().to_string());
    asked.plugin.complete(&request, &Silent(&services)).unwrap_or_default().candidates
}

/// The services for a plugin that is called in the middle of the user's line, where nothing of it
/// may be shown.
struct Silent<'a>(&'a PluginServices);

impl HostServices for Silent<'_> {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, _text: &str) {}

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Prompt(_) | ServiceRequest::Show(_) => {
                Err(ErrorReply::unsupported("a completion cannot ask or show anything"))
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
