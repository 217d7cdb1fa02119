//! Hooks of plugins.

use crate::support::{Sandbox, fixture};
use crate::vices::check;
use expect_test::{Expect, expect};
use pintle::catalog::Rules;
use pintle::lifecycle::{HookError, TimeLimit, dispatch};
use pintle::services::{Console, Services};
use pintle_plugin::events::PRE_PROJECT_INIT;
use pintle_plugin::message::ProjectEvent;
use std::fs;
use std::sync::Arc;

fn services() -> Services {
    Services::new(Arc::new(Console::new()))
}

/// Passes `pre-project-init` to the hooks of some fixtures.
#[track_caller]
fn check_dispatch(names: &[&str], expected: Expect) {
    let load = |it: &&str| pintle::transport::load(&fixture(it), &Rules::default());
    let plugins: Vec<_> = names.iter().map(load).collect::<Result<_, _>>().expect("they fit");
    let mut event = ProjectEvent::default();
    event.subcommand = "init".to_owned();
    let outcome =
        match dispatch(&PRE_PROJECT_INIT, &event, &plugins, &services(), TimeLimit::default()) {
            Ok(replies) => format!("{} replies", replies.len()),
            Err(HookError::Failed { event, source }) => {
                format!("{event} failed: {source}: {}", source.reply())
            }
            Err(err) => err.to_string(),
        };
    expected.assert_eq(&outcome);
}

#[test]
fn a_panic_in_a_hook_is_an_error_of_the_event() {
    check_dispatch(
        &["panic-hook"],
        expect![
            "pre-project-init failed: plugin `panic-hook.example.org/v1.0.0` panicked: hooked, at tests/fixtures/panic-hook/src/lib.rs:19:9"
        ],
    );
    check_dispatch(
        &["good", "panic-hook"],
        expect![
            "pre-project-init failed: plugin `panic-hook.example.org/v1.0.0` panicked: hooked, at tests/fixtures/panic-hook/src/lib.rs:19:9"
        ],
    );
}

#[test]
fn a_veto_stops_what_was_announced() {
    check_dispatch(
        &["veto"],
        expect!["plugin `veto.example.org/v1.0.0` vetoed `pre-project-init`: not on a Friday"],
    );
    check_dispatch(
        &["good", "veto"],
        expect!["plugin `veto.example.org/v1.0.0` vetoed `pre-project-init`: not on a Friday"],
    );
}

#[test]
fn hooks_that_have_nothing_to_say_let_things_go_on() {
    check_dispatch(&["good", "plain"], expect!["2 replies"]);
}

