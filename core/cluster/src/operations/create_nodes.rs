//! Nodes that join a cluster.

use super::cluster_hooks::ClusterHooks as _;
use super::create_node::create_node;
use super::delete_nodes::forget;
use super::report::Report;
use super::rollback::Run;
use super::supervise::Guard;
use crate::engine::{Engine, EngineError, TIME_LIMIT, ensure_image, in_time, unpack_one};
use crate::error::ClusterError;
use crate::names::{ClusterName, Names, label};
use crate::nodes::container_plan::NodePlan;
use crate::nodes::{self, Cluster, Node, NodeContainer, Watched, readiness};
use crate::role::Role;
use crate::spec::{ClusterSpec, Filtered, Memory, Pair, REGISTRIES_FILE, amendments};
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig, NetworkingConfig,
};
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use pintle_host::lifecycle::Hooks;
use pintle_host::services::Excerpt;
use pintle_plugin::{NodeEvent, NodeInfo};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Nodes that are to join a cluster. What is not said here is as with the cluster's other
/// nodes of the same role.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// What they are to be.
    pub role: Role,
    /// How many.
    pub replicas: usize,
    /// Their image.
    pub image: Option<String>,
    /// More arguments of k3s.
    pub args: Vec<String>,
    /// More environment variables.
    pub env: Vec<Pair>,
    /// More labels of the containers.
    pub labels: Vec<Pair>,
    /// The most memory of each.
    pub memory: Option<Memory>,
}

/// How nodes are created.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Whether to wait until they are ready.
    pub wait: bool,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// Whether to remove everything again after a failure.
    pub rollback: bool,
}

/// Adds nodes to a cluster, and returns their names.
///
/// # Errors
///
/// [`ClusterError`]; then the nodes are gone again, unless `options` say otherwise.
pub async fn create_nodes(
    run: &Arc<Run>,
    hooks: &Hooks,
    cluster: &Cluster,
    spec: &NodeSpec,
    options: &NodeOptions,
    report: &dyn Report,
) -> Result<Vec<String>, ClusterError> {
    let guard = Guard {
        run,
        work: "node create",
        name: &cluster.name,
        limit: options.timeout,
        rollback: options.rollback,
        report,
    };
    let names = new_names(run.names(), cluster, spec)?;
    if spec.role == Role::Server {
        let (first, _) = nodes::first_server(run.engine(), run.names(), cluster)?;
        check_has_etcd(run.engine(), &first).await?;
    }
    let infos: Vec<_> = names.iter().map(|it| announced(it, spec.role)).collect();
    let event = |nodes: Vec<NodeInfo>| {
        let mut event = NodeEvent::default();
        event.cluster = cluster.info(false);
        event.nodes = nodes;
        event
    };
    let work = async {
        run.enter("running the hooks before the creation");
        let replies = hooks.ask("pre-node-create", event(infos.clone())).await?;
        let mut amended = ClusterSpec::new(cluster_name(cluster)?);
        amendments::apply(&mut amended, run.names(), replies)?;
        run.enter("creating the nodes");
        report.step(&format!("adding {} to the cluster `{}`", names.join(", "), cluster.name));
        let watched = Watched::default();
        let made = make(run, cluster, spec, amended, &names, &watched).await?;
        if options.wait {
            run.enter("waiting for the nodes to be ready");
            wait(run, cluster, &made, &watched, report).await?;
        }
        let nodes = nodes::nodes(run.engine(), run.names(), &cluster.name).await?;
        let nodes = nodes.iter().filter(|it| names.contains(&it.name)).map(Node::info);
        match hooks.tell("post-node-create", event(nodes.collect())).await.into_iter().next() {
            Some(err) => Err(err.into()),
            None => Ok(names.clone()),
        }
    };
    let undo = async || {
        // Another run may have been first with the names; its nodes stay in the books.
        let made: Vec<_> = names.iter().filter(|it| run.knows(it)).cloned().collect();
        let removed = run.undo().await;
        if !made.is_empty() {
            forget(run.engine(), run.names(), cluster, &made, report).await;
        }
        for err in hooks.tell("post-node-delete", event(infos.clone())).await {
            report.warn("", err.into());
        }
        removed
    };
    guard.watch(work, undo).await
}

