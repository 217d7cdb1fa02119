//! The directories with the plugins that projects require: links to these versions, and nothing
//! else.
//!
//! Each is named after the content of a lock file, and shared by the projects with equal lock
//! files. It contains a link to each of these files.

use super::base::LockedStore;
use super::error::StoreError;
use super::paths::UP;
use super::place::Place;
use super::{link, names, tree};
use crate::digest::Digest;
use crate::project::{ProjectLock, VIEWS};
use pintle_host::fs::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The prefix of links to lock files. The host ignores hidden files.
const PROJECT: &str = ".project-";

/// The links of a view, with their targets.
type Links = BTreeMap<OsString, PathBuf>;

impl LockedStore {
    /// Creates the directory for a lock file: links to its versions, and nothing else.
    ///
    /// # Errors
    ///
    /// When access to the disk fails, or two of the plugins would have the same link; nothing has
    /// changed then.
    pub fn make_view(
        &self,
        name: &str,
        lock_file: &Path,
        members: &[(Place, String)],
    ) -> Result<(), StoreError> {
        self.recover()?;
        names::check("view", name)?;
        let path = Path::new(VIEWS).join(name);
        let links = self.links_to(members)?;
        if let (_, Some(found)) = self.read_view(&path)? {
            self.repair_view(&path, &found, &links)?;
            return self.keep_view(name, lock_file);
        }
        let (project, lock_file) = project_link(lock_file);
        let new = self.temporary();
        let res = self.write_view(&new, &path, links.iter().chain([(&project, &lock_file)]));
        if res.is_err() {
            let _ = tree::remove(&self.dir, &new);
        }
        res
    }

    /// Records that a view, if it exists, belongs to a lock file.
    ///
    /// # Errors
    ///
    /// When access to the disk fails.
    pub fn keep_view(&self, name: &str, lock_file: &Path) -> Result<(), StoreError> {
        let path = Path::new(VIEWS).join(name);
        let (project, lock_file) = project_link(lock_file);
        match self.read_view(&path)? {
            (projects, Some(_)) if !projects.contains_key(&project) => {
                Ok(self.dir.create_symlink(&lock_file, path.join(project))?)
            }
            _ => Ok(()),
        }
    }

    /// Returns the links of a view with these plugins.
    fn links_to(&self, members: &[(Place, String)]) -> Result<Links, StoreError> {
        let mut links = Links::new();
        let mut owners = BTreeMap::new();
        for (place, version) in members {
            place.check()?;
            let home = place.version(version);
            let receipt = self.receipt(place, version)?.ok_or_else(|| {
                let source = "it has no receipt".into();
                StoreError::Damaged { path: self.dir.path().join(&home), source }
            })?;
            if let Some(other) = owners.insert(receipt.link.to_lowercase(), place.clone()) {
                return Err(StoreError::LinkTaken { link: receipt.link, other });
            }
            let target = Path::new(UP).join(home).join(&receipt.file).components().collect();
            links.insert(receipt.link.into(), target);
        }
        Ok(links)
    }

    /// Returns the links of a view to its projects, and those to its plugins; `None` if the view
    /// does not exist.
    fn read_view(&self, path: &Path) -> Result<(Links, Option<Links>), StoreError> {
        let entries = match self.dir.list(path) {
            Ok(entries) => entries,
            Err(err) if err.is_absent() => return Ok((Links::new(), None)),
            Err(err) => return Err(err.into()),
        };
        let mut links = Links::new();
        for entry in entries.into_iter().filter(|it| it.kind == Kind::Symlink) {
            let target = self.dir.read_link(path.join(&entry.name))?;
            links.insert(entry.name, target);
        }
        let is_project = |it: &OsString| it.as_encoded_bytes().starts_with(PROJECT.as_bytes());
        let (projects, plugins) = links.into_iter().partition(|(name, _)| is_project(name));
        Ok((projects, Some(plugins)))
    }

    fn write_view<'l>(
        &self,
        new: &Path,
        path: &Path,
        links: impl Iterator<Item = (&'l OsString, &'l PathBuf)>,
    ) -> Result<(), StoreError> {
        tree::create_dirs(&self.dir, new)?;
        tree::create_dirs(&self.dir, Path::new(VIEWS))?;
        for (name, target) in links {
            self.dir.create_symlink(target, new.join(name))?;
        }
        self.dir.sync(new)?;
        self.dir.rename_new(new, path)?;
        // After a power failure, `plugin sync` creates it again.
        let _ = self.dir.sync(VIEWS);
        Ok(())
    }

    /// Replaces the links of a view, each in one step. This has an effect only if a version was
    /// removed manually, and has another directory now.
    fn repair_view(&self, path: &Path, found: &Links, links: &Links) -> Result<(), StoreError> {
        for (name, target) in links.iter().filter(|(name, it)| found.get(*name) != Some(*it)) {
            let temporary = self.temporary();
            self.dir.create_symlink(target, &temporary)?;
            if let Err(err) = self.dir.rename(&temporary, path.join(name)) {
                let _ = self.dir.unlink(&temporary);
                return Err(err.into());
            }
        }
        for name in found.keys().filter(|it| !links.contains_key(*it)) {
            self.dir.unlink(path.join(name))?;
        }
        Ok(())
    }

    /// Returns the versions that projects require. Views without a project, whose lock files have
    /// changed or no longer exist, are removed unless `is_dry`.
    ///
    /// # Errors
    ///
    /// When access to the disk fails.
    pub fn needed_by_projects(
        &self,
        is_dry: bool,
    ) -> Result<BTreeSet<(Place, String)>, StoreError> {
        self.recover()?;
        let mut needed = BTreeSet::new();
        for name in self.directories(Path::new(VIEWS))? {
            let path = Path::new(VIEWS).join(&name);
            let (projects, links) = self.read_view(&path)?;
            let (live, gone): (Vec<_>, _) =
                projects.into_iter().partition(|(_, lock_file)| demands(lock_file, &name));
            if live.is_empty() {
                if !is_dry {
                    self.remove_dir(&path)?;
                }
                continue;
            }
            for (project, _) in gone.into_iter().filter(|_| !is_dry) {
                self.dir.unlink(path.join(project))?;
            }
            let targets = links.unwrap_or_default();
            let below = targets.values().filter_map(|it| it.strip_prefix(UP).ok());
            needed.extend(below.filter_map(link::parse));
        }
        Ok(needed)
    }
}

/// Returns the name of the link to a lock file, and its target.
fn project_link(lock_file: &Path) -> (OsString, PathBuf) {
    let path = std::path::absolute(lock_file).unwrap_or_else(|_| lock_file.to_owned());
    let digest = Digest::of(path.as_os_str().as_encoded_bytes()).hex();
    (format!("{PROJECT}{}", &digest[..24]).into(), path)
}

/// Returns whether a lock file requires the content of a view. A lock file that is currently
/// unreadable, for example in the middle of a merge, may require it again.
fn demands(lock_file: &Path, view: &str) -> bool {
    match ProjectLock::load(lock_file) {
        Ok(project) => project.view() == view,
        Err(_) => !is_gone(lock_file),
    }
}

fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|err| pintle_host::fs::is_absent(&err))
}
