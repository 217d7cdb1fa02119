//! The servers that an agent knows: it joins through one, and later uses the addresses of all,
//! which are kept when its container stops.

use crate::http::{Client, Request, Response};
use crate::{keys, times};
use anyhow::{Context as _, bail};
use rustls::ClientConfig;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) struct Servers {
    config: ClientConfig,
    token: String,
    path: Option<PathBuf>,
    /// The server that answered last is first.
    clients: Mutex<Vec<Arc<Client>>>,
}

impl Servers {
    /// Returns the server at `url`, and those in the file at `path`, if it exists.
    ///
    /// # Errors
    ///
    /// When the URL is invalid.
    pub(crate) fn new(
        url: &str,
        config: ClientConfig,
        token: &str,
        path: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let text = path.as_ref().and_then(|it| fs::read(it).ok()).unwrap_or_default();
        let known: Value = serde_json::from_slice(&text).unwrap_or_default();
        let servers = Self { config, token: token.to_owned(), path, clients: Mutex::default() };
        for address in addresses(&known["ServerAddresses"]) {
            servers.add(&format!("https://{address}:6443"))?;
        }
        servers.add(url)?;
        Ok(servers)
    }

    /// Queries one server after another until one answers.
    ///
    /// # Errors
    ///
    /// The error of the last server, if none answers.
    pub(crate) fn send(&self, request: Request) -> anyhow::Result<Response> {
        let request = request.with("authorization", &format!("Bearer {}", self.token));
        let clients = self.lock().clone();
        let mut last = None;
        for client in clients {
            match client.send(&request) {
                Ok(response) if response.status == 503 => last = Some(Ok(response)),
                Ok(response) => {
                    self.prefer(&client);
                    return Ok(response);
                }
                Err(err) => last = Some(Err(err)),
            }
        }
        let response = last.context("there is no server")??;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        bail!("{} {}", response.status, body["message"].as_str().unwrap_or_default());
    }

    /// Stores the addresses of all servers.
    ///
    /// # Errors
    ///
    /// When they cannot be stored.
    pub(crate) fn learn(&self, list: &Value) -> anyhow::Result<()> {
        let new = addresses(list);
        let known: Vec<_> = self.lock().iter().map(|it| it.host.clone()).collect();
        let is_news = new.iter().any(|it| !known.contains(it));
        for address in new.iter().filter(|it| !known.contains(it)) {
            self.add(&format!("https://{address}:6443"))?;
        }
        match &self.path {
            Some(path) if is_news => {
                let text = json!({ "ServerAddresses": new }).to_string();
                keys::write_secret(path, text.as_bytes())
            }
            _ => Ok(()),
        }
    }

    fn add(&self, url: &str) -> anyhow::Result<()> {
        let client = Client::new(url, self.config.clone())?;
        self.lock().push(Arc::new(client.keep_alive().within(times::PROBE_LIMIT)));
        Ok(())
    }

    fn prefer(&self, client: &Arc<Client>) {
        let mut clients = self.lock();
        if let Some(idx) = clients.iter().position(|it| Arc::ptr_eq(it, client)) {
            clients[..=idx].rotate_right(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn addresses(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Authority;

    #[test]
    fn servers_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc/servers.json");
        let servers = || {
            let config = Authority::new("a").unwrap().client(None).unwrap();
            Servers::new("https://first:6443", config, "a", Some(path.clone())).unwrap()
        };
        let hosts = |it: &Servers| it.lock().iter().map(|it| it.host.clone()).collect::<Vec<_>>();
        let first = servers();
        first.learn(&json!(["10.0.0.1", "10.0.0.2"])).unwrap();
        assert_eq!(hosts(&first), ["first", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(hosts(&servers()), ["10.0.0.1", "10.0.0.2", "first"]);
        let last = Arc::clone(&first.lock()[2]);
        first.prefer(&last);
        assert_eq!(hosts(&first), ["10.0.0.2", "first", "10.0.0.1"]);
    }
}
