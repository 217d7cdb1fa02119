//! Programs as plugins: their manifests, and the results of their calls. They are real scripts,
//! with and without the kits of `plugin-abi/kits`.
//!
//! Their messages to and from the host are checked against `docs/protocol.schema.json`.

use crate::engine::{Berth, Image};
use crate::program_kit::{Programs, executable, has, kit_file};
use crate::support::{Sandbox, built, example};
use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The time after which a file that was written can be distinguished from one that is written now.
const SETTLED: Duration = Duration::from_millis(3200);

const GOOD: &str = "#!/bin/sh\nprintf 'version: 1.0.0\\ncommands: [{command: good day}]\\n'\n";

/// Waits until a file exists, and returns its text.
#[track_caller]
fn wait_for(path: &Path) -> String {
    let start = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => {
                assert!(start.elapsed() < Duration::from_secs(60), "{} is missing", path.display())
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_running(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|it| !it.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

#[track_caller]
fn assert_ended(pid: &str) {
    let start = Instant::now();
    while is_running(pid) {
        assert!(start.elapsed() < Duration::from_secs(20), "process {pid} is still there");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_program_is_asked_once_and_again_when_it_changes() {
    let programs = Programs::new();
    let count = programs.path("count");
    let text = |version: &str| {
        let count = count.display();
        format!(
            "#!/bin/sh\necho $PINTLE_COMMAND >>{count}\necho 'version: {version}'\necho 'commands: [{{command: good day}}]'\n"
        )
    };
    let n_starts = || fs::read_to_string(&count).unwrap_or_default().lines().count();
    programs.add("pintle-good", &text("1.0.0"));
    thread::sleep(SETTLED);
    for _ in 0..3 {
        let out = programs.run("plugin list").success();
        assert!(out.stdout.contains("good.pintle.dev/v1.0.0"), "{out}");
    }
    let _ = programs.run("help").success();
    let _ = programs.run("good day --help").success();
    assert_eq!(n_starts(), 1);
    // The call itself also starts the program.
    let _ = programs.run("good day").success();
    assert_eq!(fs::read_to_string(&count).unwrap(), "INFO\nEXEC\n");
    // A file that is written now could be overwritten undetected, so the program is queried each
    // time.
    programs.add("pintle-good", &text("1.0.1"));
    for n in 1..=2 {
        let out = programs.run("plugin list").success();
        assert!(out.stdout.contains("good.pintle.dev/v1.0.1"), "{out}");
        assert_eq!(n_starts(), 2 + n);
    }
    thread::sleep(SETTLED);
    for _ in 0..2 {
        let _ = programs.run("plugin list").success();
    }
    assert_eq!(n_starts(), 5);
    let _ = programs.run("plugin check good").success();
    assert_eq!(n_starts(), 6);
}

#[test]
fn a_bad_program_is_refused_and_disturbs_no_other() {
    let programs = Programs::new();
    programs.add("good", GOOD);
    for (name, lines) in [
        ("bad-name", "echo 'version: 1.0.0'; echo 'name: Bad_Name!'"),
        ("bad-version", "echo 'version: one'"),
        ("child", "sleep 600 & echo 'version: 1.0.0'"),
        ("code", "echo broken >&2; echo 'version: 1.0.0'; exit 3"),
        ("core-command", "echo 'version: 1.0.0'; echo 'commands: [{command: plugin list}]'"),
        ("deep", "echo 'version: 1.0.0'; printf 'x: '; head -c 100000 /dev/zero | tr '\\0' '['"),
        ("empty", ":"),
        ("event", "echo 'version: 1.0.0'; echo 'events: [post-ship-sink]'"),
        ("latin", "printf 'version: 1.0.0\\ndescription: \\344\\n'"),
        ("megabytes", "yes 'version: 1.0.0'"),
        ("no-yaml", "echo 'a: [b'"),
        ("prose", "echo 'usage: prose [-x]'"),
        ("signal", "for i in $(seq 20); do echo line $i >&2; done; kill -SEGV $$"),
        ("slow", "echo waiting >&2; sleep 600"),
        ("step", "echo 'version: 1.0.0'; echo 'scaffolds: [{subcommand: paint}]'"),
        ("types", "echo 'version: 1.0.0'; echo 'events: {a: b}'"),
    ] {
        programs.add(name, &format!("#!/bin/sh\n{lines}\n"));
    }
    programs.add("no-interpreter", "#!/nonexistent/python9\n");
    programs.add("no-first-line", "version: 1.0.0\n");
    fs::write(programs.plugins().join("pintle-closed"), "#!/bin/sh\n").unwrap();
    // Neither of these is meant to be a plugin.
    fs::write(programs.plugins().join("README.txt"), "text\n").unwrap();
    fs::create_dir(programs.plugins().join("pintle-folder")).unwrap();
    std::os::unix::fs::symlink(programs.path("nowhere"), programs.plugins().join("dangling"))
        .unwrap();
    let start = Instant::now();
    let list = programs.run("plugin list").success();
    // The columns are as wide as the path of the sandbox.
    let row = |it: &str| {
        it.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("  ")
            + "\n"
    };
    let collapsed: String = list.stdout.lines().map(row).collect();
    // They are queried in parallel, and each ends.
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    expect![[r#"
        KEY  STATE  TRANSPORT  PROVIDES  REASON
        [PLUGINS]/bad-name  refused  executable  -  its manifest is invalid: invalid plugin name `Bad_Name!`: expected dot-separated parts of lower-case letters, digits and `-`, each with a letter or digit at both ends
        [PLUGINS]/bad-version  refused  executable  -  its manifest is invalid: invalid plugin version `one`: expected a form such as `v1`, `v1.2`, `v1.2.3` or `v1.2.3-rc.1`
        [PLUGINS]/child  refused  executable  -  it does not describe itself: it exited but left a process behind that keeps its output open
        [PLUGINS]/code  refused  executable  -  it does not describe itself: it exited with code 3: its standard error ends with:\nbroken
        core-command.pintle.dev/v1.0.0  conflict  executable  plugin list  its command `plugin list` conflicts with a core command
        [PLUGINS]/dangling  refused  executable  -  it is a link to a file that does not exist
        [PLUGINS]/deep  refused  executable  -  its answer is not a valid description in YAML or JSON: recursion limit exceeded at line 2, column 259
        [PLUGINS]/empty  refused  executable  -  it does not describe itself: its answer is empty
        [PLUGINS]/event  refused  executable  -  it has a hook on the unknown event `post-ship-sink`
        good.pintle.dev/v1.0.0  ok  executable  good day
        [PLUGINS]/latin  refused  executable  -  its answer is not UTF-8
        [PLUGINS]/megabytes  refused  executable  -  it does not describe itself: it wrote more than 1048576 bytes to its standard output
        [PLUGINS]/no-first-line  refused  executable  -  it does not describe itself: it cannot be run: Exec format error (os error 8)
        [PLUGINS]/no-interpreter  refused  executable  -  it does not describe itself: it cannot be run: No such file or directory (os error 2)
        [PLUGINS]/no-yaml  refused  executable  -  its answer is not a valid description in YAML or JSON: unclosed bracket '[' at line 1, column 4
        [PLUGINS]/pintle-closed  refused  executable  -  it is not executable
        [PLUGINS]/prose  refused  executable  -  its answer does not contain `version`
        [PLUGINS]/signal  refused  executable  -  it does not describe itself: it was terminated by signal 11 (SIGSEGV): its standard error ends with:\nline 11\nline 12\nline 13\nline 14\nline 15\nline 16\nline 17\nline 18\nline 19\nline 20
        [PLUGINS]/slow  refused  executable  -  it does not describe itself: it timed out after 5s: its standard error ends with:\nwaiting
        [PLUGINS]/step  refused  executable  -  it takes part in the unknown subcommand `paint`: the known subcommands are init, edit, create api, create webhook, delete api, delete webhook
        [PLUGINS]/types  refused  executable  -  its answer is not a valid description in YAML or JSON: expected sequence start at line 2, column 9
    "#]].assert_eq(&collapsed);
    let out = programs.run("good day").success();
    assert_eq!(out.stderr, "", "{out}");
}

#[test]
fn a_check_says_what_is_wrong_with_a_program() {
    let programs = Programs::new();
    programs.add("code", "#!/bin/sh\nprintf 'one\\ntwo\\n' >&2\nexit 3\n");
    programs.add("event", "#!/bin/sh\nprintf 'version: 1.0.0\\nevents: [post-ship-sink]\\n'\n");
    let args = "commands: [{command: a, args: [{name: x, value: integer, choices: [a]}]}]";
    programs.add("args", &format!("#!/bin/sh\nprintf 'version: 1.0.0\\n{args}\\n'\n"));
    fs::write(programs.plugins().join("closed.sh"), GOOD).unwrap();
    let lines =
        ["code", "event", "args", "closed.sh"].map(|it| format!("plugin check [PLUGINS]/{it}"));
    let lines = [&lines[..], &["plugin register [PLUGINS]/closed.sh".to_owned()]].concat();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    expect![[r#"
        $ pintle plugin check [PLUGINS]/code
        --- stderr ---
        error: plugin `[PLUGINS]/code` is refused
          caused by: it does not describe itself: it exited with code 3
          caused by: its standard error ends with:
            one
            two
        hint: run it with `PINTLE_COMMAND=INFO` to see what it does
        [exit 3]
        $ pintle plugin check [PLUGINS]/event
        --- stderr ---
        error: plugin `[PLUGINS]/event` is refused
          caused by: it has a hook on the unknown event `post-ship-sink`
        hint: run `pintle events` to list the events
        [exit 3]
        $ pintle plugin check [PLUGINS]/args
        --- stderr ---
        error: plugin `[PLUGINS]/args` is refused
          caused by: its declaration of the command `a` is invalid
          caused by: the argument `x` cannot have choices: its value is a number, and only text can
        hint: report this to the plugin's author
        [exit 3]
        $ pintle plugin check [PLUGINS]/closed.sh
        --- stderr ---
        error: plugin `[PLUGINS]/closed.sh` is refused
          caused by: it is not executable
        hint: run `chmod +x [PLUGINS]/closed.sh`
        [exit 3]
        $ pintle plugin register [PLUGINS]/closed.sh
        --- stderr ---
        error: plugin `[PLUGINS]/closed.sh` is refused
          caused by: it is not executable
        hint: run `chmod +x [PLUGINS]/closed.sh`
        [exit 3]
    "#]]
    .assert_eq(&programs.transcript(&lines));
}

#[test]
fn a_program_is_registered_where_it_is() {
    let programs = Programs::new();
    let folder = programs.work().join("mine");
    fs::create_dir(&folder).unwrap();
    for name in ["hook.sh", "pintle.sh"] {
        fs::copy(kit_file(name), folder.join(name)).unwrap();
    }
    let lines = [
        "plugin register mine/../mine/hook.sh",
        "plugin register mine/hook.sh",
        "plugin list",
        "plugin inspect hook",
        "plugin unregister mine/hook.sh",
        "plugin unregister hook.sh",
        "plugin list",
        "plugin register mine/hook.sh",
        "plugin unregister hook.pintle.dev/v1.0.0",
        "plugin register mine/hook.sh",
        "plugin unregister hook",
    ];
    expect![[r#"
        $ pintle plugin register mine/../mine/hook.sh
        registered `[SANDBOX]/desk/mine/hook.sh` as hook.pintle.dev/v1.0.0
        [exit 0]
        $ pintle plugin register mine/hook.sh
        registered `[SANDBOX]/desk/mine/hook.sh` as hook.pintle.dev/v1.0.0
        [exit 0]
        $ pintle plugin list
        KEY                     STATE  TRANSPORT   PROVIDES  REASON
        hook.pintle.dev/v1.0.0  ok     executable  1 event
        [exit 0]
        $ pintle plugin inspect hook
        file         [HOME]/.local/share/pintle/plugins/hook.sh
        name         hook
        version      1.0.0
        description  Reports that a cluster is ready
        events       post-cluster-create
        this host    accepts it
        [exit 0]
        $ pintle plugin unregister mine/hook.sh
        removed the link `[HOME]/.local/share/pintle/plugins/hook.sh`
        [exit 0]
        $ pintle plugin unregister hook.sh
        --- stderr ---
        error: `hook.sh` is not registered
        hint: no plugins are registered
        [exit 2]
        $ pintle plugin list
        no plugins found; `pintle plugin abi` lists the plugin directories
        [exit 0]
        $ pintle plugin register mine/hook.sh
        registered `[SANDBOX]/desk/mine/hook.sh` as hook.pintle.dev/v1.0.0
        [exit 0]
        $ pintle plugin unregister hook.pintle.dev/v1.0.0
        removed the link `[HOME]/.local/share/pintle/plugins/hook.sh`
        [exit 0]
        $ pintle plugin register mine/hook.sh
        registered `[SANDBOX]/desk/mine/hook.sh` as hook.pintle.dev/v1.0.0
        [exit 0]
        $ pintle plugin unregister hook
        removed the link `[HOME]/.local/share/pintle/plugins/hook.sh`
        [exit 0]
    "#]]
    .assert_eq(&programs.transcript(&lines));
}

/// A hook on the events of projects, controlled by a file.
fn watcher(script: &str) -> Programs<'static> {
    let programs = Programs::with(Sandbox::new().plugin("good"));
    let events = "events: [pre-project-init, post-project-init]";
    let text = format!(
        "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n{events}\\n'; exit; fi\n{script}\n"
    );
    programs.add("watcher", &text);
    programs
}

const INIT: &str = "init --plugins good";

#[test]
fn a_hook_gets_the_event_and_what_it_writes_is_shown() {
    let programs = watcher(
        "echo \"$PINTLE_EVENT by $PINTLE_PLUGIN: $(cut -c -40)\"; \
         test -n \"$PINTLE_REPLY\" -a ! -s \"$PINTLE_REPLY\"",
    );
    expect![[r#"
        $ pintle init --plugins good
        saw pre-project-init: init []
        + HELLO
        + PROJECT
        saw post-project-init: init ["HELLO"]
        --- stderr ---
        pre-project-init by watcher.pintle.dev/v1.0.0: {"subcommand":"init","chain":["good.exam
        post-project-init by watcher.pintle.dev/v1.0.0: {"subcommand":"init","chain":["good.exam
        [exit 0]
    "#]]
    .assert_eq(&programs.transcript(&[INIT]));
}

#[test]
fn a_hook_that_fails_says_why() {
    for (script, expected) in [
        (
            r#"echo '{"veto":"not on a Friday"}' >$PINTLE_REPLY"#,
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: plugin `watcher.pintle.dev/v1.0.0` vetoed `pre-project-init`: not on a Friday
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"error":{"message":"no wind","hint":"wait for it"}}' >$PINTLE_REPLY; exit 1"#,
            expect![[r#"
                saw pre-project-init: init []
                --- stderr ---
                error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
                  caused by: no wind
                  caused by: it exited with code 1
                hint: wait for it
                [exit 1]
            "#]],
        ),
        (
            "echo aground >&2; exit 3",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            aground
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: program `[PLUGINS]/watcher` failed
              caused by: it exited with code 3
            [exit 1]
        "#]],
        ),
        (
            "kill -KILL $$",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: program `[PLUGINS]/watcher` failed
              caused by: it was terminated by signal 9 (SIGKILL)
            [exit 1]
        "#]],
        ),
        (
            "sleep 600 &",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: program `[PLUGINS]/watcher` failed
              caused by: it exited but left a process behind that keeps its output open
            [exit 1]
        "#]],
        ),
        (
            "echo 'veto: yes' >$PINTLE_REPLY",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: failed to read the program's reply
              caused by: expected value at line 1 column 1
            hint: write the reply as a JSON object
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"veto":1}' >$PINTLE_REPLY"#,
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: failed to read the program's reply
              caused by: invalid type: integer `1`, expected a string at line 1 column 9
            hint: write the reply as a JSON object
            [exit 1]
        "#]],
        ),
        (
            "printf '\\377' >$PINTLE_REPLY",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: failed to read the program's reply
              caused by: expected value at line 1 column 1
            hint: write the reply as a JSON object
            [exit 1]
        "#]],
        ),
        (
            "rm $PINTLE_REPLY",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: failed to read the program's reply
              caused by: No such file or directory (os error 2)
            hint: write the reply as a JSON object
            [exit 1]
        "#]],
        ),
        (
            "rm $PINTLE_REPLY; mkfifo $PINTLE_REPLY",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: failed to read the program's reply
              caused by: it is a FIFO, not a regular file
            hint: write the reply as a JSON object
            [exit 1]
        "#]],
        ),
        (
            "head -c 17000000 /dev/zero >$PINTLE_REPLY",
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: failed to read the program's reply
              caused by: it is larger than 16 MiB
            hint: write the reply as a JSON object
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"services":[{"service":"fly"}]}' >$PINTLE_REPLY"#,
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `watcher.pintle.dev/v1.0.0` on `pre-project-init` failed
              caused by: this host does not provide the requested service
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"amend":{"mast":1}}' >$PINTLE_REPLY"#,
            expect![[r#"
            saw pre-project-init: init []
            --- stderr ---
            error: plugin `watcher.pintle.dev/v1.0.0` amended `pre-project-init`, which does not support amendments
            [exit 1]
        "#]],
        ),
    ] {
        expected.assert_eq(&watcher(script).run(INIT).to_string());
    }
}

#[test]
fn a_hook_over_its_time_is_ended_with_what_it_has_started() {
    let mut programs = watcher("sleep 600 & echo $! >pid; wait");
    programs.set_env("PINTLE_HOOK_TIMEOUT", "1s");
    let out = programs.run(INIT);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("timed out after 1s"), "{out}");
    assert_ended(&wait_for(&programs.work().join("pid")));
}

#[test]
fn ctrl_c_ends_a_hook_with_what_it_has_started() {
    let programs = watcher("sleep 600 & echo $! >pid; wait");
    let child = programs.start(INIT.split(' '));
    let pid = wait_for(&programs.work().join("pid"));
    // A background job of a script ignores SIGINT, and so do its children.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let out = programs.finish(child);
    assert_eq!(out.code(), 130, "{out}");
    assert_ended(&pid);
}

#[test]
fn ctrl_c_ends_a_program_that_is_asked_what_it_is() {
    for line in ["plugin list", "plugin check PROGRAM"] {
        let programs = Programs::new();
        programs.add("hangs", "#!/bin/sh\nsleep 300 & echo $! >pid\nwait\n");
        let path = programs.plugins().join("hangs");
        let line = line.replace("PROGRAM", path.to_str().unwrap());
        let child = programs.start(line.split(' '));
        let pid = wait_for(&path.with_file_name("pid"));
        // If a host checks a program, a separate process queries it.
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let out = programs.finish(child);
        assert!(!out.status().success(), "{line}: {out}");
        assert_ended(&pid);
    }
}

/// A hook on `pre-cluster-create` that never ends, and writes its children's ids to a file.
fn endless(first: &str, file: &str) -> String {
    format!(
        "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n\
         events: [pre-cluster-create]\\n'; exit; fi\n{first}\nsleep 300 & echo $! >{file}\n\
         while :; do wait; sleep 300; done\n"
    )
}

#[test]
fn an_interrupted_command_ends_its_hooks_before_it_ends() {
    for (name, signal, first) in [
        ("hookterm", Signal::TERM, ""),
        ("hookint", Signal::INT, ""),
        ("hookhup", Signal::HUP, ""),
        ("hooktrap", Signal::TERM, "trap '' TERM"),
    ] {
        let Some(berth) = Berth::standin(name) else { return };
        let berth = berth.env("PATH", "/usr/bin:/bin");
        let temp = berth.sandbox.path("temp");
        fs::create_dir(&temp).unwrap();
        let berth = berth.env("TMPDIR", temp.to_str().unwrap());
        let programs = Programs::in_sandbox(&berth.sandbox);
        programs.add("first", &endless(first, "first.pid"));
        programs.add("second", &endless("", "second.pid"));
        let child = programs.start(berth.words("cluster create NAME"));
        let pids = ["first.pid", "second.pid"].map(|it| wait_for(&programs.work().join(it)));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let out = programs.finish(child);
        assert_eq!(out.code(), 130, "{name}: {out}");
        for pid in pids {
            assert!(!is_running(&pid), "{name}: process {pid} is still there");
        }
        let left: Vec<_> = fs::read_dir(&temp).unwrap().collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        berth.assert_nothing_left();
    }
}

#[test]
fn a_second_signal_ends_hooks_at_once() {
    let mut programs = watcher("trap '' TERM; sleep 300 & echo $! >pid; while :; do wait; done");
    let temp = programs.path("temp");
    fs::create_dir(&temp).unwrap();
    programs.set_env("TMPDIR", &temp);
    let child = programs.start(INIT.split(' '));
    let pid = wait_for(&programs.work().join("pid"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    thread::sleep(Duration::from_millis(300));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let out = programs.finish(child);
    assert_eq!(out.code(), 130, "{out}");
    assert_ended(&pid);
    assert_eq!(fs::read_dir(&temp).unwrap().count(), 0);
}

#[test]
fn a_second_signal_ends_a_step_at_once() {
    let programs = Programs::with(Sandbox::new().plugin("good"));
    programs.add(
        "slow",
        "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n\
         project_versions: [\"3\"]\\nscaffolds: [{subcommand: init}]\\n'; exit; fi\n\
         trap '' TERM; sleep 300 & echo $! >../pid; while :; do wait; done\n",
    );
    let child = programs.start(["init", "--plugins", "good,slow"]);
    let pid = wait_for(&programs.path("pid"));
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        thread::sleep(Duration::from_millis(300));
    }
    let out = programs.finish(child);
    assert_eq!(out.code(), 130, "{out}");
    assert_ended(&pid);
}

#[test]
fn hooks_that_have_hardly_any_time_are_ended_before_the_host() {
    for (limit, code) in [("0", 2), ("0s", 2), ("1ns", 1), ("1ms", 1), ("50ms", 1)] {
        let mut programs = watcher("trap '' TERM; echo $$ >pid; while :; do sleep 300; done");
        let temp = programs.path("temp");
        fs::create_dir(&temp).unwrap();
        programs.set_env("TMPDIR", &temp);
        programs.set_env("PINTLE_HOOK_TIMEOUT", limit);
        let out = programs.run(INIT);
        assert_eq!(out.code(), code, "{limit}: {out}");
        let pid = fs::read_to_string(programs.work().join("pid")).unwrap_or_default();
        assert!(pid.is_empty() || !is_running(&pid), "{limit}: {pid}");
        assert_eq!(fs::read_dir(&temp).unwrap().count(), 0, "{limit}");
    }
}

const COMMANDS: &str = r#"#!/bin/sh
. "${0%/*}/pintle.sh"
version=1.2.3 description='Commands of all kinds'
info='
commands:
  - command: deck show
    args:
      - { name: first, kind: positional }
      - { name: others, kind: positional, repeated: true }
      - { name: dry-run, kind: flag }
      - { name: size, value: integer, default: "3" }
      - { name: tag, repeated: true }
  - { command: deck exit, args: [{ name: code, kind: positional }] }
  - { command: deck cat }
  - { command: deck signal }
  - { command: deck again, args: [{ name: words, kind: positional, rest: true, repeated: true }] }
  - { command: deck fail }
  - { command: deck misuse }
  - { command: deck silent }
  - { command: deck garbage }
  - { command: deck report, args: [{ name: output, short: o, choices: [text, json, yaml], default: text }] }
  - { command: deck paint, args: [{ name: colour, kind: positional, completed: true }] }'

run_deck_show() {
    printf '%s|' "$#" "$@"
    echo
    env | grep ^PINTLE_ARG_ | sort
    printf 'request: %s, %s\n' "$(pintle_get args first)" "$(pintle_list args tag | tr '\n' ' ')"
}
run_deck_exit() { return "$1"; }
run_deck_cat() { tr a-z A-Z; }
run_deck_signal() { kill -SEGV $$; }
run_deck_again() { pintle_continue "$@"; }
run_deck_fail() { pintle_fail 'the "deck" is wet' 'wait'; }
run_deck_misuse() { pintle_usage 'not so'; }
run_deck_silent() { echo 'I have said all' >&2; exit 4; }
run_deck_garbage() { echo garbage >"$PINTLE_REPLY"; exit 0; }
run_deck_report() { pintle_show '{"depth": [1, 2]}' "1 and 2"; }
suggest() { printf 'red\tas a rose\ngreen\n'; }
pintle_main "$@"
"#;

#[test]
fn a_command_gets_values_and_its_exit_code_is_the_hosts() {
    let programs = Programs::new();
    programs.add_kit("deck", COMMANDS);
    expect![[r#"
        $ pintle deck show
        0|
        PINTLE_ARG_SIZE=3
        request: ,
        [exit 0]
        $ pintle deck show ada b c --dry-run --size 7 --tag x --tag y
        3|ada|b|c|
        PINTLE_ARG_DRY_RUN=true
        PINTLE_ARG_FIRST=ada
        PINTLE_ARG_OTHERS=b
        PINTLE_ARG_SIZE=7
        PINTLE_ARG_TAG=x
        request: ada, x y
        [exit 0]
        $ pintle deck exit 0
        [exit 0]
        $ pintle deck exit 7
        [exit 7]
        $ pintle deck signal
        --- stderr ---
        Segmentation fault
        error: program `[PLUGINS]/deck` was terminated by signal 11 (SIGSEGV)
        [exit 139]
        $ pintle deck again -- deck exit 9
        [exit 9]
        $ pintle deck again -- deck again -- deck show q
        1|q|
        PINTLE_ARG_FIRST=q
        PINTLE_ARG_SIZE=3
        request: q,
        [exit 0]
        $ pintle deck fail
        --- stderr ---
        error: the "deck" is wet
        hint: wait
        [exit 1]
        $ pintle deck misuse
        --- stderr ---
        error: not so
        [exit 2]
        $ pintle deck silent
        --- stderr ---
        I have said all
        [exit 4]
        $ pintle deck garbage
        --- stderr ---
        error: failed to read the program's reply
          caused by: expected value at line 1 column 1
        hint: write the reply as a JSON object
        [exit 1]
        $ pintle deck report
        1 and 2
        [exit 0]
        $ pintle deck report -o json
        {
          "depth": [
            1,
            2
          ]
        }
        [exit 0]
        $ pintle deck report -o yaml
        depth:
        - 1
        - 2
        [exit 0]
        $ pintle deck fail -o json
        --- stderr ---
        error: unexpected argument '-o' found

        Usage: pintle deck fail [OPTIONS]

        For more information, try '--help'.
        [exit 2]
        $ pintle deck show --size many
        --- stderr ---
        error: invalid value 'many' for '--size <SIZE>': invalid digit found in string

        For more information, try '--help'.
        [exit 2]
    "#]]
    .assert_eq(&programs.transcript(&[
        "deck show",
        "deck show ada b c --dry-run --size 7 --tag x --tag y",
        "deck exit 0",
        "deck exit 7",
        "deck signal",
        "deck again -- deck exit 9",
        "deck again -- deck again -- deck show q",
        "deck fail",
        "deck misuse",
        "deck silent",
        "deck garbage",
        "deck report",
        "deck report -o json",
        "deck report -o yaml",
        "deck fail -o json",
        "deck show --size many",
    ]));
    let out = programs.script(&[], "echo ahoy | $PINTLE deck cat");
    assert_eq!(out.success().stdout, "AHOY\n");
    let complete = "PINTLE_COMPLETE=bash $PINTLE -- 'pintle deck paint ' ''";
    let out = programs.script(&[], complete).success();
    assert!(out.stdout.contains("red") && out.stdout.contains("green"), "{out}");
    programs.assert_valid(&["ProgramInfo", "CommandRequest", "ProgramCommandReply"]);
}

#[test]
fn a_call_hands_on_nothing_of_the_call_that_it_is_in() {
    let programs = watcher("$INNER good day");
    let inner = "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n\
                 commands: [{command: good day}]\\n'; else echo \"event: $PINTLE_EVENT\" >&2; fi\n";
    programs.add("good-day", inner);
    let mut programs = programs;
    programs.set_env("INNER", env!("CARGO_BIN_EXE_pintle"));
    let out = programs.run(INIT).success();
    assert!(out.stderr.contains("event: \n") || out.stderr.contains("event:\n"), "{out}");
}

/// Text that is difficult to quote.
const NASTY: &[&str] = &[
    "",
    " ",
    "\"",
    "\\",
    "\\\\n",
    "a\nb\n",
    "\n",
    "tab\tand\rreturn",
    "\u{1}\u{1f}\u{7f}",
    "$(touch x) `touch x` ${HOME} '; touch x; '",
    "–é😀",
    "{\"a\":[1]}",
    "%s %n \\045",
    "-n",
    "*",
];

/// A command that passes its arguments to another, which writes them to a file.
const ECHO: &str = r#"#!SHELL
. "${0%/*}/pintle.sh"
version=1.0.0
info='
commands:
  - { command: hand on, args: [{ name: words, kind: positional, rest: true, repeated: true }] }
  - { command: hand over, args: [{ name: words, kind: positional, rest: true, repeated: true }] }'
run_hand_on() { pintle_continue hand over -- "$@"; }
run_hand_over() {
    printf '%s\0' "$@" >words
    for i in $(pintle_keys args words); do
        # Substitution drops line feeds at the end.
        printf '%s\0' "$(pintle_get args words "$i")" >>again
    done
}
pintle_main "$@"
"#;

/// The shells that the kit supports, each with a search path.
fn shells(programs: &Programs<'_>) -> Vec<(String, String)> {
    let mut shells = Vec::new();
    if has("dash") {
        shells.push(("/bin/dash".to_owned(), "/usr/bin:/bin".to_owned()));
    }
    if has("busybox") {
        // With its own awk, sed, tr and so on.
        let applets = programs.path("applets");
        fs::create_dir(&applets).expect("the directory is new");
        let busybox = executable("busybox").expect("it is there");
        let mut install = Command::new(&busybox);
        let status = install.args(["--install", "-s"]).arg(&applets).status();
        assert!(status.is_ok_and(|it| it.success()), "BusyBox links its applets");
        shells.push((format!("{} sh", busybox.display()), applets.display().to_string()));
    }
    if has("bash") {
        shells.push(("/bin/bash".to_owned(), "/usr/bin:/bin".to_owned()));
    }
    shells
}

#[test]
fn the_kit_for_sh_quotes_whatever_an_argument_is() {
    let mut programs = Programs::new();
    for (shell, path) in shells(&programs) {
        programs.set_env("PATH", &path);
        programs.add_kit("echo", &ECHO.replace("SHELL", &shell));
        let args = ["hand", "on", "--"].iter().chain(NASTY);
        let _ = programs.run_args(args).success();
        let read = |name: &str| {
            let text = fs::read_to_string(programs.work().join(name)).unwrap();
            fs::remove_file(programs.work().join(name)).unwrap();
            text.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(read("words"), NASTY, "{shell}");
        let trimmed: Vec<_> = NASTY.iter().map(|it| it.trim_end_matches('\n')).collect();
        assert_eq!(read("again"), trimmed, "{shell}");
        assert!(!programs.work().join("x").exists(), "{shell}");
    }
    programs.assert_valid(&["ProgramCommandReply"]);
}

const SHIP: &str = r#"#!SHELL
set -eu
. "${0%/*}/pintle.sh"
version=1.0.0
info='
project_versions: ["3"]
scaffolds:
  - subcommand: init
    flags: [{ name: title, default: A title }]
    steps: [inject_config, scaffold]'
inject_config() { pintle_set config "{\"title\": $(pintle_json "$(pintle_get args title)")}"; }
scaffold() {
    [ "$1" = init ]
    echo 'for the user'
    pintle_paths 'HEL*' | tr '\n' ' ' >"$TMPDIR/paths"
    pintle_mode HELLO >>"$TMPDIR/paths"
    ! pintle_cat no/such/file
    pintle_cat HELLO | tr a-z A-Z | pintle_edit HELLO
    printf '\377\000\n' | pintle_add "bin/é x" 0755
    : | pintle_put empty
    pintle_ask 'Which image?' alpine | pintle_add image
}
pintle_main "$@"
"#;

#[test]
fn the_kit_for_sh_scaffolds() {
    let applets = Programs::new();
    for (shell, path) in shells(&applets) {
        let mut programs = Programs::with(Sandbox::new().plugin("good"));
        programs.set_env("PATH", &path);
        let temp = programs.path("temp");
        fs::create_dir(&temp).unwrap();
        programs.set_env("TMPDIR", &temp);
        programs.add_kit("ship", &SHIP.replace("SHELL", &shell));
        let out = programs.run_args([
            "init",
            "--plugins",
            "good,ship",
            "--motto",
            "ahoy",
            "--title",
            "a\"b",
        ]);
        assert!(out.stderr.contains("for the user"), "{shell}: {out}");
        let _ = out.success();
        let read = |name: &str| {
            fs::read(programs.work().join(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
        };
        assert_eq!(read("HELLO"), b"AHOY\n", "{shell}");
        assert_eq!(read("bin/é x"), [0xff, 0, b'\n'], "{shell}");
        assert_eq!(read("image"), b"alpine\n", "{shell}");
        assert!(String::from_utf8(read("PROJECT")).unwrap().contains("a\"b"), "{shell}");
        assert_eq!(fs::read_to_string(temp.join("paths")).unwrap(), "HELLO 0644\n");
        // The content of its temporary directory has been removed.
        assert_eq!(fs::read_dir(&temp).unwrap().count(), 1, "{shell}");
        programs.assert_valid(&["HostLine", "ProgramLine"]);
    }
}

#[test]
fn a_chain_of_libraries_and_programs_is_one_transaction() {
    if !has("python3") {
        return;
    }
    let sandbox = Sandbox::new().plugin("shipyard");
    let sandbox = sandbox.library("license.so", &built("libpintle_plugin_license.so"));
    let programs = Programs::with(sandbox);
    programs.add_example("tests", "scaffold.sh");
    programs.add_example("index", "scaffold.py");
    let init = "init --plugins shipyard,tests,index,license --project-name demo --domain example.org --owner Ada";
    let out = programs.run(init).success();
    expect![[r#"
        + INDEX
        + LICENSE
        + README.md
        + fleet.txt
        + log.txt
        + sail.sh
        + test.sh
        + PROJECT
        [exit 0]
    "#]]
    .assert_eq(&out.to_string());
    let read = |path: &str| fs::read_to_string(programs.work().join(path)).unwrap();
    // The library before, the program's own, and the library after it.
    assert!(read("README.md").ends_with("Run the tests with `./test.sh`.\n"));
    assert!(
        read("test.sh").contains("SPDX-License-Identifier")
            && read("test.sh").contains("make test")
    );
    assert!(read("INDEX").contains("README.md "), "{}", read("INDEX"));
    expect![[r#"
        $ pintle create api --group crew --version v1 --kind Captain
        ~ INDEX
        ~ fleet.txt
        + ships/captain.txt
        ~ PROJECT
        [exit 0]
        $ pintle project check
        ok  shipyard.example.org/v1.0.0  installed and compatible
        ok  tests.pintle.dev/v1.0.0      installed and compatible
        ok  index.pintle.dev/v1.0.0      installed and compatible
        ok  license.pintle.dev/v1.0.0    installed and compatible
        ok  files                        8 scaffolded, 0 changed since then
        ok  plugins                      would create the same files today
        [exit 0]
        $ pintle delete api --group crew --version v1 --kind Captain
        ~ INDEX
        ~ fleet.txt
        - ships/captain.txt
        + wrecks.txt
        ~ PROJECT
        [exit 0]
        $ pintle project check
        ok  shipyard.example.org/v1.0.0  installed and compatible
        ok  tests.pintle.dev/v1.0.0      installed and compatible
        ok  index.pintle.dev/v1.0.0      installed and compatible
        ok  license.pintle.dev/v1.0.0    installed and compatible
        ok  files                        7 scaffolded, 0 changed since then
        ok  plugins                      would create the same files today
        [exit 0]
    "#]]
    .assert_eq(&programs.transcript(&[
        "create api --group crew --version v1 --kind Captain",
        "project check",
        "delete api --group crew --version v1 --kind Captain",
        "project check",
    ]));
    programs.assert_valid(&["ProgramInfo", "HostLine", "ProgramLine"]);
}

#[test]
fn a_tree_is_sent_when_it_is_asked_for_and_not_else() {
    let programs = Programs::with(Sandbox::new().plugin("good"));
    fs::create_dir(programs.work().join("many")).unwrap();
    for idx in 0..500 {
        fs::write(programs.work().join(format!("many/{idx}")), "x".repeat(1000)).unwrap();
    }
    programs.add_kit("quiet", &scaffolder("pintle_json x | pintle_add quiet"));
    let _ = programs.run("init --plugins good,quiet").success();
    let sent: usize = programs.kept("HostLine").iter().map(|it| it.to_string().len()).sum();
    assert!((1..10_000).contains(&sent), "{sent} bytes");
    programs.assert_valid(&["HostLine", "ProgramLine"]);
}

/// An sh scaffolder with these lines.
fn scaffolder(lines: &str) -> String {
    format!(
        "#!/bin/sh\n. \"${{0%/*}}/pintle.sh\"\nversion=1.0.0 info='project_versions: [\"3\"]\nscaffolds: [{{subcommand: init}}]'\n\
         scaffold() {{\n{lines}\n}}\npintle_main\n"
    )
}

#[test]
fn a_bad_line_of_a_scaffolder_is_an_error_and_makes_nothing() {
    for (script, expected) in [
        (
            "echo 'log line'",
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the program wrote a line that is not a message
              caused by: expected value at line 1 column 1
              caused by: the line is: log line
            hint: write messages for the user to the standard error
            [exit 1]
        "#]],
        ),
        (
            "printf '{\"reply\":{}}'; exit 0",
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the last line of the program's output is incomplete
              caused by: the line is: {"reply":{}}
            [exit 1]
        "#]],
        ),
        (
            "exit 0",
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the program exited without a reply
            hint: end each step with a `reply` or an `error`
            [exit 1]
        "#]],
        ),
        (
            "echo lost >&2; exit 3",
            expect![[r#"
            --- stderr ---
            lost
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: program `[PLUGINS]/bad` failed
              caused by: it exited with code 3
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{},"error":{}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the program wrote a line that is not a message
              caused by: it is not an object with one key
              caused by: the line is: {"reply":{},"error":{}}
            hint: write messages for the user to the standard error
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"a","text":1}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the program wrote an invalid `reply`
              caused by: invalid type: integer `1`, expected a string
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"../a","text":""}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: invalid path `../a`
              caused by: its part `..` is not a valid file name
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"/a","text":""}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: invalid path `/a`
              caused by: it is absolute
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"PROJECT","text":""}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: invalid path `PROJECT`
              caused by: it is reserved
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"a"}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the program wrote an invalid file `a`: exactly one of `text` and `base64` is required
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"HELLO","text":""}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: `bad.pintle.dev/v1.0.0` adds `HELLO`, which `good.example.org/v1.0.0` has already added
            hint: remove one of the two plugins from the chain
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"nodes":[{"path":"gone","text":"","change":"edit"}]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: `bad.pintle.dev/v1.0.0` edits `gone`, which does not exist
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{"deleted":["gone"]}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: `bad.pintle.dev/v1.0.0` deletes `gone`, which does not exist
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{}}'; echo more"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: the program wrote more output after its reply
              caused by: the line is: more
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"reply":{}}'; exit 5"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: program `[PLUGINS]/bad` failed
              caused by: it exited with code 5
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"error":{"message":"no","hint":"do"}}'"#,
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: no
            hint: do
            [exit 1]
        "#]],
        ),
        (
            r#"echo '{"fly":{}}'; read -r answer; echo "$answer" >&2; echo '{"reply":{}}'"#,
            expect![[r#"
            saw pre-project-init: init []
            + HELLO
            + PROJECT
            saw post-project-init: init ["HELLO"]
            --- stderr ---
            {"error":{"message":"this host does not support `fly`","causes":[],"kind":"unsupported"}}
            [exit 0]
        "#]],
        ),
        (
            r#"echo '{"nodes":{"path":"a","glob":"b"}}'; read -r answer; echo "$answer" >&2; echo '{"reply":{}}'"#,
            expect![[r#"
                saw pre-project-init: init []
                + HELLO
                + PROJECT
                saw post-project-init: init ["HELLO"]
                --- stderr ---
                {"error":{"message":"a selection can have only one of `path`, `glob` and `plugin`, and `subcommand` only with `plugin`","causes":[],"kind":"failed"}}
                [exit 0]
            "#]],
        ),
        (
            "kill -TERM $$",
            expect![[r#"
            --- stderr ---
            error: `init` failed in `bad.pintle.dev/v1.0.0` while scaffolding
              caused by: program `[PLUGINS]/bad` failed
              caused by: it was terminated by signal 15 (SIGTERM)
            [exit 1]
        "#]],
        ),
    ] {
        let programs = Programs::with(Sandbox::new().plugin("good"));
        let info =
            "version: 1.0.0\\nproject_versions: [\"3\"]\\nscaffolds: [{subcommand: init}]\\n";
        programs.add(
            "bad",
            &format!("#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf '{info}'; exit; fi\nread -r request\n{script}\n"),
        );
        let out = programs.run("init --plugins good,bad");
        expected.assert_eq(&out.to_string());
        assert_eq!(programs.work().join("PROJECT").exists(), out.code() == 0, "{script}: {out}");
    }
}

const PYTHON: &str = r#"#!/usr/bin/env python3
import sys
from pintle import Error, Plugin, UsageError, arg

plugin = Plugin(version="1.0.0", description="All that the kit has")


@plugin.hook("pre-project-init", "post-project-init")
def watch(event):
    print(event.name, event.payload["subcommand"])
    if event.name == "pre-project-init" and event.payload["project"]["name"] == "ghost":
        event.veto("there are no ghosts")


@plugin.command(
    "kit show",
    arg("name", kind="positional", complete=lambda word: ["ada", ("bob", "is two")]),
    arg("output", short="o", choices=["text", "json", "yaml"], default="text"),
)
def show(call):
    name = call.get("name", "nobody")
    if name == "code":
        return 7
    if name == "wrong":
        raise UsageError("not so", hint="so")
    if name == "error":
        raise Error("no", causes=["a", "b"])
    if name == "crash":
        raise ValueError("crash")
    if name == "again":
        call.continue_with("kit", "show", "a\"b\n–")
    call.show({"name": name}, table={"columns": ["NAME"], "rows": [[name]]})


@plugin.scaffold("init", arg("title", default="A title", complete=lambda word: ["Aye aye"]))
def init(step):
    print("for the user")
    assert step.paths(glob="HEL*") == ["HELLO"], step.paths()
    hello = step.read("HELLO")
    assert step.read("gone") is None and hello.mode == 0o644, hello.mode
    step.edit("HELLO", hello.text.upper())
    step.add("binary", b"\xff\0", mode=0o755)
    step.put("image", step.ask("Which image?", default="alpine"))


@plugin.scaffold("init", step="inject_config")
def configure(step):
    step.set(config={"title": step.args["title"]})


plugin.main()
"#;

#[test]
fn the_kit_for_python_does_all_that_a_program_can() {
    if !has("python3") {
        return;
    }
    let programs = Programs::with(Sandbox::new().plugin("good"));
    programs.add_kit("kit", PYTHON);
    expect![[r#"
        $ pintle plugin check kit
        plugin      kit.pintle.dev/v1.0.0
        path        [PLUGINS]/kit
        file        a program that describes itself
        project     3
        event       pre-project-init
        event       post-project-init
        command     `kit show`, 2 arguments
        subcommand  `init`, 1 flag
        all checks passed
        [exit 0]
        $ pintle kit show ada
        NAME
        ada
        [exit 0]
        $ pintle kit show ada -o json
        {
          "name": "ada"
        }
        [exit 0]
        $ pintle kit show code
        [exit 7]
        $ pintle kit show wrong
        --- stderr ---
        error: not so
        hint: so
        [exit 2]
        $ pintle kit show error
        --- stderr ---
        error: no
          caused by: a
          caused by: b
        [exit 1]
        $ pintle kit show again
        NAME
        a"b\n–
        [exit 0]
        $ pintle init --plugins good,kit --project-name ghost
        saw pre-project-init: init []
        --- stderr ---
        for the user
        pre-project-init init
        error: plugin `kit.pintle.dev/v1.0.0` vetoed `pre-project-init`: there are no ghosts
        [exit 1]
        $ pintle init --plugins good,kit --motto ahoy --project-name demo
        saw pre-project-init: init []
        + HELLO
        + binary
        + image
        + PROJECT
        saw post-project-init: init ["HELLO", "binary", "image"]
        --- stderr ---
        for the user
        pre-project-init init
        post-project-init init
        [exit 0]
    "#]]
    .assert_eq(&programs.transcript(&[
        "plugin check kit",
        "kit show ada",
        "kit show ada -o json",
        "kit show code",
        "kit show wrong",
        "kit show error",
        "kit show again",
        "init --plugins good,kit --project-name ghost",
        "init --plugins good,kit --motto ahoy --project-name demo",
    ]));
    let crash = programs.run("kit show crash");
    assert!(crash.code() == 1 && crash.stderr.contains("ValueError: crash"), "{crash}");
    let read = |name: &str| fs::read(programs.work().join(name)).unwrap();
    assert_eq!(read("HELLO"), b"AHOY\n");
    assert_eq!(read("binary"), [0xff, 0]);
    assert!(String::from_utf8(read("PROJECT")).unwrap().contains("title: A title"));
    let complete = "PINTLE_COMPLETE=zsh $PINTLE -- pintle kit show ''";
    let out = programs.script(&[], complete).success();
    assert!(out.stdout.contains("ada") && out.stdout.contains("is two"), "{out}");
    let complete = "PINTLE_COMPLETE=fish $PINTLE -- pintle init --plugins=kit --title A";
    assert_eq!(programs.script(&[], complete).success().stdout, "Aye aye\n");
    programs.assert_valid(&[
        "ProgramInfo",
        "HookEvent",
        "ProgramHookReply",
        "CommandRequest",
        "ProgramCommandReply",
        "HostLine",
        "ProgramLine",
    ]);
}

#[test]
fn a_command_rewrites_arguments() {
    if !has("python3") {
        return;
    }
    let programs = Programs::new();
    programs.add_example("rewrite", "rewrite.py");
    let out = programs.run("small up prod").to_string();
    expect![[r#"
        --- stderr ---
        error: a small cluster is not for production
        hint: choose another name
        [exit 2]
    "#]]
    .assert_eq(&out);
    // There is no engine at this address, so the intended command fails.
    let mut programs = programs;
    programs.set_env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let out = programs.run("small up tiny --env A=b");
    assert_eq!(out.code(), 5, "{out}");
    let replies = programs.kept("ProgramCommandReply");
    let reply = replies.last().unwrap();
    assert_eq!(
        reply["continue"].to_string(),
        r#"["cluster","create","tiny","--agents","0","--env","A=b"]"#
    );
    programs.assert_valid(&["ProgramInfo", "CommandRequest", "ProgramCommandReply"]);
}

#[test]
fn a_program_in_go_is_a_plugin() {
    if !has("go") {
        return;
    }
    let programs = Programs::new();
    let built = programs.path("gopher");
    let out = Command::new("go")
        .args(["build", "-o"])
        .arg(&built)
        .current_dir(kit_file("go/main.go").parent().unwrap())
        .env("GOFLAGS", "-mod=mod")
        .env("GOTOOLCHAIN", "local")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    programs.add_file("gopher", &built);
    expect![[r#"
        $ pintle plugin check gopher
        plugin   gopher.pintle.dev/v1.0.0
        path     [PLUGINS]/gopher
        file     a program that describes itself
        event    pre-cluster-create
        command  `gopher greet`, 1 argument
        all checks passed
        [exit 0]
        $ pintle gopher greet ada
        hello, ada
        [exit 0]
        $ pintle gopher greet --help
        Greet somebody

        Usage: pintle gopher greet [OPTIONS] [NAME]

        Arguments:
          [NAME]  [default: gopher]

        Options:
          -h, --help  Print help

        Global options:
              --allow-panic-abort     Load plugins whose panics end the host
              --disable-plugin <KEY>  Ignore this plugin (can be repeated)
              --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
          -q, --quiet                 Show only errors
          -v, --verbose...            Show more messages (twice: all messages)

        Plugin: gopher.pintle.dev/v1.0.0
        [exit 0]
    "#]]
    .assert_eq(&programs.transcript(&[
        "plugin check gopher",
        "gopher greet ada",
        "gopher greet --help",
    ]));
    let out = programs.run_args(["gopher", "greet", " "]);
    assert_eq!(out.code(), 2, "{out}");
    programs.assert_valid(&["ProgramInfo", "CommandRequest", "ProgramCommandReply"]);
}

/// An sh hook that does everything that hooks of clusters can do.
const HARBOUR: &str = r#"#!/bin/sh
set -eu
. "${0%/*}/pintle.sh"
version=1.0.0
info='options:
  - command: cluster create
    args: [{ name: berth, help: A label of the nodes }, { name: wreck, kind: flag }]'
on_pre_cluster_create() {
    [ -z "${PINTLE_ARG_WRECK-}" ] || pintle_fail 'there is a wreck' 'take another berth'
    pintle_amend_label berth "${PINTLE_ARG_BERTH:-none}"
    pintle_amend_env MOTTO "$(pintle_get config harbour.pintle.dev motto)"
    pintle_amend_env LINES "$(printf 'a "b"\n\\c')"
    pintle_amend_file /etc/motd 'Ahoy!
' 600
    pintle_amend_mirror docker.io https://a.example.org https://b.example.org
}
on_post_cluster_create() {
    pintle_container "$PINTLE_CLUSTER-buoy" "$BUOY" server
    echo "sh: $PINTLE_CLUSTER in $PINTLE_DOCKER_NETWORK, ${PINTLE_DOCKER_CONTROL%%=*}, ${PINTLE_DOCKER_AGENTS%%=*}"
}
pintle_main
"#;

#[test]
fn a_hook_in_sh_amends_a_cluster() {
    let Some(berth) = Berth::standin("amend") else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let berth = berth.env("BUOY", &image).env("PATH", "/usr/bin:/bin");
    let programs = Programs::in_sandbox(&berth.sandbox);
    programs.add_kit("harbour", HARBOUR);
    let file = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nspec: {agents: 1}\nplugins: {harbour.pintle.dev: {motto: ahoy}}\n";
    fs::write(berth.sandbox.work().join("c.yaml"), file).unwrap();
    expect![[r#"
        $ pintle cluster create NAME --config c.yaml --wreck
        --- stderr ---
        creating the cluster `NAME`
        removing what was created
        error: the hook of plugin `harbour.pintle.dev/v1.0.0` on `pre-cluster-create` failed
          caused by: there is a wreck
          caused by: it exited with code 1
        hint: take another berth
        [exit 1]
        $ pintle cluster create NAME --config c.yaml --berth 7
        --- stderr ---
        creating the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        sh: NAME in pintle-NAME, pintle-NAME-server-0, pintle-NAME-agent-0
        the cluster `NAME` is ready
        [exit 0]
    "#]]
    .assert_eq(&berth.transcript(&[
        "cluster create NAME --config c.yaml --wreck",
        "cluster create NAME --config c.yaml --berth 7",
    ]));
    let node = format!("pintle-{}-agent-0", berth.name);
    let config = berth.engine.inspect(&node).config.unwrap();
    assert_eq!(config.labels.unwrap()["berth"], "7");
    let env = config.env.unwrap();
    assert!(env.contains(&"MOTTO=ahoy".to_owned()), "{env:?}");
    assert!(env.contains(&"LINES=a \"b\"\n\\c".to_owned()), "{env:?}");
    assert_eq!(berth.engine.file(&node, "/etc/motd").as_deref(), Some("Ahoy!\n"));
    let registries = berth.engine.file(&node, "/etc/rancher/k3s/registries.yaml").unwrap();
    assert!(registries.contains("https://b.example.org"), "{registries}");
    assert!(berth.engine.has_container(&format!("{}-buoy", berth.name)));
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
    assert!(!berth.engine.has_container(&format!("{}-buoy", berth.name)));
    programs.assert_valid(&["ProgramInfo", "HookEvent", "ProgramHookReply"]);
}

/// Prints what it sees of the nodes of a cluster.
const NODES: &str = r#"#!/bin/sh
. "${0%/*}/pintle.sh"
version=1.0.0
on_pre_node_create() {
    echo "sh: before $(pintle_get nodes 0 name), cluster $PINTLE_CLUSTER"
}
on_post_node_create() { echo "sh: after $(pintle_get nodes 0 name)"; }
on_pre_node_delete() { echo "sh: before the end of $(pintle_get nodes 0 name)"; }
on_post_node_delete() { echo "sh: $(pintle_get nodes 0 name) has gone"; }
pintle_main
"#;

#[test]
fn a_hook_in_sh_sees_the_nodes_of_a_cluster() {
    let Some(berth) = Berth::standin("nodes") else { return };
    let berth = berth.env("PATH", "/usr/bin:/bin");
    let programs = Programs::in_sandbox(&berth.sandbox);
    programs.add_kit("nodes", NODES);
    let _ = berth.run("cluster create NAME").success();
    expect![[r#"
        $ pintle node create --cluster NAME
        --- stderr ---
        sh: before pintle-NAME-agent-0, cluster NAME
        adding pintle-NAME-agent-0 to the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        sh: after pintle-NAME-agent-0
        the node `pintle-NAME-agent-0` has joined
        [exit 0]
        $ pintle node delete pintle-NAME-agent-0
        --- stderr ---
        sh: before the end of pintle-NAME-agent-0
        sh: pintle-NAME-agent-0 has gone
        the node `pintle-NAME-agent-0` is gone
        [exit 0]
    "#]]
    .assert_eq(
        &berth.transcript(&["node create --cluster NAME", "node delete pintle-NAME-agent-0"]),
    );
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
    programs.assert_valid(&["ProgramInfo", "HookEvent"]);
}

#[test]
fn a_library_a_shell_script_and_a_python_script_have_hooks_on_one_event() {
    if !has("python3") {
        return;
    }
    let Some(berth) = Berth::standin("three") else { return };
    let berth = berth.plugin("harbour").env("PATH", &std::env::var("PATH").unwrap_or_default());
    let programs = Programs::in_sandbox(&berth.sandbox);
    programs.add_example("hook", "hook.sh");
    let python = "#!/usr/bin/env python3\nfrom pintle import Plugin\n\nplugin = Plugin(version=\"1.0.0\")\n\n\n\
                  @plugin.hook(\"post-cluster-create\")\ndef ready(event):\n    print(f\"python: {event.cluster} is ready\")\n\n\n\
                  plugin.main()\n";
    programs.add_kit("python", python);
    let out = berth.run("cluster create NAME").success();
    for line in [
        format!("cluster {} is ready", berth.name),
        format!("python: {} is ready", berth.name),
        format!("harbour: post-cluster-create {} in", berth.name),
    ] {
        let n = out.stderr.lines().filter(|it| it.starts_with(&line)).count();
        assert_eq!(n, 1, "{line}: {out}");
    }
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
    programs.assert_valid(&["ProgramInfo", "HookEvent"]);
}

#[test]
fn a_host_of_another_name_has_programs_with_its_own_prefix() {
    if !has("python3") {
        return;
    }
    let programs = Programs::with(Sandbox::of(example("rudder"), "RUDDER"));
    for name in ["pintle.sh", "pintle.py"] {
        fs::copy(kit_file(name), programs.plugins().join(name)).unwrap();
    }
    programs.add(
        "ship",
        r#"#!/bin/sh
pintle_prefix=RUDDER
. "${0%/*}/pintle.sh"
version=1.0.0
info='commands: [{ command: ship name, args: [{ name: x, kind: positional }] }]'
run() {
    echo "$RUDDER_HOST $(pintle_var HOST_VERSION) $RUDDER_ARG_X ${PINTLE_COMMAND-none}"
    pintle_continue boat name "$1"
}
pintle_main "$@"
"#,
    );
    programs.add(
        "boat.py",
        r#"#!/usr/bin/env python3
from pintle import Plugin, arg

plugin = Plugin(version="1.0.0", prefix="RUDDER")


@plugin.command("boat name", arg("x", kind="positional"))
def name(call):
    print(plugin.key, call["x"])


plugin.main()
"#,
    );
    expect![[r#"
        $ rudder ship name ada
        rudder 2.3.4 ada none
        boat.rudder.example/v1.0.0 ada
        [exit 0]
    "#]]
    .assert_eq(&programs.transcript(&["ship name ada"]));
}

#[test]
fn ctrl_c_ends_a_command() {
    let programs = Programs::new();
    let text = "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n\
                commands: [{command: wait here}]\\n'; exit; fi\n\
                trap 'echo cleaned up; exit 9' TERM\necho $$ >pid\nwhile :; do sleep 0.1; done\n";
    programs.add("waits", text);
    let child = programs.start(["wait", "here"]);
    let pid = wait_for(&programs.work().join("pid"));
    // Only to the process itself: a terminal would signal both.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let out = programs.finish(child);
    assert_eq!((out.code(), out.stdout.as_str()), (130, "cleaned up\n"), "{out}");
    assert_ended(&pid);
}

#[test]
fn a_program_that_completes_nothing_in_time_is_no_obstacle() {
    let programs = Programs::new();
    let text = "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n\
                capabilities: [complete]\\n\
                commands: [{command: wait here, args: [{name: x, completed: true}]}]\\n'; exit; fi\n\
                sleep 600\n";
    programs.add("waits", text);
    let complete = "PINTLE_COMPLETE=bash $PINTLE -- 'pintle wait here --x ' ''";
    let start = Instant::now();
    let out = programs.script(&[], complete).success();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("paths\n", ""));
}

/// A program that describes itself, with a hook on `pre-cluster-create`.
fn says(info: &str) -> String {
    format!(
        "#!/bin/sh\n[ \"$PINTLE_COMMAND\" = INFO ] || exit 0\ncat <<'.'\nversion: 1.0.0\n{info}\n.\n"
    )
}

#[test]
fn options_that_clash_disturb_no_command_of_the_host() {
    let programs = Programs::new();
    let hook = "events: [pre-cluster-create]";
    let adds = |arg: &str| format!("options: [{{command: cluster create, args: [{arg}]}}]");
    programs.add("takes", &says(&format!("{hook}\n{}", adds("{name: agents}"))));
    programs.add("hookless", &says(&adds("{name: berth}")));
    expect![[r#"
        $ pintle plugin check pintle-plugins/takes
        --- stderr ---
        error: plugin `pintle-plugins/takes` is refused
          caused by: its declaration of the options for `cluster create` is invalid
          caused by: `--agents` belongs to the host
        hint: report this to the plugin's author
        [exit 3]
        $ pintle plugin check pintle-plugins/hookless
        --- stderr ---
        error: plugin `pintle-plugins/hookless` is refused
          caused by: it adds options to `cluster create`, but has no hook on its events
          caused by: `cluster create` has the events pre-cluster-create, post-cluster-create, post-cluster-delete
        hint: report this to the plugin's author
        [exit 3]
    "#]]
    .assert_eq(&{
        std::os::unix::fs::symlink(programs.plugins(), programs.work().join("pintle-plugins"))
            .unwrap();
        programs.transcript(&[
            "plugin check pintle-plugins/takes",
            "plugin check pintle-plugins/hookless",
        ])
    });
    let out = programs.run("cluster create --help").success();
    assert!(out.stdout.contains("--agents"), "{out}");
    // Each of two programs is valid; together they are not.
    programs.add("zed-a", &says(&format!("{hook}\n{}", adds("{name: zed}"))));
    programs.add("zed-b", &says(&format!("{hook}\n{}", adds("{name: other, aliases: [zed]}"))));
    let out = programs.run("cluster create --help").success();
    assert!(out.stdout.contains("--zed"), "{out}");
    assert!(out.stderr.contains("warning: plugin `zed-b.pintle.dev/v1.0.0`"), "{out}");
    let out = programs.run("cluster create demo");
    assert_eq!(out.code(), 4, "{out}");
    assert!(out.stderr.contains("`--zed` belongs to plugin zed-a.pintle.dev/v1.0.0"), "{out}");
    assert!(out.stderr.contains("--disable-plugin zed-b.pintle.dev/v1.0.0"), "{out}");
}

#[test]
fn a_name_that_is_not_text_keeps_no_answer_from_being_kept() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let programs = Programs::new();
    let log = programs.work().join("asked");
    let text = format!(
        "#!/bin/sh\necho asked >>'{}'\nprintf 'version: 1.0.0\\nname: NAME\\n'\n",
        log.display()
    );
    programs.add("good", &text.replace("NAME", "good"));
    let odd = programs.plugins().join(OsStr::from_bytes(b"odd\xff"));
    fs::rename(programs.plugins().join("good"), &odd).unwrap();
    programs.add("good", &text.replace("NAME", "good"));
    let n_asked = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    thread::sleep(SETTLED);
    let _ = programs.run("plugin list").success();
    let n_first = n_asked();
    let _ = programs.run("plugin list").success();
    // Only the one whose answer cannot be cached.
    assert_eq!(n_asked(), n_first + 1);
}

#[test]
fn what_is_never_asked_is_not_registered() {
    let programs = Programs::new();
    for name in [".hidden", "x.so.1"] {
        programs.add("it", GOOD);
        fs::rename(programs.plugins().join("it"), programs.work().join(name)).unwrap();
    }
    fs::create_dir(programs.work().join("folder")).unwrap();
    let fifo = Command::new("mkfifo").arg(programs.work().join("fifo")).status();
    assert!(fifo.is_ok_and(|it| it.success()));
    expect![[r#"
        $ pintle plugin register .hidden
        --- stderr ---
        error: `[SANDBOX]/desk/.hidden` is hidden, so the host would ignore it
        hint: rename it: the name of a plugin file does not begin with `.`
        [exit 2]
        $ pintle plugin register x.so.1
        --- stderr ---
        error: `[SANDBOX]/desk/x.so.1` has a version after its suffix, so the host would ignore it
        hint: register the file that ends in `.so`
        [exit 2]
        $ pintle plugin register folder
        --- stderr ---
        error: `[SANDBOX]/desk/folder` is not a file
        hint: specify the file of a program or a library
        [exit 2]
        $ pintle plugin register fifo
        --- stderr ---
        error: `[SANDBOX]/desk/fifo` is not a file
        hint: specify the file of a program or a library
        [exit 2]
        $ pintle plugin register /
        --- stderr ---
        error: `/` is not a file
        hint: specify the file of a program or a library
        [exit 2]
    "#]]
    .assert_eq(&programs.transcript(&[
        "plugin register .hidden",
        "plugin register x.so.1",
        "plugin register folder",
        "plugin register fifo",
        "plugin register /",
    ]));
}

#[test]
fn an_empty_veto_is_one_and_an_empty_variable_names_no_directory() {
    let mut programs = watcher("echo '{\"veto\": \"\"}' >$PINTLE_REPLY; echo \"$PINTLE_REPLY\"");
    programs.set_env("TMPDIR", "");
    let out = programs.run(INIT);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("`pre-project-init`: no reason given"), "{out}");
    assert!(out.stderr.contains("/tmp/plugin-"), "{out}");
}

/// Runs a command on a terminal, where the user types the first argument.
const ON_A_TERMINAL: &str = r#"
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b''
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if b'one?: ' in shown and sys.argv[1]:
        os.write(fd, sys.argv[1].encode().decode('unicode_escape').encode())
        sys.argv[1] = ''
print(shown.decode().replace('\r', ''), end='')
print('code', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn a_question_is_escaped_and_can_be_left_unanswered() {
    if !has("python3") {
        return;
    }
    let programs = Programs::with(Sandbox::new().plugin("good"));
    programs.add(
        "asks",
        "#!/bin/sh\nif [ $PINTLE_COMMAND = INFO ]; then printf 'version: 1.0.0\\n\
         project_versions: [\"3\"]\\nscaffolds: [{subcommand: init}]\\n'; exit; fi\n\
         read -r request\n\
         echo '{\"service\":{\"service\":\"prompt\",\"question\":\"Which\\u001b[31m one?\"}}'\n\
         read -r answer\necho \"got $answer\" >&2\n\
         case $answer in *'was not answered'*) echo '{\"error\":{\"message\":\"no answer\"}}' ;; \
         *) echo '{\"reply\":{}}' ;; esac\n",
    );
    fs::write(programs.path("terminal.py"), ON_A_TERMINAL).unwrap();
    let terminal = programs.path("terminal.py").display().to_string();
    let run = |typed: &str| {
        let line = format!("python3 {terminal} '{typed}' \"$PINTLE\" init --plugins good,asks");
        programs.script(&[], &line).stdout
    };
    let answered = run("the red one\\n");
    assert!(answered.contains(r"Which\u{1b}[31m one?: "), "{answered}");
    assert!(answered.contains(r#""answer":"the red one""#), "{answered}");
    assert!(answered.ends_with("code 0\n"), "{answered}");
    fs::remove_dir_all(programs.work()).unwrap();
    fs::create_dir(programs.work()).unwrap();
    let left = run("\\x04");
    assert!(left.contains("caused by: no answer"), "{left}");
    assert!(left.ends_with("code 1\n"), "{left}");
}

#[test]
fn a_reply_that_is_a_list_is_not_read() {
    let out = watcher("echo '[\"no\"]' >$PINTLE_REPLY").run(INIT);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("expected an object"), "{out}");
}
