//! Reruns the recorded commands, in memory, from an empty project.
//!
//! A plugin's files depend only on the commands. Therefore, a command is undone by running all
//! others, and the files of a newer plugin are created by running all commands with it; the user's
//! changes since then are merged.
//!
//! Tools cost most of the time. Therefore, they are run once, after the last command. If that may
//! make a difference, they are run with each command, as they were originally.

use super::file::{Origin, Record, RecordError, RecordedCommand};
use super::memo::Memo;
use super::replayed::{Replayed, Tools, add_files, is_same};
use crate::chain::answers::Answers;
use crate::chain::members::Chain;
use crate::chain::staging::Staging;
use crate::chain::steps::{INIT, Steps, StepsInput};
use crate::error::{ScaffoldError, StepName};
use crate::project::file::ProjectFile;
use crate::project::resource::Resource;
use crate::universe::Universe;
use pintle_host::Identity;
use pintle_host::ProjectVersion;
use pintle_host::lifecycle::TimeLimit;
use pintle_host::transport::LoadedPlugin;
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest, Step};
use pintle_plugin::{Node, Select, Tool};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The plugins to run recorded commands with, by their keys in the record.
pub type Plugins = BTreeMap<String, LoadedPlugin>;

/// The input for rerunning commands.
#[derive(Clone, Copy)]
pub(crate) struct Replay<'a> {
    pub(crate) plugins: &'a Plugins,
    pub(crate) identity: &'a Identity,
    pub(crate) limit: TimeLimit,
    pub(crate) memo: &'a Memo,
    /// The project, if tools use the user's settings.
    pub(crate) settings: Option<&'a Universe>,
    pub(crate) services: &'a dyn HostServices,
}

/// Commands that are being rerun.
struct Progress<'a> {
    replay: Replay<'a>,
    services: Quiet<'a>,
    tools: Tools,
    state: State,
}

/// The state after some of the commands.
struct State {
    /// The tools to run at the end.
    later: Vec<LaterTool>,
    /// Whether the next run may have another result: a tool has failed, or the user was asked for
    /// something that is not recorded.
    is_doubtful: bool,
    /// The current files.
    universe: Universe,
    /// Everything else; its files are added at the end.
    result: Replayed,
}

/// A tool of one or more commands.
#[derive(Clone)]
struct LaterTool {
    plugin: String,
    subcommand: String,
    /// The id of the last of the commands.
    command: String,
    tool: Tool,
}

impl Replay<'_> {
    /// Runs `commands`, of which the first is `init`.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Replay`] for the command that fails.
    pub(crate) fn run(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
    ) -> Result<Replayed, ScaffoldError> {
        if let Some(known) = self.memo.get(commands, tools, self.settings) {
            return Ok(known);
        }
        match (self.run_anew(commands, tools), tools) {
            // A command may need what the tools of an earlier one have created.
            (Err(_), Tools::Once) => self.run(commands, Tools::EachTime),
            (res, _) => res,
        }
    }

    /// Runs two lists of commands as [`run`](Self::run) does: their common part once, and the rest
    /// of both at the same time.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Replay`] for the command that fails.
    pub(crate) fn run_both(
        &self,
        lists: [&[RecordedCommand]; 2],
        tools: Tools,
    ) -> Result<[Replayed; 2], ScaffoldError> {
        match lists.map(|it| self.memo.get(it, tools, self.settings)) {
            [Some(one), Some(other)] => return Ok([one, other]),
            [Some(one), None] => return Ok([one, self.run(lists[1], tools)?]),
            [None, Some(other)] => return Ok([self.run(lists[0], tools)?, other]),
            [None, None] => {}
        }
        match (self.run_both_anew(lists, tools), tools) {
            (Err(_), Tools::Once) => self.run_both(lists, Tools::EachTime),
            (res, _) => res,
        }
    }

    fn run_both_anew(
        &self,
        lists: [&[RecordedCommand]; 2],
        tools: Tools,
    ) -> Result<[Replayed; 2], ScaffoldError> {
        let n_same = lists[0].iter().zip(lists[1]).take_while(|(one, other)| one == other).count();
        let mut one = self.begin(lists[0], tools)?;
        let mut other = self.begin(lists[1], tools)?;
        // Before that point, both are at the same command.
        if one.n_done().max(other.n_done()) < n_same {
            one.carry_on(&lists[0][..n_same])?;
            other.state = one.state.copy()?;
        }
        std::thread::scope(|scope| {
            let other = scope.spawn(|| other.complete(lists[1]));
            let one = one.complete(lists[0]);
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok([one?, other?])
        })
    }

    fn run_anew(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
    ) -> Result<Replayed, ScaffoldError> {
        self.begin(commands, tools)?.complete(commands)
    }

    /// Begins after the last command whose result is known: usually, only the last commands are
    /// new.
    fn begin(
        &self,
        commands: &[RecordedCommand],
        tools: Tools,
    ) -> Result<Progress<'_>, ScaffoldError> {
        let mut result = match self.memo.longest(commands, tools, self.settings) {
            Some(known) => known,
            None => Replayed::new()?,
        };
        let universe = universe(std::mem::take(&mut result.files))?;
        let state = State { later: Vec::new(), is_doubtful: false, universe, result };
        let services = Quiet { services: self.services, has_asked: AtomicBool::new(false) };
        Ok(Progress { replay: *self, services, tools, state })
    }
}

