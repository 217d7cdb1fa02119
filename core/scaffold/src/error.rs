//! What can go wrong while a chain of plugins scaffolds.

use crate::chain::flags::FlagError;
use crate::chain::tools::ToolError;
use crate::project::error::ProjectError;
use crate::project::gvk::Gvk;
use crate::project::name::NameError;
use crate::record::file::RecordError;
use crate::transaction::TransactionError;
use crate::universe::UniverseError;
use pintle_host::catalog::ProjectVersionError;
use pintle_host::lifecycle::TakeStepError;
use pintle_host::transport::CallError;
use pintle_plugin::message::Step;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a scaffolding subcommand failed; the project is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// `init` in a directory that is already a project.
    #[error("`{}` exists: the project is already initialized", path.display())]
    AlreadyInitialized {
        /// The PROJECT file.
        path: PathBuf,
    },
    /// `init` in a subdirectory of a project.
    #[error("the current directory is in the project `{}`", project.display())]
    InsideProject {
        /// The directory of the project.
        project: PathBuf,
    },
    /// Another subcommand in a directory that is not a project.
    #[error("there is no `{}`: the project is not initialized", path.display())]
    NotInitialized {
        /// The PROJECT file that is missing.
        path: PathBuf,
    },
    /// No plugin of the chain implements the subcommand.
    #[error("no plugin of the project implements `{subcommand}`: {}", list(chain))]
    NoPart {
        /// The subcommand.
        subcommand: String,
        /// The keys of the chain's plugins.
        chain: Vec<String>,
    },
    /// A plugin that is to be added to the project takes no part in the command that adds it.
    #[error("cannot add `{plugin}` to the project: {reason}")]
    NotJoined {
        /// The plugin's key.
        plugin: String,
        /// Why, in the plugin's words.
        reason: String,
    },
    /// The project already has the resource, with everything that was requested.
    #[error("the project already has the resource `{gvk}`")]
    ResourceExists {
        /// The resource.
        gvk: Gvk,
    },
    /// The resource already has a webhook of this kind.
    #[error("`{gvk}` already has a {webhook} webhook")]
    WebhookExists {
        /// The resource.
        gvk: Gvk,
        /// The option for the kind of webhook, for example `defaulting`.
        webhook: &'static str,
    },
    /// A step of a plugin failed.
    #[error("`{subcommand}` failed in `{plugin}` {step}")]
    Step {
        /// The subcommand.
        subcommand: String,
        /// The step.
        step: StepName,
        /// The plugin's key.
        plugin: String,
        /// What failed.
        source: Box<StepError>,
    },
    /// Flags of the chain's plugins clash.
    #[error(transparent)]
    Flags(#[from] FlagError),
    /// The PROJECT file cannot be changed.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A file that the plugins replace or delete cannot be read.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// The changes cannot be written.
    #[error("failed to write the project's files")]
    Transaction(#[from] TransactionError),
    /// A plugin and the user have changed the same lines of a file.
    #[error("`{plugin}` changes lines of `{path}` that you have also changed{}", listed(lines))]
    Overwrites {
        /// The plugin's key.
        plugin: String,
        /// The path of the file.
        path: String,
        /// The lines as the user has them.
        lines: Vec<String>,
    },
    /// The record of how the project was created cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A recorded version of the PROJECT file is invalid.
    #[error(transparent)]
    Version(#[from] ProjectVersionError),
    /// The record does not cover how the project was created.
    #[error("there is no record of how `{}` was scaffolded", root.display())]
    NoRecord {
        /// The project's directory.
        root: PathBuf,
    },
    /// A plugin that a recorded command was run with is not installed.
    #[error("`{subcommand}` was run with `{plugin}`, which is not installed")]
    Absent {
        /// The subcommand.
        subcommand: String,
        /// The plugin's key.
        plugin: String,
    },
    /// A recorded command cannot be rerun.
    #[error("failed to rerun `{subcommand}`, command {number} of the record")]
    Replay {
        /// The subcommand.
        subcommand: String,
        /// The number of the command.
        number: usize,
        /// Why.
        source: Box<ScaffoldError>,
    },
    /// The project has no such resource.
    #[error("the project has no resource `{gvk}`")]
    UnknownResource {
        /// The resource.
        gvk: Gvk,
    },
}

/// What failed in one step of one plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The call itself failed.
    #[error(transparent)]
    Call(Box<CallError>),
    /// The call did not begin, or did not end in time.
    #[error(transparent)]
    NoReply(Box<TakeStepError>),
    /// A signal arrived while the plugin was working.
    #[error("interrupted")]
    Interrupted,
    /// The plugin's change set does not fit the universe.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// The project's configuration is invalid after the plugin has changed it.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The resource is invalid after the plugin has changed it.
    #[error(transparent)]
    Resource(#[from] NameError),
    /// The copy of the project for the plugin's tools cannot be created.
    #[error("failed to copy the project for the plugin's tools")]
    Staging {
        /// Why.
        source: io::Error,
    },
    /// A tool that the plugin requires failed.
    #[error("its tool `{command}` failed")]
    Tool {
        /// The program and its arguments.
        command: String,
        /// Why.
        source: ToolError,
    },
}

impl From<CallError> for StepError {
    fn from(err: CallError) -> Self {
        Self::Call(Box::new(err))
    }
}

impl From<TakeStepError> for StepError {
    fn from(err: TakeStepError) -> Self {
        match err {
            TakeStepError::Call(err) => err.into(),
            err => Self::NoReply(Box::new(err)),
        }
    }
}

impl StepError {
    /// Returns the path of the node that caused the failure, if there is one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Universe(err) => err.path(),
            _ => None,
        }
    }
}

/// A [`Step`] in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepName(pub Step);

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Step::UpdateMetadata => "while describing the subcommand",
            Step::BindFlags => "while listing its flags",
            Step::InjectConfig => "while changing the configuration",
            Step::InjectResource => "while changing the resource",
            Step::PreScaffold => "before scaffolding",
            Step::Scaffold => "while scaffolding",
            Step::PostScaffold => "after scaffolding",
            _ => "in a step that is unknown to this host",
        })
    }
}

impl StepName {
    /// Returns the step's name in the contract, for example `pre_scaffold`.
    pub fn id(self) -> &'static str {
        match self.0 {
            Step::UpdateMetadata => "update_metadata",
            Step::BindFlags => "bind_flags",
            Step::InjectConfig => "inject_config",
            Step::InjectResource => "inject_resource",
            Step::PreScaffold => "pre_scaffold",
            Step::Scaffold => "scaffold",
            Step::PostScaffold => "post_scaffold",
            _ => "unknown",
        }
    }
}

fn list(keys: &[String]) -> String {
    match keys {
        [] => "there are none".to_owned(),
        keys => keys.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", "),
    }
}

/// Returns lines of a file, each on its own line.
pub(crate) fn listed(lines: &[String]) -> String {
    lines.iter().map(|it| format!("\n    {it}")).collect()
}
