//! The PROJECT file.
//!
//! Invariant: the text is the truth. Every edit changes the text, reads it back and
//! compares: it says the new value, and all else as before, or the edit fails.

use super::edit::{Depth, rewrite};
use super::migrate::Migrated;
use super::{Gvk, NameError, Resource, check_domain, check_project_name};
use pintle_host::ProjectVersion;
use pintle_host::fs;
use pintle_plugin::message::ProjectInfo;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file larger than this is no PROJECT file.
const MAX_BYTES: u64 = 1 << 20;

/// The name of the file, in the project's root.
pub const PROJECT: &str = "PROJECT";

/// The PROJECT file, as kubebuilder writes it in version 3.
///
/// Comments, order, unknown keys and the spelling of numbers survive every edit.
#[derive(Debug, Clone)]
pub struct ProjectFile {
    text: String,
    values: Map<String, Value>,
    facts: Facts,
    /// What an older file says in version 3, until the first edit.
    migrated: Option<Migrated>,
    migrated_from: Option<ProjectVersion>,
}

/// What is wrong with a PROJECT file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no such file.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read, or is no file.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file's text is no PROJECT file.
    #[error("invalid project file `{}`", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ProjectError>,
    },
    /// The text is no YAML, or a value has the wrong type.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// The text does not say which version of the format it has.
    #[error("the key `version` is missing")]
    NoVersion,
    /// The format has a version that this host cannot work with.
    #[error("project version `{version}` is not supported yet")]
    Unsupported {
        /// The version.
        version: ProjectVersion,
    },
    /// The text cannot be edited without changing something else in it.
    #[error("failed to edit the key `{key}` in place")]
    Edit {
        /// The key at the top of the file.
        key: String,
    },
    /// A name in the project breaks a rule.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl ProjectError {
    /// Returns what to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { source, .. } => source.hint(),
            Self::NoVersion => Some("add the line `version: \"3\"`".to_owned()),
            Self::Unsupported { .. } => {
                Some("this host reads project versions 3, 3-alpha and 2".to_owned())
            }
            Self::Edit { key } => {
                Some(format!("write the value of `{key}` in block style, without anchors"))
            }
            Self::Name(err) => Some(err.hint()),
            Self::Missing { .. } | Self::Read { .. } | Self::Write { .. } | Self::Syntax { .. } => {
                None
            }
        }
    }
}

/// The part of the file that this host knows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Facts {
    #[serde(skip)]
    version: ProjectVersion,
    domain: String,
    repo: String,
    project_name: String,
    cli_version: Option<String>,
    multigroup: bool,
    layout: Layout,
    plugins: Map<String, Value>,
    resources: Vec<Resource>,
}

/// The plugins that made the project, in order.
#[derive(Debug, Clone, Default)]
struct Layout {
    keys: Vec<String>,
    /// The plugins' configurations, when `layout` is a map.
    configs: Option<Map<String, Value>>,
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
    /// [`ProjectError`] with line and column where there is one.
    pub fn parse(text: &str) -> Result<Self, ProjectError> {
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
        let facts = Facts { version, ..read(text)? };
        let text = text.to_owned();
        Ok(Self { values: read(&text)?, text, facts, migrated: None, migrated_from: None })
    }

