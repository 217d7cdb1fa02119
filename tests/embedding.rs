//! A host with another name, and with plugins and a command of its own.

use crate::support::{Sandbox, built, example};
use expect_test::{Expect, expect};
use pintle::Cli;
use std::fs;

fn rudder() -> Sandbox {
    Sandbox::of(example("rudder"), "RUDDER")
}

#[track_caller]
fn check_lines(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[test]
fn the_host_bears_its_own_name_and_version() {
    check_lines(
        &rudder(),
        &["version", "--version", "help"],
        expect![[r#"
            $ rudder version
            rudder 2.3.4 (plugin interface 1.0.0, [TARGET])
            [exit 0]
            $ rudder --version
            rudder 2.3.4
            [exit 0]
            $ rudder help
            Steers ships, with plugins

            Usage: rudder [OPTIONS] <COMMAND>

            Commands:
              help        Show the help of a command
              version     Show the versions of the host and of its plugin interface
              completion  Print the completion script of a shell
              plugin      Create, list, inspect, check, run and register plugins
              events      List the events and their subscribers
              init        Start a project in the current directory
              edit        Change the project as a whole, or add plugins to it
              create      Add APIs and webhooks to the project
              delete      Remove APIs and webhooks from the project
              project     Show, check, upgrade and repair the project
              bridge      Use plugins of this host in kubebuilder
              steer       Steer into a direction

            Options:
              -h, --help     Print help
              -V, --version  Print version

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 0]
        "#]],
    );
}

/// Domain words that a host without the command groups does not use.
const WORDS_OF_JOBS: &[&str] = &[
    "kube",
    "k3s",
    "docker",
    "cluster",
    "node",
    "operator",
    "container",
    "scaffold",
    "webhook",
    "PROJECT",
    "init",
    "create",
    "delete",
    "edit",
];

fn lighthouse() -> Sandbox {
    Sandbox::of(example("lighthouse"), "LIGHTHOUSE").plugin("keeper")
}

#[test]
fn a_host_of_another_field_has_its_own_commands_and_event() {
    check_lines(
        &lighthouse(),
        &[
            "--help",
            "lamp light --help",
            "lamp light --colour red --keeper ada",
            "fog 2",
            "fog 0",
            "events",
            "lamp",
            "init",
            "cluster list",
        ],
        expect![[r#"
            $ lighthouse --help
            Keeps a lighthouse

            Usage: lighthouse [OPTIONS] <COMMAND>

            Commands:
              help        Show the help of a command
              version     Show the versions of the host and of its plugin interface
              completion  Print the completion script of a shell
              plugin      Create, list, inspect, check, run and register plugins
              events      List the events and their subscribers
              lamp        The lamp of the lighthouse
              fog         Sound the horn

            Options:
              -h, --help     Print help
              -V, --version  Print version

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 0]
            $ lighthouse lamp light --help
            Light the lamp

            Usage: lighthouse lamp light [OPTIONS]

            Options:
                  --colour <COLOUR>  [default: white] [possible values: white, red]
              -h, --help             Print help

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)

            Options of plugin keeper.lighthouse.example/v1.0.0:
                  --keeper <KEEPER>  Who is on watch
            [exit 0]
            $ lighthouse lamp light --colour red --keeper ada
            the lamp burns red
            log: red, ada on watch
            [exit 0]
            $ lighthouse fog 2
            honk honk
            [exit 0]
            $ lighthouse fog 0
            --- stderr ---
            error: invalid value '0' for '[TIMES]': 0 is not in 1..=255

            For more information, try '--help'.
            [exit 2]
            $ lighthouse events
            EVENT            WHEN                 SUBSCRIBERS
            post-lamp-light  when the lamp burns  keeper.lighthouse.example/v1.0.0
            [exit 0]
            $ lighthouse lamp
            --- stderr ---
            The lamp of the lighthouse

            Usage: lighthouse lamp [OPTIONS] <COMMAND>

            Commands:
              light  Light the lamp

            Options:
              -h, --help  Print help

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 2]
            $ lighthouse init
            --- stderr ---
            error: unrecognized subcommand 'init'

            Usage: lighthouse [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ lighthouse cluster list
            --- stderr ---
            error: unrecognized subcommand 'cluster'

            Usage: lighthouse [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn a_host_without_jobs_speaks_of_none() {
    let sandbox = lighthouse();
    let lines = [
        "help",
        "help lamp",
        "help plugin",
        "help plugin run",
        "events",
        "plugin abi",
        "plugin list",
        "version",
        "completion bash",
        "lamp light",
        "-x",
        "plugin check nobody",
    ];
    for line in lines {
        let text = sandbox.transcript(&[line]);
        // The help of an option, and the words in the shell's script.
        let found = WORDS_OF_JOBS.iter().find(|it| text.contains(**it));
        assert_eq!(found, None, "{text}");
    }
}

#[test]
fn linked_plugins_are_listed_and_checked() {
    check_lines(
        &rudder(),
        &["plugin list", "plugin check license"],
        expect![[r#"
            $ rudder plugin list
            KEY                        STATE  TRANSPORT  PROVIDES                                REASON
            rust.pintle.dev/v1.0.0     ok     linked     init, create api, create webhook
            license.pintle.dev/v1.0.0  ok     linked     init, edit, create api, create webhook
            [exit 0]
            $ rudder plugin check license
            plugin      license.pintle.dev/v1.0.0
            file        none: the plugin is part of the program
            interface   1.0.0 (this host: 1.0.0)
            abi_stable  0.11 (this host: 0.11)
            target      [TARGET]
            panic       unwind
            host        requires `*` (this host: 0.1.0)
            project     3
            functions   manifest, call
            subcommand  `init`, 5 flags
            subcommand  `edit`, 5 flags
            subcommand  `create api`, 0 flags
            subcommand  `create webhook`, 0 flags
            all checks passed
            [exit 0]
        "#]],
    );
}

#[test]
fn linked_plugins_start_a_project() {
    let sandbox = rudder();
    let line = "init --domain example.org --project-name boat --owner Ada --year 2026";
    let output = sandbox.run(line.split(' ')).success();
    // The files that they create are not checked here.
    assert!(output.stdout.contains("+ Cargo.toml\n+ "), "{output}");
    assert!(output.stdout.contains("+ LICENSE\n"), "{output}");
    let project = fs::read_to_string(sandbox.work().join("PROJECT")).expect("it was created");
    expect![[r#"
        version: "3"
        domain: example.org
        projectName: boat
        cliVersion: "2.3.4"
        layout:
        - rust.pintle.dev/v1.0.0
        - license.pintle.dev/v1.0.0
        plugins:
          license.pintle.dev/v1.0.0:
            owner: Ada
            year: 2026
            license: Apache-2.0
    "#]]
    .assert_eq(&project);
}

#[test]
fn installed_plugins_work_beside_linked_ones() {
    let sandbox = rudder().plugin("good");
    check_lines(
        &sandbox,
        &["greet ada", "whoami", "again bob"],
        expect![[r#"
        $ rudder greet ada
        hello, ada
        [exit 0]
        $ rudder whoami
        rudder calls `whoami` of good.example.org/v1.0.0
        [exit 0]
        $ rudder again bob
        hello, bob
        hello, bob
        [exit 0]
    "#]],
    );
}

#[test]
fn the_extra_command_takes_its_own_arguments() {
    check_lines(
        &rudder(),
        &["steer north", "steer", "steer --help"],
        expect![[r#"
        $ rudder steer north
        steering north
        [exit 0]
        $ rudder steer
        --- stderr ---
        error: the following required arguments were not provided:
          <direction>

        Usage: rudder steer <direction>

        For more information, try '--help'.
        [exit 2]
        $ rudder steer --help
        Steer into a direction

        Usage: rudder steer [OPTIONS] <direction>

        Arguments:
          <direction>  [possible values: north, south]

        Options:
          -h, --help  Print help

        Global options:
              --allow-panic-abort     Load plugins whose panics end the host
              --disable-plugin <KEY>  Ignore this plugin (can be repeated)
              --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
          -q, --quiet                 Show only errors
          -v, --verbose...            Show more messages (twice: all messages)
        [exit 0]
    "#]],
    );
}

#[test]
fn the_environment_variables_carry_the_hosts_own_prefix() {
    let sandbox = rudder().plugin("deprecated").env("RUDDER_DISABLE_PLUGINS", "license");
    check_lines(
        &sandbox,
        &["old", "plugin list"],
        expect![[r#"
            $ rudder old
            the old way
            --- stderr ---
            warning: plugin `deprecated.example.org/v1.0.0` is deprecated: use good.example.org
            [exit 0]
            $ rudder plugin list
            KEY                            STATE     TRANSPORT  PROVIDES                                REASON
            rust.pintle.dev/v1.0.0         ok        linked     init, create api, create webhook
            license.pintle.dev/v1.0.0      disabled  linked     init, edit, create api, create webhook  it is disabled by the key `license`
            deprecated.example.org/v1.0.0  ok        native     old                                     it is deprecated: use good.example.org
            [exit 0]
        "#]],
    );
}

#[test]
fn the_environment_variables_of_pintle_mean_nothing_to_another_host() {
    let sandbox = rudder().plugin("deprecated").without_env("RUDDER_PLUGIN_PATH");
    let plugins = sandbox.plugins();
    let sandbox = sandbox
        .env("PINTLE_PLUGIN_PATH", plugins)
        .env("PINTLE_PLUGIN_SYSTEM_PATH", "/nowhere")
        .env("PINTLE_DISABLE_PLUGINS", "license");
    check_lines(
        &sandbox,
        &["old", "plugin list"],
        expect![[r#"
            $ rudder old
            --- stderr ---
            error: unrecognized subcommand 'old'

            Usage: rudder [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ rudder plugin list
            KEY                        STATE  TRANSPORT  PROVIDES                                REASON
            rust.pintle.dev/v1.0.0     ok     linked     init, create api, create webhook
            license.pintle.dev/v1.0.0  ok     linked     init, edit, create api, create webhook
            [exit 0]
        "#]],
    );
}

#[test]
fn a_linked_plugin_comes_before_a_file_with_the_same_key() {
    let sandbox = rudder().library("license.so", &built("libpintle_plugin_license.so"));
    let listed = crate::vices::listed(&sandbox, &[], |_| true);
    expect![[r#"
        -: rust.pintle.dev/v1.0.0, ok: -
        -: license.pintle.dev/v1.0.0, ok: -
        license.so: license.pintle.dev/v1.0.0, shadowed: `license.pintle.dev/v1.0.0` was already found in the program itself
    "#]].assert_eq(&listed);
}

#[track_caller]
fn check_clash(command: &'static str, expected: Expect) {
    let extra = clap::Command::new(command);
    let cli = Cli::new().plugin(fixture_good::plugin()).extra_command(extra, |_, _| Ok(0));
    let outcome = cli.build().map(|_| "it can be built".to_owned());
    expected.assert_eq(&outcome.unwrap_or_else(|err| err.to_string()));
}

#[test]
fn an_extra_command_that_clashes_is_an_error_at_construction() {
    check_clash(
        "version",
        expect!["the extra command `version` conflicts with a command of the host"],
    );
    check_clash(
        "plugin",
        expect!["the extra command `plugin` conflicts with a command of the host"],
    );
    check_clash(
        "greet",
        expect![
            "the extra command `greet` conflicts with a command of plugin `good.example.org/v1.0.0`"
        ],
    );
    check_clash(
        "fleet",
        expect![
            "the extra command `fleet` conflicts with a command of plugin `good.example.org/v1.0.0`"
        ],
    );
    check_clash("steer", expect!["it can be built"]);
}

#[test]
fn a_plugin_that_is_linked_twice_is_an_error_at_construction() {
    let cli = Cli::new().plugin(fixture_good::plugin()).plugin(fixture_good::plugin());
    let outcome = cli.build().map(|_| String::new());
    expect!["the plugin `good.example.org/v1.0.0` is linked twice"]
        .assert_eq(&outcome.unwrap_or_else(|err| err.to_string()));
}

#[test]
fn a_host_without_a_command_shows_those_that_matter_first() {
    let shown = |sandbox: &Sandbox, args: &[&str]| sandbox.run(args).to_string();
    let text = shown(&rudder(), &[]);
    expect![[r#"
        --- stderr ---
        Steers ships, with plugins

        Usage: rudder [OPTIONS] <COMMAND>

        Common commands:
          init            Start a project in the current directory
          create api      Add an API: a kind, its version and its controller
          create webhook  Add webhooks to an API
          project check   Check that the project's plugins are compatible and agree with its files
          plugin list     List the plugins and their states
          steer           Steer into a direction

        `rudder --help` lists all commands, and `rudder help COMMAND` explains one.
        [exit 2]
    "#]]
    .assert_eq(&text);
    assert_eq!(shown(&rudder(), &["-q"]), text);
    let sandbox = Sandbox::new();
    let text = shown(&sandbox, &[]);
    let (_, list) = text.split_once("Common commands:\n").expect("there is a list");
    let (list, _) = list.split_once("\n\n").expect("it ends");
    assert_eq!(list.lines().count(), 10, "{list}");
    // A host that names no groups shows all.
    let all = shown(&lighthouse(), &["--help"]);
    let all = all.split_once("Usage:").expect("it has a usage").1;
    let text = shown(&lighthouse(), &[]);
    assert_eq!(
        text.split_once("Usage:").expect("it has a usage").1.lines().next(),
        all.lines().next()
    );
    assert!(text.contains("fog "), "{text}");
}

#[test]
fn a_new_plugin_has_hooks_for_the_events_of_its_host() {
    let lighthouse = Sandbox::of(example("lighthouse"), "LIGHTHOUSE");
    let _ = lighthouse.run(["plugin", "new", "gull", "--hook", "post-lamp-light"]).success();
    let source = lighthouse.work().join("gull/src/lib.rs");
    let source = fs::read_to_string(source).expect("it was created");
    assert!(source.contains("\n    host_events: [\"post-lamp-light\"],\n"), "{source}");
    check_lines(
        &rudder(),
        &["plugin new gull --hook pre-cluster-create"],
        expect![[r#"
            $ rudder plugin new gull --hook pre-cluster-create
            --- stderr ---
            error: `rudder` does not have an event `pre-cluster-create`
            hint: run `rudder events` to list the events
            [exit 2]
        "#]],
    );
}
