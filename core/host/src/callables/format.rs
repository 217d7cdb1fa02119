//! Which file formats the system can run.
//!
//! If the kernel refuses a file because of its format (`ENOEXEC`), the C library passes the file to
//! `/bin/sh`, and so does `Command::exec`: a damaged binary would run as a script. No safe
//! interface avoids this, so the file is first checked against the kernel's rules. These are the
//! rules of Linux's `binfmt_script.c`, `binfmt_elf.c` and `binfmt_misc`.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

/// How much of a file the kernel reads to identify it (`BINPRM_BUF_SIZE`).
const MAX_HEAD: usize = 256;
/// How many interpreters may interpret each other.
const MAX_DEPTH: usize = 5;
/// The largest table of program headers that the kernel reads.
const MAX_TABLE: usize = 64 << 10;

/// Why the system cannot run a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is a text without `#!` and an interpreter.
    NoInterpreter,
    /// The name of its interpreter is cut off by the kernel.
    LongInterpreter,
    /// The system cannot run its interpreter, or the interpreter of that.
    Interpreter,
    /// It is a binary file of another kind, or damaged.
    Format,
}

/// Checks that the kernel accepts a file as a program, and returns the beginning of the file;
/// returns nothing for a file that cannot be read.
pub(super) fn check(path: &Path) -> Result<Option<Vec<u8>>, Misfit> {
    check_deep(path, 0)
}

fn check_deep(path: &Path, depth: usize) -> Result<Option<Vec<u8>>, Misfit> {
    // A program may be executable and not readable.
    let Ok((file, head)) = open(path) else { return Ok(None) };
    if cfg!(target_os = "linux") && has_handler(path, &head) {
        return Ok(Some(head));
    }
    match kind(&head) {
        Kind::Script => check_script(&head, depth)?,
        Kind::Elf if cfg!(target_os = "linux") && !is_program(&file, &head) => {
            return Err(Misfit::Format);
        }
        Kind::Elf | Kind::MachO => {}
        Kind::Binary => return Err(Misfit::Format),
        Kind::Text => return Err(Misfit::NoInterpreter),
    }
    Ok(Some(head))
}

fn open(path: &Path) -> io::Result<(File, Vec<u8>)> {
    use io::Read as _;
    use rustix::fs::{Mode, OFlags};
    // It was a regular file a moment ago; if it is a FIFO by now, opening it must not block.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let mut head = Vec::new();
    (&file).take(MAX_HEAD as u64).read_to_end(&mut head)?;
    Ok((file, head))
}

/// The apparent kind of a file.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Script,
    Elf,
    MachO,
    Binary,
    Text,
}

fn kind(head: &[u8]) -> Kind {
    const MACH_O: [[u8; 4]; 5] = [
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xfe, 0xed, 0xfa, 0xce],
        [0xca, 0xfe, 0xba, 0xbe],
    ];
    if head.starts_with(b"#!") {
        return Kind::Script;
    }
    if head.starts_with(b"\x7fELF") {
        return Kind::Elf;
    }
    if cfg!(target_vendor = "apple") && MACH_O.iter().any(|it| head.starts_with(it)) {
        return Kind::MachO;
    }
    match std::str::from_utf8(head) {
        // A character may be cut off at the end.
        Err(err) if err.error_len().is_some() => Kind::Binary,
        _ if head.contains(&0) => Kind::Binary,
        _ => Kind::Text,
    }
}

fn check_script(head: &[u8], depth: usize) -> Result<(), Misfit> {
    let name = interpreter(head).ok_or(Misfit::NoInterpreter)?;
    // A whole name is followed by something else.
    let mut behind = head[2..].iter().skip_while(|it| is_space(it));
    if head.len() == MAX_HEAD && !behind.any(|it| matches!(it, b' ' | b'\t' | b'\n' | 0)) {
        return Err(Misfit::LongInterpreter);
    }
    if depth == MAX_DEPTH {
        return Ok(());
    }
    let path = Path::new(std::ffi::OsStr::from_bytes(name));
    // If it is missing or not executable, the system reports the error itself.
    let can_run = |it: std::fs::Metadata| it.is_file() && it.mode() & 0o111 != 0;
    match path.metadata().is_ok_and(can_run) {
        true => check_deep(path, depth + 1).map(drop).map_err(|_| Misfit::Interpreter),
        false => Ok(()),
    }
}

fn is_space(it: &u8) -> bool {
    matches!(it, b' ' | b'\t')
}

/// Returns the interpreter in the first line of a script.
pub(super) fn interpreter(head: &[u8]) -> Option<&[u8]> {
    let line = head.strip_prefix(b"#!")?.split(|it| *it == b'\n').next()?;
    let start = line.iter().position(|it| !is_space(it))?;
    // A carriage return at the end is part of the name.
    let name = line[start..].split(|it| is_space(it) || *it == 0).next()?;
    (!name.is_empty()).then_some(name)
}

