//! Locks exclude others, on file systems with locks, without locks, and with both at once.

use super::*;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The environment variable of a child process: the directory whose lock it is to take.
const ORDER: &str = "PINTLE_TEST_LOCK";

/// Disables the kernel's locks for this thread.
fn without_locks() -> fault::Injected {
    fault::inject(no_locks)
}

fn no_locks(operation: Operation) -> io::Result<()> {
    match operation {
        Operation::Lock => Err(ErrorKind::Unsupported.into()),
        _ => Ok(()),
    }
}

fn attempt(root: &Path, unowned: Unowned) -> Result<Attempt> {
    Lock::attempt(&Dir::open(root).unwrap(), "lock", unowned)
}

#[track_caller]
fn take(root: &Path) -> Lock {
    match attempt(root, Unowned::Stale).unwrap() {
        Attempt::Taken(lock) => lock,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_held(root: &Path, expected: Option<u32>) {
    match attempt(root, Unowned::Held).unwrap() {
        Attempt::Held(Holder { process, .. }) => assert_eq!(process, expected),
        other => panic!("{other:?}"),
    }
}

/// Runs `check` with locks of the kernel, and without.
fn on_both(check: impl Fn()) {
    check();
    let _fault = without_locks();
    check();
}

#[test]
fn a_lock_excludes_until_it_is_dropped_and_leaves_nothing() {
    on_both(|| {
        let folder = folder(&[]);
        let lock = take(folder.path());
        assert_held(folder.path(), Some(std::process::id()));
        assert_eq!(names(folder.path()), ["lock"]);
        drop(lock);
        assert!(names(folder.path()).is_empty());
        drop(take(folder.path()));
    });
}

#[test]
fn a_lock_of_one_kind_excludes_one_of_the_other() {
    let folder = folder(&[]);
    let lock = take(folder.path());
    let fault = without_locks();
    assert_held(folder.path(), Some(std::process::id()));
    drop(lock);
    let lock = take(folder.path());
    drop(fault);
    assert_held(folder.path(), Some(std::process::id()));
    drop(lock);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn many_threads_want_a_lock_and_one_has_it() {
    for is_without in [false, true] {
        let folder = folder(&[]);
        let taken = AtomicBool::new(false);
        let work = |_| {
            let _fault = is_without.then(without_locks);
            for _ in 0..20 {
                let attempt = || attempt(folder.path(), Unowned::Stale);
                let wait = Duration::from_secs(120);
                let lock = Lock::wait(folder.path(), wait, &mut |_| {}, attempt).unwrap();
                assert!(!taken.swap(true, Ordering::SeqCst), "two have the lock");
                std::thread::yield_now();
                taken.store(false, Ordering::SeqCst);
                drop(lock);
            }
        };
        std::thread::scope(|scope| {
            for n in 0..4 {
                scope.spawn(move || work(n));
            }
        });
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    }
}

#[test]
fn a_lock_that_is_not_released_in_time_is_an_error_that_names_the_process() {
    on_both(|| {
        let folder = folder(&[]);
        let _lock = take(folder.path());
        let mut told = Vec::new();
        let path = folder.path().join("lock");
        let patience = Duration::from_millis(100);
        let err = Lock::wait(&path, patience, &mut |it| told.push(it.to_string()), || {
            attempt(folder.path(), Unowned::Stale)
        })
        .unwrap_err();
        let me = std::process::id();
        assert_eq!(told, [format!("process {me}")]);
        assert_eq!(err.cause.to_string(), format!("process {me} holds the lock"));
        assert_eq!(err.to_string(), format!("failed to lock `{}`", path.display()));
    });
}

#[test]
fn a_lock_in_a_directory_that_does_not_exist_has_vanished() {
    let folder = folder(&[]);
    let dir = Dir::open(folder.path()).unwrap();
    let attempt = Lock::attempt(&dir, "missing/lock", Unowned::Stale).unwrap();
    assert!(matches!(attempt, Attempt::Vanished), "{attempt:?}");
}

/// The process that takes a lock and keeps it. Without the variable, it does nothing.
#[test]
fn the_process_that_has_a_lock() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let (kind, root) = order.split_once(' ').unwrap();
    let _fault = (kind == "without").then(without_locks);
    let _lock = take(Path::new(root));
    fs::write(Path::new(root).join("taken"), "").unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

/// Starts a process that takes the lock in `root`.
fn start(root: &Path, kind: &str) -> Child {
    let name = "the_process_that_has_a_lock";
    let path = module_path!().split_once("::").unwrap().1;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{path}::{name}"), "--exact"])
        .env(ORDER, format!("{kind} {}", root.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let taken = root.join("taken");
    for _ in 0..6000 {
        if taken.exists() {
            fs::remove_file(taken).unwrap();
            return child;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("the other process does not take the lock: {}", child.wait().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn the_lock_of_another_process_holds_while_it_runs_and_no_longer() {
    for kind in ["with", "without"] {
        let folder = folder(&[]);
        let mut child = start(folder.path(), kind);
        assert_held(folder.path(), Some(child.id()));
        let fault = without_locks();
        assert_held(folder.path(), Some(child.id()));
        drop(fault);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(names(folder.path()), ["lock"]);
        let _fault = (kind == "without").then(without_locks);
        drop(take(folder.path()));
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_stale_lock_is_taken_over_by_one_of_many() {
    for kind in ["with", "without"] {
        for _ in 0..5 {
            let folder = folder(&[]);
            let mut child = start(folder.path(), kind);
            child.kill().unwrap();
            child.wait().unwrap();
            let taken = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for n in 0..4 {
                    let (taken, folder) = (&taken, &folder);
                    scope.spawn(move || {
                        // Processes that see the kernel's locks, and processes that do not.
                        let _fault = (kind == "without" && n % 2 == 0).then(without_locks);
                        let attempt = || attempt(folder.path(), Unowned::Stale);
                        let wait = Duration::from_secs(60);
                        let lock = Lock::wait(folder.path(), wait, &mut |_| {}, attempt).unwrap();
                        assert!(!taken.swap(true, Ordering::SeqCst), "two have the lock");
                        std::thread::sleep(Duration::from_millis(2));
                        taken.store(false, Ordering::SeqCst);
                        drop(lock);
                    });
                }
            });
            assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn who_dies_while_removing_a_stale_lock_leaves_one_that_is_removed_too() {
    let folder = folder(&[]);
    let _fault = without_locks();
    let mut child = start(folder.path(), "without");
    child.kill().unwrap();
    child.wait().unwrap();
    // A lock that is named after it, whose owner is as dead.
    let text = fs::read_to_string(folder.path().join("lock")).unwrap();
    let nonce = owner::Record::parse(text.as_bytes()).unwrap().nonce;
    let guard = format!("lock.{nonce:016x}");
    let later = text.replace(&nonce.to_string(), "7");
    fs::write(folder.path().join(&guard), later).unwrap();
    drop(take(folder.path()));
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[test]
fn a_file_that_no_process_owns_means_what_its_users_make_of_it() {
    for text in ["", "1\n", "pintle\n", "{\"format\":1}"] {
        let folder = folder(&[("lock", text)]);
        assert_held(folder.path(), None);
        let fault = without_locks();
        assert_held(folder.path(), None);
        // Without locks, it cannot be determined whether the file is left over.
        let attempt = attempt(folder.path(), Unowned::Stale).unwrap();
        assert!(matches!(attempt, Attempt::Held(_)), "{attempt:?}");
        drop(fault);
        assert_eq!(fs::read_to_string(folder.path().join("lock")).unwrap(), text);
        drop(take(folder.path()));
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn an_error_of_the_system_is_not_taken_for_a_lock_or_for_none() {
    let folder = folder(&[]);
    let fault = fail_at(Operation::Lock, 0, EIO);
    let err = attempt(folder.path(), Unowned::Stale).unwrap_err();
    assert!(matches!(&err.cause, Cause::Io(it) if it.raw_os_error() == Some(EIO)), "{err:?}");
    assert!(names(folder.path()).is_empty());
    drop(fault);

    let _lock = take(folder.path());
    let _fault = fail_at(Operation::Lock, 0, EIO);
    attempt(folder.path(), Unowned::Stale).unwrap_err();
    attempt(folder.path(), Unowned::Held).unwrap_err();
    assert_eq!(names(folder.path()), ["lock"]);
}

#[cfg(unix)]
#[test]
fn the_kernels_ways_to_say_that_there_are_no_locks() {
    use rustix::io::Errno;
    for errno in [Errno::NOLCK, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP] {
        let folder = folder(&[]);
        let _fault = fail_at(Operation::Lock, 0, errno.raw_os_error());
        let _lock = take(folder.path());
        assert_held(folder.path(), Some(std::process::id()));
    }
}

#[test]
fn without_exclusive_renames_the_file_is_linked_or_created_under_its_name() {
    for links in [true, false] {
        let fault = move |it| match it {
            Operation::RenameNew => Err(ErrorKind::Unsupported.into()),
            Operation::Link if !links => Err(ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        };
        let folder = folder(&[]);
        let _fault = fault::inject(fault);
        let lock = take(folder.path());
        assert_held(folder.path(), Some(std::process::id()));
        assert_eq!(names(folder.path()), ["lock"]);
        drop(lock);
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn where_nothing_excludes_there_is_an_error_and_no_lock() {
    let folder = folder(&[]);
    let _fault = fault::inject(|it| match it {
        Operation::RenameNew | Operation::Lock => Err(ErrorKind::Unsupported.into()),
        Operation::Link => Err(ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    let err = attempt(folder.path(), Unowned::Stale).unwrap_err();
    assert!(matches!(err.cause, Cause::NoLocks { .. }), "{err:?}");
    let expected = "the file system supports neither locks nor exclusive renames";
    assert_eq!(err.cause.to_string(), expected);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_lock_that_cannot_be_written_leaves_nothing() {
    for operation in [Operation::Create, Operation::Write, Operation::RenameNew] {
        on_both_with(operation);
    }
}

fn on_both_with(failing: Operation) {
    for is_without in [false, true] {
        let folder = folder(&[]);
        let _fault = fault::inject(move |it| match it {
            _ if it == failing => Err(io::Error::from_raw_os_error(ENOSPC)),
            _ if is_without => no_locks(it),
            _ => Ok(()),
        });
        // With the kernel's locks, files without a record count.
        let unowned = if is_without { Unowned::Stale } else { Unowned::Held };
        let err = attempt(folder.path(), unowned).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::StorageFull, "{err:?}");
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn on_a_full_disk_the_kernel_alone_excludes() {
    let folder = folder(&[]);
    let lock = {
        let _fault = fault::inject(|it| match it {
            Operation::Write => Err(io::Error::from_raw_os_error(ENOSPC)),
            _ => Ok(()),
        });
        take(folder.path())
    };
    assert_held(folder.path(), None);
    drop(lock);
    assert!(names(folder.path()).is_empty());
    drop(take(folder.path()));
}

#[test]
fn a_lock_that_the_user_removed_does_not_remove_the_next_one() {
    on_both(|| {
        let folder = folder(&[]);
        let first = take(folder.path());
        fs::remove_file(folder.path().join("lock")).unwrap();
        let second = take(folder.path());
        drop(first);
        assert_held(folder.path(), Some(std::process::id()));
        drop(second);
        assert!(names(folder.path()).is_empty());
    });
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_not_a_lock() {
    let folder = folder(&[("target", "")]);
    let path = folder.path().join("lock");
    std::os::unix::fs::symlink("target", &path).unwrap();
    let err = attempt(folder.path(), Unowned::Stale).unwrap_err();
    assert!(matches!(err.cause, Cause::NotRegular { kind: Kind::Symlink }), "{err:?}");
    fs::remove_file(&path).unwrap();
    make_fifo(&path);
    let err = attempt(folder.path(), Unowned::Stale).unwrap_err();
    assert!(matches!(err.cause, Cause::NotRegular { kind: Kind::Fifo }), "{err:?}");
}
