//! Networks and volumes that clusters share by name. They are created for the first cluster that
//! names one that does not exist, and removed with the last cluster that uses them.
//!
//! Invariants: only objects with the label of shared objects are ever removed, so everything that
//! the user has created is kept. The volume that claims a cluster's name has labels from its first
//! moment that list the cluster's shared objects, so a run that removes some also sees the clusters
//! that other runs are still creating. Nothing is removed by force: the engine itself keeps what a
//! container uses.

use super::rollback::Run;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::names::{ClusterName, Names, label};
use crate::spec::ClusterSpec;
use bollard::models::{NetworkDisconnectRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptions,
};
use std::collections::{BTreeSet, HashMap};

/// The separator of volume names in a label, which cannot be part of a name.
const SEPARATOR: char = ',';

/// The shared objects of one cluster, regardless of their creator.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct SharedThings {
    network: Option<String>,
    volumes: BTreeSet<String>,
}

impl SharedThings {
    /// Returns what a new cluster shares.
    pub(super) fn of_spec(spec: &ClusterSpec) -> Self {
        let named = spec.volumes.iter().map(|it| &it.value).filter(|it| !it.is_path());
        let volumes = named.filter_map(|it| it.source.clone()).collect();
        Self { network: spec.network.clone(), volumes }
    }

    /// Finds the shared objects of a cluster, or of its remains.
    pub(super) async fn of_cluster(
        engine: &Engine,
        names: &Names,
        name: &ClusterName,
    ) -> Result<Self, EngineError> {
        let volume = names.volume(name);
        let found = engine.docker().inspect_volume(&volume).await;
        match found
            .map_err(|err| EngineError::failed(format!("inspect the volume `{volume}`"), err))
        {
            Ok(volume) => Ok(Self::of_labels(names, &volume.labels)),
            Err(err) if err.is_not_found() => Ok(Self::default()),
            Err(err) => Err(err),
        }
    }

    fn of_labels(names: &Names, labels: &HashMap<String, String>) -> Self {
        let value = |part| labels.get(&names.key(part));
        let volumes = value(label::VOLUMES).into_iter().flat_map(|it| it.split(SEPARATOR));
        Self {
            network: value(label::NETWORK).cloned(),
            volumes: volumes.map(str::to_owned).collect(),
        }
    }

    /// Returns the labels that list the shared objects of a cluster.
    pub(super) fn labels(&self, names: &Names) -> HashMap<String, String> {
        let network = self.network.iter().map(|it| (names.key(label::NETWORK), it.clone()));
        let volumes: Vec<_> = self.volumes.iter().map(String::as_str).collect();
        let volumes = volumes.join(&SEPARATOR.to_string());
        let volumes = Some(volumes).filter(|it| !it.is_empty());
        network.chain(volumes.map(|it| (names.key(label::VOLUMES), it))).collect()
    }

    /// Creates the volumes that do not exist; the engine does not change the others.
    pub(super) async fn make_volumes(&self, run: &Run) -> Result<(), ClusterError> {
        for name in &self.volumes {
            let request = VolumeCreateRequest {
                name: Some(name.clone()),
                labels: Some(labels_of_shared(run.names())),
                ..VolumeCreateRequest::default()
            };
            let (docker, name) = (run.engine().docker().clone(), name.clone());
            let work = async move {
                let action = format!("create the volume `{name}`");
                let made = docker.create_volume(request).await;
                made.map_err(|err| EngineError::failed(action, err).into())
            };
            run.complete(work).await?;
        }
        Ok(())
    }

    /// Removes the objects that no cluster uses any longer.
    ///
    /// # Errors
    ///
    /// The first failure; everything else is removed regardless. An object that is in use is not a
    /// failure.
    pub(super) async fn release(&self, engine: &Engine, names: &Names) -> Result<(), EngineError> {
        if *self == Self::default() {
            return Ok(());
        }
        let used = used(engine, names).await?;
        let mut results = Vec::new();
        for volume in self.volumes.difference(&used.volumes) {
            results.push(release_volume(engine, names, volume).await);
        }
        if let Some(network) = self.network.as_ref().filter(|it| !used.networks.contains(*it)) {
            results.push(release_network(engine, names, network).await);
        }
        results.into_iter().collect()
    }
}

/// Returns the labels of objects that clusters share.
pub(super) fn labels_of_shared(names: &Names) -> HashMap<String, String> {
    HashMap::from([
        ("app".to_owned(), names.host().to_owned()),
        (names.key(label::SHARED), "true".to_owned()),
    ])
}

