//! The files of a project as a plugin sees them, and the plugin's changes.

use crate::error::{ErrorKind, Result, from_reply};
use crate::node::{ChangeKind, MODE_EXECUTABLE, MODE_FILE, Node, Select};
use crate::raw::RawHost;
use std::borrow::Cow;

/// The files of the project: those on disk, including the changes of plugins earlier in the chain.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
/// if let Some(node) = call.universe.get("README.md")? {
///     changes.edit(&node, format!("{}\nMade with care.\n", node.text()?));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Universe<'a> {
    raw: RawHost<'a>,
}

impl<'a> Universe<'a> {
    pub(crate) fn new(raw: RawHost<'a>) -> Self {
        Self { raw }
    }

    /// Returns the sorted paths of the selected nodes without reading a file.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let sources = call.universe.paths(Select::Glob("src/**/*.rs"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a glob is malformed.
    pub fn paths(&self, select: Select<'_>) -> Result<Vec<String>> {
        self.raw.paths(select).map_err(from_reply)
    }

    /// Returns whether there is a node at `path` without reading a file.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// if !call.universe.exists("LICENSE")? {
    ///     changes.add("LICENSE", "MIT\n");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the host cannot determine it.
    pub fn exists(&self, path: &str) -> Result<bool> {
        Ok(!self.paths(Select::Path(path))?.is_empty())
    }

    /// Returns the selected nodes, sorted by path.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// for node in call.universe.nodes(Select::Glob("*.md"))? {
    ///     changes.edit(&node, node.text()?.replace("colour", "color"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a glob is malformed, or a file cannot be read.
    pub fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>> {
        self.raw.nodes(select).map_err(from_reply)
    }

    /// Returns all nodes, sorted by path. If the host lends them, they are borrowed, at no cost for
    /// each of them.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let n_bytes: usize = call.universe.all()?.iter().map(|it| it.bytes().len()).sum();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn all(&self) -> Result<Cow<'a, [Node]>> {
        match self.raw.all_nodes() {
            Ok(nodes) => Ok(Cow::Borrowed(nodes)),
            Err(err) if err.kind == ErrorKind::Unsupported => Ok(self.nodes(Select::All)?.into()),
            Err(err) => Err(from_reply(err)),
        }
    }

    /// Returns the node at `path`, or `None` if there is none.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn scaffold(call: &ScaffoldCall<'_>, changes: &mut ChangeSet) -> Result<()> {
    /// let settings = call.universe.get("settings.toml")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn get(&self, path: &str) -> Result<Option<Node>> {
        Ok(self.nodes(Select::Path(path))?.pop())
    }
}

/// The changes of one plugin in the universe.
///
/// Each change has a kind: an added file, an edited file, a file that replaces another one, or a
/// deletion. Deletions are applied first, so a file that is both deleted and added is replaced.
///
/// ```
/// use pintle_plugin::ChangeSet;
///
/// let mut changes = ChangeSet::new();
/// changes.add("a.txt", "a").add_executable("run.sh", "#!/bin/sh\n").delete("old.txt");
/// assert_eq!(changes.nodes().len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct ChangeSet {
    deleted: Vec<String>,
    nodes: Vec<Node>,
}

impl ChangeSet {
    /// Returns a change set that changes nothing.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// assert!(ChangeSet::new().nodes().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an ordinary file. No file must exist at its path, unless it is also deleted.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.add("a.txt", "a").add("b.txt", "b");
    /// assert_eq!(changes.nodes()[1].path(), "b.txt");
    /// ```
    pub fn add(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.add_node(Node::new(path, bytes, MODE_FILE))
    }

