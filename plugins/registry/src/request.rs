//! The registries that a new cluster requests: with the options of `cluster create`, and with the
//! plugin's section of the cluster file.

use crate::spec::{Environment, Proxy, Publish, Secret, Spec, Volume};
use pintle_plugin::ClusterInfo;
use pintle_plugin::prelude::*;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;

/// The plugin's name, which is also the name of its section in cluster files.
pub(crate) const NAME: &str = "registry.pintle.dev";

/// The registries that a cluster requests.
///
/// It depends only on the event, so it is the same before and after the creation of the cluster.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The registry to create.
    pub(crate) create: Option<Spec>,
    /// The existing registries to use.
    pub(crate) uses: Vec<Use>,
}

/// An existing registry to use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) name: String,
    /// Additional ports with which images refer to it.
    pub(crate) ports: BTreeSet<u16>,
}

/// The options that the plugin adds to `cluster create`.
pub(crate) fn options() -> Vec<Arg> {
    vec![
        Arg::flag("registry").help("Create a registry that belongs to the cluster"),
        Arg::option("registry-port").value_name("[IP:]PORT").help(
            "Port of that registry on this machine [default: a free one, only for this machine]",
        ),
        Arg::option("registry-use")
            .value_name("NAME[:PORT]")
            .repeated()
            .completed()
            .help("Use a registry that `registry create` has created"),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    #[serde(deserialize_with = "present")]
    create: Option<Create>,
    r#use: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Create {
    name: Option<String>,
    image: Option<String>,
    port: Option<u16>,
    host: Option<String>,
    volumes: Vec<String>,
    proxy: Option<Remote>,
    delete: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remote {
    remote: String,
    username: Option<String>,
    password: Option<Secret>,
}

/// Reads a key whose presence has a meaning: `create:` means `create: {}`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Create>, D::Error> {
    Option::deserialize(deserializer).map(|it| Some(it.unwrap_or_default()))
}

impl Request {
    /// Reads the request in an event.
    ///
    /// # Errors
    ///
    /// When the request is invalid.
    pub(crate) fn read(event: &ClusterEvent) -> Result<Self> {
        let host = host(&event.cluster);
        Self::read_in(event, &Environment::new(&host))
    }

    fn read_in(event: &ClusterEvent, environment: &Environment<'_>) -> Result<Self> {
        let section: Section = event.section(NAME)?.unwrap_or_default();
        let texts = event.texts("registry-port");
        let port = texts.first().map(|it| Publish::parse(it)).transpose()?;
        let create = match section.create {
            None if event.flag("registry") => Some(Create::default()),
            create => create,
        };
        let create = match create {
            Some(create) => Some(create.read(&event.cluster, port, environment)?),
            None if port.is_some() => {
                return Err(UsageError("a port without a registry".to_owned()))
                    .hint("use `--registry-port` with `--registry`");
            }
            None => None,
        };
        Ok(Self { create, uses: uses(section.r#use, event.texts("registry-use"))? })
    }

    /// Returns whether nothing is requested.
    pub(crate) fn is_empty(&self) -> bool {
        self.create.is_none() && self.uses.is_empty()
    }

    /// Returns the names of the registries, beginning with the one to create.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let uses = self.uses.iter().map(|it| it.name.as_str());
        self.create.iter().map(|it| it.name.as_str()).chain(uses)
    }
}

impl Create {
    fn read(
        self,
        cluster: &ClusterInfo,
        port: Option<Publish>,
        environment: &Environment<'_>,
    ) -> Result<Spec> {
        let name = self.name.unwrap_or_else(|| format!("{}-registry", prefix(cluster)));
        let mut spec = Spec::new(name, environment)?;
        spec.cluster.clone_from(&cluster.name);
        spec.image = self.image.unwrap_or(spec.image);
        spec.delete = self.delete.unwrap_or(spec.delete);
        spec.publish.port = self.port.unwrap_or(spec.publish.port);
        if let Some(host) = &self.host {
            spec.publish = spec.publish.at(host)?;
        }
        // The command line takes precedence over the file.
        spec.publish = port.unwrap_or(spec.publish);
        let volumes = self.volumes.iter().map(|it| Volume::parse(it, None));
        spec.volumes = volumes.collect::<Result<_>>()?;
        if let Some(Remote { remote, username, password }) = self.proxy {
            spec.proxy = Proxy::read(Some(remote), username, password, environment)?;
        }
        Ok(spec)
    }
}

/// Reads the registries to use; repeated names count once.
fn uses(of_file: Vec<String>, of_line: Vec<String>) -> Result<Vec<Use>> {
    let mut uses: Vec<Use> = Vec::new();
    for text in of_file.iter().chain(&of_line) {
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse::<u16>().ok())),
            None => (text.as_str(), None),
        };
        if name.is_empty() || port.is_some_and(|it| it.is_none_or(|it| it == 0)) {
            return Err(UsageError(format!("invalid registry `{text}`")))
                .hint("use the form `NAME` or `NAME:PORT`");
        }
        let idx = uses.iter().position(|it| it.name == name).unwrap_or_else(|| {
            uses.push(Use { name: name.to_owned(), ports: BTreeSet::new() });
            uses.len() - 1
        });
        uses[idx].ports.extend(port.flatten());
    }
    Ok(uses)
}

/// Returns the prefix of the names of a cluster's objects, for example `pintle-demo`.
///
/// The network may have existed before, so the names of the nodes determine the prefix. The remains
/// of a cluster may have no nodes.
pub(crate) fn prefix(cluster: &ClusterInfo) -> &str {
    let first = cluster.nodes.iter().find_map(|it| it.name.strip_suffix("-server-0"));
    first.unwrap_or(&cluster.network)
}

