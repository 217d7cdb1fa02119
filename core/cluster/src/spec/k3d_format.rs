//! k3d's cluster file: `kind: Simple` of `k3d.io/v1alpha5` and the versions before it.
//!
//! Every key is read or listed as unsupported, so nothing is ignored silently. Sources: k3d,
//! `pkg/config/v1alpha5/schema.json`, the schemas of the older versions, and
//! `pkg/config/transform.go`.

use super::cluster_file::ClusterFile;
use super::cluster_spec::{ClusterSpec, Defaults, Secret};
use super::error::ClusterFileError;
use super::expansion::expand;
use super::fields::{self, base, duration, file, nodes, value, variable, volume};
use super::node_filter::{Filtered, NodeFilter};
use super::surroundings::Surroundings;
use super::values::{ApiAddress, Memory, Pair, Ulimit};
use crate::names::ClusterName;
use pintle_host::services::Excerpt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The supported values of `apiVersion`, the newest last.
pub(super) const VERSIONS: &[&str] = &[
    "k3d.io/v1alpha1",
    "k3d.io/v1alpha2",
    "k3d.io/v1alpha3",
    "k3d.io/v1alpha4",
    "k3d.io/v1alpha5",
];

/// The value of `kind`.
pub(super) const KIND: &str = "Simple";

/// The plugin that receives the settings for registries.
const REGISTRY_PLUGIN: &str = "registry";

/// The default name of a cluster, as in k3d.
const DEFAULT_NAME: &str = "k3s-default";

/// What k3d supports and this host does not, with the reason.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("options.k3d.loadbalancer.configOverrides", "there is no load balancer"),
    ("options.k3d.disableHostIPInjection", "the engine always adds the host name of its machine"),
    ("options.k3d.nodeHookActions", "plugins subscribe to events instead"),
    ("options.runtime.gpuRequest", "nodes cannot have GPUs"),
    ("manifests", "use `files` with the destination `k3s-manifests` instead"),
];

/// Reads a `Simple`.
pub(super) fn read(
    text: &str,
    version: &str,
    around: &Surroundings<'_>,
    name: Option<&ClusterName>,
    defaults: Defaults,
) -> Result<ClusterFile, ClusterFileError> {
    let mut file = Simple::parse(text, around)?;
    if VERSIONS.last() != Some(&version) {
        file.notes.push(format!("`{version}` is read as `k3d.io/v1alpha5`"));
    }
    let of_file = file.name()?;
    let mut spec = base(name, Some(&of_file), defaults)?;
    file.scalars(&mut spec)?;
    file.api(&mut spec)?;
    file.runtime(&mut spec)?;
    file.lists(&mut spec)?;
    file.files(&mut spec)?;
    file.registries(&mut spec)?;

    let keys = &mut file.keys;
    let wait = keys.take(&["options", "k3d", "wait"])?;
    let timeout = keys.take_text(&["options", "k3d", "timeout"])?;
    let no_rollback: Option<bool> = keys.take(&["options", "k3d", "disableRollback"])?;
    let kubeconfig_update = keys.take(&["options", "kubeconfig", "updateDefaultKubeconfig"])?;
    let kubeconfig_switch = keys.take(&["options", "kubeconfig", "switchCurrentContext"])?;
    file.load_balancer()?;
    file.report_left();
    Ok(ClusterFile {
        spec: Some(spec),
        wait,
        timeout: timeout.as_deref().map(limit).transpose()?.flatten(),
        rollback: no_rollback.map(|it| !it),
        kubeconfig_update,
        kubeconfig_switch,
        warnings: file.notes,
        unsupported: file.unsupported,
    })
}

/// Returns the name of the cluster, and reads nothing else.
pub(super) fn name(
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Option<ClusterName>, ClusterFileError> {
    let name = Simple::parse(text, around)?.name()?;
    value(name).map(Some)
}

/// Reads a time limit. k3d writes `0s` for no limit.
fn limit(text: &str) -> Result<Option<Duration>, ClusterFileError> {
    match text {
        "0" => Ok(None),
        text => Ok(Some(duration(text)?).filter(|it| !it.is_zero())),
    }
}

/// A file while it is being read.
struct Simple<'a> {
    keys: Keys,
    around: &'a Surroundings<'a>,
    notes: Vec<String>,
    unsupported: Vec<String>,
}

