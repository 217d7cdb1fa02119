//! The surroundings of a cluster file: the directories from which its paths start, and the
//! environment of the caller.

use pintle_host::caller;
use std::env;
use std::path::{Path, PathBuf};

/// The surroundings in which a cluster file is read.
pub(crate) struct Surroundings<'a> {
    /// The file's directory.
    pub(super) folder: &'a Path,
    /// The current directory.
    pub(super) here: PathBuf,
    pub(super) home: Option<PathBuf>,
    /// Returns the value of an environment variable.
    pub(super) var: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Surroundings<'a> {
    /// Returns the surroundings of this process, for a file in a directory.
    pub(crate) fn of_process(folder: &'a Path) -> Self {
        Self {
            folder,
            here: env::current_dir().unwrap_or_default(),
            home: caller::home_dir(),
            var: &caller::var,
        }
    }

    /// Returns a path that may begin with `~`, or be relative to a directory.
    pub(super) fn path(&self, text: &str, folder: &Path) -> PathBuf {
        match (text.strip_prefix('~'), &self.home) {
            (Some(""), Some(home)) => home.clone(),
            (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_matches('/')),
            _ => folder.join(text),
        }
    }
}
