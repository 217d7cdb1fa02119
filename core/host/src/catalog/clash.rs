//! Commands that cannot be called by their bare words.

use super::key::PluginKey;
use super::limits;
use super::list::list;
use std::fmt;

/// A command that cannot be called by its bare words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The command's words.
    pub command: Vec<String>,
    /// Whether it conflicts with a command of the host, which always takes precedence.
    pub is_core: bool,
    /// The first of the commands of other plugins that it conflicts with.
    pub rivals: Vec<Claim>,
    /// How many more commands of other plugins it conflicts with.
    pub n_more: usize,
}

impl Clash {
    /// Returns the conflict of a command with those of other plugins, `n_rivals` in all; `None` if
    /// there is none.
    pub(super) fn of(
        command: &[String],
        is_core: bool,
        rivals: impl Iterator<Item = Claim>,
        n_rivals: usize,
    ) -> Option<Self> {
        if !is_core && n_rivals == 0 {
            return None;
        }
        let rivals: Vec<_> = rivals.take(limits::RIVALS).collect();
        let n_more = n_rivals - rivals.len();
        Some(Self { command: command.to_vec(), is_core, rivals, n_more })
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_same = |it: &&Claim| it.command == self.command;
        let same: Vec<_> = self.rivals.iter().filter(is_same).map(|it| &it.plugin).collect();
        let other = self.rivals.iter().filter(|it| !is_same(it));
        let other: Vec<_> =
            other.map(|it| format!("`{}` of `{}`", it.command.join(" "), it.plugin)).collect();
        let mut parts = Vec::new();
        if self.is_core {
            parts.push("conflicts with a core command".to_owned());
        }
        if !same.is_empty() {
            parts.push(format!("is also provided by {}", list(&same)));
        }
        if !other.is_empty() {
            parts.push(format!("conflicts with {}", other.join(", ")));
        }
        write!(f, "its command `{}` {}", self.command.join(" "), parts.join(", and "))?;
        and_more(f, self.n_more)
    }
}

/// Writes how many there are besides those that were listed.
fn and_more(f: &mut fmt::Formatter<'_>, n_more: usize) -> fmt::Result {
    if n_more == 0 { Ok(()) } else { write!(f, " and {n_more} more") }
}

/// Several plugins claim the command that was typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CommandConflict {
    /// The command's words.
    pub command: Vec<String>,
    /// The first plugins that provide it, each with its conflicting command.
    pub claims: Vec<Claim>,
    /// How many more claims there are.
    pub n_more: usize,
}

impl fmt::Display for CommandConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (command, plugins) = (self.command.join(" "), list(&self.plugins()));
        write!(f, "several plugins claim the command `{command}`: {plugins}")?;
        and_more(f, self.n_more)
    }
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
