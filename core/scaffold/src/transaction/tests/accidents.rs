//! A commit is killed, or fails, at each of its operations in turn.

use super::fault::{self, Accident};
use super::*;
#[cfg(unix)]
use rustix::io::Errno;
use std::process::Command;

/// What the killed process finds in its environment: the project, its task, and the operation
/// before which it is killed.
const ORDER: &str = "PINTLE_TEST_ACCIDENT";

/// The files of a project in which a commit meets every case.
fn elaborate() -> TempDir {
    let files = ["README.md", "PROJECT", "old/deep/file", "old/other", "folder/in/it", "file"];
    let folder = project(&[&files[..], &["script.sh", "kept/x", ".pintle/state"]].concat());
    #[cfg(unix)]
    {
        set_mode(&folder.path().join("script.sh"), 0o750);
        set_mode(&folder.path().join("folder/in"), 0o711);
        set_mode(&folder.path().join("PROJECT"), 0o640);
        std::os::unix::fs::symlink("kept/x", folder.path().join("link")).unwrap();
    }
    folder
}

fn elaborate_changes(root: &Path) -> Transaction {
    let mut transaction = Transaction::new();
    let script = on_disk(root, "script.sh");
    transaction
        .add(node("src/api/v1.rs"))
        .add(Node::new("src/run.sh", "new", MODE_EXECUTABLE))
        .add(node("top"))
        .replace(on_disk(root, "README.md"), node("README.md"))
        .replace(script.clone(), Node::new("script.sh", "new", script.mode()))
        .delete(on_disk(root, "old/deep/file"))
        .delete(on_disk(root, "old/other"))
        // A directory becomes a file, and a file a directory.
        .delete(on_disk(root, "folder/in/it"))
        .add(node("folder"))
        .delete(on_disk(root, "file"))
        .add(node("file/now/folder"))
        .state_file("state", Some(b"new state".to_vec()))
        .project(&empty_project(), Some("old PROJECT"));
    transaction
}

/// Returns the trees before and after the commit.
fn both_trees() -> (Tree, Tree) {
    let folder = elaborate();
    let before = tree(folder.path());
    commit(folder.path(), elaborate_changes(folder.path())).unwrap();
    (before, everything(folder.path()))
}

/// The process that is killed. Without a task, there is nothing to do.
#[test]
fn the_process_that_is_killed() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let [n, task, old_system, root] = order.splitn(4, ' ').collect::<Vec<_>>()[..] else {
        panic!("an order has four parts")
    };
    let root = Path::new(root);
    // The task is known before its first operation.
    let transaction = (task == "commit").then(|| elaborate_changes(root));
    fault::set_old_system(old_system == "true");
    fault::plan(n.parse().unwrap(), Accident::Kill);
    let lock = lock(root);
    if let Some(transaction) = transaction {
        transaction.commit(&lock).unwrap();
    }
}

