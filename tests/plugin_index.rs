//! The index of plugins, from a file to a command that runs.

use crate::support::{Sandbox, skip};
use expect_test::{Expect, expect};
use std::fs;
use std::process::{Command, Stdio};

const INDEX: &str = r#"{
  "format": 1,
  "plugins": [
    {
      "name": "hello.example.org", "source": "acme/hello", "description": "Greets ships",
      "version": "1.0.0", "commands": ["hello", "ship greet", "ship wave"]
    },
    {
      "name": "tide.example.org", "source": "acme/tide", "description": "Tells the tide",
      "version": "2.1.0-rc.1", "commands": ["tide", "cluster tide"], "deprecated": "use the moon"
    },
    {
      "name": "tide.example.com", "source": "oci://ghcr.io/acme/tide", "description": "Tells the tide, too",
      "version": "3.0.0", "commands": ["tide"], "field": "of a later version"
    }
  ]
}
"#;

const HELLO: &str = "#!/bin/sh
case $PINTLE_COMMAND in
INFO) printf 'name: hello.example.org\\nversion: 1.0.0\\ncommands: [{command: hello}]\\n' ;;
*) echo 'hello' ;;
esac
";

/// Returns a sandbox with a configured index, and with more lines of the configuration.
fn configured(more: &str) -> Sandbox {
    with_index(more, false)
}

/// Returns a sandbox with an index in which `hello` is the file beside it, if `is_local`.
fn with_index(more: &str, is_local: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is writable");
    fs::create_dir(sandbox.path("index")).expect("the directory is new");
    let text = if is_local { INDEX.replace("acme/hello", "./hello") } else { INDEX.to_owned() };
    fs::write(sandbox.path("index/index.json"), text).expect("the directory is writable");
    let index = sandbox.path("index/index.json").display().to_string();
    let text = format!("index = '{index}'\n{more}\n");
    fs::write(config.join("plugins.toml"), text).expect("the directory is writable");
    let program = sandbox.path("index/hello");
    let mut script = Command::new("sh");
    script.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(&program).stdin(Stdio::piped());
    // From another process, because a program that is open for writing cannot be run.
    let mut child = script.spawn().expect("there is a shell");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    std::io::Write::write_all(&mut stdin, HELLO.as_bytes()).expect("the shell reads");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    sandbox
}

#[track_caller]
fn check(sandbox: &Sandbox, lines: &[&str], expected: Expect) {
    expected.assert_eq(&sandbox.transcript(lines));
}

