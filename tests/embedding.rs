//! A host of another name, with plugins and a command of its own.

use crate::support::{Sandbox, example, fixture};
use expect_test::{Expect, expect};
use pintle::Cli;

fn rudder() -> Sandbox {
    Sandbox::of(example("rudder"), "RUDDER")
}

#[track_caller]
fn check_lines(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[test]
fn the_host_bears_its_own_name_and_version() {
    check_lines(
        &rudder(),
        &["version", "--version", "help"],
        expect![[r#"
            $ rudder version
            rudder 2.3.4 (plugin interface 1.0.0, [TARGET])
            [exit 0]
            $ rudder --version
            rudder 2.3.4
            [exit 0]
            $ rudder help
            Steers ships, with plugins

            Usage: rudder [OPTIONS] <COMMAND>

            Commands:
              help        Show the help of a command
              version     Show the versions of the host and of its plugin interface
              completion  Print the completion script of a shell
              plugin      List, inspect, check and run plugins
              init        Start a project in the current folder
              create      Add something to the project
              steer       Steer into a direction

            Options:
              -h, --help     Print help
              -V, --version  Print version

            Options of every command:
                  --allow-panic-abort     Take plugins whose panics end the host
                  --disable-plugin <KEY>  Do as if this plugin were not installed (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this folder first (can be repeated)
              -q, --quiet                 Show errors only
              -v, --verbose...            Show more (twice: everything)

            Commands of plugins:
              again      Greet twice, whoever it is
              ask        Ask for a colour
              exit-with  Exit with a code
              fail       Fail with causes and a hint
              fleet      Commands of plugin good.example.org
              greet      Greet somebody
              misuse     Complain about how it was called
              plain      Do next to nothing
              whoami     Tell who calls whom
              work       Work, and talk about it
            [exit 0]
        "#]],
    );
}

#[test]
fn linked_plugins_are_listed_checked_and_called() {
    check_lines(
        &rudder(),
        &["plugin list", "greet ada", "whoami", "plain"],
        expect![[r#"
        $ rudder plugin list
        KEY                       STATE  TRANSPORT  BRINGS                                                                                          REASON
        good.example.org/v1.0.0   ok     linked     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 hooks
        plain.example.org/v1.0.0  ok     linked     plain
        [exit 0]
        $ rudder greet ada
        hello, ada
        [exit 0]
        $ rudder whoami
        rudder calls `whoami` of good.example.org/v1.0.0
        [exit 0]
        $ rudder plain
        plain
        [exit 0]
    "#]],
    );
}

#[test]
fn the_extra_command_takes_its_own_arguments() {
    check_lines(
        &rudder(),
        &["steer north", "steer", "steer --help"],
        expect![[r#"
        $ rudder steer north
        steering north
        [exit 0]
        $ rudder steer
        --- stderr ---
        error: the following required arguments were not provided:
          <direction>

        Usage: rudder steer <direction>

        For more information, try '--help'.
        [exit 2]
        $ rudder steer --help
        Steer into a direction

        Usage: rudder steer [OPTIONS] <direction>

        Arguments:
          <direction>  [possible values: north, south]

        Options:
          -h, --help  Print help

        Options of every command:
              --allow-panic-abort     Take plugins whose panics end the host
              --disable-plugin <KEY>  Do as if this plugin were not installed (can be repeated)
              --plugin-dir <DIR>      Look for plugins in this folder first (can be repeated)
          -q, --quiet                 Show errors only
          -v, --verbose...            Show more (twice: everything)
        [exit 0]
    "#]],
    );
}

#[test]
fn the_environment_variables_carry_the_hosts_own_prefix() {
    let sandbox = rudder().plugin("deprecated").env("RUDDER_DISABLE_PLUGINS", "good");
    check_lines(
        &sandbox,
        &["old", "plugin list"],
        expect![[r#"
            $ rudder old
            the old way
            --- stderr ---
            warning: plugin `deprecated.example.org/v1.0.0` is deprecated: use good.example.org
            [exit 0]
            $ rudder plugin list
            KEY                            STATE     TRANSPORT  BRINGS                                                                                          REASON
            good.example.org/v1.0.0        disabled  linked     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 hooks  it is disabled as `good`
            plain.example.org/v1.0.0       ok        linked     plain
            deprecated.example.org/v1.0.0  ok        native     old                                                                                             it is deprecated: use good.example.org
            [exit 0]
        "#]],
    );
}

#[test]
fn the_environment_variables_of_pintle_mean_nothing_to_another_host() {
    let sandbox = rudder().plugin("deprecated").without_env("RUDDER_PLUGIN_PATH");
    let plugins = sandbox.plugins();
    let sandbox = sandbox
        .env("PINTLE_PLUGIN_PATH", plugins)
        .env("PINTLE_PLUGIN_SYSTEM_PATH", "/nowhere")
        .env("PINTLE_DISABLE_PLUGINS", "good");
    check_lines(
        &sandbox,
        &["old", "greet ada"],
        expect![[r#"
        $ rudder old
        --- stderr ---
        error: unrecognized subcommand 'old'

        Usage: rudder [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
        $ rudder greet ada
        hello, ada
        [exit 0]
    "#]],
    );
}

#[test]
fn a_linked_plugin_comes_before_a_file_with_the_same_key() {
    let sandbox = rudder().library("good.so", &fixture("good"));
    let listed = crate::vices::listed(&sandbox, &[], |_| true);
    expect![[r#"
        -: good.example.org/v1.0.0, ok: -
        -: plain.example.org/v1.0.0, ok: -
        good.so: good.example.org/v1.0.0, shadowed: `good.example.org/v1.0.0` is already found in the program itself
        $ rudder greet ada
        hello, ada
        [exit 0]
    "#]].assert_eq(&format!("{listed}{}", sandbox.transcript(&["greet ada"])));
}

#[track_caller]
fn check_clash(command: &'static str, expected: Expect) {
    let extra = clap::Command::new(command);
    let cli = Cli::new().plugin(fixture_good::plugin()).extra_command(extra, |_, _| Ok(0));
    let outcome = cli.build().map(|_| "it can be built".to_owned());
    expected.assert_eq(&outcome.unwrap_or_else(|err| err.to_string()));
}

#[test]
fn an_extra_command_that_clashes_is_an_error_at_construction() {
    check_clash(
        "version",
        expect!["the extra command `version` clashes with a command of the host"],
    );
    check_clash("plugin", expect!["the extra command `plugin` clashes with a command of the host"]);
    check_clash(
        "greet",
        expect![
            "the extra command `greet` clashes with a command of plugin `good.example.org/v1.0.0`"
        ],
    );
    check_clash(
        "fleet",
        expect![
            "the extra command `fleet` clashes with a command of plugin `good.example.org/v1.0.0`"
        ],
    );
    check_clash("steer", expect!["it can be built"]);
}

#[test]
fn a_plugin_that_is_linked_twice_is_an_error_at_construction() {
    let cli = Cli::new().plugin(fixture_good::plugin()).plugin(fixture_good::plugin());
    let outcome = cli.build().map(|_| String::new());
    expect!["the plugin `good.example.org/v1.0.0` is linked twice"]
        .assert_eq(&outcome.unwrap_or_else(|err| err.to_string()));
}
