//! The content of the disk if several hosts run at the same time, or if the disk fails.

use crate::support::{Sandbox, built, first_line, skip};
use expect_test::expect;
use pintle::scaffold::{Lock, recover};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::thread;

/// Everything below a directory: the mode, and the bytes of a file.
type Tree = BTreeMap<String, (u32, Vec<u8>)>;

fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the directory is readable") {
            let path = entry.expect("the entry is readable").path();
            let metadata = fs::symlink_metadata(&path).expect("the entry is there");
            let bytes = match metadata.is_dir() {
                true => {
                    folders.push(path.clone());
                    Vec::new()
                }
                false => fs::read(&path).expect("the file is readable"),
            };
            let name = path.strip_prefix(root).expect("it is below").display().to_string();
            tree.insert(name, (metadata.permissions().mode() & 0o7777, bytes));
        }
    }
    tree
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the file is writable");
}

/// Adds the plugin that scaffolds operators.
fn with_rust(sandbox: Sandbox) -> Sandbox {
    sandbox.library("rust.so", &built("libpintle_plugin_rust.so"))
}

fn create_api(kind: &str) -> [&str; 8] {
    ["create", "api", "--group", "crew", "--version", "v1", "--kind", kind]
}

#[test]
fn runs_at_the_same_time_all_reach_the_project() {
    let sandbox = with_rust(Sandbox::new());
    let _ = sandbox.run(["init", "--plugins", "rust", "--domain", "example.org"]).success();
    let kinds = ["Captain", "Mate", "Cook", "Gunner", "Surgeon"];
    thread::scope(|scope| {
        for kind in kinds {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let _ = sandbox.run(create_api(kind)).success();
            });
        }
    });
    let project = fs::read_to_string(sandbox.work().join("PROJECT")).expect("it was created");
    for kind in kinds {
        assert!(project.contains(&format!("kind: {kind}\n")), "{kind} is lost:\n{project}");
    }
    assert!(!sandbox.work().join(".pintle/run").exists());
}

#[test]
fn a_run_waits_for_the_one_before_and_says_so() {
    let sandbox = Sandbox::new().plugin("good");
    let lock = Lock::acquire(&sandbox.work(), &mut |_| {}).expect("the entry is unique");
    let mut child = sandbox.start(["init", "--plugins", "good"]);
    let line = first_line(child.stderr.take().expect("it is a pipe"));
    let expected =
        format!("waiting for process {}, which is working in this project", std::process::id());
    assert!(line.contains(&expected), "{line}");
    assert!(
        child.try_wait().expect("the host is a child process").is_none(),
        "the run does not wait"
    );
    assert!(!sandbox.work().join("PROJECT").exists());
    drop(lock);
    let _ = sandbox.finish(child).success();
    assert!(sandbox.work().join("PROJECT").is_file());
}

#[test]
fn a_command_that_only_reads_does_not_wait() {
    let sandbox = Sandbox::new().plugin("good");
    let _lock = Lock::acquire(&sandbox.work(), &mut |_| {}).expect("the entry is unique");
    for line in [&["plugin", "list"][..], &["init", "--plugins", "good", "--help"]] {
        let output = sandbox.run(line).success();
        assert!(!output.stderr.contains("waiting"), "{output}");
    }
}

#[test]
fn a_folder_that_may_not_be_written_stops_a_run_half_way_and_nothing_stays() {
    let sandbox = with_rust(Sandbox::unprivileged());
    let work = sandbox.work();
    if rustix::process::geteuid().is_root() {
        chown(&work, Some(65534), Some(65534)).expect("root has permission");
    }
    let _ = sandbox.run(["init", "--plugins", "rust", "--domain", "example.org"]).success();
    let _ = sandbox.run(create_api("Captain")).success();
    // The directories of some new files are writable; the directory of the last ones is not.
    let last = tree(&work).into_keys().rfind(|it| it.starts_with("src/") && work.join(it).is_dir());
    let folder = work.join(last.as_deref().unwrap_or("src"));
    set_mode(&folder, 0o555);
    let before = tree(&work);
    let output = sandbox.run(create_api("Mate"));
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("Permission denied"), "{output}");
    assert!(
        output.stderr.contains("hint: check that you have write permission for `src/"),
        "{output}"
    );
    assert_eq!(tree(&work), before);
    set_mode(&folder, 0o755);
    let _ = sandbox.run(create_api("Mate")).success();
}

