//! Plugins and a host that are built from changed sources: against another version of the
//! interface, or for another panic strategy.
//!
//! Each is a small workspace in `target/fixtures`, written and built by each test that requires it.
//! That takes 0.2 s if nothing has changed: they share the target directory, and with it all
//! dependencies. For that, the packages here have unique names.

use crate::support::{built, deps_dir};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that are built against the next minor version of the interface.
pub(crate) struct Newer {
    /// A plugin.
    pub(crate) plugin: PathBuf,
    /// A host.
    pub(crate) host: PathBuf,
}

/// Builds a plugin and a host against an interface with one additional function on each side.
pub(crate) fn newer() -> Newer {
    let workspace = Workspace::new("newer", &["plugin-abi", "core/host", "plugin"]);
    workspace.interface(newer_interface);
    workspace.plugin("newer", include_str!("interface/newer.rs"), "../plugin-abi");
    workspace.copy("core/host", |path, text| match path {
        "Cargo.toml" => host_manifest(&text),
        // The newer host calls the new function before two of the commands.
        "src/transport/loaded.rs" => replace_once(&text, CALL, &format!("{CALL_NEW}{CALL}")),
        _ => text,
    });
    workspace.write("newer/core/host/src/main.rs", HOST_MAIN);
    workspace.cargo(&["build", "-p", "fixture-newer", "-p", "pintle-host", "--lib", "--bin", HOST]);
    let programs = deps_dir();
    let programs = programs.parent().expect("`deps` is in a directory");
    Newer { plugin: built("libfixture_newer.so"), host: programs.join(HOST) }
}

/// Builds a plugin against an interface with another type for one field.
pub(crate) fn changed_type() -> PathBuf {
    let workspace = Workspace::new("changed-type", &["plugin-abi", "plugin"]);
    workspace.interface(|path, text| match path {
        "src/node.rs" => {
            let text = replace_once(&text, "\n    mode: u32,\n", "\n    mode: u64,\n");
            let text =
                replace_once(&text, "\n            mode,\n", "\n            mode: mode.into(),\n");
            replace_once(&text, "        self.mode\n", "        self.mode as u32\n")
        }
        _ => text,
    });
    workspace.plugin("changed-type", include_str!("interface/changed_type.rs"), "../plugin-abi");
    workspace.cargo(&["build", "-p", "fixture-changed-type"]);
    built("libfixture_changed_type.so")
}

/// Builds a plugin against the current interface, with an answer that no host can read.
pub(crate) fn mumbler() -> PathBuf {
    let workspace = Workspace::new("mumbler", &["plugin-abi", "plugin"]);
    workspace.interface(|path, text| match path {
        "src/export.rs" => mumbling(&text),
        _ => text,
    });
    workspace.plugin("mumbler", include_str!("interface/mumbler.rs"), "../plugin-abi");
    workspace.cargo(&["build", "-p", "fixture-mumbler"]);
    built("libfixture_mumbler.so")
}

/// Builds the plugin in which a panic ends the process.
pub(crate) fn panic_abort() -> PathBuf {
    let workspace = Workspace::new("abort", &["plugin"]);
    let source = fs::read_to_string(root().join("tests/fixtures/panic-abort/src/lib.rs"));
    let interface = root().join("plugin-abi");
    let interface = interface.to_str().expect("the repository's path is UTF-8");
    workspace.plugin("aborts", &source.expect("the fixture is there"), interface);
    let [dev, release] = ["dev", "release"].map(|it| format!("profile.{it}.panic=\"abort\""));
    workspace.cargo(&["build", "-p", "fixture-aborts", "--config", &dev, "--config", &release]);
    built("libfixture_aborts.so")
}

/// Builds a plugin that logs with the crates `tracing` and `log`.
///
/// It is not a fixture: its features of the interface would be enabled for all fixtures.
pub(crate) fn recorder() -> PathBuf {
    let workspace = Workspace::new("recorder", &["plugin"]);
    let interface = root().join("plugin-abi");
    let interface = interface.to_str().expect("the repository's path is UTF-8");
    let dependencies = format!(
        "pintle-plugin = {{ path = \"{interface}\", features = [\"log\", \"tracing\"] }}\n\
         log.workspace = true\ntracing.workspace = true\n"
    );
    workspace.plugin_with("recorder", include_str!("interface/recorder.rs"), &dependencies);
    workspace.cargo(&["build", "-p", "fixture-recorder"]);
    built("libfixture_recorder.so")
}

/// The program of the newer host; its name differs from the real one, whose file it would replace.
const HOST: &str = "pintle-newer";

