//! Adds versions to the store.

use super::base::{LockedStore, Store};
use super::change::Moved;
use super::error::StoreError;
use super::paths::own;
use super::place::Place;
use super::receipt::{FileRecord, Receipt};
use super::{receipt, state, tree};
use crate::archive::UnpackedFile;
use crate::digest::Digest;
use crate::signature::PublicKey;
use pintle_host::config;
use pintle_host::fs::Mode;
use std::path::{Path, PathBuf};

/// The files of a version that is not visible yet. They are removed unless the version is kept.
#[derive(Debug)]
pub struct Staged<'a> {
    store: &'a LockedStore,
    place: Place,
    path: PathBuf,
}

/// What exists in the place of a version.
enum Found {
    Nothing,
    /// A version with the same files.
    Same,
    /// A version that should have the same files, or whose receipt cannot be read.
    Faulty,
    Other,
}

impl LockedStore {
    /// Writes the files of a version into the store, hidden, so that they can be checked.
    ///
    /// # Errors
    ///
    /// When writing to disk fails; nothing is left then.
    pub fn stage(&self, place: &Place, files: &[UnpackedFile]) -> Result<Staged<'_>, StoreError> {
        place.check()?;
        let staged = Staged { store: self, place: place.clone(), path: self.temporary() };
        tree::write(&self.dir, &staged.path, files)?;
        Ok(staged)
    }
}

impl Staged<'_> {
    /// Returns the path of a file.
    pub fn path(&self, file: &str) -> PathBuf {
        self.store.dir.path().join(&self.path).join(file)
    }

    /// Removes the files that the plugin has added while it was checked, and returns one of its own
    /// files that has changed since it was written.
    ///
    /// # Errors
    ///
    /// When access to the disk fails.
    pub fn settle(&self, files: &[UnpackedFile]) -> Result<Option<String>, StoreError> {
        let found = self.store.hash_at(&self.path)?;
        for path in found.keys().filter(|it| files.iter().all(|file| file.path != **it)) {
            tree::remove(&self.store.dir, &self.path.join(path))?;
        }
        let is_changed = |it: &&UnpackedFile| {
            let (digest, is_executable) = (Digest::of(&it.bytes), it.is_executable);
            found.get(&it.path) != Some(&Ok(FileRecord { digest, is_executable }))
        };
        Ok(files.iter().find(is_changed).map(|it| it.path.clone()))
    }

    /// Turns the files into a version of the plugin, and enables it if it should be visible, in one
    /// change. Returns the name of its directory.
    ///
    /// An existing version with the same files stays as it is, but its information may be extended.
    /// The key that was `verified` is pinned. The key in the receipt is pinned if no key was pinned
    /// before.
    ///
    /// # Errors
    ///
    /// When access to the disk fails, or the name of the link is in use; nothing has changed then.
    pub fn keep(
        self,
        receipt: &Receipt,
        verified: Option<&PublicKey>,
        is_visible: bool,
    ) -> Result<String, StoreError> {
        let store = self.store;
        store.recover()?;
        let path = self.path.join(receipt::FILE);
        let invalid =
            |err| StoreError::Damaged { path: store.dir.path().join(&path), source: Box::new(err) };
        receipt.check().map_err(invalid)?;
        let mut state = store.state(&self.place)?.unwrap_or_default();
        let text = receipt.to_string();
        store.dir.create(&path, text.as_bytes(), Mode::Exact(0o644))?;
        tree::sync(&store.dir, &self.path)?;

        let (version, is_there) = self.choose(receipt)?;
        let home = self.place.version(&version);
        let mut change = store.change(&self.place)?;
        if is_there {
            let path = home.join(receipt::FILE);
            change.set_file(&path, store.read_text(&path)?, Some(text));
        } else {
            let away = self.path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            change.moved = Some(Moved { home: home.clone(), away: away.to_owned() });
            change.after.is_home = true;
        }
        if let Some(key) = verified.or(receipt.key.as_ref().filter(|_| state.key.is_none())) {
            state.key = Some(key.clone());
        }
        if is_visible {
            store.check_link(&self.place, &receipt.link)?;
            state.note(&version);
            change.after.links = [store.link_to(receipt, &home)].into();
        }
        store.set_state_in(&mut change, &state)?;
        store.commit(&change)?;
        Ok(version)
    }

    /// Chooses the directory of the version, and returns whether the version is in the store
    /// already.
    fn choose(&self, receipt: &Receipt) -> Result<(String, bool), StoreError> {
        let digest = receipt.content.hex();
        let longer = format!("{}+{}", receipt.version, &digest[..12]);
        for name in [&receipt.version, &longer] {
            match self.store.compare(&self.place, name, receipt)? {
                Found::Nothing => return Ok((name.clone(), false)),
                Found::Same => return Ok((name.clone(), true)),
                Found::Other => {}
                // All users of the version get its correct files in one step, where possible.
                Found::Faulty => {
                    match self.store.dir.exchange(&self.path, self.place.version(name)) {
                        Ok(()) => return Ok((name.clone(), true)),
                        Err(err) if err.is_unsupported() => {}
                        Err(err) => return Err(err.into()),
                    }
                }
            }
        }
        Ok((format!("{longer}.{}", tree::random_name()), false))
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // As long as there is a journal, the files may be required to complete the change. The next
        // process that takes the lock removes what cannot be removed now.
        if let Ok(false) = self.store.dir.exists(own(super::change::JOURNAL)) {
            let _ = tree::remove(&self.store.dir, &self.path);
        }
    }
}

