//! The calls in progress, and how a record reaches the host of one of them.

use crate::handle::HostHandle;
use crate::host::{Host, Level};
use crate::message::{LogRecord, ServiceRequest};
use std::cell::Cell;
#[cfg(feature = "log")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

/// The plugin's calls in progress, in the order in which they began.
static CALLS: Mutex<Vec<Recorded>> = Mutex::new(Vec::new());

/// The number of the most detailed level that the host of any call shows; 0 if there are no calls.
static SHOWN: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Whether this thread is sending a record, or asking its host about records.
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

/// A call whose records are sent to its host.
#[derive(Clone)]
struct Recorded {
    id: u64,
    thread: ThreadId,
    host: HostHandle,
    /// The most detailed level that the host shows; `None` until the first record asks for it.
    shown: Option<Level>,
}

fn calls() -> MutexGuard<'static, Vec<Recorded>> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Changes the list of calls, and then the most detailed level of all of them.
fn change(work: impl FnOnce(&mut Vec<Recorded>)) {
    let mut calls = calls();
    work(&mut calls);
    let number = |it: &Recorded| it.shown.unwrap_or(Level::Trace) as u32;
    let shown = calls.iter().map(number).max().unwrap_or(0);
    // Both while the list is locked, so that they are consistent with it.
    SHOWN.store(shown, Ordering::Relaxed);
    #[cfg(feature = "log")]
    set_max_level(shown);
}

/// Returns the call that a record of this thread belongs to: the last call that began on this
/// thread or, for a thread that the plugin has started, the last call of all.
fn current() -> Option<Recorded> {
    let thread = std::thread::current().id();
    let calls = calls();
    let of_thread = calls.iter().rev().find(|it| it.thread == thread);
    of_thread.or(calls.last()).cloned()
}

/// Returns whether a record of this level would be shown.
pub(super) fn is_shown(level: Level) -> bool {
    // Most records that are not shown cost only this check.
    if level as u32 > SHOWN.load(Ordering::Relaxed) || IS_BUSY.get() {
        return false;
    }
    let Some(call) = current() else { return false };
    level <= call.shown.unwrap_or_else(|| ask(&call))
}

/// Asks the host which records it shows.
fn ask(call: &Recorded) -> Level {
    let ask = |host: &Host<'_>| host.raw().request(&ServiceRequest::LogLevel);
    let reply = busily(|| call.host.with(ask));
    // A host that does not report it receives all of them; a host that is gone receives none
    // anyway.
    let shown = reply.ok().and_then(Result::ok).and_then(|it| it.log_level);
    let shown = shown.unwrap_or(Level::Trace);
    change(|calls| {
        calls.iter_mut().filter(|it| it.id == call.id).for_each(|it| it.shown = Some(shown))
    });
    shown
}

/// Sends a record to the host of the call that it belongs to.
pub(super) fn send(record: LogRecord) {
    let Some(call) = current() else { return };
    let send = |host: &Host<'_>| {
        let request = ServiceRequest::Log(record);
        let reply = host.raw().request(&request);
        if let (Err(_), ServiceRequest::Log(record)) = (reply, request) {
            // A host of an earlier release only accepts lines.
            host.log(record.level, &record);
        }
    };
    // A call that is over no longer has a log.
    let _ = busily(|| call.host.with(send));
}

/// Does work during which this thread sends no records: in a program that links the plugin, the
/// host's own code could create some.
fn busily<T>(work: impl FnOnce() -> T) -> T {
    struct Idle;
    impl Drop for Idle {
        fn drop(&mut self) {
            IS_BUSY.set(false);
        }
    }
    IS_BUSY.set(true);
    let _idle = Idle;
    work()
}

/// Starts sending the records of a call; returns its number.
pub(super) fn begin(host: HostHandle) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let thread = std::thread::current().id();
    change(|calls| calls.push(Recorded { id, thread, host, shown: None }));
    id
}

/// Ends a call.
pub(super) fn end(id: u64) {
    change(|calls| calls.retain(|it| it.id != id));
}

/// Whether the logger of the crate `log` belongs to this crate.
#[cfg(feature = "log")]
pub(super) static IS_OUR_LOGGER: AtomicBool = AtomicBool::new(false);

/// Lets records of the crate `log` through up to the level with this number; 0 blocks all of them.
#[cfg(feature = "log")]
fn set_max_level(number: u32) {
    use log::LevelFilter;

    if IS_OUR_LOGGER.load(Ordering::Relaxed) {
        let filter = LevelFilter::iter().nth(number as usize);
        log::set_max_level(filter.unwrap_or(LevelFilter::Trace));
    }
}
