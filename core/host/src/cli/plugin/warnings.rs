//! The warnings about a plugin.

use super::report::Report;
use crate::catalog::Clash;
use crate::catalog::library_file::{GlibcVersion, lint};
use crate::cli::session::Session;
use serde::Serialize;
use std::path::Path;

/// A warning. The field names are part of the interface.
#[derive(Serialize)]
pub(super) struct Warning {
    #[serde(rename = "warning")]
    name: &'static str,
    pub(super) text: String,
    #[serde(skip)]
    pub(super) short: String,
}

/// Returns the warnings about a plugin's file. A file that cannot be read is refused, and needs no
/// warnings.
pub(super) fn warnings(path: &Path, glibc: Option<GlibcVersion>) -> Vec<Warning> {
    let warnings = lint(path, glibc).unwrap_or_default().into_iter();
    let shown =
        warnings.map(|it| Warning { name: it.name(), text: it.to_string(), short: it.short() });
    shown.collect()
}

/// Returns the warnings about commands that this host or another plugin already has.
pub(super) fn conflicts(session: &Session<'_>, report: &Report) -> Vec<Warning> {
    let Ok(key) = report.key.parse() else { return Vec::new() };
    let clashes = session.catalog().foreseen_clashes(&key, &report.commands, session.rules());
    let warning = |it: Clash| Warning {
        name: "command-conflict",
        text: format!("{it}; `plugin run` calls it by its key"),
        short: "conflict".to_owned(),
    };
    clashes.into_iter().map(warning).collect()
}
