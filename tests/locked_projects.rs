//! Projects whose lock file is invalid: no other plugin replaces a locked one.

use crate::support::{Output, Sandbox, fixture, skip};
use expect_test::{Expect, expect};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

/// Returns a sandbox whose user has the plugin `plain`, and a project that requires it.
#[track_caller]
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::copy(fixture("plain"), sandbox.work().join("plain.so")).expect("the file can be copied");
    let _ = sandbox.run(["plugin", "install", "./plain.so"]).success();
    let _ = sandbox.run(["plugin", "install", "--project", "./plain.so"]).success();
    assert_eq!(sandbox.run(["plain"]).code(), 0);
    sandbox
}

/// Damages the lock file of a project, and checks the output of its commands.
#[track_caller]
fn check_broken(break_it: impl FnOnce(&Path, String), expected: Expect) {
    let sandbox = project();
    let path = sandbox.work().join(".pintle/plugins.lock");
    let text = fs::read_to_string(&path).expect("it was created");
    fs::remove_file(&path).expect("the file is accessible");
    break_it(&path, text);
    let out = sandbox.run(["plain"]);
    assert_eq!(out.code(), 2, "{out}");
    expected.assert_eq(&errors(&out));
    for line in ["version", "--help", "plugin list"] {
        let _ = sandbox.run(line.split(' ')).success();
    }
}

/// Returns the output after the warnings.
fn errors(out: &Output) -> String {
    out.stderr.find("error: ").map_or_else(|| out.to_string(), |it| out.stderr[it..].to_owned())
}

