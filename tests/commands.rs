//! Commands of plugins: their arguments, their output, how they end.

use crate::support::Sandbox;
use crate::vices::check;
use expect_test::{Expect, expect};

#[track_caller]
fn check_good(lines: &[&str], expected: Expect) {
    expected.assert_eq(&Sandbox::new().plugin("good").transcript(lines));
}

#[test]
fn arguments_of_each_kind_arrive() {
    check_good(
        &[
            "greet ada",
            "greet ada bob eve --title dear --title old",
            "greet -l -t 2 ada",
            "greet --style=fancy ada",
            "greet ada --loud --times=0",
            "greet -- --loud",
        ],
        expect![[""]],
    );
}

#[test]
fn wrong_arguments_are_wrong_usage_in_the_hosts_own_words() {
    check_good(
        &[
            "greet",
            "greet --times many ada",
            "greet --style=loud ada",
            "greet --laud ada",
            "fleet sink",
            "nonsense",
        ],
        expect![[""]],
    );
}

#[test]
fn a_plugins_command_has_help_like_the_hosts_own() {
    check_good(&["greet -h", "help greet", "fleet --help"], expect![[""]]);
}

#[test]
fn commands_of_one_noun_stand_side_by_side() {
    check_good(&["fleet list", "fleet add victory", "fleet"], expect![[""]]);
}

#[test]
fn a_plugin_knows_who_calls_it() {
    check_good(&["whoami", "plugin run good whoami"], expect![[""]]);
}

#[test]
fn output_log_and_progress_go_where_they_belong() {
    check_good(&["work", "-q work", "work -v", "work -vv"], expect![[""]]);
}

#[test]
fn without_a_terminal_the_default_answers_a_question() {
    check_good(&["ask", "ask --no-default"], expect![[""]]);
}

#[test]
fn an_error_shows_its_causes_and_its_hint() {
    check_good(&["fail", "misuse"], expect![[""]]);
}

#[test]
fn a_plugins_own_exit_code_is_passed_through() {
    check_good(&["exit-with 0", "exit-with 42", "exit-with 255", "exit-with 256"], expect![[""]]);
}

#[test]
fn a_command_goes_on_with_other_arguments() {
    check_good(&["again ada", "again --loud", "plugin run good again ada"], expect![[""]]);
}

#[test]
fn a_command_that_goes_on_for_ever_is_an_error_that_shows_the_loop() {
    check("endless", &["loop", "plugin run endless loop"], expect![[""]]);
}

#[test]
fn a_panic_in_a_command_is_a_crash_that_names_its_place() {
    check("panic-command", &["explode", "plugin run panic-command explode"], expect![[""]]);
}

#[test]
fn a_panic_in_a_thread_of_a_plugin_is_the_plugins_own_business() {
    let output = Sandbox::new().plugin("panic-command").run(["explode-aside"]).success();
    assert_eq!(output.stdout, "survived\n");
    assert!(output.stderr.contains("boom aside"), "{output}");
}

#[test]
fn a_panic_in_construction_is_a_crash() {
    check(
        "panic-construction",
        &[
            "unborn",
            "unborn --help",
            "plugin run panic-construction unborn",
            "plugin check panic-construction",
        ],
        expect![[""]],
    );
}

#[test]
fn a_full_pipe_that_nobody_reads_is_no_error() {
    use std::process::{Command, Stdio};
    let sandbox = Sandbox::new().plugin("good");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pintle"))
        .args(["greet", "ada", "--times=100000"])
        .env_clear()
        .env("PINTLE_PLUGIN_PATH", sandbox.plugins())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the host can be started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the child is ours");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_disabled_plugin_can_be_seen_but_not_used() {
    let sandbox = Sandbox::new().plugin("good").env("PINTLE_DISABLE_PLUGINS", "x, good");
    let transcript = sandbox.transcript(&["greet ada", "plugin run good greet ada"]);
    let listed = crate::vices::listed(&sandbox, |_| true);
    expect![[""]].assert_eq(&format!("{listed}{transcript}"));
}
