//! Throw-away clusters: nodes of k3s as containers of a Docker engine.
//!
//! Invariants: all state is in the labels of what is on the engine; a command that fails
//! leaves what was there before it, and nothing else.

#![deny(unsafe_code)]

mod amend;
mod api;
mod commands;
mod config;
mod create;
mod delete;
pub mod engine;
mod error;
mod filter;
mod hooks;
mod image;
mod kubeconfig;
mod logs;
mod names;
mod node;
mod plan;
mod power;
mod reach;
mod ready;
mod run;
mod service;
mod simple;
mod spec;
mod state;
mod values;
mod watch;

pub use commands::GROUP;
pub use config::ClusterFile;
pub(crate) use config::absolute;
pub use create::{CreateOptions, create};
pub use delete::{Deleted, all_names, delete};
pub use error::{ClusterError, LogTail};
pub use filter::{FilterError, Filtered, NodeFilter, Role};
pub use image::{Source, import};
pub use kubeconfig::{KubeconfigError, default_path as default_kubeconfig};
pub use logs::logs;
pub use names::{ClusterName, ClusterNameError, Names};
pub use node::{NodeOptions, NodeSpec, create_nodes, delete_nodes};
pub use power::{StartOptions, start, stop};
pub use reach::{kubeconfig_text, merge};
pub use run::Run;
pub use service::EngineContainers;
pub use spec::{ClusterSpec, DEFAULT_IMAGE, Defaults, Secret};
pub use state::{Cluster, Node, all_nodes, find, get, list};
pub use values::{ApiAddress, Memory, Pair, Privilege, Publish, ValueError, VolumeMount};
pub use watch::{Report, Signals};
