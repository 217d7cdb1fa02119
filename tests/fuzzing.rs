//! The corpora of the fuzz targets, run without a fuzzer: the bugs that they once found stay fixed.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// Runs a target on each file of its corpus.
#[track_caller]
fn replay(name: &str) {
    let (_, target) = targets::TARGETS.iter().find(|it| it.0 == name).expect("the target exists");
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = core.with_file_name("fuzz").join("corpus").join(name);
    let entries = fs::read_dir(&corpus).expect("the target has a corpus");
    let mut paths: Vec<_> = entries.flatten().map(|it| it.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "`{}` is empty", corpus.display());
    let fails = |path: &Path| {
        let data = fs::read(path).expect("the corpus can be read");
        catch_unwind(|| target(&data)).is_err()
    };
    let failed: Vec<_> = paths.iter().filter(|it| fails(it)).collect();
    assert!(failed.is_empty(), "`{name}` fails on {failed:?}");
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<_> = targets::TARGETS.iter().map(|it| it.0).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

replays! {
    archive asset cluster_file image index journal lockfile manifest project record signature values
}
