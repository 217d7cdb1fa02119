//! Programs of others that cargo builds once, and keeps in `target/tools`.

use crate::cargo::{self, cargo};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that a crate of the same name has.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// The version that is installed where there is none.
    pub(crate) version: &'static str,
}

impl Tool {
    /// Returns a call of the program: of the user's own, or else of ours.
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

    /// Builds the program if it is missing; returns whether it is there now. It must be, where
    /// nothing may be left out.
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
        println!("installing {name} {version}; this takes a few minutes, once");
        let mut command = cargo(["install", "--quiet", "--locked", "--version", version]);
        command.arg(name).arg("--root").arg(dir()?);
        // It runs for a second, and is built for minutes if it is to be fast.
        command.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "false");
        cargo::run(&mut command)?;
        match self.is_there()? {
            true => Ok(()),
            false => bail!("`{name}` was installed and cannot be run"),
        }
    }
}

fn dir() -> Result<PathBuf> {
    Ok(cargo::target_dir()?.join("tools"))
}
