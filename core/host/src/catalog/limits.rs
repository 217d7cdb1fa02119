//! Every quantity that a plugin file controls, and the most that the catalog takes of it.
//!
//! The catalog is made before each command that needs a plugin, of files that it has no reason to
//! trust. So what a file costs is bounded, whatever it says of itself: what is beyond a limit is
//! refused with that as the reason, and no file is read for longer than the others. The limits of
//! the manifest itself are part of its format: `pintle_plugin::manifest::limits`.
//!
//! None of them is one that a plugin comes near to. The numbers of plugins that rustc makes are
//! beside each.

/// How many bytes of a file are read to list it, whatever its format. A plugin in ELF needs the
/// first page, and the rest of a manifest that is longer.
pub(super) const BYTES: u64 = 64 * 1024;

/// How much of a file is read at once. Linkers put the program headers and the notes first, so
/// that one page holds both, and one read is enough.
pub(super) const FIRST_PAGE: usize = 4 * 1024;

/// How many program headers an ELF library has: 11.
pub(super) const PROGRAM_HEADERS: u64 = 64;

/// How many notes an ELF library has: 3.
pub(super) const NOTES: u64 = 64;

/// How many sections an ELF or PE library has: 42 with debug information. A PE image cannot have
/// more than 96, and the headers of so many ELF sections are half of [`BYTES`].
pub(super) const SECTIONS: u64 = 512;

/// How many load commands a Mach-O library has: about 20, and one more for each library that it
/// links to.
pub(super) const LOAD_COMMANDS: u64 = 256;

/// How many bytes the load commands take, with the sections in them: about 2,000.
pub(super) const LOAD_COMMAND_BYTES: u64 = 32 * 1024;

/// How many libraries a universal file has: 2.
pub(super) const ARCHITECTURES: u64 = 16;

/// How many rivals of a command are named. The others are counted: with a thousand plugins that
/// have one command in common, each of them would name all others.
pub(super) const RIVALS: usize = 3;

/// How many commands of one plugin that have rivals are shown. The others are counted.
pub(super) const SHOWN_CLASHES: usize = 8;

/// How many characters of what the JSON reader reports are shown: it quotes what it was given.
pub(super) const REPORT: usize = 300;

/// How many bytes of a file of a length are read where the tables of symbols are read whole:
/// before a library is loaded, which maps all of it, and by `plugin check`. Well-made tables do
/// not overlap, and so are no longer than the file; the rest is for small files.
pub(super) const fn thorough(len: u64) -> u64 {
    const MOST: u64 = 64 * 1024 * 1024;
    const MORE: u64 = 4 * 1024 * 1024;
    if len.saturating_add(MORE) < MOST { len + MORE } else { MOST }
}
