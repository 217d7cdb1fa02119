//! Webhooks of an API type, and the server that they require.

use crate::api::{self, Names};
use crate::template::render;
use pintle_plugin::prelude::*;

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../templates/webhook/", $name, ".jinja"))
    };
}

/// The file with the server, and with the routes to all webhooks.
const SERVER: &str = "src/webhook/mod.rs";

/// The files that all webhooks share, and their templates.
const SHARED: &[(&str, &str)] = &[
    (SERVER, template!("server.rs")),
    ("src/patch.rs", template!("patch.rs")),
    ("config/webhook/kustomization.yaml", template!("config/kustomization.yaml")),
    ("config/webhook/service.yaml", template!("config/service.yaml")),
    ("config/certmanager/kustomization.yaml", template!("config/certmanager/kustomization.yaml")),
    (
        "config/certmanager/kustomizeconfig.yaml",
        template!("config/certmanager/kustomizeconfig.yaml"),
    ),
    ("config/certmanager/issuer.yaml", template!("config/certmanager/issuer.yaml")),
    ("config/certmanager/certificate.yaml", template!("config/certmanager/certificate.yaml")),
    ("config/default/webhook_patch.yaml", template!("config/default_patch.yaml")),
    ("config/default/webhook_replacements.yaml", template!("config/replacements.yaml")),
    ("config/network-policy/webhooks.yaml", template!("config/policy.yaml")),
];

/// What the server requires in addition to what every operator has: a package, and its version.
const DEPENDENCY: (&str, &str) = ("json-patch", "4.0");

/// Drafts the webhooks that the resource requests.
pub(crate) fn scaffold(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let path = names.type_path();
    if names.is_own {
        ensure!(
            draft.exists(&path)?,
            UsageError(format!(
                "webhooks require an API type of the project, but there is no file `{path}`"
            ))
        );
    } else {
        ensure!(
            !resource.webhooks.conversion,
            UsageError(format!("cannot convert `{}`: the project does not define it", names.kind))
        );
        api::scaffold_foreign_type(resource, names, call, draft)?;
    }
    scaffold_server(names, call, draft)?;
    scaffold_modules(names, draft)?;
    if resource.webhooks.defaulting {
        scaffold_admission(resource, names, call, draft, &DEFAULTING)?;
    }
    if resource.webhooks.validation {
        scaffold_admission(resource, names, call, draft, &VALIDATION)?;
    }
    if resource.webhooks.conversion {
        scaffold_conversion(resource, names, call, draft)?;
    }
    Ok(())
}

/// Drafts the server, unless there is one.
fn scaffold_server(names: &Names, call: &ScaffoldCall<'_>, draft: &mut Draft<'_>) -> Result<()> {
    for (path, template) in SHARED {
        draft.ensure(path, || render(path, template, names))?;
    }
    let crate_name = names.package.replace('-', "_");
    let lines = [
        // Separately, because rustfmt sorts them among the others.
        ("src/lib.rs", "modules", "mod patch;"),
        ("src/lib.rs", "modules", "pub mod webhook;"),
        (
            "src/settings.rs",
            "settings",
            "\n#[command(flatten)]\npub webhook: crate::webhook::Options,",
        ),
        ("config/default/kustomization.yaml", "resources", "- ../webhook\n- ../certmanager"),
        (
            "config/default/kustomization.yaml",
            "patches",
            "- path: webhook_patch.yaml\n  target:\n    kind: Deployment",
        ),
        ("config/default/kustomization.yaml", "replacements", "- path: webhook_replacements.yaml"),
        ("config/network-policy/kustomization.yaml", "policies", "- webhooks.yaml"),
    ];
    for (path, marker, text) in lines {
        draft.insert(path, marker, text, Place::Last)?;
    }
    let (package, version) = DEPENDENCY;
    let manifest = call.universe.get("Cargo.toml")?;
    // The user may have another version of it.
    if !manifest.is_some_and(|it| it.text().is_ok_and(|it| api::depends_on(it, package))) {
        let line = format!("{package} = \"{version}\"");
        draft.insert("Cargo.toml", "dependencies", &line, Place::Last)?;
    }
    let server = format!(".server({crate_name}::webhook::serve)");
    draft.insert("src/main.rs", "servers", &server, Place::Last)
}

/// Drafts the modules that contain the webhooks of a version.
fn scaffold_modules(names: &Names, draft: &mut Draft<'_>) -> Result<()> {
    let Names { group_module, version_module, .. } = names;
    let module = format!("pub mod {group_module};");
    draft.insert(SERVER, "webhook-groups", &module, Place::Last)?;
    let path = format!("src/webhook/{group_module}/mod.rs");
    draft.ensure(&path, || render(&path, template!("group.rs"), names))?;
    let module = format!("pub mod {version_module};");
    draft.insert(&path, "webhook-versions", &module, Place::Sorted)?;
    let path = format!("{}/mod.rs", folder(names));
    draft.ensure(&path, || render(&path, template!("version.rs"), names))
}

/// A kind of webhook that sees objects before they are stored.
struct Admission {
    /// The end of the module's name.
    name: &'static str,
    template: &'static str,
    /// The function of the server, and the functions of the module that it takes.
    function: &'static str,
    arguments: &'static [&'static str],
    /// The first part of the path.
    verb: &'static str,
    manifest: (&'static str, &'static str),
    operations: &'static str,
}

