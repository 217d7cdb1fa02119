//! What the plugin manager refuses, and what it reports before it acts.

use crate::plugin_manager::{Harbour, Signer, archive, archive_name, asset, program, release};
use crate::support::{Output, Sandbox, fixture};
use expect_test::expect;
use std::fs;
use std::path::Path;

/// Writes the user's configuration.
#[track_caller]
fn configure(sandbox: &Sandbox, text: &str) {
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is writable");
    fs::write(config.join("plugins.toml"), text).expect("the directory is writable");
}

#[test]
fn a_command_of_the_host_is_told_before() {
    let harbour = Harbour::new(&[]);
    let text = program("1.0.0", "cluster create");
    let bytes = archive(&harbour.sandbox, &[("hello", &text)]);
    let release = release("v1.0.0", vec![asset(&archive_name("1.0.0"), bytes)]);
    harbour.server.release("acme/hello", release);
    harbour.check(
        &["plugin install acme/hello", "plugin list"],
        expect![[r#"
        $ pintle plugin install acme/hello
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while comparing its commands with existing ones
          caused by: its command `cluster create` conflicts with a core command
        hint: install it anyway with `--yes`, and call the command with `plugin run KEY`
        [exit 4]
        $ pintle plugin list
        no plugins found; `pintle plugin abi` lists the plugin directories
        [exit 0]
    "#]],
    );
}

#[test]
fn a_program_that_changes_itself_while_it_is_checked_is_refused() {
    let harbour = Harbour::new(&[]);
    let publish = |version: &str, line: &str| {
        let text = program(version, "hello").replacen('\n', &format!("\n{line}\n"), 1);
        let files = [("hello", &*text), ("data", "published")];
        let bytes = archive(&harbour.sandbox, &files);
        let release = release(&format!("v{version}"), vec![asset(&archive_name(version), bytes)]);
        harbour.server.release("acme/hello", release);
    };
    publish("1.0.0", "printf evil >data");
    // Interpreters write compiled files beside their programs.
    publish("2.0.0", "mkdir -p cache && printf compiled >cache/it");
    harbour.check(
        &["plugin install acme/hello@1.0.0", "plugin install acme/hello@2.0.0", "plugin verify"],
        expect![[r#"
            $ pintle plugin install acme/hello@1.0.0
            --- stderr ---
            fetching hello-1.0.0-[TARGET].tar.gz
            fetching hello-1.0.0-[TARGET].tar.gz: done
            error: failed to install `acme/hello` while checking it
              caused by: it changed its own file `data`
            hint: do not use it, and report it to its author
            [exit 3]
            $ pintle plugin install acme/hello@2.0.0
            installed hello.example.org/v2.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-2.0.0-[TARGET].tar.gz
            fetching hello-2.0.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle plugin verify
            hello.example.org/v2.0.0  as installed
            [exit 0]
        "#]],
    );
}

#[test]
fn a_pinned_plugin_stays() {
    let harbour = Harbour::new(&["1.0.0", "2.0.0"]);
    harbour.check(
        &[
            "plugin install acme/hello@1.0.0",
            "plugin pin hello",
            "plugin install acme/hello",
            "plugin install acme/hello@1.0.0",
            "hello",
            "plugin unpin hello",
            "plugin install acme/hello",
        ],
        expect![[r#"
            $ pintle plugin install acme/hello@1.0.0
            installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-1.0.0-[TARGET].tar.gz
            fetching hello-1.0.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle plugin pin hello
            hello.example.org/v1.0.0 is pinned: `plugin update` and `plugin install` do not change it
            [exit 0]
            $ pintle plugin install acme/hello
            --- stderr ---
            fetching hello-2.0.0-[TARGET].tar.gz
            fetching hello-2.0.0-[TARGET].tar.gz: done
            error: failed to install `acme/hello` while comparing it with the installed plugins
              caused by: `hello.example.org` is pinned to version 1.0.0
            hint: run `pintle plugin unpin hello.example.org` first
            [exit 1]
            $ pintle plugin install acme/hello@1.0.0
            installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-1.0.0-[TARGET].tar.gz
            fetching hello-1.0.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle hello
            hello 1.0.0
            [exit 0]
            $ pintle plugin unpin hello
            hello.example.org/v1.0.0 is no longer pinned
            [exit 0]
            $ pintle plugin install acme/hello
            installed hello.example.org/v2.0.0 in place of v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-2.0.0-[TARGET].tar.gz
            fetching hello-2.0.0-[TARGET].tar.gz: done
            [exit 0]
        "#]],
    );
}

#[test]
fn a_pinned_key_is_never_replaced() {
    let harbour = Harbour::new(&[]);
    let Some(ours) = Signer::new(&harbour.sandbox, "ours") else { return };
    let Some(theirs) = Signer::new(&harbour.sandbox, "theirs") else { return };
    for (version, signer) in [("1.0.0", &ours), ("1.1.0", &theirs)] {
        let bytes = archive(&harbour.sandbox, &[("hello", &program(version, "hello"))]);
        let file = asset(&archive_name(version), bytes);
        let files = vec![signer.sign(version, &file), file];
        harbour.server.release("acme/hello", release(&format!("v{version}"), files));
    }
    let install = |version: &str, key: &Path, more: &[&str]| {
        let source = format!("acme/hello@{version}");
        let key = key.to_str().expect("the path is UTF-8");
        let args = ["plugin", "install", &source, "--key", key];
        harbour.sandbox.run([&args, more].concat())
    };
    // The key is in a file.
    let _ = install("1.0.0", &ours.path("pub"), &[]).success();
    let out = install("1.1.0", &theirs.path("pub"), &["--allow-downgrade", "--yes"]);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stderr.contains("the key pinned for `acme/hello` is"), "{out}");
    for (key, expected) in [
        ("no.pub", "invalid minisign public key `[SANDBOX]/no.pub`"),
        ("ours.key", "invalid minisign public key"),
        ("home", "directory"),
    ] {
        let out = install("1.0.0", &harbour.sandbox.path(key), &[]);
        assert_eq!(out.code(), 2, "{out}");
        assert!(
            out.stderr.contains(expected) && out.stderr.contains("hint: specify a key"),
            "{out}"
        );
    }
}

/// Runs a command on a terminal, and types an answer when it asks.
fn on_terminal(sandbox: &Sandbox, line: &str, typed: &str) -> Output {
    let typist = format!("until grep -q '[?]' shown; do sleep 0.05; done; printf '{typed}'");
    let script = format!(
        ">shown; (set +e; {typist}; sleep 1) | script -qefc \"$PINTLE {line}\" shown >/dev/null \
         && exit=0 || exit=$?; cat shown; exit $exit"
    );
    // A background job of a script ignores SIGINT, and so do its children.
    sandbox.script(&["env", "--default-signal=INT"], &script)
}

#[test]
fn a_new_key_is_asked_for_on_a_terminal() {
    let harbour = Harbour::new(&[]);
    let Some(ours) = Signer::new(&harbour.sandbox, "ours") else { return };
    let bytes = archive(&harbour.sandbox, &[("hello", &program("1.0.0", "hello"))]);
    let file = asset(&archive_name("1.0.0"), bytes);
    let files = vec![ours.sign("1.0.0", &file), file, ours.public()];
    harbour.server.release("acme/hello", release("v1.0.0", files));
    let sandbox = Sandbox::new().env("PINTLE_GITHUB_API", harbour.server.url());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sandbox = sandbox.env("PATH", path).env("TERM", "xterm");
    let install = |typed| on_terminal(&sandbox, "plugin install acme/hello", typed);
    let out = install("\\003");
    assert_eq!(out.code(), 130, "{out}");
    let (hidden, shown) = ("\u{1b}[?25l", "\u{1b}[?25h");
    assert!(out.stdout.contains("Trust it for this and all later versions?"), "{out}");
    assert!(out.stdout.rfind(shown) > out.stdout.rfind(hidden), "{out}");
    let out = install("n");
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stdout.contains("the key is not trusted"), "{out}");
    let out = install("y").success();
    assert!(out.stdout.contains("installed hello.example.org/v1.0.0"), "{out}");
}

#[test]
fn a_script_for_all_targets_has_one_signature() {
    let harbour = Harbour::new(&[]);
    let Some(ours) = Signer::new(&harbour.sandbox, "ours") else { return };
    let bytes = archive(&harbour.sandbox, &[("hello", &program("1.0.0", "hello"))]);
    let file = asset("hello-1.0.0.tar.gz", bytes);
    let files = vec![ours.sign_for("any", "1.0.0", &file), file];
    harbour.server.release("acme/hello", release("v1.0.0", files));
    let key = ours.path("pub");
    let key = key.to_str().expect("the path is UTF-8");
    let out = harbour.sandbox.run(["plugin", "install", "acme/hello", "--key", key]).success();
    assert!(out.stdout.contains("(trust: signed)"), "{out}");
}

#[test]
fn what_nobody_vouches_for_is_told_and_can_be_refused() {
    let harbour = Harbour::new(&["2.0.0"]);
    let bytes = archive(&harbour.sandbox, &[("hello", &program("1.0.0", "hello"))]);
    let mut file = asset(&archive_name("1.0.0"), bytes);
    file.digest = None;
    harbour.server.release("acme/hello", release("v1.0.0", vec![file]));
    harbour.check(
        &["plugin install acme/hello@1.0.0", "plugin remove hello"],
        expect![[r#"
        $ pintle plugin install acme/hello@1.0.0
        installed hello.example.org/v1.0.0 from `acme/hello` (trust: none)
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        warning: nothing vouches for the bytes of `hello-1.0.0-[TARGET].tar.gz`
        [exit 0]
        $ pintle plugin remove hello
        removed hello.example.org/v1.0.0
        [exit 0]
    "#]],
    );
    configure(&harbour.sandbox, "minimum-trust = \"digest\"\n");
    harbour.check(
        &["plugin install acme/hello@1.0.0"],
        expect![[r#"
        $ pintle plugin install acme/hello@1.0.0
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while comparing its trust
          caused by: its trust is `none`, but `minimum-trust` is `digest`
        hint: specify its digest with `--sha256`
        [exit 3]
    "#]],
    );
    configure(&harbour.sandbox, "minimum-trust = \"signed\"\n");
    harbour.check(
        &["plugin install acme/hello --allow-downgrade"],
        expect![[r#"
        $ pintle plugin install acme/hello --allow-downgrade
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while comparing its trust
          caused by: its trust is `none`, but `minimum-trust` is `signed`
        hint: ask its author to sign it with minisign
        [exit 3]
    "#]],
    );
    configure(&harbour.sandbox, "minimum-trust = \"much\"\n");
    harbour.check(
        &["plugin install acme/hello"],
        expect![[r#"
        $ pintle plugin install acme/hello
        --- stderr ---
        error: failed to read the configuration `[HOME]/.config/pintle/plugins.toml`
          caused by: line 1: `minimum-trust`: unknown variant `much`, expected one of `none`, `digest`, `signed`
        [exit 2]
    "#]],
    );
}

#[test]
fn a_digest_that_cannot_be_compared_is_not_taken_for_none() {
    let harbour = Harbour::new(&[]);
    let bytes = archive(&harbour.sandbox, &[("hello", &program("1.0.0", "hello"))]);
    let mut file = asset(&archive_name("1.0.0"), bytes.clone());
    file.digest = Some("sha3:00".to_owned());
    harbour.server.release("acme/hello", release("v1.0.0", vec![file]));
    harbour.check(
        &["plugin install acme/hello", "plugin mirror m acme/hello"],
        expect![[r#"
        $ pintle plugin install acme/hello
        --- stderr ---
        error: failed to install `acme/hello` while comparing its digest
          caused by: its source specifies an unsupported digest for `hello-1.0.0-[TARGET].tar.gz`: `sha3:00`
        hint: specify its SHA-256 digest with `--sha256`
        [exit 3]
        $ pintle plugin mirror m acme/hello
        --- stderr ---
        error: failed to mirror `acme/hello`
          caused by: its source specifies an unsupported digest for `hello-1.0.0-[TARGET].tar.gz`: `sha3:00`
        hint: specify its SHA-256 digest with `--sha256`
        [exit 3]
    "#]],
    );
    let digest = pintle_manager::Digest::of(&bytes).to_string();
    let args = ["plugin", "install", "acme/hello", "--sha256", &digest];
    let out = harbour.sandbox.run(args).success();
    assert!(out.stdout.contains("(trust: digest)"), "{out}");
}

#[test]
fn a_tag_that_is_no_version_gets_a_hint() {
    let harbour = Harbour::new(&["1.0.0"]);
    harbour.check(
        &["plugin install acme/hello@latest", "plugin install acme/hello@^1"],
        expect![[r#"
            $ pintle plugin install acme/hello@latest
            --- stderr ---
            error: failed to install `acme/hello` while looking for the release
              caused by: the repository `acme/hello` at `127.0.0.1` does not exist, has no release `latest`, or is not visible to requests without a token
            hint: `latest` is interpreted as the tag of a release: specify a full version, or omit it for the newest
            [exit 1]
            $ pintle plugin install acme/hello@^1
            --- stderr ---
            error: invalid version `^1` in the plugin source `acme/hello@^1`
            hint: use `owner/repo[@version]`, `oci://host/repository:tag`, `https://…` or `./path`
            [exit 2]
        "#]],
    );
}

#[test]
fn a_library_of_a_newer_system_is_refused_before_it_is_loaded() {
    let harbour = Harbour::new(&[]);
    let mut bytes = fs::read(fixture("plain")).expect("the fixture is built");
    // The loader checks these names, too.
    let (own, newer) = (b"\0GLIBC_2.34\0", b"\0GLIBC_9.34\0");
    let at = bytes.windows(own.len()).position(|it| it == own).expect("it uses glibc");
    bytes[at..at + own.len()].copy_from_slice(newer);
    fs::write(harbour.sandbox.work().join("plain.so"), bytes).expect("the directory is writable");
    harbour.check(&["plugin install ./plain.so", "plugin check plain.so"], expect![[r#"
        $ pintle plugin install ./plain.so
        --- stderr ---
        error: failed to install `./plain.so` while checking it
          caused by: plugin file `[HOME]/.local/share/pintle/plugins/.store/[NEW]/plain.so` cannot be loaded on this machine
          caused by: it requires glibc 9.34, which is newer than 2.36: `pthread_key_create`, `pthread_key_delete`, `pthread_setspecific`
        hint: ask the author for a build for an older glibc, or use a newer system
        [exit 3]
        $ pintle plugin check plain.so
        --- stderr ---
        error: plugin file `plain.so` cannot be loaded on this machine
          caused by: it requires glibc 9.34, which is newer than 2.36: `pthread_key_create`, `pthread_key_delete`, `pthread_setspecific`
        hint: ask the author for a build for an older glibc, or use a newer system
        [exit 3]
    "#]]);
}