#[test]
fn a_panic_in_a_hook_stops_only_the_work_it_belongs_to() {
    check(
        "panic-hook",
        &["init --plugins good", "plugin check panic-hook"],
        expect![[r#"
            panic-hook.so: panic-hook.example.org/v1.0.0, ok: -
            $ pintle init --plugins good
            saw pre-project-init: init []
            --- stderr ---
            error: the hook of plugin `panic-hook.example.org/v1.0.0` on `pre-project-init` failed
              caused by: plugin `panic-hook.example.org/v1.0.0` panicked
              caused by: hooked, at tests/fixtures/panic-hook/src/lib.rs:19:9
            hint: this is a defect of the plugin; report it to its author
            [exit 70]
            $ pintle plugin check panic-hook
            plugin       panic-hook.example.org/v1.0.0
            path         [PLUGINS]/panic-hook.so
            file         a regular file, a library for this machine, with all segments inside the file
            root symbol  `pintle_root_fixture_panic_hook_1_0_0`, defined by this file
            layout       matches this host
            code         matches the manifest in the file
            interface    1.0.0 (this host: 1.0.0)
            abi_stable   0.11 (this host: 0.11)
            target       [TARGET]
            panic        unwind
            host         requires `*` (this host: 0.1.0)
            project      3
            functions    manifest, call
            all checks passed
            [exit 0]
        "#]],
    );
}

#[test]
fn a_veto_stops_only_the_work_it_belongs_to() {
    check(
        "veto",
        &["init --plugins good"],
        expect![[r#"
            veto.so: veto.example.org/v1.0.0, ok: -
            $ pintle init --plugins good
            saw pre-project-init: init []
            --- stderr ---
            error: plugin `veto.example.org/v1.0.0` vetoed `pre-project-init`: not on a Friday
            [exit 1]
        "#]],
    );
}

#[test]
fn an_unsupported_project_version_is_refused() {
    check(
        "project-version",
        &["beyond", "init --plugins project-version", "plugin check project-version"],
        expect![[r#"
            project-version.so: project-version.example.org/v1.0.0, refused: it supports project version 99, but this host supports 3
            $ pintle beyond
            --- stderr ---
            error: plugin `project-version.example.org/v1.0.0` is refused
              caused by: it supports project version 99, but this host supports 3
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle init --plugins project-version
            --- stderr ---
            error: plugin `project-version` was found in `[PLUGINS]/project-version.so`, but is refused
              caused by: it supports project version 99, but this host supports 3
            hint: install compatible versions of the plugin and of this host
            [exit 3]
            $ pintle plugin check project-version
            --- stderr ---
            error: plugin `project-version` was found in `[PLUGINS]/project-version.so`, but is refused
              caused by: it supports project version 99, but this host supports 3
            hint: install compatible versions of the plugin and of this host
            [exit 3]
        "#]],
    );
}

#[test]
fn hooks_see_what_is_announced_and_what_was_made() {
    let sandbox = Sandbox::new().plugin("good");
    let lines = ["init --plugins good --motto ahoy", "init --plugins good"];
    expect![[r#"
        $ pintle init --plugins good --motto ahoy
        saw pre-project-init: init []
        + HELLO
        + PROJECT
        saw post-project-init: init ["HELLO"]
        [exit 0]
        $ pintle init --plugins good
        --- stderr ---
        error: `[SANDBOX]/desk/PROJECT` exists: the project is already initialized
        hint: use `pintle create` to add to the project, or `pintle edit` to change it
        [exit 1]
    "#]]
    .assert_eq(&sandbox.transcript(&lines));
    let hello = fs::read_to_string(sandbox.work().join("HELLO")).expect("it was created");
    assert_eq!(hello, "ahoy\n");
}

#[test]
fn a_hook_that_stops_the_work_leaves_nothing_behind() {
    for name in ["panic-hook", "veto"] {
        let sandbox = Sandbox::new().plugin("good").plugin(name);
        assert_ne!(sandbox.run(["init", "--plugins", "good"]).code(), 0);
        let left: Vec<_> = fs::read_dir(sandbox.work()).expect("it is accessible").collect();
        assert!(left.is_empty(), "{name} leaves {left:?}");
        // Without the plugin, the work is the same.
        let option = format!("--disable-plugin={name}");
        let _ = sandbox.run([&option, "init", "--plugins", "good"]).success();
        assert!(sandbox.work().join("PROJECT").is_file());
    }
}

#[cfg(unix)]
#[test]
fn new_files_heed_the_users_umask() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox =
        Sandbox::new().library("rust.so", &crate::support::built("libpintle_plugin_rust.so"));
    let line = format!(
        "umask 077 && exec {} init --plugins rust.pintle.dev",
        env!("CARGO_BIN_EXE_pintle")
    );
    let status = std::process::Command::new("sh")
        .args(["-c", &line])
        .current_dir(sandbox.work())
        .env("PINTLE_PLUGIN_PATH", sandbox.plugins())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("there is a shell").success());
    for file in ["Cargo.toml", "PROJECT", "src/main.rs"] {
        let mode = std::fs::metadata(sandbox.work().join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_hook_that_cannot_be_started_is_an_error() {
    let sandbox = Sandbox::new().plugin("good").plugin("veto");
    let sandbox = sandbox.env("RUST_MIN_STACK", (usize::MAX / 4).to_string());
    expect![[r#"
        $ pintle init --plugins good
        --- stderr ---
        error: failed to start the hook of plugin `good.example.org/v1.0.0` on `pre-project-init`
          caused by: Resource temporarily unavailable (os error 11)
        hint: check the thread and memory limits of this machine
        [exit 1]
    "#]]
    .assert_eq(&sandbox.transcript(&["init --plugins good"]));
}

#[test]
fn plugins_are_compiled_against_the_events_that_there_are() {
    let out = Sandbox::new().run(["events", "-o", "json"]);
    let events: serde_json::Value = serde_json::from_str(&out.stdout).unwrap();
    let names = events.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    let mut names: Vec<_> = names.collect();
    let mut known = pintle_plugin::manifest::EVENTS.to_vec();
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(names, known);
}
