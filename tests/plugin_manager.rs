//! The plugin manager, from real servers and files to commands that run.

use crate::control_plane::free_port;
use crate::release_server::{Asset, Limit, Release, ReleaseServer};
use crate::support::{Sandbox, example, fixture, skip};
use expect_test::{Expect, expect};
use pintle_plugin::manifest::TARGET;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program that is a plugin with one command.
pub(crate) fn program(version: &str, command: &str) -> String {
    format!(
        "#!/bin/sh\ncase $PINTLE_COMMAND in\nINFO) printf 'name: hello.example.org\\nversion: \
         {version}\\ncommands: [{{command: {command}}}]\\n' ;;\n*) echo 'hello {version}' ;;\nesac\n"
    )
}

/// Returns an archive of files, created by the real tar.
#[track_caller]
pub(crate) fn archive(sandbox: &Sandbox, files: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir_in(sandbox.path("")).expect("a directory can be created");
    let top = folder.path().join("top");
    fs::create_dir(&top).expect("the directory is new");
    for (name, text) in files {
        fs::write(top.join(name), text).expect("the directory is writable");
        let mode = if text.starts_with("#!") { "755" } else { "644" };
        run(Command::new("chmod").arg(mode).arg(top.join(name)));
    }
    let path = folder.path().join("it.tar.gz");
    run(Command::new("tar").arg("-czf").arg(&path).arg("-C").arg(folder.path()).arg("top"));
    fs::read(path).expect("it was created")
}

#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let out = command.output().expect("the program is there");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    pintle_manager::Digest::of(bytes).to_string()
}

/// A file of a release, with the digest that GitHub gives.
pub(crate) fn asset(name: &str, bytes: impl Into<Vec<u8>>) -> Asset {
    let bytes = bytes.into();
    Asset { name: name.to_owned(), digest: Some(digest(&bytes)), bytes }
}

pub(crate) fn release(tag: &str, assets: Vec<Asset>) -> Release {
    Release { tag: tag.to_owned(), assets, ..Release::default() }
}

pub(crate) fn archive_name(version: &str) -> String {
    format!("hello-{version}-{TARGET}.tar.gz")
}

/// A server with some versions of one program.
pub(crate) struct Harbour {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: ReleaseServer,
}

impl Harbour {
    pub(crate) fn new(versions: &[&str]) -> Self {
        let server = ReleaseServer::start();
        let sandbox = Sandbox::new().env("PINTLE_GITHUB_API", server.url());
        let this = Self { sandbox, server };
        versions.iter().for_each(|it| this.publish(it));
        this
    }

    /// Publishes a version.
    pub(crate) fn publish(&self, version: &str) {
        let bytes = archive(&self.sandbox, &[("hello", &program(version, "hello"))]);
        let other = "hello-0-aarch64-apple-darwin.tar.gz".replace("-0-", &format!("-{version}-"));
        let assets = vec![asset(&archive_name(version), bytes), asset(&other, *b"apples")];
        self.server.release("acme/hello", release(&format!("v{version}"), assets));
    }

    #[track_caller]
    pub(crate) fn check(&self, lines: &[&str], expected: Expect) {
        expected.assert_eq(&self.hide(&self.sandbox.transcript(lines)));
    }

    pub(crate) fn hide(&self, text: &str) -> String {
        let text = text.replace(&self.server.url(), "[API]/");
        let mut shown = String::new();
        for (idx, part) in text.split("sha256:").enumerate() {
            let rest = part.trim_start_matches(|it: char| it.is_ascii_hexdigit());
            shown += if idx == 0 { part } else { "sha256:…" };
            shown += if idx == 0 { "" } else { rest };
        }
        // A file that is not visible yet has a different name each time.
        let mut parts = shown.split("/.new-");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, it| {
            text + "/[NEW]" + it.trim_start_matches(|it: char| it.is_ascii_hexdigit())
        })
    }

    pub(crate) fn store(&self) -> std::path::PathBuf {
        self.sandbox.path("home/.local/share/pintle/plugins")
    }
}

