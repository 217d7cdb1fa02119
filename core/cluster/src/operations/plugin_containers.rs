//! The operations of plugins on containers.
//!
//! Invariant: a plugin can access only containers that it created itself, which have its name in a
//! label.

use super::rollback::Run;
use crate::engine::{Engine, EngineError, File, Lazy, ensure_image};
use crate::error::ClusterError;
use crate::names::{Names, label};
use crate::nodes::objects::remove_container;
use crate::nodes::{self, put_files};
use crate::random::random_hex;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig,
    NetworkConnectRequest, NetworkDisconnectRequest, NetworkingConfig, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{CreateContainerOptionsBuilder, ListContainersOptionsBuilder};
use pintle_plugin::containers::{ContainerInfo, ContainerRequest, ContainerSpec, PublishedPort};
use std::collections::HashMap;
use std::sync::Arc;

/// The host's containers, as plugins access them.
pub(crate) struct PluginContainers {
    engine: Arc<Lazy>,
    names: Names,
    /// The run that undoes what hooks create, if it fails.
    run: Option<Arc<Run>>,
}

impl PluginContainers {
    /// Returns the containers for a plugin's own commands.
    pub(crate) fn new(engine: Arc<Lazy>, names: Names) -> Self {
        Self { engine, names, run: None }
    }

    /// Returns the containers for the hooks of a run.
    pub(crate) fn in_run(engine: Arc<Lazy>, run: Arc<Run>) -> Self {
        Self { engine, names: run.names().clone(), run: Some(run) }
    }

    /// Executes a request of the plugin with the full name `plugin`.
    ///
    /// # Panics
    ///
    /// When called from asynchronous code.
    pub(crate) fn answer(
        &self,
        plugin: &str,
        request: ContainerRequest,
    ) -> Result<Vec<ContainerInfo>, ClusterError> {
        self.engine.block_on(self.answer_async(plugin, request))
    }

    async fn answer_async(
        &self,
        plugin: &str,
        request: ContainerRequest,
    ) -> Result<Vec<ContainerInfo>, ClusterError> {
        let engine = &self.engine.engine().await?;
        match request {
            ContainerRequest::Run(spec) => return self.run(engine, plugin, spec).await,
            ContainerRequest::List {} => return self.list(engine, plugin).await,
            ContainerRequest::Start { name } => {
                let id = self.find(engine, plugin, &name).await?;
                let started = engine.docker().start_container(&id, None).await;
                started.map_err(|err| failed("start", &name, err))?;
                return Ok(vec![self.inspect(engine, &id).await?]);
            }
            ContainerRequest::Stop { name } => {
                let id = self.find(engine, plugin, &name).await?;
                let stopped = engine.docker().stop_container(&id, None).await;
                stopped.map_err(|err| failed("stop", &name, err))?;
            }
            ContainerRequest::Remove { name } => {
                let id = self.find(engine, plugin, &name).await?;
                remove_container(engine, &id, &name).await?;
            }
            ContainerRequest::Connect { name, network } => {
                let id = self.find(engine, plugin, &name).await?;
                connect(engine, id, &name, &network).await?;
            }
            ContainerRequest::Disconnect { name, network } => {
                let id = self.find(engine, plugin, &name).await?;
                disconnect(engine, id, &name, &network).await?;
            }
            ContainerRequest::Apply { cluster, manifest } => {
                let name = cluster.parse().map_err(|_| ClusterError::NotFound { name: cluster })?;
                let cluster = nodes::get(engine, &self.names, &name).await?;
                let api = nodes::api(engine, &self.names, &cluster).await?;
                api.apply(&manifest, plugin).await?;
            }
            _ => return Err(ClusterError::UnknownRequest),
        }
        Ok(Vec::new())
    }

