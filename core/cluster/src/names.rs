//! The names of a cluster's objects, and the labels that are its only state.

use crate::role::Role;
use pintle_host::Identity;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// The variables of nodes that the host sets itself.
pub(crate) const HOST_VARIABLES: &[&str] = &["K3S_TOKEN", "K3S_KUBECONFIG_OUTPUT", "K3S_URL"];

/// The longest name of a cluster. With everything that is appended to it, it must still fit into
/// the 63 characters of a host name (RFC 1123).
const MAX_NAME: usize = 32;

/// The name of a cluster: a DNS label of at most 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

/// Why a text is not a [`ClusterName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid cluster name `{0}`: a name has at most {MAX_NAME} lower-case letters, digits and `-`, \
     and begins and ends with a letter or digit"
)]
pub struct ClusterNameError(String);

impl FromStr for ClusterName {
    type Err = ClusterNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        let ends = !text.starts_with('-') && !text.ends_with('-');
        match !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(fits) && ends {
            true => Ok(Self(text.to_owned())),
            false => Err(ClusterNameError(text.to_owned())),
        }
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ClusterName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The names and labels of one host's clusters.
/// They begin with the host's command name, so two hosts on one engine never mistake each other's
/// objects for their own.
/// each other's things for their own.
#[derive(Debug, Clone)]
pub struct Names {
    host: String,
    version: String,
}

/// The last parts of the label keys, which follow the host's name and a dot.
pub(crate) mod label {
    pub(crate) const CLUSTER: &str = "cluster";
    pub(crate) const ROLE: &str = "role";
    pub(crate) const VERSION: &str = "version";
    /// The run that created the object.
    pub(crate) const RUN: &str = "run";
    pub(crate) const NETWORK: &str = "network";
    /// `true` for a network that existed before the cluster.
    pub(crate) const NETWORK_EXTERNAL: &str = "network.external";
    /// `true` for objects that clusters share, which are removed with the last of them.
    pub(crate) const SHARED: &str = "shared";
    /// The volumes that a cluster shares with others.
    pub(crate) const VOLUMES: &str = "volumes";
    /// The host in the kubeconfig's addresses.
    pub(crate) const API_HOST: &str = "api.host";
    pub(crate) const PRIVILEGE: &str = "privilege";
    /// The permanent address of a node.
    pub(crate) const ADDRESS: &str = "address";
    /// The plugin to which the container belongs.
    pub(crate) const PLUGIN: &str = "plugin";
}

impl Names {
    /// Returns the names for a host.
    pub fn new(identity: &Identity) -> Self {
        Self { host: identity.command_name.clone(), version: identity.version.clone() }
    }

    /// Returns the key of a label, for example `pintle.cluster`.
    pub(crate) fn key(&self, part: &str) -> String {
        format!("{}.{part}", self.host)
    }

    /// Returns whether only the host may set the label `key`.
    pub(crate) fn is_reserved(&self, key: &str) -> bool {
        key == "app" || key.strip_prefix(&self.host).is_some_and(|it| it.starts_with('.'))
    }

    /// Returns the labels that all objects of a cluster have.
    pub(crate) fn labels(&self, cluster: &str, run: &str) -> HashMap<String, String> {
        HashMap::from([
            ("app".to_owned(), self.host.clone()),
            (self.key(label::CLUSTER), cluster.to_owned()),
            (self.key(label::VERSION), self.version.clone()),
            (self.key(label::RUN), run.to_owned()),
        ])
    }

    /// Returns the engine's filter for objects that have the host's label and the given ones.
    pub(crate) fn filter(&self, labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
        let own = format!("app={}", self.host);
        let more = labels.iter().map(|(part, value)| match value.is_empty() {
            true => self.key(part),
            false => format!("{}={value}", self.key(part)),
        });
        HashMap::from([("label".to_owned(), std::iter::once(own).chain(more).collect())])
    }

    /// Returns the name of a cluster's network and of its kubeconfig context, with which all of its
    /// names begin.
    pub fn cluster(&self, name: &ClusterName) -> String {
        format!("{}-{name}", self.host)
    }

    /// Returns the name of the volume that all nodes of a cluster share.
    pub(crate) fn volume(&self, name: &ClusterName) -> String {
        format!("{}-{name}-shared", self.host)
    }

    /// Returns the name of a node's container, which is also the node's.
    pub fn node(&self, name: &ClusterName, role: Role, idx: usize) -> String {
        format!("{}-{name}-{role}-{idx}", self.host)
    }

    /// Returns the host's command name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the name under which nodes reach the machine of the engine.
    pub(crate) fn engine_host(&self) -> String {
        format!("host.{}.internal", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clusters_are_dns_labels() {
        for name in ["a", "demo", "a-1", &"x".repeat(32)] {
            assert!(name.parse::<ClusterName>().is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"x".repeat(33)] {
            assert!(name.parse::<ClusterName>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_hosts_own_labels_are_reserved() {
        let names = Names::new(&Identity::default());
        assert!(names.is_reserved("app"));
        assert!(names.is_reserved("pintle.cluster"));
        assert!(!names.is_reserved("pintleton.cluster"));
        assert!(!names.is_reserved("team"));
    }
}
