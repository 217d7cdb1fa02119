//! All access to the disk.
//!
//! - [`read_regular`] and [`read_named`] read a whole file: only a regular one, without blocking,
//!   and only up to a limit.
//! - [`Dir`] is an open directory, with all operations on the paths below it; none of them follows
//!   a symbolic link or leaves the directory.
//! - [`replace`] writes a file in one step that survives a power failure.
//! - [`Lock`] excludes other processes on every file system.
//!
//! Invariant: no error of the system is dropped. Missing files and files that cannot be read are
//! never confused.

mod dir;
mod entry;
mod error;
mod exposure;
#[doc(hidden)]
pub mod fault;
mod lock;
mod owner;
mod read;
mod replace;
#[cfg(not(unix))]
#[path = "other.rs"]
mod system;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(test)]
mod tests;

pub use dir::{Dir, NewFile};
pub use entry::{Entry, Found, Kind, Mode};
pub use error::{Cause, Error, Holder, Result, is_absent, is_unsupported};
pub use exposure::{Exposure, is_worth_protecting};
pub use fault::Operation;
pub use lock::{Attempt, Lock, Unowned};
pub use read::{
    Contents, NO_LIMIT, is_private, open_named, open_regular, permissions, read_named, read_regular,
};
pub use replace::replace;
