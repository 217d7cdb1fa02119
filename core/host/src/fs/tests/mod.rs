//! Tests of the access to the disk, with simulated failures.

mod dir;
mod lock;
mod read;
mod replace;

use super::*;
use std::fs;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Returns the sorted names in a directory.
fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[cfg(unix)]
fn make_fifo(path: &std::path::Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

/// Has `operation` fail, the first `after` times excepted.
fn fail_at(operation: Operation, after: usize, code: i32) -> fault::Injected {
    let mut n = 0;
    fault::inject(move |it| {
        if it != operation {
            return Ok(());
        }
        n += 1;
        if n > after { Err(std::io::Error::from_raw_os_error(code)) } else { Ok(()) }
    })
}

/// The error of a full disk.
const ENOSPC: i32 = 28;
const EIO: i32 = 5;

#[test]
fn an_error_names_the_operation_the_path_and_the_cause() {
    let folder = folder(&[("a", "12345")]);
    let path = folder.path().join("a");
    let err = read_regular(&path, 4).unwrap_err();
    assert_eq!(err.to_string(), format!("failed to read `{}`", path.display()));
    let source = std::error::Error::source(&err).unwrap().to_string();
    assert_eq!(source, "it is larger than 4 bytes");

    let err = Dir::open(&folder.path().join("missing")).unwrap_err();
    assert!(err.is_absent());
    let expected = format!("failed to open the directory `{}/missing`", folder.path().display());
    assert_eq!(err.to_string(), expected);
    let err = std::io::Error::from(err);
    assert_eq!(err.kind(), std::io::ErrorKind::NotFound);
    assert!(err.raw_os_error().is_some(), "{err:?}");
}

#[test]
fn the_cause_survives_as_an_error_of_the_system() {
    let err = std::io::Error::from(Cause::TooLarge { limit: 3 << 20 });
    assert_eq!(err.kind(), std::io::ErrorKind::FileTooLarge);
    assert_eq!(err.to_string(), "it is larger than 3 MiB");
    let cause = err.get_ref().and_then(|it| it.downcast_ref::<Cause>());
    assert!(matches!(cause, Some(Cause::TooLarge { limit: 0x30_0000 })));
}

#[test]
fn a_hook_sees_the_operations_of_its_thread_until_it_is_dropped() {
    let folder = folder(&[]);
    let dir = Dir::open(folder.path()).unwrap();
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = std::rc::Rc::clone(&seen);
    let injected = fault::inject(move |it| {
        log.borrow_mut().push(it);
        Ok(())
    });
    dir.replace("a", b"1", Mode::New(0o644)).unwrap();
    std::thread::scope(|it| {
        it.spawn(|| dir.unlink("a").unwrap());
    });
    drop(injected);
    dir.create_dir("b").unwrap();
    use Operation::{Create, Find, Rename, Sync, Write};
    assert_eq!(*seen.borrow(), [Find, Create, Write, Sync, Rename, Sync]);
}