    /// Reads the PROJECT file at `path`.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] with the path.
    pub fn load(path: &Path) -> Result<Self, ProjectError> {
        let read = || -> io::Result<String> { fs::read_named(path, MAX_BYTES)?.into_text() };
        let text = read().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProjectError::Missing { path: path.to_owned() },
            _ => ProjectError::Read { path: path.to_owned(), source },
        })?;
        Self::parse(&text).map_err(|source| ProjectError::Invalid {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// Returns the version that the file had before this host read it in version 3, if it
    /// had an older one. It is written in version 3 with the first edit.
    pub fn migrated_from(&self) -> Option<ProjectVersion> {
        self.migrated_from
    }

    /// Returns the version of the file's format, which an older file has after its
    /// migration.
    pub fn version(&self) -> &ProjectVersion {
        &self.facts.version
    }

    /// Returns the domain of the project's API groups, or an empty text.
    pub fn domain(&self) -> &str {
        &self.facts.domain
    }

    /// Returns the repository that the project lives in, or an empty text.
    pub fn repo(&self) -> &str {
        &self.facts.repo
    }

    /// Returns the project's name, or an empty text.
    pub fn project_name(&self) -> &str {
        &self.facts.project_name
    }

    /// Returns the version of the host that made the project, if it is known.
    pub fn cli_version(&self) -> Option<&str> {
        self.facts.cli_version.as_deref()
    }

    /// Returns whether the API groups have folders of their own.
    pub fn multigroup(&self) -> bool {
        self.facts.multigroup
    }

    /// Returns the keys of the plugins that made the project, in order.
    pub fn layout(&self) -> &[String] {
        &self.facts.layout.keys
    }

    /// Returns the configuration of the plugin with this key; null when there is none.
    ///
    /// A configuration under another version of the same plugin counts.
    pub fn config(&self, plugin: &str) -> &Value {
        let configs = self.facts.layout.configs.as_ref().unwrap_or(&self.facts.plugins);
        config_key(configs, plugin).and_then(|it| configs.get(it)).unwrap_or(&Value::Null)
    }

    /// Returns the project's resources.
    pub fn resources(&self) -> &[Resource] {
        &self.facts.resources
    }

    /// Returns the resource of this kind, if the project has it.
    pub fn resource(&self, gvk: &Gvk) -> Option<&Resource> {
        self.facts.resources.iter().find(|it| it.gvk() == gvk)
    }

    /// Returns what plugins are told of the project.
    pub fn info(&self) -> ProjectInfo {
        let mut info = ProjectInfo::default();
        info.domain = self.facts.domain.clone();
        info.repo = self.facts.repo.clone();
        info.name = self.facts.project_name.clone();
        info.multigroup = self.facts.multigroup;
        info.resources = self.facts.resources.iter().map(Resource::to_message).collect();
        info
    }

    /// Takes over what a plugin made of [`info`](Self::info); `resources` it cannot change.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when a name breaks a rule, or the text cannot be edited.
    pub fn apply(&mut self, info: &ProjectInfo) -> Result<(), ProjectError> {
        self.set_domain(&info.domain)?;
        self.set_repo(&info.repo)?;
        self.set_project_name(&info.name)?;
        self.set_multigroup(info.multigroup)
    }

    /// Sets the domain of the project's API groups.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when it breaks a rule, or the text cannot be edited.
    pub fn set_domain(&mut self, domain: &str) -> Result<(), ProjectError> {
        if domain != self.facts.domain {
            check_domain(domain)?;
        }
        self.set_text("domain", domain)
    }

    /// Sets the repository that the project lives in.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_repo(&mut self, repo: &str) -> Result<(), ProjectError> {
        self.set_text("repo", repo)
    }

    /// Sets the project's name.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when it breaks a rule, or the text cannot be edited.
    pub fn set_project_name(&mut self, name: &str) -> Result<(), ProjectError> {
        if name != self.facts.project_name {
            check_project_name(name)?;
        }
        self.set_text("projectName", name)
    }

    /// Sets the version of the host that made the project.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_cli_version(&mut self, version: &str) -> Result<(), ProjectError> {
        self.set_text("cliVersion", version)
    }

    /// Sets whether the API groups have folders of their own.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_multigroup(&mut self, multigroup: bool) -> Result<(), ProjectError> {
        if multigroup == self.facts.multigroup {
            return Ok(());
        }
        self.edit("multigroup", |values| insert(values, "multigroup", multigroup))
    }

    /// Sets the plugins that made the project. A map of configurations stays one, and
    /// one key stays alone while it is.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_layout(&mut self, keys: &[String]) -> Result<(), ProjectError> {
        if keys == self.facts.layout.keys {
            return Ok(());
        }
        let is_text = self.values.get("layout").is_some_and(Value::is_string);
        let layout: Value = match (&self.facts.layout.configs, keys) {
            (Some(configs), keys) => keys
                .iter()
                .map(|key| {
                    let config = configs.get(key).cloned();
                    (key.clone(), config.unwrap_or_else(|| Map::new().into()))
                })
                .collect::<Map<_, _>>()
                .into(),
            (None, [key]) if is_text => key.as_str().into(),
            (None, keys) => keys.into(),
        };
        self.edit("layout", |values| insert(values, "layout", layout))
    }

    /// Sets the configuration of one plugin, where the file keeps configurations.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_config(&mut self, plugin: &str, config: Value) -> Result<(), ProjectError> {
        if *self.config(plugin) == config {
            return Ok(());
        }
        let place = if self.facts.layout.configs.is_some() { "layout" } else { "plugins" };
        self.edit(place, |values| {
            let configs = values.entry(place).or_insert_with(|| Map::new().into());
            if let Value::Object(configs) = configs {
                let key = config_key(configs, plugin).unwrap_or(plugin).to_owned();
                configs.insert(key, config);
            }
        })
    }

    /// Adds a resource, or replaces the one of its kind.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn put_resource(&mut self, resource: &Resource) -> Result<(), ProjectError> {
        let place = self.facts.resources.iter().position(|it| it.gvk() == resource.gvk());
        if place.is_some_and(|it| self.facts.resources[it] == *resource) {
            return Ok(());
        }
        self.edit("resources", |values| {
            let entries = values.entry("resources").or_insert_with(|| Value::Array(Vec::new()));
            if entries.is_null() {
                *entries = Value::Array(Vec::new());
            }
            if let Value::Array(entries) = entries {
                match place {
                    Some(place) => entries[place] = respell(resource, &entries[place]),
                    None => entries.push(resource.to_value()),
                }
            }
        })
    }

    /// Removes the resource of this kind, if the project has it.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn remove_resource(&mut self, gvk: &Gvk) -> Result<(), ProjectError> {
        let Some(place) = self.facts.resources.iter().position(|it| it.gvk() == gvk) else {
            return Ok(());
        };
        self.edit("resources", |values| {
            if let Some(Value::Array(entries)) = values.get_mut("resources") {
                entries.remove(place);
                if entries.is_empty() {
                    values.shift_remove("resources");
                }
            }
        })
    }

    /// Puts one version of a plugin in the place of another: in the layout, and before
    /// its configuration.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn rename_plugin(&mut self, old: &str, new: &str) -> Result<(), ProjectError> {
        let keys = self.facts.layout.keys.iter();
        let keys: Vec<_> = keys.map(|it| if it == old { new } else { it }.to_owned()).collect();
        let renamed = |configs: &Map<String, Value>| -> Map<String, Value> {
            let rename = |key: &String| if key == old { new.to_owned() } else { key.clone() };
            configs.iter().map(|(key, config)| (rename(key), config.clone())).collect()
        };
        match &self.facts.layout.configs {
            Some(configs) => {
                let configs = renamed(configs);
                self.edit("layout", |values| insert(values, "layout", configs))
            }
            None => {
                self.set_layout(&keys)?;
                if !self.facts.plugins.contains_key(old) {
                    return Ok(());
                }
                let configs = renamed(&self.facts.plugins);
                self.edit("plugins", |values| insert(values, "plugins", configs))
            }
        }
    }

    fn set_text(&mut self, key: &str, text: &str) -> Result<(), ProjectError> {
        let before = self.values.get(key).and_then(Value::as_str).unwrap_or_default();
        if text == before {
            return Ok(());
        }
        self.edit(key, |values| insert(values, key, text))
    }

    /// Makes one change below `key`, and proves that the text says it and all else as before.
    fn edit(
        &mut self,
        key: &str,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<(), ProjectError> {
        let mut values = self.values.clone();
        change(&mut values);
        let text = self.migrated.as_ref().map_or(&self.text, |it| &it.text);
        let attempt = |depth| {
            let text = rewrite(text, &self.values, &values, depth)?;
            Self::parse(&text).ok().filter(|it| it.values == values && in_order(it, &values))
        };
        let edited = attempt(Depth::Full).or_else(|| attempt(Depth::Top));
        let migrated_from = self.migrated_from;
        *self = edited.ok_or_else(|| ProjectError::Edit { key: key.to_owned() })?;
        self.migrated_from = migrated_from;
        Ok(())
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

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LayoutVisitor)
    }
}

