//! Hosts with more privileges than their callers, and plugins that others may change.
//!
//! The tests run the host as another user, from copies that are set-user-id, set-group-id, or have
//! capabilities. Only root can make such copies.

use crate::support::{Output, Sandbox, fixture, install, skip};
use expect_test::{Expect, expect};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

/// How a program gets more privileges than its caller.
const RAISED: [&str; 3] = ["chmod 4755", "chmod 2755", "setcap cap_net_bind_service+ep"];

/// Returns a sandbox whose host runs as the user `nobody`, from a copy that root owns; `None` if
/// tests cannot do that.
fn sandbox() -> Option<Sandbox> {
    if !rustix::process::geteuid().is_root() {
        skip("another user");
        return None;
    }
    if !["/sbin/setcap", "/usr/sbin/setcap"].iter().any(|it| Path::new(it).exists()) {
        skip("setcap");
        return None;
    }
    Some(Sandbox::unprivileged().plugin("plain"))
}

/// Gives the copy of the host more privileges.
#[track_caller]
fn raise(sandbox: &Sandbox, how: &str) {
    let script = format!("{how} \"$0\"");
    let mut command = Command::new("sh");
    command.args(["-ec", &script]).arg(sandbox.path("pintle"));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    assert!(command.status().is_ok_and(|it| it.success()), "failed: {how}");
}

/// Checks the output of a host with raised privileges, whatever the mechanism.
#[track_caller]
fn check_raised(line: &str, expected: Expect) {
    let Some(sandbox) = sandbox() else { return };
    let user = sandbox.path("home/.local/share/pintle/plugins");
    fs::create_dir_all(&user).expect("the directory is new");
    install(&fixture("plain"), &user.join("plain.so"));
    let line = line.replace("[PLUGINS]", &sandbox.plugins().display().to_string());
    let args: Vec<_> = line.split(' ').collect();
    let plain = sandbox.run(&args).to_string();
    let outputs = RAISED.map(|how| {
        raise(&sandbox, how);
        let output = sandbox.run(&args).to_string();
        raise(&sandbox, "chmod 0755");
        output
    });
    assert_ne!(outputs[0], plain, "the caller is trusted, or nothing was raised");
    assert!(outputs.iter().all(|it| *it == outputs[0]), "{outputs:#?}");
    expected.assert_eq(&outputs[0]);
}

