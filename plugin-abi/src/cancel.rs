//! What happens when a call of the plugin is cancelled.

use crate::error::{ErrorReply, Result, from_reply};
use crate::message::{CleanupRequest, ServiceRequest};
use crate::raw::RawHost;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Work = Box<dyn FnOnce() + Send>;

/// The cleanups that the host may request.
static CLEANUPS: Mutex<Vec<(u64, Work)>> = Mutex::new(Vec::new());

/// A cleanup that the host runs if the call is cancelled and the process has to end. The host
/// forgets it when this value is dropped.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn run(host: &Host<'_>) -> Result<()> {
/// let cleanup = host.on_cancel(|| drop(std::fs::remove_file("partial")))?;
/// std::fs::write("partial", "half of it")?;
/// std::fs::rename("partial", "whole")?;
/// drop(cleanup);
/// # Ok(())
/// # }
/// ```
#[must_use = "the host forgets the cleanup when this value is dropped"]
pub struct Cleanup<'a> {
    id: u64,
    host: RawHost<'a>,
}

impl<'a> Cleanup<'a> {
    pub(crate) fn register(host: RawHost<'a>, work: Work) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        cleanups().push((id, work));
        // From here on, dropping it withdraws the cleanup.
        let cleanup = Self { id, host };
        cleanup.send(true).map_err(from_reply)?;
        Ok(cleanup)
    }

    /// Runs the cleanup now.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn work() -> Result<()> { Ok(()) }
    /// # fn run(host: &Host<'_>) -> Result<()> {
    /// let cleanup = host.on_cancel(|| drop(std::fs::remove_file("partial")))?;
    /// if let Err(err) = work() {
    ///     cleanup.run();
    ///     return Err(err);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn run(self) {
        let work = take(self.id);
        drop(self);
        if let Some(work) = work {
            work();
        }
    }

    fn send(&self, is_needed: bool) -> Result<(), ErrorReply> {
        let request = CleanupRequest { id: self.id, is_needed };
        self.host.request(&ServiceRequest::Cleanup(request)).map(drop)
    }
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        drop(take(self.id));
        // A host that does not support cleanups has none to forget.
        let _ = self.send(false);
    }
}

/// Runs a cleanup that the host requests, unless it is no longer needed.
pub(crate) fn run(id: u64) {
    // Outside the call, so that the list is not locked meanwhile.
    let work = take(id);
    if let Some(work) = work {
        work();
    }
}

/// Removes a cleanup from the list.
fn take(id: u64) -> Option<Work> {
    let mut cleanups = cleanups();
    let place = cleanups.iter().position(|(it, _)| *it == id)?;
    Some(cleanups.remove(place).1)
}

fn cleanups() -> MutexGuard<'static, Vec<(u64, Work)>> {
    CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner)
}
