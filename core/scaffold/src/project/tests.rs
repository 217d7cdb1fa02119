//! What is loaded although it is not created, what is rejected with which message, and that a
//! setter changes its value and nothing else.

use super::error::ProjectError;
use super::file::{PROJECT, ProjectFile};
use super::gvk::Gvk;
use super::resource::{Api, Resource};
use crate::commands::errors::Advice as _;
use expect_test::expect;
use serde_json::json;
#[cfg(unix)]
use std::path::Path;

fn parse(lines: &str) -> Result<ProjectFile, ProjectError> {
    ProjectFile::parse(&format!("version: \"3\"\n{lines}"))
}

fn entry(lines: &str) -> String {
    format!("resources:\n- group: crew\n  version: v1\n  kind: Captain\n{lines}")
}

#[test]
fn keys_without_a_value_say_as_much_as_none() {
    let nulls = "domain:\nrepo: ~\nprojectName: null\ncliVersion:\nmultigroup:\nnamespaced:\n\
                 layout:\nplugins:\nresources:\n";
    let mut project = parse(nulls).unwrap();
    assert_eq!((project.domain(), project.project_name()), ("", ""));
    assert!(project.layout().is_empty() && project.resources().is_empty());

    project.set_config("a.io/v1", json!({"x": 1})).unwrap();
    assert_eq!(*project.config("a.io/v1"), json!({"x": 1}));
    project.set_domain("example.org").unwrap();
    project.set_layout(&["a.io/v1".to_owned()]).unwrap();
    let captain = Resource::new(Gvk::new("crew", "example.org", "v1", "Captain").unwrap());
    project.put_resource(&captain).unwrap();
    assert_eq!(ProjectFile::parse(&project.to_string()).unwrap(), project);
    assert_eq!(project.resources(), [captain]);

    let nulls = "  domain:\n  plural:\n  path:\n  api:\n  controller:\n  webhooks:\n    \
                 defaulting:\n    spoke:\n  external:\n  core:\n  module:\n";
    assert_eq!(parse(&entry(nulls)).unwrap().resources()[0].plural(), "captains");
    assert!(parse(&entry("  api:\n    crdVersion:\n")).unwrap().resources()[0].api.is_some());
}

#[test]
fn versions_that_are_not_created_are_loaded_and_kept() {
    let text = entry("  api:\n    namespaced: true\n").replace("v1\n", "v1-beta\n");
    let mut project = parse(&text).unwrap();
    let mut resource = project.resources()[0].clone();
    assert_eq!(resource.gvk().to_string(), "crew/v1-beta/Captain");
    let message = resource.to_message();
    resource.apply(&message).unwrap();
    resource.controller = true;
    project.put_resource(&resource).unwrap();
    assert_eq!(project.to_string(), format!("version: \"3\"\n{text}  controller: true\n"));
    Gvk::new("crew", "", "v1-beta", "Captain").unwrap_err();
}

#[test]
fn a_kind_without_a_plural_has_that_of_its_definition() {
    let root = tempfile::tempdir().unwrap();
    let definitions = root.path().join("config/crd/bases");
    std::fs::create_dir_all(&definitions).unwrap();
    let kind = |kind: &str, more: &str| {
        format!("- api: {{crdVersion: v1}}\n  group: crew\n  kind: {kind}\n  version: v1\n{more}")
    };
    let (elf, thief) = (kind("Elf", ""), kind("Thief", "  plural: thieves\n"));
    let (wolf, roof) = (kind("Wolf", ""), kind("Loaf", ""));
    let text = format!("version: \"3\"\nresources:\n{elf}{thief}{wolf}{roof}");
    std::fs::write(root.path().join(PROJECT), &text).unwrap();
    for (name, kind, plural) in [
        ("elfs.crew", "Elf", "elfs"),
        ("crew_thiefs", "Thief", "thiefs"),
        ("crew_wolves", "Wolf", "wolves"),
        ("crew_loafs", "Loaf", "Not a plural"),
    ] {
        let definition = format!(
            "---\nspec: {{group: crew, names: {{kind: {kind}, plural: {plural}}}}}\n---\n[]\n"
        );
        std::fs::write(definitions.join(format!("{name}.yaml")), definition).unwrap();
    }
    let mut project = ProjectFile::load(&root.path().join(PROJECT)).unwrap();
    let plurals = |it: &ProjectFile| -> Vec<String> {
        it.resources().iter().map(|it| it.plural().to_owned()).collect()
    };
    assert_eq!(plurals(&project), ["elfs", "thieves", "wolves", "loaves"]);
    project.set_repo("r").unwrap();
    assert_eq!(plurals(&project), ["elfs", "thieves", "wolves", "loaves"]);
    assert_eq!(project.to_string(), format!("{text}repo: r\n"));
}

