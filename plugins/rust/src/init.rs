//! The files of a new project.

use crate::names;
use crate::template::render;
use pintle_plugin::{Draft, Result};
use serde::Serialize;

macro_rules! templates {
    ($($path:literal: $template:literal,)*) => {
        /// The paths of the files, and their templates.
        const TEMPLATES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../templates/init/", $template, ".jinja")))),*];
    };
}

templates! {
    ".dockerignore": "dockerignore",
    ".gitignore": "gitignore",
    "Cargo.toml": "Cargo.toml",
    "Dockerfile": "Dockerfile",
    "Makefile": "Makefile",
    "README.md": "README.md",
    "config/crd/kustomization.yaml": "config/crd/kustomization.yaml",
    "config/default/kustomization.yaml": "config/default/kustomization.yaml",
    "config/manager/deployment.yaml": "config/manager/deployment.yaml",
    "config/manager/kustomization.yaml": "config/manager/kustomization.yaml",
    "config/manager/metrics_service.yaml": "config/manager/metrics_service.yaml",
    "config/manager/namespace.yaml": "config/manager/namespace.yaml",
    "config/network-policy/kustomization.yaml": "config/network-policy/kustomization.yaml",
    "config/network-policy/metrics.yaml": "config/network-policy/metrics.yaml",
    "config/prometheus/kustomization.yaml": "config/prometheus/kustomization.yaml",
    "config/prometheus/monitor.yaml": "config/prometheus/monitor.yaml",
    "config/rbac/kustomization.yaml": "config/rbac/kustomization.yaml",
    "config/rbac/leader_election_role.yaml": "config/rbac/leader_election_role.yaml",
    "config/rbac/leader_election_role_binding.yaml": "config/rbac/leader_election_role_binding.yaml",
    "config/rbac/role.yaml": "config/rbac/role.yaml",
    "config/rbac/role_binding.yaml": "config/rbac/role_binding.yaml",
    "config/rbac/service_account.yaml": "config/rbac/service_account.yaml",
    "config/samples/kustomization.yaml": "config/samples/kustomization.yaml",
    "src/api/mod.rs": "src/api/mod.rs",
    "src/backoff.rs": "src/backoff.rs",
    "src/bin/crdgen.rs": "src/bin/crdgen.rs",
    "src/client.rs": "src/client.rs",
    "src/conditions.rs": "src/conditions.rs",
    "src/controller/mod.rs": "src/controller/mod.rs",
    "src/crd.rs": "src/crd.rs",
    "src/error.rs": "src/error.rs",
    "src/events.rs": "src/events.rs",
    "src/leader.rs": "src/leader.rs",
    "src/lib.rs": "src/lib.rs",
    "src/main.rs": "src/main.rs",
    "src/manager.rs": "src/manager.rs",
    "src/metrics.rs": "src/metrics.rs",
    "src/serve.rs": "src/serve.rs",
    "src/settings.rs": "src/settings.rs",
    "src/shutdown.rs": "src/shutdown.rs",
    "src/watch.rs": "src/watch.rs",
}

#[derive(Serialize)]
struct Values<'a> {
    host: &'a str,
    name: &'a str,
    package: &'a str,
    #[serde(rename = "crate")]
    crate_name: &'a str,
}

/// Drafts a project that compiles, without any API; `host` is the command that makes APIs.
pub(crate) fn scaffold(host: &str, project: &str, draft: &mut Draft<'_>) -> Result<()> {
    let package = names::package(project);
    let crate_name = package.replace('-', "_");
    let values = Values { host, name: project, package: &package, crate_name: &crate_name };
    for (path, template) in TEMPLATES {
        draft.add(path, render(path, template, &values)?)?;
    }
    Ok(())
}
