//! Runs a scaffolding subcommand: its steps in memory, then its changes on disk.

use super::file_merge::MergeConflict;
use super::prepared::{Dropped, Failure, Prepared, Report};
use crate::chain::answers::Answers;
use crate::chain::flags::Flags;
use crate::chain::members::Chain;
use crate::chain::steps::{EDIT, FORCE, INIT, SKIP_EXISTING, Steps, StepsInput};
use crate::error::ScaffoldError;
use crate::merge::{self, ConflictReason};
use crate::project::file::{PROJECT, ProjectFile, absent};
use crate::project::resource::Resource;
use crate::record::file::{Record, RecordedCommand};
use crate::transaction::Lock;
use crate::universe::{Change, Universe};
use pintle_plugin::host::{HostServices, Level};
use pintle_plugin::{ChangeKind, Node};
use serde_json::{Map, Value};
use std::path::Path;

/// One call of a scaffolding subcommand.
pub struct Job<'a> {
    /// The project's directory.
    pub root: &'a Path,
    /// The subcommand and its plugins.
    pub chain: Chain<'a>,
    /// The plugins' flags, from [`Chain::bind_flags`].
    pub flags: &'a Flags,
    /// The values of the flags, including those of the host.
    pub args: Map<String, Value>,
    /// The PROJECT file before the subcommand; for `init`, with the values that the user requested.
    pub project: ProjectFile,
    /// The resource that the user requested, for the subcommands that have one.
    pub resource: Option<Resource>,
}

/// Runs a scaffolding subcommand from its first step to the disk.
///
/// # Errors
///
/// [`ScaffoldError`]; then the project is unchanged.
pub fn run(job: Job<'_>, services: &dyn HostServices) -> Result<Report, ScaffoldError> {
    let lock = Lock::acquire(job.root, &mut |it| services.log(Level::Info, it))?;
    prepare(job, services).map_err(|it| it.error)?.commit(&lock)
}

/// Takes all steps of a scaffolding subcommand in memory.
///
/// # Errors
///
/// [`Failure`] if a plugin fails, or if the changes of the plugins are not compatible.
pub fn prepare(job: Job<'_>, services: &dyn HostServices) -> Result<Prepared, Box<Failure>> {
    let Job { root, chain, flags, args, project, resource } = job;
    let failed = |error: ScaffoldError, universe: Universe| {
        let (subcommand, chain) = (chain.subcommand.to_owned(), chain.keys());
        Box::new(Failure { error, subcommand, chain, universe })
    };
    let early = |error: ScaffoldError| failed(error, Universe::new(root));
    check_start(root, &chain).map_err(early)?;
    let record = Record::load(root).map_err(|err| early(err.into()))?;
    let command = Steps::recorded(&chain, &args, &project, resource.as_ref());
    let before = (chain.subcommand != INIT).then(|| project.to_string());
    let mut steps = Steps::new(StepsInput {
        chain,
        flags,
        args,
        services,
        answers: Answers::default(),
        project,
        resource,
        universe: Universe::new(root),
        record: Some(record),
        settings: None,
    });
    if let Err(error) = steps.take_all() {
        return Err(failed(error, steps.universe));
    }
    finish(before, steps, command).map_err(early)
}

/// Converts the completed steps of a command to the changes that it is about to make.
fn finish(
    project_before: Option<String>,
    mut steps: Steps<'_>,
    mut command: RecordedCommand,
) -> Result<Prepared, ScaffoldError> {
    let mut record = steps.record.take().unwrap_or_default();
    let mut notices = steps.notices.clone();
    if let Some(version) = steps.project.migrated_from()
        && project_before.as_deref() != Some(steps.project.to_string().as_str())
    {
        notices.push(format!("PROJECT is converted from version {version} to 3"));
    }
    let mut spared = Spared { notices, ..Spared::default() };
    let changes = spare_users_changes(&steps, &record, &mut spared)?;
    let Spared { notices, conflicts, dropped } = spared;
    command.answers = std::mem::take(&mut steps.answers).into_given();
    let is_idle = changes.is_empty()
        && project_before.as_deref() == Some(steps.project.to_string().as_str())
        && steps.adopted.iter().all(|it| record.has(it));
    // A command that changes nothing and repeats an earlier one need not be recorded again.
    if !is_idle || !is_repeated(&record, &command) {
        let id = record.push(command);
        let by = |path: &str| steps.origins(path, &id);
        record.note(&changes, &by)?;
        for node in &steps.adopted {
            record.put(node, Vec::new(), by(node.path()))?;
        }
    }
    let (subcommand, chain) = (steps.chain.subcommand, steps.chain.keys());
    Ok(Prepared {
        subcommand: subcommand.to_owned(),
        chain,
        project_before,
        project: steps.project,
        resource: steps.resource,
        universe: steps.universe,
        changes,
        record,
        lists_record: false,
        notices,
        conflicts,
        dropped,
        needs_all: true,
    })
}

/// Whether the last command of its kind for the same resource is identical to this one.
fn is_repeated(record: &Record, command: &RecordedCommand) -> bool {
    let subject = |it: &RecordedCommand| {
        let gvk = ["group", "domain", "version", "kind"];
        (it.subcommand.clone(), gvk.map(|key| it.resource.get(key).cloned()))
    };
    // Once the files exist, it does not matter whether the command was forced.
    let words = |it: &RecordedCommand| {
        let mut it = it.clone();
        for stamp in [&mut it.id, &mut it.at, &mut it.date] {
            stamp.clear();
        }
        it.number = 0;
        it.args.shift_remove(FORCE);
        it
    };
    let last = record.commands().iter().rfind(|it| subject(it) == subject(command));
    last.is_some_and(|it| words(it) == words(command))
}

