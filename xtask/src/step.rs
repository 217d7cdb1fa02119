//! The steps of `cargo xtask check`, and how each ended.

use anyhow::Result;
use std::fmt;
use std::time::{Duration, Instant};

/// How a step that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// What it needs cannot be had here.
    LeftOut(&'static str),
}

/// A step that is over.
pub(crate) struct Done {
    name: &'static str,
    time: Duration,
    /// `None` if it failed.
    pub(crate) verdict: Option<Verdict>,
}

/// Takes a step. A failed one does not keep the others from being taken: it is
/// better to hear everything at once.
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
            Some(Verdict::LeftOut(reason)) => write!(f, "left out: {reason}"),
            None => f.write_str("FAILED"),
        }
    }
}