fn is_shared(names: &Names, labels: &HashMap<String, String>) -> bool {
    labels_of_shared(names).iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The objects that the existing clusters use.
struct Used {
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
}

async fn used(engine: &Engine, names: &Names) -> Result<Used, EngineError> {
    let filter = names.filter(&[(label::CLUSTER, "")]);
    let options = ListVolumesOptionsBuilder::new().filters(&filter).build();
    let listed = engine.docker().list_volumes(Some(options)).await;
    let listed = listed.map_err(|err| EngineError::failed("list volumes", err))?;
    let mut used = Used { networks: BTreeSet::new(), volumes: BTreeSet::new() };
    for volume in listed.volumes.unwrap_or_default() {
        let shared = SharedThings::of_labels(names, &volume.labels);
        used.networks.extend(shared.network);
        used.volumes.extend(shared.volumes);
    }
    Ok(used)
}

async fn release_volume(engine: &Engine, names: &Names, name: &str) -> Result<(), EngineError> {
    let docker = engine.docker();
    let action = || format!("remove the volume `{name}`");
    let found = docker.inspect_volume(name).await;
    match found.map_err(|err| EngineError::failed(action(), err)) {
        Ok(volume) if !is_shared(names, &volume.labels) => return Ok(()),
        Ok(_) => {}
        Err(err) if err.is_not_found() => return Ok(()),
        Err(err) => return Err(err),
    }
    let removed = docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
    match removed.map_err(|err| EngineError::failed(action(), err)) {
        // A container of another program mounts it.
        Err(err) if err.is_not_found() || err.is_conflict() => Ok(()),
        result => result,
    }
}

/// Removes a network, unless it has containers, running or stopped, that do not belong to the host.
/// Those of its plugins are disconnected.
async fn release_network(engine: &Engine, names: &Names, name: &str) -> Result<(), EngineError> {
    let docker = engine.docker();
    let action = || format!("remove the network `{name}`");
    let found = docker.inspect_network(name, None).await;
    let network = match found.map_err(|err| EngineError::failed(action(), err)) {
        Ok(network) => network,
        Err(err) if err.is_not_found() => return Ok(()),
        Err(err) => return Err(err),
    };
    let Some(id) = network.id.filter(|_| is_shared(names, &network.labels.unwrap_or_default()))
    else {
        return Ok(());
    };
    let filter = HashMap::from([("network".to_owned(), vec![id.clone()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filter).build();
    let inside = docker.list_containers(Some(options)).await;
    let inside = inside.map_err(|err| EngineError::failed(action(), err))?;
    let of_plugin = names.key(label::PLUGIN);
    let is_of_plugin = |labels: &Option<HashMap<String, String>>| {
        labels.as_ref().is_some_and(|it| it.contains_key(&of_plugin))
    };
    if !inside.iter().all(|it| is_of_plugin(&it.labels)) {
        return Ok(());
    }
    for container in inside.into_iter().filter_map(|it| it.id) {
        let request = NetworkDisconnectRequest { container, force: Some(true) };
        // If this has failed, the removal of the network fails.
        let _ = docker.disconnect_network(&id, request).await;
    }
    let removed = docker.remove_network(&id).await;
    match removed.map_err(|err| EngineError::failed(action(), err)) {
        // Another program has just connected a container to it.
        Err(err) if err.is_not_found() || err.says("active endpoints") => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Filtered;
    use pintle_host::Identity;

    #[test]
    fn labels_say_what_a_cluster_shares() {
        let names = Names::new(&Identity::default());
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        assert!(SharedThings::of_spec(&spec).labels(&names).is_empty());
        spec.network = Some("lan".to_owned());
        for volume in ["data:/a", "more:/b", "data:/c", "/path:/d", "./path:/e", "/anonymous"] {
            spec.volumes.push(Filtered::plain(volume.parse().unwrap()));
        }
        let shared = SharedThings::of_spec(&spec);
        let labels = shared.labels(&names);
        assert_eq!(labels["pintle.network"], "lan");
        assert_eq!(labels["pintle.volumes"], "data,more");
        assert_eq!(SharedThings::of_labels(&names, &labels), shared);
    }

    #[test]
    fn only_what_bears_the_label_is_shared() {
        let names = Names::new(&Identity::default());
        assert!(is_shared(&names, &labels_of_shared(&names)));
        assert!(!is_shared(&names, &HashMap::new()));
        assert!(!is_shared(&names, &names.labels("demo", "run")));
        let other = Identity { command_name: "rudder".into(), ..Identity::default() };
        assert!(!is_shared(&names, &labels_of_shared(&Names::new(&other))));
    }
}
