//! The events that there are.

use serde::Serialize;

/// An event that hooks can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventInfo {
    /// Its name.
    pub name: &'static str,
    /// When it happens.
    pub about: &'static str,
    /// What a hook may do, beside failing.
    pub may: &'static str,
}

/// All events, in the order of a lifecycle.
pub const EVENTS: &[EventInfo] = &[
    event("pre-cluster-create", "before anything of a cluster is made", "amend, veto"),
    event("post-cluster-create", "when a new cluster is ready", "act; a failure undoes it all"),
    event("pre-cluster-start", "before a cluster's nodes are started", "veto"),
    event("post-cluster-start", "when a started cluster is ready", "act"),
    event("pre-cluster-stop", "before a cluster's nodes are stopped", "veto"),
    event("post-cluster-stop", "when a cluster's nodes have stopped", "act"),
    event("pre-cluster-delete", "before a cluster is deleted", "veto"),
    event("post-cluster-delete", "when a cluster is gone, or its creation undone", "act"),
    event("pre-node-create", "before nodes join a cluster", "amend, veto"),
    event("post-node-create", "when the new nodes are ready", "act; a failure undoes them"),
    event("pre-node-delete", "before nodes leave a cluster", "veto"),
    event("post-node-delete", "when the nodes are gone", "act"),
    event("pre-project-init", "before a new project reaches the disk", "veto"),
    event("post-project-init", "when a new project is on disk", "act"),
    event("pre-project-edit", "before a project's edit reaches the disk", "veto"),
    event("post-project-edit", "when a project's edit is on disk", "act"),
    event("pre-resource-create", "before an API or webhook reaches the disk", "veto"),
    event("post-resource-create", "when an API or webhook is on disk", "act"),
    event("pre-resource-delete", "before an API or webhook leaves the disk", "veto"),
    event("post-resource-delete", "when an API or webhook has left the disk", "act"),
];

const fn event(name: &'static str, about: &'static str, may: &'static str) -> EventInfo {
    EventInfo { name, about, may }
}
