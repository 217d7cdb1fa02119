//! What the next command does about an interrupted run, and about one that is still running.

use super::*;
use std::time::Duration;

/// Leaves a commit of `full` interrupted right after its decision.
fn interrupted() -> TempDir {
    let folder = project(FILES);
    let transaction = full(folder.path());
    let lock = lock(folder.path());
    let plan = Plan::new(&transaction, lock.disk()).unwrap();
    stage(lock.disk(), plan).unwrap();
    folder
}

/// Leaves a commit of `full` interrupted when everything is in place.
fn almost_finished() -> TempDir {
    let folder = project(FILES);
    let transaction = full(folder.path());
    let lock = lock(folder.path());
    let journal = stage(lock.disk(), Plan::new(&transaction, lock.disk()).unwrap()).unwrap();
    apply::redo(lock.disk(), &journal).unwrap();
    drop(lock);
    folder
}

fn give_up(root: &Path) {
    fs::rename(root.join(JOURNAL), root.join(journal::UNDO)).unwrap();
}

#[test]
fn an_interrupted_run_is_finished_and_says_so() {
    let folder = interrupted();
    let recovery = recover(folder.path()).unwrap();
    let expected =
        "a run was interrupted; its changes have now been finished: `PROJECT` and 3 more";
    assert_eq!(recovery.to_string(), expected);
    let readme = fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert_eq!(readme, "new README.md");
    assert_eq!(recover(folder.path()).unwrap(), Recovery::Nothing);

    let folder = interrupted();
    assert_eq!(*lock(folder.path()).recovery(), recovery);
}

#[test]
fn what_the_user_does_between_the_kill_and_the_recovery_stays() {
    // One file of an unfinished commit was changed: all others are restored.
    let folder = interrupted();
    fs::write(folder.path().join("README.md"), "mine").unwrap();
    let mut before = tree(folder.path());
    before.retain(|path, _| path != ".pintle/");
    let recovery = recover(folder.path()).unwrap();
    assert!(matches!(recovery, Recovery::Undone { .. }), "{recovery}");
    assert_eq!(everything(folder.path()), before);

    // A file appeared in the place of a new one.
    let folder = interrupted();
    fs::create_dir_all(folder.path().join("src/api")).unwrap();
    fs::write(folder.path().join("src/api/v1.rs"), "mine").unwrap();
    recover(folder.path()).unwrap();
    let found = tree(folder.path());
    assert_eq!(found["src/api/v1.rs"].1, "mine");
    assert_eq!(found["README.md"].1, "old README.md");

    // Everything was in place: nothing is in the way.
    let folder = almost_finished();
    fs::write(folder.path().join("README.md"), "mine").unwrap();
    fs::write(folder.path().join("src/api/v1.rs"), "mine").unwrap();
    fs::create_dir_all(folder.path().join("old/deep")).unwrap();
    fs::write(folder.path().join("old/deep/file"), "mine").unwrap();
    let before = tree(folder.path());
    recover(folder.path()).unwrap();
    assert_eq!(tree(folder.path()).len(), before.len());
    for path in ["README.md", "src/api/v1.rs", "old/deep/file"] {
        assert_eq!(tree(folder.path())[path].1, "mine");
    }
}