#[test]
fn plugins_that_the_caller_chooses_are_not_there() {
    check_raised(
        "plain",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: unrecognized subcommand 'plain'

              tip: a similar subcommand exists: 'plugin'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
    check_raised(
        "plugin list",
        expect![[r#"
            no plugins found; `pintle plugin abi` lists the plugin directories
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            [exit 0]
        "#]],
    );
}

#[test]
fn a_plugin_directory_of_the_callers_is_refused() {
    check_raised(
        "--plugin-dir [PLUGINS] plain",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: the option `--plugin-dir` is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
    check_raised(
        "plugin list --plugin-dir=[PLUGINS]",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: the option `--plugin-dir` is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
}

#[test]
fn a_file_of_the_callers_is_not_loaded() {
    check_raised(
        "plugin inspect [PLUGINS]/plain.so",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: a plugin file as an argument is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
    check_raised(
        "plugin check [PLUGINS]/plain.so",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: a plugin file as an argument is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
    check_raised(
        "plugin dev [PLUGINS]",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: a plugin's source directory as an argument is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
    check_raised(
        "plugin check --in-this-process -- [PLUGINS]/plain.so",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: a plugin file as an argument is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
    check_raised(
        "plugin register [PLUGINS]/plain.so",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: a plugin file as an argument is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
    check_raised(
        "plugin install [PLUGINS]/plain.so",
        expect![[r#"
            --- stderr ---
            warning: the environment and the user's directories are ignored, including PINTLE_PLUGIN_PATH, PINTLE_PLUGIN_SYSTEM_PATH, PINTLE_SYSTEM_CONFIG: this process has privileges that its caller does not have
            error: the user's plugin directory is not allowed: this process has privileges that its caller does not have
            hint: use a plugin that the administrator has installed, or a copy of `pintle` that has no privileges
            [exit 3]
        "#]],
    );
}

#[test]
fn a_completion_script_gets_no_answer() {
    let Some(sandbox) = sandbox() else { return };
    let sandbox = sandbox.env("PINTLE_COMPLETE", "fish");
    let line = ["--", "pintle", "pla"];
    assert_eq!(sandbox.run(line).success().stdout, "plain[TAB]Do next to nothing\n");
    raise(&sandbox, RAISED[0]);
    assert_eq!(sandbox.run(line).success().to_string(), "[exit 0]\n");
}

#[test]
fn the_environment_of_the_caller_is_not_used() {
    let Some(sandbox) = sandbox() else { return };
    let sandbox = sandbox.env("PINTLE_DISABLE_PLUGINS", "+");
    let warning = "cannot disable plugin `+`";
    let output = sandbox.run(["plugin", "list"]).success();
    assert!(output.stderr.contains(warning), "{output}");
    raise(&sandbox, RAISED[0]);
    let output = sandbox.run(["plugin", "list"]).success();
    assert!(!output.stderr.contains(warning), "{output}");
    assert!(output.stderr.contains("PINTLE_DISABLE_PLUGINS"), "{output}");
}

#[test]
fn plugins_that_the_administrator_has_installed_are_used() {
    let Some(sandbox) = sandbox() else { return };
    let works = Command::new("unshare").args(["-m", "true"]).status();
    if !works.is_ok_and(|it| it.success()) {
        return skip("a mount namespace");
    }
    for how in RAISED {
        raise(&sandbox, how);
        let output = in_local_lib(&sandbox, "", "plain");
        assert!(output.success().stdout.contains("plain"), "{how}");
        let output = in_local_lib(&sandbox, "chmod 777 \"$plugins\"", "plain");
        assert_ne!(output.code(), 0, "{output}");
        let text = "plugin directory `/usr/local/lib/pintle/plugins` is ignored: all users can";
        assert!(output.stderr.contains(text), "{output}");
        let output = in_local_lib(&sandbox, "chown 12345 \"$plugins/plain.so\"", "plain");
        assert_eq!(output.code(), 3, "{output}");
        raise(&sandbox, "chmod 0755");
    }
}

#[test]
fn a_program_gets_nothing_of_the_callers_environment() {
    let Some(sandbox) = sandbox() else { return };
    let works = Command::new("unshare").args(["-m", "true"]).status();
    if !works.is_ok_and(|it| it.success()) {
        return skip("a mount namespace");
    }
    let program = sandbox.plugins().join("pintle-show");
    let script = "#!/bin/sh\ncase $PINTLE_COMMAND in\nINFO) printf 'version: 1.0.0\\ncommands:\\n- \
                  { command: show, about: Show }\\n' ;;\n*) echo \"$PATH $HOME $FOREIGN\" ;;\nesac\n";
    fs::write(&program, script).expect("the directory is writable");
    set_mode(&program, 0o755);
    let sandbox = sandbox.env("FOREIGN", "foreign");
    let change = format!("cp {} \"$plugins\"", program.display());
    let output = sandbox.run(["show"]).success();
    assert!(output.stdout.ends_with(" [HOME] foreign\n"), "{output}");
    raise(&sandbox, RAISED[0]);
    let output = in_local_lib(&sandbox, &change, "show").success();
    let expected = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
    assert_eq!(output.stdout, expected, "{output}");
}

/// Runs the host as the user `nobody` with a plugin in the system's directory.
#[track_caller]
fn in_local_lib(sandbox: &Sandbox, change: &str, line: &str) -> Output {
    let plain = sandbox.plugins().join("plain.so");
    let script = format!(
        "mount -t tmpfs none /usr/local/lib; plugins=/usr/local/lib/pintle/plugins
         mkdir -p \"$plugins\"; chmod 755 /usr/local/lib; cp {} \"$plugins\"; {change}
         exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$PINTLE\" {line}",
        plain.display()
    );
    sandbox.script(&["unshare", "-m"], &script)
}

#[test]
fn root_uses_nothing_that_others_may_change() {
    if !rustix::process::geteuid().is_root() {
        return skip("another user");
    }
    let sandbox = Sandbox::new().plugin("plain");
    let plugins = sandbox.plugins();
    let _ = sandbox.run(["plain"]).success();
    set_mode(&plugins, 0o1777);
    expect![[r#"
        $ pintle plain
        --- stderr ---
        warning: plugin directory `[PLUGINS]` is ignored: all users can write to it: change its owner to your user or to root, and remove the write permission of all others: `chmod go-w`
        error: unrecognized subcommand 'plain'

          tip: a similar subcommand exists: 'plugin'

        Usage: pintle [OPTIONS] <COMMAND>

        For more information, try '--help'.
        [exit 2]
        $ pintle plugin list
        no plugins found; `pintle plugin abi` lists the plugin directories
        --- stderr ---
        warning: plugin directory `[PLUGINS]` is ignored: all users can write to it: change its owner to your user or to root, and remove the write permission of all others: `chmod go-w`
        [exit 0]
    "#]].assert_eq(&sandbox.transcript(&["plain", "plugin list"]));
    set_mode(&plugins, 0o755);

    // The file itself, behind a link.
    let elsewhere = sandbox.path("elsewhere.so");
    fs::copy(fixture("plain"), &elsewhere).expect("it can be copied");
    fs::remove_file(plugins.join("plain.so")).expect("it is accessible");
    std::os::unix::fs::symlink(&elsewhere, plugins.join("plain.so")).expect("the name is free");
    let _ = sandbox.run(["plain"]).success();
    chown(&elsewhere, Some(12345), None).expect("root has permission");
    expect![[r#"
        $ pintle plain
        --- stderr ---
        error: plugin file `[PLUGINS]/plain.so` was refused
          caused by: it is not safe to load: it belongs to another user (uid 12345)
        hint: change its owner to your user or to root, and remove the write permission of all others: `chmod go-w`
        [exit 3]
    "#]].assert_eq(&sandbox.transcript(&["plain"]));
}

#[test]
fn other_users_are_warned() {
    let Some(sandbox) = sandbox() else { return };
    let _ = sandbox.run(["plain"]).success();
    set_mode(&sandbox.plugins(), 0o1777);
    expect![[r#"
        $ pintle plain
        plain
        --- stderr ---
        warning: plugin directory `[PLUGINS]` is not safe: all users can write to it: change its owner to your user or to root, and remove the write permission of all others: `chmod go-w`
        [exit 0]
    "#]].assert_eq(&sandbox.transcript(&["plain"]));
    set_mode(&sandbox.plugins(), 0o755);
    let file = sandbox.plugins().join("plain.so");
    fs::remove_file(&file).expect("it is accessible");
    fs::copy(fixture("plain"), &file).expect("it can be copied");
    set_mode(&file, 0o666);
    expect![[r#"
        $ pintle plain
        plain
        --- stderr ---
        warning: plugin `plain.example.org/v1.0.0` is not safe: all users can write to it: change its owner to your user or to root, and remove the write permission of all others: `chmod go-w`
        [exit 0]
    "#]].assert_eq(&sandbox.transcript(&["plain"]));
}

#[test]
fn root_runs_no_program_that_others_may_change() {
    if !rustix::process::geteuid().is_root() {
        return skip("another user");
    }
    let sandbox = Sandbox::new();
    let program = sandbox.plugins().join("pintle-tool");
    fs::write(&program, "#!/bin/sh\ntouch ran\n").expect("the directory is writable");
    set_mode(&program, 0o777);
    let output = sandbox.run(["plugin", "list"]).success();
    assert!(output.stdout.contains("it is not safe to run: all users can write to it"), "{output}");
    assert!(!sandbox.plugins().join("ran").exists(), "it was run");
    set_mode(&program, 0o755);
    let _ = sandbox.run(["plugin", "list"]);
    assert!(sandbox.plugins().join("ran").exists(), "it was not run");
}

#[track_caller]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is accessible");
}
