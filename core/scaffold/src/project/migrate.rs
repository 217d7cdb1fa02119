//! Reads PROJECT files of kubebuilder's versions 2 and 3-alpha as version 3.
//!
//! Content that only version 3 has follows from what kubebuilder created at that time: version 2
//! had one chain of plugins, its resources were namespaced APIs in the project's domain, and their
//! definitions had version `v1beta1`.

use super::error::ProjectError;
use super::rewrite::{Depth, rewrite};
use super::yaml::read;
use pintle_host::catalog::{ProjectVersion, Stage};
use serde_json::{Map, Value, json};

/// The chain of plugins that version 2 implies.
const V2_LAYOUT: &str = "go.kubebuilder.io/v2";

/// A file of an older version, in version 3.
#[derive(Debug, Clone)]
pub(super) struct Migrated {
    pub(super) text: String,
}

impl Migrated {
    /// Returns the content of the text in version 3; `None` if its version is not a known older
    /// one.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] if the text is not valid YAML, or cannot be edited.
    pub(super) fn new(text: &str, version: ProjectVersion) -> Result<Option<Self>, ProjectError> {
        let migrate = match (version.number(), version.stage()) {
            (2, Stage::Stable) => from_v2,
            (3, Stage::Alpha) => from_v3_alpha,
            _ => return Ok(None),
        };
        let old: Map<String, Value> = read(text)?;
        let mut new = old.clone();
        new.insert("version".to_owned(), "3".into());
        migrate(&mut new);
        let says_it = |text: &String| read::<Map<String, Value>>(text).is_ok_and(|it| it == new);
        let attempt = |depth| rewrite(text, &old, &new, depth).filter(says_it);
        let text = attempt(Depth::Full).or_else(|| attempt(Depth::Top));
        let text = text.ok_or_else(|| ProjectError::Edit { key: "resources".to_owned() })?;
        Ok(Some(Self { text }))
    }
}

fn from_v2(values: &mut Map<String, Value>) {
    values.entry("layout").or_insert_with(|| json!([V2_LAYOUT]));
    let domain = values.get("domain").cloned();
    for resource in resources(values) {
        if let Some(domain) = &domain {
            resource.entry("domain").or_insert_with(|| domain.clone());
        }
        resource
            .entry("api")
            .or_insert_with(|| json!({"crdVersion": "v1beta1", "namespaced": true}));
    }
}

fn from_v3_alpha(values: &mut Map<String, Value>) {
    let domain = values.get("domain").cloned();
    for resource in resources(values) {
        if let Some(domain) = &domain {
            resource.entry("domain").or_insert_with(|| domain.clone());
        }
        if let Some(version) = resource.shift_remove("crdVersion") {
            resource
                .entry("api")
                .or_insert_with(|| json!({"crdVersion": version, "namespaced": true}));
        }
        if let Some(version) = resource.shift_remove("webhookVersion") {
            resource.entry("webhooks").or_insert_with(|| json!({"webhookVersion": version}));
        }
    }
}

fn resources(values: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let resources = values.get_mut("resources").and_then(Value::as_array_mut);
    resources.into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use crate::project::file::ProjectFile;
    use expect_test::{Expect, expect};
    use pintle_host::ProjectVersion;

    /// Reads a file, and shows it before and after the first edit.
    #[track_caller]
    fn check(text: &str, from: &str, expected: Expect) {
        let mut project = ProjectFile::parse(text).unwrap();
        assert_eq!(project.to_string(), text);
        assert_eq!(project.migrated_from().unwrap().to_string(), from);
        assert_eq!(*project.version(), ProjectVersion::default());
        project.set_repo("example.org/new").unwrap();
        assert_eq!(project.migrated_from().unwrap().to_string(), from);
        expected.assert_eq(&project.to_string());
        assert!(ProjectFile::parse(&project.to_string()).unwrap().migrated_from().is_none());
    }

    #[test]
    fn version_2_becomes_version_3() {
        check(
            "# ours\ndomain: example.org\nrepo: example.org/old # here\nresources:\n# the first\n- group: crew\n  version: v1\n  kind: Captain\n- group: crew\n  version: v1\n  kind: Mate\nversion: \"2\"\n",
            "2",
            expect![[r##"
                # ours
                domain: example.org
                repo: example.org/new # here
                resources:
                # the first
                - group: crew
                  version: v1
                  kind: Captain
                  domain: example.org
                  api:
                    crdVersion: v1beta1
                    namespaced: true
                - group: crew
                  version: v1
                  kind: Mate
                  domain: example.org
                  api:
                    crdVersion: v1beta1
                    namespaced: true
                version: "3"
                layout:
                - go.kubebuilder.io/v2
            "##]],
        );
        check(
            "version: 2\nmultigroup: true\n",
            "2",
            expect![[r#"
            version: "3"
            multigroup: true
            layout:
            - go.kubebuilder.io/v2
            repo: example.org/new
        "#]],
        );
    }

    #[test]
    fn version_3_alpha_becomes_version_3() {
        check(
            "domain: example.org\nlayout: go.kubebuilder.io/v3-alpha # one\nprojectName: ship\nrepo: r\nresources:\n- crdVersion: v1\n  group: crew\n  kind: Captain\n  version: v1\n  webhookVersion: v1\nversion: 3-alpha\nplugins:\n  a.io/v1: {x: 0x10}\n",
            "3-alpha",
            expect![[r#"
                domain: example.org
                layout: go.kubebuilder.io/v3-alpha # one
                projectName: ship
                repo: example.org/new
                resources:
                - group: crew
                  kind: Captain
                  version: v1
                  domain: example.org
                  api:
                    crdVersion: v1
                    namespaced: true
                  webhooks:
                    webhookVersion: v1
                version: "3"
                plugins:
                  a.io/v1: {x: 0x10}
            "#]],
        );
    }
}
