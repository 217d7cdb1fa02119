//! What the compiler reports about mistakes in a plugin.
//!
//! The plugins are compiled with the library that this test is linked with. They do not run, and
//! no code is generated.

use expect_test::{Expect, expect};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PREAMBLE: &str = r#"
use pintle_plugin::prelude::*;

#[derive(Default)]
pub struct Hello;

impl Command for Hello {
    const PATH: &'static [&'static str] = &["hello"];
    const ABOUT: &'static str = "Greet somebody";

    fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
        Ok(Outcome::done())
    }
}
"#;

/// Compares the errors, each on one line, with the errors for a plugin with these fields.
#[track_caller]
fn check(fields: &str, expected: Expect) {
    check_with("", fields, expected);
}

/// Compares the errors for a plugin with more code than [`PREAMBLE`].
#[track_caller]
fn check_with(code: &str, fields: &str, expected: Expect) {
    let macro_call = format!("pintle_plugin::export_plugin! {{\n{fields}\n}}\n");
    let errors = compile(&format!("{PREAMBLE}{code}{macro_call}"));
    expected.assert_eq(&errors.join("\n"));
}

/// Compiles a crate up to the point where code would be generated, and returns its errors: the
/// message, and the text that it points at if this is a part of a line.
fn compile(source: &str) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a temporary directory can be created");
    let file = dir.path().join("plugin.rs");
    fs::write(&file, source).expect("the directory is ours");
    let deps = deps_dir();
    let out = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition=2024", "--crate-type=cdylib", "--emit=metadata", "--error-format=json"])
        .arg("--out-dir")
        .arg(dir.path())
        .arg("--extern")
        .arg(format!("pintle_plugin={}", newest_library(&deps).display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg(&file)
        .env("CARGO_CRATE_NAME", "plugin")
        .env("CARGO_PKG_VERSION", "1.0.0")
        .env("CARGO_PKG_VERSION_MAJOR", "1")
        .env("CARGO_PKG_VERSION_MINOR", "0")
        .env("CARGO_PKG_VERSION_PATCH", "0")
        .output()
        .expect("cargo has run a compiler");
    let stderr = String::from_utf8(out.stderr).expect("the compiler writes UTF-8");
    let errors: Vec<String> = stderr.lines().filter_map(error).collect();
    assert_eq!(out.status.success(), errors.is_empty(), "{stderr}");
    errors
}

/// Returns the message in a line of the compiler's output, if it is an error with a location.
fn error(line: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(line).expect("each line is an object");
    let span = message["spans"].as_array()?.iter().find(|it| it["is_primary"] == true)?;
    if message["level"] != "error" {
        return None;
    }
    let text = message["message"].as_str()?;
    let lines = span["text"].as_array()?;
    let place = match lines.as_slice() {
        [line] => {
            let at = |name: &str| line[name].as_u64().map(|it| it as usize - 1);
            let shown = line["text"].as_str()?;
            format!(" at `{}`", shown.get(at("highlight_start")?..at("highlight_end")?)?)
        }
        _ => String::new(),
    };
    Some(format!("{text}{place}"))
}

fn deps_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    test.parent().expect("the test is in a directory").to_owned()
}

/// Returns the library that cargo built last: the one that this test is linked with.
fn newest_library(deps: &Path) -> PathBuf {
    let files = fs::read_dir(deps).expect("the directory of this test is readable");
    let libraries = files.map(|it| it.expect("its entries are readable").path()).filter(|it| {
        let name = it.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        name.starts_with("libpintle_plugin-") && name.ends_with(".rlib")
    });
    let time = |it: &PathBuf| it.metadata().and_then(|it| it.modified()).ok();
    libraries.max_by_key(time).expect("the test is linked with the library")
}

#[test]
fn the_fields_may_be_in_any_order() {
    let fields = r#"
        commands: [Hello],
        project_versions: ["3"],
        host: "*",
        description: "Says hello",
        version: "2.0.0",
        name: "hello.example.org",
        deprecated: "use `hallo`""#;
    check(fields, expect![""]);
}

#[test]
fn a_missing_field_is_named() {
    let (name, about) = (r#"name: "hello.example.org""#, r#"description: "Says hello""#);
    let versions = r#"project_versions: ["3"]"#;
    check(
        &format!("{about}, {versions}"),
        expect!["evaluation panicked: missing field `name` in `export_plugin!`"],
    );
    check(
        &format!("{name}, {versions}"),
        expect!["evaluation panicked: missing field `description` in `export_plugin!`"],
    );
    check(&format!("{name}, {about}"), expect![""]);
    let scaffold = r#"
        #[derive(Default)]
        struct Readme;
        impl Scaffold for Readme {
            const SUBCOMMAND: &'static str = "init";
            fn scaffold(&self, _: &ScaffoldCall<'_>, _: &mut ChangeSet) -> Result<()> { Ok(()) }
        }
    "#;
    check_with(
        scaffold,
        &format!("{name}, {about}, scaffolds: [Readme]"),
        expect![
            "evaluation panicked: missing field `project_versions` in `export_plugin!`: `scaffolds` requires it"
        ],
    );
}

fn interface(name: &str) -> String {
    format!(
        "pintle_plugin::interface! {{
            pub trait Codec = \"{name}\" {{
                fn decode(&self, _file: String, _host: &Host<'_>) -> Result<String> {{ Ok(String::new()) }}
            }}
        }}
        impl Codec for Hello {{}}\n"
    )
}

