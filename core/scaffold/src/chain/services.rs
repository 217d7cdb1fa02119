//! What the plugins of a chain get from the host while they take a step.

use super::answers::Answers;
use crate::project::file::{PROJECT, ProjectFile};
use crate::universe::Universe;
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::{MODE_FILE, Node, Select};
use std::time::Duration;

/// Selects the PROJECT file as it was before the command; no list contains it. For plugins of other
/// systems: no path of a node begins with `/`.
pub(crate) const PROJECT_BEFORE: &str = "/PROJECT/before";

/// Selects the current PROJECT file, as JSON.
pub(crate) const PROJECT_NOW: &str = "/PROJECT/now";

/// The PROJECT file during a command.
#[derive(Clone, Copy)]
pub(crate) struct ProjectStates<'a> {
    /// Before the command; `None` before `init`.
    pub(crate) before: Option<&'a ProjectFile>,
    pub(crate) now: &'a ProjectFile,
}

/// What a plugin of the chain gets: the host's services, and the current universe.
pub(crate) struct ChainServices<'a> {
    /// The key of the plugin.
    pub(crate) plugin: &'a str,
    pub(crate) output: &'a dyn HostServices,
    pub(crate) universe: Option<&'a Universe>,
    pub(crate) answers: Option<&'a Answers>,
    pub(crate) project: Option<ProjectStates<'a>>,
}

impl ProjectStates<'_> {
    /// Returns what a path selects; `None` for the path of an ordinary node.
    fn select(self, path: &str) -> Option<Result<Vec<Node>, ErrorReply>> {
        let node = |text: String| Node::new(PROJECT, text, MODE_FILE);
        match path {
            PROJECT_BEFORE => {
                let before = self.before.map(ProjectFile::settled).transpose();
                let before = before.map_err(|err| ErrorReply::failed(err.to_string()));
                Some(before.map(|it| it.map(|it| node(it.to_string())).into_iter().collect()))
            }
            PROJECT_NOW => Some(Ok(vec![node(self.now.to_json().to_string())])),
            _ => None,
        }
    }
}

impl HostServices for ChainServices<'_> {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.output.write(stream, text);
    }

    fn log(&self, level: Level, text: &str) {
        self.output.log(level, text);
    }

    fn request(&self, mut request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        // The services are those of the whole chain.
        if let ServiceRequest::Directories(request) = &mut request {
            self.plugin.clone_into(&mut request.plugin);
        }
        match self.answers {
            Some(answers) => answers.request(request, self.output),
            None => self.output.request(request),
        }
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.output.wait_cancelled(limit)
    }

    fn cleanup(&self, id: u64, work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        self.output.cleanup(id, work)
    }

    fn paths(&self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        match self.universe {
            Some(universe) => Ok(universe.paths(select)?),
            None => self.output.paths(select),
        }
    }

    fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        if let (Select::Path(path), Some(project)) = (select, self.project)
            && let Some(nodes) = project.select(path)
        {
            return nodes;
        }
        match self.universe {
            Some(universe) => Ok(universe.nodes(select)?),
            None => self.output.nodes(select),
        }
    }

    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        match self.universe {
            Some(universe) => Ok(universe.all_nodes()?),
            None => self.output.all_nodes(),
        }
    }
}
