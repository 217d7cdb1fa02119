//! Kubeconfigs: what a cluster wrote, and the user's own, in which clusters come and go.
//!
//! Invariants: the user's file is changed in one rename, under a lock that kubectl
//! respects too; entries of others are never touched.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the lock is waited for.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// The lists of a kubeconfig whose entries have names.
const LISTS: [&str; 3] = ["clusters", "contexts", "users"];

/// What went wrong with a kubeconfig.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// It could not be read or written.
    #[error("failed to {action} the kubeconfig `{}`", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is none.
    #[error("`{}` is no kubeconfig", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else holds its lock.
    #[error("the kubeconfig `{}` is locked", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// The lock.
        lock: PathBuf,
    },
    /// What the cluster wrote is no kubeconfig.
    #[error("the cluster's own kubeconfig cannot be used: {0}")]
    OfCluster(String),
    /// There is no home folder, and nothing else says where the kubeconfig is.
    #[error("neither KUBECONFIG nor a home folder says where the kubeconfig is")]
    NoPlace,
}

impl KubeconfigError {
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { lock, .. } => Some(format!(
                "if no kubectl is at work on it, remove `{}`, which one that was killed may have left",
                lock.display()
            )),
            Self::Invalid { .. } => {
                Some("mend the file, or name another with KUBECONFIG".to_owned())
            }
            _ => None,
        }
    }
}

/// What it takes to talk to a cluster.
#[derive(Clone)]
pub(crate) struct Access {
    /// As `https://127.0.0.1:6443`.
    pub(crate) server: String,
    /// PEM.
    pub(crate) authority: Vec<u8>,
    /// PEM.
    pub(crate) certificate: Vec<u8>,
    /// PEM.
    pub(crate) key: Vec<u8>,
}

impl Access {
    /// Reads what the first server of a cluster has written, with the address at which the
    /// API server is published.
    pub(crate) fn of_cluster(text: &[u8], server: String) -> Result<Self, KubeconfigError> {
        let wrong = |it: &str| KubeconfigError::OfCluster(it.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is no text"))?;
        let config: Value = serde_saphyr::from_str(text).map_err(|err| wrong(&err.to_string()))?;
        let data = |pointer: &str| {
            let text = config.pointer(pointer).and_then(Value::as_str);
            let text = text.ok_or_else(|| wrong(&format!("it lacks `{pointer}`")))?;
            STANDARD.decode(text).map_err(|err| wrong(&format!("`{pointer}`: {err}")))
        };
        Ok(Self {
            server,
            authority: data("/clusters/0/cluster/certificate-authority-data")?,
            certificate: data("/users/0/user/client-certificate-data")?,
            key: data("/users/0/user/client-key-data")?,
        })
    }

    /// Returns a kubeconfig with one context, called `name`.
    pub(crate) fn to_kubeconfig(&self, name: &str) -> Value {
        let user = user_name(name);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": name,
                "cluster": {
                    "certificate-authority-data": STANDARD.encode(&self.authority),
                    "server": self.server,
                },
            }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": user } }],
            "current-context": name,
            "preferences": {},
            "users": [{
                "name": user,
                "user": {
                    "client-certificate-data": STANDARD.encode(&self.certificate),
                    "client-key-data": STANDARD.encode(&self.key),
                },
            }],
        })
    }
}

fn user_name(context: &str) -> String {
    format!("admin@{context}")
}

/// Returns a kubeconfig as text.
pub(crate) fn to_text(config: &Value) -> String {
    serde_saphyr::to_string(config).expect("a kubeconfig has string keys")
}

