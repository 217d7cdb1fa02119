//! The steps of one scaffolding command, taken in memory across the whole chain.
//!
//! Invariant: nothing here touches the project. The same steps create a command's files the first
//! time and whenever the command is replayed.

use super::answers::Answers;
use super::flags::Flags;
use super::members::{Chain, Member};
use super::services::{ChainServices, ProjectStates};
use super::staging::Staging;
use crate::error::{ScaffoldError, StepError};
use crate::project::error::ProjectError;
use crate::project::file::ProjectFile;
use crate::project::keys::means;
use crate::project::resource::Resource;
use crate::record::file::{Origin, Record, RecordedCommand};
use crate::universe::Universe;
use pintle_host::services::is_interrupted;
use pintle_plugin::host::HostServices;
use pintle_plugin::message::{ProjectInfo, ScaffoldReply, Step};
use pintle_plugin::{ChangeKind, ChangeSet, Node, Select, Tool};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

pub(crate) const INIT: &str = "init";
pub(crate) const EDIT: &str = "edit";
pub(crate) const CREATE_API: &str = "create api";
pub(crate) const CREATE_WEBHOOK: &str = "create webhook";

/// The host's flag for recreating what already exists.
pub(crate) const FORCE: &str = "force";
/// The host's flag for keeping files that already exist.
pub(crate) const SKIP_EXISTING: &str = "skip-existing";

/// One scaffolding command in progress.
pub(crate) struct Steps<'a> {
    pub(crate) chain: Chain<'a>,
    pub(crate) flags: &'a Flags,
    pub(crate) args: Map<String, Value>,
    pub(crate) services: &'a dyn HostServices,
    pub(crate) answers: Answers,
    pub(crate) project: ProjectFile,
    /// PROJECT at the start of the command; `None` before `init`.
    project_before: Option<ProjectFile>,
    /// The resource, with what is to be scaffolded now.
    pub(crate) resource: Option<Resource>,
    /// The same resource, with what the project already has of it.
    known: Option<Resource>,
    /// The plugins that this command adds to the project.
    joining: Vec<String>,
    /// The plugins that still take part.
    members: Vec<Member<'a>>,
    pub(crate) universe: Universe,
    /// What is known about how the project was created; `None` in a replay, where every file was
    /// created by a command.
    pub(crate) record: Option<Record>,
    /// Which plugins created or changed each file, in order.
    touched: BTreeMap<String, Vec<String>>,
    /// Files that a plugin would have created if they had not been on disk.
    pub(crate) adopted: Vec<Node>,
    pub(crate) notices: Vec<String>,
    /// The tools that the plugins named, if they are run elsewhere; otherwise `None`.
    pub(crate) later: Option<Vec<(String, Tool)>>,
    /// The tools that were run, each with its plugin.
    pub(crate) tools: Vec<(String, Tool)>,
    /// The project, in a replay.
    settings: Option<&'a Universe>,
}

