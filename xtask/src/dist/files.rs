//! The files of an archive or a package. The same files always give the same bytes.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// The mode of libraries and text files.
pub(super) const PLAIN: u32 = 0o644;
/// The mode of programs.
pub(super) const PROGRAM: u32 = 0o755;

/// Files by their paths, sorted.
#[derive(Default)]
pub(super) struct Files(BTreeMap<String, File>);

/// The content of a file.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    mode: u32,
}

impl Files {
    /// Adds a text file or a library.
    pub(super) fn add(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let _ = self.0.insert(path.into(), File { bytes: bytes.into(), mode: PLAIN });
    }

    /// Adds a program.
    pub(super) fn add_program(&mut self, path: impl Into<String>, bytes: Vec<u8>) {
        let _ = self.0.insert(path.into(), File { bytes, mode: PROGRAM });
    }

    /// Adds a file from disk.
    pub(super) fn copy(&mut self, path: impl Into<String>, from: &Path) -> Result<()> {
        let bytes = fs::read(from);
        self.add(path, bytes.with_context(|| format!("failed to read `{}`", from.display()))?);
        Ok(())
    }

    /// Returns the files, sorted by their paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.0.iter().map(|(path, it)| (path.as_str(), it))
    }

    /// Writes a tar archive with all files in the directory `top`. All entries belong to root and
    /// have the same time.
    pub(super) fn tar<W: Write>(&self, top: &str, time: u64, writer: W) -> Result<W> {
        let mut builder = Builder::new(writer);
        let mut dirs = BTreeSet::new();
        let mut add_dir = |builder: &mut Builder<W>, path: &str| match dirs.insert(path.to_owned())
        {
            true => builder.append(&header(path, EntryType::Directory, 0, PROGRAM, time)?, &[][..]),
            false => Ok(()),
        };
        add_dir(&mut builder, &format!("{top}/"))?;
        for (path, file) in self.iter() {
            for (at, _) in path.match_indices('/') {
                add_dir(&mut builder, &format!("{top}/{}/", &path[..at]))?;
            }
            let path = format!("{top}/{path}");
            let header = header(&path, EntryType::Regular, file.bytes.len(), file.mode, time)?;
            builder.append(&header, &file.bytes[..])?;
        }
        Ok(builder.into_inner()?)
    }
}

fn header(
    path: &str,
    kind: EntryType,
    len: usize,
    mode: u32,
    time: u64,
) -> std::io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(len as u64);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

/// Returns the files in a directory whose names begin with `begin`.
pub(super) fn texts(dir: &Path, begin: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if file_name(&path)?.starts_with(begin) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn file_name(path: &Path) -> Result<&str> {
    path.file_name().and_then(OsStr::to_str).context("a file name is not UTF-8")
}
