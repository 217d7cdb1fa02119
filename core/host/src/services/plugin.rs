//! The services for one plugin.

use super::calls::{Call, ProgramCall, ProgramCalls};
use super::console::Console;
use super::directories::directories;
use super::form::{self, Form};
use crate::identity::Identity;
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::message::{DirectoriesRequest, ErrorReply, ServiceReply, ServiceRequest, Shown};
use pintle_plugin::{Host, Level, View};
use std::sync::Arc;
use std::time::Duration;

/// A service that a group offers to plugins.
pub trait Service: Send + Sync {
    /// Returns whether the request is for this service.
    fn takes(&self, request: &ServiceRequest) -> bool;

    /// Handles the request of the plugin with the full name `plugin`.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when it cannot be done.
    fn call(&self, plugin: &str, request: ServiceRequest) -> Result<ServiceReply, ErrorReply>;
}

/// The services of the host for all plugins of one run. Clones share the services.
#[derive(Clone)]
pub struct Services {
    console: Arc<Console>,
    identity: Arc<Identity>,
    of_groups: Vec<Arc<dyn Service>>,
    programs: ProgramCalls,
}

impl Services {
    /// Returns the services that every host has.
    pub fn new(console: Arc<Console>) -> Self {
        let programs = ProgramCalls::default();
        Self { console, identity: Arc::default(), of_groups: Vec::new(), programs }
    }

    /// Sets the names of the host, which determine the directories of plugins.
    pub fn for_host(mut self, identity: Identity) -> Self {
        self.identity = Arc::new(identity);
        self
    }

    /// Sets what keeps the calls of programs: that of a whole run.
    pub(crate) fn in_run(mut self, programs: ProgramCalls) -> Self {
        self.programs = programs;
        self
    }

    /// Begins a call of a program, which ends at the latest with the run.
    pub(crate) fn program_call(&self, call: &Call) -> ProgramCall {
        self.programs.begin(call)
    }

    /// Adds a service. If several accept a request, the last one handles it.
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
        PluginServices { services: self.clone(), plugin: plugin.into(), call: Call::default() }
    }
}

/// The services of the host for the calls of one plugin.
#[derive(Clone)]
pub struct PluginServices {
    services: Services,
    plugin: String,
    call: Call,
}

/// Returns the name in a plugin's key.
fn name_of(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

impl PluginServices {
    /// Returns the call that these services are for.
    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    fn directories(&self, request: &DirectoriesRequest) -> Result<ServiceReply, ErrorReply> {
        let key = if self.plugin.is_empty() { &request.plugin } else { &self.plugin };
        let name = name_of(key);
        if name.is_empty() {
            let text = "the host does not know which plugin requests its directories";
            return Err(ErrorReply::failed(text));
        }
        let mut reply = ServiceReply::default();
        reply.directories = Some(directories(&self.services.identity, name)?);
        Ok(reply)
    }

    fn show(&self, shown: &Shown) {
        let form = Form::from_name(&shown.form).unwrap_or_default();
        let View { text, table, .. } = &shown.view;
        let text = match (form.text_of(&shown.value), table, text) {
            (Some(text), ..) => text,
            (None, Some(shown), _) => {
                let rows = [&shown.columns].into_iter().chain(&shown.rows).cloned();
                form::table(&rows.collect::<Vec<_>>())
            }
            (None, None, Some(text)) => text.clone(),
            // A newer plugin's form of text; YAML is also readable.
            (None, None, None) => Form::Yaml.text_of(&shown.value).unwrap_or_default(),
        };
        self.services.console.println(text.trim_end_matches('\n'));
    }

    /// Returns the services as the plugin's code uses them, for the call of an
    /// [interface](mod@pintle_plugin::interface).
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
            ServiceRequest::Terminal => reply.terminal = Some(console.terminal()),
            ServiceRequest::Directories(request) => return self.directories(&request),
            ServiceRequest::Show(shown) => self.show(&shown),
            ServiceRequest::Log(record) => console.log(record.level, &record.to_string()),
            ServiceRequest::LogLevel => reply.log_level = Some(console.verbosity().level()),
            request => {
                let service = self.services.of_groups.iter().rev().find(|it| it.takes(&request));
                let service = service.ok_or_else(|| {
                    ErrorReply::unsupported("this host does not provide the requested service")
                })?;
                return service.call(name_of(&self.plugin), request);
            }
        }
        Ok(reply)
    }

    fn wait_cancelled(&self, limit: Duration) -> bool {
        self.call.wait(limit)
    }

    fn cleanup(&self, id: u64, work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        self.call.cleanup(id, work);
        Ok(())
    }
}
