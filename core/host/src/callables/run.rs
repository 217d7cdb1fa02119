//! Running a program in place of the host.
//!
//! On Unix the program takes over the process: standard streams, signals, job control and the
//! exit code need no one in between.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How much of a file is looked at to tell what it is.
#[cfg(unix)]
const MAX_HEAD: u64 = 256;

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
    /// The file is a text that does not say which program interprets it.
    #[error("program `{}` does not begin with `#!` and the path of an interpreter", path.display())]
    NoInterpreter {
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
        /// What its first line names, if it is a script.
        interpreter: Option<String>,
        /// The system's error.
        source: io::Error,
    },
}

/// Runs a program in place of this process, with the same environment and the same open streams.
///
/// On Unix this returns only if it fails. Elsewhere it waits for the program, and returns its
/// exit code.
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

/// Refuses what the system would not run, and returns the beginning of the file.
///
/// The C library gives a file that the system refuses to the shell, whatever is in it: an archive
/// under a program's name would be taken for a script.
#[cfg(unix)]
fn check(path: &Path) -> Result<Option<Vec<u8>>, RunError> {
    // A program may be executable and not readable.
    let Ok((head, len)) = head(path) else { return Ok(None) };
    match kind(&head) {
        // The system would refuse it, and the C library would then give it to the shell.
        Kind::Program if is_cut_off(&head, len) => Err(RunError::Format { path: path.to_owned() }),
        Kind::Program if !is_foreign(&head) => Ok(Some(head)),
        Kind::Program | Kind::Binary if has_handlers() => Ok(Some(head)),
        Kind::Program | Kind::Binary => Err(RunError::Format { path: path.to_owned() }),
        Kind::Text => Err(RunError::NoInterpreter { path: path.to_owned() }),
    }
}

#[cfg(not(unix))]
fn check(_: &Path) -> Result<Option<Vec<u8>>, RunError> {
    Ok(None)
}

#[cfg(unix)]
fn head(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    use io::Read as _;
    use rustix::fs::{Mode, OFlags};
    // It was a regular file a moment ago; if it is a FIFO by now, nothing waits for it.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let len = file.metadata()?.len();
    let mut head = Vec::new();
    file.take(MAX_HEAD).read_to_end(&mut head)?;
    Ok((head, len))
}

/// Returns whether a program is not whole: an ELF file without its headers, or a script whose
/// first line is longer than the system reads. Source: the kernel's `binfmt_elf.c` and
/// `binfmt_script.c`.
#[cfg(unix)]
fn is_cut_off(head: &[u8], len: u64) -> bool {
    if head.starts_with(b"#!") {
        let is_full = head.len() as u64 == MAX_HEAD && !head.contains(&b'\n');
        // The interpreter must have ended; its argument may be cut off.
        let name = head[2..].trim_ascii_start();
        return is_full && !name.iter().any(|it| matches!(it, b' ' | b'\t'));
    }
    if !head.starts_with(b"\x7fELF") {
        return false;
    }
    let little = head.get(5) != Some(&2);
    let number = |at: usize, n: usize| -> Option<u64> {
        let bytes = head.get(at..at + n)?.iter().map(|it| u64::from(*it));
        let add = |sum, byte| (sum << 8) | byte;
        Some(if little { bytes.rev().fold(0, add) } else { bytes.fold(0, add) })
    };
    // Where the program headers are, and how many of which size.
    let (offset, size, count, expected) = match head.get(4) {
        Some(2) => (number(32, 8), number(54, 2), number(56, 2), 56),
        _ => (number(28, 4), number(42, 2), number(44, 2), 32),
    };
    let is_executable = matches!(number(16, 2), Some(2 | 3));
    let (Some(offset), Some(size), Some(count)) = (offset, size, count) else { return true };
    let end = offset.checked_add(size * count);
    !is_executable || size != expected || count == 0 || end.is_none_or(|it| it > len)
}

/// What a file seems to be.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A script with an interpreter, or a binary program.
    Program,
    Binary,
    Text,
}

#[cfg(unix)]
fn kind(head: &[u8]) -> Kind {
    const MACH_O: [[u8; 4]; 5] = [
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xfe, 0xed, 0xfa, 0xce],
        [0xca, 0xfe, 0xba, 0xbe],
    ];
    let is_mach_o = cfg!(target_vendor = "apple") && MACH_O.iter().any(|it| head.starts_with(it));
    if head.starts_with(b"#!") || head.starts_with(b"\x7fELF") || is_mach_o {
        return Kind::Program;
    }
    match std::str::from_utf8(head) {
        // A character may be cut off at the end.
        Err(err) if err.error_len().is_some() => Kind::Binary,
        _ if head.contains(&0) => Kind::Binary,
        _ => Kind::Text,
    }
}

/// Returns whether a file is a 64-bit ELF program for another processor. Those of 32 bits run on
/// some.
#[cfg(unix)]
fn is_foreign(head: &[u8]) -> bool {
    let own: u16 = match std::env::consts::ARCH {
        "x86_64" => 62,
        "aarch64" => 183,
        "riscv64" => 243,
        _ => return false,
    };
    let is_elf64 = head.starts_with(b"\x7fELF\x02");
    is_elf64 && head.get(18..20).is_some_and(|it| it != own.to_le_bytes())
}

/// Returns whether the system hands further formats to programs. Source: the kernel's
/// documentation of `binfmt_misc`.
#[cfg(unix)]
fn has_handlers() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let entries = std::fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    entries.map(|it| it.file_name()).any(|it| it != "register" && it != "status")
}

/// Returns the interpreter that the first line of a script names.
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|it| *it == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    // A carriage return at its end is a part of the name.
    let name = line.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    Some(name.to_owned()).filter(|it| !it.is_empty())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_shows_at_its_beginning() {
        for head in [&b"#!/bin/sh\n"[..], b"#! /usr/bin/env sh", b"\x7fELF\x02\x01"] {
            assert_eq!(kind(head), Kind::Program);
        }
        for head in [&b"\x1f\x8b\x08\0\0"[..], b"\x1f\x8b\x08\x08abc", b"PK\x03\x04\0", b"a\0"] {
            assert_eq!(kind(head), Kind::Binary);
        }
        for head in [&b""[..], b"echo hello\n", "echo ä".as_bytes(), b"caf\xc3"] {
            assert_eq!(kind(head), Kind::Text);
        }
    }

    #[test]
    fn a_program_for_another_processor_is_foreign() {
        let (own, len) = head(Path::new("/proc/self/exe")).unwrap_or_default();
        assert!(!is_foreign(&own) && !is_cut_off(&own, len) && is_cut_off(&own, 100));
        let mut other = [0; 64];
        other[..5].copy_from_slice(b"\x7fELF\x02");
        // SPARC.
        other[18] = 43;
        assert!(is_foreign(&other) || cfg!(target_pointer_width = "32"));
        assert!(!is_foreign(b"#!/bin/sh\n"));
    }

    #[test]
    fn the_interpreter_is_what_the_first_line_names() {
        let name = |head: &str| interpreter(head.as_bytes());
        assert_eq!(name("#!/bin/sh -e\n").as_deref(), Some("/bin/sh"));
        assert_eq!(name("#! /bin/sh").as_deref(), Some("/bin/sh"));
        assert_eq!(name("#!/bin/sh\r\n").as_deref(), Some("/bin/sh\r"));
        assert_eq!(name("#!\n"), None);
        assert_eq!(name("\x7fELF"), None);
    }
}
