//! Who has started this process, and what that user may choose.
//!
//! A process can have rights that the one who started it lacks: its file is set-user-id or
//! set-group-id, or has capabilities. The environment, the user's directories, and the files that
//! a command line names are then chosen by someone who must not choose what runs with these
//! rights. Invariant: the host and its groups read the environment here and nowhere else.

#![expect(clippy::disallowed_methods, reason = "the environment is read here")]

use secure_execution::requires_secure_execution;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs are, for a process that must not use the `PATH` of its caller.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns whether the process has no other rights than the one who started it. The kernel knows
/// (`AT_SECURE` in getauxval(3), issetugid(2)), whatever the ids are: capabilities of a file
/// change none.
pub fn is_trusted() -> bool {
    !requires_secure_execution()
}

/// Reads a variable of the environment, if the caller is trusted.
pub fn var_os(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|_| is_trusted())
}

/// Reads a variable of the environment that is a text, if the caller is trusted.
pub fn var(name: &str) -> Option<String> {
    var_os(name)?.into_string().ok()
}

/// Returns whether a variable of the environment is set, whoever has set it.
pub fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Returns the names of the variables in the environment, whoever has set them.
pub fn var_names() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name)
}

/// Returns the caller's home directory, if the caller is trusted.
pub fn home_dir() -> Option<PathBuf> {
    std::env::home_dir().filter(|_| is_trusted())
}

/// Keeps temporary files out of the directory that an untrusted caller names.
pub fn protect_temporary_files() {
    if !is_trusted() {
        // It fails if a directory was named before, which the host does nowhere else.
        let _ = tempfile::env::override_temp_dir(Path::new("/tmp"));
    }
}

/// Keeps the environment of an untrusted caller from a program that is about to be run. Variables
/// that were set for the program stay.
pub fn protect(command: &mut Command) {
    if is_trusted() {
        return;
    }
    let own: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for name in var_names().filter(|it| !own.contains(it)) {
        command.env_remove(name);
    }
    if !own.iter().any(|it| it == "PATH") {
        command.env("PATH", SYSTEM_PATH);
    }
}
