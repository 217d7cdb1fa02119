//! A file of the universe, for authors and as it crosses the boundary.
//!
//! Invariant: the layout of [`RawNode`] never changes.
#![expect(
    unsafe_code,
    reason = "the texts of a node, which only this file writes, are not checked again each time"
)]
#![allow(missing_docs, reason = "abi_stable's macros emit public items without documentation")]

use crate::error::{ErrorReply, Result};
use abi_stable::StableAbi;
use abi_stable::std_types::{RArc, RVec};
use anyhow::Context as _;
use std::borrow::Cow;

/// The permission bits of an ordinary file.
pub const MODE_FILE: u32 = 0o644;

/// The permission bits of an executable file.
pub const MODE_EXECUTABLE: u32 = 0o755;

/// The bits of a node's mode that are permissions. The others are reserved for the type of the
/// file, as in `st_mode` of stat(2), with 0 for an ordinary file: in the future, a node may be a
/// symbolic link.
const PERMISSIONS: u32 = 0o7777;

/// A file of the universe. Cloning shares the bytes.
///
/// ```
/// use pintle_plugin::{MODE_FILE, Node};
///
/// let node = Node::new("src/lib.rs", "// Empty.\n", MODE_FILE);
/// assert_eq!((node.path(), node.text().unwrap()), ("src/lib.rs", "// Empty.\n"));
/// ```
#[derive(Clone)]
#[repr(transparent)]
pub struct Node(RArc<RawNode>);

impl Node {
    /// Returns a new node: `path` relative to the project, with `/` between its parts.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.txt", "a", MODE_FILE).bytes(), b"a");
    /// ```
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>, mode: u32) -> Self {
        Self::with_origin(path, bytes, mode, "", "")
    }

    /// Returns a new node with an origin: the key of a plugin and a subcommand.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// let node = Node::with_origin("a.txt", "a", MODE_FILE, "quay.example.org/v1.0.0", "init");
    /// assert_eq!(node.subcommand(), Some("init"));
    /// ```
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
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("src/a.txt", "a", MODE_FILE).path(), "src/a.txt");
    /// ```
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Returns the file's bytes.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.bin", [1, 2], MODE_FILE).bytes(), [1, 2]);
    /// ```
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Returns the file's bytes as text.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.txt", "a", MODE_FILE).text().unwrap(), "a");
    /// assert!(Node::new("a.bin", [0xff], MODE_FILE).text().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(self.bytes()).with_context(|| format!("`{}` is not UTF-8", self.path()))
    }

    /// Returns the Unix permission bits.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.txt", "a", MODE_FILE).mode(), 0o644);
    /// ```
    pub fn mode(&self) -> u32 {
        self.0.mode() & PERMISSIONS
    }

    /// Returns whether this is an ordinary file, the only type of node in this release.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert!(Node::new("a.txt", "a", MODE_FILE).is_file());
    /// ```
    pub fn is_file(&self) -> bool {
        self.0.mode() & !PERMISSIONS == 0
    }

    /// Returns the key of the plugin that created the node, or `None` for a file on disk.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.txt", "a", MODE_FILE).plugin(), None);
    /// ```
    pub fn plugin(&self) -> Option<&str> {
        Some(self.0.plugin()).filter(|it| !it.is_empty())
    }

    /// Returns the subcommand that created the node, or `None` for a file on disk.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.txt", "a", MODE_FILE).subcommand(), None);
    /// ```
    pub fn subcommand(&self) -> Option<&str> {
        Some(self.0.subcommand()).filter(|it| !it.is_empty())
    }

    /// Returns the kind of change of a node that a plugin passes to its host.
    ///
    /// ```
    /// use pintle_plugin::{ChangeKind, MODE_FILE, Node};
    ///
    /// assert_eq!(Node::new("a.txt", "a", MODE_FILE).change(), ChangeKind::Add);
    /// ```
    pub fn change(&self) -> ChangeKind {
        ChangeKind::from_raw(self.0.change)
    }

    /// Returns the same file as another kind of change; the bytes move if they are not shared.
    ///
    /// ```
    /// use pintle_plugin::{ChangeKind, MODE_FILE, Node};
    ///
    /// let node = Node::new("a.txt", "a", MODE_FILE).with_change(ChangeKind::Put);
    /// assert_eq!(node.change(), ChangeKind::Put);
    /// ```
    #[must_use]
    pub fn with_change(self, kind: ChangeKind) -> Self {
        if self.change() == kind { self } else { self.map(|it| it.change = kind as u32) }
    }

    /// Returns whether both are the same node, rather than equal ones.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// let node = Node::new("a.txt", "a", MODE_FILE);
    /// assert!(node.ptr_eq(&node.clone()));
    /// ```
    pub fn ptr_eq(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const *self.0, &raw const *other.0)
    }

    /// Returns the same file with another origin; the bytes move if they are not shared.
    ///
    /// ```
    /// use pintle_plugin::{MODE_FILE, Node};
    ///
    /// let node = Node::new("a.txt", "a", MODE_FILE).attributed("quay.example.org/v1.0.0", "init");
    /// assert_eq!(node.plugin(), Some("quay.example.org/v1.0.0"));
    /// ```
    #[must_use]
    pub fn attributed(self, plugin: &str, subcommand: &str) -> Self {
        self.map(|it| it.attribute(plugin, subcommand))
    }

    fn map(self, change: impl FnOnce(&mut RawNode)) -> Self {
        let mut raw = RArc::try_unwrap(self.0).unwrap_or_else(|shared| shared.copy());
        change(&mut raw);
        Self(RArc::new(raw))
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

/// The kind of change that a node is in the universe. A deletion is a path rather than a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum ChangeKind {
    /// A new file: no file must exist at its path.
    #[default]
    Add = 0,
    /// The file at the path with other bytes, based on the existing ones: the user's text in it is
    /// kept.
    Edit = 1,
    /// A file that does not depend on the file at its path, which it replaces if there is one.
    Put = 2,
    /// A kind that this release does not know.
    Unknown = u32::MAX,
}

