//! What can go wrong between the host and an engine.

use super::endpoint::{Endpoint, EndpointError};
use std::error::Error;
use std::fmt;
use std::io;

/// Why an engine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The environment names no engine, or one that cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The time limit for calls is not a duration.
    #[error("invalid duration `{text}` in {variable}")]
    TimeLimit {
        /// The environment variable.
        variable: String,
        /// Its value.
        text: String,
        /// What is wrong with it.
        source: humantime::DurationError,
    },
    /// The process has no descriptors or threads left.
    #[error("failed to set up the client of the engine")]
    Runtime {
        /// What the system said.
        source: io::Error,
    },
    /// No engine answers.
    #[error("no Docker engine answers at `{endpoint}`")]
    Unreachable {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What happened there.
        source: Box<bollard::errors::Error>,
    },
    /// The engine refused or failed.
    #[error("the engine failed to {action}")]
    Failed {
        /// What it was asked for, for example ``create the network `pintle-demo` ``.
        action: String,
        /// What it answered.
        source: EngineFault,
    },
}

/// What the engine answered to a call that failed.
#[derive(Debug)]
pub struct EngineFault {
    /// The HTTP status; `None` where there was no answer.
    pub status: Option<u16>,
    message: String,
}

/// The faults of engines that users can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It may not give a container the capabilities that it asks for.
    Privilege,
    /// A port is in use.
    PortInUse,
    /// Its disk is full.
    DiskFull,
    /// Another network has the same addresses.
    SubnetInUse,
    /// It has no addresses left for networks.
    NoSubnetLeft,
}

impl fmt::Display for EngineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for EngineFault {}

impl EngineFault {
    /// Returns what kind of fault it is, by the engine's words: it has no codes for them.
    pub fn kind(&self) -> Option<FaultKind> {
        let has = |words: &str| self.message.contains(words);
        Some(match () {
            () if has("unable to apply caps") || has("apply caps: operation") => {
                FaultKind::Privilege
            }
            () if has("port is already allocated") || has("address already in use") => {
                FaultKind::PortInUse
            }
            () if has("no space left on device") => FaultKind::DiskFull,
            () if has("Pool overlaps") => FaultKind::SubnetInUse,
            () if has("non-overlapping IPv4 address pool") => FaultKind::NoSubnetLeft,
            () => return None,
        })
    }
}

impl EngineError {
    /// Returns the error of a call that was to do `action`.
    pub fn failed(action: impl Into<String>, err: bollard::errors::Error) -> Self {
        use bollard::errors::Error;

        let (status, message) = match err {
            Error::DockerResponseServerError { status_code, message } => {
                (Some(status_code), message)
            }
            Error::DockerStreamError { error } => (None, error),
            Error::RequestTimeoutError => (None, "it did not answer in time".to_owned()),
            err => (None, chain(&err)),
        };
        Self::Failed { action: action.into(), source: EngineFault { status, message } }
    }

    /// Returns an error of the host about something that the engine was to do.
    pub fn other(action: impl Into<String>, message: impl Into<String>) -> Self {
        let source = EngineFault { status: None, message: message.into() };
        Self::Failed { action: action.into(), source }
    }

    /// Returns the HTTP status that the engine answered with.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Failed { source, .. } => source.status,
            _ => None,
        }
    }

    /// Returns whether the engine does not have what was asked for.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Returns what kind of fault the engine reported, if it is a known one.
    pub(crate) fn fault(&self) -> Option<FaultKind> {
        match self {
            Self::Failed { source, .. } => source.kind(),
            _ => None,
        }
    }

    /// Returns whether something else has the name already, or works on the object.
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Returns whether the engine's answer contains some words.
    pub(crate) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Failed { source, .. } if source.message.contains(words))
    }

    /// Returns whether there is no engine at all.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Endpoint(_) | Self::Unreachable { .. })
    }

    /// Returns whether the user may not use the engine's socket.
    pub fn is_permission_denied(&self) -> bool {
        let Self::Unreachable { source, .. } = self else { return false };
        let mut cause: Option<&(dyn Error + 'static)> = match &**source {
            bollard::errors::Error::IOError { err } => Some(err),
            err => Some(err),
        };
        while let Some(err) = cause {
            let io = err.downcast_ref::<io::Error>();
            if io.is_some_and(|it| it.kind() == io::ErrorKind::PermissionDenied) {
                return true;
            }
            cause = err.source();
        }
        false
    }
}

/// Returns an error of the client with its causes, in one line; its errors repeat theirs.
fn chain(err: &dyn Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        let cause = err.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = err.source();
    }
    text
}
