//! The files of a new project.

use crate::names;
use crate::template::render;
use pintle_plugin::prelude::*;
use serde::Serialize;

macro_rules! templates {
    ($($path:literal: $template:literal,)*) => {
        /// The paths of the files, and their templates.
        const TEMPLATES: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../templates/init/", $template, ".jinja")))),*];
    };
}

templates! {
    ".devcontainer/devcontainer.json": "devcontainer.json",
    ".dockerignore": "dockerignore",
    ".gitignore": "gitignore",
    "Cargo.toml": "Cargo.toml",
    "Dockerfile": "Dockerfile",
    "Makefile": "Makefile",
    "README.md": "README.md",
    "config/crd/kustomization.yaml": "config/crd/kustomization.yaml",
    "config/default/kustomization.yaml": "config/default/kustomization.yaml",
    "config/default/metrics_service.yaml": "config/default/metrics_service.yaml",
    "config/manager/deployment.yaml": "config/manager/deployment.yaml",
    "config/manager/kustomization.yaml": "config/manager/kustomization.yaml",
    "config/manager/namespace.yaml": "config/manager/namespace.yaml",
    "config/network-policy/kustomization.yaml": "config/network-policy/kustomization.yaml",
    "config/network-policy/metrics.yaml": "config/network-policy/metrics.yaml",
    "config/prometheus/kustomization.yaml": "config/prometheus/kustomization.yaml",
    "config/prometheus/monitor.yaml": "config/prometheus/monitor.yaml",
    "config/rbac/kustomization.yaml": "config/rbac/kustomization.yaml",
    "config/rbac/leader_election_role.yaml": "config/rbac/leader_election_role.yaml",
    "config/rbac/leader_election_role_binding.yaml": "config/rbac/leader_election_role_binding.yaml",
    "config/rbac/metrics_auth_role.yaml": "config/rbac/metrics_auth_role.yaml",
    "config/rbac/metrics_auth_role_binding.yaml": "config/rbac/metrics_auth_role_binding.yaml",
    "config/rbac/metrics_reader_role.yaml": "config/rbac/metrics_reader_role.yaml",
    "config/rbac/role.yaml": "config/rbac/role.yaml",
    "config/rbac/role_binding.yaml": "config/rbac/role_binding.yaml",
    "config/rbac/service_account.yaml": "config/rbac/service_account.yaml",
    "config/samples/kustomization.yaml": "config/samples/kustomization.yaml",
    "rust-toolchain.toml": "rust-toolchain.toml",
    "src/address.rs": "src/address.rs",
    "src/api/mod.rs": "src/api/mod.rs",
    "src/auth.rs": "src/auth.rs",
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
    "src/queue.rs": "src/queue.rs",
    "src/serve.rs": "src/serve.rs",
    "src/settings.rs": "src/settings.rs",
    "src/shutdown.rs": "src/shutdown.rs",
    "src/tls.rs": "src/tls.rs",
    "src/watch.rs": "src/watch.rs",
    "tests/cluster.rs": "tests/cluster.rs",
}

/// The version of Rust that projects are tested with.
const RUST: &str = "1.95.0";

/// The longest name of a package: `-metrics-service` and `-webhook-service` are appended to it, in
/// labels of at most 63 characters (RFC 1123).
const LONGEST_NAME: usize = 47;

#[derive(Serialize)]
struct Values<'a> {
    host: &'a str,
    name: &'a str,
    package: &'a str,
    #[serde(rename = "crate")]
    crate_name: &'a str,
    /// Whether the operator works only in its own namespace.
    own_namespace: bool,
    /// The name of the metrics Service, which follows the package's name.
    metrics_service: &'static str,
    rust: &'static str,
}

/// Drafts a project that compiles, without any API; `host` is the command that creates APIs.
pub(crate) fn scaffold(host: &str, project: &ProjectInfo, draft: &mut Draft<'_>) -> Result<()> {
    let package = names::package(&project.name);
    ensure!(
        package.len() <= LONGEST_NAME,
        UsageError(format!(
            "the project name is too long: the names of its Services start with `{package}` and \
             are limited to 63 characters; use at most {LONGEST_NAME} characters"
        ))
    );
    let values = Values {
        host,
        name: &project.name,
        crate_name: &package.replace('-', "_"),
        package: &package,
        own_namespace: project.namespaced,
        metrics_service: match package.len() {
            // As in kubebuilder, if the name is not too long.
            ..29 => "controller-manager-metrics-service",
            _ => "metrics-service",
        },
        rust: RUST,
    };
    for (path, template) in TEMPLATES {
        draft.add(path, render(path, template, &values)?)?;
    }
    Ok(())
}