/// Runs a process that is killed before its operation `n`; returns whether it was.
#[cfg(unix)]
fn kill(root: &Path, task: &str, n: usize, old_system: bool) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let module = module_path!().split_once("::").unwrap().1;
    let name = format!("{module}::the_process_that_is_killed");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact"])
        .env(ORDER, format!("{n} {task} {old_system} {}", root.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test"), "{said}");
    match output.status.signal() {
        Some(9) => true,
        _ if output.status.success() => false,
        _ => panic!("{}: {said}", output.status),
    }
}

/// Kills commits, each one operation later than the previous one; returns how many.
#[cfg(unix)]
fn kill_everywhere(old_system: bool, check: impl Fn(&Path, usize)) -> usize {
    for n in 0.. {
        let folder = elaborate();
        if !kill(folder.path(), "commit", n, old_system) {
            return n;
        }
        check(folder.path(), n);
    }
    unreachable!("a commit ends")
}

#[cfg(unix)]
#[track_caller]
fn assert_one_of(root: &Path, (before, after): &(Tree, Tree), n: usize) -> bool {
    let found = everything(root);
    let is_after = found == *after;
    assert!(is_after || found == *before, "killed before operation {n}, the tree is {found:#?}");
    is_after
}

#[cfg(unix)]
#[test]
#[expect(clippy::print_stdout, reason = "the number of points is what the test is about")]
fn a_commit_that_is_killed_leaves_the_tree_before_or_after() {
    for old_system in [false, true] {
        let trees = both_trees();
        let outcomes = std::cell::RefCell::new(Vec::new());
        let points = kill_everywhere(old_system, |root, n| {
            recover(root).unwrap();
            outcomes.borrow_mut().push(assert_one_of(root, &trees, n));
            assert_eq!(recover(root).unwrap(), Recovery::Nothing);
        });
        let undone = outcomes.borrow().iter().filter(|it| !**it).count();
        println!("killed at {points} points: {undone} undone, {} finished", points - undone);
        assert!(points >= 50, "{points}");
        // There is one moment of decision.
        assert!(outcomes.borrow().is_sorted() && undone > 0 && undone < points);
    }
}

#[cfg(unix)]
#[test]
#[expect(clippy::print_stdout, reason = "the number of points is what the test is about")]
fn a_recovery_that_is_killed_is_recovered() {
    let trees = both_trees();
    let kills = std::cell::Cell::new(0);
    kill_everywhere(false, |root, n| {
        // Each recovery gets one step further than the previous one, until one is not killed.
        for m in 0.. {
            if !kill(root, "recover", m, false) {
                break;
            }
            kills.set(kills.get() + 1);
        }
        assert_one_of(root, &trees, n);
    });
    println!("killed {} recoveries", kills.get());
    assert!(kills.get() >= 200, "{}", kills.get());
}

/// Lets each operation of a commit fail in turn.
fn fail_everywhere(
    accident: impl Fn(usize) -> (usize, Accident),
    check: impl Fn(&Path, bool, usize),
) {
    for old_system in [false, true] {
        fault::set_old_system(old_system);
        for n in 0.. {
            let folder = elaborate();
            let transaction = elaborate_changes(folder.path());
            let lock = lock(folder.path());
            let (at, accident) = accident(n);
            fault::plan(at, accident);
            let res = transaction.commit(&lock);
            let ended = fault::count() <= at;
            fault::reset();
            drop(lock);
            check(folder.path(), res.is_ok(), n);
            if ended {
                assert!(res.is_ok() && n >= 50, "{res:?}");
                break;
            }
        }
        fault::set_old_system(false);
    }
}

#[cfg(unix)]
#[test]
fn a_commit_with_one_failure_leaves_the_tree_before_or_after() {
    let (before, after) = both_trees();
    for code in [Errno::NOSPC, Errno::ACCESS, Errno::IO] {
        fail_everywhere(
            |n| (n, Accident::Error(code.raw_os_error())),
            |root, done, n| {
                let expected = if done { &after } else { &before };
                for found in [tree(root), recover(root).map(|_| everything(root)).unwrap()] {
                    // An empty directory that cannot be removed is not a reason to fail.
                    let is_left = |path: &str| done && path.starts_with("old/");
                    let found: Tree = found.into_iter().filter(|(it, _)| !is_left(it)).collect();
                    assert_eq!(found, *expected, "operation {n} failed");
                }
            },
        );
    }
}

#[cfg(unix)]
#[test]
fn a_disk_that_breaks_in_the_middle_is_repaired_when_it_is_back() {
    let trees = both_trees();
    fail_everywhere(
        |n| (n, Accident::Broken(Errno::ROFS.raw_os_error())),
        |root, _, n| {
            recover(root).unwrap();
            assert_one_of(root, &trees, n);
        },
    );
}

#[cfg(unix)]
#[test]
fn a_failure_that_cannot_be_undone_says_where_the_old_files_are() {
    let folder = project(FILES);
    let transaction = full(folder.path());
    let lock = lock(folder.path());
    let plan = Plan::new(&transaction, lock.disk()).unwrap();
    let journal = stage(lock.disk(), plan).unwrap();
    // The first file has moved, the second has not.
    fault::plan(1, Accident::Broken(Errno::ROFS.raw_os_error()));
    let err = apply::redo(lock.disk(), &journal).unwrap_err();
    let err = undo(lock.disk(), &journal, err);
    fault::reset();
    let expected = format!(
        "failed to restore the files; the old files are in `{}`",
        folder.path().join(RUN).display()
    );
    assert_eq!(err.to_string(), expected);
    let hint = err.hint_text().unwrap();
    assert!(hint.ends_with("; the next command then finishes or undoes the run"), "{hint}");
    drop(lock);
    assert!(!folder.path().join("old/deep/file").exists());
    recover(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("README.md")).unwrap(), "new README.md");
}