impl<'a> Simple<'a> {
    fn parse(text: &str, around: &'a Surroundings<'a>) -> Result<Self, ClusterFileError> {
        let text = expand(text, around.var)?;
        let mut keys = Keys(serde_saphyr::from_str(&text).map_err(ClusterFileError::yaml)?);
        keys.drop(&["apiVersion"]);
        keys.drop(&["kind"]);
        Ok(Self { keys, around, notes: Vec::new(), unsupported: Vec::new() })
    }

    /// Returns the cluster's name, in letters that are valid in node names.
    fn name(&mut self) -> Result<String, ClusterFileError> {
        // Before v1alpha4, it was at the top level.
        let name = match self.keys.take_text(&["metadata", "name"])? {
            Some(name) => Some(name),
            None => self.keys.take_text(&["name"])?,
        };
        let name = name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
        let lower = name.to_lowercase();
        if lower != name {
            self.notes.push(format!(
                "the cluster `{name}` is called `{lower}`: k3s does not allow upper-case letters \
                 in node names"
            ));
        }
        Ok(lower)
    }

    fn scalars(&mut self, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
        let keys = &mut self.keys;
        spec.servers = keys.take(&["servers"])?.unwrap_or(1);
        spec.agents = keys.take(&["agents"])?.unwrap_or_default();
        spec.network = keys.take_text(&["network"])?;
        spec.subnet = keys.take_text(&["subnet"])?.filter(|it| it != "auto");
        spec.token = match keys.take_text(&["token"])? {
            Some(token) => Some(Secret(token)),
            // k3d itself wrote v1alpha2 in this form.
            None => keys.take_text(&["clusterToken"])?.map(Secret),
        };
        match keys.take_text(&["image"])? {
            Some(image) if is_channel(&image) => self.unsupported.push(format!(
                "`image: {image}`: k3s channels are not supported; specify an image"
            )),
            Some(image) => spec.image = image,
            None => {}
        }
        Ok(())
    }

    fn api(&mut self, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
        let mut part = |name: &str| -> Result<Option<String>, ClusterFileError> {
            Ok(match self.keys.take_text(&["kubeAPI", name])? {
                Some(it) => Some(it),
                None => self.keys.take_text(&["exposeAPI", name])?,
            })
        };
        let (host, ip, port) = (part("host")?, part("hostIP")?, part("hostPort")?);
        let port = port.filter(|it| it != "random" && it != "0");
        spec.api = ApiAddress {
            host: host.or_else(|| ip.clone()),
            ip: ip.map(|it| keyed("kubeAPI.hostIP", &it)).transpose()?,
            port: port.map(|it| keyed("kubeAPI.hostPort", &it)).transpose()?,
        };
        Ok(())
    }

    fn runtime(&mut self, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
        for (role, filter) in [("serversMemory", "server:*"), ("agentsMemory", "agent:*")] {
            if let Some(memory) = self.keys.take_text(&["options", "runtime", role])? {
                let nodes = Some(value(filter.to_owned())?);
                spec.memory.push(Filtered { value: value::<Memory>(memory)?, nodes });
            }
        }
        let host_pid = self.keys.take(&["options", "runtime", "hostPidMode"])?;
        spec.host_pid = host_pid.unwrap_or_default();
        let path = ["options", "runtime", "ulimits"];
        for mut item in self.keys.items(&path)? {
            let name = item.required("name")?;
            let (soft, hard): (Option<i64>, Option<i64>) =
                (item.take(&["soft"])?, item.take(&["hard"])?);
            let missing = || ClusterFileError::Incomplete { key: "soft".to_owned() };
            let soft = soft.or(hard).ok_or_else(missing)?;
            spec.ulimits.push(Ulimit { name, soft, hard: hard.unwrap_or(soft) });
            self.keys.keep_left(&path.join("."), item);
        }
        Ok(())
    }