/// Returns the host's command name, which is not part of events.
fn host(cluster: &ClusterInfo) -> String {
    let prefix = prefix(cluster);
    prefix.strip_suffix(&format!("-{}", cluster.name)).unwrap_or("pintle").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use json::json;

    fn event(options: json::Value, section: json::Value) -> ClusterEvent {
        let config = match section {
            json::Value::Null => json!({}),
            section => json!({ NAME: section }),
        };
        json::from_value(json!({
            "cluster": {
                "name": "demo",
                "network": "lan",
                "nodes": [{ "name": "pintle-demo-server-0", "role": "server" }],
            },
            "options": options,
            "config": config,
        }))
        .unwrap()
    }

    fn read(options: json::Value, section: json::Value) -> Result<Request> {
        Request::read_in(&event(options, section), &Environment::of_test(|_| None))
    }

    fn created(options: json::Value, section: json::Value) -> Spec {
        read(options, section).unwrap().create.unwrap()
    }

    #[track_caller]
    fn check_err(options: json::Value, section: json::Value, expected: &str) {
        let err = format!("{:#}", read(options, section).unwrap_err());
        assert!(err.contains(expected), "{err}");
    }

    #[test]
    fn nothing_is_wanted_unless_it_is_said() {
        assert!(read(json!({}), json!(null)).unwrap().is_empty());
        assert!(read(json!({}), json!({})).unwrap().is_empty());
        assert!(read(json!({ "registry-use": [] }), json!({ "use": [] })).unwrap().is_empty());
    }

    #[test]
    fn a_registry_is_named_after_the_cluster_and_not_after_its_network() {
        let expected = created(json!({ "registry": true }), json!(null));
        assert_eq!(expected.name, "pintle-demo-registry");
        assert_eq!(expected.cluster, "demo");
        assert_eq!(expected.publish, Publish::default());
        for section in [json!({ "create": {} }), json!({ "create": null })] {
            assert_eq!(created(json!({}), section), expected);
        }
        assert_eq!(host(&event(json!({}), json!(null)).cluster), "pintle");
    }

    #[test]
    fn a_section_says_everything() {
        let spec = created(
            json!({}),
            json!({ "create": {
                "name": "registry.localhost",
                "image": "mine:1",
                "port": 5000,
                "host": "0.0.0.0",
                "volumes": ["data:/var/lib/registry"],
                "proxy": { "remote": "https://ghcr.io", "username": "ada", "password": 1234 },
                "delete": false,
            }}),
        );
        assert_eq!(spec.name, "registry.localhost");
        assert_eq!((spec.image.as_str(), spec.delete), ("mine:1", false));
        let container = spec.container(spec.publish.port);
        assert_eq!(
            (container.ports[0].host_ip.as_str(), container.ports[0].host),
            ("0.0.0.0", 5000)
        );
        assert_eq!(container.mounts["/var/lib/registry"], "data");
        assert_eq!(container.env["REGISTRY_PROXY_PASSWORD"], "1234");
        assert!(!container.env.contains_key("REGISTRY_STORAGE_DELETE_ENABLED"));
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let section = json!({ "create": { "port": 5000, "host": "0.0.0.0", "image": "mine:1" } });
        let options = json!({ "registry": true, "registry-port": "6000" });
        let spec = created(options, section);
        assert_eq!((spec.publish.ip.as_str(), spec.publish.port), ("127.0.0.1", 6000));
        assert_eq!(spec.image, "mine:1");
    }

    #[test]
    fn a_registry_is_used_once_and_may_have_more_ports() {
        let section = json!({ "use": ["k3d-a:5000", "bb"] });
        let uses = read(json!({ "registry-use": ["bb:7000", "cc", "bb:7001"] }), section);
        let uses = uses.unwrap().uses;
        let names: Vec<_> = uses.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["k3d-a", "bb", "cc"]);
        assert_eq!(uses[1].ports, BTreeSet::from([7000, 7001]));
    }

    #[test]
    fn mistakes_are_told() {
        check_err(json!({ "registry-port": "5000" }), json!(null), "a port without a registry");
        let port = json!({ "registry": true, "registry-port": "x" });
        check_err(port, json!(null), "invalid port `x`");
        for text in ["", ":5000", "a:", "a:x", "a:0", "a:1:2"] {
            check_err(json!({ "registry-use": [text] }), json!(null), "invalid registry `");
        }
        let section = "invalid section `plugins.registry.pintle.dev` in the cluster file";
        check_err(json!({}), json!({ "make": {} }), section);
        check_err(json!({}), json!({ "create": { "colour": "red" } }), "unknown field `colour`");
        check_err(json!({}), json!({ "create": { "proxy": {} } }), "missing field `remote`");
        check_err(json!({}), json!({ "create": { "name": "A" } }), "invalid registry name `A`");
        let relative = json!({ "create": { "volumes": ["./a:/b"] } });
        check_err(json!({}), relative, "invalid volume `./a:/b`");
    }

    #[test]
    fn a_wrong_password_is_not_shown() {
        let proxy = json!({ "remote": "https://a", "username": "ada", "password": ["secret"] });
        let err = read(json!({}), json!({ "create": { "proxy": proxy } })).unwrap_err();
        let err = format!("{err:#}");
        assert!(err.contains("the password is not a string") && !err.contains("secret"), "{err}");
    }
}
