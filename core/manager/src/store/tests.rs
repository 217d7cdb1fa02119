//! Tests of the store: its content after changes, whatever happens, and whatever was in it before.

mod accidents;
mod concurrency;
#[path = "../../../../tests/accidents.rs"]
mod fault;
mod links;
mod semantics;
mod strangers;
mod views;

use super::paths::*;
use super::*;
use crate::archive::UnpackedFile;
use crate::digest::Digest;
use crate::lockfile::LockFile;
use crate::trust::Trust;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// Everything below a directory: the path (with a final `/` for directories) and the content.
type Tree = BTreeMap<String, String>;

/// Returns an empty directory, in memory if possible: the tests create thousands of them.
fn empty() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn lock(root: &Path) -> LockedStore {
    Store::lock(root, &mut |_| {}).unwrap()
}

fn open(root: &Path) -> Store {
    Store::open(root).unwrap().unwrap()
}

fn place(text: &str) -> Place {
    let (owner, repo) = text.split_once('/').unwrap();
    Place { owner: owner.to_owned(), repo: repo.to_owned() }
}

fn files(text: &str) -> Vec<UnpackedFile> {
    let file = |path: &str, is_executable, text: &str| UnpackedFile {
        path: path.to_owned(),
        is_executable,
        bytes: text.as_bytes().to_vec(),
    };
    vec![file("lib.so", false, text), file("share/run", true, "#!/bin/sh\n")]
}

/// Returns the receipt for files with a text. Its link is named after the repository.
fn receipt(repo: &str, version: &str, text: &str) -> Receipt {
    let record = |it: &UnpackedFile| {
        let digest = Digest::of(&it.bytes);
        (it.path.clone(), FileRecord { digest, is_executable: it.is_executable })
    };
    let mut receipt = Receipt {
        name: format!("{repo}.example.org"),
        version: version.to_owned(),
        source: format!("acme/{repo}"),
        tag: Some(format!("v{version}")),
        file: "lib.so".to_owned(),
        is_program: false,
        link: format!("{repo}.so"),
        trust: Trust::None,
        key: None,
        archive: Digest::of(text.as_bytes()),
        content: Digest::of(b""),
        published: None,
        is_immutable: false,
        files: files(text).iter().map(record).collect(),
        targets: BTreeMap::new(),
    };
    receipt.content = receipt.digest_of_files();
    receipt
}

fn keep(
    store: &LockedStore,
    place_text: &str,
    receipt: &Receipt,
    text: &str,
) -> Result<String, StoreError> {
    store.stage(&place(place_text), &files(text))?.keep(receipt, None, true)
}

/// Installs a version of `acme/tool`, whose files contain the version.
fn install(store: &LockedStore, version: &str) -> Result<(), StoreError> {
    keep(store, "acme/tool", &receipt("tool", version, version), version).map(drop)
}

fn tool(store: &Store) -> Stored {
    store.plugin(&place("acme/tool")).unwrap().unwrap()
}

/// Returns the text of the file that the host would load.
fn loaded(root: &Path) -> Option<String> {
    fs::read_to_string(root.join("tool.so")).ok()
}

/// Returns the content of a store, without the lock and unfinished files.
fn tree(root: &Path) -> Tree {
    let mut tree = everything(root);
    let is_visible = |it: &String| !it.starts_with(".store/") || it.starts_with(".store/projects/");
    tree.retain(|path, _| is_visible(path) && path != ".store/projects/");
    // Without a plugin, the lock file may be empty or missing.
    if tree.get(LOCK_FILE).is_some_and(|it| it.ends_with("[plugin]\n")) {
        tree.remove(LOCK_FILE);
    }
    tree
}

/// Returns the remains in a store that no process uses.
fn leftovers(root: &Path) -> Vec<String> {
    let own = everything(&root.join(OWN)).into_keys();
    let mut left: Vec<_> = own.filter(|it| !it.starts_with("projects/")).collect();
    let is_temporary = |it: &String| it.contains("/.new-") || it.ends_with(".tmp");
    left.extend(everything(root).into_keys().filter(is_temporary));
    left
}

fn everything(root: &Path) -> Tree {
    let mut tree = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            // The names of links to projects depend on the projects' paths.
            let name = name.split(".project-").next().unwrap().to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                match target.strip_prefix(root) {
                    Ok(target) => {
                        tree.insert(format!("{name}[{}]", target.display()), String::new())
                    }
                    Err(_) => tree.insert(name, format!("-> {}", target.display())),
                };
            } else if metadata.is_dir() {
                tree.insert(name + "/", mode(&metadata));
                folders.push(path);
            } else if !metadata.is_file() {
                tree.insert(name, "special".to_owned());
            } else if metadata.len() < 1 << 20 {
                let text = fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                tree.insert(name, format!("{} {text}", mode(&metadata)));
            }
        }
    }
    tree
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    format!("{:o}", metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> String {
    String::new()
}
