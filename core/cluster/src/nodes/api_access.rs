//! Access to the API server of a running cluster: its address and its credentials.

use super::container_plan::{API_PORT, KUBECONFIG_PATH};
use super::inventory::{Cluster, Node, NodeContainer, api_url};
use crate::api_server::Api;
use crate::engine::{Engine, EngineError, TIME_LIMIT, in_time, unpack_one};
use crate::error::ClusterError;
use crate::kubeconfig::Credentials;
use crate::names::{Names, label};
use crate::role::Role;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::TryStreamExt as _;
use std::time::{Duration, Instant};

/// How often to check whether an API server is published on another port.
const RENEWAL: Duration = Duration::from_secs(1);

/// Access to the API server of a cluster, through one of its servers.
pub(crate) struct ApiAccess {
    server: NodeContainer,
    host: String,
    pub(crate) credentials: Credentials,
    pub(crate) api: Api,
    looked: Instant,
}

impl ApiAccess {
    pub(super) fn new(
        server: NodeContainer,
        host: &str,
        credentials: Credentials,
    ) -> Result<Self, ClusterError> {
        let api = Api::new(&credentials)?;
        Ok(Self { server, host: host.to_owned(), credentials, api, looked: Instant::now() })
    }

    /// Updates the address if it has changed: a server that the engine has restarted has another
    /// port, unless the user chose one.
    pub(super) async fn renew(&mut self, engine: &Engine) -> Result<(), ClusterError> {
        if self.looked.elapsed() < RENEWAL {
            return Ok(());
        }
        self.looked = Instant::now();
        let now = read_credentials(engine, &self.server, &self.host).await?;
        if let Some(now) = now.filter(|it| it.server != self.credentials.server) {
            self.api = Api::new(&now)?;
            self.credentials = now;
        }
        Ok(())
    }
}

