//! The verdict on the layout of a library, as the index stores it.

use super::handle::Handle;
use crate::catalog::file::{Stamp, stamp_of};
use std::fs::File;
use std::sync::Arc;

/// The number for a compatible layout.
pub(super) const FITS: usize = 1;

/// Whether this build of the host has found the layout of a library's root module to be compatible.
///
/// Checking it takes as long as opening the library. It depends only on the file and the host. It
/// is therefore done once for each build of either, if there is an index that only the user can
/// write.
#[derive(Debug)]
pub(crate) struct LayoutVerdict {
    pub(super) index: Arc<Handle>,
    /// The offset of the verdict.
    pub(super) place: u64,
    pub(super) stamp: [u8; Stamp::BYTES],
    pub(super) is_fitting: bool,
}

impl LayoutVerdict {
    /// Returns whether the layout of an open library is known to be compatible.
    pub(crate) fn holds_for(&self, file: &File) -> bool {
        self.is_fitting && self.is_of(file)
    }

    /// Returns whether an open file is the one that the index describes.
    pub(crate) fn is_of(&self, file: &File) -> bool {
        stamp_of(file).is_some_and(|it| it.to_bytes() == self.stamp)
    }

    /// Notes that the layout fits.
    pub(crate) fn keep(&self) {
        let fits = u32::try_from(FITS).unwrap_or(0);
        self.index.overwrite(self.place, &fits.to_le_bytes());
    }
}
