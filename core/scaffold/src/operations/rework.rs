//! Commands that change how the project was created: undoing a command, and applying what newer
//! plugins create from the same commands.
//!
//! Both compare two states of the scaffolded files, before and after, and merge the difference into
//! the user's files, three ways for each file.

use super::file_merge::{self, FileMerge, MergeConflict};
use super::prepared::Prepared;
use super::tidy::Tidy;
use crate::chain::answers::Answers;
use crate::chain::flags::Flags;
use crate::chain::members::Chain;
use crate::chain::steps::{CREATE_API, CREATE_WEBHOOK, Steps, StepsInput};
use crate::error::ScaffoldError;
use crate::merge::{self, ConflictReason::SameLines, is_executable};
use crate::project::file::ProjectFile;
use crate::project::gvk::Gvk;
use crate::project::keys::means;
use crate::project::resource::Resource;
use crate::record::file::{Record, RecordedCommand};
use crate::record::memo::Memo;
use crate::record::replay::{Plugins, Replay, begins_with_init, resource};
use crate::record::replayed::{Replayed, Tools};
use crate::universe::Universe;
use pintle_host::Identity;
use pintle_host::lifecycle::TimeLimit;
use pintle_plugin::host::HostServices;
use pintle_plugin::{Node, Tool};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A change of how the project was created.
pub struct Rework<'a> {
    /// The project's directory.
    pub root: &'a Path,
    /// The PROJECT file.
    pub project: ProjectFile,
    /// What is known about how the project was created.
    pub record: Record,
    /// The plugins to rerun the recorded commands with.
    pub plugins: &'a Plugins,
    /// The identity of the host.
    pub identity: &'a Identity,
    /// How long each call of a plugin, and each of its tools, may take.
    pub limit: TimeLimit,
    /// The known results of the commands.
    pub memo: &'a Memo,
}

/// The part of a resource to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Some of its webhooks.
    Webhooks {
        /// The one that sets defaults.
        defaulting: bool,
        /// The one that accepts or denies objects.
        validation: bool,
        /// The one that converts between versions.
        conversion: bool,
    },
}

/// The differences from the scaffolded files.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Drift {
    /// The files that the plugins create differently now.
    pub drifted: BTreeSet<String>,
    /// The files that the user has only formatted.
    pub formatted: BTreeSet<String>,
}

/// Which settings the tools of recorded commands find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settings {
    /// The user's settings in the project.
    Users,
    /// Only the settings that the commands have created.
    None,
}

/// What happens to the files when commands are undone.
struct Undone {
    universe: Universe,
    conflicts: Vec<MergeConflict>,
    /// The files that differ.
    changed: BTreeSet<String>,
    /// What the record contains about them then.
    contents: BTreeMap<String, Node>,
    /// Whether the recorded content could be changed in the same way as the files.
    is_rebased: bool,
    after: Replayed,
}

impl Undone {
    /// Returns how many files, and lines of files, stay.
    fn n_left(&self) -> usize {
        self.conflicts.iter().map(|it| 1 + it.lines.len()).sum()
    }
}

