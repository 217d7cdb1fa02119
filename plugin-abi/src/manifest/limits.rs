//! The limits of a manifest.
//!
//! Before each command that needs a plugin, a host reads the manifests of all installed plugins,
//! and it shows their contents in lists and tables. A manifest therefore has limits. Hosts enforce
//! them, and [`export_plugin!`](crate::export_plugin) does as well: a plugin that compiles is
//! within the limits. They are part of the format: later releases may raise them, but never lower
//! them.

/// The number of bytes of a manifest's JSON: half of what a host reads of a file to list it.
pub const BYTES: usize = 32 * 1024;

/// The number of commands of a plugin. Help lists all of them.
pub const COMMANDS: usize = 256;

/// The number of words in the path of a command or a noun. Each word is one more level of help.
pub const WORDS: usize = 8;

/// The number of items in each of the other lists: `project_versions`, `subcommands`, `events`,
/// `interfaces`, `nouns` and `authors`. The host `pintle` has 20 events, its longest list.
pub const ITEMS: usize = 64;

/// The number of bytes of names, words, versions and the like. The longest of them, a name in the
/// domain name system, has at most 253.
pub const NAME: usize = 256;

/// The number of bytes of a text that is shown in one line: `description`, `about`, `deprecated`,
/// the addresses, the licence and each author.
pub const LINE: usize = 1024;

/// The number of bytes of a noun's long help.
pub const LONG_ABOUT: usize = 8 * 1024;
