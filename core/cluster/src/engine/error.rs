//! What can go wrong between the host and an engine.

use super::endpoint::{Endpoint, EndpointError};
use std::error::Error;
use std::fmt;
use std::io;

/// Why an engine did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The environment selects no engine, or one that cannot be used.
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
    /// The process has no file descriptors or threads left.
    #[error("failed to set up the client of the engine")]
    Runtime {
        /// The error of the system.
        source: io::Error,
    },
    /// No engine answers.
    #[error("no Docker engine answers at `{endpoint}`")]
    Unreachable {
        /// Where it was expected.
        endpoint: Endpoint,
        /// What happened there.
        source: Box<bollard::errors::Error>,
    },
    /// The engine refused or failed.
    #[error("the engine failed to {action}")]
    Failed {
        /// What it was asked to do, for example ``create the network `pintle-demo` ``.
        action: String,
        /// Its response.
        source: EngineFault,
    },
}

/// The engine's response to a call that failed.
#[derive(Debug)]
pub struct EngineFault {
    /// The HTTP status; `None` if there was no response.
    pub status: Option<u16>,
    message: String,
}

/// The faults of engines that users can fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It may not give a container the requested capabilities.
    Privilege,
    /// A port is in use.
    PortInUse,
    /// The engine's disk is full.
    DiskFull,
    /// Another network has the same addresses.
    SubnetInUse,
    /// The engine has no addresses left for networks.
    NoSubnetLeft,
}

impl fmt::Display for EngineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for EngineFault {}

impl EngineFault {
    /// Returns the kind of the fault, based on the engine's message: there are no codes for them.
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

    /// Returns an error of the host about something that the engine should have done.
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

    /// Returns whether the engine does not have the requested object.
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

    /// Returns whether the name is already in use, or the object is being changed.
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Returns whether the engine's message contains `words`.
    pub(crate) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Failed { source, .. } if source.message.contains(words))
    }

    /// Returns whether there is no engine at all.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Endpoint(_) | Self::Unreachable { .. })
    }

    /// Returns whether the user has no permission for the engine's socket.
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

/// Returns an error of the client with its causes, on one line. Its errors repeat their causes.
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
