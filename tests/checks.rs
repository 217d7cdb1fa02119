//! `plugin check` and `plugin list --check`: they outlive whatever a library does when it is
//! loaded, and warn about what may be wrong with it elsewhere.

use crate::libraries::{cc_with, manifest, with_doubtful_options};
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

/// Puts a library into the plugin directory that does something when it is loaded; returns
/// false where there is no compiler.
#[must_use]
fn put(sandbox: &Sandbox, name: &str) -> bool {
    let (_, deed) = DEEDS.iter().find(|it| it.0 == name).expect("the deed is in the list");
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
    check("aborts", expect![[r#""#]]);
    check("exits", expect![[r#""#]]);
    check("exits-at-once", expect![[r#""#]]);
    check("crashes", expect![[r#""#]]);
    check("kills", expect![[r#""#]]);
    check("floods-and-aborts", expect![[r#""#]]);
    check("closes-and-aborts", expect![[r#""#]]);
    check("leaves-a-process", expect![[r#""#]]);
}

#[test]
fn a_library_that_never_returns_is_given_up() {
    check("hangs", expect![[r#""#]]);
    check("spins", expect![[r#""#]]);
    check("floods", expect![[r#""#]]);
}

#[test]
fn a_library_that_fails_when_the_process_ends_is_reported() {
    check("fails-at-the-end", expect![[r#""#]]);
}

#[test]
fn what_a_library_wrote_is_a_detail() {
    let sandbox = Sandbox::new();
    if put(&sandbox, "says-why") {
        let lines = ["plugin check says-why -v", "plugin check says-why -o json"];
        expect![[r#""#]].assert_eq(&sandbox.transcript(&lines));
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
    expect![[r#""#]].assert_eq(&listed(&sandbox, &["--check"], |_| true));
    check_others(&sandbox);
}

#[test]
fn a_plugin_that_crashes_while_it_is_described_is_reported() {
    // The library is loaded without a fault, and its command asks for the impossible.
    let sandbox = Sandbox::new().plugin("panic-command").plugin("good");
    let checked = sandbox.run(["plugin", "check", "good"]).success();
    assert!(checked.stdout.ends_with("every check passed\n"), "{checked}");
}

#[test]
fn a_doubtful_library_passes_with_warnings() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.plugins().join("doubtful.so"), with_doubtful_options()).unwrap();
    let lines = ["plugin check plain --glibc 2.2.5", "plugin list", "plugin list --check"];
    expect![[r#""#]].assert_eq(&sandbox.transcript(&lines));

    let row = |args: &[&str]| -> Value {
        let output = sandbox.run(args.iter().chain(&["-o", "json"])).success();
        serde_json::from_str(&output.stdout).unwrap()
    };
    let names = |warnings: &Value| -> Vec<String> {
        let warnings = warnings.as_array().unwrap().iter();
        warnings.map(|it| it["warning"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&row(&["plugin", "check", "plain"])["warnings"]), ["static-tls", "no-relro"]);
    let listed = row(&["plugin", "list", "--check"]);
    assert_eq!(names(&listed[0]["warnings"]), ["static-tls", "no-relro"]);
    assert_eq!(listed[0]["state"], "ok");
    assert_eq!(row(&["plugin", "list"])[0].get("warnings"), None);
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
        expect![[r#""#]].assert_eq(&sandbox.transcript(&lines));
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
    expect![[r#""#]].assert_eq(&stderr);
}
