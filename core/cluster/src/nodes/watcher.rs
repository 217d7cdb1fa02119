//! Watches each node that has been started, so that one that ends is noticed.

use super::container::cause_of_end;
use super::inventory::NodeContainer;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often the engine may restart a node before it counts as failed. k3s gives up once or twice
/// when another server is slow to let it join.
const MAX_RESTARTS: i64 = 3;

/// How often to check nodes that should be running.
const WATCH: Duration = Duration::from_millis(200);

/// The nodes that have been started so far.
#[derive(Default)]
pub(crate) struct Watched(Mutex<Vec<NodeContainer>>);

impl Watched {
    /// Starts a node, and watches it from then on.
    pub(crate) async fn start(
        &self,
        engine: &Engine,
        node: &NodeContainer,
    ) -> Result<(), ClusterError> {
        let started = engine.docker().start_container(&node.id, None).await;
        let action = format!("start the node `{}`", node.name);
        started.map_err(|err| EngineError::failed(action, err))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(node.clone());
        Ok(())
    }

    /// Starts nodes concurrently.
    pub(crate) async fn start_all(
        &self,
        engine: &Engine,
        nodes: &[NodeContainer],
    ) -> Result<(), ClusterError> {
        try_join_all(nodes.iter().map(|it| self.start(engine, it))).await.map(drop)
    }

    /// Waits until one of the nodes stops for good, or forever if none does.
    pub(crate) async fn stopped(&self, engine: &Engine) -> ClusterError {
        // Earlier restarts by the engine do not count.
        let mut before = BTreeMap::new();
        loop {
            tokio::time::sleep(WATCH).await;
            let nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for node in nodes {
                let container = engine.docker().inspect_container(&node.id, None).await;
                let container = match container {
                    Ok(container) => container,
                    Err(err) => {
                        let action = format!("inspect the node `{}`", node.name);
                        return EngineError::failed(action, err).into();
                    }
                };
                if let Some(code) = has_given_up(&container, &node.id, &mut before) {
                    let source = cause_of_end(engine, &node.id).await;
                    let state = container.state.unwrap_or_default();
                    let is_out_of_memory = state.oom_killed.unwrap_or_default();
                    let node = node.name;
                    return ClusterError::NodeStopped { node, code, is_out_of_memory, source };
                }
            }
        }
    }
}

/// Returns the exit code of a container that is not running and will not restart, or that keeps
/// ending.
///
/// `before` contains how often the engine had restarted each container when it was first checked.
fn has_given_up(
    container: &ContainerInspectResponse,
    id: &str,
    before: &mut BTreeMap<String, i64>,
) -> Option<i64> {
    let state = container.state.as_ref()?;
    let n_restarts = container.restart_count.unwrap_or_default();
    // A manual start resets the count to zero if the container was not running.
    let first = before.entry(id.to_owned()).or_insert(n_restarts);
    *first = (*first).min(n_restarts);
    let is_over = match state.status? {
        ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD => true,
        _ => n_restarts - *first >= MAX_RESTARTS,
    };
    is_over.then(|| state.exit_code.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ContainerState;

    #[test]
    fn what_a_node_went_through_earlier_does_not_count() {
        let mut before = BTreeMap::new();
        let mut has_given_up = |n_restarts, status| {
            let state = ContainerState { status: Some(status), ..ContainerState::default() };
            let container = ContainerInspectResponse {
                state: Some(state),
                restart_count: Some(n_restarts),
                ..ContainerInspectResponse::default()
            };
            super::has_given_up(&container, "a", &mut before).is_some()
        };
        assert!(!has_given_up(7, ContainerStateStatusEnum::RUNNING));
        assert!(!has_given_up(9, ContainerStateStatusEnum::RUNNING));
        assert!(has_given_up(10, ContainerStateStatusEnum::RESTARTING));
        assert!(!has_given_up(0, ContainerStateStatusEnum::RUNNING));
        assert!(has_given_up(3, ContainerStateStatusEnum::RUNNING));
        assert!(has_given_up(0, ContainerStateStatusEnum::EXITED));
    }
}
