//! Errors of the hooks on an event.

use crate::transport::CallError;
use std::io;
use std::time::Duration;

/// Why the work for an event must not continue, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// A hook vetoed the operation that a `pre-` event announced.
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
    #[error("plugin `{plugin}` amended `{event}`, which does not support amendments")]
    Amendment {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
    },
    /// The typed answer of a hook has another type than the event requires.
    #[error("plugin `{plugin}` replied to `{event}` with an invalid type")]
    Reply {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The payload of the event cannot be encoded: a fault of the program, not of a plugin.
    #[error("failed to encode the payload of `{event}`: {reason}")]
    Payload {
        /// The event.
        event: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A signal arrived while the hooks were running.
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
    #[error("failed to start the hook of plugin `{plugin}` on `{event}`")]
    NotStarted {
        /// The plugin's full key.
        plugin: String,
        /// The event.
        event: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A hook did not end in time.
    #[error(
        "the hook of plugin `{plugin}` on `{event}` timed out after {}",
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