impl Rework<'_> {
    /// Undoes what was scaffolded for a resource, except what the user has changed.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] if the project has no such resource, or if there is no record of how it
    /// was created.
    pub fn undo(
        mut self,
        chain: Chain<'_>,
        flags: &Flags,
        args: Map<String, Value>,
        gvk: &Gvk,
        part: Part,
        services: &dyn HostServices,
    ) -> Result<Prepared, ScaffoldError> {
        let subcommand = chain.subcommand;
        let Some(known) = self.project.resource(gvk).cloned() else {
            return Err(ScaffoldError::UnknownResource { gvk: gvk.clone() });
        };
        self.check_record()?;
        let before_text = self.project.to_string();
        let rest = without(self.record.commands(), gvk, part)?;
        let Undone { universe, conflicts, changed, contents, after, .. } =
            self.undone(&rest, subcommand, services)?;
        for path in &changed {
            match contents.get(path) {
                Some(node) => {
                    let by = after.by.get(path).cloned().unwrap_or_default();
                    self.record.put(node, Vec::new(), by)?;
                }
                None => self.record.forget(path),
            }
        }
        self.record.set_commands(rest);
        self.record.credit(&after.by);

        let resource = remaining(known, part);
        match &resource {
            Some(resource) => self.project.put_resource(resource)?,
            None => self.project.remove_resource(gvk)?,
        }
        // Plugins that implement the deletion see what is left, and may do more.
        let resource = resource.unwrap_or_else(|| Resource::new(gvk.clone()));
        let mut steps = Steps::new(StepsInput {
            chain,
            flags,
            args,
            services,
            answers: Answers::default(),
            project: self.project,
            resource: Some(resource),
            universe,
            record: Some(self.record),
            settings: None,
        });
        steps.take_all()?;
        let record = steps.record.unwrap_or_default();
        Ok(Prepared {
            subcommand: subcommand.to_owned(),
            chain: chain.keys(),
            project_before: Some(before_text),
            project: steps.project,
            resource: steps.resource,
            changes: steps.universe.changes()?,
            universe: steps.universe,
            record,
            lists_record: false,
            notices: steps.notices,
            conflicts,
            dropped: Vec::new(),
            needs_all: true,
        })
    }

    /// Applies what the plugins create now from the recorded commands.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] if there is no record of how the project was created, or if a command
    /// fails.
    pub fn upgrade(
        mut self,
        subcommand: &str,
        services: &dyn HostServices,
    ) -> Result<Prepared, ScaffoldError> {
        self.check_record()?;
        let before_text = self.project.to_string();
        let (before, after) = self.made_now(subcommand, services)?;
        let mut universe = Universe::new(self.root);
        let changed = changed_paths(&before, &after.files);
        let merges: Vec<_> = changed
            .iter()
            .map(|path| {
                let (base, theirs) = (before.get(path), after.files.get(path));
                let by = after.by.get(path).and_then(|it| it.last());
                let plugin = by.map_or("", |it| &it.plugin);
                FileMerge { path, base, theirs, plugin, subcommand, with_markers: true }
            })
            .collect();
        let tidy = self.tidy(&after.tools, subcommand, services);
        let conflicts = file_merge::apply_all(&merges, &mut universe, &tidy)?;
        for path in &changed {
            match after.files.get(path) {
                Some(node) => {
                    let by = after.by.get(path).cloned().unwrap_or_default();
                    self.record.put(node, Vec::new(), by)?;
                }
                None => self.record.forget(path),
            }
        }
        let keys: Vec<_> = self.project.keys().into_iter().map(str::to_owned).collect();
        for key in &keys {
            let plugin = self.plugins.iter().find(|(full, _)| means(key, full));
            let new = plugin.map(|(_, it)| it.key().to_string()).filter(|it| !means(key, it));
            if let Some(new) = new {
                self.project.rename_plugin(key, &new)?;
            }
        }
        self.record.set_commands(after.commands);
        let layout = self.project.layout().to_vec();
        Ok(Prepared {
            subcommand: subcommand.to_owned(),
            chain: layout,
            project_before: Some(before_text),
            project: self.project,
            resource: None,
            changes: universe.changes()?,
            universe,
            record: self.record,
            lists_record: false,
            notices: Vec::new(),
            conflicts,
            dropped: Vec::new(),
            needs_all: false,
        })
    }

    /// Returns which files the plugins create differently now than when they were scaffolded, and
    /// which of the `changed` files only a formatter has changed, with the user's settings.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] as for [`upgrade`](Self::upgrade).
    pub fn drift(
        &self,
        subcommand: &str,
        changed: &BTreeSet<String>,
        services: &dyn HostServices,
    ) -> Result<Drift, ScaffoldError> {
        self.check_record()?;
        let (before, after) = self.made_now(subcommand, services)?;
        let drifted = changed_paths(&before, &after.files);
        let tidy = self.tidy(&after.tools, subcommand, services);
        let mut formatted = BTreeSet::new();
        if !changed.is_empty() && tidy.has_settings()? {
            let scaffolded = Universe::from_nodes(self.scaffolded()?.into_values())?;
            let (ours, base) = (tidy.project_files(changed)?, tidy.files(scaffolded, changed)?);
            let differ = changed_paths(&base, &ours);
            formatted = ours.into_keys().filter(|it| !differ.contains(it)).collect();
        }
        Ok(Drift { drifted, formatted })
    }

    /// Returns the files as they were scaffolded.
    fn scaffolded(&self) -> Result<BTreeMap<String, Node>, ScaffoldError> {
        let files = self.record.files();
        files.map(|it| Ok((it.path().to_owned(), it.node()?))).collect()
    }

    pub(super) fn check_record(&self) -> Result<(), ScaffoldError> {
        match begins_with_init(&self.record) {
            true => Ok(()),
            false => Err(ScaffoldError::NoRecord { root: self.root.to_owned() }),
        }
    }

    pub(super) fn replay(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
        settings: Settings,
        services: &dyn HostServices,
    ) -> Result<Replayed, ScaffoldError> {
        let project = Universe::new(self.root);
        let commands = self.with_plurals(commands)?;
        self.replay_with(&project, settings, services).run(&commands, tools)
    }

    /// Runs the recorded commands, and the `rest` of them.
    fn replay_both(
        &self,
        rest: &[RecordedCommand],
        tools: Tools,
        settings: Settings,
        services: &dyn HostServices,
    ) -> Result<[Replayed; 2], ScaffoldError> {
        let project = Universe::new(self.root);
        let all = self.with_plurals(self.record.commands())?;
        let rest = self.with_plurals(rest)?;
        self.replay_with(&project, settings, services).run_both([&all, &rest], tools)
    }

    fn replay_with<'r>(
        &'r self,
        project: &'r Universe,
        settings: Settings,
        services: &'r dyn HostServices,
    ) -> Replay<'r> {
        let Self { plugins, identity, limit, memo, .. } = *self;
        let settings = (settings == Settings::Users).then_some(project);
        Replay { plugins, identity, limit, memo, settings, services }
    }

    /// Returns the commands with the project's plurals of its kinds, if they do not specify a
    /// plural: they ran when the default plural was different.
    fn with_plurals(
        &self,
        commands: &[RecordedCommand],
    ) -> Result<Vec<RecordedCommand>, ScaffoldError> {
        let mut commands = commands.to_vec();
        for command in commands.iter_mut().filter(|it| it.resource.is_object()) {
            if command.resource.get("plural").is_some() {
                continue;
            }
            let mut asked = resource(command)?;
            if let Some(known) = self.project.of_kind(asked.gvk())
                && self.project.has_other_guess(known)
            {
                asked.adopt_plural(known);
                command.resource = asked.to_value();
            }
        }
        Ok(commands)
    }

    pub(super) fn tidy<'t>(
        &'t self,
        tools: &'t [(String, Tool)],
        subcommand: &'t str,
        services: &'t dyn HostServices,
    ) -> Tidy<'t> {
        let (root, limit) = (self.root, self.limit.limit);
        Tidy { tools, root, subcommand, limit, services }
    }

    /// Returns what was scaffolded, and what the commands create now, both exact where they differ.
    fn made_now(
        &self,
        subcommand: &str,
        services: &dyn HostServices,
    ) -> Result<(BTreeMap<String, Node>, Replayed), ScaffoldError> {
        let commands = self.record.commands();
        let mut before = self.scaffolded()?;
        // The work of a formatter does not count as a change, so usually no formatter needs to run.
        let unformatted = self.replay(commands, Tools::Unformatted, Settings::Users, services);
        if let Ok(after) = unformatted
            && changed_paths(&before, &after.files).is_empty()
        {
            return Ok((before, after));
        }
        let after = self.replay(commands, Tools::Once, Settings::Users, services)?;
        let changed = changed_paths(&before, &after.files);
        if after.tools.is_empty() || changed.is_empty() {
            return Ok((before, after));
        }
        // The tools may have had other settings at that time.
        let universe = Universe::from_nodes(before.values().cloned())?;
        before.extend(self.tidy(&after.tools, subcommand, services).files(universe, &changed)?);
        if changed_paths(&before, &after.files).is_empty() {
            return Ok((before, after));
        }
        let mut after = self.replay(commands, Tools::EachTime, Settings::Users, services)?;
        let changed = changed_paths(&before, &after.files);
        if changed.is_empty() || !self.tidy(&after.tools, subcommand, services).has_settings()? {
            return Ok((before, after));
        }
        // There may have been no settings at that time, and formatting a file twice sometimes
        // changes it.
        let scaffolded = self.scaffolded()?;
        let plain = self.replay(commands, Tools::EachTime, Settings::None, services)?;
        let differ = changed_paths(&scaffolded, &plain.files);
        for path in changed.difference(&differ) {
            before.extend(scaffolded.get(path).map(|it| (path.clone(), it.clone())));
            after.files.extend(plain.files.get(path).map(|it| (path.clone(), it.clone())));
        }
        Ok((before, after))
    }

    /// Returns the files as they are without the commands that are not among `rest`.
    fn undone(
        &self,
        rest: &[RecordedCommand],
        subcommand: &str,
        services: &dyn HostServices,
    ) -> Result<Undone, ScaffoldError> {
        if let Some(undone) = self.undone_unformatted(rest, subcommand, services)? {
            return Ok(undone);
        }
        let mut best: Option<Undone> = None;
        // The result of a formatter depends on when and how it was run before.
        for (tools, settings) in [
            (Tools::Once, Settings::Users),
            (Tools::EachTime, Settings::Users),
            (Tools::EachTime, Settings::None),
        ] {
            let [before, after] = self.replay_both(rest, tools, settings, services)?;
            let tidy = self.tidy(&before.tools, subcommand, services);
            let undone = self.undone_between(&before, after, &tidy, subcommand)?;
            let clashes = undone.conflicts.iter().filter(|it| it.reason == SameLines);
            let paths = clashes.map(|it| it.path.clone()).collect();
            if best.as_ref().is_none_or(|it| undone.n_left() < it.n_left()) {
                best = Some(undone);
            }
            let is_last = tools == Tools::EachTime && !tidy.has_settings()?;
            if is_last || !tidy.reach(&paths)? {
                break;
            }
        }
        Ok(best.expect("it was tried at least once"))
    }

    /// Returns the same without running a formatter; `None` if a formatter might make a difference:
    /// it orders lines, and the user's lines may conflict with its result.
    fn undone_unformatted(
        &self,
        rest: &[RecordedCommand],
        subcommand: &str,
        services: &dyn HostServices,
    ) -> Result<Option<Undone>, ScaffoldError> {
        let both = self.replay_both(rest, Tools::Unformatted, Settings::Users, services);
        let Ok([before, after]) = both else { return Ok(None) };
        if !changed_paths(&self.scaffolded()?, &before.files).is_empty() {
            return Ok(None);
        }
        let tidy = self.tidy(&before.tools, subcommand, services);
        let undone = self.undone_between(&before, after, &tidy, subcommand)?;
        Ok(Some(undone).filter(|it| it.is_rebased && it.n_left() == 0))
    }

    /// Merges the difference between two states of the scaffolded files into the user's files.
    fn undone_between(
        &self,
        before: &Replayed,
        after: Replayed,
        tidy: &Tidy<'_>,
        subcommand: &str,
    ) -> Result<Undone, ScaffoldError> {
        let changed = changed_paths(&before.files, &after.files);
        let mut universe = Universe::new(self.root);
        let merges: Vec<_> = changed
            .iter()
            .map(|path| {
                let (base, theirs) = (before.files.get(path), after.files.get(path));
                let by = before.by.get(path).or(after.by.get(path));
                let plugin = by.and_then(|it| it.last()).map_or("", |it| &it.plugin);
                FileMerge { path, base, theirs, plugin, subcommand, with_markers: false }
            })
            .collect();
        let conflicts = file_merge::apply_all(&merges, &mut universe, tidy)?;
        let (contents, is_rebased) = self.rebased(&changed, before, &after, tidy)?;
        Ok(Undone { universe, conflicts, changed, contents, is_rebased, after })
    }

    /// Applies a change of the files to their scaffolded versions; also returns whether that was
    /// possible for all files.
    fn rebased(
        &self,
        paths: &BTreeSet<String>,
        before: &Replayed,
        after: &Replayed,
        tidy: &Tidy<'_>,
    ) -> Result<(BTreeMap<String, Node>, bool), ScaffoldError> {
        let scaffolded = self.scaffolded()?;
        let mut contents = BTreeMap::new();
        let mut open = BTreeSet::new();
        let rebase = |path: &str, old: &Node| {
            let (Some(before), Some(now)) = (before.files.get(path), after.files.get(path)) else {
                return None;
            };
            let bytes = merge::bytes(path, before.bytes(), old.bytes(), now.bytes())?;
            Some(Node::new(path, bytes, now.mode()))
        };
        for path in paths.iter().filter(|it| after.files.contains_key(*it)) {
            let node = match scaffolded.get(path).filter(|_| before.files.contains_key(path)) {
                Some(old) => rebase(path, old),
                None => after.files.get(path).cloned(),
            };
            match node {
                Some(node) => drop(contents.insert(path.clone(), node)),
                None => drop(open.insert(path.clone())),
            }
        }
        if open.is_empty() {
            return Ok((contents, true));
        }
        let tidied = tidy.files(Universe::from_nodes(scaffolded.values().cloned())?, &open)?;
        let mut is_rebased = true;
        for path in open {
            let node = tidied.get(&path).and_then(|it| rebase(&path, it));
            is_rebased &= node.is_some();
            contents.extend(node.or(scaffolded.get(&path).cloned()).map(|it| (path, it)));
        }
        Ok((contents, is_rebased))
    }
}

