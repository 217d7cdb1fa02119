//! Whether PROJECT and the manifests in `config` agree: definitions, permissions, webhooks.
//!
//! The manifests are objects of Kubernetes, and `config` has the same directories in projects of
//! kubebuilder and of the plugin `rust`, so the comparison needs no plugin. Manifests elsewhere in
//! a project are not found.

use crate::project::file::{PROJECT, ProjectFile};
use crate::project::gvk::Gvk;
use crate::project::resource::Resource;
use pintle_host::fs::Dir;
use serde_json::Value;
use std::collections::BTreeSet;

const DEFINITIONS: &str = "config/crd/bases";
const PATCHES: &str = "config/crd/patches";
const PERMISSIONS: &str = "config/rbac";
const WEBHOOKS: &str = "config/webhook";

/// The end of the name of the operator's own role.
const ROLE: &str = "manager-role";

/// Neither people nor their generators write a manifest that is larger than this.
const MAX_BYTES: u64 = 16 << 20;

/// A disagreement between PROJECT and a manifest, or a contradiction within PROJECT.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disagreement {
    /// The path of the manifest, or `PROJECT`.
    pub(crate) subject: String,
    pub(crate) message: String,
    /// Whether it is only unusual.
    pub(crate) is_harmless: bool,
}

/// Returns all disagreements; `None` if there are no manifests to compare.
pub(crate) fn compare(root: &Dir, project: &ProjectFile) -> Option<Vec<Disagreement>> {
    let mut comparison = Comparison { project, found: Vec::new() };
    comparison.project_itself();
    let [definitions, patches, permissions, webhooks] =
        [DEFINITIONS, PATCHES, PERMISSIONS, WEBHOOKS].map(|it| comparison.read(root, it));
    if let Some(definitions) = &definitions {
        comparison.definitions(definitions, patches.as_deref().unwrap_or_default());
    }
    if let Some(permissions) = &permissions {
        comparison.permissions(permissions);
    }
    let is_compared = definitions.is_some() || permissions.is_some() || webhooks.is_some();
    if is_compared {
        comparison.webhooks(webhooks.as_deref().unwrap_or_default());
    }
    (is_compared || !comparison.found.is_empty()).then_some(comparison.found)
}

/// Returns the plurals in the definitions of kinds, for kinds whose definition is not in a file
/// named after the plural, for example `captains.crew.example.org.yaml` or, in kubebuilder
/// projects, `crew.example.org_captains.yaml`.
pub(crate) fn definitions_beside(root: &Dir, kinds: &[&Resource]) -> Vec<(Gvk, String)> {
    let Ok(entries) = root.list(DEFINITIONS) else { return Vec::new() };
    let mut names: BTreeSet<&str> = entries.iter().filter_map(|it| it.name.to_str()).collect();
    names.retain(|it| is_yaml(it));
    let is_missing = |it: &&&Resource| {
        let (plural, group) = (it.plural(), it.gvk().qualified_group());
        let known = [format!("{plural}.{group}.yaml"), format!("{group}_{plural}.yaml")];
        // Both names are looked up.
        known.iter().filter(|it| names.remove(it.as_str())).count() == 0
    };
    let missing: Vec<_> = kinds.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for name in names {
        let contents = root.read_regular(format!("{DEFINITIONS}/{name}"), MAX_BYTES);
        let file = contents.ok().and_then(|it| String::from_utf8(it.bytes).ok());
        let objects = file.and_then(|it| serde_saphyr::from_multiple::<Value>(&it).ok());
        for object in objects.into_iter().flatten() {
            let kind = missing.iter().find(|it| is_definition_of(&object, it));
            let plural = text(&object["spec"]["names"]["plural"]).to_owned();
            found.extend(kind.map(|it| (it.gvk().clone(), plural)));
        }
    }
    found
}

/// An object, and the path of its file.
struct Manifest {
    path: String,
    object: Value,
}

struct Comparison<'a> {
    project: &'a ProjectFile,
    found: Vec<Disagreement>,
}

