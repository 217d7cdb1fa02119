//! An API type and its controller, in a project that exists.

use crate::crd::Kind;
use crate::names::{self, module, type_name};
use crate::template::render;
use pintle_plugin::prelude::*;
use serde::Serialize;

const TYPE: &str = include_str!("../templates/api/type.rs.jinja");
const VERSION: &str = include_str!("../templates/api/version.rs.jinja");
const GROUP: &str = include_str!("../templates/api/group.rs.jinja");
const CONTROLLER: &str = include_str!("../templates/api/controller.rs.jinja");
const WATCHER: &str = include_str!("../templates/api/watcher.rs.jinja");
const ROLE: &str = include_str!("../templates/api/role.yaml.jinja");
const SAMPLE: &str = include_str!("../templates/api/sample.yaml.jinja");
const CONTROLLERS: &str = include_str!("../templates/api/controllers.rs.jinja");

/// The names of a resource, in Kubernetes and in Rust.
#[derive(Serialize)]
pub(crate) struct Names {
    /// The group with its domain.
    pub(crate) group: String,
    pub(crate) version: String,
    /// Group and version.
    pub(crate) api_version: String,
    pub(crate) kind: String,
    singular: String,
    pub(crate) plural: String,
    namespaced: bool,
    pub(crate) package: String,
    #[serde(rename = "crate")]
    crate_name: String,
    pub(crate) group_module: String,
    pub(crate) version_module: String,
    pub(crate) kind_module: String,
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    /// Whether the operator works in its own namespace only.
    pub(crate) own_namespace: bool,
}

impl Names {
    /// Finds names in Rust for a resource of the project.
    ///
    /// # Errors
    ///
    /// When the kind is none, or when another group has taken the module.
    pub(crate) fn new(resource: &Resource, project: &ProjectInfo) -> Result<Self> {
        let Resource { version, kind, plural, .. } = resource;
        ensure!(
            names::is_kind(kind),
            UsageError(format!("the kind `{kind}` is not in upper camel case, as `Captain`"))
        );
        let group = qualified_group(resource);
        let group_module = group_module(resource);
        let taken = |it: &&Resource| group_module_is_taken(it, &group, &group_module);
        if let Some(other) = project.resources.iter().find(taken) {
            let (ours, theirs) = (short_group(resource), short_group(other));
            bail!(UsageError(format!(
                "the groups `{ours}` and `{theirs}` would both be the module `{group_module}`"
            )));
        }
        Ok(Self {
            api_version: format!("{group}/{version}"),
            group,
            version: version.clone(),
            kind: kind.clone(),
            singular: kind.to_lowercase(),
            plural: plural.clone(),
            namespaced: resource.namespaced,
            package: names::package(&project.name),
            crate_name: names::package(&project.name).replace('-', "_"),
            group_module,
            version_module: module(version),
            kind_module: module(kind),
            type_name: type_name(kind),
            own_namespace: project.namespaced,
        })
    }

    /// Returns the path of the file with the API type.
    pub(crate) fn type_path(&self) -> String {
        format!("{}/{}.rs", self.version_folder(), self.kind_module)
    }

    /// Returns the path of the file with the controller.
    fn controller_path(&self) -> String {
        format!("src/controller/{}/{}.rs", self.group_module, self.kind_module)
    }

    /// Returns the group as rules and requests know it: that of pods has no name.
    fn group_of_rules(&self, resource: &Resource) -> String {
        if resource.core && self.group == "core" { String::new() } else { self.group.clone() }
    }

    fn version_folder(&self) -> String {
        format!("src/api/{}/{}", self.group_module, self.version_module)
    }

    /// Returns the line that hands the controller to the manager.
    fn registration(&self) -> String {
        let Self { crate_name, group_module, kind_module, .. } = self;
        format!(".controller({crate_name}::controller::{group_module}::{kind_module}::run)")
    }

    /// Returns the line that lists the API type.
    fn definition(&self) -> String {
        let Self { group_module, version_module, type_name, .. } = self;
        format!(".with::<crate::api::{group_module}::{version_module}::{type_name}>()")
    }
}

/// Returns the resource of the same kind, in another version, that has a controller.
pub(crate) fn other_controller<'a>(
    resource: &Resource,
    project: &'a ProjectInfo,
) -> Option<&'a Resource> {
    let same_kind = |it: &&Resource| {
        it.controller
            && it.kind == resource.kind
            && it.version != resource.version
            && qualified_group(it) == qualified_group(resource)
    };
    project.resources.iter().find(same_kind).filter(|_| resource.controller)
}

