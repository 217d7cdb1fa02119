//! What hooks receive about a cluster, and what they may amend before it is created.

use crate::error::Result;
use crate::message::HookReply;
use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The payload of `{pre,post}-cluster-{create,start,stop,delete}`.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # use pintle_plugin::events::PRE_CLUSTER_CREATE;
/// # fn on_event(event: &Event<'_>) -> Result<HookReply> {
/// let event = event.payload(&PRE_CLUSTER_CREATE)?;
/// if event.cluster.nodes.len() > 9 {
///     return Ok(HookReply::veto(format!("`{}` has too many nodes", event.cluster.name)));
/// }
/// # Ok(HookReply::proceed())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterEvent {
    /// The cluster.
    pub cluster: ClusterInfo,
    /// The values of the options that plugins add to the command, by name; see
    /// [`Hook::options`](crate::Hook::options).
    pub options: Map<String, Value>,
    /// The sections of the cluster file that belong to plugins, by the plugin's full name.
    pub config: Map<String, Value>,
    /// Whether a deletion undoes a creation that failed.
    pub rollback: bool,
}

/// The payload of `{pre,post}-node-{create,delete}`.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # use pintle_plugin::events::POST_NODE_CREATE;
/// # fn on_event(event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
/// for node in event.payload(&POST_NODE_CREATE)?.nodes {
///     host.info(format!("{} is a new {}", node.name, node.role));
/// }
/// # Ok(HookReply::proceed())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct NodeEvent {
    /// The cluster, with all its nodes.
    pub cluster: ClusterInfo,
    /// The nodes that are added or removed.
    pub nodes: Vec<NodeInfo>,
    /// The values of the options that plugins add to the command, by name; see
    /// [`Hook::options`](crate::Hook::options).
    pub options: Map<String, Value>,
}

/// A cluster as hooks see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// The cluster's name.
    pub name: String,
    /// The network of its containers.
    pub network: String,
    /// Whether the network existed before the cluster and may contain other containers.
    pub network_external: bool,
    /// The image of its nodes.
    pub image: String,
    /// Its nodes. They have no ids before they are created.
    pub nodes: Vec<NodeInfo>,
    /// Whether the API server responds and all nodes are ready.
    pub ready: bool,
}

/// A node of a cluster: a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct NodeInfo {
    /// The container's name, which is also the node's.
    pub name: String,
    /// `server` or `agent`.
    pub role: String,
    /// The container's id; empty if there is no container.
    pub id: String,
}

impl ClusterEvent {
    /// Reads the section of the cluster file that belongs to the plugin with this full name.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::PRE_CLUSTER_CREATE;
    /// # fn on_event(event: &Event<'_>) -> Result<HookReply> {
    /// #[derive(Default, serde::Deserialize)]
    /// struct Settings {
    ///     region: String,
    /// }
    ///
    /// let event = event.payload(&PRE_CLUSTER_CREATE)?;
    /// let settings: Settings = event.section("quay.example.org")?.unwrap_or_default();
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the section is not a `T`.
    pub fn section<T: DeserializeOwned>(&self, plugin: &str) -> Result<Option<T>> {
        let Some(section) = self.config.get(plugin) else { return Ok(None) };
        T::deserialize(section)
            .map(Some)
            .with_context(|| format!("invalid section `plugins.{plugin}` in the cluster file"))
    }

    /// Returns whether the option `name`, a flag, was given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::PRE_CLUSTER_CREATE;
    /// # fn on_event(event: &Event<'_>) -> Result<HookReply> {
    /// let is_watched = event.payload(&PRE_CLUSTER_CREATE)?.flag("watched");
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    pub fn flag(&self, name: &str) -> bool {
        flag(&self.options, name)
    }

    /// Returns the values of the option `name`, in the order in which they were given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::PRE_CLUSTER_CREATE;
    /// # fn on_event(event: &Event<'_>) -> Result<HookReply> {
    /// let zones = event.payload(&PRE_CLUSTER_CREATE)?.texts("zone"); // --zone a --zone b
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    pub fn texts(&self, name: &str) -> Vec<String> {
        texts(&self.options, name)
    }
}

impl NodeEvent {
    /// Returns whether the option `name`, a flag, was given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::PRE_NODE_CREATE;
    /// # fn on_event(event: &Event<'_>) -> Result<HookReply> {
    /// let is_watched = event.payload(&PRE_NODE_CREATE)?.flag("watched");
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    pub fn flag(&self, name: &str) -> bool {
        flag(&self.options, name)
    }

    /// Returns the values of the option `name`, in the order in which they were given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # use pintle_plugin::events::PRE_NODE_CREATE;
    /// # fn on_event(event: &Event<'_>) -> Result<HookReply> {
    /// let zones = event.payload(&PRE_NODE_CREATE)?.texts("zone"); // --zone a --zone b
    /// # Ok(HookReply::proceed())
    /// # }
    /// ```
    pub fn texts(&self, name: &str) -> Vec<String> {
        texts(&self.options, name)
    }
}

