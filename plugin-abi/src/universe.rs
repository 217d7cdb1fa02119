//! The files of a project as a plugin sees them, and what it answers with.

use crate::Result;
use crate::error::from_reply;
use crate::message::{ErrorKind, ErrorReply};
use crate::raw::{RawHost, RawNode};
use abi_stable::std_types::RArc;
use anyhow::Context as _;
use std::borrow::Cow;

/// The permission bits of an ordinary file.
pub const MODE_FILE: u32 = 0o644;

/// The permission bits of an executable file.
pub const MODE_EXECUTABLE: u32 = 0o755;

/// A file of the universe. Cloning shares the bytes.
#[derive(Clone)]
#[repr(transparent)]
pub struct Node(RArc<RawNode>);

impl Node {
    /// Returns a new node: `path` relative to the project, with `/` between its parts.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>, mode: u32) -> Self {
        Self::with_origin(path, bytes, mode, "", "")
    }

    /// Returns a new node with its origin: the key of a plugin and a subcommand.
    pub fn with_origin(
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
        mode: u32,
        plugin: &str,
        subcommand: &str,
    ) -> Self {
        let origin = (plugin, subcommand);
        Self(RArc::new(RawNode::new(path.into(), bytes.into(), mode, origin)))
    }

    /// Returns the path relative to the project, with `/` between its parts.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Returns the file's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Returns the file's bytes as text.
    ///
    /// # Errors
    ///
    /// When the bytes are not UTF-8.
    pub fn text(&self) -> Result<&str> {
        str::from_utf8(self.bytes()).with_context(|| format!("`{}` is not UTF-8", self.path()))
    }

    /// Returns the Unix permission bits.
    pub fn mode(&self) -> u32 {
        self.0.mode()
    }

    /// Returns the key of the plugin that made the node, or `None` for what was on disk.
    pub fn plugin(&self) -> Option<&str> {
        Some(self.0.plugin()).filter(|it| !it.is_empty())
    }

    /// Returns the subcommand that made the node, or `None` for what was on disk.
    pub fn subcommand(&self) -> Option<&str> {
        Some(self.0.subcommand()).filter(|it| !it.is_empty())
    }

    /// Returns whether both are one and the same node, and not only alike.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const *self.0, &raw const *other.0)
    }

    /// Returns the same file with another origin; the bytes move if nobody else holds them.
    pub fn attributed(self, plugin: &str, subcommand: &str) -> Self {
        match RArc::try_unwrap(self.0) {
            Ok(mut raw) => {
                raw.attribute(plugin, subcommand);
                Self(RArc::new(raw))
            }
            Err(shared) => {
                let (path, bytes) = (shared.path(), shared.bytes());
                Self::with_origin(path, bytes, shared.mode(), plugin, subcommand)
            }
        }
    }

    /// Takes a node that crossed the boundary.
    pub(crate) fn from_raw(raw: RArc<RawNode>) -> Self {
        Self(raw)
    }

    pub(crate) fn into_raw(self) -> RArc<RawNode> {
        self.0
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({:?}, {} bytes, {:o})", self.path(), self.bytes().len(), self.mode())
    }
}

