//! The changes of a run's plugins to the files, on top of the content of the disk.
//!
//! Invariant: each path has at most one node, regardless of who created it.

use super::change_log::{ChangeLog, Deleted, Replaced};
use super::disk::{Disk, Part, is_of_host};
use super::error::{UniverseError, list_error, read_error};
use super::names::Names;
use super::tree::{Kind, Tree};
use crate::path::{self, PathError};
use crate::project::PROJECT;
use pintle_host::fs::Kind as OnDisk;
use pintle_plugin::{ChangeKind, Node};
use std::collections::{HashMap, HashSet};
use std::io;

/// The nodes in memory, and the deletions of nodes on disk.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) disk: Option<Disk>,
    /// The nodes in memory: those that were given, and those that this run created.
    pub(super) tree: Tree,
    /// The paths of nodes that this run created. One that replaced another may be missing here;
    /// then it is among those of `gone`.
    pub(super) fresh: HashSet<String>,
    /// The initial nodes that this run deleted: the node that was given, or `None` for a file on
    /// disk.
    pub(super) gone: HashMap<String, Option<Node>>,
    pub(super) names: Names,
}

impl Overlay {
    /// Undoes what a change set has done so far.
    pub(super) fn undo(&mut self, log: ChangeLog) {
        for path in log.added {
            self.tree.remove(&path);
            self.fresh.remove(&path);
        }
        for (path, Deleted { node, fresh }) in log.deleted {
            if let Some(node) = node {
                self.tree.insert(node);
            }
            if fresh {
                self.fresh.insert(path);
            } else {
                self.gone.remove(&path);
            }
        }
        for Replaced { old, fresh, .. } in log.replaced {
            if !fresh {
                self.gone.remove(old.path());
            }
            if let Some(place) = self.tree.get_mut(old.path()) {
                *place = old;
            }
        }
    }

    /// Replaces the node in memory at this path, if there is one.
    pub(super) fn replace(&mut self, mut node: Node, log: &mut ChangeLog) {
        let fresh = self.is_fresh(node.path());
        let Some(place) = self.tree.get_mut(node.path()) else { return };
        // An edit of a file that this run has put there is not based on the file on disk.
        if fresh && node.change() == ChangeKind::Edit {
            let of_base = place.change();
            node = node.with_change(of_base);
        }
        let old = std::mem::replace(place, node.clone());
        if !fresh {
            self.gone.insert(old.path().to_owned(), Some(old.clone()));
        }
        log.replaced.push(Replaced { old, new: node, fresh });
    }

    /// Whether this run created the node at `path` that is in memory.
    fn is_fresh(&self, path: &str) -> bool {
        self.gone.contains_key(path) || self.fresh.contains(path)
    }

    /// Deletes the node at `path`.
    pub(super) fn delete(
        &mut self,
        plugin: &str,
        path: String,
        log: &mut ChangeLog,
    ) -> Result<(), UniverseError> {
        if let Some(node) = self.tree.remove(&path) {
            let fresh = self.is_fresh(&path);
            self.fresh.remove(&path);
            if log.added.remove(&path) {
                return Ok(());
            }
            if !fresh {
                self.gone.insert(path.clone(), Some(node.clone()));
            }
            log.deleted.insert(path, Deleted { node: Some(node), fresh });
            return Ok(());
        }
        self.check(&path)?;
        if !self.is_on_disk(&path)? {
            return Err(UniverseError::Missing { path, plugin: plugin.to_owned() });
        }
        self.gone.insert(path.clone(), None);
        log.deleted.insert(path, Deleted { node: None, fresh: false });
        Ok(())
    }

    /// Adds a node.
    pub(super) fn add(
        &mut self,
        plugin: &str,
        node: Node,
        log: &mut ChangeLog,
    ) -> Result<(), UniverseError> {
        let path = node.path();
        // The names of existing files are not the plugin's choice.
        let is_new = !log.deleted.contains_key(path);
        if is_new {
            self.check(path)?;
        }
        self.check_vacant(plugin, path)?;
        if is_new {
            path::check_portable(path)
                .map_err(|source| UniverseError::Path { path: path.to_owned(), source })?;
            self.check_project(plugin, path)?;
            self.check_case(plugin, path)?;
        }
        for at in path::parents(path).chain([path]) {
            self.names.note(folder_of(at), file_name(at));
        }
        self.fresh.insert(path.to_owned());
        log.added.insert(path.to_owned());
        self.tree.insert(node);
        Ok(())
    }

