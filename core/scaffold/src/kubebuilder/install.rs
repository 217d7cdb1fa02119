//! Installs a plugin of this host where kubebuilder looks for external plugins.

use pintle_host::catalog::PluginKey;
use pintle_host::fs::{self, Mode};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

/// The second line of each script, which shows the host that it wrote the script.
const MARK: &str = "# A bridge from kubebuilder to a plugin, written by `bridge install`.";

/// This host does not write a script that is longer than this.
const MAX_SCRIPT: u64 = 16 << 10;

/// Why a bridge cannot be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// kubebuilder's versions consist of a number and a stage.
    #[error("kubebuilder does not support the version of `{0}`")]
    Version(String),
    /// Another file has this name.
    #[error("`{}` already exists and is not a bridge of this host", path.display())]
    Occupied { path: PathBuf },
    /// The path cannot be written in the shell script.
    #[error("the path `{}` is not valid UTF-8", path.display())]
    Text { path: PathBuf },
    /// The directory cannot be created.
    #[error("failed to create the directory `{}`", path.display())]
    Directory { path: PathBuf, source: io::Error },
    /// The script cannot be written.
    #[error(transparent)]
    Write(#[from] fs::Error),
}

/// Whether a program is a bridge that this host has written.
pub(super) fn is_bridge(path: &Path, metadata: &Metadata) -> bool {
    metadata.len() <= MAX_SCRIPT && is_ours(path)
}

fn is_ours(path: &Path) -> bool {
    let text = fs::read_named(path, MAX_SCRIPT).ok().and_then(|it| it.into_text().ok());
    text.is_some_and(|it| it.lines().nth(1) == Some(MARK))
}

/// Writes the script that connects kubebuilder to a plugin, `<root>/<name>/vN/<name>`.
pub(crate) fn install(
    root: &Path,
    key: &PluginKey,
    host: &Path,
    force: bool,
) -> Result<PathBuf, InstallError> {
    let name = key.name().as_str();
    let version = version(key)?;
    let dir = root.join(name).join(version);
    let path = dir.join(name);
    if path.symlink_metadata().is_ok() && !force && !is_ours(&path) {
        return Err(InstallError::Occupied { path });
    }
    let host = std::path::absolute(host).unwrap_or_else(|_| host.to_owned());
    let text = host.to_str().ok_or_else(|| InstallError::Text { path: host.clone() })?;
    let quoted = text.replace('\'', r"'\''");
    let script = format!("#!/bin/sh\n{MARK}\nexec '{quoted}' bridge kubebuilder '{key}'\n");
    std::fs::create_dir_all(&dir)
        .map_err(|source| InstallError::Directory { path: dir.clone(), source })?;
    fs::replace(&path, script.as_bytes(), Mode::Exact(0o755))?;
    Ok(path)
}

/// Returns the version in kubebuilder's form: the number, and `alpha` or `beta`.
fn version(key: &PluginKey) -> Result<String, InstallError> {
    let unknown = || InstallError::Version(key.to_string());
    let version = key.exact_version().ok_or_else(unknown)?;
    let version = version.as_semver();
    match version.pre.split('.').next().unwrap_or_default() {
        "" => Ok(format!("v{}", version.major)),
        stage @ ("alpha" | "beta") => Ok(format!("v{}-{stage}", version.major)),
        _ => Err(unknown()),
    }
}
