//! Commands that cannot be called by their bare words.

use super::key::PluginKey;
use super::list::list;
use std::fmt;

/// A command that cannot be called by its bare words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clash {
    /// The command's words.
    pub command: Vec<String>,
    /// What it clashes with.
    pub rival: Rival,
}

/// What a command clashes with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rival {
    /// A command of the host, which always wins.
    Core,
    /// A command of another plugin.
    Plugin(Claim),
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.command.join(" ");
        match &self.rival {
            Rival::Core => write!(f, "its command `{own}` collides with a core command"),
            Rival::Plugin(Claim { plugin, command }) if *command == self.command => {
                write!(f, "its command `{own}` is also provided by `{plugin}`")
            }
            Rival::Plugin(Claim { plugin, command }) => {
                write!(f, "its command `{own}` collides with `{}` of `{plugin}`", command.join(" "))
            }
        }
    }
}

/// Several plugins claim the command that was typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("several plugins claim the command `{}`: {}", command.join(" "), list(&self.plugins()))]
pub struct CommandConflict {
    /// The command's words.
    pub command: Vec<String>,
    /// The plugins that claim it, each with the command of its own that collides.
    pub claims: Vec<Claim>,
}

/// One plugin's side of a [`CommandConflict`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The plugin.
    pub plugin: PluginKey,
    /// The words of its command.
    pub command: Vec<String>,
}

impl CommandConflict {
    /// Returns the plugins that claim the command.
    pub fn plugins(&self) -> Vec<&PluginKey> {
        let mut plugins: Vec<_> = self.claims.iter().map(|it| &it.plugin).collect();
        plugins.dedup();
        plugins
    }
}
