//! The events of Pintle itself: projects, clusters and their nodes.
//!
//! A host of another field has events of its own; see [`EventType`].
//!
//! ```
//! # use pintle_plugin::prelude::*;
//! use pintle_plugin::events::POST_CLUSTER_CREATE;
//!
//! fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
//!     host.info(format!("{} is ready", event.payload(&POST_CLUSTER_CREATE)?.cluster.name));
//!     Ok(HookReply::proceed())
//! }
//! ```

use crate::cluster::{ClusterEvent, NodeEvent};
use crate::event_type::EventType;
use crate::message::ProjectEvent;

/// Before a new project is written.
pub const PRE_PROJECT_INIT: EventType<ProjectEvent> =
    EventType::new("pre-project-init", "before a new project is written").with_veto();

/// After a new project is written.
pub const POST_PROJECT_INIT: EventType<ProjectEvent> =
    EventType::new("post-project-init", "after a new project is written");

/// Before a project's edit is written.
pub const PRE_PROJECT_EDIT: EventType<ProjectEvent> =
    EventType::new("pre-project-edit", "before a project's edit is written").with_veto();

/// After a project's edit is written.
pub const POST_PROJECT_EDIT: EventType<ProjectEvent> =
    EventType::new("post-project-edit", "after a project's edit is written");

/// Before an API or webhook is written.
pub const PRE_RESOURCE_CREATE: EventType<ProjectEvent> =
    EventType::new("pre-resource-create", "before an API or webhook is written").with_veto();

/// After an API or webhook is written.
pub const POST_RESOURCE_CREATE: EventType<ProjectEvent> =
    EventType::new("post-resource-create", "after an API or webhook is written");

/// Before an API or webhook is deleted.
pub const PRE_RESOURCE_DELETE: EventType<ProjectEvent> =
    EventType::new("pre-resource-delete", "before an API or webhook is deleted").with_veto();

/// After an API or webhook is deleted.
pub const POST_RESOURCE_DELETE: EventType<ProjectEvent> =
    EventType::new("post-resource-delete", "after an API or webhook is deleted");

/// Before a cluster is created.
pub const PRE_CLUSTER_CREATE: EventType<ClusterEvent> =
    EventType::new("pre-cluster-create", "before a cluster is created")
        .with_amendments()
        .with_veto();

/// When a new cluster is ready.
pub const POST_CLUSTER_CREATE: EventType<ClusterEvent> =
    EventType::new("post-cluster-create", "when a new cluster is ready")
        .may("act; a failure undoes it all");

/// Before a cluster's nodes are started.
pub const PRE_CLUSTER_START: EventType<ClusterEvent> =
    EventType::new("pre-cluster-start", "before a cluster's nodes are started").with_veto();

/// When a started cluster is ready.
pub const POST_CLUSTER_START: EventType<ClusterEvent> =
    EventType::new("post-cluster-start", "when a started cluster is ready");

/// Before a cluster's nodes are stopped.
pub const PRE_CLUSTER_STOP: EventType<ClusterEvent> =
    EventType::new("pre-cluster-stop", "before a cluster's nodes are stopped").with_veto();

/// When a cluster's nodes have stopped.
pub const POST_CLUSTER_STOP: EventType<ClusterEvent> =
    EventType::new("post-cluster-stop", "when a cluster's nodes have stopped");

/// Before a cluster is deleted.
pub const PRE_CLUSTER_DELETE: EventType<ClusterEvent> =
    EventType::new("pre-cluster-delete", "before a cluster is deleted").with_veto();

/// When a cluster is gone, or its creation undone.
pub const POST_CLUSTER_DELETE: EventType<ClusterEvent> =
    EventType::new("post-cluster-delete", "when a cluster is gone, or its creation undone");

/// Before nodes join a cluster.
pub const PRE_NODE_CREATE: EventType<NodeEvent> =
    EventType::new("pre-node-create", "before nodes join a cluster").with_amendments().with_veto();

/// When the new nodes are ready.
pub const POST_NODE_CREATE: EventType<NodeEvent> =
    EventType::new("post-node-create", "when the new nodes are ready")
        .may("act; a failure undoes them");

/// Before nodes leave a cluster.
pub const PRE_NODE_DELETE: EventType<NodeEvent> =
    EventType::new("pre-node-delete", "before nodes leave a cluster").with_veto();

/// After the nodes are deleted.
pub const POST_NODE_DELETE: EventType<NodeEvent> =
    EventType::new("post-node-delete", "after the nodes are deleted");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::EVENTS;

    #[test]
    fn every_event_is_known_to_the_macro() {
        let projects = [
            PRE_PROJECT_INIT,
            POST_PROJECT_INIT,
            PRE_PROJECT_EDIT,
            POST_PROJECT_EDIT,
            PRE_RESOURCE_CREATE,
            POST_RESOURCE_CREATE,
            PRE_RESOURCE_DELETE,
            POST_RESOURCE_DELETE,
        ];
        let clusters = [
            PRE_CLUSTER_CREATE,
            POST_CLUSTER_CREATE,
            PRE_CLUSTER_START,
            POST_CLUSTER_START,
            PRE_CLUSTER_STOP,
            POST_CLUSTER_STOP,
            PRE_CLUSTER_DELETE,
            POST_CLUSTER_DELETE,
        ];
        let nodes = [PRE_NODE_CREATE, POST_NODE_CREATE, PRE_NODE_DELETE, POST_NODE_DELETE];
        let names = projects.iter().map(EventType::name);
        let names = names.chain(clusters.iter().map(EventType::name));
        let names: Vec<_> = names.chain(nodes.iter().map(EventType::name)).collect();
        assert_eq!(names, EVENTS);
    }
}
