//! The messages between host and plugin.
//!
//! They cross the boundary as JSON, so that the same message serves a function call, a pipe and an
//! executable. A reader ignores unknown fields and gives absent fields their default: a message
//! grows in both directions without changing the layout of the root module.

pub(crate) mod containers;
pub mod program;

use self::containers::{ContainerInfo, ContainerRequest};
use crate::args::{Arg, ArgGroup};
use crate::manifest::INTERFACE_VERSION;
use crate::streams::Level;
use crate::view::View;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::path::PathBuf;

pub use crate::error::{ErrorKind, ErrorReply};

/// The caller, and the environment of the call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Caller {
    /// The host's command name, for example `pintle`.
    pub host: String,
    /// The host's own version.
    pub version: String,
    /// The full key of the called plugin, for example `hello.example.org/v1.0.0`.
    pub plugin: String,
    /// The version of the interface that the host was built with, or an empty string from a host
    /// that does not report it.
    pub interface: String,
}

/// Asks for the description of one command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct DescribeRequest {
    /// Who calls.
    pub caller: Caller,
    /// The words of the command.
    pub path: Vec<String>,
}

/// What a host must know about a command to show its help and read its arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct CommandDescription {
    /// One-line help.
    pub about: String,
    /// The paragraphs of help for `--help`; empty if there are none.
    pub long_about: String,
    /// The command's arguments.
    pub args: Vec<Arg>,
    /// The groups of arguments that exclude each other, or that must be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ArgGroup>,
    /// Example command lines, each with a description.
    pub examples: Vec<Example>,
}

/// An example command line for the help.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Example {
    /// What the command line does.
    pub about: String,
    /// The command line, without the host's name.
    pub line: String,
}

/// Asks a plugin to complete the value of an argument.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct CompleteRequest {
    /// Who calls.
    pub caller: Caller,
    /// The words of the command.
    pub path: Vec<String>,
    /// The name of the argument.
    pub arg: String,
    /// The part of the value that the user has typed.
    pub word: String,
    /// The values of the arguments that are already on the line, as far as they can be read.
    pub args: Map<String, Value>,
}

/// The values that a plugin suggests for an argument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct CompleteReply {
    /// The values; the host leaves out those that do not begin with the typed part.
    pub candidates: Vec<Candidate>,
}

/// A value that a plugin suggests for an argument.
///
/// ```
/// use pintle_plugin::Candidate;
///
/// let ships = [Candidate::new("argo", "has 50 oars"), Candidate::new("ark", "has two of each")];
/// assert_eq!(ships[0].value, "argo");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Candidate {
    /// The value.
    pub value: String,
    /// A short description, or an empty string.
    pub help: String,
}

impl Candidate {
    /// Returns a candidate with a short description.
    ///
    /// ```
    /// use pintle_plugin::Candidate;
    ///
    /// assert_eq!(Candidate::new("argo", "has 50 oars").help, "has 50 oars");
    /// ```
    pub fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self { value: value.into(), help: help.into() }
    }
}

/// Runs a command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct CommandRequest {
    /// Who calls.
    pub caller: Caller,
    /// The words of the command.
    pub path: Vec<String>,
    /// The values of the arguments, by name; arguments that were not given are absent.
    pub args: Map<String, Value>,
}

/// How a command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct CommandReply {
    /// The exit code, which the host passes on to its caller.
    pub exit_code: u8,
    /// Arguments for the host to dispatch again, without the program's name.
    ///
    /// If this is set, [`exit_code`](Self::exit_code) has no meaning.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub continue_with: Option<Vec<String>>,
}

/// Runs one step of a scaffolding subcommand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ScaffoldRequest {
    /// Who calls.
    pub caller: Caller,
    /// The subcommand, one of [`SUBCOMMANDS`](crate::manifest::SUBCOMMANDS).
    pub subcommand: String,
    /// The step, one of [`Step`]'s names.
    pub step: Step,
    /// The full keys of the chain's plugins, in order.
    pub chain: Vec<String>,
    /// The position of the called plugin in [`chain`](Self::chain), starting from 0.
    pub position: usize,
    /// The version of the PROJECT file.
    pub project_version: String,
    /// The date of the command in UTC, for example `2026-11-21`.
    pub date: String,
    /// The values of the plugin's own flags and of the subcommand's, by name.
    pub args: Map<String, Value>,
    /// The properties of the project in PROJECT.
    pub project: ProjectInfo,
    /// The called plugin's own configuration in PROJECT.
    pub config: Value,
    /// The current resource, for subcommands that have one.
    pub resource: Option<Resource>,
}

