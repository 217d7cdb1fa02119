//! What can go wrong with a kubeconfig.

use pintle_host::fs::Holder;
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// What went wrong with a kubeconfig.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// It could not be read or written.
    #[error("failed to {action} the kubeconfig `{}`", path.display())]
    Io {
        /// `read`, `write` or `lock`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a kubeconfig.
    #[error("`{}` is not a valid kubeconfig", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Another program holds its lock.
    #[error("{holder} has locked the kubeconfig `{}`", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// The other program.
        holder: Holder,
    },
    /// What the cluster wrote is not a kubeconfig.
    #[error("the cluster's own kubeconfig is invalid")]
    OfCluster {
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The cluster's own kubeconfig is incomplete.
    #[error("the cluster's own kubeconfig lacks `{key}`")]
    Incomplete {
        /// The missing key.
        key: &'static str,
    },
    /// There is no home directory, and nothing else names the kubeconfig.
    #[error("neither KUBECONFIG nor a home directory names the kubeconfig")]
    NoLocation,
}
