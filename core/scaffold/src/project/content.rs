//! The content of a PROJECT file that this host knows.

use super::nulls::or_default;
use super::resource::Resource;
use pintle_host::ProjectVersion;
use serde::de;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// The part of the file that this host knows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Content {
    #[serde(skip)]
    pub(super) version: ProjectVersion,
    #[serde(deserialize_with = "or_default")]
    pub(super) domain: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) repo: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) project_name: String,
    pub(super) cli_version: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) multigroup: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) namespaced: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) layout: Layout,
    #[serde(deserialize_with = "or_default")]
    pub(super) plugins: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Vec<Resource>,
}

/// The plugins that created the project, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    pub(super) keys: Vec<String>,
    /// The plugins' configurations, if `layout` is a map.
    pub(super) configs: Option<Map<String, Value>>,
}

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LayoutVisitor)
    }
}

struct LayoutVisitor;

impl<'de> de::Visitor<'de> for LayoutVisitor {
    type Value = Layout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a plugin key, a list of plugin keys, or a map from plugin key to configuration",
        )
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Layout, E> {
        Ok(Layout { keys: vec![key.to_owned()], configs: None })
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Layout, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = seq.next_element()? {
            keys.push(key);
        }
        Ok(Layout { keys, configs: None })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Layout, A::Error> {
        let mut configs = Map::new();
        while let Some((key, config)) = map.next_entry()? {
            configs.insert(key, config);
        }
        Ok(Layout { keys: configs.keys().cloned().collect(), configs: Some(configs) })
    }
}

/// Returns the key of a plugin's configuration: its own key, or the only one of another version of
/// the plugin.
pub(super) fn config_key<'a>(configs: &'a Map<String, Value>, plugin: &str) -> Option<&'a str> {
    if let Some((key, _)) = configs.get_key_value(plugin) {
        return Some(key);
    }
    let name = |key: &str| key.split('/').next() == plugin.split('/').next();
    let mut others = configs.keys().filter(|it| name(it));
    others.next().filter(|_| others.next().is_none()).map(String::as_str)
}
