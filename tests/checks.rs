//! `plugin check` and `plugin list --check`: they survive anything that a library does when it is
//! loaded, and warn about possible problems with it on other systems.

use crate::libraries::{cc_with, manifest, with_doubtful_options};
use crate::rebuilt;
use crate::support::{Sandbox, skip};
use crate::vices::{check_others, listed};
use expect_test::{Expect, expect};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// What libraries do when they are loaded, by the names of their files.
const DEEDS: &[(&str, &str)] = &[
    ("aborts", "abort();"),
    ("exits", "exit(0);"),
    ("exits-at-once", "_exit(3);"),
    ("crashes", "*(volatile int *)8 = 1;"),
    ("kills", "kill(getpid(), SIGKILL);"),
    ("hangs", "for (;;) pause();"),
    ("spins", "for (;;) spins++;"),
    ("floods", "for (;;) { write(1, flood, sizeof flood); write(2, flood, sizeof flood); }"),
    ("floods-and-aborts", "for (int i = 0; i < 200; i++) write(1, flood, sizeof flood); abort();"),
    ("closes-and-aborts", "close(1); abort();"),
    ("says-why", "fputs(\"no licence\\n\", stderr); exit(1);"),
    ("fails-at-the-end", "atexit(abort);"),
    ("leaves-a-process", "if (!fork()) { sleep(30); _exit(0); } abort();"),
];

/// Adds a library to the plugin directory that does something when it is loaded; returns false if
/// there is no compiler.
#[must_use]
fn put(sandbox: &Sandbox, name: &str) -> bool {
    let (_, deed) = DEEDS.iter().find(|it| it.0 == name).expect("the change is in the list");
    let manifest = manifest(name);
    let code = format!(
        "#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n\
         int {} = 0;\nstatic char flood[65536];\nstatic volatile long spins;\n\
         __attribute__((constructor)) static void act(void) {{ {deed} }}\n",
        manifest.abi.root,
    );
    cc_with(&sandbox.plugins().join(format!("{name}.so")), Some(&manifest), &code, &["-w"])
}

#[track_caller]
fn check(name: &str, expected: Expect) {
    let sandbox = Sandbox::new().env("PINTLE_CHECK_TIMEOUT", "2s");
    if put(&sandbox, name) {
        expected.assert_eq(&sandbox.transcript(&[&format!("plugin check {name}")]));
    }
}

