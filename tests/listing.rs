//! The host's output about plugins: as text and as data.

use crate::support::Sandbox;
use expect_test::{Expect, expect};

#[track_caller]
fn check_lines(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[test]
fn the_listing_is_there_as_text_json_and_yaml() {
    let sandbox = Sandbox::new().plugin("plain").plugin("veto").plugin("host-requirement");
    let lines = ["plugin list", "plugin list -o json", "plugin list -o yaml", "plugin list -o xml"];
    check_lines(
        &sandbox,
        &lines,
        expect![[r#"
            $ pintle plugin list
            KEY                                  STATE    TRANSPORT  PROVIDES  REASON
            host-requirement.example.org/v1.0.0  refused  native     future    it requires version >=99 of the host library, but this host is built on 0.1.0
            plain.example.org/v1.0.0             ok       native     plain
            veto.example.org/v1.0.0              ok       native     1 event
            [exit 0]
            $ pintle plugin list -o json
            [
              {
                "name": "host-requirement.example.org",
                "version": "1.0.0",
                "key": "host-requirement.example.org/v1.0.0",
                "state": "refused",
                "reason": "it requires version >=99 of the host library, but this host is built on 0.1.0",
                "transport": "native",
                "path": "[PLUGINS]/host-requirement.so",
                "abi": {
                  "interface": "1.0.0",
                  "abi_stable": "0.11",
                  "panic": "unwind",
                  "root": "pintle_root_fixture_host_requirement_1_0_0"
                },
                "project_versions": [
                  "3"
                ],
                "commands": [
                  "future"
                ],
                "subcommands": [],
                "events": []
              },
              {
                "name": "plain.example.org",
                "version": "1.0.0",
                "key": "plain.example.org/v1.0.0",
                "state": "ok",
                "reason": null,
                "transport": "native",
                "path": "[PLUGINS]/plain.so",
                "abi": {
                  "interface": "1.0.0",
                  "abi_stable": "0.11",
                  "panic": "unwind",
                  "root": "pintle_root_fixture_plain_1_0_0"
                },
                "project_versions": [
                  "3"
                ],
                "commands": [
                  "plain"
                ],
                "subcommands": [],
                "events": []
              },
              {
                "name": "veto.example.org",
                "version": "1.0.0",
                "key": "veto.example.org/v1.0.0",
                "state": "ok",
                "reason": null,
                "transport": "native",
                "path": "[PLUGINS]/veto.so",
                "abi": {
                  "interface": "1.0.0",
                  "abi_stable": "0.11",
                  "panic": "unwind",
                  "root": "pintle_root_fixture_veto_1_0_0"
                },
                "project_versions": [
                  "3"
                ],
                "commands": [],
                "subcommands": [],
                "events": [
                  "pre-project-init"
                ]
              }
            ]
            [exit 0]
            $ pintle plugin list -o yaml
            - name: host-requirement.example.org
              version: "1.0.0"
              key: host-requirement.example.org/v1.0.0
              state: refused
              reason: it requires version >=99 of the host library, but this host is built on 0.1.0
              transport: native
              path: [PLUGINS]/host-requirement.so
              abi:
                interface: "1.0.0"
                abi_stable: "0.11"
                panic: unwind
                root: pintle_root_fixture_host_requirement_1_0_0
              project_versions:
              - "3"
              commands:
              - future
              subcommands: []
              events: []
            - name: plain.example.org
              version: "1.0.0"
              key: plain.example.org/v1.0.0
              state: ok
              reason: null
              transport: native
              path: [PLUGINS]/plain.so
              abi:
                interface: "1.0.0"
                abi_stable: "0.11"
                panic: unwind
                root: pintle_root_fixture_plain_1_0_0
              project_versions:
              - "3"
              commands:
              - plain
              subcommands: []
              events: []
            - name: veto.example.org
              version: "1.0.0"
              key: veto.example.org/v1.0.0
              state: ok
              reason: null
              transport: native
              path: [PLUGINS]/veto.so
              abi:
                interface: "1.0.0"
                abi_stable: "0.11"
                panic: unwind
                root: pintle_root_fixture_veto_1_0_0
              project_versions:
              - "3"
              commands: []
              subcommands: []
              events:
              - pre-project-init
            [exit 0]
            $ pintle plugin list -o xml
            --- stderr ---
            error: invalid value 'xml' for '--output <FORMAT>'
              [possible values: text, json, yaml]

              tip: a similar value exists: 'yaml'

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn no_plugins_are_no_error() {
    check_lines(
        &Sandbox::new(),
        &["plugin list", "plugin list -o json"],
        expect![[r#"
        $ pintle plugin list
        no plugins found; `pintle plugin abi` lists the plugin directories
        [exit 0]
        $ pintle plugin list -o json
        []
        [exit 0]
    "#]],
    );
}

#[test]
fn a_plugin_is_inspected_without_being_run() {
    let sandbox = Sandbox::new().plugin("plain");
    check_lines(
        &sandbox,
        &["plugin inspect plain", "plugin inspect [PLUGINS]/plain.so -o json"],
        expect![[r#"
            $ pintle plugin inspect plain
            file         [PLUGINS]/plain.so
            format       ELF, x86_64
            name         plain.example.org
            version      1.0.0
            description  Has one command
            licence      MIT OR Apache-2.0
            interface    1.0.0, abi_stable 0.11, panic = unwind
            root symbol  pintle_root_fixture_plain_1_0_0
            target       [TARGET]
            built by     [RUSTC]
            host         *
            project      3
            command      plain: Do next to nothing
            this host    accepts it
            [exit 0]
            $ pintle plugin inspect [PLUGINS]/plain.so -o json
            {
              "path": "[PLUGINS]/plain.so",
              "transport": "native",
              "format": "ELF",
              "architecture": "x86_64",
              "refused": null,
              "manifest": {
                "format": 1,
                "name": "plain.example.org",
                "version": "1.0.0",
                "description": "Has one command",
                "abi": {
                  "interface": "1.0.0",
                  "abi_stable": "0.11",
                  "panic": "unwind",
                  "root": "pintle_root_fixture_plain_1_0_0"
                },
                "target": "[TARGET]",
                "rustc": "[RUSTC]",
                "host": "*",
                "project_versions": [
                  "3"
                ],
                "commands": [
                  {
                    "path": [
                      "plain"
                    ],
                    "about": "Do next to nothing"
                  }
                ],
                "subcommands": [],
                "events": [],
                "license": "MIT OR Apache-2.0"
              }
            }
            [exit 0]
        "#]],
    );
}

#[test]
fn a_plugin_is_checked_whole() {
    let sandbox = Sandbox::new().plugin("good");
    check_lines(
        &sandbox,
        &["plugin check good", "plugin check plain"],
        expect![[r#"
            $ pintle plugin check good
            plugin       good.example.org/v1.0.0
            path         [PLUGINS]/good.so
            file         a regular file, a library for this machine, with all segments inside the file
            root symbol  `pintle_root_fixture_good_1_0_0`, defined by this file
            layout       matches this host
            code         matches the manifest in the file
            interface    1.0.0 (this host: 1.0.0)
            abi_stable   0.11 (this host: 0.11)
            target       [TARGET]
            panic        unwind
            host         requires `*` (this host: 0.1.0)
            project      3
            functions    manifest, call
            command      `greet`, 6 arguments
            command      `ask`, 1 argument
            command      `work`, 0 arguments
            command      `fail`, 0 arguments
            command      `misuse`, 0 arguments
            command      `exit-with`, 1 argument
            command      `again`, 1 argument
            command      `whoami`, 0 arguments
            command      `fleet list`, 0 arguments
            command      `fleet add`, 1 argument
            subcommand   `init`, 1 flag
            all checks passed
            [exit 0]
            $ pintle plugin check plain
            --- stderr ---
            error: plugin `plain` is not installed
            hint: run `pintle plugin list` to list the plugins
            [exit 2]
        "#]],
    );
}

#[test]
fn a_key_is_understood_in_each_of_its_forms() {
    let sandbox = Sandbox::new().plugin("plain");
    let lines = [
        "plugin run plain plain",
        "plugin run plain/v1 plain",
        "plugin run plain.example.org/v1.0.0 plain",
        "plugin run plain/v2 plain",
        "plugin run plian plain",
        "plugin run Plain! plain",
        "plugin run plain other",
    ];
    check_lines(
        &sandbox,
        &lines,
        expect![[r#"
            $ pintle plugin run plain plain
            plain
            [exit 0]
            $ pintle plugin run plain/v1 plain
            plain
            [exit 0]
            $ pintle plugin run plain.example.org/v1.0.0 plain
            plain
            [exit 0]
            $ pintle plugin run plain/v2 plain
            --- stderr ---
            error: no version of plugin `plain.example.org` matches `plain/v2`; installed versions: `plain.example.org/v1.0.0`
            hint: use `plain.example.org/v1.0.0`
            [exit 3]
            $ pintle plugin run plian plain
            --- stderr ---
            error: plugin `plian` is not installed
            hint: did you mean `plain.example.org`?
            [exit 2]
            $ pintle plugin run Plain! plain
            --- stderr ---
            error: invalid plugin key `Plain!`: expected `name` or `name/v1.2.3`
              caused by: invalid plugin name `Plain!`: expected dot-separated parts of lower-case letters, digits and `-`, each with a letter or digit at both ends
            hint: use `name` or `name/version`, for example `hello`, `hello/v1` or `hello.pintle.dev/v1.0.0`
            [exit 2]
            $ pintle plugin run plain other
            --- stderr ---
            error: plugin `plain` has no command `other`
            hint: use one of the commands of the plugin: `plain`
            [exit 2]
        "#]],
    );
}

#[test]
fn the_facts_of_the_interface_are_there_for_packagers() {
    check_lines(
        &Sandbox::new(),
        &["plugin abi", "version", "version -o json"],
        expect![[r#"
        $ pintle plugin abi
        interface    1.0.0
        abi_stable   0.11
        target       [TARGET]
        rustc        [RUSTC]
        library      0.1.0
        suffix       .so
        directories  [PLUGINS] (environment)
                     [HOME]/.local/share/pintle/plugins (user, missing)
        [exit 0]
        $ pintle version
        pintle 0.1.0 (plugin interface 1.0.0, [TARGET])
        [exit 0]
        $ pintle version -o json
        {
          "name": "pintle",
          "version": "0.1.0",
          "library": "0.1.0",
          "interface": "1.0.0",
          "target": "[TARGET]"
        }
        [exit 0]
    "#]],
    );
}

#[test]
fn each_shell_has_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = Sandbox::new().run(["completion", shell]).success();
        assert!(script.stdout.contains("PINTLE_COMPLETE"), "{script}");
    }
}

#[test]
fn the_help_names_the_plugins_commands_whatever_option_stands_before_it() {
    let sandbox = Sandbox::new().plugin("good").without_env("PINTLE_PLUGIN_PATH");
    for line in ["--plugin-dir ../plugins --help", "--plugin-dir=../plugins -v help"] {
        let help = sandbox.run(line.split(' ')).success();
        assert!(help.stdout.contains("Commands of plugins:"), "{help}");
    }
}

#[test]
fn completion_heeds_the_options_on_the_line() {
    let sandbox = Sandbox::new().plugin("good").env("PINTLE_COMPLETE", "fish");
    let said = |line: &str| sandbox.run(line.split(' ')).success().stdout;
    assert!(said("-- pintle gre").contains("greet"));
    assert!(!said("-- pintle --disable-plugin good gre").contains("greet"));
    let elsewhere = sandbox.without_env("PINTLE_PLUGIN_PATH");
    let said = |line: &str| elsewhere.run(line.split(' ')).success().stdout;
    assert!(!said("-- pintle gre").contains("greet"));
    assert!(said("-- pintle --plugin-dir ../plugins gre").contains("greet"));
    assert!(said("-- pintle --plugin-dir ../plugins -v greet --ti").contains("--times"));
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_void_neither_the_disabled_nor_a_folder() {
    use std::os::unix::ffi::OsStrExt;
    let disabled = std::ffi::OsStr::from_bytes(b"good,\xff");
    let sandbox = Sandbox::new().plugin("good").env("PINTLE_DISABLE_PLUGINS", disabled);
    assert_eq!(sandbox.run(["greet", "ada"]).code(), 3);

    let sandbox = Sandbox::new().plugin("good").without_env("PINTLE_PLUGIN_PATH");
    let folder = sandbox.path("").join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    std::fs::rename(sandbox.plugins(), &folder).expect("the sandbox is writable");
    let option = [b"--plugin-dir=", folder.as_os_str().as_bytes()].concat();
    let args = [std::ffi::OsStr::from_bytes(&option), "greet".as_ref(), "ada".as_ref()];
    assert_eq!(sandbox.run(args).success().stdout, "hello, ada\n");
}

#[test]
fn quiet_is_quiet_about_where_an_error_comes_from() {
    let sandbox = Sandbox::new().plugin("good");
    let said = |line: &str| sandbox.run(line.split(' ')).to_string();
    assert!(!said("-q fail").contains("the error was reported by plugin"));
    assert!(said("-v fail").contains("the error was reported by plugin `good.example.org/v1.0.0`"));
}

#[test]
fn completion_knows_the_commands_and_options_of_plugins() {
    let sandbox = Sandbox::new().plugin("good").plugin("host-requirement");
    let sandbox = sandbox.env("PINTLE_COMPLETE", "fish");
    let lines =
        ["-- pintle f", "-- pintle fleet ", "-- pintle greet --t", "-- pintle greet --style "];
    check_lines(
        &sandbox,
        &lines,
        expect![[r#"
            $ pintle -- pintle f
            fail[TAB]Fail with causes and a hint
            fleet[TAB]Commands of plugin good.example.org
            [exit 0]
            $ pintle -- pintle fleet
            add[TAB]Add a ship
            list[TAB]List the ships
            [exit 0]
            $ pintle -- pintle greet --t
            --times[TAB]How often
            --title[TAB]A title, or several
            [exit 0]
            $ pintle -- pintle greet --style
            plain
            fancy
            [exit 0]
        "#]],
    );
}

#[test]
fn refused_and_disabled_plugins_do_not_come_up_in_help_and_completion() {
    let sandbox = Sandbox::new().plugin("host-requirement").plugin("plain");
    let sandbox = sandbox.env("PINTLE_DISABLE_PLUGINS", "plain");
    let help = sandbox.run(["help"]).success();
    assert!(!help.stdout.contains("future") && !help.stdout.contains("plain"), "{help}");
    let completed = sandbox.env("PINTLE_COMPLETE", "fish").run(["--", "pintle", ""]).success();
    assert!(!completed.stdout.contains("future"), "{completed}");
    assert!(!completed.stdout.contains("plain"), "{completed}");
}

/// Names that are not UTF-8, and that are equal if the invalid bytes are replaced.
#[cfg(unix)]
#[test]
fn file_names_that_are_not_text_are_listed_so_that_they_can_be_told_apart() {
    use std::os::unix::ffi::OsStrExt;
    let name = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let sandbox = Sandbox::new().without_env("PINTLE_PLUGIN_PATH");
    let folder = sandbox.path("").join(name(b"odd\xff"));
    std::fs::create_dir(&folder).expect("the sandbox is writable");
    let files: Vec<_> =
        [b"a\xff.so", b"a\xfe.so", b"b\xff.so"].iter().map(|it| folder.join(name(*it))).collect();
    crate::support::install(&crate::support::fixture("plain"), &files[0]);
    crate::support::install(&crate::support::fixture("veto"), &files[1]);
    std::fs::write(&files[2], "text").expect("the sandbox is writable");
    let sandbox = sandbox.env("PINTLE_PLUGIN_PATH", &folder);
    let run = |words: &[&str], file: Option<&std::path::Path>, form: &str| {
        let args = words.iter().map(std::ffi::OsStr::new);
        let args = args.chain(file.map(std::path::Path::as_os_str));
        let output = sandbox.run(args.chain(["-o".as_ref(), form.as_ref()]));
        assert!([0, 3].contains(&output.code()), "{words:?} {file:?}:\n{output}");
        let shown = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        if form == "json" {
            serde_json::from_str::<serde_json::Value>(&shown).expect("it is JSON");
        }
        // JSON and YAML escape the backslash again.
        shown.replace("\\\\", "\\")
    };
    for form in ["text", "json", "yaml"] {
        let all = run(&["plugin", "list", "--all"], None, form);
        assert!(all.contains(r"b\xff.so"), "{all}");
        if form != "text" {
            assert!(
                all.contains(r"odd\xff/a\xff.so") && all.contains(r"odd\xff/a\xfe.so"),
                "{all}"
            );
        }
        assert!(run(&["plugin", "abi"], None, form).contains(r"odd\xff"));
        for (file, shown) in files.iter().zip([r"a\xff.so", r"a\xfe.so"]) {
            for command in ["inspect", "check"] {
                let text = run(&["plugin", command], Some(file), form);
                assert!(text.contains(shown), "{text}");
            }
        }
        assert!(run(&["plugin", "check"], Some(&files[2]), form).contains("not a library"));
    }
}

/// A machine that cannot start more threads has plugins, too.
#[test]
fn many_plugins_are_listed_where_no_thread_can_be_started() {
    let sandbox = Sandbox::new().env("RUST_MIN_STACK", (usize::MAX / 4).to_string());
    let sandbox = (0..90)
        .fold(sandbox, |it, n| it.library(&format!("{n}.so"), &crate::support::fixture("plain")));
    let listed = sandbox.run(["plugin", "list", "--all", "-o", "json"]).success();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("it is JSON");
    assert_eq!(rows.len(), 90);
}
