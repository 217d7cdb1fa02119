//! Applies the tools of the recorded commands to files: for example, a formatter with the current
//! settings, if there were other settings or none when a file was scaffolded or written.

use crate::chain::staging::{Staging, settings};
use crate::error::{ScaffoldError, StepError, StepName};
use crate::universe::Universe;
use pintle_plugin::host::HostServices;
use pintle_plugin::message::Step;
use pintle_plugin::{Node, Select, Tool};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

/// The tools of the recorded commands.
pub(super) struct Tidy<'a> {
    /// The tools, each with its plugin.
    pub(super) tools: &'a [(String, Tool)],
    pub(super) root: &'a Path,
    /// The command that runs them now.
    pub(super) subcommand: &'a str,
    /// How long each tool may take.
    pub(super) limit: Duration,
    pub(super) services: &'a dyn HostServices,
}

impl Tidy<'_> {
    /// Returns files of the project as the tools leave them, except files that no tool reads.
    pub(super) fn project_files(
        &self,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Node>, ScaffoldError> {
        self.files(Universe::new(self.root), paths)
    }

    /// Returns files of a universe as the tools leave them, except files that no tool reads.
    pub(super) fn files(
        &self,
        mut universe: Universe,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Node>, ScaffoldError> {
        let project = Universe::new(self.root);
        let mut tidied = BTreeSet::new();
        for (plugin, tool) in self.tools {
            let read: Vec<_> = within_reach(&universe, tool, paths)?;
            if read.is_empty() {
                continue;
            }
            tidied.extend(read);
            let mut tool = tool.clone();
            // A file that the tool cannot read stays as it is.
            tool.required = false;
            let had_files = !tool.files.is_empty();
            for path in std::mem::take(&mut tool.files) {
                if !universe.nodes(Select::Path(&path))?.is_empty() {
                    tool.files.push(path);
                }
            }
            // Without files, it would be a different command.
            if tool.files.is_empty() && had_files {
                continue;
            }
            let staging = Staging {
                plugin,
                subcommand: self.subcommand,
                may_change: &|it| paths.contains(it.path()),
                settings: Some(&project),
                limit: self.limit,
                services: self.services,
            };
            staging.run(&mut universe, vec![tool]).map_err(|source| match source {
                StepError::Universe(err) => ScaffoldError::Universe(err),
                source => {
                    let (subcommand, plugin) = (self.subcommand.to_owned(), plugin.clone());
                    let step = StepName(Step::PostScaffold);
                    ScaffoldError::Step { subcommand, step, plugin, source: Box::new(source) }
                }
            })?;
        }
        let mut files = BTreeMap::new();
        for path in tidied {
            files.extend(universe.nodes(Select::Path(&path))?.pop().map(|it| (path, it)));
        }
        Ok(files)
    }

    /// Whether the tools may change any of the project's files.
    pub(super) fn reach(&self, paths: &BTreeSet<String>) -> Result<bool, ScaffoldError> {
        let project = Universe::new(self.root);
        for (_, tool) in self.tools.iter().filter(|_| !paths.is_empty()) {
            if !within_reach(&project, tool, paths)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the project has settings for any of the tools.
    pub(super) fn has_settings(&self) -> Result<bool, ScaffoldError> {
        let project = Universe::new(self.root);
        for path in self.tools.iter().flat_map(|it| settings(&it.1)) {
            if !project.nodes(Select::Path(path))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns those files that the tool may change: a formatter follows the modules, and so reaches
/// more files than it is run on.
fn within_reach(
    universe: &Universe,
    tool: &Tool,
    paths: &BTreeSet<String>,
) -> Result<Vec<String>, ScaffoldError> {
    if tool.reads.is_empty() {
        return Ok(paths.iter().cloned().collect());
    }
    let mut read: HashSet<String> = tool.files.iter().cloned().collect();
    for glob in &tool.reads {
        read.extend(universe.paths(Select::Glob(glob))?);
    }
    Ok(paths.iter().filter(|it| read.contains(*it)).cloned().collect())
}
