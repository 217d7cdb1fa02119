//! Tests the text of lock files, and how git merges them.

use super::*;
use expect_test::{Expect, expect};
use std::path::Path;
use std::process::Command;

const ZEROS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn locked(repo: &str, version: &str) -> Locked {
    let target = |name: &str| {
        let asset = format!("{repo}-{name}.tar.gz");
        let url = format!("https://example.org/{asset}");
        let digest = ZEROS.parse().ok();
        (name.to_owned(), Target { asset, url, archive: digest, content: None })
    };
    Locked {
        version: version.to_owned(),
        source: format!("acme/{repo}"),
        tag: Some(format!("v{version}")),
        trust: Trust::Digest,
        key: None,
        targets: ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"].map(target).into(),
    }
}

fn lock_of(repos: &[&str]) -> LockFile {
    let plugin = |repo: &&str| (format!("{repo}.example.org"), locked(repo, "1.0.0"));
    LockFile { plugin: repos.iter().map(plugin).collect(), ..LockFile::default() }
}

#[test]
fn each_line_begins_with_its_plugin() {
    expect![[r##"
        # Written by `plugin install`. Keep it under version control.
        format = 1

        [plugin]
        "hello.example.org".source = "acme/hello"
        "hello.example.org".version = "1.0.0"
        "hello.example.org".tag = "v1.0.0"
        "hello.example.org".targets.aarch64-apple-darwin.archive = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
        "hello.example.org".targets.aarch64-apple-darwin.asset = "hello-aarch64-apple-darwin.tar.gz"
        "hello.example.org".targets.aarch64-apple-darwin.url = "https://example.org/hello-aarch64-apple-darwin.tar.gz"
        "hello.example.org".targets.x86_64-unknown-linux-gnu.archive = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
        "hello.example.org".targets.x86_64-unknown-linux-gnu.asset = "hello-x86_64-unknown-linux-gnu.tar.gz"
        "hello.example.org".targets.x86_64-unknown-linux-gnu.url = "https://example.org/hello-x86_64-unknown-linux-gnu.tar.gz"
        "hello.example.org".trust = "digest"
    "##]]
    .assert_eq(&lock_of(&["hello"]).to_string());
    assert_eq!(LockFile::default().to_string().lines().last(), Some("[plugin]"));
}

#[test]
fn what_is_written_is_read_whatever_the_texts() {
    let mut lock = lock_of(&["a", "b"]);
    for locked in lock.plugin.values_mut() {
        locked.source = "./odd 'name' \"q\" \\ é \u{1f600} #".to_owned();
        let mut target = locked.targets["aarch64-apple-darwin"].clone();
        target.asset = "a '#' ü.tar.gz".to_owned();
        target.url = "''' \u{2028} = [x]".to_owned();
        locked.targets.insert("odd target.1".to_owned(), target);
    }
    assert_eq!(lock.to_string().parse::<LockFile>().unwrap(), lock);
    // Tables are read as well, for example from another tool.
    let tables = toml::to_string(&lock).unwrap();
    assert!(tables.contains("[plugin.\"a.example.org\"]"), "{tables}");
    assert_eq!(tables.parse::<LockFile>().unwrap(), lock);
}

#[track_caller]
fn check_refused(text: &str, expected: Expect) {
    let err = text.parse::<LockFile>().unwrap_err();
    expected.assert_eq(&err.to_string());
}

#[test]
fn what_cannot_be_a_lock_file_is_refused_with_its_line_or_plugin() {
    let good = lock_of(&["hello"]).to_string();
    for mark in ["<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> theirs", "=======\r"] {
        let text = good.replace("[plugin]", &format!("[plugin]\n{mark}"));
        check_refused(&text, expect!["line 5 is a conflict marker from a merge"]);
    }
    check_refused(
        "format = 2\nplugin = \"not a table any more\"\n",
        expect!["its format is 2, but this host reads format 1"],
    );
    check_refused("", expect!["line 1 is invalid: missing field `format`"]);
    check_refused(
        "format = 1\n[plugin.x]\n",
        expect!["line 2 is invalid: missing field `version`"],
    );
    check_refused(
        &format!("format = 1\nx = {}", "[".repeat(100_000)),
        expect!["line 2 is invalid: cannot recurse further; max recursion depth met"],
    );
    let twice = format!("{good}\"hello.example.org\".version = \"2.0.0\"\n");
    check_refused(
        &twice,
        expect![[r#"line 15 repeats `"hello.example.org".version` of an earlier line"#]],
    );
}

#[test]
fn no_name_leads_outside() {
    type Edit = fn(&mut LockFile);
    fn plugin(lock: &mut LockFile) -> &mut Locked {
        lock.plugin.get_mut("hello.example.org").unwrap()
    }
    fn target(lock: &mut LockFile) -> &mut Target {
        plugin(lock).targets.get_mut("aarch64-apple-darwin").unwrap()
    }
    let edits: &[(&str, Edit)] = &[
        ("name `../x`", |it| drop(it.plugin.insert("../x".into(), locked("x", "1.0.0")))),
        ("name `/etc`", |it| drop(it.plugin.insert("/etc".into(), locked("x", "1.0.0")))),
        ("version `../1`", |it| plugin(it).version = "../1".into()),
        ("version `1.0.0/..`", |it| plugin(it).version = "1.0.0/..".into()),
        ("version `/1.0.0`", |it| plugin(it).version = "/1.0.0".into()),
        ("tag `../../v1`", |it| plugin(it).tag = Some("../../v1".into())),
        ("tag `/v1`", |it| plugin(it).tag = Some("/v1".into())),
        ("tag ``", |it| plugin(it).tag = Some(String::new())),
        ("source ``", |it| plugin(it).source = String::new()),
        ("source `a\nb`", |it| plugin(it).source = "a\nb".into()),
        ("asset `../x.so`", |it| target(it).asset = "../x.so".into()),
        ("asset `/x.so`", |it| target(it).asset = "/x.so".into()),
        ("asset `a/x.so`", |it| target(it).asset = "a/x.so".into()),
        ("asset `a\\x.so`", |it| target(it).asset = "a\\x.so".into()),
        ("asset `NUL.so`", |it| target(it).asset = "NUL.so".into()),
        ("URL ``", |it| target(it).url = String::new()),
        ("target `..`", |it| {
            let it = &mut plugin(it).targets;
            let target = it["aarch64-apple-darwin"].clone();
            it.insert("..".into(), target);
        }),
    ];
    for (expected, edit) in edits {
        let mut lock = lock_of(&["hello"]);
        edit(&mut lock);
        let err = lock.to_string().parse::<LockFile>().unwrap_err().to_string();
        assert!(err.starts_with(&format!("invalid {expected} of plugin `")), "{expected}: {err}");
    }
    for tag in ["v1.0.0", "release/2024", ZEROS, "a:b"] {
        let mut lock = lock_of(&["hello"]);
        plugin(&mut lock).tag = Some(tag.into());
        assert_eq!(lock.to_string().parse::<LockFile>().unwrap(), lock);
    }
}

/// A repository with a lock file that git merges as the union of its lines.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new(lock: &LockFile) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git(&["init", "-q", "-b", "main"]);
        std::fs::write(repository.path().join(".gitattributes"), "plugins.lock merge=union\n")
            .unwrap();
        repository.commit(lock);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, args: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git is installed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {args:?}: {said}");
    }

    fn commit(&self, lock: &LockFile) {
        std::fs::write(self.path().join("plugins.lock"), lock.to_string()).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "change"]);
    }

    /// Returns the result of merging two branches with these lock files.
    fn merge(base: &LockFile, ours: &LockFile, theirs: &LockFile) -> String {
        let repository = Self::new(base);
        repository.git(&["checkout", "-q", "-b", "theirs"]);
        repository.commit(theirs);
        repository.git(&["checkout", "-q", "main"]);
        repository.commit(ours);
        repository.git(&["merge", "-q", "theirs"]);
        std::fs::read_to_string(repository.path().join("plugins.lock")).unwrap()
    }
}

