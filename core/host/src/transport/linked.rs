//! Plugins that are part of the program.

use super::loaded::LoadedPlugin;
use crate::catalog::PluginKey;
use pintle_plugin::LinkedPlugin;
use pintle_plugin::manifest::Manifest;

/// Returns the callable form of a plugin that is part of the program.
///
/// It was compiled with the host, so there is no layout to check.
pub fn link(plugin: LinkedPlugin, key: PluginKey, manifest: Manifest) -> LoadedPlugin {
    LoadedPlugin { key, manifest, root: plugin.root() }
}
