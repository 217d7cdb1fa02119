//! An external plugin of kubebuilder as a plugin of this host.

use super::arguments::{args, args_of_line, words};
use super::cache::{Cache, Metadata};
use super::files::{Sent, project};
use super::key::{Key, as_kubebuilders};
use super::line::Line;
use super::protocol::{Flag, Request, Response, SUBCOMMANDS, VERSION};
use pintle_host::catalog::Endpoint;
use pintle_host::causes::{causes, with_causes};
use pintle_host::process::{Job, JobError, JobErrorKind, Output};
use pintle_plugin::host::HostServices;
use pintle_plugin::message::{
    CommandDescription, ErrorReply, Example, ScaffoldReply, ScaffoldRequest, Step,
};
use pintle_plugin::{Arg, Level, Node};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many bytes a program may print.
const MAX_OUTPUT: usize = 256 << 20;

/// A program that is an external plugin of kubebuilder.
pub(super) struct External {
    path: PathBuf,
    key: Key,
    surroundings: Arc<Surroundings>,
    /// The flags of the subcommands that were requested.
    flags: Mutex<HashMap<String, Arc<Flags>>>,
}

/// What all external plugins of one run of the host have in common.
pub(super) struct Surroundings {
    /// How long a program may run, or why that is not known.
    pub(super) limit: Result<Duration, String>,
    /// The environment variable that sets it.
    pub(super) limit_variable: String,
    /// kubebuilder's key of each external plugin, by this host's key.
    pub(super) names: BTreeMap<String, String>,
    pub(super) cache: Cache,
    pub(super) line: Arc<Line>,
    /// Whether files that may contain secrets are sent, too.
    pub(super) sends_all: bool,
    /// Whether no program may run, because the host is only completing a word.
    pub(super) is_silent: bool,
}

/// The flags of one subcommand.
#[derive(Default)]
struct Flags {
    /// As the plugin declares them.
    declared: Vec<Flag>,
    /// Those that the host does not have itself.
    args: Vec<Arg>,
}

impl Endpoint for External {
    fn scaffold(
        &self,
        request: &ScaffoldRequest,
        services: &dyn HostServices,
    ) -> Result<(ScaffoldReply, Vec<Node>), ErrorReply> {
        let mut reply = ScaffoldReply::default();
        let mut nodes = Vec::new();
        match request.step {
            Step::UpdateMetadata => reply.description = self.describe(request, services),
            Step::BindFlags => reply.flags = self.flags(request, services).args.clone(),
            Step::Scaffold => nodes = self.make(request, services)?,
            _ => {}
        }
        Ok((reply, nodes))
    }
}

impl External {
    pub(super) fn new(path: PathBuf, key: Key, surroundings: Arc<Surroundings>) -> Self {
        Self { path, key, surroundings, flags: Mutex::default() }
    }

    /// Returns the help of a subcommand. As in kubebuilder, missing help is not an error.
    fn describe(
        &self,
        request: &ScaffoldRequest,
        services: &dyn HostServices,
    ) -> Option<CommandDescription> {
        let marker = marker(&request.subcommand).filter(|_| !self.surroundings.is_silent)?;
        let ask = || self.ask("metadata", marker, services).map(Metadata::from);
        match self.surroundings.cache.get_or_ask(&self.path, marker, ask) {
            Ok(metadata) => Some(description(&metadata)),
            Err(err) => {
                self.log(services, Level::Debug, "no help", &err);
                None
            }
        }
    }