    fn lists(&mut self, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
        let around = self.around;
        for mut item in self.keys.items(&["ports"])? {
            let (port, filters) = (item.required("port")?, item.filters()?);
            spec.ports.push(Filtered { value: value(port)?, nodes: nodes(&filters)? });
            self.keys.keep_left("ports", item);
        }
        spec.volumes =
            self.filtered(&["volumes"], "volume", |it| volume(it, &around.here, around))?;
        spec.env = self.filtered(&["env"], "envVar", |it| variable(it, around))?;
        spec.labels = self.filtered(&["options", "runtime", "labels"], "label", label)?;
        spec.labels.extend(self.filtered(&["labels"], "label", label)?);
        spec.args = self.filtered(&["options", "k3s", "extraArgs"], "arg", Ok)?;
        for (key, filter) in [("extraServerArgs", "server:*"), ("extraAgentArgs", "agent:*")] {
            let args: Vec<String> = self.keys.take(&["options", "k3s", key])?.unwrap_or_default();
            let nodes: NodeFilter = value(filter.to_owned())?;
            let filtered = |value| Filtered { value, nodes: Some(nodes.clone()) };
            spec.args.extend(args.into_iter().map(filtered));
        }
        for it in self.filtered(&["options", "k3s", "nodeLabels"], "label", label)? {
            let Pair(name, value) = it.value;
            let nodes = it.nodes.or_else(|| Some(NodeFilter::all()));
            spec.args.push(Filtered { value: format!("--node-label={name}={value}"), nodes });
        }
        for mut item in self.keys.items(&["hostAliases"])? {
            let ip = item.required("ip")?;
            let names: Vec<String> = item.take(&["hostnames"])?.unwrap_or_default();
            spec.host_aliases.extend(names.into_iter().map(|it| (ip.clone(), it)));
            self.keys.keep_left("hostAliases", item);
        }
        Ok(())
    }

    /// Reads a list of values for nodes.
    fn filtered<T>(
        &mut self,
        path: &[&str],
        key: &str,
        read: impl Fn(String) -> Result<T, ClusterFileError>,
    ) -> Result<Vec<Filtered<T>>, ClusterFileError> {
        let mut all = Vec::new();
        for mut item in self.keys.items(path)? {
            let (text, filters) = (item.required(key)?, item.filters()?);
            if let Some(nodes) = self.without_load_balancer(path, &text, filters)? {
                all.push(Filtered { value: read(text)?, nodes });
            }
            self.keys.keep_left(&path.join("."), item);
        }
        Ok(all)
    }

    /// Returns the nodes that a value applies to; `None` if it applies only to the load balancer,
    /// which does not exist here. Only its ports are published by a node instead.
    #[expect(clippy::option_option, reason = "no nodes, and no value")]
    fn without_load_balancer(
        &mut self,
        path: &[&str],
        text: &str,
        mut filters: Vec<String>,
    ) -> Result<Option<Option<NodeFilter>>, ClusterFileError> {
        let has_filters = !filters.is_empty();
        filters.retain(|it| it != "loadbalancer" && !it.starts_with("loadbalancer:"));
        if has_filters && filters.is_empty() {
            let (path, name) = (path.join("."), text.split('=').next().unwrap_or_default());
            self.unsupported.push(format!(
                "`{name}` of `{path}` for `loadbalancer`: there is no load balancer"
            ));
            return Ok(None);
        }
        nodes(&filters).map(Some)
    }

    fn files(&mut self, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
        for mut item in self.keys.items(&["files"])? {
            let filters = item.filters()?;
            let (path, source) = (item.required("destination")?, item.required("source")?);
            item.drop(&["description"]);
            if let Some(nodes) = self.without_load_balancer(&["files"], &path, filters)? {
                // k3d interprets a text of several lines as the content.
                let (text, source) = match source.contains('\n') {
                    true => (Some(source), None),
                    false => (None, Some(PathBuf::from(source))),
                };
                let value = file(path, text, source, None, self.around)?;
                spec.files.push(Filtered { value, nodes });
            }
            self.keys.keep_left("files", item);
        }
        Ok(())
    }

