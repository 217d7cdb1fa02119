//! `cargo xtask ci`: everything that must hold before a change is merged.
//!
//! The tests come last, so that their counts are the last line of the output.

use crate::cargo::{self, cargo};
use crate::counts::Counts;
use crate::test;
use anyhow::{Result, bail};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A step that is over.
struct Done {
    name: &'static str,
    time: Duration,
    passed: bool,
}

pub(crate) fn run() -> Result<ExitCode> {
    let mut done = Vec::new();
    let mut counts = Counts::default();
    step(&mut done, "fmt", || cargo::run(&mut cargo(["fmt", "--all", "--check"])));
    step(&mut done, "clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"];
        cargo::run(&mut cargo(clippy))
    });
    // What embedding programs can leave out.
    step(&mut done, "lean", || {
        let lean = ["clippy", "--package=pintle", "--no-default-features", "--", "--deny=warnings"];
        cargo::run(&mut cargo(lean))
    });
    step(&mut done, "doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps"]);
        cargo::run(doc.env("RUSTDOCFLAGS", "--deny=warnings"))
    });
    step(&mut done, "test", || {
        let outcome = test::run_all(&[])?;
        counts = outcome.counts;
        if outcome.success { Ok(()) } else { bail!("some tests failed") }
    });

    println!();
    for it in &done {
        let verdict = if it.passed { "ok" } else { "FAILED" };
        println!("{:<8}{:>8.1} s  {verdict}", it.name, it.time.as_secs_f64());
    }
    println!("{counts}");
    let success = done.iter().all(|it| it.passed);
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes a step. A failed one does not keep the others from being taken: it is
/// better to hear everything at once.
fn step(done: &mut Vec<Done>, name: &'static str, work: impl FnOnce() -> Result<()>) {
    println!("== {name}");
    let start = Instant::now();
    let res = work();
    let time = start.elapsed();
    match &res {
        Ok(()) => println!("== {name}: ok, {:.1} s", time.as_secs_f64()),
        Err(err) => println!("== {name}: FAILED, {:.1} s: {err:#}", time.as_secs_f64()),
    }
    done.push(Done { name, time, passed: res.is_ok() });
}
