//! The keys of plugins in a project that kubebuilder also works on.
//!
//! kubebuilder reads `name/v1`, and refuses every command if the layout contains `name/v1.0.0`, or
//! a plugin that it does not have. Therefore, a plugin that is added to its project is stored where
//! its own optional plugins are, under `plugins`.

use super::error::ProjectError;
use super::file::ProjectFile;
use serde_json::Map;

/// The end of the names of kubebuilder's own plugins.
const KUBEBUILDER: &str = ".kubebuilder.io";

impl ProjectFile {
    /// Returns whether kubebuilder also works on the project.
    pub fn is_shared(&self) -> bool {
        self.layout().iter().any(|it| is_kubebuilders(it))
    }

    /// Returns the keys of the plugins that take part in the project, in order: those of the
    /// layout, and in a kubebuilder project also those under `plugins`.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.layout().iter().map(String::as_str).collect();
        if self.is_shared() {
            let joined = self.configs().keys().map(String::as_str);
            let joined = joined.filter(|it| !self.layout().iter().any(|key| name(key) == name(it)));
            keys.extend(joined);
        }
        keys
    }

    /// Adds the plugin with this full key to the project.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub(crate) fn join(&mut self, key: &str) -> Result<(), ProjectError> {
        let mut layout = self.layout().to_vec();
        if self.keys().iter().any(|it| means(it, key)) {
            // Keys of an older host are rewritten in the form that kubebuilder reads.
            return self.set_layout(&layout);
        }
        if self.is_shared() {
            return self.set_config(key, Map::new().into());
        }
        layout.push(key.to_owned());
        self.set_layout(&layout)
    }
}

/// Whether the plugin is one of kubebuilder's own.
pub(crate) fn is_kubebuilders(key: &str) -> bool {
    name(key).ends_with(KUBEBUILDER)
}

/// Returns the keys of a layout in the form that kubebuilder reads, if it is to read them.
pub(super) fn spelt(keys: &[String]) -> Vec<String> {
    match keys.iter().any(|it| is_kubebuilders(it)) {
        true => keys.iter().map(|it| short(it)).collect(),
        false => keys.to_vec(),
    }
}

/// Returns a full key in the form of `old`.
pub(crate) fn spelt_like(old: &str, key: &str) -> String {
    if is_full(old) { key.to_owned() } else { short(key) }
}

/// Whether a key in PROJECT means the plugin with the full key `full`.
pub(crate) fn means(key: &str, full: &str) -> bool {
    key == full || key == short(full)
}

/// Returns a key in kubebuilder's form: the major number, and the stage.
pub(crate) fn short(key: &str) -> String {
    let Some((name, version)) = key.split_once("/v").filter(|_| is_full(key)) else {
        return key.to_owned();
    };
    let (numbers, stage) = version.split_once('-').unwrap_or((version, ""));
    let major = numbers.split('.').next().unwrap_or_default();
    let stage = ["-alpha", "-beta"].into_iter().find(|it| stage.starts_with(&it[1..]));
    format!("{name}/v{major}{}", stage.unwrap_or_default())
}

fn name(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

/// Whether the version of a key has more than a major number.
fn is_full(key: &str) -> bool {
    key.split_once('/').is_some_and(|(_, version)| version.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(layout: &str) -> ProjectFile {
        ProjectFile::parse(&format!("layout:\n{layout}version: \"3\"\n")).unwrap()
    }

    #[test]
    fn a_key_is_spelt_as_kubebuilder_reads_it() {
        for (key, expected) in [
            ("a.io/v1.0.0", "a.io/v1"),
            ("a.io/v1.2.3", "a.io/v1"),
            ("a.io/v0.1.0", "a.io/v0"),
            ("a.io/v4.0.0-alpha.1", "a.io/v4-alpha"),
            ("a.io/v4.0.0-beta", "a.io/v4-beta"),
            ("go.kubebuilder.io/v4", "go.kubebuilder.io/v4"),
            ("a.io", "a.io"),
        ] {
            assert_eq!(short(key), expected);
        }
        assert!(means("a.io/v1", "a.io/v1.2.3") && means("a.io/v1.2.3", "a.io/v1.2.3"));
        assert!(!means("a.io/v1.2.0", "a.io/v1.2.3") && !means("a.io/v2", "a.io/v1.2.3"));
    }

    #[test]
    fn what_joins_kubebuilders_project_stands_under_plugins() {
        let mut project = project("- go.kubebuilder.io/v4\n");
        project.join("ci.pintle.dev/v1.2.0").unwrap();
        project.join("ci.pintle.dev/v1.2.0").unwrap();
        project.set_config("ci.pintle.dev/v1.2.0", serde_json::json!({"branch": "x"})).unwrap();
        assert_eq!(project.layout(), ["go.kubebuilder.io/v4"]);
        assert_eq!(project.keys(), ["go.kubebuilder.io/v4", "ci.pintle.dev/v1"]);
        let expected = "layout:\n- go.kubebuilder.io/v4\nversion: \"3\"\n\
                        plugins:\n  ci.pintle.dev/v1:\n    branch: x\n";
        assert_eq!(project.to_string(), expected);
        project.rename_plugin("ci.pintle.dev/v1", "ci.pintle.dev/v2.0.0").unwrap();
        assert_eq!(project.to_string(), expected.replace("dev/v1", "dev/v2"));
    }

    #[test]
    fn keys_that_an_older_host_wrote_beside_kubebuilders_are_shortened() {
        let mut project = project("- go.kubebuilder.io/v4\n- ci.pintle.dev/v1.0.0\n");
        project.join("ci.pintle.dev/v1.0.0").unwrap();
        assert_eq!(project.layout(), ["go.kubebuilder.io/v4", "ci.pintle.dev/v1"]);
    }

    #[test]
    fn a_plugin_whose_key_the_user_has_shortened_does_not_join_twice() {
        let mut project = project("- ci.pintle.dev/v1\n");
        project.join("ci.pintle.dev/v1.0.0").unwrap();
        assert_eq!(project.layout(), ["ci.pintle.dev/v1"]);
        project.rename_plugin("ci.pintle.dev/v1", "ci.pintle.dev/v2.0.0").unwrap();
        assert_eq!(project.layout(), ["ci.pintle.dev/v2"]);
        project.join("rust.pintle.dev/v1.0.0").unwrap();
        assert_eq!(project.layout(), ["ci.pintle.dev/v2", "rust.pintle.dev/v1.0.0"]);
    }
}
