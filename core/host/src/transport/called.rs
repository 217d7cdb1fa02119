//! The host's services for one plugin, with a way to call the plugin back.

use pintle_plugin::host::{HostServices, Level, Stream};
use pintle_plugin::message::{CleanupRequest, ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::raw::PluginRootRef;
use pintle_plugin::{Node, Select};
use std::time::Duration;

/// Services for the calls of one plugin, whose cleanups the host can call.
pub(super) struct Called<'a, S> {
    pub(super) services: &'a S,
    pub(super) root: PluginRootRef,
}

impl<S: HostServices> Called<'_, S> {
    fn register(&self, request: &CleanupRequest) -> Result<ServiceReply, ErrorReply> {
        let (id, root) = (request.id, self.root);
        // A panic of a cleanup cannot be reported to any caller.
        let work: Box<dyn FnOnce() + Send> = Box::new(move || drop(root.cleanup(id)));
        let registered = self.services.cleanup(id, request.is_needed.then_some(work));
        registered.map(|()| ServiceReply::default())
    }
}

impl<S: HostServices> HostServices for Called<'_, S> {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.services.write(stream, text);
    }

    fn log(&self, level: Level, text: &str) {
        self.services.log(level, text);
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        match request {
            ServiceRequest::Cleanup(request) => self.register(&request),
            request => self.services.request(request),
        }
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.services.wait_cancelled(limit)
    }

    fn paths(&self, select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        self.services.paths(select)
    }

    fn nodes(&self, select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        self.services.nodes(select)
    }

    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        self.services.all_nodes()
    }
}
