//! Tests of the whole module: which plugins are found, whether they can be used, and which plugin a
//! key refers to.

use super::testing::{manifest, manifest_json};
use super::*;
use crate::causes::with_causes;
use expect_test::{Expect, expect};
use serde_json::json;

fn catalog(plugins: &[(&str, &[&str])]) -> Catalog {
    Catalog::from_manifests(plugins.iter().map(|(key, commands)| manifest(key, commands)))
}

fn key(text: &str) -> PluginKey {
    text.parse().unwrap()
}

fn states(catalog: &Catalog) -> String {
    let mut text = String::new();
    for it in catalog.entries() {
        let key = it.key().map_or("?".to_owned(), ToString::to_string);
        text.push_str(&format!("{key} {}", it.state()));
        if let Some(reason) = it.reason() {
            text.push_str(&format!(": {}", with_causes(&reason)));
        }
        text.push('\n');
    }
    text
}

mod resolution {
    use super::*;

    #[track_caller]
    fn check_in(catalog: &Catalog, key: &str, project: Option<&str>, expected: Expect) {
        let project = project.map(|it| it.parse().unwrap());
        let text = match catalog.resolve(&key.parse().unwrap(), project.as_ref()) {
            Ok(it) => it.key().unwrap().to_string(),
            Err(err) => format!("error: {}", with_causes(&err)),
        };
        expected.assert_eq(&text);
    }

    #[track_caller]
    fn check(plugins: &[&str], key: &str, expected: Expect) {
        let plugins: Vec<_> = plugins.iter().map(|it| (*it, &[][..])).collect();
        check_in(&catalog(&plugins), key, None, expected);
    }

    #[test]
    fn a_full_name_beats_a_longer_one() {
        let plugins = ["sample.io/v1", "sample.io.example.org/v9", "sample2.io/v1"];
        check(&plugins, "sample.io", expect!["sample.io/v1.0.0"]);
        check(&plugins, "sample2", expect!["sample2.io/v1.0.0"]);
    }

    #[test]
    fn a_short_name_must_be_unique() {
        let plugins = ["rust.pintle.dev/v1", "rust.example.org/v2", "rust.example.org/v3"];
        check(
            &plugins,
            "rust",
            expect!["error: plugin `rust` is ambiguous: `rust.example.org`, `rust.pintle.dev`"],
        );
        check(&plugins, "rust/v1", expect!["rust.pintle.dev/v1.0.0"]);
        check(&plugins, "rust.example.org", expect!["rust.example.org/v3.0.0"]);
    }

    #[test]
    fn a_short_name_means_the_one_plugin_that_has_the_version() {
        let plugins = ["foo.example.org/v1", "foo.pintle.dev/v1", "foo.pintle.dev/v2"];
        check(&plugins, "foo/v2", expect!["foo.pintle.dev/v2.0.0"]);
        check(
            &plugins,
            "foo/v1",
            expect![
                "error: plugin `foo/v1` is ambiguous: `foo.example.org/v1`, `foo.pintle.dev/v1`"
            ],
        );
        check(
            &plugins,
            "foo/v3",
            expect![
                "error: no version of plugin `foo` matches `foo/v3`; installed versions: `foo.pintle.dev/v2.0.0`, `foo.example.org/v1.0.0`, `foo.pintle.dev/v1.0.0`"
            ],
        );
    }

    #[test]
    fn a_manifest_name_without_a_dot_is_qualified() {
        check(&["rust/v1"], "rust.pintle.dev/v1.0.0", expect!["rust.pintle.dev/v1.0.0"]);
    }

    #[test]
    fn without_a_version_the_highest_stable_one_is_meant() {
        check(&["a.io/v1.2", "a.io/v1.10", "a.io/v2-alpha"], "a", expect!["a.io/v1.10.0"]);
        check(
            &["a.io/v1-beta", "a.io/v2-alpha"],
            "a",
            expect!["error: only pre-releases match `a`: `a.io/v2.0.0-alpha`, `a.io/v1.0.0-beta`"],
        );
    }

