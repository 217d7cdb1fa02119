//! The commands `cluster …`, `node …`, `kubeconfig …` and `image …`, as a group of a host.

mod cluster_create;
mod cluster_delete;
mod cluster_file_text;
mod cluster_inspect;
mod cluster_list;
mod cluster_logs;
mod cluster_start_stop;
mod completed;
mod console_report;
mod errors;
mod image_import;
mod kubeconfig_get_merge;
mod node_create;
mod node_delete;
mod node_list;
mod service;
mod session_engine;
mod shared_args;
mod spec_options;
mod variables;

use pintle_host::cli::{Group, Noun, Row, Run};
use pintle_host::lifecycle::EventInfo;
use pintle_plugin::events;
use session_engine::{ENGINE, containers};
use std::sync::Arc;

/// Clusters as a group of a host: `cluster`, `node`, `kubeconfig` and `image`, and containers as a
/// service for plugins.
pub static GROUP: Group = Group {
    name: "cluster",
    nouns: &[
        Noun { word: "cluster", about: "Throw-away clusters in Docker" },
        Noun { word: "node", about: "The nodes of clusters" },
        Noun { word: "kubeconfig", about: "The kubeconfigs of clusters" },
        Noun { word: "image", about: "Images in clusters" },
    ],
    rows: &[
        Row::new(
            &["cluster", "create"],
            "Create a cluster",
            Run::Hooked {
                // A failed creation is undone, and then plugins undo their part.
                events: &["pre-cluster-create", "post-cluster-create", "post-cluster-delete"],
                run: cluster_create::run,
            },
        )
        .args(cluster_create::command)
        .needs(&[ENGINE])
        .common(),
        Row::new(
            &["cluster", "delete"],
            "Delete clusters with everything that belongs to them",
            Run::Hooked {
                events: &["pre-cluster-delete", "post-cluster-delete"],
                run: cluster_delete::run,
            },
        )
        .args(cluster_delete::command)
        .needs(&[ENGINE])
        .common(),
        Row::new(
            &["cluster", "start"],
            "Start stopped clusters",
            Run::Hooked {
                events: &["pre-cluster-start", "post-cluster-start"],
                run: cluster_start_stop::start,
            },
        )
        .args(cluster_start_stop::start_command)
        .needs(&[ENGINE]),
        Row::new(
            &["cluster", "stop"],
            "Stop clusters and keep their data",
            Run::Hooked {
                events: &["pre-cluster-stop", "post-cluster-stop"],
                run: cluster_start_stop::stop,
            },
        )
        .args(cluster_start_stop::stop_command)
        .needs(&[ENGINE]),
        cluster_list::ROW,
        cluster_inspect::ROW,
        cluster_logs::ROW,
        Row::new(
            &["node", "create"],
            "Add nodes to a cluster",
            Run::Hooked {
                events: &["pre-node-create", "post-node-create", "post-node-delete"],
                run: node_create::run,
            },
        )
        .args(node_create::command)
        .needs(&[ENGINE]),
        Row::new(
            &["node", "delete"],
            "Remove nodes from their clusters",
            Run::Hooked { events: &["pre-node-delete", "post-node-delete"], run: node_delete::run },
        )
        .args(node_delete::command)
        .needs(&[ENGINE]),
        node_list::ROW,
        kubeconfig_get_merge::GET,
        kubeconfig_get_merge::MERGE,
        image_import::ROW,
    ],
    events: &[
        EventInfo::of(&events::PRE_CLUSTER_CREATE),
        EventInfo::of(&events::POST_CLUSTER_CREATE),
        EventInfo::of(&events::PRE_CLUSTER_START),
        EventInfo::of(&events::POST_CLUSTER_START),
        EventInfo::of(&events::PRE_CLUSTER_STOP),
        EventInfo::of(&events::POST_CLUSTER_STOP),
        EventInfo::of(&events::PRE_CLUSTER_DELETE),
        EventInfo::of(&events::POST_CLUSTER_DELETE),
        EventInfo::of(&events::PRE_NODE_CREATE),
        EventInfo::of(&events::POST_NODE_CREATE),
        EventInfo::of(&events::PRE_NODE_DELETE),
        EventInfo::of(&events::POST_NODE_DELETE),
    ],
    services: Some(|session| Arc::new(containers(session))),
    variables: Some(variables::of_event),
    ..Group::EMPTY
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_told_of_every_command_with_hooks() {
        let hooked = GROUP.rows.iter().filter(|it| it.is_hooked());
        let mut paths: Vec<_> = hooked.map(Row::path).collect();
        paths.sort_unstable();
        assert_eq!(paths, pintle_plugin::rules::HOOKED_COMMANDS);
    }
}