    /// Adds an executable file.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.add_executable("run.sh", "#!/bin/sh\n");
    /// assert_eq!(changes.nodes()[0].mode(), 0o755);
    /// ```
    pub fn add_executable(
        &mut self,
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> &mut Self {
        self.add_node(Node::new(path, bytes, MODE_EXECUTABLE))
    }

    /// Adds a node.
    ///
    /// ```
    /// use pintle_plugin::{ChangeSet, MODE_FILE, Node};
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.add_node(Node::new("a.txt", "a", MODE_FILE));
    /// ```
    pub fn add_node(&mut self, node: Node) -> &mut Self {
        self.push(node, ChangeKind::Add)
    }

    /// Changes the bytes of `node`, based on the existing ones. Its path and mode stay.
    ///
    /// The user's text in the file is kept, so this never conflicts with it.
    ///
    /// ```
    /// use pintle_plugin::{ChangeSet, MODE_FILE, Node};
    ///
    /// let mut changes = ChangeSet::new();
    /// let node = Node::new("a.txt", "a", MODE_FILE); // From the universe.
    /// changes.edit(&node, format!("{}b", node.text().unwrap()));
    /// assert_eq!(changes.nodes()[0].bytes(), b"ab");
    /// ```
    pub fn edit(&mut self, node: &Node, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.push(Node::new(node.path(), bytes, node.mode()), ChangeKind::Edit)
    }

    /// Replaces the bytes of `node` with bytes that do not depend on them. Its path and mode stay.
    ///
    /// If a user has changed the file since it was scaffolded, the host merges both versions, or
    /// reports a conflict.
    ///
    /// ```
    /// use pintle_plugin::{ChangeSet, MODE_FILE, Node};
    ///
    /// let mut changes = ChangeSet::new();
    /// let node = Node::new("a.txt", "a", MODE_FILE); // From the universe.
    /// changes.put(&node, "something else");
    /// ```
    pub fn put(&mut self, node: &Node, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.put_node(Node::new(node.path(), bytes, node.mode()))
    }

    /// Replaces the file at the node's path, or creates it.
    ///
    /// ```
    /// use pintle_plugin::{ChangeSet, MODE_FILE, Node};
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.put_node(Node::new("a.txt", "a", MODE_FILE));
    /// ```
    pub fn put_node(&mut self, node: Node) -> &mut Self {
        self.push(node, ChangeKind::Put)
    }

    /// Deletes the node at `path`, which must exist.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.delete("old.txt");
    /// assert_eq!(changes.deleted(), ["old.txt"]);
    /// ```
    pub fn delete(&mut self, path: impl Into<String>) -> &mut Self {
        self.deleted.push(path.into());
        self
    }

    fn push(&mut self, node: Node, kind: ChangeKind) -> &mut Self {
        self.nodes.push(node.with_change(kind));
        self
    }

    /// Returns the paths to delete, in the order in which they were named.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.delete("b.txt").delete("a.txt");
    /// assert_eq!(changes.deleted(), ["b.txt", "a.txt"]);
    /// ```
    pub fn deleted(&self) -> &[String] {
        &self.deleted
    }

    /// Returns the nodes that are added, edited or put, in the order in which they were named.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.add("a.txt", "a");
    /// assert_eq!(changes.nodes()[0].text().unwrap(), "a");
    /// ```
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Splits the change set into the paths to delete and the nodes.
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let mut changes = ChangeSet::new();
    /// changes.add("a.txt", "a").delete("old.txt");
    /// let (deleted, nodes) = changes.into_parts();
    /// assert_eq!((deleted.len(), nodes.len()), (1, 1));
    /// ```
    pub fn into_parts(self) -> (Vec<String>, Vec<Node>) {
        (self.deleted, self.nodes)
    }

    /// Creates a change set from the paths to delete and the nodes, each with its [kind of
    /// change](Node::change).
    ///
    /// ```
    /// use pintle_plugin::ChangeSet;
    ///
    /// let changes = ChangeSet::from_parts(vec!["old.txt".to_owned()], Vec::new());
    /// assert_eq!(changes.deleted(), ["old.txt"]);
    /// ```
    pub fn from_parts(deleted: Vec<String>, nodes: Vec<Node>) -> Self {
        Self { deleted, nodes }
    }
}
