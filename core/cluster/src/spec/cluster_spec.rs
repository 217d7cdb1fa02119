//! The description of a cluster.

use super::node_filter::{Filtered, NoSuchNode, NodeFilter};
use super::values::{ApiAddress, Memory, Pair, Privilege, Publish, Ulimit, VolumeMount};
use crate::engine::File;
use crate::names::ClusterName;
use crate::role::Role;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The default image of nodes.
pub const DEFAULT_IMAGE: &str = "docker.io/rancher/k3s:v1.34.1-k3s1";

/// Where nodes look up their registries (k3s, "Private Registry Configuration").
pub(crate) const REGISTRIES_FILE: &str = "/etc/rancher/k3s/registries.yaml";

/// A secret, which no output of `Debug` contains.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The description of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterSpec {
    /// Its name.
    pub name: ClusterName,
    /// The number of servers, at least one.
    pub servers: usize,
    /// The number of agents.
    pub agents: usize,
    /// The image of all nodes.
    pub image: String,
    /// Where the API server is published.
    pub api: ApiAddress,
    /// Published ports; by default, of the first server.
    pub ports: Vec<Filtered<Publish>>,
    /// Mounts; by default, of all nodes.
    pub volumes: Vec<Filtered<VolumeMount>>,
    /// Environment variables; by default, of all nodes.
    pub env: Vec<Filtered<Pair>>,
    /// Arguments for k3s; by default, of all servers.
    pub args: Vec<Filtered<String>>,
    /// Labels of the containers; by default, of all nodes.
    pub labels: Vec<Filtered<Pair>>,
    /// The memory limit of a node; by default, of all nodes.
    pub memory: Vec<Filtered<Memory>>,
    /// Process limits of all nodes.
    pub ulimits: Vec<Ulimit>,
    /// Whether the nodes can see the processes of the engine's machine.
    pub host_pid: bool,
    /// Files that exist before a node starts; by default, on all nodes.
    pub files: Vec<Filtered<File>>,
    /// Additional lines of the nodes' `/etc/hosts`: an address, and a name for it.
    pub host_aliases: Vec<(String, String)>,
    /// A network to share, instead of the cluster's own; it is created if it does not exist.
    pub network: Option<String>,
    /// The address range of the cluster's network, as `172.28.0.0/16`.
    pub subnet: Option<String>,
    /// The secret with which nodes join; random if there is none.
    pub token: Option<Secret>,
    /// The privileges of the containers.
    pub privilege: Privilege,
    /// What the user has written for the nodes' registries file.
    pub registries: Map<String, Value>,
    /// Endpoints that are used instead of registries, by the registry's name.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// The sections of the cluster file that belong to plugins, by their full names.
    pub plugins: Map<String, Value>,
}

/// The defaults for settings that neither the cluster file nor the command line contains.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The image of nodes.
    pub image: String,
    /// The privileges of their containers.
    pub privilege: Privilege,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { image: DEFAULT_IMAGE.to_owned(), privilege: Privilege::default() }
    }
}

impl ClusterSpec {
    /// Returns the smallest cluster: one server.
    pub fn new(name: ClusterName) -> Self {
        Self::with_defaults(name, Defaults::default())
    }

    /// Returns the smallest cluster, with other defaults.
    pub fn with_defaults(name: ClusterName, defaults: Defaults) -> Self {
        Self {
            name,
            servers: 1,
            agents: 0,
            image: defaults.image,
            api: ApiAddress::default(),
            ports: Vec::new(),
            volumes: Vec::new(),
            env: Vec::new(),
            args: Vec::new(),
            labels: Vec::new(),
            memory: Vec::new(),
            ulimits: Vec::new(),
            host_pid: false,
            files: Vec::new(),
            host_aliases: Vec::new(),
            network: None,
            subnet: None,
            token: None,
            privilege: defaults.privilege,
            registries: Map::new(),
            mirrors: BTreeMap::new(),
            plugins: Map::new(),
        }
    }

