//! Pintle's own cluster file: `kind: Cluster`.

use super::cluster_file::ClusterFile;
use super::cluster_spec::{Defaults, Secret};
use super::error::ClusterFileError;
use super::fields::{base, duration, file, nodes, value, volume};
use super::node_filter::Filtered;
use super::surroundings::Surroundings;
use super::values::{ApiAddress, Pair};
use crate::names::ClusterName;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// What `apiVersion` says in it.
pub(super) const API_VERSION: &str = "pintle.dev/v1alpha1";

/// What `kind` says in it.
pub(super) const KIND: &str = "Cluster";

/// A throw-away cluster, as `pintle cluster create --config FILE` makes it.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "Cluster"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    /// `pintle.dev/v1alpha1`.
    #[expect(dead_code, reason = "it is read before the rest is")]
    api_version: String,
    /// `Cluster`.
    #[expect(dead_code, reason = "it is read before the rest is")]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    /// What plugins are told, by the plugin's name.
    #[serde(default)]
    plugins: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Metadata {
    /// The cluster's name; the command line's comes before it.
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Spec {
    /// How many servers; 1 if it is left out.
    servers: Option<usize>,
    /// How many agents; none if it is left out.
    agents: Option<usize>,
    /// The image of all nodes.
    image: Option<String>,
    /// Where the API server is published.
    api: Api,
    /// Ports to publish; of the first server where no nodes are named.
    ports: Vec<PortItem>,
    /// Mounts; of all nodes where none are named.
    volumes: Vec<VolumeItem>,
    /// Environment variables; of all nodes where none are named.
    env: Vec<PairItem>,
    /// Arguments of k3s; of all servers where no nodes are named.
    args: Vec<ArgItem>,
    /// Labels of the containers; of all nodes where none are named.
    labels: Vec<PairItem>,
    /// The most memory of a node; of all nodes where none are named.
    memory: Vec<MemoryItem>,
    /// Files that are there before a node starts; on all nodes where none are named.
    files: Vec<FileItem>,
    /// More names that the nodes know.
    host_aliases: Vec<HostAlias>,
    /// A network to share, rather than one of the cluster's own; it is created if it does not
    /// exist.
    network: Option<String>,
    /// The address range of the cluster's network, as `172.28.0.0/16`.
    subnet: Option<String>,
    /// The secret that nodes join with; a random one if it is left out.
    token: Option<String>,
    /// `full` or `reduced`.
    privilege: Option<String>,
    /// k3s's registries file, as it stands.
    registries: Map<String, Value>,
    options: Options,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Api {
    /// The host that the kubeconfig names; also the address to publish on, if it is one.
    host: Option<String>,
    /// The only address to publish on, for example `127.0.0.1`, whatever the host is called.
    ip: Option<String>,
    /// The port; a free one of the engine's choice if it is left out.
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortItem {
    /// As `8080:80` or `127.0.0.1:8080:80/tcp`.
    port: String,
    /// Node filters, as `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VolumeItem {
    /// As `/path/here:/path/there:ro`; a relative path starts from the file's folder. A volume
    /// that does not exist is created.
    volume: String,
    /// Node filters, as `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PairItem {
    name: String,
    value: String,
    /// Node filters, as `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgItem {
    /// As `--disable=traefik`.
    arg: String,
    /// Node filters, as `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MemoryItem {
    /// As `512m` or `2g`.
    memory: String,
    /// Node filters, as `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileItem {
    /// The absolute path in the node.
    path: String,
    /// What is in it.
    #[serde(default)]
    text: Option<String>,
    /// A file to take that from; a relative path starts from the file's folder.
    #[serde(default)]
    source: Option<PathBuf>,
    /// The permission bits in octal, as `"0644"`.
    #[serde(default)]
    mode: Option<String>,
    /// Node filters, as `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HostAlias {
    ip: String,
    hostnames: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    /// Whether to wait until the cluster is ready; true if it is left out.
    wait: Option<bool>,
    /// How long all of it may take, as `90s` or `5m`; without limit if it is left out.
    timeout: Option<String>,
    /// Whether to take everything back after a failure; true if it is left out.
    rollback: Option<bool>,
    kubeconfig: KubeconfigOptions,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct KubeconfigOptions {
    /// Whether to put the cluster into your kubeconfig; true if it is left out.
    update: Option<bool>,
    /// Whether it becomes the current context there; true if it is left out.
    switch: Option<bool>,
}

/// Reads a `Cluster`.
pub(super) fn read(
    text: &str,
    around: &Surroundings<'_>,
    name: Option<&ClusterName>,
    defaults: Defaults,
) -> Result<ClusterFile, ClusterFileError> {
    let document: Document = serde_saphyr::from_str(text).map_err(ClusterFileError::yaml)?;
    document.into_file(around, name, defaults)
}

impl Document {
    fn into_file(
        self,
        around: &Surroundings<'_>,
        name: Option<&ClusterName>,
        defaults: Defaults,
    ) -> Result<ClusterFile, ClusterFileError> {
        let spec = self.spec;
        let mut all = base(name, self.metadata.name.as_deref(), defaults)?;
        all.servers = spec.servers.unwrap_or(1);
        all.agents = spec.agents.unwrap_or_default();
        if let Some(image) = spec.image {
            all.image = image;
        }
        let ip = spec.api.ip.map(value).transpose()?;
        all.api = ApiAddress { host: spec.api.host, ip, port: spec.api.port };
        all.ports = list(spec.ports, |it| (it.nodes, it.port), value)?;
        all.volumes =
            list(spec.volumes, |it| (it.nodes, it.volume), |it| volume(it, around.folder, around))?;
        let pair = |it: PairItem| (it.nodes, Pair(it.name, it.value));
        all.env = list(spec.env, pair, Ok)?;
        all.labels = list(spec.labels, pair, Ok)?;
        all.args = list(spec.args, |it| (it.nodes, it.arg), Ok)?;
        all.memory = list(spec.memory, |it| (it.nodes, it.memory), value)?;
        let mut files = spec.files;
        let nodes = |it: &mut FileItem| std::mem::take(&mut it.nodes);
        all.files = list(
            files.drain(..),
            |mut it| (nodes(&mut it), it),
            |it| file(it.path, it.text, it.source, it.mode.as_deref(), around),
        )?;
        for alias in spec.host_aliases {
            let ip = &alias.ip;
            all.host_aliases.extend(alias.hostnames.into_iter().map(|it| (ip.clone(), it)));
        }
        all.network = spec.network;
        all.subnet = spec.subnet;
        all.token = spec.token.map(Secret);
        if let Some(privilege) = spec.privilege {
            all.privilege = value(privilege)?;
        }
        all.registries = spec.registries;
        all.plugins = self.plugins;
        let timeout = spec.options.timeout.as_deref().map(duration).transpose()?;
        Ok(ClusterFile {
            spec: Some(all),
            wait: spec.options.wait,
            timeout,
            rollback: spec.options.rollback,
            kubeconfig_update: spec.options.kubeconfig.update,
            kubeconfig_switch: spec.options.kubeconfig.switch,
            warnings: Vec::new(),
            unsupported: Vec::new(),
        })
    }
}

fn list<I, P, T>(
    items: impl IntoIterator<Item = I>,
    split: impl Fn(I) -> (Vec<String>, P),
    read: impl Fn(P) -> Result<T, ClusterFileError>,
) -> Result<Vec<Filtered<T>>, ClusterFileError> {
    let read = |item| {
        let (filters, item) = split(item);
        Ok(Filtered { value: read(item)?, nodes: nodes(&filters)? })
    };
    items.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_schema_in_the_docs_is_that_of_the_types() {
        let schema = schemars::schema_for!(Document);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster.schema.json");
        expect_test::expect_file![path].assert_eq(&text);
    }
}