/// Returns whether an ELF file is a complete program for this processor.
fn is_program(file: &File, head: &[u8]) -> bool {
    let Ok(len) = file.metadata().map(|it| it.len()) else { return false };
    Elf::parse(head).is_some_and(|it| it.is_native() && it.is_whole(file, len))
}

/// The contents of an ELF file's header.
struct Elf {
    is_64: bool,
    is_little: bool,
    kind: u64,
    machine: u64,
    table: u64,
    entry_size: u64,
    n_entries: u64,
}

impl Elf {
    fn parse(head: &[u8]) -> Option<Self> {
        let is_64 = match head.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let is_little = match head.get(5)? {
            1 => true,
            2 => false,
            _ => return None,
        };
        let at = |at, len| number(head, at, len, is_little);
        Some(Self {
            is_64,
            is_little,
            kind: at(16, 2)?,
            machine: at(18, 2)?,
            table: if is_64 { at(32, 8)? } else { at(28, 4)? },
            entry_size: at(if is_64 { 54 } else { 42 }, 2)?,
            n_entries: at(if is_64 { 56 } else { 44 }, 2)?,
        })
    }

    /// Whether it is a program for this processor. Some processors also run 32-bit programs.
    fn is_native(&self) -> bool {
        const PROGRAM: [u64; 2] = [2, 3]; // ET_EXEC, ET_DYN
        let (own, narrow): (u64, &[u64]) = match std::env::consts::ARCH {
            "x86_64" => (62, &[3, 6, 62]),
            "aarch64" => (183, &[40]),
            "riscv64" => (243, &[243]),
            _ => return PROGRAM.contains(&self.kind),
        };
        let is_own = if self.is_64 { self.machine == own } else { narrow.contains(&self.machine) };
        PROGRAM.contains(&self.kind) && is_own && self.is_little == cfg!(target_endian = "little")
    }

    /// Whether the file contains the program headers and everything that they say is to be loaded.
    fn is_whole(&self, file: &File, len: u64) -> bool {
        let entry_size = if self.is_64 { 56 } else { 32 };
        let size = usize::try_from(self.n_entries * entry_size).unwrap_or(usize::MAX);
        if self.entry_size != entry_size || size == 0 || size > MAX_TABLE {
            return false;
        }
        let mut table = vec![0; size];
        if file.read_exact_at(&mut table, self.table).is_err() {
            return false;
        }
        let entry_size = if self.is_64 { 56 } else { 32 };
        table.chunks_exact(entry_size).all(|it| self.is_segment_whole(file, it, len))
    }

    fn is_segment_whole(&self, file: &File, entry: &[u8], len: u64) -> bool {
        const PT_LOAD: u64 = 1;
        const PT_INTERP: u64 = 3;
        const PATH_MAX: u64 = 4096;
        let (offset, size) = if self.is_64 { ((8, 8), (32, 8)) } else { ((4, 4), (16, 4)) };
        let at = |(at, len)| number(entry, at, len, self.is_little).unwrap_or(u64::MAX);
        let (offset, size) = (at(offset), at(size));
        let is_inside = offset.checked_add(size).is_some_and(|it| it <= len);
        match at((0, 4)) {
            PT_LOAD => is_inside,
            // The name of the dynamic linker.
            PT_INTERP => {
                let mut last = [1];
                is_inside
                    && (2..=PATH_MAX).contains(&size)
                    && file.read_exact_at(&mut last, offset + size - 1).is_ok()
                    && last == [0]
            }
            _ => true,
        }
    }
}

fn number(bytes: &[u8], at: usize, len: usize, is_little: bool) -> Option<u64> {
    let bytes = bytes.get(at..at + len)?;
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    Some(match is_little {
        true => bytes.iter().rev().fold(0, add),
        false => bytes.iter().fold(0, add),
    })
}

