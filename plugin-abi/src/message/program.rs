//! The messages of programs that are plugins: their descriptions, their replies, and the lines of a
//! scaffolding session. `docs/protocol.md` describes how they are sent.

use super::{CommandDescription, HookReply, ScaffoldReply, ScaffoldRequest, ServiceReply};
use super::{ServiceRequest, Step};
use crate::args::{Arg, ArgGroup};
use crate::error::ErrorReply;
use crate::manifest::ManifestNoun;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A program's answer to `INFO`, as YAML or JSON on its standard output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramInfo {
    /// The plugin's name; by default the file's name without the prefix with the host's name and
    /// without an extension.
    pub name: String,
    /// The plugin's version. Required.
    pub version: String,
    /// One line on what the plugin is for.
    pub description: String,
    /// A longer description.
    pub long_description: String,
    /// Optional features of the program: `complete` if it completes the values of arguments. A host
    /// ignores features that it does not know.
    pub capabilities: Vec<String>,
    /// Why the plugin should no longer be used, and what to use instead.
    pub deprecated: Option<String>,
    /// A semver requirement on the version of the host library.
    pub host: String,
    /// The versions of the PROJECT file that the plugin supports; required if the plugin scaffolds.
    pub project_versions: Vec<String>,
    /// The commands that the plugin provides.
    pub commands: Vec<ProgramCommand>,
    /// Help for the nouns of the plugin's commands.
    pub nouns: Vec<ManifestNoun>,
    /// The events that the program is run for.
    pub events: Vec<String>,
    /// The options that the plugin adds to commands of the host whose events it is run for.
    pub options: Vec<ProgramOptions>,
    /// The scaffolding subcommands that the plugin takes part in.
    pub scaffolds: Vec<ProgramScaffold>,
    /// The address of the plugin's home page.
    pub homepage: String,
    /// The address of the plugin's source code.
    pub repository: String,
    /// The licence as an SPDX expression.
    pub license: String,
    /// The authors, each as `Name <address>` or just the name.
    pub authors: Vec<String>,
}

/// A command of a program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramCommand {
    /// The words that call the command, separated by spaces, for example `registry create`.
    pub command: String,
    /// One-line help.
    pub about: String,
    /// The paragraphs of help for `--help`.
    pub long_about: String,
    /// The command's arguments.
    pub args: Vec<Arg>,
    /// The groups of arguments that exclude each other, or that must be given.
    pub groups: Vec<ArgGroup>,
    /// Example command lines, each with a description.
    pub examples: Vec<super::Example>,
}

impl ProgramCommand {
    /// Returns the words that call the command.
    pub fn path(&self) -> Vec<String> {
        self.command.split_whitespace().map(str::to_owned).collect()
    }

    /// Returns what a host must know to show its help and read its arguments.
    pub fn description(&self) -> CommandDescription {
        CommandDescription {
            about: self.about.clone(),
            long_about: self.long_about.clone(),
            args: self.args.clone(),
            groups: self.groups.clone(),
            examples: self.examples.clone(),
        }
    }
}

/// The options that a program adds to a command of the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramOptions {
    /// The words of the command, for example `cluster create`.
    pub command: String,
    /// The options and flags.
    pub args: Vec<Arg>,
}

/// A program's part in a scaffolding subcommand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramScaffold {
    /// The subcommand, for example `create api`.
    pub subcommand: String,
    /// One-line help on what the plugin does in it; if empty, the help does not change.
    pub about: String,
    /// The flags that the plugin adds to the subcommand.
    pub flags: Vec<Arg>,
    /// The steps that the program is run for, in the host's order: some of `inject_config`,
    /// `inject_resource`, `pre_scaffold`, `scaffold`, `post_scaffold`. Empty means `scaffold`.
    pub steps: Vec<Step>,
}

/// What a program that was run for an event writes to its reply file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramHookReply {
    /// Why the host must not do what a `pre-` event announces.
    pub veto: Option<String>,
    /// Changes to what a `pre-` event announces.
    pub amend: Map<String, Value>,
    /// The typed answers to an event that has them.
    pub replies: Vec<Value>,
    /// What the host is requested to do once the program has ended, in this order.
    pub services: Vec<ServiceRequest>,
    /// Why the program failed; its exit code is then not 0.
    pub error: Option<ErrorReply>,
}

impl ProgramHookReply {
    /// Returns the part that all hooks can send.
    pub fn into_hook_reply(self) -> HookReply {
        HookReply { veto: self.veto, amend: self.amend, replies: self.replies }
    }
}

/// What a program that was run for a command writes to its reply file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramCommandReply {
    /// Arguments for the host to run next, without the host's name.
    #[serde(rename = "continue")]
    pub continue_with: Option<Vec<String>>,
    /// What the host is requested to do once the program has ended, in this order.
    pub services: Vec<ServiceRequest>,
    /// Why the program failed; its exit code is then not 0.
    pub error: Option<ErrorReply>,
}

/// A file in a scaffolding session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramNode {
    /// The path relative to the project, with `/` between its parts.
    pub path: String,
    /// The permission bits as octal digits, `0644` or `0755`; empty means `0644`, and for an
    /// `edit` those that the file has.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// The content, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The content as base64, with padding, if it is not text or if base64 was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// From a program: the kind of change, `add` (no file must exist there), `edit` (based on the
    /// present content) or `put` (replaces what is there). Empty means `add`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub change: String,
    /// From a host: the key of the plugin that created the file, or an empty string.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plugin: String,
    /// From a host: the subcommand that created the file, or an empty string.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subcommand: String,
}

/// Which files a program requests; all of them if nothing is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramSelection {
    /// The file at this path.
    pub path: Option<String>,
    /// The files whose path matches: `*` and `?` stay inside a part, `**` crosses parts.
    pub glob: Option<String>,
    /// The files that the plugin with this key created.
    pub plugin: Option<String>,
    /// With `plugin`: only the files of this subcommand.
    pub subcommand: Option<String>,
    /// Whether content is sent as base64 even if it is text.
    pub base64: bool,
}

/// A line from a host to a program that scaffolds: an object with one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostLine {
    /// The task of the session. The first line.
    Request(Box<ScaffoldRequest>),
    /// The requested paths, sorted.
    Paths(Vec<String>),
    /// The requested files, sorted by path.
    Nodes(Vec<ProgramNode>),
    /// The reply of a service.
    Service(Box<ServiceReply>),
    /// The request failed; the session continues.
    Error(ErrorReply),
}

/// A line from a program that scaffolds to its host: an object with one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProgramLine {
    /// Requests paths; no file is read for that.
    Paths(ProgramSelection),
    /// Requests files.
    Nodes(ProgramSelection),
    /// Requests a service of the host.
    Service(Box<ServiceRequest>),
    /// The result of the step. The last line.
    Reply(Box<ProgramScaffoldReply>),
    /// The step failed. The last line.
    Error(ErrorReply),
}

/// The result of a step of a scaffolding subcommand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramScaffoldReply {
    /// The files to add, edit or put, after `scaffold`.
    pub nodes: Vec<ProgramNode>,
    /// All other parts of a step's reply.
    #[serde(flatten)]
    pub reply: ScaffoldReply,
}