fn cluster_name(cluster: &Cluster) -> Result<ClusterName, ClusterError> {
    cluster.name.parse().map_err(|_| ClusterError::NotFound { name: cluster.name.clone() })
}

fn announced(name: &str, role: Role) -> NodeInfo {
    let mut info = NodeInfo::default();
    info.name = name.to_owned();
    info.role = role.to_string();
    info
}

/// Returns the names of the new nodes: the numbers go on behind the last.
fn new_names(
    names: &Names,
    cluster: &Cluster,
    spec: &NodeSpec,
) -> Result<Vec<String>, ClusterError> {
    let of_role = cluster.nodes.iter().filter(|it| it.role == spec.role);
    let next = of_role.map(|it| it.idx().saturating_add(1)).max().unwrap_or(0);
    let name = cluster_name(cluster)?;
    Ok((next..next + spec.replicas).map(|idx| names.node(&name, spec.role, idx)).collect())
}

async fn make(
    run: &Arc<Run>,
    cluster: &Cluster,
    spec: &NodeSpec,
    mut amended: ClusterSpec,
    names: &[String],
    watched: &Watched,
) -> Result<Vec<NodeContainer>, ClusterError> {
    let engine = run.engine();
    let (first, _) = nodes::first_server(engine, run.names(), cluster)?;
    let template = template(engine, cluster, spec, &first).await?;
    let is_same_role = of_role(&template, run.names(), spec.role);
    amended.registries = registries(engine, &first).await?;
    amended.env.extend(spec.env.iter().cloned().map(Filtered::plain));
    amended.labels.extend(spec.labels.iter().cloned().map(Filtered::plain));
    let image = spec.image.clone();
    let image = image.or_else(|| template.config.as_ref()?.image.clone()).unwrap_or_default();
    ensure_image(engine, &image).await?;
    let plans = names.iter().map(|name| {
        let mut plan = plan(run, &template, is_same_role, spec, &amended, name, &first.name);
        plan.body.image = Some(image.clone());
        plan
    });
    try_join_all(plans.map(async |it| {
        let node = create_node(run, it).await?;
        watched.start(engine, &node).await?;
        Ok(node)
    }))
    .await
}

/// Returns the node that the new ones are made after: the last of the same role, else the
/// first server.
async fn template(
    engine: &Engine,
    cluster: &Cluster,
    spec: &NodeSpec,
    first: &NodeContainer,
) -> Result<ContainerInspectResponse, ClusterError> {
    let same = cluster.nodes.iter().rfind(|it| it.role == spec.role);
    let id = same.map_or(&first.id, |it| &it.id);
    let container = engine.docker().inspect_container(id, None).await;
    Ok(container.map_err(|err| EngineError::failed("look at a node", err))?)
}

fn of_role(template: &ContainerInspectResponse, names: &Names, role: Role) -> bool {
    let labels = template.config.as_ref().and_then(|it| it.labels.as_ref());
    let own = labels.and_then(|it| it.get(&names.key(label::ROLE)));
    own.is_some_and(|it| *it == role.to_string())
}

/// Fails where no further server can join: k3s keeps a single server's data in SQLite.
async fn check_has_etcd(engine: &Engine, first: &NodeContainer) -> Result<(), ClusterError> {
    let container = engine.docker().inspect_container(&first.id, None).await;
    let container = container.map_err(|err| EngineError::failed("look at a node", err))?;
    let args = container.config.and_then(|it| it.cmd).unwrap_or_default();
    match args.iter().any(|it| it == "--cluster-init") {
        true => Ok(()),
        false => Err(ClusterError::SingleServer),
    }
}

/// Returns what the registries file of a node says; there need not be one.
async fn registries(
    engine: &Engine,
    node: &NodeContainer,
) -> Result<Map<String, Value>, ClusterError> {
    let options = DownloadFromContainerOptionsBuilder::new().path(REGISTRIES_FILE).build();
    let archive = engine.docker().download_from_container(&node.id, Some(options));
    let archive = archive.map_ok(|it| it.to_vec()).try_concat();
    let action = || format!("read the registries file of `{}`", node.name);
    match in_time(TIME_LIMIT, action, archive).await {
        Ok(archive) => parse_registries(&archive)
            .map_err(|source| ClusterError::Registries { node: node.name.clone(), source }),
        Err(err) if err.is_not_found() => Ok(Map::new()),
        Err(err) => Err(err.into()),
    }
}

