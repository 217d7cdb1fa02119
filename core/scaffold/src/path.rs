//! Which paths a node may have.

use crate::project::PROJECT;
use pintle_host::fs::{Dir, Kind};
use std::path::{Component, Path};

/// The host's own directory in a project.
pub(super) const HOST_FOLDER: &str = ".pintle";

/// The maximum length of a path in bytes: a longer path is a mistake of the plugin, and no system
/// has a higher limit.
const MAX_LENGTH: usize = 4096;

/// Why plugins may not use a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path has no parts.
    #[error("it is empty")]
    Empty,
    /// The path does not start in the project.
    #[error("it is absolute")]
    Absolute,
    /// The path has a part that cannot be a file name.
    #[error("its part `{0}` is not a valid file name")]
    Part(String),
    /// The path contains a character that some systems cannot store, or interpret as a separator.
    #[error("it contains {0}")]
    Character(&'static str),
    /// The path is longer than systems accept.
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// The path has a part that is a device or an invalid file name on Windows.
    #[error("its part `{0}` is not a valid file name on Windows")]
    Windows(String),
    /// The path belongs to the host or to git.
    #[error("it is reserved")]
    Reserved,
    /// A directory on the path is a symbolic link on disk.
    #[error("`{0}` is a symbolic link")]
    Link(String),
}

/// Checks that `path` names a file in the project: relative, with `/` between its parts, and not
/// reserved for the host or git.
pub(super) fn check(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_LENGTH {
        return Err(PathError::TooLong);
    }
    if path.contains('\\') {
        return Err(PathError::Character("a backslash"));
    }
    if path.contains('\0') {
        return Err(PathError::Character("a NUL character"));
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute);
    }
    if let Some(part) = path.split('/').find(|it| matches!(*it, "" | "." | "..")) {
        return Err(PathError::Part(part.to_owned()));
    }
    // Drive letters, on systems that have them.
    if !Path::new(path).components().all(|it| matches!(it, Component::Normal(_))) {
        return Err(PathError::Absolute);
    }
    if path == PROJECT || path.split('/').any(|it| is_git(it) || is_host(it)) {
        return Err(PathError::Reserved);
    }
    Ok(())
}

/// Checks that a new file can have this path on every system: projects are shared.
///
/// Files that are already on disk may have other names.
pub(super) fn check_portable(path: &str) -> Result<(), PathError> {
    match path.split('/').find(|it| !is_portable(it)) {
        Some(part) => Err(PathError::Windows(part.to_owned())),
        None => Ok(()),
    }
}

/// Whether a file can be called `part` on Windows.
fn is_portable(part: &str) -> bool {
    // With any extension, it is still the name of a device.
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    let numbered = |it: &str| {
        let device = it
            .get(..3)
            .is_some_and(|it| it.eq_ignore_ascii_case("com") || it.eq_ignore_ascii_case("lpt"));
        let number = || it.get(3..).and_then(|it| it.parse().ok());
        device && number().is_some_and(|it: char| matches!(it, '1'..='9' | '¹' | '²' | '³'))
    };
    let devices = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let unfit = |it: char| it.is_control() || r#"<>:"|?*"#.contains(it);
    !(part.ends_with(['.', ' '])
        || part.contains(unfit)
        || devices.iter().any(|it| stem.eq_ignore_ascii_case(it))
        || numbered(stem))
}

/// Checks that no directory on the way to `path` is a symbolic link on disk.
pub(super) fn check_links(dir: &Dir, path: &str) -> Result<(), PathError> {
    for folder in parents(path) {
        // If this cannot be determined, nothing else works either, and reports the error.
        if matches!(dir.find(folder), Ok(Some(it)) if it.kind == Kind::Symlink) {
            return Err(PathError::Link(folder.to_owned()));
        }
    }
    Ok(())
}

/// Returns the parent directories of `path`, the outermost first.
pub(super) fn parents(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// Whether `part` is git's directory, also on file systems that ignore case.
pub(super) fn is_git(part: &str) -> bool {
    part.eq_ignore_ascii_case(".git")
}

/// Whether `part` is the host's directory, also on file systems that ignore case.
pub(super) fn is_host(part: &str) -> bool {
    part.eq_ignore_ascii_case(HOST_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_taken() {
        for path in [
            "a",
            "a/b.rs",
            ".gitignore",
            ".pintle.toml",
            ".github/workflows/ci.yaml",
            "a b/ä",
            "sub/PROJECT",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in [
            "",
            "/a",
            "a//b",
            "a/",
            "./a",
            "a/./b",
            "..",
            "../a",
            "a/../b",
            "a\\b",
            "a\0b",
            ".git",
            ".git/config",
            ".GIT/config",
            "sub/.git/config",
            "PROJECT",
            ".pintle",
            ".pintle/scaffold.jsonl",
            ".Pintle/run/journal",
            "sub/.pintle/x",
        ] {
            assert!(check(path).is_err(), "{path}");
        }
    }

    #[test]
    fn no_path_is_longer_than_systems_take() {
        assert_eq!(check(&"a".repeat(MAX_LENGTH)), Ok(()));
        assert_eq!(check(&"a/".repeat(MAX_LENGTH)), Err(PathError::TooLong));
    }

    #[test]
    fn a_new_file_can_be_checked_out_on_every_system() {
        for path in ["a.b/.env", "console.rs", "com0", "com10", "comma", "lpt", "a b", "ä.rs"] {
            assert_eq!(check_portable(path), Ok(()), "{path}");
        }
        for part in [
            "CON",
            "con.rs",
            "Aux .c",
            "nul.tar.gz",
            "COM1",
            "lpt9.txt",
            "com²",
            "conIN$",
            "a.",
            "a ",
            "a:b",
            "a?",
            "*",
            "<",
            "\"",
            "a|b",
            "a\tb",
        ] {
            let path = format!("src/{part}/x");
            assert_eq!(check_portable(&path), Err(PathError::Windows(part.to_owned())));
        }
    }

    #[test]
    fn the_way_to_a_file_is_its_folders() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(parents("a").count(), 0);
    }
}
