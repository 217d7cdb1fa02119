//! cargo-deny, which checks the dependencies against `deny.toml`.

use crate::cargo;
use crate::step::Verdict;
use crate::tools::Tool;
use anyhow::Result;
use std::process::Command;

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Checks licences, duplicates and sources.
pub(crate) fn check() -> Result<Verdict> {
    if !DENY.ensure()? {
        return Ok(Verdict::LeftOut("failed to install cargo-deny"));
    }
    let what = ["check", "--deny=warnings", "bans", "licenses", "sources"];
    cargo::run(deny()?.args(what)).map(|()| Verdict::Passed)
}

/// Checks the dependencies for known advisories, if these can be fetched.
pub(crate) fn advisories() -> Result<Verdict> {
    if !DENY.is_there()? {
        return Ok(Verdict::LeftOut("cargo-deny is not installed"));
    }
    if cargo::run(deny()?.args(["fetch", "db"])).is_err() {
        return Ok(Verdict::LeftOut("failed to fetch the advisory database"));
    }
    let what = ["check", "--deny=warnings", "--disable-fetch", "advisories"];
    cargo::run(deny()?.args(what)).map(|()| Verdict::Passed)
}

fn deny() -> Result<Command> {
    let mut command = DENY.command()?;
    command.args(["--workspace", "--locked"]);
    Ok(command)
}
