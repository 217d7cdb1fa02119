//! An API type and its controller, in a project that exists.

use crate::draft::{Draft, Place};
use crate::names::{self, module, type_name};
use crate::template::render;
use pintle_plugin::prelude::*;
use serde::Serialize;

const TYPE: &str = include_str!("../templates/api/type.rs.jinja");
const VERSION: &str = include_str!("../templates/api/version.rs.jinja");
const GROUP: &str = include_str!("../templates/api/group.rs.jinja");
const CONTROLLER: &str = include_str!("../templates/api/controller.rs.jinja");
const CONTROLLERS: &str = include_str!("../templates/api/controllers.rs.jinja");

/// The names of a resource, in Kubernetes and in Rust.
#[derive(Serialize)]
pub(crate) struct Names {
    /// The group with its domain.
    group: String,
    version: String,
    /// Group and version.
    api_version: String,
    kind: String,
    plural: String,
    namespaced: bool,
    #[serde(rename = "crate")]
    crate_name: String,
    group_module: String,
    version_module: String,
    kind_module: String,
    #[serde(rename = "type")]
    type_name: String,
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
            plural: plural.clone(),
            namespaced: resource.namespaced,
            crate_name: names::package(&project.name).replace('-', "_"),
            group_module,
            version_module: module(version),
            kind_module: module(kind),
            type_name: type_name(kind),
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

    fn version_folder(&self) -> String {
        format!("src/api/{}/{}", self.group_module, self.version_module)
    }

    /// Returns the paths of the files in which the names stand.
    pub(crate) fn files(&self) -> Vec<String> {
        let modules = format!("{}/mod.rs", self.version_folder());
        let lists = ["src/crd.rs", "src/main.rs"].map(str::to_owned);
        [self.type_path(), self.controller_path(), modules].into_iter().chain(lists).collect()
    }

    /// Returns whether the names are so long that lines with them need to be broken.
    pub(crate) fn are_long(&self) -> bool {
        // The lengths that the templates have room for.
        self.type_name.len() > 18
            || self.api_version.len() > 60
            || self.registration().len() > 72
            || self.definition().len() > 90
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
pub(crate) fn scaffold(resource: &Resource, names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    if resource.api {
        scaffold_type(names, draft)?;
    }
    if resource.controller {
        let path = names.type_path();
        ensure!(
            resource.api || draft.exists(&path)?,
            UsageError(format!("the controller has no API type to look after: no file `{path}`"))
        );
        scaffold_controller(names, draft)?;
    }
    Ok(())
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
    draft.add(&path, render(&path, CONTROLLER, names)?)?;
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
