//! Where plugin libraries are searched for.
//!
//! Invariant: a process with elevated privileges searches only the two fixed system directories;
//! everything that its caller controls is ignored: options, the environment, the home directory and
//! the location of the program.

use crate::caller;
use crate::identity::{Identity, Purpose};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The directories in which plugin libraries are searched for, the most important first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPath {
    dirs: Vec<PluginDir>,
    index: Option<PathBuf>,
}

/// A directory in which plugin libraries are searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDir {
    /// The absolute path of the directory, which may not exist.
    pub path: PathBuf,
    /// Why it is searched.
    pub origin: DirOrigin,
}

/// Why a directory is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DirOrigin {
    /// `--plugin-dir`.
    Option,
    /// `PINTLE_PLUGIN_PATH`.
    Environment,
    /// The plugins that the project requires in which the command is run.
    Project,
    /// The user's data directory.
    User,
    /// Next to the program: `<exe>/../lib/<command>/plugins`.
    Executable,
    /// `/usr/local/lib/<command>/plugins`.
    Local,
    /// The directory of the system's packages, or `PINTLE_PLUGIN_SYSTEM_PATH`.
    System,
}

impl DirOrigin {
    /// Returns whether a directory of this origin may be missing: only a directory that the user
    /// has just named must exist.
    pub(super) fn is_optional(self) -> bool {
        self != Self::Option
    }
}

impl fmt::Display for DirOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option => "option",
            Self::Environment => "environment",
            Self::Project => "project",
            Self::User => "user",
            Self::Executable => "executable",
            Self::Local => "local",
            Self::System => "system",
        })
    }
}

/// The inputs of the search path, apart from the host's names.
struct Surroundings<'a> {
    plugin_dirs: &'a [PathBuf],
    env: &'a dyn Fn(&str) -> Option<OsString>,
    executable: Option<PathBuf>,
    privileged: bool,
}

