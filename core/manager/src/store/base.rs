//! Opens and reads the store.

use super::error::StoreError;
use super::paths::{LOCK, MAX_LOOKS, MAX_RECORD, OWN, PATIENCE, own};
use super::place::Place;
use super::receipt::{FileRecord, Receipt};
use super::state::State;
use super::stored::Stored;
use super::{names, receipt, state, tree};
use crate::digest::Digest;
use pintle_host::fs::{Attempt, Dir, Holder, Kind, Lock, Unowned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The store, open for reading. Reading takes no lock, because each object in it changes in one
/// step.
#[derive(Debug)]
pub struct Store {
    pub(super) dir: Dir,
}

/// The store, while only this process may change it.
#[derive(Debug)]
pub struct LockedStore {
    pub(super) store: Store,
    _lock: Lock,
}

impl std::ops::Deref for LockedStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Store {
    /// Opens the store in a directory; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// When reading from disk fails.
    pub fn open(root: &Path) -> Result<Option<Self>, StoreError> {
        match Dir::open(root) {
            Ok(dir) => Ok(Some(Self { dir })),
            Err(err) if err.is_absent() => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    /// Opens the store in a directory, which is created if it is missing, and waits until no other
    /// process changes it. `waiting` is called with the first such process.
    ///
    /// # Errors
    ///
    /// When access to the disk fails, or the other process does not end within ten minutes.
    pub fn lock(root: &Path, waiting: &mut dyn FnMut(&Holder)) -> Result<LockedStore, StoreError> {
        tree::create_own_dirs(root)
            .map_err(|source| StoreError::Create { path: root.to_owned(), source })?;
        let dir = Dir::open(root)?;
        tree::create_dirs(&dir, Path::new(OWN))?;
        let attempt = || Ok::<Attempt, StoreError>(Lock::attempt(&dir, own(LOCK), Unowned::Stale)?);
        let lock = Lock::wait(&root.join(own(LOCK)), PATIENCE, waiting, attempt)?;
        let locked = LockedStore { store: Self { dir: Dir::open(root)? }, _lock: lock };
        locked.recover()?;
        locked.finish_removals()?;
        locked.sweep()?;
        Ok(locked)
    }

    /// Returns the directory of the store.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the path of a version's directory.
    pub fn path(&self, place: &Place, version: &str) -> PathBuf {
        self.dir.path().join(place.version(version))
    }

    /// Returns the plugins, in the order of their places.
    ///
    /// # Errors
    ///
    /// When a part of the store cannot be read.
    pub fn plugins(&self) -> Result<Vec<Stored>, StoreError> {
        let mut found = Vec::new();
        for place in self.places()? {
            found.extend(self.plugin(&place)?);
        }
        Ok(found)
    }

    /// Returns a plugin; `None` if it is not in the store.
    ///
    /// # Errors
    ///
    /// When a part of it cannot be read.
    pub fn plugin(&self, place: &Place) -> Result<Option<Stored>, StoreError> {
        place.check()?;
        let mut n_looks = 0;
        loop {
            let Some(stored) = self.look_at(place)? else { return Ok(None) };
            n_looks += 1;
            // Another process may have enabled a version after the versions were listed.
            let is_settled = stored.current.is_some() || n_looks == MAX_LOOKS;
            let has =
                |it: &String| stored.versions.contains_key(it) || stored.damaged.contains_key(it);
            if is_settled || self.directories(&place.path())?.iter().all(has) {
                return Ok(Some(stored));
            }
        }
    }

    fn look_at(&self, place: &Place) -> Result<Option<Stored>, StoreError> {
        let (mut versions, mut damaged) = (BTreeMap::new(), BTreeMap::new());
        let state = match self.state(place) {
            Ok(Some(state)) => state,
            Ok(None) | Err(StoreError::Taken { .. }) => return Ok(None),
            Err(StoreError::Damaged { source, .. }) => {
                damaged.insert(state::FILE.to_owned(), source.to_string());
                State::default()
            }
            Err(err) => return Err(err),
        };
        for name in self.directories(&place.path())? {
            match self.receipt(place, &name) {
                Ok(Some(receipt)) => drop(versions.insert(name, receipt)),
                Ok(None) if !self.dir.exists(place.version(&name))? => {}
                Ok(None) => drop(damaged.insert(name, "it has no receipt".to_owned())),
                Err(StoreError::Damaged { source, .. }) => {
                    damaged.insert(name, source.to_string());
                }
                Err(err) => return Err(err),
            }
        }
        let current = self.current(place, &versions)?;
        Ok(Some(Stored { place: place.clone(), state, versions, damaged, current }))
    }

    /// Returns the information about a version; `None` if there is none.
    pub(crate) fn receipt(
        &self,
        place: &Place,
        version: &str,
    ) -> Result<Option<Receipt>, StoreError> {
        names::check("version", version)?;
        let path = place.version(version).join(receipt::FILE);
        let Some(text) = self.read_text(&path)? else { return Ok(None) };
        let damaged = |source| StoreError::Damaged { path: self.dir.path().join(&path), source };
        text.parse().map(Some).map_err(damaged)
    }

    fn places(&self) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::new();
        for owner in self.directories(Path::new(""))? {
            for repo in self.directories(Path::new(&owner))? {
                places.push(Place { owner: owner.clone(), repo });
            }
        }
        places.sort_unstable();
        Ok(places)
    }

    /// Returns the names of the directories in a directory that the store could have created.
    pub(super) fn directories(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        let entries = match self.dir.list(path) {
            Ok(entries) => entries,
            Err(err) if err.is_absent() => return Ok(Vec::new()),
            Err(err) => return Err(err.into()),
        };
        let directories = entries.into_iter().filter(|it| it.kind == Kind::Directory);
        let names = directories.filter_map(|it| it.name.into_string().ok());
        Ok(names.filter(|it| names::is_plain(it)).collect())
    }

    /// Returns the text of a small file; `None` if it does not exist.
    pub(super) fn read_text(&self, path: &Path) -> Result<Option<String>, StoreError> {
        self.read_limited(path, MAX_RECORD)
    }

    pub(super) fn read_limited(
        &self,
        path: &Path,
        limit: u64,
    ) -> Result<Option<String>, StoreError> {
        let damaged = |source| StoreError::Damaged { path: self.dir.path().join(path), source };
        let contents = match self.dir.read_regular(path, limit) {
            Ok(contents) => contents,
            Err(err) if err.is_absent() => return Ok(None),
            Err(err) if tree::is_fault_of_file(&err.cause) => {
                return Err(damaged(err.cause.into()));
            }
            Err(err) => return Err(err.into()),
        };
        contents.into_text().map(Some).map_err(|err| damaged(err.into()))
    }

    /// Returns the current digests of a version's files on disk, and whether they are executable;
    /// or what is wrong with a file.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn hash(
        &self,
        place: &Place,
        version: &str,
    ) -> Result<BTreeMap<String, Result<FileRecord, String>>, StoreError> {
        self.hash_at(&place.version(version))
    }

    /// Returns the same for a directory of the store.
    pub(super) fn hash_at(
        &self,
        root: &Path,
    ) -> Result<BTreeMap<String, Result<FileRecord, String>>, StoreError> {
        let mut found = BTreeMap::new();
        tree::walk(&self.dir, root, &mut |path, file| {
            if path == Path::new(receipt::FILE) {
                return;
            }
            let record = file.map_err(|err| err.to_string()).map(|file| FileRecord {
                digest: Digest::of(&file.bytes),
                is_executable: file.mode() & 0o111 != 0,
            });
            found.insert(path.to_string_lossy().replace('\\', "/"), record);
        })?;
        Ok(found)
    }
}
