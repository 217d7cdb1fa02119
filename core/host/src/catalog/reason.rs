//! Why a plugin cannot be used, or not all of its commands.

use super::clash::Clash;
use super::key::PluginKey;
use super::limits;
use super::refusal::Refusal;
use super::rules::Disabled;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a plugin cannot be used, or not all of its commands.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is not a plugin that this host can run.
    #[error(transparent)]
    Refused(Arc<Refusal>),
    /// Its file was found before, under another path.
    #[error("it is the same file as {}", place(first.as_deref()))]
    SameFile {
        /// The path that counts.
        first: Option<PathBuf>,
    },
    /// The same version of the same plugin was found before.
    #[error("`{key}` was already found in {}", place(first.as_deref()))]
    AlreadyFound {
        /// The plugin.
        key: PluginKey,
        /// The file that counts; `None` if that plugin is a part of the program.
        first: Option<PathBuf>,
    },
    /// The project demands another version.
    #[error("the project requires `{key}`")]
    Locked {
        /// What it demands.
        key: PluginKey,
    },
    /// The user has disabled it.
    #[error("it is disabled by the key {by}")]
    Disabled {
        /// The key by which it is disabled, and who has done that.
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
