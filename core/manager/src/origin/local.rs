//! A file on this machine, or a directory with an unpacked plugin.

use super::release::{Origin, OriginError, Progress, Release, Remote, Wanted};
use crate::archive::MAX_LEN;
use pintle_host::fs::{self, Dir, Kind};
use std::path::{Path, PathBuf};

/// The largest number of files in a directory. A plugin has fewer.
const MAX_FILES: usize = 2_000;

/// A file on this machine, which is its only release.
#[derive(Debug)]
pub struct LocalOrigin {
    path: PathBuf,
}

/// A version was requested from a source without versions.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is a file, and has no version `{version}`", path.display())]
struct NoVersions {
    path: PathBuf,
    version: String,
}

impl LocalOrigin {
    /// Returns the file at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Origin for LocalOrigin {
    fn release(&self, wanted: &Wanted) -> Result<Release, OriginError> {
        if let Some(version) = &wanted.version {
            let (path, version) = (self.path.clone(), version.clone());
            return Err(OriginError::new(NoVersions { path, version }));
        }
        if self.path.is_dir() {
            let mut file = remote(&self.path, None);
            file.name.push_str(".tar.gz");
            return Ok(Release { files: vec![file], ..Release::default() });
        }
        let (_, metadata) = fs::open_regular(&self.path)?;
        let mut files = vec![remote(&self.path, Some(metadata.len()))];
        // A signature is next to its file.
        for name in crate::signature::signature_names(&files[0].name) {
            let path = self.path.with_file_name(name);
            if path.is_file() {
                files.push(remote(&path, None));
            }
        }
        Ok(Release { files, ..Release::default() })
    }

    fn server(&self) -> Option<String> {
        None
    }

    fn fetch(&self, file: &Remote, _: Progress<'_>) -> Result<Vec<u8>, OriginError> {
        let path = Path::new(&file.url);
        if path.is_dir() {
            return packed(path);
        }
        Ok(fs::read_regular(path, MAX_LEN)?.bytes)
    }
}

/// A directory contains something that a plugin must not contain.
#[derive(Debug, thiserror::Error)]
enum DirError {
    #[error("`{}` is neither a regular file nor a directory", path.display())]
    Kind { path: PathBuf },
    #[error("directory `{}` contains more than {MAX_LEN} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("directory `{}` contains more than {MAX_FILES} files", path.display())]
    TooMany { path: PathBuf },
}

/// Packs a directory, so that its content is processed like any other archive.
fn packed(root: &Path) -> Result<Vec<u8>, OriginError> {
    let dir = Dir::open(root)?;
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut packer = Packer { dir, tar: tar::Builder::new(gzip), n_files: 0, n_bytes: 0 };
    packer.add(Path::new(""))?;
    let gzip = packer.tar.into_inner().map_err(OriginError::new)?;
    gzip.finish().map_err(OriginError::new)
}

struct Packer {
    dir: Dir,
    tar: tar::Builder<flate2::write::GzEncoder<Vec<u8>>>,
    n_files: usize,
    n_bytes: u64,
}

impl Packer {
    fn add(&mut self, below: &Path) -> Result<(), OriginError> {
        let root = self.dir.path().to_owned();
        for entry in self.dir.list(below)? {
            let path = below.join(&entry.name);
            match entry.kind {
                Kind::Directory => self.add(&path)?,
                Kind::File => self.add_file(&path)?,
                _ => return Err(OriginError::new(DirError::Kind { path: root.join(path) })),
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path) -> Result<(), OriginError> {
        let file = self.dir.read_regular(path, MAX_LEN)?;
        let root = || self.dir.path().to_owned();
        self.n_files += 1;
        self.n_bytes += file.bytes.len() as u64;
        if self.n_files > MAX_FILES {
            return Err(OriginError::new(DirError::TooMany { path: root() }));
        }
        if self.n_bytes > MAX_LEN {
            return Err(OriginError::new(DirError::TooLarge { path: root() }));
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(if file.mode() & 0o111 == 0 { 0o644 } else { 0o755 });
        self.tar.append_data(&mut header, path, &file.bytes[..]).map_err(OriginError::new)
    }
}

fn remote(path: &Path, size: Option<u64>) -> Remote {
    Remote {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        url: path.to_string_lossy().into_owned(),
        size,
        digest: None,
        unknown_digest: None,
        target: None,
    }
}
