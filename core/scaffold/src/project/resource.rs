//! The resources of a project, and what is scaffolded for them.

use super::gvk::Gvk;
use super::name::{NameError, is_lettered_label};
use super::nulls::{or_default, without_nulls};
use super::plural::regular_plural;
use pintle_plugin::message::{self, Webhooks};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A resource of the project.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "ResourceEntry")]
pub struct Resource {
    gvk: Gvk,
    plural: String,
    /// The path of the file with the type, or an empty string.
    pub path: String,
    /// How the resource is scaffolded as an API type, if it is.
    pub api: Option<Api>,
    /// Whether the resource has a controller.
    pub controller: bool,
    /// The webhooks of the resource.
    pub webhooks: Webhooks,
    /// Whether the API belongs to another project.
    pub external: bool,
    /// Whether the API is one of Kubernetes itself.
    pub core: bool,
    /// The module that contains the type of an API of another project, or an empty string.
    pub module: String,
    /// Other keys of the resource in PROJECT.
    pub other: Map<String, Value>,
}

/// How a resource is scaffolded as an API type.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Api {
    /// The version of the definition's own API, for example `v1`.
    #[serde(default = "Api::default_crd_version")]
    pub crd_version: String,
    /// Whether the resource is namespaced.
    #[serde(default)]
    pub namespaced: bool,
    /// Other keys of the API in PROJECT.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Api {
    fn default_crd_version() -> String {
        "v1".to_owned()
    }

    fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("crdVersion".to_owned(), self.crd_version.as_str().into());
        if self.namespaced {
            map.insert("namespaced".to_owned(), true.into());
        }
        map.extend(self.other.clone());
        map.into()
    }
}

impl Default for Api {
    fn default() -> Self {
        Self { crd_version: Self::default_crd_version(), namespaced: false, other: Map::new() }
    }
}

impl Resource {
    /// Returns a resource of Kubernetes itself, such as `apps/v1/Deployment`; `None` if Kubernetes
    /// has no such API group.
    ///
    /// The group may be given with or without `k8s.io`; the group of pods and services is `core`,
    /// which means the empty group.
    pub fn of_core(group: &str, version: &str, kind: &str) -> Option<Result<Self, NameError>> {
        let short = group.strip_suffix(".k8s.io").unwrap_or(group);
        let domain = if PLAIN_GROUPS.contains(&short) {
            ""
        } else if K8S_IO_GROUPS.contains(&short) {
            "k8s.io"
        } else {
            return None;
        };
        Some(Gvk::new(short, domain, version, kind).map(|gvk| {
            let mut resource = Self::new(gvk);
            resource.core = true;
            resource
        }))
    }

    /// Returns a resource for which nothing is scaffolded yet; its plural follows from its kind.
    pub fn new(gvk: Gvk) -> Self {
        let plural = regular_plural(gvk.kind());
        Self::bare(gvk, plural)
    }

    fn bare(gvk: Gvk, plural: String) -> Self {
        let (path, other) = (String::new(), Map::new());
        Self {
            gvk,
            plural,
            path,
            api: None,
            controller: false,
            webhooks: Webhooks::default(),
            external: false,
            core: false,
            module: String::new(),
            other,
        }
    }

    /// Sets the plural, if the English plural is wrong.
    ///
    /// # Errors
    ///
    /// [`NameError`] when it breaks Kubernetes' rule.
    pub fn with_plural(mut self, plural: &str) -> Result<Self, NameError> {
        self.set_plural(plural)?;
        Ok(self)
    }

    /// Checks the names in an entry of PROJECT whose values have the right types.
    pub(super) fn check_names(entry: &Value) -> Result<(), NameError> {
        match ResourceEntry::deserialize(entry) {
            Ok(entry) => Self::try_from(entry).map(drop),
            Err(_) => Ok(()),
        }
    }

    /// Returns the identity of the resource.
    pub fn gvk(&self) -> &Gvk {
        &self.gvk
    }

