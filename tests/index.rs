//! The index of plugins, as commands create and use it.

use crate::rebuilt;
use crate::support::{Sandbox, fixture};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The minimum age of a file's last change for the index to record the file.
const SETTLED: Duration = Duration::from_secs(3);

/// Returns a sandbox with a plugin that can be overwritten, and other files.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    overwrite(&sandbox, &fixture("good"));
    for number in 0..4 {
        let path = sandbox.plugins().join(format!("junk-{number}.so"));
        fs::write(path, "no library").expect("the file can be written");
    }
    thread::sleep(SETTLED);
    sandbox
}

/// Overwrites the plugin with a library, in place.
fn overwrite(sandbox: &Sandbox, library: &Path) {
    let bytes = fs::read(library).expect("the library can be read");
    fs::write(sandbox.plugins().join("plugin.so"), bytes).expect("the library can be written");
}

fn index(sandbox: &Sandbox) -> Vec<u8> {
    let path = sandbox.path("home/.cache/pintle/plugins.index");
    fs::read(path).expect("there is an index")
}

#[test]
fn the_verdict_on_a_layout_is_kept_for_that_file_alone() {
    let sandbox = sandbox();
    let greet = || sandbox.run(["greet", "ada"]);
    let _ = greet().success();
    let unknown = index(&sandbox);
    let _ = greet().success();
    let known = index(&sandbox);
    let changed: Vec<_> = unknown.iter().zip(&known).filter(|(one, other)| one != other).collect();
    assert_eq!((changed, unknown.len()), (vec![(&0, &1)], known.len()));
    let _ = greet().success();
    assert_eq!(index(&sandbox), known);

    // The directory has not changed.
    overwrite(&sandbox, &rebuilt::changed_type());
    let out = sandbox.run(["changed"]);
    assert_eq!(out.code(), 3, "{out}");
    assert!(out.stderr.contains("layout"), "{out}");
    let out = greet();
    assert_eq!(out.code(), 2, "{out}");

    overwrite(&sandbox, &fixture("good"));
    let _ = greet().success();
}

#[test]
fn what_others_may_write_is_no_index() {
    use std::os::unix::fs::PermissionsExt as _;

    let sandbox = sandbox();
    let _ = sandbox.run(["greet", "ada"]).success();
    let path = sandbox.path("home/.cache/pintle/plugins.index");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("the file is writable");
    let mut bytes = index(&sandbox);
    let at = bytes.windows(14).position(|it| it == b"Greet somebody").expect("it is known");
    bytes[at..at + 5].copy_from_slice(b"Fleet");
    fs::write(&path, bytes).expect("the file can be written");
    let out = sandbox.run(["--help"]).success();
    assert!(out.stdout.contains("Greet somebody"), "{out}");
    assert!(!out.stdout.contains("Fleet somebody"), "{out}");
}
