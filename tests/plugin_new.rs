//! `plugin new`: the plugin that it creates builds, passes its tests and can be released unchanged.

use crate::plugin_manager::{Signer, asset, release};
use crate::rebuilt::{root, target_dir};
use crate::release_server::{Asset, ReleaseServer};
use crate::support::Sandbox;
use expect_test::expect;
use pintle_plugin::manifest::TARGET;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns a call of cargo, or of a script that calls it, in a project of a sandbox.
pub(crate) fn in_project(dir: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_COLOR", "never")
        // Shared with the tests of the guides, whose plugins have the same dependencies.
        .env("CARGO_BUILD_BUILD_DIR", target_dir().join("guides"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("CARGO_TARGET_DIR");
    command
}

pub(crate) fn succeed(mut command: Command) -> String {
    let out = command.output().expect("the program starts");
    let [stdout, stderr] = [&out.stdout, &out.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(out.status.success(), "{command:?} failed:\n{stdout}{stderr}");
    stdout.into_owned()
}

fn cargo(dir: &Path, args: &[&str]) -> String {
    let mut command = in_project(dir, env!("CARGO"));
    command.args(args);
    succeed(command)
}

/// Returns a sandbox with a formatter on the search path.
pub(crate) fn sandbox() -> Sandbox {
    let toolchain = Path::new(env!("CARGO")).parent().expect("cargo is in a directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(toolchain.to_owned()).chain(std::env::split_paths(&path));
    Sandbox::new().env("PATH", std::env::join_paths(path).expect("no path has a colon"))
}

/// Creates a plugin with the crate of this checkout.
pub(crate) fn create(sandbox: &Sandbox, args: &[&str]) {
    let sdk = root().join("plugin-abi");
    let sdk = sdk.to_str().expect("the path is UTF-8");
    let line = [&["plugin", "new"], args, &["--pintle-plugin", sdk]].concat();
    let _ = sandbox.run(line).success();
}

#[test]
fn each_kind_builds_and_passes_its_tests() {
    let sandbox = sandbox();
    for (name, options, n_tests) in [
        ("plain", &[][..], 2),
        ("shore.acme.dev", &["--command", "shore leave", "--command", "shore"], 3),
        ("gong", &["--hook", "pre-project-init", "--hook", "post-cluster-create"], 3),
        ("files", &["--scaffold"], 2),
        ("kinds", &["--scaffold=create api", "--scaffold=create webhook", "--scaffold=edit"], 4),
    ] {
        create(&sandbox, &[&[name], options].concat());
        let dir = sandbox.work().join(name.split('.').next().expect("it has a first part"));
        let _ = cargo(&dir, &["fmt", "--check"]);
        let out = cargo(&dir, &["test"]);
        assert!(out.contains(&format!("{n_tests} passed")), "{name}: {out}");
    }
}

#[test]
fn what_it_releases_is_installed_and_runs() {
    let sandbox = sandbox();
    let options = ["--command", "hello", "--hook", "pre-project-init", "--scaffold"];
    create(&sandbox, &[&["hello"], &options[..]].concat());
    let dir = sandbox.work().join("hello");
    Workflow::of(&dir, "ci.yml", &[]).run("test", &dir);
    let archive = succeed(in_project(&dir, "./release.sh"));
    let archive = archive.trim();
    assert!(
        archive.starts_with("./dist/hello-0.1.0-") && archive.ends_with(".tar.gz"),
        "{archive}"
    );
    let install = format!("cd hello && \"$PINTLE\" plugin install {archive} --yes");
    let _ = sandbox.script(&[], &install).success();
    let expected = expect![[r#"
        $ pintle hello Ada
        hello, Ada
        [exit 0]
        $ pintle init --domain example.org --plugins hello -v
    "#]];
    let transcript =
        sandbox.transcript(&["hello Ada", "init --domain example.org --plugins hello -v"]);
    let head: String = transcript.split_inclusive('\n').take(4).collect();
    expected.assert_eq(&head);
    assert!(transcript.contains("pre-project-init"), "{transcript}");
    let text = fs::read_to_string(sandbox.work().join("docs/hello-init.md"));
    assert!(text.expect("it is there").starts_with("# "));
}

/// A workflow of a created plugin. Its scripts run here as GitHub's runner runs them; the actions
/// between them only move files from and to GitHub.
struct Workflow<'a> {
    dir: &'a Path,
    text: Value,
    /// The values of its expressions.
    values: &'a [(&'a str, &'a str)],
}

impl<'a> Workflow<'a> {
    fn of(dir: &'a Path, name: &str, values: &'a [(&'a str, &'a str)]) -> Self {
        let text = fs::read_to_string(dir.join(".github/workflows").join(name));
        let text = serde_saphyr::from_str(&text.expect("it was created")).expect("it is YAML");
        Self { dir, text, values }
    }

    fn run(&self, job: &str, runner: &Path) {
        let job = &self.text["jobs"][job];
        for step in job["steps"].as_array().expect("the job has steps") {
            let Some(script) = step["run"].as_str() else {
                let action = step["uses"].as_str().unwrap_or_default();
                let known = ["checkout@v6", "download-artifact@v7", "upload-artifact@v6"];
                let name = action.strip_prefix("actions/");
                assert!(name.is_some_and(|it| known.contains(&it)), "unknown step: {step}");
                continue;
            };
            if let Some(condition) = step["if"].as_str() {
                assert_eq!(condition, "env.MINISIGN_KEY != ''", "the test sets this variable");
            }
            assert!(!script.contains("${{"), "an expression in a script: {script}");
            let mut bash = in_project(self.dir, "bash");
            bash.args(["-e", "-o", "pipefail", "-c", script]);
            let path = std::env::var_os("PATH").unwrap_or_default();
            let path = [runner.to_owned()].into_iter().chain(std::env::split_paths(&path));
            bash.env("PATH", std::env::join_paths(path).expect("no path has a colon"));
            bash.env("GITHUB_REF_NAME", "v0.1.0").env("GITHUB_REPOSITORY", "acme/bell");
            for env in [job, step].iter().filter_map(|it| it["env"].as_object()) {
                bash.envs(env.iter().map(|(name, it)| (name, self.value(it))));
            }
            let _ = succeed(bash);
        }
    }

    fn value(&self, text: &Value) -> String {
        let text = self
            .values
            .iter()
            .fold(text.as_str().expect("it is text").to_owned(), |text, (name, value)| {
                text.replace(&format!("${{{{ {name} }}}}"), value)
            });
        assert!(!text.contains("${{"), "unknown expression: {text}");
        text
    }
}

/// Creates the programs of GitHub's runner that the release workflow calls. `gh release create`
/// stores the release's files in the directory `release`.
fn runner(dir: &Path) {
    let gh = r#"#!/bin/sh
        set -eu
        [ "$GH_TOKEN" = token ]
        [ "$1 $2 $3" = "release create v0.1.0" ]
        shift 3
        mkdir "${0%/*}/release"
        while [ "$1" != --repo ]; do cp "$1" "${0%/*}/release"; shift; done
        [ "$*" = "--repo acme/bell --generate-notes" ]"#;
    // minisign is installed here, too.
    let sudo = r#"#!/bin/sh
        case "$*" in
            "apt-get update" | "apt-get install --yes minisign") ;;
            *) exit 1 ;;
        esac"#;
    fs::create_dir(dir).expect("the directory is writable");
    for (name, script) in [("gh", gh), ("sudo", sudo)] {
        fs::write(dir.join(name), script).expect("the directory is writable");
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
}

/// Creates a plugin, runs its release workflow, and returns the directory of the release's files.
fn released(sandbox: &Sandbox, signer: &Signer<'_>) -> PathBuf {
    create(sandbox, &["bell.acme.dev", "--command", "ring"]);
    let dir = sandbox.work().join("bell");
    let programs = sandbox.work().join("runner");
    runner(&programs);
    let key = fs::read_to_string(signer.path("key")).expect("it was created");
    let temp = programs.display().to_string();
    let values =
        [("secrets.MINISIGN_KEY", &*key), ("runner.temp", &temp), ("github.token", "token")];
    let workflow = Workflow::of(&dir, "release.yml", &values);
    workflow.run("build", &programs);
    workflow.run("publish", &programs);
    assert!(!programs.join("minisign.key").exists(), "the workflow left the secret key behind");
    programs.join("release")
}

#[test]
fn what_it_signs_is_installed_as_signed_and_nothing_else_is() {
    let server = ReleaseServer::start();
    let sandbox = sandbox().env("PINTLE_GITHUB_API", server.url());
    let Some(ours) = Signer::new(&sandbox, "ours") else { return };
    let Some(theirs) = Signer::new(&sandbox, "theirs") else { return };
    let released = released(&sandbox, &ours);
    let assets = || -> Vec<Asset> {
        let files = fs::read_dir(&released).expect("it was made").map(|it| it.expect("it is read"));
        files
            .map(|it| {
                let bytes = fs::read(it.path()).expect("it is a file");
                asset(it.file_name().to_str().expect("it is UTF-8"), bytes)
            })
            .collect()
    };
    let names: BTreeSet<_> = assets().into_iter().map(|it| it.name).collect();
    let archive = format!("bell-0.1.0-{TARGET}.tar.gz");
    let signature = format!("{archive}.minisig");
    let expected = [&*archive, &signature, "SHA256SUMS", "minisign.pub"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
    server.release("acme/bell", release("v0.1.0", assets()));
    let key = |it: &Signer<'_>| it.path("pub").display().to_string();
    let refused = sandbox.run(["plugin", "install", "acme/bell", "--key", &key(&theirs)]);
    assert_eq!(refused.code(), 3, "{refused}");
    assert!(refused.stderr.contains("but the trusted key is"), "{refused}");
    let installed = sandbox.run(["plugin", "install", "acme/bell", "--key", &key(&ours)]);
    let stdout = installed.success().stdout;
    assert_eq!(stdout, "installed bell.acme.dev/v0.1.0 from `acme/bell` (trust: signed)\n");
    assert_eq!(sandbox.run(["ring", "Ada"]).success().stdout, "hello, Ada\n");
    // A file that was signed for another platform is rejected.
    let dist = sandbox.work().join("bell/dist");
    let other = archive.replace("x86_64", "aarch64");
    fs::rename(dist.join(&archive), dist.join(&other)).expect("it was made");
    let mut sign = in_project(&sandbox.work().join("bell"), "./sign.sh");
    sign.env("MINISIGN_KEY_FILE", ours.path("key"));
    let _ = succeed(sign);
    fs::rename(dist.join(&other), dist.join(&archive)).expect("it was made");
    let signature = |dir: &Path, it: &str| dir.join(format!("{it}.minisig"));
    fs::rename(signature(&dist, &other), signature(&released, &archive)).expect("it was made");
    let _ = sandbox.run(["plugin", "remove", "bell"]).success();
    server.release("acme/bell", release("v0.1.1", assets()));
    let refused = sandbox.run(["plugin", "install", "acme/bell@0.1.1", "--key", &key(&ours)]);
    assert_eq!(refused.code(), 3, "{refused}");
    assert!(refused.stderr.contains("signed for another "), "{refused}");
}

#[test]
fn what_cannot_be_created_is_left_alone() {
    let sandbox = Sandbox::new();
    for name in ["taken", "other"] {
        fs::create_dir(sandbox.work().join(name)).expect("it is accessible");
    }
    let manifest = "[package]\nname = \"pintle\"\n";
    fs::write(sandbox.work().join("other/Cargo.toml"), manifest).expect("it is accessible");
    let expected = expect![[r#"
        $ pintle plugin new taken
        --- stderr ---
        error: `taken` already exists
        hint: choose another name, or move the directory
        [exit 1]
        $ pintle plugin new Not.A.Name
        --- stderr ---
        error: invalid value 'Not.A.Name' for '<NAME>': invalid plugin name `Not.A.Name`: expected dot-separated parts of lower-case letters, digits and `-`, each with a letter or digit at both ends

        For more information, try '--help'.
        [exit 2]
        $ pintle plugin new a --command Say
        --- stderr ---
        error: invalid command words `Say`
        hint: use lower-case letters, digits and `-`, starting with a letter
        [exit 2]
        $ pintle plugin new init
        --- stderr ---
        error: the command `init` conflicts with one of `pintle`
        hint: choose other words with `--command`
        [exit 2]
        $ pintle plugin new a --command create
        --- stderr ---
        error: the command `create` conflicts with one of `pintle`
        hint: choose other words with `--command`
        [exit 2]
        $ pintle plugin new a --command b-c --command b--c
        --- stderr ---
        error: the commands `b--c` and `b-c` are too similar
        hint: choose words that differ in more than a hyphen
        [exit 2]
        $ pintle plugin new a --hook pre-lunch
        --- stderr ---
        error: `pintle` does not have an event `pre-lunch`
        hint: run `pintle events` to list the events
        [exit 2]
        $ pintle plugin new a --scaffold=destroy
        --- stderr ---
        error: invalid value 'destroy' for '--scaffold[=<SUBCOMMAND>]'
          [possible values: init, edit, "create api", "create webhook"]

        For more information, try '--help'.
        [exit 2]
        $ pintle plugin new a --pintle-plugin nowhere
        --- stderr ---
        error: `nowhere` has no `Cargo.toml`
        hint: specify the directory `plugin-abi` of a checkout
        [exit 2]
        $ pintle plugin new a --pintle-plugin other
        --- stderr ---
        error: the package in `other` is not `pintle-plugin`
        hint: specify the directory `plugin-abi` of a checkout
        [exit 2]
        $ pintle plugin new 1abc
        --- stderr ---
        error: the name `1abc` cannot be the name of a command
        hint: choose words for the command with `--command`: lower-case letters, digits and `-`, starting with a letter
        [exit 2]
    "#]];
    expected.assert_eq(&sandbox.transcript(&[
        "plugin new taken",
        "plugin new Not.A.Name",
        "plugin new a --command Say",
        "plugin new init",
        "plugin new a --command create",
        "plugin new a --command b-c --command b--c",
        "plugin new a --hook pre-lunch",
        "plugin new a --scaffold=destroy",
        "plugin new a --pintle-plugin nowhere",
        "plugin new a --pintle-plugin other",
        "plugin new 1abc",
    ]));
    let left: Vec<_> = fs::read_dir(sandbox.work()).expect("it is accessible").collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_workspace_that_does_not_include_it_is_reported() {
    let sandbox = sandbox();
    let workspace = sandbox.work().join("Cargo.toml");
    fs::write(&workspace, "[workspace]\nmembers = [\"fleet-*\"]\n").expect("it is accessible");
    let out = sandbox.run(["plugin", "new", "fleet-tug"]).success();
    assert_eq!(out.stderr, "");
    let out = sandbox.run(["plugin", "new", "cutter"]).success();
    let warning = "warning: cargo does not accept the project yet: current package believes it's in \
                   a workspace when it's not";
    assert!(out.stderr.starts_with(warning), "{out}");
    assert!(out.stderr.contains("adding `cutter` to the `workspace.members` array"), "{out}");
}

#[test]
fn a_directory_that_is_not_writable_is_reported() {
    let sandbox = Sandbox::unprivileged();
    let closed = fs::Permissions::from_mode(0o555);
    fs::set_permissions(sandbox.work(), closed).expect("it is ours");
    let expected = expect![[r#"
        $ pintle plugin new a
        --- stderr ---
        error: failed to create the directory `a`
          caused by: Permission denied (os error 13)
        hint: run the command in a directory that you can write to
        [exit 1]
    "#]];
    expected.assert_eq(&sandbox.transcript(&["plugin new a"]));
}
