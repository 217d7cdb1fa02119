//! Programs on the search path that are commands by their names.

use crate::support::{Sandbox, first_line};
use expect_test::{Expect, expect};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;

/// Says how it was called, and ends with 42.
const ECHO: &str = r#"#!/bin/sh
printf '%s' "${0##*/}"; printf ' <%s>' "$@"; echo; exit 42
"#;

/// A host with directories of programs on its search path.
struct Programs(Sandbox);

impl Programs {
    fn new(programs: &[(&str, &str)]) -> Self {
        Self::of(Sandbox::new(), programs)
    }

    fn of(sandbox: Sandbox, programs: &[(&str, &str)]) -> Self {
        let all = Self(sandbox);
        for (name, script) in programs {
            all.write(name, script, 0o755);
        }
        // The relative directory must not count: the host runs in `desk`.
        let dirs = ["bin", "more"].map(|it| all.0.path(it));
        let dirs = dirs.into_iter().chain(["relative", "", "/usr/bin", "/bin"].map(PathBuf::from));
        let path = std::env::join_paths(dirs).expect("the paths have no colon");
        Self(all.0.env("PATH", path))
    }

    /// Writes a program, into `bin` unless its name says otherwise.
    fn write(&self, name: &str, script: &str, mode: u32) {
        let path = match name.contains('/') {
            true => self.0.path(name),
            false => self.0.path("bin").join(name),
        };
        let folder = path.parent().expect("it is in the sandbox");
        fs::create_dir_all(folder).expect("the folder is ours");
        fs::write(&path, script).expect("the folder is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the file is ours");
    }

    #[track_caller]
    fn check(&self, lines: &[&str], expected: Expect) {
        expected.assert_eq(&self.0.transcript(lines));
    }
}

