//! The services that a host offers to the plugin it calls, as the host implements them.

use crate::error::{ErrorReply, Result};
use crate::message::{ServiceReply, ServiceRequest};
use crate::node::{Node, Select};
use std::time::Duration;

/// Where a plugin's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// The standard output: results.
    Out = 0,
    /// The standard error: messages.
    Err = 1,
}

/// How much a log line matters.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something may be wrong.
    Warn = 2,
    /// Something the user wants to know.
    #[default]
    Info = 3,
    /// What a developer wants to know.
    Debug = 4,
    /// Everything. Levels of a later release count as this one.
    #[serde(other)]
    Trace = 5,
}

impl Level {
    /// Numbers of a later release count as [`Level::Trace`].
    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            0 | 1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            4 => Self::Debug,
            _ => Self::Trace,
        }
    }
}

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
