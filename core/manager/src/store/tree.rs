//! Directories with all that is in them.

use pintle_host::fs::{Contents, Dir, Kind, Result};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;

/// The largest file of a plugin.
const MAX_FILE: u64 = 512 * 1024 * 1024;

/// Returns a name that no other process thinks of.
pub(super) fn random_name() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// Calls `visit` with each file below a directory, its path relative to that.
pub(super) fn walk(
    dir: &Dir,
    root: &Path,
    visit: &mut dyn FnMut(&Path, Contents) -> Result<()>,
) -> Result<()> {
    walk_in(dir, root, Path::new(""), visit)
}

fn walk_in(
    dir: &Dir,
    root: &Path,
    below: &Path,
    visit: &mut dyn FnMut(&Path, Contents) -> Result<()>,
) -> Result<()> {
    for entry in dir.list(root.join(below))? {
        let path = below.join(&entry.name);
        match entry.kind {
            Kind::Directory => walk_in(dir, root, &path, visit)?,
            _ => visit(&path, dir.read_regular(root.join(&path), MAX_FILE)?)?,
        }
    }
    Ok(())
}

/// Removes a directory with all that is in it.
pub(super) fn remove(dir: &Dir, path: &Path) -> Result<()> {
    for entry in dir.list(path)? {
        let path = path.join(&entry.name);
        match entry.kind {
            Kind::Directory => remove(dir, &path)?,
            _ => dir.unlink(&path)?,
        }
    }
    dir.remove_dir(path)
}

/// Has the names in a directory, and in those below it, survive a power cut.
pub(super) fn sync(dir: &Dir, path: &Path) -> Result<()> {
    for entry in dir.list(path)? {
        if entry.kind == Kind::Directory {
            sync(dir, &path.join(&entry.name))?;
        }
    }
    dir.sync(path)
}
