//! The identity of the host: the names that an embedding program sets.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;

/// The host's names and version.
///
/// The default is Pintle's own; [`Cli`](crate::Cli) sets those of an embedding host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The command's name, for example `pintle`; also the name of its directories.
    pub command_name: String,
    /// The host's own version, for example `1.2.3`.
    pub version: String,
    /// The qualifier that is appended to a plugin name without a dot, for example `pintle.dev`.
    pub name_qualifier: String,
    /// The crate that plugins of this host are built with, `pintle-plugin` or one that
    /// re-exports it.
    pub plugin_crate: String,
}

/// The purposes of the directories of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The user's configuration.
    Config,
    /// Files that can be deleted at any time.
    Cache,
    /// Data that is kept between runs and is not configuration.
    State,
}

/// The version of this library, to which a plugin's `host` requirement refers.
pub const LIBRARY_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The crate whose version is that of the interface.
const INTERFACE_CRATE: &str = "pintle-plugin";

impl Default for Identity {
    fn default() -> Self {
        Self {
            command_name: "pintle".to_owned(),
            version: LIBRARY_VERSION.to_owned(),
            name_qualifier: "pintle.dev".to_owned(),
            plugin_crate: INTERFACE_CRATE.to_owned(),
        }
    }
}

impl Identity {
    /// Returns the name of an environment variable of this host: the command's name
    /// in capitals, `_`, and `suffix`.
    pub fn env_var(&self, suffix: &str) -> String {
        let prefix = self
            .command_name
            .to_ascii_uppercase()
            .replace(|it: char| !it.is_ascii_alphanumeric(), "_");
        format!("{prefix}_{suffix}")
    }

    /// Returns the crate to build plugins with, in a version with `interface`, which is a version
    /// or a major version.
    pub(crate) fn plugin_crate_of(&self, interface: impl Display) -> String {
        match self.plugin_crate.as_str() {
            INTERFACE_CRATE => format!("{INTERFACE_CRATE} {interface}"),
            // It has its own version.
            other => format!("a version of {other} that has interface {interface}"),
        }
    }

    /// Returns the directory of this host for files of a purpose, according to the XDG base
    /// directory specification, or Windows' conventions. It may not exist.
    pub fn dir(&self, purpose: Purpose, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let absolute = |name: &str| env(name).map(PathBuf::from).filter(|it| it.is_absolute());
        let (xdg, default, windows) = match purpose {
            Purpose::Config => ("XDG_CONFIG_HOME", ".config", "APPDATA"),
            Purpose::Cache => ("XDG_CACHE_HOME", ".cache", "LOCALAPPDATA"),
            Purpose::State => ("XDG_STATE_HOME", ".local/state", "LOCALAPPDATA"),
        };
        let home = match cfg!(windows) {
            true => absolute(windows),
            false => absolute(xdg).or_else(|| Some(absolute("HOME")?.join(default))),
        };
        Some(home?.join(&self.command_name))
    }
}
