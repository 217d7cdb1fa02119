//! A plugin that runs image registries beside clusters.
//!
//! A registry is a container. It stands alone (`registry create`) and may be used by several
//! clusters, or it belongs to one (`cluster create --registry`) and is deleted with it.
//! Nodes learn of their registries before they are made, as mirrors; tools learn of one from
//! the cluster, as KEP-1755 has it.
//!
//! This file is the plugin as its host sees it.

mod clusters;
mod commands;
mod each;
mod listing;
mod registry;
mod request;
mod spec;

use clusters::Clusters;
use commands::{Create, Delete, List, Start, Stop};
use request::NAME;

pintle_plugin::export_plugin! {
    name: NAME,
    description: "Runs image registries beside clusters",
    project_versions: ["3"],
    commands: [Create, List, Delete, Start, Stop],
    hooks: [Clusters],
}
