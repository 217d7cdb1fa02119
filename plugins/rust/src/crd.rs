//! The definition of a kind as a manifest: what `crdgen` prints of a project as it was
//! scaffolded, so that `config` is whole from the start.

use crate::template::render;
use pintle_plugin::json;
use pintle_plugin::prelude::*;

/// A definition, as `crdgen` prints it for the scaffolded types.
const TEMPLATE: &str = include_str!("../templates/api/crd.yaml");

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
    /// When the template cannot be filled in.
    pub(crate) fn manifest(&self) -> Result<String> {
        let values = json::json!({
            "name": scalar(&format!("{}.{}", self.plural, self.group)),
            "group": scalar(self.group),
            "kind": scalar(self.kind),
            "plural": scalar(self.plural),
            "singular": scalar(&self.kind.to_lowercase()),
            "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
            "type_name": self.type_name,
            "title": scalar(self.type_name),
            "versions": self.versions,
            "converted_by": self.converted_by,
        });
        render(&self.path(), TEMPLATE, &values)
    }
}

/// Returns a name as YAML, quoted where `crdgen` quotes it: a reader of YAML 1.1 or 1.2 might
/// take it for something else.
fn scalar(name: &str) -> String {
    /// The words that are not text.
    const WORDS: &[&str] =
        &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    let is_word = WORDS.iter().any(|it| name.eq_ignore_ascii_case(it));
    // A name has only letters, digits, `-` and `.`. Without a letter, it may be a number,
    // a date or a version; with some, it may be `1e5` or `0x1f`.
    let is_number = name.starts_with(|it: char| it.is_ascii_digit())
        && (!name.contains(|it: char| it.is_ascii_alphabetic())
            || name.parse::<f64>().is_ok()
            || ["0x", "0o", "0b"].iter().any(|it| name.starts_with(it)));
    if is_word || is_number { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_yaml_would_take_for_something_else_are_quoted() {
        for name in ["No", "y", "on", "Null", "True", "Inf", "1.5", "1e5", "2020-01-01", "0x1f"] {
            assert_eq!(scalar(name), format!("\"{name}\""));
        }
        for name in ["Captain", "Infinity", "Nowhere", "v1", "3scale.net", "captains.crew.org"] {
            assert_eq!(scalar(name), name);
        }
    }
}
