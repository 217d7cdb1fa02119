//! An API type and its controller, in an existing project.

use crate::crd::{self, Kind};
use crate::names::{self, module, type_name};
use crate::template::render;
use pintle_plugin::prelude::*;
use serde::Serialize;

const TYPE: &str = include_str!("../templates/api/type.rs.jinja");
const VERSION: &str = include_str!("../templates/api/version.rs.jinja");
const GROUP: &str = include_str!("../templates/api/group.rs.jinja");
const CONTROLLER: &str = include_str!("../templates/api/controller.rs.jinja");
const EXTERNAL: &str = include_str!("../templates/api/external.rs.jinja");
const WATCHER: &str = include_str!("../templates/api/watcher.rs.jinja");
const ROLE: &str = include_str!("../templates/api/role.yaml.jinja");
const SAMPLE: &str = include_str!("../templates/api/sample.yaml.jinja");
const CONTROLLERS: &str = include_str!("../templates/api/controllers.rs.jinja");

/// The file with the operator's permissions.
const ROLE_OF_OPERATOR: &str = "config/rbac/role.yaml";

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
    /// The path of the module with the type in Rust.
    pub(crate) code: String,
    /// Whether the API is the project's own.
    pub(crate) is_own: bool,
    /// Whether the operator works only in its own namespace.
    pub(crate) own_namespace: bool,
}