impl State {
    /// Adds a tool to be run at the end; the same tool of several commands is one.
    fn put_off(&mut self, command: &RecordedCommand, plugin: String, tool: Tool) {
        let known = |it: &&mut LaterTool| it.plugin == plugin && is_same(&it.tool, &tool);
        match self.later.iter_mut().find(known) {
            Some(known) => {
                known.command.clone_from(&command.id);
                add_files(&mut known.tool, tool.files);
            }
            None => {
                let (subcommand, command) = (command.subcommand.clone(), command.id.clone());
                self.later.push(LaterTool { plugin, subcommand, command, tool });
            }
        }
    }

    fn copy(&self) -> Result<Self, ScaffoldError> {
        let universe = Universe::from_nodes(self.universe.all_nodes()?.iter().cloned())?;
        let (later, result) = (self.later.clone(), self.result.clone());
        Ok(Self { later, is_doubtful: self.is_doubtful, universe, result })
    }
}

impl Progress<'_> {
    /// Returns how many commands have been run.
    fn n_done(&self) -> usize {
        self.state.result.commands.len()
    }

    /// Runs those of `commands` that have not been run yet, and their tools.
    fn complete(mut self, commands: &[RecordedCommand]) -> Result<Replayed, ScaffoldError> {
        self.carry_on(commands)?;
        if let Some(last) = commands.last() {
            self.run_tools().map_err(|source| failed(last, source))?;
        }
        let Self { replay: Replay { memo, settings, .. }, tools, state, .. } = self;
        let State { is_doubtful, mut result, universe, .. } = state;
        let nodes = universe.all_nodes()?;
        result.files = nodes.iter().map(|it| (it.path().to_owned(), it.clone())).collect();
        result.by.retain(|path, _| result.files.contains_key(path));
        result.project.settle().map_err(ScaffoldError::from)?;
        if !is_doubtful {
            memo.put(commands, tools, &result, settings);
        }
        Ok(result)
    }

    /// Runs those of `commands` that have not been run yet.
    fn carry_on(&mut self, commands: &[RecordedCommand]) -> Result<(), ScaffoldError> {
        for command in &commands[self.n_done()..] {
            self.carry_out(command).map_err(|source| failed(command, source))?;
        }
        self.state.is_doubtful |= self.services.has_asked.load(Ordering::Relaxed);
        Ok(())
    }

    fn carry_out(&mut self, command: &RecordedCommand) -> Result<(), ScaffoldError> {
        let plugins = self.replay.plugins;
        let members: Vec<LoadedPlugin> = command
            .plugins
            .iter()
            .map(|key| {
                plugins.get(key).cloned().ok_or_else(|| ScaffoldError::Absent {
                    subcommand: command.subcommand.clone(),
                    plugin: key.clone(),
                })
            })
            .collect::<Result<_, _>>()?;
        let version: ProjectVersion = command.project_version.parse()?;
        let chain = Chain {
            subcommand: &command.subcommand,
            plugins: &members,
            project_version: &version,
            date: &command.date,
            identity: self.replay.identity,
            limit: self.replay.limit,
        };
        if command.subcommand == INIT {
            self.state.result.project = first(command, &version)?;
        }
        self.state.result.project.defer();
        let flags = chain.bind_flags(&[], &self.services)?;
        let resource = match command.resource.is_null() {
            true => None,
            false => Some(resource(command)?),
        };
        let mut run = Steps::new(StepsInput {
            chain,
            flags: &flags,
            args: command.args.clone(),
            services: &self.services,
            answers: Answers::known(&command.answers),
            project: self.state.result.project.clone(),
            resource,
            universe: std::mem::take(&mut self.state.universe),
            record: None,
            settings: self.replay.settings,
        });
        run.later = (self.tools != Tools::EachTime).then(Vec::new);
        match run.take_all() {
            // Two branches have created the resource, and one of them is first.
            Ok(()) | Err(ScaffoldError::ResourceExists { .. }) => {}
            Err(err) => return Err(err),
        }
        for (plugin, tool) in run.later.take().unwrap_or_default() {
            self.state.put_off(command, plugin, tool);
        }
        self.state.is_doubtful |= !run.notices.is_empty();
        run.tools.iter().for_each(|(plugin, tool)| self.state.result.note(plugin, tool));
        for path in run.touched_paths() {
            // Another plugin of the chain may have deleted it.
            if run.universe.paths(Select::Path(path))?.is_empty() {
                continue;
            }
            let by = self.state.result.by.entry(path.to_owned()).or_default();
            by.extend(run.origins(path, &command.id));
        }
        self.state.universe = std::mem::take(&mut run.universe);
        for path in self.state.universe.begin_anew()? {
            self.state.result.by.remove(&path);
        }
        let mut command = command.clone();
        command.plugins = chain.keys();
        command.answers = run.answers.into_given();
        self.state.result.project = run.project;
        self.state.result.commands.push(command);
        Ok(())
    }

    /// Runs the tools of all commands.
    fn run_tools(&mut self) -> Result<(), ScaffoldError> {
        if self.state.later.is_empty() {
            return Ok(());
        }
        let universe = &mut self.state.universe;
        for LaterTool { plugin, subcommand, command, mut tool } in
            std::mem::take(&mut self.state.later)
        {
            let had_files = !tool.files.is_empty();
            tool.files.retain(|it| universe.nodes(Select::Path(it)).is_ok_and(|it| !it.is_empty()));
            if had_files && (tool.files.is_empty() || self.tools == Tools::Unformatted) {
                continue;
            }
            self.state.result.note(&plugin, &tool);
            let staging = Staging {
                plugin: &plugin,
                subcommand: &subcommand,
                may_change: &|_| true,
                settings: self.replay.settings,
                limit: self.replay.limit.limit,
                services: &self.services,
            };
            let done = staging.run(universe, vec![tool]).map_err(|source| {
                let (subcommand, plugin) = (subcommand.clone(), plugin.clone());
                let step = StepName(Step::PostScaffold);
                ScaffoldError::Step { subcommand, step, plugin, source: Box::new(source) }
            })?;
            self.state.is_doubtful |= !done.notices.is_empty();
            for path in done.changed {
                let by = self.state.result.by.entry(path).or_default();
                if by.iter().all(|it| it.plugin != plugin) {
                    by.push(Origin { plugin: plugin.clone(), command: command.clone() });
                }
            }
        }
        Ok(())
    }
}

