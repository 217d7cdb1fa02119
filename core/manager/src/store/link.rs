//! The links that make the store's plugins visible.

use super::base::{LockedStore, Store};
use super::error::StoreError;
use super::paths::{NEW, OWN, UP};
use super::place::Place;
use super::receipt::Receipt;
use super::stored::Stored;
use super::{names, tree};
use crate::project::VIEWS;
use pintle_host::fs::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

impl Store {
    /// Returns the directory of the version that a plugin's link points to.
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

    /// Returns the plugin and the version that a link points to; `None` if there is no such file,
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

    /// Returns the links of a plugin, with their targets.
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

/// What is wrong with a link, or with a file that has the name of one.
#[derive(Debug)]
pub(crate) struct LinkFault {
    /// Its path in the store.
    pub(crate) path: PathBuf,
    /// The plugin that it should point to, if known.
    pub(crate) place: Option<Place>,
    /// What is wrong, as the end of a sentence.
    pub(crate) text: String,
}

/// The receipt of the version that a link points to, or what is wrong with the link.
type Followed = Result<Option<Receipt>, LinkFault>;

impl Store {
    /// Returns what is wrong with the links in the store and in the views of projects.
    pub(crate) fn link_faults(&self) -> Result<Vec<LinkFault>, StoreError> {
        let plugins = self.plugins()?;
        let views = self.directories(Path::new(VIEWS))?.into_iter();
        let dirs = views.map(|it| Path::new(VIEWS).join(it)).chain([PathBuf::new()]);
        let mut faults = Vec::new();
        for dir in dirs {
            for entry in self.dir.list(&dir)?.into_iter().filter(|it| it.kind != Kind::Directory) {
                if let Some(name) = entry.name.to_str().filter(|it| !it.starts_with('.')) {
                    faults.extend(self.follow_among(&dir, name, &|| Ok(plugins.clone()))?.err());
                }
            }
        }
        Ok(faults)
    }

    /// Follows a link in the store or in a view; `None` for the user's own files.
    pub(crate) fn follow(&self, dir: &Path, name: &str) -> Result<Followed, StoreError> {
        self.follow_among(dir, name, &|| self.plugins())
    }

    /// Returns the receipt of the version that a link in the store or in a view points to.
    pub(crate) fn linked(&self, dir: &Path, name: &str) -> Result<Option<Receipt>, StoreError> {
        let target = self.target_below(&dir.join(name), dir)?;
        match target.as_deref().and_then(parse) {
            Some((place, version)) if place.check().is_ok() => self.receipt(&place, &version),
            _ => Ok(None),
        }
    }

    fn follow_among(
        &self,
        dir: &Path,
        name: &str,
        plugins: &dyn Fn() -> Result<Vec<Stored>, StoreError>,
    ) -> Result<Followed, StoreError> {
        let path = dir.join(name);
        let target = self.target_below(&path, dir)?;
        let Some((place, version)) = target.as_deref().and_then(parse) else {
            // The user's own files have other names.
            let has = |it: &Stored| it.versions.values().any(|it| it.link == name);
            let Some(place) = plugins()?.into_iter().find(has).map(|it| it.place) else {
                return Ok(Ok(None));
            };
            let text = format!("is not a link to a file of `{place}`");
            return Ok(Err(LinkFault { path, text, place: Some(place) }));
        };
        let home = place.version(&version);
        let text = match self.valid_receipt(&place, &version)? {
            None => format!("points to `{}`, which has no valid receipt", home.display()),
            Some(it) if it.link != name || target.as_deref() != Some(&home.join(&it.file)) => {
                format!("points to a file other than the one of `{}`", home.display())
            }
            Some(receipt) => match self.dir.find(home.join(&receipt.file))? {
                Some(it) if it.kind == Kind::File => return Ok(Ok(Some(receipt))),
                _ => format!("points to a file of `{}` that does not exist", home.display()),
            },
        };
        Ok(Err(LinkFault { path, place: Some(place), text }))
    }

    /// Returns the receipt of a version, if the plugin belongs to the store and the receipt can be
    /// read.
    fn valid_receipt(&self, place: &Place, version: &str) -> Result<Option<Receipt>, StoreError> {
        if place.check().is_err() || !names::is_plain(version) {
            return Ok(None);
        }
        match self.state(place) {
            Ok(Some(_)) | Err(StoreError::Damaged { .. }) => {}
            Ok(None) | Err(StoreError::Taken { .. }) => return Ok(None),
            Err(err) => return Err(err),
        }
        match self.receipt(place, version) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            found => found,
        }
    }

    /// Returns the target of a link in a directory of links, relative to the directory of the
    /// store.
    fn target_below(&self, path: &Path, dir: &Path) -> Result<Option<PathBuf>, StoreError> {
        if self.dir.find(path)?.is_none_or(|it| it.kind != Kind::Symlink) {
            return Ok(None);
        }
        let target = self.dir.read_link(path)?;
        match dir.as_os_str().is_empty() {
            true => Ok(Some(target)),
            false => Ok(target.strip_prefix(UP).ok().map(Path::to_owned)),
        }
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
    /// Replaces the links of a plugin, each in one step. New ones are created first, so that a
    /// plugin whose link has a new name is always visible.
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
            // A plugin that the user has removed manually has left its link.
            (Some(_), Some((other, _))) if !self.dir.exists(other.path())? => Ok(()),
            (Some(_), Some((other, _))) if self.plugin(&other)?.is_some() => {
                Err(StoreError::LinkTaken { link: link.to_owned(), other })
            }
            (Some(_), _) => Err(StoreError::Taken { path: self.dir.path().join(link) }),
        }
    }

    /// Returns a path for a file that is being written or is about to be removed.
    pub(super) fn temporary(&self) -> std::path::PathBuf {
        Path::new(OWN).join(format!("{}{}", NEW, tree::random_name()))
    }
}
