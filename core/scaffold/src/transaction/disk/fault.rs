//! Accidents at a chosen operation, for tests.
//!
//! All of it is bound to one thread, so that tests can run side by side.

use std::cell::Cell;
use std::io;

thread_local! {
    static DONE: Cell<usize> = const { Cell::new(0) };
    static PLAN: Cell<Option<(usize, Accident)>> = const { Cell::new(None) };
    static OLD_SYSTEM: Cell<bool> = const { Cell::new(false) };
}

/// What happens instead of an operation.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Accident {
    /// The process is killed, as by `kill -9`.
    Kill,
    /// The operation fails with this error of the system.
    Error(i32),
    /// The operation and all after it fail.
    Broken(i32),
}

/// Counts operations anew, and has an accident at the `n`-th, from 0.
pub(in super::super) fn plan(n: usize, accident: Accident) {
    DONE.set(0);
    PLAN.set(Some((n, accident)));
}

/// Counts operations anew, and has no accident.
pub(in super::super) fn reset() {
    DONE.set(0);
    PLAN.set(None);
}

/// Returns how many operations there were since the last plan.
pub(in super::super) fn count() -> usize {
    DONE.get()
}

/// From now on, the system has neither exclusive renames nor exchanges.
pub(in super::super) fn set_old_system(old: bool) {
    OLD_SYSTEM.set(old);
}

pub(super) fn old_system() -> io::Result<()> {
    match OLD_SYSTEM.get() {
        true => Err(io::ErrorKind::Unsupported.into()),
        false => Ok(()),
    }
}

pub(super) fn point() -> io::Result<()> {
    let n = DONE.replace(DONE.get() + 1);
    match PLAN.get() {
        Some((at, Accident::Kill)) if n == at => kill(),
        Some((at, Accident::Error(code))) if n == at => Err(io::Error::from_raw_os_error(code)),
        Some((at, Accident::Broken(code))) if n >= at => Err(io::Error::from_raw_os_error(code)),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn kill() -> ! {
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
    unreachable!("the process was killed")
}

#[cfg(not(unix))]
fn kill() -> ! {
    std::process::abort()
}
