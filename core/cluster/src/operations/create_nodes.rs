//! Adds nodes to a cluster.

use super::cluster_hooks::ClusterHooks as _;
use super::create_node::{create_node, join_in_turn};
use super::delete_nodes::{forget, forget_node, leave};
use super::report::Report;
use super::rollback::Run;
use super::supervise::Guard;
use crate::engine::{Engine, EngineError, TIME_LIMIT, ensure_image, in_time, unpack_one};
use crate::error::ClusterError;
use crate::names::{ClusterName, Names, label};
use crate::nodes::container_plan::{self, API_PORT, Bindings, NodePlan};
use crate::nodes::waiting::LIMIT;
use crate::nodes::{self, Cluster, Node, NodeContainer, Subnet, Waiting, Watched, readiness};
use crate::role::Role;
use crate::spec::{ClusterSpec, Filtered, Memory, Pair, REGISTRIES_FILE, amendments};
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig, PortBinding};
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use pintle_host::lifecycle::Hooks;
use pintle_host::services::Excerpt;
use pintle_plugin::{Level, NodeInfo, events};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Nodes to add to a cluster. Settings that are not given here are those of the cluster's other
/// nodes with the same role.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Their role.
    pub role: Role,
    /// Their number.
    pub replicas: usize,
    /// Their image.
    pub image: Option<String>,
    /// Additional arguments for k3s.
    pub args: Vec<String>,
    /// Additional environment variables.
    pub env: Vec<Pair>,
    /// Additional labels of the containers.
    pub labels: Vec<Pair>,
    /// The memory limit of each node.
    pub memory: Option<Memory>,
}

/// How nodes are created.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Whether to wait until they are ready.
    pub wait: bool,
    /// The time limit for the whole command.
    pub timeout: Option<Duration>,
    /// Whether to remove everything again after a failure.
    pub rollback: bool,
}

/// Adds nodes to a cluster, and returns their names.
///
/// # Errors
///
/// [`ClusterError`]; the nodes are then removed again, unless `options` say otherwise.
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
    let event = |nodes: Vec<NodeInfo>| hooks.node_event(cluster.info(false), nodes);
    let work = async {
        run.enter("running the hooks before the creation");
        let replies = hooks.ask(events::PRE_NODE_CREATE, event(infos.clone())).await?;
        let mut amended = ClusterSpec::new(cluster_name(cluster)?);
        amendments::apply(&mut amended, run.names(), replies)?;
        run.enter("creating the nodes");
        report.step(&format!("adding {} to the cluster `{}`", names.join(", "), cluster.name));
        let made = make(run, cluster, spec, amended, &names).await?;
        run.enter("waiting for the nodes to be ready");
        let watched = Watched::default();
        let is_server = spec.role == Role::Server;
        match options.wait || is_server && made.len() > 1 {
            true => join(run, cluster, &made, is_server, options, &watched, report).await?,
            false => watched.start_all(run.engine(), &made).await?,
        }
        let nodes = nodes::nodes(run.engine(), run.names(), &cluster.name).await?;
        let nodes = nodes.iter().filter(|it| names.contains(&it.name)).map(Node::info);
        match hooks.tell(events::POST_NODE_CREATE, event(nodes.collect())).await.into_iter().next()
        {
            Some(err) => Err(err.into()),
            None => Ok(names.clone()),
        }
    };
    let undo = async || {
        run.settle().await;
        // Another run may have used the names first; its nodes remain registered.
        let made: Vec<_> = names.iter().filter(|it| run.knows(it)).cloned().collect();
        if spec.role == Role::Server {
            leave_again(run, cluster, &made, report).await;
        }
        let removed = run.undo().await;
        if !made.is_empty() {
            forget(run.engine(), run.names(), cluster, &made, report).await;
        }
        for err in hooks.tell(events::POST_NODE_DELETE, event(infos.clone())).await {
            report.warn("", err.into());
        }
        removed
    };
    guard.watch(work, undo).await
}

/// Makes servers that have joined leave the store again, the last one first, before their
/// containers are removed. Otherwise the store would still count them, and could lose its quorum.
async fn leave_again(run: &Run, cluster: &Cluster, made: &[String], report: &dyn Report) {
    let left = async {
        let all = nodes::nodes(run.engine(), run.names(), &cluster.name).await?;
        let is_made = |it: &Node| made.contains(&it.name);
        let api = nodes::ready_api(run.engine(), run.names(), cluster, |it| !is_made(it)).await?;
        for node in all.iter().rev().filter(|it| is_made(it)) {
            leave(run.engine(), &api, node).await?;
        }
        Ok::<_, ClusterError>(())
    };
    if let Err(err) = left.await {
        report.warn("the servers have not left the cluster", err);
    }
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

/// Returns the names of the new nodes. Their numbers continue after the last one.
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
    let addresses = free_addresses(run, cluster).await?;
    let addresses = addresses.into_iter().map(Some).chain(std::iter::repeat(None));
    let plans = names.iter().zip(addresses).map(|(name, address)| {
        let mut plan = plan(run, &template, is_same_role, spec, &amended, name, &first.name);
        plan.body.image = Some(image.clone());
        let labels = plan.body.labels.get_or_insert_default();
        let key = run.names().key(label::ADDRESS);
        labels.remove(&key);
        labels.extend(address.map(|it| (key, it.to_string())));
        plan.body.networking_config = Some(container_plan::networking(&cluster.network, address));
        plan
    });
    let made = try_join_all(plans.map(|it| create_node(run, it))).await?;
    // The remains of an earlier container with one of the names would keep the new one from
    // joining.
    if let Ok(api) = nodes::api(engine, run.names(), cluster).await {
        for node in &made {
            // A cluster that does not answer now is reported when the wait begins.
            let _ = forget_node(&api, &node.name).await;
        }
    }
    Ok(made)
}