#[test]
fn a_mistake_in_an_interface_is_reported() {
    let fields = r#"name: "a.io", description: "Reads", interfaces"#;
    let codec = interface("codec.a.io/v1");
    check_with(&codec, &format!("{fields}: [Hello as Codec]"), expect![""]);
    check_with(
        &codec,
        &format!("{fields}: [Hello]"),
        expect![
            "`interfaces` takes a list of types and interfaces: `interfaces: [First as Interface]`"
        ],
    );
    check_with(
        &codec,
        &format!("{fields}: [Hello as Codec, Hello as Codec]"),
        expect!["evaluation panicked: two types implement the interface `codec.a.io/v1`"],
    );
    // Whether the compiler points into the macro's own source depends on its location.
    let foreign = format!("pintle_plugin::export_plugin! {{\n{fields}: [u8 as Codec]\n}}\n");
    let errors = compile(&format!("{PREAMBLE}{codec}{foreign}")).join("\n");
    let expected = "the trait bound `u8: Codec` is not satisfied";
    assert!(errors.starts_with(expected) && !errors.contains('\n'), "{errors}");
    for name in ["codec", "Codec/v1", "codec/1", "codec/v01"] {
        let message = format!(
            "evaluation panicked: invalid interface name `{name}`: it must be a DNS-1123 subdomain \
             with a version, for example `codec.example.org/v1`"
        );
        let macro_call = format!("pintle_plugin::export_plugin! {{ {fields}: [Hello as Codec] }}");
        let errors = compile(&format!("{PREAMBLE}{}{macro_call}", interface(name)));
        assert_eq!(errors, [message]);
    }
}

#[test]
fn an_unknown_and_a_repeated_field_are_pointed_at() {
    let fields = r#"name: "hello.example.org", description: "Says hello", project_versions: ["3"]"#;
    check(
        &format!("{fields}, comands: [Hello<u8>]"),
        expect![
            "struct `pintle_plugin::export::PluginFields` has no field named `comands` at `comands`"
        ],
    );
    check(
        &format!("{fields}, commands: [Hello], commands: [Hello]"),
        expect!["field `commands` specified more than once at `commands`"],
    );
}

#[test]
fn an_invalid_value_is_reported_with_its_field() {
    check(
        "name: , commands: [Hello]",
        expect!["invalid value of the field `name`, or no comma after it: `, commands: [Hello]`"],
    );
    check(
        "name: \"a.io\" commands: [Hello]",
        expect![[
            r#"invalid value of the field `name`, or no comma after it: `"a.io" commands: [Hello]`"#
        ]],
    );
    check(
        "commands: Hello",
        expect!["`commands` takes a list of types: `commands: [First, Second]`"],
    );
    check(
        "name = 1",
        expect![
            "`export_plugin!` takes fields of the form `name: value`, separated by commas, not `name = 1`"
        ],
    );
}

const NAME: &str = r#"name: "a.io", description: "Says hello", project_versions: ["3"]"#;

fn hook(events: &str) -> String {
    format!(
        "#[derive(Default)]
         pub struct Log;

         impl Hook for Log {{
             const EVENTS: &'static [&'static str] = &[{events}];

             fn on_event(&self, _event: &Event<'_>, _host: &Host<'_>) -> Result<HookReply> {{
                 Ok(HookReply::default())
             }}
         }}\n"
    )
}

