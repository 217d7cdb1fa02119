//! Scaffolding: a chain of plugins makes the files of a project.
//!
//! The way of a file: plugin, change set, [`Universe`], [`Transaction`], disk. Each step
//! goes across the whole chain before the next. What was done goes into the [`Record`],
//! from which it can be done once more: without a command ([`Rework::undo`]), or with
//! newer plugins ([`Rework::upgrade`]).
//!
//! Invariant: nothing touches the project before the last plugin's last step; programs
//! that plugins want to run, run in a copy.

#![deny(unsafe_code)]

mod answers;
mod chain;
mod commands;
mod dump;
mod error;
mod flags;
mod merge;
mod path;
pub mod project;
mod record;
mod replay;
mod rework;
mod run;
mod staging;
#[cfg(test)]
mod test_plugin;
#[cfg(test)]
mod tests;
mod transaction;
mod universe;

pub use chain::Chain;
pub use commands::GROUP;
pub use dump::{Detail, Dump};
pub use error::{ScaffoldError, StepError, StepName};
pub use flags::{Flag, FlagError, Flags};
pub use merge::Left;
pub use path::PathError;
pub use record::{Answer, Origin, Record, RecordError, RecordedCommand, RecordedFile};
pub use replay::Plugins;
pub use rework::{Part, Remark, Rework};
pub use transaction::{Committed, Lock, Recovery, Transaction, TransactionError, recover};
pub use universe::{Change, Universe, UniverseError};

use crate::project::{PROJECT, ProjectFile, Resource};
use answers::Answers;
use pintle_plugin::Node;
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::message::ProjectEvent;
use run::{FORCE, INIT, Run, SKIP_EXISTING, Start};
use serde_json::{Map, Value};
use std::path::Path;

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

/// What a scaffolding command is about to do. Nothing is on disk yet.
#[derive(Debug)]
pub struct Prepared {
    subcommand: String,
    chain: Vec<String>,
    /// The text of PROJECT that the command began with; `None` before `init`.
    project_before: Option<String>,
    project: ProjectFile,
    resource: Option<Resource>,
    universe: Universe,
    changes: Vec<Change>,
    record: Record,
    notices: Vec<String>,
    remarks: Vec<Remark>,
}

/// A scaffolding command that failed in memory. Nothing is on disk.
#[derive(Debug)]
pub struct Failure {
    /// Why it failed.
    pub error: ScaffoldError,
    subcommand: String,
    chain: Vec<String>,
    universe: Universe,
}

impl Failure {
    /// Returns the universe as it was then, to be looked at.
    pub fn dump(&self) -> Dump<'_> {
        Dump::new(&self.subcommand, &self.chain, &self.universe, Some(&self.error))
    }
}

/// What a scaffolding command did.
#[derive(Debug, Clone)]
#[non_exhaustive]
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
    /// The files that should have changed, and did not or not cleanly.
    pub remarks: Vec<Remark>,
    /// The PROJECT file as it is now.
    pub project: ProjectFile,
    /// The resource at hand, as the plugins have left it.
    pub resource: Option<Resource>,
}

/// Runs a scaffolding subcommand from its first step to the disk.
///
/// # Errors
///
/// [`ScaffoldError`]; then the project is as it was.
pub fn run(job: Job<'_>, services: &dyn HostServices) -> Result<Report, ScaffoldError> {
    let lock = Lock::acquire(job.root, &mut |it| services.log(Level::Info, it))?;
    prepare(job, services).map_err(|it| it.error)?.commit(&lock)
}

/// Takes all steps of a scaffolding subcommand in memory.
///
/// # Errors
///
/// [`Failure`] when a plugin fails, or what the plugins want does not fit together.
pub fn prepare(job: Job<'_>, services: &dyn HostServices) -> Result<Prepared, Box<Failure>> {
    let Job { root, chain, flags, args, project, resource } = job;
    let failed = |error: ScaffoldError, universe: Universe| {
        let (subcommand, chain) = (chain.subcommand.to_owned(), chain.keys());
        Box::new(Failure { error, subcommand, chain, universe })
    };
    let early = |error: ScaffoldError| failed(error, Universe::new(root));
    check_start(root, &chain).map_err(early)?;
    let record = Record::load(root).map_err(|err| early(err.into()))?;
    let mut command = Run::recorded(&chain, &args, &project, resource.as_ref());
    let before = (chain.subcommand != INIT).then(|| project.to_string());
    let mut run = Run::new(Start {
        chain,
        flags,
        args,
        services,
        answers: Answers::default(),
        project,
        resource,
        universe: Universe::new(root),
    });
    if let Err(error) = run.all_steps() {
        return Err(failed(error, run.universe));
    }
    command.id = record.next_id();
    finish(before, run, record, command).map_err(early)
}

