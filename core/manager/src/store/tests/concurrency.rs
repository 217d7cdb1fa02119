//! Several processes at once.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn all_of_many_installations_at_once_are_there_afterwards() {
    let folder = empty();
    let root = folder.path();
    std::thread::scope(|scope| {
        for idx in 0..8 {
            scope.spawn(move || {
                let repo = format!("tool{idx}");
                for version in ["1.0.0", "1.1.0"] {
                    let receipt = receipt(&repo, version, version);
                    keep(&lock(root), &format!("acme/{repo}"), &receipt, version).unwrap();
                }
            });
        }
    });
    let plugins = open(root).plugins().unwrap();
    assert_eq!(plugins.len(), 8);
    assert!(plugins.iter().all(|it| it.current.as_deref() == Some("1.1.0")));
    let text = fs::read_to_string(root.join(LOCK_FILE)).unwrap();
    assert_eq!(text.parse::<LockFile>().unwrap(), LockFile::of(&plugins));
    assert_eq!(leftovers(root), [""; 0]);
}

#[test]
fn readers_see_a_version_at_every_moment_of_updates() {
    let folder = empty();
    let root = folder.path();
    install(&lock(root), "0.0.0").unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut n_looks = 0;
                    while !is_done.load(Ordering::SeqCst) {
                        let store = open(root);
                        let tool = tool(&store);
                        let (version, receipt) = tool.in_use().expect("it is in use");
                        assert_eq!(receipt.version, version);
                        n_looks += 1;
                        let Some(text) =
                            loaded(root).or_else(|| fs::read_to_string(root.join("other.so")).ok())
                        else {
                            // There was another update between the two names.
                            continue;
                        };
                        assert!(text.starts_with("0."), "{text}");
                    }
                    n_looks
                })
            })
            .collect();
        for idx in 1..60 {
            let version = format!("0.{idx}.0");
            let link = if idx % 3 == 0 { "other.so" } else { "tool.so" };
            let receipt = Receipt { link: link.into(), ..receipt("tool", &version, &version) };
            keep(&lock(root), "acme/tool", &receipt, &version).unwrap();
        }
        is_done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}
