//! The host's containers: a plugin that needs a container needs no engine client of its own.
//!
//! Invariant: a plugin reaches only the containers that it created.

use crate::error::{Result, from_reply};
use crate::message::ServiceRequest;
use crate::raw::RawHost;
use serde_json::Value;

pub use crate::message::containers::{
    ContainerInfo, ContainerRequest, ContainerSpec, PublishedPort,
};

/// The host's containers, for the duration of one call of the plugin.
///
/// ```
/// use pintle_plugin::{ContainerSpec, testing};
///
/// # fn main() -> pintle_plugin::Result<()> {
/// let stage = testing::Stage::new();
/// let containers = stage.host().containers();
/// containers.run(ContainerSpec::new("quay", "quay:2"))?;
/// containers.connect("quay", "harbour")?;
/// assert!(containers.list()?[0].networks.contains(&"harbour".to_owned()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Containers<'a> {
    raw: RawHost<'a>,
}

impl<'a> Containers<'a> {
    pub(crate) fn new(raw: RawHost<'a>) -> Self {
        Self { raw }
    }

    /// Creates a container and starts it.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// let quay = containers.run(ContainerSpec::new("quay", "quay:2").port(5000, "127.0.0.1", 0))?;
    /// assert!(quay.running && quay.ports[0].host > 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken, or the engine fails; the container does not exist then.
    pub fn run(&self, spec: ContainerSpec) -> Result<ContainerInfo> {
        self.one(ContainerRequest::Run(spec))
    }

    /// Returns the plugin's containers, sorted by name.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// containers.run(ContainerSpec::new("quay", "quay:2"))?;
    /// assert_eq!(containers.list()?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no engine, or it fails.
    pub fn list(&self) -> Result<Vec<ContainerInfo>> {
        self.call(ContainerRequest::List {})
    }

    /// Returns the plugin's container `name`.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// assert!(containers.find("quay")?.is_none());
    /// containers.run(ContainerSpec::new("quay", "quay:2"))?;
    /// assert!(containers.find("quay")?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no engine, or it fails.
    pub fn find(&self, name: &str) -> Result<Option<ContainerInfo>> {
        Ok(self.list()?.into_iter().find(|it| it.name == name))
    }

    /// Starts a container.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// containers.run(ContainerSpec::new("quay", "quay:2"))?;
    /// containers.stop("quay")?;
    /// assert!(containers.start("quay")?.running);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the plugin has no such container, or the engine fails.
    pub fn start(&self, name: &str) -> Result<ContainerInfo> {
        self.one(ContainerRequest::Start { name: name.to_owned() })
    }

    /// Stops a container.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// containers.run(ContainerSpec::new("quay", "quay:2"))?;
    /// containers.stop("quay")?;
    /// assert!(!containers.list()?[0].running);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the plugin has no such container, or the engine fails.
    pub fn stop(&self, name: &str) -> Result<()> {
        self.call(ContainerRequest::Stop { name: name.to_owned() }).map(drop)
    }

    /// Removes a container with its anonymous volumes, whether it runs or not.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// containers.run(ContainerSpec::new("quay", "quay:2"))?;
    /// containers.remove("quay")?;
    /// assert!(containers.list()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the plugin has no such container, or the engine fails.
    pub fn remove(&self, name: &str) -> Result<()> {
        self.call(ContainerRequest::Remove { name: name.to_owned() }).map(drop)
    }

    /// Connects a container to a network; if it is already connected, this is not an error.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// containers.run(ContainerSpec::new("quay", "quay:2"))?;
    /// containers.connect("quay", "harbour")?;
    /// assert!(containers.list()?[0].networks.contains(&"harbour".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the plugin has no such container, or the engine fails.
    pub fn connect(&self, name: &str, network: &str) -> Result<()> {
        let (name, network) = (name.to_owned(), network.to_owned());
        self.call(ContainerRequest::Connect { name, network }).map(drop)
    }

    /// Disconnects a container from a network; if it is not connected, this is not an error.
    ///
    /// ```
    /// use pintle_plugin::{ContainerSpec, testing};
    ///
    /// # fn main() -> pintle_plugin::Result<()> {
    /// let stage = testing::Stage::new();
    /// let containers = stage.host().containers();
    /// containers.run(ContainerSpec::new("quay", "quay:2").network("harbour"))?;
    /// containers.disconnect("quay", "harbour")?;
    /// assert!(containers.list()?[0].networks.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the plugin has no such container, or the engine fails.
    pub fn disconnect(&self, name: &str, network: &str) -> Result<()> {
        let (name, network) = (name.to_owned(), network.to_owned());
        self.call(ContainerRequest::Disconnect { name, network }).map(drop)
    }

    /// Applies an object to the API of a cluster, by server-side apply with the plugin as the field
    /// manager.
    ///
    /// ```
    /// use pintle_plugin::{json::json, testing};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stage = testing::Stage::new();
    /// let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "berths" } });
    /// stage.host().containers().apply("dev", map)?;
    /// assert_eq!(stage.finish()?.applied[0].0, "dev");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such cluster, or its API server rejects the object or does not respond.
    pub fn apply(&self, cluster: &str, manifest: Value) -> Result<()> {
        let cluster = cluster.to_owned();
        self.call(ContainerRequest::Apply { cluster, manifest }).map(drop)
    }

    fn one(&self, request: ContainerRequest) -> Result<ContainerInfo> {
        let mut all = self.call(request)?;
        all.pop().ok_or_else(|| anyhow::anyhow!("the host did not return the container"))
    }

    fn call(&self, request: ContainerRequest) -> Result<Vec<ContainerInfo>> {
        let reply = self.raw.request(&ServiceRequest::Containers(request)).map_err(from_reply)?;
        Ok(reply.containers)
    }
}
