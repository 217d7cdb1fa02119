//! What can go wrong in a universe.

use crate::path::PathError;
use pintle_host::causes::causes;
use pintle_host::fs;
use pintle_plugin::message::{ErrorKind, ErrorReply};
use std::io;

/// Why a change set is not compatible with the universe, or a node cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UniverseError {
    /// The path is not one that a plugin may use.
    #[error("invalid path `{path}`")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// There is already a file at the path of an added node.
    #[error("`{plugin}` adds `{path}`, which {}", match other {
        Some(other) => format!("`{other}` has already added"),
        None => "already exists".to_owned(),
    })]
    Conflict {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// The plugin that added the other node; `None` for a file on disk.
        other: Option<String>,
    },
    /// At the path of an added node, there is something on disk that is not a file of the project.
    #[error("`{plugin}` adds `{path}`, but there is {what} on disk")]
    Occupied {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// What there is: `a symbolic link`, `a FIFO`.
        what: &'static str,
    },
    /// The added node is not an ordinary file: the plugin is newer than this host.
    #[error("`{plugin}` adds `{path}` with a file type that this host does not support")]
    FileType {
        /// The plugin that adds the node.
        plugin: String,
        /// The path.
        path: String,
    },
    /// The plugin changes a file in a way that this host does not know: it is newer.
    #[error("`{plugin}` changes `{path}` in a way that this host does not support")]
    ChangeKind {
        /// The plugin that changes the file.
        plugin: String,
        /// The path.
        path: String,
    },
    /// There is no file to edit.
    #[error("`{plugin}` edits `{path}`, which does not exist")]
    NothingToEdit {
        /// The plugin that edits the file.
        plugin: String,
        /// The path.
        path: String,
    },
    /// An added node would differ only in case from an existing file or directory.
    #[error("`{plugin}` adds `{path}`, which differs from `{other}` only in case")]
    Case {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// The path of the existing file or directory.
        other: String,
    },
    /// An added node would have to be both a file and a directory.
    #[error("`{plugin}` adds `{path}`, but `{folder}` is {}", if folder == path { "a directory" } else { "not a directory" })]
    Folder {
        /// The path.
        path: String,
        /// The plugin that adds the node.
        plugin: String,
        /// The path that is not a directory, or the path itself if it is one.
        folder: String,
    },
    /// There is no file to delete.
    #[error("`{plugin}` deletes `{path}`, which does not exist")]
    Missing {
        /// The path.
        path: String,
        /// The plugin that deletes the node.
        plugin: String,
    },
    /// A glob is malformed.
    #[error("invalid glob `{glob}`")]
    Glob {
        /// The glob.
        glob: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// The plugin is newer than this host.
    #[error("this host does not support the plugin's way of selecting files")]
    Selection,
    /// A directory cannot be read, so the files in it are unknown.
    #[error("failed to list the files of the project: `{path}` cannot be read")]
    List {
        /// The path of the directory, `.` for the project itself, or of its `.gitignore`.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl UniverseError {
    /// Returns the path that the error is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Path { path, .. }
            | Self::Conflict { path, .. }
            | Self::Folder { path, .. }
            | Self::Missing { path, .. }
            | Self::Occupied { path, .. }
            | Self::Case { path, .. }
            | Self::FileType { path, .. }
            | Self::ChangeKind { path, .. }
            | Self::NothingToEdit { path, .. }
            | Self::List { path, .. }
            | Self::Read { path, .. } => Some(path),
            Self::Glob { .. } | Self::Selection => None,
        }
    }
}

impl From<UniverseError> for ErrorReply {
    fn from(err: UniverseError) -> Self {
        let mut reply = Self::failed(err.to_string());
        reply.causes.extend(causes(&err).map(ToString::to_string));
        if let UniverseError::Selection = err {
            reply.kind = ErrorKind::Unsupported;
        }
        reply
    }
}

pub(super) fn list_error(path: &str, source: io::Error) -> UniverseError {
    let path = if path.is_empty() { "." } else { path };
    UniverseError::List { path: path.to_owned(), source }
}

pub(super) fn read_error(path: &str, err: fs::Error) -> UniverseError {
    UniverseError::Read { path: path.to_owned(), source: err.into() }
}