/// Turns a run that took all its steps into what it is about to do.
fn finish(
    project_before: Option<String>,
    run: Run<'_>,
    mut record: Record,
    mut command: RecordedCommand,
) -> Result<Prepared, ScaffoldError> {
    let mut notices = run.notices.clone();
    if let Some(version) = run.project.migrated_from()
        && project_before.as_deref() != Some(run.project.to_string().as_str())
    {
        notices.push(format!("PROJECT is migrated from version {version} to 3"));
    }
    let changes = spare_users_changes(&run, &record, &mut notices)?;
    let by = |path: &str| run.origins(path, command.id);
    record.note(&changes, &by)?;
    for node in &run.adopted {
        record.put(node, Vec::new(), by(node.path()))?;
    }
    let (subcommand, chain) = (run.chain.subcommand, run.chain.keys());
    command.answers = run.answers.into_given();
    record.push(command);
    Ok(Prepared {
        subcommand: subcommand.to_owned(),
        chain,
        project_before,
        project: run.project,
        resource: run.resource,
        universe: run.universe,
        changes,
        record,
        notices,
        remarks: Vec::new(),
    })
}

/// Returns the changes of a run so that what the user has changed since it was scaffolded
/// is not lost: a plugin that makes such a file anew has its version merged.
fn spare_users_changes(
    run: &Run<'_>,
    record: &Record,
    notices: &mut Vec<String>,
) -> Result<Vec<Change>, ScaffoldError> {
    let mut changes = Vec::new();
    for change in run.universe.changes()? {
        let (Change::Replace { old, new }, false) = (&change, run.is_on(FORCE)) else {
            changes.push(change);
            continue;
        };
        let base = record.file(new.path()).map(|it| it.content()).transpose()?;
        let Some(base) = base.filter(|it| it != old.bytes()) else {
            changes.push(change);
            continue;
        };
        match merge::bytes(&base, old.bytes(), new.bytes()) {
            // The plugin has kept what the user changed.
            Some(merged) if merged == new.bytes() => changes.push(change),
            Some(merged) => {
                notices.push(format!("`{}` is merged with what you changed in it", new.path()));
                let [plugin, subcommand] =
                    [new.plugin(), new.subcommand()].map(Option::unwrap_or_default);
                let new = Node::with_origin(new.path(), merged, new.mode(), plugin, subcommand);
                changes.push(Change::Replace { old: old.clone(), new });
            }
            None if run.is_on(SKIP_EXISTING) => {
                notices.push(format!("`{}` was changed by you, and stays as it is", new.path()));
            }
            None => {
                let plugin = new.plugin().unwrap_or_default().to_owned();
                return Err(ScaffoldError::Overwrites { plugin, path: new.path().to_owned() });
            }
        }
    }
    Ok(changes)
}

impl Prepared {
    /// Returns the text of PROJECT that the command began with; `None` before `init`.
    pub fn project_before(&self) -> Option<&str> {
        self.project_before.as_deref()
    }

    /// Returns the changes to the project's files, sorted by path.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the PROJECT file as it will be.
    pub fn project(&self) -> &ProjectFile {
        &self.project
    }

    /// Returns what the user should know, a line each.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Returns the files that should have changed, and do not or not cleanly.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Returns the universe, to be looked at.
    pub fn dump(&self) -> Dump<'_> {
        Dump::new(&self.subcommand, &self.chain, &self.universe, None)
    }

    /// Returns the payload of the `pre-` event.
    pub fn event(&self) -> ProjectEvent {
        event(&self.subcommand, &self.chain, &self.project, self.resource.as_ref())
    }

    /// Brings the changes to the disk, in the project of the lock.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Transaction`], or [`ScaffoldError::Record`] when it would be too
    /// large; then the project is as it was.
    pub fn commit(self, lock: &Lock) -> Result<Report, ScaffoldError> {
        let mut transaction = Transaction::new();
        for change in self.changes {
            transaction.change(change);
        }
        transaction.project(&self.project, self.project_before.as_deref());
        transaction.state_file(record::FILE, Some(self.record.to_text()?.into_bytes()));
        let Committed { added, replaced, deleted } = transaction.commit(lock)?;
        Ok(Report {
            subcommand: self.subcommand,
            chain: self.chain,
            added,
            replaced,
            deleted,
            notices: self.notices,
            remarks: self.remarks,
            project: self.project,
            resource: self.resource,
        })
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

fn check_start(root: &Path, chain: &Chain<'_>) -> Result<(), ScaffoldError> {
    let path = root.join(PROJECT);
    match (chain.subcommand == INIT, std::fs::symlink_metadata(&path).is_ok()) {
        (true, true) => return Err(ScaffoldError::AlreadyInitialized { path }),
        (false, false) => {
            let command = chain.identity.command_name.clone();
            return Err(ScaffoldError::NotInitialized { path, command });
        }
        _ => {}
    }
    // A plugin may join the layout without a part in the command that lets it in.
    if chain.members().is_empty() && chain.subcommand != run::EDIT {
        let subcommand = chain.subcommand.to_owned();
        return Err(ScaffoldError::NoPart { subcommand, chain: chain.keys() });
    }
    Ok(())
}
