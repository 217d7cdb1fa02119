//! The work of the node itself: it sends its password, registers itself, and renews its lease. It
//! starts some time after the process, and until then the API has old data.

use crate::api::{KUBELET, NODE_NAME, NODE_PASSWORD, SERVERS};
use crate::args::Settings;
use crate::http::{Request, Response};
use crate::servers::Servers;
use crate::{VERSION, lease, log, node, password, times};
use anyhow::{bail, ensure};
use serde_json::Value;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

pub(crate) struct Kubelet<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) servers: &'a Servers,
    /// When the process started.
    pub(crate) started: Instant,
    /// When the node is Ready; `None` means never.
    pub(crate) ready_after: Option<Duration>,
}

/// The cluster has another password for this node's name.
#[derive(Debug)]
pub(crate) struct Rejected;

impl std::error::Error for Rejected {}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(password::REJECTED)
    }
}

impl Kubelet<'_> {
    /// Sends the node's password to a server.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the password is wrong; other errors if no server answers.
    pub(crate) fn log_in(&self) -> anyhow::Result<()> {
        let own = password::own(Path::new(password::PATH))?;
        let request = Request::new("POST", KUBELET)
            .with(NODE_NAME, &self.settings.name)
            .with(NODE_PASSWORD, &own);
        match self.servers.send(request)?.status {
            200 => Ok(()),
            403 => Err(Rejected.into()),
            status => bail!("the answer has status {status}"),
        }
    }

    /// Works for ever.
    pub(crate) fn run(&self) -> ! {
        thread::sleep(times::KUBELET_START.saturating_sub(self.started.elapsed()));
        let mut is_registered = false;
        for round in 0_u64.. {
            if !is_registered {
                is_registered = self.done(self.register());
                if is_registered {
                    log::info(&format!("Successfully registered node {}", self.settings.name));
                }
            }
            if is_registered {
                self.done(self.report());
            }
            if round.is_multiple_of(5) {
                self.done(self.learn_servers());
            }
            thread::sleep(times::LEASE_RENEWAL);
        }
        unreachable!("there is always another round")
    }

    /// Logs a failure; returns whether there was none.
    fn done(&self, result: anyhow::Result<()>) -> bool {
        if let Err(err) = &result {
            log::info(&format!("Error updating node status, will retry: {err:#}"));
        }
        result.is_ok()
    }

    fn register(&self) -> anyhow::Result<()> {
        let object = node::object(self.settings, VERSION, self.is_ready());
        let request = Request::new("POST", "/api/v1/nodes")
            .with_body("application/json", object.to_string().into_bytes());
        accepted(self.servers.send(request)?)
    }

    /// Updates the node's readiness, and renews its lease. A node that was deleted does not exist
    /// until its next start, as in k3s.
    fn report(&self) -> anyhow::Result<()> {
        let name = &self.settings.name;
        let found = self.servers.send(Request::new("GET", &format!("/api/v1/nodes/{name}")))?;
        let node: Value = serde_json::from_slice(&found.body)?;
        if found.status == 404 || !node["metadata"]["deletionTimestamp"].is_null() {
            return Ok(());
        }
        let wanted = if self.is_ready() { "True" } else { "False" };
        if lease::readiness(&node) != wanted {
            self.register()?;
        }
        let object = lease::object(name, OffsetDateTime::now_utc());
        let request = Request::new("PATCH", &lease::path(name))
            .with_body("application/apply-patch+yaml", object.to_string().into_bytes());
        accepted(self.servers.send(request)?)
    }

    fn learn_servers(&self) -> anyhow::Result<()> {
        if self.settings.is_server {
            return Ok(());
        }
        let response = self.servers.send(Request::new("GET", SERVERS))?;
        self.servers.learn(&serde_json::from_slice(&response.body)?)
    }

    fn is_ready(&self) -> bool {
        self.ready_after.is_some_and(|it| self.started.elapsed() >= it)
    }
}

fn accepted(response: Response) -> anyhow::Result<()> {
    ensure!(matches!(response.status, 200 | 201), "the answer has status {}", response.status);
    Ok(())
}