/// The result of merging the changes of the user and of a plugin to the same files.
#[derive(Default)]
struct Spared {
    notices: Vec<String>,
    conflicts: Vec<MergeConflict>,
    dropped: Vec<Dropped>,
}

/// Returns the changes of a command such that the user's changes since the scaffolding are not
/// lost: a plugin's new version of such a file is merged.
fn spare_users_changes(
    steps: &Steps<'_>,
    record: &Record,
    spared: &mut Spared,
) -> Result<Vec<Change>, ScaffoldError> {
    let changes = steps.universe.changes()?.into_iter();
    let changes = changes.map(|it| spare_users_change(it, steps, record, spared));
    changes.filter_map(Result::transpose).collect()
}

/// Returns what is left of a change; `None` if the file stays as it is.
///
/// An edit is based on the file on disk, so it still contains the user's changes.
fn spare_users_change(
    change: Change,
    steps: &Steps<'_>,
    record: &Record,
    spared: &mut Spared,
) -> Result<Option<Change>, ScaffoldError> {
    let (old, new) = match change {
        Change::Add(_) => return Ok(Some(change)),
        Change::Delete(old) => (old, None),
        Change::Replace { old, new } => (old, Some(new)),
    };
    let path = old.path().to_owned();
    let base = record.file(&path).map(|it| it.content()).transpose()?;
    let is_users = |base: &Vec<u8>| !merge::is_same(&path, base, old.bytes());
    let Some(new) = new else {
        let Some(base) = base.filter(is_users) else { return Ok(Some(Change::Delete(old))) };
        if steps.is_on(FORCE) {
            let lines = merge::lost(&path, &base, old.bytes(), &[]);
            spared.dropped.push(Dropped { path, lines });
            return Ok(Some(Change::Delete(old)));
        }
        let reason = ConflictReason::Changed;
        spared.conflicts.push(MergeConflict { path, reason, marked: false, lines: Vec::new() });
        return Ok(None);
    };
    let with = |bytes: &[u8]| {
        let [plugin, subcommand] = [new.plugin(), new.subcommand()].map(Option::unwrap_or_default);
        let bytes = merge::with_endings_of(old.bytes(), bytes);
        let new = Node::with_origin(&*path, bytes, new.mode(), plugin, subcommand);
        Ok(Some(Change::Replace { old: old.clone(), new }))
    };
    if new.change() == ChangeKind::Edit {
        return with(new.bytes());
    }
    if steps.is_on(FORCE) {
        let lines =
            merge::lost(&path, base.as_deref().unwrap_or_default(), old.bytes(), new.bytes());
        if !lines.is_empty() || base.as_ref().is_some_and(is_users) {
            spared.dropped.push(Dropped { path: path.clone(), lines });
        }
        return with(new.bytes());
    }
    // If everything that was scaffolded is recorded, all other files belong to the user.
    let base = base.or_else(|| (!record.is_empty()).then(Vec::new));
    let Some(base) = base.filter(is_users) else { return with(new.bytes()) };
    match merge::three_way(&path, &base, old.bytes(), new.bytes()) {
        // The plugin has kept the user's changes.
        Ok(merged) if merged == new.bytes() => with(new.bytes()),
        Ok(merged) => {
            spared.notices.push(format!("`{path}` is merged with your changes"));
            with(&merged)
        }
        Err(conflict) if steps.is_on(SKIP_EXISTING) => {
            let reason = match &conflict {
                Some(_) => ConflictReason::SameLines,
                None => ConflictReason::Binary,
            };
            let (bytes, lines) = match conflict {
                Some(it) => (it.spared, it.lines),
                None => (old.bytes().to_vec(), Vec::new()),
            };
            spared.conflicts.push(MergeConflict {
                path: path.clone(),
                reason,
                marked: false,
                lines,
            });
            if bytes == old.bytes() { Ok(None) } else { with(&bytes) }
        }
        Err(conflict) => {
            let plugin = new.plugin().unwrap_or_default().to_owned();
            let lines = conflict.map(|it| it.lines).unwrap_or_default();
            Err(ScaffoldError::Overwrites { plugin, path, lines })
        }
    }
}

fn check_start(root: &Path, chain: &Chain<'_>) -> Result<(), ScaffoldError> {
    let path = root.join(PROJECT);
    match (chain.subcommand == INIT, std::fs::symlink_metadata(&path).is_ok()) {
        (true, true) if !path.exists() && path.is_symlink() => return Err(absent(&path).into()),
        (true, true) => return Err(ScaffoldError::AlreadyInitialized { path }),
        (false, false) => return Err(ScaffoldError::NotInitialized { path }),
        _ => {}
    }
    // A plugin may be added to the layout by a command that it does not implement.
    if chain.members().is_empty() && chain.subcommand != EDIT {
        let subcommand = chain.subcommand.to_owned();
        return Err(ScaffoldError::NoPart { subcommand, chain: chain.keys() });
    }
    Ok(())
}
