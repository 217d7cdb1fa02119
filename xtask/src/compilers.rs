//! `cargo xtask compilers`: unpacks Debian's compilers that plugins are tested with into
//! `target/compilers`.
//!
//! Both are the package `rustc-web`: 1.85, which is the compiler of Debian 13 and the oldest that
//! builds plugins, and the newest version, 1.96 or later. Debian 12 has them in its main and
//! security archives.

use crate::cargo::target_dir;
use crate::debian::{Apt, Package, library_dirs, once};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A compiler, by the name of its directory.
pub(crate) struct Compiler {
    pub(crate) name: &'static str,
    /// Whether this compiler has a minor version of Rust.
    fits: fn(u32) -> bool,
    /// Whether the standard library's source is included, from which the libraries for other
    /// platforms are built.
    has_source: bool,
}

pub(crate) const OLDEST: Compiler =
    Compiler { name: "debian-1.85", fits: |it| it == 85, has_source: false };
pub(crate) const NEWEST: Compiler =
    Compiler { name: "debian-newest", fits: |it| it >= 96, has_source: true };

pub(crate) fn run() -> Result<ExitCode> {
    for compiler in [OLDEST, NEWEST] {
        let folder = unpack(&compiler)?;
        let out = Command::new(folder.join("rustc")).arg("--version").output()?;
        ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        println!("{}: {}", folder.display(), String::from_utf8_lossy(&out.stdout).trim());
    }
    Ok(ExitCode::SUCCESS)
}

/// Unpacks a compiler unless it is unpacked already; returns its directory, in which `rustc` is the
/// program to run.
pub(crate) fn unpack(compiler: &Compiler) -> Result<PathBuf> {
    let target = target_dir()?.join("compilers");
    let folder = target.join(compiler.name);
    once(&folder, |temp| {
        let apt = Apt::update(&target.join("apt"))?;
        let version = newest(&apt.versions("rustc-web")?, compiler).with_context(|| {
            format!("apt has no version of `rustc-web` for `{}`", compiler.name)
        })?;
        let exact = |name: &str| Package::of_version(name, &version);
        let series = minor(&version)
            .map(|it| format!("1.{it}"))
            .context("the version has a minor number")?;
        let mut packages = vec![
            exact("rustc-web"),
            exact("libstd-rust-web-dev"),
            Package::new(&format!("libstd-rust-web-{series}")),
        ];
        packages.extend(compiler.has_source.then(|| exact("rust-web-src")));
        apt.unpack(&packages, temp)
    })?;
    write_launcher(&folder)?;
    Ok(folder)
}

/// Returns the newest version of the compiler.
fn newest(versions: &[String], compiler: &Compiler) -> Option<String> {
    versions.iter().find(|it| minor(it).is_some_and(compiler.fits)).cloned()
}

/// Returns the minor version of Rust from a version of the package.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

/// Writes the program that runs the compiler with its own libraries. The programs that the compiler
/// starts, for example a linker, also find the caller's libraries.
fn write_launcher(folder: &Path) -> Result<()> {
    let dirs = library_dirs(folder).into_iter();
    let dirs = dirs.map(|it| format!("$here/{}", it.strip_prefix(folder).unwrap_or(&it).display()));
    let dirs = dirs.collect::<Vec<_>>().join(":");
    let script = format!(
        "#!/bin/sh\nhere=${{0%/*}}\nLD_LIBRARY_PATH=\"{dirs}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\" exec \"$here/usr/bin/rustc\" \"$@\"\n"
    );
    let path = folder.join("rustc");
    fs::write(&path, script)?;
    make_executable(&path)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_found_by_their_version() {
        let versions = ["1.97.1+dfsg1-1", "1.96.0+dfsg1-1~deb12u2", "1.85.0+dfsg3-1~deb12u3"];
        let versions = versions.map(str::to_owned);
        assert_eq!(newest(&versions, &OLDEST), Some(versions[2].clone()));
        assert_eq!(newest(&versions, &NEWEST), Some(versions[0].clone()));
        assert_eq!(newest(&versions[2..], &NEWEST), None);
        assert_eq!(newest(&versions[..2], &OLDEST), None);
    }
}
