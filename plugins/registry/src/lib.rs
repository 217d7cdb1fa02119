//! A plugin that runs image registries alongside clusters.
//!
//! A registry is a container. It is either independent (`registry create`), and can be used by
//! several clusters, or it belongs to one cluster (`cluster create --registry`) and is deleted with
//! it. Nodes get their registries as mirrors before they are created. Tools find one through the
//! cluster, as defined by KEP-1755.
//!
//! This file defines the plugin for its host.

mod clusters;
mod commands;
mod each;
mod listing;
mod registry;
mod request;
mod spec;

use clusters::Clusters;
use commands::{Create, Delete, List, Start, Stop};
use pintle_plugin::Noun;
use request::NAME;

pintle_plugin::export_plugin! {
    name: NAME,
    description: "Runs image registries alongside clusters",
    project_versions: ["3"],
    nouns: [Noun::new(&["registry"], "Manage image registries").long_about(
        "A registry is a container that clusters pull images from. A registry that `registry \
         create` creates is independent, and any number of clusters can use it. A registry that \
         `cluster create --registry` creates belongs to its cluster and is deleted with it."
    )],
    commands: [Create, List, Delete, Start, Stop],
    hooks: [Clusters],
}
