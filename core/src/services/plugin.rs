//! The services as one plugin gets them.

use super::Console;
use pintle_plugin::Level;
use pintle_plugin::containers::{ContainerInfo, ContainerRequest};
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use std::sync::Arc;

/// Containers as a service to plugins.
pub trait ContainerService: Send + Sync {
    /// Does what the plugin with the full name `plugin` asks for.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when there is no engine, or it fails.
    fn call(
        &self,
        plugin: &str,
        request: ContainerRequest,
    ) -> Result<Vec<ContainerInfo>, ErrorReply>;
}

/// What all plugins of one run get from the host. Clones are the same services.
#[derive(Clone)]
pub struct Services {
    console: Arc<Console>,
    containers: Option<Arc<dyn ContainerService>>,
}

impl Services {
    /// Returns services without containers.
    pub fn new(console: Arc<Console>) -> Self {
        Self { console, containers: None }
    }

    /// Adds containers.
    pub fn with_containers(self, containers: Arc<dyn ContainerService>) -> Self {
        Self { containers: Some(containers), ..self }
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
            ServiceRequest::Containers(request) => {
                let containers = self.services.containers.as_ref();
                let containers = containers
                    .ok_or_else(|| ErrorReply::failed("this host has no containers to offer"))?;
                let name = self.plugin.split('/').next().unwrap_or_default();
                reply.containers = containers.call(name, request)?;
            }
            _ => return Err(ErrorReply::failed("this host does not know the requested service")),
        }
        Ok(reply)
    }
}
