//! The network that a cluster's nodes are in: its own, or one that has a name of its own and
//! may be shared with others.

use super::rollback::Run;
use super::shared_things::labels_of_shared;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::spec::ClusterSpec;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkInspect};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use std::collections::HashMap;
use std::sync::Arc;

/// A network.
pub(super) struct Network {
    pub(super) name: String,
    /// Whether it does not belong to the cluster alone.
    pub(super) is_external: bool,
}

/// Fails for the engine's own networks, in which nodes do not find each other.
pub(super) fn check_usable(name: &str) -> Result<(), ClusterError> {
    match ["host", "none", "bridge"].contains(&name) {
        true => Err(ClusterError::UnusableNetwork { name: name.to_owned() }),
        false => Ok(()),
    }
}

/// Returns the network of a name, and creates it if it does not exist.
pub(super) async fn shared(
    run: &Arc<Run>,
    name: &str,
    spec: &ClusterSpec,
) -> Result<Network, ClusterError> {
    let found = match find(run.engine(), name).await? {
        Some(found) => found,
        None => {
            make_shared(run, name, spec).await?;
            // It is found again, as another run may have created one in the same moment.
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
    Ok(Network { name, is_external: true })
}

async fn find(engine: &Engine, name: &str) -> Result<Option<NetworkInspect>, ClusterError> {
    let network = engine.docker().inspect_network(name, None).await;
    match network.map_err(|err| EngineError::failed(format!("look at the network `{name}`"), err)) {
        Ok(network) => Ok(Some(network)),
        Err(err) if err.is_not_found() => Ok(None),
        Err(err) => Err(err.into()),
    }
}

/// Creates a shared network.
///
/// Engines may let two runs create one of the same name at the same time, and would then know
/// neither by it: all but the oldest are removed again by those that have created them.
async fn make_shared(run: &Arc<Run>, name: &str, spec: &ClusterSpec) -> Result<(), ClusterError> {
    let request = request(name, labels_of_shared(run.names()), spec);
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
        // The engine's filter lets names pass that only contain it.
        let same = all.into_iter().filter(|it| it.name.as_ref() == Some(&name));
        let oldest = same.min_by_key(|it| (it.created.clone(), it.id.clone()));
        if oldest.is_some_and(|it| it.id.as_ref() != Some(&own)) {
            docker.remove_network(&own).await.map_err(failed)?;
        }
        Ok(())
    };
    run.complete(work).await
}

fn request(
    name: &str,
    labels: HashMap<String, String>,
    spec: &ClusterSpec,
) -> NetworkCreateRequest {
    let config = |subnet: &String| {
        vec![IpamConfig { subnet: Some(subnet.clone()), ..IpamConfig::default() }]
    };
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        labels: Some(labels),
        ipam: spec.subnet.as_ref().map(|it| Ipam { config: Some(config(it)), ..Ipam::default() }),
        options: Some(HashMap::new()),
        ..NetworkCreateRequest::default()
    }
}

/// Creates the cluster's own network.
pub(super) async fn create(run: &Arc<Run>, spec: &ClusterSpec) -> Result<Network, ClusterError> {
    let name = run.names().cluster(&spec.name);
    let request = request(&name, run.labels(), spec);
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
