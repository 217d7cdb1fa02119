//! What is done with clusters: creation, start, stop and deletion, of clusters and of nodes.

mod cluster_hooks;
mod cluster_lock;
mod cluster_network;
mod create_cluster;
mod create_node;
mod create_nodes;
mod delete_cluster;
mod delete_nodes;
mod export_kubeconfig;
mod free_subnet;
mod import_images;
mod mounts;
mod node_logs;
mod plugin_containers;
mod report;
mod rollback;
mod shared_things;
mod signals;
mod start_cluster;
mod stop_cluster;
mod supervise;

pub(crate) use cluster_lock::Locks;
pub use create_cluster::{CreateOptions, create};
pub use create_nodes::{NodeOptions, NodeSpec, create_nodes};
pub use delete_cluster::{Deleted, all_names, delete};
pub use delete_nodes::delete_nodes;
pub use export_kubeconfig::{kubeconfig_text, merge_kubeconfig};
pub use import_images::{Source, import};
pub use node_logs::logs;
pub(crate) use plugin_containers::PluginContainers;
pub use report::Report;
pub use rollback::Run;
pub use signals::Signals;
pub use start_cluster::{StartOptions, start};
pub use stop_cluster::stop;
