//! Changes one plugin in the store, completely or not at all.
//!
//! A change is first written to the journal, together with the previous state. From then on, it is
//! completed by this process or by the next one that takes the lock. A change that cannot be
//! completed is undone.

use super::base::LockedStore;
use super::error::StoreError;
use super::paths::{LOCK_FILE, NEW, OWN, own};
use super::place::Place;
use super::state::State;
use super::{names, receipt, state, tree};
use crate::archive::is_portable_path;
use crate::lockfile::LockFile;
use pintle_host::fs::{Kind, Mode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the journal, among the store's own files.
pub(super) const JOURNAL: &str = "journal.json";
const FORMAT: u32 = 1;
/// The largest journal that is read: two states and two receipts, with escaped quotes.
const MAX_LEN: u64 = 64 * 1024 * 1024;

/// A change of one plugin.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Change {
    format: u32,
    owner: String,
    repo: String,
    /// A directory that appears in the store, or disappears from it.
    pub(super) moved: Option<Moved>,
    pub(super) before: Side,
    pub(super) after: Side,
}

/// A directory with two possible names, of which it has one at a time.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Moved {
    /// Its path in the store, while it is there.
    pub(super) home: PathBuf,
    /// Its name among the store's own files, while it is not.
    pub(super) away: String,
}

/// The state before or after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Side {
    /// Whether the moved directory is in the store.
    pub(super) is_home: bool,
    /// The contents of the files that change; `None` for a file that does not exist.
    pub(super) files: BTreeMap<String, Option<String>>,
    /// The links of the plugin, with their targets.
    pub(super) links: BTreeMap<String, String>,
}

impl Change {
    pub(super) fn place(&self) -> Place {
        Place { owner: self.owner.clone(), repo: self.repo.clone() }
    }

    /// Sets the content of a file after the change.
    pub(super) fn set_file(&mut self, path: &Path, old: Option<String>, new: Option<String>) {
        if old != new {
            let path = slashed(path);
            self.before.files.insert(path.clone(), old);
            self.after.files.insert(path, new);
        }
    }

    fn is_nothing(&self) -> bool {
        self.before == self.after
    }

    /// Checks the content of a journal: it may change only this plugin.
    fn check(&self) -> Result<(), &'static str> {
        let place = self.place();
        place.check().map_err(|_| "it refers to an invalid place")?;
        let within = slashed(&place.path());
        let below = |it: &str| it.strip_prefix(&within).is_some_and(|it| it.starts_with('/'));
        let is_file = |it: &String| {
            let name = Path::new(it).file_name().and_then(|it| it.to_str());
            let is_record = name.is_some_and(|it| [state::FILE, receipt::FILE].contains(&it));
            below(it) && is_record && is_portable_path(it)
        };
        let sides = [&self.before, &self.after];
        if !sides.iter().flat_map(|it| it.files.keys()).all(is_file) {
            return Err("it refers to an invalid file");
        }
        if !sides.iter().flat_map(|it| it.links.keys()).all(|it| names::is_link(it)) {
            return Err("it refers to an invalid link");
        }
        let is_moved = |it: &Moved| {
            let home = slashed(&it.home);
            let is_home = is_portable_path(&home) && (home == within || below(&home));
            is_home && it.away.strip_prefix(NEW).is_some_and(names::is_plain)
        };
        match self.moved.as_ref().is_none_or(is_moved) {
            true => Ok(()),
            false => Err("it refers to an invalid directory"),
        }
    }
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

impl LockedStore {
    /// Begins a change of a plugin, which is empty at first.
    pub(super) fn change(&self, place: &Place) -> Result<Change, StoreError> {
        place.check()?;
        let links = self.links(place)?;
        let side = Side { is_home: false, files: BTreeMap::new(), links };
        let (owner, repo) = (place.owner.clone(), place.repo.clone());
        let (before, after) = (side.clone(), side);
        Ok(Change { format: FORMAT, owner, repo, moved: None, before, after })
    }

    /// Sets the state of a plugin after the change.
    pub(super) fn set_state_in(&self, change: &mut Change, new: &State) -> Result<(), StoreError> {
        let place = change.place();
        let path = place.path().join(state::FILE);
        let old = self.read_text(&path)?;
        change.set_file(&path, old, Some(new.to_text(&place)));
        Ok(())
    }

    /// Executes a change.
    pub(super) fn commit(&self, change: &Change) -> Result<(), StoreError> {
        if change.is_nothing() {
            return self.write_lock_file();
        }
        self.check_lock_file()?;
        let text = serde_json::to_string(change).expect("a change has string keys");
        if let Err(err) = self.put(&own(JOURNAL), &text) {
            let _ = self.dir.unlink(own(JOURNAL));
            return Err(err);
        }
        if let Err(err) = self.apply(change, &change.after) {
            // If undoing it also fails, the next process that takes the lock does it.
            if self.apply(change, &change.before).is_ok() {
                let _ = self.end_journal();
            }
            return Err(err);
        }
        // If it remains, the next process finds nothing to do.
        let _ = self.end_journal();
        Ok(())
    }

