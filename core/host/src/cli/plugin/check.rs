//! `plugin check`: loads a plugin, runs all checks, and lists them.
//!
//! A plugin file is loaded in a separate process, because its library may end the process or never
//! return.

use super::probe::{self, Prober};
use super::report::{Check, Report, examine};
use super::subject::{Subject, subject, subject_arg};
use super::warnings::{Warning, conflicts, warnings};
use crate::caller;
use crate::catalog::PluginKey;
use crate::catalog::library_file::GlibcVersion;
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::output;
use crate::cli::raised;
use crate::cli::session::Session;
use crate::transport::LoadError;
use clap::{Arg, ArgMatches, value_parser};
use pintle_plugin::Level;
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The result. The field names are part of the interface.
#[derive(Serialize)]
struct Shown {
    key: String,
    path: Option<String>,
    checks: Vec<Check>,
    /// Possible problems.
    warnings: Vec<Warning>,
}

impl Shown {
    /// Returns the result for a plugin that has passed, with the warnings about its file.
    fn of(session: &Session<'_>, report: Report, mut warnings: Vec<Warning>) -> Self {
        warnings.extend(conflicts(session, &report));
        let Report { key, path, checks, .. } = report;
        Self { key, path, checks, warnings }
    }
}

pub(in crate::cli) const ROW: Row =
    Row::new(&["plugin", "check"], "Load a plugin and run all checks", Run::Plain(run)).args(
        |command| command.arg(subject_arg()).arg(glibc_arg()).arg(probe::arg()).arg(output::arg()),
    );

/// Returns the option for the oldest glibc that a plugin is to work with.
pub(super) fn glibc_arg() -> Arg {
    Arg::new("glibc")
        .long("glibc")
        .value_name("VERSION")
        .value_parser(value_parser!(GlibcVersion))
        .help("Warn about symbols of a newer glibc than this, for example `2.31`")
}

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    if matches.get_flag(probe::OPTION) {
        let path = matches.get_one::<OsString>("plugin").expect("the argument is required");
        let path = Path::new(path);
        // The parent process names a file, but so can any other caller.
        let is_listed = || session.catalog().entries().iter().any(|it| it.path() == Some(path));
        if !caller::is_trusted() && !is_listed() {
            raised::check_trusted("a plugin file as an argument")?;
        }
        return Ok(probe::answer(session, path));
    }
    let shown = match subject(session, matches)? {
        Subject::File(path) => check_file(session, matches, &path, None)?,
        Subject::Entry(entry) => match probe::file(entry).filter(|_| entry.is_usable()) {
            Some(path) => check_file(session, matches, path, entry.key())?,
            // The plugin is part of the program, which shares its faults; or it belongs to another
            // system and has its own process anyway; or it is refused.
            None => {
                let path = entry.path().map(output::path);
                let report = examine(session, &session.load(entry)?, path, &|_| {})?;
                Shown::of(session, report, Vec::new())
            }
        },
    };
    output::print(matches, session.console(), &shown, text);
    Ok(Exit::Done.into())
}

/// Checks a file, which was listed as the plugin `listed`.
fn check_file(
    session: &Session<'_>,
    matches: &ArgMatches,
    path: &Path,
    listed: Option<&PluginKey>,
) -> Result<Shown, CliError> {
    let warnings = warnings(path, matches.get_one("glibc").copied());
    let report = Prober::new(session)?.probe(path).inspect_err(|_| {
        // They may be the cause. An error for programs is one object, and nothing else.
        if output::is_text(matches) {
            warnings.iter().for_each(|it| session.console().log(Level::Warn, &it.text));
        }
    })?;
    if let Some(listed) = listed.filter(|it| it.to_string() != report.key) {
        let found = report.key.parse().unwrap_or_else(|_| listed.clone());
        let path = PathBuf::from(path);
        return Err(LoadError::Replaced { path, listed: listed.clone(), found }.into());
    }
    Ok(Shown::of(session, report, warnings))
}

/// Checks a plugin file; returns its key, and what was checked as a text.
pub(super) fn of_file(session: &Session<'_>, path: &Path) -> Result<(PluginKey, String), CliError> {
    let report = Prober::new(session)?.probe(path)?;
    let key = report.key.parse().map_err(|err| CliError::from_error(Exit::Failed, &err))?;
    Ok((key, text(&Shown::of(session, report, warnings(path, None)))))
}

fn text(shown: &Shown) -> String {
    let Shown { key, path, checks, warnings } = shown;
    let mut rows = vec![vec!["plugin".to_owned(), key.clone()]];
    rows.extend(path.iter().map(|it| vec!["path".to_owned(), it.clone()]));
    let row = |Check { check, found }: &Check| vec![check.clone(), found.clone()];
    rows.extend(checks.iter().map(row));
    rows.extend(warnings.iter().map(|it| vec!["warning".to_owned(), it.text.clone()]));
    let passed = match warnings.len() {
        0 => "all checks passed",
        1 => "all checks passed, with a warning",
        _ => "all checks passed, with warnings",
    };
    format!("{}\n{passed}", output::table(&rows))
}
