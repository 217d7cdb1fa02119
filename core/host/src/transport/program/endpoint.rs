//! The calls of a plugin, answered by a program.

use super::called::Program;
use super::info::{COMPLETE, MAX_ANSWER};
use super::variables::Variables;
use super::{command, hook, scaffolding};
use crate::catalog::Endpoint;
use crate::process::{Job, Output};
use pintle_plugin::Node;
use pintle_plugin::host::HostServices;
use pintle_plugin::message::{
    Candidate, CommandDescription, CommandReply, CommandRequest, CompleteReply, CompleteRequest,
    DescribeRequest, ErrorReply, HookReply, ScaffoldReply, ScaffoldRequest,
};
use std::sync::Arc;
use std::time::Duration;

/// The time limit for a program that suggests values.
const COMPLETE_LIMIT: Duration = Duration::from_secs(2);

impl Endpoint for Program {
    fn describe(&self, request: &DescribeRequest) -> Result<CommandDescription, ErrorReply> {
        self.description(&request.path)
    }

    fn command(
        &self,
        request: &CommandRequest,
        services: &dyn HostServices,
    ) -> Result<CommandReply, ErrorReply> {
        command::run(self, request, services)
    }

    fn scaffold(
        &self,
        request: &ScaffoldRequest,
        services: &dyn HostServices,
    ) -> Result<(ScaffoldReply, Vec<Node>), ErrorReply> {
        scaffolding::run(self, request, services)
    }

    fn event(
        &self,
        name: &str,
        payload: &[u8],
        services: &dyn HostServices,
    ) -> Result<HookReply, ErrorReply> {
        hook::run(self, name, payload, services)
    }

    fn options(&self, request: &DescribeRequest) -> Result<CommandDescription, ErrorReply> {
        let path = request.path.join(" ");
        let mut description = CommandDescription::default();
        let ours = self.info.options.iter().filter(|it| it.command == path);
        description.args = ours.flat_map(|it| it.args.iter().cloned()).collect();
        Ok(description)
    }

    fn complete(
        &self,
        request: &CompleteRequest,
        services: &dyn HostServices,
    ) -> Result<CompleteReply, ErrorReply> {
        let mut reply = CompleteReply::default();
        if !self.info.capabilities.iter().any(|it| it == COMPLETE) {
            return Ok(reply);
        }
        let variables = Variables::of("COMPLETE").set("WORDS", request.path.join(" "));
        let mut command = self.command(variables.values(&request.args));
        command.args([&request.arg, &request.word]);
        let limit = COMPLETE_LIMIT;
        let services = Some(services);
        let job = Job { command, input: Arc::default(), limit, max_output: MAX_ANSWER, services };
        let Output { stdout, .. } = job.run_well().map_err(|err| self.failed(&err))?;
        let text = String::from_utf8_lossy(&stdout);
        let candidate = |line: &str| {
            let (value, help) = line.split_once('\t').unwrap_or((line, ""));
            Candidate::new(value, help)
        };
        reply.candidates = text.lines().filter(|it| !it.is_empty()).map(candidate).collect();
        Ok(reply)
    }
}
