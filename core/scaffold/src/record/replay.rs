//! Carries out the recorded commands once more, in memory, from an empty project.
//!
//! A plugin's files follow from the commands alone. So a command is undone by carrying
//! out all the others, and a newer plugin's files are had by carrying out all commands
//! with it; what the user made of the files since is brought in by a merge.

use super::file::{Origin, RecordError, RecordedCommand};
use crate::chain::answers::Answers;
use crate::chain::members::Chain;
use crate::chain::steps::{INIT, Steps, StepsInput};
use crate::error::ScaffoldError;
use crate::project::file::ProjectFile;
use crate::project::resource::Resource;
use crate::universe::Universe;
use pintle_host::Identity;
use pintle_host::ProjectVersion;
use pintle_host::transport::LoadedPlugin;
use pintle_plugin::Node;
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use std::collections::BTreeMap;

/// The plugins to carry out recorded commands with, by the key that stands in the record.
pub type Plugins = BTreeMap<String, LoadedPlugin>;

/// What recorded commands make.
pub(crate) struct Replayed {
    /// The files, by path.
    pub(crate) files: BTreeMap<String, Node>,
    /// Who had a hand in each.
    pub(crate) by: BTreeMap<String, Vec<Origin>>,
    /// The PROJECT file.
    pub(crate) project: ProjectFile,
    /// The commands, with the keys of the plugins that carried them out now.
    pub(crate) commands: Vec<RecordedCommand>,
}

/// Carries out `commands`, of which the first is `init`.
///
/// # Errors
///
/// [`ScaffoldError::Replay`] for the command that fails.
pub(crate) fn replay(
    commands: &[RecordedCommand],
    plugins: &Plugins,
    identity: &Identity,
    services: &dyn HostServices,
) -> Result<Replayed, ScaffoldError> {
    let mut replayed = Replayed {
        files: BTreeMap::new(),
        by: BTreeMap::new(),
        project: ProjectFile::new(&ProjectVersion::default())?,
        commands: Vec::new(),
    };
    for command in commands {
        replayed.carry_out(command, plugins, identity, services).map_err(|source| {
            ScaffoldError::Replay {
                subcommand: command.subcommand.clone(),
                number: command.number,
                source: Box::new(source),
            }
        })?;
    }
    Ok(replayed)
}

impl Replayed {
    fn carry_out(
        &mut self,
        command: &RecordedCommand,
        plugins: &Plugins,
        identity: &Identity,
        services: &dyn HostServices,
    ) -> Result<(), ScaffoldError> {
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
            identity,
        };
        if command.subcommand == INIT {
            self.project = first(command, &version)?;
        }
        let quiet = Quiet(services);
        let flags = chain.bind_flags(&[], &quiet)?;
        let resource = match command.resource.is_null() {
            true => None,
            false => Some(resource(command)?),
        };
        // What the commands before made has no origin for this one, as if it were on disk.
        let files = std::mem::take(&mut self.files).into_values();
        let files = files.map(|it| Node::new(it.path(), it.bytes(), it.mode()));
        let mut run = Steps::new(StepsInput {
            chain,
            flags: &flags,
            args: command.args.clone(),
            services: &quiet,
            answers: Answers::known(&command.answers),
            project: self.project.clone(),
            resource,
            universe: Universe::from_nodes(files)?,
            record: None,
        });
        match run.take_all() {
            // Two branches have created the resource, and one of them comes first.
            Ok(()) | Err(ScaffoldError::ResourceExists { .. }) => {}
            Err(err) => return Err(err),
        }
        for node in run.universe.all_nodes()?.to_vec() {
            let path = node.path().to_owned();
            let by = self.by.entry(path.clone()).or_default();
            by.extend(run.origins(&path, &command.id));
            self.files.insert(path, node);
        }
        self.by.retain(|path, _| self.files.contains_key(path));
        let mut command = command.clone();
        command.plugins = chain.keys();
        command.answers = run.answers.into_given();
        self.project = run.project;
        self.commands.push(command);
        Ok(())
    }
}

/// Returns the PROJECT file as `init` found it.
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

/// Returns the resource that the command was asked for.
pub(crate) fn resource(command: &RecordedCommand) -> Result<Resource, RecordError> {
    serde_json::from_value(command.resource.clone())
        .map_err(|source| RecordError::Resource { number: command.number, source })
}

/// The host's services, without the output: the user has seen it the first time.
struct Quiet<'a>(&'a dyn HostServices);

impl HostServices for Quiet<'_> {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, level: Level, text: &str) {
        if level == Level::Error {
            self.0.log(level, text);
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
            request => return self.0.request(request),
        }
        Ok(ServiceReply::default())
    }
}