/// The position where that host runs a command.
const CALL: &str = "                let called = Called { services, root: *root };
                let reply = root.command(";

const CALL_NEW: &str =
    "                if [\"whoami\", \"sing\"].contains(&request.path[0].as_str()) {
                    eprintln!(\"the plugin says {}\", root.salutation());
                    eprintln!(\"it cheers: {}\", root.cheering());
                }
";

/// That host has no command groups: the change is at the boundary to plugins.
const HOST_MAIN: &str = "
fn main() -> std::process::ExitCode {
    pintle_host::Cli::new().run(std::env::args_os())
}
";

/// Adds a function to each side, at the places that are marked for it.
fn newer_interface(path: &str, text: String) -> String {
    let add = |text: String, (mark, line): &(&str, &str)| {
        replace_once(&text, &format!("// {mark}\n"), &format!("{line}\n"))
    };
    match path {
        "Cargo.toml" => {
            let now = pintle_plugin::manifest::INTERFACE_VERSION;
            let [major, minor, _] = now.split('.').collect::<Vec<_>>()[..] else {
                panic!("`{now}` is a version")
            };
            let minor: u32 = minor.parse().expect("a version has numbers");
            let next = format!("version = \"{major}.{}.0\"\n", minor + 1);
            replace_once(&text, &format!("version = \"{now}\"\n"), &next)
        }
        "src/raw.rs" => NEW_IN_RAW.iter().fold(text, add) + NEW_FUNCTIONS,
        "src/export.rs" => mumbling(&(NEW_IN_EXPORT.iter().fold(text, add) + NEW_FUNCTION)),
        "src/export/contents.rs" => {
            let text = replace_once(&text, "Step::Unknown =>", "Step::Review | Step::Unknown =>");
            // The reply of a command has a field that older hosts do not know.
            let request = "CommandRequest { caller, path, args";
            let text = replace_once(&text, request, &format!("{request}, ..<_>::default()"));
            text.replace("continue_with: ", "encore: \"once more\".to_owned(), continue_with: ")
        }
        "src/message.rs" => NEW_IN_MESSAGES
            .iter()
            .fold(text, |text, (mark, lines)| replace_once(&text, mark, &format!("{mark}{lines}"))),
        "src/testing.rs" => replace_once(
            &text,
            "path: self.path, args }",
            "path: self.path, args, ..<_>::default() }",
        ),
        "src/testing/fake.rs" => {
            let arm = "ServiceRequest::Unknown =>";
            replace_once(&text, arm, &format!("ServiceRequest::Sing {{ .. }} | {arm}"))
        }
        "src/host.rs" => NEW_IN_HOST.iter().fold(text, add),
        "src/args.rs" => {
            let text = replace_once(&text, "    Flag,\n", "    Flag,\n    /// New.\n    Tally,\n");
            let text =
                replace_once(&text, "    Path,\n", "    Path,\n    /// New.\n    Duration,\n");
            replace_once(&text, "impl Arg {\n", NEW_ARGUMENT)
        }
        "src/testing/values.rs" => text
            .replace("ValueType::String | ", "ValueType::String | ValueType::Duration | ")
            .replace("ValueType::String => ", "ValueType::String | ValueType::Duration => "),
        _ => text,
    }
}

const NEW_IN_RAW: &[(&str, &str)] = &[
    (
        "New functions are added here, at the end.",
        "pub salute: extern \"C\" fn() -> RSlice<'static, u8>,",
    ),
    ("New functions are listed here.", "(\"salute\", self.salute().is_some()),"),
    // Far from the current numbers, which may grow.
    ("New entries are added here.", "pub(crate) const CHEER: u32 = 1000;"),
    ("New services are added here.", "pub(super) const SHOUT: u32 = 1000;"),
    ("New services are answered here.", "service::SHOUT => input.as_slice().to_ascii_uppercase(),"),
    (
        "New services are called here.",
        "pub(crate) fn shout(self, text: &str) -> Result<Vec<u8>, ErrorReply> {
            self.call(service::SHOUT, 0, text.as_bytes()).into_message()
        }",
    ),
];

const NEW_FUNCTIONS: &str = "
impl PluginRootRef {
    pub fn salutation(self) -> String {
        let own = self.salute().map(|it| String::from_utf8_lossy(it().as_slice()).into_owned());
        own.unwrap_or_else(|| \"the default salute\".to_owned())
    }

    pub fn cheering(self) -> String {
        let host = RawHost::new(&NoServices);
        let reply = self.call()(entry::CHEER, RSlice::EMPTY, RSlice::EMPTY, host);
        match reply.into_message() {
            Ok(cheer) => String::from_utf8_lossy(&cheer).into_owned(),
            Err(err) if err.kind == crate::error::ErrorKind::Unsupported => {
                format!(\"not at all, as {}\", err.message)
            }
            Err(err) => err.message,
        }
    }
}
";

/// The additions to messages: each after an existing item.
const NEW_IN_MESSAGES: &[(&str, &str)] = &[
    ("pub struct CommandRequest {\n", "    /// New.\n    pub mood: String,\n"),
    ("pub struct CommandReply {\n", "    /// New.\n    pub encore: String,\n"),
    ("pub enum Step {\n", "    /// New.\n    Review,\n"),
    (
        "pub enum ServiceRequest {\n",
        "    /// New.\n    Sing {\n        /// What.\n        song: String,\n    },\n",
    ),
];

/// Makes the command `mumble` return an answer that no host can read, like another version of the
/// interface that breaks its promise.
fn mumbling(export: &str) -> String {
    let entry = "            entry::COMMAND if const { !P::CONTENTS.commands.is_empty() } => {\n";
    let mumble =
        "            entry::COMMAND if input.windows(8).any(|it| it == b\"\\\"mumble\\\"\") => {
                br#\"{\"exit_code\":\"m\"}\"#.to_vec()
            }\n";
    replace_once(export, entry, &format!("{mumble}{entry}"))
}

const NEW_ARGUMENT: &str = "impl Arg {
    /// Reads a duration in a new format.
    pub fn lasting(mut self) -> Self {
        (self.kind, self.value) = (ArgKind::Tally, ValueType::Duration);
        self
    }

";

const NEW_IN_EXPORT: &[(&str, &str)] = &[
    ("New functions are filled in here.", "salute: salute::<P>,"),
    ("New entries are answered here.", "entry::CHEER => b\"hurrah\".to_vec(),"),
];

const NEW_FUNCTION: &str = "
extern \"C\" fn salute<P: Linked>() -> RSlice<'static, u8> {
    b\"a salute of its own\".as_slice().into()
}
";

const NEW_IN_HOST: &[(&str, &str)] = &[(
    "New host services are added here.",
    "/// Returns a louder text.
    pub fn shout(&self, text: &str) -> String {
        match self.raw.shout(text) {
            Ok(louder) => String::from_utf8_lossy(&louder).into_owned(),
            Err(err) if err.kind == crate::error::ErrorKind::Unsupported => {
                format!(\"{text} (this host cannot shout)\")
            }
            Err(err) => err.message,
        }
    }

    /// Sings a song, if the host can.
    pub fn sing(&self, song: &str) -> String {
        use crate::error::ErrorExt as _;
        let request = crate::message::ServiceRequest::Sing { song: song.to_owned() };
        match self.request(&request) {
            Ok(_) => \"sung\".to_owned(),
            Err(err) if err.is_unsupported() => \"this host cannot sing\".to_owned(),
            Err(err) => err.to_string(),
        }
    }",
)];

/// The host's manifest, with another program name and without the parts for tests.
fn host_manifest(text: &str) -> String {
    let mut kept = String::new();
    for section in text.split_inclusive("\n\n") {
        let is_for_tests = ["dev-dependencies", "[[test]]", "[[example]]", "[[bench]]", "[[bin]]"];
        if !is_for_tests.iter().any(|it| section.contains(it)) {
            kept.push_str(section);
        }
    }
    let kept =
        replace_once(&kept, "[package]\n", "[package]\nautobins = false\nautoexamples = false\n");
    format!("{}\n\n[[bin]]\nname = \"{HOST}\"\npath = \"src/main.rs\"\n", kept.trim_end())
}

/// A workspace in `target/fixtures`. No other test uses it at the same time.
///
/// The packages are in a directory with the workspace's name: cargo distinguishes packages of path
/// dependencies by their place in the workspace, and would confuse a changed interface of the same
/// version with ours.
struct Workspace {
    dir: PathBuf,
    name: &'static str,
    _lock: File,
}

impl Workspace {
    fn new(name: &'static str, members: &[&str]) -> Self {
        let dir = target_dir().join("fixtures").join(name);
        fs::create_dir_all(&dir).expect("the target directory is writable");
        let lock =
            File::create(dir.with_file_name("lock")).expect("the target directory is writable");
        lock.lock().expect("a file can be locked");
        let workspace = Self { dir, name, _lock: lock };

        // The same lock file, profiles and shared versions, so that the dependencies that are built
        // already are used.
        let root = read(&root().join("Cargo.toml"));
        let (head, rest) = root.split_once("members = [").expect("the workspace has members");
        let (_, rest) = rest.split_once("]\n").expect("the list of members ends");
        let members: Vec<_> = members.iter().map(|it| format!("{name}/{it}")).collect();
        let rest = ["core/host", "plugin-abi"].iter().fold(rest.to_owned(), |rest, it| {
            replace_once(&rest, &format!("path = \"{it}\""), &format!("path = \"{name}/{it}\""))
        });
        workspace.write("Cargo.toml", &format!("{head}members = {members:?}\n{rest}"));
        // Cargo removes the entries that this workspace does not need from its copy.
        let lock_file = read(&self::root().join("Cargo.lock"));
        if workspace.write("Cargo.lock.whole", &lock_file) {
            workspace.write("Cargo.lock", &lock_file);
        }
        workspace
    }

    /// Copies the interface into the workspace.
    fn interface(&self, change: impl Fn(&str, String) -> String) {
        self.copy("plugin-abi", change);
    }

    /// Adds a plugin of one file to the workspace.
    fn plugin(&self, name: &str, source: &str, interface: &str) {
        self.plugin_with(name, source, &format!("pintle-plugin = {{ path = \"{interface}\" }}\n"));
    }

    /// Adds a plugin of one file, with these dependencies, to the workspace.
    fn plugin_with(&self, name: &str, source: &str, dependencies: &str) {
        let manifest = format!(
            "[package]\nname = \"fixture-{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n\
             [dependencies]\n{dependencies}"
        );
        let name = self.name;
        self.write(&format!("{name}/plugin/Cargo.toml"), &manifest);
        self.write(&format!("{name}/plugin/src/lib.rs"), source);
    }

    /// Copies a directory of the repository, with changed texts.
    fn copy(&self, folder: &str, change: impl Fn(&str, String) -> String) {
        let from = root().join(folder);
        self.remove_all_but(&from, &self.dir.join(self.name).join(folder));
        let mut folders = vec![from.clone()];
        while let Some(dir) = folders.pop() {
            for entry in fs::read_dir(&dir).expect("the repository can be read") {
                let path = entry.expect("the repository can be read").path();
                let name = path.strip_prefix(&from).expect("it is inside");
                let name = name.to_str().expect("our paths are UTF-8");
                if path.is_file() {
                    self.write(
                        &format!("{}/{folder}/{name}", self.name),
                        &change(name, read(&path)),
                    );
                } else if !["tests", "examples", "benches"].contains(&name) {
                    folders.push(path);
                }
            }
        }
    }

    /// Removes files from a copy that do not exist in the original directory any more.
    fn remove_all_but(&self, from: &Path, to: &Path) {
        for entry in fs::read_dir(to).into_iter().flatten().flatten() {
            let (copy, original) = (entry.path(), from.join(entry.file_name()));
            let removed = match (copy.is_dir(), original.is_dir()) {
                (true, true) => {
                    self.remove_all_but(&original, &copy);
                    Ok(())
                }
                (true, false) => fs::remove_dir_all(&copy),
                (false, _) if original.is_file() || copy.ends_with("src/main.rs") => Ok(()),
                (false, _) => fs::remove_file(&copy),
            };
            removed.expect("the target directory is writable");
        }
    }

    /// Writes a file if its content has changed: cargo checks the times of files.
    fn write(&self, name: &str, text: &str) -> bool {
        let path = self.dir.join(name);
        if fs::read_to_string(&path).is_ok_and(|it| it == text) {
            return false;
        }
        let dir = path.parent().expect("a file is in a directory");
        fs::create_dir_all(dir).expect("the target directory is writable");
        fs::write(path, text).expect("the target directory is writable");
        true
    }

    /// Runs cargo in the workspace, with the profile of the tests.
    fn cargo(&self, args: &[&str]) {
        let deps = deps_dir();
        let profile = deps.parent().and_then(Path::file_name).expect("cargo sets the directory");
        let profile = profile.to_str().expect("a profile's name is ASCII");
        let profile = if profile == "debug" { "dev" } else { profile };
        let (verb, rest) = args.split_first().expect("cargo needs a verb");
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.arg(verb).args(["--offline", "--profile", profile]).args(rest);
        command.current_dir(&self.dir).env("CARGO_TARGET_DIR", target_dir());
        // These variables are for the tests themselves, which report their times.
        command.env_remove("RUSTC_BOOTSTRAP");
        let out = command.output().expect("cargo can be run");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[track_caller]
fn replace_once(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "the sources have changed: {from}");
    text.replace(from, to)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|err| panic!("`{}`: {err}", path.display()))
}

/// Returns the directory of the repository.
pub(crate) fn root() -> PathBuf {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    core.parent().expect("the host is in the repository").to_owned()
}

pub(crate) fn target_dir() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("cargo's directory for tests is in its target directory").to_owned()
}
