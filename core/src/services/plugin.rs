//! The services as one plugin gets them.

use super::Console;
use pintle_plugin::Level;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};

/// The services of the host for the calls of one plugin.
#[derive(Clone, Copy)]
pub struct PluginServices<'a> {
    console: &'a Console,
    plugin: &'a str,
}

impl<'a> PluginServices<'a> {
    /// Returns the services for the plugin with the key `plugin`.
    pub fn new(console: &'a Console, plugin: &'a str) -> Self {
        Self { console, plugin }
    }
}

impl HostServices for PluginServices<'_> {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.console.write(stream, text);
    }

    fn log(&self, level: Level, text: &str) {
        self.console.log(level, text);
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        let mut reply = ServiceReply::default();
        match request {
            ServiceRequest::Prompt(prompt) => reply.answer = Some(self.console.prompt(prompt)?),
            ServiceRequest::Progress(update) => self.console.progress(self.plugin, update),
            _ => return Err(ErrorReply::failed("this host does not know the requested service")),
        }
        Ok(reply)
    }
}