/// Returns the file that kubectl writes new entries to: of the files that KUBECONFIG
/// lists, the first that exists, else the last; without it, `.kube/config` in the home
/// folder. Source: client-go, `PathOptions.GetDefaultFilename`.
pub fn default_path(var: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, KubeconfigError> {
    let list = var("KUBECONFIG").unwrap_or_default();
    let paths: Vec<_> =
        std::env::split_paths(&list).filter(|it| !it.as_os_str().is_empty()).collect();
    if let Some(path) = paths.iter().find(|it| it.exists()).or(paths.last()) {
        return Ok(path.clone());
    }
    let home = var(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let home = home.filter(|it| !it.is_empty()).ok_or(KubeconfigError::NoPlace)?;
    Ok(Path::new(&home).join(".kube/config"))
}

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
        for list in LISTS {
            let new = config.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
            let entries = entries(all, list)?;
            for entry in new {
                entries.retain(|it| it.get("name") != entry.get("name"));
                entries.push(entry);
            }
        }
        for key in ["apiVersion", "kind"] {
            all.entry(key).or_insert_with(|| config[key].clone());
        }
        let current = all.get("current-context").and_then(Value::as_str);
        if switch && current != Some(name) {
            previous = Some(current.map(str::to_owned));
            all.insert("current-context".to_owned(), name.into());
        }
        Ok(true)
    })?;
    Ok(Merged { path: path.to_owned(), name: name.to_owned(), previous })
}

impl Merged {
    /// Takes a merge back.
    pub(crate) fn undo(&self) -> Result<(), KubeconfigError> {
        change(&self.path, |all| {
            remove_entries(all, &self.name)?;
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
    change(path, |all| remove_entries(all, name))
}

/// Returns whether the file at `path` has the context `name`.
pub(crate) fn has(path: &Path, name: &str) -> bool {
    let Ok(all) = read(path) else { return false };
    let contexts = all.get("contexts").and_then(Value::as_array);
    contexts.is_some_and(|it| it.iter().any(|it| it["name"] == name))
}

fn remove_entries(
    all: &mut Map<String, Value>,
    name: &str,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let user = user_name(name);
    let mut has_changed = false;
    for list in LISTS {
        let own = if list == "users" { user.as_str() } else { name };
        let entries = entries(all, list)?;
        let n_before = entries.len();
        entries.retain(|it| it["name"] != own);
        has_changed |= entries.len() < n_before;
    }
    if all.get("current-context").and_then(Value::as_str) == Some(name) {
        all.shift_remove("current-context");
        has_changed = true;
    }
    Ok(has_changed)
}

fn entries<'a>(
    all: &'a mut Map<String, Value>,
    list: &str,
) -> Result<&'a mut Vec<Value>, Box<dyn std::error::Error + Send + Sync>> {
    let entries = all.entry(list).or_insert(Value::Null);
    if entries.is_null() {
        *entries = Value::Array(Vec::new());
    }
    entries.as_array_mut().ok_or_else(|| format!("`{list}` is no list").into())
}

/// Reads, changes and replaces the file at `path`, which may not exist yet; `edit` returns
/// whether there is something to write.
fn change(
    path: &Path,
    edit: impl FnOnce(&mut Map<String, Value>) -> Result<bool, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<(), KubeconfigError> {
    let io = |action| move |source| KubeconfigError::Io { action, path: path.to_owned(), source };
    // Users keep links here; what they lead to is what changes.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(_) => path.to_owned(),
    };
    let folder = match target.parent() {
        Some(it) if !it.as_os_str().is_empty() => it,
        _ => Path::new("."),
    };
    make_private_folder(folder).map_err(io("write"))?;
    let _lock = Lock::take(&target)?;
    let mut all = read(&target)?;
    let invalid = |source| KubeconfigError::Invalid { path: path.to_owned(), source };
    if !edit(&mut all).map_err(invalid)? {
        return Ok(());
    }
    write(&target, folder, &to_text(&Value::Object(all))).map_err(io("write"))
}

fn read(path: &Path) -> Result<Map<String, Value>, KubeconfigError> {
    let invalid = |source: Box<dyn std::error::Error + Send + Sync>| KubeconfigError::Invalid {
        path: path.to_owned(),
        source,
    };
    let text = match read_regular(path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(source) => {
            return Err(KubeconfigError::Io { action: "read", path: path.to_owned(), source });
        }
    };
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_saphyr::from_str(&text).map_err(|err| invalid(Box::new(err)))? {
        Value::Object(all) => Ok(all),
        Value::Null => Ok(Map::new()),
        _ => Err(invalid("it is no map".into())),
    }
}

/// Reads a regular file; a FIFO would be waited for without end.
fn read_regular(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    fs::read_to_string(path)
}

fn write(target: &Path, folder: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".kubeconfig-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(target) {
        // The temporary file is for its owner only; the user may have chosen otherwise.
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// The lock on a kubeconfig: the file `<path>.lock`, which client-go makes exclusively and
/// removes again, with the kernel's lock on it, which client-go does not take.
///
/// So neither works while the other does; and what a killed run of ours has left, which
/// nobody holds a lock on and which says that it is ours, is told from kubectl's.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    const MARK: &'static str = "pintle\n";

    fn take(target: &Path) -> Result<Self, KubeconfigError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::try_take(&path) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if start.elapsed() > LOCK_LIMIT => {
                    return Err(KubeconfigError::Locked { path: target.to_owned(), lock: path });
                }
                Ok(None) => std::thread::sleep(pause),
                Err(source) => {
                    return Err(KubeconfigError::Io {
                        action: "lock",
                        path: target.to_owned(),
                        source,
                    });
                }
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        if path.symlink_metadata().is_ok() {
            remove_stale(path)?;
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".kubeconfig-").tempfile_in(folder)?;
        file.write_all(Self::MARK.as_bytes())?;
        try_lock(file.as_file())?;
        // It gets its name when it bears the mark and the lock, so that it is never taken
        // for a stale one, or for kubectl's.
        match file.persist_noclobber(path) {
            Ok(file) => Ok(Some(Self { path: path.to_owned(), _file: file })),
            Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(err) => Err(err.error),
        }
    }
}

