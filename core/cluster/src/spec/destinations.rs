//! k3d's short names for k3s directories and files in a node.

use std::borrow::Cow;

/// The short names. Source: k3d, pkg/types/k3s/paths.go.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("k3s-storage", "/var/lib/rancher/k3s/storage"),
    ("k3s-manifests", "/var/lib/rancher/k3s/server/manifests"),
    ("k3s-manifests-custom", "/var/lib/rancher/k3s/server/manifests/custom"),
    ("k3s-containerd", "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"),
    ("k3s-containerd-tmpl", "/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl"),
    ("k3s-registry-config", "/etc/rancher/k3s/registries.yaml"),
];

/// Returns the path of a destination in a node. The destination may be below a short name.
pub(super) fn resolve(destination: &str) -> Cow<'_, str> {
    let (first, rest) = match destination.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (destination, None),
    };
    let Some((_, path)) = SHORT_NAMES.iter().find(|it| it.0 == first) else {
        return destination.into();
    };
    match rest {
        Some(rest) => format!("{path}/{rest}").into(),
        None => (*path).into(),
    }
}
