//! What the user has decided about one plugin of the store.

use crate::signature::PublicKey;
use serde::{Deserialize, Serialize};

/// The name of the file, in the directory of the plugin.
pub(crate) const FILE: &str = "state.toml";

/// What the user has decided about a plugin. Which version is in use, and whether one is, says
/// the link in the plugin directory, and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Whether `update` leaves it alone.
    #[serde(default)]
    pub is_pinned: bool,
    /// Whether its removal has begun.
    #[serde(default)]
    pub is_removed: bool,
    /// The key that its releases are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The directories of the versions that were in use, the last one last.
    #[serde(default)]
    pub history: Vec<String>,
}

impl State {
    /// Notes that a version is in use now.
    pub(crate) fn note(&mut self, version: &str) {
        if self.history.last().is_none_or(|it| it != version) {
            self.history.retain(|it| it != version);
            self.history.push(version.to_owned());
        }
    }
}
