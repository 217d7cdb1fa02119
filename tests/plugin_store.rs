//! The store of installed plugins: how it lists them, and how it handles damaged ones.

use crate::support::{Sandbox, fixture};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Returns a sandbox whose user has the plugin `plain`.
#[track_caller]
fn with_plain() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::copy(fixture("plain"), sandbox.work().join("plain.so")).expect("the file can be copied");
    let _ = sandbox.run(["plugin", "install", "./plain.so"]).success();
    sandbox
}

fn store(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("home/.local/share/pintle/plugins")
}

/// Returns the directory of the only version of the plugin.
#[track_caller]
fn version(sandbox: &Sandbox) -> PathBuf {
    let link = store(sandbox).join("plain.example.org.so");
    let file = fs::canonicalize(link).expect("it is there");
    file.parent().expect("a file has one").to_owned()
}

fn configure(sandbox: &Sandbox, text: &str) {
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the file is accessible");
    fs::write(config.join("plugins.toml"), text).expect("the file is accessible");
}

#[test]
fn a_link_to_another_file_is_found_and_not_loaded() {
    for is_outside in [false, true] {
        let sandbox = with_plain();
        configure(&sandbox, "verify = \"load\"\n");
        let _ = sandbox.run(["plain"]).success();
        let _ = sandbox.run(["plugin", "verify"]).success();
        let target = match is_outside {
            true => fixture("plain"),
            false => version(&sandbox).join("other.so"),
        };
        if !is_outside {
            fs::copy(fixture("plain"), &target).expect("the file is accessible");
        }
        let below = target.strip_prefix(store(&sandbox)).unwrap_or(&target);
        let link = store(&sandbox).join("plain.example.org.so");
        fs::remove_file(&link).expect("the file is accessible");
        symlink(below, &link).expect("the file is accessible");
        let out = sandbox.run(["plain"]);
        assert_eq!(out.code(), 3, "{out}");
        assert!(out.stderr.contains("hint: run `pintle plugin verify`"), "{out}");
        let out = sandbox.run(["plugin", "verify"]);
        assert_eq!(out.code(), 3, "{out}");
        assert!(out.stdout.contains("plain.example.org.so "), "{out}");
    }
}

#[test]
fn a_version_without_its_receipt_is_found_and_not_loaded() {
    for file in [".receipt.toml", "../.plugin.toml"] {
        let sandbox = with_plain();
        configure(&sandbox, "verify = \"load\"\n");
        fs::remove_file(version(&sandbox).join(file)).expect("the file is accessible");
        let out = sandbox.run(["plain"]);
        assert_eq!(out.code(), 3, "{out}");
        assert!(out.stderr.contains("which has no valid receipt"), "{out}");
        let out = sandbox.run(["plugin", "verify"]);
        assert_eq!(out.code(), 3, "{out}");
        assert!(out.stdout.contains("which has no valid receipt"), "{out}");
    }
}

