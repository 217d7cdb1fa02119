//! What the user has decided about one plugin of the store.

use super::place::Place;
use crate::signature::PublicKey;
use serde::{Deserialize, Serialize};

/// The name of the file, in the directory of the plugin. A directory without it, or with that of
/// another place, is not the store's.
pub(crate) const FILE: &str = ".plugin.toml";

/// What the user has decided about a plugin. Which version is in use, and whether one is, depends
/// on the link in the plugin directory, and on nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Whether `update` leaves it alone.
    #[serde(default)]
    pub is_pinned: bool,
    /// The key that its releases are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The directories of the versions that were in use, the last one last.
    #[serde(default)]
    pub history: Vec<String>,
}

/// The file: the state, and the place that it is the state of.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) place: String,
    #[serde(flatten)]
    pub(super) state: State,
}

impl State {
    /// Notes that a version is in use now.
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