    /// Returns the flags of a subcommand, for which the program runs once. A program that does not
    /// declare its flags gets all flags of the command line, as in kubebuilder.
    fn flags(&self, request: &ScaffoldRequest, services: &dyn HostServices) -> Arc<Flags> {
        let subcommand = request.subcommand.as_str();
        let mut known = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flags) = known.get(subcommand) {
            return Arc::clone(flags);
        }
        let flags = Arc::new(self.ask_for_flags(subcommand, services));
        known.insert(subcommand.to_owned(), Arc::clone(&flags));
        flags
    }

    fn ask_for_flags(&self, subcommand: &str, services: &dyn HostServices) -> Flags {
        let Some(marker) = marker(subcommand).filter(|_| !self.surroundings.is_silent) else {
            return Flags::default();
        };
        match self.ask("flags", marker, services) {
            Ok(Response { flags: declared, .. }) => {
                let (args, invalid) = args(subcommand, &declared);
                for name in invalid {
                    let text = format!(
                        "the flag `--{name}` of plugin `{}` is ignored: only lower-case letters, \
                         digits, `-` and `_` are allowed",
                        self.key
                    );
                    services.log(Level::Warn, &text);
                }
                Flags { declared, args }
            }
            Err(err) => {
                self.log(services, Level::Debug, "undeclared flags", &err);
                let args = args_of_line(subcommand, &self.surroundings.line.flags());
                Flags { declared: Vec::new(), args }
            }
        }
    }

    fn log(&self, services: &dyn HostServices, level: Level, what: &str, err: &ErrorReply) {
        let causes: String = err.causes.iter().map(|it| format!(": {it}")).collect();
        services.log(level, &format!("plugin `{}` has {what}: {}{causes}", self.key, err.message));
    }

    /// Runs a subcommand with the program.
    fn make(
        &self,
        request: &ScaffoldRequest,
        services: &dyn HostServices,
    ) -> Result<Vec<Node>, ErrorReply> {
        let flags = self.flags(request, services);
        let sent = Sent::collect(services, self.surroundings.sends_all)?;
        let response = self.call(
            &Request {
                api_version: VERSION,
                args: words(request, &flags.declared, &flags.args),
                command: &request.subcommand,
                universe: sent.universe(),
                plugin_chain: request.chain.iter().map(|it| self.name(it)).collect(),
                config: self.config(project(services)?),
            },
            services,
        )?;
        for message in &response.messages {
            services.log(Level::Warn, &format!("plugin `{}`: {message}", self.key));
        }
        sent.changed(response.universe)
    }

    /// Asks for `metadata` or `flags`.
    fn ask(
        &self,
        command: &str,
        marker: &str,
        services: &dyn HostServices,
    ) -> Result<Response, ErrorReply> {
        let args = Some(vec![marker.to_owned()]);
        let request = Request { api_version: VERSION, args, command, ..Request::default() };
        self.call(&request, services)
    }

    /// Runs the program for one request.
    fn call(
        &self,
        request: &Request<'_>,
        services: &dyn HostServices,
    ) -> Result<Response, ErrorReply> {
        let limit = self.surroundings.limit.clone().map_err(ErrorReply::failed)?;
        let job = Job {
            command: Command::new(&self.path),
            input: request.to_bytes().into(),
            limit,
            max_output: MAX_OUTPUT,
            services: Some(services),
        };
        let output = job.run().map_err(|err| self.run_failed(&err))?;
        let wrong = |message: String, err: Option<&(dyn Error + 'static)>| {
            let mut reply = ErrorReply::failed(message);
            reply.causes.extend(err.map(with_causes));
            reply.causes.extend(last_lines(&output.stderr));
            reply.hint = Some(format!("report this to the author of `{}`", self.key));
            reply
        };
        let status = output.status;
        match Response::parse(&output.stdout) {
            // The text counts, regardless of the exit code.
            Ok(response) if response.is_error => Err(reported(response, &output)),
            Ok(response) if status.success() => Ok(response),
            Err(err) if status.success() => {
                Err(wrong(format!("invalid response to `{}`", request.command), Some(&err)))
            }
            Ok(response) => {
                let mut reply = wrong(format!("the program failed: {status}"), None);
                reply.causes.splice(0..0, response.messages);
                Err(reply)
            }
            Err(_) => Err(wrong(format!("the program failed: {status}"), None)),
        }
    }

    fn run_failed(&self, err: &JobError) -> ErrorReply {
        let mut reply = ErrorReply::failed(format!("failed to run `{}`", self.path.display()));
        reply.causes.push(err.to_string());
        reply.causes.extend(causes(err).map(ToString::to_string));
        reply.causes.extend(last_lines(&err.stderr));
        reply.hint = match &err.kind {
            JobErrorKind::Start(_) => {
                let text = "check that the program can be run; a script must begin with `#!`";
                Some(text.to_owned())
            }
            JobErrorKind::TimedOut { .. } => {
                let variable = &self.surroundings.limit_variable;
                let text = format!("if it needs more time, set `{variable}`, for example to `10m`");
                Some(text)
            }
            JobErrorKind::Cancelled => None,
            _ => Some(format!("report this to the author of `{}`", self.key)),
        };
        reply
    }

    /// Returns the key that kubebuilder and its plugins use for a plugin of the chain.
    fn name(&self, key: &str) -> String {
        self.surroundings.names.get(key).cloned().unwrap_or_else(|| as_kubebuilders(key))
    }

    /// Returns the PROJECT file with the keys that kubebuilder uses for its plugins.
    fn config(&self, mut project: Value) -> Value {
        if let Some(layout) = project.get_mut("layout").and_then(Value::as_array_mut) {
            for key in layout {
                if let Some(name) = key.as_str().map(|it| self.name(it)) {
                    *key = name.into();
                }
            }
        }
        if let Some(configs) = project.get_mut("plugins").and_then(Value::as_object_mut) {
            let named = std::mem::take(configs).into_iter();
            *configs = named.map(|(key, value)| (self.name(&key), value)).collect();
        }
        project
    }
}

