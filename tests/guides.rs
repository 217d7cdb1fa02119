//! The guides in `docs/` and the README, followed to the letter.
//!
//! A line that consists of a path in backquotes and a colon names a file; the fenced block below it
//! is the content, and the test writes the file. In a `console` block, bash runs the lines that
//! start with `$ `; if output is shown below a line, it must match. There, a line `…` matches any
//! lines, and `…` within a line matches any text. Blocks in other languages are for the reader
//! only. The port in a guide is replaced by a free one.
//!
//! The reader's machine is a temporary directory with `pintle` on the search path. Cargo works
//! offline, and keeps its build in `target/guides`. It cannot be the target directory itself: the
//! libraries of plugins have no hash in their names, so the reader's build of a plugin would
//! replace the one that other tests open.

use crate::control_plane::free_port;
use crate::engine::{Engine, Image};
use crate::kubectl::has_kubectl;
use crate::program_kit::has;
use crate::release_server::{Asset, Release, ReleaseServer};
use crate::support::{built, deps_dir, install, skip};
use pintle_plugin::manifest::TARGET;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

#[test]
fn the_readme_holds() {
    follow("README.md", &Reader::with_plugins(&["rust", "license", "ci"]));
}

#[test]
fn the_guide_to_scaffolding_holds() {
    follow("docs/scaffolding.md", &Reader::with_plugins(&["rust", "license", "ci"]));
}

#[test]
fn the_guide_for_plugin_authors_holds() {
    follow("docs/plugin-author.md", &Reader::new());
}

#[test]
fn the_guide_to_embedding_holds() {
    follow("docs/embedding.md", &Reader::new());
}

#[test]
fn the_guide_to_packaging_holds() {
    follow("docs/packaging.md", &Reader::new());
}

#[test]
fn the_guide_to_clusters_holds() {
    let reader = Reader::with_plugins(&["registry"]);
    let Some(reader) = reader.with_engine() else { return };
    follow("docs/clusters.md", &reader);
}

#[test]
fn the_guide_to_hooks_holds() {
    let Some(reader) = Reader::with_plugins(&["registry"]).with_engine() else { return };
    follow("docs/hooks.md", &reader);
}

#[test]
fn the_guide_to_executable_plugins_holds() {
    if !has("python3") {
        return;
    }
    let Some(reader) = Reader::with_plugins(&["rust"]).with_engine() else { return };
    follow("docs/executable-plugins.md", &reader);
}

#[test]
fn the_guide_to_the_plugin_manager_holds() {
    if !has("minisign") || !has("zstd") {
        return;
    }
    let reader = Reader::new();
    let (server, key) = licence_releases(reader.home.path());
    let env = vec![("PINTLE_GITHUB_API", server.url().into()), ("LICENSE_KEY", key.into())];
    follow("docs/plugin-manager.md", &Reader { env, ..reader });
}

