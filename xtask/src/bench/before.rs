//! Compares each program with the program of the same name from a build of another version.
//!
//! The two run in turns, on the same projects, each with the plugins of its own build. On a machine
//! whose speed varies, times that were measured on different days cannot be compared.

use super::stage::{N_PROJECTS, Stage};
use super::table::{NOT_SLOWER, Row};
use super::timing::{N_IN_PROCESS, Program, compare, measure, stats};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// The number of plugins in the chain.
const N_CHAIN: usize = 10;

/// Returns a row for each measurement that the programs in the given directory also support.
pub(super) fn rows(stage: &Stage, folder: &Path, n_runs: usize) -> Result<Vec<Row>> {
    stage.install_before(folder)?;
    let plain = |name: &str, program, expected| (name.to_owned(), program, expected);
    let mut programs = Vec::new();
    for n_plugins in [0, 1, 100, 1_000] {
        programs.extend(stage.starts(n_plugins));
    }
    programs.push(plain(
        "a native plugin's command, 100 plugins installed",
        stage.host(100, &["bench-hello"]),
        "hello, world",
    ));
    let mut rows = Vec::new();
    for (work, now, expected) in programs {
        eprintln!("measuring before and now: {work}");
        let before = stage.before_of(&now, folder);
        let compared = now.probe(expected).and_then(|()| {
            before.probe(expected)?;
            compare(&now, &before, n_runs)
        });
        rows.push(match compared {
            Ok(it) => {
                let (now, before) = (it.ours.median, it.other.median);
                Row::at_most(work, now, "before", before, it.ratio, NOT_SLOWER)
            }
            Err(err) => Row::missing(work, &err),
        });
    }
    rows.push(project(stage, folder).unwrap_or_else(|err| Row::missing("init", &err)));

    let inside = [
        ("in-process", stage.in_process()),
        ("universe native", stage.chain("native", N_CHAIN)),
        ("universe look", stage.chain("look", N_CHAIN)),
        ("universe first", stage.chain("first", N_CHAIN)),
        ("universe disk", stage.disk()),
    ];
    for (name, now) in inside {
        eprintln!("measuring before and now: {name}");
        let measured = in_process(&now, &stage.before_of(&now, folder));
        rows.extend(measured.unwrap_or_else(|err| vec![Row::missing(name, &err)]));
    }
    Ok(rows)
}

/// A new project with a chain of three plugins.
fn project(stage: &Stage, folder: &Path) -> Result<Row> {
    let (mut now, mut before) = (Vec::new(), Vec::new());
    // Each project needs its own directory.
    for number in 0..N_PROJECTS {
        now.push(stage.init(2 * number)?.time()?.as_nanos() as f64);
        let program = stage.before_of(&stage.init(2 * number + 1)?, folder);
        before.push(program.time()?.as_nanos() as f64);
    }
    Ok(row("init with a chain of three, on disk".to_owned(), now, before))
}

/// The measurements that two programs make inside themselves, in turns: a row for each of the
/// results that both have.
fn in_process(now: &Program, before: &Program) -> Result<Vec<Row>> {
    // The first run creates files that are missing, or finds them cold.
    measure(now)?;
    measure(before)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..N_IN_PROCESS {
        ours.push(measure(now)?);
        theirs.push(measure(before)?);
    }
    let names = ours.first().context("nothing was measured")?.keys();
    // The results that end in `_grown` are memory, not time.
    let names = names.filter(|it| !it.ends_with("_grown"));
    let names = names.filter(|it| theirs.iter().all(|their| their.contains_key(*it)));
    let numbers = |results: &[Map<String, Value>], name: &str| -> Vec<f64> {
        results.iter().filter_map(|it| it[name].as_f64()).collect()
    };
    Ok(names.map(|it| row(it.clone(), numbers(&ours, it), numbers(&theirs, it))).collect())
}

/// Returns a row with the times of programs that were measured in turns.
fn row(work: String, now: Vec<f64>, before: Vec<f64>) -> Row {
    let turns = stats(now.iter().zip(&before).map(|(now, before)| now / before).collect());
    let (now, before) = (stats(now).median, stats(before).median);
    Row::at_most(work, now, "before", before, turns, NOT_SLOWER)
}
