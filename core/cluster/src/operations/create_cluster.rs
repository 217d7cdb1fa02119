//! Creates a cluster completely, or not at all.

use super::cluster_hooks::ClusterHooks as _;
use super::cluster_network;
use super::create_node::{create_node, join_in_turn};
use super::mounts::{check_mounts, check_paths};
use super::report::Report;
use super::rollback::Run;
use super::shared_things::SharedThings;
use super::supervise::Guard;
use crate::blocking::blocking;
use crate::engine::{Engine, EngineError, ensure_image};
use crate::error::ClusterError;
use crate::kubeconfig::{self, Credentials, Kubeconfig, Merged};
use crate::names::{ClusterName, Names, label};
use crate::nodes::container_plan::{self, Common, NodePlan};
use crate::nodes::waiting::LIMIT;
use crate::nodes::{self, ApiAccess, Cluster, NodeContainer, Waiting, Watched, objects, readiness};
use crate::random::random_hex;
use crate::role::Role;
use crate::spec::{ClusterSpec, Secret, amendments};
use bollard::models::VolumeCreateRequest;
use futures_util::future::try_join_all;
use pintle_host::lifecycle::Hooks;
use pintle_plugin::{ClusterInfo, Level, NodeInfo, events};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a cluster is created.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// Whether to wait until it is ready.
    pub wait: bool,
    /// The time limit for the whole command.
    pub timeout: Option<Duration>,
    /// Whether to remove everything again after a failure.
    pub rollback: bool,
    /// The kubeconfig to which the cluster is added.
    pub kubeconfig: Option<Kubeconfig>,
    /// Whether the cluster becomes that kubeconfig's current context.
    pub switch: bool,
}

/// Creates a cluster.
///
/// # Errors
///
/// [`ClusterError`]; everything that was created is then removed again, unless `options` say
/// otherwise.
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
    let shared = SharedThings::of_spec(&spec);
    let creation = Creation {
        run,
        hooks,
        options,
        report,
        merged: Arc::default(),
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
        // If one part cannot be undone, the others still are.
        let removed = run.undo().await;
        let merged = creation.merged().take();
        let forgotten = match merged {
            Some(merged) => blocking(move || merged.undo()).await,
            None => Ok(()),
        };
        if creation.has_asked.load(Ordering::Relaxed) {
            let mut event = hooks.event(info.clone(), &config);
            event.rollback = true;
            for err in hooks.tell(events::POST_CLUSTER_DELETE, event).await {
                report.warn("", err.into());
            }
        }
        let released = shared.release(run.engine(), run.names()).await;
        removed.and(forgotten.map_err(Into::into)).and(released.map_err(Into::into))
    };
    guard.watch(creation.create(spec), undo).await
}

/// Fails if a cluster with this name, or the remains of one, already exists.
async fn check_free(run: &Run, name: &str) -> Result<(), ClusterError> {
    let labels = [(label::CLUSTER, name)];
    let objects = objects::find(run.engine(), run.names(), &labels).await?;
    if objects.is_empty() {
        return Ok(());
    }
    let nodes = nodes::nodes(run.engine(), run.names(), name).await?;
    Err(ClusterError::Exists { name: name.to_owned(), is_remains: nodes.is_empty() })
}

struct Creation<'a> {
    run: &'a Arc<Run>,
    hooks: &'a Hooks,
    options: &'a CreateOptions,
    report: &'a dyn Report,
    merged: Arc<Mutex<Option<Merged>>>,
    /// Whether hooks know about the creation: then they must also learn that it is undone.
    has_asked: AtomicBool,
}