/// Returns the addresses for new nodes; none if the nodes of the cluster have no fixed addresses.
async fn free_addresses(run: &Run, cluster: &Cluster) -> Result<Vec<Ipv4Addr>, ClusterError> {
    let key = run.names().key(label::ADDRESS);
    let used: Vec<Ipv4Addr> =
        cluster.nodes.iter().filter_map(|it| it.own_label(&key)?.parse().ok()).collect();
    if used.is_empty() {
        return Ok(Vec::new());
    }
    let network = run.engine().docker().inspect_network(&cluster.network, None).await;
    let action = || format!("inspect the network `{}`", cluster.network);
    let network = network.map_err(|err| EngineError::failed(action(), err))?;
    let configs = network.ipam.and_then(|it| it.config).unwrap_or_default();
    let subnet: Option<Subnet> = configs.into_iter().find_map(|it| it.subnet?.parse().ok());
    let all = subnet.into_iter().flat_map(|it| it.of_nodes());
    Ok(all.filter(|it| !used.contains(it)).collect())
}

/// Returns the node that is the model for the new ones: the last one of the same role, or else the
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
    Ok(container.map_err(|err| EngineError::failed("inspect a node", err))?)
}

fn of_role(template: &ContainerInspectResponse, names: &Names, role: Role) -> bool {
    let labels = template.config.as_ref().and_then(|it| it.labels.as_ref());
    let own = labels.and_then(|it| it.get(&names.key(label::ROLE)));
    own.is_some_and(|it| *it == role.to_string())
}

/// Fails if no other server can join: a single k3s server stores its data in SQLite.
async fn check_has_etcd(engine: &Engine, first: &NodeContainer) -> Result<(), ClusterError> {
    let container = engine.docker().inspect_container(&first.id, None).await;
    let container = container.map_err(|err| EngineError::failed("inspect a node", err))?;
    let args = container.config.and_then(|it| it.cmd).unwrap_or_default();
    match args.iter().any(|it| it == "--cluster-init") {
        true => Ok(()),
        false => Err(ClusterError::SingleServer),
    }
}

/// Returns the content of a node's registries file, if there is one.
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
    let body = ContainerCreateBody {
        hostname: Some(name.to_owned()),
        cmd: Some(args),
        env: Some(env),
        labels: Some(labels),
        host_config: Some(HostConfig {
            port_bindings: api_binding(&host, spec.role),
            binds: Some(binds),
            memory: spec.memory.map(|it| it.0).or(host.memory),
            ..host
        }),
        ..ContainerCreateBody::default()
    };
    let files = amended.files.iter().map(|it| it.value.clone());
    let files = amended.registries_file().into_iter().chain(files).collect();
    NodePlan { name: name.to_owned(), role: spec.role, body, files }
}

/// Starts the nodes and waits until they are ready: servers one after another, as for a new
/// cluster, where the wait for the last one is optional.
async fn join(
    run: &Run,
    cluster: &Cluster,
    nodes: &[NodeContainer],
    in_turn: bool,
    options: &NodeOptions,
    watched: &Watched,
    report: &dyn Report,
) -> Result<(), ClusterError> {
    let engine = run.engine();
    let waiting = Waiting::default();
    let total = nodes.len();
    let progress = |done| report.progress("waiting for the nodes", done, total);
    let joined = async {
        let mut access = nodes::access(engine, run.names(), cluster).await?;
        progress(0);
        match (in_turn, nodes) {
            (true, [first, ..]) => {
                // A node that was created without waiting may still be joining.
                let is_server = |it: &&Node| it.role == Role::Server && it.is_running();
                let before: Vec<_> =
                    cluster.nodes.iter().filter(is_server).map(Node::container).collect();
                readiness::nodes(engine, &mut access, &before, &waiting, &|_| {}).await?;
                watched.start(engine, first).await?;
                join_in_turn(engine, &mut access, nodes, watched, &waiting).await?;
            }
            _ => watched.start_all(engine, nodes).await?,
        }
        if options.wait {
            readiness::nodes(engine, &mut access, nodes, &waiting, &progress).await?;
        }
        report.progress_ends(true);
        Ok(())
    };
    tokio::select! {
        joined = joined => joined,
        err = watched.stopped(engine) => Err(err),
        () = waiting.tell(engine, options.timeout, |text| report.log(Level::Warn, text)) => {
            Err(ClusterError::TimedOut {
                work: format!("node create {}", cluster.name),
                limit: LIMIT,
                stage: run.stage(),
                is_undone: options.rollback,
            })
        }
    }
}

/// Returns where the API of a new server is published: on the same address as the others, but on
/// its own port, because only one server can use a port of the machine.
fn api_binding(template: &HostConfig, role: Role) -> Option<Bindings> {
    let bindings = template.port_bindings.as_ref()?.get(API_PORT)?.clone()?;
    let free = |it: PortBinding| PortBinding { host_port: Some(String::new()), ..it };
    let bindings = bindings.into_iter().map(free).collect();
    (role == Role::Server).then(|| HashMap::from([(API_PORT.to_owned(), Some(bindings))]))
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
