//! The variables that describe a cluster's events to plugins that are programs.

use pintle_plugin::json::Value;
use pintle_plugin::{ClusterInfo, NodeInfo};
use serde::Deserialize as _;

/// Returns the variables of an event about a cluster: its name, its network, and its nodes as
/// `name=container-id`, separated by `;`.
///
/// The names are those requested in
/// <https://github.com/k3d-io/k3d/issues/304>.
pub(super) fn of_event(_event: &str, payload: &Value) -> Vec<(String, String)> {
    let Ok(cluster) = ClusterInfo::deserialize(&payload["cluster"]) else { return Vec::new() };
    let nodes = |role: &str| {
        let nodes = cluster.nodes.iter().filter(|it| it.role == role);
        let shown: Vec<_> = nodes.map(|NodeInfo { name, id, .. }| format!("{name}={id}")).collect();
        shown.join(";")
    };
    [
        ("CLUSTER", cluster.name.clone()),
        ("DOCKER_NETWORK", cluster.network.clone()),
        ("DOCKER_CONTROL", nodes("server")),
        ("DOCKER_AGENTS", nodes("agent")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::json::json;

    #[test]
    fn a_cluster_is_its_name_its_network_and_its_nodes() {
        let node = |name: &str, role: &str, id: &str| json!({"name": name, "role": role, "id": id});
        let payload = json!({"cluster": {
            "name": "dev",
            "network": "pintle-dev",
            "nodes": [node("s-0", "server", "1"), node("a-0", "agent", "2"), node("a-1", "agent", "")],
        }});
        let set = of_event("post-cluster-create", &payload);
        let set: Vec<_> = set.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
        assert_eq!(
            set,
            [
                ("CLUSTER", "dev"),
                ("DOCKER_NETWORK", "pintle-dev"),
                ("DOCKER_CONTROL", "s-0=1"),
                ("DOCKER_AGENTS", "a-0=2;a-1="),
            ]
        );
        assert!(of_event("post-project-init", &json!({"project": {}})).is_empty());
    }
}
