//! Scaffolding: a chain of plugins makes the files of a project.
//!
//! The way of a file: plugin, change set, [`Universe`], [`Transaction`], disk. Each step
//! goes across the whole chain before the next.
//!
//! Invariant: nothing touches the project before the last plugin's last step. The one
//! thing after that are the tools that plugins name: they run in the written project.

mod chain;
mod error;
mod flags;
mod path;
#[cfg(test)]
mod test_plugin;
#[cfg(test)]
mod tests;
mod tool;
mod transaction;
mod universe;

pub use chain::Chain;
pub use error::{ScaffoldError, StepError, StepName};
pub use flags::{Flag, FlagError, Flags};
pub use path::PathError;
pub use transaction::{Committed, Lock, Recovery, Transaction, TransactionError, recover};
pub use universe::{Change, Universe, UniverseError};

use crate::project::{PROJECT, ProjectFile, Resource};
use chain::{Member, Services};
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::message::{ProjectEvent, ScaffoldReply, Step};
use pintle_plugin::{ChangeSet, Node, Tool};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// One call of a scaffolding subcommand.
pub struct Job<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The subcommand and its plugins.
    pub chain: Chain<'a>,
    /// The plugins' flags, from [`Chain::bind_flags`].
    pub flags: &'a Flags,
    /// The values of the flags, the host's own among them.
    pub args: Map<String, Value>,
    /// The PROJECT file as the subcommand finds it; for `init`, as the user asked for it.
    pub project: ProjectFile,
    /// The resource that the user asked for, for the subcommands that have one.
    pub resource: Option<Resource>,
}

/// What a scaffolding subcommand is about to do. Nothing is on disk yet.
pub struct Prepared {
    root: PathBuf,
    subcommand: String,
    chain: Vec<String>,
    project: ProjectFile,
    resource: Option<Resource>,
    transaction: Transaction,
    tools: Vec<(String, Tool)>,
    notices: Vec<String>,
}

/// What a scaffolding subcommand did.
#[derive(Debug, Clone)]
pub struct Report {
    /// The subcommand.
    pub subcommand: String,
    /// The full keys of the chain's plugins.
    pub chain: Vec<String>,
    /// The files that were made.
    pub added: Vec<String>,
    /// The files that were changed.
    pub replaced: Vec<String>,
    /// The files that were deleted.
    pub deleted: Vec<String>,
    /// What the user should know, a line each.
    pub notices: Vec<String>,
    /// The PROJECT file as it is now.
    pub project: ProjectFile,
    /// The resource at hand, as the plugins have left it.
    pub resource: Option<Resource>,
}

/// Runs a scaffolding subcommand from its first step to the disk.
///
/// # Errors
///
/// [`ScaffoldError`]; then the project is as it was, unless a tool failed.
pub fn run(job: Job<'_>, services: &dyn HostServices) -> Result<Report, ScaffoldError> {
    let lock = Lock::acquire(job.root, &mut |it| services.log(Level::Info, it))?;
    prepare(job, services)?.commit(&lock, services)
}

/// Takes all steps of a scaffolding subcommand in memory.
///
/// # Errors
///
/// [`ScaffoldError`] when a plugin fails, or what the plugins want does not fit together.
pub fn prepare(job: Job<'_>, services: &dyn HostServices) -> Result<Prepared, ScaffoldError> {
    let Job { root, chain, flags, args, mut project, resource } = job;
    check_initialized(root, &chain)?;
    let old_project = (chain.subcommand != INIT).then(|| project.to_string());
    let members = chain.members();
    if members.is_empty() {
        let subcommand = chain.subcommand.to_owned();
        return Err(ScaffoldError::NoPart { subcommand, chain: chain.keys() });
    }
    if chain.subcommand == INIT {
        project.set_cli_version(&chain.identity.version)?;
        project.set_layout(&chain.keys())?;
    }
    let known = resource.as_ref().and_then(|it| project.resource(it.gvk())).cloned();
    let mut run = Run {
        chain,
        flags,
        args,
        services,
        project,
        old_project,
        resource,
        known,
        members,
        universe: Universe::new(root),
        tools: Vec::new(),
        notices: Vec::new(),
    };
    run.step(Step::InjectConfig)?;
    if let Some(resource) = &mut run.resource {
        if let Some(known) = &run.known {
            resource.adopt_plural(known);
        }
        run.step(Step::InjectResource)?;
        run.record_resource()?;
    }
    for step in [Step::PreScaffold, Step::Scaffold, Step::PostScaffold] {
        run.step(step)?;
    }
    run.prepared(root)
}

const INIT: &str = "init";
const CREATE_API: &str = "create api";
/// The host's flag for making again what is there already.
const FORCE: &str = "force";

/// The steps of one subcommand under way.
struct Run<'a> {
    chain: Chain<'a>,
    flags: &'a Flags,
    args: Map<String, Value>,
    services: &'a dyn HostServices,
    project: ProjectFile,
    /// The text of PROJECT on disk; `None` if there is none.
    old_project: Option<String>,
    /// The resource with what is to be scaffolded now.
    resource: Option<Resource>,
    /// The same resource with what the project has of it already.
    known: Option<Resource>,
    /// The plugins that still take part.
    members: Vec<Member<'a>>,
    universe: Universe,
    tools: Vec<(String, Tool)>,
    notices: Vec<String>,
}

