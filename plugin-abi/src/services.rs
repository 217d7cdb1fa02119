//! The services that a host offers to the plugin it calls, as the host implements them.

use crate::error::{ErrorReply, Result};
use crate::message::{ServiceReply, ServiceRequest};
use crate::node::{Node, Select};
use crate::streams::{Level, Stream};
use std::time::Duration;

/// The services behind a [`Host`](crate::Host); a host implements them, a plugin never sees them.
pub trait HostServices: Sync {
    /// Writes `text` to `stream` as it is.
    fn write(&self, stream: Stream, text: &[u8]);
    /// Logs a line.
    fn log(&self, level: Level, text: &str);
    /// Does what `request` asks for.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] when the service is unknown to this host, or failed.
    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply>;

    /// Waits for at most `limit` until the call is cancelled, and returns whether it is.
    ///
    /// By default, no call ever is.
    fn wait_cancelled(&self, limit: Duration) -> bool {
        std::thread::sleep(limit);
        false
    }

    /// Registers what is to be done if the call is cancelled and the plugin does not end by
    /// itself, or takes it back.
    ///
    /// # Errors
    ///
    /// When the host does not know cleanups.
    fn cleanup(&self, _id: u64, _work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        Err(ErrorReply::unsupported("this host runs no cleanups"))
    }

    /// Returns the sorted paths of some files of the universe; reads no file.
    ///
    /// # Errors
    ///
    /// When the selection is no valid one; in calls without a universe, always.
    fn paths(&self, _select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        Err(no_universe())
    }

    /// Returns some files of the universe, sorted by path.
    ///
    /// # Errors
    ///
    /// When the selection is no valid one, or a file cannot be read; in calls
    /// without a universe, always.
    fn nodes(&self, _select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        Err(no_universe())
    }

    /// Lends all files of the universe, sorted by path.
    ///
    /// A host that has no such list at hand answers that this is unsupported; then the
    /// plugin asks for the [`nodes`](Self::nodes).
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the host lends nothing.
    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        Err(ErrorReply::unsupported("this host lends no files".to_owned()))
    }
}

fn no_universe() -> ErrorReply {
    ErrorReply::failed("there is no universe outside of scaffolding")
}
