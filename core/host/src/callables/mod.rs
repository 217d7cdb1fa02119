//! Programs on the search path that a host runs as commands: `pintle foo a` runs `pintle-foo-a`, or
//! else `pintle-foo` with the argument `a`.
//!
//! They have the lowest precedence; the command line decides whether another command has the same
//! words. Invariant: a process with elevated privileges finds no programs.

mod ask;
#[cfg(unix)]
mod format;
mod run;
mod search;

pub use ask::{Answer, Directive, ask};
pub use run::{RunError, run};
pub use search::{Callable, Callables, Fault};