/// Returns a client for the API server of a cluster.
pub(crate) async fn api(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<Api, ClusterError> {
    Ok(access(engine, names, cluster).await?.api)
}

/// Returns the credentials for the API server of a cluster.
pub(crate) async fn credentials(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<Credentials, ClusterError> {
    Ok(access(engine, names, cluster).await?.credentials)
}

/// Returns the access to the API server of a cluster.
pub(crate) async fn access(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<ApiAccess, ClusterError> {
    let (first, host) = first_server(engine, names, cluster)?;
    // Any server will do while the first one is not running.
    let is_other = |it: &&Node| it.role == Role::Server && it.is_running() && it.id != first.id;
    let others = cluster.nodes.iter().filter(is_other).map(Node::container);
    for server in std::iter::once(first.clone()).chain(others) {
        if let Some(credentials) = read_credentials(engine, &server, &host).await? {
            return ApiAccess::new(server, &host, credentials);
        }
    }
    Err(ClusterError::NoKubeconfig { cluster: cluster.name.clone() })
}

/// Returns a client for the API of a ready server, from those that `may_be_asked`. The first server
/// is tried first.
///
/// # Errors
///
/// The error of the last server that was asked.
pub(crate) async fn ready_api(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
    may_be_asked: impl Fn(&Node) -> bool,
) -> Result<Api, ClusterError> {
    let (first, host) = first_server(engine, names, cluster)?;
    let mut servers: Vec<_> = cluster
        .nodes
        .iter()
        .filter(|it| it.role == Role::Server && it.is_running() && may_be_asked(it))
        .map(Node::container)
        .collect();
    servers.sort_by_key(|it| it.id != first.id);
    let mut failure = ClusterError::NoKubeconfig { cluster: cluster.name.clone() };
    for server in servers {
        let Some(credentials) = read_credentials(engine, &server, &host).await? else { continue };
        let api = Api::new(&credentials)?;
        match api.check_ready().await {
            Ok(()) => return Ok(api),
            Err(err) => failure = err.into(),
        }
    }
    Err(failure)
}

/// Returns the first server of a cluster, and the host on which its API is published.
pub(crate) fn first_server(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Result<(NodeContainer, String), ClusterError> {
    let key = names.key(label::API_HOST);
    let first = cluster.nodes.iter().find(|it| it.own_label(&key).is_some());
    let first =
        first.ok_or_else(|| ClusterError::NoFirstServer { cluster: cluster.name.clone() })?;
    let host = first.own_label(&key).unwrap_or(engine.endpoint().host()).to_owned();
    Ok((first.container(), host))
}

/// Reads the credentials that a server of a cluster has written; `None` until it has written them,
/// or while it is not running.
pub(crate) async fn read_credentials(
    engine: &Engine,
    server: &NodeContainer,
    host: &str,
) -> Result<Option<Credentials>, ClusterError> {
    let action = || format!("inspect the node `{}`", server.name);
    let container = engine.docker().inspect_container(&server.id, None).await;
    let container = container.map_err(|err| EngineError::failed(action(), err))?;
    let Some(port) = api_port(&container) else { return Ok(None) };
    let Some(text) = read_kubeconfig(engine, server).await? else { return Ok(None) };
    Ok(Some(Credentials::of_cluster(&text, api_url(host, port))?))
}

/// Returns the credentials that a cluster has written at any time, to recognize them later. Its
/// servers need not be running; without a running server, there is no address in them.
pub(crate) async fn written_credentials(engine: &Engine, cluster: &Cluster) -> Option<Credentials> {
    for server in cluster.nodes.iter().filter(|it| it.role == Role::Server) {
        // Credentials that cannot be read prove nothing. Those of another server may exist.
        let read = read_kubeconfig(engine, &server.container()).await;
        let Ok(Some(text)) = read else { continue };
        let url = cluster.api.clone().unwrap_or_default();
        if let Ok(credentials) = Credentials::of_cluster(&text, url) {
            return Some(credentials);
        }
    }
    None
}

/// Returns the credentials that a cluster will have when it is started, without an address if the
/// engine chooses the port only then.
pub(crate) async fn credentials_to_come(
    engine: &Engine,
    names: &Names,
    cluster: &Cluster,
) -> Option<Credentials> {
    let (first, host) = first_server(engine, names, cluster).ok()?;
    let credentials = written_credentials(engine, cluster).await?;
    let container = engine.docker().inspect_container(&first.id, None).await.ok()?;
    let server = requested_port(&container).map(|it| api_url(&host, it)).unwrap_or_default();
    Some(Credentials { server, ..credentials })
}

/// Reads the kubeconfig that a server has written; `None` if it does not exist yet.
async fn read_kubeconfig(
    engine: &Engine,
    server: &NodeContainer,
) -> Result<Option<Vec<u8>>, ClusterError> {
    let options = DownloadFromContainerOptionsBuilder::new().path(KUBECONFIG_PATH).build();
    let archive = engine.docker().download_from_container(&server.id, Some(options));
    let action = || format!("read the kubeconfig in `{}`", server.name);
    let archive = archive.map_ok(|it| it.to_vec()).try_concat();
    let archive: Vec<u8> = match in_time(TIME_LIMIT, action, archive).await {
        Ok(archive) => archive,
        Err(err) if err.is_not_found() => return Ok(None),
        Err(err) => return Err(err.into()),
    };
    // The file is incomplete or missing: the server is about to write it.
    let Ok(text) = unpack_one(&archive) else { return Ok(None) };
    Ok(Some(text).filter(|it| !it.is_empty()))
}

fn requested_port(container: &ContainerInspectResponse) -> Option<u16> {
    let bindings = container.host_config.as_ref()?.port_bindings.as_ref()?;
    let port = bindings.get(API_PORT)?.as_ref()?.first()?.host_port.as_ref()?;
    port.parse().ok().filter(|it| *it > 0)
}

fn api_port(container: &ContainerInspectResponse) -> Option<u16> {
    let ports = container.network_settings.as_ref()?.ports.as_ref()?;
    let bindings = ports.get(API_PORT)?.as_ref()?;
    bindings.iter().find_map(|it| it.host_port.as_ref()?.parse().ok())
}
