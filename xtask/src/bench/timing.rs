//! Times programs from start to end.
//!
//! Two programs are timed in turns, so other work on the machine affects both.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// In nanoseconds, like all times here.
pub(super) const MILLISECOND: f64 = 1e6;
pub(super) const MICROSECOND: f64 = 1e3;

/// How often each program runs before the first run that counts.
const WARM_UP: usize = 5;

/// How often a program that measures inside itself runs.
pub(super) const N_IN_PROCESS: usize = 10;

/// A program to run, without the caller's environment.
#[derive(Clone, Default)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(String, OsString)>,
    pub(super) folder: PathBuf,
    /// The file that it reads from its standard input.
    pub(super) stdin: Option<PathBuf>,
    /// A program that runs after this one, and whose time is included.
    pub(super) next: Option<Box<Program>>,
}

/// The median of many times, and the quartiles, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stats {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Two programs, timed in turns.
pub(super) struct Comparison {
    pub(super) ours: Stats,
    pub(super) other: Stats,
    /// How much longer our program took, turn by turn.
    pub(super) extra: Stats,
    /// The ratio of our time to the other's, turn by turn.
    pub(super) ratio: Stats,
}

impl Program {
    /// Runs the program once.
    ///
    /// # Errors
    ///
    /// When it fails, or when its output does not contain `expected`: in that case, its time is
    /// meaningless.
    pub(super) fn probe(&self, expected: &str) -> Result<()> {
        let out = self.output()?;
        let out = String::from_utf8_lossy(&out);
        ensure!(out.contains(expected), "the output does not contain `{expected}`");
        Ok(())
    }

    /// Runs the program once and returns its standard output.
    ///
    /// # Errors
    ///
    /// When it fails, with the first line of its standard error.
    pub(super) fn output(&self) -> Result<Vec<u8>> {
        let out = self.command()?.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
        let stderr = String::from_utf8_lossy(&out.stderr);
        let first_line = stderr.lines().next().unwrap_or_default();
        ensure!(
            out.status.success(),
            "`{}` failed: {}: {first_line}",
            self.path.display(),
            out.status
        );
        Ok(out.stdout)
    }

    /// Runs the program once and returns how long it took.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub(super) fn time(&self) -> Result<Duration> {
        let mut command = self.command()?;
        let start = Instant::now();
        let status = command.status()?;
        let time = start.elapsed();
        ensure!(status.success(), "`{}` failed: {status}", self.path.display());
        let next = self.next.as_ref().map(|it| it.time()).transpose()?;
        Ok(time + next.unwrap_or_default())
    }

    /// Returns a call of another program that runs this program, with the other program's
    /// arguments, and with nothing to read.
    ///
    /// # Errors
    ///
    /// When the other program is not installed.
    pub(super) fn under(&self, runner: &str, args: &[&str]) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|it| it.join(runner)).find(|it| it.is_file());
        let runner = found.with_context(|| format!("`{runner}` is missing: install it"))?;
        let mut command = Command::new(runner);
        command.args(args).arg(&self.path).args(&self.args).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }

    /// Runs the program once and returns its peak memory in bytes, without the memory of the
    /// programs that it started.
    ///
    /// # Errors
    ///
    /// When it fails, or the system does not report it.
    pub(super) fn peak_memory(&self) -> Result<f64> {
        let mut child = self.command()?.spawn()?;
        let file = format!("/proc/{}/status", child.id());
        let mut peak = None;
        // The system forgets the number when the process ends, and the number never decreases.
        let status = loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let line = text.lines().find_map(|it| it.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|it| it.trim().trim_end_matches(" kB").parse().ok());
            peak = kilobytes.or(peak);
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        ensure!(status.success(), "`{}` failed: {status}", self.path.display());
        let kilobytes: f64 = peak.context("the system did not report the peak memory")?;
        Ok(kilobytes * 1024.0)
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().current_dir(&self.folder);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(match &self.stdin {
            Some(it) => File::open(it).context("failed to open the standard input")?.into(),
            None => Stdio::null(),
        });
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }
}

/// Times two programs in turns.
pub(super) fn compare(ours: &Program, other: &Program, n_runs: usize) -> Result<Comparison> {
    for _ in 0..WARM_UP {
        ours.time()?;
        other.time()?;
    }
    let (mut our_times, mut other_times) = (Vec::new(), Vec::new());
    for _ in 0..n_runs {
        other_times.push(other.time()?.as_nanos() as f64);
        our_times.push(ours.time()?.as_nanos() as f64);
    }
    let turns = || our_times.iter().zip(&other_times);
    let extra = stats(turns().map(|(ours, other)| ours - other).collect());
    let ratio = stats(turns().map(|(ours, other)| ours / other).collect());
    Ok(Comparison { ours: stats(our_times), other: stats(other_times), extra, ratio })
}

/// Runs a program that measures inside itself, and returns its results by name.
pub(super) fn measure(program: &Program) -> Result<Map<String, Value>> {
    let out = program.output().context("failed to measure inside one process")?;
    serde_json::from_slice(&out).context("the results are not JSON")
}

/// Returns the median of some numbers; there must be at least one.
pub(super) fn stats(mut numbers: Vec<f64>) -> Stats {
    numbers.sort_by(f64::total_cmp);
    let at = |quarter: usize| numbers[(numbers.len() - 1) * quarter / 4];
    Stats { median: at(2), low: at(1), high: at(3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_run_does_not_change_the_middle() {
        let numbers = vec![3.0, 1.0, 900.0, 2.0, 4.0];
        assert_eq!(stats(numbers), Stats { median: 3.0, low: 2.0, high: 4.0 });
        assert_eq!(stats(vec![7.0]), Stats { median: 7.0, low: 7.0, high: 7.0 });
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_says_something_else_is_not_worth_timing() {
        let program = |args: &[&str]| Program {
            path: "/bin/sh".into(),
            args: args.iter().map(Into::into).collect(),
            folder: "/".into(),
            ..Program::default()
        };
        program(&["-c", "echo hello"]).probe("hello").unwrap();
        assert!(program(&["-c", "echo hallo"]).probe("hello").is_err());
        let err = program(&["-c", "echo why >&2; exit 3"]).probe("").unwrap_err();
        assert!(err.to_string().ends_with("why"), "{err}");
    }
}
