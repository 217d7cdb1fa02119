//! A file that can become a plugin, with the results of all checks.

use super::probe::{Prober, is_program};
use super::warnings::warnings;
use crate::catalog::{Manifest, PluginKey, examine, library_file};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::transport::LoadError;
use std::path::Path;

/// The kind of a plugin's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A library with a manifest.
    Library,
    /// A program, which describes itself when it is queried.
    Program,
}

impl FileKind {
    /// Returns the kind of a file, as far as it can be determined without running it; `None` if it
    /// is not a plugin.
    pub fn of(path: &Path) -> Option<Self> {
        if is_program(path) {
            return Some(Self::Program);
        }
        let library = library_file::open(path).ok()?;
        (!library.manifests().is_empty()).then_some(Self::Library)
    }
}

/// A plugin's file that has passed every check of `plugin check`.
#[derive(Debug)]
pub struct Checked {
    /// The full name and the version of the plugin.
    pub key: PluginKey,
    /// What it provides.
    pub manifest: Manifest,
    /// The kind of the file.
    pub kind: FileKind,
    /// Possible problems of the file, one sentence each.
    pub warnings: Vec<String>,
}

impl Session<'_> {
    /// Checks a file as `plugin check` does: it is loaded or queried in a separate process.
    ///
    /// # Errors
    ///
    /// When it is not a plugin that this host can use.
    pub fn check_file(&self, path: &Path) -> Result<Checked, CliError> {
        let report = Prober::new(self)?.probe(path)?;
        let (kind, manifest) = match is_program(path) {
            true => (FileKind::Program, self.load_program(path)?.manifest().clone()),
            false => {
                let examined = examine(path, self.rules()).map_err(LoadError::Refused)?;
                (FileKind::Library, examined.manifest)
            }
        };
        let key = report.key.parse().map_err(|err| CliError::from_error(Exit::Failed, &err))?;
        let warnings = warnings(path, None).into_iter().map(|it| it.text).collect();
        Ok(Checked { key, manifest, kind, warnings })
    }
}
