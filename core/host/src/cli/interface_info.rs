//! The facts about an interface by which a program calls plugins.

use pintle_plugin::Interface;
use serde::Serialize;

/// An interface that plugins can implement for the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InterfaceInfo {
    /// Its name and version.
    pub name: &'static str,
    /// Its purpose.
    pub about: &'static str,
}

impl InterfaceInfo {
    /// Returns the facts about the interface `I`, for example `dyn ImageScanner`; `about` is its
    /// purpose.
    pub const fn of<I: Interface + ?Sized>(about: &'static str) -> Self {
        Self { name: I::NAME, about }
    }
}
