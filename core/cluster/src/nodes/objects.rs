//! The engine's objects that belong to clusters, found by their labels: containers, networks
//! and volumes.

use crate::engine::{Engine, EngineError};
use crate::names::{Names, label};
use bollard::models::{ContainerSummary, Network, NetworkDisconnectRequest, Volume};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::time::Duration;

/// Some of the engine's objects.
#[derive(Debug, Default, Clone)]
pub(crate) struct Objects {
    /// IDs and names.
    pub(crate) containers: Vec<(String, String)>,
    /// IDs and names.
    pub(crate) networks: Vec<(String, String)>,
    pub(crate) volumes: Vec<String>,
}

impl Objects {
    pub(crate) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let named = self.containers.iter().chain(&self.networks).map(|it| it.1.clone());
        named.chain(self.volumes.iter().cloned()).collect()
    }
}

/// Finds the host's objects that have all of these labels.
pub(crate) async fn find(
    engine: &Engine,
    names: &Names,
    labels: &[(&str, &str)],
) -> Result<Objects, EngineError> {
    let (containers, networks, volumes) = lists(engine, names, labels).await?;
    let name = |names: Option<Vec<String>>| {
        let first = names.unwrap_or_default().into_iter().next().unwrap_or_default();
        first.trim_start_matches('/').to_owned()
    };
    let container = |it: ContainerSummary| (it.id.unwrap_or_default(), name(it.names));
    let network = |it: Network| (it.id.unwrap_or_default(), it.name.unwrap_or_default());
    Ok(Objects {
        containers: containers.into_iter().map(container).collect(),
        networks: networks.into_iter().map(network).collect(),
        volumes: volumes.into_iter().map(|it| it.name).collect(),
    })
}

/// Returns the names of all clusters that have any objects, sorted.
pub(crate) async fn names_of_clusters(
    engine: &Engine,
    names: &Names,
) -> Result<BTreeSet<String>, EngineError> {
    let (containers, networks, volumes) = lists(engine, names, &[(label::CLUSTER, "")]).await?;
    let key = names.key(label::CLUSTER);
    let containers = containers.into_iter().filter_map(|it| it.labels);
    let networks = networks.into_iter().filter_map(|it| it.labels);
    let labels = containers.chain(networks).chain(volumes.into_iter().map(|it| it.labels));
    Ok(labels.filter_map(|mut it| it.remove(&key)).collect())
}

/// Lists the objects that have all of these labels.
async fn lists(
    engine: &Engine,
    names: &Names,
    labels: &[(&str, &str)],
) -> Result<(Vec<ContainerSummary>, Vec<Network>, Vec<Volume>), EngineError> {
    let docker = engine.docker();
    let filter = names.filter(labels);
    let containers = ListContainersOptionsBuilder::new().all(true).filters(&filter).build();
    let networks = ListNetworksOptionsBuilder::new().filters(&filter).build();
    let volumes = ListVolumesOptionsBuilder::new().filters(&filter).build();
    let (containers, networks, volumes) = tokio::join!(
        docker.list_containers(Some(containers)),
        docker.list_networks(Some(networks)),
        docker.list_volumes(Some(volumes)),
    );
    Ok((
        containers.map_err(|err| EngineError::failed("list containers", err))?,
        networks.map_err(|err| EngineError::failed("list networks", err))?,
        volumes
            .map_err(|err| EngineError::failed("list volumes", err))?
            .volumes
            .unwrap_or_default(),
    ))
}

/// Removes objects: containers concurrently, then networks and volumes.
///
/// # Errors
///
/// The first failure; the remaining objects are removed regardless.
pub(crate) async fn remove(
    engine: &Engine,
    objects: &Objects,
    removed: &dyn Fn(&str),
) -> Result<(), EngineError> {
    let containers = join_all(objects.containers.iter().map(async |(id, name)| {
        remove_container(engine, id, name).await.inspect(|()| removed(name))
    }));
    let mut results: Vec<Result<(), EngineError>> = containers.await;
    let networks = join_all(objects.networks.iter().map(async |(id, name)| {
        remove_network(engine, id, name).await.inspect(|()| removed(name))
    }));
    let volumes = join_all(
        objects
            .volumes
            .iter()
            .map(async |name| remove_volume(engine, name).await.inspect(|()| removed(name))),
    );
    let (networks, volumes) = tokio::join!(networks, volumes);
    results.extend(networks);
    results.extend(volumes);
    results.into_iter().collect()
}

/// Removes a container by force, with its anonymous volumes.
pub(crate) async fn remove_container(
    engine: &Engine,
    id: &str,
    name: &str,
) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match engine.docker().remove_container(id, Some(options)).await {
        Ok(()) => Ok(()),
        Err(err) => match EngineError::failed(format!("remove the container `{name}`"), err) {
            err if err.is_not_found() => Ok(()),
            // Another program is removing it.
            err if err.is_conflict() && err.says("in progress") => {
                wait_until_gone(engine, id).await;
                Ok(())
            }
            err => Err(err),
        },
    }
}

async fn wait_until_gone(engine: &Engine, id: &str) {
    use bollard::query_parameters::WaitContainerOptionsBuilder;
    use futures_util::StreamExt as _;

    let options = WaitContainerOptionsBuilder::new().condition("removed").build();
    let mut removed = Box::pin(engine.docker().wait_container(id, Some(options)));
    // An error means that it is already gone. If not, the removal of its network fails.
    let _ = tokio::time::timeout(Duration::from_secs(30), removed.next()).await;
}

/// Removes a network. Other containers in it are disconnected first.
///
/// Such a container may be restarting, and join again while it is disconnected. Both steps are then
/// repeated once.
async fn remove_network(engine: &Engine, id: &str, name: &str) -> Result<(), EngineError> {
    let docker = engine.docker();
    let mut pause = Duration::from_millis(10);
    loop {
        let result = docker.remove_network(id).await;
        let action = format!("remove the network `{name}`");
        let err = match result.map_err(|err| EngineError::failed(action, err)) {
            Ok(()) => return Ok(()),
            Err(err) if err.is_not_found() => return Ok(()),
            Err(err) if pause > Duration::from_secs(2) => return Err(err),
            Err(err) => err,
        };
        let Ok(network) = docker.inspect_network(id, None).await else { return Err(err) };
        for container in network.containers.unwrap_or_default().into_keys() {
            let request = NetworkDisconnectRequest { container, force: Some(true) };
            // If this has failed, the removal of the network fails.
            let _ = docker.disconnect_network(id, request).await;
        }
        tokio::time::sleep(pause).await;
        pause *= 3;
    }
}

async fn remove_volume(engine: &Engine, name: &str) -> Result<(), EngineError> {
    match engine.docker().remove_volume(name, None::<RemoveVolumeOptions>).await {
        Ok(()) => Ok(()),
        Err(err) => match EngineError::failed(format!("remove the volume `{name}`"), err) {
            err if err.is_not_found() => Ok(()),
            err => Err(err),
        },
    }
}