/// Returns a server with releases of the plugin `license`, and the key that signs the first: one
/// packed by `cargo xtask dist`, a later one, and three that must be refused.
fn licence_releases(temp: &Path) -> (ReleaseServer, String) {
    let server = ReleaseServer::start();
    let [ours, theirs] = ["ours", "theirs"].map(|name| {
        let [public, secret] = ["pub", "key"].map(|it| temp.join(format!("{name}.{it}")));
        run(Command::new("minisign").args(["-GWf", "-p"]).arg(public).arg("-s").arg(&secret));
        secret
    });
    let dist = temp.join("dist");
    // Its build must not replace the libraries that other tests open.
    let xtask = deps_dir().parent().expect("`deps` is in a directory").join("xtask");
    let mut xtask = Command::new(xtask);
    xtask.args(["dist", "--plugins", "--debug", "--only", "license", "--key"]);
    xtask.env("CARGO_TARGET_DIR", target_dir().join("guides-dist"));
    xtask.env("CARGO_PROFILE_DEV_DEBUG", "false");
    run(xtask.arg(&ours).arg("--out").arg(&dist).current_dir(root()));
    let file = format!("license-1.0.0-{TARGET}.tar.zst");
    let read = |path: &Path| fs::read(path).expect("it was created");
    let key = String::from_utf8(read(&dist.join("minisign.pub"))).expect("a key is a string");
    let asset = |name: String, bytes: Vec<u8>| {
        let digest = Some(pintle_manager::Digest::of(&bytes).to_string());
        Asset { name, bytes, digest }
    };
    let release = |tag: &str, is_prerelease, assets| {
        let release = Release { tag: tag.to_owned(), is_prerelease, assets, ..Release::default() };
        server.release("pintle-dev/license", release);
    };
    let packed = ["", ".minisig"].map(|it| format!("{file}{it}"));
    let packed = packed.map(|it| asset(it.clone(), read(&dist.join(it))));
    release("v1.0.0", false, packed.into());
    for (version, key) in
        [("1.1.0", Some(&ours)), ("1.2.0", Some(&theirs)), ("1.3.0", None), ("1.4.0", None)]
    {
        let name = file.replace("1.0.0", version);
        let path = temp.join(&name);
        repack(&dist.join(&file), version, &path);
        let mut assets = vec![asset(name.clone(), read(&path))];
        if let Some(key) = key {
            let comment = format!(
                "pintle-plugin name=license.pintle.dev version={version} target={TARGET} file={name}"
            );
            run(Command::new("minisign")
                .arg("-S")
                .arg("-s")
                .arg(key)
                .args(["-t", &comment, "-m"])
                .arg(&path));
            let name = format!("{name}.minisig");
            assets.push(asset(name.clone(), read(&temp.join(name))));
        }
        if version == "1.4.0" {
            assets[0].bytes[100] ^= 1;
        }
        release(&format!("v{version}"), version != "1.1.0", assets);
    }
    let key = key.lines().nth(1).expect("a key has two lines").to_owned();
    (server, key)
}

