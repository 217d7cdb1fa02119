//! Reaching the API server of a cluster that runs.

use super::api::Api;
use super::error::ClusterError;
use super::kubeconfig::{self, Access};
use super::names::{Names, label};
use super::ready::{self, Started};
use super::state::Cluster;
use crate::engine::Engine;
use std::path::Path;

/// Returns how to reach the API server of a cluster, and a client for it.
pub(crate) async fn api(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<(Access, Api), ClusterError> {
    let access = access(engine, names, cluster).await?;
    let api = Api::new(&access)?;
    Ok((access, api))
}

/// Returns how to reach the API server of a cluster.
pub(crate) async fn access(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<Access, ClusterError> {
    let (first, host) = first_server(engine, names, cluster)?;
    let missing = || {
        let name = &cluster.name;
        ClusterError::Missing {
            what: format!("the kubeconfig of the cluster `{name}`"),
            hint: format!(
                "it is there once the first server runs: `{} cluster start {name}`",
                names.host()
            ),
        }
    };
    ready::access(engine, &first, &host).await?.ok_or_else(missing)
}

/// Returns a cluster's kubeconfig, as text.
///
/// # Errors
///
/// When its first server does not run, or has not written it yet.
pub async fn kubeconfig_text(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<String, ClusterError> {
    let access = access(engine, names, cluster).await?;
    Ok(kubeconfig::to_text(&access.to_kubeconfig(&context(names, cluster))))
}

/// Puts a cluster into the kubeconfig at `path`, and returns the name of its context.
///
/// # Errors
///
/// When its first server does not run, or the file cannot be changed.
pub async fn merge(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
    path: &Path,
    switch: bool,
) -> Result<String, ClusterError> {
    let access = access(engine, names, cluster).await?;
    let context = context(names, cluster);
    kubeconfig::merge(path, &access.to_kubeconfig(&context), &context, switch)?;
    Ok(context)
}

fn context(names: &Names, cluster: &Cluster) -> String {
    format!("{}-{}", names.host(), cluster.name)
}

/// Returns the first server of a cluster, and the host at which its API is published.
pub(crate) fn first_server(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<(Started, String), ClusterError> {
    let key = names.key(label::API_HOST);
    let first = cluster.nodes.iter().find(|it| it.own_label(&key).is_some());
    let Some(first) = first else {
        let what = format!("the first server of the cluster `{}`", cluster.name);
        let hint = "delete the cluster: without its first server it cannot be used".to_owned();
        return Err(ClusterError::Missing { what, hint });
    };
    let host = first.own_label(&key).unwrap_or(engine.endpoint().host()).to_owned();
    Ok((Started { id: first.id.clone(), name: first.name.clone() }, host))
}
