//! The cost of scaffolding in large projects: many files that no plugin reads, many recorded
//! commands, many files of one plugin.

use super::stage::Stage;
use super::table::Row;
use super::timing::{MILLISECOND, Program, compare, stats};
use crate::cargo;
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The number of the user's files in a large project.
const N_FILES: usize = 100_000;

/// The number of recorded commands in a project, including `init`.
const N_COMMANDS: usize = 300;

/// How often programs that take a second run.
const N_RUNS: usize = 5;

/// The maximum ratio of the time and the memory in the large project.
const TIMES: f64 = 2.0;

/// The rows of large projects.
pub(super) fn rows(stage: &Stage) -> Result<Vec<Row>> {
    let temp = tempfile::Builder::new().prefix("bench-").tempdir_in(cargo::target_dir()?)?;
    let berth = Berth { stage, root: temp.path(), path: tools()? };
    let mut rows = Vec::new();
    rows.extend(files(&berth)?);
    rows.extend(commands(&berth)?);
    rows.push(one_plugin(&berth)?);
    Ok(rows)
}

/// Where the projects are created.
struct Berth<'a> {
    stage: &'a Stage,
    root: &'a Path,
    /// The search path, for rustfmt.
    path: OsString,
}

impl Berth<'_> {
    /// Returns the host in a directory, called with the words of `line`.
    fn host(&self, folder: &Path, line: &str) -> Program {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut program = self.stage.own_host(&words);
        program.env.push(("PATH".to_owned(), self.path.clone()));
        program.folder = folder.to_owned();
        program
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        fs::create_dir(&folder).with_context(|| format!("failed to create `{name}`"))?;
        Ok(folder)
    }

    /// Starts a project.
    fn project(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder(name)?;
        self.host(&folder, "init --domain example.org --plugins rust,license,ci").probe("")?;
        Ok(folder)
    }
}

/// Returns a search path with rustfmt itself: a proxy of rustup needs a home directory.
fn tools() -> Result<OsString> {
    let out = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    ensure!(out.status.success(), "`rustc --print sysroot` failed");
    let mut path =
        PathBuf::from(String::from_utf8(out.stdout)?.trim()).join("bin").into_os_string();
    path.push(":/usr/bin:/bin");
    Ok(path)
}

/// A project with files that no plugin reads, against a project without them.
fn files(berth: &Berth<'_>) -> Result<Vec<Row>> {
    eprintln!("measuring a project of {N_FILES} files");
    let (large, empty) = (berth.project("large")?, berth.project("empty")?);
    for number in 0..N_FILES {
        let folder = large.join(format!("assets/part{}", number / 1_000));
        if number % 1_000 == 0 {
            fs::create_dir_all(&folder)?;
        }
        fs::write(folder.join(format!("{number}.txt")), "x\n")?;
    }
    let line = "create api --group crew --version v1 --kind Sailor --dry-run";
    let (ours, other) = (berth.host(&large, line), berth.host(&empty, line));
    ours.probe("src/api/crew/v1/sailor.rs")?;
    let time = compare(&ours, &other, N_RUNS)?;
    let work = "create api --dry-run beside 100,000 files";
    Ok(vec![
        Row::at_most(
            work,
            time.ours.median,
            "in an empty project",
            time.other.median,
            time.ratio,
            TIMES,
        ),
        Row::memory_at_most(
            "the same, peak memory",
            ours.peak_memory()?,
            "in an empty project",
            other.peak_memory()?,
            TIMES,
        ),
    ])
}

/// The commands that run the recorded commands again, with many of them.
fn commands(berth: &Berth<'_>) -> Result<Vec<Row>> {
    eprintln!("measuring a project of {N_COMMANDS} commands");
    let project = berth.project("commands")?;
    for number in 1..N_COMMANDS {
        let kind = format!("Kind{number}");
        let line = format!("create api -q --group crew --version v1 --kind {kind}");
        berth.host(&project, &line).probe("")?;
    }
    let host = |line: &str, cache: &Path| {
        let mut program = berth.host(&project, line);
        program.env.retain(|it| it.0 != "XDG_CACHE_HOME");
        program.env.push(("XDG_CACHE_HOME".to_owned(), cache.into()));
        program
    };
    let (mut cold, mut remembered) = (Vec::new(), Vec::new());
    for number in 0..N_RUNS {
        let program = host("project check", &berth.folder(&format!("cache-{number}"))?);
        cold.push(program.time()?.as_nanos() as f64);
        program.probe("would create the same files today")?;
        remembered.push(program.time()?.as_nanos() as f64);
    }
    let limit = 2_000.0 * MILLISECOND;
    let work = format!("project check, {N_COMMANDS} recorded commands, nothing remembered");
    let mut rows = vec![
        Row::under(work, stats(cold).median, limit),
        Row::under("the same, remembered", stats(remembered).median, limit),
    ];
    let middle = N_COMMANDS / 2;
    for (work, line) in [
        (
            "delete api, nothing remembered",
            format!("delete api --group crew --version v1 --kind Kind{middle} --dry-run"),
        ),
        ("project upgrade, nothing remembered", "project upgrade --dry-run".to_owned()),
    ] {
        let mut times = Vec::new();
        for number in 0..N_RUNS {
            let name = format!("{}-{number}", work.replace(' ', "-"));
            times.push(host(&line, &berth.folder(&name)?).time()?.as_nanos() as f64);
        }
        rows.push(Row::under(work, stats(times).median, limit));
    }
    Ok(rows)
}

/// A plugin that creates 10,000 files.
fn one_plugin(berth: &Berth<'_>) -> Result<Row> {
    eprintln!("measuring a plugin with 10,000 files");
    let mut times = Vec::new();
    for number in 0..N_RUNS {
        let folder = berth.folder(&format!("made-{number}"))?;
        let words = ["init", "-q", "--domain", "example.org", "--plugins", "bench-hello"];
        let mut init = berth.stage.host(1, &words);
        init.folder.clone_from(&folder);
        times.push(init.time()?.as_nanos() as f64);
        ensure!(folder.join("src/part99/file9999.rs").is_file(), "the files are missing");
    }
    let work = "init with a plugin of 10,000 files, on disk";
    Ok(Row::under(work, stats(times).median, 1_000.0 * MILLISECOND))
}
