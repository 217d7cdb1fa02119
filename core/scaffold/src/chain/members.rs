//! The ordered plugins that take part in one scaffolding subcommand, and how each is called.

use super::flags::Flags;
use super::services::ChainServices;
use crate::error::{ScaffoldError, StepError, StepName};
use pintle_host::lifecycle::{TakeStepError, TimeLimit, take_step};
use pintle_host::transport::LoadedPlugin;
use pintle_host::{Identity, ProjectVersion};
use pintle_plugin::Node;
use pintle_plugin::host::HostServices;
use pintle_plugin::message::{CommandDescription, ScaffoldReply, ScaffoldRequest, Step};

/// The ordered plugins that take part in one scaffolding subcommand.
#[derive(Clone, Copy)]
pub struct Chain<'a> {
    /// The subcommand, one of [`SUBCOMMANDS`](pintle_plugin::manifest::SUBCOMMANDS).
    pub subcommand: &'a str,
    /// All plugins of the project; those that do not implement the subcommand are not called.
    pub plugins: &'a [LoadedPlugin],
    /// The version of the PROJECT file.
    pub project_version: &'a ProjectVersion,
    /// The day of the command in UTC, for example `2026-11-21`. Plugins get it, so that the command
    /// can be repeated on another day with the same result.
    pub date: &'a str,
    /// The identity of the host.
    pub identity: &'a Identity,
    /// How long each call of a plugin, and each of its tools, may take.
    pub limit: TimeLimit,
}

/// One plugin that implements the subcommand.
#[derive(Clone)]
pub(crate) struct Member<'a> {
    pub(crate) key: String,
    pub(crate) plugin: &'a LoadedPlugin,
    position: usize,
}

impl<'a> Chain<'a> {
    /// Returns the help that the plugins provide for the subcommand: the last text of each kind
    /// that is not empty, and all examples.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Step`] when a plugin fails.
    pub fn describe(
        &self,
        services: &dyn HostServices,
    ) -> Result<CommandDescription, ScaffoldError> {
        let mut whole = CommandDescription::default();
        for member in self.members() {
            let request = self.request(&member, Step::UpdateMetadata);
            let (reply, _) = self.call(&member, &request, services)?;
            let part = reply.description.unwrap_or_default();
            if !part.about.is_empty() {
                whole.about = part.about;
            }
            if !part.long_about.is_empty() {
                whole.long_about = part.long_about;
            }
            whole.examples.extend(part.examples);
        }
        Ok(whole)
    }

    /// Returns the flags that the plugins add to the subcommand. `reserved` contains the host's own
    /// flags: the name, and the letter if there is one.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError`] when a plugin fails, or two flags clash.
    pub fn bind_flags(
        &self,
        reserved: &[(&str, Option<char>)],
        services: &dyn HostServices,
    ) -> Result<Flags, ScaffoldError> {
        let mut flags = Vec::new();
        for member in self.members() {
            let request = self.request(&member, Step::BindFlags);
            let (reply, _) = self.call(&member, &request, services)?;
            flags.push((member.key, reply.flags));
        }
        Ok(Flags::merge(flags, reserved)?)
    }

    /// Returns the full keys of all plugins, in order.
    pub fn keys(&self) -> Vec<String> {
        self.plugins.iter().map(|it| it.key().to_string()).collect()
    }

    /// Returns the plugins that implement the subcommand.
    pub(crate) fn members(&self) -> Vec<Member<'a>> {
        let has_part =
            |it: &LoadedPlugin| it.manifest().subcommands.iter().any(|it| it == self.subcommand);
        let plugins = self.plugins.iter().enumerate().filter(|(_, it)| has_part(it));
        plugins
            .map(|(position, plugin)| Member { key: plugin.key().to_string(), plugin, position })
            .collect()
    }

    /// Returns a request with everything that does not depend on the project.
    pub(crate) fn request(&self, member: &Member<'_>, step: Step) -> ScaffoldRequest {
        let mut request = ScaffoldRequest::default();
        request.caller.host = self.identity.command_name.clone();
        request.caller.version = self.identity.version.clone();
        request.caller.plugin = member.key.clone();
        request.subcommand = self.subcommand.to_owned();
        request.step = step;
        request.chain = self.keys();
        request.position = member.position;
        request.project_version = self.project_version.to_string();
        request.date = self.date.to_owned();
        request
    }

    /// Takes one step with one plugin, outside of any project.
    fn call(
        &self,
        member: &Member<'_>,
        request: &ScaffoldRequest,
        services: &dyn HostServices,
    ) -> Result<(ScaffoldReply, Vec<Node>), ScaffoldError> {
        let services = ChainServices {
            plugin: &member.key,
            output: services,
            universe: None,
            answers: None,
            project: None,
        };
        let reply = self.take_step(member, request, &services);
        reply.map_err(|err| self.failed(member, request.step, err.into()))
    }

    /// Takes one step with one plugin, within the time limit.
    pub(crate) fn take_step(
        &self,
        member: &Member<'_>,
        request: &ScaffoldRequest,
        services: &ChainServices<'_>,
    ) -> Result<(ScaffoldReply, Vec<Node>), TakeStepError> {
        take_step(member.plugin, request, services, self.limit)
    }

    pub(crate) fn failed(
        &self,
        member: &Member<'_>,
        step: Step,
        source: StepError,
    ) -> ScaffoldError {
        let (subcommand, plugin) = (self.subcommand.to_owned(), member.key.clone());
        ScaffoldError::Step { subcommand, step: StepName(step), plugin, source: Box::new(source) }
    }
}
