//! k3d's cluster file: `kind: Simple` of `k3d.io/v1alpha5` and the versions before it.
//!
//! Every key is read, or named in a warning: nothing is lost in silence. Source: k3d,
//! `pkg/config/v1alpha5/schema.json`.

use super::cluster_file::ClusterFile;
use super::cluster_spec::{ClusterSpec, Defaults, Secret};
use super::error::ClusterFileError;
use super::fields::{base, duration, file, nodes, value, volume};
use super::node_filter::{Filtered, NodeFilter};
use super::values::{ApiAddress, Memory, Pair};
use crate::names::ClusterName;
use pintle_host::services::Excerpt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What its `apiVersion` begins with.
pub(super) const GROUP: &str = "k3d.io/";

/// What `kind` says in it.
pub(super) const KIND: &str = "Simple";

/// The plugin that gets what the file says of registries.
const REGISTRY_PLUGIN: &str = "registry";

/// Reads a `Simple`.
pub(super) fn read(
    text: &str,
    version: &str,
    folder: &Path,
    name: Option<&ClusterName>,
    defaults: Defaults,
) -> Result<ClusterFile, ClusterFileError> {
    let mut keys = Keys(serde_saphyr::from_str(text).map_err(ClusterFileError::yaml)?);
    keys.drop(&["apiVersion"]);
    keys.drop(&["kind"]);
    let mut warnings = Vec::new();
    if version != "k3d.io/v1alpha5" {
        warnings.push(format!("`{version}` is read as `k3d.io/v1alpha5`"));
    }
    // v1alpha2 has the name at the top.
    let of_file: Option<String> = match keys.take(&["metadata", "name"])? {
        Some(name) => Some(name),
        None => keys.take(&["name"])?,
    };
    let mut spec = base(name, of_file.as_deref(), defaults)?;
    scalars(&mut keys, &mut spec)?;
    lists(&mut keys, &mut spec, folder)?;
    registries(&mut keys, &mut spec)?;

    let wait = keys.take(&["options", "k3d", "wait"])?;
    let timeout: Option<String> = keys.take(&["options", "k3d", "timeout"])?;
    let no_rollback: Option<bool> = keys.take(&["options", "k3d", "disableRollback"])?;
    let kubeconfig_update = keys.take(&["options", "kubeconfig", "updateDefaultKubeconfig"])?;
    let kubeconfig_switch = keys.take(&["options", "kubeconfig", "switchCurrentContext"])?;
    // There is no load balancer: not to want one is no loss.
    if keys.take::<bool>(&["options", "k3d", "disableLoadbalancer"])? == Some(false) {
        warnings.push(
            "`options.k3d.disableLoadbalancer`: there is no load balancer; the first server \
             takes its ports"
                .to_owned(),
        );
    }
    let left = keys.left();
    warnings.extend(left.into_iter().map(|it| format!("`{it}` has no meaning here")));
    Ok(ClusterFile {
        spec: Some(spec),
        wait,
        // k3d writes no limit as 0s.
        timeout: timeout.as_deref().map(duration).transpose()?.filter(|it| !it.is_zero()),
        rollback: no_rollback.map(|it| !it),
        kubeconfig_update,
        kubeconfig_switch,
        warnings,
    })
}

fn scalars(keys: &mut Keys, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
    spec.servers = keys.take(&["servers"])?.unwrap_or(1);
    spec.agents = keys.take(&["agents"])?.unwrap_or_default();
    if let Some(image) = keys.take(&["image"])? {
        spec.image = image;
    }
    spec.network = keys.take(&["network"])?;
    spec.subnet = keys.take::<String>(&["subnet"])?.filter(|it| it != "auto");
    spec.token = keys.take(&["token"])?.map(Secret);
    let [api, old] = ["kubeAPI", "exposeAPI"];
    let mut api = |part: &str| -> Result<Option<String>, ClusterFileError> {
        Ok(match keys.take_text(&[api, part])? {
            Some(it) => Some(it),
            None => keys.take_text(&[old, part])?,
        })
    };
    let (host, ip, port) = (api("host")?, api("hostIP")?, api("hostPort")?);
    let port = port.filter(|it| it != "random" && it != "0");
    let port = port.map(|it| value(format!("127.0.0.1:{it}"))).transpose()?;
    let port = port.and_then(|it: ApiAddress| it.port);
    spec.api = ApiAddress { host: host.or(ip), port };
    for (role, filter) in [("serversMemory", "server:*"), ("agentsMemory", "agent:*")] {
        if let Some(memory) = keys.take_text(&["options", "runtime", role])? {
            let nodes = Some(value(filter.to_owned())?);
            spec.memory.push(Filtered { value: value::<Memory>(memory)?, nodes });
        }
    }
    Ok(())
}