/// Returns a universe of files without an origin, as if they were on disk.
fn universe(files: BTreeMap<String, Node>) -> Result<Universe, ScaffoldError> {
    let plain = |it: Node| match it.plugin() {
        Some(_) => Node::new(it.path(), it.bytes(), it.mode()),
        None => it,
    };
    Ok(Universe::from_nodes(files.into_values().map(plain))?)
}

fn failed(command: &RecordedCommand, source: ScaffoldError) -> ScaffoldError {
    let (subcommand, source) = (command.subcommand.clone(), Box::new(source));
    ScaffoldError::Replay { subcommand, number: command.number, source }
}

/// Returns the PROJECT file before `init`.
fn first(
    command: &RecordedCommand,
    version: &ProjectVersion,
) -> Result<ProjectFile, ScaffoldError> {
    let text = |key: &str| command.project.get(key).and_then(|it| it.as_str()).unwrap_or_default();
    let mut project = ProjectFile::new(version)?;
    project.set_domain(text("domain"))?;
    project.set_project_name(text("projectName"))?;
    project.set_repo(text("repo"))?;
    let namespaced = command.project.get("namespaced").and_then(|it| it.as_bool());
    project.set_namespaced(namespaced.unwrap_or_default())?;
    Ok(project)
}

/// Whether the record covers the project from the start.
pub(crate) fn begins_with_init(record: &Record) -> bool {
    record.commands().first().is_some_and(|it| it.subcommand == INIT)
}

/// Returns the resource that the command was called with.
pub(crate) fn resource(command: &RecordedCommand) -> Result<Resource, RecordError> {
    serde_json::from_value(command.resource.clone())
        .map_err(|source| RecordError::Resource { number: command.number, source })
}

/// The host's services, without output: the user has seen it the first time.
struct Quiet<'a> {
    services: &'a dyn HostServices,
    /// Whether the user was asked for something that is not recorded.
    has_asked: AtomicBool,
}

impl HostServices for Quiet<'_> {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, level: Level, text: &str) {
        if level == Level::Error {
            self.services.log(level, text);
        }
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Log(record) if record.level > Level::Error => {}
            ServiceRequest::LogLevel => {
                let mut reply = ServiceReply::default();
                reply.log_level = Some(Level::Error);
                return Ok(reply);
            }
            request => {
                if !matches!(request, ServiceRequest::Prompt(_)) {
                    return self.services.request(request);
                }
                self.has_asked.store(true, Ordering::Relaxed);
                // There is only one terminal, but two replays may run at once.
                static TERMINAL: Mutex<()> = Mutex::new(());
                let _turn = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner);
                return self.services.request(request);
            }
        }
        Ok(ServiceReply::default())
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.services.wait_cancelled(limit)
    }

    fn cleanup(&self, id: u64, work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        self.services.cleanup(id, work)
    }
}