/// A step of a scaffolding subcommand. Each step is run for the whole chain before the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The plugin may change the subcommand's help.
    UpdateMetadata,
    /// The plugin names its flags.
    BindFlags,
    /// The plugin may change the project's and its own configuration.
    InjectConfig,
    /// The plugin may change the resource.
    InjectResource,
    /// The plugin may stop the command before anything is scaffolded.
    PreScaffold,
    /// The plugin answers with a change set. The only required step.
    #[default]
    Scaffold,
    /// The plugin names the tools to run on the result.
    PostScaffold,
    /// A step that this release does not know.
    #[serde(other)]
    Unknown,
}

/// The properties of the project as a whole in PROJECT.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProjectInfo {
    /// The domain of the project's API groups, for example `example.org`.
    pub domain: String,
    /// The repository that contains the project, or an empty string.
    pub repo: String,
    /// The project's name.
    pub name: String,
    /// Whether the API groups have directories of their own.
    pub multigroup: bool,
    /// Whether the operator watches only its own namespace.
    pub namespaced: bool,
    /// The resources that the project has so far.
    pub resources: Vec<Resource>,
}

/// A resource of the project: a kind in a version of an API group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Resource {
    /// The group without the domain, for example `crew`.
    pub group: String,
    /// The domain, for example `example.org`.
    pub domain: String,
    /// The version, for example `v1alpha1`.
    pub version: String,
    /// The kind in upper camel case, for example `Captain`.
    pub kind: String,
    /// The plural in lower case, for example `captains`.
    pub plural: String,
    /// The path of the file with the type, or an empty string.
    pub path: String,
    /// Whether the resource is scaffolded as an API type.
    pub api: bool,
    /// Whether the resource has a controller.
    pub controller: bool,
    /// Whether the resource is namespaced, rather than cluster-wide.
    pub namespaced: bool,
    /// The webhooks of the resource. If a part of the resource is to be scaffolded, these are the
    /// webhooks to scaffold now.
    pub webhooks: Webhooks,
    /// Whether the API belongs to another project, so that only its controller or its
    /// webhooks are scaffolded.
    pub external: bool,
    /// Whether the API is one of Kubernetes itself, for example `apps/v1 Deployment`.
    pub core: bool,
    /// The module or crate that contains the type of another project's API, or an empty string.
    pub module: String,
    /// Properties of the resource that this release does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The webhooks of a [`Resource`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Webhooks {
    /// Whether there is a webhook that sets defaults.
    pub defaulting: bool,
    /// Whether there is a webhook that accepts or denies requests.
    pub validation: bool,
    /// Whether there is a webhook that converts between the versions of the kind.
    pub conversion: bool,
    /// The other versions that are converted to and from this one.
    pub spoke: Vec<String>,
    /// Properties of the webhooks that this release does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Webhooks {
    /// Returns whether there is any webhook.
    ///
    /// ```
    /// use pintle_plugin::Webhooks;
    ///
    /// assert!(!Webhooks::default().is_any());
    /// ```
    pub fn is_any(&self) -> bool {
        self.defaulting || self.validation || self.conversion
    }
}

/// The small part of a scaffolding reply, without the files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ScaffoldReply {
    /// The help, after [`Step::UpdateMetadata`].
    pub description: Option<CommandDescription>,
    /// The plugin's flags, after [`Step::BindFlags`].
    pub flags: Vec<Arg>,
    /// The changed properties of the project, after [`Step::InjectConfig`].
    pub project: Option<ProjectInfo>,
    /// The plugin's changed configuration, after [`Step::InjectConfig`].
    pub config: Option<Value>,
    /// The changed resource, after [`Step::InjectResource`].
    pub resource: Option<Resource>,
    /// The paths to delete before the new nodes are added, after [`Step::Scaffold`].
    pub deleted: Vec<String>,
    /// The tools to run on the result, after [`Step::PostScaffold`].
    pub tools: Vec<Tool>,
    /// Why the plugin stops taking part in this command; the others continue.
    pub stop: Option<String>,
}

/// A program to run in the project after its files are created, for example a formatter.
///
/// It runs on a copy. From a successful run, the host takes the files that it has added, and its
/// changes to files that plugins have created and the user has not changed since. A failed run
/// changes nothing.
///
/// ```
/// use pintle_plugin::Tool;
///
/// let format = Tool::required(["rustfmt", "--edition", "2024"]).files(["src/captain.rs"]);
/// assert_eq!(format.command[0], "rustfmt");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Tool {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether a missing or failing program fails the command.
    pub required: bool,
    /// The files to run it on, which follow the arguments. If recorded commands are run again, the
    /// host may run it once on the files of all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The files that it reads, as globs; the copy has no other files. Without globs, the copy has
    /// all files of the project, which takes long for a large one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
}