/// Which nodes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select<'a> {
    /// All of them.
    All,
    /// Those whose path matches a glob: `*` and `?` stay inside a part, `**` crosses parts.
    Glob(&'a str),
    /// Those that the plugin with this key made.
    Plugin(&'a str),
    /// The one at this path.
    Path(&'a str),
    /// Those that the plugin with this key made in this subcommand.
    Origin {
        /// The plugin's key.
        plugin: &'a str,
        /// The subcommand, as `create api`.
        subcommand: &'a str,
    },
}

impl<'a> Select<'a> {
    pub(crate) fn to_raw(self) -> (u32, Cow<'a, str>) {
        match self {
            Self::All => (0, "".into()),
            Self::Glob(pattern) => (1, pattern.into()),
            Self::Plugin(key) => (2, key.into()),
            Self::Path(path) => (3, path.into()),
            // No key has a NUL.
            Self::Origin { plugin, subcommand } => (4, format!("{plugin}\0{subcommand}").into()),
        }
    }

    pub(crate) fn from_raw(kind: u32, text: &'a str) -> Result<Self, ErrorReply> {
        match kind {
            0 => Ok(Self::All),
            1 => Ok(Self::Glob(text)),
            2 => Ok(Self::Plugin(text)),
            3 => Ok(Self::Path(text)),
            4 => match text.split_once('\0') {
                Some((plugin, subcommand)) => Ok(Self::Origin { plugin, subcommand }),
                None => Err(ErrorReply::failed("an origin has two parts")),
            },
            _ => Err(ErrorReply::unsupported(format!("this host has no node selection {kind}"))),
        }
    }
}

/// The files of the project: what is on disk, changed by the plugins earlier in the chain.
#[derive(Clone, Copy)]
pub struct Universe<'a> {
    raw: RawHost<'a>,
}

impl<'a> Universe<'a> {
    pub(crate) fn new(raw: RawHost<'a>) -> Self {
        Self { raw }
    }

    /// Returns the sorted paths of the selected nodes; reads no file.
    ///
    /// # Errors
    ///
    /// When a glob is malformed.
    pub fn paths(&self, select: Select<'_>) -> Result<Vec<String>> {
        self.raw.paths(select).map_err(from_reply)
    }

    /// Returns whether there is a node at `path`; reads no file.
    ///
    /// # Errors
    ///
    /// When the host cannot tell.
    pub fn exists(&self, path: &str) -> Result<bool> {
        Ok(!self.paths(Select::Path(path))?.is_empty())
    }

    /// Returns the selected nodes, sorted by path.
    ///
    /// # Errors
    ///
    /// When a glob is malformed, or a file cannot be read.
    pub fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>> {
        self.raw.nodes(select).map_err(from_reply)
    }

    /// Returns all nodes, sorted by path: borrowed from the host where it lends them, which
    /// costs nothing for each.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn all(&self) -> Result<Cow<'a, [Node]>> {
        match self.raw.all_nodes() {
            Ok(nodes) => Ok(Cow::Borrowed(nodes)),
            Err(err) if err.kind == ErrorKind::Unsupported => Ok(self.nodes(Select::All)?.into()),
            Err(err) => Err(from_reply(err)),
        }
    }

    /// Returns the node at `path`, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn get(&self, path: &str) -> Result<Option<Node>> {
        Ok(self.nodes(Select::Path(path))?.pop())
    }
}

/// What one plugin adds to or deletes from the universe.
///
/// The deletions come first: replacing a file is deleting it and adding it anew.
#[derive(Debug, Default)]
pub struct ChangeSet {
    deleted: Vec<String>,
    added: Vec<Node>,
}

impl ChangeSet {
    /// Returns a change set that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an ordinary file. There must be none at its path, or it must be deleted too.
    pub fn add(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.add_node(Node::new(path, bytes, MODE_FILE))
    }

    /// Adds an executable file.
    pub fn add_executable(
        &mut self,
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> &mut Self {
        self.add_node(Node::new(path, bytes, MODE_EXECUTABLE))
    }

    /// Adds a node.
    pub fn add_node(&mut self, node: Node) -> &mut Self {
        self.added.push(node);
        self
    }

    /// Deletes the node at `path`. There must be one.
    pub fn delete(&mut self, path: impl Into<String>) -> &mut Self {
        self.deleted.push(path.into());
        self
    }

    /// Gives `node` other bytes; its path and mode stay.
    pub fn replace(&mut self, node: &Node, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.delete(node.path()).add_node(Node::new(node.path(), bytes, node.mode()))
    }

    /// Returns the paths to delete, in the order they were named.
    pub fn deleted(&self) -> &[String] {
        &self.deleted
    }

    /// Returns the nodes to add, in the order they were named.
    pub fn added(&self) -> &[Node] {
        &self.added
    }

    /// Takes the change set apart: the paths to delete, and the nodes to add.
    pub fn into_parts(self) -> (Vec<String>, Vec<Node>) {
        (self.deleted, self.added)
    }

    /// Puts a change set together: the paths to delete, and the nodes to add.
    pub fn from_parts(deleted: Vec<String>, added: Vec<Node>) -> Self {
        Self { deleted, added }
    }
}
