//! Runs the programs that plugins name after scaffolding, such as formatters, in a copy of the
//! files that they read; their changes are transferred to the universe.
//!
//! Invariant: no program of a plugin runs in the project itself, and its changes count only if it
//! succeeds, and only for files that do not belong to the user.

use super::staging_folder::StagingFolder;
use super::tools::{self, ToolError};
use crate::error::StepError;
use crate::universe::Universe;
use pintle_host::fs::{self, Dir, Mode};
use pintle_host::services::Excerpt;
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::{ChangeSet, Node, Select, Tool};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What the programs of one plugin did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The paths of the files that they created or changed.
    pub(crate) changed: Vec<String>,
    /// What the user should know, one line each.
    pub(crate) notices: Vec<String>,
}

/// The programs of a plugin, and what they are allowed to do.
pub(crate) struct Staging<'a> {
    /// The key of the plugin.
    pub(crate) plugin: &'a str,
    pub(crate) subcommand: &'a str,
    /// Whether the programs may change or delete an existing file.
    pub(crate) may_change: &'a dyn Fn(&Node) -> bool,
    /// The project, if the universe is a different one: a tool's settings may be the user's.
    pub(crate) settings: Option<&'a Universe>,
    /// How long each program may take.
    pub(crate) limit: Duration,
    pub(crate) services: &'a dyn HostServices,
}

