//! Making a cluster: all of it, or nothing.

use super::api::Api;
use super::error::ClusterError;
use super::filter::Role;
use super::hooks::ClusterHooks as _;
use super::kubeconfig::{self, Access, Merged};
use super::names::Names;
use super::plan::{self, Common, NodePlan};
use super::ready::{self, Started, Watched};
use super::run::{self, Run, random_hex};
use super::service::upload;
use super::spec::{ClusterSpec, Secret};
use super::state::{self, Cluster};
use super::watch::{Guard, Report};
use super::{amend, image};
use crate::engine::{Engine, EngineError};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use futures_util::future::try_join_all;
use pintle_host::lifecycle::Hooks;
use pintle_plugin::{ClusterInfo, Level, NodeInfo};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a cluster is made.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// Whether to wait until it is ready.
    pub wait: bool,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// Whether to take everything back after a failure.
    pub rollback: bool,
    /// The kubeconfig to put the cluster into.
    pub kubeconfig: Option<PathBuf>,
    /// Whether the cluster becomes that kubeconfig's current context.
    pub switch: bool,
}

/// Makes a cluster.
///
/// # Errors
///
/// [`ClusterError`]; then everything that was made is gone again, unless `options` say
/// otherwise.
pub async fn create(
    run: &Arc<Run>,
    hooks: &Hooks,
    spec: ClusterSpec,
    options: &CreateOptions,
    report: &dyn Report,
) -> Result<Cluster, ClusterError> {
    let name = spec.name.clone();
    check_free(run, &name.to_string()).await?;
    let making = Making {
        run,
        hooks,
        options,
        report,
        merged: Mutex::default(),
        has_asked: AtomicBool::new(false),
    };
    let config = spec.plugins.clone();
    let info = announced(&spec, run.names());
    let guard = Guard {
        run,
        work: "cluster create",
        name: &name.to_string(),
        limit: options.timeout,
        rollback: options.rollback,
        report,
    };
    let undo = async || {
        // What one part cannot undo must not keep the others from it.
        let forgotten = making.merged().take().map_or(Ok(()), |it| it.undo());
        let removed = run.undo().await;
        if making.has_asked.load(Ordering::Relaxed) {
            let mut event = hooks.event(info.clone(), &config);
            event.rollback = true;
            for err in hooks.tell("post-cluster-delete", event).await {
                report.log(Level::Warn, &describe(&err));
            }
        }
        removed.and(forgotten.map_err(Into::into))
    };
    guard.watch(making.make(spec), undo).await
}

/// Returns an error with its causes, in one line.
pub(super) fn describe(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Fails if there is a cluster of this name, or what is left of one.
async fn check_free(run: &Run, name: &str) -> Result<(), ClusterError> {
    let labels = [(super::names::label::CLUSTER, name)];
    let things = run::find(run.engine(), run.names(), &labels).await?;
    if things.is_empty() {
        return Ok(());
    }
    let nodes = state::nodes(run.engine(), run.names(), name).await?;
    Err(ClusterError::Exists { name: name.to_owned(), is_remains: nodes.is_empty() })
}

struct Making<'a> {
    run: &'a Arc<Run>,
    hooks: &'a Hooks,
    options: &'a CreateOptions,
    report: &'a dyn Report,
    merged: Mutex<Option<Merged>>,
    /// Whether hooks know of the creation: then they must know that it is undone.
    has_asked: AtomicBool,
}

/// The network that a cluster's nodes are in.
struct Network {
    name: String,
    is_external: bool,
}