    /// Completes the change that an earlier process has begun, or undoes it.
    pub(super) fn recover(&self) -> Result<(), StoreError> {
        let path = own(JOURNAL);
        let Some(text) = self.read_limited(&path, MAX_LEN)? else { return Ok(()) };
        let damaged = |source| StoreError::Journal { path: self.dir.path().join(&path), source };
        let change: Change = serde_json::from_str(&text).map_err(|err| damaged(err.into()))?;
        if change.format != FORMAT {
            return Err(damaged(format!("it has the unknown format {}", change.format).into()));
        }
        change.check().map_err(|it| damaged(it.into()))?;
        if let Err(err) = self.apply(&change, &change.after)
            && self.apply(&change, &change.before).is_err()
        {
            return Err(err);
        }
        self.end_journal()
    }

    fn end_journal(&self) -> Result<(), StoreError> {
        self.dir.unlink(own(JOURNAL))?;
        Ok(self.dir.sync(OWN)?)
    }

    /// Restores one side of a change. This can be repeated.
    fn apply(&self, change: &Change, side: &Side) -> Result<(), StoreError> {
        let place = change.place();
        if let Some(moved) = change.moved.as_ref().filter(|_| side.is_home) {
            self.bring_home(moved)?;
        }
        for (path, text) in &side.files {
            if let Some(text) = text {
                self.put(Path::new(path), text)?;
            }
        }
        self.set_links(&place, &side.links)?;
        for (path, _) in side.files.iter().filter(|(_, text)| text.is_none()) {
            tree::remove(&self.dir, Path::new(path))?;
        }
        if let Some(moved) = change.moved.as_ref().filter(|_| !side.is_home) {
            self.take_away(moved)?;
        }
        for path in [place.path(), PathBuf::from(&place.owner)] {
            self.remove_if_empty(&path)?;
            self.dir.sync(&path)?;
        }
        self.dir.sync("")?;
        self.write_lock_file()
    }

    fn bring_home(&self, moved: &Moved) -> Result<(), StoreError> {
        let away = own(&moved.away);
        if !self.dir.exists(&away)? {
            return match self.dir.exists(&moved.home)? {
                true => Ok(()),
                false => {
                    let source = "its files have disappeared".into();
                    Err(StoreError::Damaged { path: self.dir.path().join(&moved.home), source })
                }
            };
        }
        if let Some(parent) = moved.home.parent() {
            tree::create_dirs(&self.dir, parent)?;
        }
        Ok(self.dir.rename_new(away, &moved.home)?)
    }

    fn take_away(&self, moved: &Moved) -> Result<(), StoreError> {
        match self.dir.exists(&moved.home)? {
            true => Ok(self.dir.rename_new(&moved.home, own(&moved.away))?),
            false => Ok(()),
        }
    }

    pub(super) fn remove_if_empty(&self, path: &Path) -> Result<(), StoreError> {
        match self.dir.list(path) {
            Ok(entries) if entries.is_empty() => Ok(self.dir.remove_dir(path)?),
            Err(err) if !err.is_absent() => Err(err.into()),
            _ => Ok(()),
        }
    }

    /// Writes a file in one step, unless it already has that content.
    pub(super) fn put(&self, path: &Path, text: &str) -> Result<(), StoreError> {
        let old = self.dir.read_regular(path, text.len() as u64).ok();
        if old.is_some_and(|it| it.bytes == text.as_bytes()) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        tree::create_dirs(&self.dir, parent)?;
        let temporary = self.temporary();
        self.dir.create(&temporary, text.as_bytes(), Mode::New(0o644))?;
        if let Err(err) = self.dir.rename(&temporary, path) {
            let _ = self.dir.unlink(&temporary);
            return Err(err.into());
        }
        Ok(self.dir.sync(parent)?)
    }

    /// Checks that the user's lock file can be replaced, before anything is changed.
    pub(super) fn check_lock_file(&self) -> Result<(), StoreError> {
        match self.dir.find(LOCK_FILE)? {
            Some(it) if it.kind != Kind::File => {
                Err(StoreError::Taken { path: self.dir.path().join(LOCK_FILE) })
            }
            _ => Ok(()),
        }
    }

    /// Writes the user's lock file, which is derived from the rest of the store.
    pub(super) fn write_lock_file(&self) -> Result<(), StoreError> {
        let lock = LockFile::of(&self.plugins()?);
        if lock.plugin.is_empty() && !self.dir.exists(LOCK_FILE)? {
            return Ok(());
        }
        self.put(Path::new(LOCK_FILE), &lock.to_string())
    }

    /// Removes what processes have left among the store's own files. Files that cannot be removed
    /// now are removed later.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        for entry in self.dir.list(OWN)? {
            let Some(name) = entry.name.to_str() else { continue };
            // The locks of processes that were killed while they took the lock. A process that is
            // taking it now tries again, and waits for this process in any case.
            let is_of_lock = name.starts_with(".lock.") || name.starts_with("lock.");
            let is_of_lock = is_of_lock && entry.kind == Kind::File;
            if name.starts_with(NEW) || is_of_lock {
                let _ = tree::remove(&self.dir, &own(name));
            }
        }
        Ok(())
    }
}
