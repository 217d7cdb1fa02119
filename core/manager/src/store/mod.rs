//! The store: plugins as they were fetched, each version in a directory of its own.
//!
//! It is the user's plugin directory. `<owner>/<repo>/<version>/` has the files of a version and
//! its [`Receipt`]; a symbolic link beside the owners makes a version visible to the host.
//!
//! Invariants: which version of a plugin is in use, and whether one is, says its link and nothing
//! else, and the link is replaced in one step, so every process sees the old version or the new
//! one whole. A version's directory gets its name when all is in it and on the disk, and never
//! changes from then on. Only the holder of the store's lock changes anything; what a process
//! that was killed has left over, the next holder removes.

mod link;
mod receipt;
mod state;
mod tree;

pub use receipt::{FileRecord, Receipt, Target};
pub use state::State;

use crate::archive::UnpackedFile;
use crate::digest::Digest;
use crate::lockfile::LockFile;
use pintle_host::fs::{self, Attempt, Dir, Holder, Kind, Lock, Mode, Unowned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock on the store.
const LOCK: &str = ".lock";
/// The lock file of the user.
pub(crate) const LOCK_FILE: &str = "plugins.lock";
/// What directories in the making, and on their way out, begin with.
const NEW: &str = ".new-";
const OLD: &str = ".old-";
/// The largest receipt or state that is read.
const MAX_RECORD: u64 = 4 * 1024 * 1024;
/// How long another process may take with the store.
const PATIENCE: Duration = Duration::from_secs(600);

/// The place of a plugin in the store, for example `pintle-dev/registry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The first part.
    pub owner: String,
    /// The second part.
    pub repo: String,
}

impl Place {
    fn path(&self) -> PathBuf {
        Path::new(&self.owner).join(&self.repo)
    }

    fn version(&self, version: &str) -> PathBuf {
        self.path().join(version)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.repo)
    }
}

/// A plugin in the store.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Where it is.
    pub place: Place,
    /// What the user has decided.
    pub state: State,
    /// The versions, by their directories.
    pub versions: BTreeMap<String, Receipt>,
    /// The directory of the version in use; `None` if the plugin is disabled.
    pub current: Option<String>,
}

impl Stored {
    /// Returns the version in use, or else the one that was in use last.
    pub fn latest(&self) -> Option<(&str, &Receipt)> {
        let last = self.state.history.iter().rev();
        let mut names = self.current.iter().chain(last);
        names.find_map(|it| self.versions.get_key_value(it)).map(|(name, it)| (&**name, it))
    }

    /// Returns the version in use.
    pub fn in_use(&self) -> Option<(&str, &Receipt)> {
        let (name, receipt) = self.versions.get_key_value(self.current.as_ref()?)?;
        Some((name, receipt))
    }

    /// Returns the version that was in use before the present one.
    pub fn before(&self) -> Option<(&str, &Receipt)> {
        let (current, _) = self.latest()?;
        let mut earlier = self.state.history.iter().rev().filter(|it| *it != current);
        earlier.find_map(|it| self.versions.get_key_value(it)).map(|(name, it)| (&**name, it))
    }
}

/// Why the store could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] fs::Error),
    /// A file of the store is not what was written there.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something that is not the store's has the name of a plugin's link.
    #[error("`{}` exists and was not installed by this command", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Two plugins would have one link.
    #[error("plugin file `{link}` is that of `{other}` already")]
    LinkTaken {
        /// The name of the link.
        link: String,
        /// Whose it is.
        other: Place,
    },
}

/// The store, as it can be read. Reading takes no lock: each thing in it changes in one step.
#[derive(Debug)]
pub struct Store {
    dir: Dir,
}

/// The store, while this process alone may change it.
#[derive(Debug)]
pub struct LockedStore {
    store: Store,
    _lock: Lock,
}