impl Comparison<'_> {
    fn add(&mut self, subject: &str, message: String) {
        self.found.push(Disagreement { subject: subject.to_owned(), message, is_harmless: false });
    }

    /// Returns the objects in a directory; `None` if there is no such directory.
    fn read(&mut self, root: &Dir, dir: &str) -> Option<Vec<Manifest>> {
        let mut manifests = Vec::new();
        let mut entries = root.list(dir).ok()?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            let Some(name) = entry.name.to_str().filter(|it| is_yaml(it)) else { continue };
            let path = format!("{dir}/{name}");
            let Ok(contents) = root.read_regular(&path, MAX_BYTES) else { continue };
            let objects =
                std::str::from_utf8(&contents.bytes).map_err(|err| err.to_string()).and_then(
                    |it| serde_saphyr::from_multiple::<Value>(it).map_err(|err| first_line(&err)),
                );
            match objects {
                Ok(objects) => manifests.extend(
                    objects.into_iter().map(|object| Manifest { path: path.clone(), object }),
                ),
                Err(err) => self.add(&path, format!("invalid YAML: {err}")),
            }
        }
        Some(manifests)
    }

    /// Finds contradictions within PROJECT.
    fn project_itself(&mut self) {
        let mut messages = BTreeSet::new();
        for resource in self.project.resources() {
            if let Err(err) = self.project.check_plural(resource) {
                messages.insert(err.to_string());
            }
            let gvk = resource.gvk();
            let versions = || self.project.resources().iter().filter(|it| it.gvk().is_of_kind(gvk));
            for spoke in &resource.webhooks.spoke {
                if !versions().any(|it| it.gvk().version() == spoke) {
                    messages
                        .insert(format!("`{gvk}` is converted to `{spoke}`, which does not exist"));
                }
            }
            if versions().filter(|it| it.webhooks.conversion).count() > 1 {
                let kind = gvk.kind();
                messages.insert(format!("more than one version of `{kind}` converts the others"));
            }
        }
        messages.into_iter().for_each(|it| self.add(PROJECT, it));
    }

    fn definitions(&mut self, definitions: &[Manifest], patches: &[Manifest]) {
        let project = self.project;
        let mut kinds: Vec<&Resource> = Vec::new();
        for resource in project.resources().iter().filter(|it| it.api.is_some()) {
            if !kinds.iter().any(|it| it.gvk().is_of_kind(resource.gvk())) {
                kinds.push(resource);
            }
        }
        let of_kind = |it: &&Manifest, resource: &Resource| is_definition_of(&it.object, resource);
        for resource in &kinds {
            match definitions.iter().find(|it| of_kind(it, resource)) {
                Some(definition) => self.definition(definition, resource, patches),
                None => {
                    let path = format!("{DEFINITIONS}/{}.yaml", definition_name(resource));
                    self.add(&path, format!("the definition of `{}` is missing", resource.gvk()));
                }
            }
        }
        for definition in definitions {
            if definition.object["kind"] == "CustomResourceDefinition"
                && !kinds.iter().any(|it| of_kind(&definition, it))
            {
                self.stranger(definition, &kinds);
            }
        }
    }

    /// Compares a definition with all versions of its kind.
    fn definition(&mut self, definition: &Manifest, resource: &Resource, patches: &[Manifest]) {
        let Manifest { path, object } = definition;
        let spec = &object["spec"];
        let (kind, plural) = (resource.gvk().kind(), text(&spec["names"]["plural"]));
        if plural != resource.plural() {
            let known = resource.plural();
            self.add(
                path,
                format!(
                    "its plural is `{plural}`, but in PROJECT, the plural of `{kind}` is \
                     `{known}`; correct the wrong one"
                ),
            );
        }
        let (name, expected) = (text(&object["metadata"]["name"]), definition_name(resource));
        if plural == resource.plural() && name != expected {
            self.add(path, format!("its name is `{name}`, but must be `{expected}`"));
        }
        let is_namespaced = resource.api.as_ref().is_some_and(|it| it.namespaced);
        let scope = if is_namespaced { "Namespaced" } else { "Cluster" };
        if text(&spec["scope"]) != scope {
            let found = text(&spec["scope"]);
            self.add(path, format!("its scope is `{found}`, but `{scope}` in PROJECT"));
        }
        let versions: Vec<&Resource> = (self.project.resources().iter())
            .filter(|it| it.api.is_some() && it.gvk().is_of_kind(resource.gvk()))
            .collect();
        let found: Vec<&str> = items(&spec["versions"]).map(|it| text(&it["name"])).collect();
        for version in versions.iter().map(|it| it.gvk().version()) {
            if !found.contains(&version) {
                self.add(
                    path,
                    format!("it does not have version `{version}` of `{kind}`, but PROJECT does"),
                );
            }
        }
        for version in &found {
            if !versions.iter().any(|it| it.gvk().version() == *version) {
                self.add(
                    path,
                    format!("it has version `{version}` of `{kind}`, but PROJECT does not"),
                );
            }
        }
        let is_webhook = |it: &Value| it["spec"]["conversion"]["strategy"] == "Webhook";
        let is_patch = |it: &&Manifest| text(&it.object["metadata"]["name"]) == name;
        let converts =
            is_webhook(object) || patches.iter().filter(is_patch).any(|it| is_webhook(&it.object));
        let is_known = self
            .project
            .resources()
            .iter()
            .any(|it| it.webhooks.conversion && it.gvk().is_of_kind(resource.gvk()));
        match (converts, is_known) {
            (true, false) => {
                self.add(
                    path,
                    format!("it has a conversion webhook for `{kind}`, but PROJECT does not"),
                );
            }
            (false, true) => {
                self.add(
                    path,
                    format!("it does not have a conversion webhook for `{kind}`, but PROJECT does"),
                );
            }
            _ => {}
        }
    }

    /// Inspects a definition of a kind that PROJECT does not have.
    fn stranger(&mut self, definition: &Manifest, kinds: &[&Resource]) {
        let spec = &definition.object["spec"];
        let (group, kind, plural) =
            (text(&spec["group"]), text(&spec["names"]["kind"]), text(&spec["names"]["plural"]));
        let same = |it: &&&Resource| it.gvk().qualified_group() == group && it.plural() == plural;
        if let Some(known) = kinds.iter().find(same) {
            let known = known.gvk().kind();
            self.add(
                &definition.path,
                format!(
                    "its kind is `{kind}`, but in PROJECT, the kind of `{plural}` is `{known}`"
                ),
            );
        } else if kinds.iter().any(|it| it.gvk().qualified_group() == group) {
            self.found.push(Disagreement {
                subject: definition.path.clone(),
                message: format!("its kind `{kind}` is not in PROJECT"),
                is_harmless: true,
            });
        }
    }

    fn permissions(&mut self, manifests: &[Manifest]) {
        let is_role = |it: &&Manifest| text(&it.object["metadata"]["name"]).ends_with(ROLE);
        let roles: Vec<&Manifest> = manifests.iter().filter(is_role).collect();
        let Some(first) = roles.first() else { return };
        let path = first.path.clone();
        let rules: Vec<&Value> = roles.iter().flat_map(|it| items(&it.object["rules"])).collect();
        for resource in self.project.resources().iter().filter(|it| it.controller) {
            let (group, plural) = (group_of_rules(resource), resource.plural());
            let allows = |rule: &Value, verb: &str, plural: &str| {
                has(&rule["apiGroups"], &group)
                    && has(&rule["resources"], plural)
                    && has(&rule["verbs"], verb)
            };
            let missing = |plural: &str| -> Vec<&str> {
                let mut verbs = vec!["get", "list", "watch"];
                verbs.retain(|verb| !rules.iter().any(|rule| allows(rule, verb, plural)));
                verbs
            };
            let verbs = missing(plural).join(", ");
            if !verbs.is_empty() {
                let gvk = resource.gvk();
                let mut message =
                    format!("the controller of `{gvk}` has no permission to {verbs} `{plural}`");
                // The plural that earlier releases gave to every kind.
                let plain = format!("{}s", gvk.kind().to_lowercase());
                if missing(&plain).is_empty() {
                    message += &format!(
                        ", only `{plain}`; if that is its plural, add `plural: {plain}` to its \
                         entry in PROJECT"
                    );
                }
                self.add(&path, message);
            }
        }
    }

    fn webhooks(&mut self, manifests: &[Manifest]) {
        let mut messages = Vec::new();
        for (kind, sort, is_on) in [
            ("MutatingWebhookConfiguration", "defaulting", defaulting as fn(&Resource) -> bool),
            ("ValidatingWebhookConfiguration", "validation", validation),
        ] {
            let configured = (manifests.iter())
                .filter(|it| it.object["kind"] == kind)
                .flat_map(|it| items(&it.object["webhooks"]).map(|webhook| (&it.path, webhook)))
                .flat_map(|(path, it)| items(&it["rules"]).map(move |rule| (path, rule)))
                .collect::<Vec<_>>();
            for resource in self.project.resources() {
                let matching = configured.iter().find(|(_, rule)| {
                    has(&rule["apiGroups"], &group_of_rules(resource))
                        && has(&rule["apiVersions"], resource.gvk().version())
                        && has(&rule["resources"], resource.plural())
                });
                let gvk = resource.gvk();
                match (matching, is_on(resource)) {
                    (None, true) => messages.push((
                        WEBHOOKS.to_owned(),
                        format!("the configuration of the {sort} webhook of `{gvk}` is missing"),
                    )),
                    (Some((path, rule)), false) if !has_wildcard(rule) => messages.push((
                        (*path).clone(),
                        format!("it has a {sort} webhook of `{gvk}`, but PROJECT does not"),
                    )),
                    _ => {}
                }
            }
        }
        messages.into_iter().for_each(|(path, message)| self.add(&path, message));
    }
}