    #[test]
    fn with_a_partial_version_the_highest_match_is_meant() {
        let plugins = ["a.io/v1.2", "a.io/v1.10", "a.io/v1.11.0-rc.1", "a.io/v2"];
        check(&plugins, "a/v1", expect!["a.io/v1.10.0"]);
        check(&plugins, "a/v1.2", expect!["a.io/v1.2.0"]);
        check(
            &plugins,
            "a/v1.11",
            expect!["error: only pre-releases match `a/v1.11`: `a.io/v1.11.0-rc.1`"],
        );
        check(&plugins, "a/v1-rc", expect!["a.io/v1.11.0-rc.1"]);
        check(
            &plugins,
            "a/v1.3",
            expect![
                "error: no version of plugin `a.io` matches `a/v1.3`; installed versions: `a.io/v2.0.0`, `a.io/v1.11.0-rc.1`, `a.io/v1.10.0`, `a.io/v1.2.0`"
            ],
        );
    }

    #[test]
    fn a_name_that_nobody_has_is_answered_with_similar_ones() {
        let plugins = ["registry.pintle.dev/v1", "rust.pintle.dev/v1", "rust.pintle.dev/v2"];
        check(&plugins, "regisrty", expect!["error: plugin `regisrty` is not installed"]);
        check(
            &plugins,
            "rust.pintel.dev",
            expect!["error: plugin `rust.pintel.dev` is not installed"],
        );
        check(&plugins, "go", expect!["error: plugin `go` is not installed"]);
    }

    #[test]
    fn the_project_version_chooses_the_plugin_version() {
        let json = |version: &str, project: &str| {
            let patch = json!({"name": "a.io", "version": version, "project_versions": [project]});
            Manifest::parse(manifest_json(&patch).as_bytes()).unwrap()
        };
        let catalog = Catalog::from_manifests([
            json("1", "2"),
            json("2", "3"),
            json("3", "3"),
            json("4-alpha", "4-alpha"),
        ]);
        check_in(&catalog, "a", Some("2"), expect!["a.io/v1.0.0"]);
        check_in(&catalog, "a", Some("3"), expect!["a.io/v3.0.0"]);
        check_in(&catalog, "a/v4-alpha", Some("4-alpha"), expect!["a.io/v4.0.0-alpha"]);
        check_in(
            &catalog,
            "a",
            Some("4-alpha"),
            expect![
                "error: plugin `a.io/v3.0.0` does not support project version `4-alpha`; it supports `3`"
            ],
        );
        check_in(
            &catalog,
            "a/v1",
            Some("3"),
            expect![
                "error: plugin `a.io/v1.0.0` does not support project version `3`; it supports `2`"
            ],
        );
        check_in(
            &catalog,
            "a",
            Some("9"),
            expect![
                "error: plugin `a.io/v3.0.0` does not support project version `9`; it supports `3`"
            ],
        );
    }

    #[test]
    fn refused_and_disabled_plugins_are_mentioned() {
        let bad = Manifest::parse(
            // A plugin that scaffolds must list the versions of PROJECT that it supports.
            manifest_json(&json!({
                "name": "bad.io",
                "project_versions": [],
                "subcommands": ["init"],
            }))
            .as_bytes(),
        );
        let rules = Rules { disabled: vec![key("off").into()], ..Rules::default() };
        let manifests = [bad.unwrap(), manifest("off.io/v1", &[]), manifest("good.io/v1", &[])];
        let entries = manifests.into_iter().map(|it| entry::Entry::from_manifest(it, &rules));
        let catalog = Catalog::settle(entries.collect(), Vec::new(), &rules);
        check_in(
            &catalog,
            "bad",
            None,
            expect![
                "error: plugin `bad` was found in the program itself, but is refused: its manifest contains no project version"
            ],
        );
        check_in(
            &catalog,
            "off.io/v1",
            None,
            expect!["error: plugin `off.io/v1` is installed but disabled"],
        );
        check_in(&catalog, "good", None, expect!["good.io/v1.0.0"]);
    }

    #[test]
    fn disabling_one_of_two_makes_a_short_name_unique() {
        let rules = Rules { disabled: vec![key("a.one").into()], ..Rules::default() };
        let entries = ["a.one/v1", "a.two/v1"]
            .map(|it| entry::Entry::from_manifest(manifest(it, &[]), &rules));
        let catalog = Catalog::settle(entries.into(), Vec::new(), &rules);
        check_in(&catalog, "a", None, expect!["a.two/v1.0.0"]);
    }
}