impl Store {
    /// Compares a directory in the store with a version that is not in it yet.
    fn compare(&self, place: &Place, name: &str, new: &Receipt) -> Result<Found, StoreError> {
        if !self.dir.exists(place.version(name))? {
            return Ok(Found::Nothing);
        }
        let old = match self.receipt(place, name) {
            Ok(Some(old)) => old,
            // It may belong to the user.
            Ok(None) => return Ok(Found::Other),
            Err(StoreError::Damaged { .. }) => return Ok(Found::Faulty),
            Err(err) => return Err(err),
        };
        if old.content != new.content {
            return Ok(Found::Other);
        }
        let found = self.hash(place, name)?;
        let is_same = |(path, record): (&String, &_)| found.get(path) == Some(&Ok(*record));
        match found.len() == new.files.len() && new.files.iter().all(is_same) {
            true => Ok(Found::Same),
            false => Ok(Found::Faulty),
        }
    }

    /// Returns the name of a version's link, and its target.
    pub(super) fn link_to(&self, receipt: &Receipt, home: &Path) -> (String, String) {
        // With the separators of this system, which Windows requires in links.
        let target: PathBuf = home.join(&receipt.file).components().collect();
        (receipt.link.clone(), target.to_string_lossy().into_owned())
    }

    /// Returns the state of a plugin; `None` if the store does not have it.
    pub(super) fn state(&self, place: &Place) -> Result<Option<super::State>, StoreError> {
        let path = place.path().join(state::FILE);
        let damaged = |source| StoreError::Damaged { path: self.dir.path().join(&path), source };
        let Some(text) = self.read_text(&path)? else {
            // A directory that belongs to the user is not taken over.
            return match self.dir.list(place.path()) {
                Ok(entries) if !entries.is_empty() => {
                    Err(StoreError::Taken { path: self.dir.path().join(place.path()) })
                }
                Err(err) if !err.is_absent() => Err(err.into()),
                _ => Ok(None),
            };
        };
        let record: state::Record = config::parse(&text).map_err(|why| damaged(why.into()))?;
        match record.place == place.to_string() {
            true => Ok(Some(record.state)),
            false => Err(StoreError::Taken { path: self.dir.path().join(place.path()) }),
        }
    }
}
