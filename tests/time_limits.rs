//! The time limits of the plugins in a chain, and the handling of plugins that exceed them.

use crate::support::Sandbox;
use expect_test::expect;
use std::fs;
use std::time::{Duration, Instant};

fn becalmed() -> Sandbox {
    Sandbox::new().plugin("good").plugin("becalmed").env("PINTLE_HOOK_TIMEOUT", "1s")
}

#[track_caller]
fn assert_nothing_is_written(sandbox: &Sandbox) {
    assert_eq!(fs::read_dir(sandbox.work()).expect("the directory is readable").count(), 0);
}

#[test]
fn a_plugin_that_never_returns_is_given_up_and_nothing_is_written() {
    let sandbox = becalmed();
    let start = Instant::now();
    expect![[r#"
        $ pintle init --plugins good,becalmed --wait ever
        --- stderr ---
        warning: plugin `becalmed.example.org/v1.0.0` has been working on `init` for 500ms
        error: `init` failed in `becalmed.example.org/v1.0.0` while scaffolding
          caused by: plugin `becalmed.example.org/v1.0.0` timed out after 1s
        hint: nothing was written; check what the plugin is waiting for, or set `PINTLE_HOOK_TIMEOUT` to a longer time, for example `10m`
        [exit 1]
    "#]].assert_eq(&sandbox.transcript(&["init --plugins good,becalmed --wait ever"]));
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_nothing_is_written(&sandbox);
}

#[test]
fn a_plugin_that_never_names_its_flags_is_given_up() {
    let sandbox = becalmed().env("BECALMED_AT_FLAGS", "1");
    expect![[r#"
        $ pintle init --plugins becalmed
        --- stderr ---
        warning: plugin `becalmed.example.org/v1.0.0` has been working on `init` for 500ms
        error: `init` failed in `becalmed.example.org/v1.0.0` while listing its flags
          caused by: plugin `becalmed.example.org/v1.0.0` timed out after 1s
        hint: nothing was written; check what the plugin is waiting for, or set `PINTLE_HOOK_TIMEOUT` to a longer time, for example `10m`
        [exit 1]
    "#]].assert_eq(&sandbox.transcript(&["init --plugins becalmed"]));
    assert_nothing_is_written(&sandbox);
}

#[test]
fn a_plugin_that_is_over_its_time_is_told_and_its_cleanups_run() {
    let sandbox = becalmed();
    expect![[r#"
        $ pintle init --plugins becalmed --wait until-cancelled
        --- stderr ---
        warning: plugin `becalmed.example.org/v1.0.0` has been working on `init` for 500ms
        error: `init` failed in `becalmed.example.org/v1.0.0` while scaffolding
          caused by: plugin `becalmed.example.org/v1.0.0` timed out after 1s
        hint: nothing was written; check what the plugin is waiting for, or set `PINTLE_HOOK_TIMEOUT` to a longer time, for example `10m`
        [exit 1]
        $ pintle init --plugins becalmed --wait cleanup
        --- stderr ---
        warning: plugin `becalmed.example.org/v1.0.0` has been working on `init` for 500ms
        error: `init` failed in `becalmed.example.org/v1.0.0` while scaffolding
          caused by: plugin `becalmed.example.org/v1.0.0` timed out after 1s
        hint: nothing was written; check what the plugin is waiting for, or set `PINTLE_HOOK_TIMEOUT` to a longer time, for example `10m`
        [exit 1]
    "#]].assert_eq(&sandbox.transcript(&[
        "init --plugins becalmed --wait until-cancelled",
        "init --plugins becalmed --wait cleanup",
    ]));
    assert!(sandbox.path("told").exists() && sandbox.path("cleaned").exists());
    assert_nothing_is_written(&sandbox);
}

#[test]
fn a_plugin_within_its_time_does_all_that_it_did() {
    let sandbox = becalmed();
    expect![[r#"
        $ pintle init --plugins good,becalmed
        saw pre-project-init: init []
        + HELLO
        + sails.txt
        + PROJECT
        saw post-project-init: init ["HELLO", "sails.txt"]
        [exit 0]
    "#]]
    .assert_eq(&sandbox.transcript(&["init --plugins good,becalmed"]));
    assert!(sandbox.work().join("sails.txt").exists());
}
