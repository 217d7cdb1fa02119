//! The store: plugins as they were fetched, each version in a directory of its own.
//!
//! It is the user's plugin directory. `<owner>/<repo>/<version>/` has the files of a version and
//! its [`Receipt`]; a symbolic link beside the owners makes a version visible to the host. All
//! that is being made, or removed, is in `.store/`.
//!
//! Invariants:
//! - Which version of a plugin is in use, and whether one is, depends on its link alone. The link
//!   is replaced in one step, so that every process sees the old version or the new one.
//! - A version's directory gets its name when everything in it is on the disk. From then on, only
//!   its receipt can change, in one step.
//! - Only the holder of the store's lock changes anything. What a process has begun that was
//!   killed, the next holder finishes or undoes.
//! - A directory is the store's if it has the file of its place, and only such directories are
//!   changed. The user may keep anything else beside them.

mod change;
mod link;
mod names;
mod receipt;
mod stage;
mod state;
#[cfg(test)]
mod tests;
mod tree;
mod view;

pub use receipt::{FileRecord, Receipt, ReceiptError, Target};
pub use stage::Staged;
pub use state::State;

use crate::digest::Digest;
use crate::lockfile::LockFile;
use change::{Moved, own};
use pintle_host::fs::{self, Attempt, Dir, Holder, Kind, Lock, Unowned};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock file of the user.
pub(crate) const LOCK_FILE: &str = "plugins.lock";
/// The directory of the store's own files.
pub(crate) const OWN: &str = ".store";
/// The lock on the store, among its own files.
const LOCK: &str = "lock";
/// What the names of files in the making, and on their way out, begin with.
const NEW: &str = ".new-";
/// The largest receipt or state that is read.
const MAX_RECORD: u64 = 4 * 1024 * 1024;
/// How long another process may use the store.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often in a row a plugin may change while it is read.
const MAX_LOOKS: usize = 64;

/// The place of a plugin in the store, for example `pintle-dev/registry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The first part.
    pub owner: String,
    /// The second part.
    pub repo: String,
}

