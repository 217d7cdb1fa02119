//! What stops the work behind an event.

use crate::transport::CallError;
use std::io;
use std::time::Duration;

/// Why the work behind an event must not go on, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// A hook said no to what a `pre-` event announced.
    #[error("plugin `{plugin}` vetoed `{event}`: {reason}")]
    Veto {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// Why.
        reason: String,
    },
    /// A hook amends an event that cannot be amended.
    #[error("plugin `{plugin}` amends `{event}`, which cannot be amended")]
    Amendment {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
    },
    /// The typed answer of a hook is not what the event asks for.
    #[error("plugin `{plugin}` answered `{event}` with something else than the event asks for")]
    Reply {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host cannot tell hooks of the event: a fault of the program, not of a plugin.
    #[error("the payload of `{event}` cannot be written as a message: {reason}")]
    Payload {
        /// The event.
        event: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A signal came while the hooks were at work.
    #[error("interrupted")]
    Interrupted,
    /// A hook failed.
    #[error("the hook of plugin `{}` on `{event}` failed", source.plugin())]
    Failed {
        /// The event.
        event: String,
        /// What went wrong.
        source: CallError,
    },
    /// The system has no thread to spare for a hook.
    #[error("the hook of plugin `{plugin}` on `{event}` could not be started")]
    NotStarted {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// What the system reports.
        source: io::Error,
    },
    /// A hook did not end in time.
    #[error(
        "the hook of plugin `{plugin}` on `{event}` did not end within {}",
        humantime::format_duration(*limit)
    )]
    TimedOut {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// How long it had.
        limit: Duration,
    },
}
