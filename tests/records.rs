//! What plugins log by the crates `tracing` and `log`.

use crate::rebuilt;
use crate::support::Sandbox;
use expect_test::expect;

#[test]
fn records_are_log_lines_of_the_host() {
    let sandbox = Sandbox::new().library("recorder.so", &rebuilt::recorder());
    expect![[""]].assert_eq(&sandbox.transcript(&["sail", "-q sail", "-v sail", "-vv sail"]));
}

#[test]
fn records_of_hooks_side_by_side_stay_with_the_output_of_theirs() {
    let sandbox = Sandbox::new().library("recorder.so", &rebuilt::recorder()).plugin("good");
    let line = "init --plugins good --domain example.org --project-name it";
    expect![[""]].assert_eq(&sandbox.transcript(&[line]));
}
