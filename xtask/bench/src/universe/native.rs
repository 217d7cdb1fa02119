//! The chain in-process: the libraries are opened as the host opens them.
//!
//! The changes of the plugins, 5 MB, need memory. In a process that never had so much memory, most
//! of the time is the kernel's work for new pages. Therefore, the chain is measured both with
//! memory that the process already has, and without.

use crate::files::{N_FILES, files};
use anyhow::{Context, Result, ensure};
use pintle::catalog::Rules;
use pintle::scaffold::Universe;
use pintle::transport::{LoadedPlugin, load};
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::json::{Value, json};
use pintle_plugin::message::{ErrorReply, ScaffoldRequest, ServiceReply, ServiceRequest, Step};
use pintle_plugin::{ChangeSet, MODE_FILE, Node, Select};
use std::path::Path;
use std::time::Instant;

/// The subcommand that the benchmark's plugin takes part in.
const SUBCOMMAND: &str = "edit";

/// The variant of the chain to measure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Plugins that change some files, in memory that the process already has.
    Native,
    /// The same, with plugins that also look at every file.
    Look,
    /// Like the first, in memory that is new to the process.
    First,
}

/// Measures one chain. The memory is the increase since all plugins were loaded.
pub(crate) fn run<'a>(plugins: impl Iterator<Item = &'a Path>, kind: Kind) -> Result<Value> {
    let rules = Rules::default();
    let plugins = plugins.map(|it| load(it, &rules)).collect::<Result<Vec<_>, _>>()?;
    // Earlier steps call the plugins before the step that changes files.
    chain(&plugins, &mut universe(100)?, kind)?;
    let before = crate::peak_memory()?;

    let mut universe = universe(N_FILES)?;
    let n_changes = plugins.len() * N_FILES / 100;
    let pin = (kind != Kind::First).then(|| get_memory(n_changes));
    let start = Instant::now();
    chain(&plugins, &mut universe, kind)?;
    let nanos = start.elapsed().as_nanos() as f64;
    let grown = crate::peak_memory()? - before;
    drop(pin);
    let n_changed = universe.changes()?.len();
    ensure!(n_changed == n_changes, "{n_changed} files were changed");
    Ok(match kind {
        Kind::Native => json!({ "universe": nanos }),
        Kind::Look => json!({ "universe_looked": nanos }),
        Kind::First => json!({ "universe_first": nanos, "universe_grown": grown }),
    })
}

/// Gives the process memory for some more files. While the result exists, the allocator does not
/// return the memory to the system.
fn get_memory(n_files: usize) -> Box<[u8]> {
    // Slightly more than the plugins need: their answers and the lists need some, too.
    let memory: Vec<_> = files(n_files * 5 / 4).collect();
    let pin = vec![1; 4096].into_boxed_slice();
    drop(memory);
    pin
}

fn universe(n_files: usize) -> Result<Universe> {
    // First the contents, then the nodes, like a universe that reads its files from disk.
    let texts: Vec<_> = files(n_files).collect();
    let nodes = texts.into_iter().map(|(path, text)| Node::new(path.as_str(), text, MODE_FILE));
    Universe::from_nodes(nodes).context("failed to create a universe from the files")
}

fn chain(plugins: &[LoadedPlugin], universe: &mut Universe, kind: Kind) -> Result<()> {
    let mut request = ScaffoldRequest::default();
    request.subcommand = SUBCOMMAND.to_owned();
    request.step = Step::Scaffold;
    request.args.insert("look".to_owned(), (kind == Kind::Look).into());
    request.chain = plugins.iter().map(|it| it.key().to_string()).collect();
    for (position, plugin) in plugins.iter().enumerate() {
        request.position = position;
        let (reply, added) = plugin.scaffold(&request, &Files(universe))?;
        let changes = ChangeSet::from_parts(reply.deleted, added);
        universe.apply(&request.chain[position], SUBCOMMAND, changes)?;
    }
    Ok(())
}

/// A host that provides only the files.
struct Files<'a>(&'a Universe);

impl HostServices for Files<'_> {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, _text: &str) {}

    fn request(&self, _request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        Err(ErrorReply::failed("the benchmark provides files only"))
    }

    fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        Ok(self.0.nodes(select)?)
    }

    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        Ok(self.0.all_nodes()?)
    }
}
