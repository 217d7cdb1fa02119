//! Which files are read, and which are refused.

use super::*;
use std::io::ErrorKind;
use std::path::Path;

/// All ways to read the file `name` in a directory.
fn read_all(root: &Path, name: &str, limit: u64) -> [Result<Contents>; 3] {
    let path = root.join(name);
    let dir = Dir::open(root).unwrap();
    [read_regular(&path, limit), read_named(&path, limit), dir.read_regular(name, limit)]
}

#[track_caller]
fn assert_kind(res: Result<Contents>, expected: Kind) {
    let err = res.unwrap_err();
    assert_eq!(err.operation, Operation::Read);
    assert!(matches!(err.cause, Cause::NotRegular { kind } if kind == expected), "{err:?}");
}

#[test]
fn a_file_has_its_bytes_and_the_metadata_of_the_opened_file() {
    let folder = folder(&[("a/b", "text"), ("empty", "")]);
    for res in read_all(folder.path(), "a/b", NO_LIMIT) {
        let contents = res.unwrap();
        assert_eq!(contents.bytes, b"text");
        assert_eq!(contents.metadata.len(), 4);
        assert_eq!(contents.into_text().unwrap(), "text");
    }
    for res in read_all(folder.path(), "empty", 0) {
        assert_eq!(res.unwrap().bytes, b"");
    }
}

#[test]
fn what_is_not_text_is_an_error() {
    let folder = folder(&[]);
    fs::write(folder.path().join("a"), b"\xff").unwrap();
    let err = read_regular(&folder.path().join("a"), 9).unwrap().into_text().unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_file_over_the_limit_is_an_error_and_never_cut_off() {
    let folder = folder(&[("a", "12345")]);
    for res in read_all(folder.path(), "a", 5) {
        assert_eq!(res.unwrap().bytes, b"12345");
    }
    for res in read_all(folder.path(), "a", 4) {
        let err = res.unwrap_err();
        assert!(matches!(err.cause, Cause::TooLarge { limit: 4 }), "{err:?}");
        assert_eq!(err.kind(), ErrorKind::FileTooLarge);
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_is_not_cut_off_either() {
    let folder = folder(&[("a", "123")]);
    let path = folder.path().join("a");
    let (file, metadata) = open_regular(&path).unwrap();
    fs::write(&path, "123456").unwrap();
    let err = super::super::read::read_opened(file, metadata, 5).unwrap_err();
    assert!(matches!(err, Cause::TooLarge { limit: 5 }), "{err:?}");

    let (file, metadata) = open_regular(&path).unwrap();
    fs::write(&path, "12345678").unwrap();
    assert_eq!(super::super::read::read_opened(file, metadata, 8).unwrap().bytes, b"12345678");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_length_nobody_knows_has_its_limit_too() {
    let path = Path::new("/proc/self/status");
    assert!(read_regular(path, NO_LIMIT).unwrap().bytes.len() > 100);
    let err = read_regular(path, 100).unwrap_err();
    assert!(matches!(err.cause, Cause::TooLarge { limit: 100 }), "{err:?}");
}

#[cfg(unix)]
#[test]
fn a_fifo_is_refused_at_once() {
    let folder = folder(&[]);
    make_fifo(&folder.path().join("fifo"));
    for res in read_all(folder.path(), "fifo", 9) {
        assert_kind(res, Kind::Fifo);
    }
}

#[cfg(unix)]
#[test]
fn sockets_devices_and_directories_are_refused() {
    let folder = folder(&[("dir/a", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    for res in read_all(folder.path(), "socket", 9) {
        assert_kind(res, Kind::Socket);
    }
    for res in read_all(folder.path(), "dir", 9) {
        assert_kind(res, Kind::Directory);
    }
    for device in ["null", "zero"] {
        for res in read_all(Path::new("/dev"), device, 9) {
            assert_kind(res, Kind::Device);
        }
    }
}

#[cfg(unix)]
#[test]
fn only_who_is_named_by_the_user_may_be_a_link() {
    let folder = folder(&[("target", "text"), ("dir/a", "text")]);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    };
    link("target", "link");
    let [regular, named, in_dir] = read_all(folder.path(), "link", 9);
    assert_kind(regular, Kind::Symlink);
    assert_kind(in_dir, Kind::Symlink);
    assert_eq!(named.unwrap().bytes, b"text");

    link("nowhere", "dangling");
    let [regular, named, in_dir] = read_all(folder.path(), "dangling", 9);
    assert_kind(regular, Kind::Symlink);
    assert_kind(in_dir, Kind::Symlink);
    assert!(named.unwrap_err().is_absent());

    make_fifo(&folder.path().join("fifo"));
    link("fifo", "to-fifo");
    assert_kind(read_named(&folder.path().join("to-fifo"), 9), Kind::Fifo);

    // On the way to a file, only the path itself may contain a link.
    link("dir", "way");
    let [regular, named, in_dir] = read_all(folder.path(), "way/a", 9);
    assert_eq!(regular.unwrap().bytes, b"text");
    assert_eq!(named.unwrap().bytes, b"text");
    assert!(in_dir.unwrap_err().is_absent());
}

#[test]
fn what_is_missing_and_what_cannot_be_read_are_not_confused() {
    let folder = folder(&[("a", "text")]);
    for name in ["missing", "missing/a", "a/b"] {
        for res in read_all(folder.path(), name, 9) {
            assert!(res.unwrap_err().is_absent(), "{name}");
        }
    }
    let _fault = fail_at(Operation::Read, 0, EIO);
    for res in read_all(folder.path(), "a", 9) {
        let err = res.unwrap_err();
        assert!(!err.is_absent());
        assert!(matches!(&err.cause, Cause::Io(it) if it.raw_os_error() == Some(EIO)), "{err:?}");
    }
}

#[test]
#[cfg(unix)]
fn only_what_no_other_user_may_have_written_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache");
    std::fs::write(&path, "").unwrap();
    let is_private = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let contents = read_regular(&path, NO_LIMIT).unwrap();
        assert_eq!(contents.is_private(), super::super::is_private(&contents.metadata));
        contents.is_private()
    };
    assert!(is_private(0o600) && is_private(0o644));
    assert!(!is_private(0o602) && !is_private(0o646));
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        assert!(!is_private(0o600), "it is another user's");
    }
}
