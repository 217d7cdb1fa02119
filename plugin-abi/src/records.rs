//! Sends records of the crates `tracing` and `log` to the host's log.
//!
//! A plugin's library has its own copies of these crates, which do not see what the host's program
//! has set up. This crate therefore sets up a subscriber and a logger when the plugin is first
//! called.
//!
//! Invariants: a subscriber or logger that is already set up is kept. A record that is created
//! outside all calls, or while the same thread is sending another record, is dropped.

#[cfg(feature = "log")]
mod from_log;
#[cfg(feature = "tracing")]
mod from_tracing;
mod sending;

use crate::handle::HostHandle;
use std::sync::Once;

/// Sends the records of a call to its host for as long as this value exists.
pub(crate) struct Recording {
    id: u64,
}

impl Recording {
    pub(crate) fn start(host: HostHandle) -> Self {
        static SET_UP: Once = Once::new();
        SET_UP.call_once(|| {
            #[cfg(feature = "log")]
            from_log::set_up();
            #[cfg(feature = "tracing")]
            from_tracing::set_up();
        });
        Self { id: sending::begin(host) }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        sending::end(self.id);
    }
}