#[test]
fn a_file_without_a_name_has_that_of_its_directory_and_stays_without() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("Crew Operator");
    std::fs::create_dir(&root).unwrap();
    let text = "version: \"3\"\ndomain: example.org\n";
    std::fs::write(root.join(PROJECT), text).unwrap();
    let mut project = ProjectFile::load(&root.join(PROJECT)).unwrap();
    assert_eq!(project.project_name(), "crew-operator");
    project.apply(&project.info()).unwrap();
    assert_eq!(project.to_string(), text);
    project.set_repo("r").unwrap();
    assert_eq!(project.info().name, "crew-operator");
    project.set_project_name("mine").unwrap();
    assert_eq!(project.project_name(), "mine");
}

#[test]
fn long_names_are_loaded_and_not_created() {
    let long = "a".repeat(60);
    let mut project = parse(&format!("projectName: {long}\n")).unwrap();
    project.apply(&project.info()).unwrap();
    let mut info = project.info();
    info.name = "b".repeat(60);
    project.apply(&info).unwrap_err();
    assert_eq!(project.project_name(), long);
}

#[test]
fn a_setter_adds_nothing_that_goes_without_saying() {
    for (old, add, new) in [
        ("  kind: Policy\n", "", "  controller: true\n"),
        ("  kind: Captain\n  webhooks:\n    validation: true\n", "", "  controller: true\n"),
        ("  kind: Captain\n  api:\n    namespaced: false\n", "", "  controller: true\n"),
        (
            "  kind: Captain\n  webhooks:\n    validation: true\n    defaulting: false\n    x: 1\n",
            "    conversion: true\n",
            "  controller: true\n",
        ),
    ] {
        let text = format!("resources:\n- group: crew\n  version: v1\n{old}");
        let mut project = parse(&text).unwrap();
        let mut resource = project.resources()[0].clone();
        resource.controller = true;
        resource.webhooks.conversion |= !add.is_empty();
        project.put_resource(&resource).unwrap();
        assert_eq!(project.to_string(), format!("version: \"3\"\n{text}{add}{new}"));
    }
}

#[test]
fn a_plain_plural_that_is_not_the_regular_one_is_said() {
    let gvk = Gvk::new("crew", "", "v1", "Medium").unwrap();
    let mut project = parse("").unwrap();
    project.put_resource(&Resource::new(gvk.clone()).with_plural("mediums").unwrap()).unwrap();
    assert_eq!(project.resource(&gvk).unwrap().plural(), "mediums");
    assert!(project.to_string().contains("plural: mediums"), "{project}");
}

#[test]
fn what_a_setter_cannot_say_is_an_error() {
    let text = entry("  controllers:\n  - name: captain\n");
    let mut project = parse(&text).unwrap();
    let mut resource = project.resources()[0].clone();
    assert!(resource.controller);
    resource.controller = false;
    let err = project.put_resource(&resource).unwrap_err();
    assert!(matches!(err, ProjectError::Edit { .. }), "{err}");
}

#[test]
fn a_resource_that_is_there_twice_is_removed_as_a_whole() {
    let text = entry("- group: crew\n  version: v1\n  kind: Captain\n  controller: true\n");
    let mut project = parse(&text).unwrap();
    let gvk = project.resources()[0].gvk().clone();
    project.remove_resource(&gvk).unwrap();
    assert_eq!(project.to_string(), "version: \"3\"\n");
}

