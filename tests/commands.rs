//! Commands of plugins: arguments, output and exit codes.

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
        expect![[r#"
            $ pintle greet ada
            hello, ada
            [exit 0]
            $ pintle greet ada bob eve --title dear --title old
            hello, dear old ada and bob and eve
            [exit 0]
            $ pintle greet -l -t 2 ada
            HELLO, ADA
            HELLO, ADA
            [exit 0]
            $ pintle greet --style=fancy ada
            *~ hello, ada ~*
            [exit 0]
            $ pintle greet ada --loud --times=0
            [exit 0]
            $ pintle greet -- --loud
            hello, --loud
            [exit 0]
        "#]],
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
        expect![[r#"
            $ pintle greet
            --- stderr ---
            error: the following required arguments were not provided:
              <NAME>

            Usage: pintle greet <NAME> [OTHERS]...

            For more information, try '--help'.
            [exit 2]
            $ pintle greet --times many ada
            --- stderr ---
            error: invalid value 'many' for '--times <TIMES>': invalid digit found in string

            For more information, try '--help'.
            [exit 2]
            $ pintle greet --style=loud ada
            --- stderr ---
            error: invalid value 'loud' for '--style <STYLE>'
              [possible values: plain, fancy]

            For more information, try '--help'.
            [exit 2]
            $ pintle greet --laud ada
            --- stderr ---
            error: unexpected argument '--laud' found

              tip: a similar argument exists: '--loud'

            Usage: pintle greet --loud <NAME> [OTHERS]...

            For more information, try '--help'.
            [exit 2]
            $ pintle fleet sink
            --- stderr ---
            error: unrecognized subcommand 'sink'

            Usage: pintle fleet [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle nonsense
            --- stderr ---
            error: unrecognized subcommand 'nonsense'

              tip: a similar subcommand exists: 'node'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn a_plugins_command_has_help_like_the_hosts_own() {
    check_good(
        &["greet -h", "help greet", "fleet --help"],
        expect![[r#"
            $ pintle greet -h
            Greet somebody

            Usage: pintle greet [OPTIONS] <NAME> [OTHERS]...

            Arguments:
              <NAME>       Whom to greet
              [OTHERS]...  Whom else to greet

            Options:
              -t, --times <TIMES>  How often [default: 1]
                  --style <STYLE>  [default: plain] [possible values: plain, fancy]
                  --title <WORD>   A title, or several
              -l, --loud           Greet in capitals
              -h, --help           Print help (see more with '--help')

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)

            Examples:
              pintle greet ada --times 2
                  Greet Ada twice

            Plugin: good.example.org/v1.0.0
            [exit 0]
            $ pintle help greet
            Greet somebody

            Greet somebody, as often as you like.

            Nobody is offended.

            Usage: pintle greet [OPTIONS] <NAME> [OTHERS]...

            Arguments:
              <NAME>
                      Whom to greet

              [OTHERS]...
                      Whom else to greet

            Options:
              -t, --times <TIMES>
                      How often

                      [default: 1]

                  --style <STYLE>
                      [default: plain]
                      [possible values: plain, fancy]

                  --title <WORD>
                      A title, or several

              -l, --loud
                      Greet in capitals

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

            Examples:
              pintle greet ada --times 2
                  Greet Ada twice

            Plugin: good.example.org/v1.0.0
            [exit 0]
            $ pintle fleet --help
            Commands of plugin good.example.org

            Usage: pintle fleet [OPTIONS] <COMMAND>

            Commands:
              add   Add a ship
              list  List the ships

            Options:
              -h, --help  Print help

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 0]
        "#]],
    );
}

#[test]
fn commands_of_one_noun_stand_side_by_side() {
    check_good(
        &["fleet list", "fleet add victory", "fleet"],
        expect![[r#"
        $ pintle fleet list
        no ships
        [exit 0]
        $ pintle fleet add victory
        added victory
        [exit 0]
        $ pintle fleet
        --- stderr ---
        Commands of plugin good.example.org

        Usage: pintle fleet [OPTIONS] <COMMAND>

        Commands:
          add   Add a ship
          list  List the ships

        Options:
          -h, --help  Print help

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
fn a_plugin_knows_who_calls_it() {
    check_good(
        &["whoami", "plugin run good whoami"],
        expect![[r#"
        $ pintle whoami
        pintle calls `whoami` of good.example.org/v1.0.0
        [exit 0]
        $ pintle plugin run good whoami
        pintle calls `whoami` of good.example.org/v1.0.0
        [exit 0]
    "#]],
    );
}

#[test]
fn output_log_and_progress_go_where_they_belong() {
    check_good(
        &["work", "-q work", "work -v", "work -vv"],
        expect![[r#"
        $ pintle work
        bytes �
        --- stderr ---
        hoisting
        error: a line at Error
        warning: a line at Warn
        a line at Info
        hoisting still: done
        a message
        [exit 0]
        $ pintle -q work
        bytes �
        --- stderr ---
        error: a line at Error
        a message
        [exit 0]
        $ pintle work -v
        bytes �
        --- stderr ---
        hoisting
        error: a line at Error
        warning: a line at Warn
        a line at Info
        debug: a line at Debug
        hoisting still: done
        a message
        [exit 0]
        $ pintle work -vv
        bytes �
        --- stderr ---
        hoisting
        error: a line at Error
        warning: a line at Warn
        a line at Info
        debug: a line at Debug
        trace: a line at Trace
        hoisting still: done
        a message
        [exit 0]
    "#]],
    );
}

#[test]
fn without_a_terminal_the_default_answers_a_question() {
    check_good(
        &["ask", "ask --no-default"],
        expect![[r#"
            $ pintle ask
            blue
            [exit 0]
            $ pintle ask --no-default
            --- stderr ---
            error: no colour
              caused by: cannot ask `Which colour?`: there is no terminal, and the question has no default
            hint: run the command in a terminal, or pass the answer as an option
            [exit 1]
        "#]],
    );
}

#[test]
fn an_error_shows_its_causes_and_its_hint() {
    check_good(
        &["fail", "misuse"],
        expect![[r#"
            $ pintle fail
            --- stderr ---
            error: cannot sail
              caused by: the sail fell down
              caused by: the rope is rotten
            hint: buy a rope
            [exit 1]
            $ pintle misuse
            --- stderr ---
            error: there is no right way to call this
            [exit 2]
        "#]],
    );
}

#[test]
fn a_plugins_own_exit_code_is_passed_through() {
    check_good(
        &["exit-with 0", "exit-with 42", "exit-with 255", "exit-with 256"],
        expect![[r#"
            $ pintle exit-with 0
            [exit 0]
            $ pintle exit-with 42
            [exit 42]
            $ pintle exit-with 255
            [exit 255]
            $ pintle exit-with 256
            --- stderr ---
            error: the argument `code` has an unexpected type
              caused by: invalid value: integer `256`, expected u8
            [exit 1]
        "#]],
    );
}

#[test]
fn a_command_goes_on_with_other_arguments() {
    check_good(
        &["again ada", "again --loud", "plugin run good again ada"],
        expect![[r#"
        $ pintle again ada
        hello, ada
        hello, ada
        [exit 0]
        $ pintle again --loud
        --- stderr ---
        error: unexpected argument '--loud' found

          tip: to pass '--loud' as a value, use '-- --loud'

        Usage: pintle again [OPTIONS] <NAME>

        For more information, try '--help'.
        [exit 2]
        $ pintle plugin run good again ada
        hello, ada
        hello, ada
        [exit 0]
    "#]],
    );
}

#[test]
fn a_command_that_goes_on_for_ever_is_an_error_that_shows_the_loop() {
    check(
        "endless",
        &["loop", "plugin run endless loop"],
        expect![[r#"
        endless.so: endless.example.org/v1.0.0, ok: -
        $ pintle loop
        --- stderr ---
        error: plugins continued with another command line more than 16 times
        hint: the last command lines were: pintle loop -> pintle loop -> pintle loop -> pintle loop
        [exit 1]
        $ pintle plugin run endless loop
        --- stderr ---
        error: plugins continued with another command line more than 16 times
        hint: the last command lines were: pintle loop -> pintle loop -> pintle loop -> pintle loop
        [exit 1]
    "#]],
    );
}

#[test]
fn a_panic_in_a_command_is_a_crash_that_names_its_place() {
    check(
        "panic-command",
        &["explode", "plugin run panic-command explode"],
        expect![[r#"
        panic-command.so: panic-command.example.org/v1.0.0, ok: -
        $ pintle explode
        here it comes
        --- stderr ---
        error: plugin `panic-command.example.org/v1.0.0` panicked
          caused by: boom, at tests/fixtures/panic-command/src/lib.rs:21:9
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
        $ pintle plugin run panic-command explode
        here it comes
        --- stderr ---
        error: plugin `panic-command.example.org/v1.0.0` panicked
          caused by: boom, at tests/fixtures/panic-command/src/lib.rs:21:9
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
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
        expect![[r#"
            panic-construction.so: panic-construction.example.org/v1.0.0, ok: -
            with --check, panic-construction.so: panic-construction.example.org/v1.0.0, refused: plugin `panic-construction.example.org/v1.0.0` panicked: never born, at tests/fixtures/panic-construction/src/lib.rs:16:9
            $ pintle unborn
            --- stderr ---
            error: plugin `panic-construction.example.org/v1.0.0` panicked
              caused by: never born, at tests/fixtures/panic-construction/src/lib.rs:16:9
            hint: this is a defect of the plugin; report it to its author
            [exit 70]
            $ pintle unborn --help
            --- stderr ---
            error: plugin `panic-construction.example.org/v1.0.0` panicked
              caused by: never born, at tests/fixtures/panic-construction/src/lib.rs:16:9
            hint: this is a defect of the plugin; report it to its author
            [exit 70]
            $ pintle plugin run panic-construction unborn
            --- stderr ---
            error: plugin `panic-construction.example.org/v1.0.0` panicked
              caused by: never born, at tests/fixtures/panic-construction/src/lib.rs:16:9
            hint: this is a defect of the plugin; report it to its author
            [exit 70]
            $ pintle plugin check panic-construction
            --- stderr ---
            error: plugin `panic-construction.example.org/v1.0.0` panicked
              caused by: never born, at tests/fixtures/panic-construction/src/lib.rs:16:9
            hint: this is a defect of the plugin; report it to its author
            [exit 70]
        "#]],
    );
}

#[test]
fn an_argument_cannot_forge_a_line_of_the_host() {
    let sandbox = Sandbox::new().plugin("good");
    let forged = "bogus\nhint: forged\r\u{1b}[2J";
    let lines: [&[&str]; 6] = [
        &[forged],
        &["plugin", forged],
        &["plugin", "list", "-o", forged],
        &["plugin", "list", &format!("--{forged}")],
        &["completion", forged],
        &["greet", "ada", &format!("--times={forged}")],
    ];
    for line in lines {
        let output = sandbox.run(line);
        assert_eq!(output.code(), 2, "{output}");
        let is_plain = |it: char| it == '\n' || !it.is_control();
        assert!(output.stderr.chars().all(is_plain), "{line:?}: {:?}", output.stderr);
        assert!(!output.stderr.lines().any(|it| it.starts_with("hint: forged")), "{output}");
    }
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
    let output = child.wait_with_output().expect("it is a child process");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn results_that_cannot_be_written_are_a_failure() {
    use std::process::{Command, Stdio};
    let sandbox = Sandbox::new().plugin("good");
    for line in [["plugin", "list"], ["greet", "ada"], ["plugin", "--help"], ["-q", "--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let output = Command::new(env!("CARGO_BIN_EXE_pintle"))
            .args(line)
            .env_clear()
            .env("PINTLE_PLUGIN_PATH", sandbox.plugins())
            .stdout(Stdio::from(full))
            .output()
            .expect("the host can be started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("failed to write to the standard output"), "{stderr}");
        assert_eq!(output.status.code(), Some(1), "{line:?}");
    }
}

#[test]
fn a_disabled_plugin_can_be_seen_but_not_used() {
    let sandbox = Sandbox::new().plugin("good").env("PINTLE_DISABLE_PLUGINS", "x, good");
    let transcript = sandbox.transcript(&["greet ada", "plugin run good greet ada"]);
    let listed = crate::vices::listed(&sandbox, &[], |_| true);
    expect![[r#"
        good.so: good.example.org/v1.0.0, disabled: it is disabled by the key `good`
        $ pintle greet ada
        --- stderr ---
        error: plugin `good.example.org/v1.0.0` is disabled
        hint: remove it from `--disable-plugin` and from the variable `PINTLE_DISABLE_PLUGINS`
        [exit 3]
        $ pintle plugin run good greet ada
        --- stderr ---
        error: plugin `good` is installed but disabled
        hint: remove it from `--disable-plugin` and from the variable `PINTLE_DISABLE_PLUGINS`
        [exit 3]
    "#]]
    .assert_eq(&format!("{listed}{transcript}"));
}

#[test]
fn an_error_has_the_form_that_the_line_asks_for() {
    check_good(
        &[
            "plugin check nobody -o json",
            "plugin check nobody --output=yaml",
            "-q plugin list -o json --bogus",
            "plugin check nobody -o text",
            "greet ada -o json",
            "nonsense -o json",
        ],
        expect![[r#"
            $ pintle plugin check nobody -o json
            --- stderr ---
            {
              "code": 2,
              "message": "plugin `nobody` is not installed",
              "causes": [],
              "hint": "run `pintle plugin list` to list the plugins"
            }
            [exit 2]
            $ pintle plugin check nobody --output=yaml
            --- stderr ---
            code: 2
            message: plugin `nobody` is not installed
            causes: []
            hint: run `pintle plugin list` to list the plugins
            [exit 2]
            $ pintle -q plugin list -o json --bogus
            --- stderr ---
            {
              "code": 2,
              "message": "unexpected argument '--bogus' found",
              "causes": [],
              "hint": "usage: pintle plugin list --quiet --output <FORMAT>"
            }
            [exit 2]
            $ pintle plugin check nobody -o text
            --- stderr ---
            error: plugin `nobody` is not installed
            hint: run `pintle plugin list` to list the plugins
            [exit 2]
            $ pintle greet ada -o json
            --- stderr ---
            error: unexpected argument '-o' found

              tip: to pass '-o' as a value, use '-- -o'

            Usage: pintle greet [OPTIONS] <NAME> [OTHERS]...

            For more information, try '--help'.
            [exit 2]
            $ pintle nonsense -o json
            --- stderr ---
            {
              "code": 2,
              "message": "unrecognized subcommand 'nonsense'",
              "causes": [],
              "hint": "a similar subcommand exists: 'node'"
            }
            [exit 2]
        "#]],
    );
}
