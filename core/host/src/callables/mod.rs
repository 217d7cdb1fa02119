//! Programs on the search path that a host runs as commands of its own: `pintle foo a` runs
//! `pintle-foo-a`, or else `pintle-foo` with the argument `a`.
//!
//! They are the host's last choice: whether a command has the words already is for the command
//! line to know. Invariant: a process with raised privileges finds no program.

mod ask;
#[cfg(unix)]
mod format;
mod run;
mod search;

pub use ask::{Answer, Directive, ask};
pub use run::{RunError, run};
pub use search::{Callable, Callables, Fault};
