//! A directory that no operation leaves.

use super::*;
use std::io::ErrorKind;
use std::path::Path;

#[test]
fn a_listing_is_sorted_and_knows_what_everything_is() {
    let folder = folder(&[("b", ""), ("a/x", ""), ("c", "")]);
    let mut expected = vec![("a", Kind::Directory), ("b", Kind::File), ("c", Kind::File)];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
        make_fifo(&folder.path().join("fifo"));
        expected.extend([("fifo", Kind::Fifo), ("link", Kind::Symlink)]);
    }
    let dir = Dir::open(folder.path()).unwrap();
    let listed: Vec<_> = dir.list("").unwrap();
    let listed: Vec<_> = listed.iter().map(|it| (it.name.to_str().unwrap(), it.kind)).collect();
    assert_eq!(listed, expected);
    assert_eq!(dir.list("a").unwrap().len(), 1);
    assert_eq!(dir.list("").unwrap().len(), listed.len());
}

#[test]
fn a_directory_that_cannot_be_listed_is_an_error_and_not_an_empty_one() {
    let folder = folder(&[("a/x", ""), ("b", "")]);
    let dir = Dir::open(folder.path()).unwrap();
    assert!(dir.list("missing").unwrap_err().is_absent());
    assert!(dir.list("b").unwrap_err().is_absent());
    let _fault = fail_at(Operation::List, 0, EIO);
    let err = dir.list("a").unwrap_err();
    assert!(!err.is_absent());
    assert_eq!(err.to_string(), format!("failed to list `{}/a`", folder.path().display()));
}

#[test]
fn what_is_found_is_told_apart_from_what_is_not() {
    let folder = folder(&[("a/x", "")]);
    let dir = Dir::open(folder.path()).unwrap();
    assert_eq!(dir.find("a").unwrap().unwrap().kind, Kind::Directory);
    assert_eq!(dir.find("").unwrap().unwrap().kind, Kind::Directory);
    assert_eq!(dir.find("./a/x").unwrap().unwrap().kind, Kind::File);
    for path in ["b", "b/x", "a/x/y"] {
        assert_eq!(dir.find(path).unwrap(), None, "{path}");
    }
    let _fault = fail_at(Operation::Find, 0, EIO);
    dir.find("a").unwrap_err();
    dir.exists("b").unwrap_err();
}

#[test]
fn no_path_leads_out() {
    let outer = folder(&[("inner/a", ""), ("victim", "")]);
    let dir = Dir::open(&outer.path().join("inner")).unwrap();
    let absolute = outer.path().join("victim");
    for path in [Path::new("../victim"), Path::new("x/../../victim"), &absolute, Path::new("..")] {
        let errors = [
            dir.find(path).unwrap_err(),
            dir.list(path).unwrap_err(),
            dir.read_regular(path, 9).unwrap_err(),
            dir.open_dir(path).unwrap_err(),
            dir.create(path, b"", Mode::New(0o644)).unwrap_err(),
            dir.replace(path, b"", Mode::New(0o644)).unwrap_err(),
            dir.rename("a", path).unwrap_err(),
            dir.rename(path, "a").unwrap_err(),
            dir.rename_new("a", path).unwrap_err(),
            dir.exchange("a", path).unwrap_err(),
            dir.link(path, "b").unwrap_err(),
            dir.unlink(path).unwrap_err(),
            dir.create_dir(path).unwrap_err(),
            dir.remove_dir(path).unwrap_err(),
            dir.sync(path).unwrap_err(),
            Lock::attempt(&dir, path, Unowned::Stale).unwrap_err(),
        ];
        for err in errors {
            assert!(matches!(err.cause, Cause::Outside), "{}: {err:?}", path.display());
        }
    }
    assert_eq!(names(outer.path()), ["inner", "victim"]);
    assert_eq!(names(&outer.path().join("inner")), ["a"]);
}

