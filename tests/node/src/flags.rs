//! The flags of `k3s server` and `k3s agent`, and the usage that k3s prints for an unknown flag:
//! the cause first, then two screens of usage.
//!
//! Source: "k3s server" and "k3s agent" in k3s's manual. The list has the flags of both commands,
//! and is deliberately longer than either: the stand-in only rejects typing errors.

use std::fmt::Write as _;

/// Flags without a value.
const SWITCHES: &[&str] = &[
    "alsologtostderr",
    "cluster-init",
    "cluster-reset",
    "debug",
    "disable-agent",
    "disable-apiserver",
    "disable-cloud-controller",
    "disable-controller-manager",
    "disable-default-registry-endpoint",
    "disable-etcd",
    "disable-helm-controller",
    "disable-kube-proxy",
    "disable-network-policy",
    "disable-scheduler",
    "docker",
    "embedded-registry",
    "enable-pprof",
    "etcd-disable-snapshots",
    "etcd-expose-metrics",
    "etcd-s3",
    "etcd-s3-insecure",
    "etcd-s3-skip-ssl-verify",
    "etcd-snapshot-compress",
    "flannel-external-ip",
    "flannel-ipv6-masq",
    "kine-tls",
    "multi-cluster-cidr",
    "prefer-bundled-bin",
    "protect-kernel-defaults",
    "rootless",
    "secrets-encryption",
    "selinux",
    "supervisor-metrics",
    "tls-san-security",
    "with-node-id",
];

/// Flags with a value.
const WITH_VALUE: &[&str] = &[
    "advertise-address",
    "advertise-port",
    "agent-token",
    "agent-token-file",
    "airgap-extra-registry",
    "bind-address",
    "cluster-cidr",
    "cluster-dns",
    "cluster-domain",
    "cluster-reset-restore-path",
    "config",
    "container-runtime-endpoint",
    "data-dir",
    "datastore-cafile",
    "datastore-certfile",
    "datastore-endpoint",
    "datastore-keyfile",
    "default-local-storage-path",
    "default-runtime",
    "disable",
    "egress-selector-mode",
    "etcd-arg",
    "etcd-s3-access-key",
    "etcd-s3-bucket",
    "etcd-s3-endpoint",
    "etcd-s3-folder",
    "etcd-s3-region",
    "etcd-s3-secret-key",
    "etcd-snapshot-dir",
    "etcd-snapshot-name",
    "etcd-snapshot-retention",
    "etcd-snapshot-schedule-cron",
    "flannel-backend",
    "flannel-conf",
    "flannel-cni-conf",
    "flannel-iface",
    "helm-job-image",
    "https-listen-port",
    "image-credential-provider-bin-dir",
    "image-credential-provider-config",
    "image-service-endpoint",
    "kube-apiserver-arg",
    "kube-cloud-controller-manager-arg",
    "kube-controller-manager-arg",
    "kube-proxy-arg",
    "kube-scheduler-arg",
    "kubelet-arg",
    "lb-server-port",
    "log",
    "node-external-dns",
    "node-external-ip",
    "node-internal-dns",
    "node-ip",
    "node-label",
    "node-name",
    "node-taint",
    "nonroot-devices",
    "pause-image",
    "private-registry",
    "resolv-conf",
    "secrets-encryption-provider",
    "server",
    "service-cidr",
    "service-node-port-range",
    "servicelb-namespace",
    "snapshotter",
    "system-default-registry",
    "tls-san",
    "token",
    "token-file",
    "v",
    "vmodule",
    "vpn-auth",
    "vpn-auth-file",
    "write-kubeconfig",
    "write-kubeconfig-group",
    "write-kubeconfig-mode",
];

/// Short names, and their long names.
const SHORT: &[(&str, &str)] = &[
    ("c", "config"),
    ("d", "data-dir"),
    ("l", "log"),
    ("o", "write-kubeconfig"),
    ("s", "server"),
    ("t", "token"),
];

/// The properties of a flag in k3s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Flag {
    Switch(&'static str),
    WithValue(&'static str),
}

/// A flag that k3s does not know.
#[derive(Debug)]
pub(crate) struct Unknown {
    /// The flag without its dashes and its value.
    pub(crate) name: String,
    pub(crate) is_server: bool,
}

impl std::error::Error for Unknown {}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "flag provided but not defined: -{}", self.name)
    }
}

/// Finds a flag by its name without dashes.
pub(crate) fn find(name: &str) -> Option<Flag> {
    let long = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
    let among = |flags: &[&'static str]| flags.iter().find(|it| **it == long).copied();
    let switch = among(SWITCHES).map(Flag::Switch);
    switch.or_else(|| among(WITH_VALUE).map(Flag::WithValue))
}

/// Returns the two screens that follow the line about an unknown flag.
pub(crate) fn usage(is_server: bool) -> String {
    let command = if is_server { "server" } else { "agent" };
    let mut text = format!(
        "\nNAME:\n   k3s {command} - the stand-in's list of k3s's options\n\n\
         USAGE:\n   k3s {command} [OPTIONS]\n\nOPTIONS:\n"
    );
    let n_shown = 52;
    for name in WITH_VALUE.iter().take(n_shown) {
        let _ = writeln!(text, "   --{name:<36} value of {name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_known_by_long_and_short_names() {
        assert_eq!(find("cluster-init"), Some(Flag::Switch("cluster-init")));
        assert_eq!(find("t"), Some(Flag::WithValue("token")));
        assert_eq!(find("no-such-flag"), None);
    }

    #[test]
    fn the_usage_is_longer_than_the_end_of_a_log() {
        let usage = usage(true);
        assert!(usage.lines().count() >= 58, "{}", usage.lines().count());
        assert!(!usage.contains("not defined"));
    }
}
