//! `cargo xtask bench`: measures the costs that have budgets, as ratios in one run.
//!
//! Everything is built for release. The exit code is 1 if a budget is exceeded, or if a cost that
//! has a budget cannot be measured.

mod alternatives;
mod before;
mod cluster;
mod embedding;
mod instructions;
mod machine;
mod manager;
mod patch;
mod projects;
mod stage;
mod svg;
mod table;
mod timing;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use stage::{N_PROJECTS, Stage};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::{Row, row};
use timing::{MICROSECOND, MILLISECOND, N_IN_PROCESS, Program, compare, measure, stats};

/// Options for the measurements and their results.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the table as Markdown to this file
    #[arg(long, value_name = "FILE.md")]
    out: Option<PathBuf>,
    /// Draw the used parts of the budgets to this file
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// How often each program runs
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least_one)]
    runs: usize,
    /// Measure only this part
    #[arg(long, value_name = "WHAT")]
    only: Option<Part>,
    /// Count instructions and system calls, with up to 10,000 plugins; needs valgrind and strace
    #[arg(long)]
    instructions: bool,
    /// Compare each program with the program of the same name in this directory, the release build
    /// of another version with its plugins, instead of checking the budgets
    #[arg(long, value_name = "DIR")]
    before: Option<PathBuf>,
}

