//! Cluster files: Pintle's own `Cluster`, and k3d's `Simple`.

use super::error::ClusterError;
use super::filter::{Filtered, NodeFilter};
use super::names::ClusterName;
use super::simple;
use super::spec::{ClusterSpec, Defaults, Secret};
use super::values::{ApiAddress, Pair, VolumeMount};
use crate::engine::File;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// What `apiVersion` says in a cluster file of ours.
const API_VERSION: &str = "pintle.dev/v1alpha1";

/// What a cluster file says.
#[derive(Debug, Clone)]
pub struct ClusterFile {
    /// What the cluster is to be; its name is empty-handed where the file has none.
    pub spec: Option<ClusterSpec>,
    /// Whether to wait until it is ready.
    pub wait: Option<bool>,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// Whether to take everything back after a failure.
    pub rollback: Option<bool>,
    /// Whether to put it into the kubeconfig.
    pub kubeconfig_update: Option<bool>,
    /// Whether it becomes the current context there.
    pub kubeconfig_switch: Option<bool>,
    /// What in the file has no meaning here.
    pub warnings: Vec<String>,
}

impl ClusterFile {
    /// Returns the file that says nothing.
    pub fn empty() -> Self {
        Self {
            spec: None,
            wait: None,
            timeout: None,
            rollback: None,
            kubeconfig_update: None,
            kubeconfig_switch: None,
            warnings: Vec::new(),
        }
    }

    /// Reads a cluster file; `folder` is what its relative paths start from, `name` the
    /// cluster's, if the user has given one, and `defaults` hold where it says nothing.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Invalid`] when it is none, or says what cannot be.
    pub fn parse(
        text: &str,
        folder: &Path,
        name: Option<&ClusterName>,
        defaults: Defaults,
    ) -> Result<Self, ClusterError> {
        let head: Head = serde_saphyr::from_str(text).map_err(|err| invalid(&err))?;
        match (head.api_version.as_str(), head.kind.as_str()) {
            (API_VERSION, "Cluster") => {
                let document: Document =
                    serde_saphyr::from_str(text).map_err(|err| invalid(&err))?;
                document.read(folder, name, defaults)
            }
            (version, "Simple") if version.starts_with("k3d.io/") => {
                let document = serde_saphyr::from_str(text).map_err(|err| invalid(&err))?;
                simple::read(document, version, folder, name, defaults)
            }
            (version, kind) => Err(ClusterError::Invalid(format!(
                "a cluster file is `{API_VERSION}` `Cluster`, or k3d's `k3d.io/v1alpha5` \
                 `Simple`, not `{version}` `{kind}`"
            ))),
        }
    }
}

fn invalid(err: &dyn std::fmt::Display) -> ClusterError {
    ClusterError::Invalid(format!("the cluster file is wrong: {err}"))
}

/// What every cluster file begins with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Head {
    api_version: String,
    kind: String,
}

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
    /// An existing network to use, rather than one of the cluster's own.
    network: Option<String>,
    /// The addresses of the cluster's own network, as `172.28.0.0/16`.
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
    /// As `/path/here:/path/there:ro`; a relative path starts from the file's folder.
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

impl Document {
    fn read(
        self,
        folder: &Path,
        name: Option<&ClusterName>,
        defaults: Defaults,
    ) -> Result<ClusterFile, ClusterError> {
        let spec = self.spec;
        let mut all = base(name, self.metadata.name.as_deref(), defaults)?;
        all.servers = spec.servers.unwrap_or(1);
        all.agents = spec.agents.unwrap_or_default();
        if let Some(image) = spec.image {
            all.image = image;
        }
        all.api = ApiAddress { host: spec.api.host, port: spec.api.port };
        all.ports = list(spec.ports, |it| (it.nodes, it.port), value)?;
        all.volumes = list(spec.volumes, |it| (it.nodes, it.volume), |it| volume(it, folder))?;
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
            |it| file(it.path, it.text, it.source, it.mode.as_deref(), folder),
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
        })
    }
}