#[test]
fn an_unknown_event_is_named_unless_it_is_another_hosts() {
    let fields = format!("{NAME}, hooks: [Log]");
    check_with(
        &hook(r#""pre-cluster-create", "post-cluster-creat""#),
        &fields,
        expect![
            "evaluation panicked: unknown event `post-cluster-creat`: `pintle_plugin::manifest::EVENTS` lists them, and the field `host_events` adds those of other hosts"
        ],
    );
    check_with(&hook(r#""pre-cluster-create", "post-node-delete""#), &fields, expect![""]);
    let others = format!(r#"{fields}, host_events: ["post-lamp-light"]"#);
    check_with(&hook(r#""pre-node-create", "post-lamp-light""#), &others, expect![""]);
    check_with(
        &hook(r#""post-lamp-lihgt""#),
        &others,
        expect![
            "evaluation panicked: unknown event `post-lamp-lihgt`: `pintle_plugin::manifest::EVENTS` lists them, and the field `host_events` adds those of other hosts"
        ],
    );
    let constant = "const LAMP: &[&str] = &[\"post-lamp-light\"];\n";
    let code = format!("{constant}{}", hook(r#""post-lamp-light""#));
    check_with(&code, &format!("{fields}, host_events: LAMP"), expect![""]);
}

#[test]
fn an_unknown_and_a_repeated_subcommand_are_named() {
    let scaffold = |subcommand: &str| {
        format!(
            "#[derive(Default)]
             pub struct Files;

             impl Scaffold for Files {{
                 const SUBCOMMAND: &'static str = \"{subcommand}\";

                 fn scaffold(&self, _: &ScaffoldCall<'_>, _: &mut ChangeSet) -> Result<()> {{
                     Ok(())
                 }}
             }}\n"
        )
    };
    check_with(
        &scaffold("create apis"),
        &format!("{NAME}, scaffolds: [Files]"),
        expect![
            "evaluation panicked: unknown scaffolding subcommand `create apis`: `pintle_plugin::manifest::SUBCOMMANDS` lists them"
        ],
    );
    check_with(
        &scaffold("init"),
        &format!("{NAME}, scaffolds: [Files, Files]"),
        expect!["evaluation panicked: two scaffolds have the subcommand `init`"],
    );
}

#[test]
fn two_commands_with_one_path_are_named() {
    let again = |path: &str| {
        format!(
            "#[derive(Default)]
             pub struct Again;

             impl Command for Again {{
                 const PATH: &'static [&'static str] = &[{path}];
                 const ABOUT: &'static str = \"Greet somebody again\";

                 fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {{
                     Ok(Outcome::done())
                 }}
             }}\n"
        )
    };
    let fields = format!("{NAME}, commands: [Hello, Again]");
    check_with(
        &again(r#""hello""#),
        &fields,
        expect!["evaluation panicked: two commands have the path `hello`"],
    );
    check_with(&again(r#""hello", "again""#), &fields, expect![""]);
}

#[test]
fn a_noun_needs_a_line_of_help_and_a_command_below_it() {
    let page = "#[derive(Default)]
         pub struct Page;

         impl Command for Page {
             const PATH: &'static [&'static str] = &[\"book\", \"page\"];
             const ABOUT: &'static str = \"Show a page\";

             fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
                 Ok(Outcome::done())
             }
         }\n";
    let check_nouns = |nouns: &str, expected: Expect| {
        let fields = format!("{NAME}, commands: [Hello, Page], nouns: {nouns}");
        check_with(&format!("use pintle_plugin::Noun;\n{page}"), &fields, expected);
    };
    check_nouns(r#"[Noun::new(&["book"], "Read a book").long_about("Slowly.")]"#, expect![""]);
    check_nouns(
        r#"[Noun::new(&["book"], "")]"#,
        expect!["evaluation panicked: the noun `book` has no help"],
    );
    check_nouns(
        r#"[Noun::new(&["book", "page"], "Read a page")]"#,
        expect!["evaluation panicked: the plugin has no command under the noun `book page`"],
    );
    check_nouns(
        r#"[Noun::new(&["boom"], "Read a boom")]"#,
        expect!["evaluation panicked: the plugin has no command under the noun `boom`"],
    );
    check_nouns(
        r#"[Noun::new(&["book"], "Read a book"), Noun::new(&["book"], "Read it again")]"#,
        expect!["evaluation panicked: the noun `book` is given twice"],
    );
    check_nouns("[Book]", expect!["cannot find value `Book` in this scope at `Book`"]);
}

#[test]
fn a_manifest_that_no_host_would_read_is_an_error() {
    let long = "x".repeat(1025);
    check(
        &format!("name: \"hello.example.org\", description: \"{long}\", commands: [Hello],"),
        expect![
            "evaluation panicked: the text in `description` is too long: `pintle_plugin::manifest::limits` has the limits"
        ],
    );
    let host = format!(">=0.1{}", ", <9".repeat(100));
    check(
        &format!("name: \"a.b\", description: \"d\", host: \"{host}\", commands: [Hello],"),
        expect![
            "evaluation panicked: the text in `host` is too long: `pintle_plugin::manifest::limits` has the limits"
        ],
    );
    let other = |path: &str, about: &str| {
        format!(
            "#[derive(Default)] pub struct Other; impl Command for Other {{
                const PATH: &'static [&'static str] = &[{path}];
                const ABOUT: &'static str = {about:?};
                fn run(&self, _: &Call, _: &Host<'_>) -> Result<Outcome> {{ Ok(Outcome::done()) }}
            }}"
        )
    };
    let fields = "name: \"a.b\", description: \"d\", commands: [Other],";
    check_with(
        &other(&"\"a\",".repeat(9), ""),
        fields,
        expect![
            "evaluation panicked: `a a a a a a a a a` has too many words: `pintle_plugin::manifest::limits::WORDS` is the limit"
        ],
    );
    check_with(
        &other("\"a\"", &long),
        fields,
        expect![
            "evaluation panicked: the help of `a` is too long: `pintle_plugin::manifest::limits` has the limits"
        ],
    );
}