impl SearchPath {
    /// Returns the search path of a host: the directories of its `--plugin-dir` options, of the
    /// environment, of the user and of the system.
    ///
    /// If a directory appears twice, its first position is used.
    pub fn new(
        identity: &Identity,
        plugin_dirs: &[PathBuf],
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Self {
        let executable = std::env::current_exe().ok();
        let privileged = !caller::is_trusted();
        Self::of(identity, &Surroundings { plugin_dirs, env, executable, privileged })
    }

    /// Returns a search path with only these directories.
    pub fn from_dirs(dirs: impl IntoIterator<Item = PluginDir>) -> Self {
        let mut seen = HashSet::new();
        let dirs = dirs
            .into_iter()
            // An absolute path contains a `/`, so no loader treats a library's path as a name to
            // search for.
            .filter_map(|it| Some(PluginDir { path: std::path::absolute(it.path).ok()?, ..it }))
            .filter(|it| seen.insert(it.path.clone()))
            .collect();
        Self { dirs, index: None }
    }

    /// Adds the directory of the plugins that a project requires: after those that are named for
    /// one run, and before all others.
    #[must_use]
    pub fn with_project(self, path: PathBuf) -> Self {
        let cache = self.index.as_deref().and_then(Path::parent).map(Path::to_owned);
        let mut dirs = self.dirs;
        let is_behind = |it: &PluginDir| it.origin > DirOrigin::Project;
        let at = dirs.iter().position(is_behind).unwrap_or(dirs.len());
        dirs.insert(at, PluginDir { path, origin: DirOrigin::Project });
        Self::from_dirs(dirs).with_index_in(cache)
    }

    /// Returns whether a file is in a directory with this origin.
    pub(crate) fn has(&self, origin: DirOrigin, file: &Path) -> bool {
        let dirs = self.dirs.iter().filter(|it| it.origin == origin);
        file.parent().is_some_and(|parent| dirs.map(|it| &*it.path).any(|it| it == parent))
    }

    /// Returns the path of the index, if there is one.
    pub(super) fn index(&self) -> Option<&Path> {
        self.index.as_deref()
    }

    /// Returns the path of the file in which the descriptions of the programs in these directories
    /// are cached, if there is one.
    pub fn answers(&self) -> Option<PathBuf> {
        Some(self.index.as_ref()?.with_file_name("programs.json"))
    }

    /// Stores the index of all directories of the user in the given directory.
    pub(super) fn with_index_in(mut self, folder: Option<PathBuf>) -> Self {
        self.index = folder.map(|it| it.join("plugins.index"));
        self
    }

    /// Returns the directories, most important first.
    pub fn dirs(&self) -> &[PluginDir] {
        &self.dirs
    }

    fn of(identity: &Identity, around: &Surroundings<'_>) -> Self {
        if around.privileged {
            return Self::from_dirs(fixed_dirs(identity));
        }
        let mut dirs = dirs(DirOrigin::Option, around.plugin_dirs.iter().cloned());
        dirs.extend(path_list(DirOrigin::Environment, identity, around, "PLUGIN_PATH"));
        dirs.extend(user_dir(identity, around.env));
        match (around.env)(&identity.env_var("PLUGIN_SYSTEM_PATH")) {
            Some(_) => {
                dirs.extend(path_list(DirOrigin::System, identity, around, "PLUGIN_SYSTEM_PATH"));
            }
            None => {
                dirs.extend(executable_dir(identity, around.executable.as_deref()));
                dirs.extend(fixed_dirs(identity));
            }
        }
        // There are no stamps of files on Windows, and so no index.
        let cache = identity.dir(Purpose::Cache, around.env).filter(|_| !cfg!(windows));
        Self::from_dirs(dirs).with_index_in(cache)
    }
}

fn dirs(origin: DirOrigin, paths: impl Iterator<Item = PathBuf>) -> Vec<PluginDir> {
    paths.filter(|it| !it.as_os_str().is_empty()).map(|path| PluginDir { path, origin }).collect()
}

fn path_list(
    origin: DirOrigin,
    identity: &Identity,
    around: &Surroundings<'_>,
    variable: &str,
) -> Vec<PluginDir> {
    let list = (around.env)(&identity.env_var(variable)).unwrap_or_default();
    dirs(origin, std::env::split_paths(&list))
}

fn user_dir(identity: &Identity, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PluginDir> {
    let path = data_home(env)?.join(&identity.command_name).join("plugins");
    Some(PluginDir { path, origin: DirOrigin::User })
}

/// The user's data directory according to the XDG specification, which ignores relative paths.
#[cfg(not(windows))]
fn data_home(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|it| it.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))
}

#[cfg(windows)]
fn data_home(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let roaming = env("APPDATA").map(PathBuf::from).filter(|it| it.is_absolute());
    roaming.or_else(|| Some(etcetera::choose_base_strategy().ok()?.data_dir()))
}

fn executable_dir(identity: &Identity, executable: Option<&Path>) -> Option<PluginDir> {
    let prefix = executable?.parent()?.parent()?;
    let path = prefix.join("lib").join(&identity.command_name).join("plugins");
    Some(PluginDir { path, origin: DirOrigin::Executable })
}

/// The directories that depend only on how the host was built.
fn fixed_dirs(identity: &Identity) -> Vec<PluginDir> {
    let name = &identity.command_name;
    let local = format!("/usr/local/lib/{name}/plugins");
    let local = cfg!(unix).then(|| PluginDir { path: local.into(), origin: DirOrigin::Local });
    let system = match option_env!("PINTLE_SYSTEM_PLUGIN_DIR") {
        Some(path) => Some(PathBuf::from(path)),
        None => cfg!(unix).then(|| default_system_dir(name)),
    };
    let system = system.map(|path| PluginDir { path, origin: DirOrigin::System });
    local.into_iter().chain(system).collect()
}

fn default_system_dir(command_name: &str) -> PathBuf {
    let mut path = PathBuf::from("/usr/lib");
    path.extend(multiarch_triplet());
    path.join(command_name).join("plugins")
}

