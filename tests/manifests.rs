//! The content of a plugin's manifest, and where it is shown.

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
        expect![[r#"
            $ pintle logbook -h
            Keep a logbook

            Usage: pintle logbook [OPTIONS] <COMMAND>

            Commands:
              open  Open the logbook, which is glued shut
              page  Turn the pages of a logbook

            Options:
              -h, --help  Print help (see more with '--help')

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 0]
            $ pintle help logbook
            Keep a logbook

            A logbook has pages.

            What is in it, stays in it.

            Usage: pintle logbook [OPTIONS] <COMMAND>

            Commands:
              open  Open the logbook, which is glued shut
              page  Turn the pages of a logbook

            Options:
              -h, --help
                      Print help (see a summary with '-h')

            Global options:
                  --allow-panic-abort
                      Load plugins whose panics end the host

                  --disable-plugin <KEY>
                      Ignore this plugin (can be repeated)

                  --plugin-dir <DIR>
                      Look for plugins in this directory first (can be repeated)

              -q, --quiet
                      Show only errors

              -v, --verbose...
                      Show more messages (twice: all messages)
            [exit 0]
            $ pintle logbook page --help
            Turn the pages of a logbook

            Usage: pintle logbook page [OPTIONS] <COMMAND>

            Commands:
              add  Add a page

            Options:
              -h, --help  Print help

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 0]
            $ pintle logbook
            --- stderr ---
            Keep a logbook

            Usage: pintle logbook [OPTIONS] <COMMAND>

            Commands:
              open  Open the logbook, which is glued shut
              page  Turn the pages of a logbook

            Options:
              -h, --help  Print help (see more with '--help')

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 2]
        "#]],
    );
}

#[test]
fn a_described_noun_has_its_line_in_the_list_of_commands() {
    let help = Sandbox::new().plugin("logbook").plugin("good").run(["--help"]).to_string();
    let plugins = help.split("Commands of plugins:\n").nth(1).expect("the plugins have commands");
    expect![[r#"
              again      Greet twice, whoever it is
              ask        Ask for a colour
              exit-with  Exit with a code
              fail       Fail with causes and a hint
              fleet      Commands of plugin good.example.org
              greet      Greet somebody
              logbook    Keep a logbook
              misuse     Complain about how it was called
              whoami     Tell who calls whom
              work       Work, and talk about it
            [exit 0]
        "#]]
    .assert_eq(plugins);
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
    check(
        &sandbox,
        &["-- pintle logb", "-- pintle logbook p"],
        expect![[r#"
            $ pintle -- pintle logb
            logbook[TAB]Keep a logbook
            [exit 0]
            $ pintle -- pintle logbook p
            page[TAB]Turn the pages of a logbook
            [exit 0]
        "#]],
    );
}

#[test]
fn inspect_shows_where_a_plugin_comes_from() {
    let sandbox = Sandbox::new().plugin("logbook");
    check(
        &sandbox,
        &["plugin inspect logbook", "plugin inspect logbook -o yaml"],
        expect![[r#"
            $ pintle plugin inspect logbook
            file         [PLUGINS]/logbook.so
            format       ELF, x86_64
            name         logbook.example.org
            version      1.0.0
            description  Keeps a logbook
            homepage     https://logbook.example.org
            repository   https://git.example.org/logbook
            licence      MIT OR Apache-2.0
            authors      Ada <ada@example.org>, Grace
            interface    1.0.0, abi_stable 0.11, panic = unwind
            root symbol  pintle_root_fixture_logbook_1_0_0
            target       [TARGET]
            built by     [RUSTC]
            host         *
            noun         logbook: Keep a logbook
            noun         logbook page: Turn the pages of a logbook
            noun         cluster: Not shown: it is a noun of the host
            command      logbook open: Open the logbook, which is glued shut
            command      logbook page add: Add a page
            command      cluster moor: Moor a cluster
            this host    accepts it
            [exit 0]
            $ pintle plugin inspect logbook -o yaml
            path: [PLUGINS]/logbook.so
            transport: native
            format: ELF
            architecture: x86_64
            refused: null
            manifest:
              format: 1
              name: logbook.example.org
              version: "1.0.0"
              description: Keeps a logbook
              abi:
                interface: "1.0.0"
                abi_stable: "0.11"
                panic: unwind
                root: pintle_root_fixture_logbook_1_0_0
              target: [TARGET]
              rustc: [RUSTC]
              host: "*"
              project_versions: []
              commands:
              - path:
                - logbook
                - open
                about: Open the logbook, which is glued shut
              - path:
                - logbook
                - page
                - add
                about: Add a page
              - path:
                - cluster
                - moor
                about: Moor a cluster
              subcommands: []
              events: []
              nouns:
              - path:
                - logbook
                about: Keep a logbook
                long_about: |-
                  A logbook has pages.

                  What is in it, stays in it.
              - path:
                - logbook
                - page
                about: Turn the pages of a logbook
              - path:
                - cluster
                about: "Not shown: it is a noun of the host"
              homepage: https://logbook.example.org
              repository: https://git.example.org/logbook
              license: MIT OR Apache-2.0
              authors:
              - Ada <ada@example.org>
              - Grace
            [exit 0]
        "#]],
    );
}

#[test]
fn a_hint_says_where_a_defect_is_to_be_reported() {
    let sandbox = Sandbox::new().plugin("logbook").plugin("panic-command");
    check(
        &sandbox,
        &["logbook open"],
        expect![[r#"
            $ pintle logbook open
            --- stderr ---
            error: plugin `logbook.example.org/v1.0.0` panicked
              caused by: the logbook is glued shut, at tests/fixtures/logbook/src/lib.rs:27:9
            hint: this is a defect of the plugin; report it to its author (https://git.example.org/logbook)
            [exit 70]
        "#]],
    );
}
