//! Who started this process, and what that user can control.
//!
//! A process can have privileges that its caller does not have: its file is set-user-ID or
//! set-group-ID, or has capabilities. The environment, the user's directories and the files on the
//! command line are then controlled by someone who must not choose what runs with these privileges.
//! Invariant: the host and its groups read the environment here and nowhere else.

#![expect(clippy::disallowed_methods, reason = "the environment is read here")]

use secure_execution::requires_secure_execution;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The `PATH` for a process that must not use that of its caller.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns whether the process has no privileges that its caller does not have. The kernel knows
/// (`AT_SECURE` in getauxval(3), issetugid(2)), independently of the IDs: capabilities of a file do
/// not change them.
pub fn is_trusted() -> bool {
    !requires_secure_execution()
}

/// Reads an environment variable, if the caller is trusted.
pub fn var_os(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|_| is_trusted())
}

/// Reads an environment variable as text, if the caller is trusted.
pub fn var(name: &str) -> Option<String> {
    var_os(name)?.into_string().ok()
}

/// Returns whether an environment variable is set, even by an untrusted caller.
pub fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Returns the names of the environment variables, including those set by an untrusted caller.
pub fn var_names() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name)
}

/// Returns the caller's home directory, if the caller is trusted.
pub fn home_dir() -> Option<PathBuf> {
    std::env::home_dir().filter(|_| is_trusted())
}

/// Prevents temporary files from being created in a directory that an untrusted caller names.
pub fn protect_temporary_files() {
    if !is_trusted() {
        // It fails if a directory was already set, which the host does nowhere else.
        let _ = tempfile::env::override_temp_dir(Path::new("/tmp"));
    }
}

/// Withholds the environment of an untrusted caller from a program that is about to be run.
/// Variables that were set for the program are kept.
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
