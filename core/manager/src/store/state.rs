//! The user's settings for one plugin in the store.

use super::place::Place;
use crate::signature::PublicKey;
use serde::{Deserialize, Serialize};

/// The name of the file, in the directory of the plugin. A directory without it, or with the file
/// of another place, does not belong to the store.
pub(crate) const FILE: &str = ".plugin.toml";

/// The user's settings for a plugin. Only the link in the plugin directory determines which version
/// is in use, if any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Whether `update` skips it.
    #[serde(default)]
    pub is_pinned: bool,
    /// The key with which its releases are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The directories of the versions that have been in use, in order.
    #[serde(default)]
    pub history: Vec<String>,
}

/// The file: the state, and the place to which it belongs.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) place: String,
    #[serde(flatten)]
    pub(super) state: State,
}

impl State {
    /// Records that a version is in use now.
    pub(crate) fn note(&mut self, version: &str) {
        if self.history.last().is_none_or(|it| it != version) {
            self.history.retain(|it| it != version);
            self.history.push(version.to_owned());
        }
    }

    pub(super) fn to_text(&self, place: &Place) -> String {
        let record = Record { place: place.to_string(), state: self.clone() };
        toml::to_string(&record).expect("a state has string keys")
    }
}
