//! Programs that are commands of the host by their names: `HOST-foo` on the search path is what
//! `HOST foo` runs, if there is no such command.
//!
//! The longest name wins, and a `-` in a word is `_` in a file's name. Nothing is run from a
//! relative directory of the search path.

mod completion;
mod run;

pub(crate) use completion::{Completion, complete};
pub(crate) use run::run;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// A program that `words` mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callable {
    /// The program.
    pub(crate) path: PathBuf,
    /// How many of the words it takes.
    pub(crate) n_words: usize,
}

/// A file on the search path with the name of a callable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// The words that call it.
    pub(crate) words: Vec<String>,
    /// Whether it can be run.
    pub(crate) is_executable: bool,
    /// The program that is run instead.
    pub(crate) shadowed_by: Option<PathBuf>,
}

/// Finds the program that some words mean: of those that have the first words as their name,
/// the one with most of them. `is_taken` says which words belong to somebody else.
pub(crate) fn find(
    host: &str,
    words: &[&str],
    search: &OsStr,
    is_taken: impl Fn(&[&str]) -> bool,
) -> Option<Callable> {
    let possible = words.iter().take_while(|it| is_possible(it)).count();
    (1..=possible).rev().find_map(|n_words| {
        let words = &words[..n_words];
        let name = file_name(host, words);
        let path = directories(search).map(|it| it.join(&name)).find(|it| is_program(it))?;
        (!is_taken(words)).then_some(Callable { path, n_words })
    })
}

/// Lists the files on the search path that have the name of a callable, by name; those of one
/// name in the order of the search path.
pub(crate) fn list(host: &str, search: &OsStr) -> Vec<Found> {
    let mut by_name: BTreeMap<OsString, Vec<Found>> = BTreeMap::new();
    for directory in directories(search) {
        let Ok(entries) = directory.read_dir() else { continue };
        for name in entries.flatten().map(|it| it.file_name()) {
            let Some(words) = words(host, &name) else { continue };
            let path = directory.join(&name);
            // A directory is neither run nor worth a word.
            let Ok(metadata) = path.metadata() else { continue };
            if !metadata.is_file() {
                continue;
            }
            let others = by_name.entry(name).or_default();
            if others.iter().any(|it| it.path == path) {
                continue;
            }
            let first = others.iter().find(|it| it.is_executable);
            let shadowed_by = first.map(|it| it.path.clone());
            let is_executable = can_run(&path, &metadata);
            others.push(Found { path, words, is_executable, shadowed_by });
        }
    }
    by_name.into_values().flatten().collect()
}

/// Returns the directories of the search path that do not depend on the current one.
fn directories(search: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(search).filter(|it| it.is_absolute())
}

/// Whether a word can be a part of a file's name, and is not a way to another directory.
fn is_possible(word: &str) -> bool {
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
    word.starts_with(|it: char| it.is_alphanumeric()) && word.chars().all(is_plain)
}

fn file_name(host: &str, words: &[&str]) -> String {
    let words = words.iter().map(|it| it.replace('-', "_"));
    let name: Vec<_> = std::iter::once(host.to_owned()).chain(words).collect();
    format!("{}{}", name.join("-"), std::env::consts::EXE_SUFFIX)
}

/// Returns the words that call a file with this name, if it is a callable's.
fn words(host: &str, name: &OsStr) -> Option<Vec<String>> {
    let name = name.to_str()?.strip_suffix(std::env::consts::EXE_SUFFIX)?;
    let words = name.strip_prefix(host)?.strip_prefix('-')?;
    let words: Vec<_> = words.split('-').map(|it| it.replace('_', "-")).collect();
    words.iter().all(|it| is_possible(it)).then_some(words)
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && can_run(path, &it))
}

/// Whether this user may run a file.
#[cfg(unix)]
fn can_run(path: &Path, _: &Metadata) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn can_run(_: &Path, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct Paths {
        home: tempfile::TempDir,
    }

    impl Paths {
        fn new(files: &[(&str, u32)]) -> Self {
            let home = tempfile::tempdir().unwrap();
            for (file, mode) in files {
                let path = home.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, "#!/bin/sh\n").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            Self { home }
        }

        fn search(&self) -> OsString {
            let of = |it| self.home.path().join(it);
            std::env::join_paths([of("one"), PathBuf::from("two"), PathBuf::new(), of("two")])
                .unwrap()
        }

        fn find(&self, words: &[&str]) -> Option<(String, usize)> {
            let found = find("tool", words, &self.search(), |it| it == ["taken"])?;
            let path = found.path.strip_prefix(self.home.path()).unwrap();
            Some((path.display().to_string(), found.n_words))
        }
    }

    #[test]
    fn the_longest_name_wins_and_the_first_directory() {
        let paths = Paths::new(&[
            ("one/tool-a", 0o755),
            ("two/tool-a", 0o755),
            ("two/tool-a-b", 0o755),
            ("one/tool-a-b-c", 0o644),
            ("two/tool-big_ship", 0o755),
            ("two/tool-taken", 0o755),
            ("two/tool-dir/x", 0o755),
        ]);
        let found = |path: &str, n_words| Some((path.to_owned(), n_words));
        assert_eq!(paths.find(&["a"]), found("one/tool-a", 1));
        assert_eq!(paths.find(&["a", "x"]), found("one/tool-a", 1));
        assert_eq!(paths.find(&["a", "b", "c"]), found("two/tool-a-b", 2));
        assert_eq!(paths.find(&["big-ship"]), found("two/tool-big_ship", 1));
        assert_eq!(paths.find(&["big_ship"]), found("two/tool-big_ship", 1));
        for words in [["taken"], ["dir"], ["none"], [""], ["../one/tool-a"], ["x/y"]] {
            assert_eq!(paths.find(&words), None, "{words:?}");
        }
    }

    #[test]
    fn a_listing_has_what_cannot_be_run_and_what_is_shadowed() {
        let paths = Paths::new(&[
            ("one/tool-a", 0o644),
            ("two/tool-a", 0o755),
            ("one/tool-big_ship-moor", 0o755),
            ("two/tool-big_ship-moor", 0o755),
            ("two/toolbox", 0o755),
            ("two/tool-", 0o755),
        ]);
        // Access says yes to everything for root, unless no one may run a file.
        let shown: Vec<_> = list("tool", &paths.search())
            .into_iter()
            .map(|it| {
                let path = it.path.strip_prefix(paths.home.path()).unwrap().display().to_string();
                (path, it.words.join(" "), it.is_executable, it.shadowed_by.is_some())
            })
            .collect();
        let row = |path: &str, words: &str, is_executable, is_shadowed| {
            (path.to_owned(), words.to_owned(), is_executable, is_shadowed)
        };
        assert_eq!(
            shown,
            [
                row("one/tool-a", "a", false, false),
                row("two/tool-a", "a", true, false),
                row("one/tool-big_ship-moor", "big-ship moor", true, false),
                row("two/tool-big_ship-moor", "big-ship moor", true, true),
            ]
        );
    }
}