impl Tool {
    /// Returns a tool that must run: `command` is the program and its arguments.
    ///
    /// ```
    /// use pintle_plugin::Tool;
    ///
    /// assert!(Tool::required(["cargo", "fmt"]).required);
    /// ```
    pub fn required<I: IntoIterator<Item: Into<String>>>(command: I) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self { command, required: true, ..Self::default() }
    }

    /// Returns a tool whose absence or failure is only reported.
    ///
    /// ```
    /// use pintle_plugin::Tool;
    ///
    /// assert!(!Tool::optional(["prettier", "--write", "."]).required);
    /// ```
    pub fn optional<I: IntoIterator<Item: Into<String>>>(command: I) -> Self {
        Self { required: false, ..Self::required(command) }
    }

    /// Adds files to run the tool on, which follow its arguments.
    ///
    /// ```
    /// use pintle_plugin::Tool;
    ///
    /// let format = Tool::optional(["rustfmt"]).files(["src/lib.rs", "src/main.rs"]);
    /// assert_eq!(format.files.len(), 2);
    /// ```
    #[must_use]
    pub fn files<I: IntoIterator<Item: Into<String>>>(mut self, files: I) -> Self {
        self.files.extend(files.into_iter().map(Into::into));
        self
    }

    /// Adds globs of the files that the tool reads, for example `src/**/*.rs`; it sees no others.
    ///
    /// A name without wildcards, for example `rustfmt.toml`, is the name of the tool's settings. If
    /// no command has created that file, the tool finds the user's file, including when commands
    /// are run again.
    ///
    /// ```
    /// use pintle_plugin::Tool;
    ///
    /// let format = Tool::optional(["rustfmt"]).files(["src/lib.rs"]).reads(["src/**/*.rs", "rustfmt.toml"]);
    /// assert_eq!(format.reads.len(), 2);
    /// ```
    #[must_use]
    pub fn reads<I: IntoIterator<Item: Into<String>>>(mut self, globs: I) -> Self {
        self.reads.extend(globs.into_iter().map(Into::into));
        self
    }
}

/// A hook's reply. By default, the host proceeds.
///
/// ```
/// use pintle_plugin::HookReply;
///
/// let reply = HookReply::veto("the harbour is closed");
/// assert_ne!(reply, HookReply::proceed());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct HookReply {
    /// Why the host must not do what a `pre-` event announces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub veto: Option<String>,
    /// Changes to what a `pre-` event announces.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub amend: Map<String, Value>,
    /// The typed answers to an event that has them, one for each hook of the plugin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Value>,
}

impl HookReply {
    /// Returns whether this is the default, which changes nothing.
    pub(crate) fn is_default(&self) -> bool {
        let Self { veto, amend, replies } = self;
        veto.is_none() && amend.is_empty() && replies.is_empty()
    }

    /// Lets the host proceed.
    ///
    /// ```
    /// use pintle_plugin::HookReply;
    ///
    /// assert!(HookReply::proceed().veto.is_none());
    /// ```
    pub fn proceed() -> Self {
        Self::default()
    }

    /// Stops what a `pre-` event announces.
    ///
    /// ```
    /// use pintle_plugin::HookReply;
    ///
    /// assert_eq!(HookReply::veto("a storm").veto.as_deref(), Some("a storm"));
    /// ```
    pub fn veto(reason: impl Into<String>) -> Self {
        Self { veto: Some(reason.into()), ..Self::default() }
    }

    /// Changes one property of what a `pre-` event announces.
    ///
    /// ```
    /// use pintle_plugin::HookReply;
    ///
    /// assert_eq!(HookReply::proceed().amend("knots", 12).amend["knots"], 12);
    /// ```
    pub fn amend(mut self, property: impl Into<String>, value: impl Into<Value>) -> Self {
        self.amend.insert(property.into(), value.into());
        self
    }
}

