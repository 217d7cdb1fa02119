//! Plugins built with other compilers than the host: the oldest supported one, and Debian's newest
//! one.
//!
//! `cargo xtask compilers` unpacks both into `target/compilers`.

use crate::rebuilt::{root, target_dir};
use crate::support::{Sandbox, built, skip};
use expect_test::expect;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that are built with each compiler: fixtures, and all first-party plugins.
const PACKAGES: &[&str] = &[
    "fixture-good",
    "fixture-panic-command",
    "fixture-veto",
    "pintle-plugin-ci",
    "pintle-plugin-license",
    "pintle-plugin-registry",
    "pintle-plugin-rust",
];

#[test]
fn a_plugin_of_the_oldest_compiler_does_all_that_plugins_do() {
    check("debian-1.85", "rustc 1.85.");
}

#[test]
fn a_plugin_of_debians_newest_compiler_does_all_that_plugins_do() {
    check("debian-newest", "rustc 1.");
}

#[track_caller]
fn check(compiler: &str, version: &str) {
    let Some(libraries) = build(compiler) else { return };
    let library = |name: &str| libraries.join(format!("lib{}.so", name.replace('-', "_")));
    let with = |sandbox: Sandbox, name: &str| {
        sandbox.library(&format!("{name}.so"), &library(&format!("fixture-{name}")))
    };

    let sandbox = ["good", "panic-command"].into_iter().fold(Sandbox::new(), with);
    let manifest = sandbox.run(["plugin", "inspect", "good", "-o", "json"]).success();
    assert!(manifest.stdout.contains(&format!("\"{version}")), "{manifest}");
    let lines = [
        "greet ada --times 2 -l",
        "ask",
        "work",
        "fail",
        "misuse",
        "exit-with 7",
        "again bob",
        "whoami",
        "explode",
        "explode-aside",
        "init --plugins good",
    ];
    expect![[r#"
        $ pintle greet ada --times 2 -l
        HELLO, ADA
        HELLO, ADA
        [exit 0]
        $ pintle ask
        blue
        [exit 0]
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
        $ pintle exit-with 7
        [exit 7]
        $ pintle again bob
        hello, bob
        hello, bob
        [exit 0]
        $ pintle whoami
        pintle calls `whoami` of good.example.org/v1.0.0
        [exit 0]
        $ pintle explode
        here it comes
        --- stderr ---
        error: plugin `panic-command.example.org/v1.0.0` panicked
          caused by: boom, at tests/fixtures/panic-command/src/lib.rs:21:9
        hint: this is a defect of the plugin; report it to its author
        [exit 70]
        $ pintle explode-aside
        survived
        --- stderr ---

        thread '<unnamed>' panicked at tests/fixtures/panic-command/src/lib.rs:33:45:
        boom aside
        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
        [exit 0]
        $ pintle init --plugins good
        saw pre-project-init: init []
        + HELLO
        + PROJECT
        saw post-project-init: init ["HELLO"]
        [exit 0]
    "#]]
    .assert_eq(&sandbox.transcript(&lines));
    let checked = sandbox.run(["plugin", "check", "good"]).success();
    assert!(checked.stdout.ends_with("all checks passed\n"), "{checked}");

    let sandbox = ["good", "veto"].into_iter().fold(Sandbox::new(), with);
    expect![[r#"
        $ pintle init --plugins good
        saw pre-project-init: init []
        --- stderr ---
        error: plugin `veto.example.org/v1.0.0` vetoed `pre-project-init`: not on a Friday
        [exit 1]
    "#]]
    .assert_eq(&sandbox.transcript(&["init --plugins good"]));

    let project = |libraries: &dyn Fn(&str) -> PathBuf| {
        let sandbox = ["license", "rust"].into_iter().fold(Sandbox::new(), |it, name| {
            it.library(&format!("{name}.so"), &libraries(&format!("pintle-plugin-{name}")))
        });
        let init = ["init", "--domain", "example.org", "--plugins", "rust,license"];
        let _ = sandbox.run(init).success();
        let api = ["create", "api", "--group", "crew", "--version", "v1", "--kind", "Captain"];
        let _ = sandbox.run(api).success();
        let mut files = files(&sandbox.work());
        // The time of each command is recorded.
        assert!(files.remove(".pintle/scaffold.jsonl").is_some());
        files
    };
    let ours = |name: &str| built(&format!("lib{}.so", name.replace('-', "_")));
    let (expected, scaffolded) = (project(&ours), project(&library));
    assert!(scaffolded.len() > 30, "{:?}", scaffolded.keys());
    assert_eq!(scaffolded, expected);
}

/// Builds plugins with a compiler, and returns the directory of the libraries, or `None` if the
/// compiler is missing.
#[track_caller]
fn build(compiler: &str) -> Option<PathBuf> {
    let folder = target_dir().join("compilers").join(compiler);
    let rustc = folder.join("rustc");
    if !rustc.exists() {
        skip(&format!("the compiler `{compiler}`, which `cargo xtask compilers` unpacks"));
        return None;
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(["build", "--locked"]).args(PACKAGES.iter().map(|it| format!("--package={it}")));
    command.current_dir(root()).env("RUSTC", rustc).env("CARGO_TARGET_DIR", folder.join("target"));
    // These plugins are not debugged, and their files are large enough.
    command.envs([("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")]);
    // These variables are for the compiler that builds the tests.
    for name in ["RUSTC_BOOTSTRAP", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let out = command.output().expect("cargo can be run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(folder.join("target/debug"))
}

/// Returns the files of a project, by their paths.
fn files(project: &Path) -> BTreeMap<String, String> {
    let (mut folders, mut found) = (vec![project.to_owned()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the project can be read") {
            let path = entry.expect("the project can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).expect("the project can be read");
            let name = path.strip_prefix(project).expect("it is inside").display().to_string();
            found.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    found
}
