//! What the plugins of a chain get from the host while they take a step.

use super::answers::Answers;
use crate::universe::Universe;
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::{Node, Select};
use std::time::Duration;

/// What a plugin of the chain gets: the host's services, and the universe as it stands.
pub(crate) struct ChainServices<'a> {
    /// The key of the plugin.
    pub(crate) plugin: &'a str,
    pub(crate) output: &'a dyn HostServices,
    pub(crate) universe: Option<&'a Universe>,
    pub(crate) answers: Option<&'a Answers>,
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