/// The payload of `{pre,post}-project-{init,edit}` and `{pre,post}-resource-{create,delete}`.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # use pintle_plugin::events::POST_PROJECT_INIT;
/// # fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
/// let event = event.payload(&POST_PROJECT_INIT)?;
/// host.info(format!("{} has {} files", event.project.name, event.files.len()));
/// # Ok(HookReply::proceed())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProjectEvent {
    /// The subcommand that caused the event, for example `create api`.
    pub subcommand: String,
    /// The full keys of the chain's plugins.
    pub chain: Vec<String>,
    /// The properties of the project in PROJECT.
    pub project: ProjectInfo,
    /// The current resource, for `resource` events.
    pub resource: Option<Resource>,
    /// The paths that the command added or replaced, in `post-` events.
    pub files: Vec<String>,
}

/// What a plugin requests from its host, besides output and log lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "service", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceRequest {
    /// Asks the user a question.
    Prompt(Prompt),
    /// Shows the progress of a task.
    Progress(ProgressUpdate),
    /// Does something with containers, or with the clusters that run in them.
    Containers(ContainerRequest),
    /// Asks for the properties of the terminal.
    Terminal,
    /// Asks for the plugin's own directories.
    Directories(DirectoriesRequest),
    /// Prints a result.
    Show(Shown),
    /// Registers or withdraws a cleanup.
    Cleanup(CleanupRequest),
    /// Logs a record.
    Log(LogRecord),
    /// Asks for the most detailed level that the host shows.
    LogLevel,
    /// A service that this release does not know.
    #[serde(other)]
    Unknown,
}

/// A question to the user.
///
/// ```
/// use pintle_plugin::Prompt;
///
/// let prompt = Prompt::new("Which colour?").choice("red").choice("blue").default_answer("red");
/// assert_eq!(prompt.choices.len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Prompt {
    /// The question.
    pub question: String,
    /// The answer if the user gives none, or if there is no terminal.
    pub default: Option<String>,
    /// The answers to choose from; empty if any text is valid.
    pub choices: Vec<String>,
    /// Whether the answer is hidden while it is typed.
    pub secret: bool,
    /// Whether the answer is yes or no, sent as `true` or `false`.
    pub confirm: bool,
}

impl Prompt {
    /// Returns a question that takes any text.
    ///
    /// ```
    /// use pintle_plugin::Prompt;
    ///
    /// assert_eq!(Prompt::new("Who?").question, "Who?");
    /// ```
    pub fn new(question: impl Into<String>) -> Self {
        Self { question: question.into(), ..Self::default() }
    }

    /// Returns a yes-or-no question, whose answer is sent as `true` or `false`.
    ///
    /// ```
    /// use pintle_plugin::Prompt;
    ///
    /// assert!(Prompt::confirm("Sure?").default_answer("false").confirm);
    /// ```
    pub fn confirm(question: impl Into<String>) -> Self {
        Self { confirm: true, ..Self::new(question) }
    }

    /// Sets the answer if the user gives none, or if there is no terminal.
    ///
    /// ```
    /// use pintle_plugin::Prompt;
    ///
    /// assert_eq!(Prompt::new("Who?").default_answer("me").default.as_deref(), Some("me"));
    /// ```
    pub fn default_answer(mut self, answer: impl Into<String>) -> Self {
        self.default = Some(answer.into());
        self
    }

    /// Adds an answer to choose from.
    ///
    /// ```
    /// use pintle_plugin::Prompt;
    ///
    /// assert_eq!(Prompt::new("Which?").choice("a").choice("b").choices, ["a", "b"]);
    /// ```
    pub fn choice(mut self, answer: impl Into<String>) -> Self {
        self.choices.push(answer.into());
        self
    }

    /// Hides the answer while it is typed.
    ///
    /// ```
    /// use pintle_plugin::Prompt;
    ///
    /// assert!(Prompt::new("Password?").secret().secret);
    /// ```
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// The progress of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgressUpdate {
    /// Distinguishes the tasks that one plugin has in progress.
    pub id: u64,
    /// The name of the task.
    pub title: String,
    /// The units that are done.
    pub done: u64,
    /// The total number of units; `None` if it is not known.
    pub total: Option<u64>,
    /// Whether the task has ended.
    pub finished: bool,
}

/// The host's reply to a [`ServiceRequest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ServiceReply {
    /// The user's answer to a [`Prompt`].
    pub answer: Option<String>,
    /// The containers that were created or requested.
    pub containers: Vec<ContainerInfo>,
    /// The properties of the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Terminal>,
    /// The plugin's own directories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directories: Option<Directories>,
    /// The most detailed level that the host shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<Level>,
}

