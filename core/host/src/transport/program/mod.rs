//! Plugins that are programs: run once for each call, in any language.
//!
//! `docs/protocol.md` describes how host and program talk. What a program says of itself is
//! asked once and kept ([`discovery`]); so no program runs for help, listings and resolution.

mod answers;
mod command;
mod discovery;
mod hook;
mod info;
mod scaffolding;
mod variables;

pub use discovery::{examine, find, is_executable, is_script};

use crate::catalog::Endpoint;
use crate::identity::Identity;
use crate::process::{Job, JobError, Output};
use pintle_plugin::Node;
use pintle_plugin::host::HostServices;
use pintle_plugin::json::Value;
use pintle_plugin::message::program::ProgramInfo;
use pintle_plugin::message::{
    Candidate, CommandDescription, CommandReply, CommandRequest, CompleteReply, CompleteRequest,
    DescribeRequest, ErrorReply, HookReply, ScaffoldReply, ScaffoldRequest,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use variables::Variables;

/// Returns what a program is told of an event in variables of its own, beside the payload: the
/// part of their names behind the host's prefix, and their values.
pub type EventVariables = fn(event: &str, payload: &Value) -> Vec<(String, String)>;

/// What programs are run with.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The host's names.
    pub identity: Identity,
    /// What programs are told of events in variables.
    pub variables: Vec<EventVariables>,
    /// The names of the events that the host has.
    pub events: Vec<&'static str>,
}

/// The longest answer to `INFO` and `COMPLETE`, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// How long a program may take to suggest values.
const COMPLETE_LIMIT: Duration = Duration::from_secs(2);
/// The capability of programs that suggest values.
const COMPLETE: &str = "complete";

/// A program that has said what it is.
struct Program {
    path: PathBuf,
    key: String,
    info: ProgramInfo,
    around: Arc<Surroundings>,
}

impl Program {
    /// Returns the program as it is run for a call.
    fn command(&self, variables: Variables) -> Command {
        let mut command = Command::new(&self.path);
        variables.plugin(&self.key).apply(&mut command, &self.around.identity);
        command
    }

    fn description(&self, path: &[String]) -> Result<CommandDescription, ErrorReply> {
        let found = self.info.commands.iter().find(|it| it.path() == path);
        found.map(|it| it.description()).ok_or_else(|| {
            ErrorReply::failed(format!("the program has no command `{}`", path.join(" ")))
        })
    }

    /// Returns the error of a call that the program did not end well.
    fn failed(&self, err: &JobError) -> ErrorReply {
        let mut reply = failed(&self.path, err);
        // Its standard error has been shown.
        reply.causes.truncate(reply.causes.len() - usize::from(!err.stderr.is_empty()));
        reply
    }
}

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

/// Returns the error of a program that did not end well.
fn failed(path: &Path, err: &JobError) -> ErrorReply {
    let mut reply = ErrorReply::failed(format!("program `{}` failed", path.display()));
    reply.causes.push(err.to_string());
    let sources = std::iter::successors(std::error::Error::source(err), |it| it.source());
    reply.causes.extend(sources.map(ToString::to_string));
    if !err.stderr.is_empty() {
        reply.causes.push(stderr(&err.stderr));
    }
    reply
}

/// Returns the last lines of a program's standard error as the cause of an error.
fn stderr(lines: &str) -> String {
    format!("its standard error ends with:\n{lines}")
}
