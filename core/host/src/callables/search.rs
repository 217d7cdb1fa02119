//! Finds programs: the names that words correspond to, and the directories of `PATH`.
//!
//! Invariant: no directory is relative, so no program is run by accident from the current
//! directory.

use crate::caller;
use crate::identity::Identity;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The maximum number of words in a program's name. Each word costs a lookup in each directory.
const MAX_WORDS: usize = 16;

/// The longest file name that common file systems have, in bytes.
const MAX_NAME: usize = 255;

/// The programs that a host can run as commands.
#[derive(Debug, Clone, Default)]
pub struct Callables {
    /// The host's name and a dash.
    prefix: String,
    /// The directories, all of them absolute, in their order.
    dirs: Vec<PathBuf>,
}

/// A file whose name is that of a program for the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callable {
    /// The words that call it.
    pub words: Vec<String>,
    /// The file.
    pub path: PathBuf,
    /// Why it is not run.
    pub fault: Option<Fault>,
}

/// Why a file with a program's name is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The user may not execute it.
    NotExecutable,
    /// A program of the same name is in an earlier directory.
    Shadowed {
        /// That program.
        by: PathBuf,
    },
}

impl Callables {
    /// Returns the programs of a host in the directories of `path`, the value of `PATH`.
    pub fn new(identity: &Identity, path: Option<&OsStr>) -> Self {
        Self::of(identity, path.filter(|_| caller::is_trusted()))
    }

    fn of(identity: &Identity, path: Option<&OsStr>) -> Self {
        let mut seen = HashSet::new();
        let dirs = std::env::split_paths(path.unwrap_or_default());
        let dirs = dirs.filter(|it| it.is_absolute() && seen.insert(it.clone())).collect();
        Self { prefix: format!("{}-", identity.command_name), dirs }
    }

    /// Returns the programs named by a prefix of `words`, the longest name first, each with its
    /// number of words.
    pub fn find<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = (usize, PathBuf)> + 'a {
        let most = words.len().min(MAX_WORDS);
        (1..=most).rev().filter_map(|n| Some((n, self.find_exact(&words[..n])?)))
    }

    /// Returns the program named by all of `words`.
    fn find_exact(&self, words: &[String]) -> Option<PathBuf> {
        let names = file_names(self.name(words)?);
        let paths = self.dirs.iter().flat_map(|dir| names.iter().map(|it| dir.join(it)));
        paths.into_iter().find(|it| is_file(it) && is_executable(it))
    }

    /// Returns the name of the program for `words`, if they can be a name.
    fn name(&self, words: &[String]) -> Option<String> {
        let words = words.iter().map(|it| fits(it).then(|| it.replace('-', "_")));
        let name = format!("{}{}", self.prefix, words.collect::<Option<Vec<_>>>()?.join("-"));
        (name.len() <= MAX_NAME).then_some(name)
    }

    /// Returns all files with the name of a program, sorted by their words; those with the same
    /// words are in the order of the directories.
    ///
    /// This reads each directory once. Two paths to one directory count as one.
    pub fn list(&self) -> Vec<Callable> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let is_new = |dir: &&PathBuf| fs::canonicalize(dir).is_ok_and(|it| seen.insert(it));
        for dir in self.dirs.iter().filter(is_new) {
            let first = found.len();
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            for entry in entries {
                let name = entry.file_name();
                let words = name.to_str().and_then(|it| self.words(it));
                // A directory or another special file only happens to have the name.
                let path = words.map(|it| (it, entry.path())).filter(|it| is_file(&it.1));
                found.extend(path.map(|(words, path)| Callable { words, path, fault: None }));
            }
            found[first..].sort_by(|one, other| one.path.cmp(&other.path));
        }
        judge(&mut found);
        found.sort_by(|one, other| one.words.cmp(&other.words));
        found
    }

    /// Returns the words that call a file with this name; `None` if no words do.
    fn words(&self, file_name: &str) -> Option<Vec<String>> {
        let name = without_extension(file_name)?.strip_prefix(&self.prefix)?;
        let words: Vec<_> = name.split('-').map(word).collect();
        (words.iter().all(|it| fits(it)) && words.len() <= MAX_WORDS).then_some(words)
    }
}

