//! `plugin list`: every plugin file, and what became of it; and the programs on the search path.

use super::probe::{self, Prober};
use super::warnings::{Warning, warnings};
use crate::catalog::{Entry, State};
use crate::causes::with_causes;
use crate::cli::callable::{self, Judgement};
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::output;
use crate::cli::required;
use crate::cli::session::{Session, is_newer};
use clap::{Arg, ArgAction, ArgMatches};
use pintle_plugin::manifest::Abi;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// One plugin in the listing. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Listed<'a> {
    name: Option<String>,
    version: Option<String>,
    key: Option<String>,
    state: State,
    reason: Option<String>,
    transport: String,
    path: Option<String>,
    /// Where it was installed from, if a command of the host has done that.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Who vouched for its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<String>,
    abi: Option<&'a Abi>,
    project_versions: &'a [String],
    commands: Vec<String>,
    subcommands: &'a [String],
    events: &'a [String],
    /// What is doubtful about the file; known only with `--check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Warning>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    interfaces: &'a [String],
}

pub(in crate::cli) const ROW: Row =
    Row::new(&["plugin", "list"], "List the plugins and what became of each", Run::Plain(run))
        .args(|command| {
            command
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help("List those too that another one shadows"),
                )
                .arg(Arg::new("check").long("check").action(ArgAction::SetTrue).help(
                    "Load each plugin in a process of its own, and list as refused what fails",
                ))
                .arg(output::arg())
        })
        .needs(&[required::READABLE]);

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let shown = |it: &&Entry| matches.get_flag("all") || it.state() != State::Shadowed;
    let entries: Vec<&Entry> = session.catalog().entries().iter().filter(shown).collect();
    let judged = match matches.get_flag("check") {
        true => check_all(session, &entries)?,
        false => entries.into_iter().map(Judged::new).collect(),
    };
    // The form for people shows nothing that only the whole manifest tells, and
    // manifests are read when they are looked at.
    let programs = callable::judged(session);
    if output::is_text(matches) {
        session.console().println(text(session, &judged));
        if !programs.is_empty() {
            session.console().println(programs_text(&programs));
        }
        return Ok(Exit::Done.into());
    }
    let plugins = judged.into_iter().map(|it| row(session, it));
    let rows: Vec<Listed<'_>> = plugins.chain(programs.iter().map(program_row)).collect();
    output::print(matches, session.console(), &rows, |_| String::new());
    Ok(Exit::Done.into())
}

/// The column with the sources.
const SOURCE: usize = 4;

/// A plugin, and what became of it.
struct Judged<'a> {
    entry: &'a Entry,
    state: State,
    reason: Option<String>,
    warnings: Option<Vec<Warning>>,
}

impl<'a> Judged<'a> {
    fn new(entry: &'a Entry) -> Self {
        let reason = entry.reason().map(|it| with_causes(&it)).into_iter();
        let reason: Vec<_> = reason.chain(remarks_on(entry)).collect();
        let reason = Some(reason.join("; ")).filter(|it| !it.is_empty());
        Self { entry, state: entry.state(), reason, warnings: None }
    }

    fn refuse(&mut self, err: &CliError) {
        self.state = State::Refused;
        self.reason = Some(err.to_string());
    }
}

/// Judges the plugins by what happens when they are loaded, each file in a process of its own.
fn check_all<'a>(
    session: &Session<'_>,
    entries: &[&'a Entry],
) -> Result<Vec<Judged<'a>>, CliError> {
    let prober = Prober::new(session)?;
    let mut judged: Vec<_> = entries.iter().copied().map(Judged::new).collect();
    let files = judged.iter_mut().filter(|it| it.entry.is_usable());
    let (files, linked): (Vec<_>, Vec<_>) = files.partition(|it| probe::file(it.entry).is_some());
    for it in linked {
        if let Err(err) = session.load(it.entry) {
            it.refuse(&err);
        }
    }
    in_parallel(files, |it| {
        let path = probe::file(it.entry).expect("it was chosen for its file");
        it.warnings = Some(warnings(path, None));
        if let Err(err) = prober.probe(path) {
            it.refuse(&err.into());
        }
    });
    Ok(judged)
}

