//! The host, the information that it prints about itself, and its archive.

use super::archive::pack;
use super::build::How;
use super::files::{Files, file_name, texts};
use crate::cargo::{self, Artifact};
use crate::minisign;
use crate::notices::{self, Notices};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The hosts of a release. Each has a cargo package and a program of the same name.
pub(super) const PRODUCTS: &[Product] = &[
    Product {
        name: "pintle",
        line: "Kubernetes operator projects and throw-away clusters in Docker",
        text: "Pintle is a command-line host whose commands and hooks come from plugins. It scaffolds \
               operator projects for Kubernetes, and runs throw-away clusters on a Docker engine.",
        // This plugin creates a project if none is named.
        recommends: Some("pintle-plugin-rust"),
        has_packaged_plugins: true,
        overrides: LIBYAML,
    },
    Product {
        name: "rudder",
        line: "example of a host built on Pintle's library",
        text: "Rudder scaffolds operator projects for Kubernetes. Two plugins are part of the \
               program; others are loaded from its own directories.",
        recommends: None,
        has_packaged_plugins: false,
        overrides: LIBYAML,
    },
];

/// An expected lintian report for hosts, with the reason for it.
const LIBYAML: &str = "\
    # libyaml, translated to Rust: the crate unsafe-libyaml. There is no library to link instead.\n\
    embedded-library libyaml *\n";

/// A host, and the texts of its packages.
pub(super) struct Product {
    /// The name of the cargo package, the program and the archive.
    pub(super) name: &'static str,
    pub(super) line: &'static str,
    pub(super) text: &'static str,
    pub(super) recommends: Option<&'static str>,
    /// Whether the plugins of this repository are packaged for it. If so, its own commands that
    /// install plugins are disabled.
    pub(super) has_packaged_plugins: bool,
    /// Reports that lintian must suppress.
    pub(super) overrides: &'static str,
}

/// A host to pack.
pub(super) struct Host {
    pub(super) product: &'static Product,
    pub(super) program: PathBuf,
    version: String,
    about: Interface,
    /// The manual pages by their file names.
    pub(super) pages: BTreeMap<String, Vec<u8>>,
    pub(super) notices: Notices,
}

/// The output of `plugin abi`.
#[derive(Deserialize)]
struct Interface {
    interface: String,
    target: String,
    directories: Vec<Directory>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    origin: String,
}

impl Host {
    /// Queries the host that was built.
    pub(super) fn of(product: &'static Product, artifacts: &[Artifact]) -> Result<Self> {
        let program = cargo::executable(artifacts, product.name)?;
        let version = String::from_utf8(run(&program, ["--version"])?)?;
        let version = version.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        let about = run(&program, ["plugin", "abi", "-o", "json"])?;
        let about: Interface =
            serde_json::from_slice(&about).context("the output of `plugin abi` is not JSON")?;
        let pages = pages(&program, product.name)?;
        let notices = Notices::of(product.name, &[product.name], &about.target)?;
        Ok(Self { product, program, version, about, pages, notices })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn target(&self) -> &str {
        &self.about.target
    }

    /// Returns the version of the plugin interface: hosts load plugins with the same version.
    pub(super) fn plugin_abi(&self) -> Result<&str> {
        let major = self.about.interface.split('.').next();
        major.context("the interface version is empty")
    }

    /// Returns the directory for the plugins of system packages.
    pub(super) fn plugins_dir(&self) -> Result<&str> {
        let of_system = |it: &&Directory| it.origin == "system";
        let found = self.about.directories.iter().find(of_system);
        Ok(&found.context("this host has no system plugin directory")?.path)
    }

    /// Returns the completion script of a shell.
    pub(super) fn completion(&self, shell: &str) -> Result<Vec<u8>> {
        run(&self.program, ["completion", shell])
    }

    /// Packs the host into a directory, in an archive that can be unpacked over a prefix such as
    /// `/usr/local`.
    pub(super) fn pack(&self, out: &Path, how: &How) -> Result<PathBuf> {
        let mut files = Files::default();
        let name = self.product.name;
        files.add_program(format!("bin/{}", file_name(&self.program)?), fs::read(&self.program)?);
        for (file, page) in &self.pages {
            files.add(format!("share/man/man1/{file}"), &page[..]);
        }
        for (shell, path) in [
            ("bash", format!("share/bash-completion/completions/{name}")),
            ("fish", format!("share/fish/vendor_completions.d/{name}.fish")),
            ("powershell", format!("share/powershell/{name}.ps1")),
            ("zsh", format!("share/zsh/site-functions/_{name}")),
        ] {
            files.add(path, self.completion(shell)?);
        }
        let root = cargo::root();
        for begin in ["CHANGELOG", "LICENSE", "README"] {
            for path in texts(&root, begin)? {
                files.copy(format!("share/doc/{name}/{}", file_name(&path)?), &path)?;
            }
        }
        files.add(format!("share/doc/{name}/{}", notices::FILE), self.notices.text(name)?);
        let stem = format!("{name}-{}-{}", self.version(), self.target());
        pack(&files, &stem, out, how)
    }

    pub(super) fn sign(&self, archive: &Path, key: &Path) -> Result<PathBuf> {
        let (name, version) = (self.product.name, self.version());
        let (target, file) = (self.target(), file_name(archive)?);
        let comment = format!("{name} version={version} target={target} file={file}");
        minisign::sign(key, archive, &comment)
    }
}

fn pages(program: &Path, name: &str) -> Result<BTreeMap<String, Vec<u8>>> {
    let dir = tempfile::tempdir()?;
    let _ = run(program, [OsStr::new("manual"), dir.path().as_os_str()])?;
    let pages = texts(dir.path(), name)?;
    pages.iter().map(|it| Ok((file_name(it)?.to_owned(), fs::read(it)?))).collect()
}

/// Runs the host as if no other file of Pintle were on this machine.
fn run<I: IntoIterator<Item: AsRef<OsStr>>>(program: &Path, args: I) -> Result<Vec<u8>> {
    let mut command = Command::new(program);
    let out = command.args(args).env_clear().output();
    let name = cargo::line(&command);
    let out = out.with_context(|| format!("failed to run `{name}`"))?;
    let message = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "`{name}` failed: {}", message.trim());
    Ok(out.stdout)
}
