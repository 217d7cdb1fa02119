//! The PROJECT file.
//!
//! Invariant: the text is authoritative. Every edit changes the text, reads it back and compares:
//! it must contain the new value and otherwise be as before, or the edit fails. Only while edits
//! are [deferred](ProjectFile::defer), the text is out of date.

use super::content::{Content, config_key};
use super::error::ProjectError;
use super::gvk::Gvk;
use super::migrate::Migrated;
use super::name::{check_domain, default_project_name};
use super::resource::Resource;
use super::rewrite::{Depth, rewrite};
use super::shape::diagnose;
use super::yaml::read;
use crate::conflict;
use pintle_host::ProjectVersion;
use pintle_host::fs;
use pintle_plugin::message::ProjectInfo;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;
use std::fmt;
use std::io;
use std::path::Path;

/// A file larger than this is not a PROJECT file.
const MAX_BYTES: u64 = 1 << 20;

/// The name of the file, in the project's root.
pub const PROJECT: &str = "PROJECT";

/// The PROJECT file, as kubebuilder writes it in version 3.
///
/// Comments, order, unknown keys and the spelling of numbers survive every edit.
#[derive(Debug, Clone)]
pub struct ProjectFile {
    text: String,
    pub(super) values: Map<String, Value>,
    pub(super) content: Content,
    /// The content of an older file in version 3, until the first edit.
    migrated: Option<Migrated>,
    migrated_from: Option<ProjectVersion>,
    /// The project name that comes from the directory, if the file does not specify one.
    default_name: String,
    /// The plurals of kinds for which the file does not specify one, if the project has plurals
    /// other than the English ones.
    pub(super) plurals: Vec<(Gvk, String)>,
    /// The content of the text while edits are deferred.
    written: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Probe {
    version: Option<Spanned<String>>,
}

impl ProjectFile {
    /// Returns the file of a new project.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Unsupported`] when this host cannot write the version.
    pub fn new(version: &ProjectVersion) -> Result<Self, ProjectError> {
        Self::parse(&format!("version: \"{version}\"\n"))
    }

    /// Reads the text of a PROJECT file.
    ///
    /// # Errors
    ///
    /// [`ProjectError`], with line and column if they are known.
    pub fn parse(text: &str) -> Result<Self, ProjectError> {
        Self::parse_typed(text).map_err(|err| match conflict::first_marker(text.as_bytes()) {
            // YAML cannot contain a marker, so only invalid text is searched for one.
            Some(line) => ProjectError::Conflict { line },
            None if matches!(err, ProjectError::Syntax { .. }) => diagnose(text).unwrap_or(err),
            None => err,
        })
    }

    fn parse_typed(text: &str) -> Result<Self, ProjectError> {
        let version = match read::<Probe>(text)?.version {
            Some(version) => parse_version(&version)?,
            None => return Err(ProjectError::NoVersion),
        };
        if let Some(migrated) = Migrated::new(text, version)? {
            let mut project = Self::parse(&migrated.text)?;
            project.text = text.to_owned();
            (project.migrated, project.migrated_from) = (Some(migrated), Some(version));
            return Ok(project);
        }
        if !version.is_supported() {
            return Err(ProjectError::Unsupported { version });
        }
        let content = Content { version, ..read(text)? };
        let text = text.to_owned();
        Ok(Self {
            values: read(&text)?,
            text,
            content,
            migrated: None,
            migrated_from: None,
            default_name: String::new(),
            plurals: Vec::new(),
            written: None,
        })
    }

    /// Reads the PROJECT file at `path`.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] with the path.
    pub fn load(path: &Path) -> Result<Self, ProjectError> {
        let mut project = Self::parse(&read_text(path)?).map_err(|err| err.in_file(path))?;
        if let Some(root) = path.parent() {
            project.default_name = default_project_name(root);
            project.find_plurals(root);
        }
        Ok(project)
    }

    /// Returns the version that the file had before this host read it as version 3, if it was an
    /// older one. The first edit writes it in version 3.
    pub fn migrated_from(&self) -> Option<ProjectVersion> {
        self.migrated_from
    }

    /// Returns the version of the file's format; for an older file, the one after its migration.
    pub fn version(&self) -> &ProjectVersion {
        &self.content.version
    }

    /// Returns the domain of the project's API groups, or an empty text.
    pub fn domain(&self) -> &str {
        &self.content.domain
    }

    /// Checks the domain, which a user may have edited. A file without one is valid.
    pub(crate) fn check_domain(&self) -> Result<(), ProjectError> {
        match self.domain() {
            "" => Ok(()),
            domain => Ok(check_domain(domain)?),
        }
    }