/// Returns the argument that names a subcommand for a plugin.
fn marker(subcommand: &str) -> Option<&'static str> {
    SUBCOMMANDS.iter().find(|it| it.0 == subcommand).map(|it| it.1)
}

/// Returns the error that a plugin reports.
fn reported(response: Response, output: &Output) -> ErrorReply {
    let mut messages = response.messages.into_iter().filter(|it| !it.trim().is_empty());
    match messages.next() {
        Some(message) => {
            let mut reply = ErrorReply::failed(message);
            reply.causes = messages.collect();
            reply
        }
        None => {
            let mut reply = ErrorReply::failed("the plugin reported an error without a message");
            reply.causes.extend(last_lines(&output.stderr));
            reply
        }
    }
}

/// Returns the end of a program's standard error for an error message, if it is not empty.
fn last_lines(stderr: &str) -> Option<String> {
    (!stderr.is_empty()).then(|| format!("the standard error ends with:\n{stderr}"))
}

/// Returns the help that a plugin provides for a subcommand.
fn description(metadata: &Metadata) -> CommandDescription {
    let mut description = CommandDescription::default();
    let text = metadata.description.trim();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    description.about = first.trim_end().to_owned();
    description.long_about = rest.trim().to_owned();
    let mut about = String::new();
    for line in metadata.examples.lines().map(str::trim).filter(|it| !it.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            comment.trim().clone_into(&mut about);
            continue;
        }
        let line = line.strip_prefix("$ ").unwrap_or(line);
        let line = line.strip_prefix("kubebuilder ").unwrap_or(line);
        let mut example = Example::default();
        line.clone_into(&mut example.line);
        example.about = std::mem::take(&mut about);
        description.examples.push(example);
    }
    description
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_help_of_a_plugin_is_taken_apart() {
        let metadata = Metadata {
            description: "Adds files.\n\nMany of them.\n".to_owned(),
            examples: "  # Start\n  $ kubebuilder init --plugins a/v1\n\n  edit --x".to_owned(),
        };
        expect![[r#"
            CommandDescription {
                about: "Adds files.",
                long_about: "Many of them.",
                args: [],
                groups: [],
                examples: [
                    Example {
                        about: "Start",
                        line: "init --plugins a/v1",
                    },
                    Example {
                        about: "",
                        line: "edit --x",
                    },
                ],
            }
        "#]]
        .assert_debug_eq(&description(&metadata));
    }
}