    /// Returns the plural in lower case, for example `captains`.
    pub fn plural(&self) -> &str {
        &self.plural
    }

    /// Returns the form that plugins see.
    ///
    /// Its `other` contains [`other`](Self::other) and, for an API type, `crdVersion`.
    pub fn to_message(&self) -> message::Resource {
        self.to_message_with(self.api.as_ref())
    }

    /// Returns the form that plugins see while they scaffold a part of a resource that the project
    /// already has: `api` specifies whether the API type is to be scaffolded now; `known` specifies
    /// how.
    pub(crate) fn to_message_beside(&self, known: Option<&Self>) -> message::Resource {
        self.to_message_with(self.api.as_ref().or(known.and_then(|it| it.api.as_ref())))
    }

    fn to_message_with(&self, api: Option<&Api>) -> message::Resource {
        let mut message = message::Resource::default();
        message.group = self.gvk.group().to_owned();
        message.domain = self.gvk.domain().to_owned();
        message.version = self.gvk.version().to_owned();
        message.kind = self.gvk.kind().to_owned();
        message.plural = self.plural.clone();
        message.path = self.path.clone();
        message.api = self.api.is_some();
        message.controller = self.controller;
        message.webhooks = self.webhooks.clone();
        message.external = self.external;
        message.core = self.core;
        message.module = self.module.clone();
        message.other = self.other.clone();
        if let Some(api) = api {
            message.other.insert(CRD_VERSION.to_owned(), api.crd_version.as_str().into());
            message.namespaced = api.namespaced;
        }
        message
    }

    /// Applies a plugin's changes to the form that it saw.
    ///
    /// # Errors
    ///
    /// [`NameError`] for a name that breaks a rule of Kubernetes.
    pub fn apply(&mut self, message: &message::Resource) -> Result<(), NameError> {
        let message::Resource { group, domain, version, kind, .. } = message;
        let kind_changed = kind != self.gvk.kind();
        if !self.gvk.is(group, domain, version, kind) {
            self.gvk = Gvk::new(group, domain, version, kind)?;
        }
        match message.plural.as_str() {
            "" => self.plural = regular_plural(self.gvk.kind()),
            plural if kind_changed && plural == self.plural => {
                self.plural = regular_plural(self.gvk.kind());
            }
            plural => self.set_plural(plural)?,
        }
        self.path = message.path.clone();
        self.controller = message.controller;
        self.webhooks = message.webhooks.clone();
        self.external = message.external;
        self.core = message.core;
        self.module = message.module.clone();
        self.other = message.other.clone();
        let crd_version = self.other.shift_remove(CRD_VERSION);
        self.api = message.api.then(|| {
            let mut api = self.api.take().unwrap_or_default();
            if let Some(Value::String(it)) = crd_version {
                api.crd_version = it;
            }
            api.namespaced = message.namespaced;
            api
        });
        Ok(())
    }

    /// Adopts the plural that `known`, of the same [`Gvk`], has.
    pub(crate) fn adopt_plural(&mut self, known: &Self) {
        if self.plural == regular_plural(self.gvk.kind()) {
            self.plural = known.plural.clone();
        }
    }

