//! The network that a cluster's nodes are in: its own, or an existing one.

use super::rollback::Run;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::spec::ClusterSpec;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use std::collections::HashMap;
use std::sync::Arc;

/// A network.
pub(super) struct Network {
    pub(super) name: String,
    /// Whether it existed before the cluster.
    pub(super) is_external: bool,
}

/// Finds a network that is not the cluster's own.
pub(super) async fn existing(engine: &Engine, name: &str) -> Result<Network, ClusterError> {
    if ["host", "none", "bridge"].contains(&name) {
        return Err(ClusterError::UnusableNetwork { name: name.to_owned() });
    }
    let network = engine.docker().inspect_network(name, None).await;
    match network.map_err(|err| EngineError::failed(format!("look at the network `{name}`"), err)) {
        Ok(network) => {
            Ok(Network { name: network.name.unwrap_or_else(|| name.to_owned()), is_external: true })
        }
        Err(err) if err.is_not_found() => Err(ClusterError::NoNetwork { name: name.to_owned() }),
        Err(err) => Err(err.into()),
    }
}

/// Creates the cluster's own network.
pub(super) async fn create(run: &Arc<Run>, spec: &ClusterSpec) -> Result<Network, ClusterError> {
    let name = run.names().cluster(&spec.name);
    let config = |subnet: &String| {
        vec![IpamConfig { subnet: Some(subnet.clone()), ..IpamConfig::default() }]
    };
    let request = NetworkCreateRequest {
        name: name.clone(),
        driver: Some("bridge".to_owned()),
        labels: Some(run.labels()),
        ipam: spec.subnet.as_ref().map(|it| Ipam { config: Some(config(it)), ..Ipam::default() }),
        options: Some(HashMap::new()),
        ..NetworkCreateRequest::default()
    };
    let docker = run.engine().docker().clone();
    if docker.inspect_network(&name, None).await.is_ok() {
        // The engine would create a second one of the name, and then know neither by it.
        return Err(ClusterError::Taken { object: "network", name });
    }
    let action = format!("create the network `{name}`");
    let made = run.make(&name, async move {
        docker.create_network(request).await.map_err(|err| EngineError::failed(action, err))
    });
    made.await?;
    Ok(Network { name, is_external: false })
}
