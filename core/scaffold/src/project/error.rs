//! What is wrong with a PROJECT file.

use super::name::{NameError, PluralError};
use pintle_host::ProjectVersion;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a PROJECT file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no such file.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read, or is not a file.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is not a valid PROJECT file.
    #[error("invalid project file `{}`", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ProjectError>,
    },
    /// The text is not valid YAML, or a value has the wrong type.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// A merge has left both sides in the text.
    #[error("line {line} is a merge conflict marker")]
    Conflict {
        /// The line, from 1.
        line: usize,
    },
    /// A conflict marker has no counterpart.
    #[error("line {line} is a merge conflict marker without its counterpart")]
    Unpaired {
        /// The line, from 1.
        line: usize,
    },
    /// Both sides of a merge have changed the same thing.
    #[error("the sides of the merge differ in `{key}`: {ours} and {theirs}")]
    Contradiction {
        /// The key, with its parent keys.
        key: String,
        /// The value of the one side, as JSON.
        ours: String,
        /// The value of the other side, as JSON.
        theirs: String,
    },
    /// A key has a value that it cannot have.
    #[error("line {line}, column {column}: {message}")]
    Value {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// The key, and what is wrong with its value.
        message: String,
        /// How to fix it.
        fix: String,
    },
    /// The file is not plain UTF-8.
    #[error("{found}")]
    Encoding {
        /// What it contains that is not valid in UTF-8.
        found: &'static str,
    },
    /// The file is a symbolic link: a command replaces the file, and would break the link.
    #[error("`{}` is a symbolic link to `{}`", path.display(), target.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// The target of the link.
        target: PathBuf,
    },
    /// The kind has another plural in another version, or another kind has the name.
    #[error("{0}")]
    Plural(#[from] PluralError),
    /// The text does not specify the version of the format.
    #[error("the key `version` is missing")]
    NoVersion,
    /// This host does not support the version of the format.
    #[error("unsupported project version `{version}`")]
    Unsupported {
        /// The version.
        version: ProjectVersion,
    },
    /// The text cannot be edited without changing something else in it.
    #[error("failed to edit the key `{key}` in place")]
    Edit {
        /// The top-level key.
        key: String,
    },
    /// A name in the project breaks a rule.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl ProjectError {
    /// Returns the error with the path of the file.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::Invalid { path: path.to_owned(), source: Box::new(self) }
    }
}