    /// Checks that plugins may use `path`.
    fn check(&self, path: &str) -> Result<(), UniverseError> {
        let reserved = || if is_of_host(path) { Err(PathError::Reserved) } else { Ok(()) };
        let links = || match &self.disk {
            Some(disk) => disk.check_links(path),
            None => Ok(()),
        };
        path::check(path)
            .and_then(|()| reserved())
            .and_then(|()| links())
            .map_err(|source| UniverseError::Path { path: path.to_owned(), source })
    }

    /// Checks that a file may be added at `path`: that the path is free, and that no file is in the
    /// place of a directory.
    pub(super) fn check_vacant(&self, plugin: &str, path: &str) -> Result<(), UniverseError> {
        let conflict = |other: Option<&str>| {
            let (path, plugin) = (path.to_owned(), plugin.to_owned());
            Err(UniverseError::Conflict { path, plugin, other: other.map(str::to_owned) })
        };
        let folder = |folder: &str| {
            let (path, plugin, folder) = (path.to_owned(), plugin.to_owned(), folder.to_owned());
            Err(UniverseError::Folder { path, plugin, folder })
        };
        match self.tree.kind(path) {
            Some(Kind::File) => return conflict(self.tree.get(path).and_then(Node::plugin)),
            Some(Kind::Folder) => return folder(path),
            None => {}
        }
        // A directory with nodes was checked when the first of them was added.
        let is_unknown = |it: &&str| self.tree.kind(it) != Some(Kind::Folder);
        for parent in path::parents(path).rev().take_while(is_unknown) {
            if self.tree.kind(parent).is_some() || self.keeps_file(parent)? {
                return folder(parent);
            }
        }
        match self.kind_on_disk(path)? {
            Some(OnDisk::Directory) => folder(path),
            Some(it) if !self.gone.contains_key(path) => match what(it) {
                None => conflict(None),
                Some(what) => {
                    let (path, plugin) = (path.to_owned(), plugin.to_owned());
                    Err(UniverseError::Occupied { path, plugin, what })
                }
            },
            _ => Ok(()),
        }
    }

    /// Whether something on disk that is not a directory has the name `path` and keeps it.
    fn keeps_file(&self, path: &str) -> Result<bool, UniverseError> {
        Ok(!self.gone.contains_key(path)
            && self.kind_on_disk(path)?.is_some_and(|it| it != OnDisk::Directory))
    }

    /// Returns what exists at `path` on disk.
    fn kind_on_disk(&self, path: &str) -> Result<Option<OnDisk>, UniverseError> {
        let kind = self.disk.as_ref().map_or(Ok(None), |it| it.kind(path));
        kind.map_err(|err| read_error(path, err))
    }

    /// Checks that a new path does not contain the name of PROJECT, in any case: that file is
    /// written last, and so is on disk only at the end.
    fn check_project(&self, plugin: &str, path: &str) -> Result<(), UniverseError> {
        let first = path.split('/').next().unwrap_or_default();
        if !first.eq_ignore_ascii_case(PROJECT) {
            return Ok(());
        }
        let (path, plugin) = (path.to_owned(), plugin.to_owned());
        if first == PROJECT {
            return Err(UniverseError::Folder { path, plugin, folder: PROJECT.to_owned() });
        }
        match self.kind_on_disk(first)? {
            // A directory of the user's.
            Some(_) => Ok(()),
            None => Err(UniverseError::Case { path, plugin, other: PROJECT.to_owned() }),
        }
    }

    /// Checks that no part of a new path differs only in case from its siblings.
    ///
    /// For this, each directory on the way is listed once in a run.
    fn check_case(&mut self, plugin: &str, path: &str) -> Result<(), UniverseError> {
        let mut folder = "";
        for at in path::parents(path).chain([path]) {
            self.list_names(folder)?;
            let name = file_name(at);
            let alike = self.names.alike(folder, name);
            if self.tree.kind(at).is_some() || alike.iter().any(|it| it.on_disk && it.text == name)
            {
                folder = at;
                continue;
            }
            let paths = alike.iter().filter(|it| it.text != name);
            let mut paths = paths.map(|it| (join(folder, &it.text), it.on_disk));
            let is_there = |path: &String, on_disk: bool| {
                self.tree.kind(path).is_some() || on_disk && !self.gone.contains_key(path)
            };
            return match paths.find(|(path, on_disk)| is_there(path, *on_disk)) {
                Some((other, _)) => {
                    let (path, plugin) = (path.to_owned(), plugin.to_owned());
                    Err(UniverseError::Case { path, plugin, other })
                }
                // There is nothing below a directory that does not exist.
                None => Ok(()),
            };
        }
        Ok(())
    }