/// The input of the steps.
pub(crate) struct StepsInput<'a> {
    pub(crate) chain: Chain<'a>,
    pub(crate) flags: &'a Flags,
    pub(crate) args: Map<String, Value>,
    pub(crate) services: &'a dyn HostServices,
    pub(crate) answers: Answers,
    pub(crate) project: ProjectFile,
    pub(crate) resource: Option<Resource>,
    pub(crate) universe: Universe,
    /// What is known about how the project was created; `None` in a replay.
    pub(crate) record: Option<Record>,
    /// The project, in a replay: the settings of tools may be the user's.
    pub(crate) settings: Option<&'a Universe>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(input: StepsInput<'a>) -> Self {
        let StepsInput { chain, flags, args, services, answers, project, resource, .. } = input;
        let known = resource.as_ref().and_then(|it| project.resource(it.gvk())).cloned();
        let project_before = (chain.subcommand != INIT).then(|| project.clone());
        Self {
            joining: Vec::new(),
            members: chain.members(),
            chain,
            flags,
            args,
            services,
            answers,
            project,
            project_before,
            resource,
            known,
            universe: input.universe,
            record: input.record,
            touched: BTreeMap::new(),
            adopted: Vec::new(),
            notices: Vec::new(),
            later: None,
            tools: Vec::new(),
            settings: input.settings,
        }
    }

    /// Takes all steps.
    pub(crate) fn take_all(&mut self) -> Result<(), ScaffoldError> {
        self.join_layout()?;
        self.step(Step::InjectConfig)?;
        if let Some(resource) = &mut self.resource {
            if let Some(known) = &self.known {
                resource.adopt_plural(known);
            }
            self.step(Step::InjectResource)?;
            if [CREATE_API, CREATE_WEBHOOK].contains(&self.chain.subcommand) {
                self.record_resource()?;
            }
        }
        for step in [Step::PreScaffold, Step::Scaffold, Step::PostScaffold] {
            self.step(step)?;
        }
        Ok(())
    }

    /// Returns the paths of the files that plugins created or changed.
    pub(crate) fn touched_paths(&self) -> impl Iterator<Item = &str> {
        self.touched.keys().map(String::as_str)
    }

    /// Returns which plugins created or changed the file at `path`, in the command with this id.
    pub(crate) fn origins(&self, path: &str, command: &str) -> Vec<Origin> {
        let plugins = self.touched.get(path).into_iter().flatten();
        plugins.map(|it| Origin { plugin: it.clone(), command: command.to_owned() }).collect()
    }

    /// Returns what to record about the command, except its time.
    pub(crate) fn recorded(
        chain: &Chain<'_>,
        args: &Map<String, Value>,
        project: &ProjectFile,
        resource: Option<&Resource>,
    ) -> RecordedCommand {
        let mut args = args.clone();
        // In a replay, everything that exists was created by a command.
        args.shift_remove(SKIP_EXISTING);
        if args.get(FORCE) == Some(&Value::Bool(false)) {
            args.shift_remove(FORCE);
        }
        let mut command = RecordedCommand {
            subcommand: chain.subcommand.to_owned(),
            project_version: chain.project_version.to_string(),
            date: chain.date.to_owned(),
            plugins: chain.keys(),
            args,
            resource: resource.map_or(Value::Null, Resource::to_value),
            ..RecordedCommand::default()
        };
        if chain.subcommand == INIT {
            for (key, text) in [
                ("domain", project.domain()),
                ("projectName", project.project_name()),
                ("repo", project.repo()),
            ] {
                command.project.insert(key.to_owned(), text.into());
            }
            if project.namespaced() {
                command.project.insert("namespaced".to_owned(), true.into());
            }
        }
        command
    }

    /// Writes the chain into PROJECT, if the subcommand changes the chain.
    fn join_layout(&mut self) -> Result<(), ScaffoldError> {
        match self.chain.subcommand {
            INIT => {
                self.project.set_cli_version(&self.chain.identity.version)?;
                self.project.set_layout(&self.chain.keys())?;
            }
            EDIT => {
                for key in self.chain.keys() {
                    if self.project.keys().iter().any(|it| means(it, &key)) {
                        self.project.join(&key)?;
                        continue;
                    }
                    if !self.members.iter().any(|it| it.key == key) {
                        self.notices.push(format!(
                            "`{key}` does not implement `{EDIT}`; it takes effect with the next \
                             command"
                        ));
                    }
                    self.project.join(&key)?;
                    self.joining.push(key);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes one step with all plugins that still take part.
    fn step(&mut self, step: Step) -> Result<(), ScaffoldError> {
        let mut project = self.project.info();
        for member in std::mem::take(&mut self.members) {
            let stop = self
                .call(&member, step, &mut project)
                .map_err(|source| self.chain.failed(&member, step, source))?;
            match stop {
                None => self.members.push(member),
                // In a replay, it has already been added, whatever it did then.
                Some(reason) if self.record.is_some() && self.joining.contains(&member.key) => {
                    return Err(ScaffoldError::NotJoined { plugin: member.key, reason });
                }
                Some(reason) => self.notices.push(format!(
                    "`{}` takes no further part in this command: {reason}",
                    member.key
                )),
            }
        }
        Ok(())
    }

    /// Takes one step with one plugin, which sees `project` as the project; returns the reason if
    /// the plugin takes no further part.
    fn call(
        &mut self,
        member: &Member<'_>,
        step: Step,
        project: &mut ProjectInfo,
    ) -> Result<Option<String>, StepError> {
        let mut request = self.chain.request(member, step);
        let args = self.args.iter().filter(|(name, _)| self.flags.concerns(&member.key, name));
        request.args = args.map(|(name, value)| (name.clone(), value.clone())).collect();
        request.project = std::mem::take(project);
        request.config = self.project.config(&member.key).clone();
        let resource = self.resource.as_ref();
        request.resource = resource.map(|it| it.to_message_beside(self.known.as_ref()));

        let services = ChainServices {
            plugin: &member.key,
            output: self.services,
            universe: Some(&self.universe),
            answers: Some(&self.answers),
            project: Some(ProjectStates {
                before: self.project_before.as_ref(),
                now: &self.project,
            }),
        };
        let (reply, added) = self.chain.take_step(member, &request, &services)?;
        // It is large, and the next plugin usually gets the same value.
        *project = request.project;
        if is_interrupted() {
            return Err(StepError::Interrupted);
        }
        if reply.stop.is_some() {
            return Ok(reply.stop);
        }
        let is_told_more = reply.project.is_some();
        self.apply(&member.key, step, reply, added)?;
        if is_told_more {
            *project = self.project.info();
        }
        Ok(None)
    }

    /// Applies the plugin's reply, as far as the step allows it.
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
                added.iter().for_each(|it| self.touch(it.path(), key));
                let changes = self.settle(reply.deleted, added)?;
                self.universe.apply(key, self.chain.subcommand, changes)?;
            }
            Step::PostScaffold if !reply.tools.is_empty() => {
                if let Some(later) = &mut self.later {
                    later.extend(reply.tools.into_iter().map(|it| (key.to_owned(), it)));
                    return Ok(());
                }
                self.tools.extend(reply.tools.iter().map(|it| (key.to_owned(), it.clone())));
                let (record, adopted) = (self.record.as_ref(), &self.adopted);
                let may_change = &|it: &Node| is_scaffolded(it, record, adopted);
                let (subcommand, services) = (self.chain.subcommand, self.services);
                let limit = self.chain.limit.limit;
                let settings = self.settings;
                let staging =
                    Staging { plugin: key, subcommand, may_change, settings, limit, services };
                let done = staging.run(&mut self.universe, reply.tools)?;
                done.changed.iter().for_each(|it| self.touch(it, key));
                self.notices.extend(done.notices);
            }
            _ => {}
        }
        Ok(())
    }

    /// Decides what happens to existing files that the plugin would create: a file with the same
    /// bytes counts as added; for a file with other bytes, the user may have chosen to replace or
    /// to keep it.
    fn settle(
        &mut self,
        mut deleted: Vec<String>,
        added: Vec<Node>,
    ) -> Result<ChangeSet, StepError> {
        let paths: Vec<_> = added.iter().map(Node::path).collect();
        let gone = among(&deleted.iter().map(String::as_str).collect::<Vec<_>>(), &paths);
        let mut left = Vec::new();
        for (node, is_gone) in added.into_iter().zip(gone) {
            let path = node.path();
            let old = match is_gone {
                true => None,
                false => self.universe.nodes(Select::Path(path))?.pop(),
            };
            let is_new = node.change() == ChangeKind::Add;
            match old.filter(|it| is_new && it.plugin().is_none()) {
                Some(old) if old.bytes() == node.bytes() => self.adopted.push(node),
                Some(_) if self.is_on(SKIP_EXISTING) => {
                    self.notices.push(format!("`{path}` already exists and is kept"));
                    self.adopted.push(node);
                }
                Some(_) if self.is_on(FORCE) => {
                    deleted.push(path.to_owned());
                    left.push(node);
                }
                _ => left.push(node),
            }
        }
        Ok(ChangeSet::from_parts(deleted, left))
    }

    /// Whether a flag of the host is given.
    pub(crate) fn is_on(&self, flag: &str) -> bool {
        self.args.get(flag).and_then(Value::as_bool).unwrap_or(false)
    }

    fn touch(&mut self, path: &str, key: &str) {
        let plugins = self.touched.entry(path.to_owned()).or_default();
        if !plugins.iter().any(|it| it == key) {
            plugins.push(key.to_owned());
        }
    }

    /// Writes the resource into PROJECT, so that the next steps see it there.
    fn record_resource(&mut self) -> Result<(), ScaffoldError> {
        let Some(mut whole) = self.resource.clone() else { return Ok(()) };
        if let Some(known) = self.project.resource(whole.gvk()) {
            whole.complete_from(known);
            if whole == *known && !self.is_on(FORCE) {
                return Err(ScaffoldError::ResourceExists { gvk: whole.gvk().clone() });
            }
        }
        // In a replay, the resource is already in PROJECT, valid or not.
        if self.record.is_some() {
            self.project.check_plural(&whole).map_err(ProjectError::from)?;
        }
        Ok(self.project.put_resource(&whole)?)
    }
}

