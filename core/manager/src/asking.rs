//! Queries servers, several at the same time, and shows a sign of life during the wait.

use crate::origin::{Origin, OriginError, Release, Wanted};
use pintle_host::services::Console;
use pintle_plugin::message::ProgressUpdate;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How many sources are queried at the same time.
const MAX_QUESTIONS: usize = 8;
/// After how long the name of a silent server is shown, and how often the line is updated.
const SILENCE: Duration = Duration::from_secs(1);
/// The terminal's identifier for the line.
const LINE: &str = "asking";

/// Queries a source for a release.
pub(crate) fn release(
    console: &Console,
    origin: &dyn Origin,
    wanted: &Wanted,
) -> Result<Release, OriginError> {
    patiently(console, origin.server().into_iter().collect(), || origin.release(wanted))
}

/// Queries several sources for a release. The results are in their order.
pub(crate) fn releases(
    console: &Console,
    origins: &[&dyn Origin],
    wanted: &Wanted,
) -> Vec<Result<Release, OriginError>> {
    let answers: Vec<_> = origins.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let idx = next.fetch_add(1, Ordering::Relaxed);
            let Some(origin) = origins.get(idx) else { return };
            answers[idx].get_or_init(|| origin.release(wanted));
        }
    };
    let mut servers: Vec<_> = origins.iter().filter_map(|it| it.server()).collect();
    servers.sort_unstable();
    servers.dedup();
    patiently(console, servers, || {
        thread::scope(|scope| {
            for _ in 0..origins.len().min(MAX_QUESTIONS) {
                scope.spawn(work);
            }
        });
    });
    answers.into_iter().map(|it| it.into_inner().expect("each was asked")).collect()
}

/// Runs work that may take long because of servers, and shows their names if it does.
pub(crate) fn patiently<T>(console: &Console, servers: Vec<String>, work: impl FnOnce() -> T) -> T {
    if servers.is_empty() {
        return work();
    }
    let (end, is_end) = mpsc::channel();
    thread::scope(move |scope| {
        scope.spawn(move || show_waiting(console, &servers.join(", "), &is_end));
        let result = work();
        drop(end);
        result
    })
}

/// Shows for how many seconds servers have not answered, until the sender is dropped.
fn show_waiting(console: &Console, servers: &str, is_end: &Receiver<()>) {
    let mut update = ProgressUpdate::default();
    update.title = format!("asking {servers}");
    while is_end.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
        update.done += SILENCE.as_secs();
        console.progress(LINE, update.clone());
    }
    console.drop_progress(LINE, update.id);
}
