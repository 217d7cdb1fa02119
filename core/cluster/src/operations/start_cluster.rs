//! Starts a stopped cluster.

use super::cluster_hooks::ClusterHooks as _;
use super::report::Report;
use super::supervise::bounded;
use crate::blocking::blocking;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::kubeconfig::{self, Credentials, Kubeconfig, KubeconfigError};
use crate::names::{Names, label};
use crate::nodes::waiting::LIMIT;
use crate::nodes::{self, Cluster, Node, NodeContainer, Waiting, Watched, readiness};
use crate::role::Role;
use pintle_host::lifecycle::Hooks;
use pintle_plugin::{Level, events};
use serde_json::{Map, Value};
use std::time::Duration;

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Whether to wait until it is ready.
    pub wait: bool,
    /// The time limit for the whole command.
    pub timeout: Option<Duration>,
    /// The kubeconfig to update, if it contains the cluster.
    pub kubeconfig: Option<Kubeconfig>,
}

/// Starts all nodes of a cluster, and waits until it is ready.
///
/// The engine may choose other ports than before, so the kubeconfig is updated.
///
/// # Errors
///
/// When a hook vetoes, a node does not start, or the time limit expires. Nothing is undone: the
/// nodes that have started continue to run.
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
    let name = cluster.name.parse()?;
    let kubeconfig = match &options.kubeconfig {
        Some(it) if options.wait => changeable(engine, names, &cluster, it, report).await?,
        _ => None,
    };
    let event = hooks.event(cluster.info(false), &Map::new());
    hooks.ask(events::PRE_CLUSTER_START, event).await?;
    report.step(&format!("starting the cluster `{}`", cluster.name));
    warn_of_changing_addresses(names, &cluster, report);
    let nodes = Nodes::of(engine, names, &cluster)?;
    if options.wait {
        let credentials = nodes.start_and_wait(engine, options.timeout, report).await?;
        update_kubeconfig(kubeconfig, names.cluster(&name), credentials).await?;
    } else {
        nodes.start(engine).await?;
    }
    let cluster = nodes::get(engine, names, &name).await?;
    let event = hooks.event(cluster.info(options.wait), &Map::new());
    match hooks.tell(events::POST_CLUSTER_START, event).await.into_iter().next() {
        Some(err) => Err(err.into()),
        None => Ok(cluster),
    }
}

/// The nodes of a cluster.
struct Nodes {
    first: NodeContainer,
    /// The host on which the API server is published.
    host: String,
    all: Vec<NodeContainer>,
    watched: Watched,
}

impl Nodes {
    fn of(engine: &Engine, names: &Names, cluster: &Cluster) -> Result<Self, ClusterError> {
        let (first, host) = nodes::first_server(engine, names, cluster)?;
        let all = cluster.nodes.iter().map(Node::container).collect();
        Ok(Self { first, host, all, watched: Watched::default() })
    }

    /// Starts all nodes together: if there are several servers, none is ready before most of them
    /// are running.
    async fn start(&self, engine: &Engine) -> Result<(), ClusterError> {
        self.watched.start_all(engine, &self.all).await
    }

    async fn start_and_wait(
        &self,
        engine: &Engine,
        limit: Option<Duration>,
        report: &dyn Report,
    ) -> Result<Credentials, ClusterError> {
        let waiting = Waiting::default();
        let wait = async {
            self.start(engine).await?;
            let mut access = readiness::api(engine, &self.first, &self.host, &waiting).await?;
            let total = self.all.len();
            let progress = |done| report.progress("waiting for the nodes", done, total);
            progress(0);
            readiness::nodes(engine, &mut access, &self.all, &waiting, &progress).await?;
            report.progress_ends(true);
            Ok(access.credentials)
        };
        tokio::select! {
            credentials = wait => credentials,
            err = self.watched.stopped(engine) => Err(err),
            () = waiting.tell(engine, limit, |text| report.log(Level::Warn, text)) => {
                Err(ClusterError::TimedOut {
                    work: "cluster start".to_owned(),
                    limit: LIMIT,
                    stage: "waiting for the nodes".to_owned(),
                    is_undone: false,
                })
            }
        }
    }
}

/// Warns about servers whose addresses may change at a start, because the store of the cluster
/// identifies its members by them.
fn warn_of_changing_addresses(names: &Names, cluster: &Cluster, report: &dyn Report) {
    let key = names.key(label::ADDRESS);
    let servers = cluster.nodes.iter().filter(|it| it.role == Role::Server);
    if servers.clone().count() > 1 && servers.clone().any(|it| it.own_label(&key).is_none()) {
        report.log(
            Level::Warn,
            &format!(
                "the servers of the cluster `{}` have no fixed addresses: if their addresses \
                 change, the cluster does not start again; delete it and create it again without \
                 `--network`",
                cluster.name
            ),
        );
    }
}

/// Returns the kubeconfig if it contains the cluster, and its entries may be changed when the
/// cluster is ready.
///
/// # Errors
///
/// When it could not be written.
async fn changeable(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
    kubeconfig: &Kubeconfig,
    report: &dyn Report,
) -> Result<Option<Kubeconfig>, ClusterError> {
    let context = names.cluster(&cluster.name.parse()?);
    let check = |config: Option<Value>| {
        let (kubeconfig, context) = (kubeconfig.clone(), context.clone());
        blocking(move || match kubeconfig::has(&kubeconfig, &context) {
            Ok(true) => kubeconfig::check(&kubeconfig, &context, false, config.as_ref())
                .map(|()| Some(kubeconfig)),
            Ok(false) => Ok(None),
            Err(err) => Err(err),
        })
    };
    let mut checked = check(None).await;
    if checked.is_err() {
        // There may be nothing to change: only the cluster knows what it wrote.
        let credentials = nodes::credentials_to_come(engine, names, cluster).await;
        checked = check(credentials.map(|it| it.to_kubeconfig(&context))).await;
    }
    match checked {
        // The file that cannot be read may not contain the cluster, and other entries stay as they
        // are.
        Err(
            err @ (KubeconfigError::Io { action: "read", .. }
            | KubeconfigError::Invalid { .. }
            | KubeconfigError::NotWritten { .. }),
        ) => {
            report.warn("the kubeconfig was not updated", err.into());
            Ok(None)
        }
        checked => Ok(checked?),
    }
}

/// Updates the kubeconfig, unless it no longer contains the cluster.
async fn update_kubeconfig(
    kubeconfig: Option<Kubeconfig>,
    context: String,
    credentials: Credentials,
) -> Result<(), ClusterError> {
    let Some(kubeconfig) = kubeconfig else { return Ok(()) };
    let update = move || match kubeconfig::has(&kubeconfig, &context)? {
        true => {
            let config = credentials.to_kubeconfig(&context);
            kubeconfig::merge(&kubeconfig, &config, &context, false).map(drop)
        }
        false => Ok(()),
    };
    Ok(blocking(update).await?)
}
