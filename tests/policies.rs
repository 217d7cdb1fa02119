//! Hooks without which a command must not run, and the configuration of plugins.

use crate::libraries::{cc, manifest};
use crate::support::{Sandbox, fixture};
use crate::vices::listed;
use expect_test::{Expect, expect};
use pintle_plugin::manifest::Manifest;
use std::fs;
use std::path::Path;

/// Returns the manifest of a plugin that has only a hook.
fn policy(event: &str) -> Manifest {
    let mut manifest = manifest("policy");
    manifest.commands.clear();
    manifest.events = vec![event.to_owned()];
    manifest
}

/// Returns the same plugin as the host sees it after an upgrade to another interface.
fn of_another_interface(event: &str) -> Manifest {
    let mut manifest = policy(event);
    manifest.abi.interface = "9.0.0".to_owned();
    manifest
}

/// Adds a library with a manifest to the plugin directory; returns false if that is skipped.
#[must_use]
#[track_caller]
fn put(sandbox: &Sandbox, name: &str, manifest: &Manifest) -> bool {
    let root = format!("-Wl,--defsym={}=nothing", manifest.abi.root);
    cc(&sandbox.plugins().join(name), Some(manifest), &[&root])
}

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[track_caller]
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a directory")).expect("it is accessible");
    fs::write(path, text).expect("it is accessible");
}