impl Making<'_> {
    fn merged(&self) -> std::sync::MutexGuard<'_, Option<Merged>> {
        self.merged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> &Engine {
        self.run.engine()
    }

    async fn make(&self, mut spec: ClusterSpec) -> Result<Cluster, ClusterError> {
        let (run, names) = (self.run, self.run.names());
        check_volumes(self.engine(), &spec).await?;
        let existing = match &spec.network {
            Some(name) => Some(existing_network(self.engine(), name).await?),
            None => None,
        };
        self.report.step(&format!("making the cluster `{}`", spec.name));
        self.claim(&spec).await?;
        run.enter("running the hooks before the creation");
        self.has_asked.store(true, Ordering::Relaxed);
        let event = self.hooks.event(announced(&spec, names), &spec.plugins);
        let replies = self.hooks.ask("pre-cluster-create", event).await?;
        amend::apply(&mut spec, names, replies)?;
        check_volumes(self.engine(), &spec).await?;

        run.enter("making the network, and getting the image");
        let network = async {
            match existing {
                Some(network) => Ok(network),
                None => new_network(self.run, &spec).await,
            }
        };
        let (network, ()) = tokio::try_join!(network, async {
            Ok(image::ensure(self.engine(), &spec.image).await?)
        })?;
        let token = spec.token.clone().unwrap_or_else(|| Secret(random_hex()));
        let api_host = self.engine().endpoint().host().to_owned();
        let common = Common {
            names,
            labels: run.labels(),
            network: &network.name,
            is_network_external: network.is_external,
            token: &token,
            api_host: &api_host,
        };
        let plans = plan::nodes(&spec, &common);
        let host = spec.api.host.clone().unwrap_or(api_host);
        let access = self.start(plans, &host).await?;

        if let Some(access) = &access {
            self.merge(&spec, access)?;
        }
        run.enter("running the hooks behind the creation");
        let cluster = state::get(self.engine(), names, &spec.name).await?;
        let event = self.hooks.event(cluster.info(access.is_some()), &spec.plugins);
        match self.hooks.tell("post-cluster-create", event).await.into_iter().next() {
            Some(err) => Err(err.into()),
            None => Ok(cluster),
        }
    }

    /// Makes and starts all nodes; returns how to reach the cluster if it is waited for.
    async fn start(
        &self,
        plans: Vec<NodePlan>,
        host: &str,
    ) -> Result<Option<Access>, ClusterError> {
        let (run, engine) = (self.run, self.engine());
        run.enter("making the nodes");
        let mut plans = plans.into_iter();
        let Some(first) = plans.next() else {
            return Err(ClusterError::Invalid("a cluster has at least one server".to_owned()));
        };
        let first = create_node(run, first).await?;
        // Agents try again until they can join; servers of k3s give up.
        let (servers, agents): (Vec<_>, Vec<_>) = plans.partition(|it| it.role == Role::Server);
        let all_names: BTreeSet<_> = std::iter::once(&first.name)
            .chain(servers.iter().chain(&agents).map(|it| &it.name))
            .cloned()
            .collect();
        let watched = Watched::default();
        let agents = try_join_all(agents.into_iter().map(async |it| {
            let node = create_node(run, it).await?;
            watched.start(engine, &node).await
        }));
        let servers = try_join_all(servers.into_iter().map(|it| create_node(run, it)));
        if !self.options.wait {
            let first = watched.start(engine, &first);
            let ((), _, servers) = tokio::try_join!(first, agents, servers)?;
            watched.start_all(engine, &servers).await?;
            return Ok(None);
        }
        // Nothing waits for what it does not need: the kubeconfig needs the first server, and
        // the servers that join need its API; the agents need neither here.
        let control_plane = async {
            let first_started = async {
                watched.start(engine, &first).await?;
                run.enter("waiting for the API server");
                ready::api(engine, &first, host).await
            };
            let ((access, api), servers) = tokio::try_join!(first_started, servers)?;
            watched.start_all(engine, &servers).await?;
            Ok::<_, ClusterError>((access, api))
        };
        let all = async {
            let ((access, api), _) = tokio::try_join!(control_plane, agents)?;
            self.wait_for_nodes(&api, all_names).await;
            Ok(access)
        };
        tokio::select! {
            access = all => access.map(Some),
            err = watched.stopped(engine) => Err(err),
        }
    }

    async fn wait_for_nodes(&self, api: &Api, names: BTreeSet<String>) {
        let total = names.len();
        let tell = |done: usize| {
            self.run.enter(format!("waiting for the nodes, of which {done} of {total} were ready"));
            self.report.progress("waiting for the nodes", done, total);
        };
        tell(0);
        ready::nodes(api, names, &tell).await;
        self.report.progress_ends(true);
    }

    /// Makes the volume that the nodes share, and with it takes the cluster's name.
    ///
    /// Of two runs at once, the engine lets one make the volume, and gives it to the other
    /// as if that had: by the labels each knows whose it is. Names of networks are no such
    /// claim, as Docker lets two networks have the same.
    async fn claim(&self, spec: &ClusterSpec) -> Result<(), ClusterError> {
        let name = self.run.names().volume(&spec.name);
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(self.run.labels()),
            ..VolumeCreateRequest::default()
        };
        let docker = self.engine().docker().clone();
        let action = format!("create the volume `{name}`");
        let volume = self
            .run
            .make(&name, async move {
                docker.create_volume(request).await.map_err(|err| EngineError::failed(action, err))
            })
            .await?;
        if self.run.has_made(&volume.labels) {
            return Ok(());
        }
        self.run.forget(&name);
        let key = self.run.names().key(super::names::label::CLUSTER);
        match volume.labels.contains_key(&key) {
            true => {
                let name = spec.name.to_string();
                Err(ClusterError::Exists { name, is_remains: false })
            }
            false => Err(ClusterError::Invalid(format!(
                "there is a volume `{name}` already, and it is of no cluster"
            ))),
        }
    }

    fn merge(&self, spec: &ClusterSpec, access: &Access) -> Result<(), ClusterError> {
        let Some(path) = &self.options.kubeconfig else { return Ok(()) };
        self.run.enter("writing the kubeconfig");
        let name = self.run.names().cluster(&spec.name);
        let config = access.to_kubeconfig(&name);
        let merged = kubeconfig::merge(path, &config, &name, self.options.switch)?;
        *self.merged() = Some(merged);
        Ok(())
    }
}