#[test]
fn a_listing_shows_where_a_plugin_is_from() {
    let sandbox = with_plain();
    fs::copy(fixture("good"), store(&sandbox).join("good.so")).expect("the file can be copied");
    expect![[r#"
        KEY                       STATE  TRANSPORT  PROVIDES                                                                                         SOURCE      REASON
        good.example.org/v1.0.0   ok     native     greet, ask, work, fail, misuse, exit-with, again, whoami, fleet list, fleet add, init; 2 events
        plain.example.org/v1.0.0  ok     native     plain                                                                                            ./plain.so
        [exit 0]
    "#]].assert_eq(&sandbox.run(["plugin", "list"]).to_string());
    let out = sandbox.run(["plugin", "list", "-o", "json"]).success();
    let listed: serde_json::Value = serde_json::from_str(&out.stdout).expect("JSON");
    let of = |name: &str| {
        let plugins = listed.as_array().expect("a list").iter();
        let found = plugins.clone().find(|it| it["name"] == name).expect("it is there");
        (found.get("source").cloned(), found.get("trust").cloned())
    };
    assert_eq!(of("plain.example.org").1, Some("none".into()));
    assert!(of("plain.example.org").0.is_some());
    assert_eq!(of("good.example.org"), (None, None));
    // The plugins of a project, too.
    let _ = sandbox.run(["plugin", "install", "--project", "./plain.so"]).success();
    let out = sandbox.run(["plugin", "list"]).success();
    assert!(out.stdout.contains("SOURCE"), "{out}");
}

#[test]
fn damaged_versions_are_pruned() {
    let sandbox = with_plain();
    let place = version(&sandbox).parent().expect("it has one").to_owned();
    for (name, receipt) in [("0.1.0", None), ("0.2.0", Some("<"))] {
        fs::create_dir(place.join(name)).expect("the file is accessible");
        if let Some(text) = receipt {
            fs::write(place.join(name).join(".receipt.toml"), text)
                .expect("the file is accessible");
        }
    }
    let place_text =
        place.strip_prefix(store(&sandbox)).expect("it is there").display().to_string();
    let hide = |text: &str| text.replace(&place_text, "[PLACE]");
    let said = sandbox.transcript(&["plugin prune --dry-run", "plugin prune"]);
    expect![[r#"
        $ pintle plugin prune --dry-run
        would remove [PLACE]/0.1.0, which is damaged
        would remove [PLACE]/0.2.0, which is damaged
        [exit 0]
        $ pintle plugin prune
        removed [PLACE]/0.1.0, which is damaged
        removed [PLACE]/0.2.0, which is damaged
        [exit 0]
    "#]]
    .assert_eq(&hide(&said));
    let _ = sandbox.run(["plain"]).success();
    fs::remove_file(place.join("1.0.0/.receipt.toml")).expect("the file is accessible");
    expect![[r#"
        nothing to remove
        --- stderr ---
        warning: kept [PLACE]/1.0.0, which is damaged: it is in use; install it again
        [exit 0]
    "#]]
    .assert_eq(&hide(&sandbox.run(["plugin", "prune"]).success().to_string()));
}

#[test]
fn a_project_that_has_moved_keeps_its_plugins() {
    let sandbox = Sandbox::new();
    fs::copy(fixture("plain"), sandbox.work().join("plain.so")).expect("the file can be copied");
    let at = |dir: &str, args: &str| {
        let script = format!("cd '{}/{dir}' && \"$PINTLE\" {args}", sandbox.work().display());
        sandbox.script(&[], &script)
    };
    fs::create_dir(sandbox.work().join("old")).expect("the file is accessible");
    let _ = at("old", "plugin install --project ../plain.so").success();
    fs::rename(sandbox.work().join("old"), sandbox.work().join("new"))
        .expect("the file is accessible");
    let _ = at("new", "plain").success();
    // Pruning in this directory finds that the project exists now.
    let _ = at("new", "plugin prune").success();
    let _ = sandbox.run(["plugin", "prune"]).success();
    let _ = at("new", "plain").success();
    fs::rename(sandbox.work().join("new"), sandbox.work().join("newer"))
        .expect("the file is accessible");
    let _ = sandbox.run(["plugin", "prune"]).success();
    let out = at("newer", "plain");
    assert!(out.stderr.contains("run `pintle plugin sync`"), "{out}");
    let _ = at("newer", "plugin sync").success();
    let _ = at("newer", "plain").success();
}

#[test]
fn no_other_user_can_write_what_was_installed_whatever_the_umask() {
    let sandbox = Sandbox::new();
    fs::copy(fixture("plain"), sandbox.work().join("plain.so")).expect("the file can be copied");
    let _ = fs::remove_dir_all(sandbox.path("home/.local"));
    for args in ["plugin install ./plain.so", "plugin install --project ./plain.so"] {
        let script = format!("umask 000; exec \"$PINTLE\" {args}");
        let _ = sandbox.script(&[], &script).success();
    }
    let mut dirs = vec![sandbox.path("home/.local"), sandbox.work().join(".pintle")];
    while let Some(dir) = dirs.pop() {
        check_mode(&dir);
        for entry in fs::read_dir(&dir).expect("it is there") {
            let path = entry.expect("it is there").path();
            match path.symlink_metadata().expect("it is there") {
                it if it.is_dir() => dirs.push(path),
                it if it.is_file() => check_mode(&path),
                _ => {}
            }
        }
    }
}

#[track_caller]
fn check_mode(path: &Path) {
    let mode = path.metadata().expect("it is there").permissions().mode() & 0o7777;
    let expected: &[u32] = if path.is_dir() { &[0o755] } else { &[0o644, 0o755] };
    assert!(expected.contains(&mode), "{}: {mode:o}", path.display());
}

#[test]
fn an_archive_that_is_empty_or_damaged_is_called_so() {
    let sandbox = Sandbox::new();
    let script = "printf '' >nothing.tar.gz; tar -czf empty.tar.gz -T /dev/null; \
                  cp empty.tar.gz cut.tar.gz; truncate -s 12 cut.tar.gz; ln -s x link; \
                  tar -czf link.tar.gz link";
    let _ = sandbox.script(&[], script).success();
    let said = sandbox.transcript(&[
        "plugin install ./nothing.tar.gz",
        "plugin install ./empty.tar.gz",
        "plugin install ./cut.tar.gz",
        "plugin install ./link.tar.gz",
    ]);
    expect![[r#"
        $ pintle plugin install ./nothing.tar.gz
        --- stderr ---
        error: failed to install `./nothing.tar.gz` while unpacking it
          caused by: `nothing.tar.gz` is empty
        hint: check that the file is complete, or ask its author to pack a plugin
        [exit 3]
        $ pintle plugin install ./empty.tar.gz
        --- stderr ---
        error: failed to install `./empty.tar.gz` while unpacking it
          caused by: `empty.tar.gz` is empty
        hint: check that the file is complete, or ask its author to pack a plugin
        [exit 3]
        $ pintle plugin install ./cut.tar.gz
        --- stderr ---
        error: failed to install `./cut.tar.gz` while unpacking it
          caused by: failed to unpack `cut.tar.gz`
          caused by: the archive is truncated
        hint: fetch the file again; if it is still damaged, report it to its author
        [exit 3]
        $ pintle plugin install ./link.tar.gz
        --- stderr ---
        error: failed to install `./link.tar.gz` while unpacking it
          caused by: failed to unpack `link` of `link.tar.gz`
          caused by: a symbolic link is not supported in a plugin archive
        hint: ask its author to pack only regular files and directories
        [exit 3]
    "#]]
    .assert_eq(&said);
}
