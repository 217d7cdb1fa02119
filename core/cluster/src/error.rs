//! What can go wrong with a cluster: facts only. What users can do about it is said in
//! `commands/errors.rs`.

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
        /// As the user named it.
        path: String,
        /// What is wrong with it.
        source: ClusterFileError,
    },
    /// There is a cluster of this name, or what is left of one.
    #[error("the cluster `{name}` already exists or is being created")]
    Exists {
        /// Its name.
        name: String,
        /// Whether it has no node: a run that was killed left it.
        is_remains: bool,
    },
    /// Another run works on the cluster.
    #[error("{holder} is working on the cluster `{cluster}`")]
    Busy {
        /// The cluster.
        cluster: String,
        /// Who does.
        holder: Holder,
    },
    /// Somebody has deleted the cluster while it was being made.
    #[error("the cluster `{name}` was deleted while it was being created")]
    Lost {
        /// Its name.
        name: String,
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
    /// No node of the cluster runs.
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
    /// The first server has not written the kubeconfig, or does not run.
    #[error("the kubeconfig of the cluster `{cluster}` does not exist")]
    NoKubeconfig {
        /// The cluster.
        cluster: String,
    },
    /// The network to use exists, and has other addresses than the cluster is to have.
    #[error("the network `{name}` exists, but does not have the address range `{subnet}`")]
    OtherSubnet {
        /// Its name.
        name: String,
        /// The addresses that it does not have.
        subnet: String,
    },
    /// Nodes cannot find each other by name in this network.
    #[error("the network `{name}` cannot be used: nodes could not find each other by name in it")]
    UnusableNetwork {
        /// Its name.
        name: String,
    },
    /// A network or volume that is of no cluster has the name of a cluster's.
    #[error("a {object} `{name}` already exists and does not belong to a cluster")]
    Taken {
        /// What it is: `network` or `volume`.
        object: &'static str,
        /// Its name.
        name: String,
    },
    /// All addresses that the host would choose from are in use.
    #[error("no free addresses were found for the cluster's network")]
    NoSubnet,
    /// The subnet that the user chose has not enough addresses for nodes.
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
        /// Where it is to be mounted.
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
    /// The cluster's API server must answer, and does not.
    #[error("the API server of the cluster `{cluster}` does not answer")]
    NoApi {
        /// The cluster.
        cluster: String,
        /// Why, if that is known.
        source: Option<Box<ClusterError>>,
    },
    /// Without the servers that are to be deleted, the others could not decide anything.
    #[error(
        "without {} the cluster `{cluster}` would lose its quorum: {n_ready} of the {n_left} \
         remaining servers are ready",
        quoted(servers)
    )]
    Quorum {
        /// The cluster.
        cluster: String,
        /// The servers that are to be deleted.
        servers: Vec<String>,
        /// How many of those that are left are ready.
        n_ready: usize,
        /// How many are left.
        n_left: usize,
        /// Those of them that have no container any more.
        lost: Vec<String>,
    },
    /// A server has not left the cluster's store.
    #[error("timed out after {} waiting for the node `{node}` to leave the cluster", humantime::format_duration(*limit))]
    NotLeft {
        /// The node.
        node: String,
        /// How long it was waited for.
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
    /// A node stopped while it was waited for.
    #[error("the node `{node}` stopped with exit code {code}")]
    NodeStopped {
        /// The container's name.
        node: String,
        /// Its exit code.
        code: i64,
        /// Whether the system killed it because it needed more memory than it may have.
        is_out_of_memory: bool,
        /// The lines of its log that tell the cause, else its end, if it has one.
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
    /// Neither the engine nor the current folder has it.
    #[error("the engine has no image `{name}`, and the file `{name}` {file}")]
    NoImage {
        /// What the user called it.
        name: String,
        /// Why a file of the name is none.
        file: String,
    },
    /// A file is not an image archive.
    #[error("`{}` {why}", path.display())]
    NoArchive {
        /// Its path.
        path: PathBuf,
        /// Why it is none.
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
    /// Some nodes did not take an image.
    #[error("the image was not imported into {}", quoted(nodes))]
    Import {
        /// The nodes.
        nodes: Vec<String>,
        /// What the first one printed, if anything.
        source: Option<Excerpt>,
        /// Whether the archive was given to them as zstd has compressed it.
        is_zstd: bool,
    },
    /// It was not done in time.
    #[error("`{work}` timed out after {} while {stage}", humantime::format_duration(*limit))]
    TimedOut {
        /// The work.
        work: String,
        /// The limit.
        limit: Duration,
        /// What it was doing.
        stage: String,
        /// Whether what was created is removed again.
        is_undone: bool,
    },
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
    /// A second signal came while the work was undone.
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
