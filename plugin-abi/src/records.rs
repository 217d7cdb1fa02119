//! Records of the crates `tracing` and `log` on their way to the host's log.
//!
//! A plugin's library has copies of these crates of its own: what the host's program has set up
//! is not seen in it. So this crate sets up a subscriber and a logger when the plugin is called
//! for the first time.
//!
//! Invariants: a subscriber or logger that is set up already stays. A record that is made outside
//! of all calls, or while another one is being sent from the same thread, is dropped.

#[cfg(feature = "log")]
mod from_log;
#[cfg(feature = "tracing")]
mod from_tracing;
mod sending;

use crate::handle::HostHandle;
use std::sync::Once;

/// Sends the records of a call to its host for as long as it lives.
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
