//! What a plugin says of itself, and where it is shown.

use crate::support::Sandbox;
use expect_test::{Expect, expect};

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[test]
fn a_plugin_describes_its_nouns() {
    let sandbox = Sandbox::new().plugin("logbook");
    check(
        &sandbox,
        &["logbook -h", "help logbook", "logbook page --help", "logbook"],
        expect![[""]],
    );
}

#[test]
fn a_described_noun_has_its_line_in_the_list_of_commands() {
    let help = Sandbox::new().plugin("logbook").plugin("good").run(["--help"]).to_string();
    let plugins = help.split("Commands of plugins:\n").nth(1).expect("the plugins have commands");
    expect![[""]].assert_eq(plugins);
}

#[test]
fn a_noun_of_the_host_keeps_its_own_help() {
    let sandbox = Sandbox::new().plugin("logbook");
    let help = sandbox.run(["cluster", "--help"]).to_string();
    assert!(!help.contains("Not shown"), "{help}");
    assert!(help.contains("Moor a cluster"), "{help}");
}

#[test]
fn completion_shows_what_a_plugin_says_about_its_nouns() {
    let sandbox = Sandbox::new().plugin("logbook").env("PINTLE_COMPLETE", "fish");
    check(&sandbox, &["-- pintle logb", "-- pintle logbook p"], expect![[""]]);
}

#[test]
fn inspect_shows_where_a_plugin_comes_from() {
    let sandbox = Sandbox::new().plugin("logbook");
    check(&sandbox, &["plugin inspect logbook", "plugin inspect logbook -o yaml"], expect![[""]]);
}

#[test]
fn a_hint_says_where_a_defect_is_to_be_reported() {
    let sandbox = Sandbox::new().plugin("logbook").plugin("panic-command");
    check(&sandbox, &["logbook open"], expect![[""]]);
}
