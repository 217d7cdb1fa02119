//! Applies a journal, or undoes it.
//!
//! Each file of a commit has two places: its own, and one in the directory of the run. A new file
//! moves from the run to its place, an old one from its place to the run, always in one rename;
//! undoing reverses these renames. The place of a file therefore shows how far the commit has come:
//! both directions can be interrupted anywhere, and started again.
//!
//! Invariant: only files that their stamps identify are deleted. A file is checked after it has
//! been moved to the run, where no other process changes it, and is never overwritten.

use super::error::{TransactionError, disk_error};
use super::journal::{Entry, JOURNAL, Journal, LOCK, RUN, UNDO, kept, staged, stamp};
use super::plan::is_many;
use crate::path::{HOST_FOLDER, parents};
use pintle_host::fs::{self, Dir, Kind};
use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;

type Result<T> = std::result::Result<T, TransactionError>;

/// Moves all files to their places; files that are already there stay.
///
/// If all of them have been in place once, nothing is checked any more: any difference is a later
/// change by the user.
pub(super) fn redo(disk: &Dir, journal: &Journal) -> Result<()> {
    if was_applied(disk, journal)? {
        return sync(disk, journal);
    }
    let mut made = journal.made.iter().map(String::as_str).collect();
    // Deletions are first: a new directory may have the name of an old file.
    for (idx, entry) in deletions(journal) {
        take_old(disk, idx, entry)?;
    }
    for (folder, _) in &journal.cleared {
        match disk.remove_dir(folder) {
            Err(err) if err.kind() == ErrorKind::DirectoryNotEmpty => {
                return Err(TransactionError::Occupied { path: folder.clone() });
            }
            Err(err) if !err.is_absent() => return Err(disk_error("remove", folder)(err)),
            _ => {}
        }
    }
    for (idx, entry) in journal.entries.iter().enumerate() {
        match (&entry.old, &entry.new) {
            (None, Some(_)) => put_new(disk, idx, entry, &mut made)?,
            (Some(_), Some(_)) => replace(disk, idx, entry, &mut made)?,
            (_, None) => {}
        }
    }
    sync(disk, journal)
}

/// Moves everything back to its place; files that are already there stay.
pub(super) fn undo(disk: &Dir, journal: &Journal) -> Result<()> {
    for (idx, entry) in journal.entries.iter().enumerate().rev() {
        if entry.new.is_some() {
            take_new(disk, idx, entry)?;
            put_old(disk, idx, entry)?;
        }
    }
    for folder in journal.made.iter().rev() {
        match disk.remove_dir(folder) {
            // A directory that someone else has started to use may stay.
            Err(err) if err.kind() == ErrorKind::DirectoryNotEmpty || err.is_absent() => {}
            res => res.map_err(disk_error("remove", folder))?,
        }
    }
    for (folder, mode) in journal.cleared.iter().rev() {
        disk.create_dir(folder)
            .and_then(|()| disk.set_dir_mode(folder, *mode))
            .map_err(disk_error("create the directory", folder))?;
    }
    for (idx, entry) in deletions(journal) {
        put_old(disk, idx, entry)?;
    }
    sync(disk, journal)
}

/// Removes the directories that the deletions have left empty, and all files of the run.
///
/// From the first step on, nothing can be undone any more. The next command repeats what fails
/// here.
pub(super) fn finish(disk: &Dir, journal: &Journal) {
    for (_, entry) in deletions(journal) {
        for folder in parents(&entry.path).rev() {
            if disk.remove_dir(folder).is_err() {
                break;
            }
        }
    }
    let _ = discard(disk);
}

/// Removes the run: first the journal, then the files that it names.
pub(super) fn discard(disk: &Dir) -> Result<()> {
    for mark in [JOURNAL, UNDO] {
        match disk.exists(mark) {
            Ok(false) => continue,
            Ok(true) => disk.unlink(mark),
            Err(err) => Err(err),
        }
        .and_then(|()| disk.sync(RUN))
        .map_err(disk_error("remove", mark))?;
    }
    for entry in disk.list(RUN).map_err(disk_error("list", RUN))? {
        // All names there are the host's. Any other one is left alone.
        let Some(name) = entry.name.to_str() else { continue };
        let path = format!("{RUN}/{name}");
        if path == LOCK {
            continue;
        }
        match disk.unlink(&path) {
            // The lock of another process, on its way to a name that has been taken in the
            // meantime.
            Err(err) if err.is_absent() => {}
            res => res.map_err(disk_error("remove", &path))?,
        }
    }
    Ok(())
}

/// Decides that the commit is undone.
pub(super) fn give_up(disk: &Dir) -> fs::Result<()> {
    disk.rename(JOURNAL, UNDO)?;
    disk.sync(RUN)
}

