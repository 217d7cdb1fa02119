//! Files are written in one step or not at all.

use super::*;
use std::io::ErrorKind;
use std::path::Path;

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    permissions(&fs::metadata(path).unwrap())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_is_created_and_replaced_and_nothing_else_is_left() {
    let folder = folder(&[]);
    let path = folder.path().join("a");
    for text in ["one", "two", ""] {
        replace(&path, text.as_bytes(), Mode::New(0o644)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(names(folder.path()), ["a"]);
}

#[cfg(unix)]
#[test]
fn the_mode_is_kept_or_set() {
    let folder = folder(&[]);
    let path = folder.path().join("a");
    replace(&path, b"", Mode::Keep(0o600)).unwrap();
    assert_eq!(mode(&path), 0o600);
    set_mode(&path, 0o640);
    replace(&path, b"", Mode::Keep(0o600)).unwrap();
    assert_eq!(mode(&path), 0o640);
    replace(&path, b"", Mode::Exact(0o777)).unwrap();
    assert_eq!(mode(&path), 0o777);
    replace(&path, b"", Mode::New(0o600)).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn at_whatever_operation_the_disk_is_full_the_old_file_stays_and_nothing_is_left() {
    for old in [None, Some("old")] {
        let mut n_failures = 0;
        for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename] {
            let folder = folder(&[]);
            let path = folder.path().join("a");
            if let Some(old) = old {
                fs::write(&path, old).unwrap();
            }
            let fault = fail_at(operation, 0, ENOSPC);
            let err = replace(&path, b"new", Mode::Keep(0o644)).unwrap_err();
            drop(fault);
            n_failures += 1;
            assert_eq!(err.to_string(), format!("failed to write `{}`", path.display()));
            assert_eq!(err.kind(), ErrorKind::StorageFull);
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), old, "{operation}");
            assert_eq!(names(folder.path()).len(), usize::from(old.is_some()), "{operation}");
        }
        assert_eq!(n_failures, 4);
    }
}

#[test]
fn what_could_not_be_created_is_not_there() {
    let folder = folder(&[("taken", "")]);
    let dir = Dir::open(folder.path()).unwrap();
    let create = |path: &str| dir.create(path, b"new", Mode::Exact(0o600));
    assert_eq!(create("taken").unwrap_err().kind(), ErrorKind::AlreadyExists);
    for operation in [Operation::Write, Operation::SetMode, Operation::Sync] {
        let _fault = fail_at(operation, 0, ENOSPC);
        let err = create("new").unwrap_err();
        assert_eq!(err.operation, operation);
    }
    assert_eq!(names(folder.path()), ["taken"]);
    assert_eq!(create("new").unwrap() & 0o600, 0o600);
}

#[test]
fn only_a_regular_file_is_replaced() {
    let folder = folder(&[("dir/x", ""), ("target", "text")]);
    let mut found = vec![("dir", Kind::Directory)];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("target", folder.path().join("link")).unwrap();
        make_fifo(&folder.path().join("fifo"));
        found.extend([("link", Kind::Symlink), ("fifo", Kind::Fifo)]);
    }
    let before = names(folder.path());
    for (name, expected) in found {
        let err = replace(&folder.path().join(name), b"new", Mode::Keep(0o644)).unwrap_err();
        assert!(matches!(err.cause, Cause::NotRegular { kind } if kind == expected), "{err:?}");
    }
    assert_eq!(names(folder.path()), before);
    assert_eq!(fs::read_to_string(folder.path().join("target")).unwrap(), "text");
}

#[test]
fn names_may_be_as_long_as_the_system_allows() {
    let folder = folder(&[]);
    for name in ["ä".repeat(127), "x".repeat(255)] {
        replace(&folder.path().join(&name), b"", Mode::Keep(0o644)).unwrap();
    }
    assert_eq!(names(folder.path()).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn names_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder(&[]);
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff"));
    replace(&path, b"text", Mode::Keep(0o644)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"text");
}

#[test]
fn a_reader_sees_the_old_bytes_or_the_new_ones() {
    let folder = folder(&[("a", "")]);
    let path = folder.path().join("a");
    let texts = ["x".repeat(100_000), "y".repeat(100_000)];
    fs::write(&path, &texts[0]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..50 {
                replace(&path, texts[n % 2].as_bytes(), Mode::Keep(0o644)).unwrap();
            }
        });
        for _ in 0..200 {
            let found = read_regular(&path, NO_LIMIT).unwrap().into_text().unwrap();
            assert!(texts.contains(&found));
        }
    });
}

#[test]
fn a_file_is_overwritten_where_it_is() {
    let folder = folder(&[]);
    let path = folder.path().join("a");
    let dir = Dir::open(folder.path()).unwrap();
    assert_eq!(dir.overwrite("a", b"x").unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(&path, "the old text").unwrap();
    fs::hard_link(&path, folder.path().join("b")).unwrap();
    for text in ["new", "a longer text than both"] {
        dir.overwrite("a", text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("b")).unwrap(), text);
    }
    let fault = fail_at(Operation::Write, 0, ENOSPC);
    let err = dir.overwrite("a", b"x").unwrap_err();
    drop(fault);
    assert_eq!(err.kind(), ErrorKind::StorageFull);
    assert_eq!(err.to_string(), format!("failed to write `{}`", path.display()));
}