#[test]
fn a_union_of_two_branches_that_add_plugins_has_both() {
    let names = ["a", "b", "c", "d"];
    for base in [&[][..], &["a"], &["d"], &["a", "d"], &["b"]] {
        for ours in names {
            for theirs in names.iter().filter(|it| **it > ours) {
                let ours = lock_of(&[base, &[ours]].concat());
                let theirs = lock_of(&[base, &[theirs]].concat());
                let text = Repository::merge(&lock_of(base), &ours, &theirs);
                let merged: LockFile = text.parse().unwrap_or_else(|err| panic!("{err}: {text}"));
                let mut expected = ours;
                expected.plugin.extend(theirs.plugin);
                assert_eq!(merged, expected);
            }
        }
    }
}

#[test]
fn a_union_of_two_branches_that_update_one_plugin_is_refused_by_its_line() {
    let with = |version| {
        let mut lock = lock_of(&["a", "b", "c"]);
        lock.plugin.insert("b.example.org".into(), locked("b", version));
        lock
    };
    let text = Repository::merge(&with("1.0.0"), &with("1.1.0"), &with("1.2.0"));
    let err = text.parse::<LockFile>().unwrap_err();
    assert!(matches!(err, LockFileError::Twice { .. }), "{err}");
    // The same update on both sides counts once, and an update next to an addition keeps both.
    assert_eq!(
        Repository::merge(&with("1.0.0"), &with("1.1.0"), &with("1.1.0"))
            .parse::<LockFile>()
            .unwrap(),
        with("1.1.0")
    );
    let mut more = with("1.0.0");
    more.plugin.insert("bb.example.org".into(), locked("bb", "1.0.0"));
    let merged = Repository::merge(&with("1.0.0"), &with("1.1.0"), &more);
    let merged: LockFile = merged.parse().unwrap_or_else(|err| panic!("{err}: {merged}"));
    assert_eq!(merged.plugin["b.example.org"].version, "1.1.0");
    assert_eq!(merged.plugin.len(), 4);
}
