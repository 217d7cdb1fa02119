//! One run that makes things on the engine, and can take all of them back.
//!
//! Invariants: whatever is made bears the run's label from its first moment; a request
//! that makes something is waited for even when the run is given up, so that nothing
//! comes into being behind its back. So a run can undo exactly what it made.

use super::error::ClusterError;
use super::names::{ClusterName, Names, label};
use crate::engine::{Engine, EngineError};
use bollard::models::{ContainerSummary, Network, NetworkDisconnectRequest, Volume};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::future::join_all;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// One run.
pub struct Run {
    engine: Engine,
    names: Names,
    cluster: ClusterName,
    id: String,
    tasks: TaskTracker,
    known: Mutex<Known>,
    stage: Mutex<String>,
}

/// What a run knows of its things. Both are behind one lock: whether the run is over must
/// not change between the question and the beginning of a request.
#[derive(Default)]
struct Known {
    names: BTreeSet<String>,
    is_over: bool,
}

impl Run {
    /// Begins a run that makes things of a cluster.
    pub fn new(engine: Engine, names: Names, cluster: ClusterName) -> Self {
        Self {
            engine,
            names,
            cluster,
            id: random_hex(),
            tasks: TaskTracker::new(),
            known: Mutex::default(),
            stage: Mutex::new("about to begin".to_owned()),
        }
    }

    /// Returns the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the names of clusters and of their things.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Returns whether something with these labels was made by this run.
    pub(crate) fn has_made(&self, labels: &HashMap<String, String>) -> bool {
        labels.get(&self.names.key(label::RUN)) == Some(&self.id)
    }

    /// Returns the labels of everything that this run makes.
    pub(crate) fn labels(&self) -> HashMap<String, String> {
        self.names.labels(self.cluster.as_str(), &self.id)
    }

    /// Says what the run is at, for whoever asks why it takes so long.
    pub(crate) fn enter(&self, stage: impl Into<String>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage.into();
    }

    pub(crate) fn stage(&self) -> String {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes something called `name`.
    ///
    /// The request goes on when the returned future is dropped, and [`undo`](Self::undo)
    /// waits for it.
    ///
    /// # Errors
    ///
    /// That of `request`; [`ClusterError::Interrupted`] when the run is over.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        name: &str,
        request: impl Future<Output = Result<T, EngineError>> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let task = {
            let mut known = self.known();
            if known.is_over {
                return Err(ClusterError::Interrupted);
            }
            known.names.insert(name.to_owned());
            self.tasks.spawn(request)
        };
        match task.await {
            Ok(result) => result.map_err(|err| {
                self.forget(name);
                err.into()
            }),
            // Tasks are not aborted, and do not panic.
            Err(_) => Err(ClusterError::Interrupted),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget(&self, name: &str) {
        self.known().names.remove(name);
    }

    /// Returns whether the run has made something called `name`, and not yet removed it.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.known().names.contains(name)
    }

    /// Returns the names of what was made and not yet removed, as far as is known.
    pub(crate) fn remains(&self) -> String {
        self.known().names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
    }

    /// Ends the run: nothing more is made.
    pub(crate) fn end(&self) {
        self.known().is_over = true;
        self.tasks.close();
    }

    /// Removes everything that this run made, and nothing else.
    ///
    /// # Errors
    ///
    /// The first failure; the rest is removed all the same.
    pub(crate) async fn undo(&self) -> Result<(), ClusterError> {
        self.end();
        self.tasks.wait().await;
        let labels = [(label::RUN, self.id.as_str())];
        let things = find(&self.engine, &self.names, &labels).await?;
        remove(&self.engine, &things, &|name| self.forget(name)).await
    }
}

/// Things on the engine.
#[derive(Debug, Default, Clone)]
pub(crate) struct Things {
    /// Ids and names.
    pub(crate) containers: Vec<(String, String)>,
    /// Ids and names.
    pub(crate) networks: Vec<(String, String)>,
    pub(crate) volumes: Vec<String>,
}

impl Things {
    pub(crate) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let named = self.containers.iter().chain(&self.networks).map(|it| it.1.clone());
        named.chain(self.volumes.iter().cloned()).collect()
    }
}

/// Finds the host's things that have all of these labels.
pub(crate) async fn find(
    engine: &Engine,
    names: &Names,
    labels: &[(&str, &str)],
) -> Result<Things, EngineError> {
    let (containers, networks, volumes) = lists(engine, names, labels).await?;
    let name = |names: Option<Vec<String>>| {
        let first = names.unwrap_or_default().into_iter().next().unwrap_or_default();
        first.trim_start_matches('/').to_owned()
    };
    let container = |it: ContainerSummary| (it.id.unwrap_or_default(), name(it.names));
    let network = |it: Network| (it.id.unwrap_or_default(), it.name.unwrap_or_default());
    Ok(Things {
        containers: containers.into_iter().map(container).collect(),
        networks: networks.into_iter().map(network).collect(),
        volumes: volumes.into_iter().map(|it| it.name).collect(),
    })
}

/// Returns the names of all clusters of which there is anything, sorted.
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

/// Lists what has all of these labels.
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

/// Removes things: containers side by side, then networks and volumes.
///
/// # Errors
///
/// The first failure; the rest is removed all the same.
pub(crate) async fn remove(
    engine: &Engine,
    things: &Things,
    removed: &dyn Fn(&str),
) -> Result<(), ClusterError> {
    let containers = join_all(things.containers.iter().map(async |(id, name)| {
        remove_container(engine, id, name).await.inspect(|()| removed(name))
    }));
    let mut results: Vec<Result<(), EngineError>> = containers.await;
    let networks = join_all(things.networks.iter().map(async |(id, name)| {
        remove_network(engine, id, name).await.inspect(|()| removed(name))
    }));
    let volumes = join_all(
        things
            .volumes
            .iter()
            .map(async |name| remove_volume(engine, name).await.inspect(|()| removed(name))),
    );
    let (networks, volumes) = tokio::join!(networks, volumes);
    results.extend(networks);
    results.extend(volumes);
    results.into_iter().collect::<Result<(), _>>().map_err(Into::into)
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
            // Somebody else is removing it.
            err if err.is_conflict() && err_says(&err, "in progress") => {
                wait_until_gone(engine, id).await;
                Ok(())
            }
            err => Err(err),
        },
    }
}

fn err_says(err: &EngineError, words: &str) -> bool {
    matches!(err, EngineError::Failed { source, .. } if source.to_string().contains(words))
}

async fn wait_until_gone(engine: &Engine, id: &str) {
    use bollard::query_parameters::WaitContainerOptionsBuilder;
    use futures_util::StreamExt as _;

    let options = WaitContainerOptionsBuilder::new().condition("removed").build();
    let mut removed = Box::pin(engine.docker().wait_container(id, Some(options)));
    // An error means that it is gone already; whether it is shows when its network goes.
    let _ = tokio::time::timeout(Duration::from_secs(30), removed.next()).await;
}

/// Removes a network; containers of others that are in it leave it.
///
/// One of theirs may just be starting again, and join as it is told to leave: then both are
/// done once more.
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
            // Whether it went well shows when the network is removed.
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

/// Returns 20 random hexadecimal digits, 80 bits.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0; 10];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