impl Staging<'_> {
    /// Runs the programs, and applies the changes of those that succeed.
    ///
    /// # Errors
    ///
    /// [`StepError::Tool`] if a required program fails; [`StepError::Staging`] if the copy cannot
    /// be created.
    pub(crate) fn run(&self, universe: &mut Universe, tools: Vec<Tool>) -> Result<Done, StepError> {
        let mut done = Done::default();
        let mut copy = None;
        for tool in tools {
            let command = command(&tool);
            let mut current = match copy.take() {
                Some(copy) => copy,
                None => Copy::new()?,
            };
            current.fill(universe, &tool)?;
            current.fill_settings(self.settings, &tool)?;
            match self.run_tool(current.folder.path(), &tool, &command) {
                Ok(None) => {
                    done.changed.extend(self.take_over(universe, &current)?);
                    copy = Some(current);
                }
                // The copy may contain partial output, so it is discarded.
                Ok(Some(reason)) => {
                    let (command, plugin) = (command.join(" "), self.plugin);
                    done.notices.push(format!("`{command}` of `{plugin}` failed: {reason}"));
                }
                Err(source) => {
                    return Err(StepError::Tool { command: command.join(" "), source });
                }
            }
        }
        Ok(done)
    }

    /// Runs a tool; its output is a message, not a result. If the plugin does not require the tool,
    /// so is its failure.
    fn run_tool(
        &self,
        folder: &Path,
        tool: &Tool,
        command: &[String],
    ) -> Result<Option<String>, ToolError> {
        let log = |it: Option<Excerpt>| {
            it.iter().for_each(|it| self.services.log(Level::Info, &it.0));
        };
        match tools::run(folder, command, self.limit, self.services) {
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

    /// Applies the differences between the copy and the universe; returns the paths that were
    /// created or changed.
    fn take_over(&self, universe: &mut Universe, copy: &Copy) -> Result<Vec<String>, StepError> {
        let mut after = copy.files()?;
        let mut changes = ChangeSet::new();
        for path in &copy.paths {
            let Some(old) = universe.nodes(Select::Path(path))?.pop() else {
                // An earlier tool has deleted it.
                continue;
            };
            match after.remove(path) {
                Some(new) if new.bytes() == old.bytes() && new.mode() == staged_mode(&old) => {}
                // A file that the copy's ignore rules hide still exists.
                None if copy.dir.exists(path).map_err(unreachable)? => {}
                _ if !(self.may_change)(&old) => {}
                None => {
                    changes.delete(path);
                }
                Some(new) => {
                    let mode =
                        if new.mode() == staged_mode(&old) { old.mode() } else { new.mode() };
                    changes.add_node(Node::new(path, new.bytes(), mode));
                }
            }
        }
        for (path, new) in after {
            if copy.settings.contains(&path) {
                continue;
            }
            // A file that is not in the copy, or that the project ignores, still exists.
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

/// Returns the program, its arguments, and the files to run it on.
fn command(tool: &Tool) -> Vec<String> {
    tool.command.iter().chain(&tool.files).cloned().collect()
}

/// Returns the files that the tool reads by name: its settings, if no command creates them.
pub(crate) fn settings(tool: &Tool) -> impl Iterator<Item = &str> {
    tool.reads.iter().map(String::as_str).filter(|it| !it.contains(['*', '?', '[']))
}

/// A copy of those files of the universe that the tools read.
struct Copy {
    folder: StagingFolder,
    dir: Dir,
    /// The paths of the files that were copied.
    paths: BTreeSet<String>,
    /// The paths of the files that were copied from elsewhere.
    settings: BTreeSet<String>,
}

impl Copy {
    fn new() -> Result<Self, StepError> {
        let folder = StagingFolder::new().map_err(|source| StepError::Staging { source })?;
        let dir = Dir::open(folder.path()).map_err(unreachable)?;
        Ok(Self { folder, dir, paths: BTreeSet::new(), settings: BTreeSet::new() })
    }

    /// Copies the files that the tool reads and that are not in the copy yet.
    fn fill(&mut self, universe: &Universe, tool: &Tool) -> Result<(), StepError> {
        if tool.reads.is_empty() {
            return universe.all_nodes()?.iter().try_for_each(|it| self.add(it));
        }
        for glob in &tool.reads {
            for path in universe.paths(Select::Glob(glob))? {
                self.add_path(universe, &path)?;
            }
        }
        tool.files.iter().try_for_each(|it| self.add_path(universe, it))
    }

    /// Copies settings that the universe does not have.
    fn fill_settings(&mut self, from: Option<&Universe>, tool: &Tool) -> Result<(), StepError> {
        let Some(from) = from else { return Ok(()) };
        for path in settings(tool).filter(|it| !self.paths.contains(*it)).collect::<Vec<_>>() {
            for node in from.nodes(Select::Path(path))? {
                if !self.dir.exists(path).map_err(unreachable)? {
                    write(&self.dir, &node).map_err(unreachable)?;
                    self.settings.insert(path.to_owned());
                }
            }
        }
        Ok(())
    }

    fn add_path(&mut self, universe: &Universe, path: &str) -> Result<(), StepError> {
        if self.paths.contains(path) {
            return Ok(());
        }
        universe.nodes(Select::Path(path))?.iter().try_for_each(|it| self.add(it))
    }

    fn add(&mut self, node: &Node) -> Result<(), StepError> {
        // An earlier tool has already created this file.
        if self.paths.insert(node.path().to_owned())
            && !self.dir.exists(node.path()).map_err(unreachable)?
        {
            write(&self.dir, node).map_err(unreachable)?;
        }
        Ok(())
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

/// Returns the mode of a file in the copy: its owner must be able to change it, whatever the mode
/// of the original.
fn staged_mode(node: &Node) -> u32 {
    node.mode() | 0o600
}

fn write(copy: &Dir, node: &Node) -> fs::Result<()> {
    if let Some((folder, _)) = node.path().rsplit_once('/') {
        copy.create_dirs(folder)?;
    }
    copy.create_scratch(node.path(), node.bytes(), Mode::Exact(staged_mode(node)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_host::fs::{Operation, fault};
    use pintle_plugin::MODE_FILE;
    use std::io;

    const MINUTE: Duration = Duration::from_secs(60);

    fn staging() -> Staging<'static> {
        let (may_change, services) = (&|_: &Node| true, &crate::tests::Silent);
        Staging {
            plugin: "p/v1",
            subcommand: "init",
            may_change,
            settings: None,
            limit: MINUTE,
            services,
        }
    }

    #[test]
    fn the_copy_has_what_the_tool_reads_and_no_more() {
        let nodes = ["a.txt", "b.rs", "src/c.rs", "src/d/e.rs"].map(|it| Node::new(it, it, 0o644));
        let mut universe = Universe::from_nodes(nodes).unwrap();
        let list = |name: &str| {
            ["sh", "-c", &format!("find . -type f >{name}; exit $#"), "sh"].map(str::to_owned)
        };
        let tools = vec![
            Tool::required(list("one")).reads(["src/*.rs"]),
            Tool::required(list("two")).reads(["src/d/**"]),
            Tool::required(list("all")),
        ];
        staging().run(&mut universe, tools).unwrap();
        let n_listed = |path: &str| {
            let node = universe.nodes(Select::Path(path)).unwrap().pop().unwrap();
            String::from_utf8_lossy(node.bytes()).lines().count()
        };
        // Each list also contains itself, and what the tools before it have created.
        assert_eq!(["one", "two", "all"].map(n_listed), [2, 4, 7]);
        assert_eq!(universe.paths(Select::All).unwrap().len(), 7);
    }

    #[test]
    fn a_file_that_is_not_in_the_copy_is_the_users_all_the_same() {
        let mut universe = Universe::from_nodes([Node::new("a", "mine", MODE_FILE)]).unwrap();
        let tool = Tool::required(["sh", "-c", "echo theirs >a"]).reads(["b"]);
        let staging = Staging { may_change: &|_| false, ..staging() };
        staging.run(&mut universe, vec![tool]).unwrap();
        assert!(universe.changes().unwrap().is_empty());
    }

    #[test]
    fn a_tool_finds_settings_that_no_command_has_made() {
        let files = ["a", "b"].map(|it| Node::new(it, "made", MODE_FILE));
        let mut universe = Universe::from_nodes(files).unwrap();
        let mine = ["b", "mine.toml", "other.toml"].map(|it| Node::new(it, "mine", MODE_FILE));
        let project = Universe::from_nodes(mine).unwrap();
        let script = "cat b mine.toml other.toml >a 2>/dev/null; echo more >>mine.toml";
        let tool = Tool::required(["sh", "-c", script]).reads(["a", "b", "mine.toml", "*.toml"]);
        let staging = Staging { settings: Some(&project), ..staging() };
        staging.run(&mut universe, vec![tool]).unwrap();
        let node = universe.nodes(Select::Path("a")).unwrap().pop().unwrap();
        assert_eq!(node.bytes(), b"mademine");
        assert_eq!(universe.paths(Select::All).unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_directory_of_the_copy_that_cannot_be_read_is_not_taken_for_deleted() {
        let nodes = ["a", "src/b"].map(|it| Node::new(it, it, MODE_FILE));
        let mut universe = Universe::from_nodes(nodes).unwrap();
        let mut n = 0;
        // The copy itself can be listed, but `src` cannot.
        let _fault = fault::inject(move |it| {
            n += usize::from(it == Operation::List);
            match it {
                Operation::List if n == 2 => Err(io::ErrorKind::PermissionDenied.into()),
                _ => Ok(()),
            }
        });
        let tools = vec![Tool::required(["true"])];
        let err = staging().run(&mut universe, tools).unwrap_err();
        let expected = "failed to list the files of the project: `src` cannot be read";
        assert_eq!(err.to_string(), expected);
        assert!(universe.changes().unwrap().is_empty());
        assert_eq!(universe.paths(Select::All).unwrap(), ["a", "src/b"]);
    }
}
