//! The plugin behind the `rust` plugin: two plugins, linked into one program.

use pintle_plugin::testing::{self, ScaffoldTest, Scaffolded};
use pintle_plugin::{Level, MODE_EXECUTABLE, Node, json::json, manifest::Manifest};

const HEADER: &str = "// SPDX-License-Identifier: MIT\n// Copyright 2024 Ada\n\n";

/// The part of the licence plugin in `subcommand`.
fn license(subcommand: &str) -> ScaffoldTest {
    testing::scaffold(pintle_plugin_license::plugin(), subcommand)
}

fn rust(subcommand: &str) -> ScaffoldTest {
    testing::scaffold(pintle_plugin_rust::plugin(), subcommand)
}

fn init() -> Scaffolded {
    license("init")
        .downstream_of(&rust("init").run().expect("an empty folder takes a project"))
        .flag("license", "mit")
        .flag("owner", "Ada")
        .flag("year", 2024)
        .run()
        .expect("every file takes its header")
}

#[test]
fn two_plugins_in_one_program_have_roots_of_their_own() {
    let plugins = [pintle_plugin_license::plugin(), pintle_plugin_rust::plugin()];
    let manifests = plugins.map(|it| Manifest::parse(it.manifest().as_bytes()).unwrap());
    assert_eq!(manifests[0].name, "license.pintle.dev");
    assert_eq!(manifests[1].name, "rust.pintle.dev");
    assert_ne!(manifests[0].abi.root, manifests[1].abi.root);
    let said =
        plugins.map(|it| String::from_utf8_lossy(it.root().manifest()().as_slice()).into_owned());
    assert_eq!(said, plugins.map(|it| it.manifest().to_owned()));
}

#[test]
fn init_adds_the_licence_and_marks_every_source_file() {
    let made = init();
    assert!(made.text("LICENSE").starts_with("MIT License\n\nCopyright (c) 2024 Ada\n"));
    assert!(made.text("src/main.rs").starts_with(&format!("{HEADER}//! ")));
    for path in ["Cargo.toml", "Dockerfile", "Makefile"] {
        assert!(made.text(path).starts_with(&HEADER.replace("//", "#")), "{path}");
    }
    for path in ["README.md", ".gitignore", ".dockerignore"] {
        assert!(!made.text(path).contains("SPDX"), "{path}");
    }
    assert_eq!(made.config, json!({ "license": "MIT", "owner": "Ada", "year": 2024 }));
}

#[test]
fn create_api_uses_what_was_chosen_and_keeps_headers() {
    let before = init();
    let made = rust("create api").following(&before).resource(|it| {
        it.group = "crew".into();
        it.version = "v1".into();
        it.kind = "Captain".into();
    });
    let made = made.run().unwrap();
    let made = license("create api").downstream_of(&made).config(before.config).run().unwrap();
    assert!(made.text("src/api/crew/v1/captain.rs").starts_with(HEADER));
    assert_eq!(made.text("src/main.rs").matches("SPDX").count(), 1);
    assert!(!made.added.contains(&"src/main.rs".to_owned()));
}

#[test]
fn the_defaults_are_apache_the_projects_authors_and_this_year() {
    let made = license("init").run().unwrap();
    assert!(made.text("LICENSE").contains("Apache License"));
    assert_eq!(made.config["license"], "Apache-2.0");
    assert_eq!(made.config["owner"], "The demo authors");
    assert_eq!(made.config["year"], 2000);
}

#[test]
fn what_was_on_disk_is_left_alone() {
    let made = license("init").file("LICENSE", "mine\n").file("a.rs", "x\n").run().unwrap();
    assert_eq!((made.text("LICENSE"), made.text("a.rs")), ("mine\n", "x\n"));
    assert_eq!(
        made.log,
        [(Level::Warn, "`LICENSE` exists and is kept; use `--force` to replace it".to_owned())]
    );
}

#[test]
fn modes_and_binary_files_are_kept() {
    let by = |path, bytes: &[u8], mode| Node::with_origin(path, bytes, mode, "a.b/v1", "init");
    let made = license("init")
        .node(by("run.sh", b"#!/bin/sh\n", MODE_EXECUTABLE))
        .node(by("bad.rs", b"\xff", 0o644))
        .run()
        .unwrap();
    assert!(made.text("run.sh").starts_with("#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"));
    assert_eq!(made.files["run.sh"].mode(), MODE_EXECUTABLE);
    assert_eq!(made.files["bad.rs"].bytes(), b"\xff");
}

#[test]
fn none_adds_nothing() {
    let made = license("init").upstream("a.b/v1", "a.rs", "x\n").flag("license", "none").run();
    let made = made.unwrap();
    assert!(made.added.is_empty());
    assert_eq!(made.config["license"], "none");
}

