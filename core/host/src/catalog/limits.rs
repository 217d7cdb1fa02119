//! The limits for every quantity that a plugin file controls.
//!
//! The catalog is built before each command that requires a plugin, from files that it has no
//! reason to trust. The cost of a file is therefore limited, whatever its contents: a file that
//! exceeds a limit is refused with that reason, and no file takes longer to read than the others.
//! The limits of the manifest itself are part of its format: `pintle_plugin::manifest::limits`.
//!
//! No plugin comes close to any of the limits. The comments list the numbers for plugins that rustc
//! builds.

/// How many bytes of a file are read to list it, in any format. An ELF plugin requires the first
/// page, and the rest of a manifest that is longer.
pub(super) const BYTES: u64 = 64 * 1024;

/// How much of a file is read at once. Linkers put the program headers and the notes first, so one
/// page usually contains both, and one read is enough.
pub(super) const FIRST_PAGE: usize = 4 * 1024;

/// How many program headers an ELF library has: 11.
pub(super) const PROGRAM_HEADERS: u64 = 64;

/// How many notes an ELF library has: 3.
pub(super) const NOTES: u64 = 64;

/// The number of sections of an ELF or PE library: 42 with debug information. A PE image cannot
/// have more than 96, and the headers of this many ELF sections are half of [`BYTES`].
pub(super) const SECTIONS: u64 = 512;

/// The number of load commands of a Mach-O library: about 20, plus one for each library that it
/// links to.
pub(super) const LOAD_COMMANDS: u64 = 256;

/// The number of bytes of the load commands and the sections in them: about 2,000.
pub(super) const LOAD_COMMAND_BYTES: u64 = 32 * 1024;

/// How many libraries a universal file has: 2.
pub(super) const ARCHITECTURES: u64 = 16;

/// How many rivals of a command are listed; the others are only counted. If a thousand plugins had
/// a command in common, each of them would otherwise list all others.
pub(super) const RIVALS: usize = 3;

/// How many commands of one plugin that have rivals are shown; the others are only counted.
pub(super) const SHOWN_CLASHES: usize = 8;

/// How many characters of the JSON reader's error are shown: it quotes its input.
pub(super) const REPORT: usize = 300;

/// How many bytes of a file of some length are read when the symbol tables are read in full: before
/// a library is loaded, which maps all of it, and by `plugin check`. Valid tables do not overlap,
/// so they are no longer than the file; the rest is for small files.
pub(super) const fn thorough(len: u64) -> u64 {
    const MOST: u64 = 64 * 1024 * 1024;
    const MORE: u64 = 4 * 1024 * 1024;
    if len.saturating_add(MORE) < MOST { len + MORE } else { MOST }
}
