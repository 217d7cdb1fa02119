//! The links that make plugins of the store visible.

use super::{LockedStore, MAX_RECORD, NEW, Place, Receipt, Store, StoreError, receipt, tree};
use crate::project::{ProjectLock, VIEWS};
use pintle_host::fs::{Kind, Mode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

impl Store {
    /// Returns the directory of the version that a plugin's link leads to.
    pub(super) fn current(
        &self,
        place: &Place,
        versions: &BTreeMap<String, Receipt>,
    ) -> Result<Option<String>, StoreError> {
        for receipt in versions.values() {
            if let Some((owner, version)) = self.target(&receipt.link)?
                && owner == *place
                && versions.contains_key(&version)
            {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    /// Returns the plugin and the version that a link leads to; `None` if nothing has the name,
    /// or it is no link into the store.
    fn target(&self, link: &str) -> Result<Option<(Place, String)>, StoreError> {
        match self.dir.find(link)? {
            Some(it) if it.kind == Kind::Symlink => Ok(parse(&self.dir.read_link(link)?)),
            _ => Ok(None),
        }
    }
}

/// Reads the target of a link: `owner/repo/version/file`.
fn parse(target: &Path) -> Option<(Place, String)> {
    let mut parts = target.components().map(|it| match it {
        Component::Normal(it) => it.to_str().map(ToOwned::to_owned),
        _ => None,
    });
    let (owner, repo, version) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next()??;
    Some((Place { owner, repo }, version))
}

impl LockedStore {
    /// Lets a link lead to a file of the store, in one step.
    pub(super) fn link(&self, place: &Place, link: &str, file: &Path) -> Result<(), StoreError> {
        match (self.dir.find(link)?, self.target(link)?) {
            (None, _) => {}
            (Some(_), Some((other, _))) if other == *place => {}
            (Some(_), Some((other, _))) => {
                return Err(StoreError::LinkTaken { link: link.to_owned(), other });
            }
            (Some(_), None) => return Err(StoreError::Taken { path: self.dir.path().join(link) }),
        }
        let temporary = format!("{NEW}{}", tree::random_name());
        self.dir.create_symlink(file, &temporary)?;
        if let Err(err) = self.dir.rename(&temporary, link) {
            let _ = self.dir.unlink(&temporary);
            return Err(err.into());
        }
        self.dir.sync("")?;
        // A version before may have had another name.
        self.unlink_but(place, Some(link))
    }

    /// Removes the links of a plugin.
    pub(super) fn unlink_all(&self, place: &Place) -> Result<(), StoreError> {
        self.unlink_but(place, None)
    }

    fn unlink_but(&self, place: &Place, kept: Option<&str>) -> Result<(), StoreError> {
        for entry in self.dir.list("")? {
            let Some(name) = entry.name.to_str().filter(|it| Some(*it) != kept) else { continue };
            let is_link = entry.kind == Kind::Symlink && !name.starts_with('.');
            if is_link && self.target(name)?.is_some_and(|it| it.0 == *place) {
                self.dir.unlink(name)?;
            }
        }
        Ok(self.dir.sync("")?)
    }
}

/// The file in a project's directory that says which lock file it is of.
const OWNER: &str = ".lock-file";

impl LockedStore {
    /// Makes the directory of what a lock file demands: links to these versions, and nothing else.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then there is no such directory.
    pub fn make_view(
        &self,
        name: &str,
        lock_file: &Path,
        members: &[(Place, String)],
    ) -> Result<(), StoreError> {
        let views = Path::new(VIEWS);
        let path = views.join(name);
        if self.dir.exists(&path)? {
            return Ok(());
        }
        let new = views.join(format!("{NEW}{}", tree::random_name()));
        self.dir.create_dirs(&new)?;
        let owner = lock_file.to_string_lossy();
        self.dir.create(new.join(OWNER), owner.as_bytes(), Mode::Exact(0o644))?;
        for (place, version) in members {
            let version = place.version(version);
            let receipt: Option<Receipt> = self.read(&version.join(receipt::FILE))?;
            let Some(receipt) = receipt else { continue };
            let file = Path::new("../..").join(version).join(&receipt.file);
            self.dir.create_symlink(&file, new.join(&receipt.link))?;
        }
        self.dir.sync(&new)?;
        self.dir.rename_new(&new, &path)?;
        Ok(self.dir.sync(views)?)
    }

    /// Returns the versions that projects demand. Directories of lock files that have changed, or
    /// are gone, are removed, unless only `is_dry`.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn needed_by_projects(
        &self,
        is_dry: bool,
    ) -> Result<BTreeSet<(Place, String)>, StoreError> {
        let mut needed = BTreeSet::new();
        for name in self.directories(Path::new(VIEWS))? {
            let path = Path::new(VIEWS).join(&name);
            if !self.is_of_a_lock_file(&path, &name)? {
                if !is_dry {
                    tree::remove(&self.dir, &path)?;
                }
                continue;
            }
            for entry in self.dir.list(&path)?.into_iter().filter(|it| it.kind == Kind::Symlink) {
                let target = self.dir.read_link(path.join(&entry.name))?;
                needed.extend(target.strip_prefix("../..").ok().and_then(parse));
            }
        }
        Ok(needed)
    }

    fn is_of_a_lock_file(&self, path: &Path, name: &str) -> Result<bool, StoreError> {
        let owner = self.dir.read_regular(path.join(OWNER), MAX_RECORD)?;
        let Ok(owner) = owner.into_text() else { return Ok(false) };
        Ok(ProjectLock::load(Path::new(&owner)).is_ok_and(|it| it.view() == name))
    }
}
