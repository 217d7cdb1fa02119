//! Creates the container of a new node, and starts servers that join the cluster.

use super::rollback::Run;
use crate::engine::{Engine, EngineError};
use crate::error::ClusterError;
use crate::nodes::container_plan::NodePlan;
use crate::nodes::{ApiAccess, NodeContainer, Waiting, Watched, put_files, readiness};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use std::slice;
use std::sync::Arc;

/// Creates a node's container with its files. The container is not started yet.
pub(super) async fn create_node(
    run: &Arc<Run>,
    plan: NodePlan,
) -> Result<NodeContainer, ClusterError> {
    let (engine, name) = (run.engine().clone(), plan.name.clone());
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let action = format!("create the node `{name}`");
    let made = run.make(&name, async move {
        let created = engine.docker().create_container(Some(options), plan.body).await;
        created.map_err(|err| EngineError::failed(action, err))
    });
    let id = made.await?.id;
    if !plan.files.is_empty() {
        put_files(run.engine(), &id, &name, &plan.files).await?;
    }
    Ok(NodeContainer { id, name })
}

/// Starts servers one after another, each when the previous one is ready. The first one of
/// `servers` is already running.
///
/// The store of the cluster accepts one new member at a time, and a k3s server that is refused
/// gives up. Newer versions are said to retry, but this code does not rely on it.
pub(super) async fn join_in_turn(
    engine: &Engine,
    access: &mut ApiAccess,
    servers: &[NodeContainer],
    watched: &Watched,
    waiting: &Waiting,
) -> Result<(), ClusterError> {
    for pair in servers.windows(2) {
        let [before, next] = pair else { continue };
        readiness::nodes(engine, access, slice::from_ref(before), waiting, &|_| {}).await?;
        watched.start(engine, next).await?;
    }
    Ok(())
}
