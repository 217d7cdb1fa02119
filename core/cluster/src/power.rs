//! Starting and stopping a cluster that exists.

use super::error::ClusterError;
use super::filter::Role;
use super::hooks::ClusterHooks as _;
use super::kubeconfig;
use super::names::Names;
use super::reach;
use super::ready::{self, Started, Watched};
use super::state::{self, Cluster, Node};
use super::watch::{Report, Signals};
use crate::engine::{Engine, EngineError};
use futures_util::future::try_join_all;
use pintle_host::lifecycle::Hooks;
use serde_json::Map;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Whether to wait until it is ready.
    pub wait: bool,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// The kubeconfig to bring up to date, if the cluster is in it.
    pub kubeconfig: Option<PathBuf>,
}

/// Starts all nodes of a cluster, and waits until it is ready.
///
/// A port that the engine chose may be another one than before, so the kubeconfig is
/// brought up to date.
///
/// # Errors
///
/// When a hook vetoes, a node does not start, or it takes too long. Nothing is undone:
/// what has started runs.
pub async fn start(
    engine: &Engine,
    names: &Names,
    cluster: Cluster,
    hooks: &Hooks,
    options: &StartOptions,
    report: &dyn Report,
) -> Result<Cluster, ClusterError> {
    let work = start_all(engine, names, cluster, hooks, options, report);
    bounded("cluster start", "waiting for the nodes", options.timeout, work).await
}

async fn start_all(
    engine: &Engine,
    names: &Names,
    cluster: Cluster,
    hooks: &Hooks,
    options: &StartOptions,
    report: &dyn Report,
) -> Result<Cluster, ClusterError> {
    let event = hooks.event(cluster.info(false), &Map::new());
    hooks.ask_for_veto("pre-cluster-start", event).await?;
    report.step(&format!("starting the cluster `{}`", cluster.name));
    let (first, host) = reach::first_server(engine, names, &cluster)?;
    // The first server is joined by the others, so it goes first; agents try again.
    let is_first = |it: &&Node| it.id == first.id;
    let others = |role: Role| {
        cluster.nodes.iter().filter(move |it| it.role == role && !is_first(it)).map(started)
    };
    let (servers, agents): (Vec<_>, Vec<_>) =
        (others(Role::Server).collect(), others(Role::Agent).collect());
    let watched = Watched::default();
    watched.start(engine, &first).await?;
    let is_ready = if options.wait {
        let total: BTreeSet<_> = cluster.nodes.iter().map(|it| it.name.clone()).collect();
        let control_plane = async {
            let (access, api) = ready::api(engine, &first, &host).await?;
            watched.start_all(engine, &servers).await?;
            Ok::<_, ClusterError>((access, api))
        };
        let wait = async {
            let agents = watched.start_all(engine, &agents);
            let ((access, api), ()) = tokio::try_join!(control_plane, agents)?;
            let n_nodes = total.len();
            report.progress("waiting for the nodes", 0, n_nodes);
            ready::nodes(&api, total, &|done| {
                report.progress("waiting for the nodes", done, n_nodes);
            })
            .await;
            report.progress_ends(true);
            Ok::<_, ClusterError>(access)
        };
        let access = tokio::select! {
            access = wait => access?,
            err = watched.stopped(engine) => return Err(err),
        };
        let context = names.cluster(&cluster.name.parse().map_err(invalid)?);
        if let Some(path) = options.kubeconfig.as_ref().filter(|it| kubeconfig::has(it, &context)) {
            kubeconfig::merge(path, &access.to_kubeconfig(&context), &context, false)?;
        }
        true
    } else {
        let (agents, servers) =
            (watched.start_all(engine, &agents), watched.start_all(engine, &servers));
        tokio::try_join!(agents, servers)?;
        false
    };
    let cluster = state::get(engine, names, &cluster.name.parse().map_err(invalid)?).await?;
    let event = hooks.event(cluster.info(is_ready), &Map::new());
    match hooks.tell("post-cluster-start", event).await.into_iter().next() {
        Some(err) => Err(err.into()),
        None => Ok(cluster),
    }
}

/// Stops all nodes of a cluster: agents side by side, then the servers.
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
        hooks.ask_for_veto("pre-cluster-stop", event.clone()).await?;
        report.step(&format!("stopping the cluster `{}`", cluster.name));
        // Servers outlive agents, so that these can say good-bye.
        for role in [Role::Agent, Role::Server] {
            let nodes = cluster.nodes.iter().filter(|it| it.role == role);
            try_join_all(nodes.map(|it| stop_node(engine, it))).await?;
        }
        match hooks.tell("post-cluster-stop", event).await.into_iter().next() {
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

fn started(node: &Node) -> Started {
    Started { id: node.id.clone(), name: node.name.clone() }
}

fn invalid(err: super::names::ClusterNameError) -> ClusterError {
    ClusterError::Invalid(err.to_string())
}

/// Ends work that undoes nothing when it takes too long, or a signal comes.
async fn bounded<T>(
    work_name: &str,
    stage: &str,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let mut signals = Signals::take();
    let limit = limit.unwrap_or(Duration::MAX);
    tokio::select! {
        biased;
        () = signals.next() => Err(ClusterError::Interrupted),
        result = work => result,
        () = tokio::time::sleep(limit) => Err(ClusterError::TimedOut {
            work: work_name.to_owned(),
            limit,
            stage: stage.to_owned(),
            is_undone: false,
        }),
    }
}
