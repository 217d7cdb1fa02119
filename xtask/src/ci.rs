//! `cargo xtask check` and `cargo xtask ci`: what must hold before a change is merged.
//!
//! The tests come last, so that their counts are the last line of the output.

use crate::cargo::{self, cargo};
use crate::test;
use anyhow::Result;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A step that is over.
struct Done {
    name: &'static str,
    time: Duration,
    passed: bool,
}

/// Runs everything but the tests.
pub(crate) fn check() -> Result<ExitCode> {
    let mut done = Vec::new();
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

    println!();
    for it in &done {
        let verdict = if it.passed { "ok" } else { "FAILED" };
        println!("{:<8}{:>8.1} s  {verdict}", it.name, it.time.as_secs_f64());
    }
    let passed = done.iter().all(|it| it.passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs everything; a failed check does not keep the tests from being run.
pub(crate) fn run() -> Result<ExitCode> {
    let checks = check()?;
    let tests = test::run(&test::Options::default())?;
    Ok(if checks == ExitCode::SUCCESS { tests } else { checks })
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
