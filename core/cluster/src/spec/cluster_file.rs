//! The content of a cluster file, whatever its format.

use super::cluster_spec::ClusterSpec;
use std::time::Duration;

/// The content of a cluster file.
#[derive(Debug, Clone)]
pub struct ClusterFile {
    /// The description of the cluster.
    pub spec: Option<ClusterSpec>,
    /// Whether to wait until it is ready.
    pub wait: Option<bool>,
    /// The time limit for the whole command.
    pub timeout: Option<Duration>,
    /// Whether to undo everything after a failure.
    pub rollback: Option<bool>,
    /// Whether to add it to the kubeconfig.
    pub kubeconfig_update: Option<bool>,
    /// Whether it becomes the current context.
    pub kubeconfig_switch: Option<bool>,
    /// Notes for the user on how the file was read.
    pub warnings: Vec<String>,
    /// The unsupported settings in the file.
    pub unsupported: Vec<String>,
}

impl ClusterFile {
    /// Returns an empty file.
    pub fn empty() -> Self {
        Self {
            spec: None,
            wait: None,
            timeout: None,
            rollback: None,
            kubeconfig_update: None,
            kubeconfig_switch: None,
            warnings: Vec::new(),
            unsupported: Vec::new(),
        }
    }
}