/// Whether every file was in its place at the end: the run contains no new file, and all old ones.
fn was_applied(disk: &Dir, journal: &Journal) -> Result<bool> {
    for (idx, entry) in journal.entries.iter().enumerate() {
        let waits = entry.new.is_some() && exists(disk, &staged(idx))?;
        if waits || entry.old.is_some() && !exists(disk, &kept(idx))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn deletions(journal: &Journal) -> impl Iterator<Item = (usize, &Entry)> {
    journal.entries.iter().enumerate().filter(|(_, it)| it.new.is_none())
}

/// Moves the old file of an entry to the run.
fn take_old(disk: &Dir, idx: usize, entry: &Entry) -> Result<()> {
    let path = &entry.path;
    if !exists(disk, &kept(idx))? {
        match disk.rename(path, kept(idx)) {
            Err(err) if err.is_absent() => {
                return Err(TransactionError::Disappeared { path: path.clone() });
            }
            res => res.map_err(disk_error("move", path))?,
        }
    }
    expect_old(disk, idx, entry)
}

/// Moves the new file of an entry to its place, which is empty; `made` are the directories that
/// still have to be created.
fn put_new(disk: &Dir, idx: usize, entry: &Entry, made: &mut HashSet<&str>) -> Result<()> {
    if !exists(disk, &staged(idx))? {
        // It is in its place, unless it was lost on the way.
        return match exists(disk, &entry.path)? {
            true => Ok(()),
            false => Err(TransactionError::Disappeared { path: entry.path.clone() }),
        };
    }
    for folder in parents(&entry.path) {
        if !made.remove(folder) {
            continue;
        }
        match disk.create_dir(folder) {
            Err(err) if err.kind() == ErrorKind::NotADirectory => {
                return Err(TransactionError::Occupied { path: folder.to_owned() });
            }
            res => res.map_err(disk_error("create the directory", folder))?,
        }
    }
    put(disk, &staged(idx), &entry.path)
}

/// Moves the new file of an entry to its place, and the old one from there to the run; in one step
/// if the system supports it, so that the file is never missing.
fn replace(disk: &Dir, idx: usize, entry: &Entry, made: &mut HashSet<&str>) -> Result<()> {
    let (path, kept, staged) = (&entry.path, kept(idx), staged(idx));
    if !exists(disk, &kept)? {
        if is_staged(disk, idx, entry)? {
            match disk.exchange(&staged, path) {
                Err(err) if err.is_unsupported() => {
                    take_old(disk, idx, entry)?;
                    return put_new(disk, idx, entry, made);
                }
                Err(err) if err.is_absent() => {
                    return Err(TransactionError::Disappeared { path: path.clone() });
                }
                res => res.map_err(disk_error("write", path))?,
            }
        }
        disk.rename(&staged, &kept).map_err(disk_error("back up", path))?;
    }
    expect_old(disk, idx, entry)?;
    // Only if there was no exchange.
    put_new(disk, idx, entry, made)
}

/// Moves the new file of an entry back to the run.
fn take_new(disk: &Dir, idx: usize, entry: &Entry) -> Result<()> {
    let (path, kept, staged) = (&entry.path, kept(idx), staged(idx));
    if exists(disk, &staged)? {
        let exchanged = entry.old.is_some() && !exists(disk, &kept)?;
        if exchanged && !is_staged(disk, idx, entry)? {
            disk.rename(&staged, &kept).map_err(disk_error("back up", path))?;
        }
    }
    if !exists(disk, &staged)? {
        match disk.rename(path, &staged) {
            // Someone has deleted it since, which is the intended result anyway.
            Err(err) if err.is_absent() => return Ok(()),
            res => res.map_err(disk_error("remove", path))?,
        }
    } else if disk.is_same(&staged, path).map_err(disk_error("read", path))? {
        // Both names exist, and the second was to be removed.
        disk.unlink(path).map_err(disk_error("remove", path))?;
    }
    if is_staged(disk, idx, entry)? {
        return Ok(());
    }
    // It is not ours any more, so it stays.
    put(disk, &staged, path)?;
    Err(TransactionError::Changed { path: path.clone() })
}

/// Moves the old file of an entry back to its place, which is empty.
fn put_old(disk: &Dir, idx: usize, entry: &Entry) -> Result<()> {
    match exists(disk, &kept(idx))? {
        true => put(disk, &kept(idx), &entry.path),
        false => Ok(()),
    }
}

fn put(disk: &Dir, from: &str, path: &str) -> Result<()> {
    match disk.rename_new(from, path) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {
            if disk.is_same(from, path).map_err(disk_error("read", path))? {
                return disk.unlink(from).map_err(disk_error("remove", from));
            }
            Err(TransactionError::Occupied { path: path.to_owned() })
        }
        res => res.map_err(disk_error("write", path)),
    }
}

fn exists(disk: &Dir, path: &str) -> Result<bool> {
    disk.exists(path).map_err(disk_error("find", path))
}

/// Whether the file in the run under the name of the new file is that file.
fn is_staged(disk: &Dir, idx: usize, entry: &Entry) -> Result<bool> {
    let path = staged(idx);
    Ok(stamp(disk, &path).map_err(disk_error("read", &path))? == entry.new)
}

/// Checks that the file that was moved to the run is the one that the commit knows.
fn expect_old(disk: &Dir, idx: usize, entry: &Entry) -> Result<()> {
    let path = kept(idx);
    match stamp(disk, &path).map_err(disk_error("read", &path))? == entry.old {
        true => Ok(()),
        false => Err(TransactionError::Changed { path: entry.path.clone() }),
    }
}

/// Makes all renames survive a power failure.
fn sync(disk: &Dir, journal: &Journal) -> Result<()> {
    if is_many(journal.entries.len()) {
        return disk.sync_file_system().map_err(disk_error("sync", HOST_FOLDER));
    }
    let mut folders = BTreeSet::from(["", HOST_FOLDER, RUN]);
    folders.extend(journal.entries.iter().flat_map(|it| parents(&it.path)));
    let is_other =
        |it: &str| matches!(disk.find(it), Ok(Some(found)) if found.kind != Kind::Directory);
    let folders: Vec<_> = folders.into_iter().filter(|it| !is_other(it)).collect();
    disk.sync_all(&folders).map_err(disk_error("sync", HOST_FOLDER))
}