fn lists(keys: &mut Keys, spec: &mut ClusterSpec, folder: &Path) -> Result<(), ClusterFileError> {
    for mut item in keys.items(&["ports"])? {
        let port = item.required("port")?;
        let filters: Vec<String> = item.take(&["nodeFilters"])?.unwrap_or_default();
        // `:direct` and `:proxy` say whether the load balancer takes the port.
        let plain =
            |it: &String| it.trim_end_matches(":direct").trim_end_matches(":proxy").to_owned();
        let filters: Vec<_> = filters.iter().map(plain).collect();
        spec.ports.push(Filtered { value: value(port)?, nodes: nodes(&filters)? });
        keys.keep_left("ports", item);
    }
    for mut item in keys.items(&["volumes"])? {
        let (text, filters) = (item.required("volume")?, item.filters()?);
        spec.volumes.push(Filtered { value: volume(text, folder)?, nodes: nodes(&filters)? });
        keys.keep_left("volumes", item);
    }
    for mut item in keys.items(&["env"])? {
        let (text, filters) = (item.required("envVar")?, item.filters()?);
        spec.env.push(Filtered { value: value(text)?, nodes: nodes(&filters)? });
        keys.keep_left("env", item);
    }
    for mut item in keys.items(&["options", "k3s", "extraArgs"])? {
        let (arg, filters) = (item.required("arg")?, item.filters()?);
        spec.args.push(Filtered { value: arg, nodes: nodes(&filters)? });
        keys.keep_left("options.k3s.extraArgs", item);
    }
    for mut item in keys.items(&["options", "k3s", "nodeLabels"])? {
        let (label, filters) = (item.required("label")?, item.filters()?);
        let nodes = nodes(&filters)?.or(Some(NodeFilter::all()));
        spec.args.push(Filtered { value: format!("--node-label={label}"), nodes });
        keys.keep_left("options.k3s.nodeLabels", item);
    }
    for mut item in keys.items(&["options", "runtime", "labels"])? {
        let (label, filters) = (item.required("label")?, item.filters()?);
        spec.labels.push(Filtered { value: value::<Pair>(label)?, nodes: nodes(&filters)? });
        keys.keep_left("options.runtime.labels", item);
    }
    for mut item in keys.items(&["files"])? {
        let filters = item.filters()?;
        let (path, source) = (item.required("destination")?, item.required("source")?);
        item.drop(&["description"]);
        // The source is a path, or the text itself if there is no such file.
        let is_file = folder.join(&source).is_file();
        let (text, source) = match is_file || !source.contains('\n') {
            true => (None, Some(PathBuf::from(source))),
            false => (Some(source), None),
        };
        let file = file(path, text, source, None, folder)?;
        spec.files.push(Filtered { value: file, nodes: nodes(&filters)? });
        keys.keep_left("files", item);
    }
    for mut item in keys.items(&["hostAliases"])? {
        let ip = item.required("ip")?;
        let names: Vec<String> = item.take(&["hostnames"])?.unwrap_or_default();
        spec.host_aliases.extend(names.into_iter().map(|it| (ip.clone(), it)));
        keys.keep_left("hostAliases", item);
    }
    Ok(())
}

/// Hands what the file says of registries to the plugin for them.
fn registries(keys: &mut Keys, spec: &mut ClusterSpec) -> Result<(), ClusterFileError> {
    if let Some(text) = keys.take::<String>(&["registries", "config"])? {
        let parsed: Result<Map<String, Value>, _> = serde_saphyr::from_str(&text);
        spec.registries = parsed.map_err(|err| ClusterFileError::Value {
            key: "registries.config".to_owned(),
            source: Box::new(Excerpt(err.to_string())),
        })?;
    }
    let mut section = Map::new();
    if let Some(uses) = keys.take::<Vec<Value>>(&["registries", "use"])? {
        section.insert("use".to_owned(), uses.into());
    }
    match keys.take::<Value>(&["registries", "create"])? {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => drop(section.insert("create".to_owned(), json!({}))),
        Some(create) => {
            let mut create = Keys(create);
            let mut own = Map::new();
            for key in ["name", "image"] {
                if let Some(text) = create.take_text(&[key])? {
                    own.insert(key.to_owned(), text.into());
                }
            }
            if let Some(port) = create.take_text(&["hostPort"])?
                && let Ok(port) = port.parse::<u16>()
                && port > 0
            {
                own.insert("port".to_owned(), port.into());
            }
            if let Some(host) = create.take_text(&["host"])? {
                own.insert("host".to_owned(), host.into());
            }
            if let Some(volumes) = create.take::<Vec<String>>(&["volumes"])? {
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
            section.insert("create".to_owned(), own.into());
            keys.keep_left("registries.create", create);
        }
    }
    if !section.is_empty() {
        spec.plugins.insert(REGISTRY_PLUGIN.to_owned(), section.into());
    }
    Ok(())
}

/// The keys of a document that were not read yet.
struct Keys(Value);

impl Keys {
    /// Takes the value at a path; null is as good as none.
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

    /// Puts back what an item had more than was read, so that it is told.
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
        Value::Array(all) if all.is_empty() => {}
        _ => paths.push(path.to_owned()),
    }
}