/// Creates a later version of a packed plugin, with a library that contains the new version
/// wherever it contained the old one.
fn repack(archive: &Path, version: &str, path: &Path) {
    let folder = tempfile::tempdir().expect("a temporary directory can be created");
    run(Command::new("tar")
        .arg("-I")
        .arg("zstd")
        .arg("-xf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path()));
    let top = fs::read_dir(folder.path())
        .expect("the file is accessible")
        .next()
        .expect("there is an entry")
        .expect("the file is accessible");
    let library = top.path().join("libpintle_plugin_license.so");
    let bytes = fs::read(&library).expect("it is in the archive");
    let (from, to) = (b"\"version\":\"1.0.0\"", format!("\"version\":\"{version}\""));
    let mut patched = bytes.clone();
    let places = bytes.windows(from.len()).enumerate().filter(|(_, it)| it == from);
    places.for_each(|(at, _)| patched[at..at + from.len()].copy_from_slice(to.as_bytes()));
    assert_ne!(bytes, patched, "the library contains its version");
    fs::write(library, patched).expect("the directory is writable");
    let mut tar = Command::new("tar");
    tar.arg("-I").arg("zstd -1").arg("-cf").arg(path).arg("-C").arg(folder.path());
    run(tar.arg(top.file_name()));
}

#[track_caller]
fn run(command: &mut Command) {
    let out = command.output().expect("the program is there");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// The port that a guide publishes.
const PORT: &str = "5511";

/// Follows a guide, and compares the output.
#[track_caller]
fn follow(guide: &str, reader: &Reader) {
    let text = fs::read_to_string(root().join(guide)).expect("the guide is there");
    let text = text.replace(PORT, &free_port().to_string());
    let guide = Guide::parse(guide, &text);
    let outputs = reader.run(&guide);
    let wrong: Vec<_> =
        guide.commands().zip(&outputs).filter_map(|(it, out)| it.judge(out)).collect();
    assert!(wrong.is_empty(), "the output of {} differs:\n\n{}", guide.name, wrong.join("\n"));
}

/// The steps of a reader, in order.
struct Guide {
    name: String,
    steps: Vec<Step>,
}

enum Step {
    Write { path: String, text: String },
    Run(Line),
}

/// A command line and its output.
struct Line {
    /// Its location, for example `docs/guide.md:3`.
    place: String,
    command: String,
    /// Empty if the guide shows no output.
    shown: Vec<String>,
}

impl Guide {
    fn parse(name: &str, text: &str) -> Self {
        let (mut steps, mut file) = (Vec::new(), None);
        let mut lines = text.lines().enumerate();
        while let Some((_, line)) = lines.next() {
            let Some(language) = line.strip_prefix("```") else {
                file = if line.is_empty() { file } else { file_name(line) };
                continue;
            };
            let block: Vec<_> = lines.by_ref().take_while(|(_, it)| *it != "```").collect();
            match (file.take(), language) {
                (Some(path), _) => {
                    let text = block.iter().map(|(_, it)| format!("{it}\n")).collect();
                    steps.push(Step::Write { path, text });
                }
                (None, "console") => steps.extend(console(name, &block).into_iter().map(Step::Run)),
                (None, _) => {}
            }
        }
        let guide = Self { name: name.to_owned(), steps };
        assert!(guide.commands().next().is_some(), "{name} has nothing to run");
        guide
    }

    fn commands(&self) -> impl Iterator<Item = &Line> {
        self.steps.iter().filter_map(|it| match it {
            Step::Run(line) => Some(line),
            Step::Write { .. } => None,
        })
    }

    /// Returns the whole guide as a bash program that marks the start of each command.
    fn script(&self) -> String {
        let mut script = String::from(PRELUDE);
        let mut commands = self.commands().skip(1);
        for step in &self.steps {
            match step {
                Step::Write { path, text } => {
                    script += &format!(
                        "mkdir -p \"$(dirname '{path}')\"\ncat >'{path}' <<'{HERE}'\n{text}{HERE}\n"
                    );
                }
                Step::Run(line) => {
                    // If the next command reads the exit code, a failure is expected.
                    let next = commands.next();
                    let may_fail = next.is_some_and(|it| it.command == "echo $?");
                    script += if may_fail { "set +e\n" } else { "" };
                    script += &format!("__mark\n{}\n", line.command);
                    script += if line.command == "echo $?" { "set -e\n" } else { "" };
                }
            }
        }
        script
    }
}

/// Keeps the exit code of the previous command.
const PRELUDE: &str = r"
exec 2>&1
__mark() { local code=$?; printf '\n@@@ next command\n'; return $code; }
";
const MARK: &str = "\n@@@ next command\n";
const HERE: &str = "END OF THE FILE";

/// Returns the path in a line like `` `src/lib.rs`: ``.
fn file_name(line: &str) -> Option<String> {
    let path = line.strip_prefix('`')?.strip_suffix("`:")?;
    (!path.contains(['`', ' ', '\''])).then(|| path.to_owned())
}

fn console(guide: &str, block: &[(usize, &str)]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (idx, text) in block {
        let place = format!("{guide}:{}", idx + 1);
        match (text.strip_prefix("$ "), lines.last_mut()) {
            (Some(command), _) => {
                lines.push(Line { place, command: command.to_owned(), shown: Vec::new() });
            }
            (None, Some(line)) if line.command.ends_with('\\') && line.shown.is_empty() => {
                line.command += &format!("\n{text}");
            }
            (None, Some(line)) => line.shown.push((*text).to_owned()),
            (None, None) => panic!("{place}: a block starts with a command"),
        }
    }
    for line in &mut lines {
        while line.shown.last().is_some_and(String::is_empty) {
            line.shown.pop();
        }
    }
    lines
}

impl Line {
    /// Returns the difference from the expected output, if there is any.
    fn judge(&self, output: &str) -> Option<String> {
        let lines: Vec<_> = output.trim_end().lines().map(str::trim_end).collect();
        let shown: Vec<_> = self.shown.iter().map(String::as_str).collect();
        if shown.is_empty() || lines_fit(&shown, &lines) {
            return None;
        }
        let (place, command) = (&self.place, &self.command);
        Some(format!(
            "{place}: $ {command}\n--- shown\n{}\n--- real\n{}\n",
            shown.join("\n"),
            lines.join("\n")
        ))
    }
}

fn lines_fit(shown: &[&str], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|n| lines_fit(rest, &lines[n..])),
        [first, rest @ ..] => match lines {
            [line, lines @ ..] => text_fits(first, line) && lines_fit(rest, lines),
            [] => false,
        },
    }
}

fn text_fits(shown: &str, text: &str) -> bool {
    match shown.split_once('…') {
        None => shown == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(idx, _)| idx).chain([text.len()]);
            ends.into_iter().any(|idx| text_fits(rest, &text[idx..]))
        }),
    }
}

