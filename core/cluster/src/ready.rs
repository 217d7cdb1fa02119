//! Waiting for what a user means by "ready": the API server answers, and says that every
//! node is ready. Nothing waits for a fixed time.

use super::api::Api;
use super::error::{ClusterError, LogTail};
use super::kubeconfig::Access;
use super::plan::{API_PORT, KUBECONFIG_PATH};
use super::state::api_url;
use crate::engine::{Engine, EngineError, TIME_LIMIT, in_time, unpack_one};
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, LogsOptionsBuilder};
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often the engine may start a node anew before it counts as failed: k3s gives up
/// once or twice when another server is slow to let it join.
const MAX_RESTARTS: i64 = 3;

/// How often nodes are looked at that should be running.
const WATCH: Duration = Duration::from_millis(200);

/// A container that is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Pauses between questions: short ones first, as most answers come soon.
struct Pace(Duration);

impl Pace {
    fn new() -> Self {
        Self(Duration::from_millis(5))
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        // A question costs less than a millisecond; who waits longer than this, waits in vain.
        self.0 = (self.0 * 3 / 2).min(Duration::from_millis(25));
    }
}

/// Waits until the API server of a first server is ready, and returns how to reach it.
pub(crate) async fn api(
    engine: &Engine,
    first: &Started,
    host: &str,
) -> Result<(Access, Api), ClusterError> {
    let mut pace = Pace::new();
    let access = loop {
        match access(engine, first, host).await? {
            Some(access) => break access,
            None => pace.pause().await,
        }
    };
    let api = Api::new(&access)?;
    let mut pace = Pace::new();
    while !api.is_ready().await {
        pace.pause().await;
    }
    Ok((access, api))
}

/// Waits until all nodes with these names are ready.
pub(crate) async fn nodes(api: &Api, names: BTreeSet<String>, progress: &dyn Fn(usize)) {
    let mut pace = Pace::new();
    let mut n_before = 0;
    loop {
        // An API server that has just started may fail again for a moment.
        let nodes = api.nodes().await.unwrap_or_default();
        let n_ready = nodes.iter().filter(|it| it.is_ready && names.contains(&it.name)).count();
        if n_ready > n_before {
            n_before = n_ready;
            progress(n_ready);
        }
        if n_ready == names.len() {
            return;
        }
        pace.pause().await;
    }
}

/// Returns how to reach a cluster's API server; `None` before its first server has
/// written the kubeconfig, or while it does not run.
pub(crate) async fn access(
    engine: &Engine,
    first: &Started,
    host: &str,
) -> Result<Option<Access>, ClusterError> {
    let action = || format!("look at the node `{}`", first.name);
    let container = engine.docker().inspect_container(&first.id, None).await;
    let container = container.map_err(|err| EngineError::failed(action(), err))?;
    let Some(port) = api_port(&container) else { return Ok(None) };
    let options = DownloadFromContainerOptionsBuilder::new().path(KUBECONFIG_PATH).build();
    let archive = engine.docker().download_from_container(&first.id, Some(options));
    let action = || format!("read the kubeconfig in `{}`", first.name);
    let archive = archive.map_ok(|it| it.to_vec()).try_concat();
    let archive: Vec<u8> = match in_time(TIME_LIMIT, action, archive).await {
        Ok(archive) => archive,
        Err(err) if err.is_not_found() => return Ok(None),
        Err(err) => return Err(err.into()),
    };
    // Half a file, or none: the server is about to write it.
    let Ok(text) = unpack_one(&archive) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(Access::of_cluster(&text, api_url(host, port))?))
}

fn api_port(container: &ContainerInspectResponse) -> Option<u16> {
    let ports = container.network_settings.as_ref()?.ports.as_ref()?;
    let bindings = ports.get(API_PORT)?.as_ref()?;
    bindings.iter().find_map(|it| it.host_port.as_ref()?.parse().ok())
}

/// The nodes that have been started so far.
#[derive(Default)]
pub(crate) struct Watched(Mutex<Vec<Started>>);

impl Watched {
    /// Starts a node, and watches it from then on.
    pub(crate) async fn start(&self, engine: &Engine, node: &Started) -> Result<(), ClusterError> {
        let started = engine.docker().start_container(&node.id, None).await;
        let action = format!("start the node `{}`", node.name);
        started.map_err(|err| EngineError::failed(action, err))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(node.clone());
        Ok(())
    }

    /// Starts nodes side by side.
    pub(crate) async fn start_all(
        &self,
        engine: &Engine,
        nodes: &[Started],
    ) -> Result<(), ClusterError> {
        try_join_all(nodes.iter().map(|it| self.start(engine, it))).await.map(drop)
    }

    /// Waits until one of the nodes stops for good; as long as none does, without end.
    pub(crate) async fn stopped(&self, engine: &Engine) -> ClusterError {
        loop {
            tokio::time::sleep(WATCH).await;
            let nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for node in nodes {
                let container = engine.docker().inspect_container(&node.id, None).await;
                let container = match container {
                    Ok(container) => container,
                    Err(err) => {
                        let action = format!("look at the node `{}`", node.name);
                        return EngineError::failed(action, err).into();
                    }
                };
                if let Some(code) = has_given_up(&container) {
                    let source = LogTail(log_tail(engine, &node.id).await);
                    return ClusterError::NodeStopped { node: node.name, code, source };
                }
            }
        }
    }
}

/// Returns the exit code of a container that does not run and will not, or keeps ending.
fn has_given_up(container: &ContainerInspectResponse) -> Option<i64> {
    let state = container.state.as_ref()?;
    let n_restarts = container.restart_count.unwrap_or_default();
    let is_over = match state.status? {
        ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD => true,
        _ => n_restarts >= MAX_RESTARTS,
    };
    is_over.then(|| state.exit_code.unwrap_or_default())
}

/// Returns the last lines that a container has printed.
pub(crate) async fn log_tail(engine: &Engine, id: &str) -> String {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail("10").build();
    let lines = engine.docker().logs(id, Some(options));
    let lines = lines.map_ok(|it| it.to_string()).try_collect();
    let lines = in_time(TIME_LIMIT, || "read a log".to_owned(), lines).await;
    // Another failure is told already; this would only have said more of it.
    let lines: Vec<String> = lines.unwrap_or_default();
    lines.concat()
}
