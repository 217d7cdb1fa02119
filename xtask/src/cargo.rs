//! Runs cargo and reads its output.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A package of the workspace.
pub(crate) struct Package {
    /// The package's name.
    pub(crate) name: String,
    /// The directory of its `Cargo.toml`.
    pub(crate) folder: PathBuf,
    /// Whether it builds a library that a host can open.
    pub(crate) is_cdylib: bool,
}

/// A target that cargo has built.
pub(crate) struct Artifact {
    /// The directory of the package's `Cargo.toml`.
    pub(crate) folder: PathBuf,
    /// The target's name.
    pub(crate) target: String,
    /// The program, if it is one.
    pub(crate) executable: Option<PathBuf>,
    /// The dynamic library, if it is one.
    pub(crate) library: Option<PathBuf>,
}

/// Returns the directory of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    // At run time, cargo sets the current directory of the package, which may have moved since the
    // build.
    let own = env::var_os("CARGO_MANIFEST_DIR").map_or(own.to_owned(), PathBuf::from);
    own.parent().expect("xtask is a directory of the workspace").to_owned()
}

/// Returns cargo's target directory.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata(&["--no-deps"])?;
    let dir = metadata["target_directory"].as_str();
    Ok(dir.context("the output of `cargo metadata` has no target directory")?.into())
}

/// Returns the target triple of this machine.
pub(crate) fn host_triple() -> Result<String> {
    let out = Command::new("rustc").arg("-vV").output().context("failed to run rustc")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = text.lines().find_map(|it| it.strip_prefix("host: "));
    Ok(line.context("the output of `rustc -vV` has no host")?.to_owned())
}

/// Returns a call of the cargo that runs this program, in the workspace's directory.
pub(crate) fn cargo<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    env::vars_os().map(|it| it.0).filter(|it| is_about_this_package(it)).for_each(|it| {
        command.env_remove(it);
    });
    command
}

/// Returns whether a variable describes the package that cargo runs, which is this one. The build
/// scripts of some crates depend on these variables. If another cargo inherited them, it and the
/// cargo that builds this program would rebuild these crates in turn.
fn is_about_this_package(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|it| name.starts_with(it))
}

/// Returns a command as a user would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|it| it.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command; if it fails, the error names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("failed to run `{}`", line(command)))?;
    match status.success() {
        true => Ok(()),
        false => bail!("`{}` failed: {status}", line(command)),
    }
}

/// Returns the output of `cargo metadata`.
pub(crate) fn metadata(args: &[&str]) -> Result<Value> {
    let mut command = cargo(["metadata", "--format-version=1"]);
    let out = command.args(args).stderr(Stdio::inherit()).output();
    let out = out.context("failed to run `cargo metadata`")?;
    match out.status.success() {
        true => serde_json::from_slice(&out.stdout)
            .context("the output of `cargo metadata` is not JSON"),
        false => bail!("`cargo metadata` failed: {}", out.status),
    }
}

/// Returns the packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let metadata = metadata(&["--no-deps"])?;
    let packages = metadata["packages"]
        .as_array()
        .context("the output of `cargo metadata` has no packages")?;
    packages
        .iter()
        .map(|it| {
            package(it).context("a package in the output of `cargo metadata` has no name or path")
        })
        .collect()
}

fn package(value: &Value) -> Option<Package> {
    let targets = value["targets"].as_array()?;
    Some(Package {
        name: value["name"].as_str()?.to_owned(),
        folder: Path::new(value["manifest_path"].as_str()?).parent()?.to_owned(),
        is_cdylib: targets.iter().any(|it| has(&it["kind"], "cdylib")),
    })
}

/// Runs `cargo build` once and returns what it built or found up to date.
pub(crate) fn build(args: &[String]) -> Result<Vec<Artifact>> {
    build_with(args, &[])
}

/// Runs `cargo build` once, with additional environment variables.
pub(crate) fn build_with(args: &[String], env: &[(&str, OsString)]) -> Result<Vec<Artifact>> {
    let mut command = cargo(["build", "--message-format=json-render-diagnostics"]);
    let mut child = command
        .args(args)
        .envs(env.iter().cloned())
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to run cargo")?;
    let stdout = child.stdout.take().ok_or_else(|| anyhow!("cargo has no standard output"))?;
    let mut artifacts = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let message = serde_json::from_str(&line?).context("invalid message from cargo")?;
        artifacts.extend(artifact(&message));
    }
    let status = child.wait()?;
    match status.success() {
        true => Ok(artifacts),
        false => bail!("`{}` failed: {status}", line(&command)),
    }
}

/// Reads a message from cargo; most messages are not about artifacts.
fn artifact(message: &Value) -> Option<Artifact> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let is_cdylib = has(&message["target"]["kind"], "cdylib");
    let files =
        message["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let suffix = std::env::consts::DLL_EXTENSION;
    Some(Artifact {
        folder: Path::new(message["manifest_path"].as_str()?).parent()?.to_owned(),
        target: message["target"]["name"].as_str()?.to_owned(),
        executable: message["executable"].as_str().map(PathBuf::from),
        library: files
            .filter(|_| is_cdylib)
            .find(|it| it.extension().is_some_and(|it| it == suffix)),
    })
}

fn has(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|it| it.iter().any(|it| it == word))
}

/// Returns the program that a build produced.
pub(crate) fn executable(artifacts: &[Artifact], name: &str) -> Result<PathBuf> {
    let found =
        artifacts.iter().filter(|it| it.target == name).find_map(|it| it.executable.clone());
    found.with_context(|| format!("cargo did not build the program `{name}`"))
}

/// Returns the dynamic library that a build produced for the package in a directory.
pub(crate) fn library(artifacts: &[Artifact], folder: &Path) -> Result<PathBuf> {
    let found = artifacts.iter().filter(|it| it.folder == folder).find_map(|it| it.library.clone());
    found.with_context(|| {
        format!("cargo did not build a dynamic library from `{}`", folder.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn another_cargo_does_not_inherit_the_description_of_this_package() {
        let command = cargo(["build"]);
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(env::var_os(name).is_some(), "cargo sets {name} for tests");
            assert!(command.get_envs().any(|it| it == (OsStr::new(name), None)), "{name}");
        }
    }

    #[test]
    fn the_library_of_a_plugin_is_found_among_its_files() {
        let library = format!("/t/libx.{}", std::env::consts::DLL_EXTENSION);
        let message = json!({
            "reason": "compiler-artifact",
            "manifest_path": "/w/plugins/x/Cargo.toml",
            "target": {"name": "x", "kind": ["cdylib", "rlib"]},
            "filenames": ["/t/libx.rlib", library],
            "executable": null,
        });
        let artifacts = [artifact(&message).unwrap()];
        assert_eq!(
            super::library(&artifacts, Path::new("/w/plugins/x")).unwrap(),
            Path::new(&library)
        );
        assert!(super::library(&artifacts, Path::new("/w/plugins/y")).is_err());
        assert!(executable(&artifacts, "x").is_err());
    }

    #[test]
    fn other_messages_of_cargo_are_passed_over() {
        assert!(artifact(&json!({"reason": "build-finished", "success": true})).is_none());
    }
}
