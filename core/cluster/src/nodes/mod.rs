//! The nodes of clusters: containers on the engine, whose labels are the only state.

mod api_access;
mod container;
pub(crate) mod container_plan;
mod inventory;
pub(crate) mod objects;
pub(crate) mod readiness;
mod subnet;
pub(crate) mod waiting;
mod watcher;

pub(crate) use api_access::{
    ApiAccess, access, api, credentials, credentials_to_come, first_server, ready_api,
    written_credentials,
};
pub(crate) use container::{exec, lacks_privilege, put_files};
pub use inventory::{Cluster, Node, all_nodes, find, get, list};
pub(crate) use inventory::{NodeContainer, nodes};
pub(crate) use subnet::Subnet;
pub(crate) use waiting::Waiting;
pub(crate) use watcher::Watched;
