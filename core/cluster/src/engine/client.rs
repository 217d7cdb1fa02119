//! A Docker engine that has answered.

use super::endpoint::Endpoint;
use super::error::EngineError;
use bollard::Docker;
use std::time::Duration;

/// How long the engine may take to answer, unless the user sets another limit. Stopping a container
/// takes ten seconds by itself.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long a transfer of an image may take: it may have several gigabytes and a slow connection.
pub const TRANSFER_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The newest API that bollard supports. The engine's own version is queried at the first call.
const CLIENT_VERSION: &bollard::ClientVersion = bollard::API_DEFAULT_VERSION;

/// A Docker engine that has answered.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    endpoint: Endpoint,
}

/// Waits for something that the engine streams. The client's own limit does not cover this, because
/// it ends with the head of the response.
///
/// # Errors
///
/// The error of `work`, or that it took longer than `limit`.
pub async fn in_time<T>(
    limit: Duration,
    action: impl FnOnce() -> String,
    work: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, EngineError> {
    let result = tokio::time::timeout(limit, work).await;
    let result = result.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
    result.map_err(|err| EngineError::failed(action(), err))
}

impl Engine {
    /// Connects to the engine at `endpoint`, and asks it for its API version. Each call may take as
    /// long as `limit`, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when it does not answer.
    pub async fn connect(endpoint: Endpoint, limit: Duration) -> Result<Self, EngineError> {
        let unreachable = |source| EngineError::Unreachable {
            endpoint: endpoint.clone(),
            source: Box::new(source),
        };
        let target = endpoint.clone();
        // With TLS, certificates are read.
        let opened = tokio::task::spawn_blocking(move || open(&target, limit)).await;
        let docker = opened.expect("the client does not panic").map_err(unreachable)?;
        // Newer engines refuse old clients, and old engines refuse newer ones, so ask first.
        // The client's own limit ends with the head of the response.
        let negotiated = tokio::time::timeout(limit, docker.negotiate_version()).await;
        let negotiated = negotiated.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
        let docker = negotiated.map_err(unreachable)?;
        Ok(Self { docker, endpoint })
    }

    /// Returns an engine that has not answered, for tests that do not call it.
    #[cfg(test)]
    pub(crate) fn unconnected() -> Self {
        let endpoint = Endpoint::Tcp { address: "tcp://127.0.0.1:1".to_owned(), tls: None };
        let docker = open(&endpoint, TIME_LIMIT).expect("the address is valid");
        Self { docker, endpoint }
    }

    /// Returns the client.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Returns a client for transfers, which may take longer.
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
