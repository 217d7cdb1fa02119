//! `cargo xtask check` and `cargo xtask ci`: the checks that must pass before a change is merged.
//!
//! The tests are last, so their counts are the last line of the output.

use crate::cargo::{self, cargo};
use crate::step::{Verdict, step};
use crate::{abi, book, deny, test};
use anyhow::Result;
use std::process::{Command, ExitCode, Stdio};

/// Runs everything but the tests.
pub(crate) fn check() -> Result<ExitCode> {
    let mut done = Vec::new();
    step(&mut done, "fmt", || run_cargo(&mut cargo(["fmt", "--all", "--check"])));
    step(&mut done, "clippy", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"];
        run_cargo(&mut cargo(clippy))
    });
    // Without the parts that embedding programs can omit.
    step(&mut done, "lean", || {
        let lean = ["clippy", "--package=pintle", "--no-default-features", "--", "--deny=warnings"];
        run_cargo(&mut cargo(lean))
    });
    // With the features that only plugins enable.
    step(&mut done, "records", || {
        let kit = ["clippy", "--package=pintle-plugin", "--features=log,tracing", "--all-targets"];
        run_cargo(cargo(kit).args(["--", "--deny=warnings"]))
    });
    step(&mut done, "doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps"]);
        run_cargo(doc.env("RUSTDOCFLAGS", "--deny=warnings"))
    });
    step(&mut done, "book", book::check);
    // A workspace of its own, whose lock file no other build checks.
    step(&mut done, "fuzz lock", || {
        let mut metadata = cargo(["metadata", "--locked", "--format-version=1", "--quiet"]);
        metadata.args(["--manifest-path", "fuzz/Cargo.toml"]).stdout(Stdio::null());
        run_cargo(&mut metadata)
    });
    step(&mut done, "abi", abi::check);
    step(&mut done, "deny", deny::check);
    step(&mut done, "advisories", deny::advisories);

    println!();
    done.iter().for_each(|it| println!("{it}"));
    let passed = done.iter().all(|it| it.verdict.is_some());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs everything; the tests run even if a check fails.
pub(crate) fn run() -> Result<ExitCode> {
    let checks = check()?;
    let tests = test::run(&test::Options::default())?;
    Ok(if checks == ExitCode::SUCCESS { tests } else { checks })
}

fn run_cargo(command: &mut Command) -> Result<Verdict> {
    cargo::run(command).map(|()| Verdict::Passed)
}
