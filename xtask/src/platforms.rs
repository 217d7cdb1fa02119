//! `cargo xtask platforms`: builds the host, without clusters, and the first-party plugins for
//! other platforms, on Debian and without the platforms' toolchains.
//!
//! The standard library is built from the source in the package of Debian's newest compiler; the
//! linkers are Debian's cross compilers, unpacked in the same way.

use crate::cargo::{self, cargo, target_dir};
use crate::compilers;
use crate::debian::{Apt, Package, library_dirs, once};
use crate::plugins;
use anyhow::{Context, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Which platforms to build for.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The target triples [default: aarch64-unknown-linux-gnu, x86_64-pc-windows-gnu]
    #[arg(value_name = "TARGET", value_parser = PLATFORMS.map(|it| it.target))]
    targets: Vec<String>,
}

/// A platform and its linker.
struct Platform {
    target: &'static str,
    /// The Debian packages of the linker.
    packages: &'static [&'static str],
    /// The program that links and compiles C.
    linker: &'static str,
}

const PLATFORMS: [Platform; 2] = [
    Platform {
        target: "aarch64-unknown-linux-gnu",
        packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
        linker: "aarch64-linux-gnu-gcc",
    },
    Platform {
        target: "x86_64-pc-windows-gnu",
        packages: &["gcc-mingw-w64-x86-64-posix"],
        linker: "x86_64-w64-mingw32-gcc-posix",
    },
];

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let is_wanted = |it: &Platform| {
        options.targets.is_empty() || options.targets.iter().any(|t| t == it.target)
    };
    let rustc = compilers::unpack(&compilers::NEWEST)?.join("rustc");
    for platform in PLATFORMS.iter().filter(|it| is_wanted(it)) {
        let start = Instant::now();
        let folder = build(platform, &rustc)?;
        println!("{}: {} s", folder.display(), start.elapsed().as_secs());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds for a platform; returns the output directory.
fn build(platform: &Platform, rustc: &Path) -> Result<PathBuf> {
    let linker = unpack_linker(platform)?;
    let programs = linker.join("usr/bin");
    let target = target_dir()?.join("platforms");

    let mut command = cargo(["build", "-Zbuild-std=std,panic_unwind", "--target"]);
    command.args([platform.target, "--package=pintle", "--no-default-features"]);
    command.args(["--features", "pintle/manager"]);
    command.args(plugins::sources()?.iter().map(|it| format!("--package={}", it.package)));
    let name = platform.target.to_uppercase().replace('-', "_");
    // The manager's cryptography and decompression are written in C.
    for variable in [format!("CARGO_TARGET_{name}_LINKER"), format!("CC_{}", platform.target)] {
        command.env(variable, programs.join(platform.linker));
    }
    command.env("CARGO_TARGET_DIR", &target).env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
    command.envs([("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "0")]);
    command.env("PATH", with(&[programs], "PATH")?);
    command.env("LD_LIBRARY_PATH", with(&library_dirs(&linker), "LD_LIBRARY_PATH")?);
    cargo::run(&mut command)?;
    Ok(target.join(platform.target).join("debug"))
}

/// Unpacks the linker of a platform unless it is unpacked already; returns its directory.
fn unpack_linker(platform: &Platform) -> Result<PathBuf> {
    let target = target_dir()?.join("compilers");
    let folder = target.join(platform.target);
    once(&folder, |temp| {
        let packages: Vec<_> = platform.packages.iter().map(|it| Package::new(it)).collect();
        Apt::update(&target.join("apt"))?.unpack(&packages, temp)?;
        relocate(&temp.join("usr/aarch64-linux-gnu/lib/libc.so"))
    })?;
    Ok(folder)
}

/// The linker script of the C library refers to its parts by the paths where they would be
/// installed.
fn relocate(script: &Path) -> Result<()> {
    let Ok(text) = fs::read_to_string(script) else { return Ok(()) };
    let folder = "/usr/aarch64-linux-gnu/lib/";
    fs::write(script, text.replace(folder, "")).context("failed to write the linker script")
}

/// Returns a search path with some directories prepended.
fn with(folders: &[PathBuf], variable: &str) -> Result<std::ffi::OsString> {
    let rest = env::var_os(variable).unwrap_or_default();
    let rest = env::split_paths(&rest).filter(|it| !it.as_os_str().is_empty());
    env::join_paths(folders.iter().cloned().chain(rest)).context("failed to extend the search path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_c_library_are_found_beside_the_script() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("libc.so");
        fs::write(&script, "GROUP ( /usr/aarch64-linux-gnu/lib/libc.so.6 )\n").unwrap();
        relocate(&script).unwrap();
        assert_eq!(fs::read_to_string(&script).unwrap(), "GROUP ( libc.so.6 )\n");
        relocate(&folder.path().join("none")).unwrap();
    }
}
