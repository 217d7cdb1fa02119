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
    #[error("invalid kubeconfig `{}`", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It has a context with our name that refers to another cluster or user.
    #[error("the context `{context}` in `{}` refers to another cluster or user", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The context.
        context: String,
    },
    /// It has a cluster or a user with our name that our cluster did not write, and that none of
    /// our contexts refers to.
    #[error("the {kind} `{name}` in `{}` was not written for this cluster", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// `cluster` or `user`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Whether a context refers to it.
        is_needed: bool,
    },
    /// It cannot be changed without affecting other entries.
    #[error("failed to change the kubeconfig `{}` without changing anything else", path.display())]
    Unchangeable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Its owner has no write permission.
    #[error("the kubeconfig `{}` is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// It must be written in place, and its content could not be saved first.
    #[error("failed to save the kubeconfig `{}` as `{}`", path.display(), backup.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// Where its content was to be saved.
        backup: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was written in place, but only in part.
    #[error(
        "failed to write the kubeconfig `{}`; its old content is in `{}`",
        path.display(), backup.display()
    )]
    InPlace {
        /// The file.
        path: PathBuf,
        /// Where its old content is stored.
        backup: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other programs change it constantly.
    #[error("other programs change the kubeconfig `{}` too often", path.display())]
    Unstable {
        /// The file.
        path: PathBuf,
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
    #[error("the cluster's own kubeconfig has no `{key}`")]
    Incomplete {
        /// The missing key.
        key: &'static str,
    },
    /// There is no home directory, and no variable names the kubeconfig.
    #[error("unknown path of the kubeconfig: neither KUBECONFIG nor a home directory is set")]
    NoLocation,
}