/// Returns the smallest cluster, with the name that the user gave, or that the file has.
pub(super) fn base(
    given: Option<&ClusterName>,
    of_file: Option<&str>,
    defaults: Defaults,
) -> Result<ClusterSpec, ClusterError> {
    let name = match (given, of_file) {
        (Some(name), _) => name.clone(),
        (None, Some(text)) => value(text.to_owned())?,
        (None, None) => {
            let text = "the cluster has no name: give one, or set `metadata.name` in the file";
            return Err(ClusterError::Invalid(text.to_owned()));
        }
    };
    Ok(ClusterSpec::with_defaults(name, defaults))
}

/// Reads a value from its text.
pub(super) fn value<T: FromStr<Err: std::fmt::Display>>(text: String) -> Result<T, ClusterError> {
    text.parse().map_err(|err: T::Err| invalid(&err))
}

pub(super) fn duration(text: &str) -> Result<Duration, ClusterError> {
    humantime::parse_duration(text).map_err(|err| invalid(&format!("`{text}`: {err}")))
}

/// Reads a mount; relative paths start from the file's folder.
pub(super) fn volume(text: String, folder: &Path) -> Result<VolumeMount, ClusterError> {
    let mut mount: VolumeMount = value(text)?;
    absolute(&mut mount, folder);
    Ok(mount)
}

/// Makes the source of a mount an absolute path, if it is a path.
pub(crate) fn absolute(mount: &mut VolumeMount, folder: &Path) {
    let is_path = mount.is_path();
    let Some(source) = mount.source.as_mut().filter(|_| is_path) else { return };
    if let Some(rest) = source.strip_prefix("~/") {
        if let Some(home) = std::env::home_dir() {
            *source = home.join(rest).display().to_string();
        }
    } else if source.starts_with('.') {
        let path = folder.join(&*source);
        *source = path.canonicalize().unwrap_or(path).display().to_string();
    }
}

pub(super) fn file(
    path: String,
    text: Option<String>,
    source: Option<PathBuf>,
    mode: Option<&str>,
    folder: &Path,
) -> Result<File, ClusterError> {
    let wrong = |what: &str| ClusterError::Invalid(format!("the file `{path}` {what}"));
    if !path.starts_with('/') || path.split('/').any(|it| it == "..") {
        return Err(wrong("has no absolute path"));
    }
    let bytes = match (text, source) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(source)) => {
            let source = folder.join(source);
            let read = match source.metadata() {
                Ok(it) if !it.is_file() => Err(std::io::Error::other("it is no regular file")),
                Ok(_) => std::fs::read(&source),
                Err(err) => Err(err),
            };
            let path = source.display().to_string();
            read.map_err(|source| ClusterError::Read { path, source })?
        }
        _ => return Err(wrong("needs either a text or a source")),
    };
    let mode = u32::from_str_radix(mode.unwrap_or("0644"), 8);
    let mode = mode.ok().filter(|it| *it <= 0o7777).ok_or_else(|| wrong("has no octal mode"))?;
    Ok(File { path, bytes, mode })
}

/// Reads the node filters of an item; none at all leaves it to the default.
pub(super) fn nodes(filters: &[String]) -> Result<Option<NodeFilter>, ClusterError> {
    match filters {
        [] => Ok(None),
        filters => value(filters.join(";")).map(Some),
    }
}