impl ChangeKind {
    fn from_raw(number: u32) -> Self {
        match number {
            0 => Self::Add,
            1 => Self::Edit,
            2 => Self::Put,
            _ => Self::Unknown,
        }
    }
}

/// A selection of nodes.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
/// let sources = call.universe.nodes(Select::Glob("src/**/*.rs"))?;
/// let own = call.universe.paths(Select::Plugin(&call.caller().plugin))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Select<'a> {
    /// All of them.
    All,
    /// Those whose path matches a glob: `*` and `?` stay inside a part, `**` crosses parts.
    Glob(&'a str),
    /// Those that the plugin with this key created.
    Plugin(&'a str),
    /// The one at this path.
    Path(&'a str),
    /// Those that the plugin with this key created in this subcommand.
    Origin {
        /// The plugin's key.
        plugin: &'a str,
        /// The subcommand, for example `create api`.
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
            // Keys do not contain NUL.
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
                None => Err(ErrorReply::failed("an origin must have two parts")),
            },
            _ => Err(ErrorReply::unsupported(format!("unsupported node selection {kind}"))),
        }
    }
}

/// A file of the universe. It is shared between host and plugins, and never changes.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawNode {
    /// The Unix permission bits; those above them are reserved for the type of the file.
    mode: u32,
    /// The number of a [`ChangeKind`].
    change: u32,
    path_len: u32,
    plugin_len: u32,
    /// The path, the full key of the plugin that created the node, and the subcommand in which it
    /// did. The last two are empty for a file on disk. All are in one allocation, because they are
    /// read together. Each is UTF-8, as only [`RawNode::new`] and `attribute` write them.
    texts: RVec<u8>,
    bytes: RVec<u8>,
}

impl RawNode {
    pub(crate) fn new(path: String, bytes: Vec<u8>, mode: u32, origin: (&str, &str)) -> Self {
        let path_len = length(&path);
        let mut node = Self {
            mode,
            change: ChangeKind::Add as u32,
            path_len,
            plugin_len: 0,
            texts: path.into_bytes().into(),
            bytes: bytes.into(),
        };
        if origin != ("", "") {
            node.attribute(origin.0, origin.1);
        }
        node
    }

    fn copy(&self) -> Self {
        Self { texts: self.texts.clone(), bytes: self.bytes.clone(), ..*self }
    }

    pub(crate) fn attribute(&mut self, plugin: &str, subcommand: &str) {
        let path = self.path().as_bytes();
        let texts = [path, plugin.as_bytes(), subcommand.as_bytes()].concat();
        self.texts = texts.into();
        self.plugin_len = length(plugin);
    }

    pub(crate) fn path(&self) -> &str {
        self.text(0, self.path_len as usize)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn mode(&self) -> u32 {
        self.mode
    }

    pub(crate) fn plugin(&self) -> &str {
        let start = self.path_len as usize;
        self.text(start, start + self.plugin_len as usize)
    }

    pub(crate) fn subcommand(&self) -> &str {
        self.text(self.path_len as usize + self.plugin_len as usize, self.texts.len())
    }

    /// Reads a text of a node. Checking it each time would dominate the time for iterating over ten
    /// thousand nodes.
    fn text(&self, start: usize, end: usize) -> &str {
        // SAFETY: the fields of a node are private, and any code that creates or changes a node, on
        // either side of the boundary, does so in `new` and `attribute`, which combine whole `str`s
        // and their lengths. A node cannot be changed while it is shared.
        unsafe { std::str::from_utf8_unchecked(&self.texts.as_slice()[start..end]) }
    }
}

/// Returns the length of a text of a node.
///
/// # Panics
///
/// For 4 GiB and more, which no path or key has.
fn length(text: &str) -> u32 {
    u32::try_from(text.len()).expect("a path or a key is shorter than 4 GiB")
}
