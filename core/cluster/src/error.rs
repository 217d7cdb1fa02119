//! What can go wrong with a cluster: only the facts. `commands/errors.rs` adds what users can do.

use crate::api_server::ApiError;
use crate::engine::EngineError;
use crate::kubeconfig::KubeconfigError;
use crate::names::ClusterNameError;
use crate::spec::{AmendmentError, ClusterFileError};
use pintle_host::fs::Holder;
use pintle_host::lifecycle::HookError;
use pintle_host::services::Excerpt;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why work with a cluster failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A cluster's name.
    #[error(transparent)]
    Name(#[from] ClusterNameError),
    /// A cluster file.
    #[error("{} `{path}`", what_failed(source))]
    File {
        /// The path as the user typed it.
        path: String,
        /// What is wrong with it.
        source: ClusterFileError,
    },
    /// A cluster of this name, or the remains of one, already exists.
    #[error("the cluster `{name}` already exists or is being created")]
    Exists {
        /// Its name.
        name: String,
        /// Whether it has no nodes, because a run was killed.
        is_remains: bool,
    },
    /// Another run is working on the cluster.
    #[error("{holder} is working on the cluster `{cluster}`")]
    Busy {
        /// The cluster.
        cluster: String,
        /// The process that holds the lock.
        holder: Holder,
    },
    /// The cluster was deleted while it was being created.
    #[error("the cluster `{name}` was deleted while it was being created")]
    Lost {
        /// Its name.
        name: String,
    },
    /// The cluster does not exist.
    #[error("there is no cluster `{name}`")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// The node does not exist.
    #[error("there is no node `{name}`")]
    NoNode {
        /// Its name.
        name: String,
    },
    /// No node of the cluster is running.
    #[error("the cluster `{cluster}` has no running node")]
    NoRunningNode {
        /// The cluster.
        cluster: String,
    },
    /// The cluster has lost its first server.
    #[error("the first server of the cluster `{cluster}` does not exist")]
    NoFirstServer {
        /// The cluster.
        cluster: String,
    },
    /// The first server has not written the kubeconfig, or is not running.
    #[error("the kubeconfig of the cluster `{cluster}` does not exist")]
    NoKubeconfig {
        /// The cluster.
        cluster: String,
    },
    /// The existing network does not have the addresses that the cluster requires.
    #[error("the network `{name}` exists, but does not have the address range `{subnet}`")]
    OtherSubnet {
        /// Its name.
        name: String,
        /// The required address range.
        subnet: String,
    },
    /// Nodes cannot find each other by name in this network.
    #[error("the network `{name}` cannot be used: nodes could not find each other by name in it")]
    UnusableNetwork {
        /// Its name.
        name: String,
    },
    /// A network or volume that does not belong to a cluster has a name that the cluster needs.
    #[error("a {object} `{name}` already exists and does not belong to a cluster")]
    Taken {
        /// The kind of object: `network` or `volume`.
        object: &'static str,
        /// Its name.
        name: String,
    },
    /// All address ranges that the host would choose from are in use.
    #[error("no free addresses were found for the cluster's network")]
    NoSubnet,
    /// The subnet that the user chose does not have enough addresses for the nodes.
    #[error(
        "the subnet `{subnet}` is too small: {n_nodes} nodes need addresses in its lower half, \
         which has {room}"
    )]
    SmallSubnet {
        /// The subnet.
        subnet: String,
        /// How many nodes it has addresses for.
        room: usize,
        /// How many nodes the cluster has.
        n_nodes: usize,
    },
    /// The volume to mount does not exist.
    #[error("the volume `{name}` does not exist")]
    NoVolume {
        /// Its name.
        name: String,
    },
    /// The file or directory to mount does not exist.
    #[error("the mount source `{source_path}` for `{target}` does not exist")]
    NoMountSource {
        /// Its path.
        source_path: String,
        /// Where it should be mounted.
        target: String,
    },
    /// The cluster would have no server.
    #[error("a cluster requires at least one server")]
    NoServer,
    /// The first server cannot be deleted.
    #[error(
        "the node `{node}` cannot be deleted: all other nodes have joined it, and the kubeconfig \
         refers to it"
    )]
    FirstServer {
        /// The node.
        node: String,
    },
    /// The cluster's API server must answer, but does not.
    #[error("the API server of the cluster `{cluster}` does not answer")]
    NoApi {
        /// The cluster.
        cluster: String,
        /// Why, if known.
        source: Option<Box<ClusterError>>,
    },
    /// Without the servers to be deleted, the remaining ones would have no majority.
    #[error(
        "without {} the cluster `{cluster}` would lose its quorum: {n_ready} of the {n_left} \
         remaining servers are ready",
        quoted(servers)
    )]
    Quorum {
        /// The cluster.
        cluster: String,
        /// The servers to be deleted.
        servers: Vec<String>,
        /// How many of the remaining servers are ready.
        n_ready: usize,
        /// How many servers remain.
        n_left: usize,
        /// Those of them that no longer have a container.
        lost: Vec<String>,
    },
    /// A server has not left the cluster's store.
    #[error(
        "timed out after {} waiting for the node `{node}` to leave the cluster",
        humantime::format_duration(*limit)
    )]
    NotLeft {
        /// The node.
        node: String,
        /// How long the host waited.
        limit: Duration,
    },
    /// No further server can join the cluster.
    #[error("the cluster was created with a single server, which no other server can join")]
    SingleServer,
    /// The registries file of a node cannot be used.
    #[error("the registries file of the node `{node}` is invalid")]
    Registries {
        /// The node.
        node: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A node stopped while the host was waiting for it.
    #[error("the node `{node}` stopped with exit code {code}")]
    NodeStopped {
        /// The container's name.
        node: String,
        /// Its exit code.
        code: i64,
        /// Whether the system killed it because it exceeded its memory limit.
        is_out_of_memory: bool,
        /// The lines of its log that explain the cause, or else the last lines, if there are any.
        source: Option<Excerpt>,
    },
    /// The plugin has no container of this name.
    #[error("the plugin has no container `{name}`")]
    NoContainer {
        /// The name.
        name: String,
    },
    /// The plugin is newer than this host.
    #[error("the plugin requests container settings that this host does not support")]
    UnknownRequest,
    /// A hook vetoed, failed or was too slow.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The amendments of hooks cannot be applied.
    #[error(transparent)]
    Amendment(#[from] AmendmentError),
    /// The cluster's API server.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A kubeconfig.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// An image archive could not be read.
    #[error("failed to read {origin}")]
    ReadArchive {
        /// Where it is from.
        origin: ArchiveOrigin,
        /// Why.
        source: std::io::Error,
    },
    /// Neither the engine nor the current directory has the image.
    #[error("the engine has no image `{name}`, and the file `{name}` {file}")]
    NoImage {
        /// The name that the user typed.
        name: String,
        /// Why the file of this name cannot be used.
        file: String,
    },
    /// A file is not an image archive.
    #[error("`{}` {why}", path.display())]
    NoArchive {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A temporary file could not be written.
    #[error("failed to write a temporary file")]
    Spool {
        /// Why.
        source: std::io::Error,
    },
    /// An image archive is empty.
    #[error("{origin} is empty")]
    EmptyArchive {
        /// Where it is from.
        origin: ArchiveOrigin,
    },
    /// Some nodes did not import an image.
    #[error("the image was not imported into {}", quoted(nodes))]
    Import {
        /// The nodes.
        nodes: Vec<String>,
        /// The output of the first one, if any.
        source: Option<Excerpt>,
        /// Whether the nodes received the archive in zstd compression.
        is_zstd: bool,
    },
    /// The time limit has expired.
    #[error("`{work}` timed out after {} while {stage}", humantime::format_duration(*limit))]
    TimedOut {
        /// The work.
        work: String,
        /// The limit.
        limit: Duration,
        /// What it was doing.
        stage: String,
        /// Whether the created objects are removed again.
        is_undone: bool,
    },
    /// A signal arrived.
    #[error("interrupted")]
    Interrupted,
    /// A second signal arrived while the work was being undone.
    #[error("interrupted again; not removed: {remains}")]
    Abandoned {
        /// The names of what remains.
        remains: String,
        /// The cluster.
        name: String,
    },
    /// Undoing failed as well.
    #[error("{failure}; what was created could not be removed")]
    NotUndone {
        /// The cluster.
        name: String,
        /// Why the work failed.
        failure: Box<ClusterError>,
        /// Why undoing failed.
        source: Box<ClusterError>,
    },
}

/// Where an image archive is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveOrigin {
    /// A file.
    File(PathBuf),
    /// The standard input.
    Stdin,
    /// The engine.
    Engine,
}

impl fmt::Display for ArchiveOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Stdin => f.write_str("the standard input"),
            Self::Engine => f.write_str("the image archive of the engine"),
        }
    }
}

fn what_failed(err: &ClusterFileError) -> &'static str {
    match err {
        ClusterFileError::Read { .. } => "failed to read a file for the cluster file",
        _ => "invalid cluster file",
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

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
}
