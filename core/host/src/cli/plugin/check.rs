//! `plugin check`: loads a plugin with every check, and says what was checked.

use super::subject::{Subject, subject, subject_arg};
use crate::LIBRARY_VERSION;
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::session::Session;
use crate::cli::{output, plugin_command};
use crate::transport::{self, LoadedPlugin};
use clap::ArgMatches;
use pintle_plugin::manifest::{ABI_STABLE_VERSION, INTERFACE_VERSION};
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    key: String,
    path: Option<String>,
    checks: Vec<Check>,
}

/// One check that the plugin has passed.
#[derive(Serialize)]
struct Check {
    check: &'static str,
    found: String,
}

pub(in crate::cli) const ROW: Row = Row::new(
    &["plugin", "check"],
    "Load a plugin with every check, and say what was checked",
    Run::Plain(run),
)
.args(|command| command.arg(subject_arg()).arg(output::arg()));

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (plugin, path) = match subject(session, matches)? {
        Subject::File(path) => {
            (transport::load(&path, session.rules())?, Some(output::path(&path)))
        }
        Subject::Entry(entry) => (session.load(entry)?, entry.path().map(output::path)),
    };
    let checks = [
        file_checks(path.is_some(), &plugin),
        manifest_checks(&plugin),
        code_checks(session, &plugin)?,
    ];
    let report = Report {
        key: plugin.key().to_string(),
        path,
        checks: checks.into_iter().flatten().map(|(check, found)| Check { check, found }).collect(),
    };
    output::print(matches, session.console(), &report, text);
    Ok(Exit::Done.into())
}

type Found = Vec<(&'static str, String)>;

/// What [`transport::load`] has made sure of before it opened the file.
fn file_checks(is_file: bool, plugin: &LoadedPlugin) -> Found {
    if !is_file {
        return vec![("file", "none: the plugin is part of the program".to_owned())];
    }
    vec![
        (
            "file",
            "a regular file, a library for this machine, all its segments inside the file"
                .to_owned(),
        ),
        ("root symbol", format!("`{}`, defined by this file", plugin.manifest().abi.root)),
        ("layout", "fits this host's".to_owned()),
        ("code", "says the same as the manifest in the file".to_owned()),
    ]
}

fn manifest_checks(plugin: &LoadedPlugin) -> Found {
    let manifest = plugin.manifest();
    let abi = &manifest.abi;
    let mut found = vec![
        ("interface", format!("{}, this host has {INTERFACE_VERSION}", abi.interface)),
        ("abi_stable", format!("{}, this host has {ABI_STABLE_VERSION}", abi.abi_stable)),
        ("target", manifest.target.clone()),
        ("panic", abi.panic.clone()),
        ("host", format!("requires `{}`, this is {LIBRARY_VERSION}", manifest.host)),
    ];
    if !manifest.project_versions.is_empty() {
        found.push(("project", manifest.project_versions.join(", ")));
    }
    found.extend(manifest.interfaces.iter().map(|it| ("implements", it.clone())));
    found
}

/// Calls the plugin: its functions must be there, and its commands describe themselves.
fn code_checks(session: &Session<'_>, plugin: &LoadedPlugin) -> Result<Found, CliError> {
    let functions = plugin.functions();
    let names = |present: bool| {
        let names = functions.iter().filter(|it| it.1 == present).map(|it| it.0);
        names.collect::<Vec<_>>().join(", ")
    };
    let mut found = vec![("functions", names(true))];
    if functions.iter().any(|it| !it.1) {
        found.push((
            "absent",
            format!("{} (newer than the plugin; the host does without)", names(false)),
        ));
    }
    for command in &plugin.manifest().commands {
        let description = plugin_command::describe(session, plugin, &command.path)?;
        plugin_command::clap_command(session, plugin, &command.path, &description, &[])?;
        let args = match description.args.len() {
            1 => "1 argument".to_owned(),
            n => format!("{n} arguments"),
        };
        found.push(("command", format!("`{}`, {args}", command.path.join(" "))));
    }
    Ok(found)
}

fn text(report: &Report) -> String {
    let mut rows = vec![vec!["plugin".to_owned(), report.key.clone()]];
    rows.extend(report.path.iter().map(|it| vec!["path".to_owned(), it.clone()]));
    rows.extend(report.checks.iter().map(|it| vec![it.check.to_owned(), it.found.clone()]));
    format!("{}\nevery check passed", output::table(&rows))
}
