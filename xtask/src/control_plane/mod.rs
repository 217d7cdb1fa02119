//! `cargo xtask control-plane`: builds what the tests of operators run against, a true
//! API server with its store and its controllers.
//!
//! It takes minutes and is done once: the programs are kept in `target/control-plane`.

use crate::cargo::root;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::process::{Command, ExitCode, Stdio};

/// The recipe, for Debian 12.
const RECIPE: &str = include_str!("build.sh");

/// What the recipe needs, and the Debian package that has it.
const TOOLS: &[(&str, &str)] = &[
    ("apt-get", "apt"),
    ("dpkg", "dpkg"),
    ("gcc", "gcc"),
    ("jq", "jq"),
    ("make", "make"),
    ("sh", "dash"),
    ("tar", "tar"),
];

pub(crate) fn run() -> Result<ExitCode> {
    let folder = root().join("target/control-plane");
    let programs = folder.join("bin");
    if programs.is_dir() {
        println!("the control plane is there: {}", programs.display());
        return Ok(ExitCode::SUCCESS);
    }
    for (tool, package) in TOOLS {
        let look = format!("command -v {tool}");
        let found = Command::new("sh").args(["-c", &look]).stdout(Stdio::null()).status();
        ensure!(
            found.is_ok_and(|it| it.success()),
            "`{tool}` is missing; package `{package}` has it"
        );
    }
    fs::create_dir_all(&folder)?;
    let work = tempfile::Builder::new().prefix("work-").tempdir_in(&folder)?;
    let status = Command::new("sh")
        .args(["-c", RECIPE, "build.sh"])
        .arg(work.path())
        .status()
        .context("failed to run the recipe")?;
    if !status.success() {
        bail!("the recipe failed: {status}");
    }
    // In one step, so that what an interrupted build leaves is never taken for a whole one.
    fs::rename(work.path().join("bin"), &programs).context("failed to keep the programs")?;
    println!("the control plane is built: {}", programs.display());
    Ok(ExitCode::SUCCESS)
}
