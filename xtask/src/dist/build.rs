//! Builds that do not depend on their place and time.

use crate::cargo::{self, Artifact};
use anyhow::{Context, Result};
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// 1 January 1980, for sources without a history. Packages with older dates are treated as faulty.
const NO_TIME: u64 = 315_532_800;

/// How everything is built and packed.
pub(super) struct How {
    /// The time of all entries, in seconds since 1970.
    pub(super) time: u64,
    /// Whether to build fast rather than to optimize.
    pub(super) is_quick: bool,
}

impl How {
    pub(super) fn new(is_quick: bool) -> Result<Self> {
        let variable = env::var_os("SOURCE_DATE_EPOCH");
        Ok(Self { time: source_date(variable.as_deref(), last_commit())?, is_quick })
    }
}

/// Returns the time of all entries, in seconds since 1970.
pub(super) fn source_date(variable: Option<&OsStr>, last_commit: Option<u64>) -> Result<u64> {
    let Some(text) = variable else { return Ok(last_commit.unwrap_or(NO_TIME)) };
    let time = text.to_str().and_then(|it| it.parse().ok());
    time.with_context(|| format!("invalid `SOURCE_DATE_EPOCH`: `{}`", text.display()))
}

fn last_commit() -> Option<u64> {
    let mut git = Command::new("git");
    let out = git.args(["log", "-1", "--format=%ct"]).current_dir(cargo::root()).output().ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}

/// Where packages put the plugins of the host `pintle`.
const SYSTEM_DIR: &str = "PINTLE_SYSTEM_PLUGIN_DIR";

/// Builds a host by itself: in one build with others, cargo would enable the features of all.
pub(super) fn build_host(name: &str, how: &How) -> Result<Vec<Artifact>> {
    let dir = env::var(SYSTEM_DIR).ok().map(|it| (SYSTEM_DIR, system_dir(&it, name).into()));
    build_with(&[name], how, dir)
}

/// Returns the directory of a host that is like Pintle's.
fn system_dir(of_pintle: &str, host: &str) -> String {
    match of_pintle.strip_suffix("/pintle/plugins") {
        Some(lib_dir) => format!("{lib_dir}/{host}/plugins"),
        None => of_pintle.to_owned(),
    }
}

/// Builds packages of the workspace without the directory names of this machine.
pub(super) fn build(packages: &[&str], how: &How) -> Result<Vec<Artifact>> {
    build_with(packages, how, None)
}

fn build_with(
    packages: &[&str],
    how: &How,
    more: Option<(&'static str, OsString)>,
) -> Result<Vec<Artifact>> {
    let mut args: Vec<_> = packages.iter().map(|it| format!("--package={it}")).collect();
    args.push("--locked".to_owned());
    args.extend((!how.is_quick).then(|| "--release".to_owned()));
    let mut env = vec![
        ("CARGO_ENCODED_RUSTFLAGS", rust_flags()?),
        // A compiler's incremental state changes the code.
        ("CARGO_INCREMENTAL", "0".into()),
    ];
    env.extend(more);
    if how.is_quick {
        // As in the release profile: packages must not contain symbols.
        env.extend(
            [("CARGO_PROFILE_DEV_DEBUG", "false"), ("CARGO_PROFILE_DEV_STRIP", "symbols")]
                .map(|(name, value)| (name, value.into())),
        );
    }
    cargo::build_with(&args, &env)
}

/// Returns the caller's flags, and those that rename directories.
fn rust_flags() -> Result<OsString> {
    let mut flags = match (env::var_os("CARGO_ENCODED_RUSTFLAGS"), env::var_os("RUSTFLAGS")) {
        (Some(encoded), _) => vec![encoded],
        (None, Some(flags)) => {
            let flags = flags.into_string().ok().context("`RUSTFLAGS` is not UTF-8")?;
            flags.split_whitespace().map(OsString::from).collect()
        }
        (None, None) => Vec::new(),
    };
    // The last flag that matches a path applies.
    for (path, name) in
        [(cargo::root(), "/src"), (cargo::target_dir()?, "/src/target"), (cargo_home()?, "/cargo")]
    {
        flags.push(renaming(&path, name));
    }
    Ok(flags.join("\x1f".as_ref()))
}

fn renaming(path: &Path, name: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(path);
    flag.push("=");
    flag.push(name);
    flag
}

fn cargo_home() -> Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(it) => Ok(std::path::absolute(it)?),
        None => Ok(env::home_dir().context("there is no home directory")?.join(".cargo")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_a_directory_of_its_own() {
        assert_eq!(system_dir("/usr/lib64/pintle/plugins", "pintle"), "/usr/lib64/pintle/plugins");
        assert_eq!(system_dir("/usr/lib64/pintle/plugins", "rudder"), "/usr/lib64/rudder/plugins");
        assert_eq!(system_dir("/opt/plugins", "rudder"), "/opt/plugins");
    }
}
