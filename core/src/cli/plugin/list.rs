//! `plugin list`: every plugin file, and what became of it.

use super::super::{Session, output};
use crate::catalog::{Entry, State};
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_plugin::manifest::{Abi, Manifest};
use serde::Serialize;
use std::path::Path;

/// One plugin in the listing. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Row<'a> {
    name: Option<String>,
    version: Option<String>,
    key: Option<String>,
    state: State,
    reason: Option<String>,
    transport: String,
    path: Option<&'a Path>,
    abi: Option<&'a Abi>,
    project_versions: &'a [String],
    commands: Vec<String>,
    subcommands: &'a [String],
    events: &'a [String],
}

pub(super) fn command() -> Command {
    Command::new("list")
        .about("List the plugins and what became of each")
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .help("List those too that another one shadows"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Load each plugin, and list as refused what fails"),
        )
        .arg(output::arg())
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) {
    let shown = |it: &&Entry| matches.get_flag("all") || it.state() != State::Shadowed;
    let entries = session.catalog().entries_with_manifests().iter().filter(shown);
    let deep = matches.get_flag("check");
    let rows: Vec<Row<'_>> = entries.map(|it| judged_row(session, it, deep)).collect();
    output::print(matches, &session.console, &rows, text);
}

/// Returns the row of a plugin; a deep look loads it, and finds what no manifest tells.
fn judged_row<'a>(session: &Session<'_>, entry: &'a Entry, deep: bool) -> Row<'a> {
    let row = row(entry);
    let fault = (deep && entry.is_usable()).then(|| session.load(entry).err()).flatten();
    match fault {
        Some(err) => Row { state: State::Refused, reason: Some(err.to_string()), ..row },
        None => Row { reason: row.reason.or_else(|| remark(entry)), ..row },
    }
}

/// Returns what to know of a plugin that can be used.
fn remark(entry: &Entry) -> Option<String> {
    let notice = entry.manifest().filter(|_| entry.is_usable())?.deprecated.as_ref()?;
    Some(format!("it is deprecated: {notice}"))
}

fn row(entry: &Entry) -> Row<'_> {
    let manifest = entry.manifest();
    let list = |field: fn(&Manifest) -> &Vec<String>| manifest.map_or(&[][..], |it| field(it));
    let commands = manifest.map_or(&[][..], |it| &it.commands);
    let field = |text: &String| Some(text.clone()).filter(|it| !it.is_empty());
    Row {
        name: entry.key().map(|it| it.name().to_string()).or_else(|| field(&manifest?.name)),
        version: manifest.and_then(|it| field(&it.version)),
        key: entry.key().map(ToString::to_string),
        state: entry.state(),
        reason: entry.reason(),
        transport: entry.transport().to_string(),
        path: entry.path(),
        abi: manifest.map(|it| &it.abi),
        project_versions: list(|it| &it.project_versions),
        commands: commands.iter().map(|it| it.path.join(" ")).collect(),
        subcommands: list(|it| &it.subcommands),
        events: list(|it| &it.events),
    }
}

fn text(rows: &Vec<Row<'_>>) -> String {
    if rows.is_empty() {
        return "no plugins; `plugin abi` shows where they are looked for".to_owned();
    }
    let heading = ["KEY", "STATE", "TRANSPORT", "BRINGS", "REASON"].map(str::to_owned).to_vec();
    let line = |it: &Row<'_>| {
        let file = it.path.map(|it| it.display().to_string()).unwrap_or_default();
        vec![
            it.key.clone().unwrap_or(file),
            it.state.to_string(),
            it.transport.clone(),
            brings(it),
            it.reason.clone().unwrap_or_default(),
        ]
    };
    let lines: Vec<_> = std::iter::once(heading).chain(rows.iter().map(line)).collect();
    output::table(&lines)
}

fn brings(row: &Row<'_>) -> String {
    let names = row.commands.iter().chain(row.subcommands).map(String::as_str);
    let names: Vec<_> = names.collect();
    let hooks = match row.events.len() {
        0 => None,
        1 => Some("1 hook".to_owned()),
        n => Some(format!("{n} hooks")),
    };
    let parts: Vec<String> =
        Some(names.join(", ")).filter(|it| !it.is_empty()).into_iter().chain(hooks).collect();
    match parts.is_empty() {
        true => "-".to_owned(),
        false => parts.join("; "),
    }
}
