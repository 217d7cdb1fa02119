//! The existing clusters, according to their labels. There is no other state.

use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::names::{ClusterName, Names, label};
use crate::role::Role;
use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use pintle_plugin::{ClusterInfo, NodeInfo};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its nodes, servers first, each role by number.
    pub nodes: Vec<Node>,
    /// The network of its containers.
    pub network: String,
    /// Whether the network existed before the cluster, and is kept.
    pub network_is_external: bool,
    /// Where the API server is published, for example `https://127.0.0.1:32768`; `None` while the
    /// first server is not running.
    pub api: Option<String>,
}

/// A node of a cluster: a container.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// The container's name, which is also the node's.
    pub name: String,
    /// The cluster.
    pub cluster: String,
    /// `server` or `agent`.
    #[serde(serialize_with = "as_text")]
    pub role: Role,
    /// The engine's name for its state, for example `running` or `exited`.
    pub state: String,
    /// The image.
    pub image: String,
    /// The container's ID.
    pub id: String,
    /// The ports that are currently published, for example `127.0.0.1:32768->6443/tcp`.
    pub ports: Vec<String>,
    /// The labels that do not belong to the host.
    pub labels: BTreeMap<String, String>,
    #[serde(skip)]
    own: HashMap<String, String>,
    #[serde(skip)]
    api_port: Option<u16>,
}

/// A node's container, as calls to the engine need it.
#[derive(Debug, Clone)]
pub(crate) struct NodeContainer {
    pub(crate) id: String,
    pub(crate) name: String,
}

fn as_text<S: serde::Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(role)
}

impl Node {
    /// Returns whether the container runs.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Returns the number at the end of the name.
    pub(crate) fn idx(&self) -> usize {
        self.name.rsplit('-').next().and_then(|it| it.parse().ok()).unwrap_or(usize::MAX)
    }

    /// Returns the value of one of the host's labels.
    pub(crate) fn own_label(&self, key: &str) -> Option<&str> {
        self.own.get(key).map(String::as_str)
    }

    /// Returns its container.
    pub(crate) fn container(&self) -> NodeContainer {
        NodeContainer { id: self.id.clone(), name: self.name.clone() }
    }

    /// Returns the information for hooks.
    pub(crate) fn info(&self) -> NodeInfo {
        let mut info = NodeInfo::default();
        info.name.clone_from(&self.name);
        info.role = self.role.to_string();
        info.id.clone_from(&self.id);
        info
    }
}

impl Cluster {
    /// Returns how many of its servers, or agents, are running, and how many exist.
    pub fn count(&self, role: Role) -> (usize, usize) {
        let all = self.nodes.iter().filter(|it| it.role == role);
        (all.clone().filter(|it| it.is_running()).count(), all.count())
    }

    /// Returns the first server, which has written the kubeconfig.
    pub(crate) fn first_server(&self) -> Option<&Node> {
        self.nodes.iter().find(|it| it.role == Role::Server)
    }

    /// Returns the information for hooks.
    pub(crate) fn info(&self, ready: bool) -> ClusterInfo {
        let mut info = ClusterInfo::default();
        info.name.clone_from(&self.name);
        info.network.clone_from(&self.network);
        info.network_external = self.network_is_external;
        info.image = self.first_server().map(|it| it.image.clone()).unwrap_or_default();
        info.nodes = self.nodes.iter().map(Node::info).collect();
        info.ready = ready;
        info
    }
}

/// Returns all clusters, sorted by name.
///
/// # Errors
///
/// When the engine fails.
pub async fn list(engine: &Engine, names: &Names) -> Result<Vec<Cluster>, ClusterError> {
    let mut clusters: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for node in nodes(engine, names, "").await? {
        clusters.entry(node.cluster.clone()).or_default().push(node);
    }
    Ok(clusters.into_iter().map(|(name, nodes)| of_nodes(names, name, nodes)).collect())
}