/// Returns whether the system passes a file to a program that is registered for its format.
fn has_handler(path: &Path, head: &[u8]) -> bool {
    let folder = Path::new("/proc/sys/fs/binfmt_misc");
    if !std::fs::read_to_string(folder.join("status")).is_ok_and(|it| it.trim() == "enabled") {
        return false;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = entries.filter_map(|it| std::fs::read_to_string(it.path()).ok());
    entries.into_iter().any(|it| is_handled(&it, path, head))
}

/// Returns whether an entry of `binfmt_misc` applies to a file. Source: the kernel's documentation,
/// and `bm_entry_show` for the text format.
fn is_handled(entry: &str, path: &Path, head: &[u8]) -> bool {
    let mut lines = entry.lines();
    if lines.next() != Some("enabled") {
        return false;
    }
    let value = |key: &str| {
        entry.lines().find_map(|it| it.strip_prefix(key)).map(|it| it.trim().to_owned())
    };
    if let Some(extension) = value("extension .") {
        return path.extension().is_some_and(|it| *it == *extension);
    }
    let offset = value("offset ").and_then(|it| it.parse().ok()).unwrap_or(0);
    let Some(magic) = value("magic ").and_then(|it| bytes(&it)) else { return false };
    let mask = value("mask ").and_then(|it| bytes(&it)).unwrap_or_else(|| vec![0xff; magic.len()]);
    let found = head.get(offset..).and_then(|it| it.get(..magic.len()));
    found.is_some_and(|found| {
        found
            .iter()
            .zip(&magic)
            .zip(&mask)
            .all(|((found, magic), mask)| (found ^ magic) & mask == 0)
    })
}

/// Reads bytes that are written as hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |it: &[u8]| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok();
    pairs.map(byte).collect::<Option<_>>().filter(|it: &Vec<u8>| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_shows_at_its_beginning() {
        for (head, expected) in [
            (&b"#!/bin/sh\n"[..], Kind::Script),
            (b"#! /usr/bin/env sh", Kind::Script),
            (b"\x7fELF\x02\x01", Kind::Elf),
            (b"\x1f\x8b\x08\0\0", Kind::Binary),
            (b"\x1f\x8b\x08\x08abc", Kind::Binary),
            (b"PK\x03\x04\0", Kind::Binary),
            (b"a\0", Kind::Binary),
            (b"", Kind::Text),
            (b"echo hello\n", Kind::Text),
            ("echo ä".as_bytes(), Kind::Text),
            (b"caf\xc3", Kind::Text),
        ] {
            assert_eq!(kind(head), expected);
        }
    }

    #[test]
    fn the_interpreter_is_what_the_first_line_names() {
        let name = |head: &'static str| interpreter(head.as_bytes());
        assert_eq!(name("#!/bin/sh -e\n"), Some(&b"/bin/sh"[..]));
        assert_eq!(name("#! /bin/sh"), Some(&b"/bin/sh"[..]));
        assert_eq!(name("#!/bin/sh\r\n"), Some(&b"/bin/sh\r"[..]));
        assert_eq!(name("#! \t\n/bin/sh"), None);
        assert_eq!(name("#!\n"), None);
        assert_eq!(name("\x7fELF"), None);
    }

    fn check_bytes(bytes: &[u8]) -> Result<(), Misfit> {
        let folder = tempfile::tempdir().unwrap();
        check(&program(folder.path(), bytes)).map(drop)
    }

    fn program(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("program");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_damaged_program_is_not_run() {
        let own = std::fs::read(std::fs::canonicalize("/bin/sh").unwrap()).unwrap();
        assert_eq!(check_bytes(&own), Ok(()));
        assert_eq!(check_bytes(b"\x7fELF\n echo RAN\n"), Err(Misfit::Format));
        for n in [4, 20, 64, 100, own.len() / 2] {
            assert_eq!(check_bytes(&own[..n]), Err(Misfit::Format), "{n}");
        }
        // The class, the byte order, the kind (an object file), the machine (SPARC), the size and
        // the number of the program headers.
        for (at, byte) in [(4, 0), (4, 1), (5, 2), (16, 1), (18, 43), (54, 1), (56, 0)] {
            let mut bytes = own.clone();
            bytes[at..=at].copy_from_slice(&[byte]);
            assert_eq!(check_bytes(&bytes), Err(Misfit::Format), "{byte} at {at}");
        }
    }

    #[test]
    fn a_script_needs_an_interpreter_that_runs() {
        let line = |name: &str| check_bytes(format!("#!{name}\necho RAN\n").as_bytes());
        assert_eq!(line("/bin/sh"), Ok(()));
        assert_eq!(line("/nowhere/sh"), Ok(()));
        assert_eq!(line(" "), Err(Misfit::NoInterpreter));
        assert_eq!(line(&format!("/bin/sh {}", "x".repeat(300))), Ok(()));
        assert_eq!(line(&"/".repeat(300)), Err(Misfit::LongInterpreter));
        let folder = tempfile::tempdir().unwrap();
        let text = program(folder.path(), b"echo RAN\n");
        assert_eq!(line(text.to_str().unwrap()), Err(Misfit::Interpreter));
        // If it is not executable, the system reports the error itself.
        assert_eq!(line("/etc/passwd"), Ok(()));
    }

    #[test]
    fn a_registered_format_is_run() {
        let entry = "enabled\ninterpreter /usr/bin/qemu-arm\nflags: OCF\noffset 0\n\
                     magic 7f454c4601\nmask ffffffff01\n";
        let handled =
            |entry: &str, path: &str, head: &[u8]| is_handled(entry, Path::new(path), head);
        assert!(handled(entry, "x", b"\x7fELF\x01\x01"));
        assert!(!handled(entry, "x", b"\x7fELF\x02\x01"));
        assert!(!handled(&entry.replace("enabled", "disabled"), "x", b"\x7fELF\x01\x01"));
        let entry = "enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n";
        assert!(handled(entry, "a.jar", b"PK"));
        assert!(!handled(entry, "a.zip", b"PK"));
    }
}
