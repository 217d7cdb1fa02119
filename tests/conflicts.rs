//! Plugins that claim something that another plugin or the host already has.

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
        expect![[r#"
            same-command-a.so: same-command-a.example.org/v1.0.0, conflict: its command `sail` is also provided by `same-command-b.example.org/v1.0.0`
            same-command-b.so: same-command-b.example.org/v1.0.0, conflict: its command `sail` is also provided by `same-command-a.example.org/v1.0.0`
            $ pintle sail
            --- stderr ---
            error: several plugins claim the command `sail`: `same-command-a.example.org/v1.0.0`, `same-command-b.example.org/v1.0.0`
            hint: run `pintle plugin run same-command-a.example.org/v1.0.0 sail` or `pintle plugin run same-command-b.example.org/v1.0.0 sail`, or disable one of the plugins
            [exit 4]
            $ pintle plugin run same-command-a sail
            a sails
            [exit 0]
            $ pintle plugin run same-command-b sail
            b sails
            [exit 0]
            $ pintle --disable-plugin same-command-a sail
            b sails
            [exit 0]
            $ pintle sail --disable-plugin=same-command-b
            a sails
            [exit 0]
        "#]],
    );
}

#[test]
fn a_plugin_never_shadows_a_command_of_the_host() {
    check(
        "core-command",
        &["version", "own", "plugin run core-command version", "plugin check core-command"],
        expect![[r#"
            core-command.so: core-command.example.org/v1.0.0, conflict: its command `version` conflicts with a core command
            $ pintle version
            pintle 0.1.0 (plugin interface 1.0.0, [TARGET])
            [exit 0]
            $ pintle own
            my own
            [exit 0]
            $ pintle plugin run core-command version
            pintle 99.0.0
            [exit 0]
            $ pintle plugin check core-command
            plugin       core-command.example.org/v1.0.0
            path         [PLUGINS]/core-command.so
            file         a regular file, a library for this machine, with all segments inside the file
            root symbol  `pintle_root_fixture_core_command_1_0_0`, defined by this file
            layout       matches this host
            code         matches the manifest in the file
            interface    1.0.0 (this host: 1.0.0)
            abi_stable   0.11 (this host: 0.11)
            target       [TARGET]
            panic        unwind
            host         requires `*` (this host: 0.1.0)
            project      3
            functions    manifest, call
            command      `version`, 0 arguments
            command      `own`, 0 arguments
            warning      its command `version` conflicts with a core command; `plugin run` calls it by its key
            all checks passed, with a warning
            [exit 0]
        "#]],
    );
}

#[test]
fn two_links_to_one_file_are_one_plugin() {
    check(
        "two-links",
        &["plain", "plugin check [PLUGINS]/two-links-soft.so", "plugin run plain plain"],
        expect![[r#"
            two-links-hard.so: plain.example.org/v1.0.0, ok: -
            two-links-soft.so: plain.example.org/v1.0.0, shadowed: it is the same file as `[PLUGINS]/two-links-hard.so`
            two-links.so: plain.example.org/v1.0.0, shadowed: it is the same file as `[PLUGINS]/two-links-hard.so`
            $ pintle plain
            plain
            [exit 0]
            $ pintle plugin check [PLUGINS]/two-links-soft.so
            plugin       plain.example.org/v1.0.0
            path         [PLUGINS]/two-links-soft.so
            file         a regular file, a library for this machine, with all segments inside the file
            root symbol  `pintle_root_fixture_plain_1_0_0`, defined by this file
            layout       matches this host
            code         matches the manifest in the file
            interface    1.0.0 (this host: 1.0.0)
            abi_stable   0.11 (this host: 0.11)
            target       [TARGET]
            panic        unwind
            host         requires `*` (this host: 0.1.0)
            project      3
            functions    manifest, call
            command      `plain`, 0 arguments
            all checks passed
            [exit 0]
            $ pintle plugin run plain plain
            plain
            [exit 0]
        "#]],
    );
}

#[test]
fn of_two_files_with_one_key_the_first_in_the_search_order_counts() {
    let sandbox = Sandbox::new().library("first.so", &fixture("plain"));
    let second = sandbox.path("second");
    fs::create_dir(&second).expect("the directory is writable");
    // A copy, not a link: another file that contains the same plugin.
    fs::copy(fixture("plain"), second.join("second.so")).expect("the directory is writable");
    let paths = [sandbox.plugins(), second.clone()];
    let paths = std::env::join_paths(paths).expect("our paths have no colons");
    let sandbox = sandbox.env("PINTLE_PLUGIN_PATH", paths);

    let second = second.display();
    let transcript = format!(
        "{}{}{}",
        listed(&sandbox, &[], |_| true),
        sandbox.transcript(&["plugin list", "plugin list --all", "plain"]),
        listed(&sandbox.env("PINTLE_DISABLE_PLUGINS", "plain"), &[], |_| true),
    );
    expect![[r#"
        first.so: plain.example.org/v1.0.0, ok: a newer copy of it in `[SANDBOX]/second/second.so` is not used: remove `[PLUGINS]/first.so`
        second.so: plain.example.org/v1.0.0, shadowed: `plain.example.org/v1.0.0` was already found in `[PLUGINS]/first.so`
        $ pintle plugin list
        KEY                       STATE  TRANSPORT  PROVIDES  REASON
        plain.example.org/v1.0.0  ok     native     plain     a newer copy of it in `[SANDBOX]/second/second.so` is not used: remove `[PLUGINS]/first.so`
        [exit 0]
        $ pintle plugin list --all
        KEY                       STATE     TRANSPORT  PROVIDES  REASON
        plain.example.org/v1.0.0  ok        native     plain     a newer copy of it in `[SANDBOX]/second/second.so` is not used: remove `[PLUGINS]/first.so`
        plain.example.org/v1.0.0  shadowed  native     plain     `plain.example.org/v1.0.0` was already found in `[PLUGINS]/first.so`
        [exit 0]
        $ pintle plain
        plain
        --- stderr ---
        warning: plugin `plain.example.org/v1.0.0` is older than its copy in `[SANDBOX]/second/second.so`: remove `[PLUGINS]/first.so`
        [exit 0]
        first.so: plain.example.org/v1.0.0, disabled: it is disabled by the key `plain`
        second.so: plain.example.org/v1.0.0, disabled: it is disabled by the key `plain`
    "#]].assert_eq(&transcript.replace(&second.to_string(), "[SECOND]"));
}

#[test]
fn a_refused_file_does_not_hide_a_good_one_with_the_same_key() {
    let sandbox = Sandbox::new();
    let half = fs::read(fixture("plain")).expect("the fixture can be read");
    fs::write(sandbox.plugins().join("a.so"), &half[..half.len() / 2])
        .expect("the directory is writable");
    let sandbox = sandbox.library("b.so", &fixture("plain"));
    let listed = listed(&sandbox, &[], |_| true);
    expect![[r#"
        a.so: plain.example.org/v1.0.0, refused: it is truncated: its content ends at byte [N], but the file ends at byte [N]
        b.so: plain.example.org/v1.0.0, ok: -
        $ pintle plain
        plain
        [exit 0]
    "#]].assert_eq(&format!("{listed}{}", sandbox.transcript(&["plain"])));
}

#[test]
fn a_folder_given_as_an_option_comes_before_the_environment() {
    let sandbox = Sandbox::new().library("one.so", &fixture("plain"));
    let other = sandbox.path("other");
    fs::create_dir(&other).expect("the directory is writable");
    fs::copy(fixture("plain"), other.join("two.so")).expect("the directory is writable");
    let option = format!("--plugin-dir={}", other.display());
    let output = sandbox.run([&option, "plugin", "list", "--all", "-o", "yaml"]).success();
    let paths: String = output.stdout.lines().filter(|it| it.contains("path:")).collect();
    expect!["  path: [SANDBOX]/other/two.so  path: [PLUGINS]/one.so"].assert_eq(&paths);
}
