//! Why a plugin, or some of its commands, cannot be used.

use super::clash::Clash;
use super::key::PluginKey;
use super::limits;
use super::refusal::Refusal;
use super::rules::Disabled;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a plugin, or some of its commands, cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is not a plugin that this host can run.
    #[error(transparent)]
    Refused(Arc<Refusal>),
    /// Its file was already found under another path.
    #[error("it is the same file as {}", place(first.as_deref()))]
    SameFile {
        /// The path that is used.
        first: Option<PathBuf>,
    },
    /// The same version of the same plugin was already found.
    #[error("`{key}` was already found in {}", place(first.as_deref()))]
    AlreadyFound {
        /// The plugin.
        key: PluginKey,
        /// The file that is used; `None` if that plugin is part of the program.
        first: Option<PathBuf>,
    },
    /// The project requires another version.
    #[error("the project requires `{key}`")]
    Locked {
        /// The version that it requires.
        key: PluginKey,
    },
    /// The user has disabled it.
    #[error("it is disabled by the key {by}")]
    Disabled {
        /// The key by which it is disabled, and who disabled it.
        by: Disabled,
    },
    /// Some of its commands can be called only with its key.
    #[error("{}", joined(.0))]
    Clashes(Vec<Clash>),
}

/// Returns where a plugin is, for messages.
pub(super) fn place(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("`{}`", path.display()),
        None => "the program itself".to_owned(),
    }
}

fn joined(clashes: &[Clash]) -> String {
    let shown = clashes.iter().take(limits::SHOWN_CLASHES).map(ToString::to_string);
    let mut texts: Vec<_> = shown.collect();
    match clashes.len() - texts.len() {
        0 => {}
        n_more => texts.push(format!("{n_more} more of its commands conflict with others")),
    }
    texts.join("; ")
}