    /// Adds the values of `known`, of the same [`Gvk`], that this resource does not have.
    pub(crate) fn complete_from(&mut self, known: &Self) {
        self.adopt_plural(known);
        if self.path.is_empty() {
            self.path = known.path.clone();
        }
        if self.api.is_none() {
            self.api = known.api.clone();
        }
        self.controller |= known.controller;
        let (ours, theirs) = (&mut self.webhooks, &known.webhooks);
        ours.defaulting |= theirs.defaulting;
        ours.validation |= theirs.validation;
        ours.conversion |= theirs.conversion;
        for version in
            theirs.spoke.iter().filter(|it| !ours.spoke.contains(it)).cloned().collect::<Vec<_>>()
        {
            ours.spoke.push(version);
        }
        ours.spoke.sort();
        for (key, value) in &theirs.other {
            ours.other.entry(key.clone()).or_insert_with(|| value.clone());
        }
        self.external |= known.external;
        self.core |= known.core;
        if self.module.is_empty() {
            self.module.clone_from(&known.module);
        }
        for (key, value) in &known.other {
            self.other.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    /// Returns the entry in PROJECT, with kubebuilder's keys in kubebuilder's order.
    pub(crate) fn to_value(&self) -> Value {
        let mut map = Map::new();
        let mut insert = |key: &str, value: Value| map.insert(key.to_owned(), value);
        if let Some(api) = &self.api {
            insert("api", api.to_value());
        }
        // A list of controllers already implies it.
        if self.controller && !has_controllers(&self.other) {
            insert("controller", true.into());
        }
        if self.core {
            insert("core", true.into());
        }
        if !self.gvk.domain().is_empty() {
            insert("domain", self.gvk.domain().into());
        }
        if self.external {
            insert("external", true.into());
        }
        if !self.gvk.group().is_empty() {
            insert("group", self.gvk.group().into());
        }
        insert("kind", self.gvk.kind().into());
        if !self.module.is_empty() {
            insert("module", self.module.as_str().into());
        }
        if !self.path.is_empty() {
            insert("path", self.path.as_str().into());
        }
        // Only the most regular plural is omitted, so that readers do not need this word list.
        let is_plain = self.plural == format!("{}s", self.gvk.kind().to_lowercase());
        if !is_plain || self.plural != regular_plural(self.gvk.kind()) {
            insert("plural", self.plural.as_str().into());
        }
        insert("version", self.gvk.version().into());
        if let Some(webhooks) = webhooks_value(&self.webhooks) {
            insert("webhooks", webhooks);
        }
        map.extend(self.other.clone());
        map.into()
    }

    /// Whether both are equal, apart from implied values.
    pub(super) fn says_as_much(&self, other: &Self) -> bool {
        self.controller == other.controller && self.to_value() == other.to_value()
    }

    fn set_plural(&mut self, plural: &str) -> Result<(), NameError> {
        if !is_lettered_label(plural) {
            let rule = "it must be at most 63 lower-case letters, digits and `-`, \
                        start with a letter and end with a letter or digit";
            return Err(NameError::new("plural", plural, rule, "captains"));
        }
        self.plural = plural.to_owned();
        Ok(())
    }
}

const CRD_VERSION: &str = "crdVersion";

/// The API groups of Kubernetes whose names are one word, from its API reference.
const PLAIN_GROUPS: &[&str] = &["apps", "autoscaling", "batch", "core", "extensions", "policy"];

/// The API groups of Kubernetes below `k8s.io`, without this suffix.
const K8S_IO_GROUPS: &[&str] = &[
    "admissionregistration",
    "apiextensions",
    "apiregistration",
    "authentication",
    "authorization",
    "certificates",
    "coordination",
    "discovery",
    "events",
    "flowcontrol.apiserver",
    "metrics",
    "networking",
    "node",
    "rbac.authorization",
    "resource",
    "scheduling",
    "storage",
];

/// Returns the webhooks as they are written in PROJECT; `None` if there are none.
fn webhooks_value(webhooks: &Webhooks) -> Option<Value> {
    if !webhooks.is_any() && webhooks.other.is_empty() {
        return None;
    }
    let mut map = Map::new();
    let mut insert = |key: &str, value: Value| map.insert(key.to_owned(), value);
    for (key, is_on) in [
        ("conversion", webhooks.conversion),
        ("defaulting", webhooks.defaulting),
        ("validation", webhooks.validation),
    ] {
        if is_on {
            insert(key, true.into());
        }
    }
    if !webhooks.spoke.is_empty() {
        insert("spoke", webhooks.spoke.clone().into());
    }
    if !webhooks.other.contains_key(WEBHOOK_VERSION) {
        insert(WEBHOOK_VERSION, "v1".into());
    }
    map.extend(webhooks.other.clone());
    Some(map.into())
}

const WEBHOOK_VERSION: &str = "webhookVersion";

/// An entry of `resources` as it is written in PROJECT.
#[derive(Deserialize)]
struct ResourceEntry {
    #[serde(default, deserialize_with = "or_default")]
    group: String,
    #[serde(default, deserialize_with = "or_default")]
    domain: String,
    version: String,
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    plural: String,
    #[serde(default, deserialize_with = "or_default")]
    path: String,
    #[serde(default, deserialize_with = "without_nulls")]
    api: Option<Api>,
    #[serde(default, deserialize_with = "or_default")]
    controller: bool,
    #[serde(default, deserialize_with = "without_nulls")]
    webhooks: Option<Webhooks>,
    #[serde(default, deserialize_with = "or_default")]
    external: bool,
    #[serde(default, deserialize_with = "or_default")]
    core: bool,
    #[serde(default, deserialize_with = "or_default")]
    module: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl TryFrom<ResourceEntry> for Resource {
    type Error = NameError;

    fn try_from(entry: ResourceEntry) -> Result<Self, NameError> {
        let gvk = Gvk::existing(&entry.group, &entry.domain, &entry.version, &entry.kind)?;
        let mut resource = match entry.plural.as_str() {
            "" => Self::new(gvk),
            plural => {
                // Setting up the word list is slow, and not needed here.
                let mut resource = Self::bare(gvk, String::new());
                resource.set_plural(plural)?;
                resource
            }
        };
        resource.path = entry.path;
        resource.api = entry.api;
        resource.controller = entry.controller || has_controllers(&entry.other);
        resource.webhooks = entry.webhooks.unwrap_or_default();
        (resource.external, resource.core) = (entry.external, entry.core);
        resource.module = entry.module;
        resource.other = entry.other;
        Ok(resource)
    }
}

/// Whether the newer `controllers`, a list of names, replaces `controller`.
fn has_controllers(other: &Map<String, Value>) -> bool {
    other.get("controllers").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gvk(kind: &str) -> Gvk {
        Gvk::new("crew", "example.org", "v1", kind).unwrap()
    }

    #[test]
    fn a_plural_given_by_the_user_wins() {
        let resource = Resource::new(gvk("Staff")).with_plural("staffers").unwrap();
        assert_eq!(resource.plural(), "staffers");
        let err = Resource::new(gvk("Staff")).with_plural("Staffers").unwrap_err();
        assert_eq!(err.example(), "captains");
    }

    #[test]
    fn what_a_plugin_does_not_touch_survives_its_hands() {
        let mut resource = Resource::new(gvk("Captain"));
        let mut ssa = Map::new();
        ssa.insert("ssa".to_owned(), true.into());
        resource.api = Some(Api { namespaced: true, other: ssa, ..Api::default() });
        resource.webhooks.defaulting = true;
        resource.webhooks.other.insert("defaultingPath".to_owned(), "/mutate".into());
        resource.other.insert("controllers".to_owned(), serde_json::json!([{"name": "a"}]));
        resource.controller = true;
        let before = resource.clone();
        resource.apply(&before.to_message()).unwrap();
        assert_eq!(resource, before);

        let mut message = resource.to_message();
        message.controller = true;
        message.namespaced = false;
        resource.apply(&message).unwrap();
        assert!(resource.controller);
        let api = resource.api.unwrap();
        assert!(!api.namespaced && api.other["ssa"] == true);
    }

    #[test]
    fn a_plugin_cannot_make_a_resource_invalid() {
        let mut resource = Resource::new(gvk("Captain"));
        let mut message = resource.to_message();
        message.kind = "captain".to_owned();
        resource.apply(&message).unwrap_err();
        assert_eq!(resource.gvk().kind(), "Captain");
    }
}