impl Run<'_> {
    /// Takes one step with all plugins that still take part.
    fn step(&mut self, step: Step) -> Result<(), ScaffoldError> {
        for member in std::mem::take(&mut self.members) {
            let stop = self
                .call(&member, step)
                .map_err(|source| self.chain.failed(&member, step, source))?;
            match stop {
                None => self.members.push(member),
                Some(reason) => {
                    self.notices.push(format!("`{}` takes no further part: {reason}", member.key))
                }
            }
        }
        Ok(())
    }

    /// Takes one step with one plugin; returns why it takes no further part, if so.
    fn call(&mut self, member: &Member<'_>, step: Step) -> Result<Option<String>, StepError> {
        let mut request = self.chain.request(member, step);
        let args = self.args.iter().filter(|(name, _)| self.flags.concerns(&member.key, name));
        request.args = args.map(|(name, value)| (name.clone(), value.clone())).collect();
        request.project = self.project.info();
        request.config = self.project.config(&member.key).clone();
        let resource = self.resource.as_ref();
        request.resource = resource.map(|it| it.to_message_beside(self.known.as_ref()));

        let services = Services { output: self.services, universe: Some(&self.universe) };
        let (reply, added) = member.plugin.scaffold(&request, &services)?;
        if reply.stop.is_some() {
            return Ok(reply.stop);
        }
        self.apply(&member.key, step, reply, added)?;
        Ok(None)
    }

    /// Takes over what the plugin answered, as far as the step allows it to.
    fn apply(
        &mut self,
        key: &str,
        step: Step,
        reply: ScaffoldReply,
        added: Vec<Node>,
    ) -> Result<(), StepError> {
        match step {
            Step::InjectConfig => {
                if let Some(project) = &reply.project {
                    self.project.apply(project)?;
                }
                if let Some(config) = reply.config {
                    self.project.set_config(key, config)?;
                }
            }
            Step::InjectResource => {
                if let (Some(ours), Some(theirs)) = (&mut self.resource, &reply.resource) {
                    ours.apply(theirs)?;
                }
            }
            Step::Scaffold => {
                let changes = ChangeSet::from_parts(reply.deleted, added);
                self.universe.apply(key, self.chain.subcommand, changes)?;
            }
            Step::PostScaffold => {
                self.tools.extend(reply.tools.into_iter().map(|it| (key.to_owned(), it)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes the resource into PROJECT, so that the next steps see it there.
    fn record_resource(&mut self) -> Result<(), ScaffoldError> {
        let Some(mut whole) = self.resource.clone() else { return Ok(()) };
        if let Some(known) = self.project.resource(whole.gvk()) {
            whole.complete_from(known);
            let again = self.args.get(FORCE).and_then(Value::as_bool).unwrap_or(false);
            if whole == *known && self.chain.subcommand == CREATE_API && !again {
                return Err(ScaffoldError::ResourceExists { gvk: whole.gvk().clone() });
            }
        }
        Ok(self.project.put_resource(&whole)?)
    }

    fn prepared(self, root: &Path) -> Result<Prepared, ScaffoldError> {
        let mut transaction = Transaction::new();
        for change in self.universe.changes()? {
            transaction.change(change);
        }
        transaction.project(&self.project, self.old_project.as_deref());
        Ok(Prepared {
            root: root.to_owned(),
            subcommand: self.chain.subcommand.to_owned(),
            chain: self.chain.keys(),
            project: self.project,
            resource: self.resource,
            transaction,
            tools: self.tools,
            notices: self.notices,
        })
    }
}

impl Prepared {
    /// Returns the changes to the project's files, sorted by path.
    pub fn changes(&self) -> &[Change] {
        self.transaction.changes()
    }

    /// Returns the PROJECT file as it will be.
    pub fn project(&self) -> &ProjectFile {
        &self.project
    }

    /// Returns the payload of the `pre-` event.
    pub fn event(&self) -> ProjectEvent {
        event(&self.subcommand, &self.chain, &self.project, self.resource.as_ref())
    }

    /// Brings the changes to the disk, then runs the plugins' tools there.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Transaction`], with the project as it was; or
    /// [`ScaffoldError::Tool`], with the changes on disk.
    pub fn commit(self, lock: &Lock, services: &dyn HostServices) -> Result<Report, ScaffoldError> {
        let Committed { added, replaced, deleted } = self.transaction.commit(lock)?;
        let mut notices = self.notices;
        for (plugin, tool) in self.tools {
            notices.extend(tool::run(&self.root, &plugin, tool, services)?);
        }
        let (subcommand, chain) = (self.subcommand, self.chain);
        let (project, resource) = (self.project, self.resource);
        Ok(Report { subcommand, chain, added, replaced, deleted, notices, project, resource })
    }
}

impl Report {
    /// Returns the payload of the `post-` event.
    pub fn event(&self) -> ProjectEvent {
        let mut event = event(&self.subcommand, &self.chain, &self.project, self.resource.as_ref());
        event.files = self.added.iter().chain(&self.replaced).cloned().collect();
        event.files.sort();
        event
    }
}

fn event(
    subcommand: &str,
    chain: &[String],
    project: &ProjectFile,
    resource: Option<&Resource>,
) -> ProjectEvent {
    let mut event = ProjectEvent::default();
    event.subcommand = subcommand.to_owned();
    event.chain = chain.to_vec();
    event.project = project.info();
    event.resource = resource.map(Resource::to_message);
    event
}

fn check_initialized(root: &Path, chain: &Chain<'_>) -> Result<(), ScaffoldError> {
    let path = root.join(PROJECT);
    match (chain.subcommand == INIT, std::fs::symlink_metadata(&path).is_ok()) {
        (true, true) => Err(ScaffoldError::AlreadyInitialized { path }),
        (false, false) => {
            let command = chain.identity.command_name.clone();
            Err(ScaffoldError::NotInitialized { path, command })
        }
        _ => Ok(()),
    }
}