/// Returns whether a word can be part of a file name on every system.
fn fits(word: &str) -> bool {
    !word.is_empty() && !word.contains(['/', '\\', ':', '\0'])
}

/// Returns the word for a part of a name: `_` is a dash, except where the word would be an option.
fn word(part: &str) -> String {
    let rest = part.trim_start_matches('_');
    format!("{}{}", &part[..part.len() - rest.len()], rest.replace('_', "-"))
}

/// Marks the files that are not run; they are in the order of the directories.
fn judge(found: &mut [Callable]) {
    let mut first: HashMap<Vec<String>, PathBuf> = HashMap::new();
    for it in found {
        it.fault = match first.get(&it.words) {
            _ if !is_executable(&it.path) => Some(Fault::NotExecutable),
            Some(by) => Some(Fault::Shadowed { by: by.clone() }),
            None => {
                first.insert(it.words.clone(), it.path.clone());
                None
            }
        };
    }
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// On Windows, the name shows it.
#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

/// Returns the names that the file of a program can have.
#[cfg(not(windows))]
fn file_names(name: String) -> [String; 1] {
    [name]
}

#[cfg(windows)]
fn file_names(name: String) -> Vec<String> {
    extensions().iter().map(|it| format!("{name}{it}")).collect()
}

/// Returns the name of a program without the part that only marks it as a program.
#[cfg(not(windows))]
fn without_extension(file_name: &str) -> Option<&str> {
    Some(file_name)
}

#[cfg(windows)]
fn without_extension(file_name: &str) -> Option<&str> {
    let (name, extension) = file_name.rsplit_once('.')?;
    let fits = |it: &String| it[1..].eq_ignore_ascii_case(extension);
    extensions().iter().any(fits).then_some(name)
}

/// Returns the extensions of programs, each with its dot.
#[cfg(windows)]
fn extensions() -> Vec<String> {
    let list = caller::var("PATHEXT").unwrap_or_else(|| ".COM;.EXE;.BAT;.CMD".to_owned());
    let extensions = list.split(';').filter(|it| it.len() > 1 && it.starts_with('.'));
    extensions.map(str::to_owned).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use std::os::unix::fs::PermissionsExt as _;
    use tempfile::TempDir;

    /// Creates directories with files; the names of executable files end in `*`.
    fn dirs(names: &[&[&str]]) -> (TempDir, Callables) {
        let root = tempfile::tempdir().unwrap();
        let mut path = Vec::new();
        for (idx, names) in names.iter().enumerate() {
            let dir = root.path().join(idx.to_string());
            fs::create_dir(&dir).unwrap();
            for name in *names {
                let (name, mode) = name.strip_suffix('*').map_or((*name, 0o644), |it| (it, 0o755));
                fs::write(dir.join(name), "").unwrap();
                fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
            }
            path.push(dir);
        }
        let path = std::env::join_paths(path).unwrap();
        let callables = Callables::of(&Identity::default(), Some(&path));
        (root, callables)
    }

    #[track_caller]
    fn check((root, callables): &(TempDir, Callables), line: &str, expected: &str) {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let found = callables
            .find(&words)
            .map(|(n, path)| format!("{n}:{}", path.strip_prefix(root.path()).unwrap().display()));
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{line}");
    }

    #[test]
    fn the_longest_name_comes_first_in_whatever_directory() {
        let dirs = dirs(&[&["pintle-foo*", "pintle-a_b-c*"], &["pintle-foo-a*", "pintle-foo*"]]);
        check(&dirs, "foo", "1:0/pintle-foo");
        check(&dirs, "foo a b", "2:1/pintle-foo-a 1:0/pintle-foo");
        check(&dirs, "foo b", "1:0/pintle-foo");
        // A dash in a word is not a dash between words.
        check(&dirs, "a-b c", "2:0/pintle-a_b-c");
        check(&dirs, "a_b c", "2:0/pintle-a_b-c");
        check(&dirs, "a b c", "");
        check(&dirs, "foo-a", "");
    }

    #[test]
    fn what_cannot_be_run_is_passed_over() {
        let dirs = dirs(&[&["pintle-foo"], &["pintle-foo*"]]);
        check(&dirs, "foo", "1:1/pintle-foo");
        fs::create_dir(dirs.0.path().join("0/pintle-bar")).unwrap();
        std::os::unix::fs::symlink("nowhere", dirs.0.path().join("0/pintle-baz")).unwrap();
        check(&dirs, "bar", "");
        check(&dirs, "baz", "");
    }

    #[test]
    fn words_that_cannot_be_in_a_name_end_it() {
        let dirs = dirs(&[&["pintle-foo*"]]);
        check(&dirs, "foo ../0/pintle-foo", "1:0/pintle-foo");
        check(&dirs, "../foo", "");
        check(&dirs, "foo ", "1:0/pintle-foo");
        check(&dirs, &format!("foo {}", "a".repeat(300)), "1:0/pintle-foo");
        check(&dirs, &format!("foo {}", "a ".repeat(300)), "1:0/pintle-foo");
    }

    #[test]
    fn relative_and_empty_directories_are_ignored() {
        let of = |path: &str| Callables::of(&Identity::default(), Some(path.as_ref())).dirs;
        assert_eq!(of(".:/a::b:/a:../c:/d"), [PathBuf::from("/a"), PathBuf::from("/d")]);
        assert!(of("").is_empty());
        assert!(Callables::of(&Identity::default(), None).dirs.is_empty());
    }

    #[track_caller]
    fn check_list((root, callables): &(TempDir, Callables), expected: Expect) {
        let list = callables.list();
        let lines = list.iter().map(|it| {
            format!("{}: {} {:?}\n", it.words.join(" "), it.path.display(), it.fault)
                .replace(&format!("{}/", root.path().display()), "")
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn the_list_tells_why_a_file_is_not_run() {
        let dirs = dirs(&[
            &["pintle-foo*", "pintle-dull", "other*", "pintle*", "pintle-*", "pintle-a--b*"],
            &["pintle-foo*", "pintle-dull*", "pintle-foo-a_b*", "pintle-_x_y*"],
        ]);
        fs::create_dir(dirs.0.path().join("0/pintle-folder")).unwrap();
        check_list(
            &dirs,
            expect![[r#"
                _x-y: 1/pintle-_x_y None
                dull: 0/pintle-dull Some(NotExecutable)
                dull: 1/pintle-dull None
                foo: 0/pintle-foo None
                foo: 1/pintle-foo Some(Shadowed { by: "0/pintle-foo" })
                foo a-b: 1/pintle-foo-a_b None
            "#]],
        );
    }

    #[test]
    fn one_directory_under_two_names_is_listed_once() {
        let mut dirs = dirs(&[&["pintle-foo*"]]);
        let link = dirs.0.path().join("link");
        std::os::unix::fs::symlink("0", &link).unwrap();
        dirs.1.dirs.push(link);
        check_list(
            &dirs,
            expect![[r#"
                foo: 0/pintle-foo None
            "#]],
        );
    }

    #[test]
    fn the_words_of_the_list_find_the_file() {
        let dirs = dirs(&[&["pintle-_x_y*", "pintle-a_-b*", "pintle-a.sh-9*", "pintle-__*"]]);
        for it in dirs.1.list() {
            assert_eq!(dirs.1.find_exact(&it.words).as_ref(), Some(&it.path), "{it:?}");
        }
        assert_eq!(dirs.1.list().len(), 4);
    }
}
