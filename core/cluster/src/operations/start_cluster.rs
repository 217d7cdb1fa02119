//! Starting a cluster that was stopped.

use super::cluster_hooks::ClusterHooks as _;
use super::report::Report;
use super::supervise::bounded;
use crate::blocking::blocking;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::kubeconfig::{self, Credentials, Kubeconfig};
use crate::names::Names;
use crate::nodes::{self, Cluster, Node, NodeContainer, Watched, readiness};
use crate::role::Role;
use pintle_host::lifecycle::Hooks;
use serde_json::Map;
use std::collections::BTreeSet;
use std::time::Duration;

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Whether to wait until it is ready.
    pub wait: bool,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// The kubeconfig to bring up to date, if the cluster is in it.
    pub kubeconfig: Option<Kubeconfig>,
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
    let nodes = Nodes::of(engine, names, &cluster)?;
    let name = cluster.name.parse()?;
    if options.wait {
        let credentials = nodes.start_and_wait(engine, report).await?;
        update_kubeconfig(options, names.cluster(&name), credentials).await?;
    } else {
        nodes.start(engine).await?;
    }
    let cluster = nodes::get(engine, names, &name).await?;
    let event = hooks.event(cluster.info(options.wait), &Map::new());
    match hooks.tell("post-cluster-start", event).await.into_iter().next() {
        Some(err) => Err(err.into()),
        None => Ok(cluster),
    }
}

/// The nodes of a cluster, in the order of their start: the others join the first server.
struct Nodes {
    first: NodeContainer,
    /// The host at which the API server is published.
    host: String,
    servers: Vec<NodeContainer>,
    agents: Vec<NodeContainer>,
    names: BTreeSet<String>,
    watched: Watched,
}

impl Nodes {
    fn of(engine: &Engine, names: &Names, cluster: &Cluster) -> Result<Self, ClusterError> {
        let (first, host) = nodes::first_server(engine, names, cluster)?;
        let others = |role: Role| {
            let of_role = cluster.nodes.iter().filter(|it| it.role == role && it.id != first.id);
            of_role.map(Node::container).collect()
        };
        Ok(Self {
            servers: others(Role::Server),
            agents: others(Role::Agent),
            names: cluster.nodes.iter().map(|it| it.name.clone()).collect(),
            watched: Watched::default(),
            first,
            host,
        })
    }

    async fn start(&self, engine: &Engine) -> Result<(), ClusterError> {
        self.watched.start(engine, &self.first).await?;
        let agents = self.watched.start_all(engine, &self.agents);
        let servers = self.watched.start_all(engine, &self.servers);
        tokio::try_join!(agents, servers).map(drop)
    }

    async fn start_and_wait(
        &self,
        engine: &Engine,
        report: &dyn Report,
    ) -> Result<Credentials, ClusterError> {
        self.watched.start(engine, &self.first).await?;
        let control_plane = async {
            let ready = readiness::api(engine, &self.first, &self.host).await?;
            // Agents try again until they can join; servers of k3s give up.
            self.watched.start_all(engine, &self.servers).await?;
            Ok::<_, ClusterError>(ready)
        };
        let wait = async {
            let agents = self.watched.start_all(engine, &self.agents);
            let ((credentials, api), ()) = tokio::try_join!(control_plane, agents)?;
            let total = self.names.len();
            let progress = |done| report.progress("waiting for the nodes", done, total);
            progress(0);
            readiness::nodes(&api, self.names.clone(), &progress).await;
            report.progress_ends(true);
            Ok(credentials)
        };
        tokio::select! {
            credentials = wait => credentials,
            err = self.watched.stopped(engine) => Err(err),
        }
    }
}

/// Brings the kubeconfig up to date, if the cluster is in it.
async fn update_kubeconfig(
    options: &StartOptions,
    context: String,
    credentials: Credentials,
) -> Result<(), ClusterError> {
    let Some(kubeconfig) = options.kubeconfig.clone() else { return Ok(()) };
    let update = move || match kubeconfig::has(&kubeconfig, &context) {
        true => {
            let config = credentials.to_kubeconfig(&context);
            kubeconfig::merge(&kubeconfig, &config, &context, false).map(drop)
        }
        false => Ok(()),
    };
    Ok(blocking(update).await?)
}