/// Drafts what the resource asks for.
pub(crate) fn scaffold(
    resource: &Resource,
    names: &Names,
    project: &ProjectInfo,
    draft: &mut Draft<'_>,
) -> Result<()> {
    if resource.api {
        scaffold_type(names, draft)?;
        scaffold_manifests(resource, names, project, draft)?;
        scaffold_roles(names, draft)?;
    }
    if resource.controller {
        let path = names.type_path();
        if resource.external || resource.core {
            return scaffold_watcher(resource, names, draft);
        }
        ensure!(
            names.namespaced || !project.namespaced,
            UsageError(format!(
                "the operator works in its own namespace only, and objects of kind `{}` have none",
                names.kind
            ))
        );
        ensure!(
            resource.api || draft.exists(&path)?,
            UsageError(format!("the controller has no API type to look after: no file `{path}`"))
        );
        scaffold_controller(names, draft)?;
    }
    Ok(())
}

/// Drafts the definition, a sample, and the way to both.
fn scaffold_manifests(
    resource: &Resource,
    names: &Names,
    project: &ProjectInfo,
    draft: &mut Draft<'_>,
) -> Result<()> {
    scaffold_definition(resource, names, project, draft)?;
    let file = format!("- bases/{}.{}.yaml", names.plural, names.group);
    draft.insert("config/crd/kustomization.yaml", "crds", &file, Place::Last)?;
    draft.insert("config/default/kustomization.yaml", "resources", "- ../crd", Place::Last)?;

    let Names { group_module, version, kind, .. } = names;
    let sample = format!("{group_module}_{version}_{}.yaml", kind.to_lowercase());
    let path = format!("config/samples/{sample}");
    draft.ensure(&path, || render(&path, SAMPLE, names))?;
    let line = format!("- {sample}");
    draft.insert("config/samples/kustomization.yaml", "samples", &line, Place::Last)
}

/// Drafts a role for each sort of user that the resource may have.
fn scaffold_roles(names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Values<'a> {
        #[serde(flatten)]
        names: &'a Names,
        role: &'a str,
        purpose: &'a str,
        verbs: &'a str,
        group_label: String,
    }
    let Names { group_module, singular, .. } = names;
    for (role, purpose, verbs) in ROLES {
        let group_label = group_module.trim_matches('_').replace('_', "-");
        let values = Values { names, role, purpose, verbs, group_label };
        let file = format!("{group_module}_{singular}_{role}_role.yaml");
        let path = format!("config/rbac/{file}");
        draft.ensure(&path, || render(&path, ROLE, &values))?;
        let line = format!("- {file}");
        draft.insert("config/rbac/kustomization.yaml", "roles", &line, Place::Last)?;
    }
    Ok(())
}

/// The roles of users, what each is for, and what it may do.
const ROLES: &[(&str, &str, &str)] = &[
    ("admin", "For users who change objects and grant permissions on them.", r#"["*"]"#),
    (
        "editor",
        "For users who change objects.",
        "[create, delete, get, list, patch, update, watch]",
    ),
    ("viewer", "For users who view objects.", "[get, list, watch]"),
];

/// Drafts the definition of the resource's kind, with all its versions.
pub(crate) fn scaffold_definition(
    resource: &Resource,
    names: &Names,
    project: &ProjectInfo,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let same_kind = |it: &&Resource| {
        it.api && it.kind == resource.kind && qualified_group(it) == qualified_group(resource)
    };
    let versions: Vec<&Resource> = project.resources.iter().filter(same_kind).collect();
    let is_converted =
        resource.webhooks.conversion || versions.iter().any(|it| it.webhooks.conversion);
    let kind = Kind {
        group: &names.group,
        kind: &names.kind,
        plural: &names.plural,
        type_name: &names.type_name,
        namespaced: versions.first().map_or(names.namespaced, |it| it.namespaced),
        versions: versions.iter().map(|it| it.version.as_str()).collect(),
        converted_by: is_converted.then_some(names.package.as_str()),
    };
    draft.put(&kind.path(), kind.manifest()?)
}

/// Drafts a controller for an API that is not the project's own.
fn scaffold_watcher(resource: &Resource, names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Values<'a> {
        #[serde(flatten)]
        names: &'a Names,
        path_of_type: String,
    }
    let path_of_type = match resource.core {
        true => core_type(resource),
        false => format!("{}::{}", resource.module, resource.kind),
    };
    let values = Values { names, path_of_type };
    register(names, draft, |path| render(path, WATCHER, &values))?;
    allow(draft, &names.group_of_rules(resource), &names.plural, &["get", "list", "watch"])
}

