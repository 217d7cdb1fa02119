//! The directories with the plugins that projects require.

use super::*;
use crate::lockfile::Locked;
use crate::project::{ProjectLock, VIEWS};

/// Writes the lock file of a project that requires versions of `acme/tool`.
fn project(path: &Path, version: &str) -> ProjectLock {
    let mut lock = LockFile::default();
    lock.plugin.insert("tool.example.org".into(), Locked::of(&receipt("tool", version, version)));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, lock.to_string()).unwrap();
    ProjectLock::load(path).map_err(|err| err.to_string()).unwrap()
}

fn view(store: &LockedStore, project: &ProjectLock, version: &str) {
    let members = [(place("acme/tool"), version.to_owned())];
    store.make_view(&project.view(), &project.path, &members).unwrap();
}

fn needed(store: &LockedStore) -> Vec<String> {
    store.needed_by_projects(false).unwrap().into_iter().map(|it| it.1).collect()
}

#[test]
fn a_view_lasts_as_long_as_one_of_its_projects() {
    let (folder, projects) = (empty(), empty());
    let store = lock(folder.path());
    for version in ["1.0.0", "2.0.0"] {
        install(&store, version).unwrap();
    }
    let one = project(&projects.path().join("one/plugins.lock"), "1.0.0");
    let two = project(&projects.path().join("two/plugins.lock"), "1.0.0");
    assert_eq!(one.view(), two.view());
    view(&store, &one, "1.0.0");
    view(&store, &two, "1.0.0");
    let loaded = folder.path().join(VIEWS).join(one.view()).join("tool.so");
    assert_eq!(fs::read_to_string(&loaded).unwrap(), "1.0.0");
    assert_eq!(needed(&store), ["1.0.0"]);
    // One project is deleted, or requires another version: the other one still has its view.
    fs::remove_file(&one.path).unwrap();
    assert_eq!(needed(&store), ["1.0.0"]);
    // The same applies in the middle of a merge.
    let text = fs::read_to_string(&two.path).unwrap();
    fs::write(&two.path, format!("<<<<<<< HEAD\n{text}")).unwrap();
    assert_eq!(needed(&store), ["1.0.0"]);
    project(&two.path, "2.0.0");
    assert_eq!(needed(&store), [""; 0]);
    assert!(!loaded.exists());
}

#[test]
fn a_dry_run_removes_no_view() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    store
        .make_view("view", Path::new("/missing"), &[(place("acme/tool"), "1.0.0".into())])
        .unwrap();
    let before = everything(folder.path());
    assert!(store.needed_by_projects(true).unwrap().is_empty());
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn a_view_with_two_plugins_of_one_link_is_refused() {
    let folder = empty();
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    let receipt = Receipt { link: "Tool.so".into(), ..receipt("second", "1.0.0", "second") };
    keep(&store, "acme/second", &receipt, "second").unwrap();
    let members = ["acme/tool", "acme/second"].map(|it| (place(it), "1.0.0".to_owned()));
    let err = store.make_view("view", Path::new("/p"), &members).unwrap_err();
    assert_eq!(err.to_string(), "plugin file `Tool.so` belongs to `acme/tool`");
    let missing = [(place("acme/tool"), "9.0.0".to_owned())];
    let err = store.make_view("view", Path::new("/p"), &missing).unwrap_err();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err}");
    assert!(!folder.path().join(VIEWS).exists());
}

#[cfg(unix)]
#[test]
fn a_project_whose_path_is_not_text_keeps_its_view() {
    use std::os::unix::ffi::OsStrExt as _;
    let (folder, projects) = (empty(), empty());
    let store = lock(folder.path());
    install(&store, "1.0.0").unwrap();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9\n/plugins.lock");
    let odd = project(&projects.path().join(name), "1.0.0");
    view(&store, &odd, "1.0.0");
    assert_eq!(needed(&store), ["1.0.0"]);
}
