//! Signatures from the program `minisign` (Debian's package of that name).

use crate::cargo;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Signs a file; returns the path of the signature beside it.
pub(crate) fn sign(key: &Path, file: &Path, trusted_comment: &str) -> Result<PathBuf> {
    check_key(key)?;
    let mut signature = file.as_os_str().to_owned();
    signature.push(".minisig");
    let signature = PathBuf::from(signature);
    let mut minisign = Command::new("minisign");
    minisign.arg("-S").arg("-s").arg(key).arg("-m").arg(file).arg("-x").arg(&signature);
    // Its output is empty except for the prompt for the password of a key that has one.
    cargo::run(minisign.args(["-t", trusted_comment]).stdout(Stdio::null()))?;
    Ok(signature)
}

/// Writes the public key that belongs to a secret one.
pub(crate) fn write_public_key(key: &Path, path: &Path) -> Result<()> {
    check_key(key)?;
    let mut minisign = Command::new("minisign");
    cargo::run(minisign.arg("-R").arg("-s").arg(key).arg("-p").arg(path).stdout(Stdio::null()))
}

/// minisign uses its own default if the key does not exist.
fn check_key(key: &Path) -> Result<()> {
    let hint = "create one with `minisign -G -W -s FILE`";
    ensure!(key.is_file(), "there is no secret key `{}`: {hint}", key.display());
    Ok(())
}
