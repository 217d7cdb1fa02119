//! What the host says about plugins: in words, and as data.

use crate::support::Sandbox;
use expect_test::{Expect, expect};

#[track_caller]
fn check_lines(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[test]
fn the_listing_is_there_as_text_json_and_yaml() {
    let sandbox = Sandbox::new().plugin("plain").plugin("veto").plugin("host-requirement");
    let lines = ["plugin list", "plugin list -o json", "plugin list -o yaml", "plugin list -o xml"];
    check_lines(&sandbox, &lines, expect![[""]]);
}

#[test]
fn no_plugins_are_no_error() {
    check_lines(&Sandbox::new(), &["plugin list", "plugin list -o json"], expect![[""]]);
}

#[test]
fn a_plugin_is_inspected_without_being_run() {
    let sandbox = Sandbox::new().plugin("plain");
    check_lines(
        &sandbox,
        &["plugin inspect plain", "plugin inspect [PLUGINS]/plain.so -o json"],
        expect![[""]],
    );
}

#[test]
fn a_plugin_is_checked_whole() {
    let sandbox = Sandbox::new().plugin("good");
    check_lines(&sandbox, &["plugin check good", "plugin check plain"], expect![[""]]);
}

#[test]
fn a_key_is_understood_in_each_of_its_forms() {
    let sandbox = Sandbox::new().plugin("plain");
    let lines = [
        "plugin run plain plain",
        "plugin run plain/v1 plain",
        "plugin run plain.example.org/v1.0.0 plain",
        "plugin run plain/v2 plain",
        "plugin run plian plain",
        "plugin run Plain! plain",
        "plugin run plain other",
    ];
    check_lines(&sandbox, &lines, expect![[""]]);
}

#[test]
fn the_facts_of_the_interface_are_there_for_packagers() {
    check_lines(&Sandbox::new(), &["plugin abi", "version", "version -o json"], expect![[""]]);
}

#[test]
fn completion_knows_the_commands_of_plugins() {
    let sandbox = Sandbox::new().plugin("good").plugin("host-requirement");
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(["completion", shell]).success();
        assert!(script.stdout.contains("pintle"), "{script}");
    }
}