/// A reader who follows a guide on a separate machine.
struct Reader {
    home: TempDir,
    env: Vec<(&'static str, OsString)>,
    _engine: Option<Berths>,
}

/// The clusters and the container that guides create. Their names are fixed, so only one reader
/// uses them at a time, and none if they exist already. Their remains are removed with the reader.
struct Berths {
    engine: Engine,
    _lock: File,
}

impl Berths {
    const CLUSTERS: [&str; 6] = ["demo", "fleet", "harbour", "other", "desk", "prod-1"];
    const CONTAINER: &str = "shared";

    #[track_caller]
    fn take(engine: Engine, lock: File) -> Option<Self> {
        let taken = Self::CLUSTERS.into_iter().find(|it| !engine.things(it).is_empty());
        let taken = taken.or(engine.has_container(Self::CONTAINER).then_some(Self::CONTAINER));
        if let Some(name) = taken {
            skip(&format!("an engine on which the name `{name}` of the guides is free"));
            return None;
        }
        // From here on, objects with these names belong to this test.
        Some(Self { engine, _lock: lock })
    }
}

impl Drop for Berths {
    fn drop(&mut self) {
        Self::CLUSTERS.into_iter().for_each(|it| self.engine.clean(it));
        self.engine.remove_container(Self::CONTAINER);
    }
}

impl Reader {
    fn new() -> Self {
        // Not in the target directory: there, new packages would belong to our workspace.
        let home = tempfile::Builder::new().prefix("guide-").tempdir();
        let home = home.expect("a temporary directory can be created");
        for name in ["bin", "work"] {
            fs::create_dir(home.path().join(name)).expect("the directory is new");
        }
        let host = home.path().join("bin/pintle");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pintle"), host)
            .expect("the directory is new");
        Self { home, env: Vec::new(), _engine: None }
    }

    /// A reader with a Docker engine and the images of clusters; the stand-in replaces k3s.
    #[track_caller]
    fn with_engine(self) -> Option<Self> {
        let engine = Engine::get()?;
        let (node, registry) = (engine.image(Image::Standin)?, engine.image(Image::Registry)?);
        if Command::new("jq").arg("--version").output().is_err() {
            skip("jq");
            return None;
        }
        // The client is separate from the engine, and may be too new or too old for it.
        let docker = docker(["version"]).output();
        if !docker.is_ok_and(|it| it.status.success()) {
            skip("a `docker` that reaches the engine");
            return None;
        }
        if !has_kubectl() {
            return None;
        }
        let lock = File::create(target_dir().join("guides-engine.lock")).expect("it is accessible");
        lock.lock().expect("a file can be locked");
        let berths = Berths::take(engine, lock)?;
        let env = vec![
            ("IMAGE", node.clone().into()),
            ("PINTLE_NODE_IMAGE", node.into()),
            ("PINTLE_PRIVILEGE", "reduced".into()),
            ("PINTLE_REGISTRY_IMAGE", registry.into()),
        ];
        Some(Self { env, _engine: Some(berths), ..self })
    }

    /// A reader who has installed some first-party plugins.
    fn with_plugins(names: &[&str]) -> Self {
        let reader = Self::new();
        let folder = reader.home.path().join(".local/share/pintle/plugins");
        fs::create_dir_all(&folder).expect("the directory is writable");
        for name in names {
            let file = format!("libpintle_plugin_{name}.so");
            install(&built(&file), &folder.join(file));
        }
        reader
    }

