//! `plugin list`: every plugin file and its state, and the programs on the search path.

use super::probe::{self, Prober};
use super::warnings::{Warning, warnings};
use crate::catalog::{Entry, State};
use crate::cli::callable::{self, Judgement};
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::output::{self, Cell, Table};
use crate::cli::required;
use crate::cli::session::{Session, is_newer};
use clap::{Arg, ArgAction, ArgMatches};
use pintle_plugin::host::Stream;
use pintle_plugin::manifest::Abi;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// One plugin in the listing. The field names are part of the interface.
#[derive(Serialize)]
struct Listed<'a> {
    name: Option<String>,
    version: Option<String>,
    key: Option<String>,
    state: State,
    reason: Option<String>,
    transport: String,
    path: Option<String>,
    /// Where it was installed from, if a command of the host installed it.
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
    /// Possible problems of the file; known only with `--check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Warning>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    interfaces: &'a [String],
}

pub(in crate::cli) const ROW: Row =
    Row::new(&["plugin", "list"], "List the plugins and their states", Run::Plain(run))
        .args(|command| {
            command
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .help("Include shadowed plugins"),
                )
                .arg(Arg::new("check").long("check").action(ArgAction::SetTrue).help(
                    "Load each plugin in a separate process, and list plugins that fail as refused",
                ))
                .arg(output::arg())
        })
        .needs(&[required::READABLE])
        .common();

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let all = matches.get_flag("all");
    let shown = |it: &&Entry| all || it.state() != State::Shadowed;
    let entries: Vec<&Entry> = session.catalog().entries().iter().filter(shown).collect();
    let judged = match matches.get_flag("check") {
        true => check_all(session, &entries)?,
        false => entries.into_iter().map(Judged::new).collect(),
    };
    // The text shows nothing that requires the whole manifest, and manifests are read only when
    // they are needed.
    let programs = callable::judged(session);
    if output::is_text(matches) {
        session.console().write(Stream::Out, &text(session, &judged));
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

/// A plugin and its state.
struct Judged<'a> {
    entry: &'a Entry,
    state: State,
    /// Why, as bytes, as all that is listed.
    reason: Option<Cow<'a, [u8]>>,
    warnings: Option<Vec<Warning>>,
}

impl<'a> Judged<'a> {
    fn new(entry: &'a Entry) -> Self {
        let mut remarks = remarks_on(entry).peekable();
        let reason = entry.raw_reason();
        let reason = match remarks.peek() {
            None => reason,
            Some(_) => {
                let remarks = remarks.map(|it| Cow::from(it.into_bytes()));
                let all: Vec<_> = reason.into_iter().chain(remarks).collect();
                Some(all.join(&b"; "[..]).into())
            }
        };
        Self { entry, state: entry.state(), reason, warnings: None }
    }

    fn refuse(&mut self, err: &CliError) {
        self.state = State::Refused;
        self.reason = Some(err.to_string().into_bytes().into());
    }
}

/// Determines the states of the plugins by loading them, each file in a separate process.
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

/// Processes each item, in as many threads as this machine has processors.
fn in_parallel<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let n_threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let items = Mutex::new(items.into_iter());
    // Each thread takes the items that the others have left, so it does not matter if one cannot be
    // started.
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

/// Returns remarks about a plugin that can be used.
fn remarks_on(entry: &Entry) -> impl Iterator<Item = String> {
    let notice = entry.deprecated().filter(|_| entry.state() == State::Ok);
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
        reason: reason.map(|it| String::from_utf8_lossy(&it).into_owned()),
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

/// Returns a program in the form of a plugin; most fields are empty.
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

fn text(session: &Session<'_>, plugins: &[Judged<'_>]) -> Vec<u8> {
    if plugins.is_empty() {
        let host = &session.identity().command_name;
        let text = format!("no plugins found; `{host} plugin abi` lists the plugin directories\n");
        return text.into_bytes();
    }
    let sources: Vec<_> =
        plugins.iter().map(|it| session.provenance(it.entry).map(|it| it.source)).collect();
    // If no plugin was installed by a command of the host, there are no sources to show.
    let has_sources = sources.iter().any(Option::is_some);
    let headings = ["KEY", "STATE", "TRANSPORT", "PROVIDES", "SOURCE", "REASON"];
    let headings: Vec<_> =
        headings.into_iter().filter(|it| has_sources || *it != "SOURCE").collect();
    let mut table = Table::new(headings.len(), 1 + plugins.len());
    headings.iter().for_each(|it| table.push(Cell::plain(it.as_bytes())));
    for (it, source) in plugins.iter().zip(sources) {
        let cell = if it.entry.is_plain() { Cell::plain } else { Cell::new };
        let key = match it.entry.raw_key() {
            Some(key) => cell(key),
            None => {
                let path = it.entry.path().map(output::path).unwrap_or_default();
                Cell::new(path.into_bytes())
            }
        };
        let state = Cell::plain(it.state.name().as_bytes());
        let transport = Cell::plain(it.entry.transport().name().as_bytes());
        let brought = cell(it.entry.brought());
        match has_sources {
            false => table.push_row([key, state, transport, brought, remarks(it)]),
            true => {
                let source = Cell::new(source.unwrap_or_default().into_bytes());
                table.push_row([key, state, transport, brought, source, remarks(it)]);
            }
        }
    }
    table.text("")
}

/// Returns the reason and the warnings, in a few words.
fn remarks<'j>(it: &'j Judged<'_>) -> Cell<'j> {
    let reason = it.reason.as_deref().unwrap_or_default();
    let warnings = it.warnings.iter().flatten().map(|it| format!("warning: {}", it.short));
    let warnings: Vec<_> = warnings.map(String::into_bytes).collect();
    if warnings.is_empty() {
        return if reason.is_empty() { Cell::plain(reason) } else { Cell::new(reason) };
    }
    let all = Some(reason.to_vec()).filter(|it| !it.is_empty()).into_iter().chain(warnings);
    Cell::new(all.collect::<Vec<_>>().join(&b"; "[..]))
}
