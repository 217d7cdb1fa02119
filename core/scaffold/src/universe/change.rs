//! The differences between a universe and the disk.

use pintle_plugin::Node;

/// One difference between the universe and the disk.
#[derive(Debug, Clone)]
pub enum Change {
    /// A file that is not on disk.
    Add(Node),
    /// A file that is on disk with other bytes or another mode.
    Replace {
        /// The file on disk.
        old: Node,
        /// The new file.
        new: Node,
    },
    /// A file on disk that is deleted.
    Delete(Node),
}

impl Change {
    /// Returns the path of the file.
    pub fn path(&self) -> &str {
        match self {
            Self::Add(node) | Self::Delete(node) | Self::Replace { new: node, .. } => node.path(),
        }
    }
}

/// Whether two nodes have the same bytes and the same mode.
pub(super) fn same(left: &Node, right: &Node) -> bool {
    left.bytes() == right.bytes() && left.mode() == right.mode()
}
