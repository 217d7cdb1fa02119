//! The messages about containers: what a plugin requests of its host, and the replies.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A container to be created.
///
/// ```
/// use pintle_plugin::ContainerSpec;
///
/// let spec = ContainerSpec::new("quay", "quay:2").env("LOG", "debug").port(5000, "127.0.0.1", 0);
/// assert_eq!(spec.ports[0].container, 5000);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// The name, by which other containers in its networks can reach it.
    pub name: String,
    /// The image; it is pulled if the engine does not have it.
    pub image: String,
    /// The arguments of the image's program; empty for the image's own arguments.
    pub args: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Labels. The host adds some of its own.
    pub labels: BTreeMap<String, String>,
    /// Ports to publish on the engine's machine.
    pub ports: Vec<PublishedPort>,
    /// Mounts, by the absolute path in the container: a directory or file of the engine's machine,
    /// or the name of a volume.
    pub mounts: BTreeMap<String, String>,
    /// Files, by absolute path; each one exists before the container starts.
    pub files: BTreeMap<String, String>,
    /// The network; empty for the engine's default network.
    pub network: String,
    /// The cluster that the container belongs to and is deleted with; empty for none.
    pub cluster: String,
}

/// A port of a container on the engine's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct PublishedPort {
    /// The port in the container.
    pub container: u16,
    /// The address on the engine's machine; empty for all addresses.
    pub host_ip: String,
    /// The port there; 0 requests a free one from the engine.
    pub host: u16,
}

/// A container of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ContainerInfo {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The image.
    pub image: String,
    /// Whether it runs.
    pub running: bool,
    /// The engine's name for its state, for example `running` or `exited`.
    pub state: String,
    /// How often the engine has restarted it since it was started, because it ended by itself.
    pub restarts: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The ports that are published now.
    pub ports: Vec<PublishedPort>,
    /// The networks that it is in.
    pub networks: Vec<String>,
    /// The cluster that it belongs to; empty for none.
    pub cluster: String,
}

impl ContainerSpec {
    /// Describes a container that runs an image.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// assert_eq!(ContainerSpec::new("quay", "quay:2").image, "quay:2");
    /// ```
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Self { name: name.into(), image: image.into(), ..Self::default() }
    }

    /// Adds an argument of the image's program.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// let spec = ContainerSpec::new("quay", "quay:2").arg("serve").arg("--debug");
    /// assert_eq!(spec.args, ["serve", "--debug"]);
    /// ```
    pub fn arg(mut self, text: impl Into<String>) -> Self {
        self.args.push(text.into());
        self
    }

    /// Sets an environment variable.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// let spec = ContainerSpec::new("quay", "quay:2").env("LOG", "debug");
    /// assert_eq!(spec.env["LOG"], "debug");
    /// ```
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets a label.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// let spec = ContainerSpec::new("quay", "quay:2").label("team", "harbour");
    /// assert_eq!(spec.labels["team"], "harbour");
    /// ```
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Publishes a port; with 0 as `host`, the engine chooses a free one.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// let spec = ContainerSpec::new("quay", "quay:2").port(5000, "127.0.0.1", 0);
    /// assert_eq!(spec.ports[0].host, 0);
    /// ```
    pub fn port(mut self, container: u16, host_ip: impl Into<String>, host: u16) -> Self {
        self.ports.push(PublishedPort { container, host_ip: host_ip.into(), host });
        self
    }

    /// Mounts a directory, a file or a volume.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// let spec = ContainerSpec::new("quay", "quay:2").mount("quay-data", "/var/lib/quay");
    /// assert_eq!(spec.mounts["/var/lib/quay"], "quay-data");
    /// ```
    pub fn mount(mut self, source: impl Into<String>, target: impl Into<String>) -> Self {
        self.mounts.insert(target.into(), source.into());
        self
    }

    /// Connects the container to a network.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// assert_eq!(ContainerSpec::new("quay", "quay:2").network("harbour").network, "harbour");
    /// ```
    pub fn network(mut self, name: impl Into<String>) -> Self {
        self.network = name.into();
        self
    }

    /// Makes the container part of a cluster.
    ///
    /// ```
    /// use pintle_plugin::ContainerSpec;
    ///
    /// assert_eq!(ContainerSpec::new("quay", "quay:2").cluster("dev").cluster, "dev");
    /// ```
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }
}

/// What a plugin requests for its containers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "call", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContainerRequest {
    /// Creates a container and starts it; answers with it.
    Run(ContainerSpec),
    /// Lists the plugin's containers.
    List {},
    /// Starts a container; answers with it.
    Start {
        /// Its name.
        name: String,
    },
    /// Stops a container.
    Stop {
        /// Its name.
        name: String,
    },
    /// Removes a container with its anonymous volumes, whether it runs or not.
    Remove {
        /// Its name.
        name: String,
    },
    /// Connects a container to a network; if it is already connected, this is not an error.
    Connect {
        /// Its name.
        name: String,
        /// The network.
        network: String,
    },
    /// Disconnects a container from a network; if it is not connected, this is not an error.
    Disconnect {
        /// Its name.
        name: String,
        /// The network.
        network: String,
    },
    /// Applies a manifest to the API of a cluster, by server-side apply.
    Apply {
        /// The cluster.
        cluster: String,
        /// One object, as JSON.
        manifest: Value,
    },
    /// A call that this release does not know.
    #[serde(other)]
    Unknown,
}