fn defaulting(resource: &Resource) -> bool {
    resource.webhooks.defaulting
}

fn validation(resource: &Resource) -> bool {
    resource.webhooks.validation
}

/// Returns the group as it is in rules: the group of pods has no name there.
fn group_of_rules(resource: &Resource) -> String {
    match resource.gvk().qualified_group() {
        group if resource.core && group == "core" => String::new(),
        group => group,
    }
}

/// Whether an object defines the kind of a resource.
fn is_definition_of(object: &Value, resource: &Resource) -> bool {
    let spec = &object["spec"];
    spec["group"] == resource.gvk().qualified_group().as_str()
        && spec["names"]["kind"] == resource.gvk().kind()
}

fn definition_name(resource: &Resource) -> String {
    format!("{}.{}", resource.plural(), resource.gvk().qualified_group())
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether a list of a rule contains a name, or a wildcard.
fn has(list: &Value, name: &str) -> bool {
    items(list).any(|it| it == name || it == "*")
}

/// Whether a rule applies to more than what it names.
fn has_wildcard(rule: &Value) -> bool {
    ["apiGroups", "apiVersions", "resources"].iter().any(|it| has(&rule[*it], "*"))
}

fn first_line(err: &dyn std::fmt::Display) -> String {
    let text = err.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