/// The properties of the host's standard streams.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Terminal {
    /// Whether the standard input is a terminal.
    pub stdin: bool,
    /// Whether the standard output is a terminal.
    pub stdout: bool,
    /// Whether the standard error is a terminal.
    pub stderr: bool,
    /// The width of the terminal in columns; `None` without one.
    pub width: Option<u16>,
    /// Whether results on the standard output may have colours.
    pub colors: bool,
    /// Whether messages on the standard error may have colours.
    pub message_colors: bool,
}

/// Asks for a plugin's own directories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct DirectoriesRequest {
    /// The key of the plugin. The kit leaves it empty: the host knows which plugin it called.
    pub plugin: String,
}

/// The user's directories for one plugin, in all its versions. They exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Directories {
    /// For the user's configuration.
    pub config: PathBuf,
    /// For files that can be deleted at any time at the cost of time only.
    pub cache: PathBuf,
    /// For files that should be kept between runs, but are not configuration.
    pub state: PathBuf,
}

/// A result to print.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Shown {
    /// The format that the user requests: `text`, `json` or `yaml`.
    pub form: String,
    /// The result for programs.
    pub value: Value,
    /// The result for people.
    pub view: View,
}

/// Registers or withdraws a cleanup that the host requests from the plugin if the call is
/// cancelled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct CleanupRequest {
    /// Distinguishes the cleanups of one plugin.
    pub id: u64,
    /// Whether the cleanup is still needed.
    pub is_needed: bool,
}

/// A record for the host's log. [`Display`](fmt::Display) writes it as one line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct LogRecord {
    /// The severity.
    pub level: Level,
    /// The part of the plugin that logged it, by default the path of a module.
    pub target: String,
    /// What happened; may be empty if the fields describe it.
    pub message: String,
    /// More data, by name.
    pub fields: Map<String, Value>,
}

/// Writes `target: message name=value …`.
impl fmt::Display for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |it: char| !it.is_whitespace() && !it.is_control() && !"\"=".contains(it);
        f.write_str(&self.target)?;
        f.write_str(if self.target.is_empty() { "" } else { ":" })?;
        let mut gap = if self.target.is_empty() { "" } else { " " };
        if !self.message.is_empty() {
            write!(f, "{gap}{}", self.message)?;
            gap = " ";
        }
        for (name, value) in &self.fields {
            match value {
                Value::String(text) if !text.is_empty() && text.chars().all(is_plain) => {
                    write!(f, "{gap}{name}={text}")?;
                }
                value => write!(f, "{gap}{name}={value}")?,
            }
            gap = " ";
        }
        Ok(())
    }
}

/// Encodes a message as the bytes that cross the boundary.
pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have string keys and serializers that cannot fail")
}

/// Reads a message from the bytes that crossed the boundary.
///
/// # Errors
///
/// An [`ErrorReply`] that names the message, if the bytes are not a valid one.
pub fn decode<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, ErrorReply> {
    serde_json::from_slice(bytes).map_err(|err| {
        let mut reply = ErrorReply::failed(format!("the {name} is not a valid message"));
        reply.causes.push(err.to_string());
        reply
    })
}

/// Reads a host's request; an error names the interface versions of both sides.
///
/// # Errors
///
/// An [`ErrorReply`] that names the message, if the bytes are not a valid one.
pub(crate) fn decode_request<'a, T: Deserialize<'a>>(
    name: &str,
    bytes: &'a [u8],
) -> Result<T, ErrorReply> {
    decode(name, bytes).map_err(|mut reply| {
        // The one part of a request that any release can read.
        let request: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let caller = |field: &str| request["caller"][field].as_str().unwrap_or_default();
        reply.message = format!(
            "the {name} is not a valid message for interface {INTERFACE_VERSION} of `{}`",
            caller("plugin")
        );
        if !caller("interface").is_empty() {
            reply.causes.push(format!("the host has interface {}", caller("interface")));
        }
        reply
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_a_newer_host_is_unknown() {
        let request: ScaffoldRequest = decode("", br#"{"step":"review"}"#).unwrap();
        assert_eq!(request.step, Step::Unknown);
    }

    #[test]
    fn a_request_that_cannot_be_read_names_both_sides() {
        let bytes = br#"{"caller":{"plugin":"a.b/v1.0.0","interface":"9.1.0"},"path":"x"}"#;
        let err = decode_request::<CommandRequest>("command request", bytes).unwrap_err();
        let expected = format!(
            "the command request is not a valid message for interface {INTERFACE_VERSION} of `a.b/v1.0.0`"
        );
        assert_eq!(err.message, expected);
        assert_eq!(err.causes[1], "the host has interface 9.1.0");
    }
}
