//! kubebuilder's external plugins in this host's chains, and this host's plugins in kubebuilder.
//!
//! The programs are scripts that implement the protocol, written by the tests that run them.

use crate::control_plane::program;
use crate::support::{Sandbox, built, skip};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The start of each Python script: it records the request, and can answer.
const PRELUDE: &str = r#"
import json, os, sys
request = json.loads(sys.stdin.buffer.read().decode())
command, args = request["command"], request["args"] or []
with open(LOG, "a") as log:
    log.write(NAME + " " + " ".join([command] + args) + "\n")
def answer(**fields):
    answer = {"apiVersion": "v1alpha1", "command": command, **fields}
    sys.stdout.write(json.dumps(answer))
    sys.exit(0)
def value(flag, default=None):
    return args[args.index(flag) + 1] if flag in args else default
universe = request["universe"]
"#;

/// Adds a mast at `init`, and a figurehead to each kind.
const CARVER: &str = r##"
if command == "metadata":
    answer(metadata={"description": "Carves", "examples": "# A big one\nkubebuilder init --mast 9"})
if command == "flags":
    flags = [{"name": "mast", "type": "int", "default": "1", "usage": "How many masts"}]
    answer(flags=flags if args == ["--init"] else [])
if command == "init":
    print("carving", file=sys.stderr)
    fleet = universe["fleet.txt"].replace("\n\n", "\nmasts " + value("--mast", "1") + "\n\n", 1)
    answer(universe={"mast.txt": "oak\n", "fleet.txt": fleet})
if command == "create api":
    kind = value("--kind").lower()
    answer(universe={"figures/" + kind + ".txt": "a figure for " + kind + "\n"})
answer(universe=universe)
"##;

/// Answers with all files that it receives.
const ECHO: &str = "
if command == 'flags' or command == 'metadata':
    answer()
answer(universe=universe)
";

/// Returns the Python 3 program; skips the test if it is missing.
#[track_caller]
fn python() -> Option<String> {
    // A launcher that depends on the environment cannot be the interpreter of a script.
    let out = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    match out {
        Ok(out) if out.status.success() => {
            Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
        }
        _ => {
            skip("python3");
            None
        }
    }
}

/// Returns a sandbox with a shipyard, a painter, and a directory for external plugins.
fn yard() -> Sandbox {
    let sandbox = Sandbox::new().plugin("shipyard").plugin("painter");
    let root = sandbox.path("external");
    fs::create_dir(&root).expect("the sandbox is new");
    sandbox.env("EXTERNAL_PLUGINS_PATH", root)
}

/// Adds a script as an external plugin; returns its path.
#[track_caller]
fn script(sandbox: &Sandbox, name: &str, version: &str, text: &str) -> PathBuf {
    let dir = sandbox.path("external").join(name).join(version);
    let (draft, path) = (sandbox.path("draft"), dir.join(name));
    fs::create_dir_all(&dir).expect("the sandbox is writable");
    fs::write(&draft, text).expect("the sandbox is writable");
    // From another process: a program that is open for writing cannot be run, and a host that
    // another test starts would inherit the file while this process writes it.
    let status = Command::new("install").args(["-m", "755"]).arg(&draft).arg(&path).status();
    assert!(status.is_ok_and(|it| it.success()), "a script can be installed");
    path
}

#[track_caller]
fn sh(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    script(sandbox, name, "v1", &format!("#!/bin/sh\n{text}\n"))
}

/// Adds a Python script; returns `None` if Python is missing.
#[track_caller]
fn py(sandbox: &Sandbox, name: &str, text: &str) -> Option<PathBuf> {
    let python = python()?;
    let log = sandbox.path("log").display().to_string();
    let names = format!("LOG, NAME = {log:?}, {name:?}");
    Some(script(sandbox, name, "v1", &format!("#!{python}\n{names}\n{PRELUDE}\n{text}")))
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

/// Checks a listing, whose columns are as wide as the paths of this machine.
#[track_caller]
fn check_list(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    let text = sandbox.transcript(lines);
    let shown = text.lines().map(|line| {
        let columns = line.split("  ").map(str::trim).filter(|it| !it.is_empty());
        columns.collect::<Vec<_>>().join("  ") + "\n"
    });
    expected.assert_eq(&shown.collect::<String>());
}

/// Returns the requests for which the scripts have run so far, and clears the list.
fn starts(sandbox: &Sandbox) -> String {
    let log = sandbox.path("log");
    let text = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(log);
    text
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    fs::read_to_string(sandbox.work().join(path)).unwrap_or_else(|err| format!("{path}: {err}"))
}

fn write(sandbox: &Sandbox, path: &str, bytes: impl AsRef<[u8]>) {
    let path = sandbox.work().join(path);
    fs::create_dir_all(path.parent().expect("it is inside")).expect("the project is writable");
    fs::write(path, bytes).expect("the project is writable");
}

/// Returns all files below a directory, with modes and bytes.
fn tree(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the project is readable") {
            let path = entry.expect("the project is readable").path();
            let name = path.strip_prefix(root).expect("it is inside").display().to_string();
            match path.is_dir() {
                _ if name.starts_with(".pintle/run") => {}
                true => folders.push(path),
                false => {
                    let mode = path.metadata().expect("it is there").permissions().mode();
                    files.insert(name, (mode, fs::read(path).expect("it is there")));
                }
            }
        }
    }
    files
}

const CREATE: &str = "create api --group crew --version v1 --kind Captain";

