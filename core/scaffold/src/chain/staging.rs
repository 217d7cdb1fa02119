//! Runs the programs that plugins name after scaffolding, as formatters, in a copy of
//! the project; what they change there enters the universe.
//!
//! Invariant: no program of a plugin runs in the project itself, and what one has done
//! counts only if it succeeded, and only for files that are not the user's.

use super::staging_folder::StagingFolder;
use super::tools::{self, ToolError};
use crate::error::StepError;
use crate::universe::Universe;
use pintle_host::fs::{self, Dir, Mode};
use pintle_host::services::Excerpt;
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::{ChangeSet, Node, Select, Tool};
use std::collections::BTreeMap;
use std::path::Path;

/// What the programs of one plugin did.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The paths that they made or changed.
    pub(super) changed: Vec<String>,
    /// What the user should know, a line each.
    pub(super) notices: Vec<String>,
}

/// The programs of a plugin, and what they may do.
pub(super) struct Staging<'a> {
    /// The key of the plugin.
    pub(super) plugin: &'a str,
    pub(super) subcommand: &'a str,
    /// Whether the programs may change or delete a file that is there.
    pub(super) may_change: &'a dyn Fn(&Node) -> bool,
    pub(super) services: &'a dyn HostServices,
}

impl Staging<'_> {
    /// Runs the programs, and takes over what those that succeed have changed.
    ///
    /// # Errors
    ///
    /// [`StepError::Tool`] when a required program fails; [`StepError::Staging`] when the
    /// copy cannot be made.
    pub(super) fn run(&self, universe: &mut Universe, tools: Vec<Tool>) -> Result<Done, StepError> {
        let mut done = Done::default();
        let mut copy = None;
        for tool in tools {
            let command = tool.command.join(" ");
            let current = match copy.take() {
                Some(copy) => copy,
                None => Copy::new(universe)?,
            };
            match run_tool(current.folder.path(), &tool, self.services) {
                Ok(None) => {
                    done.changed.extend(self.take_over(universe, &current)?);
                    copy = Some(current);
                }
                // What it has left in the copy may be half of something, and goes with it.
                Ok(Some(reason)) => {
                    let plugin = self.plugin;
                    done.notices.push(format!("`{command}` of `{plugin}` failed: {reason}"));
                }
                Err(source) => return Err(StepError::Tool { command, source }),
            }
        }
        Ok(done)
    }

    /// Takes over how the copy differs from the universe; returns the paths that were made
    /// or changed.
    fn take_over(&self, universe: &mut Universe, copy: &Copy) -> Result<Vec<String>, StepError> {
        let mut after = copy.files()?;
        let mut changes = ChangeSet::new();
        for old in universe.all_nodes()? {
            match after.remove(old.path()) {
                Some(new) if new.bytes() == old.bytes() && new.mode() == staged_mode(old) => {}
                // What the copy's ignore rules hide is there all the same.
                None if copy.dir.exists(old.path()).map_err(unreachable)? => {}
                _ if !(self.may_change)(old) => {}
                None => {
                    changes.delete(old.path());
                }
                Some(new) => {
                    let mode = if new.mode() == staged_mode(old) { old.mode() } else { new.mode() };
                    changes.add_node(Node::new(new.path(), new.bytes(), mode));
                }
            }
        }
        for (path, new) in after {
            // A file that the project ignores is not in the copy, and there all the same.
            let hidden = universe.nodes(Select::Path(&path))?.pop();
            if hidden.is_none_or(|it| (self.may_change)(&it)) {
                changes.add_node(new);
            }
        }
        let changed = changes.nodes().iter().map(|it| it.path().to_owned()).collect();
        universe.replace_contents(self.plugin, self.subcommand, changes)?;
        Ok(changed)
    }
}

/// A copy of the universe's files.
struct Copy {
    folder: StagingFolder,
    dir: Dir,
}

impl Copy {
    fn new(universe: &Universe) -> Result<Self, StepError> {
        let folder = StagingFolder::new().map_err(|source| StepError::Staging { source })?;
        let dir = Dir::open(folder.path()).map_err(unreachable)?;
        universe.all_nodes()?.iter().try_for_each(|it| write(&dir, it)).map_err(unreachable)?;
        Ok(Self { folder, dir })
    }

    /// Returns the files that are in the copy now, by path.
    fn files(&self) -> Result<BTreeMap<String, Node>, StepError> {
        let nodes = Universe::new(self.folder.path()).nodes(Select::All)?;
        Ok(nodes.into_iter().map(|it| (it.path().to_owned(), it)).collect())
    }
}

fn unreachable(err: fs::Error) -> StepError {
    StepError::Staging { source: err.into() }
}

/// Returns the mode of a file in the copy: its owner must be able to change it, whatever
/// the original allows.
fn staged_mode(node: &Node) -> u32 {
    node.mode() | 0o600
}

fn write(copy: &Dir, node: &Node) -> fs::Result<()> {
    if let Some((folder, _)) = node.path().rsplit_once('/') {
        copy.create_dirs(folder)?;
    }
    copy.create_scratch(node.path(), node.bytes(), Mode::Exact(staged_mode(node)))
}

/// Runs a tool; what it prints is a message, not a result. If the plugin does not require the
/// tool, its failure is one too.
fn run_tool(
    folder: &Path,
    tool: &Tool,
    services: &dyn HostServices,
) -> Result<Option<String>, ToolError> {
    let log = |it: Option<Excerpt>| it.iter().for_each(|it| services.log(Level::Info, &it.0));
    match tools::run(folder, &tool.command) {
        Ok(output) => log(output),
        Err(err) if tool.required => return Err(err),
        Err(err) => {
            let text = err.to_string();
            if let ToolError::Status { output, .. } = err {
                log(output);
            }
            return Ok(Some(text));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_host::fs::{Operation, fault};
    use pintle_plugin::MODE_FILE;
    use std::io;

    #[test]
    fn a_directory_of_the_copy_that_cannot_be_read_is_not_taken_for_deleted() {
        let nodes = ["a", "src/b"].map(|it| Node::new(it, it, MODE_FILE));
        let mut universe = Universe::from_nodes(nodes).unwrap();
        let mut n = 0;
        // The copy itself can be listed, and `src` cannot.
        let _fault = fault::inject(move |it| {
            n += usize::from(it == Operation::List);
            match it {
                Operation::List if n == 2 => Err(io::ErrorKind::PermissionDenied.into()),
                _ => Ok(()),
            }
        });
        let tools = vec![Tool::required(["true"])];
        let (may_change, services) = (&|_: &Node| true, &crate::tests::Silent);
        let staging = Staging { plugin: "p/v1", subcommand: "init", may_change, services };
        let err = staging.run(&mut universe, tools).unwrap_err();
        let expected = "failed to list the files of the project: `src` cannot be read";
        assert_eq!(err.to_string(), expected);
        assert!(universe.changes().unwrap().is_empty());
        assert_eq!(universe.paths(Select::All).unwrap(), ["a", "src/b"]);
    }
}