    /// Passes the settings for registries to the plugin that handles them.
    fn registries(&mut self, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
        if let Some(text) = self.keys.take_text(&["registries", "config"])? {
            spec.registries = self.registries_config(text)?;
        }
        let mut section = Map::new();
        let uses = self.keys.take::<Vec<Value>>(&["registries", "use"])?;
        if let Some(uses) = uses.filter(|it| !it.is_empty()) {
            section.insert("use".to_owned(), uses.into());
        }
        match self.keys.take::<Value>(&["registries", "create"])? {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => drop(section.insert("create".to_owned(), json!({}))),
            Some(create) => {
                let create = self.registry(Keys(create))?;
                section.insert("create".to_owned(), create.into());
            }
        }
        if !section.is_empty() {
            spec.plugins.insert(REGISTRY_PLUGIN.to_owned(), section.into());
        }
        Ok(())
    }

    /// Reads k3s's registries file: its text, or a path relative to the current directory.
    fn registries_config(&self, text: String) -> Result<Map<String, Value>, ClusterFileError> {
        let is_text = text.contains('\n') || text.trim_start().starts_with('{');
        let text = match is_text {
            true => text,
            false => {
                let path = self.around.path(&text, &self.around.here);
                let bytes = fields::read(path)?;
                String::from_utf8(bytes).map_err(|err| wrong("registries.config", err))?
            }
        };
        let excerpt =
            |err: serde_saphyr::Error| wrong("registries.config", Excerpt(err.to_string()));
        let parsed: Option<Map<String, Value>> = serde_saphyr::from_str(&text).map_err(excerpt)?;
        let parsed = parsed.unwrap_or_default();
        match parsed.get("mirrors") {
            None | Some(Value::Null | Value::Object(_)) => Ok(parsed),
            Some(_) => Err(wrong("registries.config", "`mirrors` is not a mapping")),
        }
    }

    fn registry(&mut self, mut create: Keys) -> Result<Map<String, Value>, ClusterFileError> {
        let mut own = Map::new();
        for (key, to) in [("name", "name"), ("image", "image"), ("host", "host")] {
            if let Some(text) = create.take_text(&[key])? {
                own.insert(to.to_owned(), text.into());
            }
        }
        let port = create.take_text(&["hostPort"])?;
        if let Some(port) = port.filter(|it| it != "random" && it != "0") {
            let port: u16 = keyed("registries.create.hostPort", &port)?;
            own.insert("port".to_owned(), port.into());
        }
        let volumes = create.take::<Vec<String>>(&["volumes"])?.unwrap_or_default();
        let around = self.around;
        let volumes = volumes.into_iter().map(|it| volume(it, &around.here, around));
        let volumes: Vec<_> =
            volumes.map(|it| it.map(|it| it.to_bind())).collect::<Result<_, _>>()?;
        if !volumes.is_empty() {
            own.insert("volumes".to_owned(), volumes.into());
        }
        let mut proxy = Map::new();
        for (key, to) in
            [("remoteURL", "remote"), ("username", "username"), ("password", "password")]
        {
            if let Some(text) = create.take_text(&["proxy", key])? {
                proxy.insert(to.to_owned(), text.into());
            }
        }
        if !proxy.is_empty() {
            own.insert("proxy".to_owned(), proxy.into());
        }
        self.keys.keep_left("registries.create", create);
        Ok(own)
    }

    /// Reads the settings for the load balancer and the image volume. To disable them has no
    /// effect, because neither exists.
    fn load_balancer(&mut self) -> Result<(), ClusterFileError> {
        if self.keys.take::<bool>(&["options", "k3d", "disableLoadbalancer"])? == Some(false) {
            self.notes.push(
                "`options.k3d.disableLoadbalancer`: there is no load balancer; the first server \
                 publishes its ports"
                    .to_owned(),
            );
        }
        // Images are imported without a volume.
        let _: Option<bool> = self.keys.take(&["options", "k3d", "disableImageVolume"])?;
        let key = ["options", "k3d", "disableHostIPInjection"];
        if self.keys.take::<bool>(&key)? == Some(true) {
            self.keys.keep_left(&key.join("."), Keys(Value::Bool(true)));
        }
        Ok(())
    }

