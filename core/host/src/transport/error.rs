//! Errors of loading and calling plugins.

use crate::catalog::{PluginKey, RefusedFile};
use pintle_plugin::message::{ErrorKind, ErrorReply};
use std::path::PathBuf;

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file did not pass the checks that need no code of it.
    #[error(transparent)]
    Refused(Box<RefusedFile>),
    /// The file is not the one that was listed.
    #[error("plugin file `{}` was replaced after it was listed: {}", path.display(), replaced(listed, found))]
    Replaced {
        /// The file.
        path: PathBuf,
        /// The plugin that was listed.
        listed: PluginKey,
        /// The plugin that the file contains now.
        found: PluginKey,
    },
    /// The plugin is neither a file nor a part of the program.
    #[error("plugin `{plugin}` has no file")]
    NoFile {
        /// The plugin.
        plugin: String,
    },
    /// The file does not define the symbol that its manifest names.
    #[error("plugin file `{}` does not define its root symbol `{symbol}`", path.display())]
    NoRootSymbol {
        /// The file.
        path: PathBuf,
        /// The symbol.
        symbol: String,
    },
    /// The dynamic linker rejected the file.
    #[error("the dynamic linker rejected plugin file `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the linker.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The process has as many files open as it may.
    #[error("plugin file `{}` cannot be opened: this process has reached its limit of {limit} open files", path.display())]
    NoDescriptors {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The root symbol is not a header of the abi_stable series that this host uses.
    #[error("the root symbol of plugin file `{}` is not an abi_stable 0.11 header", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// The library does not contain a description of its root module's layout.
    #[error("plugin file `{}` does not describe its layout", path.display())]
    NoLayout {
        /// The file.
        path: PathBuf,
    },
    /// The layout of the root module differs from the host's.
    #[error("the layout of plugin file `{}` differs from the layout of this host: {summary}", path.display())]
    Incompatible {
        /// The file.
        path: PathBuf,
        /// The first difference, in one line.
        summary: String,
        /// All differences, as abi_stable prints them: up to thousands of lines.
        report: String,
    },
    /// The description of the root module's layout is damaged.
    #[error("the description of the layout of plugin file `{}` is damaged", path.display())]
    DamagedLayout {
        /// The file.
        path: PathBuf,
    },
    /// The plugin's code has another manifest than its file.
    #[error("the manifest in plugin file `{}` does not match the manifest in its code: `{field}` differs", path.display())]
    ManifestDiffers {
        /// The file.
        path: PathBuf,
        /// The first field that differs.
        field: String,
    },
    /// The plugin's root module could not be created.
    #[error("plugin file `{}` failed to create its root module: {reason}", path.display())]
    Construction {
        /// The file.
        path: PathBuf,
        /// The error of the plugin.
        reason: String,
    },
}

fn replaced(listed: &PluginKey, found: &PluginKey) -> String {
    match listed == found {
        true => format!("it is now another build of `{found}`"),
        false => format!("it was `{listed}` and is now `{found}`"),
    }
}

/// A call of a plugin that did not do its work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The plugin answered with an error.
    #[error("plugin `{plugin}` failed")]
    Failed {
        /// The plugin.
        plugin: PluginKey,
        /// The answer of the plugin.
        source: ErrorReply,
    },
    /// The plugin panicked.
    #[error("plugin `{plugin}` panicked")]
    Panicked {
        /// The plugin.
        plugin: PluginKey,
        /// The message of the panic, and where it happened.
        source: ErrorReply,
    },
}

/// A plugin that does not implement an interface.
#[derive(Debug, Clone, thiserror::Error)]
#[error("plugin `{plugin}` does not implement the interface `{interface}`")]
pub struct NoInterface {
    /// The plugin.
    pub plugin: PluginKey,
    /// The interface's name and version.
    pub interface: &'static str,
    /// The interfaces that the plugin implements.
    pub implemented: Vec<String>,
}

impl CallError {
    pub(super) fn new(plugin: &PluginKey, source: ErrorReply) -> Self {
        let plugin = plugin.clone();
        match source.kind {
            ErrorKind::Panicked => Self::Panicked { plugin, source },
            _ => Self::Failed { plugin, source },
        }
    }

    /// Returns the plugin's full key.
    pub fn plugin(&self) -> &PluginKey {
        match self {
            Self::Failed { plugin, .. } | Self::Panicked { plugin, .. } => plugin,
        }
    }

    /// Returns what the plugin answered.
    pub fn reply(&self) -> &ErrorReply {
        match self {
            Self::Failed { source, .. } | Self::Panicked { source, .. } => source,
        }
    }
}
