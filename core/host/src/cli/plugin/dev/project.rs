//! The project that `plugin dev` builds, according to cargo.

use super::child::{Child, Signals};
use crate::caller;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::hint::Hint;
use crate::cli::output;
use crate::fs::{self, Mode};
use crate::services::Verbosity;
use serde::Deserialize;
use std::env::consts::DLL_EXTENSION;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// The largest library that is run; a library with debug information has about 100 MB.
const MAX_LIBRARY: u64 = 4 << 30;

const WRONG_CARGO: &str = "set the environment variable `CARGO` to the path of cargo, or unset it";

/// The package of a plugin.
pub(super) struct Project {
    pub(super) package: String,
    /// The directory of its `Cargo.toml`.
    pub(super) dir: PathBuf,
    /// The directory of the `Cargo.toml` of its workspace.
    pub(super) workspace: PathBuf,
    /// The package and its dependencies in local directories.
    pub(super) sources: Vec<Source>,
    target: PathBuf,
}

/// The sources of a package.
pub(super) struct Source {
    /// The directory of its `Cargo.toml`.
    pub(super) dir: PathBuf,
    /// The directory of its modules.
    pub(super) modules: PathBuf,
}

/// The output of `cargo metadata`, as far as it is needed here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
    #[serde(default)]
    kind: Vec<String>,
    #[serde(default)]
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Dependency {
    /// `build`, `dev`, or none.
    kind: Option<String>,
    /// Its directory, if it is local.
    path: Option<PathBuf>,
}

/// A message of `cargo build`, as far as it is needed here.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Target {
    fn is_lib(&self) -> bool {
        self.kind.iter().any(|it| it.ends_with("lib") || it == "proc-macro")
    }

    fn is_cdylib(&self) -> bool {
        self.crate_types.iter().any(|it| it == "cdylib")
    }
}

