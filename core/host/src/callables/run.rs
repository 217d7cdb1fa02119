//! Running a callable in the host's place.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;

/// Runs a program in the place of this process, with its streams, its signals and its terminal;
/// returns only if it cannot be run.
#[cfg(unix)]
pub(crate) fn run(path: &Path, args: &[OsString]) -> Result<u8, io::Error> {
    use std::os::unix::process::CommandExt as _;
    Err(Command::new(path).args(args).exec())
}

/// Runs a program and waits for it; returns its exit code.
#[cfg(not(unix))]
pub(crate) fn run(path: &Path, args: &[OsString]) -> Result<u8, io::Error> {
    let status = Command::new(path).args(args).status()?;
    Ok(status.code().map_or(1, |it| u8::try_from(it).unwrap_or(1)))
}