#[cfg(unix)]
#[test]
fn no_link_on_the_way_is_followed() {
    let outside = folder(&[("victim", "")]);
    let folder = folder(&[("a", "")]);
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
    let dir = Dir::open(folder.path()).unwrap();
    dir.list("out").unwrap_err();
    dir.open_dir("out").unwrap_err();
    dir.rename_new("a", "out/a").unwrap_err();
    dir.rename("out/victim", "taken").unwrap_err();
    dir.exchange("a", "out/victim").unwrap_err();
    dir.unlink("out/victim").unwrap_err();
    dir.create_dir("out/new").unwrap_err();
    dir.create_dirs("out/new/deep").unwrap_err();
    dir.create("out/new", b"", Mode::New(0o644)).unwrap_err();
    dir.replace("out/victim", b"", Mode::New(0o644)).unwrap_err();
    dir.read_regular("out/victim", 9).unwrap_err();
    assert_eq!(dir.find("out/victim").unwrap(), None);
    assert_eq!(dir.find("out/").unwrap().unwrap().kind, Kind::Symlink);
    assert_eq!(names(outside.path()), ["victim"]);
}

#[cfg(unix)]
#[test]
fn where_the_kernel_cannot_resolve_paths_they_are_walked() {
    use rustix::fs::{Mode as Bits, OFlags};
    let folder = folder(&[("a/b/c", "text")]);
    std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
    let root = system::Root::open(folder.path()).unwrap();
    let walk = |path: &str| root.walk(Path::new(path), OFlags::RDONLY | OFlags::CLOEXEC, 0);
    for path in [".", "a", "./a/b", "a/b/c"] {
        walk(path).unwrap();
    }
    for path in ["link", "link/b/c", "a/missing", "a/b/c/d"] {
        let err = walk(path).unwrap_err();
        assert!(is_absent(&err), "{path}: {err}");
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
    root.walk(Path::new("a/new"), flags, 0o600).unwrap();
    let found = root.metadata(Path::new("a/new")).unwrap();
    assert_eq!(found.mode, Bits::from_raw_mode(0o600).bits());
}

#[test]
fn a_new_name_is_never_somebody_elses() {
    for is_old in [false, true] {
        let folder = folder(&[("a", "a"), ("b", "b")]);
        let dir = Dir::open(folder.path()).unwrap();
        let _fault = is_old.then(|| {
            fault::inject(|it| match it {
                Operation::RenameNew | Operation::Exchange => Err(ErrorKind::Unsupported.into()),
                _ => Ok(()),
            })
        });
        assert_eq!(dir.rename_new("a", "b").unwrap_err().kind(), ErrorKind::AlreadyExists);
        dir.rename_new("a", "c").unwrap();
        assert_eq!(names(folder.path()), ["b", "c"]);
        assert_eq!(dir.exchange("b", "c").is_err_and(|it| it.is_unsupported()), is_old);
    }
}

#[test]
fn without_hard_links_a_file_is_renamed_if_the_name_is_free() {
    let folder = folder(&[("a", "a"), ("b", "b")]);
    let dir = Dir::open(folder.path()).unwrap();
    let _fault = fault::inject(|it| match it {
        Operation::RenameNew => Err(ErrorKind::Unsupported.into()),
        Operation::Link => Err(ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    });
    assert_eq!(dir.rename_new("a", "b").unwrap_err().kind(), ErrorKind::AlreadyExists);
    dir.rename_new("a", "c").unwrap();
    assert_eq!(names(folder.path()), ["b", "c"]);
}

#[test]
fn a_link_that_the_disk_refuses_is_an_error_and_never_a_rename_that_overwrites() {
    for code in [EIO, ENOSPC] {
        let folder = folder(&[("a", "a")]);
        let dir = Dir::open(folder.path()).unwrap();
        let _fault = fault::inject(move |it| match it {
            Operation::RenameNew => Err(ErrorKind::Unsupported.into()),
            Operation::Link => Err(std::io::Error::from_raw_os_error(code)),
            _ => Ok(()),
        });
        let err = dir.rename_new("a", "c").unwrap_err();
        assert_eq!(err.operation, Operation::Link, "{err}");
        assert_eq!(names(folder.path()), ["a"]);
    }
}

#[test]
fn directories_are_created_on_the_way_and_files_stay_files() {
    let folder = folder(&[("file", "")]);
    let dir = Dir::open(folder.path()).unwrap();
    dir.create_dirs("a/b/c").unwrap();
    dir.create_dirs("a/b/c").unwrap();
    assert_eq!(dir.list("a/b").unwrap().len(), 1);
    assert_eq!(dir.create_dir("file").unwrap_err().kind(), ErrorKind::NotADirectory);
    assert!(dir.create_dirs("file/x").is_err());
    dir.remove_dir("a/b/c").unwrap();
    assert_eq!(dir.remove_dir("a").unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    dir.sync("a/b/c").unwrap();
}