#[test]
fn an_index_is_searched() {
    let sandbox = configured("");
    check(
        &sandbox,
        &[
            "plugin search",
            "plugin search SHIP",
            "plugin search tide too",
            "plugin search storm",
            "plugin search moon -o json",
            "plugin search cluster -o json",
        ],
        expect![[r#"
            $ pintle plugin search
            PLUGIN             VERSION     SOURCE                   DESCRIPTION
            hello.example.org  1.0.0       acme/hello               Greets ships
            tide.example.com   3.0.0       oci://ghcr.io/acme/tide  Tells the tide, too
            tide.example.org   2.1.0-rc.1  acme/tide                Tells the tide (deprecated: use the moon)
            [exit 0]
            $ pintle plugin search SHIP
            PLUGIN             VERSION  SOURCE      DESCRIPTION
            hello.example.org  1.0.0    acme/hello  Greets ships
            [exit 0]
            $ pintle plugin search tide too
            PLUGIN            VERSION  SOURCE                   DESCRIPTION
            tide.example.com  3.0.0    oci://ghcr.io/acme/tide  Tells the tide, too
            [exit 0]
            $ pintle plugin search storm
            no plugin in the index matches
            [exit 0]
            $ pintle plugin search moon -o json
            {
              "index": "[SANDBOX]/index/index.json",
              "trust": "unsigned",
              "key": null,
              "plugins": []
            }
            [exit 0]
            $ pintle plugin search cluster -o json
            {
              "index": "[SANDBOX]/index/index.json",
              "trust": "unsigned",
              "key": null,
              "plugins": [
                {
                  "name": "tide.example.org",
                  "source": "acme/tide",
                  "description": "Tells the tide",
                  "version": "2.1.0-rc.1",
                  "commands": [
                    "tide",
                    "cluster tide"
                  ],
                  "subcommands": [],
                  "events": [],
                  "deprecated": "use the moon"
                }
              ]
            }
            [exit 0]
        "#]],
    );
}

#[test]
fn without_an_index_it_is_said_how_to_have_one() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("desk/own.json"), INDEX).expect("the directory is writable");
    fs::write(sandbox.path("desk/bad.json"), INDEX.replace("Greets", "\\u001b[2J"))
        .expect("the file is writable");
    check(
        &sandbox,
        &[
            "plugin search hello",
            "plugin search hello --index own.json",
            "plugin search hello --index bad.json",
            "plugin search hello --index absent.json",
            "plugin search hello --index ftp://a.example/b",
            "plugin install hello",
            "hello",
        ],
        expect![[r#"
            $ pintle plugin search hello
            --- stderr ---
            error: no plugin index is configured
            hint: set `index` in `[HOME]/.config/pintle/plugins.toml` to a file or a URL, or specify one with `--index`
            [exit 2]
            $ pintle plugin search hello --index own.json
            PLUGIN             VERSION  SOURCE      DESCRIPTION
            hello.example.org  1.0.0    acme/hello  Greets ships
            [exit 0]
            $ pintle plugin search hello --index bad.json
            --- stderr ---
            error: invalid plugin index `bad.json`
              caused by: the description of plugin `hello.example.org` contains control characters
            hint: report it to the publisher of the index
            [exit 3]
            $ pintle plugin search hello --index absent.json
            --- stderr ---
            error: failed to read the plugin index
              caused by: failed to read `absent.json`
              caused by: No such file or directory (os error 2)
            hint: check the path of the index
            [exit 1]
            $ pintle plugin search hello --index ftp://a.example/b
            --- stderr ---
            error: invalid location of the plugin index `ftp://a.example/b`
            hint: specify a file, or a URL that begins with `https://`
            [exit 2]
            $ pintle plugin install hello
            --- stderr ---
            error: invalid plugin source `hello`: not a repository, a URL or an existing file
            hint: use `owner/repo[@version]`, `oci://host/repository:tag`, `https://…` or `./path`
            [exit 2]
            $ pintle hello
            --- stderr ---
            error: unrecognized subcommand 'hello'

              tip: a similar subcommand exists: 'help'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn an_unknown_command_is_one_of_a_plugin_of_the_index() {
    let sandbox = configured("");
    check(
        &sandbox,
        &["hello", "ship wave --hard now", "ship", "ship sink", "cluster tide", "tide", "cluster"],
        expect![[r#"
            $ pintle hello
            --- stderr ---
            error: unknown command `hello`
            hint: plugin `hello.example.org` has this command: run `pintle plugin install acme/hello`
            [exit 2]
            $ pintle ship wave --hard now
            --- stderr ---
            error: unknown command `ship wave`
            hint: plugin `hello.example.org` has this command: run `pintle plugin install acme/hello`
            [exit 2]
            $ pintle ship
            --- stderr ---
            error: unknown command `ship`
            hint: plugin `hello.example.org` has commands that begin with this: run `pintle plugin install acme/hello`
            [exit 2]
            $ pintle ship sink
            --- stderr ---
            error: unrecognized subcommand 'ship'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle cluster tide
            --- stderr ---
            error: unknown command `cluster tide`
            hint: plugin `tide.example.org` has this command: run `pintle plugin install acme/tide`
            [exit 2]
            $ pintle tide
            --- stderr ---
            error: unknown command `tide`
            hint: 2 plugins in the index have this command: run `pintle plugin search tide`
            [exit 2]
            $ pintle cluster
            --- stderr ---
            Throw-away clusters in Docker

            Usage: pintle cluster [OPTIONS] <COMMAND>

            Commands:
              create   Create a cluster
              delete   Delete clusters with everything that belongs to them
              start    Start stopped clusters
              stop     Stop clusters and keep their data
              list     List the clusters
              inspect  Show the details of a cluster
              logs     Show the logs of the nodes

            Options:
              -h, --help  Print help

            Global options:
                  --allow-panic-abort     Load plugins whose panics end the host
                  --disable-plugin <KEY>  Ignore this plugin (can be repeated)
                  --plugin-dir <DIR>      Look for plugins in this directory first (can be repeated)
              -q, --quiet                 Show only errors
              -v, --verbose...            Show more messages (twice: all messages)
            [exit 2]
        "#]],
    );
    // On a system that manages its plugins, nothing can be installed.
    let system = sandbox.path("system");
    fs::create_dir(&system).expect("the directory is new");
    fs::write(system.join("managed.toml"), "").expect("the directory is writable");
    let sandbox = sandbox.env("PINTLE_PLUGIN_SYSTEM_PATH", &system);
    let out = sandbox.run(["hello"]);
    assert!(!out.stderr.contains("install"), "{out}");
}

#[test]
fn an_index_on_a_server_is_not_asked_for_hints() {
    let sandbox = Sandbox::new();
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is writable");
    // No server answers there; a request would cause an error.
    fs::write(config.join("plugins.toml"), "index = 'http://127.0.0.1:9/index.json'\n")
        .expect("the directory is writable");
    let out = sandbox.run(["hello"]);
    assert!(out.stderr.contains("unrecognized subcommand 'hello'"), "{out}");
    assert!(!sandbox.path("home/.cache").exists());
    let out = sandbox.run(["plugin", "search"]);
    assert!(out.stderr.contains("failed to fetch the plugin index"), "{out}");
}

#[test]
fn a_plugin_is_installed_by_its_name() {
    let sandbox = with_index("", true);
    check(
        &sandbox,
        &[
            "plugin install hello@1.0.0",
            "plugin install storm",
            "plugin install tide",
            "plugin install hello",
            "hello",
            "plugin remove hello",
            "plugin install hello.example.org",
        ],
        expect![[r#"
            $ pintle plugin install hello@1.0.0
            --- stderr ---
            error: `[SANDBOX]/index/hello` is a single file, and has no version `1.0.0`
            hint: omit `@1.0.0`
            [exit 2]
            $ pintle plugin install storm
            --- stderr ---
            error: unknown plugin `storm`: it is not in the plugin index
            hint: run `pintle plugin search` to list the available plugins, or specify a source
            [exit 2]
            $ pintle plugin install tide
            --- stderr ---
            error: `tide` is ambiguous in the plugin index: `tide.example.com`, `tide.example.org`
            hint: use the full name of the plugin that you want
            [exit 4]
            $ pintle plugin install hello
            installed hello.example.org/v1.0.0 from `[SANDBOX]/index/hello` (trust: none)
            --- stderr ---
            `hello` is `[SANDBOX]/index/hello`
            [exit 0]
            $ pintle hello
            hello
            [exit 0]
            $ pintle plugin remove hello
            removed hello.example.org/v1.0.0
            [exit 0]
            $ pintle plugin install hello.example.org
            installed hello.example.org/v1.0.0 from `[SANDBOX]/index/hello` (trust: none)
            --- stderr ---
            `hello.example.org` is `[SANDBOX]/index/hello`
            [exit 0]
        "#]],
    );
}

#[test]
fn with_a_key_an_index_must_be_signed() {
    let keys = tempfile::tempdir().expect("a directory can be created");
    let (public, secret) = (keys.path().join("it.pub"), keys.path().join("it.key"));
    let mut minisign = Command::new("minisign");
    minisign.args(["-G", "-W", "-p"]).arg(&public).arg("-s").arg(&secret).stdout(Stdio::null());
    let Ok(status) = minisign.status() else { return skip("minisign") };
    assert!(status.success());
    let text = fs::read_to_string(&public).expect("it was created");
    let key = text.lines().nth(1).expect("a key has two lines");
    let sandbox = configured(&format!("index-key = '{key}'"));
    let out = sandbox.run(["plugin", "search"]);
    assert!(out.code() == 3 && out.stderr.contains("has no signature"), "{out}");
    let out = sandbox.run(["hello"]);
    assert!(!out.stderr.contains("plugin install"), "{out}");
    let mut sign = Command::new("minisign");
    sign.arg("-S").arg("-s").arg(&secret).arg("-m").arg(sandbox.path("index/index.json"));
    sign.args(["-t", &pintle_manager::index::trusted_comment(1)]);
    assert!(sign.status().expect("it is there").success());
    let out = sandbox.run(["plugin", "search", "-o", "json"]).success();
    assert!(out.stdout.contains("\"trust\": \"signed\"") && out.stdout.contains(key), "{out}");
    let out = sandbox.run(["hello"]);
    assert!(out.stderr.contains("plugin install"), "{out}");
    fs::write(sandbox.path("index/index.json"), INDEX.replace("acme/tide", "evil/tide"))
        .expect("the directory is writable");
    for args in [&["plugin", "search"][..], &["plugin", "install", "tide.example.org"]] {
        let out = sandbox.run(args);
        assert!(out.code() == 3 && out.stderr.contains("does not match"), "{out}");
    }
}
