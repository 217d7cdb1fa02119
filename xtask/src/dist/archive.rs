//! Archives that users unpack, and that `plugin install` reads.

use super::build::How;
use super::files::Files;
use anyhow::{Context, Result};
use pintle_host::fs::{Mode, replace};
use std::path::{Path, PathBuf};

/// The suffix of archives.
pub(crate) const SUFFIX: &str = ".tar.zst";
/// The compression level of a release: archives of all levels are unpacked equally fast.
const LEVEL: i32 = 19;
/// The level for tests, which cannot wait that long.
const QUICK_LEVEL: i32 = 3;

/// Writes an archive with one directory, `stem`.
pub(super) fn pack(files: &Files, stem: &str, out: &Path, how: &How) -> Result<PathBuf> {
    let path = out.join(format!("{stem}{SUFFIX}"));
    let bytes = compressed(files, stem, how).with_context(|| format!("failed to pack `{stem}`"))?;
    replace(&path, &bytes, Mode::New(0o644))?;
    Ok(path)
}

fn compressed(files: &Files, stem: &str, how: &How) -> Result<Vec<u8>> {
    let level = if how.is_quick { QUICK_LEVEL } else { LEVEL };
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.include_checksum(true)?;
    Ok(files.tar(stem, how.time, encoder)?.finish()?)
}
