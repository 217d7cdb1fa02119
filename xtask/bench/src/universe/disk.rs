//! A universe on disk: the cost if none of the files is read, and if all are.

use crate::files::{N_FILES, files};
use anyhow::{Result, ensure};
use pintle::scaffold::{Universe, recover};
use pintle_plugin::Select;
use pintle_plugin::json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// How often the check for an interrupted run is repeated: one check is too short for the clock.
const N_RECOVERIES: u32 = 1_000;

pub(crate) fn run(folder: &Path) -> Result<Value> {
    if !folder.exists() {
        make(folder)?;
    }
    let start = Instant::now();
    let universe = Universe::new(folder);
    let made = Instant::now();
    let n_paths = universe.paths(Select::All)?.len();
    let listed = Instant::now();
    let n_nodes = universe.all_nodes()?.len();
    let read = Instant::now();
    for _ in 0..N_RECOVERIES {
        recover(folder)?;
    }
    let recovered = read.elapsed().as_nanos() as f64 / f64::from(N_RECOVERIES);
    ensure!((n_paths, n_nodes) == (N_FILES, N_FILES), "{n_paths} paths, {n_nodes} files");
    let nanos = |from: Instant, to: Instant| to.duration_since(from).as_nanos() as f64;
    Ok(json!({
        "disk_made": nanos(start, made),
        "disk_listed": nanos(made, listed),
        "disk_read": nanos(start, read),
        "disk_recovered": recovered,
    }))
}

fn make(folder: &Path) -> Result<()> {
    for (path, text) in files(N_FILES) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}