/// A part of the table.
#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// Plugins and commands
    Plugins,
    /// A host built on the library
    Embedding,
    /// Large projects
    Projects,
    /// Installing plugins
    Manager,
    /// Clusters in Docker
    Clusters,
    /// Hosts in another domain, on this library and on others; builds wasmtime
    Alternatives,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(it) => Ok(it),
        Err(err) => Err(format!("{err}")),
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.only == Some(Part::Alternatives) {
        let text = format!("{}\n\n{}", machine::facts(), alternatives::table()?);
        println!("{text}");
        if let Some(path) = &options.out {
            write(path, &text)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if options.instructions {
        let (text, holds) = instructions::report(&Stage::build()?)?;
        let text = format!("{}\n\n{text}", machine::facts());
        println!("{text}");
        if let Some(path) = &options.out {
            write(path, &text)?;
        }
        return Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let is_wanted = |part| options.only.is_none_or(|only| only == part);
    let mut rows = Vec::new();
    if let Some(folder) = &options.before {
        // The programs run in separate directories.
        let folder = folder.canonicalize();
        let folder = folder.context("failed to find the directory of `--before`")?;
        if is_wanted(Part::Plugins) {
            rows.extend(before::rows(&Stage::build()?, &folder, options.runs)?);
        }
        if is_wanted(Part::Clusters) {
            rows.extend(cluster::rows_before(&stage::host()?, &folder.join("pintle")));
        }
        return report(options, &rows);
    }
    if is_wanted(Part::Plugins) {
        let stage = Stage::build()?;
        rows.extend(start_up(&stage, options.runs));
        rows.extend(commands(&stage, options.runs));
        rows.extend(in_process(&stage, options.runs)?);
        rows.extend(universe(&stage)?);
        rows.push(project(&stage)?);
    }
    if is_wanted(Part::Embedding) {
        rows.extend(embedding::rows(&Stage::build()?, options.runs)?);
    }
    if is_wanted(Part::Projects) {
        rows.extend(projects::rows(&Stage::build()?)?);
    }
    if is_wanted(Part::Manager) {
        rows.extend(manager::rows(&Stage::build()?, options.runs)?);
    }
    if is_wanted(Part::Clusters) {
        rows.extend(cluster::rows(&stage::host()?));
    }
    report(options, &rows)
}

/// Shows the rows; returns exit code 0 if all of them are within their budgets, otherwise 1.
fn report(options: &Options, rows: &[Row]) -> Result<ExitCode> {
    let facts = machine::facts();
    println!("{facts}\n\n{}", table::text(rows));
    if let Some(path) = &options.out {
        write(path, &format!("{facts}\n\n{}", table::markdown(rows)))?;
    }
    if let Some(path) = &options.svg {
        write(path, &svg::draw(rows))?;
    }
    let broken: Vec<_> = rows.iter().filter(|it| !it.verdict.holds()).collect();
    for row in &broken {
        println!("over budget or not measured: {}", row.work);
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write `{}`", path.display()))
}

/// Start-up with 0, 1, 100 and 1,000 plugins, against an empty clap program.
///
/// The budget is for 1,000 plugins, so it also applies to fewer.
fn start_up(stage: &Stage, n_runs: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for n_plugins in [0, 1, 100, 1_000] {
        for (work, program, expected) in stage.starts(n_plugins) {
            let other = ("empty clap program", stage.empty());
            rows.push(row(work, &program, expected, &other, Some(5.0 * MILLISECOND), n_runs));
        }
    }
    rows
}

/// A native plugin's command, against an empty clap program and against the same
/// command as an executable plugin.
fn commands(stage: &Stage, n_runs: usize) -> Vec<Row> {
    let native = stage.host(100, &["bench-hello"]);
    let work = "a native plugin's command, 100 plugins installed";
    let hello = "hello, world";
    let other = ("empty clap program", stage.empty());
    let mut rows = vec![row(work, &native, hello, &other, Some(MILLISECOND), n_runs)];

    let program = stage.host_of_programs(100, &["bench-program"]);
    let other = ("as an executable plugin", program);
    rows.push(row("the same command", &native, hello, &other, None, n_runs));
    rows.extend(callables(stage, n_runs));
    rows.extend(external(stage, n_runs / 10));
    rows
}

/// The cost of a program on the search path.
///
/// The host's part is its start, as in a command that reads no plugin, and the search for the
/// program: at most 0.3 ms.
fn callables(stage: &Stage, n_runs: usize) -> Vec<Row> {
    let work = "a program on the search path, 100 plugins installed";
    let callable = stage.host(100, &["bench", "twin"]);
    let mut in_turn = stage.host(100, &["version"]);
    in_turn.next = Some(Box::new(stage.twin()));
    let others = [
        ("the program alone", stage.twin(), None),
        ("a native plugin's command", stage.host(100, &["bench-hello"]), None),
        ("`version`, and then the program alone", in_turn, Some(0.3 * MILLISECOND)),
    ];
    let rows = others.into_iter().map(|(name, other, budget)| {
        row(work, &callable, "hello, world", &(name, other), budget, n_runs)
    });
    rows.collect()
}

/// The same external plugin of kubebuilder in both; kubebuilder may be missing.
fn external(stage: &Stage, n_runs: usize) -> Option<Row> {
    let work = "edit with an external plugin of kubebuilder";
    match stage.external() {
        Ok((ours, theirs)) => {
            Some(row(work, &ours, "", &("kubebuilder", theirs), None, n_runs.max(5)))
        }
        Err(err) => {
            eprintln!("not measured: {work}: {err}");
            None
        }
    }
}

/// Operations inside the host's process: opening plugins, and calling them.
fn in_process(stage: &Stage, n_runs: usize) -> Result<Vec<Row>> {
    eprintln!("measuring inside one process");
    let results = (0..N_IN_PROCESS).map(|_| measure(&stage.in_process()));
    let results: Vec<_> = results.collect::<Result<_>>()?;
    let best = |name: &str| best(&results, name);
    let mut rows = vec![
        Row::alone("dlopen, median of 100 plugins", best("dlopen")?),
        Row::under("layout check, median of 100 plugins", best("layout")?, 30.0 * MICROSECOND),
        Row::alone("layout check once more, pages in memory", best("layout_again")?),
    ];

    let (raw, hook) = (best("raw_call")?, best("hook_native")?);
    rows.push(Row::ratio(
        "smallest call of a root module",
        best("root_call")?,
        "raw extern \"C\" call",
        raw,
    ));
    rows.push(Row::ratio("no-op hook call at the boundary", hook, "raw extern \"C\" call", raw));
    let linked = best("hook_linked")?;
    rows.push(Row::ratio("no-op hook call at the boundary", hook, "of a linked plugin", linked));

    let (work, hook) = ("no-op hook call by the host", best("hook_host")?);
    let executable = executable_hook(stage, n_runs)?;
    rows.push(Row::under(work, hook, MICROSECOND));
    rows.push(Row::cheaper(work, hook, "a program without a host", executable.median, 1_000.0));
    rows.push(Row::cheaper(work, hook, "executable plugin", best("hook_program")?, 1_000.0));
    let (native, program) = (best("scaffold_native")?, best("scaffold_program")?);
    let work = "a step of scaffolding with 100 files";
    rows.push(Row::ratio(work, native, "executable plugin", program));

    let small = best("interface_small")?;
    let large = best("interface_large")?;
    rows.push(Row::under("call of an embedder's interface", small, 2.0 * MICROSECOND));
    rows.push(Row::under("the same, 50 MB shared in both directions", large, 2.0 * MICROSECOND));
    rows.push(Row::ratio("the same, 50 MB shared in both directions", large, "64 bytes", small));
    Ok(rows)
}

/// A project of 10,000 files and 50 MB through a chain of ten plugins, each of which changes one
/// file in a hundred.
fn universe(stage: &Stage) -> Result<Vec<Row>> {
    const N_PLUGINS: usize = 10;
    const DATA: f64 = 50e6;
    eprintln!("measuring a universe through a chain");
    // The first run of each variant creates the project, or finds the files of the plugins cold.
    let several = |program: Program| -> Result<Vec<_>> {
        measure(&program)?;
        (0..N_IN_PROCESS).map(|_| measure(&program)).collect()
    };
    let native = best(&several(stage.chain("native", N_PLUGINS))?, "universe")?;
    let looked = best(&several(stage.chain("look", N_PLUGINS))?, "universe_looked")?;
    let first = several(stage.chain("first", N_PLUGINS))?;
    let json = several(stage.json_chain(N_PLUGINS))?;
    let disk = several(stage.disk())?;

    let work = "universe of 10,000 files, 50 MB, through 10 plugins";
    let (other, theirs) = ("processes with JSON on pipes", best(&json, "json")?);
    let host_and_plugin = middle(&json, "json_grown")? + middle(&json, "json_plugin_grown")?;
    Ok(vec![
        Row::under(work, native, 2.0 * MILLISECOND),
        Row::cheaper(work, native, other, theirs, 1_000.0),
        Row::ratio("the same, each plugin looks at every path", looked, other, theirs),
        Row::ratio(
            "the same, changed files in memory new to the process",
            best(&first, "universe_first")?,
            other,
            theirs,
        ),
        Row::memory(
            "the same, peak memory",
            middle(&first, "universe_grown")?,
            DATA,
            "host and one process at a time",
            host_and_plugin,
            1.2,
        ),
        Row::alone("universe of 10,000 files on disk, none read", best(&disk, "disk_made")?),
        Row::alone("the same, listed", best(&disk, "disk_listed")?),
        Row::alone("the same, listed and read", best(&disk, "disk_read")?),
        Row::alone("looking for an interrupted run there", best(&disk, "disk_recovered")?),
    ])
}

/// A new project with a chain of three plugins, on disk at the end; no tool runs in `init`.
fn project(stage: &Stage) -> Result<Row> {
    eprintln!("measuring a new project");
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for number in 0..N_PROJECTS {
        ours.push(stage.init(number)?.time()?.as_nanos() as f64);
        others.push(stage.empty().time()?.as_nanos() as f64);
    }
    let (ours, other) = (stats(ours).median, stats(others).median);
    let work = "init with a chain of three, on disk";
    Ok(Row::under_against(work, ours, "empty clap program", other, 50.0 * MILLISECOND))
}

/// The same hook as a program that reads the event from its standard input.
fn executable_hook(stage: &Stage, n_runs: usize) -> Result<timing::Stats> {
    let hook = stage.hook();
    hook.probe("")?;
    Ok(compare(&hook, &stage.empty(), n_runs)?.ours)
}

/// Returns the best of one result of several runs: other work on the machine can only add to a
/// time.
fn best(results: &[Map<String, Value>], name: &str) -> Result<f64> {
    Ok(numbers(results, name)?.into_iter().fold(f64::INFINITY, f64::min))
}

/// Returns the median of one result of several runs.
fn middle(results: &[Map<String, Value>], name: &str) -> Result<f64> {
    Ok(stats(numbers(results, name)?).median)
}

fn numbers(results: &[Map<String, Value>], name: &str) -> Result<Vec<f64>> {
    let numbers = results.iter().map(|it| it.get(name).and_then(Value::as_f64));
    let numbers: Option<Vec<_>> = numbers.collect();
    let numbers = numbers.filter(|it| !it.is_empty());
    numbers.with_context(|| format!("the output has no result `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_best_and_the_middle_of_several_runs_count() {
        let results: Vec<_> =
            [3.0, 1.0, 2.0].map(|it| json!({"layout": it}).as_object().unwrap().clone()).into();
        assert_eq!(middle(&results, "layout").unwrap(), 2.0);
        assert_eq!(best(&results, "layout").unwrap(), 1.0);
        assert!(middle(&results, "absent").is_err());
        assert!(middle(&[], "layout").is_err());
    }
}
