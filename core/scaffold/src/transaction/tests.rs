//! Tests of the transaction: what is written to the disk, and what accidents leave there.

mod accidents;
#[allow(dead_code, reason = "shared with the tests of the store, which need more")]
#[path = "../../../../tests/accidents.rs"]
mod fault;
mod recovery;

use super::commit::{stage, undo};
use super::journal::{JOURNAL, RUN};
use super::plan::Plan;
use super::*;
use crate::commands::errors::Advice as _;
use crate::project::{PROJECT, ProjectFile};
use crate::{Change, Universe};
use pintle_host::ProjectVersion;
use pintle_host::fs::Dir;
use pintle_plugin::{MODE_EXECUTABLE, MODE_FILE, Node, Select};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Everything below a directory: the path (that of a directory ends in `/`), mode, and content.
type Tree = BTreeMap<String, (u32, String)>;

/// Returns a project with some files, each with the content `old <path>`.
///
/// In memory if possible, because thousands of them are created.
fn project(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("old {file}")).unwrap();
    }
    folder
}

fn node(path: &str) -> Node {
    Node::new(path, format!("new {path}"), MODE_FILE)
}

/// Returns a file as a chain of plugins finds it.
fn on_disk(root: &Path, path: &str) -> Node {
    Universe::new(root).nodes(Select::Path(path)).unwrap().remove(0)
}

/// Returns the content of a project, without the directory of the run.
fn tree(root: &Path) -> Tree {
    let mut tree = everything(root);
    tree.retain(|path, _| !path.starts_with(".pintle/run"));
    tree
}

fn everything(root: &Path) -> Tree {
    let mut tree = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = mode(&metadata);
            if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                tree.insert(name, (0, format!("-> {}", target.display())));
            } else if metadata.is_dir() {
                tree.insert(name + "/", (mode, String::new()));
                folders.push(path);
            } else {
                tree.insert(name, (mode, fs::read_to_string(path).unwrap()));
            }
        }
    }
    tree
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    MODE_FILE
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn lock(root: &Path) -> Lock {
    Lock::acquire(root, &mut |_| {}).unwrap()
}

fn commit(root: &Path, transaction: Transaction) -> Result<Committed, TransactionError> {
    transaction.commit(&lock(root))
}

fn empty_project() -> ProjectFile {
    ProjectFile::new(&ProjectVersion::default()).unwrap()
}

/// Returns a transaction with a change of each kind, for a project with the files of `FILES`.
fn full(root: &Path) -> Transaction {
    let mut transaction = Transaction::new();
    transaction
        .add(node("src/api/v1.rs"))
        .replace(on_disk(root, "README.md"), node("README.md"))
        .delete(on_disk(root, "old/deep/file"))
        .project(&empty_project(), Some("old PROJECT"));
    transaction
}

const FILES: &[&str] = &["README.md", "old/deep/file", "PROJECT", "kept/x"];

fn texts(tree: Tree) -> Vec<(String, String)> {
    tree.into_iter().map(|(path, (_, text))| (path, text)).collect()
}

#[test]
fn all_changes_reach_the_disk_and_nothing_else_does() {
    let folder = project(FILES);
    let committed = commit(folder.path(), full(folder.path())).unwrap();
    assert_eq!(committed.added, ["src/api/v1.rs"]);
    assert_eq!(committed.replaced, ["README.md"]);
    assert_eq!(committed.deleted, ["old/deep/file"]);
    let expected = [
        (".pintle/", ""),
        (
            ".pintle/.gitattributes",
            "/scaffold.jsonl merge=union eol=lf\n/plugins.lock merge=union eol=lf\n",
        ),
        (".pintle/.gitignore", "/run/\n"),
        ("PROJECT", "version: \"3\"\n"),
        ("README.md", "new README.md"),
        ("kept/", ""),
        ("kept/x", "old kept/x"),
        ("src/", ""),
        ("src/api/", ""),
        ("src/api/v1.rs", "new src/api/v1.rs"),
    ];
    let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(texts(everything(folder.path())), expected);
}

