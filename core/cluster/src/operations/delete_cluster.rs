//! Deletes a cluster, or the remains of a killed run.

use super::cluster_hooks::ClusterHooks as _;
use super::report::Report;
use super::shared_things::SharedThings;
use crate::blocking::blocking;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::kubeconfig::{self, Credentials, Kubeconfig};
use crate::names::{ClusterName, Names, label};
use crate::nodes::{
    self,
    objects::{self, Objects},
};
use pintle_host::lifecycle::Hooks;
use pintle_plugin::{ClusterInfo, Level, events};
use serde_json::Map;

/// The result of a deletion.
#[derive(Debug)]
pub struct Deleted {
    /// The names of the removed objects. Empty if nothing with the cluster's name existed.
    pub removed: Vec<String>,
    /// The failures; everything else was deleted regardless.
    pub failures: Vec<ClusterError>,
}

/// Deletes a cluster with everything that belongs to it.
///
/// # Errors
///
/// When a hook vetoes, and nothing is deleted; or when the engine does not answer.
pub async fn delete(
    engine: &Engine,
    names: &Names,
    name: &ClusterName,
    hooks: &Hooks,
    kubeconfig: Option<&Kubeconfig>,
    report: &dyn Report,
) -> Result<Deleted, ClusterError> {
    let labels = [(label::CLUSTER, name.as_str())];
    // None of these steps depends on another.
    let (all, cluster, shared, of_plugins) = tokio::join!(
        objects::find(engine, names, &labels),
        nodes::find(engine, names, name),
        SharedThings::of_cluster(engine, names, name),
        containers_of_plugins(engine, names, name),
    );
    let (all, cluster, shared, of_plugins) = (all?, cluster?, shared?, of_plugins?);
    if all.is_empty() {
        // A run that was killed between the two may have left its entries.
        forget(kubeconfig, names, name, None).await?;
        return Ok(Deleted { removed: Vec::new(), failures: Vec::new() });
    }
    let info = cluster.as_ref().map_or_else(|| remains(names, name), |it| it.info(false));
    let written = match (kubeconfig, &cluster) {
        (Some(_), Some(cluster)) => nodes::written_credentials(engine, cluster).await,
        _ => None,
    };
    let event = hooks.event(info, &Map::new());
    hooks.ask(events::PRE_CLUSTER_DELETE, event.clone()).await?;

    report.step(&format!("deleting the cluster `{name}`"));
    let is_of_plugin = |id: &String| of_plugins.iter().any(|it| it.0 == *id);
    let mut own = all.clone();
    own.containers.retain(|it| !is_of_plugin(&it.0));
    let mut failures = Vec::new();
    let (removed, forgotten) = tokio::join!(
        objects::remove(engine, &own, &|_| {}),
        forget(kubeconfig, names, name, written),
    );
    failures.extend(removed.err().map(Into::into));
    failures.extend(forgotten.err());
    // When hooks run, the cluster is gone; they remove what they added.
    let of_hooks = hooks.tell(events::POST_CLUSTER_DELETE, event).await;
    let has_failed_hook = !of_hooks.is_empty();
    failures.extend(of_hooks.into_iter().map(Into::into));
    // A plugin may have failed, or may no longer be installed.
    let left = objects::find(engine, names, &labels).await?;
    if !left.is_empty() {
        if has_failed_hook {
            let names = left.names().join("`, `");
            report.log(Level::Warn, &format!("removing what the hooks have left: `{names}`"));
        }
        let removed = objects::remove(engine, &left, &|_| {}).await;
        failures.extend(removed.err().map(Into::into));
    }
    failures.extend(shared.release(engine, names).await.err().map(Into::into));
    Ok(Deleted { removed: all.names(), failures })
}

/// Removes the entries of a cluster from a kubeconfig. `written` is what the cluster wrote, if
/// known.
async fn forget(
    kubeconfig: Option<&Kubeconfig>,
    names: &Names,
    name: &ClusterName,
    written: Option<Credentials>,
) -> Result<(), ClusterError> {
    let Some(kubeconfig) = kubeconfig.cloned() else { return Ok(()) };
    let context = names.cluster(name);
    let written = written.map(|it| it.to_kubeconfig(&context));
    let remove = move || kubeconfig::remove(&kubeconfig, &context, written.as_ref());
    Ok(blocking(remove).await?)
}

fn remains(names: &Names, name: &ClusterName) -> ClusterInfo {
    let mut info = ClusterInfo::default();
    info.name = name.to_string();
    info.network = names.cluster(name);
    info
}

async fn containers_of_plugins(
    engine: &Engine,
    names: &Names,
    name: &ClusterName,
) -> Result<Vec<(String, String)>, ClusterError> {
    let labels = [(label::CLUSTER, name.as_str()), (label::PLUGIN, "")];
    let Objects { containers, .. } = objects::find(engine, names, &labels).await?;
    Ok(containers)
}

/// Returns the names of all clusters, including those of which only remains exist.
///
/// # Errors
///
/// When the engine fails.
pub async fn all_names(engine: &Engine, names: &Names) -> Result<Vec<ClusterName>, ClusterError> {
    let found = objects::names_of_clusters(engine, names).await?;
    Ok(found.into_iter().filter_map(|it| it.parse().ok()).collect())
}
