//! How large a manifest may be.
//!
//! A host reads the manifests of all plugins that are installed before each command that needs one,
//! and shows what is in them in lists and tables. So a manifest has limits, which hosts hold it to,
//! and [`export_plugin!`](crate::export_plugin) as well: a plugin that compiles keeps them. They
//! are part of the format: later releases may raise them, and never lower them.

/// How many bytes of JSON a manifest has: half of what a host reads of a file to list it.
pub const BYTES: usize = 32 * 1024;

/// How many commands a plugin has. Help lists all of them.
pub const COMMANDS: usize = 256;

/// How many words the path of a command or a noun has. Each is one more level of help.
pub const WORDS: usize = 8;

/// How many items each of the other lists has: `project_versions`, `subcommands`, `events`,
/// `interfaces`, `nouns` and `authors`. The host `pintle` has 20 events, more than it has of
/// anything else.
pub const ITEMS: usize = 64;

/// How many bytes names, words, versions and the like have. A name in the domain name system,
/// the longest of them, has 253.
pub const NAME: usize = 256;

/// How many bytes a text has that is shown in one line: `description`, `about`, `deprecated`, the
/// addresses, the licence and each author.
pub const LINE: usize = 1024;

/// How many bytes the long help of a noun has.
pub const LONG_ABOUT: usize = 8 * 1024;
