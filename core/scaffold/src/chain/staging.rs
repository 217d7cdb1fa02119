//! Runs the programs that plugins name after scaffolding, as formatters, in a copy of
//! the project; what they change there enters the universe.
//!
//! Invariant: no program of a plugin runs in the project itself.

use super::tools::{self, ToolError};
use crate::error::StepError;
use crate::universe::Universe;
use pintle_host::fs::{self, Dir, Mode};
use pintle_host::services::Excerpt;
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::{ChangeSet, Node, Select, Tool};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the programs of one plugin did.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The paths that they made or changed.
    pub(super) changed: Vec<String>,
    /// What the user should know, a line each.
    pub(super) notices: Vec<String>,
}

/// Runs the programs of the plugin with the key `plugin`, and takes over what they change.
///
/// # Errors
///
/// [`StepError::Tool`] when a required program fails; [`StepError::Staging`] when the
/// copy cannot be made.
pub(super) fn run(
    universe: &mut Universe,
    plugin: &str,
    subcommand: &str,
    tools: Vec<Tool>,
    services: &dyn HostServices,
) -> Result<Done, StepError> {
    let failed = |source| StepError::Staging { source };
    let unreachable = |err: fs::Error| failed(err.into());
    let copy = tempfile::Builder::new().prefix("pintle-staging-").tempdir().map_err(failed)?;
    let dir = Dir::open(copy.path()).map_err(unreachable)?;
    let before = universe.all_nodes()?.to_vec();
    before.iter().try_for_each(|it| write(&dir, it)).map_err(unreachable)?;

    let mut done = Done::default();
    for tool in tools {
        let command = tool.command.join(" ");
        match run_tool(copy.path(), &tool, services) {
            Ok(None) => {}
            Ok(Some(reason)) => {
                done.notices.push(format!("`{command}` of `{plugin}` failed: {reason}"));
            }
            Err(source) => return Err(StepError::Tool { command, source }),
        }
    }

    let after: BTreeMap<String, Node> = Universe::new(copy.path())
        .nodes(Select::All)?
        .into_iter()
        .map(|it| (it.path().to_owned(), it))
        .collect();
    let mut changes = ChangeSet::new();
    for old in &before {
        match after.get(old.path()) {
            Some(new) if new.bytes() == old.bytes() && new.mode() == staged_mode(old) => {}
            Some(new) => {
                let mode = if new.mode() == staged_mode(old) { old.mode() } else { new.mode() };
                changes.add_node(Node::new(new.path(), new.bytes(), mode));
            }
            // What the copy's ignore rules hide is there all the same.
            None if dir.exists(old.path()).map_err(unreachable)? => {}
            None => {
                changes.delete(old.path());
            }
        }
    }
    let known: BTreeSet<&str> = before.iter().map(Node::path).collect();
    for (path, new) in after {
        if !known.contains(path.as_str()) {
            changes.add_node(new);
        }
    }
    done.changed = changes.added().iter().map(|it| it.path().to_owned()).collect();
    universe.replace_contents(plugin, subcommand, changes)?;
    Ok(done)
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
        let services = crate::tests::Silent;
        let err = run(&mut universe, "p/v1", "init", tools, &services).unwrap_err();
        let expected = "failed to list the files of the project: `src` cannot be read";
        assert_eq!(err.to_string(), expected);
        assert!(universe.changes().unwrap().is_empty());
        assert_eq!(universe.paths(Select::All).unwrap(), ["a", "src/b"]);
    }
}
