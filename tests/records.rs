//! Log records of plugins that use the crates `tracing` and `log`.

use crate::rebuilt;
use crate::support::Sandbox;
use expect_test::expect;

#[test]
fn records_are_log_lines_of_the_host() {
    let sandbox = Sandbox::new().library("recorder.so", &rebuilt::recorder());
    expect![[r#"
        $ pintle sail
        --- stderr ---
        error: deck: a mast is gone masts=2
        warning: hold: a leak ship=Ada
        a line of the plugin's own
        fixture_recorder: sailing\u{1b}[2J
          on captain="Ada Lovelace"
        fixture_recorder: from a thread
        [exit 0]
        $ pintle -q sail
        --- stderr ---
        error: deck: a mast is gone masts=2
        [exit 0]
        $ pintle -v sail
        --- stderr ---
        error: deck: a mast is gone masts=2
        warning: hold: a leak ship=Ada
        a line of the plugin's own
        fixture_recorder: sailing\u{1b}[2J
          on captain="Ada Lovelace"
        debug: fixture_recorder: pumping
        fixture_recorder: from a thread
        [exit 0]
        $ pintle -vv sail
        --- stderr ---
        error: deck: a mast is gone masts=2
        warning: hold: a leak ship=Ada
        a line of the plugin's own
        fixture_recorder: sailing\u{1b}[2J
          on captain="Ada Lovelace"
        debug: fixture_recorder: pumping
        trace: fixture_recorder: anchor=up
        fixture_recorder: from a thread
        [exit 0]
    "#]]
    .assert_eq(&sandbox.transcript(&["sail", "-q sail", "-v sail", "-vv sail"]));
}

#[test]
fn records_of_hooks_arrive_too() {
    let sandbox = Sandbox::new().library("recorder.so", &rebuilt::recorder()).plugin("good");
    // Two plugins have hooks on the event, so the output of each is held back.
    let line = ["init", "--plugins", "good", "--domain", "example.org", "--project-name", "it"];
    let init = sandbox.run(line).success();
    assert_eq!(init.stderr, "fixture_recorder: saw an event\n");
    assert!(init.stdout.contains("watching\nwatched\n"), "{init}");
}
