//! Third-party programs that cargo builds once and that are kept in `target/tools`.

use crate::cargo::{self, cargo};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program in a crate of the same name.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// The version to install if there is none.
    pub(crate) version: &'static str,
}

impl Tool {
    /// Returns a call of the program: the user's own, or the one in `target/tools`.
    pub(crate) fn command(&self) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::env::split_paths(&path).chain([dir()?.join("bin")]);
        let file = format!("{}{}", self.name, std::env::consts::EXE_SUFFIX);
        let found = dirs.map(|it| it.join(&file)).find(|it| it.is_file());
        let mut command = Command::new(found.unwrap_or_else(|| self.name.into()));
        command.current_dir(cargo::root());
        Ok(command)
    }

    pub(crate) fn is_there(&self) -> Result<bool> {
        let mut command = self.command()?;
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.status().is_ok_and(|it| it.success()))
    }

    /// Builds the program if it is missing; returns whether it is available. If nothing may be
    /// skipped, it must be.
    pub(crate) fn ensure(&self) -> Result<bool> {
        if self.is_there()? {
            return Ok(true);
        }
        match self.install() {
            Ok(()) => Ok(true),
            Err(err) if std::env::var_os("PINTLE_REQUIRE_ALL").is_some() => Err(err),
            Err(_) => Ok(false),
        }
    }

    fn install(&self) -> Result<()> {
        let Self { name, version } = *self;
        println!("installing {name} {version}; the first time, this takes a few minutes");
        let mut command = cargo(["install", "--quiet", "--locked", "--version", version]);
        command.arg(name).arg("--root").arg(dir()?);
        // It runs for a second, but an optimized build takes minutes.
        command.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "false");
        cargo::run(&mut command)?;
        match self.is_there()? {
            true => Ok(()),
            false => bail!("`{name}` was installed but cannot be run"),
        }
    }
}

fn dir() -> Result<PathBuf> {
    Ok(cargo::target_dir()?.join("tools"))
}
