//! Nodes that leave their cluster.

use super::cluster_hooks::ClusterHooks as _;
use super::report::Report;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::names::Names;
use crate::nodes::objects::remove_container;
use crate::nodes::{self, Cluster, Node};
use pintle_host::lifecycle::Hooks;
use pintle_plugin::NodeEvent;

/// Removes nodes from their cluster.
///
/// # Errors
///
/// When a node is the first server, a hook vetoes, or the engine fails.
pub async fn delete_nodes(
    engine: &Engine,
    names: &Names,
    hooks: &Hooks,
    cluster: &Cluster,
    nodes: &[Node],
    report: &dyn Report,
) -> Result<(), ClusterError> {
    let (first, _) = nodes::first_server(engine, names, cluster)?;
    if nodes.iter().any(|it| it.id == first.id) {
        return Err(ClusterError::FirstServer { node: first.name });
    }
    let mut event = NodeEvent::default();
    event.cluster = cluster.info(false);
    event.nodes = nodes.iter().map(Node::info).collect();
    hooks.ask_for_veto("pre-node-delete", event.clone()).await?;
    for node in nodes {
        remove_container(engine, &node.id, &node.name).await?;
    }
    let gone: Vec<_> = nodes.iter().map(|it| it.name.clone()).collect();
    forget(engine, names, cluster, &gone, report).await;
    match hooks.tell("post-node-delete", event).await.into_iter().next() {
        Some(err) => Err(err.into()),
        None => Ok(()),
    }
}

/// Removes nodes from what the cluster's API server lists; one that does not run keeps them.
pub(super) async fn forget(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
    nodes: &[String],
    report: &dyn Report,
) {
    let forgotten = async {
        let api = nodes::api(engine, names, cluster).await?;
        for node in nodes {
            api.forget_node(node).await?;
        }
        Ok::<_, ClusterError>(())
    };
    if let Err(err) = forgotten.await {
        report.warn(&format!("the cluster `{}` still lists the nodes", cluster.name), err);
    }
}