impl std::ops::Deref for LockedStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Store {
    /// Opens the store in a directory; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn open(root: &Path) -> Result<Option<Self>, StoreError> {
        match Dir::open(root) {
            Ok(dir) => Ok(Some(Self { dir })),
            Err(err) if err.is_absent() => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    /// Opens the store in a directory, which is made if it is missing, and waits until no other
    /// process changes it; `waiting` is told of the first one.
    ///
    /// # Errors
    ///
    /// When the disk refuses, or the other process does not end in ten minutes.
    pub fn lock(root: &Path, waiting: &mut dyn FnMut(&Holder)) -> Result<LockedStore, StoreError> {
        std::fs::create_dir_all(root)
            .map_err(|err| StoreError::Damaged { path: root.to_owned(), source: err.into() })?;
        let dir = Dir::open(root)?;
        let attempt = || Ok::<Attempt, StoreError>(Lock::attempt(&dir, LOCK, Unowned::Stale)?);
        let lock = Lock::wait(&root.join(LOCK), PATIENCE, waiting, attempt)?;
        let locked = LockedStore { store: Self { dir: Dir::open(root)? }, _lock: lock };
        locked.clean_up()?;
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
    /// When something of the store cannot be read.
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
    /// When something of it cannot be read.
    pub fn plugin(&self, place: &Place) -> Result<Option<Stored>, StoreError> {
        let state: Option<State> = self.read(&place.path().join(state::FILE))?;
        let mut versions = BTreeMap::new();
        for name in self.directories(&place.path())? {
            if let Some(receipt) = self.read(&place.version(&name).join(receipt::FILE))? {
                versions.insert(name, receipt);
            }
        }
        let state = state.unwrap_or_default();
        if versions.is_empty() || state.is_removed {
            return Ok(None);
        }
        let current = self.current(place, &versions)?;
        Ok(Some(Stored { place: place.clone(), state, versions, current }))
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

    /// Returns the names of the directories in a directory, but for hidden ones.
    fn directories(&self, path: &Path) -> Result<Vec<String>, StoreError> {
        let entries = match self.dir.list(path) {
            Ok(entries) => entries,
            Err(err) if err.is_absent() => return Ok(Vec::new()),
            Err(err) => return Err(err.into()),
        };
        let directories = entries.into_iter().filter(|it| it.kind == Kind::Directory);
        let names = directories.filter_map(|it| it.name.into_string().ok());
        Ok(names.filter(|it| !it.starts_with('.')).collect())
    }

    fn read<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, StoreError> {
        let contents = match self.dir.read_regular(path, MAX_RECORD) {
            Ok(contents) => contents,
            Err(err) if err.is_absent() => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        let damaged = |source| StoreError::Damaged { path: self.dir.path().join(path), source };
        let text = contents.into_text().map_err(|err| damaged(err.into()))?;
        toml::from_str(&text).map(Some).map_err(|err| damaged(err.into()))
    }

    /// Returns the digests of a version's files as they are on the disk now, and whether they can
    /// be run.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn hash(
        &self,
        place: &Place,
        version: &str,
    ) -> Result<BTreeMap<String, FileRecord>, StoreError> {
        let mut found = BTreeMap::new();
        let root = place.version(version);
        tree::walk(&self.dir, &root, &mut |path, file| {
            if path == Path::new(receipt::FILE) {
                return Ok(());
            }
            let mode = file.mode();
            let record =
                FileRecord { digest: Digest::of(&file.bytes), is_executable: mode & 0o111 != 0 };
            found.insert(path.to_string_lossy().replace('\\', "/"), record);
            Ok(())
        })?;
        Ok(found)
    }
}

impl LockedStore {
    /// Puts the files of a version into the store, out of sight, so that they can be checked.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then nothing is left.
    pub fn stage(&self, place: &Place, files: &[UnpackedFile]) -> Result<Staged<'_>, StoreError> {
        self.dir.create_dirs(place.path())?;
        let staged = Staged {
            store: self,
            place: place.clone(),
            path: place.path().join(format!("{NEW}{}", tree::random_name())),
            is_kept: false,
        };
        self.dir.create_dir(&staged.path)?;
        for file in files {
            let path = staged.path.join(&file.path);
            if let Some(parent) = path.parent() {
                self.dir.create_dirs(parent)?;
            }
            let mode = if file.is_executable { 0o755 } else { 0o644 };
            self.dir.create(&path, &file.bytes, Mode::Exact(mode))?;
        }
        Ok(staged)
    }

    /// Makes a version of a plugin the one in use, in one step.
    ///
    /// # Errors
    ///
    /// When the disk refuses, or the name of the link is another's.
    pub fn switch(&self, place: &Place, version: &str) -> Result<(), StoreError> {
        let path = place.version(version);
        let receipt: Receipt = self.read(&path.join(receipt::FILE))?.ok_or_else(|| {
            let source = "there is no receipt".into();
            StoreError::Damaged { path: self.dir.path().join(&path), source }
        })?;
        self.link(place, &receipt.link, &path.join(&receipt.file))?;
        let mut state: State = self.read(&place.path().join(state::FILE))?.unwrap_or_default();
        state.note(version);
        state.is_removed = false;
        self.set_state(place, &state)
    }

    /// Takes a plugin out of use; it stays in the store.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn disable(&self, stored: &Stored) -> Result<(), StoreError> {
        self.unlink_all(&stored.place)?;
        self.write_lock_file()
    }

    /// Writes what the user has decided about a plugin.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn set_state(&self, place: &Place, state: &State) -> Result<(), StoreError> {
        let text = toml::to_string(state).expect("a state has string keys");
        let path = place.path().join(state::FILE);
        self.dir.replace(path, text.as_bytes(), Mode::New(0o644))?;
        self.write_lock_file()
    }

    /// Removes a plugin with all its versions.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then the next change of the store goes on with it.
    pub fn remove(&self, stored: &Stored) -> Result<(), StoreError> {
        let state = State { is_removed: true, ..stored.state.clone() };
        self.set_state(&stored.place, &state)?;
        self.finish_removal(&stored.place)
    }

