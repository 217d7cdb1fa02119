//! The links that make plugins of the store visible.

use super::base::{LockedStore, Store};
use super::error::StoreError;
use super::paths::{NEW, OWN};
use super::place::Place;
use super::receipt::Receipt;
use super::tree;
use pintle_host::fs::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

impl Store {
    /// Returns the directory of the version that a plugin's link leads to.
    pub(super) fn current(
        &self,
        place: &Place,
        versions: &BTreeMap<String, Receipt>,
    ) -> Result<Option<String>, StoreError> {
        let links: BTreeSet<_> = versions.values().map(|it| &it.link).collect();
        for link in links {
            if let Some((owner, version)) = self.target(link)?
                && owner == *place
                && versions.contains_key(&version)
            {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    /// Returns the plugin and the version that a link leads to; `None` if nothing has the name,
    /// or it is not a link into the store.
    fn target(&self, link: &str) -> Result<Option<(Place, String)>, StoreError> {
        match self.dir.find(link)? {
            Some(it) if it.kind == Kind::Symlink => match self.dir.read_link(link) {
                Ok(target) => Ok(parse(&target).filter(|it| it.0.check().is_ok())),
                Err(err) if err.is_absent() => Ok(None),
                Err(err) => Err(err.into()),
            },
            _ => Ok(None),
        }
    }

    /// Returns the links of a plugin, with what they lead to.
    pub(super) fn links(&self, place: &Place) -> Result<BTreeMap<String, String>, StoreError> {
        let mut links = BTreeMap::new();
        for entry in self.dir.list("")?.into_iter().filter(|it| it.kind == Kind::Symlink) {
            let Some(name) = entry.name.to_str().filter(|it| !it.starts_with('.')) else {
                continue;
            };
            let target = self.dir.read_link(name)?;
            if let (Some((owner, _)), Some(text)) = (parse(&target), target.to_str())
                && owner == *place
            {
                links.insert(name.to_owned(), text.to_owned());
            }
        }
        Ok(links)
    }
}

/// Reads the target of a link: `owner/repo/version/file`.
pub(super) fn parse(target: &Path) -> Option<(Place, String)> {
    let mut parts = target.components().map(|it| match it {
        Component::Normal(it) => it.to_str().map(ToOwned::to_owned),
        _ => None,
    });
    let (owner, repo, version) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next()??;
    Some((Place { owner, repo }, version))
}

impl LockedStore {
    /// Makes the links of a plugin these, each in one step. New ones come first, so that a
    /// plugin whose link has another name now is visible all the time.
    pub(super) fn set_links(
        &self,
        place: &Place,
        links: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let before = self.links(place)?;
        for (link, target) in links.iter().filter(|(link, it)| before.get(*link) != Some(*it)) {
            self.check_link(place, link)?;
            let temporary = self.temporary();
            self.dir.create_symlink(Path::new(target), &temporary)?;
            if let Err(err) = self.dir.rename(&temporary, link) {
                let _ = self.dir.unlink(&temporary);
                return Err(err.into());
            }
        }
        for link in before.keys().filter(|it| !links.contains_key(*it)) {
            self.dir.unlink(link)?;
        }
        if before != *links {
            self.dir.sync("")?;
        }
        Ok(())
    }

    /// Checks that a plugin's link can have this name.
    pub(super) fn check_link(&self, place: &Place, link: &str) -> Result<(), StoreError> {
        match (self.dir.find(link)?, self.target(link)?) {
            (None, _) => Ok(()),
            (Some(_), Some((other, _))) if other == *place => Ok(()),
            // What the user has removed by hand has left its link.
            (Some(_), Some((other, _))) if !self.dir.exists(other.path())? => Ok(()),
            (Some(_), Some((other, _))) if self.plugin(&other)?.is_some() => {
                Err(StoreError::LinkTaken { link: link.to_owned(), other })
            }
            (Some(_), _) => Err(StoreError::Taken { path: self.dir.path().join(link) }),
        }
    }

    /// Returns a path for what is being written, or is about to be removed.
    pub(super) fn temporary(&self) -> std::path::PathBuf {
        Path::new(OWN).join(format!("{}{}", NEW, tree::random_name()))
    }
}