    /// Returns the repository of the project, or an empty text.
    pub fn repo(&self) -> &str {
        &self.content.repo
    }

    /// Returns the project's name. If the file does not specify one, it is the name of its
    /// directory; if the text does not come from a file, it is empty.
    pub fn project_name(&self) -> &str {
        match self.content.project_name.as_str() {
            "" => &self.default_name,
            name => name,
        }
    }

    /// Returns the version of the host that created the project, if it is known.
    pub fn cli_version(&self) -> Option<&str> {
        self.content.cli_version.as_deref()
    }

    /// Returns whether the API groups have their own directories.
    pub fn multigroup(&self) -> bool {
        self.content.multigroup
    }

    /// Returns whether the operator works only in its own namespace.
    pub fn namespaced(&self) -> bool {
        self.content.namespaced
    }

    /// Returns the keys of the plugins that created the project, in order.
    pub fn layout(&self) -> &[String] {
        &self.content.layout.keys
    }

    /// Returns the configuration of the plugin with this key; null if there is none.
    ///
    /// A configuration under another version of the same plugin counts.
    pub fn config(&self, plugin: &str) -> &Value {
        let configs = self.configs();
        config_key(configs, plugin).and_then(|it| configs.get(it)).unwrap_or(&Value::Null)
    }

    /// Returns the configurations of the plugins, by their keys.
    pub(super) fn configs(&self) -> &Map<String, Value> {
        self.content.layout.configs.as_ref().unwrap_or(&self.content.plugins)
    }

    /// Returns the project's resources.
    pub fn resources(&self) -> &[Resource] {
        &self.content.resources
    }

    /// Returns the resource of this kind, if the project has it.
    pub fn resource(&self, gvk: &Gvk) -> Option<&Resource> {
        self.content.resources.iter().find(|it| it.gvk() == gvk)
    }

    /// Returns the resource with these names, which may be names that are no longer created.
    pub(crate) fn find(
        &self,
        group: &str,
        domain: &str,
        version: &str,
        kind: &str,
    ) -> Option<&Resource> {
        self.resources().iter().find(|it| it.gvk().is(group, domain, version, kind))
    }

    /// Returns the whole content of the file.
    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.values.clone())
    }

    /// Returns what plugins get to know about the project.
    pub fn info(&self) -> ProjectInfo {
        let mut info = ProjectInfo::default();
        info.domain = self.content.domain.clone();
        info.repo = self.content.repo.clone();
        info.name = self.project_name().to_owned();
        info.multigroup = self.content.multigroup;
        info.namespaced = self.content.namespaced;
        info.resources = self.content.resources.iter().map(Resource::to_message).collect();
        info
    }

    /// Makes one change below `key`, and verifies that the text contains it and is otherwise
    /// unchanged.
    pub(super) fn edit(
        &mut self,
        key: &str,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<(), ProjectError> {
        let mut values = self.values.clone();
        change(&mut values);
        if self.is_deferred() {
            let content = Content::deserialize(&values)
                .map_err(|_| ProjectError::Edit { key: key.to_owned() })?;
            self.content = Content { version: self.content.version, ..content };
            self.values = values;
            return Ok(());
        }
        self.write(key, values)
    }

    /// Changes the text to contain `values`, and verifies that it does.
    fn write(&mut self, key: &str, values: Map<String, Value>) -> Result<(), ProjectError> {
        let text = self.migrated.as_ref().map_or(&self.text, |it| &it.text);
        let attempt = |depth| {
            let text = rewrite(text, &self.values, &values, depth)?;
            Self::parse(&text).ok().filter(|it| it.values == values && in_order(it, &values))
        };
        let edited = attempt(Depth::Full).or_else(|| attempt(Depth::Top));
        let (migrated_from, default_name) = (self.migrated_from, self.default_name.clone());
        let edited = edited.ok_or_else(|| ProjectError::Edit { key: key.to_owned() })?;
        let plurals = std::mem::take(&mut self.plurals);
        *self = Self { migrated_from, default_name, plurals, ..edited };
        self.set_plurals();
        Ok(())
    }

    /// Defers the changes of the text until [`settle`](Self::settle): otherwise, every edit of a
    /// long series of commands would read and write the whole text.
    pub(crate) fn defer(&mut self) {
        if self.written.is_none() {
            self.written = Some(self.values.clone());
        }
    }

    /// Writes the deferred edits to the text, and verifies the result.
    pub(crate) fn settle(&mut self) -> Result<(), ProjectError> {
        let Some(written) = self.written.take() else { return Ok(()) };
        let values = std::mem::replace(&mut self.values, written);
        let key = values.keys().find(|it| self.values.get(*it) != values.get(*it)).cloned();
        match key {
            Some(key) => self.write(&key, values),
            None if self.values.len() == values.len() => Ok(()),
            None => self.write("PROJECT", values),
        }
    }

    /// Returns the file with a complete text.
    pub(crate) fn settled(&self) -> Result<Self, ProjectError> {
        let mut project = self.clone();
        project.settle()?;
        Ok(project)
    }

    pub(super) fn is_deferred(&self) -> bool {
        self.written.is_some()
    }
}

