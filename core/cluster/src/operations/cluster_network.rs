//! The network that a cluster's nodes are in: its own, or an existing one.

use super::free_subnet;
use super::rollback::Run;
use crate::engine::{Engine, EngineError, FaultKind};
use crate::error::ClusterError;
use crate::nodes::Subnet;
use crate::spec::ClusterSpec;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use std::collections::HashMap;
use std::sync::Arc;

/// A network.
pub(super) struct Network {
    pub(super) name: String,
    /// Whether it existed before the cluster.
    pub(super) is_external: bool,
    /// Its addresses, if nodes can have fixed ones: the engine gives those in networks only
    /// whose subnet was named when they were made.
    pub(super) subnet: Option<Subnet>,
}

/// How many subnets are tried that another run has just taken.
const MAX_TRIES: usize = 16;

/// Finds a network that is not the cluster's own.
pub(super) async fn existing(engine: &Engine, name: &str) -> Result<Network, ClusterError> {
    if ["host", "none", "bridge"].contains(&name) {
        return Err(ClusterError::UnusableNetwork { name: name.to_owned() });
    }
    let network = engine.docker().inspect_network(name, None).await;
    match network.map_err(|err| EngineError::failed(format!("look at the network `{name}`"), err)) {
        Ok(network) => Ok(Network {
            name: network.name.unwrap_or_else(|| name.to_owned()),
            is_external: true,
            subnet: None,
        }),
        Err(err) if err.is_not_found() => Err(ClusterError::NoNetwork { name: name.to_owned() }),
        Err(err) => Err(err.into()),
    }
}

/// Creates the cluster's own network.
pub(super) async fn create(run: &Arc<Run>, spec: &ClusterSpec) -> Result<Network, ClusterError> {
    let (engine, name) = (run.engine(), run.names().cluster(&spec.name));
    if engine.docker().inspect_network(&name, None).await.is_ok() {
        // The engine would create a second one of the name, and then know neither by it.
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

/// Fails where a subnet that the user chose is too small.
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

/// Returns addresses that are not ours to divide, as those of IPv6.
fn plain(subnet: &str) -> IpamConfig {
    IpamConfig { subnet: Some(subnet.to_owned()), ..IpamConfig::default() }
}

async fn create_in(run: &Arc<Run>, name: &str, config: IpamConfig) -> Result<(), ClusterError> {
    let request = NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        labels: Some(run.labels()),
        ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
        options: Some(HashMap::new()),
        ..NetworkCreateRequest::default()
    };
    let docker = run.engine().docker().clone();
    let action = format!("create the network `{name}`");
    let made = run.make(name, async move {
        docker.create_network(request).await.map_err(|err| EngineError::failed(action, err))
    });
    made.await.map(drop)
}
