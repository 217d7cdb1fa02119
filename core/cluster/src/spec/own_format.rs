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

/// The value of `apiVersion`.
pub(super) const API_VERSION: &str = "pintle.dev/v1alpha1";

/// The value of `kind`.
pub(super) const KIND: &str = "Cluster";

/// A throw-away cluster, as `pintle cluster create --config FILE` creates it.
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
    /// The sections for plugins, by the plugin's name.
    #[serde(default)]
    plugins: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Metadata {
    /// The cluster's name. A name on the command line takes precedence.
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Spec {
    /// The number of servers; 1 by default.
    servers: Option<usize>,
    /// The number of agents; 0 by default.
    agents: Option<usize>,
    /// The image of all nodes.
    image: Option<String>,
    /// Where the API server is published.
    api: Api,
    /// Ports to publish; by default, of the first server.
    ports: Vec<PortItem>,
    /// Mounts; by default, of all nodes.
    volumes: Vec<VolumeItem>,
    /// Environment variables; by default, of all nodes.
    env: Vec<PairItem>,
    /// Arguments for k3s; by default, of all servers.
    args: Vec<ArgItem>,
    /// Labels of the containers; by default, of all nodes.
    labels: Vec<PairItem>,
    /// The memory limit of a node; by default, of all nodes.
    memory: Vec<MemoryItem>,
    /// Files that exist before a node starts; by default, on all nodes.
    files: Vec<FileItem>,
    /// Additional host names for the nodes.
    host_aliases: Vec<HostAlias>,
    /// A network to share, instead of the cluster's own; it is created if it does not exist.
    network: Option<String>,
    /// The address range of the cluster's network, for example `172.28.0.0/16`.
    subnet: Option<String>,
    /// The secret with which nodes join; random by default.
    token: Option<String>,
    /// `full` or `reduced`.
    privilege: Option<String>,
    /// The content of k3s's registries file.
    registries: Map<String, Value>,
    options: Options,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Api {
    /// The host in the kubeconfig; also the address to publish on, if it is an address.
    host: Option<String>,
    /// The only address to publish on, for example `127.0.0.1`, whatever the host is.
    ip: Option<String>,
    /// The port; by default, a free one that the engine chooses.
    port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortItem {
    /// For example `8080:80` or `127.0.0.1:8080:80/tcp`.
    port: String,
    /// Node filters, for example `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VolumeItem {
    /// For example `/path/here:/path/there:ro`. A relative path starts from the directory of the
    /// cluster file. A volume that does not exist is created.
    volume: String,
    /// Node filters, for example `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PairItem {
    name: String,
    value: String,
    /// Node filters, for example `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgItem {
    /// For example `--disable=traefik`.
    arg: String,
    /// Node filters, for example `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MemoryItem {
    /// For example `512m` or `2g`.
    memory: String,
    /// Node filters, for example `server:0`.
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileItem {
    /// The absolute path in the node.
    path: String,
    /// The content.
    #[serde(default)]
    text: Option<String>,
    /// A file with the content. A relative path starts from the directory of the cluster file.
    #[serde(default)]
    source: Option<PathBuf>,
    /// The permission bits in octal, for example `"0644"`.
    #[serde(default)]
    mode: Option<String>,
    /// Node filters, for example `server:0`.
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
    /// Whether to wait until the cluster is ready; true by default.
    wait: Option<bool>,
    /// The time limit for the whole command, for example `90s` or `5m`; no limit by default.
    timeout: Option<String>,
    /// Whether to undo everything after a failure; true by default.
    rollback: Option<bool>,
    kubeconfig: KubeconfigOptions,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct KubeconfigOptions {
    /// Whether to add the cluster to your kubeconfig; true by default.
    update: Option<bool>,
    /// Whether it becomes the current context; true by default.
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