#[test]
fn the_longest_name_wins_and_an_option_ends_the_words() {
    let programs = Programs::new(&[
        ("pintle-foo", ECHO),
        ("pintle-foo-a", ECHO),
        ("pintle-big_ship", ECHO),
        ("more/pintle-foo", "#!/bin/sh\necho wrong\n"),
    ]);
    programs.check(
        &[
            "foo b a",
            "foo a --x b",
            "foo --x a",
            "foo -v a",
            "foo -- a",
            "-q --plugin-dir x foo a -- -q --help",
            "foo --help",
            "help foo",
            "big-ship out",
            "big_ship out",
        ],
        expect![[r#"
            $ pintle foo b a
            pintle-foo <b> <a>
            [exit 42]
            $ pintle foo a --x b
            pintle-foo-a <--x> <b>
            [exit 42]
            $ pintle foo --x a
            pintle-foo <--x> <a>
            [exit 42]
            $ pintle foo -v a
            pintle-foo <-v> <a>
            [exit 42]
            $ pintle foo -- a
            pintle-foo <--> <a>
            [exit 42]
            $ pintle -q --plugin-dir x foo a -- -q --help
            pintle-foo-a <--> <-q> <--help>
            [exit 42]
            $ pintle foo --help
            pintle-foo <--help>
            [exit 42]
            $ pintle help foo
            pintle-foo <--help>
            [exit 42]
            $ pintle big-ship out
            pintle-big_ship <out>
            [exit 42]
            $ pintle big_ship out
            pintle-big_ship <out>
            [exit 42]
        "#]],
    );
}

#[test]
fn arguments_that_are_not_utf_8_arrive_as_they_are() {
    let programs =
        Programs::new(&[("pintle-bytes", "#!/bin/sh\nprintf %s \"$1\" | od -An -tx1\n")]);
    let args = [OsStr::new("bytes"), OsStr::from_bytes(b"\xff\n a")];
    assert_eq!(programs.0.run(args).success().stdout.trim(), "ff 0a 20 61");
}

#[test]
fn commands_and_nouns_are_never_taken_over() {
    let wrong = "#!/bin/sh\necho wrong\n";
    let programs = Programs::of(
        Sandbox::new().plugin("good"),
        &[
            ("pintle-version", wrong),
            ("pintle-plugin", wrong),
            ("pintle-plugin-list", wrong),
            ("pintle-greet", wrong),
            ("pintle-greet-ada", wrong),
            ("pintle-fleet", wrong),
            ("pintle-fleet-sink", ECHO),
            ("desk/relative/pintle-relative", wrong),
            ("desk/pintle-empty", wrong),
        ],
    );
    for line in [&["version"][..], &["plugin"], &["plugin", "list"], &["greet", "ada"], &["fleet"]]
    {
        let output = programs.0.run(line);
        assert!(!output.stdout.contains("wrong\n"), "{line:?}: {output}");
    }
    // A verb that nobody has, under a noun of a plugin.
    assert_eq!(programs.0.run(["fleet", "sink", "x"]).stdout, "pintle-fleet-sink <x>\n");
    for word in ["relative", "empty"] {
        let output = programs.0.run([word]);
        assert_eq!(output.code(), 2, "{output}");
        assert!(output.stderr.contains("unrecognized subcommand"), "{output}");
    }
}

#[test]
fn a_command_whose_plugin_is_refused_is_not_replaced() {
    let programs =
        Programs::of(Sandbox::new().plugin("good"), &[("pintle-greet", "#!/bin/sh\necho wrong\n")]);
    let output = programs.0.run(["--disable-plugin", "good", "greet", "ada"]);
    assert_eq!(output.code(), 3, "{output}");
    assert!(output.stderr.contains("is disabled"), "{output}");
}

#[test]
fn the_program_takes_the_place_of_the_host() {
    let programs = Programs::new(&[
        ("pintle-pid", "#!/bin/sh\necho $$ $PPID\n"),
        ("pintle-die", "#!/bin/sh\nkill -USR1 $$\n"),
        ("pintle-cat", "#!/bin/sh\nexec cat\n"),
        ("pintle-pipe", "#!/bin/sh\nyes; echo lost >&2\n"),
        ("pintle-env", "#!/bin/sh\nenv | grep PINTLE_ | sort\n"),
    ]);
    let child = programs.0.start(["pid"]);
    let pids = format!("{} {}\n", child.id(), std::process::id());
    assert_eq!(programs.0.finish(child).success().stdout, pids);
    assert_eq!(programs.0.run(["die"]).status().signal(), Some(10));
    let path = programs.0.path("bin").display().to_string();
    let script = |text: &str| {
        let text = format!("PATH={path}:$PATH; {text}");
        programs.0.script(&[], &text).success().stdout
    };
    assert_eq!(script("echo ahoy | $PINTLE cat"), "ahoy\n");
    // `yes` is ended by the closed pipe, as without a host.
    assert_eq!(script("$PINTLE pipe 2>&1 | head -n 1"), "y\n");
    // What the host sets for itself is not the program's.
    let env = script("$PINTLE -v env");
    assert!(!env.contains("PINTLE_COMMAND"), "{env}");
}

#[test]
fn a_program_has_the_terminal_and_its_job_control() {
    let programs =
        Programs::new(&[("pintle-stop", "#!/bin/sh\necho $$; kill -STOP $$; echo on\n")]);
    let mut child = programs.0.start(["stop"]);
    let pid = child.id().to_string();
    // The process that the shell knows is the one that stops and goes on.
    let stdout = child.stdout.take().unwrap();
    assert_eq!(first_line(stdout), pid);
    let state = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    while !state().contains(") T ") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert_eq!(programs.0.finish(child).code(), 0);
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    let programs = Programs::new(&[("pintle-lost", "#!/nonexistent/interpreter\n")]);
    programs.write("pintle-text", "no program", 0o644);
    programs.check(
        &["lost", "text"],
        expect![[r#"
            $ pintle lost
            --- stderr ---
            error: failed to run `[SANDBOX]/bin/pintle-lost`
              caused by: No such file or directory (os error 2)
            hint: check that the interpreter in the first line of `[SANDBOX]/bin/pintle-lost` is installed
            [exit 126]
            $ pintle text
            --- stderr ---
            error: `[SANDBOX]/bin/pintle-text` is not executable
            hint: run `chmod +x [SANDBOX]/bin/pintle-text`
            [exit 126]
        "#]],
    );
}

#[test]
fn they_are_listed_with_what_became_of_each() {
    let programs = Programs::of(
        Sandbox::new().plugin("good"),
        &[
            ("pintle-foo", ECHO),
            ("more/pintle-foo", ECHO),
            ("pintle-foo-big_ship", ECHO),
            ("pintle-greet-ada", ECHO),
        ],
    );
    programs.write("pintle-text", "no program", 0o644);
    let listed = programs.0.run(["plugin", "list"]).success().stdout;
    let callables = listed.lines().filter(|it| it.contains("callable"));
    let words = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    let lines: String = callables.map(words).collect();
    expect![[r#"
        [SANDBOX]/bin/pintle-foo ok callable foo
        [SANDBOX]/more/pintle-foo shadowed callable foo `[SANDBOX]/bin/pintle-foo` is found before it
        [SANDBOX]/bin/pintle-foo-big_ship ok callable foo big-ship
        [SANDBOX]/bin/pintle-greet-ada shadowed callable greet ada `greet ada` is a command
        [SANDBOX]/bin/pintle-text refused callable text it is not executable
    "#]]
    .assert_eq(&lines);
    let json = programs.0.run(["plugin", "list", "-o", "json"]).success().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let callables = json.as_array().unwrap().iter().filter(|it| it["transport"] == "callable");
    assert_eq!(callables.count(), 5, "{json}");

    let help = programs.0.run(["--help"]).success().stdout;
    let (_, programs) = help.split_once("\nPrograms on the search path:\n").unwrap();
    let words: Vec<_> = programs.lines().filter_map(|it| it.split_whitespace().next()).collect();
    assert_eq!(words, ["foo"]);
}

/// Answers as cobra's programs do.
const COBRA: &str = r#"#!/bin/sh
[ "$1" = __complete ] || exit 1
shift
case $1 in
args) shift; for it; do printf '%s\n' "arg-$it"; done; echo :4;;
dirs) echo :16;;
yaml) echo yaml; echo :8;;
error) echo one; echo :1;;
hang) sleep 600 & sleep 600;;
much) yes;;
none) echo usage;;
*) printf 'up\tStart\nupper\n--force\tForce it\n:4\n';;
esac
"#;