/// Returns the text of the PROJECT file at `path`.
pub(super) fn read_text(path: &Path) -> Result<String, ProjectError> {
    match path.read_link() {
        Ok(target) if path.exists() => {
            return Err(ProjectError::Link { path: path.to_owned(), target });
        }
        _ => {}
    }
    let bytes = fs::read_named(path, MAX_BYTES).map_err(|err| {
        let source = io::Error::from(err);
        match source.kind() {
            io::ErrorKind::NotFound => absent(path),
            _ => ProjectError::Read { path: path.to_owned(), source },
        }
    })?;
    decode(&bytes.bytes).map(ToOwned::to_owned).map_err(|err| err.in_file(path))
}

/// Returns the error for a file that cannot be found at `path`.
pub(crate) fn absent(path: &Path) -> ProjectError {
    let path = path.to_owned();
    match path.is_symlink() {
        true => {
            let source = io::Error::other("it is a symbolic link to a file that does not exist");
            ProjectError::Read { path, source }
        }
        false => ProjectError::Missing { path },
    }
}

impl fmt::Display for ProjectFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for ProjectFile {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ProjectFile {}

/// Whether the plugins of a layout with configurations are in the order of `values`, which a
/// comparison of maps does not check.
fn in_order(project: &ProjectFile, values: &Map<String, Value>) -> bool {
    match values.get("layout") {
        Some(Value::Object(layout)) => layout.keys().eq(&project.content.layout.keys),
        _ => true,
    }
}

/// Returns the text of a file.
fn decode(bytes: &[u8]) -> Result<&str, ProjectError> {
    let found = match bytes {
        [0xef, 0xbb, 0xbf, ..] => "it begins with a byte order mark",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => "it is encoded in UTF-16",
        bytes => match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(_) => "it contains bytes that are not valid UTF-8",
        },
    };
    Err(ProjectError::Encoding { found })
}