#[test]
fn a_read_only_folder_stays_as_it_is_and_can_be_read() {
    let sandbox = Sandbox::unprivileged().plugin("good");
    set_mode(&sandbox.work(), 0o555);
    let said = sandbox.transcript(&["init --plugins good"]);
    expect![[r#"
        $ pintle init --plugins good
        --- stderr ---
        error: failed to write the project's files
          caused by: failed to lock `[SANDBOX]/desk`
          caused by: Permission denied (os error 13)
        hint: check that you have write permission for `[SANDBOX]/desk` and its directory
        [exit 1]
    "#]]
    .assert_eq(&said);
    let _ = sandbox.run(["init", "--plugins", "good", "--help"]).success();
    let _ = sandbox.run(["plugin", "list"]).success();
    assert!(tree(&sandbox.work()).is_empty());
    recover(&sandbox.work()).expect("there is nothing to repair");
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let sandbox = with_rust(Sandbox::new());
    // A separate file system, which ends with the script: first with too little space for the
    // files, then with enough.
    let script = r#"
        mount -t tmpfs -o size=32k none "$PWD"
        cd "$PWD"
        "$PINTLE" init --plugins rust --domain example.org && exit 9
        echo "left: $(find . -mindepth 1)"
        mount -o remount,size=4m "$PWD"
        "$PINTLE" -q init --plugins rust --domain example.org >/dev/null
        echo "left: $(find . -name PROJECT -o -path ./.pintle/run)"
    "#;
    let namespace = ["unshare", "--mount"];
    if sandbox.script(&namespace, "mount -t tmpfs none \"$PWD\"").code() != 0 {
        return skip("a mount namespace");
    }
    let output = sandbox.script(&namespace, script).success();
    assert!(output.stderr.contains("No space left on device"), "{output}");
    assert!(output.stderr.contains("hint: free up disk space, then try again"), "{output}");
    assert_eq!(output.stdout, "left:\nleft: ./PROJECT\n");
}

#[test]
fn new_files_obey_the_umask() {
    let sandbox = Sandbox::new().plugin("good");
    let script = r#"umask 027; "$PINTLE" init --plugins good"#;
    let _ = sandbox.script(&["env"], script).success();
    for (path, (mode, _)) in tree(&sandbox.work()) {
        let expected = if sandbox.work().join(&path).is_dir() { 0o750 } else { 0o640 };
        assert_eq!(mode, expected, "{path}");
    }
}

#[test]
fn a_state_that_may_not_be_looked_at_is_no_interrupted_run() {
    let sandbox = Sandbox::unprivileged().plugin("good");
    let work = sandbox.work();
    if rustix::process::geteuid().is_root() {
        chown(&work, Some(65534), Some(65534)).expect("root has permission");
    }
    let _ = sandbox.run(["init", "--plugins", "good"]).success();
    set_mode(&work.join(".pintle"), 0o000);
    let said = sandbox.transcript(&["project show"]);
    set_mode(&work.join(".pintle"), 0o755);
    expect![[r#"
        $ pintle project show
        --- stderr ---
        error: failed to find `.pintle/run`
          caused by: Permission denied (os error 13)
        hint: check that you have permission to search the directory of `.pintle/run`
        [exit 1]
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_formatter_that_is_killed_takes_nothing_with_it() {
    let mut sandbox = with_rust(Sandbox::new());
    let _ = sandbox.run(["init", "--plugins", "rust", "--domain", "example.org"]).success();
    let mine = sandbox.work().join("src/controller/mine.rs");
    fs::write(&mine, "// Mine.\n").expect("the project is writable");
    let tools = sandbox.path("tools");
    fs::create_dir(&tools).expect("the sandbox is writable");
    let script = "#!/bin/sh\n: > src/controller/mine.rs\nkill -9 $$\n";
    fs::write(tools.join("rustfmt"), script).expect("the sandbox is writable");
    set_mode(&tools.join("rustfmt"), 0o755);
    sandbox.set_env("PATH", format!("{}:/usr/bin:/bin", tools.display()));
    let output = sandbox.run(create_api("Captain")).success();
    assert!(output.stderr.contains("failed: signal: 9"), "{output}");
    assert_eq!(fs::read_to_string(&mine).expect("it is there"), "// Mine.\n");
    let made = sandbox.work().join("src/api/crew/v1/captain.rs");
    assert!(fs::read_to_string(made).expect("it was created").contains("Captain"));
}