impl Names {
    /// Finds names in Rust for a resource of the project.
    ///
    /// # Errors
    ///
    /// When the kind is invalid, when another group uses the same module, or when the path of a
    /// type of another project is not a valid Rust path.
    pub(crate) fn new(resource: &Resource, project: &ProjectInfo) -> Result<Self> {
        let Resource { version, kind, plural, .. } = resource;
        ensure!(
            names::is_kind(kind),
            UsageError(format!(
                "invalid kind `{kind}`: it must be in upper camel case, for example `Captain`"
            ))
        );
        let group = qualified_group(resource);
        let group_module = group_module(resource);
        let taken = |it: &&Resource| group_module_is_taken(it, &group, &group_module);
        if let Some(other) = project.resources.iter().find(taken) {
            let (ours, theirs) = (short_group(resource), short_group(other));
            bail!(UsageError(format!(
                "the groups `{ours}` and `{theirs}` would share the module `{group_module}`"
            )));
        }
        let (version_module, kind_module) = (module(version), module(kind));
        let foreign = foreign_code(resource)?;
        let is_own = !resource.external && !resource.core;
        let type_name = match foreign {
            Some(_) => kind.clone(),
            None => type_name(kind),
        };
        let own = format!("crate::api::{group_module}::{version_module}::{kind_module}");
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
            version_module,
            kind_module,
            type_name,
            code: foreign.unwrap_or(own),
            is_own,
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

    /// Returns the group as it is in rules and requests: the group of pods has no name.
    pub(crate) fn group_of_rules(&self, resource: &Resource) -> String {
        if resource.core && self.group == "core" { String::new() } else { self.group.clone() }
    }

    fn version_folder(&self) -> String {
        format!("src/api/{}/{}", self.group_module, self.version_module)
    }

    /// Returns the line that passes the controller to the manager.
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

/// Drafts what the resource requests.
pub(crate) fn scaffold(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let project = call.project();
    if resource.api {
        scaffold_type(names, draft)?;
        scaffold_manifests(resource, names, call, draft)?;
        scaffold_roles(names, draft)?;
    }
    if resource.controller {
        let path = names.type_path();
        if !names.is_own {
            return scaffold_watcher(resource, names, call, draft);
        }
        ensure!(
            names.namespaced || !project.namespaced,
            UsageError(format!(
                "the operator works only in its own namespace, but the kind `{}` is not namespaced",
                names.kind
            ))
        );
        ensure!(
            resource.api || draft.exists(&path)?,
            UsageError(format!(
                "the controller requires an API type, but there is no file `{path}`"
            ))
        );
        scaffold_controller(names, call, draft)?;
    }
    Ok(())
}

/// Drafts the definition, a sample, and the entries for both.
fn scaffold_manifests(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    scaffold_definition(resource, names, call, draft)?;
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

/// Drafts a role for each kind of user that the resource may have.
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
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let same_kind = |it: &&Resource| {
        it.api && it.kind == resource.kind && qualified_group(it) == qualified_group(resource)
    };
    let versions: Vec<&Resource> = call.project().resources.iter().filter(same_kind).collect();
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
    let path = kind.path();
    match call.universe.get(&path)? {
        // A definition that was not generated is replaced only if the user requests it.
        Some(known) if !crd::is_generated(&known) => draft.add(&path, kind.manifest()?),
        _ => draft.put(&path, kind.manifest()?),
    }
}

/// Drafts a controller for an API that is not the project's own.
fn scaffold_watcher(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    scaffold_foreign_type(resource, names, call, draft)?;
    register(names, draft, |path| render(path, WATCHER, names))?;
    allow(call, draft, &names.group_of_rules(resource), &names.plural, &["get", "list", "watch"])
}

/// Drafts the dependency for the type of an API that is not the project's own, or the type itself
/// if no code is known to have it.
pub(crate) fn scaffold_foreign_type(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    if foreign_code(resource)?.is_none() {
        draft.ensure(&names.type_path(), || render(&names.type_path(), EXTERNAL, names))?;
        return scaffold_module(names, draft);
    }
    if resource.core {
        return Ok(());
    }
    let manifest = call.universe.get("Cargo.toml")?;
    let manifest = manifest.as_ref().map_or(Ok(""), |it| it.text())?;
    let package = names.code.split("::").next().unwrap_or_default();
    match dependency(resource)? {
        Some((name, _)) if depends_on(manifest, name) => Ok(()),
        Some((name, version)) => {
            let line = format!("{name} = \"{version}\"");
            draft.insert("Cargo.toml", "dependencies", &line, Place::Last)
        }
        None => {
            if package != "crate" && !depends_on(manifest, package) {
                call.host.warn(format!(
                    "`Cargo.toml` does not have the package of `{}`; add it, or specify it with \
                     `--external-api-module`",
                    names.code
                ));
            }
            Ok(())
        }
    }
}

/// Returns the path of the module with the type of an API that is not the project's own; `None` if
/// the project must contain the type as well.
fn foreign_code(resource: &Resource) -> Result<Option<String>> {
    if resource.core {
        return Ok(Some(core_module(resource)));
    }
    if !resource.external {
        return Ok(None);
    }
    let path = match (resource.path.as_str(), resource.module.as_str()) {
        ("", "") => return Ok(None),
        // In earlier releases, a module was given as a path.
        ("", module) if module.contains("::") => module.to_owned(),
        ("", _) => match dependency(resource)? {
            Some((name, _)) => name.replace('-', "_"),
            None => return Ok(None),
        },
        (path, _) => path.to_owned(),
    };
    ensure!(
        names::is_path(&path),
        UsageError(format!("invalid Rust path `{path}`: use a path such as `cert_manager::v1`"))
    );
    Ok(Some(path))
}

/// Returns the package with the type of an API of another project, and its version.
fn dependency(resource: &Resource) -> Result<Option<(&str, &str)>> {
    let module = resource.module.as_str();
    if module.is_empty() || module.contains("::") {
        return Ok(None);
    }
    let (name, version) = module.split_once('@').unwrap_or((module, "*"));
    let fits = |it: char| it.is_ascii_alphanumeric() || ".-_+*^~=<>, ".contains(it);
    ensure!(
        names::is_path(&name.replace('-', "_")) && !version.is_empty() && version.chars().all(fits),
        UsageError(format!("invalid package `{module}`: use a package such as `cert-manager@0.4`"))
    );
    Ok(Some((name, version)))
}

/// Whether a Cargo.toml contains a dependency of this name, in either spelling.
pub(crate) fn depends_on(manifest: &str, name: &str) -> bool {
    let name = name.replace('-', "_");
    manifest.lines().any(|line| {
        let line = line.trim().trim_start_matches("[dependencies.").replace('-', "_");
        line.strip_prefix(&name).is_some_and(|it| it.trim_start().starts_with(['=', '.', ']']))
    })
}

/// Returns the module of the crate `k8s-openapi` that contains an API of Kubernetes.
fn core_module(resource: &Resource) -> String {
    let group = resource.group.split('.').next().unwrap_or_default();
    let apis = match group {
        "apiextensions" => "apiextensions_apiserver::pkg::apis",
        "apiregistration" => "kube_aggregator::pkg::apis",
        _ => "api",
    };
    format!("k8s_openapi::{apis}::{}::{}", module(group), module(&resource.version))
}

/// Adds a rule to the operator's permissions.
fn allow(
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
    group: &str,
    resources: &str,
    verbs: &[&str],
) -> Result<()> {
    let role = call.universe.get(ROLE_OF_OPERATOR)?;
    // The user may have added verbs.
    if role.is_some_and(|it| it.text().is_ok_and(|it| allows(it, group, resources, verbs))) {
        return Ok(());
    }
    let rule = format!(
        "- apiGroups: [\"{group}\"]\n  resources: [{resources}]\n  verbs: [{}]",
        verbs.join(", ")
    );
    draft.insert(ROLE_OF_OPERATOR, "rules", &rule, Place::Last)
}

/// Whether a role contains a rule, in the form that [`allow`] writes, that allows at least these
/// verbs.
fn allows(role: &str, group: &str, resources: &str, verbs: &[&str]) -> bool {
    let lines: Vec<&str> = role.lines().map(str::trim).collect();
    lines.windows(3).any(|it| {
        let list = |line: &str, key: &str| -> Option<Vec<String>> {
            let list = line.strip_prefix(key)?.trim().strip_prefix('[')?.strip_suffix(']')?;
            let plain = |it: &str| it.trim().trim_matches(['"', '\'']).to_owned();
            Some(list.split(',').map(plain).collect())
        };
        list(it[0], "- apiGroups:").is_some_and(|it| it == [group])
            && list(it[1], "resources:").is_some_and(|it| it == [resources])
            && list(it[2], "verbs:")
                .is_some_and(|all| verbs.iter().all(|verb| all.iter().any(|it| it == verb)))
    })
}

fn scaffold_type(names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    let path = names.type_path();
    draft.add(&path, render(&path, TYPE, names)?)?;
    scaffold_module(names, draft)?;
    draft.insert("src/crd.rs", "crds", &names.definition(), Place::Last)
}

/// Drafts the modules that contain a type, and its name in the module of the version.
fn scaffold_module(names: &Names, draft: &mut Draft<'_>) -> Result<()> {
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
    draft.insert(&path, "api-exports", &export, Place::Sorted)
}

fn scaffold_controller(
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    register(names, draft, |path| render(path, CONTROLLER, names))?;
    let Names { group, plural, .. } = names;
    let definition = format!("\"{plural}.{group}\",");
    draft.insert("tests/cluster.rs", "reconciled", &definition, Place::Last)?;
    allow(call, draft, group, plural, &["get", "list", "patch", "update", "watch"])?;
    allow(call, draft, group, &format!("{plural}/finalizers"), &["update"])?;
    allow(call, draft, group, &format!("{plural}/status"), &["get", "patch"])?;
    allow(call, draft, "", "configmaps", &["create", "get", "list", "patch", "watch"])
}

/// Adds a controller's file, and the lines that run it.
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

/// Returns the group as the user specifies it: without its domain, if it has a name of its own.
fn short_group(resource: &Resource) -> &str {
    if resource.group.is_empty() { &resource.domain } else { &resource.group }
}

fn group_module(resource: &Resource) -> String {
    names::group_module(short_group(resource))
}

/// Whether the resource belongs to another group with the same module.
fn group_module_is_taken(resource: &Resource, group: &str, group_module: &str) -> bool {
    qualified_group(resource) != group && self::group_module(resource) == group_module
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_allows_more_is_a_rule() {
        let role = |verbs: &str| {
            format!("rules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: {verbs}\n")
        };
        let verbs = ["get", "list"];
        assert!(allows(&role("[list, get]"), "", "pods", &verbs));
        assert!(allows(&role("[\"get\", watch, 'list']"), "", "pods", &verbs));
        assert!(!allows(&role("[get]"), "", "pods", &verbs));
        assert!(!allows(&role("[list, get]"), "apps", "pods", &verbs));
        assert!(!allows(&role("[list, get]"), "", "nodes", &verbs));
        assert!(!allows("rules: []\n", "", "pods", &verbs));
    }
}
