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
    check_lines(&rudder(), &["version", "--version", "help"], expect![[""]]);
}

#[test]
fn linked_plugins_are_listed_checked_and_called() {
    check_lines(&rudder(), &["plugin list", "greet ada", "whoami", "plain"], expect![[""]]);
}

#[test]
fn the_extra_command_takes_its_own_arguments() {
    check_lines(&rudder(), &["steer north", "steer", "steer --help"], expect![[""]]);
}

#[test]
fn the_environment_variables_carry_the_hosts_own_prefix() {
    let sandbox = rudder().plugin("deprecated").env("RUDDER_DISABLE_PLUGINS", "good");
    check_lines(&sandbox, &["old", "plugin list"], expect![[""]]);
}

#[test]
fn the_environment_variables_of_pintle_mean_nothing_to_another_host() {
    let sandbox = rudder().plugin("deprecated").without_env("RUDDER_PLUGIN_PATH");
    let plugins = sandbox.plugins();
    let sandbox = sandbox
        .env("PINTLE_PLUGIN_PATH", plugins)
        .env("PINTLE_PLUGIN_SYSTEM_PATH", "/nowhere")
        .env("PINTLE_DISABLE_PLUGINS", "good");
    check_lines(&sandbox, &["old", "greet ada"], expect![[""]]);
}

#[test]
fn a_linked_plugin_comes_before_a_file_with_the_same_key() {
    let sandbox = rudder().library("good.so", &fixture("good"));
    let listed = crate::vices::listed(&sandbox, |_| true);
    expect![[""]].assert_eq(&format!("{listed}{}", sandbox.transcript(&["greet ada"])));
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
    check_clash("version", expect![[""]]);
    check_clash("plugin", expect![[""]]);
    check_clash("greet", expect![[""]]);
    check_clash("fleet", expect![[""]]);
    check_clash("steer", expect![[""]]);
}

#[test]
fn a_plugin_that_is_linked_twice_is_an_error_at_construction() {
    let cli = Cli::new().plugin(fixture_good::plugin()).plugin(fixture_good::plugin());
    let outcome = cli.build().map(|_| String::new());
    expect![[""]].assert_eq(&outcome.unwrap_or_else(|err| err.to_string()));
}
