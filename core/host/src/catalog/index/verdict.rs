//! The verdict on the layout of a library, as the index keeps it.

use super::handle::Handle;
use crate::catalog::file::{Stamp, stamp_of};
use std::fs::File;
use std::sync::Arc;

/// The number that stands for a layout that fits.
pub(super) const FITS: usize = 1;

/// Whether the layout of a library's root module was found to fit, by this build of the host.
///
/// Checking it takes as long as opening the library. It depends on nothing but the file and the
/// host: so it is done once for each build of either, where there is an index that none but the
/// user can write.
#[derive(Debug)]
pub(crate) struct LayoutVerdict {
    pub(super) index: Arc<Handle>,
    /// Where the verdict is kept.
    pub(super) place: u64,
    pub(super) stamp: [u8; Stamp::BYTES],
    pub(super) is_fitting: bool,
}

impl LayoutVerdict {
    /// Returns whether it is known that the layout of an open library fits.
    pub(crate) fn holds_for(&self, file: &File) -> bool {
        self.is_fitting && self.is_of(file)
    }

    /// Returns whether an open file is the one that the index speaks of.
    pub(crate) fn is_of(&self, file: &File) -> bool {
        stamp_of(file).is_some_and(|it| it.to_bytes() == self.stamp)
    }

    /// Notes that the layout fits.
    pub(crate) fn keep(&self) {
        let fits = u32::try_from(FITS).unwrap_or(0);
        self.index.overwrite(self.place, &fits.to_le_bytes());
    }
}
