//! Stops a running cluster.

use super::cluster_hooks::ClusterHooks as _;
use super::report::Report;
use super::supervise::bounded;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::nodes::{Cluster, Node};
use crate::role::Role;
use futures_util::future::try_join_all;
use pintle_host::lifecycle::Hooks;
use pintle_plugin::events;
use serde_json::Map;
use std::time::Duration;

/// Stops all nodes of a cluster: agents concurrently, then the servers.
///
/// # Errors
///
/// When a hook vetoes, or a node does not stop.
pub async fn stop(
    engine: &Engine,
    cluster: Cluster,
    hooks: &Hooks,
    timeout: Option<Duration>,
    report: &dyn Report,
) -> Result<(), ClusterError> {
    let work = async {
        let event = hooks.event(cluster.info(false), &Map::new());
        hooks.ask(events::PRE_CLUSTER_STOP, event.clone()).await?;
        report.step(&format!("stopping the cluster `{}`", cluster.name));
        // Servers stop last, so that agents can leave in an orderly way.
        for role in [Role::Agent, Role::Server] {
            let nodes = cluster.nodes.iter().filter(|it| it.role == role);
            try_join_all(nodes.map(|it| stop_node(engine, it))).await?;
        }
        match hooks.tell(events::POST_CLUSTER_STOP, event).await.into_iter().next() {
            Some(err) => Err(err.into()),
            None => Ok(()),
        }
    };
    bounded("cluster stop", "stopping the nodes", timeout, work).await
}

async fn stop_node(engine: &Engine, node: &Node) -> Result<(), ClusterError> {
    let stopped = engine.docker().stop_container(&node.id, None).await;
    let action = format!("stop the node `{}`", node.name);
    Ok(stopped.map_err(|err| EngineError::failed(action, err))?)
}
