//! The container of a new node.

use super::rollback::Run;
use crate::engine::EngineError;
use crate::error::ClusterError;
use crate::nodes::container_plan::NodePlan;
use crate::nodes::{NodeContainer, put_files};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use std::sync::Arc;

/// Creates a node's container, with its files in it; it does not run yet.
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