/// Removes the lock of a run of ours that was killed.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(file) = File::options().read(true).write(true).open(path) else { return Ok(()) };
    if !try_lock(&file)? || fs::read_to_string(path).is_ok_and(|it| it != Lock::MARK) {
        return Ok(());
    }
    if is_same(&file, path) {
        // Under its lock: nobody else is at this point with the same file.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        // There are file systems without locks; the file itself is one already.
        Err(TryLockError::Error(_)) => Ok(true),
    }
}

#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same(_file: &File, path: &Path) -> bool {
    path.exists()
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str) -> Value {
        let bytes = || b"x".to_vec();
        let access = Access {
            server: format!("https://{name}"),
            authority: bytes(),
            certificate: bytes(),
            key: bytes(),
        };
        access.to_kubeconfig(name)
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
    fn what_is_no_kubeconfig_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        for text in ["- a\n", "clusters: 7\n", "a: [\n"] {
            fs::write(&path, text).unwrap();
            let err = merge(&path, &config("a"), "a", true).unwrap_err();
            assert!(err.to_string().ends_with("is no kubeconfig"), "{text}: {err}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_lock_of_a_killed_run_does_not_hold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let lock = dir.path().join("config.lock");
        fs::write(&lock, Lock::MARK).unwrap();
        merge(&path, &config("a"), "a", true).unwrap();
        assert!(!lock.exists());
        // kubectl's own, which is empty, does.
        fs::write(&lock, "").unwrap();
        assert!(Lock::try_take(&lock).unwrap().is_none());
        assert!(lock.exists());
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

    #[test]
    fn the_default_file_is_kubectls() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let list = std::env::join_paths([&one, &two]).unwrap();
        let var = |name: &str| match name {
            "KUBECONFIG" => Some(list.clone()),
            _ => Some("/h".into()),
        };
        assert_eq!(default_path(&var).unwrap(), two);
        fs::write(&one, "").unwrap();
        assert_eq!(default_path(&var).unwrap(), one);
        let home = |name: &str| (name == "HOME").then(|| "/h".into());
        assert_eq!(default_path(&home).unwrap(), Path::new("/h/.kube/config"));
        assert!(default_path(&|_| None).is_err());
    }
}