#[test]
fn a_message_names_the_key_the_line_and_the_fix() {
    let said: String = [
        "domain: [a, b]\n".to_owned(),
        "multigroup: maybe\n".to_owned(),
        "layout:\n- a.io/v1\n- {x: 1}\n".to_owned(),
        "plugins: [a]\n".to_owned(),
        "resources: {}\n".to_owned(),
        "resources:\n- Captain\n".to_owned(),
        "resources:\n- group: crew\n  kind: Captain\n".to_owned(),
        entry("  controller: 1\n"),
        entry("  api: true\n"),
        entry("  api:\n    crdVersion: v1\n    namespaced: yes\n"),
        entry("  webhooks:\n    spoke: v2\n"),
        entry("  plural: Captains\n"),
        entry("- group: Crew\n  version: v1\n  kind: Mate\n"),
        "domain: [a\n".to_owned(),
        "domain: a\ndomain: b\n".to_owned(),
    ]
    .iter()
    .map(|text| {
        let err = parse(text).unwrap_err();
        format!("{err}\n    {}\n", err.hint_text().unwrap_or_default())
    })
    .collect();
    expect![[r#"
        line 2, column 9: `domain` must be a single value, not a list
            write `domain: VALUE`
        line 2, column 13: `multigroup` must be `true` or `false`, not `maybe`
            write `multigroup: true` or `multigroup: false`
        line 4, column 3: `layout[1]` must be a single value, not a map
            write `- VALUE` below `layout:`
        line 2, column 10: `plugins` must be a map, not a list
            write `key: value` in lines below `plugins:`
        line 2, column 12: `resources` must be a list, not a map
            start each entry below `resources:` with `- `
        line 3, column 3: `resources[0]` must be a map, not `Captain`
            write `- key: value` below `resources:`
        line 3, column 3: `resources[0].version` is missing
            add the line `version: v1alpha1`
        line 6, column 15: `resources[0].controller` must be `true` or `false`, not `1`
            write `controller: true` or `controller: false`
        line 6, column 8: `resources[0].api` must be a map, not `true`
            write `key: value` in lines below `api:`
        line 8, column 17: `resources[0].api.namespaced` must be `true` or `false`, not `yes`
            write `namespaced: true` or `namespaced: false`
        line 7, column 12: `resources[0].webhooks.spoke` must be a list of values, not `v2`
            write `spoke: [VALUE, VALUE]`
        line 6, column 11: `resources[0].plural`: invalid plural `Captains`: it must be at most 63 lower-case letters, digits and `-`, start with a letter and end with a letter or digit
            use a value such as `captains`
        line 6, column 10: `resources[1].group`: invalid group `Crew`: it must consist of dot-separated parts of at most 63 lower-case letters, digits and `-`, each starting and ending with a letter or digit, and have at most 253 characters in total
            use a value such as `crew`
        line 2, column 9: unclosed bracket '['
            fix the YAML on line 2, or restore the file from version control
        line 3, column 1: duplicate mapping key: domain not allowed here
            fix the YAML on line 3, or restore the file from version control
    "#]].assert_eq(&said);
}

#[cfg(unix)]
#[test]
fn encodings_and_links_have_errors_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(PROJECT);
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let text = "version: \"3\"\n";
    let mut said = String::new();
    for bytes in [
        [b"\xff\xfe".as_slice(), &utf16(text)].concat(),
        utf16(text),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        b"version: \"3\"\nrepo: \xe4\n".to_vec(),
    ] {
        std::fs::write(&path, bytes).unwrap();
        said += &refusal(&path);
    }
    let other = root.path().join("other");
    std::fs::rename(&path, &other).unwrap();
    std::fs::write(&other, text).unwrap();
    std::os::unix::fs::symlink("other", &path).unwrap();
    said += &refusal(&path).replace(&root.path().display().to_string(), "[ROOT]");
    expect![[r#"
        it is encoded in UTF-16
            save it as UTF-8 without a byte order mark
        it is encoded in UTF-16
            save it as UTF-8 without a byte order mark
        it begins with a byte order mark
            save it as UTF-8 without a byte order mark
        it contains bytes that are not valid UTF-8
            save it as UTF-8 without a byte order mark
        `[ROOT]/PROJECT` is a symbolic link to `other`
            replace the link with a copy of the file
    "#]]
    .assert_eq(&said);
}

/// Returns why the file is rejected, and what to do.
#[cfg(unix)]
fn refusal(path: &Path) -> String {
    let Err(err) = ProjectFile::load(path) else { return "it is read".to_owned() };
    let hint = err.hint_text().unwrap_or_default();
    let err = match err {
        ProjectError::Invalid { source, .. } => *source,
        err => err,
    };
    format!("{err}\n    {hint}\n")
}

#[test]
fn an_api_without_a_version_stays_without() {
    let text = entry("  api:\n    namespaced: true\n");
    let mut project = parse(&text).unwrap();
    let mut resource = project.resources()[0].clone();
    assert_eq!(resource.api, Some(Api { namespaced: true, ..Api::default() }));
    resource.path = "src".to_owned();
    project.put_resource(&resource).unwrap();
    assert_eq!(project.to_string(), format!("version: \"3\"\n{text}  path: src\n"));
}

#[test]
fn deferred_edits_say_the_same_once_they_are_settled() {
    let text = "domain: example.org # mine\nx-unknown: 1\n";
    let (mut one, mut other) = (parse(text).unwrap(), parse(text).unwrap());
    other.defer();
    for kind in ["Captain", "Sailor", "Mate"] {
        let gvk = Gvk::new("crew", "example.org", "v1", kind).unwrap();
        let mut resource = Resource::new(gvk);
        for project in [&mut one, &mut other] {
            project.put_resource(&resource).unwrap();
            project.set_config("a.io/v1", json!({"last": kind})).unwrap();
        }
        resource.controller = true;
        resource.api = Some(Api { namespaced: true, ..Api::default() });
        for project in [&mut one, &mut other] {
            project.put_resource(&resource).unwrap();
            project.set_layout(&["a.io/v1".to_owned()]).unwrap();
        }
        assert_eq!(other.resources(), one.resources());
        assert_eq!(other.to_json(), one.to_json());
        assert_eq!(other.config("a.io/v1"), one.config("a.io/v1"));
        let settled = ProjectFile::parse(&other.settled().unwrap().to_string()).unwrap();
        assert_eq!(settled.to_json(), one.to_json());
        assert!(!other.to_string().contains("crew"), "the text is behind");
    }
    other.settle().unwrap();
    let settled = other.to_string();
    assert!(settled.starts_with("version: \"3\"\ndomain: example.org # mine\n"), "{settled}");
    other.settle().unwrap();
    assert_eq!(other.to_string(), settled);
    other.set_repo("example.org/x").unwrap();
    assert!(other.to_string().contains("\nrepo: example.org/x\n"), "{other}");
}