mod commands {
    use super::*;

    #[track_caller]
    fn check(catalog: &Catalog, words: &str, expected: Expect) {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let text = match catalog.find_command(&words) {
            Ok(Some((entry, command))) => {
                format!("{} {}", entry.key().unwrap(), command.path.join(" "))
            }
            Ok(None) => "none".to_owned(),
            Err(err) => format!("error: {}", with_causes(&err)),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn the_longest_path_wins() {
        let catalog = catalog(&[("a.io/v1", &["hello", "hello again"]), ("b.io/v1", &["bye"])]);
        check(&catalog, "hello", expect!["a.io/v1.0.0 hello"]);
        check(&catalog, "hello ada", expect!["a.io/v1.0.0 hello"]);
        check(&catalog, "hello again --loud", expect!["a.io/v1.0.0 hello again"]);
        check(&catalog, "hell", expect!["none"]);
        check(&catalog, "", expect!["none"]);
        assert_eq!(catalog.commands().count(), 3);
    }

    #[test]
    fn two_plugins_with_one_command_are_a_conflict() {
        let catalog = catalog(&[("a.io/v1", &["hello", "bye"]), ("b.io/v2", &["hello"])]);
        check(
            &catalog,
            "hello ada",
            expect![
                "error: several plugins claim the command `hello`: `a.io/v1.0.0`, `b.io/v2.0.0`"
            ],
        );
        check(&catalog, "bye", expect!["a.io/v1.0.0 bye"]);
        expect![[r#"
            a.io/v1.0.0 conflict: its command `hello` is also provided by `b.io/v2.0.0`
            b.io/v2.0.0 conflict: its command `hello` is also provided by `a.io/v1.0.0`
        "#]]
        .assert_eq(&states(&catalog));
        assert_eq!(catalog.commands().count(), 1);
        assert!(catalog.entries().iter().all(Entry::is_usable));
    }

    #[test]
    fn a_command_and_a_noun_of_another_plugin_are_a_conflict() {
        let catalog = catalog(&[("a.io/v1", &["reg"]), ("b.io/v1", &["reg create", "reg list"])]);
        check(
            &catalog,
            "reg create",
            expect![
                "error: several plugins claim the command `reg create`: `a.io/v1.0.0`, `b.io/v1.0.0`"
            ],
        );
        check(
            &catalog,
            "reg",
            expect!["error: several plugins claim the command `reg`: `a.io/v1.0.0`, `b.io/v1.0.0`"],
        );
        expect![[r#"
            a.io/v1.0.0 conflict: its command `reg` conflicts with `reg create` of `b.io/v1.0.0`, `reg list` of `b.io/v1.0.0`
            b.io/v1.0.0 conflict: its command `reg create` conflicts with `reg` of `a.io/v1.0.0`; its command `reg list` conflicts with `reg` of `a.io/v1.0.0`
        "#]].assert_eq(&states(&catalog));
    }

    #[test]
    fn plugins_can_share_a_noun() {
        let catalog = catalog(&[("a.io/v1", &["reg create"]), ("b.io/v1", &["reg list"])]);
        check(&catalog, "reg list -q", expect!["b.io/v1.0.0 reg list"]);
        check(&catalog, "reg", expect!["none"]);
        expect![[r#"
            a.io/v1.0.0 ok
            b.io/v1.0.0 ok
        "#]]
        .assert_eq(&states(&catalog));
    }

    #[test]
    fn only_the_highest_version_of_a_plugin_provides_commands() {
        let catalog = catalog(&[
            ("a.io/v1", &["hello"]),
            ("a.io/v2", &["hello"]),
            ("a.io/v3-alpha", &["hello", "new"]),
        ]);
        check(&catalog, "hello", expect!["a.io/v2.0.0 hello"]);
        check(&catalog, "new", expect!["none"]);
        expect![[r#"
            a.io/v1.0.0 ok
            a.io/v2.0.0 ok
            a.io/v3.0.0-alpha ok
        "#]]
        .assert_eq(&states(&catalog));
    }

    #[test]
    fn a_plugin_never_shadows_a_core_command() {
        let words = |it: &str| it.split(' ').map(str::to_owned).collect();
        let core_commands = ["version", "cluster create"].map(words).into();
        let rules = Rules { core_commands, ..Rules::default() };
        let commands = ["version", "version long", "cluster", "cluster create", "cluster snapshot"];
        let entry = entry::Entry::from_manifest(manifest("a.io/v1", &commands), &rules);
        let catalog = Catalog::settle(vec![entry], Vec::new(), &rules);
        for words in ["version", "version long", "cluster", "cluster create x"] {
            check(&catalog, words, expect!["none"]);
        }
        check(&catalog, "cluster snapshot", expect!["a.io/v1.0.0 cluster snapshot"]);
        expect![[r#"
            a.io/v1.0.0 conflict: its command `cluster` conflicts with a core command; its command `cluster create` conflicts with a core command; its command `version` conflicts with a core command; its command `version long` conflicts with a core command
        "#]].assert_eq(&states(&catalog));
        assert_eq!(catalog.commands().count(), 1);
    }

    #[test]
    fn events_reach_the_current_version_of_each_plugin() {
        let hook = |name: &str, version: &str| {
            let patch = json!({"name": name, "version": version, "events": ["post-project-init"]});
            Manifest::parse(manifest_json(&patch).as_bytes()).unwrap()
        };
        let catalog = Catalog::from_manifests([
            hook("a.io", "1"),
            hook("a.io", "2"),
            hook("b.io", "1"),
            manifest("c.io/v1", &[]),
        ]);
        let keys = |event: &str| -> Vec<String> {
            catalog.subscribers(event).map(|it| it.key().unwrap().to_string()).collect()
        };
        assert_eq!(keys("post-project-init"), ["a.io/v2.0.0", "b.io/v1.0.0"]);
        assert!(keys("pre-project-init").is_empty());
    }
}

#[cfg(target_os = "linux")]
mod discovery {
    use super::super::testing::elf;
    use super::*;
    use pintle_plugin::export::{Contents, Linked, link};
    use std::fs;
    use std::path::{Path, PathBuf};

    fn write(dir: &Path, file: &str, name: &str, version: &str) {
        fs::create_dir_all(dir).unwrap();
        let json = manifest_json(&json!({"name": name, "version": version}));
        fs::write(dir.join(file), elf(&[&json])).unwrap();
    }

    fn search(dirs: &[&Path]) -> SearchPath {
        let dir = |it: &&Path| PluginDir { path: it.to_path_buf(), origin: DirOrigin::Option };
        SearchPath::from_dirs(dirs.iter().map(dir))
    }

    /// A plugin that is part of the test program. The macro would also create symbols, of which the
    /// program can have only one set.
    struct Builtin;

    impl Linked for Builtin {
        const CONTENTS: &'static Contents =
            &Contents { commands: &[], scaffolds: &[], hooks: &[], interfaces: &[] };

        fn manifest() -> &'static str {
            r#"{"format":1,"name":"linked.io","version":"1.0.0","project_versions":["3"]}"#
        }
    }

    #[test]
    fn linked_plugins_come_first() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "liba.so", "linked.io", "1");
        let search = search(&[root.path()]);
        let catalog = Catalog::discover(&search, &[link::<Builtin>()], &Rules::default());
        expect![[r#"
            linked.io/v1.0.0 ok
            linked.io/v1.0.0 shadowed: `linked.io/v1.0.0` was already found in the program itself
        "#]]
        .assert_eq(&states(&catalog));
        let [first, second] = catalog.entries() else { panic!("two entries") };
        assert_eq!((first.transport(), first.path()), (Transport::Linked, None));
        assert!(first.linked().is_some() && second.linked().is_none());
    }

    #[track_caller]
    fn check(root: &Path, dirs: &[&str], rules: &Rules, expected: Expect) -> Catalog {
        let dirs: Vec<_> = dirs.iter().map(|it| root.join(it)).collect();
        let dirs: Vec<_> = dirs.iter().map(PathBuf::as_path).collect();
        let catalog = Catalog::discover(&search(&dirs), &[], rules);
        let text = states(&catalog).replace(&root.display().to_string(), "[ROOT]");
        expected.assert_eq(&text);
        catalog
    }

    #[test]
    fn files_are_sorted_and_others_are_ignored() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("p");
        for name in ["c", "a", "b"] {
            write(&dir, &format!("lib{name}.so"), &format!("{name}.io"), "1");
        }
        fs::write(dir.join("README.md"), "text").unwrap();
        fs::write(dir.join("lib.so.1"), "text").unwrap();
        fs::create_dir(dir.join("acme")).unwrap();
        fs::write(dir.join("libtext.so"), "text").unwrap();
        let catalog = check(
            root.path(),
            &["p"],
            &Rules::default(),
            expect![[r#"
            a.io/v1.0.0 ok
            b.io/v1.0.0 ok
            c.io/v1.0.0 ok
            ? refused: it is not a library
        "#]],
        );
        assert!(catalog.warnings().is_empty());
        assert_eq!(catalog.entries()[0].path(), Some(dir.join("liba.so").as_path()));
        assert_eq!(catalog.entries()[0].transport(), Transport::Native);
    }

    #[test]
    fn the_first_of_two_equal_plugins_wins() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("one"), "liba.so", "a.io", "1");
        write(&root.path().join("two"), "liba.so", "a.io", "1.0.0");
        write(&root.path().join("two"), "liba2.so", "a.io", "2");
        check(
            root.path(),
            &["one", "two"],
            &Rules::default(),
            expect![[r#"
            a.io/v1.0.0 ok
            a.io/v1.0.0 shadowed: `a.io/v1.0.0` was already found in `[ROOT]/one/liba.so`
            a.io/v2.0.0 ok
        "#]],
        );
        check(
            root.path(),
            &["two", "one"],
            &Rules::default(),
            expect![[r#"
            a.io/v1.0.0 ok
            a.io/v2.0.0 ok
            a.io/v1.0.0 shadowed: `a.io/v1.0.0` was already found in `[ROOT]/two/liba.so`
        "#]],
        );
    }

    #[test]
    fn a_refused_copy_does_not_hide_a_good_one() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("one"), "liba.so", "a.io", "1");
        write(&root.path().join("two"), "liba.so", "a.io", "1");
        let path = root.path().join("one/liba.so");
        let mut bytes = fs::read(&path).unwrap();
        bytes[64 + 33] = 0x7f;
        fs::write(&path, bytes).unwrap();
        check(
            root.path(),
            &["one", "two"],
            &Rules::default(),
            expect![[r#"
                a.io/v1.0.0 refused: it is truncated: its content ends at byte 32672, but the file ends at byte 416
                a.io/v1.0.0 ok
            "#]],
        );
    }

    #[test]
    fn two_paths_to_one_file_are_one_plugin() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("p"), "liba.so", "a.io", "1");
        std::os::unix::fs::symlink("liba.so", root.path().join("p/libb.so")).unwrap();
        fs::hard_link(root.path().join("p/liba.so"), root.path().join("p/libc.so")).unwrap();
        check(
            root.path(),
            &["p"],
            &Rules::default(),
            expect![[r#"
            a.io/v1.0.0 ok
            a.io/v1.0.0 shadowed: it is the same file as `[ROOT]/p/liba.so`
            a.io/v1.0.0 shadowed: it is the same file as `[ROOT]/p/liba.so`
        "#]],
        );
    }

    #[test]
    fn a_plugin_can_be_disabled() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("p"), "liba.so", "a.io", "1");
        write(&root.path().join("p"), "liba2.so", "a.io", "2");
        let rules = Rules { disabled: vec![key("a/v2").into()], ..Rules::default() };
        check(
            root.path(),
            &["p"],
            &rules,
            expect![[r#"
            a.io/v1.0.0 ok
            a.io/v2.0.0 disabled: it is disabled by the key `a/v2`
        "#]],
        );
    }

    #[test]
    fn a_plugin_that_is_refused_can_be_disabled_too() {
        let rules = Rules { disabled: vec![key("bad.io").into()], ..Rules::default() };
        let patch = json!({"name": "bad.io", "subcommands": ["init"], "project_versions": []});
        let bad = Manifest::parse(manifest_json(&patch).as_bytes()).unwrap();
        let entry = entry::Entry::from_manifest(bad, &rules);
        assert_eq!(entry.state(), State::Disabled);
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_a_warning() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("p"), "text").unwrap();
        let catalog = check(root.path(), &["p"], &Rules::default(), expect![""]);
        let [warning] = catalog.warnings() else { panic!("one warning") };
        let text = warning.to_string();
        assert!(text.starts_with("failed to search plugin directory `/"), "{text}");
    }

    #[test]
    fn a_directory_that_is_missing_is_a_warning_if_an_option_names_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("missing");
        for origin in [DirOrigin::Option, DirOrigin::Environment, DirOrigin::User] {
            let dir = PluginDir { path: path.clone(), origin };
            let catalog = Catalog::discover(&SearchPath::from_dirs([dir]), &[], &Rules::default());
            let expected = usize::from(origin == DirOrigin::Option);
            assert_eq!(catalog.warnings().len(), expected, "{origin}");
        }
    }

    #[test]
    fn a_refused_file_is_found_by_its_file_name() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("librust_plugin.so"), "text").unwrap();
        let catalog = Catalog::discover(&search(&[root.path()]), &[], &Rules::default());
        let err = catalog.resolve(&"rust.pintle.dev/v1".parse().unwrap(), None).unwrap_err();
        let text = err.to_string().replace(&root.path().display().to_string(), "[ROOT]");
        expect![
            "plugin `rust.pintle.dev/v1` was found in `[ROOT]/librust_plugin.so`, but is refused"
        ]
        .assert_eq(&text);
        assert!(catalog.resolve(&"rus".parse().unwrap(), None).is_err());
    }

    #[test]
    fn hundreds_of_files_stay_in_order() {
        let root = tempfile::tempdir().unwrap();
        for idx in 0..300 {
            write(root.path(), &format!("lib{idx:03}.so"), &format!("p{idx:03}.io"), "1");
        }
        let catalog = Catalog::discover(&search(&[root.path()]), &[], &Rules::default());
        assert_eq!(catalog.entries().iter().filter(|it| it.is_usable()).count(), 300);
        assert!(catalog.entries().is_sorted_by_key(|it| it.path()));
    }
}

mod nouns {
    use super::*;

    fn catalog(nouns: &[serde_json::Value]) -> Catalog {
        let manifest = |(idx, nouns): (usize, &serde_json::Value)| {
            let patch = json!({"name": format!("p{idx}.io"), "nouns": nouns});
            Manifest::parse(manifest_json(&patch).as_bytes()).unwrap()
        };
        Catalog::from_manifests(nouns.iter().enumerate().map(manifest))
    }

    #[test]
    fn of_several_plugins_that_describe_a_noun_the_first_counts() {
        let catalog = catalog(&[
            json!([]),
            json!([{"path": ["log"], "about": "Logs"}]),
            json!([
                {"path": ["log"], "about": "Wood", "long_about": "Of trees."},
                {"path": ["log", "page"], "about": "Pages", "long_about": "Of paper."},
            ]),
        ]);
        let nouns = catalog.nouns();
        assert_eq!(nouns.about("log"), Some("Logs"));
        // The two texts belong together.
        assert_eq!(nouns.long_about("log"), None);
        assert_eq!(nouns.about("log page"), Some("Pages"));
        assert_eq!(nouns.long_about("log page"), Some("Of paper."));
        assert_eq!(nouns.about("page"), None);
    }

    #[test]
    fn plugins_that_are_not_used_describe_no_nouns() {
        let manifest = |name: &str, version: &str, about: &str| {
            let nouns = json!([{"path": ["log"], "about": about}]);
            let patch = json!({"name": name, "version": version, "nouns": nouns});
            Manifest::parse(manifest_json(&patch).as_bytes()).unwrap()
        };
        let catalog = Catalog::from_manifests([
            manifest("Bad Name", "1.0.0", "refused"),
            manifest("a.io", "1.0.0", "old"),
            manifest("a.io", "2.0.0", "new"),
        ]);
        assert_eq!(catalog.nouns().about("log"), Some("new"));
    }
}
