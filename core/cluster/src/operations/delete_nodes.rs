//! Removes nodes from their cluster.
//!
//! Invariant: a server's container is removed only after the server has left the cluster's store.
//! In the opposite order, the store would still count it, and of two servers, the last one would
//! have no majority.

use super::cluster_hooks::ClusterHooks as _;
use super::report::Report;
use crate::api_server::Api;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::names::Names;
use crate::nodes::objects::remove_container;
use crate::nodes::{self, Cluster, Node};
use crate::role::Role;
use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use pintle_host::lifecycle::Hooks;
use pintle_plugin::events;
use std::time::Duration;

/// How long a server may take to leave the store. One that is not running leaves immediately, and
/// one whose leader has just changed within about 45 s.
const LEAVE_LIMIT: Duration = Duration::from_secs(90);

/// How often to ask the API whether a server has left.
const PAUSE: Duration = Duration::from_millis(50);

/// Removes nodes from their cluster.
///
/// With `force`, containers are removed even if the cluster's API server does not answer, or the
/// cluster would lose its quorum.
///
/// # Errors
///
/// When a node is the first server, the API server does not answer, too few servers would remain, a
/// hook vetoes, or the engine fails.
pub async fn delete_nodes(
    engine: &Engine,
    names: &Names,
    hooks: &Hooks,
    cluster: &Cluster,
    nodes: &[Node],
    force: bool,
    report: &dyn Report,
) -> Result<(), ClusterError> {
    let (first, _) = nodes::first_server(engine, names, cluster)?;
    if nodes.iter().any(|it| it.id == first.id) {
        return Err(ClusterError::FirstServer { node: first.name });
    }
    let mut nodes = nodes.to_vec();
    // The store lets a member leave only while most of the others are running, so the stopped ones
    // leave first. Agents are not members.
    nodes.sort_by_key(Node::is_running);
    let nodes = nodes.as_slice();
    let api = match answering(engine, names, cluster, nodes).await {
        Ok(api) => Some(api),
        Err(_) if force => None,
        Err(err) => return Err(err),
    };
    if let Some(api) = api.as_ref().filter(|_| !force) {
        check_quorum(api, cluster, nodes).await?;
    }
    let event = hooks.node_event(cluster.info(false), nodes.iter().map(Node::info).collect());
    hooks.ask(events::PRE_NODE_DELETE, event.clone()).await?;
    for node in nodes {
        if let Some(api) = api.as_ref().filter(|_| node.role == Role::Server) {
            match leave(engine, api, node).await {
                Err(err) if force => {
                    report.warn(&format!("deleting `{}` regardless", node.name), err)
                }
                left => left?,
            }
        }
        remove_container(engine, &node.id, &node.name).await?;
        match &api {
            Some(api) => match forget_node(api, &node.name).await {
                Err(err) if force => {
                    report.warn(&format!("failed to remove `{}` from the cluster", node.name), err)
                }
                forgotten => forgotten?,
            },
            None => report.warn(
                &format!("the cluster still counts `{}` as a member", node.name),
                ClusterError::NoApi { cluster: cluster.name.clone(), source: None },
            ),
        }
    }
    match hooks.tell(events::POST_NODE_DELETE, event).await.into_iter().next() {
        Some(err) => Err(err.into()),
        None => Ok(()),
    }
}

/// Returns a client for an API server of a cluster that is ready and remains.
async fn answering(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
    gone: &[Node],
) -> Result<Api, ClusterError> {
    let stays = |it: &Node| gone.iter().all(|gone| gone.id != it.id);
    nodes::ready_api(engine, names, cluster, stays).await.map_err(|err| match err {
        err @ ClusterError::Engine(_) => err,
        err => ClusterError::NoApi { cluster: cluster.name.clone(), source: Some(Box::new(err)) },
    })
}

/// Fails if most of the remaining servers would not be ready. A server without a container counts
/// as long as the cluster has a node with its name.
async fn check_quorum(api: &Api, cluster: &Cluster, gone: &[Node]) -> Result<(), ClusterError> {
    let servers = cluster.nodes.iter().filter(|it| it.role == Role::Server);
    let is_gone = |name: &str| gone.iter().any(|it| it.name == name);
    if !servers.clone().any(|it| is_gone(&it.name)) {
        return Ok(());
    }
    let listed = api.nodes().await?;
    let has_container = |name: &str| servers.clone().any(|it| it.name == name);
    let lost = listed.iter().filter(|it| it.is_server && !has_container(&it.name));
    let lost: Vec<_> = lost.map(|it| it.name.clone()).collect();
    let left: Vec<_> = servers.clone().filter(|it| !is_gone(&it.name)).collect();
    let is_ready = |it: &&&Node| {
        it.is_running() && listed.iter().any(|node| node.name == it.name && node.is_ready)
    };
    let (n_ready, n_left) = (left.iter().filter(is_ready).count(), left.len() + lost.len());
    if n_ready > n_left / 2 {
        return Ok(());
    }
    let servers = servers.map(|it| it.name.clone()).filter(|it| is_gone(it)).collect();
    Err(ClusterError::Quorum { cluster: cluster.name.clone(), servers, n_ready, n_left, lost })
}

/// Makes a server leave the store of the cluster by deleting its object, which disappears when the
/// server is no longer a member.
pub(super) async fn leave(engine: &Engine, api: &Api, node: &Node) -> Result<(), ClusterError> {
    // Without its membership, the server ends, and must not restart and ask for a new one.
    set_restart(engine, node, RestartPolicyNameEnum::NO).await?;
    let left = async {
        api.delete_node(&node.name).await?;
        // The response may fail while the members agree on the change.
        while api.has_node(&node.name).await.unwrap_or(true) {
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<_, ClusterError>(())
    };
    let left = match tokio::time::timeout(LEAVE_LIMIT, left).await {
        Ok(left) => left,
        Err(_) => Err(ClusterError::NotLeft { node: node.name.clone(), limit: LEAVE_LIMIT }),
    };
    if left.is_err() {
        // The failure is reported; the server continues as before.
        let _ = set_restart(engine, node, RestartPolicyNameEnum::UNLESS_STOPPED).await;
    }
    left
}

async fn set_restart(
    engine: &Engine,
    node: &Node,
    name: RestartPolicyNameEnum,
) -> Result<(), EngineError> {
    let policy = RestartPolicy { name: Some(name), maximum_retry_count: None };
    let update =
        ContainerUpdateBody { restart_policy: Some(policy), ..ContainerUpdateBody::default() };
    let updated = engine.docker().update_container(&node.id, update).await;
    let action = || format!("change the restart policy of `{}`", node.name);
    updated.map_err(|err| EngineError::failed(action(), err))
}

/// Removes everything that would keep a new container from using the name of a node.
pub(super) async fn forget_node(api: &Api, name: &str) -> Result<(), ClusterError> {
    api.delete_node(name).await?;
    Ok(api.delete_node_password(name).await?)
}

/// Removes nodes from the list of the cluster's API server, which keeps nodes that are not running.
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
            forget_node(&api, node).await?;
        }
        Ok::<_, ClusterError>(())
    };
    if let Err(err) = forgotten.await {
        report.warn(&format!("the cluster `{}` still lists the nodes", cluster.name), err);
    }
}
