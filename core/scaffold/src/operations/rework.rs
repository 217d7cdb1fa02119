//! Commands that change how the project was made: undoing a command, and taking over
//! what newer plugins make of the same commands.
//!
//! Both compare two states of what is scaffolded, before and after, and bring the
//! difference into the user's files, three ways for each file.

use super::file_merge::FileMerge;
use super::prepared::Prepared;
use crate::chain::answers::Answers;
use crate::chain::flags::Flags;
use crate::chain::members::Chain;
use crate::chain::steps::{CREATE_API, CREATE_WEBHOOK, Steps, StepsInput};
use crate::error::ScaffoldError;
use crate::merge::{self, is_executable};
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
use pintle_plugin::Node;
use pintle_plugin::host::HostServices;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A change of how the project was made.
pub struct Rework<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The PROJECT file.
    pub project: ProjectFile,
    /// What is known of how the project was made.
    pub record: Record,
    /// The plugins to carry out the recorded commands with.
    pub plugins: &'a Plugins,
    /// Who the host is.
    pub identity: &'a Identity,
    /// How long each call of a plugin, and each of its tools, may take.
    pub limit: TimeLimit,
    /// What the commands are known to make.
    pub memo: &'a Memo,
}

/// What of a resource is to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Some of its webhooks.
    Webhooks {
        /// The one that fills in defaults.
        defaulting: bool,
        /// The one that accepts or denies.
        validation: bool,
        /// The one that converts between versions.
        conversion: bool,
    },
}

impl Rework<'_> {
    /// Undoes what was scaffolded for a resource, as far as the user has not changed it.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] when the project has no such resource, or how it was made is
    /// not known.
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
        let before = self.replay(self.record.commands(), Tools::Once, services)?;
        let after = self.replay(&rest, Tools::Once, services)?;
        let changed = changed_paths(&before.files, &after.files);

        let mut universe = Universe::new(self.root);
        let mut conflicts = Vec::new();
        for path in &changed {
            let (base, theirs) = (before.files.get(path), after.files.get(path));
            let by = before.by.get(path).or(after.by.get(path));
            let plugin = by.and_then(|it| it.last()).map_or("", |it| &it.plugin);
            let merge = FileMerge { base, theirs, plugin, subcommand, with_markers: false };
            conflicts.extend(merge.apply(path, &mut universe)?);
            self.rebase(path, base, &after)?;
        }
        self.record.set_commands(rest);
        self.record.credit(&after.by);

        let resource = remaining(known, part);
        match &resource {
            Some(resource) => self.project.put_resource(resource)?,
            None => self.project.remove_resource(gvk)?,
        }
        // Plugins that have a part in the deletion see what is left, and may do more.
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

    /// Takes over what the plugins make of the recorded commands now.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] when how the project was made is not known, or a command fails.
    pub fn upgrade(
        mut self,
        subcommand: &str,
        services: &dyn HostServices,
    ) -> Result<Prepared, ScaffoldError> {
        self.check_record()?;
        let before_text = self.project.to_string();
        let before = self.scaffolded()?;
        let after = self.made_now(&before, services)?;
        let mut universe = Universe::new(self.root);
        let mut conflicts = Vec::new();
        for path in changed_paths(&before, &after.files) {
            let (base, theirs) = (before.get(&path), after.files.get(&path));
            let by = after.by.get(&path).and_then(|it| it.last());
            let plugin = by.map_or("", |it| &it.plugin);
            let merge = FileMerge { base, theirs, plugin, subcommand, with_markers: true };
            conflicts.extend(merge.apply(&path, &mut universe)?);
            match theirs {
                Some(node) => {
                    let by = after.by.get(&path).cloned().unwrap_or_default();
                    self.record.put(node, Vec::new(), by)?;
                }
                None => self.record.forget(&path),
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

    /// Returns which files the plugins make otherwise now than when they were scaffolded.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] as for [`upgrade`](Self::upgrade).
    pub fn drift(&self, services: &dyn HostServices) -> Result<Vec<String>, ScaffoldError> {
        self.check_record()?;
        let before = self.scaffolded()?;
        let after = self.made_now(&before, services)?;
        Ok(changed_paths(&before, &after.files).into_iter().collect())
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
        services: &dyn HostServices,
    ) -> Result<Replayed, ScaffoldError> {
        let Self { plugins, identity, limit, memo, .. } = *self;
        Replay { plugins, identity, limit, memo, services }.run(commands, tools)
    }

    /// Returns what the commands make now, exactly where that is not what was scaffolded.
    fn made_now(
        &self,
        before: &BTreeMap<String, Node>,
        services: &dyn HostServices,
    ) -> Result<Replayed, ScaffoldError> {
        let commands = self.record.commands();
        // What a formatter does is no change, so most often none need be run.
        if let Ok(after) = self.replay(commands, Tools::Unformatted, services)
            && changed_paths(before, &after.files).is_empty()
        {
            return Ok(after);
        }
        let after = self.replay(commands, Tools::Once, services)?;
        match after.programs.is_empty() || changed_paths(before, &after.files).is_empty() {
            true => Ok(after),
            false => self.replay(commands, Tools::EachTime, services),
        }
    }

    /// Does to the file as it was scaffolded what the change does to the file.
    fn rebase(
        &mut self,
        path: &str,
        before: Option<&Node>,
        after: &Replayed,
    ) -> Result<(), ScaffoldError> {
        let Some(now) = after.files.get(path) else {
            self.record.forget(path);
            return Ok(());
        };
        let old = self.record.file(path).map(|it| it.content()).transpose()?;
        let content = match (before, old) {
            (Some(before), Some(old)) => {
                merge::bytes(path, before.bytes(), &old, now.bytes()).unwrap_or(old)
            }
            _ => now.bytes().to_vec(),
        };
        let by = after.by.get(path).cloned().unwrap_or_default();
        self.record.put(&Node::new(path, content, now.mode()), Vec::new(), by)?;
        Ok(())
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
            // A command that asked for webhooks only has nothing left to do without them.
            if command.subcommand == CREATE_API || asked.webhooks.is_any() {
                let mut command = command.clone();
                command.resource = asked.to_value();
                rest.push(command);
            }
        }
    }
    Ok(rest)
}

/// Returns the resource without a part; `None` when nothing of it is left.
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
            Some(resource)
        }
    }
}