#[test]
fn a_broken_lock_file_is_no_reason_to_use_other_versions() {
    check_broken(
        |path, text| {
            fs::write(path, format!("{text}<<<<<<< ours\n")).expect("the file is accessible")
        },
        expect![[r#"
            error: invalid lock file `[SANDBOX]/desk/.pintle/plugins.lock`
              caused by: line 12 is a conflict marker from a merge
            hint: keep the lines of both sides, and remove the conflict markers
        "#]],
    );
    check_broken(
        |path, text| {
            fs::write(path, text.replace("format = 1", "format = 2"))
                .expect("the file is accessible")
        },
        expect![[r#"
            error: invalid lock file `[SANDBOX]/desk/.pintle/plugins.lock`
              caused by: its format is 2, but this host reads format 1
            hint: use the host that wrote it, or a newer one
        "#]],
    );
    check_broken(
        |path, text| fs::write(path, format!("{text}more\n")).expect("the file is accessible"),
        expect![[r#"
            error: invalid lock file `[SANDBOX]/desk/.pintle/plugins.lock`
              caused by: line 12 is invalid: key with no value, expected `=`
            hint: restore it from version control
        "#]],
    );
    check_broken(
        |path, _| fs::write(path, b"\xff\n").expect("the file is accessible"),
        expect![[r#"
        error: failed to read lock file `[SANDBOX]/desk/.pintle/plugins.lock`
          caused by: it is not valid UTF-8
        hint: restore it from version control
    "#]],
    );
    check_broken(
        |path, _| {
            let mode = rustix::fs::Mode::RWXU;
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                .expect("the file is accessible");
        },
        expect![[r#"
            error: failed to read lock file `[SANDBOX]/desk/.pintle/plugins.lock`
              caused by: it is a FIFO, not a regular file
            hint: restore it from version control
        "#]],
    );
    check_broken(
        |path, _| symlink("/etc/passwd", path).expect("the file is accessible"),
        expect![[r#"
            error: failed to read lock file `[SANDBOX]/desk/.pintle/plugins.lock`
              caused by: it is a symbolic link, not a regular file
            hint: restore it from version control
        "#]],
    );
    check_broken(
        |path, _| {
            fs::File::create(path)
                .and_then(|it| it.set_len(1 << 40))
                .expect("the file is accessible")
        },
        expect![[r#"
            error: failed to read lock file `[SANDBOX]/desk/.pintle/plugins.lock`
              caused by: it is larger than 16 MiB
            hint: restore it from version control
        "#]],
    );
}

#[test]
fn a_hook_is_not_left_out_because_a_lock_file_is_broken() {
    let sandbox = project();
    for plugin in ["good", "veto"] {
        fs::copy(fixture(plugin), sandbox.work().join(format!("{plugin}.so")))
            .expect("the file can be copied");
        let file = format!("./{plugin}.so");
        let _ = sandbox.run(["plugin", "install", &file]).success();
    }
    let path = sandbox.work().join(".pintle/plugins.lock");
    fs::write(&path, "=======\n").expect("the file is accessible");
    let out = sandbox.run(["init", "--plugins", "good"]);
    expect![[r#"
        --- stderr ---
        warning: invalid lock file `[SANDBOX]/desk/.pintle/plugins.lock`: line 1 is a conflict marker from a merge: keep the lines of both sides, and remove the conflict markers
        error: invalid lock file `[SANDBOX]/desk/.pintle/plugins.lock`
          caused by: line 1 is a conflict marker from a merge
        hint: keep the lines of both sides, and remove the conflict markers
        [exit 2]
    "#]].assert_eq(&out.to_string());
    let _ = sandbox.run(["init", "--help"]).success();
}

#[test]
fn a_plugin_of_the_project_that_is_missing_is_no_unknown_command() {
    let sandbox = project();
    let _ = sandbox.run(["plugin", "remove", "plain"]).success();
    fs::remove_dir_all(sandbox.path("home/.local/share/pintle/plugins/.store"))
        .expect("the file is accessible");
    expect![[r#"
        --- stderr ---
        warning: the plugins of `[SANDBOX]/desk/.pintle/plugins.lock` are not installed: run `pintle plugin sync`
        error: unknown command `plain`
        hint: a plugin of the project may provide it: run `pintle plugin sync`
        [exit 2]
    "#]].assert_eq(&sandbox.run(["plain"]).to_string());
}

#[test]
fn a_lock_file_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return skip("another user");
    }
    let sandbox = project();
    let path = sandbox.work().join(".pintle/plugins.lock");
    chown(&path, Some(12345), None).expect("root has permission");
    expect![[r#"
        --- stderr ---
        warning: lock file `[SANDBOX]/desk/.pintle/plugins.lock` belongs to another user (uid 12345), who would decide which plugins run: if you trust it, add `[SANDBOX]/desk` to `trusted-projects` in `[HOME]/.config/pintle/plugins.toml`; if not, work outside `[SANDBOX]/desk`, or add your own `.pintle/plugins.lock` with the line `format = 1` below it
        error: lock file `[SANDBOX]/desk/.pintle/plugins.lock` belongs to another user (uid 12345), who would decide which plugins run
        hint: if you trust it, add `[SANDBOX]/desk` to `trusted-projects` in `[HOME]/.config/pintle/plugins.toml`; if not, work outside `[SANDBOX]/desk`, or add your own `.pintle/plugins.lock` with the line `format = 1` below it
        [exit 3]
    "#]].assert_eq(&sandbox.run(["plain"]).to_string());
    let out = sandbox.run(["plugin", "sync"]);
    assert_eq!(out.code(), 3, "{out}");
    let _ = sandbox.run(["plugin", "list"]).success();
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is new");
    let text = format!("trusted-projects = [{:?}]\n", sandbox.work());
    fs::write(config.join("plugins.toml"), text).expect("the file is accessible");
    let _ = sandbox.run(["plain"]).success();

    // A user may use the administrator's lock file, but not that of another user.
    let sandbox = Sandbox::unprivileged();
    fs::create_dir(sandbox.work().join(".pintle")).expect("the directory is new");
    let path = sandbox.work().join(".pintle/plugins.lock");
    fs::write(&path, "format = 1\n").expect("the file is accessible");
    let out = sandbox.run(["plugin", "list"]).success();
    assert!(!out.stderr.contains("another user"), "{out}");
    chown(&path, Some(12345), None).expect("root has permission");
    let out = sandbox.run(["plugin", "list"]).success();
    assert!(out.stderr.contains("another user (uid 12345)"), "{out}");
}