#[test]
fn native_and_external_plugins_are_one_chain_and_one_transaction() {
    let sandbox = yard();
    let Some(_) = py(&sandbox, "carver.example.org", CARVER) else { return };
    let init = "init -q --plugins shipyard,carver,painter --project-name demo --mast 3";
    let lines = [
        init,
        "create api -q --group crew --version v1 --kind Captain",
        "project check -q",
        "project blame figures/captain.txt",
        "project blame fleet.txt",
        "create api -q --group crew --version v1 --kind Captain --force --dry-run",
        "delete api -q --group crew --version v1 --kind Captain",
        "project check -q",
    ];
    check(
        &sandbox,
        &lines,
        expect![[r#"
        $ pintle init -q --plugins shipyard,carver,painter --project-name demo --mast 3
        --- stderr ---
        carving
        [exit 0]
        $ pintle create api -q --group crew --version v1 --kind Captain
        [exit 0]
        $ pintle project check -q
        ok    shipyard.example.org/v1.0.0  installed and compatible
        ok    carver.example.org/v1.0.0    installed and compatible
        note  painter.example.org/v1.0.0   it is deprecated: paint is out of fashion
        ok    files                        7 scaffolded, 0 changed since then
        ok    plugins                      would create the same files today
        [exit 0]
        $ pintle project blame figures/captain.txt
        PATH                 STATE      BY
        figures/captain.txt  unchanged  carver.example.org/v1.0.0 (2 create api), painter.example.org/v1.0.0 (2 create api)
        [exit 0]
        $ pintle project blame fleet.txt
        PATH       STATE      BY
        fleet.txt  unchanged  shipyard.example.org/v1.0.0 (1 init), carver.example.org/v1.0.0 (1 init), painter.example.org/v1.0.0 (1 init), shipyard.example.org/v1.0.0 (2 create api)
        [exit 0]
        $ pintle create api -q --group crew --version v1 --kind Captain --force --dry-run
        ~ fleet.txt
        [exit 0]
        $ pintle delete api -q --group crew --version v1 --kind Captain
        [exit 0]
        $ pintle project check -q
        ok    shipyard.example.org/v1.0.0  installed and compatible
        ok    carver.example.org/v1.0.0    installed and compatible
        note  painter.example.org/v1.0.0   it is deprecated: paint is out of fashion
        ok    files                        5 scaffolded, 0 changed since then
        ok    plugins                      would create the same files today
        [exit 0]
    "#]],
    );
    expect![[r#"
        painted by 3 of 3
        port home
        masts 3

        # +pintle:scaffold:ships
    "#]]
    .assert_eq(&read(&sandbox, "fleet.txt"));
    expect![[r#"
        version: "3"
        domain: my.domain
        projectName: demo
        cliVersion: "0.1.0"
        layout:
        - shipyard.example.org/v1.0.0
        - carver.example.org/v1.0.0
        - painter.example.org/v1.0.0
        plugins:
          shipyard.example.org/v1.0.0:
            port: home
            flag: white
    "#]]
    .assert_eq(&read(&sandbox, "PROJECT"));
}

#[test]
fn a_program_gets_the_bytes_that_kubebuilder_sends() {
    let sandbox = yard();
    let Some(_) = py(&sandbox, "second", ECHO) else { return };
    let saved = sandbox.path("request");
    let text = format!(
        "cat >{0}.new\ngrep -qE '\"command\":\"(flags|metadata)\"' {0}.new || mv {0}.new {0}\n\
         echo '{{}}'",
        saved.display()
    );
    sh(&sandbox, "sample.example.org", &text);
    let request = || fs::read_to_string(&saved).expect("it was saved");
    let init = "init -q --plugins shipyard,sample,second --project-name demo --domain a.org";
    let _ = sandbox.run(words(init)).success();
    expect![[r##"{"apiVersion":"v1alpha1","args":["--domain","a.org"],"command":"init","universe":{"README.md":"# demo\n\nFair winds.\n\n1. No fire.\n2. No sleep.\n3. No song.\n","fleet.txt":"port home\n\n# +pintle:scaffold:ships\n","log.txt":"empty\n","sail.sh":"#!/bin/sh\necho sailing\n"},"pluginChain":["shipyard.example.org/v1","sample.example.org/v1","second/v1"],"config":{"cliVersion":"0.1.0","domain":"a.org","layout":["shipyard.example.org/v1","sample.example.org/v1","second/v1"],"plugins":{"shipyard.example.org/v1":{"flag":"white","port":"home"}},"projectName":"demo","version":"3"}}"##]].assert_eq(&request());
    write(&sandbox, "notes.txt", "<&>\u{2028}\n");
    let _ = sandbox.run(words(&format!("{CREATE} -q --controller=false"))).success();
    expect![[r##"{"apiVersion":"v1alpha1","args":["--group","crew","--version","v1","--kind","Captain","--controller=false"],"command":"create api","universe":{"PROJECT":"version: \"3\"\ndomain: a.org\nprojectName: demo\ncliVersion: \"0.1.0\"\nlayout:\n- shipyard.example.org/v1.0.0\n- sample.example.org/v1.0.0\n- second.pintle.dev/v1.0.0\nplugins:\n  shipyard.example.org/v1.0.0:\n    port: home\n    flag: white\n","README.md":"# demo\n\nFair winds.\n\n1. No fire.\n2. No sleep.\n3. No song.\n","fleet.txt":"port home\n\n# +pintle:scaffold:ships\n","log.txt":"empty\n","notes.txt":"\u003c\u0026\u003e\u2028\n","sail.sh":"#!/bin/sh\necho sailing\n","ships/captain.txt":"Captain of one sea\n"},"pluginChain":["shipyard.example.org/v1","sample.example.org/v1","second/v1"],"config":{"cliVersion":"0.1.0","domain":"a.org","layout":["shipyard.example.org/v1","sample.example.org/v1","second/v1"],"plugins":{"shipyard.example.org/v1":{"flag":"white","port":"home"}},"projectName":"demo","resources":[{"api":{"crdVersion":"v1","namespaced":true},"domain":"a.org","group":"crew","kind":"Captain","version":"v1"}],"version":"3"}}"##]].assert_eq(&request());
    let _ = sandbox.run(words("edit -q --plugins sample")).success();
    let edit = request();
    assert!(
        edit.starts_with(r#"{"apiVersion":"v1alpha1","args":null,"command":"edit","#),
        "{edit}"
    );
}

#[test]
fn a_program_that_returns_all_files_changes_none() {
    let sandbox = yard();
    let Some(_) = py(&sandbox, "echo.example.org", ECHO) else { return };
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    write(&sandbox, "logo.png", b"\x89PNG\r\n\x1a\n\xff\xfe\0");
    write(&sandbox, "latin.txt", b"na\xefve\n");
    write(&sandbox, "nul.txt", b"a\0b");
    write(&sandbox, "crlf.txt", "one\r\ntwo");
    write(&sandbox, ".git/objects/ab/cd", b"x\x9c\xff");
    write(&sandbox, ".git/index", b"DIRC\0\0\0\x02\xff");
    write(&sandbox, ".env", "TOKEN=secret\n");
    write(&sandbox, ".gitignore", "ignored.txt\n");
    write(&sandbox, "ignored.txt", "ignored\n");
    write(&sandbox, "only-mine.txt", "mine\n");
    let mine = sandbox.work().join("only-mine.txt");
    fs::set_permissions(mine, fs::Permissions::from_mode(0o600)).expect("it is accessible");
    let without_record = |mut it: BTreeMap<String, (u32, Vec<u8>)>| {
        it.retain(|path, _| path != "PROJECT" && !path.starts_with(".pintle/"));
        it
    };
    let before = without_record(tree(&sandbox.work()));
    let out = sandbox.run(words("edit --plugins echo")).success();
    assert_eq!(out.stdout, "~ PROJECT\n", "{out}");
    assert_eq!(before, without_record(tree(&sandbox.work())));
}

#[test]
fn secrets_and_ignored_files_are_sent_if_the_user_wants_it() {
    let mut sandbox = yard();
    let list = "
if command == 'edit':
    print(' '.join(it for it in universe), file=sys.stderr)
answer()
";
    let Some(_) = py(&sandbox, "list.example.org", list) else { return };
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    write(&sandbox, ".env.local", "TOKEN=secret\n");
    write(&sandbox, ".git/config", "[core]\n");
    write(&sandbox, ".gitignore", "*.tmp\n/ignored/\n");
    write(&sandbox, "a.tmp", "ignored\n");
    write(&sandbox, "ignored/b", "ignored\n");
    let shown = |sandbox: &Sandbox| sandbox.run(words("edit --plugins list --dry-run")).stderr;
    let fixed = "README.md fleet.txt log.txt sail.sh";
    assert_eq!(shown(&sandbox), format!(".gitignore PROJECT {fixed}\n"));
    sandbox.set_env("PINTLE_EXTERNAL_PLUGINS_SEND_ALL", "1");
    let expected = ".env.local .gitignore PROJECT README.md a.tmp fleet.txt ignored/b log.txt";
    assert_eq!(shown(&sandbox), format!("{expected} sail.sh\n"));
}

#[test]
fn paths_that_a_plugin_may_not_write_are_refused() {
    let sandbox = yard();
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    write(&sandbox, "logo.png", b"\x89PNG\xff\0");
    let before = tree(&sandbox.path(""));
    let mut shown = String::new();
    for path in [
        "../escaped",
        "a/../../escaped",
        ".git/hooks/pre-commit",
        ".pintle/x",
        "PROJECT",
        "logo.png",
        "a\\\\b",
    ] {
        let answer = format!(r#"{{"universe": {{"good.txt": "x", "{path}": "y"}}}}"#);
        sh(&sandbox, "bad", &format!("cat >/dev/null; cat <<'END'\n{answer}\nEND"));
        let out = sandbox.run(words("edit --plugins bad"));
        let _ = write!(shown, "{path}\n{out}");
    }
    expect![[r#"
        ../escaped
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the path `../escaped` is outside the project
        hint: this is a defect of the plugin; report it to its author
        [exit 1]
        a/../../escaped
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the path `a/../../escaped` is outside the project
        hint: this is a defect of the plugin; report it to its author
        [exit 1]
        .git/hooks/pre-commit
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid path `.git/hooks/pre-commit`
          caused by: it is reserved
        [exit 1]
        .pintle/x
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid path `.pintle/x`
          caused by: it is reserved
        [exit 1]
        PROJECT
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the plugin changed `PROJECT`, which only the host may change
        hint: this is a defect of the plugin; report it to its author
        [exit 1]
        logo.png
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: `bad.pintle.dev/v1.0.0` adds `logo.png`, which already exists
        hint: use `--force` to overwrite `logo.png`, or `--skip-existing` to keep it
        [exit 1]
        a\\b
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid path `a\b`
          caused by: it contains a backslash
        [exit 1]
    "#]]
    .assert_eq(&shown);
    let mut after = tree(&sandbox.path(""));
    after.retain(|path, _| !path.starts_with("external/") && path != "draft");
    assert_eq!(before, after);

    // A path that begins with `/` is relative to the project, as in kubebuilder.
    sh(&sandbox, "bad", r#"cat >/dev/null; echo '{"universe": {"/sub//./new.txt": "x"}}'"#);
    let out = sandbox.run(words("edit --plugins bad")).success();
    assert_eq!(out.stdout, "+ sub/new.txt\n~ PROJECT\n");
}

#[test]
fn wrong_answers_are_refused_with_the_key_and_the_last_lines() {
    let sandbox = yard();
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    let mut shown = String::new();
    for answer in [
        r"exit 0",
        r"printf '\357\273\277{}'",
        r"echo starting; echo '{}'",
        r"echo '{} done'",
        r#"echo '{"universe": {"a": 1}}'"#,
        r#"echo '{"error": "yes"}'"#,
        r"echo one >&2; echo two >&2; exit 3",
        r#"echo '{"universe": {"a": "b"}}'; echo late >&2; exit 3"#,
        r"kill -9 $$",
        r#"echo '{"error": true}'"#,
        r#"echo '{"error": true, "errorMsgs": ["no wood", "no nails"]}'"#,
        r#"echo '{"error": true, "errorMsgs": ["no wood"]}'; exit 3"#,
        r#"echo '{"ERROR": true, "error_msg": "no oak"}'; exit 1"#,
    ] {
        let text = format!("grep -q '\"command\":\"edit\"' || {{ echo '{{}}'; exit; }}\n{answer}");
        sh(&sandbox, "bad", &text);
        let out = sandbox.run(words("edit --plugins bad --dry-run"));
        let _ = write!(shown, "{answer}\n{out}");
    }
    expect![[r#"
        exit 0
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid response to `edit`
          caused by: the standard output is empty
        hint: report this to the author of `bad/v1`
        [exit 1]
        printf '\357\273\277{}'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid response to `edit`
          caused by: the standard output begins with a byte order mark, which JSON does not allow
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo starting; echo '{}'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid response to `edit`
          caused by: the standard output is not a single JSON value: it begins with `starting`: expected value at line 1 column 1
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo '{} done'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid response to `edit`
          caused by: the standard output is not a single JSON value: it begins with `{} done`: trailing characters at line 1 column 4
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo '{"universe": {"a": 1}}'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid response to `edit`
          caused by: `universe["a"]` is not a string
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo '{"error": "yes"}'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: invalid response to `edit`
          caused by: `error` is not `true` or `false`
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo one >&2; echo two >&2; exit 3
        --- stderr ---
        one
        two
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the program failed: exit status: 3
          caused by: the standard error ends with:
            one
            two
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo '{"universe": {"a": "b"}}'; echo late >&2; exit 3
        --- stderr ---
        late
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the program failed: exit status: 3
          caused by: the standard error ends with:
            late
        hint: report this to the author of `bad/v1`
        [exit 1]
        kill -9 $$
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the program failed: signal: 9 (SIGKILL)
        hint: report this to the author of `bad/v1`
        [exit 1]
        echo '{"error": true}'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: the plugin reported an error without a message
        [exit 1]
        echo '{"error": true, "errorMsgs": ["no wood", "no nails"]}'
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: no wood
          caused by: no nails
        [exit 1]
        echo '{"error": true, "errorMsgs": ["no wood"]}'; exit 3
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: no wood
        [exit 1]
        echo '{"ERROR": true, "error_msg": "no oak"}'; exit 1
        --- stderr ---
        error: `edit` failed in `bad.pintle.dev/v1.0.0` while scaffolding
          caused by: no oak
        [exit 1]
    "#]].assert_eq(&shown);
}

#[test]
fn what_kubebuilder_accepts_is_accepted() {
    let sandbox = yard();
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    for answer in [
        r"null",
        r"{}",
        r#"{"universe": null, "flags": null, "errorMsgs": null}"#,
        r#"{"APIVersion": "v999", "COMMAND": "other", "Universe": {}, "Error": false}"#,
    ] {
        sh(&sandbox, "odd", &format!("cat >/dev/null; echo '{answer}'"));
        let out = sandbox.run(words("edit --plugins odd --dry-run")).success();
        assert_eq!(out.stdout, "~ PROJECT\n", "{answer}: {out}");
    }
    let answer = r#"{"uniVerse": {"a.txt": "\ud800 \u0000"}}"#;
    sh(&sandbox, "odd", &format!("cat >/dev/null; cat <<'END'\n{answer}\nEND"));
    let _ = sandbox.run(words("edit -q --plugins odd")).success();
    assert_eq!(read(&sandbox, "a.txt"), "\u{fffd} \0");
}

#[test]
fn flags_have_types_defaults_and_help() {
    let sandbox = yard();
    let flags = r#"
if command == "flags" and args == ["--edit"]:
    names = [("crew", "int", "5"), ("size", "float", "1.5"), ("loud", "bool", "true"),
             ("calm", "bool", ""), ("motto", "string", "fair winds"), ("kind", "string", "")]
    answer(Flags=[{"Name": n, "Type": t, "Default": d, "Usage": "The " + n} for n, t, d in names])
if command == "metadata" and args == ["--edit"]:
    answer(Metadata={"Description": "Trims the sails\n\nOf all ships.",
                     "Examples": "  # Fast\n  kubebuilder edit --crew 9"})
if command == "edit":
    print(json.dumps(request["args"]), file=sys.stderr)
answer()
"#;
    let Some(_) = py(&sandbox, "trim.example.org", flags) else { return };
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    let lines = [
        "edit --plugins trim --help",
        "edit --plugins trim --dry-run",
        "edit --plugins trim --dry-run --crew 7 --loud=false --calm --motto=--x --size 2.5",
        "edit --plugins trim --dry-run --crew many",
    ];
    check(
        &sandbox,
        &lines,
        expect![[r#"
        $ pintle edit --plugins trim --help
        Trims the sails

        Of all ships.

        Usage: pintle edit [OPTIONS]

        Options:
              --crew <CREW>
                  The crew

                  [default: 5]

              --plugins <KEY,…>
                  The plugins to run, and to add to the project

              --force
                  Recreate what already exists

              --size <SIZE>
                  The size

                  [default: 1.5]

              --loud [<LOUD>]
                  The loud

                  [default: true]
                  [possible values: true, false]

              --skip-existing
                  Keep files that already exist

              --calm [<CALM>]
                  The calm

                  [possible values: true, false]

              --dry-run
                  List the changes without making them

              --diff
                  Show the changes line by line without making them

              --motto <MOTTO>
                  The motto

                  [default: "fair winds"]

              --dump-universe[=<DETAIL>]
                  Print all files as the plugins left them, as JSON

                  [possible values: summary, paths, full]

          -o, --output <FORMAT>
                  The output format

                  [default: text]
                  [possible values: text, json, yaml]

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

        Plugins: trim.example.org/v1.0.0
        [exit 0]
        $ pintle edit --plugins trim --dry-run
        ~ PROJECT
        --- stderr ---
        null
        [exit 0]
        $ pintle edit --plugins trim --dry-run --crew 7 --loud=false --calm --motto=--x --size 2.5
        ~ PROJECT
        --- stderr ---
        ["--crew", "7", "--size", "2.5", "--loud=false", "--calm", "--motto=--x"]
        [exit 0]
        $ pintle edit --plugins trim --dry-run --crew many
        --- stderr ---
        error: invalid value 'many' for '--crew <CREW>': invalid digit found in string

        For more information, try '--help'.
        [exit 2]
    "#]],
    );
}

#[test]
fn a_program_that_does_not_say_its_flags_gets_all_that_are_given() {
    let sandbox = yard();
    let text = r#"
if command == "edit":
    print(json.dumps(request["args"]), file=sys.stderr)
    answer()
sys.exit(1)
"#;
    let Some(_) = py(&sandbox, "old.example.org", text) else { return };
    let _ = sandbox.run(words("init -q --plugins shipyard --project-name demo")).success();
    let out = sandbox.run(words("edit --plugins old --dry-run --any thing --more --x=1")).success();
    assert_eq!(out.stderr, "[\"--any\", \"thing\", \"--more\", \"--x\", \"1\"]\n");
}

#[test]
fn flags_are_asked_for_once_per_command_and_metadata_once_per_file() {
    let sandbox = yard();
    let Some(path) = py(&sandbox, "carver.example.org", CARVER) else { return };
    age(&path);
    let init = "init -q --plugins shipyard,carver --project-name demo";
    let _ = sandbox.run(words(init)).success();
    expect![[r#"
        carver.example.org flags --init
        carver.example.org metadata --init
        carver.example.org init
    "#]]
    .assert_eq(&starts(&sandbox));
    let _ = sandbox.run(words(CREATE)).success();
    let _ = sandbox.run(words("create api --help")).success();
    expect![[r#"
        carver.example.org flags --api
        carver.example.org metadata --api
        carver.example.org create api --group crew --version v1 --kind Captain
        carver.example.org flags --api
    "#]]
    .assert_eq(&starts(&sandbox));
    // No program runs for information that is already known.
    for line in ["--help", "create --help", "plugin list", "plugin inspect carver", "version"] {
        let _ = sandbox.run(words(line)).success();
    }
    let _ = sandbox.run(["__complete", "--", "create", "api", "--"]);
    let _ = sandbox.run(["completion", "bash"]).success();
    assert_eq!(starts(&sandbox), "");
}

/// Waits until a change of a file is visible in its time.
fn age(path: &Path) {
    let is_old = || {
        let changed = path.metadata().and_then(|it| it.modified()).expect("it is there");
        changed.elapsed().is_ok_and(|it| it.as_millis() > 200)
    };
    while !is_old() {
        std::thread::yield_now();
    }
}

#[test]
fn a_plugin_that_fails_late_leaves_nothing() {
    let sandbox = yard();
    let Some(_) = py(&sandbox, "carver.example.org", CARVER) else { return };
    sh(
        &sandbox,
        "late",
        r#"grep -q '"command":"init"' && echo '{"error": true, "errorMsgs": ["too late"]}'"#,
    );
    let before = tree(&sandbox.work());
    let line = "init --plugins shipyard,carver,late,painter --project-name demo";
    check(
        &sandbox,
        &[line],
        expect![[r#"
        $ pintle init --plugins shipyard,carver,late,painter --project-name demo
        --- stderr ---
        warning: plugin `painter.example.org/v1.0.0` is deprecated: paint is out of fashion
        carving
        error: `init` failed in `late.pintle.dev/v1.0.0` while scaffolding
          caused by: too late
        [exit 1]
    "#]],
    );
    assert_eq!(before, tree(&sandbox.work()));
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let sandbox = yard().env("PINTLE_HOOK_TIMEOUT", "300ms");
    let pid = sandbox.path("pid");
    let text = format!(
        "grep -q '\"command\":\"init\"' || {{ echo '{{}}'; exit; }}\nsleep 600 & echo $! >{}\nwait",
        pid.display()
    );
    sh(&sandbox, "slow", &text);
    check(
        &sandbox,
        &["init --plugins slow --project-name demo"],
        expect![[r#"
            $ pintle init --plugins slow --project-name demo
            --- stderr ---
            error: `init` failed in `slow.pintle.dev/v1.0.0` while scaffolding
              caused by: failed to run `[SANDBOX]/external/slow/v1/slow`
              caused by: it timed out after 300ms
            hint: if it needs more time, set `PINTLE_HOOK_TIMEOUT`, for example to `10m`
            [exit 1]
        "#]],
    );
    assert_gone(&pid);
    assert!(!sandbox.work().join("PROJECT").exists());
}

#[test]
fn ctrl_c_ends_a_program_with_its_children() {
    let sandbox = yard();
    let (pid, log) = (sandbox.path("pid"), sandbox.path("pid.new"));
    let text = format!(
        "grep -q '\"command\":\"init\"' || {{ echo '{{}}'; exit; }}\n\
         sleep 600 & echo $! >{0}\nmv {0} {1}\nwait",
        log.display(),
        pid.display()
    );
    sh(&sandbox, "slow", &text);
    let host = sandbox.start(words("init --plugins shipyard,slow --project-name demo"));
    while !pid.exists() {
        std::thread::yield_now();
    }
    let number = i32::try_from(host.id()).ok().and_then(rustix::process::Pid::from_raw);
    let number = number.expect("a process has an id");
    rustix::process::kill_process(number, rustix::process::Signal::INT).expect("it runs");
    let out = sandbox.finish(host);
    assert_eq!(out.code(), 130, "{out}");
    assert_gone(&pid);
    assert!(!sandbox.work().join("PROJECT").exists());
}

/// Checks that the process whose id is in a file has ended.
#[track_caller]
fn assert_gone(pid: &Path) {
    let pid = fs::read_to_string(pid).expect("the script ran").trim().to_owned();
    // It may still be a zombie until its new parent has waited for it.
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn an_external_plugin_is_checked_by_its_own_protocol() {
    let sandbox = yard();
    let Some(_) = py(&sandbox, "carver.example.org", CARVER) else { return };
    let lines = ["plugin check carver", "plugin inspect carver", "plugin list --check"];
    check_list(
        &sandbox,
        &lines,
        expect![[r#"
        $ pintle plugin check carver
        plugin  carver.example.org/v1.0.0
        path  [SANDBOX]/external/carver.example.org/v1/carver.example.org
        file  a program that describes itself
        project  3
        subcommand  `init`, 1 flag
        subcommand  `edit`, 0 flags
        subcommand  `create api`, 0 flags
        subcommand  `create webhook`, 0 flags
        all checks passed
        [exit 0]
        $ pintle plugin inspect carver
        file  [SANDBOX]/external/carver.example.org/v1/carver.example.org
        name  carver.example.org
        version  1.0.0
        description  An external plugin of kubebuilder
        project  3
        subcommands  init, edit, create api, create webhook
        this host  accepts it
        [exit 0]
        $ pintle plugin list --check
        KEY  STATE  TRANSPORT  PROVIDES  REASON
        painter.example.org/v1.0.0  ok  native  init, create api  it is deprecated: paint is out of fashion
        shipyard.example.org/v1.0.0  ok  native  init, edit, create api, create webhook, delete api
        carver.example.org/v1.0.0  ok  external  init, edit, create api, create webhook
        [exit 0]
    "#]],
    );
}

#[test]
fn what_makes_kubebuilder_lose_its_plugins_is_listed_and_disturbs_nothing() {
    let sandbox = yard();
    sh(&sandbox, "good.example.org", "cat >/dev/null; echo '{}'");
    let root = sandbox.path("external");
    fs::write(root.join(".DS_Store"), "").expect("it is accessible");
    fs::write(root.join("good.example.org/.DS_Store"), "").expect("it is accessible");
    fs::write(root.join("good.example.org/v1/.DS_Store"), "").expect("it is accessible");
    script(&sandbox, "good.example.org", "v1.0.0", "");
    script(&sandbox, "good.example.org", "v2-alpha", "");
    script(&sandbox, "Capital", "v1", "");
    let idle = script(&sandbox, "idle", "v1", "");
    fs::set_permissions(idle, fs::Permissions::from_mode(0o644)).expect("it is accessible");
    fs::create_dir_all(root.join("empty/v1")).expect("it is accessible");
    let lines = ["plugin list", "init -q --plugins shipyard,good --project-name demo"];
    check_list(
        &sandbox,
        &lines,
        expect![[r#"
            $ pintle plugin list
            KEY  STATE  TRANSPORT  PROVIDES  REASON
            painter.example.org/v1.0.0  ok  native  init, create api  it is deprecated: paint is out of fashion
            shipyard.example.org/v1.0.0  ok  native  init, edit, create api, create webhook, delete api
            [SANDBOX]/external/Capital/v1/Capital  refused  external  -  its directory `Capital` is not a valid plugin name
            [SANDBOX]/external/empty/v1  refused  external  -  it has no file `empty`
            [SANDBOX]/external/good.example.org/.DS_Store  refused  external  -  it is not a version directory; kubebuilder finds no external plugins while it exists
            [SANDBOX]/external/good.example.org/v1/.DS_Store  refused  external  -  it is not a plugin; kubebuilder finds no external plugins while it exists
            good.example.org/v1.0.0  ok  external  init, edit, create api, create webhook
            [SANDBOX]/external/good.example.org/v1.0.0/good.example.org  refused  external  -  its directory `v1.0.0` is not a valid kubebuilder version
            good.example.org/v2.0.0-alpha  ok  external  init, edit, create api, create webhook
            [SANDBOX]/external/idle/v1/idle  refused  external  -  it is not executable
            [exit 0]
            $ pintle init -q --plugins shipyard,good --project-name demo
            [exit 0]
        "#]],
    );

    let sandbox = sandbox.env("EXTERNAL_PLUGINS_PATH", "/nowhere");
    check_list(
        &sandbox,
        &["plugin list"],
        expect![[r#"
            $ pintle plugin list
            KEY  STATE  TRANSPORT  PROVIDES  REASON
            painter.example.org/v1.0.0  ok  native  init, create api  it is deprecated: paint is out of fashion
            shipyard.example.org/v1.0.0  ok  native  init, edit, create api, create webhook, delete api
            /nowhere  refused  external  -  it cannot be listed: No such file or directory (os error 2)
            [exit 0]
        "#]],
    );
    // Without the variable, the user's configuration applies.
    let home = sandbox.path("home").join(".config/kubebuilder");
    fs::create_dir_all(&home).expect("it is accessible");
    fs::rename(root, home.join("plugins")).expect("it is accessible");
    let sandbox = sandbox.without_env("EXTERNAL_PLUGINS_PATH");
    let out = sandbox.run(words("plugin list -o json")).success();
    let path = "[HOME]/.config/kubebuilder/plugins/good.example.org/v1/good.example.org\"";
    assert!(out.stdout.contains(path), "{out}");
}

/// Makes the bridge of a plugin answer a request.
#[track_caller]
fn bridged(sandbox: &Sandbox, key: &str, request: &str) -> String {
    let out =
        sandbox.script(&[], &format!("$PINTLE bridge kubebuilder {key} <<'END'\n{request}\nEND"));
    out.to_string()
}

#[test]
fn a_bridge_answers_each_request_with_one_object() {
    let sandbox = yard();
    let mut shown = String::new();
    for request in [
        r#"{"apiVersion": "v1alpha1", "args": ["--init"], "command": "metadata", "universe": {}}"#,
        r#"{"apiVersion": "v1alpha1", "args": ["--init"], "command": "flags", "universe": {}}"#,
        r#"{"apiVersion": "v1alpha1", "args": ["--webhook"], "command": "flags", "universe": {}}"#,
        r#"{"command": "init", "args": ["--port", "west", "--license", "none"], "universe": {".git/x": "y"}, "config": {"version": "3", "layout": ["shipyard.example.org/v1"]}}"#,
        r#"{"command": "init", "args": null, "universe": {"log.txt": "mine\n"}}"#,
        r#"{"command": "create api", "args": ["--group", "crew", "--version", "v1", "--kind", "Captain", "--namespaced=false"], "universe": {"fleet.txt": "port\n\n# +pintle:scaffold:ships\n"}, "config": {"domain": "a.org"}}"#,
        r#"{"command": "create webhook", "args": ["--group", "crew", "--version", "v1", "--kind", "Captain", "--defaulting"], "universe": {}}"#,
        r#"{"command": "create webhook", "args": ["--group", "crew", "--version", "v1", "--kind", "Captain"], "universe": {}}"#,
        r#"{"command": "create api", "args": ["--group", "crew", "--version", "1", "--kind", "Captain"], "universe": {}}"#,
        r#"{"command": "delete api", "args": null, "universe": {}}"#,
        "starting",
    ] {
        let _ = write!(shown, "{request}\n{}", bridged(&sandbox, "shipyard", request));
    }
    let _ = write!(shown, "{}", bridged(&sandbox, "nobody", r#"{"command": "init"}"#));
    expect![[r##"
        {"apiVersion": "v1alpha1", "args": ["--init"], "command": "metadata", "universe": {}}
        {"apiVersion":"v1alpha1","command":"metadata","metadata":{"description":"Builds ships","examples":""},"error":false}
        [exit 0]
        {"apiVersion": "v1alpha1", "args": ["--init"], "command": "flags", "universe": {}}
        {"apiVersion":"v1alpha1","command":"flags","error":false,"flags":[{"name":"domain","type":"string","default":"my.domain","usage":"The domain of the API groups"},{"name":"repo","type":"string","default":"","usage":"The repository of the project"},{"name":"project-name","type":"string","default":"","usage":"The name of the project"},{"name":"namespaced","type":"bool","default":"false","usage":"Restrict the operator to its own namespace"},{"name":"force","type":"bool","default":"false","usage":"Recreate what already exists"},{"name":"skip-existing","type":"bool","default":"false","usage":"Keep files that already exist"},{"name":"port","type":"string","default":"","usage":"Where the ships lie"}]}
        [exit 0]
        {"apiVersion": "v1alpha1", "args": ["--webhook"], "command": "flags", "universe": {}}
        {"apiVersion":"v1alpha1","command":"flags","error":false,"flags":[{"name":"domain","type":"string","default":"","usage":"The domain of the API group, if PROJECT has none"},{"name":"project-name","type":"string","default":"","usage":"The name of the project, if PROJECT has none"},{"name":"plural","type":"string","default":"","usage":"The plural of the kind [default: the English plural]"},{"name":"defaulting","type":"bool","default":"false","usage":"Create the webhook that sets defaults"},{"name":"programmatic-validation","type":"bool","default":"false","usage":"Create the webhook that accepts or denies objects"},{"name":"conversion","type":"bool","default":"false","usage":"Create the webhook that converts between versions"},{"name":"force","type":"bool","default":"false","usage":"Recreate what already exists"},{"name":"skip-existing","type":"bool","default":"false","usage":"Keep files that already exist"}]}
        [exit 0]
        {"command": "init", "args": ["--port", "west", "--license", "none"], "universe": {".git/x": "y"}, "config": {"version": "3", "layout": ["shipyard.example.org/v1"]}}
        {"apiVersion":"v1alpha1","command":"init","universe":{"README.md":"# desk\n\nFair winds.\n\n1. No fire.\n2. No sleep.\n3. No song.\n","fleet.txt":"port west\n\n# +pintle:scaffold:ships\n","log.txt":"empty\n","sail.sh":"#!/bin/sh\necho sailing\n"},"error":false}
        --- stderr ---
        kubebuilder does not store the plugin's configuration; specify its flags with each command
        warning: kubebuilder cannot make `sail.sh` executable; run `chmod +x sail.sh`
        [exit 0]
        {"command": "init", "args": null, "universe": {"log.txt": "mine\n"}}
        {"apiVersion":"v1alpha1","command":"init","error":true,"errorMsgs":["`init` failed in `shipyard.example.org/v1.0.0` while scaffolding: `shipyard.example.org/v1.0.0` adds `log.txt`, which already exists","hint: use `--force` to overwrite `log.txt`, or `--skip-existing` to keep it"]}
        [exit 0]
        {"command": "create api", "args": ["--group", "crew", "--version", "v1", "--kind", "Captain", "--namespaced=false"], "universe": {"fleet.txt": "port\n\n# +pintle:scaffold:ships\n"}, "config": {"domain": "a.org"}}
        {"apiVersion":"v1alpha1","command":"create api","universe":{"fleet.txt":"port\n\nship captain\n# +pintle:scaffold:ships\n","ships/captain.txt":"Captain of all seas\n"},"error":false}
        [exit 0]
        {"command": "create webhook", "args": ["--group", "crew", "--version", "v1", "--kind", "Captain", "--defaulting"], "universe": {}}
        {"apiVersion":"v1alpha1","command":"create webhook","universe":{"hooks/captain-defaulting.txt":"defaulting \n"},"error":false}
        [exit 0]
        {"command": "create webhook", "args": ["--group", "crew", "--version", "v1", "--kind", "Captain"], "universe": {}}
        {"apiVersion":"v1alpha1","command":"create webhook","error":true,"errorMsgs":["no webhook is selected: use `--defaulting`, `--programmatic-validation` or `--conversion`"]}
        [exit 0]
        {"command": "create api", "args": ["--group", "crew", "--version", "1", "--kind", "Captain"], "universe": {}}
        {"apiVersion":"v1alpha1","command":"create api","error":true,"errorMsgs":["invalid version `1`: it must be `v` and a number, optionally followed by `alpha` or `beta` and a number"]}
        [exit 0]
        {"command": "delete api", "args": null, "universe": {}}
        {"apiVersion":"v1alpha1","command":"delete api","error":true,"errorMsgs":["invalid request: unknown command `delete api`","hint: let kubebuilder run this command; it sends the request as one JSON object"]}
        [exit 0]
        starting
        {"apiVersion":"v1alpha1","command":"","error":true,"errorMsgs":["invalid request: not valid JSON: expected value at line 1 column 1","hint: let kubebuilder run this command; it sends the request as one JSON object"]}
        [exit 0]
        {"apiVersion":"v1alpha1","command":"init","error":true,"errorMsgs":["plugin `nobody` is not installed","hint: install the plugin in a directory that `pintle plugin abi` lists"]}
        [exit 0]
    "##]].assert_eq(&shown);
    assert_eq!(tree(&sandbox.work()), BTreeMap::new());
}

#[test]
fn a_bridge_is_installed_where_kubebuilder_looks() {
    let sandbox = yard();
    let lines = ["bridge install shipyard", "bridge install shipyard", "plugin list"];
    check_list(
        &sandbox,
        &lines,
        expect![[r#"
            $ pintle bridge install shipyard
            [SANDBOX]/external/shipyard.example.org/v1/shipyard.example.org
            [exit 0]
            $ pintle bridge install shipyard
            [SANDBOX]/external/shipyard.example.org/v1/shipyard.example.org
            [exit 0]
            $ pintle plugin list
            KEY  STATE  TRANSPORT  PROVIDES  REASON
            painter.example.org/v1.0.0  ok  native  init, create api  it is deprecated: paint is out of fashion
            shipyard.example.org/v1.0.0  ok  native  init, edit, create api, create webhook, delete api
            [SANDBOX]/external/shipyard.example.org/v1/shipyard.example.org  refused  external  -  it is a bridge to a plugin of this host
            [exit 0]
        "#]],
    );
    let path = sandbox.path("external").join("shipyard.example.org/v1/shipyard.example.org");
    assert_eq!(path.metadata().expect("it is there").permissions().mode() & 0o777, 0o755);
    fs::write(&path, "#!/bin/sh\n# mine\n").expect("it is accessible");
    let dir = sandbox.path("elsewhere").display().to_string();
    let lines = [
        "bridge install shipyard",
        "bridge install shipyard --force",
        "bridge install nobody",
        &format!("bridge install painter --dir {dir}"),
    ];
    let shown = sandbox.transcript(&lines).replace(&dir, "[ELSEWHERE]");
    expect![[r#"
        $ pintle bridge install shipyard
        --- stderr ---
        error: `[SANDBOX]/external/shipyard.example.org/v1/shipyard.example.org` already exists and is not a bridge of this host
        hint: use `--force` to overwrite it
        [exit 1]
        $ pintle bridge install shipyard --force
        [SANDBOX]/external/shipyard.example.org/v1/shipyard.example.org
        [exit 0]
        $ pintle bridge install nobody
        --- stderr ---
        error: plugin `nobody` is not installed
        hint: install the plugin in a directory that `pintle plugin abi` lists
        [exit 3]
        $ pintle bridge install painter --dir [ELSEWHERE]
        [SANDBOX]/elsewhere/painter.example.org/v1/painter.example.org
        [exit 0]
    "#]].assert_eq(&shown);
}

#[test]
fn kubebuilder_runs_a_plugin_of_this_host() {
    let Some(program) = program("kubebuilder") else { return };
    let sandbox = yard().library("rust.so", &built("libpintle_plugin_rust.so"));
    let _ = sandbox.run(words("bridge install rust")).success();
    // The plugin has its files formatted in both ways.
    let var = |name: &str| std::env::var_os(name).unwrap_or_default();
    let rustup = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let rustup = rustup.unwrap_or_else(|| Path::new(&var("HOME")).join(".rustup"));
    let sandbox = sandbox.env("PATH", var("PATH")).env("RUSTUP_HOME", rustup);
    // The project name, which kubebuilder does not record for external plugins.
    let run = |line: &str| kubebuilder(&sandbox, &program, "demo", line);
    let help = run("init --plugins rust.pintle.dev/v1 --help");
    assert!(help.contains("Scaffolds Kubernetes operators in Rust"), "{help}");
    assert!(help.contains("--project-name string"), "{help}");
    run("init --plugins rust.pintle.dev/v1 --domain example.org");
    let gvk = "--group crew --version v1 --kind Captain --domain example.org";
    run(&format!("create api {gvk}"));
    run(&format!("create webhook {gvk} --defaulting"));

    // The same commands of this host create the same files.
    let _ = sandbox.run(words("init -q --plugins rust --domain example.org --project-name demo"));
    let _ = sandbox.run(words(&format!("{CREATE} -q"))).success();
    let _ = sandbox
        .run(words("create webhook -q --group crew --version v1 --kind Captain --defaulting"))
        .success();
    let contents = |root: &Path| -> BTreeMap<String, String> {
        let files = tree(root).into_iter();
        let files = files.filter(|(path, _)| path != "PROJECT" && !path.starts_with(".pintle/"));
        files.map(|(path, (_, it))| (path, String::from_utf8_lossy(&it).into_owned())).collect()
    };
    let (theirs, ours) = (contents(&sandbox.path("demo")), contents(&sandbox.work()));
    assert!(theirs.contains_key("src/webhook/crew/v1/captain_defaulting.rs"));
    let paths = |it: &BTreeMap<String, String>| it.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&theirs), paths(&ours));
    for (path, text) in theirs {
        assert_eq!(text, ours[&path], "{path}");
    }
}

#[test]
fn kubebuilder_runs_a_plugin_of_this_host_beside_its_own() {
    let Some(program) = program("kubebuilder") else { return };
    if Command::new("go").arg("version").output().is_err() {
        skip("go");
        return;
    }
    let sandbox = yard();
    let _ = sandbox.run(words("bridge install shipyard")).success();
    let run = |line: &str| kubebuilder(&sandbox, &program, "chain", line);
    let read = |path: &str| {
        let path = sandbox.path("chain").join(path);
        fs::read_to_string(&path).unwrap_or_else(|err| format!("{}: {err}", path.display()))
    };
    let options = "--domain example.org --repo example.org/demo --project-name demo --port west";
    let offline = "--skip-go-version-check --fetch-deps=false";
    let chain = "--plugins shipyard.example.org/v1,go/v4";
    run(&format!("init {chain} {options} {offline}"));
    let gvk = "--group crew --version v1 --kind Captain";
    run(&format!("create api {gvk} --resource --controller --make=false"));
    run(&format!("create webhook {gvk} --defaulting --make=false"));
    expect![[r#"
        port west

        ship captain
        # +pintle:scaffold:ships
    "#]]
    .assert_eq(&read("fleet.txt"));
    assert_eq!(read("ships/captain.txt"), "Captain of one sea\n");
    assert_eq!(read("hooks/captain-defaulting.txt"), "defaulting \n");
    assert!(read("api/v1/captain_types.go").contains("type Captain struct"));
    assert!(read("PROJECT").contains("- shipyard.example.org/v1"), "{}", read("PROJECT"));

    // Both plugins create README.md, and kubebuilder reports why that fails.
    let chain = "--plugins go/v4,shipyard.example.org/v1";
    let out = kubebuilder_command(&sandbox, &program, "clash")
        .args(words(&format!("init {chain} {options} {offline}")))
        .output()
        .expect("kubebuilder can be run");
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success() && stderr.contains("`README.md`"), "{stderr}");
}

/// Returns kubebuilder with the sandbox's plugins, bridged, in a directory of the sandbox.
fn kubebuilder_command(sandbox: &Sandbox, program: &Path, dir: &str) -> Command {
    let work = sandbox.path(dir);
    fs::create_dir_all(&work).expect("the sandbox is writable");
    let mut command = Command::new(program);
    command.current_dir(work).env_clear().stdin(Stdio::null());
    // Go requires them, and the plugin requires its formatter.
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "GOPATH", "GOCACHE"] {
        command.envs(std::env::var_os(name).map(|it| (name, it)));
    }
    command
        .env("XDG_CACHE_HOME", sandbox.path("cache"))
        .env("EXTERNAL_PLUGINS_PATH", sandbox.path("external"))
        .env("PINTLE_PLUGIN_PATH", sandbox.plugins())
        .env("PINTLE_PLUGIN_SYSTEM_PATH", "");
    command
}

/// Runs kubebuilder, which must succeed, and returns its output.
#[track_caller]
pub(crate) fn kubebuilder(sandbox: &Sandbox, program: &Path, dir: &str, line: &str) -> String {
    let out = kubebuilder_command(sandbox, program, dir).args(words(line)).output();
    let out = out.expect("kubebuilder can be run");
    let text = [&out.stdout[..], &out.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(out.status.success(), "{line}: {}\n{text}", out.status);
    text
}
