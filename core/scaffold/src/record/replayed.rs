//! The results of recorded commands that are rerun.

use super::file::{Origin, RecordedCommand};
use crate::error::ScaffoldError;
use crate::project::file::ProjectFile;
use pintle_host::ProjectVersion;
use pintle_plugin::{Node, Tool};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The results of recorded commands.
#[derive(Clone)]
pub(crate) struct Replayed {
    /// The files, by path.
    pub(crate) files: BTreeMap<String, Node>,
    /// The plugins that created or changed each file.
    pub(crate) by: BTreeMap<String, Vec<Origin>>,
    /// The PROJECT file.
    pub(crate) project: ProjectFile,
    /// The commands, with the keys of the plugins that ran them now.
    pub(crate) commands: Vec<RecordedCommand>,
    /// The tools that were run, each with its plugin, and with the files of all commands.
    pub(crate) tools: Vec<(String, Tool)>,
}

impl Replayed {
    pub(super) fn new() -> Result<Self, ScaffoldError> {
        Ok(Self {
            files: BTreeMap::new(),
            by: BTreeMap::new(),
            project: ProjectFile::new(&ProjectVersion::default())?,
            commands: Vec::new(),
            tools: Vec::new(),
        })
    }

    /// Records a tool that was run.
    pub(super) fn note(&mut self, plugin: &str, tool: &Tool) {
        let known = self.tools.iter_mut().find(|it| it.0 == plugin && is_same(&it.1, tool));
        match known {
            Some((_, known)) => add_files(known, tool.files.iter().cloned()),
            None => self.tools.push((plugin.to_owned(), tool.clone())),
        }
    }

    /// Returns the names of the programs that were run.
    pub(super) fn programs(&self) -> BTreeSet<&str> {
        self.tools.iter().filter_map(|it| it.1.command.first()).map(String::as_str).collect()
    }
}

/// Whether two tools differ at most in the files that they run on.
pub(super) fn is_same(one: &Tool, other: &Tool) -> bool {
    let rest = |it: &Tool| (it.command.clone(), it.required, it.reads.clone());
    rest(one) == rest(other)
}

/// Adds files to run a tool on, each once.
pub(super) fn add_files(tool: &mut Tool, files: impl IntoIterator<Item = String>) {
    let known: HashSet<String> = tool.files.iter().cloned().collect();
    tool.files.extend(files.into_iter().filter(|it| !known.contains(it)));
}

/// When the tools of a plugin are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Tools {
    /// As `Once`, without tools that run on the files of the commands, such as formatters: these
    /// usually make no difference, and take a long time.
    Unformatted,
    /// Once, after the last command.
    Once,
    /// With each command that has any.
    EachTime,
}
