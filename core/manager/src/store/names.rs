//! The names that the store accepts, wherever they were read: each is that of one file, valid on
//! all systems, and none leads out of the store.

use super::error::StoreError;
use super::paths::LOCK_FILE;
use super::place::Place;
use crate::archive::is_portable_path;

/// Returns whether a name is that of one visible file or directory.
pub(super) fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && !name.contains('/') && is_portable_path(name)
}

/// Returns whether a name can be that of a plugin's link.
pub(super) fn is_link(name: &str) -> bool {
    is_plain(name) && !name.eq_ignore_ascii_case(LOCK_FILE)
}

/// Checks that a name is that of one visible file or directory.
pub(super) fn check(what: &'static str, name: &str) -> Result<(), StoreError> {
    match is_plain(name) {
        true => Ok(()),
        false => Err(StoreError::Name { what, name: name.to_owned() }),
    }
}

impl Place {
    /// Checks that the place consists of two directory names that the store accepts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Name`] with the invalid name.
    pub fn check(&self) -> Result<(), StoreError> {
        check("owner", &self.owner)?;
        check("repository", &self.repo)
    }
}