#[test]
fn a_policy_that_is_refused_stops_the_command() {
    let sandbox = Sandbox::new().plugin("good");
    if !put(&sandbox, "policy.so", &of_another_interface("pre-project-init")) {
        return;
    }
    check(
        &sandbox,
        &["init --plugins good"],
        expect![[r#"
        $ pintle init --plugins good
        --- stderr ---
        error: the hook of plugin `policy.example.org/v1.0.0` on `pre-project-init` cannot run
          caused by: plugin `policy.example.org/v1.0.0` is refused
          caused by: it was built against plugin interface 9.0.0, but this host supports only versions up to 1.x
        hint: update this host, or install an older version of the plugin; or disable the plugin with `--disable-plugin policy.example.org/v1.0.0`
        [exit 3]
    "#]],
    );
    assert!(!sandbox.work().join("PROJECT").exists());
    assert!(
        sandbox.run(["events"]).success().stdout.contains("policy.example.org/v1.0.0 (refused)")
    );
    let _ = sandbox.run(["init", "--help"]).success();
    let line = ["--disable-plugin", "policy.example.org/v1.0.0", "init", "--plugins", "good"];
    let _ = sandbox.run(line).success();
    assert!(sandbox.work().join("PROJECT").is_file());
}

#[test]
fn a_policy_that_cannot_be_loaded_stops_the_command() {
    let sandbox = Sandbox::new().plugin("good");
    if !put(&sandbox, "policy.so", &policy("pre-project-init")) {
        return;
    }
    check(
        &sandbox,
        &["init --plugins good"],
        expect![[r#"
        $ pintle init --plugins good
        --- stderr ---
        error: the hook of plugin `policy.example.org/v1.0.0` on `pre-project-init` cannot run
          caused by: the root symbol of plugin file `[PLUGINS]/policy.so` is not an abi_stable 0.11 header
        hint: build it with `pintle_plugin::export_plugin!` of interface 1.x; or disable the plugin with `--disable-plugin policy.example.org/v1.0.0`
        [exit 3]
    "#]],
    );
    assert!(!sandbox.work().join("PROJECT").exists());
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_policy_whose_thread_local_variables_do_not_fit_stops_the_command() {
    let sandbox = Sandbox::new().plugin("good").plugin("static-tls");
    let text = sandbox.transcript(&["init --plugins good", "plugin check static-tls"]);
    // The number of the descriptor depends on those that are open.
    let mut parts = text.split("/proc/self/fd/");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("[FD]");
        text.push_str(part.trim_start_matches(|it: char| "./0123456789".contains(it)));
    }
    expect![[r#"
        $ pintle init --plugins good
        --- stderr ---
        error: the hook of plugin `static-tls.example.org/v1.0.0` on `pre-project-init` cannot run
          caused by: the dynamic linker rejected plugin file `[PLUGINS]/static-tls.so`
          caused by: dlopen failed
          caused by: [FD]: cannot allocate memory in static TLS block
        hint: rebuild the plugin without allocators that use static TLS (jemalloc, mimalloc), or with their feature for libraries that are loaded at run time; or disable the plugin with `--disable-plugin static-tls.example.org/v1.0.0`
        [exit 3]
        $ pintle plugin check static-tls
        --- stderr ---
        warning: it uses static TLS: it cannot be loaded once other libraries have used up the static TLS block
        error: the dynamic linker rejected plugin file `[PLUGINS]/static-tls.so`
          caused by: dlopen failed
          caused by: [FD]: cannot allocate memory in static TLS block
        hint: rebuild the plugin without allocators that use static TLS (jemalloc, mimalloc), or with their feature for libraries that are loaded at run time
        [exit 3]
    "#]]
    .assert_eq(&text);
    assert!(!sandbox.work().join("PROJECT").exists());
    let line = "init --plugins good --disable-plugin static-tls";
    let _ = sandbox.run(line.split(' ')).success();
}

#[test]
fn a_refused_file_without_a_key_stops_the_command_if_it_has_the_hook() {
    let sandbox = Sandbox::new().plugin("good");
    let mut manifest = policy("pre-project-init");
    manifest.version = "newest".to_owned();
    if !put(&sandbox, "policy.so", &manifest) {
        return;
    }
    check(
        &sandbox,
        &["init --plugins good"],
        expect![[r#"
        $ pintle init --plugins good
        --- stderr ---
        error: the hook of plugin `[PLUGINS]/policy.so` on `pre-project-init` cannot run
          caused by: plugin `[PLUGINS]/policy.so` is refused
          caused by: its manifest is invalid
          caused by: invalid plugin version `newest`: expected a form such as `v1`, `v1.2`, `v1.2.3` or `v1.2.3-rc.1`
        hint: report this to the plugin's author; or remove `[PLUGINS]/policy.so`
        [exit 3]
    "#]],
    );
}

#[test]
fn a_hook_behind_the_work_that_cannot_run_is_a_warning_and_an_exit_code() {
    for manifest in [of_another_interface("post-project-init"), policy("post-project-init")] {
        let sandbox = Sandbox::new().plugin("good");
        if !put(&sandbox, "policy.so", &manifest) {
            return;
        }
        let out = sandbox.run(["init", "--plugins", "good"]);
        assert_eq!(out.code(), 1, "{out}");
        assert!(out.stderr.contains("warning: the hook of plugin `policy.example.org/v1.0.0` on `post-project-init` cannot run: "), "{out}");
        assert!(out.stderr.contains("--disable-plugin policy.example.org/v1.0.0"), "{out}");
        assert!(sandbox.work().join("PROJECT").is_file());
        let line = ["--disable-plugin", "policy", "edit", "--license", "none"];
        assert_ne!(sandbox.run(line).code(), 3);
    }
}

#[test]
fn another_version_that_can_run_takes_the_place_of_a_refused_one() {
    let sandbox = Sandbox::new().plugin("good");
    let mut manifest = of_another_interface("pre-project-init");
    manifest.name = "good.example.org".to_owned();
    manifest.version = "9.0.0".to_owned();
    if !put(&sandbox, "newer.so", &manifest) {
        return;
    }
    let _ = sandbox.run(["init", "--plugins", "good/v1"]).success();
}

#[test]
fn help_and_completion_work_whatever_a_hook_does() {
    let sandbox = Sandbox::new().plugin("toolbox").plugin("harbour");
    if !put(&sandbox, "policy.so", &of_another_interface("pre-cluster-create")) {
        return;
    }
    let help = sandbox.run(["cluster", "create", "--help"]).success();
    assert!(help.stdout.contains("Options of plugin harbour.example.org"), "{help}");
    assert!(
        help.stderr.starts_with("warning: the hook of plugin `policy.example.org/v1.0.0`"),
        "{help}"
    );
    let complete = [
        ("COMPLETE".to_owned(), "fish".to_owned()),
        ("PINTLE_COMPLETE".to_owned(), "fish".to_owned()),
    ];
    let out = sandbox.run_with(&complete, ["--", "pintle", "cluster", "create", "--"]).success();
    assert!(out.stdout.contains("--servers") && out.stderr.is_empty(), "{out}");
    check(
        &sandbox,
        &["cluster create desk"],
        expect![[r#"
        $ pintle cluster create desk
        --- stderr ---
        error: the hook of plugin `policy.example.org/v1.0.0` on `pre-cluster-create` cannot run
          caused by: plugin `policy.example.org/v1.0.0` is refused
          caused by: it was built against plugin interface 9.0.0, but this host supports only versions up to 1.x
        hint: update this host, or install an older version of the plugin; or disable the plugin with `--disable-plugin policy.example.org/v1.0.0`
        [exit 3]
    "#]],
    );
}

#[test]
fn a_plugin_is_disabled_until_it_is_enabled_whatever_directory_it_is_in() {
    let sandbox = Sandbox::new().plugin("good");
    let config = sandbox.path("home/.config/pintle/config.toml");
    write(&config, "# mine\n");
    check(
        &sandbox,
        &[
            "plugin disable good",
            "plugin disable good.example.org",
            "greet ada",
            "plugin list",
            "plugin enable good/v1",
            "plugin enable good",
            "greet ada",
            "plugin enable good",
            "plugin disable goood.example.org",
            "plugin disable good/v7",
            "plugin disable good/v1",
            "plugin enable good/v1",
        ],
        expect![[r#"
            $ pintle plugin disable good
            good.example.org is disabled in `[HOME]/.config/pintle/config.toml`
            [exit 0]
            $ pintle plugin disable good.example.org
            good.example.org is already disabled in `[HOME]/.config/pintle/config.toml`
            [exit 0]
            $ pintle greet ada
            --- stderr ---
            error: plugin `good.example.org/v1.0.0` is disabled
            hint: run `pintle plugin enable good.example.org`
            [exit 3]
            $ pintle plugin list
            KEY                      STATE     TRANSPORT  PROVIDES                                                                                         REASON
            good.example.org/v1.0.0  disabled  native     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 events  it is disabled by the key `good.example.org` in `[HOME]/.config/pintle/config.toml`
            [exit 0]
            $ pintle plugin enable good/v1
            --- stderr ---
            error: plugin `good/v1` is still disabled by the key `good.example.org` in `[HOME]/.config/pintle/config.toml`
            hint: run `pintle plugin enable good.example.org`
            [exit 1]
            $ pintle plugin enable good
            good.example.org is enabled again
            [exit 0]
            $ pintle greet ada
            hello, ada
            [exit 0]
            $ pintle plugin enable good
            good.example.org was not disabled
            [exit 0]
            $ pintle plugin disable goood.example.org
            --- stderr ---
            error: plugin `goood.example.org` is not installed
            hint: did you mean `good.example.org`?
            [exit 2]
            $ pintle plugin disable good/v7
            --- stderr ---
            error: no version of plugin `good.example.org` matches `good/v7`; installed versions: `good.example.org/v1.0.0`
            hint: use `good.example.org/v1.0.0`
            [exit 3]
            $ pintle plugin disable good/v1
            good.example.org/v1 is disabled in `[HOME]/.config/pintle/config.toml`
            [exit 0]
            $ pintle plugin enable good/v1
            good.example.org/v1 is enabled again
            [exit 0]
        "#]],
    );
    assert_eq!(fs::read_to_string(&config).expect("it is accessible"), "disabled = []\n# mine\n");
    let by_system = sandbox.path("system.toml");
    write(&by_system, "disabled = ['good']\n");
    let sandbox = sandbox.env("PINTLE_SYSTEM_CONFIG", by_system);
    check(
        &sandbox,
        &["greet ada", "plugin enable good"],
        expect![[r#"
        $ pintle greet ada
        --- stderr ---
        error: plugin `good.example.org/v1.0.0` is disabled
        hint: ask the administrator to remove `good` from `[SANDBOX]/system.toml`
        [exit 3]
        $ pintle plugin enable good
        --- stderr ---
        error: plugin `good` is still disabled by the key `good` in `[SANDBOX]/system.toml`
        hint: ask the administrator to remove `good` from `[SANDBOX]/system.toml`
        [exit 1]
    "#]],
    );
    assert!(
        listed(&sandbox, &[], |_| true)
            .contains("it is disabled by the key `good` in `[SANDBOX]/system.toml`")
    );
}

#[test]
fn a_required_plugin_that_is_missing_stops_the_commands_that_require_it() {
    let system = "[[required]]\nplugin = 'policy.example.org'\nversion = '>=1.2'\n\
                  commands = ['cluster', 'sail']\n";
    let sandbox = Sandbox::new().plugin("good").plugin("same-command-a");
    let file = sandbox.path("system.toml");
    write(&file, system);
    let sandbox = sandbox.env("PINTLE_SYSTEM_CONFIG", file);
    check(
        &sandbox,
        &["cluster create desk", "sail", "plugin run same-command-a sail", "greet ada"],
        expect![[r#"
            $ pintle cluster create desk
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `cluster create`, is not installed
            hint: install it
            [exit 3]
            $ pintle sail
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `sail`, is not installed
            hint: install it
            [exit 3]
            $ pintle plugin run same-command-a sail
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `sail`, is not installed
            hint: install it
            [exit 3]
            $ pintle greet ada
            hello, ada
            [exit 0]
        "#]],
    );
    for line in ["cluster create --help", "sail --help", "plugin list", "version", "--help"] {
        let _ = sandbox.run(line.split(' ')).success();
    }
    let mut manifest = policy("pre-node-create");
    if !put(&sandbox, "policy.so", &manifest) {
        return;
    }
    check(
        &sandbox,
        &["sail"],
        expect![[r#"
            $ pintle sail
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `sail`, is not in use: the version in use is `v1.0.0`
            hint: install a version that matches
            [exit 3]
        "#]],
    );
    manifest.version = "1.2.0".to_owned();
    assert!(put(&sandbox, "policy.so", &manifest));
    // Neither the user's file nor an option can remove it.
    write(&sandbox.path("home/.config/pintle/config.toml"), "disabled = []\nrequired = []\n");
    check(
        &sandbox,
        &["sail", "--disable-plugin policy sail", "plugin disable policy", "sail"],
        expect![[r#"
            $ pintle sail
            a sails
            [exit 0]
            $ pintle --disable-plugin policy sail
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `sail`, is disabled
              caused by: it is disabled by the key `policy`
            hint: remove it from `--disable-plugin` and from the variable `PINTLE_DISABLE_PLUGINS`
            [exit 3]
            $ pintle plugin disable policy
            policy.example.org is disabled in `[HOME]/.config/pintle/config.toml`
            [exit 0]
            $ pintle sail
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `sail`, is disabled
              caused by: it is disabled by the key `policy.example.org` in `[HOME]/.config/pintle/config.toml`
            hint: run `pintle plugin enable policy.example.org`
            [exit 3]
        "#]],
    );
    write(&sandbox.path("home/.config/pintle/config.toml"), "");
    let mut manifest = of_another_interface("pre-node-create");
    manifest.version = "1.2.0".to_owned();
    assert!(put(&sandbox, "policy.so", &manifest));
    check(
        &sandbox,
        &["sail"],
        expect![[r#"
            $ pintle sail
            --- stderr ---
            error: plugin `policy.example.org` with version `>=1.2`, which `[SANDBOX]/system.toml` requires for `sail`, is refused
              caused by: it was built against plugin interface 9.0.0, but this host supports only versions up to 1.x
            hint: update this host, or install an older version of the plugin
            [exit 3]
        "#]],
    );
}

#[test]
fn what_the_user_requires_of_all_commands_stops_all_that_do_work() {
    let sandbox = Sandbox::new().plugin("good").env("PATH", "/usr/bin:/bin");
    let config = sandbox.path("home/.config/pintle/config.toml");
    write(&config, "[[required]]\nplugin = 'policy'\n");
    check(
        &sandbox,
        &["greet ada", "init --plugins good"],
        expect![[r#"
            $ pintle greet ada
            --- stderr ---
            error: plugin `policy.pintle.dev`, which `[HOME]/.config/pintle/config.toml` requires for `greet`, is not installed
            hint: install it; or remove the requirement from `[HOME]/.config/pintle/config.toml`
            [exit 3]
            $ pintle init --plugins good
            --- stderr ---
            error: plugin `policy.pintle.dev`, which `[HOME]/.config/pintle/config.toml` requires for `init`, is not installed
            hint: install it; or remove the requirement from `[HOME]/.config/pintle/config.toml`
            [exit 3]
        "#]],
    );
    write(&config, "[[required]]\nplugin = 'good.example.org'\n");
    let _ = sandbox.run(["greet", "ada"]).success();
}

#[test]
fn a_configuration_that_cannot_be_read_stops_what_needs_it() {
    let sandbox = Sandbox::new().plugin("good");
    write(&sandbox.path("home/.config/pintle/config.toml"), "\ndisabled = 1\n");
    check(
        &sandbox,
        &["greet ada", "plugin list", "plugin disable good"],
        expect![[r#"
            $ pintle greet ada
            --- stderr ---
            error: failed to read the configuration `[HOME]/.config/pintle/config.toml`
              caused by: line 2: `disabled`: invalid type: integer `1`, expected a sequence
            [exit 2]
            $ pintle plugin list
            --- stderr ---
            error: failed to read the configuration `[HOME]/.config/pintle/config.toml`
              caused by: line 2: `disabled`: invalid type: integer `1`, expected a sequence
            [exit 2]
            $ pintle plugin disable good
            --- stderr ---
            error: failed to read the configuration `[HOME]/.config/pintle/config.toml`
              caused by: line 2: `disabled`: invalid type: integer `1`, expected a sequence
            [exit 2]
        "#]],
    );
    for line in ["version", "--help", "completion bash", "greet --help"] {
        let out = sandbox.run(line.split(' ')).success();
        assert!(!out.stdout.is_empty(), "{line}: {out}");
    }
}

#[test]
fn a_pre_release_that_was_not_asked_for_is_named() {
    let sandbox = Sandbox::new();
    let bytes = fs::read(fixture("plain")).expect("it was built");
    let (from, to) = (b"\"version\":\"1.0.0\"", b"\"version\":\"1-rc1\"");
    assert_eq!(from.len(), to.len());
    let mut patched = bytes.clone();
    let places = bytes.windows(from.len()).enumerate().filter(|(_, it)| it == from);
    places.for_each(|(at, _)| patched[at..at + to.len()].copy_from_slice(to));
    assert_ne!(bytes, patched, "the library contains its version");
    fs::write(sandbox.plugins().join("plain.so"), patched).expect("it is accessible");
    check(
        &sandbox,
        &["plain", "plugin run plain plain", "plugin run plain/v1.0.0-rc1 plain"],
        expect![[r#"
            $ pintle plain
            plain
            --- stderr ---
            warning: plugin `plain.example.org/v1.0.0-rc1` is a pre-release, and there is no stable version
            [exit 0]
            $ pintle plugin run plain plain
            --- stderr ---
            error: only pre-releases match `plain`: `plain.example.org/v1.0.0-rc1`
            hint: use `plain.example.org/v1.0.0-rc1`
            [exit 3]
            $ pintle plugin run plain/v1.0.0-rc1 plain
            plain
            [exit 0]
        "#]],
    );
}
