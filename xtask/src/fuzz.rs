//! `cargo xtask fuzz`: runs libFuzzer on one of the targets in `fuzz/`.
//!
//! The stable compiler builds it with nightly features enabled. The address sanitizer provides the
//! limit on allocations.

use crate::cargo::{self, cargo};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The maximum size of one allocation, and of the whole process, in MiB, including code written in
/// C. `fuzz/src/main.rs` limits the allocations of a target for one input.
const LIMITS: [&str; 2] = ["-malloc_limit_mb=512", "-rss_limit_mb=2048"];

/// Instruments the code for coverage, as libFuzzer expects it.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Zsanitizer=address",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The target: the name of its directory in `fuzz/corpus`
    target: String,
    /// How long to run, in seconds
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Run the target on these inputs only
    #[arg(value_name = "FILE")]
    inputs: Vec<std::path::PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let target_dir = cargo::target_dir()?.join("fuzz");
    let program = build(&target_dir)?;
    // New inputs are stored in the target directory; useful ones are copied manually.
    let found = target_dir.join("corpus").join(&options.target);
    let crashes = target_dir.join("crashes").join(&options.target);
    for folder in [&found, &crashes] {
        fs::create_dir_all(folder).context("failed to create a directory for new inputs")?;
    }
    let mut command = Command::new(program);
    command.env("PINTLE_FUZZ_TARGET", &options.target).current_dir(cargo::root());
    command.args(LIMITS).args(["-timeout=20", "-max_len=65536", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", crashes.display()));
    match options.inputs.is_empty() {
        true => {
            command.arg(format!("-max_total_time={}", options.seconds));
            command.arg(found).arg(cargo::root().join("fuzz/corpus").join(&options.target));
        }
        false => drop(command.args(&options.inputs)),
    }
    cargo::run(&mut command).with_context(|| format!("the input is in `{}`", crashes.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the fuzzer, and returns it.
fn build(target_dir: &Path) -> Result<std::path::PathBuf> {
    let triple = cargo::host_triple()?;
    let mut command = cargo(["build", "--release", "--locked", "--manifest-path=fuzz/Cargo.toml"]);
    // With a target, the flags apply only to the fuzzed code, not to programs that run during the
    // build.
    command.arg(format!("--target={triple}")).env("CARGO_TARGET_DIR", target_dir);
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    cargo::run(&mut command)?;
    Ok(target_dir.join(triple).join("release/pintle-fuzz"))
}