fn list<I, P, T>(
    items: impl IntoIterator<Item = I>,
    split: impl Fn(I) -> (Vec<String>, P),
    read: impl Fn(P) -> Result<T, ClusterError>,
) -> Result<Vec<Filtered<T>>, ClusterError> {
    let read = |item| {
        let (filters, item) = split(item);
        Ok(Filtered { value: read(item)?, nodes: nodes(&filters)? })
    };
    items.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn parse(text: &str) -> Result<ClusterFile, String> {
        ClusterFile::parse(text, Path::new("/f"), None, Defaults::default())
            .map_err(|err| err.to_string())
    }

    const WHOLE: &str = r#"
apiVersion: pintle.dev/v1alpha1
kind: Cluster
metadata:
  name: demo
spec:
  servers: 3
  agents: 2
  image: k3s:x
  api: { host: 0.0.0.0, port: 6550 }
  network: lan
  token: abc
  privilege: reduced
  ports: [{ port: "8080:80", nodes: ["agent:0"] }]
  volumes: [{ volume: "./data:/data:ro" }]
  env: [{ name: A, value: "1" }]
  args: [{ arg: --disable=traefik, nodes: [server] }]
  labels: [{ name: team, value: x, nodes: ["agent:*", "server:0"] }]
  memory: [{ memory: 1g }]
  files: [{ path: /etc/x, text: hello, mode: "0600" }]
  hostAliases: [{ ip: 10.0.0.1, hostnames: [a, b] }]
  registries: { mirrors: { docker.io: { endpoint: ["http://m"] } } }
  options: { wait: false, timeout: 90s, rollback: false, kubeconfig: { update: true, switch: false } }
plugins:
  registry: { create: { port: 5000 } }
"#;

    #[test]
    fn every_key_has_its_effect() {
        let file = parse(WHOLE).unwrap();
        let spec = file.spec.unwrap();
        assert_eq!((spec.servers, spec.agents, spec.image.as_str()), (3, 2, "k3s:x"));
        assert_eq!(spec.name.as_str(), "demo");
        assert_eq!((spec.api.host.as_deref(), spec.api.port), (Some("0.0.0.0"), Some(6550)));
        assert_eq!(spec.network.as_deref(), Some("lan"));
        assert_eq!(spec.token.unwrap().0, "abc");
        assert_eq!(spec.privilege.to_string(), "reduced");
        assert_eq!(spec.ports[0].value.host, Some(8080));
        assert!(spec.ports[0].nodes.as_ref().unwrap().matches(Role::Agent, 0));
        assert_eq!(spec.volumes[0].value.to_bind(), "/f/./data:/data:ro");
        assert_eq!(spec.env[0].value, Pair("A".into(), "1".into()));
        assert_eq!(spec.args[0].value, "--disable=traefik");
        assert!(spec.labels[0].nodes.as_ref().unwrap().matches(Role::Server, 0));
        assert_eq!(spec.memory[0].value.0, 1 << 30);
        assert_eq!(spec.files[0].value.mode, 0o600);
        assert_eq!(spec.host_aliases.len(), 2);
        assert!(spec.registries.contains_key("mirrors"));
        assert_eq!(spec.plugins["registry"]["create"]["port"], 5000);
        assert_eq!((file.wait, file.rollback), (Some(false), Some(false)));
        assert_eq!(file.timeout, Some(Duration::from_secs(90)));
        assert_eq!((file.kubeconfig_update, file.kubeconfig_switch), (Some(true), Some(false)));
    }

    #[test]
    fn what_the_file_says_comes_before_the_defaults_even_if_it_is_the_same() {
        let defaults = || Defaults { image: "mine:1".into(), privilege: crate::Privilege::Reduced };
        let spec = |spec: &str| {
            let text = format!(
                "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: a}}\nspec: {spec}\n"
            );
            let file = ClusterFile::parse(&text, Path::new("/f"), None, defaults()).unwrap();
            let spec = file.spec.unwrap();
            (spec.image, spec.privilege.to_string())
        };
        assert_eq!(spec("{}"), ("mine:1".into(), "reduced".into()));
        let image = crate::DEFAULT_IMAGE;
        let said = spec(&format!("{{image: '{image}', privilege: full}}"));
        assert_eq!(said, (image.into(), "full".into()));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let check = |text: &str, expected: &str| {
            let err = parse(text).unwrap_err();
            assert!(err.contains(expected), "{err}");
        };
        let with = |spec: &str| {
            format!(
                "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: a}}\nspec:\n  {spec}\n"
            )
        };
        check("kind: Cluster\n", "not `` `Cluster`");
        check(&with("serverz: 3"), "unknown field `serverz`");
        check(&with("serverz: 3"), "line 5");
        check(&with("ports: [{port: x}]"), "`x` is no port mapping");
        check(&with("ports: [{port: '80', nodes: [nodes]}]"), "`nodes` is no node filter");
        check(&with("files: [{path: a, text: b}]"), "has no absolute path");
        check(&with("files: [{path: /a}]"), "needs either a text or a source");
        check(&with("files: [{path: /a, source: no-such}]"), "failed to read `/f/no-such`");
        check(&with("options: {timeout: soon}"), "`soon`");
        check("apiVersion: pintle.dev/v1alpha1\nkind: Cluster\n", "the cluster has no name");
    }

    #[test]
    fn the_schema_in_the_docs_is_that_of_the_types() {
        let schema = schemars::schema_for!(Document);
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cluster.schema.json");
        expect_test::expect_file![path].assert_eq(&text);
    }
}
