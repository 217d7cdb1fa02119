//! Which plugins exist and which one is meant. Runs no plugin code.

mod key;

pub use key::PluginKey;
