//! The edits of a PROJECT file, one for each of its values.

use super::content::config_key;
use super::error::ProjectError;
use super::file::ProjectFile;
use super::gvk::Gvk;
use super::keys::{short, spelt, spelt_like};
use super::name::{check_domain, check_known_project_name, check_project_name};
use super::resource::Resource;
use pintle_plugin::message::ProjectInfo;
use serde::Deserialize;
use serde_json::{Map, Value};

impl ProjectFile {
    /// Applies a plugin's changes to [`info`](Self::info); it cannot change `resources`.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when a name breaks a rule, or the text cannot be edited.
    pub fn apply(&mut self, info: &ProjectInfo) -> Result<(), ProjectError> {
        if info.name != self.project_name() {
            check_project_name(&info.name)?;
        }
        self.set_domain(&info.domain)?;
        self.set_repo(&info.repo)?;
        self.set_project_name(&info.name)?;
        self.set_multigroup(info.multigroup)?;
        self.set_namespaced(info.namespaced)
    }

    /// Sets the domain of the project's API groups.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when it breaks a rule, or the text cannot be edited.
    pub fn set_domain(&mut self, domain: &str) -> Result<(), ProjectError> {
        if domain == self.domain() {
            return Ok(());
        }
        check_domain(domain)?;
        self.edit("domain", |values| insert(values, "domain", domain))?;
        self.must("domain", |it| it.domain() == domain)
    }

    /// Sets the repository of the project.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_repo(&mut self, repo: &str) -> Result<(), ProjectError> {
        if repo == self.repo() {
            return Ok(());
        }
        self.edit("repo", |values| insert(values, "repo", repo))?;
        self.must("repo", |it| it.repo() == repo)
    }

    /// Sets the project's name.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when it breaks a rule, or the text cannot be edited.
    pub fn set_project_name(&mut self, name: &str) -> Result<(), ProjectError> {
        if name == self.project_name() {
            return Ok(());
        }
        check_known_project_name(name)?;
        self.edit("projectName", |values| insert(values, "projectName", name))?;
        self.must("projectName", |it| it.project_name() == name)
    }

    /// Sets the version of the host that created the project.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_cli_version(&mut self, version: &str) -> Result<(), ProjectError> {
        if Some(version) == self.cli_version() {
            return Ok(());
        }
        self.edit("cliVersion", |values| insert(values, "cliVersion", version))?;
        self.must("cliVersion", |it| it.cli_version() == Some(version))
    }

    /// Sets whether the API groups have their own directories.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_multigroup(&mut self, multigroup: bool) -> Result<(), ProjectError> {
        if multigroup == self.content.multigroup {
            return Ok(());
        }
        self.edit("multigroup", |values| insert(values, "multigroup", multigroup))?;
        self.must("multigroup", |it| it.multigroup() == multigroup)
    }

    /// Sets whether the operator works only in its own namespace.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_namespaced(&mut self, namespaced: bool) -> Result<(), ProjectError> {
        if namespaced == self.content.namespaced {
            return Ok(());
        }
        self.edit("namespaced", |values| insert(values, "namespaced", namespaced))?;
        self.must("namespaced", |it| it.namespaced() == namespaced)
    }

    /// Sets the plugins that created the project. A map of configurations stays a map, and a single
    /// key stays a single key, as long as there is only one.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_layout(&mut self, keys: &[String]) -> Result<(), ProjectError> {
        let keys = &*spelt(keys);
        if keys == self.content.layout.keys {
            return Ok(());
        }
        let is_text = self.values.get("layout").is_some_and(Value::is_string);
        let layout: Value = match (&self.content.layout.configs, keys) {
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
        self.edit("layout", |values| insert(values, "layout", layout))?;
        self.must("layout", |it| it.layout() == keys)
    }

    /// Sets the configuration of one plugin, if the file contains configurations.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn set_config(&mut self, plugin: &str, config: Value) -> Result<(), ProjectError> {
        if *self.config(plugin) == config {
            return Ok(());
        }
        let place = if self.content.layout.configs.is_some() { "layout" } else { "plugins" };
        let new_key = if self.is_shared() { short(plugin) } else { plugin.to_owned() };
        self.edit(place, |values| {
            let configs = values.entry(place).or_insert(Value::Null);
            if configs.is_null() {
                *configs = Map::new().into();
            }
            if let Value::Object(configs) = configs {
                let key = config_key(configs, plugin).unwrap_or(&new_key).to_owned();
                configs.insert(key, config.clone());
            }
        })?;
        self.must(place, |it| *it.config(plugin) == config)
    }

    /// Adds a resource, or replaces the one of the same kind.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn put_resource(&mut self, resource: &Resource) -> Result<(), ProjectError> {
        let place = self.content.resources.iter().position(|it| it.gvk() == resource.gvk());
        if place.is_some_and(|it| self.content.resources[it] == *resource) {
            return Ok(());
        }
        let put = |values: &mut Map<String, Value>| {
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
        };
        match self.is_deferred() {
            true => {
                put(&mut self.values);
                self.reread_resource(place)?;
            }
            false => self.edit("resources", put)?,
        }
        self.must("resources", |it| {
            it.resource(resource.gvk()).is_some_and(|it| it.says_as_much(resource))
        })
    }

    /// Reads one entry again, by default the last one, and no other: a project may have hundreds.
    fn reread_resource(&mut self, place: Option<usize>) -> Result<(), ProjectError> {
        let failed = || ProjectError::Edit { key: "resources".to_owned() };
        let entries = self.values.get("resources").and_then(Value::as_array).ok_or_else(failed)?;
        let entry = place.map_or(entries.last(), |it| entries.get(it)).ok_or_else(failed)?;
        let resource = Resource::deserialize(entry).map_err(|_| failed())?;
        match place {
            Some(place) => self.content.resources[place] = resource,
            None => self.content.resources.push(resource),
        }
        Ok(())
    }

    /// Removes the resource of this kind, if the project has it.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn remove_resource(&mut self, gvk: &Gvk) -> Result<(), ProjectError> {
        if self.resource(gvk).is_none() {
            return Ok(());
        }
        // A merge may have left two entries for one resource.
        let mut stays =
            self.resources().iter().map(|it| it.gvk() != gvk).collect::<Vec<_>>().into_iter();
        self.edit("resources", |values| {
            if let Some(Value::Array(entries)) = values.get_mut("resources") {
                entries.retain(|_| stays.next().unwrap_or(true));
                if entries.is_empty() {
                    values.shift_remove("resources");
                }
            }
        })?;
        self.must("resources", |it| it.resource(gvk).is_none())
    }

    /// Replaces one version of a plugin with another: in the layout, and as the key of its
    /// configuration. The new key has the form of the old one.
    ///
    /// # Errors
    ///
    /// [`ProjectError`] when the text cannot be edited.
    pub fn rename_plugin(&mut self, old: &str, new: &str) -> Result<(), ProjectError> {
        let new = &*if self.is_shared() { short(new) } else { spelt_like(old, new) };
        let keys = self.content.layout.keys.iter();
        let keys: Vec<_> = keys.map(|it| if it == old { new } else { it }.to_owned()).collect();
        let renamed = |configs: &Map<String, Value>| -> Map<String, Value> {
            let rename = |key: &String| if key == old { new.to_owned() } else { key.clone() };
            configs.iter().map(|(key, config)| (rename(key), config.clone())).collect()
        };
        match &self.content.layout.configs {
            Some(configs) => {
                let configs = renamed(configs);
                self.edit("layout", |values| insert(values, "layout", configs))
            }
            None => {
                self.set_layout(&keys)?;
                if !self.content.plugins.contains_key(old) {
                    return Ok(());
                }
                let configs = renamed(&self.content.plugins);
                self.edit("plugins", |values| insert(values, "plugins", configs))
            }
        }
    }

    /// Checks that the file contains the new value, so that a setter does not report a change that
    /// was not made.
    fn must(&self, key: &str, says: impl FnOnce(&Self) -> bool) -> Result<(), ProjectError> {
        match says(self) {
            true => Ok(()),
            false => Err(ProjectError::Edit { key: key.to_owned() }),
        }
    }
}

