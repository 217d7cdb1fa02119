//! The host for threads and tasks that may outlive the call that started them.
//!
//! Invariant: no handle reaches its host once the call is over. The end of a call waits for uses
//! that are in progress.

use crate::error::Result;
use crate::raw::RawHost;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// The host of one call, as an owned value: for threads and async tasks.
///
/// ```no_run
/// use pintle_plugin::prelude::*;
///
/// fn copy_in_background(host: &Host<'_>) -> Result<std::thread::JoinHandle<Result<()>>> {
///     let handle = host.handle()?;
///     Ok(std::thread::spawn(move || handle.with(|host| host.info("copied"))))
/// }
/// ```
#[derive(Clone)]
pub struct HostHandle(Arc<Slot>);

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    unused: Condvar,
}

#[derive(Default)]
struct State {
    /// The host, until the call is over.
    host: Option<RawHost<'static>>,
    /// The number of threads that are using it.
    n_users: usize,
}

impl HostHandle {
    /// Returns a use of the host. The call does not end before this value is dropped.
    pub(crate) fn enter(&self) -> Result<User<'_>> {
        self.0.enter()
    }

    /// Returns whether the call is over, so that the host can no longer be used.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(host: &Host<'_>) -> Result<()> {
    /// let handle = host.handle()?;
    /// std::thread::spawn(move || {
    ///     while !handle.is_over() {
    ///         std::thread::sleep(std::time::Duration::from_millis(100));
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_over(&self) -> bool {
        self.0.state().host.is_none()
    }
}

impl std::fmt::Debug for HostHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostHandle").field("is_over", &self.is_over()).finish()
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Result<User<'_>> {
        let mut state = self.state();
        let host = state.host.ok_or_else(|| {
            anyhow::anyhow!("the host can no longer be used: the call of the plugin is over")
        })?;
        state.n_users += 1;
        Ok(User { slot: self, host })
    }

    /// Ends the use of the host, and waits for threads that are still using it.
    fn end(&self) {
        let mut state = self.state();
        state.host = None;
        while state.n_users > 0 {
            state = self.unused.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A use of the host in progress.
pub(crate) struct User<'s> {
    slot: &'s Slot,
    pub(crate) host: RawHost<'static>,
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.slot.state().n_users -= 1;
        self.slot.unused.notify_all();
    }
}

/// One call of the plugin. When it is over, its handle can no longer be used.
#[derive(Default)]
pub(crate) struct CallScope(OnceLock<HostHandle>);

impl CallScope {
    /// Returns the handle of the call, whose host is `host`.
    pub(crate) fn handle(&self, host: RawHost<'_>) -> HostHandle {
        let create = || {
            let state = State { host: Some(host.outliving_its_borrow()), n_users: 0 };
            HostHandle(Arc::new(Slot { state: Mutex::new(state), unused: Condvar::new() }))
        };
        self.0.get_or_init(create).clone()
    }
}

impl Drop for CallScope {
    fn drop(&mut self) {
        if let Some(handle) = self.0.get() {
            handle.0.end();
        }
    }
}
