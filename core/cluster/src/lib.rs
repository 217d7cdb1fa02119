//! Throw-away clusters: nodes of k3s as containers of a Docker engine.
//!
//! Invariants: all state is stored in the labels of the engine's objects. A command that fails
//! leaves everything that existed before it, and nothing else.
//!
//! In reading order: the description of a cluster, what exists, and the operations. The `commands`
//! build on all of them.

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod api_server;
mod blocking;
mod commands;
pub mod engine;
mod error;
mod kubeconfig;
mod names;
mod nodes;
mod operations;
mod random;
mod role;
mod spec;

pub use api_server::ApiError;
pub use commands::GROUP;
pub use error::{ArchiveOrigin, ClusterError};
pub use kubeconfig::{Kubeconfig, KubeconfigError};
pub use names::{ClusterName, ClusterNameError, Names};
pub use nodes::{Cluster, Node, all_nodes, find, get, list};
pub use operations::{
    CreateOptions, Deleted, NodeOptions, NodeSpec, Report, Run, Signals, Source, StartOptions,
    all_names, create, create_nodes, delete, delete_nodes, import, kubeconfig_text, logs,
    merge_kubeconfig, start, stop,
};
pub use role::Role;
pub use spec::{
    AmendmentError, ApiAddress, ClusterFile, ClusterFileError, ClusterSpec, DEFAULT_IMAGE,
    Defaults, FileFault, FilterError, Filtered, Memory, NoSuchNode, NodeFilter, Pair, Privilege,
    Publish, Secret, Ulimit, ValueError, VolumeMount, name_of_cluster, parse as parse_cluster_file,
};