    async fn list(
        &self,
        engine: &Engine,
        plugin: &str,
    ) -> Result<Vec<ContainerInfo>, ClusterError> {
        let filter = self.names.filter(&[(label::PLUGIN, plugin)]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filter).build();
        let containers = engine.docker().list_containers(Some(options)).await;
        let containers = containers.map_err(|err| EngineError::failed("list containers", err))?;
        let ids: Vec<_> = containers.into_iter().filter_map(|it| it.id).collect();
        let containers = ids.iter().map(|it| self.inspect(engine, it));
        let containers = futures_util::future::join_all(containers).await;
        let gone = |it: &Result<_, ClusterError>| matches!(it, Err(ClusterError::Engine(err)) if err.is_not_found());
        // It is not an error if one has been removed since the list was created.
        let mut found: Vec<ContainerInfo> =
            containers.into_iter().filter(|it| !gone(it)).collect::<Result<_, _>>()?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Returns the ID of one of the plugin's containers.
    async fn find(
        &self,
        engine: &Engine,
        plugin: &str,
        name: &str,
    ) -> Result<String, ClusterError> {
        let all = self.list(engine, plugin).await?;
        let missing = || ClusterError::NoContainer { name: name.to_owned() };
        all.into_iter().find(|it| it.name == name).map(|it| it.id).ok_or_else(missing)
    }

    async fn run(
        &self,
        engine: &Engine,
        plugin: &str,
        spec: ContainerSpec,
    ) -> Result<Vec<ContainerInfo>, ClusterError> {
        ensure_image(engine, &spec.image).await?;
        let (name, files) = (spec.name.clone(), files(&spec));
        let body = self.body(plugin, spec);
        let work = make(engine.clone(), name.clone(), body, files);
        let id = match &self.run {
            Some(run) => run.make(&name, work).await?,
            None => work.await?,
        };
        Ok(vec![self.inspect(engine, &id).await?])
    }

    fn body(&self, plugin: &str, spec: ContainerSpec) -> ContainerCreateBody {
        let mut labels: HashMap<_, _> =
            spec.labels.into_iter().filter(|it| !self.names.is_reserved(&it.0)).collect();
        match &self.run {
            Some(run) => labels.extend(run.labels()),
            None => labels.extend(self.names.labels("", &random_hex())),
        }
        labels.insert(self.names.key(label::PLUGIN), plugin.to_owned());
        labels.insert(self.names.key(label::CLUSTER), spec.cluster.clone());
        if spec.cluster.is_empty() {
            labels.remove(&self.names.key(label::CLUSTER));
        }
        let port = |it: &PublishedPort| format!("{}/tcp", it.container);
        let mut bindings: HashMap<_, Option<Vec<PortBinding>>> = HashMap::new();
        for it in &spec.ports {
            let host_port = Some(if it.host == 0 { String::new() } else { it.host.to_string() });
            let binding = PortBinding { host_ip: Some(it.host_ip.clone()), host_port };
            bindings.entry(port(it)).or_default().get_or_insert_default().push(binding);
        }
        let network = Some(spec.network).filter(|it| !it.is_empty());
        let endpoints =
            network.iter().map(|it| (it.clone(), EndpointSettings::default())).collect();
        ContainerCreateBody {
            hostname: Some(spec.name),
            image: Some(spec.image),
            cmd: Some(spec.args).filter(|it| !it.is_empty()),
            env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            labels: Some(labels),
            exposed_ports: Some(spec.ports.iter().map(port).collect()),
            host_config: Some(HostConfig {
                binds: Some(spec.mounts.iter().map(|(to, from)| format!("{from}:{to}")).collect()),
                port_bindings: Some(bindings),
                network_mode: network.clone(),
                restart_policy: Some(RestartPolicy {
                    name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                    maximum_retry_count: None,
                }),
                ..HostConfig::default()
            }),
            networking_config: network
                .map(|_| NetworkingConfig { endpoints_config: Some(endpoints) }),
            ..ContainerCreateBody::default()
        }
    }

    async fn inspect(&self, engine: &Engine, id: &str) -> Result<ContainerInfo, ClusterError> {
        let container = engine.docker().inspect_container(id, None).await;
        let container = container.map_err(|err| EngineError::failed("inspect a container", err))?;
        Ok(self.info(container))
    }

    fn info(&self, container: ContainerInspectResponse) -> ContainerInfo {
        let state = container.state.unwrap_or_default();
        let config = container.config.unwrap_or_default();
        let settings = container.network_settings.unwrap_or_default();
        let mut info = ContainerInfo::default();
        info.id = container.id.unwrap_or_default();
        info.name = container.name.unwrap_or_default().trim_start_matches('/').to_owned();
        info.image = config.image.unwrap_or_default();
        info.running = state.running.unwrap_or_default();
        info.state = state.status.map(|it| it.to_string()).unwrap_or_default();
        info.restarts = container.restart_count.unwrap_or_default().try_into().unwrap_or_default();
        info.labels = config.labels.unwrap_or_default().into_iter().collect();
        info.cluster =
            info.labels.get(&self.names.key(label::CLUSTER)).cloned().unwrap_or_default();
        info.networks = settings.networks.unwrap_or_default().into_keys().collect();
        info.networks.sort();
        // While it is not running, only the requested ports are known.
        let asked = container.host_config.and_then(|it| it.port_bindings).unwrap_or_default();
        let ports = settings.ports.filter(|it| !it.is_empty()).unwrap_or(asked);
        for (port, bindings) in ports {
            let container = port.split('/').next().and_then(|it| it.parse().ok());
            for binding in bindings.into_iter().flatten() {
                let host = binding.host_port.and_then(|it| it.parse().ok());
                let (Some(container), Some(host)) = (container, host.filter(|it| *it > 0)) else {
                    continue;
                };
                let mut port = PublishedPort::default();
                (port.container, port.host) = (container, host);
                port.host_ip = binding.host_ip.unwrap_or_default();
                info.ports.push(port);
            }
        }
        info.ports.sort_by_key(|it| (it.container, it.host_ip.clone(), it.host));
        info
    }
}

fn failed(verb: &str, name: &str, err: bollard::errors::Error) -> EngineError {
    EngineError::failed(format!("{verb} the container `{name}`"), err)
}

fn files(spec: &ContainerSpec) -> Vec<File> {
    let file = |(path, text): (&String, &String)| File {
        path: path.clone(),
        bytes: text.clone().into_bytes(),
        mode: 0o644,
    };
    spec.files.iter().map(file).collect()
}

/// Creates a container and starts it. If it does not start, it is removed.
async fn make(
    engine: Engine,
    name: String,
    body: ContainerCreateBody,
    files: Vec<File>,
) -> Result<String, EngineError> {
    let docker = engine.docker();
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let created = docker.create_container(Some(options), body).await;
    let id = created.map_err(|err| failed("create", &name, err))?.id;
    let started = async {
        if !files.is_empty() {
            put_files(&engine, &id, &name, &files).await?;
        }
        docker.start_container(&id, None).await.map_err(|err| failed("start", &name, err))
    };
    match started.await {
        Ok(()) => Ok(id),
        Err(err) => {
            // The first failure is the one to report.
            let _ = remove_container(&engine, &id, &name).await;
            Err(err)
        }
    }
}

async fn connect(
    engine: &Engine,
    container: String,
    name: &str,
    network: &str,
) -> Result<(), EngineError> {
    let request = NetworkConnectRequest { container, endpoint_config: None };
    let action = format!("connect `{name}` to the network `{network}`");
    let done = engine.docker().connect_network(network, request).await;
    match done.map_err(|err| EngineError::failed(action, err)) {
        Err(err) if err.says("already exists in network") => Ok(()),
        result => result,
    }
}

async fn disconnect(
    engine: &Engine,
    container: String,
    name: &str,
    network: &str,
) -> Result<(), EngineError> {
    let request = NetworkDisconnectRequest { container, force: Some(true) };
    let action = format!("disconnect `{name}` from the network `{network}`");
    let done = engine.docker().disconnect_network(network, request).await;
    match done.map_err(|err| EngineError::failed(action, err)) {
        Err(err) if err.is_not_found() || err.says("is not connected to") => Ok(()),
        result => result,
    }
}