struct LayoutVisitor;

impl<'de> de::Visitor<'de> for LayoutVisitor {
    type Value = Layout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a plugin key, a list of plugin keys, or a map from plugin key to configuration",
        )
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Layout, E> {
        Ok(Layout { keys: vec![key.to_owned()], configs: None })
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Layout, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = seq.next_element()? {
            keys.push(key);
        }
        Ok(Layout { keys, configs: None })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Layout, A::Error> {
        let mut configs = Map::new();
        while let Some((key, config)) = map.next_entry()? {
            configs.insert(key, config);
        }
        Ok(Layout { keys: configs.keys().cloned().collect(), configs: Some(configs) })
    }
}

/// Whether the plugins of a layout with configurations stand in the order of `values`,
/// which a comparison of maps does not see.
fn in_order(project: &ProjectFile, values: &Map<String, Value>) -> bool {
    match values.get("layout") {
        Some(Value::Object(layout)) => layout.keys().eq(&project.facts.layout.keys),
        _ => true,
    }
}

fn insert(values: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    values.insert(key.to_owned(), value.into());
}

/// Returns the entry of `resource`, with all of `old` that does not contradict it: what
/// the user spelled out stays spelled out.
fn respell(resource: &Resource, old: &Value) -> Value {
    let mut entry = resource.to_value();
    for (key, value) in old.as_object().into_iter().flatten() {
        let mut candidate = entry.clone();
        candidate[key] = value.clone();
        if Resource::deserialize(&candidate).is_ok_and(|it| it == *resource) {
            entry = candidate;
        }
    }
    entry
}

