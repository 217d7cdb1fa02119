//! A cluster's kubeconfig for the user: as text, or added to a file.

use crate::blocking::blocking;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::kubeconfig::{self, Kubeconfig};
use crate::names::Names;
use crate::nodes::{self, Cluster};

/// Returns a cluster's kubeconfig, as text.
///
/// # Errors
///
/// When its first server is not running, or has not written it yet.
pub async fn kubeconfig_text(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<String, ClusterError> {
    let credentials = nodes::credentials(engine, names, cluster).await?;
    let context = names.cluster(&cluster.name.parse()?);
    Ok(kubeconfig::to_text(&credentials.to_kubeconfig(&context)))
}

/// Adds a cluster to a kubeconfig, and returns the name of its context.
///
/// # Errors
///
/// When its first server is not running, or the file cannot be changed.
pub async fn merge_kubeconfig(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
    kubeconfig: &Kubeconfig,
    switch: bool,
) -> Result<String, ClusterError> {
    let credentials = nodes::credentials(engine, names, cluster).await?;
    let context = names.cluster(&cluster.name.parse()?);
    let (kubeconfig, name) = (kubeconfig.clone(), context.clone());
    let config = credentials.to_kubeconfig(&name);
    blocking(move || kubeconfig::merge(&kubeconfig, &config, &name, switch)).await?;
    Ok(context)
}