/// Does something with each item, in as many threads as this machine has processors.
fn in_parallel<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let n_threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let items = Mutex::new(items.into_iter());
    // Each of the threads does what the others have left: so one that cannot be started
    // is no loss.
    let work = || {
        while let Some(item) = { items.lock().unwrap_or_else(PoisonError::into_inner).next() } {
            work(item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..n_threads {
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

/// Returns what to know of a plugin that can be used.
fn remarks_on(entry: &Entry) -> impl Iterator<Item = String> {
    let notice = entry.deprecated().filter(|_| entry.is_usable() && entry.reason().is_none());
    let notice = notice.map(|it| format!("it is deprecated: {it}"));
    let copies = entry.copies().iter().map(|copy| {
        let older = entry.path().filter(|it| is_newer(copy, it));
        let (what, unused) = match older {
            Some(path) => ("a newer copy", path),
            None => ("a copy", &**copy),
        };
        let (copy, unused) = (output::path(copy), output::path(unused));
        format!("{what} of it in `{copy}` is not used: remove `{unused}`")
    });
    notice.into_iter().chain(copies)
}

fn row<'a>(session: &Session<'_>, judged: Judged<'a>) -> Listed<'a> {
    let Judged { entry, state, reason, warnings } = judged;
    let provenance = session.provenance(entry);
    let (source, trust) = provenance.map(|it| (it.source, it.trust)).unzip();
    let manifest = entry.manifest();
    let field = |text: &String| Some(text.clone()).filter(|it| !it.is_empty());
    Listed {
        name: entry.key().map(|it| it.name().to_string()).or_else(|| field(&manifest?.name)),
        version: manifest.and_then(|it| field(&it.version)),
        key: entry.key().map(ToString::to_string),
        state,
        reason,
        transport: entry.transport().to_string(),
        path: entry.path().map(output::path),
        source,
        trust,
        abi: manifest.map(|it| &it.abi),
        project_versions: manifest.map_or(&[], |it| &it.project_versions),
        commands: entry.commands().iter().map(|it| it.path.join(" ")).collect(),
        subcommands: entry.subcommands(),
        events: entry.events(),
        warnings,
        interfaces: entry.interfaces(),
    }
}

/// Returns a program in the form of a plugin, of which it has little.
fn program_row<'a>(program: &Judgement) -> Listed<'a> {
    Listed {
        name: None,
        version: None,
        key: None,
        state: program.state,
        reason: program.reason.clone(),
        transport: "callable".to_owned(),
        path: Some(output::path(&program.path)),
        source: None,
        trust: None,
        abi: None,
        project_versions: &[],
        commands: vec![program.words.join(" ")],
        subcommands: &[],
        events: &[],
        warnings: None,
        interfaces: &[],
    }
}

fn programs_text(programs: &[Judgement]) -> String {
    let heading = ["COMMAND", "STATE", "PROGRAM", "REASON"].map(str::to_owned).to_vec();
    let line = |it: &Judgement| {
        let reason = it.reason.clone().unwrap_or_default();
        vec![it.words.join(" "), it.state.to_string(), output::path(&it.path), reason]
    };
    let lines: Vec<_> = std::iter::once(heading).chain(programs.iter().map(line)).collect();
    format!("\nPrograms on the search path:\n{}", output::table(&lines))
}

fn text(session: &Session<'_>, plugins: &[Judged<'_>]) -> String {
    if plugins.is_empty() {
        return "no plugins; `plugin abi` shows where they are looked for".to_owned();
    }
    let mut lines = vec![
        ["KEY", "STATE", "TRANSPORT", "BRINGS", "SOURCE", "REASON"].map(str::to_owned).to_vec(),
    ];
    for it in plugins {
        let file = || it.entry.path().map(output::path);
        lines.push(vec![
            it.entry.key().map(ToString::to_string).or_else(file).unwrap_or_default(),
            it.state.to_string(),
            it.entry.transport().to_string(),
            brings(it.entry),
            session.provenance(it.entry).map(|it| it.source).unwrap_or_default(),
            remarks(it),
        ]);
    }
    // Where no plugin was installed by a command of the host, there is nothing to say of sources.
    if lines[1..].iter().all(|it| it[SOURCE].is_empty()) {
        lines.iter_mut().for_each(|it| drop(it.remove(SOURCE)));
    }
    output::table(&lines)
}

/// Returns the reason and the warnings, in a few words.
fn remarks(it: &Judged<'_>) -> String {
    let warnings: Vec<_> =
        it.warnings.iter().flatten().map(|it| format!("warning: {}", it.short)).collect();
    it.reason.iter().chain(&warnings).cloned().collect::<Vec<_>>().join("; ")
}

/// Returns the plugin's commands, its subcommands and interfaces, and how many events its hooks
/// take.
fn brings(entry: &Entry) -> String {
    let commands = entry.commands().iter().map(|it| it.path.join(" "));
    let others = entry.subcommands().iter().chain(entry.interfaces()).cloned();
    let names: Vec<_> = commands.chain(others).collect();
    let events = match entry.events().len() {
        0 => None,
        1 => Some("1 event".to_owned()),
        n => Some(format!("{n} events")),
    };
    let parts: Vec<String> =
        Some(names.join(", ")).filter(|it| !it.is_empty()).into_iter().chain(events).collect();
    match parts.is_empty() {
        true => "-".to_owned(),
        false => parts.join("; "),
    }
}
