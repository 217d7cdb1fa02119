//! The user's own kubeconfig, in which clusters come and go.
//!
//! Invariants: a file is changed in one step, under a lock that kubectl respects too; of
//! entries of others no byte changes.

use super::disk::{Source, invalid};
use super::document;
use super::edit::{self, Edit, Plan, Refusal};
use super::error::KubeconfigError;
use super::location::Kubeconfig;
use pintle_host::fs::Lock;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How often other programs may change, while locks are taken, which files are to be locked.
const MAX_ROUNDS: usize = 8;

/// What a merge has changed, so that it can be taken back.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    kubeconfig: Kubeconfig,
    name: String,
    written: Vec<Written>,
    /// If the merge made its context the current one: in which file, and what was before.
    previous: Option<(PathBuf, Option<String>)>,
}

/// A file that was changed.
#[derive(Debug, Clone)]
struct Written {
    path: PathBuf,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
}

/// Puts the entries of `config`, which has the context `name`, into a kubeconfig.
pub(crate) fn merge(
    kubeconfig: &Kubeconfig,
    config: &Value,
    name: &str,
    switch: bool,
) -> Result<Merged, KubeconfigError> {
    let mut previous = None;
    let default = kubeconfig.default_idx();
    let written = change(kubeconfig, name, |files| {
        let plan = edit::merge(files, default, config, name, switch)?;
        previous.clone_from(&plan.previous);
        Ok(plan)
    })?;
    let previous = previous.map(|(file, before)| (kubeconfig.paths()[file].clone(), before));
    Ok(Merged { kubeconfig: kubeconfig.clone(), name: name.to_owned(), written, previous })
}

impl Merged {
    /// Takes a merge back.
    pub(crate) fn undo(&self) -> Result<(), KubeconfigError> {
        let mut is_all = true;
        for written in self.written.iter().rev() {
            is_all &= written.restore()?;
        }
        if is_all {
            return Ok(());
        }
        // Somebody has changed a file since.
        change(&self.kubeconfig, &self.name, |files| {
            let mut plan = edit::remove(files, &self.name)?;
            let Some((path, Some(before))) = &self.previous else { return Ok(plan) };
            let idx = self.kubeconfig.paths().iter().position(|it| it == path).unwrap_or(0);
            if plan.edits[idx].contains(&Edit::Deselect) {
                plan.edits[idx].retain(|it| *it != Edit::Deselect);
                plan.edits[idx].push(Edit::Select(before.clone()));
            }
            Ok(plan)
        })
        .map(drop)
    }
}

impl Written {
    /// Puts back what was there before, unless somebody has changed the file since; returns
    /// whether it did.
    fn restore(&self) -> Result<bool, KubeconfigError> {
        let source = Source::read(&self.path)?;
        let _lock = source.lock()?;
        let source = Source::read(&self.path)?;
        if source.bytes.as_ref() != Some(&self.after) {
            return Ok(false);
        }
        match &self.before {
            Some(bytes) => source.write(bytes)?,
            None => source.delete()?,
        }
        Ok(true)
    }
}

/// Takes the entries of the context `name` out of a kubeconfig.
///
/// If the context is the current one, there is none afterwards: kubectl shall not go on
/// with some other cluster.
pub(crate) fn remove(kubeconfig: &Kubeconfig, name: &str) -> Result<(), KubeconfigError> {
    change(kubeconfig, name, |files| edit::remove(files, name)).map(drop)
}

/// Returns whether a kubeconfig has the context `name`.
pub(crate) fn has(kubeconfig: &Kubeconfig, name: &str) -> bool {
    read(kubeconfig.paths()).is_ok_and(|sources| edit::has(&values(&sources), name))
}

/// Reads, changes and replaces the files of a kubeconfig, as far as `plan` has edits for
/// them; only those are locked, as others may be in a place where that cannot be done.
fn change(
    kubeconfig: &Kubeconfig,
    name: &str,
    mut plan: impl FnMut(&[Value]) -> Result<Plan, Refusal>,
) -> Result<Vec<Written>, KubeconfigError> {
    let mut locks: BTreeMap<PathBuf, Lock> = BTreeMap::new();
    for _ in 0..MAX_ROUNDS {
        let sources = read(kubeconfig.paths())?;
        let plan = plan(&values(&sources)).map_err(|err| refused(&sources, name, err))?;
        let edits = || sources.iter().zip(&plan.edits).filter(|(_, edits)| !edits.is_empty());
        if edits().all(|(source, _)| locks.contains_key(&source.target)) {
            return write(edits());
        }
        // All of them, and always in the same order: so no two programs wait for each other.
        locks.clear();
        let targets: BTreeMap<_, _> = edits().map(|(it, _)| (it.target.clone(), it)).collect();
        for (target, source) in targets {
            locks.insert(target, source.lock()?);
        }
    }
    Err(KubeconfigError::Unstable { path: kubeconfig.default_path().to_owned() })
}

/// Writes the files, which are locked: all of them, or none.
fn write<'a>(
    edits: impl Iterator<Item = (&'a Source, &'a Vec<Edit>)>,
) -> Result<Vec<Written>, KubeconfigError> {
    let mut changed = Vec::new();
    for (source, edits) in edits {
        let unchangeable =
            |err| KubeconfigError::Unchangeable { path: source.path.clone(), source: err };
        let text = document::change(&source.text, edits).map_err(unchangeable)?;
        changed.push((source, source.encoding.encode(&text)));
    }
    let mut written: Vec<(&Source, Written)> = Vec::new();
    for (source, after) in changed {
        if let Err(err) = source.write(&after) {
            for (source, it) in written {
                // The first error is the one to report.
                let _ = match &it.before {
                    Some(bytes) => source.write(bytes),
                    None => source.delete(),
                };
            }
            return Err(err);
        }
        let (path, before) = (source.path.clone(), source.bytes.clone());
        written.push((source, Written { path, before, after }));
    }
    Ok(written.into_iter().map(|it| it.1).collect())
}

/// Reads all files; of two paths that lead to the same file, only the first.
fn read(paths: &[PathBuf]) -> Result<Vec<Source>, KubeconfigError> {
    let mut sources: Vec<Source> = Vec::new();
    for path in paths {
        sources.push(Source::read(path)?);
    }
    Ok(sources)
}

fn values(sources: &[Source]) -> Vec<Value> {
    sources.iter().map(|it| it.value.clone()).collect()
}

fn refused(sources: &[Source], name: &str, refusal: Refusal) -> KubeconfigError {
    let path = |file: usize| -> &Path { &sources[file].path };
    match refusal {
        Refusal::NotAList(file, list) => invalid(path(file), format!("`{list}` is not a list")),
        Refusal::NotOurs(file) => {
            KubeconfigError::NotOurs { path: path(file).to_owned(), context: name.to_owned() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::credentials::tests::config;
    use super::*;
    use std::fs;

    fn read(path: &Path) -> Result<Value, KubeconfigError> {
        Source::read(path).map(|it| it.value)
    }

    fn merge(
        path: &Path,
        config: &Value,
        name: &str,
        switch: bool,
    ) -> Result<Merged, KubeconfigError> {
        super::merge(&Kubeconfig::file(path), config, name, switch)
    }

    fn remove(path: &Path, name: &str) -> Result<(), KubeconfigError> {
        super::remove(&Kubeconfig::file(path), name)
    }

    fn has(path: &Path, name: &str) -> bool {
        super::has(&Kubeconfig::file(path), name)
    }

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
        assert_eq!(read(&path).unwrap().get("current-context"), None);
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
