//! The user's own kubeconfig, in which clusters come and go.
//!
//! Invariants: the file is changed in one rename, under a lock that kubectl respects too;
//! entries of others are never touched.

use super::credentials::to_text;
use super::entries::{self, NotAList};
use super::error::KubeconfigError;
use super::kubectl_lock;
use pintle_host::fs::{self, Mode};
use pintle_host::services::Excerpt;
use serde_json::{Map, Value};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The largest kubeconfig that is read: an entry takes some kilobytes.
const MAX_SIZE: u64 = 64 << 20;

/// A new file is for its owner only: it holds keys. The user may have chosen otherwise.
const MODE: Mode = Mode::Keep(0o600);

/// What a merge has changed, so that it can be taken back.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    path: PathBuf,
    name: String,
    /// The context that was current before, if the merge made its own the current one.
    previous: Option<Option<String>>,
}

/// Puts the entries of `config`, which has the context `name`, into the file at `path`.
pub(crate) fn merge(
    path: &Path,
    config: &Value,
    name: &str,
    switch: bool,
) -> Result<Merged, KubeconfigError> {
    let mut previous = None;
    change(path, |all| {
        previous = entries::add(all, config, name, switch)?;
        Ok(true)
    })?;
    Ok(Merged { path: path.to_owned(), name: name.to_owned(), previous })
}

impl Merged {
    /// Takes a merge back.
    pub(crate) fn undo(&self) -> Result<(), KubeconfigError> {
        change(&self.path, |all| {
            entries::remove(all, &self.name)?;
            if let (Some(Some(previous)), None) = (&self.previous, all.get("current-context")) {
                all.insert("current-context".to_owned(), previous.clone().into());
            }
            Ok(true)
        })
    }
}

/// Takes the entries of the context `name` out of the file at `path`.
///
/// If the context is the current one, there is none afterwards: kubectl shall not go on
/// with some other cluster.
pub(crate) fn remove(path: &Path, name: &str) -> Result<(), KubeconfigError> {
    if !path.exists() {
        return Ok(());
    }
    change(path, |all| entries::remove(all, name))
}

/// Returns whether the file at `path` has the context `name`.
pub(crate) fn has(path: &Path, name: &str) -> bool {
    read(path).is_ok_and(|all| entries::has(&all, name))
}

/// Reads, changes and replaces the file at `path`, which may not exist yet; `edit` returns
/// whether there is something to write.
fn change(
    path: &Path,
    edit: impl FnOnce(&mut Map<String, Value>) -> Result<bool, NotAList>,
) -> Result<(), KubeconfigError> {
    let write = |source| KubeconfigError::Io { action: "write", path: path.to_owned(), source };
    // Users keep links here; what they lead to is what changes.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = target.file_name().ok_or_else(|| write(ErrorKind::InvalidFilename.into()))?;
    let folder = match target.parent() {
        Some(it) if !it.as_os_str().is_empty() => it,
        _ => Path::new("."),
    };
    make_private_folder(folder).map_err(write)?;
    let _lock = kubectl_lock::take(folder, &name.to_owned())?;
    let mut all = read(&target)?;
    if !edit(&mut all).map_err(|err| invalid(path, err))? {
        return Ok(());
    }
    let text = to_text(&Value::Object(all));
    fs::replace(&target, text.as_bytes(), MODE).map_err(|err| write(err.into()))
}

fn read(path: &Path) -> Result<Map<String, Value>, KubeconfigError> {
    let failed = |source| KubeconfigError::Io { action: "read", path: path.to_owned(), source };
    let text = match fs::read_named(path, MAX_SIZE) {
        Ok(contents) => contents.into_text().map_err(failed)?,
        Err(err) if err.is_absent() => return Ok(Map::new()),
        Err(err) => return Err(failed(err.into())),
    };
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let yaml = |err: serde_saphyr::Error| invalid(path, Excerpt(err.to_string()));
    match serde_saphyr::from_str(&text).map_err(yaml)? {
        Value::Object(all) => Ok(all),
        Value::Null => Ok(Map::new()),
        _ => Err(invalid(path, "it is not a map")),
    }
}

fn invalid(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> KubeconfigError {
    KubeconfigError::Invalid { path: path.to_owned(), source: source.into() }
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::super::credentials::tests::config;
    use super::*;
    use std::fs;

    fn contexts(path: &Path) -> Vec<String> {
        let all = read(path).unwrap();
        let names = all["contexts"].as_array().unwrap().iter();
        names.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_merge_keeps_what_others_wrote_and_can_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/config");
        let own = "apiVersion: v1\nkind: Config\ncurrent-context: mine\nextensions: {a: 1}\n\
                   contexts:\n- name: mine\n  context: {cluster: mine, namespace: x}\nclusters: null\n";
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, own).unwrap();
        let merged = merge(&path, &config("a"), "a", true).unwrap();
        let all = read(&path).unwrap();
        assert_eq!(all["current-context"], "a");
        assert_eq!(all["extensions"]["a"], 1);
        assert_eq!(all["contexts"][0]["context"]["namespace"], "x");
        assert_eq!(contexts(&path), ["mine", "a"]);
        merged.undo().unwrap();
        assert_eq!(read(&path).unwrap()["current-context"], "mine");
        assert_eq!(contexts(&path), ["mine"]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn merging_twice_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        merge(&path, &config("a"), "a", false).unwrap();
        merge(&path, &config("a"), "a", false).unwrap();
        assert_eq!(contexts(&path), ["a"]);
        assert!(!read(&path).unwrap().contains_key("current-context"));
        assert!(has(&path, "a"));
        remove(&path, "a").unwrap();
        assert!(!has(&path, "a"));
    }

    #[test]
    fn a_removed_context_is_not_followed_by_some_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        merge(&path, &config("a"), "a", true).unwrap();
        merge(&path, &config("b"), "b", true).unwrap();
        remove(&path, "b").unwrap();
        assert_eq!(contexts(&path), ["a"]);
        assert_eq!(read(&path).unwrap().get("current-context"), None);
    }

    #[test]
    #[cfg(unix)]
    fn the_file_is_private_and_links_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        merge(&target, &config("a"), "a", true).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        std::os::unix::fs::symlink(&target, &link).unwrap();
        merge(&link, &config("b"), "b", true).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(contexts(&target), ["a", "b"]);
    }

    #[test]
    fn an_invalid_kubeconfig_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        for text in ["- a\n", "clusters: 7\n", "a: [\n"] {
            fs::write(&path, text).unwrap();
            let err = merge(&path, &config("a"), "a", true).unwrap_err();
            assert!(err.to_string().ends_with("is not a valid kubeconfig"), "{text}: {err}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn parallel_merges_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..25 {
            let path = dir.path().join(format!("config-{round}"));
            std::thread::scope(|scope| {
                for idx in 0..8 {
                    let path = &path;
                    scope.spawn(move || {
                        let name = format!("c{idx}");
                        merge(path, &config(&name), &name, idx % 2 == 0).unwrap();
                    });
                }
            });
            let mut names = contexts(&path);
            names.sort();
            assert_eq!(names, ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]);
        }
    }
}