/// Returns the path of the type of an API of Kubernetes in the crate `k8s-openapi`.
fn core_type(resource: &Resource) -> String {
    let group = resource.group.split('.').next().unwrap_or_default();
    format!("k8s_openapi::api::{}::{}::{}", module(group), module(&resource.version), resource.kind)
}

/// Adds a rule to what the operator may do.
fn allow(draft: &mut Draft<'_>, group: &str, resources: &str, verbs: &[&str]) -> Result<()> {
    let rule = format!(
        "- apiGroups: [\"{group}\"]\n  resources: [{resources}]\n  verbs: [{}]",
        verbs.join(", ")
    );
    draft.insert("config/rbac/role.yaml", "rules", &rule, Place::Last)
}

fn scaffold_type(names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    let Names { group_module, version_module, kind_module, type_name, .. } = names;

    draft.insert(
        "src/api/mod.rs",
        "api-groups",
        &format!("pub mod {group_module};"),
        Place::Sorted,
    )?;
    let path = format!("src/api/{group_module}/mod.rs");
    draft.ensure(&path, || render(&path, GROUP, names))?;
    draft.insert(&path, "api-versions", &format!("pub mod {version_module};"), Place::Sorted)?;

    let path = format!("{}/mod.rs", names.version_folder());
    draft.ensure(&path, || render(&path, VERSION, names))?;
    draft.insert(&path, "api-kinds", &format!("pub mod {kind_module};"), Place::Sorted)?;
    let export = format!("pub use self::{kind_module}::{type_name};");
    draft.insert(&path, "api-exports", &export, Place::Sorted)?;

    let path = names.type_path();
    draft.add(&path, render(&path, TYPE, names)?)?;
    draft.insert("src/crd.rs", "crds", &names.definition(), Place::Last)
}

fn scaffold_controller(names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    register(names, draft, |path| render(path, CONTROLLER, names))?;
    let Names { group, plural, .. } = names;
    let definition = format!("\"{plural}.{group}\",");
    draft.insert("tests/cluster.rs", "reconciled", &definition, Place::Last)?;
    allow(draft, group, plural, &["get", "list", "patch", "update", "watch"])?;
    allow(draft, group, &format!("{plural}/finalizers"), &["update"])?;
    allow(draft, group, &format!("{plural}/status"), &["get", "patch"])?;
    allow(draft, "", "configmaps", &["create", "get", "list", "patch", "watch"])
}

/// Adds a controller's file, and the lines that make it run.
fn register(
    names: &Names,
    draft: &mut Draft<'_>,
    make: impl FnOnce(&str) -> Result<String>,
) -> Result<()> {
    let Names { group_module, kind_module, .. } = names;
    draft.insert(
        "src/controller/mod.rs",
        "controller-groups",
        &format!("pub mod {group_module};"),
        Place::Sorted,
    )?;
    let path = format!("src/controller/{group_module}/mod.rs");
    draft.ensure(&path, || render(&path, CONTROLLERS, names))?;
    draft.insert(&path, "controller-kinds", &format!("pub mod {kind_module};"), Place::Sorted)?;

    let path = names.controller_path();
    draft.add(&path, make(&path)?)?;
    draft.insert("src/main.rs", "controllers", &names.registration(), Place::Last)
}

/// Returns the group with its domain.
fn qualified_group(resource: &Resource) -> String {
    match (resource.group.as_str(), resource.domain.as_str()) {
        ("", domain) => domain.to_owned(),
        (group, "") => group.to_owned(),
        (group, domain) => format!("{group}.{domain}"),
    }
}

/// Returns the group as the user calls it: without its domain, if it has a name of its own.
fn short_group(resource: &Resource) -> &str {
    if resource.group.is_empty() { &resource.domain } else { &resource.group }
}

fn group_module(resource: &Resource) -> String {
    module(short_group(resource))
}

/// Whether the resource is of another group with the same module.
fn group_module_is_taken(resource: &Resource, group: &str, group_module: &str) -> bool {
    qualified_group(resource) != group && self::group_module(resource) == group_module
}
