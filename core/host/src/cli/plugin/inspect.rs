//! `plugin inspect`: the manifest of a plugin file. It only reads the file, and runs no code of it.

use super::super::{explain, output};
use super::probe::is_program;
use super::subject::{Subject, subject, subject_arg};
use crate::catalog::{Entry, PluginKey, Refusal, Transport, library_file};
use crate::causes::with_causes;
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::session::Session;
use clap::ArgMatches;
use pintle_plugin::manifest::Manifest;
use serde::Serialize;
use std::ffi::OsString;
use std::path::Path;

#[derive(Serialize)]
struct Inspection {
    path: Option<String>,
    transport: String,
    format: Option<String>,
    architecture: Option<String>,
    /// Why this host would not load the plugin; null if it would.
    refused: Option<String>,
    manifest: Option<Manifest>,
}

pub(in crate::cli) const ROW: Row = Row::new(
    &["plugin", "inspect"],
    "Show the manifest of a plugin; libraries are not run",
    Run::Plain(run),
)
.args(|command| command.arg(subject_arg()).arg(output::arg()));

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let inspection = match subject(session, matches) {
        Ok(Subject::File(path)) => of_file(session, &path)?,
        Ok(Subject::Entry(entry)) => of_entry(session, entry)?,
        // The fault of a refused plugin is what the user wants to see here.
        Err(err) => match set_aside(session, matches) {
            Some(entry) => of_entry(session, entry)?,
            None => return Err(err),
        },
    };
    output::print(matches, session.console(), &inspection, text);
    Ok(Exit::Done.into())
}

/// Returns the plugin for the user's key, although it cannot be used.
fn set_aside<'a>(session: &'a Session<'_>, matches: &ArgMatches) -> Option<&'a Entry> {
    let asked: PluginKey = matches.get_one::<OsString>("plugin")?.to_str()?.parse().ok()?;
    let unusable = session.catalog().entries().iter().filter(|it| !it.is_usable());
    unusable.into_iter().find(|it| {
        let version = it.version();
        let name = it.key().map(PluginKey::name);
        name.zip(version).is_some_and(|(name, version)| asked.matches(name, &version))
    })
}

fn of_entry(session: &Session<'_>, entry: &Entry) -> Result<Inspection, CliError> {
    let is_library = |_: &&Path| entry.transport() == Transport::Native;
    match entry.path().filter(is_library) {
        Some(path) => of_file(session, path),
        None => Ok(Inspection {
            path: entry.path().map(output::path),
            transport: entry.transport().to_string(),
            format: None,
            architecture: None,
            refused: entry.refusal().map(|it| with_causes(it)),
            manifest: entry.manifest().cloned(),
        }),
    }
}

/// Reads a file of any platform; it is an error only if the file contains no manifest.
fn of_file(session: &Session<'_>, path: &Path) -> Result<Inspection, CliError> {
    if is_program(path) {
        return of_program(session, path);
    }
    let library = library_file::open(path).map_err(|err| unreadable(path, &err.into()))?;
    let manifest = match library.manifests() {
        [json] => Manifest::parse(json).map_err(|err| CliError::from_error(Exit::Refused, &err))?,
        [] => return Err(unreadable(path, &Refusal::NoManifest)),
        _ => return Err(unreadable(path, &Refusal::SeveralManifests)),
    };
    let refused = crate::catalog::examine(path, session.rules()).err();
    Ok(Inspection {
        path: Some(output::path(path)),
        transport: "native".to_owned(),
        format: Some(library.format().to_string()),
        architecture: Some(library.architecture().to_owned()),
        refused: refused.map(|it| with_causes(&it.refusal)),
        manifest: Some(manifest),
    })
}

/// Returns the description of a plugin file as text.
pub(super) fn text_of_file(session: &Session<'_>, path: &Path) -> Result<String, CliError> {
    Ok(text(&of_file(session, path)?))
}

/// A program describes itself, and its description is not stored in its file.
fn of_program(session: &Session<'_>, path: &Path) -> Result<Inspection, CliError> {
    let plugin = session.load_program(path)?;
    Ok(Inspection {
        path: Some(output::path(path)),
        transport: Transport::Executable.to_string(),
        format: None,
        architecture: None,
        refused: None,
        manifest: Some(plugin.manifest().clone()),
    })
}

fn unreadable(path: &Path, refusal: &Refusal) -> CliError {
    CliError::new(Exit::Refused, format!("`{}` is not a plugin", path.display()))
        .cause(refusal)
        .hint(explain::refusal(refusal, None))
}

fn text(inspection: &Inspection) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.to_owned(), value]);
        }
    };
    let path = inspection.path.clone();
    row("file", path.unwrap_or_default());
    let format = [&inspection.format, &inspection.architecture].into_iter().flatten();
    row("format", format.cloned().collect::<Vec<_>>().join(", "));
    if let Some(it) = &inspection.manifest {
        row("name", it.name.clone());
        row("version", it.version.clone());
        row("description", it.description.clone());
        row("deprecated", it.deprecated.clone().unwrap_or_default());
        row("homepage", it.homepage.clone());
        row("repository", it.repository.clone());
        row("licence", it.license.clone());
        row("authors", it.authors.join(", "));
        let abi = &it.abi;
        if !abi.interface.is_empty() {
            row(
                "interface",
                format!("{}, abi_stable {}, panic = {}", abi.interface, abi.abi_stable, abi.panic),
            );
        }
        row("root symbol", abi.root.clone());
        row("target", it.target.clone());
        row("built by", it.rustc.clone());
        row("host", it.host.clone());
        row("project", it.project_versions.join(", "));
        for noun in &it.nouns {
            row("noun", format!("{}: {}", noun.path.join(" "), noun.about));
        }
        for command in &it.commands {
            row("command", format!("{}: {}", command.path.join(" "), command.about));
        }
        row("subcommands", it.subcommands.join(", "));
        row("events", it.events.join(", "));
        row("interfaces", it.interfaces.join(", "));
    }
    row(
        "this host",
        inspection
            .refused
            .clone()
            .map_or("accepts it".to_owned(), |it| format!("refuses it: {it}")),
    );
    output::table(&rows)
}