/// Debian's name for this platform; only Linux distributions have such directories.
fn multiarch_triplet() -> Option<String> {
    let libc = match () {
        () if !cfg!(target_os = "linux") => return None,
        () if cfg!(target_env = "musl") => "musl",
        () => "gnu",
    };
    let abi = match () {
        () if !cfg!(target_arch = "arm") => "",
        () if cfg!(target_abi = "eabihf") => "eabihf",
        () => "eabi",
    };
    let arch = match std::env::consts::ARCH {
        "x86" => "i386",
        "powerpc64" if cfg!(target_endian = "little") => "powerpc64le",
        "powerpc64" => "ppc64",
        other => other,
    };
    Some(format!("{arch}-linux-{libc}{abi}"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(vars: &[(&str, &str)], options: &[&str], privileged: bool, expected: Expect) {
        let env = |name: &str| {
            vars.iter().find(|(it, _)| *it == name).map(|(_, value)| OsString::from(value))
        };
        let around = Surroundings {
            plugin_dirs: &options.iter().map(PathBuf::from).collect::<Vec<_>>(),
            env: &env,
            executable: Some("/opt/pintle/bin/pintle".into()),
            privileged,
        };
        let identity = Identity::default();
        let system = default_system_dir("pintle");
        let lines: String = SearchPath::of(&identity, &around)
            .dirs()
            .iter()
            .map(|it| format!("{} {}\n", it.origin, it.path.display()))
            .map(|it| it.replace(&system.display().to_string(), "[SYSTEM]"))
            .collect();
        expected.assert_eq(&lines);
    }

    #[test]
    fn the_order_is_option_environment_user_executable_local_system() {
        check(
            &[("PINTLE_PLUGIN_PATH", "/e1:/e2"), ("HOME", "/home/ada")],
            &["/o"],
            false,
            expect![[r#"
                option /o
                environment /e1
                environment /e2
                user /home/ada/.local/share/pintle/plugins
                executable /opt/pintle/lib/pintle/plugins
                local /usr/local/lib/pintle/plugins
                system [SYSTEM]
            "#]],
        );
    }

    #[test]
    fn the_system_part_can_be_replaced() {
        check(
            &[("PINTLE_PLUGIN_SYSTEM_PATH", "/s1:/s2"), ("XDG_DATA_HOME", "/xdg")],
            &[],
            false,
            expect![[r#"
                user /xdg/pintle/plugins
                system /s1
                system /s2
            "#]],
        );
    }

    #[test]
    fn an_empty_system_path_means_none() {
        check(
            &[("PINTLE_PLUGIN_SYSTEM_PATH", "")],
            &["/o"],
            false,
            expect![[r#"
            option /o
        "#]],
        );
    }

    #[test]
    fn relative_xdg_folders_and_empty_parts_are_ignored() {
        check(
            &[
                ("PINTLE_PLUGIN_PATH", ":/e:"),
                ("PINTLE_PLUGIN_SYSTEM_PATH", ""),
                ("XDG_DATA_HOME", "share"),
                ("HOME", "/h"),
            ],
            &[],
            false,
            expect![[r#"
                environment /e
                user /h/.local/share/pintle/plugins
            "#]],
        );
    }

    #[test]
    fn a_folder_that_appears_twice_counts_once() {
        check(
            &[("PINTLE_PLUGIN_PATH", "/a:/b:/a"), ("PINTLE_PLUGIN_SYSTEM_PATH", "/b")],
            &["/a"],
            false,
            expect![[r#"
                option /a
                environment /b
            "#]],
        );
    }

    #[test]
    fn raised_privileges_leave_only_the_fixed_folders() {
        check(
            &[("PINTLE_PLUGIN_PATH", "/e"), ("HOME", "/h"), ("PINTLE_PLUGIN_SYSTEM_PATH", "/s")],
            &["/o"],
            true,
            expect![[r#"
                local /usr/local/lib/pintle/plugins
                system [SYSTEM]
            "#]],
        );
    }

    #[test]
    fn an_embedding_host_has_its_own_names() {
        let identity = Identity { command_name: "sea-dog".to_owned(), ..Identity::default() };
        let env = |name: &str| (name == "SEA_DOG_PLUGIN_SYSTEM_PATH").then(|| "/s".into());
        let search = SearchPath::new(&identity, &[], &env);
        assert_eq!(search.dirs().len(), 1, "{search:?}");
    }
}
