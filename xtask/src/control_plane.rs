//! `cargo xtask control-plane`: builds the programs that operators are tested against: an API
//! server with its store and controllers, kustomize and kubebuilder, and oras, a second client for
//! registries besides the plugin manager.
//!
//! The recipe is the Go module in `xtask/control-plane`. It takes minutes and runs once:
//! `target/control-plane` has the programs in `bin`, and in `module` a copy of the recipe that
//! built them. If the recipe changes, they are built again.

use crate::cargo::{root, target_dir};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The tools that the recipe needs besides Go, and the Debian packages that provide them.
const TOOLS: &[(&str, &str)] = &[("apt-get", "apt"), ("dpkg", "dpkg"), ("sh", "dash")];

pub(crate) fn run() -> Result<ExitCode> {
    let recipe = files(&root().join("xtask/control-plane"))?;
    let target = target_dir()?;
    let kept = target.join("control-plane");
    let programs = kept.join("bin");
    if files(&kept.join("module")).is_ok_and(|it| it == recipe) {
        println!("the control plane is up to date: {}", programs.display());
        return Ok(ExitCode::SUCCESS);
    }
    check_tools(&recipe)?;
    fs::create_dir_all(&target).context("failed to create the target directory")?;
    let temp = tempfile::Builder::new().prefix("control-plane-").tempdir_in(&target)?;
    let new = build(&recipe, temp.path())?;
    // In one step, so that an interrupted build never looks complete.
    if kept.exists() {
        fs::rename(&kept, temp.path().join("old"))
            .context("failed to move the old control plane")?;
    }
    fs::rename(new, &kept).context("failed to store the control plane")?;
    println!("built the control plane: {}", programs.display());
    Ok(ExitCode::SUCCESS)
}

/// Returns the files of a directory by their paths in it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(folder: &Path) -> io::Result<Files> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Files::new());
    while let Some(it) = folders.pop() {
        for entry in fs::read_dir(it)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path)?;
            found.insert(path.strip_prefix(folder).unwrap_or(&path).to_owned(), bytes);
        }
    }
    Ok(found)
}

/// Builds in an empty directory; returns the directory in it with the results.
fn build(recipe: &Files, temp: &Path) -> Result<PathBuf> {
    let (new, work) = (temp.join("new"), temp.join("work"));
    let (programs, module) = (new.join("bin"), new.join("module"));
    for folder in [&programs, &work] {
        fs::create_dir_all(folder)?;
    }
    for (path, bytes) in recipe {
        let path = module.join(path);
        fs::create_dir_all(path.parent().context("a file is in a directory")?)?;
        fs::write(path, bytes)?;
    }
    let mut script = Command::new("sh");
    script.arg("build.sh").args([&programs, &work]).current_dir(&module);
    let status = script.status().context("failed to run the recipe")?;
    match status.success() {
        true => Ok(new),
        false => bail!("the recipe failed: {status}"),
    }
}

fn check_tools(recipe: &Files) -> Result<()> {
    for (tool, package) in TOOLS {
        let look = format!("command -v {tool}");
        let found = Command::new("sh").args(["-c", &look]).stdout(Stdio::null()).status();
        ensure!(
            found.is_ok_and(|it| it.success()),
            "`{tool}` is missing; install the package `{package}`"
        );
    }
    let module = recipe.get(Path::new("go.mod")).context("the recipe has no go.mod")?;
    let required = required_go(&String::from_utf8_lossy(module));
    let required = required.context("go.mod has no Go version")?;
    let (major, minor) = required;
    match go() {
        Some(it) if go_version(&it) >= Some(required) => Ok(()),
        Some(it) => bail!("Go {major}.{minor} or newer is required; {it} is installed"),
        None => bail!("Go {major}.{minor} or newer is required"),
    }
}

/// Returns the version that the machine's Go reports, for example `go1.26.8`.
fn go() -> Option<String> {
    let mut command = Command::new("go");
    // Outside of a module: in a module that needs a newer version, an older Go fails.
    command.args(["env", "GOVERSION"]).current_dir(std::env::temp_dir());
    let out = command.env("GOTOOLCHAIN", "local").output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Returns the version of Go that a module needs, from its go.mod.
fn required_go(module: &str) -> Option<(u32, u32)> {
    module.lines().find_map(|it| numbers(it.strip_prefix("go ")?))
}

/// Reads the version that Go reports.
fn go_version(text: &str) -> Option<(u32, u32)> {
    numbers(text.trim_start_matches("devel ").strip_prefix("go")?)
}

/// Reads the first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..end].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_go_are_compared_by_their_first_two_numbers() {
        let fits = |text: &str| go_version(text) >= Some((1, 26));
        assert!(
            ["go1.26", "go1.26.8", "go1.27rc1", "go1.100.0 X:jsonv2"].iter().all(|it| fits(it))
        );
        assert!(fits("devel go1.27-5b6ff4a"));
        assert!(!["go1.25.9", "go1.9", "", "gccgo"].iter().any(|it| fits(it)));
    }

    #[test]
    fn the_recipe_names_the_go_that_it_needs() {
        let recipe = files(&root().join("xtask/control-plane")).unwrap();
        let module = String::from_utf8_lossy(&recipe[Path::new("go.mod")]);
        assert!(required_go(&module) >= Some((1, 26)));
        assert_eq!(required_go("module x\n"), None);
    }

    #[test]
    fn every_file_of_a_recipe_counts() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("api")).unwrap();
        fs::write(folder.path().join("go.mod"), "go 1.26\n").unwrap();
        fs::write(folder.path().join("api/main.go"), "package main\n").unwrap();
        let before = files(folder.path()).unwrap();
        assert_eq!(before.len(), 2);
        fs::write(folder.path().join("api/main.go"), "package other\n").unwrap();
        assert_ne!(files(folder.path()).unwrap(), before);
        assert!(files(&folder.path().join("none")).is_err());
    }
}