#[test]
fn a_run_that_has_put_everything_in_place_is_not_undone_any_more() {
    let folder = almost_finished();
    fs::remove_file(folder.path().join("src/api/v1.rs")).unwrap();
    fs::write(folder.path().join("README.md"), "mine").unwrap();
    let recovery = recover(folder.path()).unwrap();
    assert!(matches!(recovery, Recovery::Finished { .. }), "{recovery}");
    assert!(!folder.path().join("src/api/v1.rs").exists());
    assert_eq!(fs::read_to_string(folder.path().join("README.md")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(folder.path().join("PROJECT")).unwrap(), "version: \"3\"\n");
    assert!(!folder.path().join(RUN).exists());
    assert_eq!(recover(folder.path()).unwrap(), Recovery::Nothing);
}

#[test]
fn a_file_that_was_changed_while_it_was_to_be_undone_is_asked_about() {
    for path in ["README.md", "src/api/v1.rs"] {
        let folder = almost_finished();
        give_up(folder.path());
        fs::write(folder.path().join(path), "mine").unwrap();
        for _ in 0..2 {
            let err = recover(folder.path()).unwrap_err();
            assert!(matches!(err, TransactionError::Interrupted { .. }), "{err}");
            let expected = format!(
                "move your `{path}` out of the way; the next command then restores the old one"
            );
            assert_eq!(err.hint_text().unwrap(), expected);
            assert_eq!(fs::read_to_string(folder.path().join(path)).unwrap(), "mine");
        }
        fs::rename(folder.path().join(path), folder.path().join("mine")).unwrap();
        recover(folder.path()).unwrap();
        fs::remove_file(folder.path().join("mine")).unwrap();
        assert_eq!(everything(folder.path()), everything(project(FILES).path()));
    }
}

#[test]
fn a_damaged_journal_is_an_error_that_touches_nothing() {
    let whole = fs::read(interrupted().path().join(JOURNAL)).unwrap();
    let outside = String::from_utf8(whole.clone()).unwrap().replace("README.md", "../victim");
    let future = String::from_utf8(whole.clone()).unwrap().replace("\"format\":1", "\"format\":2");
    for (bytes, why) in [
        (&whole[..whole.len() / 2], "EOF while parsing"),
        (b"", "EOF while parsing"),
        (b"\0 garbage", "expected value"),
        (outside.as_bytes(), "invalid path `../victim`"),
        (future.as_bytes(), "it has format 2, which is not a format of this host"),
    ] {
        let folder = interrupted();
        fs::write(folder.path().join(JOURNAL), bytes).unwrap();
        let before = everything(folder.path());
        for _ in 0..2 {
            let err = recover(folder.path()).unwrap_err();
            let source = std::error::Error::source(&err).unwrap().to_string();
            assert!(source.starts_with(why), "{source}");
            let expected = "compare the project with version control (the replaced files are \
                            `.pintle/run/*.old`), then remove `.pintle/run`";
            assert_eq!(err.hint_text().unwrap(), expected);
            assert_eq!(everything(folder.path()), before);
        }
    }
}

#[test]
fn a_stale_lock_file_is_no_lock() {
    let folder = project(&["x"]);
    let before = everything(folder.path());
    fs::create_dir_all(folder.path().join(RUN)).unwrap();
    fs::write(folder.path().join(journal::LOCK), "1\n").unwrap();
    fs::write(folder.path().join(".pintle/run/0.new"), "rubbish").unwrap();
    drop(Lock::acquire_within(folder.path(), Duration::ZERO, &mut |_| {}).unwrap());
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn whoever_has_the_lock_is_named() {
    let folder = project(&["x"]);
    let first = lock(folder.path());
    let mut said = Vec::new();
    let patience = Duration::from_millis(100);
    let err = Lock::acquire_within(folder.path(), patience, &mut |it| said.push(it.to_owned()))
        .unwrap_err();
    let me = std::process::id();
    assert_eq!(said, [format!("waiting for process {me}, which is working in this project")]);
    let root = folder.path().display();
    assert_eq!(err.to_string(), format!("process {me} is working in `{root}`"));
    assert_eq!(recover(folder.path()).unwrap(), Recovery::Running { process: Some(me) });
    drop(first);
    assert_eq!(everything(folder.path()).len(), 1);
    drop(lock(folder.path()));
}

#[test]
fn many_want_the_lock_and_one_has_it() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = project(&["x"]);
    let taken = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let patience = Duration::from_secs(60);
                    let lock = Lock::acquire_within(folder.path(), patience, &mut |_| {}).unwrap();
                    assert!(!taken.swap(true, Ordering::SeqCst), "two have the lock");
                    std::thread::yield_now();
                    taken.store(false, Ordering::SeqCst);
                    drop(lock);
                }
            });
        }
    });
    assert_eq!(everything(folder.path()).len(), 1);
}