    /// Adds the names in a directory, once.
    fn list_names(&mut self, folder: &str) -> Result<(), UniverseError> {
        if self.names.knows(folder) {
            return Ok(());
        }
        let on_disk = self.disk.as_ref().map(|it| it.names(folder)).transpose();
        let on_disk = on_disk.map_err(|err| list_error(folder, err.into()))?.unwrap_or_default();
        self.names.list(folder, &on_disk);
        self.tree.names(folder).for_each(|it| self.names.note(folder, it));
        Ok(())
    }

    /// Whether there is a node at `path`.
    pub(super) fn find(&self, path: &str) -> Result<bool, UniverseError> {
        match self.tree.get(path) {
            Some(_) => Ok(true),
            None => Ok(self.check(path).is_ok() && self.is_on_disk(path)?),
        }
    }

    /// Whether there is a node on disk at `path`, which has been checked.
    fn is_on_disk(&self, path: &str) -> Result<bool, UniverseError> {
        match &self.disk {
            Some(disk) if !self.gone.contains_key(path) => {
                disk.is_node(path).map_err(|err| read_error(path, err))
            }
            _ => Ok(false),
        }
    }

    /// Returns the node at `path`.
    pub(super) fn node(&self, path: &str) -> Result<Node, UniverseError> {
        match self.tree.get(path) {
            Some(node) => Ok(node.clone()),
            None => self.on_disk(path),
        }
    }

    /// Returns the node at `path` as it is on disk.
    pub(super) fn on_disk(&self, path: &str) -> Result<Node, UniverseError> {
        match &self.disk {
            Some(disk) => disk.node(path).map_err(|err| read_error(path, err)),
            None => {
                let source = io::ErrorKind::NotFound.into();
                Err(UniverseError::Read { path: path.to_owned(), source })
            }
        }
    }

    /// Returns the sorted paths of all nodes. It is an error if there is a directory that cannot be
    /// read and that `concerns` the caller.
    pub(super) fn all_paths(
        &self,
        concerns: impl Fn(&str) -> bool,
    ) -> Result<Vec<&str>, UniverseError> {
        if let Some((path, source)) = self.disk.as_ref().and_then(|it| it.unreadable(concerns)) {
            return Err(list_error(path, source));
        }
        let on_disk = self.disk.as_ref().map(Disk::paths).unwrap_or_default();
        let on_disk = on_disk.iter().map(String::as_str).filter(|it| !self.gone.contains_key(*it));
        let mut paths: Vec<_> = on_disk.collect();
        paths.extend(self.in_memory().into_iter().map(Node::path));
        // There are two sorted runs, which cost the sort next to nothing.
        paths.sort();
        Ok(paths)
    }

    /// Returns the sorted paths of the nodes that `select` selects and that a part of the project
    /// contains, as [`all_paths`](Self::all_paths) does; the rest is not inspected.
    pub(super) fn paths_in(
        &self,
        part: Part,
        concerns: impl Fn(&str) -> bool,
        select: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, UniverseError> {
        let part = self.disk.as_ref().map(|it| it.part(part));
        if let Some((path, source)) = part.as_ref().and_then(|it| it.unreadable(concerns)) {
            return Err(list_error(path, source));
        }
        let on_disk = part.iter().flat_map(|it| &it.files).map(String::as_str);
        let on_disk = on_disk.filter(|it| !self.gone.contains_key(*it));
        let in_memory = self.in_memory().into_iter().map(Node::path);
        let mut paths: Vec<_> =
            on_disk.chain(in_memory).filter(|it| select(it)).map(str::to_owned).collect();
        paths.sort();
        Ok(paths)
    }

    /// Returns the sorted paths of some nodes in memory.
    pub(super) fn made(&self, which: impl Fn(&Node) -> bool) -> Vec<&str> {
        self.in_memory().into_iter().filter(|it| which(it)).map(Node::path).collect()
    }

    /// Returns the nodes in memory, sorted by path.
    pub(super) fn in_memory(&self) -> Vec<&Node> {
        let mut nodes = Vec::new();
        self.tree.for_each(&mut |it| nodes.push(it));
        nodes
    }
}

/// Returns what an entry of a directory is if it is neither a file nor a directory.
fn what(it: OnDisk) -> Option<&'static str> {
    match it {
        OnDisk::Socket => Some("a socket"),
        OnDisk::Fifo => Some("a FIFO"),
        OnDisk::Device => Some("a device"),
        OnDisk::Symlink => Some("a symbolic link"),
        OnDisk::File | OnDisk::Directory | OnDisk::Special => None,
    }
}

/// Returns the last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Returns the path without its last part.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