    /// Runs all commands of a guide, and returns the output of each.
    #[track_caller]
    fn run(&self, guide: &Guide) -> Vec<String> {
        let script = self.home.path().join("script");
        fs::write(&script, guide.script()).expect("the directory is writable");
        // A guide that hangs is killed with all processes that it has started.
        let mut command = Command::new("timeout");
        command.args(["1200", "bash", "-e"]).arg(script).stdin(Stdio::null());
        self.surroundings(&mut command);
        let out = command.output().expect("there is bash");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let outputs: Vec<_> = text.split(MARK).skip(1).map(str::to_owned).collect();
        if !out.status.success() {
            let line = guide.commands().nth(outputs.len().saturating_sub(1));
            let place = line.map_or(String::new(), |it| format!("{}: $ {}", it.place, it.command));
            panic!("{place}\n{}\n{}", outputs.last().unwrap_or(&text), out.status);
        }
        outputs
    }

    fn surroundings(&self, command: &mut Command) {
        let home = self.home.path();
        let ours = |name: &OsStr| {
            let name = name.to_string_lossy();
            // Cargo sets variables about the package for its tests, and about libraries for the
            // linker.
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_TARGET_", "PINTLE_", "XDG_"]
                .iter()
                .any(|it| name.starts_with(it))
                || [
                    "CARGO_BUILD_TARGET_DIR",
                    "LD_LIBRARY_PATH",
                    "RUST_BACKTRACE",
                    "RUSTC_BOOTSTRAP",
                ]
                .contains(&&*name)
                || CONTEXT.contains(&&*name)
        };
        std::env::vars_os().filter(|(name, _)| ours(name)).for_each(|(name, _)| {
            command.env_remove(name);
        });
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            command.env(name, std::env::var_os(name).unwrap_or_else(|| user_folder(folder)));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(home.join("bin")).chain(std::env::split_paths(&path));
        command
            .current_dir(home.join("work"))
            .env("PATH", std::env::join_paths(path).expect("the directory's path has no colon"))
            .env("HOME", home)
            .env("PINTLE_SOURCE", root())
            .env("PINTLE_PLUGIN_SYSTEM_PATH", "")
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_BUILD_BUILD_DIR", target_dir().join("guides"))
            // The builds here are not debugged.
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("CARGO_INCREMENTAL", "0")
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "100")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
    }
}

/// The variables that lead `docker` and `kubectl` to an engine or a cluster of the user.
const CONTEXT: [&str; 3] = ["DOCKER_CONTEXT", "DOCKER_CONFIG", "KUBECONFIG"];

/// Returns a call of `docker` on the engine that the tests use.
fn docker<const N: usize>(args: [&str; N]) -> Command {
    let mut command = Command::new("docker");
    command.args(args).env("DOCKER_CONTEXT", "default");
    command
}

fn user_folder(name: &str) -> OsString {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    home.join(name).into()
}

/// Returns the directory of the repository.
fn root() -> PathBuf {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    core.parent().expect("the host is in the repository").to_owned()
}

fn target_dir() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("cargo's directory for tests is in its target directory").to_owned()
}

#[test]
fn dots_stand_for_what_differs() {
    assert!(lines_fit(&["a", "…", "d"], &["a", "b", "c", "d"]));
    assert!(lines_fit(&["…"], &[]));
    assert!(!lines_fit(&["a"], &["a", "b"]));
    assert!(text_fits("in …/lib.so, … kB", "in /a/b/lib.so, 12 kB"));
    assert!(!text_fits("a…c", "abd"));
}

#[test]
fn a_guide_is_made_of_files_and_commands() {
    let text = "\
Text.

`a/b.txt`:

```text
hello
```

```console
$ cat \\
    a/b.txt
hello
$ false
$ echo $?
1
```

```sh
never run
```
";
    let guide = Guide::parse("guide.md", text);
    assert_eq!(Reader::new().run(&guide), ["hello\n", "", "1\n"]);
    assert!(guide.commands().zip(["hello\n", "", "1\n"]).all(|(it, out)| it.judge(out).is_none()));
}
