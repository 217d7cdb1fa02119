//! The user's own kubeconfig, to which clusters are added and from which they are removed.
//!
//! Invariants: a file is changed in one step, under a lock that kubectl respects, too. No byte of
//! another entry changes.

use super::credentials::Credentials;
use super::disk::{Source, invalid};
use super::document;
use super::edit::{self, Edit, NotOurs, Plan, Refusal};
use super::error::KubeconfigError;
use super::location::Kubeconfig;
use pintle_host::fs::Lock;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How often other programs may change which files must be locked, while locks are taken.
const MAX_ROUNDS: usize = 8;

/// What a merge has changed, so that it can be undone.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    kubeconfig: Kubeconfig,
    name: String,
    /// What was added.
    config: Value,
    written: Vec<Written>,
    /// If the merge set the current context: the file, and the previous value.
    previous: Option<(PathBuf, Option<String>)>,
}

/// A file that was changed.
#[derive(Debug, Clone)]
struct Written {
    path: PathBuf,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
}

/// Adds the entries of `config`, which has the context `name`, to a kubeconfig.
pub(crate) fn merge(
    kubeconfig: &Kubeconfig,
    config: &Value,
    name: &str,
    switch: bool,
) -> Result<Merged, KubeconfigError> {
    let mut previous = None;
    let default = kubeconfig.default_idx();
    let written = change(kubeconfig, |files| {
        let plan = edit::merge(files, default, config, name, switch)?;
        previous.clone_from(&plan.previous);
        Ok(plan)
    })?;
    let previous = previous.map(|(file, before)| (kubeconfig.paths()[file].clone(), before));
    let (kubeconfig, name, config) = (kubeconfig.clone(), name.to_owned(), config.clone());
    Ok(Merged { kubeconfig, name, config, written, previous })
}

