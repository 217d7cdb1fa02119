//! `cargo xtask demo`: from a fresh checkout to an operator project that compiles, and to a cluster
//! that is created and deleted.

mod cluster;
mod stage;

pub(crate) use self::cluster::{Desk, NAME};
pub(crate) use self::stage::Stage;

use crate::cargo;
use anyhow::{Context, Result};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The commands that the demo shows.
const LINES: &[&str] = &[
    "plugin list",
    "init --domain example.org --plugins rust,license",
    "create api --group crew --version v1 --kind Captain",
];

/// The last commands: add a third plugin to the chain, and show which plugin creates what.
const LAST_LINES: &[&str] = &[
    "edit --plugins ci",
    "create webhook --group crew --version v1 --kind Captain --validation --dump-universe=summary",
];

/// How to handle the result.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Keep the project, and print its directory
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut temp = tempfile::Builder::new().prefix("pintle-demo-").tempdir()?;
    temp.disable_cleanup(options.keep);
    let stage = Stage::build(temp.path())?;
    let shown = show(&stage).and_then(|()| cluster::show(&stage));
    if options.keep {
        println!("\nThe project is in {}", stage.project.display());
    }
    shown?;
    Ok(ExitCode::SUCCESS)
}

fn show(stage: &Stage) -> Result<()> {
    let path = path_with(stage.host.parent().context("a program is in a directory")?)?;
    let pintle = |line: &str| {
        println!("\n$ pintle {line}");
        let mut command = Command::new(&stage.host);
        command.args(line.split_whitespace()).current_dir(&stage.project).stdin(Stdio::null());
        command.env("PATH", &path);
        // Only the plugins that were just built, regardless of those that the user has installed.
        command.env("PINTLE_PLUGIN_PATH", &stage.plugins).env("PINTLE_PLUGIN_SYSTEM_PATH", "");
        command.env("XDG_DATA_HOME", &stage.data);
        cargo::run(&mut command)
    };
    for line in LINES {
        pintle(line)?;
    }
    println!("\nThe project has these files:");
    for file in files(&stage.project)? {
        println!("  {file}");
    }
    println!("\nPROJECT contains:");
    let project = fs::read_to_string(stage.project.join("PROJECT"));
    print!("{}", project.context("failed to read the project's file PROJECT")?);
    check(stage)?;
    LAST_LINES.iter().try_for_each(|it| pintle(it))
}

/// Returns the user's search path with a directory put before it.
fn path_with(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).context("failed to extend the search path")
}

/// Returns the paths of a project's files, sorted.
fn files(project: &Path) -> Result<Vec<String>> {
    let (mut folders, mut found) = (vec![project.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let (path, is_folder) =
                entry.and_then(|it| Ok((it.path(), it.file_type()?.is_dir())))?;
            if is_folder {
                folders.push(path);
            } else if let Ok(path) = path.strip_prefix(project) {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn check(stage: &Stage) -> Result<()> {
    println!("\n$ cargo check");
    let mut command = cargo::cargo(["check"]);
    // Kept between runs, so only the first run compiles the dependencies.
    let target = cargo::target_dir()?.join("demo");
    command.current_dir(&stage.project).env("CARGO_TARGET_DIR", target);
    cargo::run(&mut command).context("the scaffolded project does not compile")?;
    println!("\nThe scaffolded project compiles.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_project_are_listed_in_order() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src/api")).unwrap();
        for file in ["src/main.rs", "src/api/a.rs", "Cargo.toml"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        assert_eq!(files(dir.path()).unwrap(), ["Cargo.toml", "src/api/a.rs", "src/main.rs"]);
    }
}