fn parse_version(version: &Spanned<String>) -> Result<ProjectVersion, ProjectError> {
    version.value.parse().map_err(|err: pintle_host::catalog::ProjectVersionError| {
        ProjectError::Value {
            line: version.referenced.line(),
            column: version.referenced.column(),
            message: format!("`version`: {err}"),
            fix: "write `version: \"3\"`".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KUBEBUILDER: &str = include_str!("testdata/kubebuilder.yaml");

    #[track_caller]
    fn refusal(text: &str) -> String {
        ProjectFile::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_kubebuilder_is_read() {
        let project = ProjectFile::parse(KUBEBUILDER).unwrap();
        assert_eq!(project.version(), &ProjectVersion::default());
        assert_eq!(project.domain(), "example.org");
        assert_eq!(project.repo(), "example.org/captain");
        assert_eq!(project.project_name(), "captain-operator");
        assert_eq!(project.layout(), ["go.kubebuilder.io/v4"]);
        assert!(!project.multigroup());
        let [resource] = project.resources() else { panic!("one resource") };
        assert_eq!(resource.gvk().to_string(), "crew.example.org/v1/Captain");
        assert_eq!(resource.plural(), "captains");
        assert!(resource.controller && resource.api.as_ref().unwrap().namespaced);
        assert!(resource.webhooks.validation && !resource.webhooks.defaulting);
        assert_eq!(project.config("rust.pintle.dev/v1"), &json!({"edition": 2024}));
        assert_eq!(project.config("rust.pintle.dev/v1.0.1"), &json!({"edition": 2024}));
        assert_eq!(project.config("other.pintle.dev/v1"), &Value::Null);
        assert_eq!(project.to_string(), KUBEBUILDER);
    }

    #[test]
    fn no_damage_makes_the_reader_panic() {
        let samples =
            [KUBEBUILDER, "version: 2\nresources:\n- kind: A\n  version: v1\n  group: g\n"];
        for sample in samples {
            for end in 0..sample.len() {
                let _ = ProjectFile::parse(&sample[..end]);
                let mut bytes = sample.as_bytes().to_vec();
                for byte in [b':', b'\n', b'&', b'{'] {
                    bytes[end] = byte;
                    let _ = std::str::from_utf8(&bytes).map(ProjectFile::parse);
                }
            }
        }
    }

    #[test]
    fn what_is_no_project_file_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROJECT);
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let err = ProjectFile::load(&path).unwrap_err();
            std::error::Error::source(&err).unwrap().to_string()
        };
        assert_eq!(said(b""), "the key `version` is missing");
        assert_eq!(said(&vec![b'#'; 2 << 20]), "it is larger than 1 MiB");
        assert!(said(b"version: \xff\n").contains("UTF-8"));
        let two = said(b"version: \"3\"\n---\nversion: \"3\"\n");
        assert!(two.starts_with("line "), "{two}");
    }

    #[test]
    fn the_version_may_stand_without_quotes() {
        assert_eq!(ProjectFile::parse("version: 3\n").unwrap().version().to_string(), "3");
        assert_eq!(ProjectFile::parse("version: '3'\n").unwrap().version().to_string(), "3");
    }

    #[test]
    fn layout_is_one_key_or_a_list_or_a_map() {
        let layout =
            |text: &str| ProjectFile::parse(&format!("version: \"3\"\nlayout: {text}\n")).unwrap();
        assert_eq!(layout("a/v1").layout(), ["a/v1"]);
        assert_eq!(layout("[a/v1, b/v1]").layout(), ["a/v1", "b/v1"]);
        let mut project = layout("\n  b/v1: {}\n  # first\n  a/v1:\n    x: 1");
        assert_eq!(project.layout(), ["b/v1", "a/v1"]);
        assert_eq!(project.config("a/v1"), &json!({"x": 1}));
        project.set_config("a/v1", json!({"x": 1, "y": 2})).unwrap();
        assert!(
            project.to_string().ends_with("  # first\n  a/v1:\n    x: 1\n    y: 2\n"),
            "{project}"
        );
    }

    #[test]
    fn a_broken_file_is_refused_with_line_and_column() {
        for (text, line, column) in [
            ("version: \"3\"\ndomain: [a\n", 2, 9),
            ("version: \"3\"\ndomain: a\ndomain: b\n", 3, 1),
            ("version: \"3\"\ndomain: [a, b]\n", 2, 9),
            ("version: \"3\"\nmultigroup: maybe\n", 2, 13),
            ("version: \"3\"\nlayout: [[a]]\n", 2, 10),
            ("version: three\n", 1, 10),
            ("version: [3]\n", 1, 10),
            ("- version\n", 1, 1),
        ] {
            let refusal = refusal(text);
            let place = format!("line {line}, column {column}: ");
            assert!(refusal.starts_with(&place), "{text:?}: {refusal}");
        }
        let bad = "version: \"3\"\nresources:\n- version: v1\n  kind: captain\n  domain: a\n";
        let refusal = refusal(bad);
        assert!(refusal.contains("invalid kind `captain`"), "{refusal}");
        assert!(refusal.starts_with("line 4, column 9: `resources[0].kind`: "), "{refusal}");
    }

    #[test]
    fn other_versions_are_named_in_the_refusal() {
        assert_eq!(refusal("version: \"1\"\n"), "unsupported project version `1`");
        assert_eq!(refusal("version: 4\n"), "unsupported project version `4`");
        assert_eq!(refusal("domain: a\n"), "the key `version` is missing");
    }

    #[test]
    fn a_file_is_saved_in_one_step_and_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROJECT);
        assert!(matches!(ProjectFile::load(&path), Err(ProjectError::Missing { .. })));
        let project = ProjectFile::parse(KUBEBUILDER).unwrap();
        project.save(&path).unwrap();
        assert_eq!(ProjectFile::load(&path).unwrap(), project);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        std::fs::write(&path, "version: [").unwrap();
        let err = ProjectFile::load(&path).unwrap_err();
        assert!(err.to_string().contains(PROJECT), "{err}");
        assert!(matches!(ProjectFile::load(folder.path()), Err(ProjectError::Read { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROJECT);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let err = ProjectFile::load(&path).unwrap_err();
        let source = std::error::Error::source(&err).unwrap().to_string();
        assert_eq!(source, "it is a FIFO, not a regular file");
        // Existing values are not changed.
        let project = ProjectFile::new(&ProjectVersion::default()).unwrap();
        assert!(matches!(project.save(&path), Err(ProjectError::Write { .. })));
    }
}