/// Returns what hooks learn of a cluster that is about to be made.
fn announced(spec: &ClusterSpec, names: &Names) -> ClusterInfo {
    let node = |(role, idx): (Role, usize)| {
        let mut node = NodeInfo::default();
        node.name = names.node(&spec.name, role, idx);
        node.role = role.to_string();
        node
    };
    let mut info = ClusterInfo::default();
    info.name = spec.name.to_string();
    info.network = spec.network.clone().unwrap_or_else(|| names.cluster(&spec.name));
    info.network_external = spec.network.is_some();
    info.image.clone_from(&spec.image);
    info.nodes = spec.nodes().map(node).collect();
    info
}

async fn existing_network(engine: &Engine, name: &str) -> Result<Network, ClusterError> {
    if ["host", "none", "bridge"].contains(&name) {
        return Err(ClusterError::Invalid(format!(
            "the network `{name}` cannot be used: nodes could not find each other by name in it"
        )));
    }
    let network = engine.docker().inspect_network(name, None).await;
    match network.map_err(|err| EngineError::failed(format!("look at the network `{name}`"), err)) {
        Ok(network) => {
            Ok(Network { name: network.name.unwrap_or_else(|| name.to_owned()), is_external: true })
        }
        Err(err) if err.is_not_found() => Err(ClusterError::Missing {
            what: format!("the network `{name}`"),
            hint: "make it with `docker network create`, or leave `--network` out".to_owned(),
        }),
        Err(err) => Err(err.into()),
    }
}

async fn new_network(run: &Arc<Run>, spec: &ClusterSpec) -> Result<Network, ClusterError> {
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
        // The engine would make a second one of the name, and then know neither by it.
        return Err(ClusterError::Invalid(format!(
            "there is a network `{name}` already, and it is of no cluster"
        )));
    }
    let action = format!("create the network `{name}`");
    let made = run.make(&name, async move {
        docker.create_network(request).await.map_err(|err| EngineError::failed(action, err))
    });
    made.await?;
    Ok(Network { name, is_external: false })
}

/// Fails if a mount names a path or a volume that is not there: the engine would make an
/// empty one, and nobody would remove it again.
async fn check_volumes(engine: &Engine, spec: &ClusterSpec) -> Result<(), ClusterError> {
    for mount in spec.volumes.iter().map(|it| &it.value) {
        let Some(source) = &mount.source else { continue };
        if mount.is_path() {
            if engine.endpoint().is_local() && !std::path::Path::new(source).exists() {
                return Err(ClusterError::Missing {
                    what: format!("`{source}`, which is to be mounted at `{}`,", mount.target),
                    hint: "make it first".to_owned(),
                });
            }
            continue;
        }
        let found = engine.docker().inspect_volume(source).await;
        let action = format!("look at the volume `{source}`");
        match found.map_err(|err| EngineError::failed(action, err)) {
            Ok(_) => {}
            Err(err) if err.is_not_found() => {
                return Err(ClusterError::Missing {
                    what: format!("the volume `{source}`"),
                    hint: format!("make it with `docker volume create {source}`"),
                });
            }
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}

/// Makes a node's container, with its files in it; it does not run yet.
pub(super) async fn create_node(run: &Arc<Run>, plan: NodePlan) -> Result<Started, ClusterError> {
    let (engine, name) = (run.engine().clone(), plan.name.clone());
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let action = format!("create the node `{name}`");
    let made = run.make(&name, async move {
        let created = engine.docker().create_container(Some(options), plan.body).await;
        created.map_err(|err| EngineError::failed(action, err))
    });
    let id = made.await?.id;
    if !plan.files.is_empty() {
        upload(run.engine(), &id, &name, &plan.files).await?;
    }
    Ok(Started { id, name })
}