#[test]
fn looking_for_an_interrupted_run_makes_nothing() {
    let folder = project(&["x"]);
    let before = everything(folder.path());
    assert_eq!(recover(folder.path()).unwrap(), Recovery::Nothing);
    assert_eq!(recover(&folder.path().join("missing")).unwrap(), Recovery::Nothing);
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn a_new_file_that_is_neither_staged_nor_in_place_is_not_taken_for_done() {
    // Someone removed the staged files, for example a second host that sees no lock.
    let folder = project(FILES);
    let before = everything(folder.path());
    let transaction = full(folder.path());
    let lock = lock(folder.path());
    let journal = stage(lock.disk(), Plan::new(&transaction, lock.disk()).unwrap()).unwrap();
    let new = journal.entries.iter().position(|it| it.path == "src/api/v1.rs").unwrap();
    lock.disk().unlink(journal::staged(new)).unwrap();
    let err = apply::redo(lock.disk(), &journal).unwrap_err();
    assert_eq!(err.to_string(), "`src/api/v1.rs` has disappeared");
    let err = undo(lock.disk(), &journal, err);
    assert!(matches!(err, TransactionError::Disappeared { .. }), "{err}");
    drop(lock);
    assert_eq!(everything(folder.path()), before);

    // The next command finds the journal, and undoes what it cannot finish.
    let folder = interrupted();
    fs::remove_file(folder.path().join(journal::staged(new))).unwrap();
    let recovery = recover(folder.path()).unwrap();
    assert!(matches!(recovery, Recovery::Undone { .. }), "{recovery}");
    assert_eq!(everything(folder.path()), before);
}

#[test]
fn saving_a_project_waits_for_the_lock_and_leaves_nothing_else() {
    let folder = project(&["PROJECT"]);
    let path = folder.path().join("PROJECT");
    let held = lock(folder.path());
    std::thread::scope(|scope| {
        let saving = scope.spawn(|| empty_project().save(&path));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old PROJECT");
        drop(held);
        saving.join().unwrap().unwrap();
    });
    assert_eq!(texts(everything(folder.path())), [("PROJECT".into(), "version: \"3\"\n".into())]);
}

/// Simulates a file system without locks, and also without exclusive renames if `nothing` excludes
/// other processes.
fn without_locks(nothing: bool) -> pintle_host::fs::fault::Injected {
    use pintle_host::fs::Operation;
    pintle_host::fs::fault::inject(move |it| match it {
        Operation::Lock => Err(std::io::ErrorKind::Unsupported.into()),
        Operation::RenameNew | Operation::Link if nothing => {
            Err(std::io::ErrorKind::Unsupported.into())
        }
        _ => Ok(()),
    })
}

#[test]
fn without_locks_a_second_host_waits_and_touches_nothing_of_the_first() {
    let _fault = without_locks(false);
    let folder = project(FILES);
    let transaction = full(folder.path());
    let first = lock(folder.path());
    let journal = stage(first.disk(), Plan::new(&transaction, first.disk()).unwrap()).unwrap();
    let staged = everything(folder.path());
    let me = Some(std::process::id());
    assert_eq!(recover(folder.path()).unwrap(), Recovery::Running { process: me });
    let patience = Duration::from_millis(50);
    let err = Lock::acquire_within(folder.path(), patience, &mut |_| {}).unwrap_err();
    assert!(matches!(err, TransactionError::Busy { lock: None, .. }), "{err:?}");
    assert_eq!(everything(folder.path()), staged);
    apply::redo(first.disk(), &journal).unwrap();
    apply::finish(first.disk(), &journal);
    drop(first);
    assert_eq!(fs::read_to_string(folder.path().join("README.md")).unwrap(), "new README.md");
    assert!(!folder.path().join(RUN).exists());
}

#[test]
fn without_locks_a_lock_of_an_unknown_owner_is_the_users_to_remove() {
    let _fault = without_locks(false);
    let folder = project(FILES);
    fs::create_dir_all(folder.path().join(RUN)).unwrap();
    fs::write(folder.path().join(journal::LOCK), "1\n").unwrap();
    let err = Lock::acquire_within(folder.path(), Duration::ZERO, &mut |_| {}).unwrap_err();
    let hint = err.hint_text().unwrap();
    let path = folder.path().join(journal::LOCK).display().to_string();
    assert!(hint.ends_with(&format!("if it is no longer running, remove `{path}`")), "{hint}");
}

#[test]
fn where_nothing_excludes_nothing_is_written() {
    let _fault = without_locks(true);
    let folder = project(FILES);
    let before = everything(folder.path());
    let err = Lock::acquire(folder.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(err, TransactionError::Disk { .. }), "{err:?}");
    let source = std::error::Error::source(&err).unwrap().to_string();
    assert_eq!(source, "the file system supports neither locks nor exclusive renames");
    assert_eq!(tree(folder.path()).len(), before.len() + 1);
    empty_project().save(&folder.path().join("PROJECT")).unwrap_err();
    assert_eq!(fs::read_to_string(folder.path().join("PROJECT")).unwrap(), "old PROJECT");
}

#[cfg(unix)]
#[test]
fn a_journal_that_is_a_fifo_is_an_error_at_once() {
    let folder = project(FILES);
    fs::create_dir_all(folder.path().join(RUN)).unwrap();
    let path = folder.path().join(JOURNAL);
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let err = recover(folder.path()).unwrap_err();
    let mut cause: &dyn std::error::Error = &err;
    while let Some(it) = cause.source() {
        cause = it;
    }
    assert_eq!(cause.to_string(), "it is a FIFO, not a regular file");
}

#[test]
fn what_another_process_removes_first_is_no_reason_to_fail() {
    use pintle_host::fs::{Operation, fault};
    let folder = project(&[]);
    let lock = lock(folder.path());
    let rubbish = folder.path().join(RUN).join("0.new");
    fs::write(&rubbish, "").unwrap();
    let _fault = fault::inject(move |it| match it {
        Operation::Unlink => Ok(fs::remove_file(&rubbish)?),
        _ => Ok(()),
    });
    apply::discard(lock.disk()).unwrap();
}
