//! The warnings about a plugin's file.

use crate::catalog::library_file::{GlibcVersion, lint};
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
