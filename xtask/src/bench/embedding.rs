//! A smaller host that is built on the library: the size of its program, and its start.

use super::stage::Stage;
use super::table::{Row, row};
use super::timing::MILLISECOND;
use crate::cargo;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The package of the host, and its program.
const PACKAGE: &str = "rudder";

pub(super) fn rows(stage: &Stage, n_runs: usize) -> Result<Vec<Row>> {
    // Separately: cargo would build it with all features of `pintle`.
    let artifacts = cargo::build(&["--release".to_owned(), format!("--package={PACKAGE}")])?;
    let program = cargo::executable(&artifacts, PACKAGE)?;
    let [own, pintle] = [&program, stage.host_program()].map(size);
    let mut rows = vec![Row::size(format!("the program `{PACKAGE}`"), own?, "pintle", pintle?)];
    for (line, expected) in [("version", PACKAGE), ("--help", "steer"), ("steer north", "north")] {
        let args: Vec<_> = line.split(' ').collect();
        let (ours, other) = (stage.program(&program, &args), ("empty clap program", stage.empty()));
        let work = format!("`{PACKAGE} {line}`");
        rows.push(row(work, &ours, expected, &other, Some(5.0 * MILLISECOND), n_runs));
    }
    Ok(rows)
}

fn size(path: &Path) -> Result<f64> {
    let metadata = fs::metadata(path);
    let metadata =
        metadata.with_context(|| format!("failed to read the size of `{}`", path.display()))?;
    Ok(metadata.len() as f64)
}
