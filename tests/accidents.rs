//! Injected faults at a chosen disk operation, for unit tests of the store and of transactions.
//!
//! All state belongs to one thread, so tests can run in parallel.

use pintle_host::fs::{Operation, fault};
use std::cell::Cell;
use std::io;

thread_local! {
    static IS_READY: Cell<bool> = const { Cell::new(false) };
    static DONE: Cell<usize> = const { Cell::new(0) };
    static PLAN: Cell<Option<(usize, Accident)>> = const { Cell::new(None) };
    static COUNTS_ALL: Cell<bool> = const { Cell::new(false) };
    static OLD_SYSTEM: Cell<bool> = const { Cell::new(false) };
}

/// What happens instead of a change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Accident {
    /// The process is killed, as by `kill -9`.
    #[cfg_attr(not(unix), expect(dead_code, reason = "no test can tell it there"))]
    Kill,
    /// The change fails with this error of the system.
    Error(i32),
    /// This change and all later changes fail.
    Broken(i32),
}

/// From now on, operations that change nothing are also counted.
pub(super) fn count_all(all: bool) {
    COUNTS_ALL.set(all);
}

/// Counts changes from 0, and injects the fault at the `n`-th.
pub(super) fn plan(n: usize, accident: Accident) {
    install();
    DONE.set(0);
    PLAN.set(Some((n, accident)));
}

/// Counts changes from 0, without a fault.
pub(super) fn reset() {
    install();
    DONE.set(0);
    PLAN.set(None);
}

/// Returns the number of changes since the last plan.
pub(super) fn count() -> usize {
    DONE.get()
}

/// From now on, the system supports neither exclusive renames nor exchanges.
pub(super) fn set_old_system(old: bool) {
    install();
    OLD_SYSTEM.set(old);
}

/// Makes this thread's operations pass through here, as long as the value lives.
fn install() {
    if !IS_READY.replace(true) {
        std::mem::forget(fault::inject(point));
    }
}

fn point(operation: Operation) -> io::Result<()> {
    if operation.is_change() || COUNTS_ALL.get() {
        accident()?;
    }
    match operation {
        Operation::RenameNew | Operation::Exchange if OLD_SYSTEM.get() => {
            Err(io::ErrorKind::Unsupported.into())
        }
        _ => Ok(()),
    }
}

fn accident() -> io::Result<()> {
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