    /// Removes one version of a plugin, which is not in use.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then the next change of the store goes on with it.
    pub fn remove_version(&self, place: &Place, version: &str) -> Result<(), StoreError> {
        let old = place.path().join(format!("{OLD}{}", tree::random_name()));
        self.dir.rename(place.version(version), &old)?;
        Ok(tree::remove(&self.dir, &old)?)
    }

    fn finish_removal(&self, place: &Place) -> Result<(), StoreError> {
        self.unlink_all(place)?;
        let old = Path::new(&place.owner).join(format!("{OLD}{}", tree::random_name()));
        self.dir.rename(place.path(), &old)?;
        tree::remove(&self.dir, &old)?;
        self.remove_if_empty(Path::new(&place.owner))?;
        self.write_lock_file()
    }

    fn remove_if_empty(&self, path: &Path) -> Result<(), StoreError> {
        match self.dir.list(path)?.is_empty() {
            true => Ok(self.dir.remove_dir(path)?),
            false => Ok(()),
        }
    }

    /// Removes what a process has left that was killed, and ends what it has begun.
    fn clean_up(&self) -> Result<(), StoreError> {
        self.remove_leftovers(Path::new(""))?;
        for owner in self.directories(Path::new(""))? {
            self.remove_leftovers(Path::new(&owner))?;
            for repo in self.directories(Path::new(&owner))? {
                let place = Place { owner: owner.clone(), repo };
                self.remove_leftovers(&place.path())?;
                self.settle(&place)?;
            }
        }
        Ok(())
    }

    fn settle(&self, place: &Place) -> Result<(), StoreError> {
        let state: Option<State> = self.read(&place.path().join(state::FILE))?;
        if state.as_ref().is_some_and(|it| it.is_removed) {
            return self.finish_removal(place);
        }
        let Some(stored) = self.plugin(place)? else {
            // Nothing was ever whole in it.
            return match state {
                None => Ok(tree::remove(&self.dir, &place.path())?),
                Some(_) => Ok(()),
            };
        };
        // A process was killed between the link and the note of it.
        if let Some(current) = &stored.current {
            let mut state = stored.state.clone();
            state.note(current);
            if state != stored.state {
                self.set_state(place, &state)?;
            }
        }
        Ok(())
    }

    fn remove_leftovers(&self, path: &Path) -> Result<(), StoreError> {
        for entry in self.dir.list(path)? {
            let Some(name) = entry.name.to_str() else { continue };
            if !name.starts_with(NEW) && !name.starts_with(OLD) {
                continue;
            }
            match entry.kind {
                Kind::Directory => tree::remove(&self.dir, &path.join(name))?,
                _ => self.dir.unlink(path.join(name))?,
            }
        }
        Ok(())
    }

    /// Writes the lock file of the user, which follows from all else.
    fn write_lock_file(&self) -> Result<(), StoreError> {
        let lock = LockFile::of(&self.plugins()?);
        let text = lock.to_string();
        let old = self.dir.read_regular(LOCK_FILE, MAX_RECORD).ok();
        if old.is_some_and(|it| it.bytes == text.as_bytes()) {
            return Ok(());
        }
        Ok(self.dir.replace(LOCK_FILE, text.as_bytes(), Mode::New(0o644))?)
    }
}

/// The files of a version that is not visible yet. They are removed if it is not kept.
#[derive(Debug)]
pub struct Staged<'a> {
    store: &'a LockedStore,
    place: Place,
    path: PathBuf,
    is_kept: bool,
}

impl Staged<'_> {
    /// Returns the path of a file.
    pub fn path(&self, file: &str) -> PathBuf {
        self.store.dir.path().join(&self.path).join(file)
    }

    /// Makes the files a version of the plugin, and returns the name of its directory. A version
    /// with the same content stays as it is.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then nothing is left.
    pub fn keep(mut self, receipt: &Receipt) -> Result<String, StoreError> {
        let dir = &self.store.dir;
        let text = toml::to_string(receipt).expect("a receipt has string keys");
        dir.create(self.path.join(receipt::FILE), text.as_bytes(), Mode::Exact(0o644))?;
        tree::sync(dir, &self.path)?;
        let digest = receipt.content.hex();
        let longer = format!("{}+{}", receipt.version, &digest[..12]);
        for name in [receipt.version.clone(), longer.clone()] {
            let path = self.place.version(&name);
            let old: Option<Receipt> = self.store.read(&path.join(receipt::FILE))?;
            match old {
                // What is known of it may be more now: a signature, for example.
                Some(old) if old.content == receipt.content => {
                    dir.exchange(&self.path, &path)?;
                    return Ok(name);
                }
                Some(_) => {}
                None => {
                    dir.rename_new(&self.path, &path)?;
                    dir.sync(self.place.path())?;
                    self.is_kept = true;
                    return Ok(name);
                }
            }
        }
        Err(StoreError::Damaged {
            path: dir.path().join(self.place.version(&longer)),
            source: "it has other files than its name says".into(),
        })
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now goes with the next change of the store.
            let _ = tree::remove(&self.store.dir, &self.path);
        }
    }
}
