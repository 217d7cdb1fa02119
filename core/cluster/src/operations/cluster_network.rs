//! The network of a cluster's nodes: the cluster's own, or one with another name that can be
//! shared.

use super::free_subnet;
use super::rollback::Run;
use super::shared_things::labels_of_shared;
use crate::engine::{Engine, EngineError, FaultKind};
use crate::error::ClusterError;
use crate::nodes::Subnet;
use crate::spec::ClusterSpec;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkInspect};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use std::collections::HashMap;
use std::sync::Arc;

/// A network.
pub(super) struct Network {
    pub(super) name: String,
    /// Whether it belongs to more than this cluster.
    pub(super) is_external: bool,
    /// Its addresses, if only the cluster assigns them to nodes.
    pub(super) subnet: Option<Subnet>,
}

/// How many subnets to try if other runs take them at the same time.
const MAX_TRIES: usize = 16;

/// Fails for the engine's own networks, in which nodes cannot find each other by name.
pub(super) fn check_usable(name: &str) -> Result<(), ClusterError> {
    match ["host", "none", "bridge"].contains(&name) {
        true => Err(ClusterError::UnusableNetwork { name: name.to_owned() }),
        false => Ok(()),
    }
}

/// Returns the network with a name, and creates it if it does not exist.
pub(super) async fn shared(
    run: &Arc<Run>,
    name: &str,
    spec: &ClusterSpec,
) -> Result<Network, ClusterError> {
    let found = match find(run.engine(), name).await? {
        Some(found) => found,
        None => {
            make_shared(run, name, spec).await?;
            // It is searched for again, because another run may have created one at the same
            // moment.
            let missing = || ClusterError::Taken { object: "network", name: name.to_owned() };
            find(run.engine(), name).await?.ok_or_else(missing)?
        }
    };
    if let Some(subnet) = &spec.subnet {
        let pools = found.ipam.and_then(|it| it.config).unwrap_or_default();
        if !pools.iter().any(|it| it.subnet.as_ref() == Some(subnet)) {
            let (name, subnet) = (name.to_owned(), subnet.clone());
            return Err(ClusterError::OtherSubnet { name, subnet });
        }
    }
    let name = found.name.unwrap_or_else(|| name.to_owned());
    Ok(Network { name, is_external: true, subnet: None })
}

async fn find(engine: &Engine, name: &str) -> Result<Option<NetworkInspect>, ClusterError> {
    let network = engine.docker().inspect_network(name, None).await;
    match network.map_err(|err| EngineError::failed(format!("inspect the network `{name}`"), err)) {
        Ok(network) => Ok(Some(network)),
        Err(err) if err.is_not_found() => Ok(None),
        Err(err) => Err(err.into()),
    }
}

/// Creates a shared network.
///
/// Engines may let two runs create networks with the same name at the same time, and then neither
/// can be used by name. The runs therefore remove all of these networks except the oldest.
async fn make_shared(run: &Arc<Run>, name: &str, spec: &ClusterSpec) -> Result<(), ClusterError> {
    let config = spec.subnet.as_deref().map(plain);
    let request = request(name, labels_of_shared(run.names()), config);
    let docker = run.engine().docker().clone();
    let name = name.to_owned();
    let action = format!("create the network `{name}`");
    let work = async move {
        let failed = |err| EngineError::failed(action.clone(), err);
        let own = match docker.create_network(request).await.map_err(failed) {
            Ok(own) => own.id,
            Err(err) if err.is_conflict() => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        let filter = HashMap::from([("name".to_owned(), vec![name.clone()])]);
        let options = ListNetworksOptionsBuilder::new().filters(&filter).build();
        let all = docker.list_networks(Some(options)).await.map_err(failed)?;
        // The engine's filter also returns names that only contain it.
        let same = all.into_iter().filter(|it| it.name.as_ref() == Some(&name));
        let oldest = same.min_by_key(|it| (it.created.clone(), it.id.clone()));
        if oldest.is_some_and(|it| it.id.as_ref() != Some(&own)) {
            docker.remove_network(&own).await.map_err(failed)?;
        }
        Ok(())
    };
    run.complete(work).await
}

/// Creates the cluster's own network.
pub(super) async fn create(run: &Arc<Run>, spec: &ClusterSpec) -> Result<Network, ClusterError> {
    let (engine, name) = (run.engine(), run.names().cluster(&spec.name));
    if engine.docker().inspect_network(&name, None).await.is_ok() {
        // The engine would create a second network with this name, and then neither could be used
        // by name.
        return Err(ClusterError::Taken { object: "network", name });
    }
    if let Some(text) = &spec.subnet {
        let subnet = text.parse().ok();
        check_room(text, subnet, spec)?;
        create_in(run, &name, subnet.map_or_else(|| plain(text), config)).await?;
        return Ok(Network { name, is_external: false, subnet });
    }
    let free = free_subnet::candidates(engine, spec.name.as_str()).await?;
    let free = free.filter(|it| it.of_nodes().count() >= spec.nodes().count());
    for subnet in free.take(MAX_TRIES) {
        match create_in(run, &name, config(subnet)).await {
            Err(ClusterError::Engine(err)) if err.fault() == Some(FaultKind::SubnetInUse) => {}
            res => {
                res?;
                return Ok(Network { name, is_external: false, subnet: Some(subnet) });
            }
        }
    }
    Err(ClusterError::NoSubnet)
}

/// Fails if a subnet that the user chose is too small.
fn check_room(text: &str, subnet: Option<Subnet>, spec: &ClusterSpec) -> Result<(), ClusterError> {
    let n_nodes = spec.nodes().count();
    match subnet.map(|it| it.of_nodes().count()) {
        Some(room) if room < n_nodes => {
            Err(ClusterError::SmallSubnet { subnet: text.to_owned(), room, n_nodes })
        }
        _ => Ok(()),
    }
}

/// Returns the addresses of a network in which nodes have fixed ones.
fn config(subnet: Subnet) -> IpamConfig {
    IpamConfig {
        subnet: Some(subnet.to_string()),
        ip_range: Some(subnet.of_others().to_string()),
        gateway: Some(subnet.gateway().to_string()),
        ..IpamConfig::default()
    }
}

/// Returns addresses that cannot be divided here, such as those of IPv6.
fn plain(subnet: &str) -> IpamConfig {
    IpamConfig { subnet: Some(subnet.to_owned()), ..IpamConfig::default() }
}

async fn create_in(run: &Arc<Run>, name: &str, config: IpamConfig) -> Result<(), ClusterError> {
    let request = request(name, run.labels(), Some(config));
    let docker = run.engine().docker().clone();
    let action = format!("create the network `{name}`");
    let made = run.make(name, async move {
        docker.create_network(request).await.map_err(|err| EngineError::failed(action, err))
    });
    made.await.map(drop)
}

fn request(
    name: &str,
    labels: HashMap<String, String>,
    config: Option<IpamConfig>,
) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        labels: Some(labels),
        ipam: config.map(|it| Ipam { config: Some(vec![it]), ..Ipam::default() }),
        options: Some(HashMap::new()),
        ..NetworkCreateRequest::default()
    }
}
