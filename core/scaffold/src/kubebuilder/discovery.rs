//! Where kubebuilder looks for external plugins, and what it contains.
//!
//! Directories are listed, and files are only inspected from the outside: no program runs. Anything
//! that makes kubebuilder lose all its external plugins is also found, with the reason, and is
//! ignored otherwise.

use super::install::is_bridge;
use super::key::Key;
use pintle_host::caller;
use pintle_host::catalog::ForeignRefusal;
use pintle_host::fs::{Exposure, is_worth_protecting};
use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// The subdirectory of the user's configuration directory that contains kubebuilder's plugins.
const PLUGINS: [&str; 2] = ["kubebuilder", "plugins"];

/// Where kubebuilder looks for external plugins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) path: PathBuf,
    /// Whether the user has specified it, so that it must exist.
    is_named: bool,
}

/// An entry of the root that is a plugin, or looks like one.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) key: Result<Key, ForeignRefusal>,
}

/// Returns where kubebuilder looks for external plugins, if this system has such a directory.
pub(super) fn root(env: &dyn Fn(&str) -> Option<OsString>) -> Option<Root> {
    // On other systems, kubebuilder has no external plugins.
    if !cfg!(unix) || !caller::is_trusted() {
        return None;
    }
    let var = |name: &str| env(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let (path, is_named) = match (var("EXTERNAL_PLUGINS_PATH"), var("XDG_CONFIG_HOME")) {
        (Some(path), _) => (path, true),
        (None, Some(config)) => (below(config), false),
        (None, None) if cfg!(target_os = "macos") => {
            (below(var("HOME")?.join("Library/Application Support")), false)
        }
        (None, None) => (below(var("HOME")?.join(".config")), false),
    };
    // A program without a `/` in its path would be looked up in PATH.
    Some(Root { path: std::path::absolute(path).ok()?, is_named })
}

fn below(config: PathBuf) -> PathBuf {
    PLUGINS.into_iter().fold(config, |path, it| path.join(it))
}

/// Returns all plugins, `<root>/<name>/<version>/<name>`, sorted by path, and everything that looks
/// like a plugin but is not one.
pub(super) fn find(root: &Root) -> Vec<Found> {
    let names = match list(&root.path) {
        Ok(names) => names,
        Err(err) if !root.is_named && err.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(err) => {
            let hint = "check the value of `EXTERNAL_PLUGINS_PATH`, and your permissions";
            return vec![refused(&root.path, "it cannot be listed", Some(err), hint)];
        }
    };
    let mut found = Vec::new();
    // kubebuilder also ignores files next to the plugins' directories.
    for name in names.iter().filter(|it| is_directory(it)) {
        match list(&name.path()) {
            Ok(versions) => versions.iter().for_each(|it| find_version(name, it, &mut found)),
            Err(err) => found.push(unlistable(&name.path(), err)),
        }
    }
    found
}

/// Inspects one directory that should contain a version of a plugin.
fn find_version(name: &DirEntry, version: &DirEntry, found: &mut Vec<Found>) {
    let path = version.path();
    if !is_directory(version) {
        found.push(refused(
            &path,
            "it is not a version directory; kubebuilder finds no external plugins while it \
             exists",
            None,
            "remove it",
        ));
        return;
    }
    let files = match list(&path) {
        Ok(files) => files,
        Err(err) => return found.push(unlistable(&path, err)),
    };
    let hidden = files.iter().filter(|it| text(it).starts_with('.'));
    found.extend(hidden.map(|it| {
        let reason = "it is not a plugin; kubebuilder finds no external plugins while it exists";
        refused(&it.path(), reason, None, "remove it")
    }));
    let (name, version) = (text(name), text(version));
    // kubebuilder also accepts a file whose name, up to its first dot, is the plugin's.
    let exact = files.iter().find(|it| text(it) == name);
    let stem = |it: &&DirEntry| text(it).split('.').next() == Some(name.as_str());
    let Some(file) = exact.or_else(|| files.iter().find(stem)) else {
        let reason = format!("it has no file `{name}`");
        let hint = format!("name the program `{name}`, without an extension");
        found.push(refused(&path, &reason, None, &hint));
        return;
    };
    let path = file.path();
    let key = Key::new(&name, &version).map_err(|err| {
        let hint = "use the path `<name>/vN/<name>`, `<name>/vN-alpha/<name>` or \
                    `<name>/vN-beta/<name>`, with a lower-case name; otherwise, kubebuilder \
                    finds no external plugins";
        refusal(&err.to_string(), None, hint)
    });
    let key = key.and_then(|key| check_program(&path).map(|()| key));
    found.push(Found { path, key });
}

/// Checks that a file can be run.
fn check_program(path: &Path) -> Result<(), ForeignRefusal> {
    let hint = "check that it exists and that you have permission to read it";
    let metadata = path.metadata().map_err(|err| refusal("it cannot be read", Some(err), hint))?;
    if !metadata.is_file() {
        return Err(refusal("it is not a regular file", None, "remove it"));
    }
    if let Some(exposure) = Exposure::of(&metadata).filter(|_| is_worth_protecting()) {
        let reason = format!("it is not safe to run: {exposure}");
        return Err(refusal(&reason, None, "remove the write permission of all other users"));
    }
    if !is_executable(&metadata) {
        let hint = format!(
            "run `chmod +x {}`; until then, kubebuilder finds no external plugins",
            path.display()
        );
        return Err(refusal("it is not executable", None, &hint));
    }
    if is_bridge(path, &metadata) {
        let hint = "use the plugin itself; the bridge is for kubebuilder";
        return Err(refusal("it is a bridge to a plugin of this host", None, hint));
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    true
}

/// Returns the entries of a directory, sorted by name.
fn list(path: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

fn is_directory(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(it) if it.is_symlink() => entry.path().is_dir(),
        Ok(it) => it.is_dir(),
        Err(_) => false,
    }
}

fn text(entry: &DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}

fn unlistable(path: &Path, err: io::Error) -> Found {
    refused(path, "it cannot be listed", Some(err), "check that you have permission to list it")
}

fn refused(path: &Path, message: &str, source: Option<io::Error>, hint: &str) -> Found {
    Found { path: path.to_owned(), key: Err(refusal(message, source, hint)) }
}

fn refusal(message: &str, source: Option<io::Error>, hint: &str) -> ForeignRefusal {
    let source = source.map(|it| Box::new(it) as _);
    ForeignRefusal { message: message.to_owned(), source, hint: hint.to_owned() }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_named_or_in_the_users_configuration() {
        let check = |vars: &[(&str, &str)]| {
            let env = |name: &str| vars.iter().find(|it| it.0 == name).map(|it| it.1.into());
            root(&env).map(|it| (it.path.display().to_string(), it.is_named))
        };
        let (named, xdg, home) =
            (("EXTERNAL_PLUGINS_PATH", "/x"), ("XDG_CONFIG_HOME", "/c"), ("HOME", "/h"));
        assert_eq!(check(&[named, xdg, home]), Some(("/x".to_owned(), true)));
        assert_eq!(check(&[xdg, home]), Some(("/c/kubebuilder/plugins".to_owned(), false)));
        if cfg!(target_os = "linux") {
            let path = "/h/.config/kubebuilder/plugins".to_owned();
            assert_eq!(check(&[home, ("XDG_CONFIG_HOME", "")]), Some((path, false)));
        }
        assert_eq!(check(&[]), None);
    }
}
