//! Directories with their complete content.

use crate::archive::{MAX_LEN, UnpackedFile};
use pintle_host::fs::{Cause, Contents, Dir, Error, Found, Kind, Mode, Result};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;

/// The permissions of a directory that only its owner can write to.
const OTHERS_WRITE: u32 = 0o022;

/// Returns a name that no other process chooses.
pub(super) fn random_name() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// Creates a directory that need not be in a store, and its missing parents. No other user can
/// write in the new ones, whatever the umask.
pub(crate) fn create_own_dirs(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, !OTHERS_WRITE & 0o777);
    builder.recursive(true).create(path)
}

/// Creates a directory and its missing parents. No other user can write in the new ones, whatever
/// the umask.
pub(super) fn create_dirs(dir: &Dir, path: &Path) -> Result<()> {
    let is_dir = |found: Option<Found>| found.is_some_and(|it| it.kind == Kind::Directory);
    if path.as_os_str().is_empty() || is_dir(dir.find(path)?) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_dirs(dir, parent)?;
    }
    dir.create_dir(path)?;
    match dir.find(path)? {
        Some(it) if it.mode & OTHERS_WRITE != 0 => dir.set_dir_mode(path, it.mode & !OTHERS_WRITE),
        _ => Ok(()),
    }
}

/// Writes files below a directory, which need not exist.
pub(super) fn write(dir: &Dir, root: &Path, files: &[UnpackedFile]) -> Result<()> {
    create_dirs(dir, root)?;
    for file in files {
        let path = root.join(&file.path);
        if let Some(parent) = path.parent() {
            create_dirs(dir, parent)?;
        }
        let mode = if file.is_executable { 0o755 } else { 0o644 };
        dir.create(&path, &file.bytes, Mode::Exact(mode))?;
    }
    Ok(())
}

/// Calls `visit` with each file below a directory, its relative path, and the reason if it cannot
/// belong to a plugin: it is not a regular file, or far too large.
pub(super) fn walk(
    dir: &Dir,
    root: &Path,
    visit: &mut dyn FnMut(&Path, std::result::Result<Contents, Cause>),
) -> Result<()> {
    walk_in(dir, root, Path::new(""), visit)
}

fn walk_in(
    dir: &Dir,
    root: &Path,
    below: &Path,
    visit: &mut dyn FnMut(&Path, std::result::Result<Contents, Cause>),
) -> Result<()> {
    for entry in dir.list(root.join(below))? {
        let path = below.join(&entry.name);
        if entry.kind == Kind::Directory {
            walk_in(dir, root, &path, visit)?;
            continue;
        }
        match dir.read_regular(root.join(&path), MAX_LEN) {
            Ok(contents) => visit(&path, Ok(contents)),
            Err(Error { cause, .. }) if is_fault_of_file(&cause) => visit(&path, Err(cause)),
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Returns whether a file is unreadable because of its type, and not because access to the disk
/// failed.
pub(super) fn is_fault_of_file(cause: &Cause) -> bool {
    matches!(cause, Cause::NotRegular { .. } | Cause::TooLarge { .. })
}

/// Removes a file, or a directory with its content.
pub(super) fn remove(dir: &Dir, path: &Path) -> Result<()> {
    match dir.find(path)? {
        None => Ok(()),
        Some(it) if it.kind == Kind::Directory => {
            for entry in dir.list(path)? {
                remove(dir, &path.join(&entry.name))?;
            }
            dir.remove_dir(path)
        }
        Some(_) => dir.unlink(path),
    }
}

/// Makes the names in a directory, and in those below it, survive a power failure.
pub(super) fn sync(dir: &Dir, path: &Path) -> Result<()> {
    for entry in dir.list(path)? {
        if entry.kind == Kind::Directory {
            sync(dir, &path.join(&entry.name))?;
        }
    }
    dir.sync(path)
}