    /// Reports the keys that were not read.
    fn report_left(&mut self) {
        for path in self.keys.left() {
            let known = UNSUPPORTED.iter().find(|it| path == it.0);
            self.unsupported.push(match known {
                Some((_, why)) => format!("`{path}`: {why}"),
                None => format!("`{path}`"),
            });
        }
    }
}

/// Returns whether an image is a k3s channel, as k3d writes it.
fn is_channel(image: &str) -> bool {
    ["latest", "stable"].contains(&image) || image.starts_with('+')
}

/// Reads `NAME=VALUE`. As in k3d, `NAME` alone has an empty value.
fn label(text: String) -> Result<Pair, ClusterFileError> {
    match text.contains('=') {
        true => value(text),
        false => Ok(Pair(text, String::new())),
    }
}

fn keyed<T>(key: &str, text: &str) -> Result<T, ClusterFileError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(|err| wrong(key, err))
}

fn wrong(key: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> ClusterFileError {
    ClusterFileError::Value { key: key.to_owned(), source: source.into() }
}

/// The keys of a document that have not been read yet.
struct Keys(Value);

impl Keys {
    /// Takes the value at a path. Null counts as missing.
    fn take<T: DeserializeOwned>(&mut self, path: &[&str]) -> Result<Option<T>, ClusterFileError> {
        let Some(value) = self.remove(path) else { return Ok(None) };
        T::deserialize(&value)
            .map(Some)
            .map_err(|err| ClusterFileError::Value { key: path.join("."), source: Box::new(err) })
    }

    /// Takes a text, which may be written as a number.
    fn take_text(&mut self, path: &[&str]) -> Result<Option<String>, ClusterFileError> {
        Ok(match self.take::<Value>(path)? {
            Some(Value::String(text)) => Some(text).filter(|it| !it.is_empty()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(is_true)) => Some(is_true.to_string()),
            Some(_) => return Err(ClusterFileError::NotText { key: path.join(".") }),
            None => None,
        })
    }

    fn required(&mut self, key: &str) -> Result<String, ClusterFileError> {
        let missing = || ClusterFileError::Incomplete { key: key.to_owned() };
        self.take_text(&[key])?.ok_or_else(missing)
    }

    fn filters(&mut self) -> Result<Vec<String>, ClusterFileError> {
        Ok(self.take(&["nodeFilters"])?.unwrap_or_default())
    }

    fn items(&mut self, path: &[&str]) -> Result<Vec<Self>, ClusterFileError> {
        let items: Vec<Value> = self.take(path)?.unwrap_or_default();
        Ok(items.into_iter().map(Self).collect())
    }

    fn drop(&mut self, path: &[&str]) {
        let _ = self.remove(path);
    }

    fn remove(&mut self, path: &[&str]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut place = &mut self.0;
        for key in parents {
            place = place.get_mut(*key)?;
        }
        place.as_object_mut()?.shift_remove(*last).filter(|it| !it.is_null())
    }

    /// Puts back the rest of an item, so that it is reported.
    fn keep_left(&mut self, path: &str, item: Self) {
        if let (Value::Object(all), false) = (&mut self.0, item.left().is_empty()) {
            all.insert(path.to_owned(), item.0);
        }
    }

    /// Returns the paths of everything that was not read.
    fn left(&self) -> Vec<String> {
        let mut paths = Vec::new();
        leaves(&self.0, "", &mut paths);
        paths
    }
}

fn leaves(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(all) => {
            for (key, value) in all {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, paths);
            }
        }
        Value::Null => {}
        // k3d writes its default values explicitly.
        Value::String(text) if text.is_empty() => {}
        Value::Array(all) if all.is_empty() => {}
        _ => paths.push(path.to_owned()),
    }
}
