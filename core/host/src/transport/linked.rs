//! Plugins that are part of the program, and plugins for which an object of the program answers.

use super::loaded::{LoadedPlugin, Reach};
use crate::catalog::{Endpoint, PluginKey};
use pintle_plugin::LinkedPlugin;
use pintle_plugin::manifest::Manifest;
use std::sync::Arc;

/// Returns the callable form of a plugin that is part of the program.
///
/// It was compiled with the host, so there is no layout to check.
pub fn link(plugin: LinkedPlugin, key: PluginKey, manifest: Manifest) -> LoadedPlugin {
    LoadedPlugin { key, manifest, reach: Reach::Root(plugin.root()) }
}

/// Returns the callable form of a plugin that is not a library of this interface.
pub fn adapt(endpoint: Arc<dyn Endpoint>, key: PluginKey, manifest: Manifest) -> LoadedPlugin {
    LoadedPlugin { key, manifest, reach: Reach::Endpoint(endpoint) }
}