#[test]
fn completion_is_asked_of_the_program() {
    let programs = Programs::new(&[("pintle-foo", COBRA), ("pintle-fold", ECHO)]);
    for (file, text) in [("a.yaml", ""), ("b.json", ""), ("folder/x", "")] {
        let path = programs.0.work().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let offers = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let env = [
            ("PINTLE_COMPLETE".to_owned(), "bash".to_owned()),
            ("_CLAP_COMPLETE_INDEX".to_owned(), (words.len() - 1).to_string()),
            ("_CLAP_COMPLETE_COMP_TYPE".to_owned(), "9".to_owned()),
            ("_CLAP_COMPLETE_SPACE".to_owned(), "false".to_owned()),
            ("_CLAP_IFS".to_owned(), "\n".to_owned()),
        ];
        let output = programs.0.run_with(&env, ["--"].iter().chain(&words));
        let output = output.success();
        assert_eq!(output.stderr, "", "{line}");
        output.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(offers("pintle fo"), ["fold", "foo"]);
    assert_eq!(offers("pintle foo u"), ["up", "upper"]);
    assert_eq!(offers("pintle foo --f"), ["--force"]);
    assert_eq!(offers("pintle foo args --x y a"), ["arg---x", "arg-y", "arg-a"]);
    // Beside the directories there is the one itself, as wherever a directory is completed.
    assert_eq!(offers("pintle foo dirs "), [".", "folder/"]);
    assert_eq!(offers("pintle foo yaml "), ["a.yaml", "folder/"]);
    assert_eq!(offers("pintle foo error "), Vec::<String>::new());
    // What does not know how to answer, or takes too long to, has files to offer.
    for word in ["none", "hang", "much"] {
        assert_eq!(offers(&format!("pintle foo {word} a")), ["a.yaml"], "{word}");
    }
    assert_eq!(offers("pintle fold a"), ["a.yaml"]);
}
