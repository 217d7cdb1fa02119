//! The decisions of a host about plugins before it searches for them.

use super::key::PluginKey;
use crate::identity::Identity;
use std::fmt;
use std::path::PathBuf;

/// The decisions of a host about plugins before it searches for them.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The names of the host.
    pub identity: Identity,
    /// The paths of the host's own commands, for example `["plugin", "list"]`. The nouns follow
    /// from the paths.
    pub core_commands: Vec<Vec<String>>,
    /// The plugins that the user has disabled.
    pub disabled: Vec<Disabled>,
    /// Whether plugins may be run although a panic in them ends the host.
    pub allow_panic_abort: bool,
}

/// A key that disables plugins, and who disabled them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// The key.
    pub key: PluginKey,
    /// Who disabled it.
    pub by: DisabledBy,
}

/// Who disabled a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DisabledBy {
    /// The user, for this run: by an option or in the environment.
    Run,
    /// The user, in this configuration file.
    User(PathBuf),
    /// The system, in this configuration file.
    System(PathBuf),
}

impl From<PluginKey> for Disabled {
    fn from(key: PluginKey) -> Self {
        Self { key, by: DisabledBy::Run }
    }
}

impl fmt::Display for Disabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.key)?;
        match &self.by {
            DisabledBy::Run => Ok(()),
            DisabledBy::User(path) | DisabledBy::System(path) => {
                write!(f, " in `{}`", path.display())
            }
        }
    }
}