fn changed_paths(
    before: &BTreeMap<String, Node>,
    after: &BTreeMap<String, Node>,
) -> BTreeSet<String> {
    let paths = before.keys().chain(after.keys());
    let differs = |it: &&String| match (before.get(*it), after.get(*it)) {
        (Some(one), Some(other)) => {
            !merge::is_same(it, one.bytes(), other.bytes())
                || is_executable(one.mode()) != is_executable(other.mode())
        }
        _ => true,
    };
    paths.filter(differs).cloned().collect()
}

/// Returns the commands without what they scaffolded for a part of a resource.
fn without(
    commands: &[RecordedCommand],
    gvk: &Gvk,
    part: Part,
) -> Result<Vec<RecordedCommand>, ScaffoldError> {
    let mut rest = Vec::new();
    for command in commands {
        let concerns = [CREATE_API, CREATE_WEBHOOK].contains(&command.subcommand.as_str());
        if !concerns || *resource(command)?.gvk() != *gvk {
            rest.push(command.clone());
        } else if let Some(asked) = remaining(resource(command)?, part) {
            // A command that requested only webhooks has nothing left to do without them.
            if command.subcommand == CREATE_API || asked.webhooks.is_any() {
                let mut command = command.clone();
                command.resource = asked.to_value();
                rest.push(command);
            }
        }
    }
    Ok(rest)
}

/// Returns the resource without a part; `None` if nothing of it is left.
fn remaining(mut resource: Resource, part: Part) -> Option<Resource> {
    match part {
        Part::All => None,
        Part::Webhooks { defaulting, validation, conversion } => {
            resource.webhooks.defaulting &= !defaulting;
            resource.webhooks.validation &= !validation;
            resource.webhooks.conversion &= !conversion;
            if conversion {
                resource.webhooks.spoke.clear();
            }
            // A type of another project is in PROJECT for its webhooks, or for its controller.
            let is_left = resource.api.is_some() || resource.controller;
            (is_left || resource.webhooks.is_any()).then_some(resource)
        }
    }
}