impl Place {
    /// Checks that the place is two directories that the store can have.
    ///
    /// # Errors
    ///
    /// [`StoreError::Name`] with the one that it cannot have.
    pub fn check(&self) -> Result<(), StoreError> {
        names::check("owner", &self.owner)?;
        names::check("repository", &self.repo)
    }

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
    /// What is wrong with each version that cannot be used, by their directories.
    pub damaged: BTreeMap<String, String>,
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
    /// The directory of the store cannot be created.
    #[error("failed to create plugin directory `{}`", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The record of a change that was interrupted cannot be used.
    #[error("`{}` is damaged", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A name that no file of the store can have.
    #[error("invalid {what} `{name}`")]
    Name {
        /// What it is the name of.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A version that is in use was to be removed.
    #[error("version `{version}` of `{place}` is in use")]
    InUse {
        /// The plugin.
        place: Place,
        /// The directory of the version.
        version: String,
    },
    /// Something that is not the store's has the name.
    #[error("`{}` exists and was not installed by this command", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Two plugins would have one link.
    #[error("plugin file `{link}` belongs to `{other}`")]
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
            .map_err(|source| StoreError::Create { path: root.to_owned(), source })?;
        let dir = Dir::open(root)?;
        tree::create_dirs(&dir, Path::new(OWN))?;
        let attempt = || Ok::<Attempt, StoreError>(Lock::attempt(&dir, own(LOCK), Unowned::Stale)?);
        let lock = Lock::wait(&root.join(own(LOCK)), PATIENCE, waiting, attempt)?;
        let locked = LockedStore { store: Self { dir: Dir::open(root)? }, _lock: lock };
        locked.recover()?;
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
        place.check()?;
        let mut n_looks = 0;
        loop {
            let Some(stored) = self.look_at(place)? else { return Ok(None) };
            n_looks += 1;
            // Another process may have put a version into use after the versions were listed.
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

    /// Returns what is known of a version; `None` if nothing is.
    fn receipt(&self, place: &Place, version: &str) -> Result<Option<Receipt>, StoreError> {
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

    /// Returns the names of the directories in a directory that the store could have made.
    fn directories(&self, path: &Path) -> Result<Vec<String>, StoreError> {
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
    fn read_text(&self, path: &Path) -> Result<Option<String>, StoreError> {
        self.read_limited(path, MAX_RECORD)
    }

    fn read_limited(&self, path: &Path, limit: u64) -> Result<Option<String>, StoreError> {
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

    /// Returns the digests of a version's files as they are on the disk now, and whether they can
    /// be run; or what is wrong with a file.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn hash(
        &self,
        place: &Place,
        version: &str,
    ) -> Result<BTreeMap<String, Result<FileRecord, String>>, StoreError> {
        let mut found = BTreeMap::new();
        let root = place.version(version);
        tree::walk(&self.dir, &root, &mut |path, file| {
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

impl LockedStore {
    /// Makes a version of a plugin the one in use.
    ///
    /// # Errors
    ///
    /// When the disk refuses, or the name of the link is taken; then nothing has changed.
    pub fn switch(&self, place: &Place, version: &str) -> Result<(), StoreError> {
        self.switch_with(place, version, |_| {})
    }

    /// Makes a version of a plugin the one in use, in place of a later one. That does not become
    /// the version before again.
    ///
    /// # Errors
    ///
    /// Those of [`LockedStore::switch`].
    pub fn roll_back(&self, stored: &Stored, version: &str) -> Result<(), StoreError> {
        let present = stored.latest().map(|it| it.0);
        let left = |state: &mut State| state.history.retain(|it| Some(&**it) != present);
        self.switch_with(&stored.place, version, left)
    }

    fn switch_with(
        &self,
        place: &Place,
        version: &str,
        change_state: impl FnOnce(&mut State),
    ) -> Result<(), StoreError> {
        self.recover()?;
        let home = place.version(version);
        let receipt = self.receipt(place, version)?.ok_or_else(|| {
            let source = "it has no receipt".into();
            StoreError::Damaged { path: self.dir.path().join(&home), source }
        })?;
        let mut state = self.state(place)?.unwrap_or_default();
        change_state(&mut state);
        state.note(version);
        self.check_link(place, &receipt.link)?;
        let mut change = self.change(place)?;
        change.after.links = [self.link_to(&receipt, &home)].into();
        self.set_state_in(&mut change, &state)?;
        self.commit(&change)
    }

    /// Takes a plugin out of use; it stays in the store.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then nothing has changed.
    pub fn disable(&self, stored: &Stored) -> Result<(), StoreError> {
        self.recover()?;
        let mut change = self.change(&stored.place)?;
        change.after.links.clear();
        // What the user has linked by hand is what they get again.
        if let (Some(current), Ok(Some(mut state))) = (&stored.current, self.state(&stored.place)) {
            state.note(current);
            self.set_state_in(&mut change, &state)?;
        }
        self.commit(&change)
    }

    /// Writes what the user has decided about a plugin.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then nothing has changed.
    pub fn set_state(&self, place: &Place, state: &State) -> Result<(), StoreError> {
        self.recover()?;
        // One that cannot be read is not lost.
        self.state(place)?;
        let mut change = self.change(place)?;
        self.set_state_in(&mut change, state)?;
        self.commit(&change)
    }

    /// Removes a plugin with all its versions.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then nothing has changed.
    pub fn remove(&self, stored: &Stored) -> Result<(), StoreError> {
        self.recover()?;
        let mut change = self.change(&stored.place)?;
        let away = format!("{NEW}{}", tree::random_name());
        change.moved = Some(Moved { home: stored.place.path(), away: away.clone() });
        change.before.is_home = true;
        change.after.links.clear();
        self.commit(&change)?;
        // What cannot be removed now is removed by the next process that takes the lock.
        let _ = tree::remove(&self.dir, &own(&away));
        Ok(())
    }

    /// Removes one version of a plugin, which is not in use.
    ///
    /// # Errors
    ///
    /// When it is in use, or the disk refuses; then nothing has changed.
    pub fn remove_version(&self, place: &Place, version: &str) -> Result<(), StoreError> {
        self.recover()?;
        place.check()?;
        names::check("version", version)?;
        let home = place.version(version);
        if self.links(place)?.values().any(|it| Path::new(it).starts_with(&home)) {
            return Err(StoreError::InUse { place: place.clone(), version: version.to_owned() });
        }
        self.remove_dir(&home)
    }

    /// Has a directory disappear in one step, and removes it.
    fn remove_dir(&self, path: &Path) -> Result<(), StoreError> {
        let away = self.temporary();
        self.dir.rename(path, &away)?;
        // After a power cut it may be there again, as a whole.
        let _ = path.parent().map(|it| self.dir.sync(it));
        let _ = tree::remove(&self.dir, &away);
        Ok(())
    }
}
