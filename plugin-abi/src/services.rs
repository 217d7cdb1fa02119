//! The services that a host offers to a plugin that it calls, as the host implements them.

use crate::error::{ErrorReply, Result};
use crate::message::{ServiceReply, ServiceRequest};
use crate::node::{Node, Select};
use crate::streams::{Level, Stream};
use std::time::Duration;

/// The services behind a [`Host`](crate::Host). A host implements them; a plugin never sees them.
pub trait HostServices: Sync {
    /// Writes `text` to `stream` unchanged.
    fn write(&self, stream: Stream, text: &[u8]);
    /// Logs a line.
    fn log(&self, level: Level, text: &str);
    /// Runs the requested service.
    ///
    /// # Errors
    ///
    /// An [`ErrorReply`] if the service is unknown to this host, or failed.
    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply>;

    /// Waits for at most `limit` until the call is cancelled, and returns whether it is.
    ///
    /// By default, a call is never cancelled.
    fn wait_cancelled(&self, limit: Duration) -> bool {
        std::thread::sleep(limit);
        false
    }

    /// Registers or withdraws a cleanup for the case that the call is cancelled and the plugin does
    /// not end by itself.
    ///
    /// # Errors
    ///
    /// If the host does not support cleanups.
    fn cleanup(&self, _id: u64, _work: Option<Box<dyn FnOnce() + Send>>) -> Result<(), ErrorReply> {
        Err(ErrorReply::unsupported("this host does not support cleanups"))
    }

    /// Returns the sorted paths of some files of the universe without reading a file.
    ///
    /// # Errors
    ///
    /// If the selection is not valid, and always in calls without a universe.
    fn paths(&self, _select: Select<'_>) -> Result<Vec<String>, ErrorReply> {
        Err(no_universe())
    }

    /// Returns some files of the universe, sorted by path.
    ///
    /// # Errors
    ///
    /// If the selection is not valid or a file cannot be read, and always in calls without a
    /// universe.
    fn nodes(&self, _select: Select<'_>) -> Result<Vec<Node>, ErrorReply> {
        Err(no_universe())
    }

    /// Lends all files of the universe, sorted by path.
    ///
    /// A host that does not have such a list replies that this is unsupported. The plugin then
    /// requests the [`nodes`](Self::nodes).
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or if the host does not lend files.
    fn all_nodes(&self) -> Result<&[Node], ErrorReply> {
        Err(ErrorReply::unsupported("this host does not lend files".to_owned()))
    }
}

fn no_universe() -> ErrorReply {
    ErrorReply::failed("the universe is only available during scaffolding")
}
