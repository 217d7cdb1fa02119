//! Waiting for what a user means by "ready": the API server answers, and reports that every
//! node is ready. Nothing waits for a fixed time.

use super::api_access::read_credentials;
use super::inventory::NodeContainer;
use crate::api_server::Api;
use crate::engine::Engine;
use crate::error::ClusterError;
use crate::kubeconfig::Credentials;
use std::collections::BTreeSet;
use std::time::Duration;

/// Pauses between questions: short ones first, as most answers come soon.
struct Pace(Duration);

impl Pace {
    fn new() -> Self {
        Self(Duration::from_millis(5))
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        // A question costs less than a millisecond; a longer pause gains nothing.
        self.0 = (self.0 * 3 / 2).min(Duration::from_millis(25));
    }
}

/// Waits until the API server of a first server is ready, and returns its credentials
/// and a client for it.
pub(crate) async fn api(
    engine: &Engine,
    first: &NodeContainer,
    host: &str,
) -> Result<(Credentials, Api), ClusterError> {
    let mut pace = Pace::new();
    let credentials = loop {
        match read_credentials(engine, first, host).await? {
            Some(credentials) => break credentials,
            None => pace.pause().await,
        }
    };
    let api = Api::new(&credentials)?;
    let mut pace = Pace::new();
    while !api.is_ready().await {
        pace.pause().await;
    }
    Ok((credentials, api))
}

/// Waits until all nodes with these names are ready.
pub(crate) async fn nodes(api: &Api, names: BTreeSet<String>, progress: &dyn Fn(usize)) {
    let mut pace = Pace::new();
    let mut n_before = 0;
    loop {
        // An API server that has just started may fail again for a moment.
        let nodes = api.nodes().await.unwrap_or_default();
        let n_ready = nodes.iter().filter(|it| it.is_ready && names.contains(&it.name)).count();
        if n_ready > n_before {
            n_before = n_ready;
            progress(n_ready);
        }
        if n_ready == names.len() {
            return;
        }
        pace.pause().await;
    }
}
