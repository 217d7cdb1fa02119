//! The services as one plugin gets them.

use super::console::Console;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::{Host, Level};
use std::sync::Arc;

/// A service that a group offers to plugins.
pub trait Service: Send + Sync {
    /// Returns whether the request is for this service.
    fn takes(&self, request: &ServiceRequest) -> bool;

    /// Does what the plugin with the full name `plugin` asks for.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when it cannot be done.
    fn call(&self, plugin: &str, request: ServiceRequest) -> Result<ServiceReply, ErrorReply>;
}

/// What all plugins of one run get from the host. Clones are the same services.
#[derive(Clone)]
pub struct Services {
    console: Arc<Console>,
    of_groups: Vec<Arc<dyn Service>>,
}

impl Services {
    /// Returns the services that every host has.
    pub fn new(console: Arc<Console>) -> Self {
        Self { console, of_groups: Vec::new() }
    }

    /// Adds a service. Of several that take one request the last has it.
    pub fn with(mut self, service: Arc<dyn Service>) -> Self {
        self.of_groups.push(service);
        self
    }

    /// Returns the terminal.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Returns the services for the calls of the plugin with the key `plugin`.
    pub fn of(&self, plugin: impl Into<String>) -> PluginServices {
        PluginServices { services: self.clone(), plugin: plugin.into() }
    }
}

/// The services of the host for the calls of one plugin.
#[derive(Clone)]
pub struct PluginServices {
    services: Services,
    plugin: String,
}

impl PluginServices {
    /// Returns the services as the plugin's code sees them, for the call of an
    /// [interface](pintle_plugin::interface).
    pub fn host(&self) -> Host<'_> {
        Host::of(self)
    }
}

impl HostServices for PluginServices {
    fn write(&self, stream: Stream, text: &[u8]) {
        self.services.console.write(stream, text);
    }

    fn log(&self, level: Level, text: &str) {
        self.services.console.log(level, text);
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        let console = &self.services.console;
        let mut reply = ServiceReply::default();
        match request {
            ServiceRequest::Prompt(prompt) => reply.answer = Some(console.prompt(prompt)?),
            ServiceRequest::Progress(update) => console.progress(&self.plugin, update),
            request => {
                let service = self.services.of_groups.iter().rev().find(|it| it.takes(&request));
                let service = service.ok_or_else(|| {
                    ErrorReply::unsupported(
                        "this host does not offer the service that was asked for",
                    )
                })?;
                let name = self.plugin.split('/').next().unwrap_or_default();
                return service.call(name, request);
            }
        }
        Ok(reply)
    }
}