/// Returns the cluster `name`, if it has any nodes.
///
/// # Errors
///
/// When the engine fails.
pub async fn find(
    engine: &Engine,
    names: &Names,
    name: &ClusterName,
) -> Result<Option<Cluster>, ClusterError> {
    let nodes = nodes(engine, names, name.as_str()).await?;
    if nodes.is_empty() {
        return Ok(None);
    }
    Ok(Some(of_nodes(names, name.to_string(), nodes)))
}

/// Returns the cluster `name`.
///
/// # Errors
///
/// [`ClusterError::NotFound`] when it does not exist; or when the engine fails.
pub async fn get(
    engine: &Engine,
    names: &Names,
    name: &ClusterName,
) -> Result<Cluster, ClusterError> {
    let missing = || ClusterError::NotFound { name: name.to_string() };
    find(engine, names, name).await?.ok_or_else(missing)
}

/// Returns the nodes of all clusters.
///
/// # Errors
///
/// When the engine fails.
pub async fn all_nodes(engine: &Engine, names: &Names) -> Result<Vec<Node>, ClusterError> {
    nodes(engine, names, "").await
}

/// Returns the nodes of the cluster `name`, or of all clusters if the name is empty.
pub(crate) async fn nodes(
    engine: &Engine,
    names: &Names,
    cluster: &str,
) -> Result<Vec<Node>, ClusterError> {
    let filter = names.filter(&[(label::CLUSTER, cluster), (label::ROLE, "")]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filter).build();
    let containers = engine.docker().list_containers(Some(options)).await;
    let containers = containers.map_err(|err| EngineError::failed("list containers", err))?;
    let mut nodes: Vec<_> = containers.into_iter().filter_map(|it| node(names, it)).collect();
    nodes.sort_by_key(|it| (it.cluster.clone(), it.role, it.idx(), it.name.clone()));
    Ok(nodes)
}

fn node(names: &Names, container: ContainerSummary) -> Option<Node> {
    let (own, labels): (HashMap<_, _>, HashMap<_, _>) =
        container.labels.unwrap_or_default().into_iter().partition(|it| names.is_reserved(&it.0));
    let role = own.get(&names.key(label::ROLE))?.parse().ok()?;
    let cluster = own.get(&names.key(label::CLUSTER))?.clone();
    let mut ports = Vec::new();
    let mut api_port = None;
    for port in container.ports.unwrap_or_default() {
        let Some(public) = port.public_port else { continue };
        let protocol = port.typ.map(|it| it.to_string()).unwrap_or_default();
        let ip = port.ip.unwrap_or_default();
        if port.private_port == 6443 && role == Role::Server {
            api_port.get_or_insert(public);
        }
        ports.push(format!("{ip}:{public}->{}/{protocol}", port.private_port));
    }
    ports.sort();
    let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
    Some(Node {
        name: name.trim_start_matches('/').to_owned(),
        cluster,
        role,
        state: container.state.map(|it| it.to_string()).unwrap_or_default(),
        image: container.image.unwrap_or_default(),
        id: container.id.unwrap_or_default(),
        ports,
        labels: labels.into_iter().collect(),
        own,
        api_port,
    })
}

fn of_nodes(names: &Names, name: String, nodes: Vec<Node>) -> Cluster {
    let first = nodes.iter().find(|it| it.own_label(&names.key(label::API_HOST)).is_some());
    let api = first.and_then(|it| {
        let host = it.own_label(&names.key(label::API_HOST))?;
        Some(api_url(host, it.api_port?))
    });
    let some = nodes.first();
    let own = |key| some.and_then(|it| it.own_label(&names.key(key))).unwrap_or_default();
    Cluster {
        network: own(label::NETWORK).to_owned(),
        network_is_external: own(label::NETWORK_EXTERNAL) == "true",
        api,
        name,
        nodes,
    }
}

/// Returns the URL of an API server.
pub(crate) fn api_url(host: &str, port: u16) -> String {
    // A server can bind to the address that means all addresses, but clients cannot connect to it.
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    }
}
