//! A Docker engine: where it is, and calls that end.
//!
//! Invariant: every call has a time limit, so that an engine that hangs is an error.

mod archive;
mod endpoint;
mod lazy;

pub use archive::{File, pack, unpack_one};
pub use endpoint::{Endpoint, EndpointError, Environment};
pub use lazy::Lazy;

use bollard::Docker;
use std::time::Duration;

/// How long the engine may take to answer, unless the user says otherwise. Stopping a
/// container takes ten seconds by itself.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long a transfer of an image may take, as of several gigabytes over a slow line.
pub const TRANSFER_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The newest API that bollard speaks; the engine's own is asked for at the first call.
const CLIENT_VERSION: &bollard::ClientVersion = bollard::API_DEFAULT_VERSION;

/// A Docker engine that has answered.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    endpoint: Endpoint,
}

/// Why an engine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Nothing says where the engine is, or what says so makes no sense.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No engine answers.
    #[error("no Docker engine answers at `{endpoint}`")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What happened there.
        source: Box<bollard::errors::Error>,
    },
    /// The engine refused or failed.
    #[error("the engine failed to {action}")]
    Failed {
        /// What it was asked for, as `create the network "pintle-demo"`.
        action: String,
        /// What it says.
        source: EngineFault,
    },
}

/// What the engine says about a call that failed.
#[derive(Debug)]
pub struct EngineFault {
    /// The HTTP status; `None` where there was no answer.
    pub status: Option<u16>,
    message: String,
}

impl std::fmt::Display for EngineFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EngineFault {}

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

    /// Returns an error of our own about something that the engine was to do.
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

    /// Returns whether something else has the name already, or is at work on the thing.
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Returns whether there is no engine at all.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Endpoint(_) | Self::Unreachable { .. })
    }

    /// Returns what to do about the error, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Endpoint(err) => Some(err.hint()),
            Self::Unreachable { endpoint, source } => Some(hint_unreachable(endpoint, source)),
            Self::Failed { source, .. } => hint_failed(&source.message),
        }
    }
}

/// Waits for something that the engine streams, which the client's own limit does not cover:
/// that ends with the head of the answer.
///
/// # Errors
///
/// That of `work`, or that it took longer than `limit`.
pub async fn in_time<T>(
    limit: Duration,
    action: impl FnOnce() -> String,
    work: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, EngineError> {
    let result = tokio::time::timeout(limit, work).await;
    let result = result.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
    result.map_err(|err| EngineError::failed(action(), err))
}

fn hint_unreachable(endpoint: &str, source: &bollard::errors::Error) -> String {
    let text = chain(source);
    if text.contains("ermission denied") {
        return "your user may not use the engine's socket: join the group `docker`, or use a \
                rootless engine"
            .to_owned();
    }
    if endpoint.starts_with("unix://") {
        return "start Docker or Podman's service, or name another engine with DOCKER_HOST or \
                `docker context use`"
            .to_owned();
    }
    "check DOCKER_HOST or `docker context ls`, and that the engine listens there".to_owned()
}

fn hint_failed(message: &str) -> Option<String> {
    let hint = match message {
        it if it.contains("unable to apply caps") || it.contains("apply caps: operation") => {
            "this engine cannot start privileged containers: try `--privilege reduced`"
        }
        it if it.contains("port is already allocated") || it.contains("address already in use") => {
            "another program has the port: choose another one, or leave it to the engine"
        }
        it if it.contains("no space left on device") => {
            "the engine's disk is full: `docker system df` shows what takes the space"
        }
        it if it.contains("Pool overlaps") => {
            "another network has these addresses: choose another `--subnet`"
        }
        it if it.contains("non-overlapping IPv4 address pool") => {
            "the engine has no addresses left for networks: remove unused ones with `docker network \
             prune`, or choose a `--subnet`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn chain(err: &dyn std::error::Error) -> String {
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

impl Engine {
    /// Finds the engine that the environment means, and asks it for its API version; each
    /// call may take as long as `limit`, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when there is none, or when it does not answer.
    pub async fn connect(
        environment: &Environment<'_>,
        limit: Duration,
    ) -> Result<Self, EngineError> {
        let endpoint = Endpoint::find(environment)?;
        let unreachable = |source| EngineError::Unreachable {
            endpoint: endpoint.to_string(),
            source: Box::new(source),
        };
        let docker = open(&endpoint, limit).map_err(unreachable)?;
        // Newer engines refuse old clients and old engines refuse newer ones, so one asks first.
        let docker = docker.negotiate_version().await.map_err(unreachable)?;
        Ok(Self { docker, endpoint })
    }

    /// Returns the client.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Returns a client for transfers, which may take long.
    pub fn for_transfer(&self) -> Docker {
        self.docker.clone().with_timeout(TRANSFER_LIMIT)
    }

    /// Returns where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

fn open(endpoint: &Endpoint, limit: Duration) -> Result<Docker, bollard::errors::Error> {
    let seconds = limit.as_secs().max(1);
    match endpoint {
        Endpoint::Local(address) => Docker::connect_with_local(address, seconds, CLIENT_VERSION),
        Endpoint::Tcp { address, tls: None } => {
            Docker::connect_with_http(address, seconds, CLIENT_VERSION)
        }
        Endpoint::Tcp { address, tls: Some(dir) } => Docker::connect_with_ssl(
            address,
            &dir.join("key.pem"),
            &dir.join("cert.pem"),
            &dir.join("ca.pem"),
            seconds,
            CLIENT_VERSION,
        ),
    }
}
