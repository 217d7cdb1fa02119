//! The messages of programs that are plugins: what a program says of itself, what it answers,
//! and the lines of a scaffolding session. `docs/protocol.md` describes how they travel.

use super::{CommandDescription, HookReply, ScaffoldReply, ScaffoldRequest, ServiceReply};
use super::{ServiceRequest, Step};
use crate::args::{Arg, ArgGroup};
use crate::error::ErrorReply;
use crate::manifest::ManifestNoun;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a program answers to `INFO`, as YAML or JSON on its standard output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramInfo {
    /// The plugin's name; without one, the file's name counts, without the host's name in
    /// front and without an extension.
    pub name: String,
    /// The plugin's version. Required.
    pub version: String,
    /// One line on what the plugin is for.
    pub description: String,
    /// Several paragraphs on it.
    pub long_description: String,
    /// What the program can do that not every program can: `complete` for one that completes
    /// values of arguments. A host ignores those that it does not know.
    pub capabilities: Vec<String>,
    /// Why the plugin should not be used any more, and what to use instead.
    pub deprecated: Option<String>,
    /// A semver requirement on the version of the host library.
    pub host: String,
    /// The versions of the PROJECT file that the plugin understands; required of a plugin that
    /// scaffolds.
    pub project_versions: Vec<String>,
    /// The commands that the plugin brings.
    pub commands: Vec<ProgramCommand>,
    /// What the plugin says about the nouns of its commands.
    pub nouns: Vec<ManifestNoun>,
    /// The events that the program is run for.
    pub events: Vec<String>,
    /// The options that the plugin adds to commands of the host on whose events it is run.
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
    /// The words that call the command, with blanks between them, for example `registry create`.
    pub command: String,
    /// One line of help.
    pub about: String,
    /// Several paragraphs of help for `--help`.
    pub long_about: String,
    /// The command's arguments.
    pub args: Vec<Arg>,
    /// Which of the arguments exclude each other, or must be given.
    pub groups: Vec<ArgGroup>,
    /// Command lines worth showing, with a line on each.
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
    /// One line of help on what the plugin does in it; empty leaves the help as it is.
    pub about: String,
    /// The flags that the plugin adds to the subcommand.
    pub flags: Vec<Arg>,
    /// The steps that the program is run for, in the host's order: some of `inject_config`,
    /// `inject_resource`, `pre_scaffold`, `scaffold`, `post_scaffold`. Empty means `scaffold`.
    pub steps: Vec<Step>,
}

/// What a program that was run for an event leaves in the file of its reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramHookReply {
    /// Why a `pre-` event's work must not be done.
    pub veto: Option<String>,
    /// Changes to what a `pre-` event's work is about to make.
    pub amend: Map<String, Value>,
    /// The typed answers to an event that has such.
    pub replies: Vec<Value>,
    /// What the host is asked to do once the program has ended, in this order.
    pub services: Vec<ServiceRequest>,
    /// Why the program failed; its exit code is then not 0.
    pub error: Option<ErrorReply>,
}

impl ProgramHookReply {
    /// Returns the part that all hooks can answer.
    pub fn into_hook_reply(self) -> HookReply {
        HookReply { veto: self.veto, amend: self.amend, replies: self.replies }
    }
}

/// What a program that was run for a command leaves in the file of its reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramCommandReply {
    /// Arguments for the host to run next, without the host's name.
    #[serde(rename = "continue")]
    pub continue_with: Option<Vec<String>>,
    /// What the host is asked to do once the program has ended, in this order.
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
    /// The content as base64, with padding, if it is not text or was asked for as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// From a program: what the file is as a change, `add` (there must be none), `edit` (made
    /// of the present content) or `put` (replaces what is there). Empty means `add`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub change: String,
    /// From a host: the key of the plugin that made the file, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plugin: String,
    /// From a host: the subcommand that made the file, or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subcommand: String,
}

/// Which files a program asks for; nothing set means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ProgramSelection {
    /// The one at this path.
    pub path: Option<String>,
    /// Those whose path matches: `*` and `?` stay inside a part, `**` crosses parts.
    pub glob: Option<String>,
    /// Those that the plugin with this key made.
    pub plugin: Option<String>,
    /// With `plugin`: those of this subcommand only.
    pub subcommand: Option<String>,
    /// Whether content is sent as base64 even where it is text.
    pub base64: bool,
}

/// A line from a host to a program that scaffolds: an object with one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostLine {
    /// What is to be done. The first line.
    Request(Box<ScaffoldRequest>),
    /// The paths that were asked for, sorted.
    Paths(Vec<String>),
    /// The files that were asked for, sorted by path.
    Nodes(Vec<ProgramNode>),
    /// The answer of a service.
    Service(Box<ServiceReply>),
    /// What was asked for cannot be done; the session goes on.
    Error(ErrorReply),
}

/// A line from a program that scaffolds to its host: an object with one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProgramLine {
    /// Asks for paths; no file is read for that.
    Paths(ProgramSelection),
    /// Asks for files.
    Nodes(ProgramSelection),
    /// Asks for a service of the host.
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
    /// All else that a step can answer.
    #[serde(flatten)]
    pub reply: ScaffoldReply,
}
