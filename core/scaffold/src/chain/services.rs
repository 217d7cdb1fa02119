//! What the plugins of a chain get from the host while they take a step.

use super::answers::Answers;
use crate::universe::Universe;
use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::{Node, Select};

/// What a plugin of the chain gets: the host's services, and the universe as it stands.
pub(crate) struct ChainServices<'a> {
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

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match self.answers {
            Some(answers) => answers.request(request, self.output),
            None => self.output.request(request),
        }
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
