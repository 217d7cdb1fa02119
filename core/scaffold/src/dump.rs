//! A universe for inspection: its files, their origins, and what failed.

use crate::error::ScaffoldError;
use crate::universe::{Change, Universe, UniverseError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pintle_host::causes::with_causes;
use pintle_plugin::Node;
use serde::Serialize;
use std::collections::BTreeMap;

/// How much of a universe is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// How many nodes come from each origin.
    Summary,
    /// The paths, each with its origin.
    Paths,
    /// The contents as well.
    Full,
}

impl Detail {
    /// The names on the command line.
    pub const NAMES: [&str; 3] = ["summary", "paths", "full"];

    /// Returns the detail with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "summary" => Some(Self::Summary),
            "paths" => Some(Self::Paths),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// A universe for inspection.
#[derive(Debug)]
pub struct Dump<'a> {
    subcommand: &'a str,
    chain: &'a [String],
    universe: &'a Universe,
    failed: Option<Failed>,
}

/// Where a command failed.
#[derive(Debug, Clone, Serialize)]
struct Failed {
    plugin: Option<String>,
    step: Option<String>,
    node: Option<String>,
    error: String,
}

/// The form of a dump. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Form<'a> {
    subcommand: &'a str,
    chain: &'a [String],
    failed: Option<&'a Failed>,
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeForm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Summary {
    nodes: usize,
    bytes: usize,
    added: usize,
    replaced: usize,
    deleted: usize,
    /// How many nodes come from the disk (under the empty key), and from each plugin.
    origins: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct NodeForm {
    path: String,
    plugin: Option<String>,
    subcommand: Option<String>,
    mode: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<'a> Dump<'a> {
    /// Returns a universe for inspection, with the error that stopped the command.
    pub(super) fn new(
        subcommand: &'a str,
        chain: &'a [String],
        universe: &'a Universe,
        error: Option<&ScaffoldError>,
    ) -> Self {
        Self { subcommand, chain, universe, failed: error.map(Failed::new) }
    }

    /// Returns the universe as JSON.
    ///
    /// # Errors
    ///
    /// [`UniverseError`] if a file cannot be read.
    pub fn to_json(&self, detail: Detail) -> Result<String, UniverseError> {
        let nodes = self.universe.all_nodes()?;
        let changes = self.universe.changes()?;
        let count = |is: fn(&Change) -> bool| changes.iter().filter(|it| is(it)).count();
        let mut origins = BTreeMap::new();
        for node in nodes {
            *origins.entry(node.plugin().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let deleted = changes.iter().filter(|it| matches!(it, Change::Delete(_)));
        let form = Form {
            subcommand: self.subcommand,
            chain: self.chain,
            failed: self.failed.as_ref(),
            summary: Summary {
                nodes: nodes.len(),
                bytes: nodes.iter().map(|it| it.bytes().len()).sum(),
                added: count(|it| matches!(it, Change::Add(_))),
                replaced: count(|it| matches!(it, Change::Replace { .. })),
                deleted: count(|it| matches!(it, Change::Delete(_))),
                origins,
            },
            nodes: (detail != Detail::Summary)
                .then(|| nodes.iter().map(|it| NodeForm::new(it, detail)).collect()),
            deleted: (detail != Detail::Summary)
                .then(|| deleted.map(|it| it.path().to_owned()).collect()),
        };
        Ok(serde_json::to_string_pretty(&form).expect("a dump has string keys"))
    }
}

impl NodeForm {
    fn new(node: &Node, detail: Detail) -> Self {
        let text = node.text().ok().map(str::to_owned);
        let is_full = detail == Detail::Full;
        let base64 = (is_full && text.is_none()).then(|| STANDARD.encode(node.bytes()));
        Self {
            path: node.path().to_owned(),
            plugin: node.plugin().map(str::to_owned),
            subcommand: node.subcommand().map(str::to_owned),
            mode: format!("{:o}", node.mode()),
            size: node.bytes().len(),
            text: text.filter(|_| is_full),
            base64,
        }
    }
}

impl Failed {
    fn new(error: &ScaffoldError) -> Self {
        let (plugin, step, node) = match error {
            ScaffoldError::Step { plugin, step, source, .. } => {
                (Some(plugin.clone()), Some(step.id().to_owned()), source.node().map(str::to_owned))
            }
            _ => (None, None, None),
        };
        Self { plugin, step, node, error: with_causes(error) }
    }
}