impl Creation<'_> {
    fn merged(&self) -> std::sync::MutexGuard<'_, Option<Merged>> {
        self.merged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> &Engine {
        self.run.engine()
    }

    async fn create(&self, mut spec: ClusterSpec) -> Result<Cluster, ClusterError> {
        let (run, names) = (self.run, self.run.names());
        check_paths(self.engine(), &spec).await?;
        if let Some(name) = &spec.network {
            cluster_network::check_usable(name)?;
        }
        self.check_kubeconfig(&spec).await?;
        self.report.step(&format!("creating the cluster `{}`", spec.name));
        let shared = SharedThings::of_spec(&spec);
        self.claim(&spec, &shared).await?;
        run.enter("running the hooks before the creation");
        self.has_asked.store(true, Ordering::Relaxed);
        let event = self.hooks.event(announced(&spec, names), &spec.plugins);
        let replies = self.hooks.ask(events::PRE_CLUSTER_CREATE, event).await?;
        amendments::apply(&mut spec, names, replies)?;
        shared.make_volumes(run).await?;
        check_mounts(self.engine(), &spec).await?;

        run.enter("creating the network, and pulling the image");
        let network = async {
            match &spec.network {
                Some(name) => cluster_network::shared(self.run, name, &spec).await,
                None => cluster_network::create(self.run, &spec).await,
            }
        };
        let (network, ()) = tokio::try_join!(network, async {
            Ok(ensure_image(self.engine(), &spec.image).await?)
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
            subnet: network.subnet,
        };
        let plans = container_plan::nodes(&spec, &common);
        let host = spec.api.reached_at(&api_host);
        let credentials = self.start(&spec.name, plans, &host).await?;

        let is_ready = credentials.is_some();
        if let Some(credentials) = credentials {
            self.merge(&spec, credentials).await?;
        }
        self.check_claim(&spec).await?;
        run.enter("running the hooks after the creation");
        let cluster = nodes::get(self.engine(), names, &spec.name).await?;
        let event = self.hooks.event(cluster.info(is_ready), &spec.plugins);
        match self.hooks.tell(events::POST_CLUSTER_CREATE, event).await.into_iter().next() {
            Some(err) => Err(err.into()),
            None => Ok(cluster),
        }
    }

    /// Fails if the cluster could not be added to the kubeconfig when it is ready.
    async fn check_kubeconfig(&self, spec: &ClusterSpec) -> Result<(), ClusterError> {
        let Some(kubeconfig) = self.options.kubeconfig.clone() else { return Ok(()) };
        let (name, switch) = (self.run.names().cluster(&spec.name), self.options.switch);
        Ok(blocking(move || kubeconfig::check(&kubeconfig, &name, switch, None)).await?)
    }

    /// Creates and starts all nodes. Returns the cluster's credentials if it waits for the nodes.
    async fn start(
        &self,
        name: &ClusterName,
        plans: Vec<NodePlan>,
        host: &str,
    ) -> Result<Option<Credentials>, ClusterError> {
        let (run, engine, wait) = (self.run, self.engine(), self.options.wait);
        run.enter("creating the nodes");
        let mut plans = plans.into_iter();
        let Some(first) = plans.next() else {
            return Err(ClusterError::NoServer);
        };
        let first = create_node(run, first).await?;
        // Agents retry until they can join, but k3s servers give up.
        let (servers, agents): (Vec<_>, Vec<_>) = plans.partition(|it| it.role == Role::Server);
        let (watched, waiting) = (Watched::default(), Waiting::default());
        let agents = try_join_all(agents.into_iter().map(async |it| {
            let node = create_node(run, it).await?;
            watched.start(engine, &node).await?;
            Ok::<_, ClusterError>(node)
        }));
        let servers = try_join_all(servers.into_iter().map(|it| create_node(run, it)));
        // No step waits for more than it needs: the kubeconfig needs the first server, and the
        // servers that join need its API. The agents need neither here.
        let control_plane = async {
            let first_started = async {
                watched.start(engine, &first).await?;
                Ok::<_, ClusterError>(())
            };
            let ((), servers) = tokio::try_join!(first_started, servers)?;
            let mut all = vec![first.clone()];
            if servers.is_empty() && !wait {
                return Ok::<_, ClusterError>((None, all));
            }
            run.enter("waiting for the API server");
            let mut access = readiness::api(engine, &first, host, &waiting).await?;
            run.enter("waiting for the servers to join, one after another");
            all.extend(servers);
            join_in_turn(engine, &mut access, &all, &watched, &waiting).await?;
            Ok((Some(access), all))
        };
        let all = async {
            let ((control_plane, mut nodes), agents) = tokio::try_join!(control_plane, agents)?;
            let Some(mut access) = control_plane.filter(|_| wait) else { return Ok(None) };
            nodes.extend(agents);
            self.wait_for_nodes(&mut access, &nodes, &waiting).await?;
            Ok(Some(access.credentials))
        };
        tokio::select! {
            credentials = all => credentials,
            err = watched.stopped(engine) => Err(err),
            () = waiting.tell(engine, self.options.timeout, |it| self.report.log(Level::Warn, it)) => {
                Err(ClusterError::TimedOut {
                    work: format!("cluster create {name}"),
                    limit: LIMIT,
                    stage: run.stage(),
                    is_undone: self.options.rollback,
                })
            }
        }
    }

    async fn wait_for_nodes(
        &self,
        access: &mut ApiAccess,
        nodes: &[NodeContainer],
        waiting: &Waiting,
    ) -> Result<(), ClusterError> {
        let total = nodes.len();
        let progress = |done: usize| {
            self.run.enter(format!("waiting for the nodes ({done} of {total} were ready)"));
            self.report.progress("waiting for the nodes", done, total);
        };
        progress(0);
        readiness::nodes(self.engine(), access, nodes, waiting, &progress).await?;
        self.report.progress_ends(true);
        Ok(())
    }

    /// Creates the volume that the nodes share, and thereby claims the cluster's name.
    ///
    /// If two runs do this at once, the engine lets one create the volume, and returns it to the
    /// other one as if that one had. Its labels show both runs to which it belongs. Names of
    /// networks cannot be claimed, because Docker allows two networks with the same name.
    async fn claim(&self, spec: &ClusterSpec, shared: &SharedThings) -> Result<(), ClusterError> {
        let name = self.run.names().volume(&spec.name);
        let mut labels = self.run.labels();
        labels.extend(shared.labels(self.run.names()));
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(labels),
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
        let key = self.run.names().key(label::CLUSTER);
        Err(match volume.labels.contains_key(&key) {
            true => ClusterError::Exists { name: spec.name.to_string(), is_remains: false },
            false => ClusterError::Taken { object: "volume", name },
        })
    }

    /// Fails if the cluster has been deleted in the meantime. In that case, its volume, which was
    /// its first object, is gone, or another one.
    async fn check_claim(&self, spec: &ClusterSpec) -> Result<(), ClusterError> {
        let name = self.run.names().volume(&spec.name);
        let volume = self.engine().docker().inspect_volume(&name).await;
        let action = format!("inspect the volume `{name}`");
        match volume.map_err(|err| EngineError::failed(action, err)) {
            Ok(volume) if self.run.has_made(&volume.labels) => Ok(()),
            Err(err) if !err.is_not_found() => Err(err.into()),
            _ => Err(ClusterError::Lost { name: spec.name.to_string() }),
        }
    }

    async fn merge(
        &self,
        spec: &ClusterSpec,
        credentials: Credentials,
    ) -> Result<(), ClusterError> {
        let Some(kubeconfig) = self.options.kubeconfig.clone() else { return Ok(()) };
        self.run.enter("writing the kubeconfig");
        let name = self.run.names().cluster(&spec.name);
        let (switch, merged) = (self.options.switch, Arc::clone(&self.merged));
        let merge = move || {
            let config = credentials.to_kubeconfig(&name);
            let done = kubeconfig::merge(&kubeconfig, &config, &name, switch)?;
            *merged.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            Ok(())
        };
        // The removal waits for this, to know whether there is anything to undo.
        self.run.complete(blocking(merge)).await
    }
}

/// Returns the information for hooks about a cluster that is about to be created.
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
