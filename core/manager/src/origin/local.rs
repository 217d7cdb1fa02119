//! A file on this machine, or a directory with an unpacked plugin.

use super::{Origin, OriginError, Progress, Release, Remote, Wanted};
use pintle_host::fs;
use std::path::{Path, PathBuf};

/// The largest file that is read.
const MAX_LEN: u64 = 512 * 1024 * 1024;

/// A file on this machine: the only release that it has.
#[derive(Debug)]
pub struct LocalOrigin {
    path: PathBuf,
}

/// A version is asked of something that has no versions.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is a file, and so has no version `{version}`", path.display())]
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
        let (_, metadata) = fs::open_regular(&self.path)?;
        let mut files = vec![remote(&self.path, Some(metadata.len()))];
        // A signature lies beside what it is for.
        for name in crate::signature::signature_names(&files[0].name) {
            let path = self.path.with_file_name(name);
            if path.is_file() {
                files.push(remote(&path, None));
            }
        }
        Ok(Release { files, ..Release::default() })
    }

    fn fetch(&self, file: &Remote, _: Progress<'_>) -> Result<Vec<u8>, OriginError> {
        Ok(fs::read_regular(Path::new(&file.url), MAX_LEN)?.bytes)
    }
}

fn remote(path: &Path, size: Option<u64>) -> Remote {
    Remote {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        url: path.to_string_lossy().into_owned(),
        size,
        digest: None,
        target: None,
    }
}
