//! The operations of the holder of the store's lock.

use super::base::LockedStore;
use super::error::{StoreError, is_full};
use super::paths::{GONE, OWN, own};
use super::place::Place;
use super::state::State;
use super::stored::Stored;
use super::{names, state, tree};
use std::collections::BTreeMap;
use std::path::Path;

impl LockedStore {
    /// Enables a version of a plugin.
    ///
    /// # Errors
    ///
    /// When access to the disk fails, or the name of the link is in use; nothing has changed then.
    pub fn switch(&self, place: &Place, version: &str) -> Result<(), StoreError> {
        self.switch_with(place, version, |_| {})
    }

    /// Enables a version of a plugin in place of a later one, which does not become the previous
    /// version.
    ///
    /// # Errors
    ///
    /// The errors of [`LockedStore::switch`].
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

    /// Disables a plugin, which remains in the store.
    ///
    /// # Errors
    ///
    /// When access to the disk fails; nothing has changed then.
    pub fn disable(&self, stored: &Stored) -> Result<(), StoreError> {
        self.recover()?;
        let mut change = self.change(&stored.place)?;
        change.after.links.clear();
        // If the user has changed the link manually, enabling the plugin restores that version.
        if let (Some(current), Ok(Some(mut state))) = (&stored.current, self.state(&stored.place)) {
            state.note(current);
            self.set_state_in(&mut change, &state)?;
        }
        self.commit(&change)
    }

    /// Writes the user's settings for a plugin.
    ///
    /// # Errors
    ///
    /// When access to the disk fails; nothing has changed then.
    pub fn set_state(&self, place: &Place, state: &State) -> Result<(), StoreError> {
        self.recover()?;
        // A setting that cannot be read is not lost.
        self.state(place)?;
        let mut change = self.change(place)?;
        self.set_state_in(&mut change, state)?;
        self.commit(&change)
    }

    /// Removes a plugin with all its versions. This must be possible on a full disk, so there is no
    /// journal: once the plugin's directory has its new name, the directory itself states what
    /// remains to be done.
    ///
    /// # Errors
    ///
    /// When access to the disk fails; nothing has changed then.
    pub fn remove(&self, stored: &Stored) -> Result<(), StoreError> {
        self.recover()?;
        self.check_lock_file()?;
        let (place, home) = (&stored.place, stored.place.path());
        let links = self.links(place)?;
        let away = own(&format!("{GONE}{}", tree::random_name()));
        self.dir.rename(&home, &away)?;
        let Err(err) = self.finish_removal(place, &away) else { return Ok(()) };
        let undo = || -> Result<(), StoreError> {
            tree::create_dirs(&self.dir, Path::new(&place.owner))?;
            self.dir.rename_new(&away, &home)?;
            self.set_links(place, &links)?;
            self.write_lock_file()
        };
        // If undoing it also fails, the next process that takes the lock does it.
        let _ = undo();
        Err(err)
    }

    /// Removes the remains of a plugin whose directory has been moved away.
    fn finish_removal(&self, place: &Place, away: &Path) -> Result<(), StoreError> {
        // The links must not disappear in a power failure that the directory's new name does not
        // survive.
        self.dir.sync(&place.owner)?;
        self.dir.sync(OWN)?;
        self.set_links(place, &BTreeMap::new())?;
        self.remove_if_empty(Path::new(&place.owner))?;
        self.dir.sync("")?;
        let written = self.write_lock_file();
        let is_full = matches!(&written, Err(StoreError::Disk(err)) if is_full(err.kind()));
        if !is_full {
            written?;
        }
        // The next process that takes the lock removes what cannot be removed now.
        let _ = tree::remove(&self.dir, away);
        if is_full {
            // The disk has space again. If it has not, the next change writes the file.
            let _ = self.write_lock_file();
        }
        Ok(())
    }

    /// Completes the removals that earlier processes have begun.
    pub(super) fn finish_removals(&self) -> Result<(), StoreError> {
        for entry in self.dir.list(OWN)? {
            let Some(name) = entry.name.to_str().filter(|it| it.starts_with(GONE)) else {
                continue;
            };
            match self.place_of(&own(name)) {
                Some(place) if !self.dir.exists(place.path())? => {
                    self.finish_removal(&place, &own(name))?;
                }
                _ => drop(tree::remove(&self.dir, &own(name))),
            }
        }
        Ok(())
    }

    /// Returns the previous place of a plugin's directory, according to its state.
    fn place_of(&self, path: &Path) -> Option<Place> {
        let text = self.read_text(&path.join(state::FILE)).ok()??;
        let record: state::Record = toml::from_str(&text).ok()?;
        let (owner, repo) = record.place.split_once('/')?;
        let place = Place { owner: owner.to_owned(), repo: repo.to_owned() };
        place.check().ok().map(|()| place)
    }

    /// Removes one version of a plugin that is not in use.
    ///
    /// # Errors
    ///
    /// When it is in use, or access to the disk fails; nothing has changed then.
    pub fn remove_version(&self, place: &Place, version: &str) -> Result<(), StoreError> {
        self.recover()?;
        place.check()?;
        names::check("version", version)?;
        let home = place.version(version);
        if self.is_linked(place, version)? {
            return Err(StoreError::InUse { place: place.clone(), version: version.to_owned() });
        }
        self.remove_dir(&home)
    }

    /// Returns whether a link of the plugin points to a version, whatever its content.
    ///
    /// # Errors
    ///
    /// When the links cannot be read.
    pub fn is_linked(&self, place: &Place, version: &str) -> Result<bool, StoreError> {
        let home = place.version(version);
        Ok(self.links(place)?.values().any(|it| Path::new(it).starts_with(&home)))
    }

    /// Makes a directory disappear in one step, and removes it.
    pub(super) fn remove_dir(&self, path: &Path) -> Result<(), StoreError> {
        let away = self.temporary();
        self.dir.rename(path, &away)?;
        // After a power failure, it may exist again as a whole.
        let _ = path.parent().map(|it| self.dir.sync(it));
        let _ = tree::remove(&self.dir, &away);
        Ok(())
    }
}