fn parse_registries(
    archive: &[u8],
) -> Result<Map<String, Value>, Box<dyn std::error::Error + Send + Sync>> {
    let text = String::from_utf8(unpack_one(archive)?)?;
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_saphyr::from_str(&text).map_err(|err| Excerpt(err.to_string()).into())
}

fn plan(
    run: &Run,
    template: &ContainerInspectResponse,
    is_same_role: bool,
    spec: &NodeSpec,
    amended: &ClusterSpec,
    name: &str,
    first: &str,
) -> NodePlan {
    let config = template.config.clone().unwrap_or_default();
    let mut args = match is_same_role {
        true => config.cmd.unwrap_or_default(),
        false => vec![spec.role.to_string()],
    };
    args.retain(|it| it != "--cluster-init");
    args.extend(spec.args.iter().cloned());

    let mut env = config.env.unwrap_or_default();
    env.retain(|it| !it.starts_with("K3S_URL="));
    env.push(format!("K3S_URL=https://{first}:6443"));
    env.extend(amended.env.iter().map(|it| format!("{}={}", it.value.0, it.value.1)));

    let names = run.names();
    let mut labels = config.labels.unwrap_or_default();
    labels.remove(&names.key(label::API_HOST));
    labels.extend(amended.labels.iter().map(|it| (it.value.0.clone(), it.value.1.clone())));
    labels.extend(run.labels());
    labels.insert(names.key(label::ROLE), spec.role.to_string());

    let host = template.host_config.clone().unwrap_or_default();
    let mut binds = host.binds.clone().unwrap_or_default();
    binds.extend(amended.volumes.iter().map(|it| it.value.to_bind()));
    let network = host.network_mode.clone().unwrap_or_default();
    let endpoints = HashMap::from([(network, EndpointSettings::default())]);
    let body = ContainerCreateBody {
        hostname: Some(name.to_owned()),
        cmd: Some(args),
        env: Some(env),
        labels: Some(labels),
        host_config: Some(HostConfig {
            // A port of the machine can be published once only.
            port_bindings: None,
            binds: Some(binds),
            memory: spec.memory.map(|it| it.0).or(host.memory),
            ..host
        }),
        networking_config: Some(NetworkingConfig { endpoints_config: Some(endpoints) }),
        ..ContainerCreateBody::default()
    };
    let files = amended.files.iter().map(|it| it.value.clone());
    let files = amended.registries_file().into_iter().chain(files).collect();
    NodePlan { name: name.to_owned(), role: spec.role, body, files }
}

async fn wait(
    run: &Run,
    cluster: &Cluster,
    nodes: &[NodeContainer],
    watched: &Watched,
    report: &dyn Report,
) -> Result<(), ClusterError> {
    let api = nodes::api(run.engine(), run.names(), cluster).await?;
    let names = nodes.iter().map(|it| it.name.clone()).collect();
    let total = nodes.len();
    let progress = |done| report.progress("waiting for the nodes", done, total);
    progress(0);
    tokio::select! {
        () = readiness::nodes(&api, names, &progress) => {
            report.progress_ends(true);
            Ok(())
        }
        err = watched.stopped(run.engine()) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{File, pack};

    #[test]
    fn a_registries_file_that_cannot_be_read_is_an_error() {
        let file = |text: &str| {
            let bytes = text.as_bytes().to_vec();
            pack(&[File { path: REGISTRIES_FILE.to_owned(), bytes, mode: 0o600 }]).unwrap()
        };
        assert!(parse_registries(&file("\n")).unwrap().is_empty());
        let read = parse_registries(&file("mirrors: {a: {}}\n")).unwrap();
        assert!(read.contains_key("mirrors"));
        for archive in [file("mirrors: [\n"), file("- a\n"), Vec::new()] {
            assert!(parse_registries(&archive).is_err());
        }
    }
}
