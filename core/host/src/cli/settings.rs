//! What an embedding program says of its host, apart from commands.

use crate::catalog::{PluginKey, ProjectVersion};
use crate::identity::Identity;
use pintle_plugin::LinkedPlugin;
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A host's names, its linked plugins, and what it does where the user says nothing.
#[derive(Clone)]
pub struct Settings {
    pub(super) identity: Identity,
    pub(super) about: String,
    pub(super) linked: Vec<LinkedPlugin>,
    pub(super) default_project_version: ProjectVersion,
    pub(super) default_plugins: BTreeMap<ProjectVersion, Vec<PluginKey>>,
    /// What the groups are told, by its type.
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

    /// Returns what the embedding program has told a group by [`Cli::defaults`](super::Cli::defaults).
    pub fn defaults<T: Any>(&self) -> Option<&T> {
        self.defaults.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// Returns the chain of plugins for projects of one version that name none themselves.
    pub fn default_plugins(&self, version: &ProjectVersion) -> &[PluginKey] {
        self.default_plugins.get(version).map_or(&[], Vec::as_slice)
    }
}
