//! Links that do not point to the installed files.

#![cfg(unix)]

use super::*;
use std::os::unix::fs::symlink;

/// Returns the faults of the links after a change.
fn faults(change: impl FnOnce(&Path)) -> Vec<String> {
    let folder = empty();
    let root = folder.path();
    {
        let store = lock(root);
        install(&store, "1.0.0").unwrap();
        install(&store, "2.0.0").unwrap();
        keep(&store, "acme/other", &receipt("other", "1.0.0", "other"), "other").unwrap();
        let members = [(place("acme/tool"), "1.0.0".to_owned())];
        store.make_view("view", Path::new("/project"), &members).unwrap();
    }
    fs::write(root.join("mine.so"), "mine").unwrap();
    symlink("/etc/passwd", root.join("registered")).unwrap();
    change(root);
    let store = open(root);
    let faults = store.link_faults().unwrap();
    for it in &faults {
        let (dir, name) = (it.path.parent().unwrap(), it.path.file_name().unwrap());
        let found = store.follow(dir, name.to_str().unwrap()).unwrap().unwrap_err();
        assert_eq!(found.text, it.text);
    }
    faults.into_iter().map(|it| format!("{} {}", it.path.display(), it.text)).collect()
}

#[track_caller]
fn check(target: &str, expected: &str) {
    let found = faults(|root| {
        fs::remove_file(root.join("tool.so")).unwrap();
        symlink(target, root.join("tool.so")).unwrap();
    });
    assert_eq!(found, [format!("tool.so {expected}")], "{target}");
}

#[test]
fn a_link_to_something_else_is_a_fault() {
    assert_eq!(faults(|_| {}), [""; 0]);
    let other = "points to a file other than the one of `acme/tool/2.0.0`";
    check("acme/tool/2.0.0/share/run", other);
    check("acme/tool/2.0.0/share/../../../../mine.so", other);
    check("acme/other/1.0.0/lib.so", "points to a file other than the one of `acme/other/1.0.0`");
    check("acme/tool/9.0.0/lib.so", "points to `acme/tool/9.0.0`, which has no valid receipt");
    check("mine/stuff/1/lib.so", "points to `mine/stuff/1`, which has no valid receipt");
    for elsewhere in ["mine.so", "/etc/passwd", "../../etc/passwd", "nowhere"] {
        check(elsewhere, "is not a link to a file of `acme/tool`");
    }
    // A manual change to the previous version: that one belongs to the store.
    let found = faults(|root| {
        fs::remove_file(root.join("tool.so")).unwrap();
        symlink("acme/tool/1.0.0/lib.so", root.join("tool.so")).unwrap();
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_file_or_a_directory_in_the_place_of_another_is_a_fault() {
    let found = faults(|root| {
        fs::remove_file(root.join("tool.so")).unwrap();
        fs::write(root.join("tool.so"), "evil").unwrap();
    });
    assert_eq!(found, ["tool.so is not a link to a file of `acme/tool`"]);
    let found = faults(|root| {
        fs::rename(root.join("acme/tool/2.0.0"), root.join("moved")).unwrap();
        symlink("../../moved", root.join("acme/tool/2.0.0")).unwrap();
    });
    assert_eq!(found, ["tool.so points to `acme/tool/2.0.0`, which has no valid receipt"]);
    let found = faults(|root| {
        let file = root.join("acme/tool/2.0.0/lib.so");
        fs::remove_file(&file).unwrap();
        symlink("/etc/passwd", file).unwrap();
    });
    assert_eq!(found, ["tool.so points to a file of `acme/tool/2.0.0` that does not exist"]);
}

#[test]
fn a_deleted_receipt_is_a_fault() {
    let gone = "points to `acme/tool/2.0.0`, which has no valid receipt";
    for file in ["2.0.0/.receipt.toml", ".plugin.toml"] {
        let found = faults(|root| fs::remove_file(root.join("acme/tool").join(file)).unwrap());
        assert!(found.contains(&format!("tool.so {gone}")), "{file}: {found:?}");
    }
}

#[test]
fn a_link_of_a_view_is_looked_at_too() {
    let found = faults(|root| {
        let link = root.join(".store/projects/view/tool.so");
        fs::remove_file(&link).unwrap();
        symlink("/etc/passwd", link).unwrap();
    });
    assert_eq!(found, [".store/projects/view/tool.so is not a link to a file of `acme/tool`"]);
}