/// Whether a file is as plugins have created it, in this command or in an earlier one, so that
/// their tools may change it. All others belong to the user.
fn is_scaffolded(node: &Node, record: Option<&Record>, adopted: &[Node]) -> bool {
    let Some(record) = record else { return true };
    node.plugin().is_some()
        || adopted.iter().any(|it| it.path() == node.path() && it.bytes() == node.bytes())
        || record.has(node)
}

/// Returns which of `paths` are among `deleted`. A plugin may replace every file of a large
/// project, so the list must not be searched for each path.
fn among<P: Eq + Hash>(deleted: &[P], paths: &[P]) -> Vec<bool> {
    let deleted: HashSet<&P> = deleted.iter().collect();
    paths.iter().map(|it| deleted.contains(it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::hash::Hasher;

    thread_local! {
        static N_COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// A path that counts how often it is compared with another.
    struct Counted(usize);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            N_COMPARED.set(N_COMPARED.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn replacing_many_files_compares_each_with_few_others() {
        let n = 2000;
        let deleted: Vec<_> = (0..n).map(Counted).collect();
        let paths: Vec<_> = (n / 2..n + n / 2).map(Counted).collect();
        let gone = among(&deleted, &paths);
        assert_eq!(gone.iter().filter(|it| **it).count(), n / 2);
        assert!(N_COMPARED.get() < 10 * n, "{} comparisons", N_COMPARED.get());
    }
}
