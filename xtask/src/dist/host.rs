//! The host, what it says of itself, and its archive.

use super::archive::pack;
use super::build::How;
use super::files::{Files, file_name, texts};
use crate::cargo::{self, Artifact};
use crate::minisign;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package, its program, and the archive's name.
pub(super) const PACKAGE: &str = "pintle";

/// A host to be packed.
pub(super) struct Host {
    pub(super) program: PathBuf,
    about: Interface,
    /// The manual pages by their file names.
    pub(super) pages: BTreeMap<String, Vec<u8>>,
}

/// What `plugin abi` prints.
#[derive(Deserialize)]
struct Interface {
    interface: String,
    target: String,
    library: String,
    directories: Vec<Directory>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    origin: String,
}

impl Host {
    /// Asks the host that was built.
    pub(super) fn of(artifacts: &[Artifact]) -> Result<Self> {
        let program = cargo::executable(artifacts, PACKAGE)?;
        let about = run(&program, ["plugin", "abi", "-o", "json"])?;
        let about = serde_json::from_slice(&about).context("`plugin abi` does not print JSON")?;
        let pages = pages(&program)?;
        Ok(Self { program, about, pages })
    }

    pub(super) fn version(&self) -> &str {
        &self.about.library
    }

    pub(super) fn target(&self) -> &str {
        &self.about.target
    }

    /// Returns the number of the plugin interface: hosts load plugins that have the same.
    pub(super) fn plugin_abi(&self) -> Result<&str> {
        let major = self.about.interface.split('.').next();
        major.context("the interface has no version")
    }

    /// Returns the directory for plugins of the system's packages.
    pub(super) fn plugins_dir(&self) -> Result<&str> {
        let of_system = |it: &&Directory| it.origin == "system";
        let found = self.about.directories.iter().find(of_system);
        Ok(&found.context("this host has no directory for plugins of the system")?.path)
    }

    /// Returns the script of a shell.
    pub(super) fn completion(&self, shell: &str) -> Result<Vec<u8>> {
        run(&self.program, ["completion", shell])
    }

    /// Packs the host into a directory, in an archive that can be unpacked over a prefix such as
    /// `/usr/local`.
    pub(super) fn pack(&self, out: &Path, how: &How) -> Result<PathBuf> {
        let mut files = Files::default();
        let program = file_name(&self.program)?;
        files.add_program(format!("bin/{program}"), fs::read(&self.program)?);
        for (name, page) in &self.pages {
            files.add(format!("share/man/man1/{name}"), &page[..]);
        }
        for (shell, path) in [
            ("bash", "share/bash-completion/completions/pintle"),
            ("fish", "share/fish/vendor_completions.d/pintle.fish"),
            ("powershell", "share/powershell/pintle.ps1"),
            ("zsh", "share/zsh/site-functions/_pintle"),
        ] {
            files.add(path, self.completion(shell)?);
        }
        let root = cargo::root();
        for begin in ["CHANGELOG", "LICENSE", "README"] {
            for path in texts(&root, begin)? {
                files.copy(format!("share/doc/{PACKAGE}/{}", file_name(&path)?), &path)?;
            }
        }
        let stem = format!("{PACKAGE}-{}-{}", self.version(), self.target());
        pack(&files, &stem, out, how)
    }

    pub(super) fn sign(&self, archive: &Path, key: &Path) -> Result<PathBuf> {
        let (version, target, file) = (self.version(), self.target(), file_name(archive)?);
        let comment = format!("{PACKAGE} version={version} target={target} file={file}");
        minisign::sign(key, archive, &comment)
    }
}

fn pages(program: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let dir = tempfile::tempdir()?;
    let _ = run(program, [OsStr::new("manual"), dir.path().as_os_str()])?;
    let pages = texts(dir.path(), PACKAGE)?;
    pages.iter().map(|it| Ok((file_name(it)?.to_owned(), fs::read(it)?))).collect()
}

/// Runs the host as if nothing but its own file were on this machine.
fn run<I: IntoIterator<Item: AsRef<OsStr>>>(program: &Path, args: I) -> Result<Vec<u8>> {
    let mut command = Command::new(program);
    let out = command.args(args).env_clear().output();
    let name = cargo::line(&command);
    let out = out.with_context(|| format!("failed to run `{name}`"))?;
    let message = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "`{name}` failed: {}", message.trim());
    Ok(out.stdout)
}