#[test]
fn a_library_that_ends_the_process_is_reported() {
    check(
        "aborts",
        expect![[r#"
        $ pintle plugin check aborts
        --- stderr ---
        error: plugin file `[PLUGINS]/aborts.so` crashed while being loaded
          caused by: its process was terminated by signal 6 (SIGABRT)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "exits",
        expect![[r#"
        $ pintle plugin check exits
        --- stderr ---
        error: plugin file `[PLUGINS]/exits.so` crashed while being loaded
          caused by: its process exited with code 0
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "exits-at-once",
        expect![[r#"
        $ pintle plugin check exits-at-once
        --- stderr ---
        error: plugin file `[PLUGINS]/exits-at-once.so` crashed while being loaded
          caused by: its process exited with code 3
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "crashes",
        expect![[r#"
        $ pintle plugin check crashes
        --- stderr ---
        error: plugin file `[PLUGINS]/crashes.so` crashed while being loaded
          caused by: its process was terminated by signal 11 (SIGSEGV)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "kills",
        expect![[r#"
        $ pintle plugin check kills
        --- stderr ---
        error: plugin file `[PLUGINS]/kills.so` crashed while being loaded
          caused by: its process was terminated by signal 9 (SIGKILL)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "floods-and-aborts",
        expect![[r#"
        $ pintle plugin check floods-and-aborts
        --- stderr ---
        error: plugin file `[PLUGINS]/floods-and-aborts.so` crashed while being loaded
          caused by: its process was terminated by signal 6 (SIGABRT)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "closes-and-aborts",
        expect![[r#"
        $ pintle plugin check closes-and-aborts
        --- stderr ---
        error: plugin file `[PLUGINS]/closes-and-aborts.so` crashed while being loaded
          caused by: its process was terminated by signal 6 (SIGABRT)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
    check(
        "leaves-a-process",
        expect![[r#"
        $ pintle plugin check leaves-a-process
        --- stderr ---
        error: plugin file `[PLUGINS]/leaves-a-process.so` crashed while being loaded
          caused by: its process was terminated by signal 6 (SIGABRT)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
}

#[test]
fn a_library_that_never_returns_is_given_up() {
    check(
        "hangs",
        expect![[r#"
        $ pintle plugin check hangs
        --- stderr ---
        error: timed out after 2s while plugin file `[PLUGINS]/hangs.so` was being loaded
        hint: report this to the plugin's author, or set `PINTLE_CHECK_TIMEOUT` to a longer time limit for checks, for example `2m`
        [exit 70]
    "#]],
    );
    check(
        "spins",
        expect![[r#"
        $ pintle plugin check spins
        --- stderr ---
        error: timed out after 2s while plugin file `[PLUGINS]/spins.so` was being loaded
        hint: report this to the plugin's author, or set `PINTLE_CHECK_TIMEOUT` to a longer time limit for checks, for example `2m`
        [exit 70]
    "#]],
    );
    check(
        "floods",
        expect![[r#"
        $ pintle plugin check floods
        --- stderr ---
        error: timed out after 2s while plugin file `[PLUGINS]/floods.so` was being loaded
        hint: report this to the plugin's author, or set `PINTLE_CHECK_TIMEOUT` to a longer time limit for checks, for example `2m`
        [exit 70]
    "#]],
    );
}

#[test]
fn a_library_that_fails_when_the_process_ends_is_reported() {
    check(
        "fails-at-the-end",
        expect![[r#"
        $ pintle plugin check fails-at-the-end
        --- stderr ---
        error: plugin file `[PLUGINS]/fails-at-the-end.so` crashed while ending
          caused by: its process was terminated by signal 6 (SIGABRT)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
    "#]],
    );
}

#[test]
fn what_a_library_wrote_is_a_detail() {
    let sandbox = Sandbox::new();
    if put(&sandbox, "says-why") {
        let lines = ["plugin check says-why -v", "plugin check says-why -o json"];
        expect![[r#"
            $ pintle plugin check says-why -v
            --- stderr ---
            error: plugin file `[PLUGINS]/says-why.so` crashed while being loaded
              caused by: its process exited with code 1
            hint: this is a defect of the plugin; report it to its author
              it wrote to the standard error:
              no licence
            [exit 70]
            $ pintle plugin check says-why -o json
            --- stderr ---
            {
              "code": 70,
              "message": "plugin file `[PLUGINS]/says-why.so` crashed while being loaded",
              "causes": [
                "its process exited with code 1"
              ],
              "hint": "this is a defect of the plugin; report it to its author"
            }
            [exit 70]
        "#]]
        .assert_eq(&sandbox.transcript(&lines));
    }
}

#[test]
fn no_library_stops_the_listing() {
    let sandbox = Sandbox::new().plugin("good").env("PINTLE_CHECK_TIMEOUT", "5s");
    for (name, _) in DEEDS {
        if !put(&sandbox, name) {
            return;
        }
    }
    expect![[r#"
        aborts.so: aborts.example.org/v1.0.0, refused: plugin file `[PLUGINS]/aborts.so` crashed while being loaded: its process was terminated by signal 6 (SIGABRT)
        closes-and-aborts.so: closes-and-aborts.example.org/v1.0.0, refused: plugin file `[PLUGINS]/closes-and-aborts.so` crashed while being loaded: its process was terminated by signal 6 (SIGABRT)
        crashes.so: crashes.example.org/v1.0.0, refused: plugin file `[PLUGINS]/crashes.so` crashed while being loaded: its process was terminated by signal 11 (SIGSEGV)
        exits-at-once.so: exits-at-once.example.org/v1.0.0, refused: plugin file `[PLUGINS]/exits-at-once.so` crashed while being loaded: its process exited with code 3
        exits.so: exits.example.org/v1.0.0, refused: plugin file `[PLUGINS]/exits.so` crashed while being loaded: its process exited with code 0
        fails-at-the-end.so: fails-at-the-end.example.org/v1.0.0, refused: plugin file `[PLUGINS]/fails-at-the-end.so` crashed while ending: its process was terminated by signal 6 (SIGABRT)
        floods-and-aborts.so: floods-and-aborts.example.org/v1.0.0, refused: plugin file `[PLUGINS]/floods-and-aborts.so` crashed while being loaded: its process was terminated by signal 6 (SIGABRT)
        floods.so: floods.example.org/v1.0.0, refused: timed out after 5s while plugin file `[PLUGINS]/floods.so` was being loaded
        good.so: good.example.org/v1.0.0, ok: -
        hangs.so: hangs.example.org/v1.0.0, refused: timed out after 5s while plugin file `[PLUGINS]/hangs.so` was being loaded
        kills.so: kills.example.org/v1.0.0, refused: plugin file `[PLUGINS]/kills.so` crashed while being loaded: its process was terminated by signal 9 (SIGKILL)
        leaves-a-process.so: leaves-a-process.example.org/v1.0.0, refused: plugin file `[PLUGINS]/leaves-a-process.so` crashed while being loaded: its process was terminated by signal 6 (SIGABRT)
        says-why.so: says-why.example.org/v1.0.0, refused: plugin file `[PLUGINS]/says-why.so` crashed while being loaded: its process exited with code 1
        spins.so: spins.example.org/v1.0.0, refused: timed out after 5s while plugin file `[PLUGINS]/spins.so` was being loaded
    "#]].assert_eq(&listed(&sandbox, &["--check"], |_| true));
    check_others(&sandbox);
}

#[test]
fn a_plugin_that_crashes_while_it_is_described_is_reported() {
    let sandbox = Sandbox::new().library("panic-abort.so", &rebuilt::panic_abort());
    let sandbox = sandbox.env("FIXTURE_ABORTS_EARLY", "1");
    let lines =
        ["plugin check panic-abort --allow-panic-abort", "plugin check [PLUGINS]/panic-abort.so"];
    expect![[r#"
        $ pintle plugin check panic-abort --allow-panic-abort
        --- stderr ---
        error: plugin file `[PLUGINS]/panic-abort.so` crashed while describing its command `abort`
          caused by: its process was terminated by signal 6 (SIGABRT)
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
        $ pintle plugin check [PLUGINS]/panic-abort.so
        --- stderr ---
        error: plugin file `[PLUGINS]/panic-abort.so` was refused
          caused by: it was built with `panic = "abort"`, so a panic in it would end the host
        hint: rebuild the plugin with `panic = "unwind"`, or load it anyway with `--allow-panic-abort`
        [exit 3]
    "#]].assert_eq(&sandbox.transcript(&lines));
    let check = ["plugin", "check", "panic-abort", "--allow-panic-abort", "-v"];
    let stderr = sandbox.run(check).stderr;
    assert!(stderr.contains("\n  the end of the beginning\n"), "{stderr}");
    let listed = listed(&sandbox, &["--check", "--allow-panic-abort"], |_| true);
    expect![[r#"
        panic-abort.so: panic-abort.example.org/v1.0.0, refused: plugin file `[PLUGINS]/panic-abort.so` crashed while describing its command `abort`: its process was terminated by signal 6 (SIGABRT)
    "#]].assert_eq(&listed);
}

#[test]
fn a_doubtful_library_passes_with_warnings() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.plugins().join("doubtful.so"), with_doubtful_options()).unwrap();
    let lines = ["plugin check plain", "plugin list", "plugin list --check"];
    expect![[r#"
        $ pintle plugin check plain
        plugin       plain.example.org/v1.0.0
        path         [PLUGINS]/doubtful.so
        file         a regular file, a library for this machine, with all segments inside the file
        root symbol  `pintle_root_fixture_plain_1_0_0`, defined by this file
        layout       matches this host
        code         matches the manifest in the file
        interface    1.0.0 (this host: 1.0.0)
        abi_stable   0.11 (this host: 0.11)
        target       [TARGET]
        panic        unwind
        host         requires `*` (this host: 0.1.0)
        project      3
        functions    manifest, call
        command      `plain`, 0 arguments
        warning      it uses static TLS: it cannot be loaded once other libraries have used up the static TLS block
        warning      it is linked without relro: its function pointers stay writable
        all checks passed, with warnings
        [exit 0]
        $ pintle plugin list
        KEY                       STATE  TRANSPORT  PROVIDES  REASON
        plain.example.org/v1.0.0  ok     native     plain
        [exit 0]
        $ pintle plugin list --check
        KEY                       STATE  TRANSPORT  PROVIDES  REASON
        plain.example.org/v1.0.0  ok     native     plain     warning: static TLS; warning: no relro
        [exit 0]
    "#]].assert_eq(&sandbox.transcript(&lines));

    let row = |args: &[&str]| -> Value {
        let output = sandbox.run(args.iter().chain(&["-o", "json"])).success();
        serde_json::from_str(&output.stdout).unwrap()
    };
    let names = |warnings: &Value| -> Vec<String> {
        let warnings = warnings.as_array().unwrap().iter();
        warnings.map(|it| it["warning"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&row(&["plugin", "check", "plain"])["warnings"]), ["static-tls", "no-relro"]);
    let with_glibc = row(&["plugin", "check", "plain", "--glibc", "2.2"]);
    assert_eq!(names(&with_glibc["warnings"]), ["static-tls", "no-relro", "newer-glibc"]);
    let with_glibc = row(&["plugin", "check", "plain", "--glibc=2.999"]);
    assert_eq!(names(&with_glibc["warnings"]), ["static-tls", "no-relro"]);
    let listed = row(&["plugin", "list", "--check"]);
    assert_eq!(names(&listed[0]["warnings"]), ["static-tls", "no-relro"]);
    assert_eq!(listed[0]["state"], "ok");
    assert_eq!(row(&["plugin", "list"])[0].get("warnings"), None);
}

#[test]
fn a_version_of_glibc_is_one() {
    let lines = ["plugin check plain --glibc new"];
    expect![[r#"
        $ pintle plugin check plain --glibc new
        --- stderr ---
        error: invalid value 'new' for '--glibc <VERSION>': expected two or three numbers, for example `2.31`

        For more information, try '--help'.
        [exit 2]
    "#]].assert_eq(&Sandbox::new().plugin("plain").transcript(&lines));
}

#[test]
fn options_of_hooks_are_checked_with_the_commands_that_have_them() {
    let sandbox = Sandbox::new().plugin("harbour");
    let checked = sandbox.run(["plugin", "check", "harbour"]).success();
    assert!(checked.stdout.contains("options      `cluster create`, "), "{checked}");
}

#[test]
fn a_library_without_space_for_its_static_tls_gets_the_right_hint() {
    let sandbox = Sandbox::new();
    let manifest = manifest("jemalloc");
    let code = format!(
        "int {} = 0; __thread char block[1 << 20]; char *use(void) {{ return block; }}",
        manifest.abi.root
    );
    let path = sandbox.plugins().join("jemalloc.so");
    if cc_with(&path, Some(&manifest), &code, &["-ftls-model=initial-exec"]) {
        let lines = ["plugin check jemalloc", "jemalloc"];
        expect![[r#"
            $ pintle plugin check jemalloc
            --- stderr ---
            warning: it uses static TLS: it cannot be loaded once other libraries have used up the static TLS block
            error: the dynamic linker rejected plugin file `[PLUGINS]/jemalloc.so`
              caused by: dlopen failed
              caused by: /proc/self/fd/3: cannot allocate memory in static TLS block
            hint: rebuild the plugin without allocators that use static TLS (jemalloc, mimalloc), or with their feature for libraries that are loaded at run time
            [exit 3]
            $ pintle jemalloc
            --- stderr ---
            error: the dynamic linker rejected plugin file `[PLUGINS]/jemalloc.so`
              caused by: dlopen failed
              caused by: /proc/self/fd/3: cannot allocate memory in static TLS block
            hint: rebuild the plugin without allocators that use static TLS (jemalloc, mimalloc), or with their feature for libraries that are loaded at run time
            [exit 3]
        "#]].assert_eq(&sandbox.transcript(&lines));
    }
}

#[test]
fn a_file_system_that_forbids_code_gets_the_right_hint() {
    let sandbox = Sandbox::new().plugin("plain");
    let mount = "mount -t tmpfs -o noexec,size=64m none \"$2\" && cp \"$1\" \"$2\" && shift 2 && \
                 exec \"$@\"";
    let noexec = sandbox.path("noexec");
    fs::create_dir(&noexec).unwrap();
    let host = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", mount, "sh"]);
        command.arg(sandbox.plugins().join("plain.so")).arg(&noexec);
        let out = command.args(args).env("NO_COLOR", "1").output();
        out.map(|it| (it.status.code(), String::from_utf8_lossy(&it.stderr).into_owned()))
    };
    // Only root can mount, and not in every container.
    if !host(&["true"]).is_ok_and(|(code, _)| code == Some(0)) {
        return skip("the right to mount a file system");
    }
    let path = noexec.join("plain.so").display().to_string();
    let program = env!("CARGO_BIN_EXE_pintle");
    let (code, stderr) = host(&[program, "plugin", "check", &path]).unwrap();
    let stderr = stderr.replace(&noexec.display().to_string(), "[NOEXEC]");
    assert_eq!(code, Some(3), "{stderr}");
    expect![[r#"
        error: the dynamic linker rejected plugin file `[NOEXEC]/plain.so`
          caused by: dlopen failed
          caused by: /proc/self/fd/3: failed to map segment from shared object
        hint: check that the file system of the plugin is not mounted with the option `noexec`, or install the plugin on another file system
    "#]]
    .assert_eq(&stderr);
}

#[test]
fn a_directory_is_not_taken_for_a_key() {
    let sandbox = Sandbox::new().plugin("plain");
    for name in ["hull", "plain"] {
        fs::create_dir(sandbox.work().join(name)).expect("the directory is new");
    }
    expect![[r#"
        $ pintle plugin check hull
        --- stderr ---
        error: `hull` is a directory
        hint: specify the plugin's file in it, or the key of an installed plugin
        [exit 2]
    "#]]
    .assert_eq(&sandbox.transcript(&["plugin check hull"]));
    let _ = sandbox.run(["plugin", "check", "plain"]).success();
}