fn insert(values: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    values.insert(key.to_owned(), value.into());
}

/// Returns the entry of `resource`, which equals `old` except where that contradicts it: values
/// that the user has written out stay written out, and implied values stay omitted.
fn respell(resource: &Resource, old: &Value) -> Value {
    let says_it = |it: &Value| Resource::deserialize(it).is_ok_and(|it| it.says_as_much(resource));
    let mut entry = resource.to_value();
    for path in paths(old) {
        let mut candidate = entry.clone();
        let value = old.pointer(&path).cloned().unwrap_or_default();
        if let Some((map, key)) = parent(&mut candidate, &path) {
            map.insert(key, value);
        }
        if says_it(&candidate) {
            entry = candidate;
        }
    }
    for path in paths(&entry).into_iter().filter(|it| old.pointer(it).is_none()) {
        let mut candidate = entry.clone();
        if let Some((map, key)) = parent(&mut candidate, &path) {
            map.shift_remove(&key);
        }
        if says_it(&candidate) {
            entry = candidate;
        }
    }
    entry
}

/// Returns the JSON pointers of all values in maps, each map before its values.
fn paths(value: &Value) -> Vec<String> {
    let escape = |key: &String| key.replace('~', "~0").replace('/', "~1");
    let below = |(key, value): (&String, &Value)| {
        let path = format!("/{}", escape(key));
        let deeper = paths(value).into_iter().map(|it| format!("{path}{it}")).collect::<Vec<_>>();
        std::iter::once(path.clone()).chain(deeper)
    };
    value.as_object().into_iter().flatten().flat_map(below).collect()
}

/// Returns the map that contains the value at `path`, and its key in the map.
fn parent<'a>(value: &'a mut Value, path: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let (parent, key) = path.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    Some((value.pointer_mut(parent)?.as_object_mut()?, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::resource::Api;
    use pintle_host::ProjectVersion;
    use serde_json::json;

    const KUBEBUILDER: &str = include_str!("testdata/kubebuilder.yaml");

    fn captain(kind: &str) -> Resource {
        Resource::new(Gvk::new("crew", "example.org", "v1", kind).unwrap())
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
    fn a_new_file_is_plain_version_3() {
        let mut project = ProjectFile::new(&ProjectVersion::default()).unwrap();
        project.set_cli_version("0.1.0").unwrap();
        project.set_domain("example.org").unwrap();
        project.set_project_name("true").unwrap();
        let keys = ["rust.pintle.dev/v1.0.0", "license.pintle.dev/v1.0.0"].map(str::to_owned);
        project.set_layout(&keys).unwrap();
        project.set_config("license.pintle.dev/v1.0.0", json!({"year": "2026"})).unwrap();
        project.set_multigroup(true).unwrap();
        project.set_namespaced(true).unwrap();
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
namespaced: true
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
}