impl Dependency {
    fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Package {
    fn dir(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// Returns the directory of its modules, which is not always `src`.
    fn modules(&self) -> PathBuf {
        let roots = self.targets.iter().filter(|it| it.is_lib());
        // Beside the manifest, there are also other packages and cargo's own directory.
        let mut dirs = roots.filter_map(|it| it.src_path.parent()).filter(|it| *it != self.dir());
        dirs.next().map_or_else(|| self.dir().join("src"), Path::to_owned)
    }

    fn is_cdylib(&self) -> bool {
        self.targets.iter().any(Target::is_cdylib)
    }
}

impl Project {
    /// Finds the plugin in a directory, or the requested package of a workspace.
    pub(super) fn find(
        dir: &Path,
        package: Option<&str>,
        signals: &Signals,
    ) -> Result<Self, CliError> {
        let shown = output::path(dir);
        let usage = |text: String| CliError::new(Exit::Usage, text);
        let manifest = dir.join("Cargo.toml").canonicalize().map_err(|err| {
            let hint = Hint::new(|host| {
                let name = &host.command_name;
                format!("specify the source directory of a plugin; `{name} plugin new` creates one")
            });
            match fs::is_absent(&err) {
                true if dir.is_file() => usage(format!("`{shown}` is not a directory")).hint(hint),
                true => usage(format!("`{shown}` has no `Cargo.toml`")).hint(hint),
                false => usage(format!("failed to find `{shown}/Cargo.toml`")).cause(&err),
            }
        })?;
        let metadata = metadata(dir, signals)?;
        let Metadata { packages, workspace_root, target_directory } = metadata;
        let plugins: Vec<_> = packages.iter().filter(|it| it.is_cdylib()).collect();
        let names = plugins.iter().map(|it| format!("`{}`", it.name)).collect::<Vec<_>>();
        let own = packages.iter().find(|it| it.manifest_path == manifest);
        let found = match (package, own, &plugins[..]) {
            (Some(name), ..) => packages.iter().find(|it| it.name == name).ok_or_else(|| {
                let hint = format!("choose a plugin of the workspace: {}", names.join(", "));
                let err = usage(format!("the workspace of `{shown}` has no package `{name}`"));
                err.hint_if_known((!names.is_empty()).then_some(hint))
            })?,
            (None, Some(own), plugins) if own.is_cdylib() || plugins.is_empty() => own,
            (None, _, [plugin]) => *plugin,
            (None, _, []) => {
                return Err(usage(format!("the workspace of `{shown}` has no plugin"))
                    .hint("set `crate-type = [\"cdylib\"]` in `[lib]` of the plugin's package"));
            }
            (None, ..) => {
                return Err(usage(format!("the workspace of `{shown}` has several plugins"))
                    .hint(format!("choose one with `--package`: {}", names.join(", "))));
            }
        };
        let project = Self {
            package: found.name.clone(),
            dir: found.dir().to_owned(),
            workspace: workspace_root,
            sources: sources(found, &packages),
            target: target_directory,
        };
        match found.is_cdylib() {
            true => Ok(project),
            false => Err(project.not_a_cdylib()),
        }
    }

    /// Returns the error for a package that does not build a library for a host.
    pub(super) fn not_a_cdylib(&self) -> CliError {
        let text = format!("package `{}` does not build a `cdylib`", self.package);
        let hint = "add `crate-type = [\"cdylib\", \"rlib\"]` to `[lib]` in its `Cargo.toml`";
        CliError::new(Exit::Usage, text).hint(hint)
    }

    /// Starts cargo in the directory in which the author would run it, so that it finds the same
    /// settings.
    pub(super) fn build(&self, verbosity: Verbosity) -> Result<Build, CliError> {
        let mut command = cargo(&self.dir);
        command.args(["build", "--lib", "--message-format", "json-render-diagnostics"]);
        if verbosity == Verbosity::Quiet {
            command.arg("--quiet");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = start(command)?;
        let stdout = child.stdout();
        let manifest = self.dir.join("Cargo.toml");
        // Read in a separate thread, so that cargo never waits for this process.
        let library = std::thread::spawn(move || {
            let lines = BufReader::new(stdout?).lines().map_while(Result::ok);
            let messages = lines.filter_map(|it| serde_json::from_str::<Message>(&it).ok());
            let own = messages.filter(|it| {
                it.manifest_path == manifest && it.target.as_ref().is_some_and(Target::is_cdylib)
            });
            let files = own.flat_map(|it| it.filenames);
            files.filter(|it| it.extension().is_some_and(|it| it == DLL_EXTENSION)).last()
        });
        Ok(Build { child, library })
    }

    /// Creates a directory for the library. Cargo's own directory contains the other plugins of a
    /// workspace, a program may still use the library of the last build there, and there can be
    /// several runs of this command at the same time.
    pub(super) fn new_dir(&self, host: &str) -> Result<TempDir, CliError> {
        let parent = self.target.join(format!("{host}-dev"));
        let create = || {
            std::fs::create_dir_all(&parent)?;
            tempfile::Builder::new().prefix(&format!("{}-", self.package)).tempdir_in(&parent)
        };
        create().map_err(|err| {
            let text = format!("failed to create a directory in `{}`", output::path(&parent));
            CliError::new(Exit::Failed, text).cause(&err)
        })
    }
}

/// Copies the library to a directory. A program may still use the last one there.
pub(super) fn publish(library: &Path, dir: &Path) -> Result<(), CliError> {
    let name = library.file_name().unwrap_or_default();
    let publish = || -> Result<(), fs::Error> {
        let contents = fs::read_regular(library, MAX_LIBRARY)?;
        fs::Dir::open(dir)?.replace(name, &contents.bytes, Mode::New(0o644))
    };
    publish().map_err(|err| {
        let text = format!("failed to copy `{}`", output::path(library));
        CliError::new(Exit::Failed, text).cause(&err)
    })
}

/// Returns the sources of a package and of its dependencies in local directories. Cargo lists the
/// dependencies of a package only if the package is in the workspace.
fn sources(package: &Package, workspace: &[Package]) -> Vec<Source> {
    let mut dirs = vec![package.dir()];
    let mut sources = Vec::new();
    while let Some(dir) = dirs.get(sources.len()).copied() {
        let package = workspace.iter().find(|it| it.dir() == dir);
        let dependencies = package.map_or(&[][..], |it| &it.dependencies).iter();
        for dir in dependencies.filter(|it| !it.is_for_tests()).filter_map(|it| it.path.as_deref())
        {
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        let modules = package.map_or_else(|| dir.join("src"), Package::modules);
        sources.push(Source { dir: dir.to_owned(), modules });
    }
    sources
}

/// A build in progress.
pub(super) struct Build {
    pub(super) child: Child,
    library: JoinHandle<Option<PathBuf>>,
}

impl Build {
    /// Returns the library once cargo has ended.
    pub(super) fn library(self) -> Option<PathBuf> {
        self.library.join().ok().flatten()
    }
}

fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(named_cargo().unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    command
}

/// Returns the cargo that the user has chosen.
fn named_cargo() -> Option<OsString> {
    caller::var_os("CARGO").filter(|it| !it.is_empty())
}

fn start(cargo: Command) -> Result<Child, CliError> {
    Child::start(cargo).map_err(|err| {
        err.hint(match named_cargo() {
            Some(_) => WRONG_CARGO,
            None => "install Rust from https://rustup.rs",
        })
    })
}

fn metadata(dir: &Path, signals: &Signals) -> Result<Metadata, CliError> {
    let shown = output::path(dir);
    let mut command = cargo(dir);
    command.args(["metadata", "--no-deps", "--format-version", "1"]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let failed = || CliError::new(Exit::Failed, format!("failed to read the project in `{shown}`"));
    let program = command.get_program().to_owned();
    let mut child = start(command)?;
    let stdout = child.stdout();
    // Read in a separate thread, so that a signal can end cargo.
    let text = std::thread::spawn(move || std::io::read_to_string(stdout?).ok());
    let status = child.status(signals);
    if !status.is_some_and(|it| it.success()) {
        return Err(failed().hint("fix the errors that cargo reports"));
    }
    let text = text.join().ok().flatten().unwrap_or_default();
    serde_json::from_str(&text).map_err(|_| {
        let program = program.to_string_lossy();
        let text = format!("`{program} metadata` did not print the metadata of `{shown}`");
        CliError::new(Exit::Failed, text).hint_if_known(named_cargo().map(|_| WRONG_CARGO))
    })
}
