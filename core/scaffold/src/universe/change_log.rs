//! What one change set has done so far: enough to undo it, and to update a list.

use super::tree::Tree;
use pintle_plugin::Node;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What one change set has done so far.
#[derive(Default)]
pub(super) struct ChangeLog {
    pub(super) replaced: Vec<Replaced>,
    pub(super) deleted: HashMap<String, Deleted>,
    pub(super) added: BTreeSet<String>,
}

/// A node that was replaced by another.
pub(super) struct Replaced {
    pub(super) old: Node,
    pub(super) new: Node,
    /// Whether this run created it.
    pub(super) fresh: bool,
}

/// What was in the place of a deleted node.
pub(super) struct Deleted {
    /// The node, unless it is only on disk.
    pub(super) node: Option<Node>,
    /// Whether this run created it.
    pub(super) fresh: bool,
}

impl ChangeLog {
    /// Updates `all`, the sorted list of all nodes; `tree` contains what is in memory now.
    pub(super) fn update(&self, mut all: Vec<Node>, tree: &Tree) -> Vec<Node> {
        let mut replaced: Vec<_> = self.replaced.iter().collect();
        replaced.sort_by_key(|it| it.new.path());
        // The list contains the very nodes of the tree. Comparing addresses costs much less than
        // comparing paths, which are scattered in memory.
        let mut places = all.iter_mut();
        for Replaced { old, new, .. } in replaced {
            if let Some(place) = places.find(|it| it.ptr_eq(old)) {
                place.clone_from(new);
            }
        }
        let (mut removed, mut inserted) = (BTreeSet::new(), BTreeMap::new());
        let only_deleted = self.deleted.keys().filter(|it| !self.added.contains(*it));
        for path in self.added.iter().chain(only_deleted) {
            let place = all.binary_search_by(|it| it.path().cmp(path));
            match (place, tree.get(path)) {
                (Ok(idx), Some(node)) => all[idx] = node.clone(),
                (Ok(idx), None) => drop(removed.insert(idx)),
                (Err(idx), Some(node)) => drop(inserted.insert((idx, path), node.clone())),
                (Err(_), None) => {}
            }
        }
        let inserted = inserted.into_iter().map(|((place, _), node)| (place, node));
        splice(all, &removed, inserted)
    }
}

/// Returns a list without the elements at the indices `removed`, and with those of `inserted`
/// before their sorted indices.
fn splice(
    all: Vec<Node>,
    removed: &BTreeSet<usize>,
    inserted: impl ExactSizeIterator<Item = (usize, Node)>,
) -> Vec<Node> {
    if removed.is_empty() && inserted.len() == 0 {
        return all;
    }
    let mut updated = Vec::with_capacity(all.len() + inserted.len());
    let mut inserted = inserted.peekable();
    for (idx, node) in all.into_iter().enumerate() {
        while let Some((_, it)) = inserted.next_if(|(before, _)| *before <= idx) {
            updated.push(it);
        }
        if !removed.contains(&idx) {
            updated.push(node);
        }
    }
    updated.extend(inserted.map(|(_, it)| it));
    updated
}
