//! The steps of `cargo xtask check` and their outcomes.

use anyhow::Result;
use std::fmt;
use std::time::{Duration, Instant};

/// The outcome of a step that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// A requirement of the step is not available here.
    LeftOut(&'static str),
}

/// A completed step.
pub(crate) struct Done {
    name: &'static str,
    time: Duration,
    /// `None` if it failed.
    pub(crate) verdict: Option<Verdict>,
}

/// Runs a step. If it fails, the others still run, so that one run reports all failures.
pub(crate) fn step(
    done: &mut Vec<Done>,
    name: &'static str,
    work: impl FnOnce() -> Result<Verdict>,
) {
    println!("== {name}");
    let start = Instant::now();
    let res = work();
    let time = start.elapsed();
    if let Err(err) = &res {
        println!("== {name}: FAILED: {err:#}");
    }
    done.push(Done { name, time, verdict: res.ok() });
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10}{:>8.1} s  ", self.name, self.time.as_secs_f64())?;
        match self.verdict {
            Some(Verdict::Passed) => f.write_str("ok"),
            Some(Verdict::LeftOut(reason)) => write!(f, "skipped: {reason}"),
            None => f.write_str("FAILED"),
        }
    }
}
