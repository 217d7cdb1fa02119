//! The nodes in memory, as a tree of directories.
//!
//! Invariants: no directory is empty, and no name belongs to both a file and a directory.

use compact_str::CompactString;
use pintle_plugin::Node;
use std::collections::BTreeMap;

/// A directory. The names of directories end with `/`, so that the order of the tree is the order
/// of the paths.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Most names are so short that they are stored in the map itself: looking up one among a
    /// hundred then does not jump through memory.
    entries: BTreeMap<CompactString, TreeNode>,
}

#[derive(Debug)]
enum TreeNode {
    File(Node),
    Folder(Tree),
}

/// What a part of a path is in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

impl Tree {
    /// Returns the node at `path`.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        let (folder, name) = split(path);
        match self.folder(folder)?.entries.get(name)? {
            TreeNode::File(node) => Some(node),
            TreeNode::Folder(_) => None,
        }
    }

    /// Returns the node at `path`, to be replaced by another node with this path.
    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        let (folder, name) = split(path);
        let mut tree = self;
        for part in folder.split_inclusive('/') {
            match tree.entries.get_mut(part)? {
                TreeNode::Folder(it) => tree = it,
                TreeNode::File(_) => return None,
            }
        }
        match tree.entries.get_mut(name)? {
            TreeNode::File(node) => Some(node),
            TreeNode::Folder(_) => None,
        }
    }

    /// Returns what is at `path`.
    pub(super) fn kind(&self, path: &str) -> Option<Kind> {
        let (folder, name) = split(path);
        let tree = self.folder(folder)?;
        if tree.entries.contains_key(name) {
            return Some(Kind::File);
        }
        tree.entries.contains_key(format!("{name}/").as_str()).then_some(Kind::Folder)
    }

    /// Returns the names of the files and directories in the directory `path`.
    pub(super) fn names(&self, path: &str) -> impl Iterator<Item = &str> {
        let path = if path.is_empty() { String::new() } else { format!("{path}/") };
        let entries = self.folder(&path).into_iter().flat_map(|it| it.entries.keys());
        entries.map(|it| it.trim_end_matches('/'))
    }

    /// Puts a node at its path, which must be free.
    pub(super) fn insert(&mut self, node: Node) {
        let mut tree = self;
        let (folder, name) = split(node.path());
        for part in folder.split_inclusive('/') {
            let entry = tree.entries.entry(part.into());
            match entry.or_insert_with(|| TreeNode::Folder(Self::default())) {
                TreeNode::Folder(it) => tree = it,
                TreeNode::File(_) => unreachable!("a file's name does not end with a slash"),
            }
        }
        let name = name.into();
        tree.entries.insert(name, TreeNode::File(node));
    }

    /// Removes the node at `path`, and the directories that it leaves empty.
    pub(super) fn remove(&mut self, path: &str) -> Option<Node> {
        let Some(slash) = path.find('/') else {
            return match self.entries.remove(path)? {
                TreeNode::File(node) => Some(node),
                TreeNode::Folder(_) => None,
            };
        };
        let (folder, rest) = path.split_at(slash + 1);
        let TreeNode::Folder(tree) = self.entries.get_mut(folder)? else { return None };
        let node = tree.remove(rest)?;
        if tree.entries.is_empty() {
            self.entries.remove(folder);
        }
        Some(node)
    }

    /// Calls `each` with all nodes, sorted by path.
    pub(super) fn for_each<'a>(&'a self, each: &mut impl FnMut(&'a Node)) {
        for entry in self.entries.values() {
            match entry {
                TreeNode::File(node) => each(node),
                TreeNode::Folder(tree) => tree.for_each(each),
            }
        }
    }

    fn folder(&self, path: &str) -> Option<&Self> {
        path.split_inclusive('/').try_fold(self, |tree, part| match tree.entries.get(part)? {
            TreeNode::Folder(it) => Some(it),
            TreeNode::File(_) => None,
        })
    }
}

/// Splits a path into its directory, with the slash at its end, and the name.
fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |it| it + 1))
}
