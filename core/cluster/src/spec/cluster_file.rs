//! What a cluster file says, whatever its format is.

use super::cluster_spec::ClusterSpec;
use std::time::Duration;

/// What a cluster file says.
#[derive(Debug, Clone)]
pub struct ClusterFile {
    /// What the cluster is to be.
    pub spec: Option<ClusterSpec>,
    /// Whether to wait until it is ready.
    pub wait: Option<bool>,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// Whether to take everything back after a failure.
    pub rollback: Option<bool>,
    /// Whether to put it into the kubeconfig.
    pub kubeconfig_update: Option<bool>,
    /// Whether it becomes the current context there.
    pub kubeconfig_switch: Option<bool>,
    /// What the user should know of how the file was read.
    pub warnings: Vec<String>,
    /// What the file asks for and does not get.
    pub unsupported: Vec<String>,
}

impl ClusterFile {
    /// Returns the file that says nothing.
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
