//! Changes to the user's configuration file, which keep everything else in it.

use super::contents::Contents;
use super::toml_text::{self, ConfigError};
use crate::catalog::PluginKey;
use crate::fs::{self, Dir, Holder, Lock, Mode, Unowned};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::{Array, DocumentMut, Item, Value};

/// The lock for changes, next to the file.
const LOCK: &str = ".config.toml.lock";
/// How long a change waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the configuration was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The existing file cannot be read.
    #[error(transparent)]
    Read(#[from] ConfigError),
    /// The disk refuses the change.
    #[error("failed to change the configuration `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: fs::Error,
    },
    /// The directory cannot be created.
    #[error("failed to create the directory `{}`", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Adds a key to the disabled plugins in a configuration file; returns whether the key is new. If
/// the file does not exist, it is created.
///
/// # Errors
///
/// When the file cannot be read or written; then nothing has changed.
pub fn disable(path: &Path, key: &PluginKey) -> Result<bool, EditError> {
    edit(path, |contents, document| {
        let is_new = !contents.disabled.contains(key);
        if is_new {
            let none = || Item::Value(Value::Array(Array::new()));
            let list = document.entry("disabled").or_insert_with(none).as_array_mut();
            push(list.expect("it was read as a list"), key);
        }
        is_new
    })
}

/// Removes the keys that `is_meant` selects from the disabled plugins in a configuration file, and
/// returns them.
///
/// # Errors
///
/// When the file cannot be read or written; then nothing has changed.
pub fn enable(
    path: &Path,
    is_meant: impl Fn(&PluginKey) -> bool,
) -> Result<Vec<PluginKey>, EditError> {
    edit(path, |contents, document| {
        let list = document.get_mut("disabled").and_then(Item::as_array_mut);
        if let Some(list) = list {
            let is_key = |it: &Value| it.as_str().and_then(|it| it.parse().ok());
            list.retain(|it| !is_key(it).is_some_and(|key: PluginKey| is_meant(&key)));
        }
        contents.disabled.into_iter().filter(is_meant).collect()
    })
}

/// Adds a key at the end of a list, on a separate line if the other keys have one.
fn push(list: &mut Array, key: &PluginKey) {
    let mut value = Value::from(key.to_string());
    let before = list.iter().last().and_then(|it| it.decor().prefix()?.as_str());
    match before.and_then(|it| Some(&it[it.rfind('\n')?..])) {
        Some(line) => {
            value.decor_mut().set_prefix(line);
            list.push_formatted(value);
        }
        None => list.push(value),
    }
}

/// Changes a file; it is not written if nothing has changed.
fn edit<T>(
    path: &Path,
    change: impl FnOnce(Contents, &mut DocumentMut) -> T,
) -> Result<T, EditError> {
    // A link, for example into a directory under version control, is kept.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let failed = |source| EditError::Write { path: path.clone(), source };
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)
        .map_err(|source| EditError::Directory { path: dir.to_owned(), source })?;
    let _lock = lock(dir).map_err(failed)?;
    let text = toml_text::read_text(path)?.unwrap_or_default();
    let broken = |why: String| ConfigError { path: path.clone(), source: why.into() };
    let contents = toml_text::parse(&text).map_err(broken)?;
    let mut document: DocumentMut =
        text.parse().map_err(|err: toml_edit::TomlError| broken(err.to_string()))?;
    let old = document.to_string();
    let changed = change(contents, &mut document);
    let new = document.to_string();
    if new != old {
        fs::replace(path, new.as_bytes(), Mode::Keep(0o644)).map_err(failed)?;
    }
    Ok(changed)
}

/// Excludes other changes: if two ran at the same time, one would be lost.
fn lock(dir: &Path) -> Result<Lock, fs::Error> {
    let opened = Dir::open(dir)?;
    let attempt = || Lock::attempt(&opened, LOCK, Unowned::Stale);
    Lock::wait(&dir.join(LOCK), PATIENCE, &mut |_: &Holder| {}, attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn key(text: &str) -> PluginKey {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(before: &str, change: impl FnOnce(&Path), expected: Expect) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pintle/config.toml");
        if !before.is_empty() {
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            std::fs::write(&path, before).unwrap();
        }
        change(&path);
        expected.assert_eq(&std::fs::read_to_string(&path).unwrap());
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_change_keeps_what_the_user_has_written() {
        let add = |path: &Path| assert!(disable(path, &key("b.io/v1")).unwrap());
        check(
            "",
            add,
            expect![[r#"
            disabled = ["b.io/v1"]
        "#]],
        );
        check(
            "# mine\ndisabled = ['a.io'] # why\n",
            add,
            expect![[r##"
            # mine
            disabled = ['a.io', "b.io/v1"] # why
        "##]],
        );
        check(
            "disabled = [\n  # it is slow\n  'a.io',\n]\n\n[[required]] # us\nplugin = 'c.io'\n",
            add,
            expect![[r#"
                disabled = [
                  # it is slow
                  'a.io',
                  "b.io/v1",
                ]

                [[required]] # us
                plugin = 'c.io'
            "#]],
        );
        check(
            "# us\n[[required]]\nplugin = 'c.io'\n",
            add,
            expect![[r#"
            disabled = ["b.io/v1"]
            # us
            [[required]]
            plugin = 'c.io'
        "#]],
        );
        let remove = |path: &Path| {
            let removed = enable(path, |it| it.name().as_str() == "a.io").unwrap();
            assert_eq!(removed, [key("a.io"), key("a.io/v1")]);
        };
        check(
            "# mine\ndisabled = [\n  'a.io', # slow\n  'b.io',\n  'a.io/v1',\n]\n",
            remove,
            expect![[r#"
                # mine
                disabled = [ # slow
                  'b.io',
                ]
            "#]],
        );
    }

    #[test]
    fn what_is_disabled_already_is_not_written_again() {
        let again = |path: &Path| assert!(!disable(path, &key("a.io")).unwrap());
        check("disabled=['a.io']", again, expect!["disabled=['a.io']"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_stays_as_it_is() {
        let broken = |path: &Path| {
            let err = disable(path, &key("a.io")).unwrap_err();
            assert!(matches!(err, EditError::Read(_)), "{err}");
        };
        check(
            "disabled = 1\n",
            broken,
            expect![[r#"
            disabled = 1
        "#]],
        );
    }

    #[test]
    fn of_two_changes_at_once_none_is_lost() {
        let both = |path: &Path| {
            std::thread::scope(|scope| {
                for idx in 0..8 {
                    scope.spawn(move || disable(path, &key(&format!("p{idx}.io"))).unwrap());
                }
            });
            let contents: Contents = toml_text::read(path).unwrap();
            assert_eq!(contents.disabled.len(), 8);
            std::fs::write(path, "").unwrap();
        };
        check("", both, expect![""]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let [path, target] = ["config.toml", "dotfiles.toml"].map(|it| dir.path().join(it));
        std::fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        disable(&path, &key("a.io")).unwrap();
        assert!(path.is_symlink());
        assert_eq!(std::fs::read_to_string(target).unwrap(), "disabled = [\"a.io\"]\n");
    }
}