#[test]
fn edit_marks_the_whole_project_once() {
    let before = license("edit")
        .file("LICENSE", "mine\n")
        .file("src/mine.rs", "x\n")
        .file("src/theirs.rs", "// Copyright somebody\nx\n")
        .file("vendor/theirs.rs", "x\n")
        .file("README.md", "x\n")
        .file("run.sh", "#!/bin/sh\nx\n")
        .flag("license", "MIT OR Apache-2.0")
        .flag("owner", "Ada")
        .run()
        .unwrap();
    let id = "SPDX-License-Identifier: MIT OR Apache-2.0";
    let header = format!("// {id}\n// Copyright 2000 Ada\n\n");
    assert_eq!(before.text("src/mine.rs"), format!("{header}x\n"));
    assert!(before.text("run.sh").starts_with(&format!("#!/bin/sh\n# {id}\n")));
    assert_eq!(before.added, ["LICENSE-MIT", "LICENSE-APACHE", "run.sh", "src/mine.rs"]);

    let again = license("edit").following(&before).date("2027-01-01").run().unwrap();
    assert!(again.added.is_empty(), "{:?}", again.added);
    assert_eq!(again.config["year"], 2000, "the year is that of the first time");
}

#[test]
fn the_header_may_be_a_notice_or_a_template() {
    let run = |flag, value: &str| {
        license("init")
            .upstream("a.b/v1", "a.rs", "x\n")
            .flag("owner", "Ada")
            .flag(flag, value)
            .run()
    };
    let made = run("header", "notice").unwrap();
    assert!(made.text("a.rs").starts_with("// Copyright 2000 Ada\n//\n// Licensed under"));
    let made = run("template", "{{ owner }}'s.\n\nSince {{ year }}.\n").unwrap();
    assert_eq!(made.text("a.rs"), "// Ada's.\n//\n// Since 2000.\n\nx\n");
    // Who chooses a header later has no template any more.
    let later = license("edit").following(&made).flag("header", "none").run().unwrap();
    assert_eq!(
        later.config,
        json!({ "owner": "Ada", "license": "Apache-2.0", "year": 2000, "header": "none" })
    );
    let err = run("template", "{{ unknown }}").unwrap_err();
    let said = "invalid template of the header: undefined value (in template:1)";
    assert_eq!(err.to_string(), said);
    let err = run("template", "a */ b").unwrap_err();
    assert_eq!(err.to_string(), "the header contains `*/`, which would end a comment");
}

#[test]
fn a_licence_without_a_known_text_is_said() {
    let made = license("init").flag("license", "MPL-2.0").run().unwrap();
    assert!(made.added.is_empty());
    let said = "the plugin does not have the text of `MPL-2.0`; add it to the project yourself";
    assert_eq!(made.log, [(Level::Info, said.to_owned())]);
    let err = license("init").flag("license", "Apache 2").run().unwrap_err();
    assert!(err.to_string().starts_with("invalid SPDX expression `Apache 2`"), "{err}");
}

#[test]
fn create_webhook_marks_what_it_made() {
    let config = json!({ "license": "MIT", "owner": "Ada", "year": 2024 });
    let made = license("create webhook")
        .resource(|_| {})
        .config(config)
        .upstream("a.b/v1", "new.rs", "x\n")
        .file("old.rs", "x\n")
        .run()
        .unwrap();
    assert_eq!((made.text("new.rs"), made.text("old.rs")), (&*format!("{HEADER}x\n"), "x\n"));
}

#[test]
fn edit_changes_only_what_is_given() {
    let before = json!({ "license": "none", "owner": "Ada", "year": 2024, "mine": 1 });
    let made = license("edit").config(before).flag("license", "mit").run().unwrap();
    let expected = json!({ "license": "MIT", "owner": "Ada", "year": 2024, "mine": 1 });
    assert_eq!(made.config, expected);
    assert!(made.text("LICENSE").contains("2024 Ada"));
}

#[test]
fn nonsense_is_refused() {
    let err = license("init").flag("year", 20240).run().unwrap_err();
    assert_eq!(err.to_string(), "invalid year `20240`: it must be from 1 to 9999");
    let err = license("init").flag("owner", "a\nb").run().unwrap_err();
    assert_eq!(err.to_string(), "`--owner` must be one line of text");
    let err = license("create api").resource(|_| {}).config(json!({ "year": "x" })).run();
    let err = err.unwrap_err();
    assert!(err.to_string().starts_with("invalid configuration of the plugin in PROJECT"));
    assert!(err.hint().is_some());
}
