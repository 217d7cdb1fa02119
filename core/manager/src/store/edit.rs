//! What the holder of the store's lock can do with it.

use super::base::LockedStore;
use super::change::Moved;
use super::error::StoreError;
use super::paths::{NEW, own};
use super::place::Place;
use super::state::State;
use super::stored::Stored;
use super::{names, tree};
use std::path::Path;

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
    pub(super) fn remove_dir(&self, path: &Path) -> Result<(), StoreError> {
        let away = self.temporary();
        self.dir.rename(path, &away)?;
        // After a power cut it may be there again, as a whole.
        let _ = path.parent().map(|it| self.dir.sync(it));
        let _ = tree::remove(&self.dir, &away);
        Ok(())
    }
}
