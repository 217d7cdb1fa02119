//! What can go wrong with a cluster.

use super::api::ApiError;
use super::kubeconfig::KubeconfigError;
use crate::engine::EngineError;
use pintle_host::lifecycle::HookError;
use std::time::Duration;

/// Why something with a cluster did not go as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is a cluster of this name, or what is left of one.
    #[error("a cluster `{name}` exists already, or is being made")]
    Exists {
        /// Its name.
        name: String,
        /// Whether there is no node that runs: a run that was killed left it.
        is_remains: bool,
    },
    /// There is no cluster of this name.
    #[error("there is no cluster `{name}`")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// There is no node of this name.
    #[error("there is no node `{name}`")]
    NoNode {
        /// Its name.
        name: String,
    },
    /// Something that the cluster needs is not there.
    #[error("{what} does not exist")]
    Missing {
        /// What, as ``the network `lan` ``.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A node stopped while it was waited for.
    #[error("the node `{node}` stopped with exit code {code}")]
    NodeStopped {
        /// The container's name.
        node: String,
        /// Its exit code.
        code: i64,
        /// The end of its log.
        source: LogTail,
    },
    /// A hook vetoed, failed or was too slow.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Hooks amend what cannot be amended, or each other.
    #[error("{0}")]
    Amendment(String),
    /// The cluster's API server.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// A file could not be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Some nodes did not take an image.
    #[error("the image was not imported into {nodes}")]
    Import {
        /// The nodes.
        nodes: String,
        /// What the first one said.
        source: LogTail,
    },
    /// It was not done in time.
    #[error("`{work}` was not done within {}; it was still {stage}", humantime::format_duration(*limit))]
    TimedOut {
        /// The work.
        work: String,
        /// The limit.
        limit: Duration,
        /// What it was at.
        stage: String,
        /// Whether what was made is taken back.
        is_undone: bool,
    },
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
    /// A second signal came while the work was undone.
    #[error("interrupted again; these remain: {remains}")]
    Abandoned {
        /// The names of what remains.
        remains: String,
        /// The cluster.
        name: String,
    },
    /// Undoing did not go well either.
    #[error("{failure}; and what was made could not be removed")]
    NotUndone {
        /// The cluster.
        name: String,
        /// Why the work failed.
        failure: Box<ClusterError>,
        /// Why undoing failed.
        source: Box<ClusterError>,
    },
}

/// The end of a node's log, or of a program's output in a node.
#[derive(Debug)]
pub struct LogTail(pub String);

impl std::fmt::Display for LogTail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.trim_end() {
            "" => f.write_str("it said nothing"),
            text => write!(f, "it said last:\n{text}"),
        }
    }
}

impl std::error::Error for LogTail {}

impl ClusterError {
    /// Returns whether a signal ended the work.
    pub fn is_interrupt(&self) -> bool {
        match self {
            Self::Interrupted | Self::Abandoned { .. } => true,
            Self::NotUndone { failure, .. } => failure.is_interrupt(),
            _ => false,
        }
    }

    /// Returns whether there is no engine.
    pub fn is_absence_of_engine(&self) -> bool {
        matches!(self, Self::Engine(err) if err.is_absence())
    }

    /// Returns what to do about the error, where that is known; `host` is the command's name.
    pub fn hint(&self, host: &str) -> Option<String> {
        match self {
            Self::Engine(err) => err.hint(),
            Self::Exists { name, is_remains: false } => {
                Some(format!("choose another name, or `{host} cluster delete {name}` first"))
            }
            Self::Exists { name, is_remains: true } => Some(format!(
                "if no other run is making it, `{host} cluster delete {name}` removes what is left"
            )),
            Self::NotFound { .. } => Some(format!("`{host} cluster list` lists the clusters")),
            Self::NoNode { .. } => Some(format!("`{host} node list` lists the nodes")),
            Self::Missing { hint, .. } => Some(hint.clone()),
            Self::TimedOut { is_undone: true, .. } => Some(
                "give it more time with `--timeout`, or look into the nodes' logs with \
                 `--no-rollback`"
                    .to_owned(),
            ),
            Self::TimedOut { is_undone: false, .. } => Some(format!(
                "give it more time with `--timeout`; `{host} cluster logs` shows what the nodes say"
            )),
            Self::Abandoned { name, .. } | Self::NotUndone { name, .. } => {
                Some(format!("`{host} cluster delete {name}` removes what is left"))
            }
            Self::Api(err) => err.hint(),
            Self::Kubeconfig(err) => err.hint(),
            _ => None,
        }
    }
}
