//! Builds the measured programs, and fills directories with hundreds of plugins.

use super::patch;
use super::timing::Program;
use crate::{cargo, plugins};
use anyhow::{Context, Result, ensure};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The word that is both the plugin's command and the first label of its name.
pub(super) const WORD: &str = "bench-hello";

/// The event that only the first plugin subscribes to, where the others must have no hook on it.
pub(super) const EVENT: &str = "post-project-edit";

/// The maximum number of plugins.
const N_PLUGINS: usize = 1_000;

/// The maximum number of projects.
pub(super) const N_PROJECTS: usize = 30;

/// The numbers of installed plugins in the runs of the host.
const FOLDERS: &[usize] = &[0, 1, 100, N_PLUGINS];

/// The programs and plugins, in a directory that is removed with this value.
pub(super) struct Stage {
    temp: TempDir,
    host: PathBuf,
    empty: PathBuf,
    twin: PathBuf,
    in_process: PathBuf,
    universe: PathBuf,
}

impl Stage {
    /// Builds everything for release.
    pub(super) fn build() -> Result<Self> {
        let sources = plugins::sources()?;
        let artifacts = build(&sources)?;
        let library = cargo::library(&artifacts, &cargo::root().join("xtask/bench/plugin"))?;

        // Not in /tmp, which may be in memory: a thousand plugins have about 700 MB.
        let target = cargo::target_dir()?;
        let temp = tempfile::Builder::new().prefix("bench-").tempdir_in(target)?;
        fs::create_dir(temp.path().join("empty"))?;
        let program = |name| cargo::executable(&artifacts, name);
        let twin = program("pintle-bench-twin")?;
        let programs = temp.path().join("programs");
        fs::create_dir(&programs)?;
        fs::copy(&twin, programs.join("pintle-bench-twin")).context("failed to copy a program")?;
        install(&library, temp.path()).context("failed to copy the plugins")?;
        plugins::lay_out(&sources, &artifacts, &temp.path().join("own"))?;
        Ok(Self {
            host: program("pintle")?,
            empty: program("empty-clap")?,
            twin,
            in_process: program("in-process")?,
            universe: program("universe")?,
            temp,
        })
    }

    /// Returns the host's program.
    pub(super) fn host_program(&self) -> &Path {
        &self.host
    }

    /// Lays out the plugins of another version's build in the same way as those of this version.
    ///
    /// The host and the plugins of one build always fit; those of different versions may not.
    pub(super) fn install_before(&self, build: &Path) -> Result<()> {
        let before = self.before();
        fs::create_dir(&before)?;
        let library = |package: &str| {
            let stem = package.replace('-', "_");
            build.join(format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}"))
        };
        install(&library("pintle-bench-plugin"), &before)
            .context("failed to copy the plugins of the other version")?;
        fs::create_dir(before.join("own"))?;
        for source in plugins::sources()? {
            let path = library(&source.package);
            let name = path.file_name().context("a library has a name")?;
            fs::copy(&path, before.join("own").join(name))
                .with_context(|| format!("failed to copy `{}`", path.display()))?;
        }
        Ok(())
    }

    /// Returns the same call of the program from another version's build, with the plugins of that
    /// build.
    pub(super) fn before_of(&self, program: &Program, build: &Path) -> Program {
        let name = program.path.file_name().unwrap_or_default();
        let mut before = Program { path: build.join(name), ..program.clone() };
        let texts = before.args.iter_mut().chain(before.env.iter_mut().map(|it| &mut it.1));
        for text in texts {
            let Ok(inside) = Path::new(text).strip_prefix(self.temp.path()) else { continue };
            let path = self.before().join(inside);
            if path.exists() {
                *text = path.into();
            }
        }
        // The versions may write different formats of the index; each would invalidate the other's.
        for (_, cache) in before.env.iter_mut().filter(|it| it.0 == "XDG_CACHE_HOME") {
            *cache = self.before().join("cache").into();
        }
        before
    }

