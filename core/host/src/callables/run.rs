//! Runs a program in place of the host.
//!
//! On Unix, the program replaces the process, so standard streams, signals, job control and the
//! exit code need no relaying.

#[cfg(unix)]
use super::format::Misfit;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a program was not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The user may not execute the file.
    #[error("program `{}` is not executable", path.display())]
    NotExecutable {
        /// The program.
        path: PathBuf,
    },
    /// The file is a text without a line that names its interpreter.
    #[error("program `{}` does not begin with `#!` and the path of an interpreter", path.display())]
    NoInterpreter {
        /// The program.
        path: PathBuf,
    },
    /// The system cuts the name of the interpreter off.
    #[error(
        "the first line of program `{}` is too long for this system",
        path.display()
    )]
    LongInterpreter {
        /// The program.
        path: PathBuf,
    },
    /// The system cannot run the format of the interpreter.
    #[error(
        "the interpreter of program `{}` is not in a format that this system can run",
        path.display()
    )]
    Interpreter {
        /// The program.
        path: PathBuf,
    },
    /// The file is of a kind that the system does not run.
    #[error("program `{}` is not in a format that this system can run", path.display())]
    Format {
        /// The program.
        path: PathBuf,
    },
    /// The system refused.
    #[error("failed to run program `{}`", path.display())]
    System {
        /// The program.
        path: PathBuf,
        /// The interpreter in its first line, if it is a script.
        interpreter: Option<String>,
        /// The system's error.
        source: io::Error,
    },
}

/// Runs a program in place of this process, with the same environment and the same open streams.
///
/// On Unix, this returns only if it fails. On other systems, it waits for the program and returns
/// its exit code.
///
/// # Errors
///
/// [`RunError`] when the program cannot be run.
pub fn run(path: &Path, args: &[OsString]) -> Result<i32, RunError> {
    let head = check(path)?;
    let mut command = Command::new(path);
    command.args(args);
    take_over(&mut command).map_err(|source| RunError::System {
        path: path.to_owned(),
        interpreter: head.as_deref().and_then(interpreter),
        source,
    })
}

#[cfg(unix)]
fn take_over(command: &mut Command) -> io::Result<i32> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn take_over(command: &mut Command) -> io::Result<i32> {
    Ok(command.status()?.code().unwrap_or(1))
}

/// Refuses a file that the system would not run, and returns the beginning of the file.
#[cfg(unix)]
fn check(path: &Path) -> Result<Option<Vec<u8>>, RunError> {
    super::format::check(path).map_err(|misfit| {
        let path = path.to_owned();
        match misfit {
            Misfit::NoInterpreter => RunError::NoInterpreter { path },
            Misfit::LongInterpreter => RunError::LongInterpreter { path },
            Misfit::Interpreter => RunError::Interpreter { path },
            Misfit::Format => RunError::Format { path },
        }
    })
}

#[cfg(not(unix))]
fn check(_: &Path) -> Result<Option<Vec<u8>>, RunError> {
    Ok(None)
}

/// Returns the interpreter in the first line of a script.
#[cfg(unix)]
fn interpreter(head: &[u8]) -> Option<String> {
    super::format::interpreter(head).map(|it| String::from_utf8_lossy(it).into_owned())
}

#[cfg(not(unix))]
fn interpreter(_: &[u8]) -> Option<String> {
    None
}