#[test]
fn a_transaction_that_changes_nothing_leaves_nothing() {
    let folder = project(FILES);
    fs::write(folder.path().join(PROJECT), "version: \"3\"\n").unwrap();
    let before = everything(folder.path());
    let mut transaction = Transaction::new();
    let readme = on_disk(folder.path(), "README.md");
    transaction
        .replace(readme.clone(), readme)
        .project(&empty_project(), Some("version: \"3\"\n"))
        .state_file("scaffold.jsonl", None);
    commit(folder.path(), transaction).unwrap();
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn the_state_of_the_host_changes_with_the_files() {
    let folder = project(&[]);
    let state = folder.path().join(".pintle/scaffold.jsonl");
    let write = |bytes: Option<&str>| {
        let mut transaction = Transaction::new();
        transaction.state_file("scaffold.jsonl", bytes.map(|it| it.as_bytes().to_vec()));
        commit(folder.path(), transaction)
    };
    write(Some("1\n")).unwrap();
    assert_eq!(fs::read_to_string(&state).unwrap(), "1\n");
    write(Some("2\n")).unwrap();
    assert_eq!(fs::read_to_string(&state).unwrap(), "2\n");
    write(None).unwrap();
    assert_eq!(texts(everything(folder.path())).len(), 3);

    for name in ["", "..", "run", "run/journal", "../PROJECT"] {
        let mut transaction = Transaction::new();
        transaction.state_file(name, Some(Vec::new()));
        let err = commit(folder.path(), transaction).unwrap_err();
        assert!(matches!(err, TransactionError::Path { .. }), "{name}: {err}");
    }
}

#[cfg(unix)]
#[test]
fn new_files_have_the_modes_of_their_nodes_and_old_ones_keep_theirs() {
    let folder = project(&["secret", "script", "plain"]);
    let path = |it: &str| folder.path().join(it);
    set_mode(&path("secret"), 0o600);
    set_mode(&path("script"), 0o2755);
    let mut transaction = Transaction::new();
    transaction.add(Node::new("run.sh", "", MODE_EXECUTABLE)).add(node("text"));
    for (name, mode) in [("secret", 0o600), ("script", 0o755), ("plain", 0o755)] {
        transaction.replace(on_disk(folder.path(), name), Node::new(name, "new", mode));
    }
    commit(folder.path(), transaction).unwrap();
    let modes = tree(folder.path()).into_iter().map(|(path, (mode, _))| (path, mode));
    let modes: Vec<_> = modes.filter(|(path, _)| !path.starts_with('.')).collect();
    let expected = [
        ("plain", 0o755),
        ("run.sh", 0o755),
        ("script", 0o2755),
        ("secret", 0o600),
        ("text", 0o644),
    ];
    assert_eq!(modes, expected.map(|(path, mode)| (path.to_owned(), mode)));
}

#[test]
fn a_file_that_nobody_deleted_is_not_overwritten() {
    let folder = project(&["README.md", "old/deep/file", "PROJECT", "src/api/v1.rs"]);
    let before = everything(folder.path());
    let err = commit(folder.path(), full(folder.path())).unwrap_err();
    assert_eq!(err.to_string(), "`src/api/v1.rs` is in the way");
    assert_eq!(everything(folder.path()), before);

    let folder = project(&["README.md", "old/deep/file", "PROJECT", "src"]);
    let before = everything(folder.path());
    let err = commit(folder.path(), full(folder.path())).unwrap_err();
    assert_eq!(err.to_string(), "`src` is in the way");
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn a_file_that_the_user_has_changed_is_not_overwritten() {
    for (path, text) in [("README.md", "mine"), ("old/deep/file", "mine"), (PROJECT, "mine")] {
        let folder = project(FILES);
        let transaction = full(folder.path());
        fs::write(folder.path().join(path), text).unwrap();
        let before = everything(folder.path());
        let err = commit(folder.path(), transaction).unwrap_err();
        assert_eq!(err.to_string(), format!("`{path}` has changed in the meantime"));
        assert_eq!(err.hint_text().unwrap(), "nothing was written; try again");
        assert_eq!(everything(folder.path()), before);

        let transaction = full(project(FILES).path());
        fs::remove_file(folder.path().join(path)).unwrap();
        let before = everything(folder.path());
        let err = commit(folder.path(), transaction).unwrap_err();
        assert!(
            matches!(err, TransactionError::Disappeared { .. } | TransactionError::Changed { .. }),
            "{err}"
        );
        assert_eq!(everything(folder.path()), before);
    }
}

#[cfg(unix)]
#[test]
fn a_file_whose_mode_the_user_has_changed_is_not_overwritten() {
    let folder = project(FILES);
    let transaction = full(folder.path());
    set_mode(&folder.path().join("README.md"), 0o400);
    let err = commit(folder.path(), transaction).unwrap_err();
    assert_eq!(err.to_string(), "`README.md` has changed in the meantime");
}

#[test]
fn init_finds_no_project() {
    let folder = project(&["PROJECT"]);
    let before = everything(folder.path());
    let mut transaction = Transaction::new();
    transaction.add(node("x")).project(&empty_project(), None);
    let err = commit(folder.path(), transaction).unwrap_err();
    assert_eq!(err.to_string(), "`PROJECT` is in the way");
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn a_folder_may_take_the_place_of_a_deleted_file() {
    let folder = project(&["api"]);
    let mut transaction = Transaction::new();
    transaction.add(node("api/v1.rs")).delete(on_disk(folder.path(), "api"));
    commit(folder.path(), transaction).unwrap();
    assert!(folder.path().join("api/v1.rs").is_file());
}

#[test]
fn a_file_may_take_the_place_of_an_emptied_folder() {
    let folder = project(&["api/deep/v1.rs", "api/v2.rs"]);
    let delete = |paths: &[&str]| {
        let mut transaction = Transaction::new();
        transaction.add(node("api"));
        paths.iter().for_each(|it| {
            transaction.delete(on_disk(folder.path(), it));
        });
        commit(folder.path(), transaction)
    };
    let before = everything(folder.path());
    let err = delete(&["api/deep/v1.rs"]).unwrap_err();
    assert_eq!(err.to_string(), "`api` is in the way");
    assert_eq!(everything(folder.path()), before);
    delete(&["api/deep/v1.rs", "api/v2.rs"]).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("api")).unwrap(), "new api");
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_the_project() {
    let outside = project(&["victim"]);
    let folder = project(&[]);
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
    let victim = Node::new("out/victim", "old victim", MODE_FILE);
    for change in [Change::Add(node("out/new")), Change::Delete(victim)] {
        let mut transaction = Transaction::new();
        transaction.change(change);
        let err = commit(folder.path(), transaction).unwrap_err();
        assert!(matches!(err, TransactionError::Path { .. }), "{err}");
    }
    let mut transaction = Transaction::new();
    transaction.add(node("../new"));
    commit(folder.path(), transaction).unwrap_err();
    assert_eq!(everything(outside.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn the_disk_follows_no_link_that_appears_after_the_check() {
    let outside = project(&["victim"]);
    let folder = project(&["file"]);
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
    let disk = Dir::open(folder.path()).unwrap();
    disk.rename_new("file", "out/file").unwrap_err();
    disk.rename("out/victim", "taken").unwrap_err();
    disk.exchange("file", "out/victim").unwrap_err();
    disk.unlink("out/victim").unwrap_err();
    disk.create_dir("out/new").unwrap_err();
    disk.create("out/new", b"", pintle_host::fs::Mode::New(MODE_FILE)).unwrap_err();
    disk.read_regular("out/victim", 99).unwrap_err();
    assert_eq!(journal::stamp(&disk, "out/victim").unwrap(), None);
    assert_eq!(everything(outside.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn the_folder_of_the_host_is_never_a_link() {
    let outside = project(&["victim"]);
    let folder = project(&[]);
    std::os::unix::fs::symlink(outside.path(), folder.path().join(".pintle")).unwrap();
    let err = Lock::acquire(folder.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(err, TransactionError::Disk { .. }), "{err}");
    assert_eq!(everything(outside.path()).len(), 1);
}

/// On Windows, a file that is open when it is removed keeps its name until it is closed, and
/// its directory cannot be removed before that.
#[cfg(target_os = "linux")]
#[test]
fn the_lock_file_is_closed_before_its_directory_is_removed() {
    use pintle_host::fs::{Operation, fault};
    use std::cell::RefCell;
    use std::rc::Rc;

    let folder = project(&[]);
    let lock = Lock::acquire(folder.path(), &mut |_| {}).unwrap();
    let run = folder.path().join(RUN);
    let open_files = move || {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let targets = open.filter_map(|it| fs::read_link(it.path()).ok());
        targets.filter(|it| it.parent() == Some(&run)).count()
    };
    assert_eq!(open_files(), 1);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let injected = fault::inject(move |it| {
        if it == Operation::RemoveDir {
            log.borrow_mut().push(open_files());
        }
        Ok(())
    });
    drop(lock);
    drop(injected);
    assert_eq!(*seen.borrow(), [0, 0]);
    assert!(everything(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn project_keeps_its_mode_and_is_never_a_link() {
    let folder = project(&["PROJECT", "shared"]);
    let path = folder.path().join("PROJECT");
    set_mode(&path, 0o600);
    let transaction = || {
        let mut transaction = Transaction::new();
        transaction.project(&empty_project(), Some("old PROJECT"));
        transaction
    };
    commit(folder.path(), transaction()).unwrap();
    assert_eq!(tree(folder.path())[PROJECT], (0o600, "version: \"3\"\n".to_owned()));

    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("shared", &path).unwrap();
    let before = everything(folder.path());
    let err = commit(folder.path(), transaction()).unwrap_err();
    assert!(matches!(err, TransactionError::Occupied { .. }), "{err}");
    assert_eq!(everything(folder.path()), before);
}

#[cfg(target_os = "linux")]
#[test]
fn the_path_of_a_project_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = project(&[]);
    let root = folder.path().join(std::ffi::OsStr::from_bytes(b"not \xff text"));
    fs::create_dir(&root).unwrap();
    let mut transaction = Transaction::new();
    transaction.add(node("a/b"));
    commit(&root, transaction).unwrap();
    assert_eq!(fs::read_to_string(root.join("a/b")).unwrap(), "new a/b");
}