    fn before(&self) -> PathBuf {
        self.temp.path().join("before")
    }

    /// Returns the host with some plugins installed, called with `args`.
    pub(super) fn host(&self, n_plugins: usize, args: &[&str]) -> Program {
        let plugins = self.temp.path().join(n_plugins.to_string());
        let mut program = self.program(&self.host, args);
        let programs = self.twin.parent().unwrap_or(Path::new("/"));
        program.env.push(("PATH".to_owned(), programs.into()));
        program.env.push(("PINTLE_PLUGIN_PATH".to_owned(), plugins.into()));
        program.env.push(("PINTLE_PLUGIN_SYSTEM_PATH".to_owned(), "".into()));
        program
    }

    /// Returns the operations of a host's start with some plugins installed: the work, the program,
    /// and a word of its output.
    pub(super) fn starts(&self, n_plugins: usize) -> [(String, Program, &'static str); 4] {
        let listed = if n_plugins == 0 { "" } else { "bench-hello" };
        [
            ("version", self.host(n_plugins, &["version"]), "pintle"),
            ("--help", self.host(n_plugins, &["--help"]), "Usage"),
            ("plugin list", self.host(n_plugins, &["plugin", "list"]), listed),
            ("completion of a word", self.completion(n_plugins, "versi"), "version"),
        ]
        .map(|(name, program, expected)| {
            (format!("{name}, {} installed", plugins(n_plugins)), program, expected)
        })
    }

    /// Returns the host as a shell's completion script calls it, to complete `word`.
    pub(super) fn completion(&self, n_plugins: usize, word: &str) -> Program {
        let mut program = self.host(n_plugins, &["--", &format!("pintle {word}"), word]);
        program.env.push(("PINTLE_COMPLETE".to_owned(), "bash".into()));
        program
    }

    /// Returns the host with the first-party plugins, which starts a project with a chain of three
    /// in a separate directory.
    pub(super) fn init(&self, number: usize) -> Result<Program> {
        let args = ["init", "--domain", "example.org", "--plugins", "rust,license,ci"];
        let mut program = self.own_host(&args);
        program.folder = self.temp.path().join(format!("project-{number}"));
        fs::create_dir(&program.folder)?;
        Ok(program)
    }

    /// Returns the directory for a number of plugins of a kind, which need not exist.
    pub(super) fn installed(&self, n_plugins: usize, kind: &str) -> PathBuf {
        self.temp.path().join("installed").join(format!("{n_plugins}{kind}"))
    }

    /// Returns the host with the plugins of [`installed`](Self::installed), called with `args`.
    pub(super) fn with(&self, n_plugins: usize, kind: &str, args: &[&str]) -> Program {
        let mut program = self.host(0, args);
        for (name, value) in &mut program.env {
            if name == "PINTLE_PLUGIN_PATH" {
                *value = self.installed(n_plugins, kind).into();
            }
        }
        program
    }

    /// Returns the same as a shell's completion script calls it, to complete the last word.
    pub(super) fn completing(&self, n_plugins: usize, kind: &str, words: &[&str]) -> Program {
        let line = format!("pintle {}", words.join(" "));
        let word = words.last().copied().unwrap_or_default();
        let mut program = self.with(n_plugins, kind, &["--", &line, word]);
        program.env.push(("PINTLE_COMPLETE".to_owned(), "bash".into()));
        program
    }

    /// Returns the same in a separate project, whose `edit` has one hook.
    pub(super) fn editing(&self, n_plugins: usize, kind: &str) -> Result<Program> {
        let mut program = self.with(n_plugins, kind, &["edit", "--plugins", WORD]);
        program.folder = self.temp.path().join(format!("edited-{n_plugins}{kind}"));
        fs::create_dir_all(&program.folder)?;
        let project = "version: \"3\"\ndomain: example.org\nlayout:\n- bench-hello.pintle.dev/v1\n\
                       projectName: bench\n";
        fs::write(program.folder.join("PROJECT"), project)?;
        Ok(program)
    }

    /// Returns the host with the first-party plugins, called with `args`.
    pub(super) fn own_host(&self, args: &[&str]) -> Program {
        let mut program = self.program(&self.host, args);
        program.env.push(("PINTLE_PLUGIN_PATH".to_owned(), self.temp.path().join("own").into()));
        program.env.push(("PINTLE_PLUGIN_SYSTEM_PATH".to_owned(), "".into()));
        program
    }

    /// Returns the empty clap program.
    pub(super) fn empty(&self) -> Program {
        self.program(&self.empty, &["version"])
    }

    /// Returns the host, also with the executable plugin installed, called with `args`.
    pub(super) fn host_of_programs(&self, n_plugins: usize, args: &[&str]) -> Program {
        let mut program = self.host(n_plugins, args);
        let programs = self.temp.path().join("programs");
        let list = [self.temp.path().join(n_plugins.to_string()), programs];
        let list = std::env::join_paths(list).expect("the stage's paths have no colon");
        for (_, value) in program.env.iter_mut().filter(|it| it.0 == "PINTLE_PLUGIN_PATH") {
            value.clone_from(&list);
        }
        program
    }

    /// Returns this host and kubebuilder, both prepared to run `edit` with the same external plugin
    /// of kubebuilder, in separate projects.
    pub(super) fn external(&self) -> Result<(Program, Program)> {
        let kubebuilder = cargo::target_dir()?.join("control-plane/bin/kubebuilder");
        ensure!(kubebuilder.is_file(), "kubebuilder is missing: run `cargo xtask control-plane`");
        let name = "bench.example.org";
        let external = self.temp.path().join("external");
        let folder = external.join(name).join("v1");
        fs::create_dir_all(&folder)?;
        fs::copy(&self.twin, folder.join(name)).context("failed to copy a program")?;
        let edit = ["edit", "--plugins", "bench.example.org/v1"];
        let mut ours = self.host(0, &edit);
        let mut theirs = self.program(&kubebuilder, &edit);
        let project = "version: \"3\"\ndomain: example.org\nlayout:\n- bench.example.org/v1\n\
                       projectName: bench\n";
        for (program, folder) in [(&mut ours, "edited"), (&mut theirs, "edited-by-kubebuilder")] {
            program.env.push(("EXTERNAL_PLUGINS_PATH".to_owned(), external.clone().into()));
            program.folder = self.temp.path().join(folder);
            fs::create_dir(&program.folder)?;
            fs::write(program.folder.join("PROJECT"), project)?;
        }
        Ok((ours, theirs))
    }

    /// Returns the executable plugin, run by itself.
    pub(super) fn twin(&self) -> Program {
        self.program(&self.twin, &[])
    }

    /// Returns the executable plugin as a hook.
    pub(super) fn hook(&self) -> Program {
        let mut program = self.program(&self.twin, &[]);
        program.env.push(("PINTLE_COMMAND".to_owned(), "EXEC".into()));
        program.env.push(("PINTLE_EVENT".to_owned(), "post-resource-create".into()));
        program.stdin = Some(event());
        program
    }

    /// Returns the program that measures inside itself, with a hundred plugins.
    pub(super) fn in_process(&self) -> Program {
        let mut program = self.program(&self.in_process, &[]);
        program.args.extend([event().into(), self.twin.clone().into()]);
        let plugins = self.temp.path().join("100");
        program.args.extend((0..100).map(|idx| plugins.join(file_name(idx)).into()));
        program
    }

    /// Returns the program that passes a project through a chain of `n_plugins`, in-process; `kind`
    /// is the variant to measure.
    pub(super) fn chain(&self, kind: &str, n_plugins: usize) -> Program {
        let mut program = self.program(&self.universe, &[kind]);
        let plugins = self.temp.path().join("100");
        program.args.extend((0..n_plugins).map(|idx| plugins.join(file_name(idx)).into()));
        program
    }

    /// Returns the same with processes that exchange JSON over pipes.
    pub(super) fn json_chain(&self, n_plugins: usize) -> Program {
        self.program(&self.universe, &["json", &n_plugins.to_string()])
    }

    /// Returns the program that lists and reads a project on disk.
    pub(super) fn disk(&self) -> Program {
        let mut program = self.program(&self.universe, &["disk"]);
        program.args.push(self.temp.path().join("project").into());
        program
    }

    /// Returns a shell script that calls the host as `$PINTLE`, for a user whose home directory is
    /// `home`.
    pub(super) fn script(&self, home: &Path, script: &str) -> Program {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let env = [
            ("PINTLE", self.host.clone().into_os_string()),
            ("HOME", home.into()),
            ("PATH", path),
            ("PINTLE_PLUGIN_SYSTEM_PATH", "".into()),
        ];
        Program {
            path: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            folder: home.to_owned(),
            ..Program::default()
        }
    }

    /// Returns one of a thousand plugins.
    pub(super) fn plugin_file(&self, idx: usize) -> PathBuf {
        self.temp.path().join(N_PLUGINS.to_string()).join(file_name(idx))
    }

    /// Returns a first-party plugin.
    pub(super) fn own_plugin(&self, name: &str) -> Result<PathBuf> {
        let stem = format!("pintle_plugin_{name}");
        let path = self.temp.path().join("own").join(format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}"));
        ensure!(path.is_file(), "`{}` is missing", path.display());
        Ok(path)
    }

    pub(super) fn program(&self, path: &Path, args: &[&str]) -> Program {
        let home = self.temp.path().join("empty");
        let variables = ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"];
        Program {
            path: path.to_owned(),
            args: args.iter().map(Into::into).collect(),
            env: variables.map(|it| (it.to_owned(), home.clone().into())).into(),
            folder: home,
            stdin: None,
            next: None,
        }
    }
}

/// Builds everything for release, and returns only the host.
pub(super) fn host() -> Result<PathBuf> {
    // Fewer packages may have other features of shared dependencies, and everything would be built
    // twice.
    let artifacts = build(&plugins::sources()?)?;
    cargo::executable(&artifacts, "pintle")
}

fn build(sources: &[plugins::Source]) -> Result<Vec<cargo::Artifact>> {
    let packages = ["pintle", "pintle-bench", "pintle-bench-plugin"].into_iter();
    let packages = packages.chain(sources.iter().map(|it| it.package.as_str()));
    let mut args = vec!["--release".to_owned()];
    args.extend(packages.map(|it| format!("--package={it}")));
    cargo::build(&args)
}

/// Returns the path of the payload of an event, as in a real project.
fn event() -> PathBuf {
    cargo::root().join("xtask/bench/event.json")
}

/// Creates a thousand plugins, and directories with some of them.
fn install(library: &Path, temp: &Path) -> Result<()> {
    for n_plugins in FOLDERS {
        fs::create_dir(temp.join(n_plugins.to_string()))?;
    }
    let bytes = fs::read(library)?;
    for idx in 0..N_PLUGINS {
        let path = temp.join(N_PLUGINS.to_string()).join(file_name(idx));
        // The first plugin keeps its name: it is the one that is called.
        let word = if idx == 0 { WORD.to_owned() } else { format!("bench-{idx:05}") };
        fs::write(&path, patch::replace(&bytes, WORD, &word)?)?;
        for n_plugins in FOLDERS.iter().filter(|it| idx < **it && **it < N_PLUGINS) {
            // A hard link in another directory; no run of the host sees both.
            fs::hard_link(&path, temp.join(n_plugins.to_string()).join(file_name(idx)))?;
        }
    }
    Ok(())
}

fn plugins(n_plugins: usize) -> String {
    match n_plugins {
        1 => "1 plugin".to_owned(),
        1_000 => "1,000 plugins".to_owned(),
        _ => format!("{n_plugins} plugins"),
    }
}

pub(super) fn file_name(idx: usize) -> String {
    format!("{DLL_PREFIX}bench_{idx:05}{DLL_SUFFIX}")
}
