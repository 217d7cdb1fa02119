//! The definition of a kind as a manifest: what `crdgen` prints of a project as it was
//! scaffolded, so that `config` is whole from the start.

use pintle_plugin::json::{self, Map, Value};
use pintle_plugin::prelude::*;

/// One version of a definition, as `crdgen` prints it for the scaffolded type `Captain`.
const VERSION: &str = include_str!("../templates/api/crd-version.yaml");

/// What a definition says of a kind.
pub(crate) struct Kind<'a> {
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) plural: &'a str,
    /// The name of the type in Rust.
    pub(crate) type_name: &'a str,
    pub(crate) namespaced: bool,
    /// The versions, the one that is stored first.
    pub(crate) versions: Vec<&'a str>,
    /// The operator's package, if one of its webhooks converts between the versions.
    pub(crate) converted_by: Option<&'a str>,
}

impl Kind<'_> {
    /// Returns the path of the manifest.
    pub(crate) fn path(&self) -> String {
        format!("config/crd/bases/{}.{}.yaml", self.plural, self.group)
    }

    /// Returns the manifest.
    ///
    /// # Errors
    ///
    /// When the template is no YAML.
    pub(crate) fn manifest(&self) -> Result<String> {
        let template: Value = serde_saphyr::from_str(VERSION).context("the template is no YAML")?;
        let version = |(idx, name): (usize, &&str)| {
            let mut version = template.clone();
            version["name"] = (*name).into();
            version["storage"] = (idx == 0).into();
            let schema = &mut version["schema"]["openAPIV3Schema"];
            schema["description"] = format!(
                "Auto-generated derived type for {}Spec via `CustomResource`",
                self.type_name
            )
            .into();
            schema["title"] = self.type_name.into();
            version
        };
        let versions: Vec<Value> = self.versions.iter().enumerate().map(version).collect();
        let mut spec = Map::new();
        if let Some(package) = self.converted_by {
            spec.insert("conversion".to_owned(), conversion(package));
        }
        spec.insert("group".to_owned(), self.group.into());
        spec.insert(
            "names".to_owned(),
            json::json!({
                "kind": self.kind,
                "plural": self.plural,
                "singular": self.kind.to_lowercase(),
            }),
        );
        let scope = if self.namespaced { "Namespaced" } else { "Cluster" };
        spec.insert("scope".to_owned(), scope.into());
        spec.insert("versions".to_owned(), versions.into());
        let definition = json::json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{}.{}", self.plural, self.group) },
            "spec": spec,
        });
        let text = serde_saphyr::to_string(&definition).context("the definition is no YAML")?;
        Ok(format!("---\n{text}"))
    }
}

fn conversion(package: &str) -> Value {
    json::json!({
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {
                "service": {
                    "name": format!("{package}-webhook-service"),
                    "namespace": format!("{package}-system"),
                    "path": "/convert",
                },
            },
            "conversionReviewVersions": ["v1"],
        },
    })
}
