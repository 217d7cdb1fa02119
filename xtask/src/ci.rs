//! `cargo xtask check` and `cargo xtask ci`: what must hold before a change is merged.
//!
//! The tests come last, so that their counts are the last line of the output.

use crate::cargo::{self, cargo};
use crate::{deny, test};
use anyhow::Result;
use std::fmt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// How a step that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// What it needs cannot be had here.
    LeftOut(&'static str),
}

/// A step that is over.
struct Done {
    name: &'static str,
    time: Duration,
    /// `None` if it failed.
    verdict: Option<Verdict>,
}

/// Runs everything but the tests.
pub(crate) fn check() -> Result<ExitCode> {
    let mut done = Vec::new();
    step(&mut done, "fmt", || run_cargo(&mut cargo(["fmt", "--all", "--check"])));
    step(&mut done, "clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"];
        run_cargo(&mut cargo(clippy))
    });
    // What embedding programs can leave out.
    step(&mut done, "lean", || {
        let lean = ["clippy", "--package=pintle", "--no-default-features", "--", "--deny=warnings"];
        run_cargo(&mut cargo(lean))
    });
    step(&mut done, "doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps"]);
        run_cargo(doc.env("RUSTDOCFLAGS", "--deny=warnings"))
    });
    step(&mut done, "deny", deny::check);
    step(&mut done, "advisories", deny::advisories);

    println!();
    done.iter().for_each(|it| println!("{it}"));
    let passed = done.iter().all(|it| it.verdict.is_some());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs everything; a failed check does not keep the tests from being run.
pub(crate) fn run() -> Result<ExitCode> {
    let checks = check()?;
    let tests = test::run(&test::Options::default())?;
    Ok(if checks == ExitCode::SUCCESS { tests } else { checks })
}

fn run_cargo(command: &mut Command) -> Result<Verdict> {
    cargo::run(command).map(|()| Verdict::Passed)
}

/// Takes a step. A failed one does not keep the others from being taken: it is
/// better to hear everything at once.
fn step(done: &mut Vec<Done>, name: &'static str, work: impl FnOnce() -> Result<Verdict>) {
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
