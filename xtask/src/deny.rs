//! cargo-deny, which checks the dependencies as `deny.toml` says.

use crate::cargo::{self, cargo};
use crate::step::Verdict;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The version that is installed where there is none.
const VERSION: &str = "0.20.2";

/// Checks licences, duplicates and sources; installs cargo-deny if it is missing, once: building
/// it takes minutes, so it is kept in `target/tools`.
pub(crate) fn check() -> Result<Verdict> {
    let installed = match is_there()? {
        true => Ok(()),
        false => install(),
    };
    match installed {
        Ok(()) => {
            let what = ["check", "--deny=warnings", "bans", "licenses", "sources"];
            cargo::run(deny()?.args(what)).map(|()| Verdict::Passed)
        }
        Err(err) if std::env::var_os("PINTLE_REQUIRE_ALL").is_some() => Err(err),
        Err(_) => Ok(Verdict::LeftOut("cargo-deny cannot be installed")),
    }
}

/// Checks the dependencies for what is known against them, if that can be fetched.
pub(crate) fn advisories() -> Result<Verdict> {
    if !is_there()? {
        return Ok(Verdict::LeftOut("there is no cargo-deny"));
    }
    if cargo::run(deny()?.args(["fetch", "db"])).is_err() {
        return Ok(Verdict::LeftOut("the advisory database cannot be fetched"));
    }
    let what = ["check", "--deny=warnings", "--disable-fetch", "advisories"];
    cargo::run(deny()?.args(what)).map(|()| Verdict::Passed)
}

fn folder() -> Result<PathBuf> {
    Ok(cargo::target_dir()?.join("tools"))
}

/// Returns a call of cargo-deny: the user's own, or else ours.
fn deny() -> Result<Command> {
    let mut command = cargo(["deny", "--workspace", "--locked"]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let ours = folder()?.join("bin");
    let folders = std::env::split_paths(&path).chain([ours]);
    command.env("PATH", std::env::join_paths(folders)?);
    Ok(command)
}

fn is_there() -> Result<bool> {
    let mut command = deny()?;
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().is_ok_and(|it| it.success()))
}

fn install() -> Result<()> {
    println!("installing cargo-deny {VERSION}; this takes a few minutes, once");
    let mut command = cargo(["install", "--quiet", "--locked", "--version", VERSION]);
    command.arg("cargo-deny").arg("--root").arg(folder()?);
    // It runs for a second, and is built for minutes if it is to be fast.
    command.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "false");
    cargo::run(&mut command)?;
    match is_there()? {
        true => Ok(()),
        false => bail!("cargo does not find the cargo-deny that was installed"),
    }
}
