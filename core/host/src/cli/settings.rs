//! The settings of an embedding program for its host, apart from commands.

use crate::catalog::{PluginKey, ProjectVersion};
use crate::identity::Identity;
use pintle_plugin::LinkedPlugin;
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A host's names, its linked plugins, and its defaults.
#[derive(Clone)]
pub struct Settings {
    pub(super) identity: Identity,
    pub(super) about: String,
    pub(super) linked: Vec<LinkedPlugin>,
    pub(super) default_project_version: ProjectVersion,
    pub(super) default_plugins: BTreeMap<ProjectVersion, Vec<PluginKey>>,
    /// The defaults of the groups, by type.
    pub(super) defaults: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Settings {
    /// Returns the host's names.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the project version that a new project gets.
    pub fn default_project_version(&self) -> ProjectVersion {
        self.default_project_version
    }

    /// Returns what the embedding program passed to a group with
    /// [`Cli::defaults`](super::Cli::defaults).
    pub fn defaults<T: Any>(&self) -> Option<&T> {
        self.defaults.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// Returns the default chain of plugins for projects of one version.
    pub fn default_plugins(&self, version: &ProjectVersion) -> &[PluginKey] {
        self.default_plugins.get(version).map_or(&[], Vec::as_slice)
    }
}