const DEFAULTING: Admission = Admission {
    name: "defaulting",
    template: template!("defaulting.rs"),
    function: "mutate",
    arguments: &["default"],
    verb: "mutate",
    manifest: ("mutating.yaml", template!("config/mutating.yaml")),
    operations: "[CREATE, UPDATE]",
};

const VALIDATION: Admission = Admission {
    name: "validation",
    template: template!("validation.rs"),
    function: "validate",
    arguments: &["validate", "validate_deletion"],
    verb: "validate",
    manifest: ("validating.yaml", template!("config/validating.yaml")),
    operations: "[CREATE, UPDATE]",
};

fn scaffold_admission(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
    kind: &Admission,
) -> Result<()> {
    let Names { group, version, plural, .. } = names;
    let Names { group_module, version_module, kind_module, .. } = names;
    let module = format!("{kind_module}_{}", kind.name);
    add_module(names, draft, &module, kind.template)?;
    let route = format!("/{}/{group}/{version}/{plural}", kind.verb);
    let argument = |it: &&str| format!("{group_module}::{version_module}::{module}::{it}");
    let arguments: Vec<String> = kind.arguments.iter().map(argument).collect();
    let lines = format!(
        ".route(\n    \"{route}\",\n    post(async |review| {}(review, {})),\n)",
        kind.function,
        arguments.join(", ")
    );
    if !server_has(call, &format!("\"{route}\""))? {
        draft.insert(SERVER, "webhook-routes", &lines, Place::Last)?;
    }

    let (file, template) = kind.manifest;
    let path = format!("config/webhook/{file}");
    draft.ensure(&path, || render(&path, template, names))?;
    let line = format!("- {file}");
    draft.insert("config/webhook/kustomization.yaml", "webhooks", &line, Place::Last)?;
    let operations = kind.operations;
    let group_of_rules = match names.group_of_rules(resource) {
        group if group.is_empty() => "\"\"".to_owned(),
        group => group,
    };
    // Others may run the same operator in a namespace of their own.
    let namespaces = match names.own_namespace {
        true => {
            "  namespaceSelector:\n    matchLabels:\n      kubernetes.io/metadata.name: system\n"
                .to_owned()
        }
        false => String::new(),
    };
    let selectors = namespaces + &others(resource, names);
    let webhook = format!(
        "- name: {verb}.{version}.{plural}.{group}\n  admissionReviewVersions: [v1]\n  \
         clientConfig:\n    service:\n      name: webhook-service\n      namespace: system\n      \
         path: {route}\n  failurePolicy: Fail\n  sideEffects: None\n{selectors}  rules:\n  \
         - apiGroups: [{group_of_rules}]\n    apiVersions: [{version}]\n    operations: {operations}\n    \
         resources: [{plural}]",
        verb = kind.verb
    );
    draft.insert(&path, "webhooks", &webhook, Place::Last)
}

/// Whether the server already has a route or converter: rustfmt rewraps its lines.
fn server_has(call: &ScaffoldCall<'_>, start: &str) -> Result<bool> {
    let server = call.universe.get(SERVER)?;
    server.map_or(Ok(false), |it| it.text().map(|it| it.contains(start)))
}

/// Returns a selector that excludes the objects that the operator consists of from the webhook of a
/// Kubernetes API. Otherwise, the operator could not start, because the webhook is not served yet.
fn others(resource: &Resource, names: &Names) -> String {
    if !resource.core {
        return String::new();
    }
    format!(
        "  # The operator itself must be able to start without its webhooks.\n  objectSelector:\n    \
         matchExpressions:\n    - key: app.kubernetes.io/name\n      operator: NotIn\n      \
         values: [{}]\n",
        names.package
    )
}

fn scaffold_conversion(
    resource: &Resource,
    names: &Names,
    call: &ScaffoldCall<'_>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let Names { group, kind, plural, group_module, version_module, kind_module, .. } = names;
    let module = format!("{kind_module}_conversion");
    add_module(names, draft, &module, template!("conversion.rs"))?;
    let line =
        format!("\"{kind}.{group}\" => Some({group_module}::{version_module}::{module}::convert),");
    if !server_has(call, &format!("\"{kind}.{group}\" =>"))? {
        draft.insert(SERVER, "webhook-converters", &line, Place::Last)?;
    }
    let line = format!("\"{plural}.{group}\",");
    draft.insert("src/crd.rs", "conversions", &line, Place::Last)?;
    api::scaffold_definition(resource, names, call, draft)?;

    let patch = format!("cainjection_in_{plural}.{group}.yaml");
    let path = format!("config/crd/patches/{patch}");
    draft.ensure(&path, || render(&path, template!("config/crd_patch.yaml"), names))?;
    let line = format!("- path: patches/{patch}");
    draft.insert("config/crd/kustomization.yaml", "crd-patches", &line, Place::Last)
}

fn add_module(names: &Names, draft: &mut Draft<'_>, module: &str, template: &str) -> Result<()> {
    let path = format!("{}/{module}.rs", folder(names));
    draft.add(&path, render(&path, template, names)?)?;
    let modules = format!("{}/mod.rs", folder(names));
    draft.insert(&modules, "webhook-kinds", &format!("pub mod {module};"), Place::Sorted)
}

fn folder(names: &Names) -> String {
    format!("src/webhook/{}/{}", names.group_module, names.version_module)
}