#[test]
fn a_plugin_is_installed_updated_and_rolled_back() {
    let harbour = Harbour::new(&["1.0.0"]);
    harbour.check(
        &["plugin install acme/hello", "hello", "plugin outdated", "plugin why hello"],
        expect![[r#"
            $ pintle plugin install acme/hello
            installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-1.0.0-[TARGET].tar.gz
            fetching hello-1.0.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle hello
            hello 1.0.0
            [exit 0]
            $ pintle plugin outdated
            every plugin is up to date
            [exit 0]
            $ pintle plugin why hello
            plugin     hello.example.org/v1.0.0
            why        it was installed or updated last
            source     acme/hello
            release    v1.0.0
            published  2026-01-02T03:04:05Z
            trust      digest: its bytes match the digest that was given for them
            archive    sha256:…
            content    sha256:…
            targets    aarch64-apple-darwin, [TARGET]
            [exit 0]
        "#]],
    );
    harbour.publish("1.2.0");
    // An answer of the server is cached for five minutes.
    fs::remove_dir_all(harbour.sandbox.path("home/.cache/pintle/github")).expect("it is there");
    harbour.check(
        &[
            "plugin outdated",
            "plugin update --dry-run",
            "plugin update",
            "hello",
            "plugin update",
            "plugin rollback hello",
            "hello",
            "plugin rollback hello",
            "plugin pin hello",
            "plugin update",
            "plugin update hello",
            "plugin outdated",
            "plugin unpin hello.example.org",
            "plugin update acme/hello",
            "plugin disable hello",
            "hello",
            "plugin enable hello",
            "plugin prune --dry-run",
            "plugin prune",
            "plugin verify",
            "plugin remove hello",
            "hello",
            "plugin remove hello",
        ],
        expect![[r#"
            $ pintle plugin outdated
            PLUGIN             INSTALLED  NEWEST  SOURCE
            hello.example.org  1.0.0      1.2.0   acme/hello
            [exit 0]
            $ pintle plugin update --dry-run
            hello.example.org/v1.0.0 would become v1.2.0
            [exit 0]
            $ pintle plugin update
            installed hello.example.org/v1.2.0 in place of v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-1.2.0-[TARGET].tar.gz
            fetching hello-1.2.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle hello
            hello 1.2.0
            [exit 0]
            $ pintle plugin update
            every plugin is up to date
            [exit 0]
            $ pintle plugin rollback hello
            went back from hello.example.org/v1.2.0 to hello.example.org/v1.0.0
            [exit 0]
            $ pintle hello
            hello 1.0.0
            [exit 0]
            $ pintle plugin rollback hello
            --- stderr ---
            error: the store has no version before hello.example.org/v1.0.0
            hint: install the version that you want
            [exit 1]
            $ pintle plugin pin hello
            hello.example.org/v1.0.0 is pinned: `plugin update` and `plugin install` do not change it
            [exit 0]
            $ pintle plugin update
            every plugin is up to date
            [exit 0]
            $ pintle plugin update hello
            every plugin is up to date
            --- stderr ---
            warning: hello.example.org/v1.0.0 is pinned: run `pintle plugin unpin` first
            [exit 0]
            $ pintle plugin outdated
            PLUGIN             INSTALLED  NEWEST          SOURCE
            hello.example.org  1.0.0      1.2.0 (pinned)  acme/hello
            [exit 0]
            $ pintle plugin unpin hello.example.org
            hello.example.org/v1.0.0 is no longer pinned
            [exit 0]
            $ pintle plugin update acme/hello
            installed hello.example.org/v1.2.0 in place of v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-1.2.0-[TARGET].tar.gz
            fetching hello-1.2.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle plugin disable hello
            hello.example.org is disabled in `[HOME]/.config/pintle/config.toml`
            [exit 0]
            $ pintle hello
            --- stderr ---
            error: plugin `hello.example.org/v1.2.0` is disabled
            hint: run `pintle plugin enable hello.example.org`
            [exit 3]
            $ pintle plugin enable hello
            hello.example.org is enabled again
            [exit 0]
            $ pintle plugin prune --dry-run
            would remove hello.example.org/v1.0.0
            [exit 0]
            $ pintle plugin prune
            removed hello.example.org/v1.0.0
            [exit 0]
            $ pintle plugin verify
            hello.example.org/v1.2.0  as installed
            [exit 0]
            $ pintle plugin remove hello
            removed hello.example.org/v1.2.0
            [exit 0]
            $ pintle hello
            --- stderr ---
            error: unrecognized subcommand 'hello'

              tip: a similar subcommand exists: 'help'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle plugin remove hello
            --- stderr ---
            error: plugin `hello` is not installed
            hint: run `pintle plugin list` to list the plugins
            [exit 1]
        "#]],
    );
    let left: Vec<_> = fs::read_dir(harbour.store())
        .expect("it is there")
        .map(|it| it.expect("it is accessible").file_name().into_string().expect("it is UTF-8"))
        .collect();
    assert!(left.iter().all(|it| it == "plugins.lock" || it == ".store"), "{left:?}");
}

#[test]
fn a_library_is_installed_as_it_is_or_packed() {
    let harbour = Harbour::new(&[]);
    let library = fs::read(fixture("plain")).expect("it was built");
    let name = format!("plain-{TARGET}.so");
    harbour.server.release("acme/plain", release("v1.0.0", vec![asset(&name, library)]));
    let out = harbour.sandbox.run(["plugin", "install", "acme/plain"]).success();
    assert!(out.stdout.contains("installed plain.example.org/v1.0.0"), "{out}");
    let _ = harbour.sandbox.run(["plain"]).success();
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    };
    let store = harbour.store();
    assert_eq!(mode(&store.join("acme/plain/1.0.0").join(&name)), 0o644);
    let link = fs::read_link(store.join("plain.example.org.so")).expect("it is a link");
    assert_eq!(link, Path::new("acme/plain/1.0.0").join(name));
    // A directory with an unpacked plugin, and one of its files.
    let _ = harbour.sandbox.run(["plugin", "remove", "plain"]).success();
    fs::create_dir(harbour.sandbox.work().join("unpacked")).expect("the directory is new");
    fs::copy(fixture("plain"), harbour.sandbox.work().join("unpacked/plain.so"))
        .expect("the file can be copied");
    for source in ["./unpacked", "./unpacked/plain.so"] {
        let out = harbour.sandbox.run(["plugin", "install", source]).success();
        assert!(out.stdout.contains("trust: none"), "{out}");
        let _ = harbour.sandbox.run(["plain"]).success();
        let _ = harbour.sandbox.run(["plugin", "remove", "plain"]).success();
    }
}

#[test]
fn what_does_not_fit_is_named_and_leaves_nothing() {
    let harbour = Harbour::new(&["1.0.0"]);
    let files = |names: &[&str]| names.iter().map(|it| asset(it, *b"#!/bin/sh\n")).collect();
    let server = &harbour.server;
    server.release("acme/none", release("v1", files(&["none-darwin-arm64.tar.gz", "none.sha256"])));
    let both = [format!("both-{TARGET}-a.tar.gz"), format!("both-{TARGET}-b.tar.gz")];
    server.release("acme/both", release("v1", files(&[&both[0], &both[1]])));
    server.release("acme/text", release("v1", vec![asset(&format!("text-{TARGET}"), *b"hello")]));
    let name = |it: &str| format!("{it}-{TARGET}.tar.gz");
    let two = archive(&harbour.sandbox, &[("a", "#!/bin/sh\n"), ("b", "#!/bin/sh\n")]);
    server.release("acme/two", release("v1", vec![asset(&name("two"), two)]));
    let prose = archive(&harbour.sandbox, &[("README", "hello")]);
    server.release("acme/prose", release("v1", vec![asset(&name("prose"), prose)]));
    let broken = archive(&harbour.sandbox, &[("broken", "#!/bin/sh\nexit 3\n")]);
    server.release("acme/broken", release("v1", vec![asset(&name("broken"), broken)]));
    let mut wrong = asset(&name("wrong"), archive(&harbour.sandbox, &[("wrong", "#!/bin/sh\n")]));
    wrong.digest = Some(digest(b"something else"));
    server.release("acme/wrong", release("v1", vec![wrong]));
    harbour.check(
        &[
            "plugin install acme/missing",
            "plugin install acme/hello@7",
            "plugin install acme/none",
            "plugin install acme/both",
            "plugin install acme/text",
            "plugin install acme/two",
            "plugin install acme/prose",
            "plugin install acme/broken",
            "plugin install acme/wrong",
            "plugin install acme/hello --sha256 7",
            "plugin install acme",
            "plugin list",
        ],
        expect![[r#"
            $ pintle plugin install acme/missing
            --- stderr ---
            error: failed to install `acme/missing` while looking for the release
              caused by: the repository `acme/missing` at `127.0.0.1` does not exist, has no release, or is not visible to requests without a token
            hint: check the spelling; for a private repository set GH_ENTERPRISE_TOKEN to a token that can read it
            [exit 1]
            $ pintle plugin install acme/hello@7
            --- stderr ---
            error: failed to install `acme/hello` while looking for the release
              caused by: the repository `acme/hello` at `127.0.0.1` does not exist, has no release `7`, or is not visible to requests without a token
            hint: check the spelling; for a private repository set GH_ENTERPRISE_TOKEN to a token that can read it
            [exit 1]
            $ pintle plugin install acme/none
            --- stderr ---
            error: failed to install `acme/none` while choosing the file
              caused by: no file of the release matches `[TARGET]`; available: `none-darwin-arm64.tar.gz`
            hint: ask its author to publish `none-VERSION-[TARGET].tar.gz` or `none-VERSION-[TARGET].so`
            [exit 1]
            $ pintle plugin install acme/both
            --- stderr ---
            error: failed to install `acme/both` while choosing the file
              caused by: several files of the release match `[TARGET]`: `both-[TARGET]-a.tar.gz`, `both-[TARGET]-b.tar.gz`
            hint: ask its author to publish one file whose name contains `[TARGET]`
            [exit 1]
            $ pintle plugin install acme/text
            --- stderr ---
            fetching text-[TARGET]
            fetching text-[TARGET]: done
            error: failed to install `acme/text` while unpacking it
              caused by: `text-[TARGET]` is not an archive, a library or a program
            hint: ask its author to publish a `.tar.zst`, a `.so`, or a program
            [exit 3]
            $ pintle plugin install acme/two
            --- stderr ---
            fetching two-[TARGET].tar.gz
            fetching two-[TARGET].tar.gz: done
            error: failed to install `acme/two` while looking for the plugin in it
              caused by: it contains several plugins: `a`, `b`
            hint: ask its author to publish each as a separate file
            [exit 3]
            $ pintle plugin install acme/prose
            --- stderr ---
            fetching prose-[TARGET].tar.gz
            fetching prose-[TARGET].tar.gz: done
            error: failed to install `acme/prose` while looking for the plugin in it
              caused by: it contains no plugin, only `README`
            hint: use a library for this platform with a manifest, or a program
            [exit 3]
            $ pintle plugin install acme/broken
            --- stderr ---
            fetching broken-[TARGET].tar.gz
            fetching broken-[TARGET].tar.gz: done
            error: failed to install `acme/broken` while checking it
              caused by: plugin `[HOME]/.local/share/pintle/plugins/.store/[NEW]/broken` is refused
              caused by: it does not describe itself: it exited with code 3
            hint: run it with `PINTLE_COMMAND=INFO` to see what it does
            [exit 3]
            $ pintle plugin install acme/wrong
            --- stderr ---
            fetching wrong-[TARGET].tar.gz
            fetching wrong-[TARGET].tar.gz: done
            error: failed to install `acme/wrong` while comparing its digest
              caused by: `wrong-[TARGET].tar.gz` has the digest sha256:…, but its source specifies sha256:…
            hint: do not use the file, and report it to its author: it is not the published one
            [exit 3]
            $ pintle plugin install acme/hello --sha256 7
            --- stderr ---
            error: invalid digest `7`: use `sha256:…` and 64 hexadecimal digits
            [exit 2]
            $ pintle plugin install acme
            --- stderr ---
            error: invalid plugin source `acme`: not a repository, a URL or an existing file
            hint: use `owner/repo[@version]`, `oci://host/repository:tag`, `https://…` or `./path`
            [exit 2]
            $ pintle plugin list
            no plugins found; `pintle plugin abi` lists the plugin directories
            [exit 0]
        "#]],
    );
    assert!(harbour.sandbox.run(["plugin", "verify"]).success().stdout.contains("no plugin"));
}

#[test]
fn a_limit_of_requests_is_explained() {
    let harbour = Harbour::new(&["1.0.0"]);
    harbour.server.limit(Some(Limit::Secondary(60)));
    let out = harbour.sandbox.run(["plugin", "install", "acme/hello"]);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("rate limit") || out.stderr.contains("limit"), "{out}");
}

/// A minisign key pair, and its signatures.
pub(crate) struct Signer<'a> {
    sandbox: &'a Sandbox,
    name: &'static str,
}

impl<'a> Signer<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, name: &'static str) -> Option<Self> {
        if Command::new("minisign").arg("-v").output().is_err() {
            skip("minisign");
            return None;
        }
        let this = Self { sandbox, name };
        run(Command::new("minisign")
            .args(["-G", "-W", "-f", "-p"])
            .arg(this.path("pub"))
            .arg("-s")
            .arg(this.path("key")));
        Some(this)
    }

    pub(crate) fn path(&self, what: &str) -> std::path::PathBuf {
        self.sandbox.path(&format!("{}.{what}", self.name))
    }

    pub(crate) fn public(&self) -> Asset {
        asset("minisign.pub", fs::read(self.path("pub")).expect("it was created"))
    }

    /// Returns the signature of a file, bound to a version and a file name.
    pub(crate) fn sign(&self, version: &str, file: &Asset) -> Asset {
        self.sign_for(TARGET, version, file)
    }

    /// Returns the same for a target.
    pub(crate) fn sign_for(&self, target: &str, version: &str, file: &Asset) -> Asset {
        let path = self.sandbox.path("to-sign");
        fs::write(&path, &file.bytes).expect("the directory is writable");
        let comment = format!(
            "pintle-plugin name=hello.example.org version={version} target={target} file={}",
            file.name
        );
        run(Command::new("minisign")
            .args(["-S", "-s"])
            .arg(self.path("key"))
            .args(["-t", &comment, "-m"])
            .arg(&path));
        let signature = fs::read(self.sandbox.path("to-sign.minisig")).expect("it was created");
        asset(&format!("{}.minisig", file.name), signature)
    }
}

#[test]
fn a_key_is_pinned_and_trust_does_not_fall() {
    let harbour = Harbour::new(&[]);
    let Some(ours) = Signer::new(&harbour.sandbox, "ours") else { return };
    let Some(theirs) = Signer::new(&harbour.sandbox, "theirs") else { return };
    let file = |version: &str| {
        let bytes = archive(&harbour.sandbox, &[("hello", &program(version, "hello"))]);
        asset(&archive_name(version), bytes)
    };
    let publish = |version: &str, assets: Vec<Asset>| {
        harbour.server.release("acme/hello", release(&format!("v{version}"), assets));
    };
    let first = file("1.0.0");
    publish("1.0.0", vec![ours.sign("1.0.0", &first), first, ours.public()]);
    let second = file("1.1.0");
    publish("1.1.0", vec![theirs.sign("1.1.0", &second), second]);
    publish("1.2.0", vec![file("1.2.0")]);
    // The signature of an older version, with exchanged files.
    let older = file("1.0.0");
    let replayed = Asset { name: archive_name("1.3.0"), ..older.clone() };
    let mut signature = ours.sign("1.0.0", &older);
    signature.name = format!("{}.minisig", replayed.name);
    publish("1.3.0", vec![signature, replayed]);
    let last = file("1.4.0");
    publish("1.4.0", vec![ours.sign("1.4.0", &last), last]);
    let hide_keys = |text: String| {
        let line = |name: &str| {
            let text = fs::read_to_string(harbour.sandbox.path(&format!("{name}.pub"))).unwrap();
            text.lines().nth(1).unwrap().to_owned()
        };
        let key = |it: &str| it.parse::<pintle_manager::signature::PublicKey>().unwrap();
        let text = text.replace(&line("ours"), "[OUR KEY]").replace(&line("theirs"), "[THEIR KEY]");
        let text = text.replace(&key(&line("ours")).id(), "[OURS]");
        text.replace(&key(&line("theirs")).id(), "[THEIRS]")
    };
    // An old file with its old signature, as a new version.
    let old = older.clone();
    publish("9.9.9", vec![ours.sign("1.0.0", &old), old]);
    let lines = [
        "plugin install acme/hello@1.0.0",
        "plugin install acme/hello@1.0.0 --yes",
        "plugin install acme/hello@9.9.9",
        "plugin why hello",
        "plugin install acme/hello@1.1.0 --yes",
        "plugin install acme/hello@1.2.0 --yes",
        "plugin install acme/hello@1.3.0 --yes",
        "hello",
        "plugin install acme/hello@1.4.0",
        "plugin install acme/hello@1.2.0 --allow-downgrade",
        "hello",
    ];
    expect![[r#"
        $ pintle plugin install acme/hello@1.0.0
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while verifying its signature
          caused by: `acme/hello` is signed with key [OURS], which is new
        hint: specify the key with `--key [OUR KEY]`, or accept it with `--yes`
        [exit 3]
        $ pintle plugin install acme/hello@1.0.0 --yes
        installed hello.example.org/v1.0.0 from `acme/hello` (trust: signed)
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        [exit 0]
        $ pintle plugin install acme/hello@9.9.9
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while comparing its version
          caused by: the release is `v9.9.9`, but the plugin in it is `hello.example.org/v1.0.0`
        hint: report it to its author
        [exit 3]
        $ pintle plugin why hello
        plugin     hello.example.org/v1.0.0
        why        it was installed or updated last
        source     acme/hello
        release    v1.0.0
        published  2026-01-02T03:04:05Z
        trust      signed: its bytes are signed with key [OURS]
        archive    sha256:…
        content    sha256:…
        targets    [TARGET]
        [exit 0]
        $ pintle plugin install acme/hello@1.1.0 --yes
        --- stderr ---
        fetching hello-1.1.0-[TARGET].tar.gz
        fetching hello-1.1.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while verifying its signature
          caused by: failed to verify the signature of `hello-1.1.0-[TARGET].tar.gz`
          caused by: signed with key [THEIRS], but the trusted key is [OURS]
        hint: if the author of `acme/hello` has announced a new key, remove the plugin and install it again
        [exit 3]
        $ pintle plugin install acme/hello@1.2.0 --yes
        --- stderr ---
        fetching hello-1.2.0-[TARGET].tar.gz
        fetching hello-1.2.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while comparing its trust
          caused by: its trust is `digest`, but was `signed` before
        hint: ask its author why, or install it anyway with `--allow-downgrade`
        [exit 3]
        $ pintle plugin install acme/hello@1.3.0 --yes
        --- stderr ---
        fetching hello-1.3.0-[TARGET].tar.gz
        fetching hello-1.3.0-[TARGET].tar.gz: done
        error: failed to install `acme/hello` while verifying its signature
          caused by: failed to verify the signature of `hello-1.3.0-[TARGET].tar.gz`
          caused by: signed for another file: expected `hello-1.3.0-[TARGET].tar.gz`, found `hello-1.0.0-[TARGET].tar.gz`
        hint: do not use the file, and report it to its author: it is not the published one
        [exit 3]
        $ pintle hello
        hello 1.0.0
        [exit 0]
        $ pintle plugin install acme/hello@1.4.0
        installed hello.example.org/v1.4.0 in place of v1.0.0 from `acme/hello` (trust: signed)
        --- stderr ---
        fetching hello-1.4.0-[TARGET].tar.gz
        fetching hello-1.4.0-[TARGET].tar.gz: done
        [exit 0]
        $ pintle plugin install acme/hello@1.2.0 --allow-downgrade
        installed hello.example.org/v1.2.0 in place of v1.4.0 from `acme/hello` (trust: digest)
        --- stderr ---
        fetching hello-1.2.0-[TARGET].tar.gz
        fetching hello-1.2.0-[TARGET].tar.gz: done
        [exit 0]
        $ pintle hello
        hello 1.2.0
        [exit 0]
    "#]].assert_eq(&hide_keys(harbour.hide(&harbour.sandbox.transcript(&lines))));
}

/// Debian's docker-registry, until this value is dropped.
pub(crate) struct Registry {
    child: Child,
    pub(crate) port: u16,
}

impl Registry {
    pub(crate) fn start(sandbox: &Sandbox) -> Option<Self> {
        const PROGRAM: &str = "/usr/bin/docker-registry";
        if !Path::new(PROGRAM).exists() {
            skip(PROGRAM);
            return None;
        }
        let port = free_port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: \
             {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            sandbox.path("registry").display()
        );
        let path = sandbox.path("registry.yml");
        fs::write(&path, config).expect("the directory is writable");
        let mut command = Command::new(PROGRAM);
        command.arg("serve").arg(path).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the registry starts");
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "the registry does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, port })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn plugins_are_mirrored_into_a_registry_and_installed_from_it() {
    let harbour = Harbour::new(&[]);
    let Some(signer) = Signer::new(&harbour.sandbox, "ours") else { return };
    let Some(registry) = Registry::start(&harbour.sandbox) else { return };
    let bytes = archive(&harbour.sandbox, &[("hello", &program("1.0.0", "hello"))]);
    let file = asset(&archive_name("1.0.0"), bytes);
    let assets = vec![signer.sign("1.0.0", &file), file, signer.public()];
    harbour.server.release("acme/hello", release("v1.0.0", assets));
    let mirror = format!("oci://127.0.0.1:{}/mirror", registry.port);
    let key = fs::read_to_string(signer.path("pub")).expect("it was created");
    let key = key.lines().nth(1).expect("a key has two lines").to_owned();
    let out = harbour.sandbox.run(["plugin", "mirror", &mirror, "acme/hello"]).success();
    assert!(out.stdout.contains("mirrored `acme/hello` (3 files)"), "{out}");

    // By its own name, from the mirror.
    let second = Sandbox::new().env("PINTLE_GITHUB_API", "http://127.0.0.1:1/");
    let install = ["plugin", "install", "acme/hello", "--from", &mirror, "--key", &key];
    let out = second.run(install).success();
    assert!(out.stdout.contains("from `acme/hello` (trust: signed)"), "{out}");
    assert_eq!(second.run(["hello"]).success().stdout, "hello 1.0.0\n");

    // By its name in the registry, and again from a lock file.
    let third = Sandbox::new();
    let source = format!("{mirror}/acme/hello");
    let out = third.run(["plugin", "install", &format!("{source}:1.0.0"), "--yes"]).success();
    assert!(out.stdout.contains(&format!("from `{source}` (trust: signed)")), "{out}");
    let out = third.run(["plugin", "outdated"]).success();
    assert_eq!(out.stdout, "every plugin is up to date\n");
    let fourth = Sandbox::new();
    let lock = third.path("home/.local/share/pintle/plugins/plugins.lock");
    fs::copy(lock, fourth.work().join("team.lock")).expect("the file can be copied");
    let out = fourth.run(["plugin", "sync", "--lock", "team.lock"]).success();
    assert!(out.stdout.contains("(trust: signed)"), "{out}");
    assert_eq!(fourth.run(["hello"]).success().stdout, "hello 1.0.0\n");
    let out = fourth.run(["plugin", "install", &format!("{source}:7.0.0")]);
    assert_eq!(out.code(), 1, "{out}");
}

#[test]
fn an_older_release_as_the_newest_is_no_update() {
    let harbour = Harbour::new(&["1.0.0", "2.0.0"]);
    let _ = harbour.sandbox.run(["plugin", "install", "acme/hello@2.0.0"]).success();
    // The owner, or an attacker, has marked another release as the latest.
    harbour.publish("1.5.0");
    harbour.check(
        &["plugin update", "hello", "plugin install acme/hello@1.0.0", "hello"],
        expect![[r#"
        $ pintle plugin update
        every plugin is up to date
        [exit 0]
        $ pintle hello
        hello 2.0.0
        [exit 0]
        $ pintle plugin install acme/hello@1.0.0
        installed hello.example.org/v1.0.0 in place of v2.0.0 from `acme/hello` (trust: digest)
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        [exit 0]
        $ pintle hello
        hello 1.0.0
        [exit 0]
    "#]],
    );
}

#[test]
fn a_lock_file_makes_another_home_the_same_without_the_network() {
    let harbour = Harbour::new(&["1.0.0", "1.1.0"]);
    let sandbox = &harbour.sandbox;
    let _ = sandbox.run(["plugin", "install", "acme/hello@1.0.0"]).success();
    let mirror = sandbox.path("mirror");
    let mirror_arg = mirror.to_str().expect("it is UTF-8");
    let out = sandbox.run(["plugin", "mirror", mirror_arg]).success();
    assert!(out.stdout.contains("mirrored `acme/hello` (2 files)"), "{out}");
    let lock = harbour.store().join("plugins.lock");
    let text = fs::read_to_string(&lock).expect("it is there");
    assert!(text.contains("targets.aarch64-apple-darwin"), "{text}");
    fs::copy(&lock, sandbox.work().join("team.lock")).expect("the file can be copied");

    let second = Sandbox::new().env("PINTLE_GITHUB_API", "http://127.0.0.1:1/");
    fs::copy(&lock, second.work().join("team.lock")).expect("the file can be copied");
    let sync = ["plugin", "sync", "--lock", "team.lock", "--locked", "--offline"];
    let out = second.run(sync);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("network access is disabled"), "{out}");
    harbour.server.forget_requests();
    let from = sync.iter().copied().chain(["--from", mirror_arg]);
    let out = second.run(from.clone()).success();
    assert!(out.stdout.contains("installed hello.example.org/v1.0.0"), "{out}");
    assert_eq!(second.run(["hello"]).success().stdout, "hello 1.0.0\n");
    let out = second.run(from.clone()).success();
    assert!(out.stdout.contains("nothing to do"), "{out}");
    assert!(harbour.server.requests().is_empty());
    assert_eq!(
        fs::read_to_string(second.path("home/.local/share/pintle/plugins/plugins.lock"))
            .expect("it is there")
            .replace(mirror_arg, "")
            .matches("content")
            .count(),
        1
    );

    // A file of the mirror was changed.
    let file = mirror.join("acme/hello/1.0.0").join(archive_name("1.0.0"));
    fs::write(&file, archive(sandbox, &[("hello", &program("1.0.0", "hullo"))]))
        .expect("the file is accessible");
    let third = Sandbox::new();
    fs::copy(&lock, third.work().join("team.lock")).expect("the file can be copied");
    let out = third.run(from);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stderr.contains("while comparing its digest"), "{out}");
    assert_eq!(third.run(["hello"]).code(), 2);
}

#[test]
fn a_project_has_its_own_versions() {
    let harbour = Harbour::new(&["1.0.0", "1.1.0"]);
    let sandbox = &harbour.sandbox;
    let _ = sandbox.run(["plugin", "install", "acme/hello@1.1.0"]).success();
    fs::create_dir_all(sandbox.work().join("project/deep/down")).expect("the directory is new");
    let at = |dir: &str, args: &[&str]| {
        let script = format!("cd '{dir}' && \"$PINTLE\" {}", args.join(" "));
        sandbox.script(&[], &script)
    };
    let project = sandbox.work().join("project").display().to_string();
    let deep = format!("{project}/deep/down");
    let out = at(&project, &["plugin", "install", "--project", "acme/hello@1.0.0"]).success();
    assert!(out.stdout.contains("installed hello.example.org/v1.0.0"), "{out}");
    assert_eq!(at(&deep, &["hello"]).success().stdout, "hello 1.0.0\n");
    assert_eq!(sandbox.run(["hello"]).success().stdout, "hello 1.1.0\n");
    // A locked plugin can be locked at another version.
    for version in ["1.1.0", "1.0.0"] {
        let source = format!("acme/hello@{version}");
        let _ = at(&project, &["plugin", "install", "--project", &source]).success();
        assert_eq!(at(&deep, &["hello"]).success().stdout, format!("hello {version}\n"));
    }
    let list = at(&deep, &["plugin", "list", "--all"]).success();
    assert!(list.stdout.contains("the project requires `hello.example.org/v1.0.0`"), "{list}");
    let _ = sandbox.run(["plugin", "prune"]).success();
    assert_eq!(at(&deep, &["hello"]).success().stdout, "hello 1.0.0\n");

    // A colleague has the project, and another version.
    let colleague = Sandbox::new().env("PINTLE_GITHUB_API", harbour.server.url());
    let lock = format!("{project}/.pintle/plugins.lock");
    fs::create_dir(colleague.work().join(".pintle")).expect("the directory is new");
    fs::copy(&lock, colleague.work().join(".pintle/plugins.lock")).expect("the file can be copied");
    let there = |args: &[&str]| colleague.run(args);
    let script = "cd / && \"$PINTLE\" plugin install acme/hello@1.1.0";
    let _ = colleague.script(&[], script).success();
    let out = there(&["hello"]);
    expect![[r#"
        --- stderr ---
        warning: the plugins of `[SANDBOX]/desk/.pintle/plugins.lock` are not installed: run `pintle plugin sync`
        error: the project requires version 1.0.0 of plugin `hello.example.org`, not `hello.example.org/v1.1.0`
        hint: run `pintle plugin sync`
        [exit 3]
    "#]].assert_eq(&harbour.hide(&out.to_string()));
    let _ = there(&["version"]).success();
    let out = there(&["plugin", "sync", "--locked"]).success();
    assert!(out.stdout.contains("1 plugin as locked, 1 installed"), "{out}");
    assert_eq!(there(&["hello"]).success().stdout, "hello 1.0.0\n");
    // Another platform has locked it: the data of this platform is added.
    let path = colleague.work().join(".pintle/plugins.lock");
    let text = fs::read_to_string(&path).expect("it is there");
    let bare: String =
        text.lines().filter(|it| !it.starts_with("content")).map(|it| format!("{it}\n")).collect();
    fs::write(&path, &bare).expect("the file is accessible");
    let _ = there(&["plugin", "sync", "--locked"]).success();
    assert_eq!(fs::read_to_string(&path).expect("it is there"), bare);
    let _ = there(&["plugin", "sync"]).success();
    assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
    assert_eq!(there(&["hello"]).success().stdout, "hello 1.0.0\n");
    // A merge has left conflict markers.
    fs::write(&path, format!("<<<<<<< ours\n{text}")).expect("the file is accessible");
    let out = there(&["plugin", "sync"]);
    assert_eq!(out.code(), 2, "{out}");
    assert!(out.stderr.contains("line 1 is a conflict marker"), "{out}");
}

#[test]
fn a_colleague_gets_the_versions_that_made_a_project() {
    let harbour = Harbour::new(&[]);
    let kits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-abi/kits");
    let read = |name: &str| fs::read_to_string(kits.join(name)).expect("the kit is there");
    for version in ["1.0.0", "1.1.0"] {
        let tests =
            read("examples/scaffold.sh").replace("version=1.0.0", &format!("version={version}"));
        let bytes =
            archive(&harbour.sandbox, &[("tests", &tests), ("pintle.sh", &read("pintle.sh"))]);
        let name = format!("tests-{version}-{TARGET}.tar.gz");
        let assets = vec![asset(&name, bytes)];
        harbour.server.release("acme/tests", release(&format!("v{version}"), assets));
    }
    let ours = &harbour.sandbox;
    let _ = ours.run(["plugin", "install", "acme/tests@1.0.0"]).success();
    let init = ["init", "--plugins", "tests", "--domain", "example.org", "--repo", "example.org/a"];
    let _ = ours.run(init).success();

    let theirs = Sandbox::new().env("PINTLE_GITHUB_API", harbour.server.url());
    run(Command::new("cp").arg("-r").arg(ours.work().join(".")).arg(theirs.work()));
    let sync = ["plugin", "sync"];
    let out = theirs.run(sync);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("`tests.pintle.dev/v1.0.0`, whose source is unknown"), "{out}");
    let script = "cd / && \"$PINTLE\" plugin install acme/tests";
    let _ = theirs.script(&[], script).success();
    assert!(theirs.run(["plugin", "list"]).success().stdout.contains("v1.1.0"));
    let out = theirs.run(sync).success();
    assert!(out.stdout.contains("installed tests.pintle.dev/v1.0.0"), "{out}");
    let list = theirs.run(["plugin", "list"]).success().stdout;
    assert!(list.contains("v1.0.0") && !list.contains("v1.1.0"), "{list}");
    assert!(theirs.work().join(".pintle/plugins.lock").is_file());
    let _ = theirs.run(["project", "check"]).success();
}

#[test]
fn a_file_is_not_mistaken_for_a_repository_nor_a_repository_for_a_file() {
    let harbour = Harbour::new(&["1.0.0"]);
    let folder = harbour.sandbox.work().join("acme");
    fs::create_dir(&folder).expect("the directory is new");
    fs::copy(fixture("plain"), folder.join("hello")).expect("the file can be copied");
    harbour.check(
        &["plugin install acme/hello", "plugin install github.com/acme/hello"],
        expect![[r#"
            $ pintle plugin install acme/hello
            --- stderr ---
            error: `acme/hello` is a file, but also names a GitHub repository
            hint: use `./acme/hello` for the file, or `github.com/acme/hello`
            [exit 2]
            $ pintle plugin install github.com/acme/hello
            installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            fetching hello-1.0.0-[TARGET].tar.gz
            fetching hello-1.0.0-[TARGET].tar.gz: done
            [exit 0]
        "#]],
    );
}

#[test]
fn a_changed_file_is_found_by_a_command_and_if_wanted_before_each_load() {
    let harbour = Harbour::new(&[]);
    let sandbox = &harbour.sandbox;
    fs::copy(fixture("plain"), sandbox.work().join("plain.so")).expect("the file can be copied");
    let _ = sandbox.run(["plugin", "install", "./plain.so"]).success();
    let link = harbour.store().join("plain.example.org.so");
    let file = fs::canonicalize(link).expect("it is there");
    let mut bytes = fs::read(&file).expect("it is there");
    bytes.extend(b"more");
    // Another file, because the current one may be mapped.
    fs::remove_file(&file).expect("the file is accessible");
    fs::write(&file, bytes).expect("the file is accessible");
    let _ = sandbox.run(["plain"]).success();
    let out = sandbox.run(["plugin", "verify"]);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stdout.contains("`plain.so` has different content"), "{out}");
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is new");
    fs::write(config.join("plugins.toml"), "verify = \"load\"\n").expect("the file is accessible");
    let out = sandbox.run(["plain"]);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stderr.contains("is not the installed one"), "{out}");
    let _ = sandbox.run(["plugin", "remove", "plain"]).success();
    let _ = sandbox.run(["plugin", "install", "./plain.so"]).success();
    let _ = sandbox.run(["plain"]).success();
    fs::write(config.join("plugins.toml"), "verify = \"perhaps\"\n")
        .expect("the file is accessible");
    let out = sandbox.run(["plain"]);
    assert_eq!(out.code(), 2, "{out}");
    assert!(out.stderr.contains("plugins.toml"), "{out}");
}

#[test]
fn commands_and_names_that_exist_are_told_before() {
    let harbour = Harbour::new(&["1.0.0"]);
    let sandbox = &harbour.sandbox;
    let _ = sandbox.run(["plugin", "install", "acme/hello"]).success();
    let bytes = archive(
        sandbox,
        &[("rival", &program("1.0.0", "hello").replace("hello.example.org", "rival.example.org"))],
    );
    let name = format!("rival-{TARGET}.tar.gz");
    harbour.server.release("acme/rival", release("v1.0.0", vec![asset(&name, bytes.clone())]));
    let taken = archive(sandbox, &[("taken", &program("1.0.0", "taken"))]);
    let name = format!("taken-{TARGET}.tar.gz");
    harbour.server.release("acme/taken", release("v1.0.0", vec![asset(&name, taken)]));
    let name = archive_name("2.0.0");
    harbour.server.release("acme/hello", release("v2.0.0", vec![asset(&name, bytes)]));
    harbour.check(
        &[
            "plugin install acme/rival",
            "plugin install acme/taken",
            "plugin install acme/hello@2.0.0",
            "plugin install acme/rival --yes",
            "hello",
        ],
        expect![[r#"
            $ pintle plugin install acme/rival
            --- stderr ---
            fetching rival-[TARGET].tar.gz
            fetching rival-[TARGET].tar.gz: done
            error: failed to install `acme/rival` while comparing its commands with existing ones
              caused by: its command `hello` is also provided by `hello.example.org/v1.0.0`
            hint: install it anyway with `--yes`, and call the command with `plugin run KEY`
            [exit 4]
            $ pintle plugin install acme/taken
            --- stderr ---
            fetching taken-[TARGET].tar.gz
            fetching taken-[TARGET].tar.gz: done
            error: failed to install `acme/taken` while comparing it with the installed plugins
              caused by: plugin `hello.example.org` is installed from `acme/hello`
            hint: remove `hello.example.org` first
            [exit 3]
            $ pintle plugin install acme/hello@2.0.0
            --- stderr ---
            fetching hello-2.0.0-[TARGET].tar.gz
            fetching hello-2.0.0-[TARGET].tar.gz: done
            error: failed to install `acme/hello` while comparing it with the installed plugins
              caused by: it is now plugin `rival.example.org`, and was `hello.example.org` before
            hint: if this is intended, remove `hello.example.org` first
            [exit 3]
            $ pintle plugin install acme/rival --yes
            installed rival.example.org/v1.0.0 from `acme/rival` (trust: digest)
            --- stderr ---
            fetching rival-[TARGET].tar.gz
            fetching rival-[TARGET].tar.gz: done
            warning: its command `hello` is also provided by `hello.example.org/v1.0.0`
            [exit 0]
            $ pintle hello
            --- stderr ---
            error: several plugins claim the command `hello`: `hello.example.org/v1.0.0`, `rival.example.org/v1.0.0`
            hint: run `pintle plugin run hello.example.org/v1.0.0 hello` or `pintle plugin run rival.example.org/v1.0.0 hello`, or disable one of the plugins
            [exit 4]
        "#]],
    );
}

#[test]
fn a_system_can_keep_its_plugins_to_itself() {
    let harbour = Harbour::new(&["1.0.0"]);
    let system = harbour.sandbox.path("system");
    fs::create_dir(&system).expect("the directory is new");
    let message = "message = \"run `apt install pintle-plugin-hello`\"\n";
    fs::write(system.join("managed.toml"), message).expect("the file is accessible");
    fs::copy(fixture("plain"), system.join("plain.so")).expect("the file can be copied");
    let harbour = Harbour {
        sandbox: harbour.sandbox.env("PINTLE_PLUGIN_SYSTEM_PATH", &system),
        server: harbour.server,
    };
    harbour.check(
        &["plugin install acme/hello", "plugin update", "plugin verify", "plain", "plugin list"],
        expect![[r#"
            $ pintle plugin install acme/hello
            --- stderr ---
            error: plugins are managed by the system, according to `[SANDBOX]/system/managed.toml`
            hint: run `apt install pintle-plugin-hello`; to run the command anyway, set `PINTLE_MANAGER=on`
            [exit 1]
            $ pintle plugin update
            --- stderr ---
            error: plugins are managed by the system, according to `[SANDBOX]/system/managed.toml`
            hint: run `apt install pintle-plugin-hello`; to run the command anyway, set `PINTLE_MANAGER=on`
            [exit 1]
            $ pintle plugin verify
            no plugin is installed
            [exit 0]
            $ pintle plain
            plain
            [exit 0]
            $ pintle plugin list
            KEY                       STATE  TRANSPORT  PROVIDES  REASON
            plain.example.org/v1.0.0  ok     native     plain
            [exit 0]
        "#]],
    );
    let harbour =
        Harbour { sandbox: harbour.sandbox.env("PINTLE_MANAGER", "on"), server: harbour.server };
    harbour.check(&["plugin install acme/hello", "plugin remove plain"], expect![[r#"
        $ pintle plugin install acme/hello
        installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
        --- stderr ---
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        [exit 0]
        $ pintle plugin remove plain
        --- stderr ---
        error: plugin `plain` is `[SANDBOX]/system/plain.so`, which was not installed by this command
        hint: change it with the program that installed it; if you have copied it there, replace or remove the file
        [exit 1]
    "#]]);
}

#[test]
fn an_index_says_which_plugins_there_are() {
    let harbour = Harbour::new(&["1.0.0"]);
    let sandbox = &harbour.sandbox;
    let index = r#"{"format": 1, "plugins": [
        {"name": "hello.example.org", "source": "acme/hello", "version": "1.0.0",
         "description": "Says hello", "commands": ["hello", "good day"]},
        {"name": "old.example.org", "source": "acme/old", "version": "0.1.0", "deprecated": "hello is better"}]}"#;
    fs::write(sandbox.work().join("index.json"), index).expect("the file is accessible");
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is new");
    let configure = |key: &str| {
        let place = sandbox.work().join("index.json").display().to_string();
        let text = format!("index = \"{place}\"\n{key}");
        fs::write(config.join("plugins.toml"), text).expect("the file is accessible");
    };
    harbour.check(
        &["plugin search", "plugin search --index nowhere.json"],
        expect![[r#"
            $ pintle plugin search
            --- stderr ---
            error: no plugin index is configured
            hint: set `index` in `[HOME]/.config/pintle/plugins.toml` to a file or a URL, or specify one with `--index`
            [exit 2]
            $ pintle plugin search --index nowhere.json
            --- stderr ---
            error: failed to read the plugin index
              caused by: failed to read `nowhere.json`
              caused by: No such file or directory (os error 2)
            hint: check the path of the index
            [exit 1]
        "#]],
    );
    configure("");
    harbour.check(
        &[
            "plugin search",
            "plugin search DAY",
            "plugin search -o json old",
            "plugin search nothing",
            "good day",
            "good night",
            "plugin install hello",
            "hello",
            "plugin install old",
        ],
        expect![[r#"
            $ pintle plugin search
            PLUGIN             VERSION  SOURCE      DESCRIPTION
            hello.example.org  1.0.0    acme/hello  Says hello
            old.example.org    0.1.0    acme/old    (deprecated: hello is better)
            [exit 0]
            $ pintle plugin search DAY
            PLUGIN             VERSION  SOURCE      DESCRIPTION
            hello.example.org  1.0.0    acme/hello  Says hello
            [exit 0]
            $ pintle plugin search -o json old
            {
              "index": "[SANDBOX]/desk/index.json",
              "trust": "unsigned",
              "key": null,
              "plugins": [
                {
                  "name": "old.example.org",
                  "source": "acme/old",
                  "description": "",
                  "version": "0.1.0",
                  "commands": [],
                  "subcommands": [],
                  "events": [],
                  "deprecated": "hello is better"
                }
              ]
            }
            [exit 0]
            $ pintle plugin search nothing
            no plugin in the index matches
            [exit 0]
            $ pintle good day
            --- stderr ---
            error: unknown command `good day`
            hint: plugin `hello.example.org` has this command: run `pintle plugin install acme/hello`
            [exit 2]
            $ pintle good night
            --- stderr ---
            error: unrecognized subcommand 'good'

            Usage: pintle [OPTIONS] <COMMAND>

            For more information, try '--help'.
            [exit 2]
            $ pintle plugin install hello
            installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
            --- stderr ---
            `hello` is `acme/hello`
            fetching hello-1.0.0-[TARGET].tar.gz
            fetching hello-1.0.0-[TARGET].tar.gz: done
            [exit 0]
            $ pintle hello
            hello 1.0.0
            [exit 0]
            $ pintle plugin install old
            --- stderr ---
            `old` is `acme/old`
            error: failed to install `acme/old` while looking for the release
              caused by: the repository `acme/old` at `127.0.0.1` does not exist, has no release, or is not visible to requests without a token
            hint: check the spelling; for a private repository set GH_ENTERPRISE_TOKEN to a token that can read it
            [exit 1]
        "#]],
    );
    let Some(signer) = Signer::new(sandbox, "ours") else { return };
    let key = fs::read_to_string(signer.path("pub")).expect("it was created");
    let key = key.lines().nth(1).expect("a key has two lines").to_owned();
    configure(&format!("index-key = \"{key}\"\n"));
    let out = sandbox.run(["plugin", "search"]);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stderr.contains("has no signature"), "{out}");
    let path = sandbox.work().join("index.json");
    let comment = pintle_manager::index::trusted_comment(1);
    let mut minisign = Command::new("minisign");
    run(minisign.args(["-S", "-t", &comment, "-s"]).arg(signer.path("key")).arg("-m").arg(&path));
    let _ = sandbox.run(["plugin", "search"]).success();
    fs::write(&path, index.replace("acme/hello", "evil/hello")).expect("the file is accessible");
    let out = sandbox.run(["plugin", "search"]);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stderr.contains("does not match"), "{out}");
    // A failed hint is not an error.
    assert_eq!(sandbox.run(["good", "day"]).code(), 2);
}

#[test]
fn a_host_of_another_name_has_its_own_manager() {
    let harbour = Harbour::new(&[]);
    let sandbox =
        Sandbox::of(example("tender"), "TENDER").env("TENDER_GITHUB_API", harbour.server.url());
    let text = program("1.0.0", "hello").replace("PINTLE_", "TENDER_");
    let bytes = archive(&sandbox, &[("hello", &text)]);
    let assets = vec![asset(&archive_name("1.0.0"), bytes)];
    harbour.server.release("acme/hello", release("v1.0.0", assets));
    let lines = ["plugin install hello", "hello", "plugin why hello.example.org -o json"];
    let shown = harbour.hide(&sandbox.transcript(&lines[..2]));
    expect![[r#"
        $ tender plugin install hello
        installed hello.example.org/v1.0.0 from `acme/hello` (trust: digest)
        --- stderr ---
        `hello` is `acme/hello`
        fetching hello-1.0.0-[TARGET].tar.gz
        fetching hello-1.0.0-[TARGET].tar.gz: done
        [exit 0]
        $ tender hello
        hello 1.0.0
        [exit 0]
    "#]]
    .assert_eq(&shown);
    assert!(sandbox.path("home/.local/share/tender/plugins/acme/hello/1.0.0").is_dir());
    let _ = sandbox.run(lines[2].split(' ')).success();
    let out = sandbox.run(["plugin", "remove", "rust"]);
    assert_eq!(out.code(), 1, "{out}");
}

#[test]
fn a_release_must_be_old_enough_if_that_is_wanted() {
    let harbour = Harbour::new(&["1.0.0"]);
    let sandbox = &harbour.sandbox;
    let bytes = archive(sandbox, &[("hello", &program("1.1.0", "hello"))]);
    let now = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().expect("date");
    let published = String::from_utf8(now.stdout).expect("it is UTF-8").trim().to_owned();
    let assets = vec![asset(&archive_name("1.1.0"), bytes)];
    let fresh = Release { published, ..release("v1.1.0", assets) };
    harbour.server.release("acme/hello", fresh);
    let config = sandbox.path("home/.config/pintle");
    fs::create_dir_all(&config).expect("the directory is new");
    fs::write(config.join("plugins.toml"), "minimum-release-age = \"1day\"\n")
        .expect("the file is accessible");
    let out = sandbox.run(["plugin", "install", "acme/hello"]).success();
    assert!(out.stdout.contains("v1.0.0"), "{out}");
    // A requested version was checked.
    let out = sandbox.run(["plugin", "install", "acme/hello@1.1.0"]).success();
    assert!(out.stdout.contains("v1.1.0 in place of v1.0.0"), "{out}");
    fs::write(config.join("plugins.toml"), "minimum-release-age = \"100years\"\n")
        .expect("the file is accessible");
    let out = sandbox.run(["plugin", "install", "acme/hello"]);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("hint: wait, or specify a version"), "{out}");
    let mirror = ["plugin", "mirror", "mirror", "acme/hello@1.0.0"];
    let _ = sandbox.run(mirror).success();
    let out = sandbox.run(["plugin", "install", "acme/hello", "--from", "mirror"]);
    assert!(out.stderr.contains("hint: wait, or specify a version"), "{out}");
}
