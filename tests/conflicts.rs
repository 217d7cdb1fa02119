//! Plugins that want what another plugin, or the host, has already.

use crate::support::{Sandbox, fixture};
use crate::vices::{check, listed};
use expect_test::expect;
use std::fs;

#[test]
fn a_command_of_two_plugins_is_a_conflict_that_the_user_can_solve() {
    check(
        "same-command",
        &[
            "sail",
            "plugin run same-command-a sail",
            "plugin run same-command-b sail",
            "--disable-plugin same-command-a sail",
            "sail --disable-plugin=same-command-b",
        ],
        expect![[""]],
    );
}

#[test]
fn a_plugin_never_shadows_a_command_of_the_host() {
    check(
        "core-command",
        &["version", "own", "plugin run core-command version", "plugin check core-command"],
        expect![[""]],
    );
}

#[test]
fn two_links_to_one_file_are_one_plugin() {
    check(
        "two-links",
        &["plain", "plugin check [PLUGINS]/two-links-soft.so", "plugin run plain plain"],
        expect![[""]],
    );
}

#[test]
fn of_two_files_with_one_key_the_first_in_the_search_order_counts() {
    let sandbox = Sandbox::new().library("first.so", &fixture("plain"));
    let second = sandbox.path("second");
    fs::create_dir(&second).expect("the folder is ours");
    // A copy, not a link: another file with the same plugin in it.
    fs::copy(fixture("plain"), second.join("second.so")).expect("the folder is ours");
    let paths = [sandbox.plugins(), second.clone()];
    let paths = std::env::join_paths(paths).expect("our paths have no colons");
    let sandbox = sandbox.env("PINTLE_PLUGIN_PATH", paths);

    let second = second.display();
    let transcript = format!(
        "{}{}{}",
        listed(&sandbox, |_| true),
        sandbox.transcript(&["plugin list", "plugin list --all", "plain"]),
        listed(&sandbox.env("PINTLE_DISABLE_PLUGINS", ""), |_| true),
    );
    expect![[""]].assert_eq(&transcript.replace(&second.to_string(), "[SECOND]"));
}

#[test]
fn a_refused_file_does_not_hide_a_good_one_with_the_same_key() {
    let sandbox = Sandbox::new();
    let half = fs::read(fixture("plain")).expect("the fixture can be read");
    fs::write(sandbox.plugins().join("a.so"), &half[..half.len() / 2]).expect("the folder is ours");
    let sandbox = sandbox.library("b.so", &fixture("plain"));
    let listed = listed(&sandbox, |_| true);
    expect![[""]].assert_eq(&format!("{listed}{}", sandbox.transcript(&["plain"])));
}

#[test]
fn a_folder_given_as_an_option_comes_before_the_environment() {
    let sandbox = Sandbox::new().library("one.so", &fixture("plain"));
    let other = sandbox.path("other");
    fs::create_dir(&other).expect("the folder is ours");
    fs::copy(fixture("plain"), other.join("two.so")).expect("the folder is ours");
    let option = format!("--plugin-dir={}", other.display());
    let output = sandbox.run([&option, "plugin", "list", "--all", "-o", "yaml"]).success();
    let paths: String = output.stdout.lines().filter(|it| it.contains("path:")).collect();
    expect![[""]].assert_eq(&paths);
}