/// Returns the key that holds a plugin's configuration: its own, or the only one of
/// another version of the plugin.
fn config_key<'a>(configs: &'a Map<String, Value>, plugin: &str) -> Option<&'a str> {
    if let Some((key, _)) = configs.get_key_value(plugin) {
        return Some(key);
    }
    let name = |key: &str| key.split('/').next() == plugin.split('/').next();
    let mut others = configs.keys().filter(|it| name(it));
    others.next().filter(|_| others.next().is_none()).map(String::as_str)
}

fn parse_version(version: &Spanned<String>) -> Result<ProjectVersion, ProjectError> {
    version.value.parse().map_err(|err: pintle_host::catalog::ProjectVersionError| {
        ProjectError::Syntax {
            line: version.referenced.line(),
            column: version.referenced.column(),
            message: err.to_string(),
        }
    })
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, ProjectError> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|err| {
        let (line, column) = err.location().map_or((1, 1), |it| (it.line(), it.column()));
        let message = err.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        let place = format!(" at line {line}, column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        ProjectError::Syntax { line, column, message }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Api;
    use serde_json::json;

    const KUBEBUILDER: &str = r#"# Code generated by tool. DO NOT EDIT.
# This file is used to track the info used to scaffold your project
domain: example.org # ours
layout:
- go.kubebuilder.io/v4
plugins:
  helm.kubebuilder.io/v1-alpha: {}
  # The one we care for.
  rust.pintle.dev/v1:
    edition: 2024 # the year
projectName: captain-operator
repo: example.org/captain
resources:
# Ahoy.
- api:
    crdVersion: v1
    namespaced: true
  controller: true
  domain: example.org
  group: crew
  kind: Captain
  path: example.org/captain/api/v1
  version: v1
  webhooks:
    validation: true
    webhookVersion: v1
  x-mine: 0x10
version: "3"
x-unknown: 12345678901234567890
on: 1.0
"#;

    fn captain(kind: &str) -> Resource {
        Resource::new(Gvk::new("crew", "example.org", "v1", kind).unwrap())
    }

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
    fn an_edit_touches_no_other_byte() {
        let mut project = ProjectFile::parse(KUBEBUILDER).unwrap();
        project.set_domain("sea.example").unwrap();
        let expected = KUBEBUILDER.replacen("domain: example.org", "domain: sea.example", 1);
        assert_eq!(project.to_string(), expected);

        project.set_config("rust.pintle.dev/v1.0.0", json!({"edition": 2027})).unwrap();
        let expected = expected.replace("edition: 2024", "edition: 2027");
        assert_eq!(project.to_string(), expected);

        let mut resource = project.resources()[0].clone();
        resource.path = "src/api/v1".to_owned();
        project.put_resource(&resource).unwrap();
        let expected = expected.replace("path: example.org/captain/api/v1", "path: src/api/v1");
        assert_eq!(project.to_string(), expected);

        let mut mate = captain("Policy");
        mate.api = Some(Api::default());
        project.put_resource(&mate).unwrap();
        let entry = "\
- api:
    crdVersion: v1
  domain: example.org
  group: crew
  kind: Policy
  plural: policies
  version: v1
version: \"3\"
";
        assert_eq!(project.to_string(), expected.replace("version: \"3\"\n", entry));
    }

    #[test]
    fn an_edit_that_changes_nothing_changes_nothing() {
        let mut project = ProjectFile::parse(KUBEBUILDER).unwrap();
        project.apply(&project.info()).unwrap();
        project.put_resource(&project.resources()[0].clone()).unwrap();
        let layout = project.layout().to_vec();
        project.set_layout(&layout).unwrap();
        assert_eq!(project.to_string(), KUBEBUILDER);
    }

    #[test]
    fn what_the_user_spelled_out_stays_spelled_out() {
        let entry = "version: \"3\"\nresources:\n- group: crew\n  domain: example.org\n  version: v1\n  \
                     kind: Captain\n  plural: captains\n  api:\n    namespaced: false\n";
        let mut project = ProjectFile::parse(entry).unwrap();
        let mut resource = project.resources()[0].clone();
        resource.controller = true;
        project.put_resource(&resource).unwrap();
        assert_eq!(project.to_string(), format!("{entry}  controller: true\n"));
    }

    #[test]
    fn a_removed_resource_takes_no_comment_along() {
        let text = "version: \"3\"\nresources:\n# one\n- group: crew\n  version: v1\n  kind: A # a\n\
                    # two\n- group: crew\n  version: v1\n  kind: B # b\n\
                    # three\n- group: crew\n  version: v1\n  kind: C # c\nrepo: r\n";
        let gvk = |kind: &str| Gvk::new("crew", "", "v1", kind).unwrap();
        let mut project = ProjectFile::parse(text).unwrap();
        project.remove_resource(&gvk("B")).unwrap();
        expect_test::expect![[r#"
            version: "3"
            resources:
            # one
            - group: crew
              version: v1
              kind: A # a
            # two
            # three
            - group: crew
              version: v1
              kind: C # c
            repo: r
        "#]]
        .assert_eq(&project.to_string());
        project.remove_resource(&gvk("C")).unwrap();
        project.remove_resource(&gvk("A")).unwrap();
        project.remove_resource(&gvk("A")).unwrap();
        expect_test::expect![[r#"
            version: "3"
            # two
            # three
            repo: r
        "#]]
        .assert_eq(&project.to_string());
    }

    #[test]
    fn a_layout_keeps_its_form() {
        let layout = |text: &str, keys: &[&str]| {
            let text = format!("version: \"3\"\nlayout: {text}\n");
            let mut project = ProjectFile::parse(&text).unwrap();
            let keys: Vec<_> = keys.iter().map(|it| (*it).to_owned()).collect();
            project.set_layout(&keys).unwrap();
            assert_eq!(project.layout(), keys);
            project.to_string().split_once("layout:").unwrap().1.replace(" \n", "\n")
        };
        assert_eq!(layout("a/v1 # c", &["b/v1"]), " b/v1 # c\n");
        assert_eq!(layout("a/v1", &["a/v1", "b/v1"]), "\n  - a/v1\n  - b/v1\n");
        assert_eq!(layout("\n- a/v1 # c", &["a/v1", "b/v1"]), "\n- a/v1 # c\n- b/v1\n");
        let map = layout("\n  a/v1:\n    x: 1", &["a/v1", "b/v1"]);
        assert_eq!(map, "\n  a/v1:\n    x: 1\n  b/v1: {}\n");
    }

    #[test]
    fn a_plugins_new_version_takes_over_place_and_configuration() {
        let mut project = ProjectFile::parse(
            "version: \"3\"\nlayout:\n- a/v1 # first\n- b/v1\nplugins:\n  b/v1: {}\n  a/v1:\n    x: 1 # mine\n",
        )
        .unwrap();
        project.rename_plugin("a/v1", "a/v2").unwrap();
        project.rename_plugin("c/v1", "c/v2").unwrap();
        assert_eq!(project.layout(), ["a/v2", "b/v1"]);
        assert_eq!(project.config("a/v2"), &json!({"x": 1}));
        assert_eq!(project.values["plugins"].as_object().unwrap().len(), 2);
        let mut project =
            ProjectFile::parse("version: \"3\"\nlayout:\n  a/v1:\n    x: 1\n  b/v1: {}\n").unwrap();
        project.rename_plugin("a/v1", "a/v2").unwrap();
        assert_eq!(project.layout(), ["a/v2", "b/v1"]);
        assert_eq!(project.config("a/v2"), &json!({"x": 1}));
    }

    #[test]
    fn webhooks_are_written_as_kubebuilder_writes_them() {
        let mut project = ProjectFile::parse(KUBEBUILDER).unwrap();
        let mut resource = project.resources()[0].clone();
        resource.webhooks.conversion = true;
        resource.webhooks.spoke = vec!["v1alpha1".to_owned()];
        project.put_resource(&resource).unwrap();
        let text = project.to_string();
        let (_, webhooks) = text.split_once("  webhooks:\n").unwrap();
        let expected =
            "    validation: true\n    webhookVersion: v1\n    conversion: true\n    spoke:\n";
        assert!(webhooks.starts_with(expected), "{webhooks}");

        let core = Resource::of_core("networking.k8s.io", "v1", "Ingress").unwrap().unwrap();
        assert_eq!(core.gvk().to_string(), "networking.k8s.io/v1/Ingress");
        project.put_resource(&core).unwrap();
        let pod = Resource::of_core("core", "v1", "Pod").unwrap().unwrap();
        project.put_resource(&pod).unwrap();
        let read = ProjectFile::parse(&project.to_string()).unwrap();
        assert!(read.resource(pod.gvk()).unwrap().core);
        assert_eq!(read.resource(core.gvk()).unwrap().plural(), "ingresses");
        assert!(Resource::of_core("crew", "v1", "Pod").is_none());
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
    fn a_new_file_is_plain_version_3() {
        let mut project = ProjectFile::new(&ProjectVersion::default()).unwrap();
        project.set_cli_version("0.1.0").unwrap();
        project.set_domain("example.org").unwrap();
        project.set_project_name("true").unwrap();
        let keys = ["rust.pintle.dev/v1.0.0", "license.pintle.dev/v1.0.0"].map(str::to_owned);
        project.set_layout(&keys).unwrap();
        project.set_config("license.pintle.dev/v1.0.0", json!({"year": "2026"})).unwrap();
        project.set_multigroup(true).unwrap();
        let mut resource = captain("Captain");
        resource.api = Some(Api { namespaced: true, ..Api::default() });
        resource.controller = true;
        project.put_resource(&resource).unwrap();
        assert_eq!(
            project.to_string(),
            r#"version: "3"
cliVersion: "0.1.0"
domain: example.org
projectName: "true"
layout:
- rust.pintle.dev/v1.0.0
- license.pintle.dev/v1.0.0
plugins:
  license.pintle.dev/v1.0.0:
    year: "2026"
multigroup: true
resources:
- api:
    crdVersion: v1
    namespaced: true
  controller: true
  domain: example.org
  group: crew
  kind: Captain
  version: v1
"#
        );
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
    fn flow_style_is_edited_too() {
        let mut project = ProjectFile::parse(
            "version: \"3\"\nresources: [{group: crew, domain: example.org, version: v1, kind: A}]\nplugins: {}\n",
        )
        .unwrap();
        project.put_resource(&captain("Captain")).unwrap();
        assert_eq!(project.resources().len(), 2);
        project.set_config("a/v1", json!({"x": [1, 2]})).unwrap();
        assert_eq!(project.config("a/v1"), &json!({"x": [1, 2]}));
    }

    #[test]
    fn odd_texts_are_edited_too() {
        for text in [
            "version: \"3\"\r\ndomain: a.b # c\r\nplugins:\r\n  a/v1:\r\n    x: 1\r\n",
            "version: \"3\"\ndomain: a.b",
            "version: \"3\"\ndomain: a.b # no line feed",
            "---\nversion: \"3\"\ndomain: a.b\n...\n",
            "{version: \"3\", domain: a.b}\n",
            "\"version\": '3'\n'domain' : \"a.b\"\n",
            "version: \"3\"\ndomain: a.b\nlayout:\n    -   a/v1\n    # c\n    -   b/v1\n# end\n",
            "version: \"3\"\ndomain: >-\n  a.b\nresources:\n  - kind: A\n    version: v1\n    group: g\n",
        ] {
            let mut project = ProjectFile::parse(text).unwrap();
            for edit in [
                |it: &mut ProjectFile| it.set_domain("c.d"),
                |it: &mut ProjectFile| it.set_config("a/v1", json!({"x": "2", "y": [{"z": null}]})),
                |it: &mut ProjectFile| it.set_layout(&["c/v1".to_owned()]),
                |it: &mut ProjectFile| it.put_resource(&captain("Captain")),
            ] {
                edit(&mut project).unwrap();
            }
            assert_eq!(project.domain(), "c.d", "{project}");
            assert_eq!(project.layout(), ["c/v1"], "{project}");
            assert_eq!(project.config("a/v1")["y"], json!([{"z": null}]), "{project}");
        }
    }

    #[test]
    fn an_edit_that_would_change_something_else_is_refused() {
        let text = "version: \"3\"\ndomain: &d a.b\nrepo: *d\n";
        let mut project = ProjectFile::parse(text).unwrap();
        let err = project.set_domain("c.d").unwrap_err();
        assert_eq!(err.to_string(), "failed to edit the key `domain` in place");
        assert_eq!(project.to_string(), text);
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
        assert!(refusal.starts_with("line 3, "), "{refusal}");
    }

    #[test]
    fn other_versions_are_named_in_the_refusal() {
        assert_eq!(refusal("version: \"1\"\n"), "project version `1` is not supported yet");
        assert_eq!(refusal("version: 4\n"), "project version `4` is not supported yet");
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
        // What is there is left alone.
        let project = ProjectFile::new(&ProjectVersion::default()).unwrap();
        assert!(matches!(project.save(&path), Err(ProjectError::Write { .. })));
    }
}