impl Merged {
    /// Undoes a merge.
    pub(crate) fn undo(&self) -> Result<(), KubeconfigError> {
        let mut is_all = true;
        for written in self.written.iter().rev() {
            is_all &= written.restore()?;
        }
        if is_all {
            return Ok(());
        }
        // A file has changed since.
        change(&self.kubeconfig, |files| {
            let mut plan = edit::remove(files, &self.name, Some(&self.config))?;
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
    /// Restores the previous content, unless the file has changed since. Returns whether it did.
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

/// Fails if a merge of a context `name` would fail, as far as that can be determined before the
/// cluster runs. Writes nothing. `config` is what would be merged, if the cluster exists.
pub(crate) fn check(
    kubeconfig: &Kubeconfig,
    name: &str,
    switch: bool,
    config: Option<&Value>,
) -> Result<(), KubeconfigError> {
    let unknown = Credentials::unknown().to_kubeconfig(name);
    let config = config.unwrap_or(&unknown);
    let sources = read(kubeconfig.paths())?;
    let plan = edit::merge(&values(&sources), kubeconfig.default_idx(), config, name, switch);
    let plan = plan.map_err(|err| refused(&sources, err))?;
    for (source, edits) in sources.iter().zip(&plan.edits).filter(|it| !it.1.is_empty()) {
        changed(source, edits)?;
        source.check_writable()?;
    }
    Ok(())
}

/// Removes the entries of the context `name` from a kubeconfig. `written` is what the cluster
/// wrote, if known.
///
/// If the context is the current one, there is no current context afterwards, so kubectl does not
/// continue with another cluster.
pub(crate) fn remove(
    kubeconfig: &Kubeconfig,
    name: &str,
    written: Option<&Value>,
) -> Result<(), KubeconfigError> {
    change(kubeconfig, |files| edit::remove(files, name, written)).map(drop)
}

/// Returns whether a kubeconfig has the context `name`.
pub(crate) fn has(kubeconfig: &Kubeconfig, name: &str) -> Result<bool, KubeconfigError> {
    Ok(edit::has(&values(&read(kubeconfig.paths())?), name))
}

/// Reads, changes and replaces the files of a kubeconfig for which `plan` has edits. Only these are
/// locked, because others may be in a directory where that is impossible.
fn change(
    kubeconfig: &Kubeconfig,
    mut plan: impl FnMut(&[Value]) -> Result<Plan, Refusal>,
) -> Result<Vec<Written>, KubeconfigError> {
    let mut locks: BTreeMap<PathBuf, Lock> = BTreeMap::new();
    for _ in 0..MAX_ROUNDS {
        let sources = read(kubeconfig.paths())?;
        let plan = plan(&values(&sources)).map_err(|err| refused(&sources, err))?;
        let all: Vec<_> =
            sources.iter().zip(&plan.edits).filter(|(_, edits)| !edits.is_empty()).collect();
        // If two paths refer to the same file, one is enough.
        let is_first = |idx: &usize| {
            let target = &all[*idx].0.target;
            all[..*idx].iter().all(|(it, _)| it.target != *target)
        };
        let edits = || (0..all.len()).filter(is_first).map(|idx| all[idx]);
        if edits().all(|(source, _)| locks.contains_key(&source.target)) {
            return write(edits());
        }
        // All of them, and always in the same order, so two programs never wait for each other.
        locks.clear();
        let targets: BTreeMap<_, _> = edits().map(|(it, _)| (it.target.clone(), it)).collect();
        for (target, source) in targets {
            locks.insert(target, source.lock()?);
        }
    }
    Err(KubeconfigError::Unstable { path: kubeconfig.default_path().to_owned() })
}

/// Writes the files, which are locked: all of them or none.
fn write<'a>(
    edits: impl Iterator<Item = (&'a Source, &'a Vec<Edit>)>,
) -> Result<Vec<Written>, KubeconfigError> {
    let mut all = Vec::new();
    for (source, edits) in edits {
        all.push((source, changed(source, edits)?));
    }
    let mut written: Vec<(&Source, Written)> = Vec::new();
    for (source, after) in all {
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

/// Returns the content of a file after the edits.
fn changed(source: &Source, edits: &[Edit]) -> Result<Vec<u8>, KubeconfigError> {
    let text = document::change(&source.text, edits)
        .map_err(|err| KubeconfigError::Unchangeable { path: source.path.clone(), source: err })?;
    Ok(source.encoding.encode(&text))
}

fn read(paths: &[PathBuf]) -> Result<Vec<Source>, KubeconfigError> {
    paths.iter().map(|it| Source::read(it)).collect()
}

fn values(sources: &[Source]) -> Vec<Value> {
    sources.iter().map(|it| it.value.clone()).collect()
}

fn refused(sources: &[Source], refusal: Refusal) -> KubeconfigError {
    let path = |file: usize| -> &Path { &sources[file].path };
    match refusal {
        Refusal::NotAList(file, list) => invalid(path(file), format!("`{list}` is not a list")),
        Refusal::NotOurs(NotOurs { file, list, name, is_needed }) => {
            let path = path(file).to_owned();
            match list {
                "contexts" => KubeconfigError::NotOurs { path, context: name },
                list => KubeconfigError::NotWritten {
                    path,
                    kind: list.trim_end_matches('s'),
                    name,
                    is_needed,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::credentials::tests::config;
    use super::*;
    use pintle_host::fs::{Operation, fault};
    use serde_json::json;
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
        super::remove(&Kubeconfig::file(path), name, None)
    }

    fn has(path: &Path, name: &str) -> bool {
        super::has(&Kubeconfig::file(path), name).unwrap()
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
    fn a_cluster_that_a_context_of_the_users_needs_is_not_replaced() {
        let text = "clusters:\n- name: a\n  cluster: {server: 'https://mine'}\ncontexts:\n\
                    - name: prod\n  context: {cluster: a, user: me}\n";
        let (_dir, path) = written(text);
        let err = merge(&path, &config("a"), "a", false).unwrap_err();
        assert!(matches!(err, KubeconfigError::NotWritten { is_needed: true, .. }), "{err}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn clusters_and_users_that_somebody_else_wrote_are_not_replaced() {
        let cluster = "clusters:\n- name: a\n  cluster: {server: 'https://mine'}\n";
        let user = "users:\n- name: admin@a\n  user: {token: mine}\n";
        for (text, kind, name) in [(cluster, "cluster", "a"), (user, "user", "admin@a")] {
            let (_dir, path) = written(text);
            for err in [
                merge(&path, &config("a"), "a", false).map(drop).unwrap_err(),
                super::check(&Kubeconfig::file(&path), "a", false, None).unwrap_err(),
            ] {
                let text = format!(
                    "the {kind} `{name}` in `{}` was not written for this cluster",
                    path.display()
                );
                assert_eq!(err.to_string(), text);
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_context_of_ours_makes_nothing_ours_that_we_would_not_write() {
        let mine = "clusters:\n- name: a\n  cluster: {server: 'https://127.0.0.1:6443'}\ncontexts:\n\
                    - name: a\n  context: {cluster: a, user: admin@a}\n";
        let (_dir, path) = written(mine);
        let err = super::check(&Kubeconfig::file(&path), "a", false, None).unwrap_err();
        assert!(matches!(err, KubeconfigError::NotWritten { is_needed: true, .. }), "{err}");
        assert!(merge(&path, &config("a"), "a", false).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), mine);
    }

    #[test]
    fn what_the_cluster_wrote_is_brought_up_to_date_without_a_context() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        merge(&path, &config("a"), "a", false).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let contexts = text.find("contexts:").unwrap()..text.find("users:").unwrap();
        let text = text.replace(&text[contexts], "").replace("https://a", "https://before");
        fs::write(&path, text).unwrap();
        merge(&path, &config("a"), "a", false).unwrap();
        assert_eq!(read(&path).unwrap()["clusters"], config("a")["clusters"]);
        assert!(has(&path, "a"));
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
            assert!(err.to_string().starts_with("invalid kubeconfig `"), "{text}: {err}");
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

    /// Writes a kubeconfig, and returns its directory and its path.
    fn written(text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[track_caller]
    fn check(text: &str, merged: &str) {
        let (_dir, path) = written(text);
        merge(&path, &config("a"), "a", false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), merged);
        remove(&path, "a").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn of_others_every_byte_stays() {
        check(
            "# mine\nusers: null # none\nclusters:\n  -   name: 'y' # quoted\n      cluster: {server: \"x\"}\n\n\
             # contexts follow\ncontexts: [ ]\n...\n"
                .replace("[ ]", "null")
                .as_str(),
            "# mine\nusers: # none\n- name: admin@a\n  user:\n    client-certificate-data: eA==\n    \
             client-key-data: eA==\nclusters:\n  -   name: 'y' # quoted\n      cluster: {server: \"x\"}\n  \
             - name: a\n    cluster:\n      certificate-authority-data: eA==\n      server: https://a\n\n\
             # contexts follow\ncontexts:\n- name: a\n  context:\n    cluster: a\n    user: admin@a\n...\n",
        );
        // The last text includes everything that follows, so ours is before it, and the line
        // endings stay as they were.
        check(
            "users: [{name: x}]\r\ncontexts: null\r\nclusters:\r\n- name: |+\r\n    x\r\n",
            "users: [{name: x}, {\"name\": \"admin@a\", \"user\": {\"client-certificate-data\": \"eA==\", \
             \"client-key-data\": \"eA==\"}}]\r\ncontexts:\r\n- name: a\r\n  context:\r\n    cluster: a\r\n    \
             user: admin@a\r\nclusters:\r\n- name: |+\r\n    x\r\n- name: a\r\n  cluster:\r\n    \
             certificate-authority-data: eA==\r\n    server: https://a\r\n",
        );
    }

    #[test]
    fn a_text_that_keeps_the_empty_lines_after_it_gets_no_more_of_them() {
        let text = "users: null\ncontexts: null\nclusters:\n- name: |+\n    x\n\ncurrent-context: a\n\nkind: Config\n";
        let (_dir, path) = written(text);
        merge(&path, &config("a"), "a", false).unwrap();
        remove(&path, "a").unwrap();
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!(left, text.replace("context: a", "context: \"\""));
        let entry = "- name: a\n  cluster: {server: 'https://a'}\n\n\n";
        let ours = format!("clusters:\n- name: |+\n    x\n{entry}kind: Config\n");
        fs::write(&path, &ours).unwrap();
        super::remove(&Kubeconfig::file(&path), "a", Some(&config("a"))).unwrap();
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!(left, ours.replace(entry, ""));
    }

    #[test]
    fn json_stays_json() {
        let text = "{\"clusters\": [], \"contexts\": [{\"name\": \"x\"}], \"users\": null}";
        let (_dir, path) = written(text);
        merge(&path, &config("a"), "a", true).unwrap();
        let after: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(after["current-context"], "a");
        assert_eq!(contexts(&path), ["x", "a"]);
        remove(&path, "a").unwrap();
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!(left, text.replace("null", "[]"));
    }

    #[test]
    fn an_empty_file_gets_all_of_a_kubeconfig() {
        for text in ["", "\n", "# mine\n", "---\n", "{}"] {
            let (_dir, path) = written(text);
            merge(&path, &config("a"), "a", true).unwrap();
            let after = fs::read_to_string(&path).unwrap();
            assert!(text == "{}" || after.starts_with(text), "{after}");
            assert_eq!(contexts(&path), ["a"]);
        }
    }

    #[test]
    fn a_text_that_begins_with_a_line_feed_and_a_tab_stays_readable() {
        // kubectl refuses it as a block scalar.
        let text = "users:\n- name: x\n  user: {token: \"\\n\\tx\"}\nclusters:\ncontexts:\n";
        let (_dir, path) = written(text);
        merge(&path, &config("a"), "a", false).unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with(&text[..40]));
    }

    #[test]
    fn certificates_are_on_one_line() {
        let (_dir, path) = written("users:\n");
        let (mut config, long) = (config("a"), "LS0t".repeat(600));
        config["users"][0]["user"]["client-key-data"] = long.as_str().into();
        merge(&path, &config, "a", false).unwrap();
        let line = format!("    client-key-data: {long}");
        assert!(fs::read_to_string(&path).unwrap().lines().any(|it| it == line));
    }

    #[test]
    fn what_a_user_made_under_our_name_is_neither_replaced_nor_removed() {
        let text =
            "contexts:\n- name: a\n  context: {cluster: prod, user: me}\ncurrent-context: a\n";
        let (_dir, path) = written(text);
        let err = merge(&path, &config("a"), "a", true).unwrap_err();
        assert!(matches!(err, KubeconfigError::NotOurs { .. }), "{err}");
        remove(&path, "a").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert!(!has(&path, "a"));
        // A context of another program keeps the entries that it needs.
        let text =
            "contexts:\n- name: dev\n  context: {cluster: a, user: admin@a, namespace: dev}\n";
        fs::write(&path, text).unwrap();
        merge(&path, &config("a"), "a", true).unwrap();
        remove(&path, "a").unwrap();
        let left = read(&path).unwrap();
        assert_eq!(contexts(&path), ["dev"]);
        assert_eq!(left["clusters"][0]["name"], "a");
        assert_eq!(left["users"][0]["name"], "admin@a");
    }

    #[test]
    fn what_a_user_made_of_our_entries_is_known_by_what_the_cluster_wrote() {
        let removed = |change: &dyn Fn(&mut Value), written: Option<&Value>| {
            let (_dir, path) = written_config(change);
            super::remove(&Kubeconfig::file(&path), "a", written).unwrap();
            let left = read(&path).unwrap();
            ["contexts", "clusters", "users"]
                .map(|it| left[it].as_array().is_none_or(Vec::is_empty))
        };
        let ours = config("a");
        let tunnel = |it: &mut Value| it["clusters"][0]["cluster"]["server"] = "https://x".into();
        let prod = |it: &mut Value| {
            tunnel(it);
            it["clusters"][0]["cluster"]["certificate-authority-data"] = "eQ==".into();
        };
        let token = |it: &mut Value| it["users"][0]["user"] = json!({ "token": "x" });
        let orphans = |it: &mut Value| it["contexts"] = Value::Null;
        for written in [None, Some(&ours)] {
            assert_eq!(removed(&|_| {}, written), [true; 3]);
            assert_eq!(removed(&tunnel, written), [true; 3]);
            assert_eq!(removed(&token, written), [true, true, false]);
        }
        assert_eq!(removed(&prod, Some(&ours)), [false; 3]);
        assert_eq!(removed(&orphans, Some(&ours)), [true; 3]);
        // Their owner is unknown.
        assert_eq!(removed(&orphans, None), [true, false, false]);
    }

    /// Writes what a merge of `a` writes, with a user's changes.
    fn written_config(change: &dyn Fn(&mut Value)) -> (tempfile::TempDir, PathBuf) {
        let mut config = config("a");
        change(&mut config);
        written(config.to_string())
    }

    #[test]
    fn a_check_finds_what_a_merge_would_and_writes_nothing() {
        let (dir, path) = written("kind: Config\n");
        let check = || super::check(&Kubeconfig::file(&path), "a", true, None);
        check().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kind: Config\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let new = dir.path().join("new/config");
        super::check(&Kubeconfig::file(&new), "a", true, None).unwrap();
        assert!(!new.parent().unwrap().exists());
        for text in ["- a\n", "contexts:\n- {name: a, context: {cluster: b, user: c}}\n"] {
            fs::write(&path, text).unwrap();
            assert!(check().is_err(), "{text}");
        }
    }

    #[test]
    fn a_namespace_that_a_user_set_in_our_context_stays() {
        let (_dir, path) = written("");
        merge(&path, &config("a"), "a", true).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("    cluster: a\n", "    cluster: a\n    namespace: dev\n");
        fs::write(&path, text).unwrap();
        let mut new = config("a");
        new["clusters"][0]["cluster"]["server"] = "https://b".into();
        merge(&path, &new, "a", true).unwrap();
        let after = read(&path).unwrap();
        assert_eq!(after["contexts"][0]["context"]["namespace"], "dev");
        assert_eq!(after["clusters"][0]["cluster"]["server"], "https://b");
    }

    #[test]
    fn utf_16_and_a_byte_order_mark_stay() {
        let (_dir, path) = written("");
        let utf16 = |text: &str| -> Vec<u8> {
            format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        let text = "kind: Config # ü\n";
        for bytes in [utf16(text), format!("\u{feff}{text}").into()] {
            fs::write(&path, &bytes).unwrap();
            let merged = merge(&path, &config("a"), "a", true).unwrap();
            let after = fs::read(&path).unwrap();
            assert!(after.starts_with(&bytes));
            assert_eq!(after[2] == 0, bytes[2] == 0);
            merged.undo().unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn what_follows_the_first_document_stays() {
        for end in ["---\n", "...\n", "---\nkind: Other\nusers: 7\n"] {
            let (_dir, path) = written(format!("kind: Config\n{end}"));
            merge(&path, &config("a"), "a", true).unwrap();
            let after = fs::read_to_string(&path).unwrap();
            assert!(
                after.starts_with("kind: Config\nclusters:\n") && after.ends_with(end),
                "{after}"
            );
        }
    }

    #[test]
    fn undoing_a_merge_leaves_what_others_changed_since() {
        let (_dir, path) = written("current-context: mine\n");
        let merged = merge(&path, &config("a"), "a", true).unwrap();
        let text = fs::read_to_string(&path).unwrap() + "# new\n";
        fs::write(&path, text).unwrap();
        merged.undo().unwrap();
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!(
            left,
            "current-context: mine\nclusters: null\ncontexts: null\nusers: null\n# new\n"
        );
        // A file that did not exist is removed again.
        fs::remove_file(&path).unwrap();
        merge(&path, &config("a"), "a", true).unwrap().undo().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn of_several_files_the_one_that_has_an_entry_changes() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["one", "two", "three"].map(|it| dir.path().join(it));
        let list = std::env::join_paths(&paths).unwrap();
        let all = Kubeconfig::of_user(&|_| Some(list.clone())).unwrap();
        let text = |idx: usize| fs::read_to_string(&paths[idx]).unwrap();
        fs::write(&paths[1], "kind: Config\n").unwrap();
        fs::write(&paths[2], "current-context: mine # here\n").unwrap();
        // New entries are added to the first file that exists, and the current context is changed
        // where it is set.
        let first = super::merge(&all, &config("a"), "a", true).unwrap();
        assert!(!paths[0].exists());
        assert_eq!(contexts(&paths[1]), ["a"]);
        assert_eq!(text(2), "current-context: a # here\n");
        first.undo().unwrap();
        assert_eq!(text(1), "kind: Config\n");
        assert_eq!(text(2), "current-context: mine # here\n");
        // An entry is changed in the file that has it.
        merge(&paths[2], &config("a"), "a", false).unwrap();
        let mut new = config("a");
        new["clusters"][0]["cluster"]["server"] = "https://b".into();
        super::merge(&all, &new, "a", false).unwrap();
        assert_eq!(text(1), "kind: Config\n");
        assert!(text(2).contains("https://b"));
        // It is removed from all files.
        merge(&paths[0], &config("a"), "a", true).unwrap();
        super::remove(&all, "a", None).unwrap();
        assert!(!text(0).contains("name: a") && !text(2).contains("name: a"));
        assert!(!text(0).contains("current-context"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_may_lead_to_nothing_yet() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("new/target"), dir.path().join("link"));
        std::os::unix::fs::symlink("new/target", &link).unwrap();
        merge(&link, &config("a"), "a", true).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(contexts(&target), ["a"]);
        // A link to itself has no target.
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("link", &link).unwrap();
        assert!(merge(&link, &config("a"), "a", true).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn two_names_of_a_file_are_one_file() {
        let (dir, path) = written("kind: Config\n");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("config", &link).unwrap();
        let list = std::env::join_paths([&path, &link]).unwrap();
        let all = Kubeconfig::of_user(&|_| Some(list.clone())).unwrap();
        super::merge(&all, &config("a"), "a", true).unwrap().undo().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kind: Config\n");
        super::merge(&all, &config("a"), "a", true).unwrap();
        super::remove(&all, "a", None).unwrap();
        assert!(read(&path).unwrap()["contexts"].is_null());
    }

    #[test]
    #[cfg(unix)]
    fn a_read_only_file_is_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (dir, path) = written("kind: Config\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let err = merge(&path, &config("a"), "a", false).unwrap_err();
        assert!(matches!(err, KubeconfigError::ReadOnly { .. }), "{err}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "kind: Config\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // A file that need not be changed may be read-only.
        remove(&path, "a").unwrap();
    }

    /// Makes the system refuse renames, as for a mount point, and the operations for which `fails`
    /// returns true.
    fn mount_point(fails: impl Fn(usize, Operation) -> bool + 'static) -> fault::Injected {
        let mut n_writes = 0;
        fault::inject(move |operation| {
            n_writes += usize::from(operation == Operation::Write);
            match operation {
                Operation::Rename => Err(std::io::ErrorKind::ResourceBusy.into()),
                _ if fails(n_writes, operation) => Err(std::io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        })
    }

    #[test]
    fn a_mount_point_is_written_in_place_with_the_old_content_beside_it() {
        let (dir, path) = written("kind: Config\n");
        let backup = dir.path().join("config.pintle-backup");
        let injected = mount_point(|_, _| false);
        merge(&path, &config("a"), "a", true).unwrap();
        remove(&path, "a").unwrap();
        drop(injected);
        let left = fs::read_to_string(&path).unwrap();
        assert_eq!(left, "kind: Config\nclusters: null\ncontexts: null\nusers: null\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // The disk is full at the last write, which is the one in place.
        let n_writes = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = n_writes.clone();
        let injected = mount_point(move |n, _| {
            counter.set(n);
            false
        });
        merge(&path, &config("b"), "b", true).unwrap();
        drop(injected);
        let last = n_writes.get();
        fs::write(&path, &left).unwrap();
        let injected = mount_point(move |n, operation| n == last && operation == Operation::Write);
        let err = merge(&path, &config("b"), "b", true).unwrap_err();
        drop(injected);
        assert!(matches!(err, KubeconfigError::InPlace { .. }), "{err}");
        assert!(err.to_string().contains(".pintle-backup"), "{err}");
        assert_eq!(fs::read_to_string(&backup).unwrap(), left);
        // The backup is not overwritten.
        let injected = mount_point(|_, _| false);
        let err = merge(&path, &config("c"), "c", true).unwrap_err();
        drop(injected);
        assert!(matches!(err, KubeconfigError::Backup { .. }), "{err}");
        assert_eq!(fs::read_to_string(&backup).unwrap(), left);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_real_mount_point_is_written_in_place() {
        let (dir, path) = written("kind: Config\n");
        let other = dir.path().join("other");
        fs::write(&other, "kind: Config\n").unwrap();
        let run = |program: &str, args: &[&Path]| {
            let output = std::process::Command::new(program).args(args).output();
            output.is_ok_and(|it| it.status.success())
        };
        // Only root can mount.
        if !run("mount", &[Path::new("--bind"), &other, &path]) {
            return;
        }
        let res = merge(&path, &config("a"), "a", false);
        assert!(run("umount", &[&path]));
        res.unwrap();
        assert_eq!(contexts(&other), ["a"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
