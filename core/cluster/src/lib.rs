//! Throw-away clusters: nodes of k3s as containers of a Docker engine.
//!
//! Invariants: all state is in the labels of what is on the engine; a command that fails
//! leaves what was there before it, and nothing else.
//!
//! In reading order: what a cluster is to be, what exists, and what is done with it. The
//! `commands` are on top of all of it.

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