    /// Returns the positions of all nodes, servers first.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (Role, usize)> + use<> {
        let servers = (0..self.servers).map(|idx| (Role::Server, idx));
        servers.chain((0..self.agents).map(|idx| (Role::Agent, idx)))
    }

    /// Returns the values that apply to one node.
    pub(crate) fn for_node<'a, T>(
        values: &'a [Filtered<T>],
        (role, idx): (Role, usize),
        default: &'a NodeFilter,
    ) -> impl Iterator<Item = &'a T> {
        values.iter().filter(move |it| it.is_for(role, idx, default)).map(|it| &it.value)
    }

    /// Returns the ports of one node. If several nodes would publish the same port of the engine's
    /// machine, only the first one can have it.
    pub(crate) fn ports_of(&self, node: (Role, usize)) -> impl Iterator<Item = &Publish> {
        let default = NodeFilter::first_server();
        let is_for = move |it: &Filtered<Publish>, (role, idx)| it.is_for(role, idx, &default);
        let ports = self.ports.iter().filter(move |it| match it.value.host {
            None => is_for(it, node),
            Some(_) => self.nodes().find(|node| is_for(it, *node)) == Some(node),
        });
        ports.map(|it| &it.value)
    }

    /// Checks that all nodes that values refer to exist.
    ///
    /// # Errors
    ///
    /// When a node filter refers to a node that does not exist.
    pub fn check_nodes(&self) -> Result<(), NoSuchNode> {
        let filters = filters(&self.ports)
            .chain(filters(&self.volumes))
            .chain(filters(&self.env))
            .chain(filters(&self.args))
            .chain(filters(&self.labels))
            .chain(filters(&self.memory))
            .chain(filters(&self.files));
        filters.into_iter().try_for_each(|it| it.check(self.servers, self.agents))
    }

    /// Returns the nodes' registries file, if it is not empty.
    ///
    /// The user's own settings for a registry take precedence over those of plugins.
    pub(crate) fn registries_file(&self) -> Option<File> {
        if self.mirrors.is_empty() && self.registries.is_empty() {
            return None;
        }
        let mut all = self.registries.clone();
        let mirrors = all.entry("mirrors").or_insert(Value::Null);
        if mirrors.is_null() {
            *mirrors = Map::new().into();
        }
        if let Value::Object(mirrors) = mirrors {
            for (registry, endpoints) in &self.mirrors {
                let endpoints = serde_json::json!({ "endpoint": endpoints });
                mirrors.entry(registry.clone()).or_insert(endpoints);
            }
        }
        let text = serde_saphyr::to_string(&all).expect("the file has string keys");
        Some(File { path: REGISTRIES_FILE.to_owned(), bytes: text.into_bytes(), mode: 0o600 })
    }
}

fn filters<T>(values: &[Filtered<T>]) -> impl Iterator<Item = &NodeFilter> {
    values.iter().filter_map(|it| it.nodes.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_words_on_a_registry_come_first() {
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        assert_eq!(spec.registries_file(), None);
        spec.mirrors.insert("r:5000".into(), vec!["http://r:5000".into()]);
        spec.mirrors.insert("docker.io".into(), vec!["http://plugin".into()]);
        let own = serde_json::json!({"mirrors": {"docker.io": {"endpoint": ["http://own"]}}});
        spec.registries = own.as_object().unwrap().clone();
        let file = spec.registries_file().unwrap();
        let file: Value = serde_saphyr::from_str(&String::from_utf8(file.bytes).unwrap()).unwrap();
        let expected = serde_json::json!({"mirrors": {
            "docker.io": {"endpoint": ["http://own"]},
            "r:5000": {"endpoint": ["http://r:5000"]},
        }});
        assert_eq!(file, expected);
    }

    #[test]
    fn mirrors_without_a_value_take_those_of_plugins() {
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        spec.mirrors.insert("r:5000".into(), vec!["http://r:5000".into()]);
        spec.registries = serde_json::json!({"mirrors": null}).as_object().unwrap().clone();
        let text = String::from_utf8(spec.registries_file().unwrap().bytes).unwrap();
        assert!(text.contains("http://r:5000"), "{text}");
    }

    #[test]
    fn values_are_for_nodes_that_exist() {
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        let ports = |text: &str| {
            let it: Filtered<String> = text.into();
            vec![it.try_map(|it| it.parse()).unwrap()]
        };
        spec.ports = ports("8080:80@agent:*");
        assert_eq!(spec.check_nodes(), Ok(()));
        spec.ports = ports("8080:80@agent:0");
        let err = spec.check_nodes().unwrap_err();
        assert_eq!((err.filter.as_str(), err.count), ("agent:0", 0));
        spec.agents = 1;
        assert_eq!(spec.check_nodes(), Ok(()));
    }

    #[test]
    fn only_one_node_has_a_port_of_the_engines_machine() {
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        spec.agents = 2;
        for text in ["8080:80@agent:*", "81@all"] {
            let it: Filtered<String> = text.into();
            spec.ports.push(it.try_map(|it| it.parse()).unwrap());
        }
        let count: Vec<_> = spec.nodes().map(|it| spec.ports_of(it).count()).collect();
        assert_eq!(count, [1, 2, 1]);
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret("x".into())), "[secret]");
    }
}
