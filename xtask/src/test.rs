//! `cargo xtask test`: builds what the tests open or run, then runs all tests.

use crate::cargo::{self, cargo};
use crate::counts::{self, Counts};
use crate::node_images;
use crate::slowest::{self, Time};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// Which tests to run.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Arguments for the tests, as after `cargo test --`: names, --skip, --exact
    #[arg(last = true, value_name = "ARG")]
    args: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let outcome = run_all(&options.args)?;
    slowest::show(outcome.times);
    println!("\n{}", outcome.counts);
    Ok(if outcome.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The outcome of the tests.
#[derive(Default)]
struct Outcome {
    /// The sum over all runners.
    counts: Counts,
    /// How long each test took.
    times: Vec<Time>,
    /// Whether all runners succeeded.
    success: bool,
}

/// How to read a runner's output.
struct Reading {
    counts: fn(&str) -> Option<Counts>,
    times: fn(&str) -> Vec<Time>,
}

const NEXTEST: Reading = Reading { counts: counts::of_nextest, times: slowest::of_nextest };
const LIBTEST: Reading = Reading { counts: counts::of_libtest, times: slowest::of_libtest };

/// Builds what the tests need and runs them; does not print the counts.
fn run_all(args: &[String]) -> Result<Outcome> {
    build()?;
    if node_images::has_engine() {
        node_images::build()?;
    }
    let left_out = tempfile::NamedTempFile::new().context("failed to create a temporary file")?;
    let mut outcome = run_runners(args, left_out.path())?;
    outcome.leave_out(
        &fs::read_to_string(left_out.path()).context("failed to read the list of skipped tests")?,
    );
    Ok(outcome)
}

/// Runs all tests; each test whose requirement is missing adds a line to the file `left_out`.
fn run_runners(args: &[String], left_out: &Path) -> Result<Outcome> {
    let cargo = |words: &[&str]| {
        let mut command = cargo(words);
        command.env("PINTLE_TESTS_LEFT_OUT", left_out);
        command
    };
    let mut outcome = Outcome { success: true, ..Outcome::default() };
    if has_nextest() {
        let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"];
        outcome.add(cargo(&nextest).args(["--color=never", "--"]).args(args), &NEXTEST)?;
    } else {
        let all = ["test", "--workspace", "--no-fail-fast", "--tests"];
        let mut command = cargo(&all);
        with_times(&mut command);
        outcome.add(command.args(args), &LIBTEST)?;
    }
    // Features of the kit that no first-party plugin uses, so the workspace is built without them.
    let records = ["test", "-p", "pintle-plugin", "--features=log,tracing", "--test=records", "--"];
    outcome.add(cargo(&records).args(args), &LIBTEST)?;
    let doc = ["test", "--doc", "--workspace", "--no-fail-fast", "--"];
    outcome.add(cargo(&doc).args(args), &LIBTEST)?;
    Ok(outcome)
}

/// Makes libtest report the time of each test, and starts its arguments.
///
/// libtest does so only with a nightly compiler, or with nightly features enabled. The variable is
/// set for the tests only: if cargo had it, cargo would rebuild everything.
fn with_times(command: &mut Command) {
    if cfg!(unix) {
        command.args(["--config", r#"target."cfg(unix)".runner=["env", "RUSTC_BOOTSTRAP=1"]"#]);
    }
    command.arg("--");
    if cfg!(unix) {
        command.args(["-Zunstable-options", "--report-time"]);
    }
}

/// Builds the tests and what they open or run: the host, the plugins and the fixtures are
/// dependencies of a test.
///
/// The runners would build them, too, but this way a failed build does not look like a failed test.
/// The call must be the same as theirs; otherwise, cargo rebuilds everything with other features.
fn build() -> Result<()> {
    cargo::run(&mut cargo(["test", "--workspace", "--no-run", "--quiet"]))
}

fn has_nextest() -> bool {
    let mut command = cargo(["nextest", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}

impl Outcome {
    /// Counts the tests that passed only because a requirement is missing as skipped, and lists
    /// them.
    fn leave_out(&mut self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        println!("\nSkipped:");
        lines.lines().for_each(|it| println!("  {it}"));
        let n_left_out = lines.lines().count() as u64;
        self.counts.passed = self.counts.passed.saturating_sub(n_left_out);
        self.counts.skipped += n_left_out;
    }

    /// Runs a test runner, and adds the results from its output.
    fn add(&mut self, command: &mut Command, reading: &Reading) -> Result<()> {
        command.env("CARGO_TERM_COLOR", "never");
        let (status, output) = tee(command)?;
        self.times.extend((reading.times)(&output));
        match (reading.counts)(&output) {
            Some(counts) => self.counts += counts,
            // A library without doctests has no summary; in that case, there was nothing to run.
            None if status.success() => {}
            None => bail!("`{}` ran no tests: {status}", cargo::line(command)),
        }
        self.success &= status.success();
        Ok(())
    }
}

/// Runs a command; shows and returns its output.
fn tee(command: &mut Command) -> Result<(ExitStatus, String)> {
    let name = cargo::line(command);
    let (reader, writer) = io::pipe().context("failed to create a pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("failed to run `{name}`"))?;
    // The command holds the pipe's write end; reading ends when all copies of it are closed.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let (mut reader, mut line, mut output) = (BufReader::new(reader), Vec::new(), String::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        io::stdout().write_all(&line)?;
        output.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok((child.wait()?, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_not_passed() {
        let mut outcome = Outcome::default();
        outcome.counts.passed = 3;
        outcome.leave_out("a: without zsh\nb: without a control plane\n");
        assert_eq!(outcome.counts.to_string(), "1 passed, 0 failed, 2 skipped");
        outcome.leave_out("");
        assert_eq!(outcome.counts.to_string(), "1 passed, 0 failed, 2 skipped");
    }

    #[test]
    #[cfg(unix)]
    fn both_streams_are_seen_in_their_order() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let (status, output) = tee(&mut command).unwrap();
        assert_eq!(output, "one\ntwo\nthree\n");
        assert_eq!(status.code(), Some(3));
    }
}
