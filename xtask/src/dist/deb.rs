//! The format of Debian packages, deb(5): an `ar` archive with two archives of `tar`.
//!
//! Written here, so packages can be created on every Linux, from files in memory.

use super::build::How;
use super::files::Files;
use anyhow::{Context, Result};
use lzma_rust2::{XzOptions, XzWriter};
use pintle_host::fs::{Mode, replace};
use std::path::{Path, PathBuf};

pub(super) const SUFFIX: &str = ".deb";

/// A Debian package.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: &'static str,
    /// The fields of the control file, without those above.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The files by their paths from the root.
    pub(super) files: Files,
}

impl Package {
    /// Writes the package into a directory.
    pub(super) fn write(&self, out: &Path, how: &How) -> Result<PathBuf> {
        let name = format!("{}_{}_{}{SUFFIX}", self.name, self.version, self.architecture);
        let path = out.join(&name);
        let bytes = self.bytes(how).with_context(|| format!("failed to pack `{name}`"))?;
        replace(&path, &bytes, Mode::New(0o644))?;
        Ok(path)
    }

    fn bytes(&self, how: &How) -> Result<Vec<u8>> {
        let mut control = Files::default();
        control.add("control", self.control());
        let mut builder = ar::Builder::new(Vec::new());
        for (name, bytes) in [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.xz", compressed(&control, how)?),
            ("data.tar.xz", compressed(&self.files, how)?),
        ] {
            let mut header = ar::Header::new(name.into(), bytes.len() as u64);
            header.set_mode(0o100_644);
            header.set_mtime(how.time);
            builder.append(&header, &bytes[..])?;
        }
        Ok(builder.into_inner()?)
    }

    fn control(&self) -> String {
        let own = [
            ("Package", self.name.clone()),
            ("Version", self.version.clone()),
            ("Architecture", self.architecture.to_owned()),
            ("Installed-Size", self.installed_size().to_string()),
        ];
        let fields = own.iter().chain(&self.fields);
        fields.map(|(name, value)| format!("{name}: {value}\n")).collect()
    }

    /// Returns the size on a disk in KiB, with one for each file or directory, deb-substvars(5).
    fn installed_size(&self) -> usize {
        self.files.iter().map(|(_, it)| it.bytes.len().div_ceil(1024) + 1).sum()
    }
}

fn compressed(files: &Files, how: &How) -> Result<Vec<u8>> {
    let preset = if how.is_quick { 0 } else { 6 };
    let writer = XzWriter::new(Vec::new(), XzOptions::with_preset(preset))?;
    Ok(files.tar(".", how.time, writer)?.finish()?)
}