fn flag(options: &Map<String, Value>, name: &str) -> bool {
    options.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn texts(options: &Map<String, Value>, name: &str) -> Vec<String> {
    let text = |it: &Value| it.as_str().map(str::to_owned);
    match options.get(name) {
        Some(Value::Array(all)) => all.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// What a hook on `pre-cluster-create` adds to all nodes that are about to be created.
///
/// Each part is identified by a key. If two plugins give one key different values, they conflict,
/// and nothing is created.
///
/// ```
/// use pintle_plugin::{Amendment, HookReply};
///
/// let reply: HookReply = Amendment::new().env("WATCHED", "1").label("team", "harbour").into();
/// assert_eq!(reply.amend["env"]["WATCHED"], "1");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Amendment {
    /// Environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Labels of the containers. Those of the host cannot be set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Files, by absolute path; each one exists before the node starts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, AmendedFile>,
    /// Mounts, by the absolute path in the node.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mounts: BTreeMap<String, AmendedMount>,
    /// Endpoints that serve as mirrors of a registry, by the registry's host and port as in the
    /// names of images. The host writes the registries file of the nodes from all of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mirrors: BTreeMap<String, Vec<String>>,
}

/// A file of an [`Amendment`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct AmendedFile {
    /// The content.
    pub text: String,
    /// The Unix permission bits.
    pub mode: u32,
}

/// A mount of an [`Amendment`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct AmendedMount {
    /// A directory or file of the engine's machine, or the name of a volume.
    pub source: String,
    /// Whether nodes can only read it.
    pub read_only: bool,
}

impl Amendment {
    /// Returns an amendment that changes nothing.
    ///
    /// ```
    /// use pintle_plugin::Amendment;
    ///
    /// assert!(Amendment::new().env.is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an environment variable.
    ///
    /// ```
    /// use pintle_plugin::Amendment;
    ///
    /// let amendment = Amendment::new().env("HTTP_PROXY", "http://proxy:3128");
    /// assert_eq!(amendment.env["HTTP_PROXY"], "http://proxy:3128");
    /// ```
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets a label of the containers.
    ///
    /// ```
    /// use pintle_plugin::Amendment;
    ///
    /// let amendment = Amendment::new().label("team", "harbour");
    /// assert_eq!(amendment.labels["team"], "harbour");
    /// ```
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Adds a file that all users may read.
    ///
    /// ```
    /// use pintle_plugin::Amendment;
    ///
    /// let amendment = Amendment::new().file("/etc/motd", "Ahoy\n");
    /// assert_eq!(amendment.files["/etc/motd"].mode, 0o644);
    /// ```
    pub fn file(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), AmendedFile { text: text.into(), mode: 0o644 });
        self
    }

    /// Mounts a directory, a file or a volume.
    ///
    /// ```
    /// use pintle_plugin::Amendment;
    ///
    /// let amendment = Amendment::new().mount("/srv/images", "/images");
    /// assert_eq!(amendment.mounts["/images"].source, "/srv/images");
    /// ```
    pub fn mount(mut self, source: impl Into<String>, target: impl Into<String>) -> Self {
        let mount = AmendedMount { source: source.into(), read_only: false };
        self.mounts.insert(target.into(), mount);
        self
    }

    /// Makes an endpoint, for example `http://name:5000`, a mirror of a registry.
    ///
    /// ```
    /// use pintle_plugin::Amendment;
    ///
    /// let amendment = Amendment::new().mirror("docker.io", "http://mirror:5000");
    /// assert_eq!(amendment.mirrors["docker.io"], ["http://mirror:5000"]);
    /// ```
    pub fn mirror(mut self, registry: impl Into<String>, endpoint: impl Into<String>) -> Self {
        self.mirrors.entry(registry.into()).or_default().push(endpoint.into());
        self
    }
}

impl From<Amendment> for HookReply {
    fn from(amendment: Amendment) -> Self {
        let Ok(Value::Object(amend)) = serde_json::to_value(amendment) else {
            unreachable!("a struct with string keys is an object");
        };
        Self { amend, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amendment_is_the_map_of_its_parts() {
        let reply: HookReply = Amendment::new().env("A", "1").mirror("r:5000", "http://x").into();
        let expected = serde_json::json!({"env": {"A": "1"}, "mirrors": {"r:5000": ["http://x"]}});
        assert_eq!(Value::Object(reply.amend), expected);
        assert_eq!(HookReply::from(Amendment::new()), HookReply::proceed());
    }

    #[test]
    fn options_and_sections_are_read_by_name() {
        let event: ClusterEvent = serde_json::from_value(serde_json::json!({
            "options": {"loud": true, "use": ["a", "b"], "one": "c"},
            "config": {"x.example.org": {"n": 1}},
        }))
        .unwrap();
        assert!(event.flag("loud"));
        assert!(!event.flag("quiet"));
        assert_eq!(event.texts("use"), ["a", "b"]);
        assert_eq!(event.texts("one"), ["c"]);
        let section: Option<BTreeMap<String, u8>> = event.section("x.example.org").unwrap();
        assert_eq!(section.unwrap()["n"], 1);
        let err = event.section::<String>("x.example.org").unwrap_err().to_string();
        assert_eq!(err, "invalid section `plugins.x.example.org` in the cluster file");
    }
}
