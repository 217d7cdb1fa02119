//! The identity of a resource: API group, version and kind, by the rules of Kubernetes.

use super::name::{NameError, SUBDOMAIN_RULE, check_domain, is_lettered_label, is_subdomain};
use std::fmt;

/// A kind in a version of an API group, which identifies a resource.
///
/// Every value follows Kubernetes' rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    group: String,
    domain: String,
    version: String,
    kind: String,
}

impl Gvk {
    /// Returns a checked kind: `group` without its domain, for example `crew`, and the project's
    /// domain.
    ///
    /// # Errors
    ///
    /// [`NameError`] for the part that breaks a rule of Kubernetes.
    pub fn new(group: &str, domain: &str, version: &str, kind: &str) -> Result<Self, NameError> {
        let gvk = Self::existing(group, domain, version, kind)?;
        if !is_version(version) {
            return Err(NameError::new("version", version, VERSION_RULE, "v1alpha1"));
        }
        if !is_kind(kind) {
            return Err(NameError::new("kind", kind, KIND_RULE, "Captain"));
        }
        Ok(gvk)
    }

    /// Returns a kind that a project already has: the cluster accepts more versions and kinds than
    /// this host creates, for example `v1-beta`.
    ///
    /// # Errors
    ///
    /// [`NameError`] for the part that no cluster accepts.
    pub(super) fn existing(
        group: &str,
        domain: &str,
        version: &str,
        kind: &str,
    ) -> Result<Self, NameError> {
        if !group.is_empty() && !is_subdomain(group) || group.is_empty() && domain.is_empty() {
            return Err(NameError::new("group", group, SUBDOMAIN_RULE, "crew"));
        }
        if !domain.is_empty() {
            check_domain(domain)?;
        }
        if !is_lettered_label(version) {
            return Err(NameError::new("version", version, VERSION_RULE, "v1alpha1"));
        }
        let is_upper = kind.starts_with(|it: char| it.is_ascii_uppercase());
        if !is_upper || !is_lettered_label(&kind.to_ascii_lowercase()) {
            return Err(NameError::new("kind", kind, KIND_RULE, "Captain"));
        }
        let [group, domain, version, kind] = [group, domain, version, kind].map(str::to_owned);
        let gvk = Self { group, domain, version, kind };
        if gvk.qualified_group().len() > 253 {
            return Err(NameError::new("group", &gvk.qualified_group(), SUBDOMAIN_RULE, "crew"));
        }
        Ok(gvk)
    }

    /// Whether it consists of these parts.
    pub(super) fn is(&self, group: &str, domain: &str, version: &str, kind: &str) -> bool {
        [group, domain, version, kind] == [&self.group, &self.domain, &self.version, &self.kind]
    }

    /// Whether `other` is a version of the same kind.
    pub(crate) fn is_of_kind(&self, other: &Self) -> bool {
        self.kind == other.kind && self.qualified_group() == other.qualified_group()
    }

    /// Returns the group without its domain, for example `crew`.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the domain, for example `example.org`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the version, for example `v1alpha1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the kind, for example `Captain`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the group with its domain, for example `crew.example.org`.
    pub fn qualified_group(&self) -> String {
        match (self.group.as_str(), self.domain.as_str()) {
            ("", domain) => domain.to_owned(),
            (group, "") => group.to_owned(),
            (group, domain) => format!("{group}.{domain}"),
        }
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.qualified_group(), self.version, self.kind)
    }
}

const VERSION_RULE: &str =
    "it must be `v` and a number, optionally followed by `alpha` or `beta` and a number";
const KIND_RULE: &str = "it must be at most 63 letters and digits in upper camel case";

/// Whether `text` is `vN`, `vNalphaN` or `vNbetaN`.
fn is_version(text: &str) -> bool {
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    let Some(text) = text.strip_prefix('v') else { return false };
    match text.split_once("alpha").or_else(|| text.split_once("beta")) {
        Some((major, minor)) => is_number(major) && is_number(minor),
        None => is_number(text),
    }
}

/// Whether `text` is a name in upper camel case.
fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|it: char| it.is_ascii_uppercase())
        && text.bytes().all(|it| it.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_rules_of_kubernetes_are_refused() {
        let check = |group, version, kind, what: &str| {
            let err = Gvk::new(group, "example.org", version, kind).unwrap_err();
            assert!(err.to_string().starts_with(&format!("invalid {what} ")), "{err}");
        };
        check("Crew", "v1", "Captain", "group");
        check("crew_", "v1", "Captain", "group");
        for version in
            ["", "1", "v", "v1.0", "v1gamma1", "v1alpha", "valpha1", "V1", "v1beta1beta1"]
        {
            check("crew", version, "Captain", "version");
        }
        for kind in ["", "captain", "Cap-tain", "Cäptain", "1Captain", &"C".repeat(64)] {
            check("crew", "v1", kind, "kind");
        }
        for version in ["v1", "v12", "v1alpha1", "v2beta10"] {
            Gvk::new("crew", "example.org", version, "Captain").unwrap();
        }
    }

    #[test]
    fn a_project_may_have_names_that_are_not_created_today() {
        for (version, kind) in [("v1-beta", "Captain"), ("v1", "Sea-captain"), ("v1gamma1", "A")] {
            Gvk::new("crew", "example.org", version, kind).unwrap_err();
            Gvk::existing("crew", "example.org", version, kind).unwrap();
        }
        for (version, kind) in [("V1", "Captain"), ("v1.0", "Captain"), ("v1", "captain")] {
            Gvk::existing("crew", "example.org", version, kind).unwrap_err();
        }
    }

    #[test]
    fn a_kind_is_shown_with_its_whole_group() {
        let gvk = Gvk::new("crew", "example.org", "v1", "Captain").unwrap();
        assert_eq!(gvk.to_string(), "crew.example.org/v1/Captain");
        assert_eq!(
            Gvk::new("apps", "", "v1", "Deployment").unwrap().to_string(),
            "apps/v1/Deployment"
        );
    }
}
