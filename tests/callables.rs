//! Programs on the search path as commands: which one is run, what reaches it, and that no host
//! process remains between it and its caller.

use crate::completion::{BASH, FISH, Shell, ZSH};
use crate::engine::Berth;
use crate::support::{Sandbox, example, leave_out, skip};
use expect_test::{Expect, expect};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Prints the program's name and each argument.
const SHOW: &str = r#"printf '%s' "${0##*/}"; for it; do printf ' [%s]' "$it"; done; echo"#;

/// Returns a sandbox of the host `pintle` whose search path has the directories `bin` and `late`.
fn sandbox() -> Sandbox {
    with_path(Sandbox::new())
}

fn with_path(sandbox: Sandbox) -> Sandbox {
    for dir in ["bin", "late"] {
        fs::create_dir(sandbox.path(dir)).expect("the directory is new");
    }
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        sandbox.path("bin").display(),
        sandbox.path("late").display()
    );
    sandbox.env("PATH", path)
}

/// Writes an `sh` script to a path in the sandbox.
#[track_caller]
fn script(sandbox: &Sandbox, path: &str, text: &str) {
    file(&sandbox.path(path), &format!("#!/bin/sh\n{text}\n"));
}

/// Writes an executable file from another process: if it were open for writing in this one, a
/// process that another test starts at that moment would prevent it from being run (ETXTBSY).
#[track_caller]
fn file(path: &Path, text: &str) {
    let mut sh = Command::new("sh");
    sh.args(["-c", r#"printf '%s' "$1" >"$2" && chmod 755 "$2""#, "sh", text]).arg(path);
    assert!(sh.status().is_ok_and(|it| it.success()), "the script can be written");
}

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    // The columns are as wide as the real paths, which is visible in their headings only.
    let line = |it: &str| match it.starts_with("COMMAND") {
        true => it.split_whitespace().collect::<Vec<_>>().join(" ") + "\n",
        false => format!("{it}\n"),
    };
    expected.assert_eq(&sandbox.transcript(lines).lines().map(line).collect::<String>());
}

#[test]
fn the_longest_name_is_run_with_everything_behind_it() {
    let sandbox = sandbox();
    for path in ["bin/pintle-foo", "late/pintle-foo-a", "bin/pintle-two_parts", "late/pintle-foo"] {
        script(&sandbox, path, SHOW);
    }
    check(
        &sandbox,
        &[
            "foo",
            "foo b a",
            "foo a --x b",
            "foo --x a",
            "foo -v a",
            "foo -- a",
            "foo a -- --help",
            "foo --help --version -o json --plugin-dir nowhere --disable-plugin ?",
            "-q --plugin-dir [PLUGINS] foo a -q",
            "two-parts a",
            "two_parts a",
            "help foo",
            "help foo a",
        ],
        expect![[r#"
            $ pintle foo
            pintle-foo
            [exit 0]
            $ pintle foo b a
            pintle-foo [b] [a]
            [exit 0]
            $ pintle foo a --x b
            pintle-foo-a [--x] [b]
            [exit 0]
            $ pintle foo --x a
            pintle-foo [--x] [a]
            [exit 0]
            $ pintle foo -v a
            pintle-foo [-v] [a]
            [exit 0]
            $ pintle foo -- a
            pintle-foo [--] [a]
            [exit 0]
            $ pintle foo a -- --help
            pintle-foo-a [--] [--help]
            [exit 0]
            $ pintle foo --help --version -o json --plugin-dir nowhere --disable-plugin ?
            pintle-foo [--help] [--version] [-o] [json] [--plugin-dir] [nowhere] [--disable-plugin] [?]
            [exit 0]
            $ pintle -q --plugin-dir [PLUGINS] foo a -q
            pintle-foo-a [-q]
            [exit 0]
            $ pintle two-parts a
            pintle-two_parts [a]
            [exit 0]
            $ pintle two_parts a
            pintle-two_parts [a]
            [exit 0]
            $ pintle help foo
            pintle-foo [--help]
            [exit 0]
            $ pintle help foo a
            pintle-foo-a [--help]
            [exit 0]
        "#]],
    );
}

#[test]
fn arguments_that_are_not_text_arrive_as_they_are() {
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-foo", r#"printf '%s|' "$@" | od -An -c"#);
    let args = [OsStr::new("foo"), OsStr::from_bytes(b"\xff\n"), OsStr::new(""), OsStr::new("a b")];
    expect![[r#"
         377  \n   |   |   a       b   |
        [exit 0]
    "#]]
    .assert_eq(&sandbox.run(args).to_string());
}

#[test]
fn the_end_of_the_program_is_the_end_of_the_host() {
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-code", "exit 42");
    script(&sandbox, "bin/pintle-die", "kill -TERM $$");
    check(
        &sandbox,
        &["code", "die"],
        expect![[r#"
        $ pintle code
        [exit 42]
        $ pintle die
        [signal 15]
    "#]],
    );
}

#[test]
fn the_program_is_the_hosts_process() {
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-foo", r#"echo "$$ $PPID $(ps -o pgid= -p $$ | tr -d ' ')""#);
    let child = sandbox.start(["foo"]);
    let own = std::process::id();
    let group = rustix::process::getpgrp().as_raw_nonzero();
    let expected = format!("{} {own} {group}\n", child.id());
    assert_eq!(sandbox.finish(child).success().stdout, expected);
}

/// Everything that the shell passes to a program, the host passes, too.
#[track_caller]
fn check_same(sandbox: &Sandbox, tool: &str, script: &str) {
    let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
    let found = String::from_utf8(found.expect("there is a shell").stdout).expect("it is text");
    symlink(found.trim(), sandbox.path(&format!("bin/pintle-{tool}"))).expect("the name is free");
    let own_path = format!("PATH={}:$PATH\n", sandbox.path("bin").display());
    let run = |command: &str| {
        sandbox.script(&[], &format!("{own_path}{}", script.replace("TOOL", command)))
    };
    let (direct, hosted) = (run(tool), run(&format!("\"$PINTLE\" {tool}")));
    assert_eq!(hosted.to_string(), direct.to_string());
    assert!(!direct.stdout.is_empty(), "{direct}");
}

#[test]
fn the_environment_is_unchanged() {
    check_same(&sandbox(), "env", "TOOL");
}

#[test]
fn only_the_standard_streams_are_open() {
    let sandbox = sandbox().plugin("good").plugin("plain");
    check_same(&sandbox, "ls", "TOOL -1 /proc/self/fd");
}

#[test]
fn signals_have_the_actions_that_they_had() {
    check_same(&sandbox(), "grep", "TOOL ^Sig[BIC] /proc/self/status");
}

#[test]
fn signals_that_are_ignored_stay_ignored() {
    check_same(&sandbox(), "grep", "trap '' INT HUP\nTOOL ^Sig[BIC] /proc/self/status");
}

#[test]
fn the_standard_input_is_the_programs() {
    check_same(&sandbox(), "cat", "echo hello | TOOL - /dev/null");
}

#[test]
fn a_reader_that_goes_away_ends_the_program_silently() {
    check_same(&sandbox(), "yes", "TOOL | head -n 1");
}

#[test]
fn a_stopped_program_goes_on() {
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-foo", "kill -STOP $$; echo on");
    let path = sandbox.path("bin").display().to_string();
    let output = sandbox.script(
        &["timeout", "60"],
        &format!(
            r#"PATH={path}:$PATH
            "$PINTLE" foo & job=$!
            until grep -q '^State:.*T' /proc/$job/status; do sleep 0.01; done
            echo stopped; kill -CONT $job; wait $job"#
        ),
    );
    assert_eq!(output.success().stdout, "stopped\non\n");
}

#[test]
fn a_command_or_noun_of_the_host_is_never_taken() {
    let sandbox = sandbox();
    for name in ["version", "plugin", "plugin-list", "plugin-list-x", "cluster", "cluster-foo"] {
        script(&sandbox, &format!("bin/pintle-{name}"), SHOW);
    }
    check(
        &sandbox,
        &["version", "plugin list", "plugin foo", "cluster foo a", "cluster fo", "help version x"],
        expect![[r#"
            $ pintle version
            pintle 0.1.0 (plugin interface 1.0.0, [TARGET])
            [exit 0]
            $ pintle plugin list
            no plugins found; `pintle plugin abi` lists the plugin directories

            Programs on the search path:
            COMMAND STATE PROGRAM REASON
            cluster        shadowed  [SANDBOX]/bin/pintle-cluster        `cluster` is used by the host
            cluster foo    ok        [SANDBOX]/bin/pintle-cluster-foo
            plugin         shadowed  [SANDBOX]/bin/pintle-plugin         `plugin` is used by the host
            plugin list    shadowed  [SANDBOX]/bin/pintle-plugin-list    `plugin list` is used by the host
            plugin list x  shadowed  [SANDBOX]/bin/pintle-plugin-list-x  `plugin list x` is used by the host
            version        shadowed  [SANDBOX]/bin/pintle-version        `version` is used by the host
            [exit 0]
            $ pintle plugin foo
            --- stderr ---
            error: unrecognized subcommand 'foo'

            Usage: pintle plugin [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle cluster foo a
            pintle-cluster-foo [a]
            [exit 0]
            $ pintle cluster fo
            --- stderr ---
            error: unrecognized subcommand 'fo'

              tip: a similar subcommand exists: 'foo'

            Usage: pintle cluster [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle help version x
            --- stderr ---
            error: unexpected argument 'x' found

            Usage: pintle version [OPTIONS]

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
    let help = sandbox.run(["cluster"]);
    assert!(help.stderr.starts_with("Throw-away clusters in Docker"), "{help}");
}

#[test]
fn a_command_or_noun_of_a_plugin_is_never_taken() {
    let sandbox = sandbox().plugin("good").plugin("same-command-a").plugin("same-command-b");
    let sandbox = sandbox.plugin("host-requirement");
    for name in ["exit_with", "fleet", "fleet-add", "fleet-foo", "sail", "future"] {
        script(&sandbox, &format!("bin/pintle-{name}"), SHOW);
    }
    check(
        &sandbox,
        &[
            "exit-with 3",
            "exit-with 3 --plugin-dir nowhere",
            "fleet list",
            "fleet foo a",
            "fleet sink",
            "sail",
            "future",
            "--disable-plugin good exit-with 3",
            "--disable-plugin good fleet foo",
        ],
        expect![[r#"
            $ pintle exit-with 3
            [exit 3]
            $ pintle exit-with 3 --plugin-dir nowhere
            --- stderr ---
            warning: failed to search plugin directory `[SANDBOX]/desk/nowhere`: No such file or directory (os error 2)
            [exit 3]
            $ pintle fleet list
            no ships
            [exit 0]
            $ pintle fleet foo a
            pintle-fleet-foo [a]
            [exit 0]
            $ pintle fleet sink
            --- stderr ---
            error: unrecognized subcommand 'sink'

            Usage: pintle fleet [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle sail
            --- stderr ---
            error: several plugins claim the command `sail`: `same-command-a.example.org/v1.0.0`, `same-command-b.example.org/v1.0.0`
            hint: run `pintle plugin run same-command-a.example.org/v1.0.0 sail` or `pintle plugin run same-command-b.example.org/v1.0.0 sail`, or disable one of the plugins
            [exit 4]
            $ pintle future
            --- stderr ---
            error: plugin `host-requirement.example.org/v1.0.0` is refused
              caused by: it requires version >=99 of the host library, but this host is built on 0.1.0
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle --disable-plugin good exit-with 3
            --- stderr ---
            error: plugin `good.example.org/v1.0.0` is disabled
            hint: remove it from `--disable-plugin` and from the variable `PINTLE_DISABLE_PLUGINS`
            [exit 3]
            $ pintle --disable-plugin good fleet foo
            pintle-fleet-foo
            [exit 0]
        "#]],
    );
}

#[test]
fn a_plugin_whose_directory_is_named_behind_the_words_wins() {
    let sandbox = sandbox().plugin("good").env("PINTLE_PLUGIN_PATH", "");
    script(&sandbox, "bin/pintle-whoami", SHOW);
    check(
        &sandbox,
        &["whoami", "whoami --plugin-dir [PLUGINS]", "whoami --plugin-dir nowhere"],
        expect![[r#"
            $ pintle whoami
            pintle-whoami
            [exit 0]
            $ pintle whoami --plugin-dir [PLUGINS]
            pintle calls `whoami` of good.example.org/v1.0.0
            [exit 0]
            $ pintle whoami --plugin-dir nowhere
            pintle-whoami [--plugin-dir] [nowhere]
            [exit 0]
        "#]],
    );
}

#[test]
fn nothing_is_run_from_a_relative_directory() {
    let sandbox = sandbox().env("PATH", ":.:desk::");
    script(&sandbox, "desk/pintle-foo", SHOW);
    check(
        &sandbox,
        &["foo"],
        expect![[r#"
        $ pintle foo
        --- stderr ---
        error: unrecognized subcommand 'foo'

        Usage: pintle [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
    "#]],
    );
    let hosted = sandbox.run(["--help"]).success();
    assert!(!hosted.stdout.contains("Programs"), "{hosted}");
}

#[test]
fn raised_privileges_run_nothing() {
    if !rustix::process::geteuid().is_root() {
        return leave_out("root");
    }
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-foo", SHOW);
    let path = sandbox.path("bin").display().to_string();
    let command = |launcher| format!("PATH={path}:$PATH; {launcher} \"$PINTLE\" foo");
    assert_eq!(sandbox.script(&[], &command("")).success().stdout, "pintle-foo\n");
    let output = sandbox.script(&[], &command("setpriv --ruid 65534"));
    assert_eq!((output.code(), output.stdout.as_str()), (2, ""), "{output}");
}

#[test]
fn a_program_that_cannot_be_run_is_an_error_with_a_hint() {
    let sandbox = sandbox();
    file(&sandbox.path("bin/pintle-text"), "echo hello\n");
    file(&sandbox.path("bin/pintle-empty"), "");
    fs::write(sandbox.path("gz"), b"\x1f\x8b\x08\0\0").expect("the directory is writable");
    let script = "cp gz bin/pintle-gz && chmod 755 bin/pintle-gz";
    let copied = Command::new("sh").args(["-c", script]).current_dir(sandbox.path("")).status();
    assert!(copied.is_ok_and(|it| it.success()));
    file(&sandbox.path("bin/pintle-elf"), "\x7fELF\n echo RAN \"$@\"\n");
    let shell = fs::canonicalize("/bin/sh").expect("there is a shell");
    let shell = fs::read(shell).expect("the shell can be read");
    fs::write(sandbox.path("half"), &shell[..shell.len() / 2]).expect("the directory is writable");
    let script = "cp half bin/pintle-half && chmod 755 bin/pintle-half";
    let copied = Command::new("sh").args(["-c", script]).current_dir(sandbox.path("")).status();
    assert!(copied.is_ok_and(|it| it.success()));
    let long = "/x".repeat(150);
    file(&sandbox.path("bin/pintle-long"), &format!("#!{long}\necho RAN\n"));
    let text = sandbox.path("bin/pintle-text");
    file(&sandbox.path("bin/pintle-behind"), &format!("#!{}\necho RAN\n", text.display()));
    file(&sandbox.path("bin/pintle-nowhere"), "#!/nowhere/sh -e\n");
    file(&sandbox.path("bin/pintle-windows"), "#!/bin/sh\r\n");
    file(&sandbox.path("bin/pintle-forbidden"), "#!/etc/passwd\n");
    check(
        &sandbox,
        &[
            "text",
            "empty",
            "gz",
            "elf a",
            "half",
            "long",
            "behind",
            "nowhere",
            "windows",
            "forbidden",
            "nowhere -o json",
        ],
        expect![[r#"
            $ pintle text
            --- stderr ---
            error: program `[SANDBOX]/bin/pintle-text` does not begin with `#!` and the path of an interpreter
            hint: begin the program with a line like `#!/bin/sh`
            [exit 126]
            $ pintle empty
            --- stderr ---
            error: program `[SANDBOX]/bin/pintle-empty` does not begin with `#!` and the path of an interpreter
            hint: begin the program with a line like `#!/bin/sh`
            [exit 126]
            $ pintle gz
            --- stderr ---
            error: program `[SANDBOX]/bin/pintle-gz` is not in a format that this system can run
            hint: install the program for this platform, and unpack it if it is an archive
            [exit 126]
            $ pintle elf a
            --- stderr ---
            error: program `[SANDBOX]/bin/pintle-elf` is not in a format that this system can run
            hint: install the program for this platform, and unpack it if it is an archive
            [exit 126]
            $ pintle half
            --- stderr ---
            error: program `[SANDBOX]/bin/pintle-half` is not in a format that this system can run
            hint: install the program for this platform, and unpack it if it is an archive
            [exit 126]
            $ pintle long
            --- stderr ---
            error: the first line of program `[SANDBOX]/bin/pintle-long` is too long for this system
            hint: begin the program with a line like `#!/usr/bin/env NAME`
            [exit 126]
            $ pintle behind
            --- stderr ---
            error: the interpreter of program `[SANDBOX]/bin/pintle-behind` is not in a format that this system can run
            hint: install the interpreter for this platform, or fix the first line of the program
            [exit 126]
            $ pintle nowhere
            --- stderr ---
            error: failed to run program `[SANDBOX]/bin/pintle-nowhere`
              caused by: No such file or directory (os error 2)
            hint: install `/nowhere/sh`, or fix the first line of the program
            [exit 126]
            $ pintle windows
            --- stderr ---
            error: failed to run program `[SANDBOX]/bin/pintle-windows`
              caused by: No such file or directory (os error 2)
            hint: convert the program to Unix line endings
            [exit 126]
            $ pintle forbidden
            --- stderr ---
            error: failed to run program `[SANDBOX]/bin/pintle-forbidden`
              caused by: Permission denied (os error 13)
            hint: check that you have permission to execute the program and `/etc/passwd`
            [exit 126]
            $ pintle nowhere -o json
            --- stderr ---
            error: failed to run program `[SANDBOX]/bin/pintle-nowhere`
              caused by: No such file or directory (os error 2)
            hint: install `/nowhere/sh`, or fix the first line of the program
            [exit 126]
        "#]],
    );
}

/// Continues with a line of the search path: `relay` with a short one, `flood` with one that no
/// system accepts.
const RELAY: &str = r#"case $PINTLE_COMMAND in
INFO) printf 'version: 1.0.0\ncommands: [{command: relay}, {command: flood}]\n' ;;
*)
    long=x
    [ "$PINTLE_WORDS" = relay ] || long=$(head -c 3000000 /dev/zero | tr '\0' x)
    printf '{"continue": ["foo", "a", "--x", "%s"]}' "$long" >"$PINTLE_REPLY"
    ;;
esac"#;

#[test]
fn a_plugin_goes_on_with_a_program() {
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-foo", SHOW);
    file(&sandbox.plugins().join("relay"), &format!("#!/bin/sh\n{RELAY}\n"));
    check(
        &sandbox,
        &["relay", "flood"],
        expect![[r#"
            $ pintle relay
            pintle-foo [a] [--x] [x]
            [exit 0]
            $ pintle flood
            --- stderr ---
            error: failed to run program `[SANDBOX]/bin/pintle-foo`
              caused by: Argument list too long (os error 7)
            hint: pass fewer arguments, or shorter ones
            [exit 126]
        "#]],
    );
}

#[test]
fn a_program_makes_clusters_of_its_own_kind() {
    let Some(berth) = Berth::new("small") else { return };
    let bin = berth.sandbox.path("bin");
    fs::create_dir(&bin).expect("the directory is new");
    let berth = berth.env("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    symlink(env!("CARGO_BIN_EXE_pintle"), bin.join("pintle")).expect("the directory is writable");
    let small = r#"#!/bin/sh
case $1 in
up) shift; exec pintle cluster create "$@" --agents 0 ;;
*) exit 2 ;;
esac
"#;
    file(&bin.join("pintle-small"), small);
    expect![[r#"
        $ pintle small up NAME --env MOTTO=ahoy
        --- stderr ---
        creating the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
        $ pintle small down NAME
        [exit 2]
    "#]]
    .assert_eq(&berth.transcript(&["small up NAME --env MOTTO=ahoy", "small down NAME"]));
    let things: Vec<_> = berth.things().iter().map(|it| berth.hide(it)).collect();
    expect![[r#"
        container pintle-NAME-server-0
        network pintle-NAME
        volume pintle-NAME-shared"#]]
    .assert_eq(&things.join("\n"));
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn programs_are_listed_with_what_keeps_them_from_being_run() {
    let sandbox = sandbox().plugin("plain");
    for path in ["bin/pintle-foo", "late/pintle-foo", "late/pintle-foo-a_b", "bin/pintle-plain"] {
        script(&sandbox, path, SHOW);
    }
    script(&sandbox, "late/pintle-version", SHOW);
    fs::write(sandbox.path("bin/pintle-dull"), "").expect("the directory is writable");
    fs::create_dir(sandbox.path("bin/pintle-folder")).expect("the name is free");
    check(
        &sandbox,
        &["plugin list", "dull", "folder"],
        expect![[r#"
            $ pintle plugin list
            KEY                       STATE  TRANSPORT  PROVIDES  REASON
            plain.example.org/v1.0.0  ok     native     plain

            Programs on the search path:
            COMMAND STATE PROGRAM REASON
            dull     refused   [SANDBOX]/bin/pintle-dull      it is not executable
            foo      ok        [SANDBOX]/bin/pintle-foo
            foo      shadowed  [SANDBOX]/late/pintle-foo      `[SANDBOX]/bin/pintle-foo` takes precedence
            foo a-b  ok        [SANDBOX]/late/pintle-foo-a_b
            plain    shadowed  [SANDBOX]/bin/pintle-plain     `plain` is used by plugin `plain.example.org/v1.0.0`
            version  shadowed  [SANDBOX]/late/pintle-version  `version` is used by the host
            [exit 0]
            $ pintle dull
            --- stderr ---
            error: program `[SANDBOX]/bin/pintle-dull` is not executable
            hint: make it executable: `chmod +x [SANDBOX]/bin/pintle-dull`
            [exit 126]
            $ pintle folder
            --- stderr ---
            error: unrecognized subcommand 'folder'

              tip: a similar subcommand exists: 'node'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
        "#]],
    );

    let json = sandbox.run(["plugin", "list", "-o", "json"]).success().stdout;
    let list: Vec<Value> = serde_json::from_str(&json).expect("it is JSON");
    let of = |transport: &str| list.iter().filter(|it| it["transport"] == transport).count();
    assert_eq!((list.len(), of("native"), of("callable")), (7, 1, 6), "{json}");
    let keys = |it: &Value| it.as_object().expect("it is an object").keys().cloned().collect();
    let keys: Vec<Vec<String>> = list.iter().map(keys).collect();
    assert!(keys.windows(2).all(|it| it[0] == it[1]), "{json}");
    let foo = list.iter().find(|it| it["commands"] == serde_json::json!(["foo a-b"]));
    assert_eq!(foo.expect("it is listed")["path"], "[SANDBOX]/late/pintle-foo-a_b");
}

#[test]
fn the_help_lists_programs_apart_and_only_if_there_are_some() {
    let sandbox = sandbox();
    let help = || sandbox.run(["--help"]).success().stdout;
    assert!(!help().contains("search path"), "{}", help());
    script(&sandbox, "bin/pintle-foo", SHOW);
    script(&sandbox, "late/pintle-cluster-foo", SHOW);
    script(&sandbox, "late/pintle-version", SHOW);
    let help = help();
    let (_, programs) = help.split_once("(twice: all messages)\n").expect("the options are before");
    expect![[r#"

        Programs on the search path:
          cluster foo  [SANDBOX]/late/pintle-cluster-foo
          foo          [SANDBOX]/bin/pintle-foo
    "#]]
    .assert_eq(programs);
    check(
        &sandbox,
        &["fooo", "cluster fooo"],
        expect![[r#"
        $ pintle fooo
        --- stderr ---
        error: unrecognized subcommand 'fooo'

          tip: a similar subcommand exists: 'foo'

        Usage: pintle [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
        $ pintle cluster fooo
        --- stderr ---
        error: unrecognized subcommand 'fooo'

          tip: a similar subcommand exists: 'foo'

        Usage: pintle cluster [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
    "#]],
    );
}

#[test]
fn a_host_of_another_name_has_its_own_programs() {
    let sandbox = with_path(Sandbox::of(example("rudder"), "RUDDER"));
    script(&sandbox, "bin/rudder-foo", SHOW);
    script(&sandbox, "bin/rudder-steer", SHOW);
    script(&sandbox, "bin/pintle-bar", SHOW);
    check(
        &sandbox,
        &["foo a", "steer north", "bar"],
        expect![[r#"
        $ rudder foo a
        rudder-foo [a]
        [exit 0]
        $ rudder steer north
        steering north
        [exit 0]
        $ rudder bar
        --- stderr ---
        error: unrecognized subcommand 'bar'

        Usage: rudder [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
    "#]],
    );
}

/// Answers with the words of the request, followed by the output that the test chooses.
const COMPLETER: &str = r#"
    [ "$1" = __complete ] && ! env | grep -q '^PINTLE_COMPLETE' || exit 1
    shift
    echo "$*" >>"$HOME/asked"
    eval "word=\${$#}"
    case "$1:$word" in
        order:*) printf 'zulu\tLast\nalpha\tFirst\n:36\n' ;;
        sorted:*) printf 'zulu\nalpha\n_activeHelp_ Do it\n:4\n' ;;
        error:*) printf 'zulu\n:1\n' ;;
        nothing:*) echo :4 ;;
        files:*) echo :0 ;;
        extensions:*) printf 'yaml\njson\n:8\n' ;;
        dirs:*) echo :16 ;;
        subdirs:*) printf 'harbour\n:16\n' ;;
        option:*) printf 'red\nblue\n:4\n' ;;
        mute:*) exit 1 ;;
        talkative:*) while :; do echo 0123456789; done ;;
        hanging:*) sleep 300 & wait ;;
        *) printf 'order\nsorted\n--colour\tPaint it\n:4\n' ;;
    esac
"#;

#[track_caller]
fn check_completion(shell: &Shell) {
    if !shell.is_there() {
        return skip(shell.program);
    }
    let sandbox = sandbox().plugin("plain");
    script(&sandbox, "bin/pintle-foo", COMPLETER);
    script(&sandbox, "bin/pintle-foo-orders", SHOW);
    script(&sandbox, "bin/pintle-plain", SHOW);
    script(&sandbox, "bin/pintle-cluster-foo", SHOW);
    script(&sandbox, "bin/pintle-bar-one-two", SHOW);
    fs::write(sandbox.path("bin/pintle-folly"), "").expect("the directory is writable");
    for dir in ["harbour", "harbour/pier"] {
        fs::create_dir(sandbox.work().join(dir)).expect("the directory is new");
    }
    for file in ["a.yaml", "b.txt"] {
        fs::write(sandbox.work().join(file), "").expect("the directory is writable");
    }
    let offers = |line: &str| {
        let mut offers = shell.offers(&sandbox, line);
        // The test's own files, and the directory itself.
        offers.retain(|it| !["inner.zsh", "dump", "offered", "."].contains(&it.as_str()));
        // Depending on the shell, there is a slash or not.
        offers.into_iter().map(|it| it.trim_end_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let files = |line: &str| {
        let mut files = offers(line);
        // zsh completes directories separately.
        files.sort();
        files
    };
    // Names.
    assert_eq!(offers("pintle fo"), ["foo"]);
    assert_eq!(offers("pintle cluster fo"), ["foo"]);
    assert_eq!(offers("pintle bar o"), ["one"]);
    assert_eq!(offers("pintle bar one t"), ["two"]);
    // The values from the program, and the names that start with the word.
    assert_eq!(offers("pintle foo o"), ["orders", "order"]);
    assert_eq!(offers("pintle foo --co"), ["--colour"]);
    assert_eq!(offers("pintle -q foo so"), ["sorted"]);
    // Directives.
    assert_eq!(offers("pintle foo order "), ["zulu", "alpha"]);
    assert_eq!(offers("pintle foo sorted "), ["alpha", "zulu"]);
    assert_eq!(offers("pintle foo sorted --x -- a"), ["alpha"]);
    assert_eq!(offers("pintle foo error "), Vec::<String>::new());
    assert_eq!(offers("pintle foo nothing "), Vec::<String>::new());
    assert_eq!(files("pintle foo files "), ["a.yaml", "b.txt", "harbour"]);
    assert_eq!(files("pintle foo extensions "), ["a.yaml", "harbour"]);
    assert_eq!(offers("pintle foo dirs "), ["harbour"]);
    assert_eq!(offers("pintle foo subdirs "), ["pier"]);
    // A program that does not answer.
    assert_eq!(offers("pintle foo mute b"), ["b.txt"]);
    assert_eq!(offers("pintle foo talkative b"), ["b.txt"]);
    // The value of an option, behind `=`, at which bash begins a word.
    let value = if shell.program == "bash" { "red" } else { "--colour=red" };
    assert_eq!(offers("pintle foo option --colour=r"), [value]);
    let asked = fs::read_to_string(sandbox.path("home/asked")).expect("it was asked");
    assert_eq!(asked.lines().last(), Some("option --colour=r"));
}

#[test]
fn bash_completes_programs() {
    check_completion(&BASH);
}

#[test]
fn zsh_completes_programs() {
    check_completion(&ZSH);
}

#[test]
fn fish_completes_programs() {
    check_completion(&FISH);
}

#[test]
fn a_program_that_never_answers_is_ended_with_all_that_it_started() {
    let sandbox = sandbox();
    script(&sandbox, "bin/pintle-foo", &format!("echo $$ >\"$HOME/group\"\n{COMPLETER}"));
    let start = Instant::now();
    let env = [("PINTLE_COMPLETE".to_owned(), "fish".to_owned())];
    let output = sandbox.run_with(&env, ["--", "pintle", "foo", "hanging", ""]).success();
    assert!(start.elapsed() < Duration::from_secs(30), "{output}");
    let group = fs::read_to_string(sandbox.path("home/group")).expect("it was asked");
    let processes = Command::new("ps").args(["-eo", "pgid=,stat=,args="]).output();
    let processes = String::from_utf8(processes.expect("there is `ps`").stdout).expect("text");
    let is_alive = |it: &&str| {
        let mut columns = it.split_whitespace();
        // Processes that have ended remain until their parent waits for them.
        columns.next() == Some(group.trim()) && !columns.next().unwrap_or("Z").starts_with('Z')
    };
    assert_eq!(processes.lines().find(is_alive), None);
}
