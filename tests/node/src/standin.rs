//! A node that only says that it is one: there is an API server with a few objects, and no
//! kubelet.

use crate::api::Api;
use crate::args::Settings;
use crate::http::{self, Client, Request};
use crate::keys::{self, Authority};
use crate::store::{Store, Write};
use crate::switches::Switches;
use crate::{STATE, VERSION, join, log, node, park};
use anyhow::{Context as _, ensure};
use serde_json::json;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

/// Runs a node. Returns only when it cannot be run.
pub(crate) fn run(settings: Settings, switches: Switches) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    if settings.is_server {
        run_server(settings, switches)
    } else {
        run_agent(&settings, &switches)
    }
}

/// Returns the token, which the first server may have to make up.
pub(crate) fn token(settings: &Settings) -> anyhow::Result<String> {
    if let Some(token) = &settings.token {
        return Ok(token.clone());
    }
    let path = Path::new(STATE).join("server/token");
    if let Ok(token) = fs::read_to_string(&path) {
        return Ok(token);
    }
    let mut bytes = [0; 16];
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    ensure!(filled.is_ok(), "there is no randomness");
    let token: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
    keys::write_secret(&path, token.as_bytes())?;
    Ok(token)
}

fn run_agent(settings: &Settings, switches: &Switches) -> anyhow::Result<()> {
    log::info(&format!("Starting k3s agent {VERSION} (stand-in)"));
    let token = token(settings)?;
    let authority = Authority::new(&token)?;
    let client = client(settings, &authority)?.context("--server is required")?;
    register(&client, settings, &token, is_ready_at_once(switches))?;
    log::info(&format!("Successfully registered node {}", settings.name));
    if let Some(pause) = switches.node_ready_after.filter(|it| !it.is_zero()) {
        thread::sleep(pause);
        register(&client, settings, &token, true)?;
    }
    park()
}

fn run_server(settings: Arc<Settings>, switches: Switches) -> anyhow::Result<()> {
    log::info(&format!("Starting k3s {VERSION} (stand-in)"));
    let token = token(&settings)?;
    let authority = Authority::new(&token)?;
    let identity = authority.server(&node::server_names(&settings))?;
    let store = Store::open(Path::new(STATE).join("standin.json"))?;
    add_namespaces(&store)?;
    let api = Arc::new(Api {
        store,
        is_ready: AtomicBool::new(false),
        token,
        authority: authority.pem(),
        first: client(&settings, &authority)?,
    });
    log::info("Running kube-apiserver --bind-address=0.0.0.0 --secure-port=6443");
    let listener = TcpListener::bind("0.0.0.0:6443").context("failed to listen on port 6443")?;
    let is_at_once = is_ready_at_once(&switches);
    write_node(&api, &settings, is_at_once)?;
    let answering = Arc::clone(&api);
    let config = authority.serve(&identity)?;
    if switches.ready_after == Some(Duration::ZERO) && api.first.is_none() {
        api.is_ready.store(true, Ordering::Release);
    }
    http::serve(listener, config, move |it| answering.answer(it))?;
    authority.write_kubeconfig(&settings.kubeconfig)?;
    if let Some(first) = &api.first {
        register(first, &settings, &api.token, is_at_once)?;
    }
    if let Some(pause) = switches.node_ready_after.filter(|it| !it.is_zero()) {
        let (api, settings) = (Arc::clone(&api), Arc::clone(&settings));
        thread::Builder::new().name("node".to_owned()).spawn(move || {
            thread::sleep(pause);
            if let Err(err) = become_ready(&api, &settings) {
                log::info(&format!("failed to update the node: {err:#}"));
            }
        })?;
    }
    if let Some(pause) = switches.ready_after {
        thread::sleep(pause);
        api.is_ready.store(true, Ordering::Release);
        log::info("k3s is up and running");
    }
    park()
}

fn is_ready_at_once(switches: &Switches) -> bool {
    switches.node_ready_after == Some(Duration::ZERO)
}

fn client(settings: &Settings, authority: &Authority) -> anyhow::Result<Option<Client>> {
    let Some(url) = &settings.url else { return Ok(None) };
    Client::new(url, authority.client(None)?).map(Some)
}

/// Tells the first server of this node, as often as it takes.
fn register(
    client: &Client,
    settings: &Settings,
    token: &str,
    is_ready: bool,
) -> anyhow::Result<()> {
    let object = node::object(settings, VERSION, is_ready);
    let request = Request::new("POST", "/api/v1/nodes")
        .with("authorization", &format!("Bearer {token}"))
        .with_body("application/json", object.to_string().into_bytes());
    join::until_done(settings.url.as_deref().unwrap_or_default(), || {
        let response = client.send(&request)?;
        ensure!(matches!(response.status, 200 | 201), "the answer has status {}", response.status);
        Ok(())
    })
}

fn become_ready(api: &Api, settings: &Settings) -> anyhow::Result<()> {
    write_node(api, settings, true)?;
    match &api.first {
        Some(first) => register(first, settings, &api.token, true),
        None => Ok(()),
    }
}

fn write_node(api: &Api, settings: &Settings, is_ready: bool) -> anyhow::Result<()> {
    let object = node::object(settings, VERSION, is_ready);
    let written = api.store.write(&format!("nodes/{}", settings.name), object, Write::Join);
    written.map(drop).map_err(|err| anyhow::anyhow!("failed to write the node: {err:?}"))
}

fn add_namespaces(store: &Store) -> anyhow::Result<()> {
    for name in ["default", "kube-public", "kube-system"] {
        let key = format!("namespaces/{name}");
        if store.get(&key).is_some() {
            continue;
        }
        let object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
            "status": { "phase": "Active" },
        });
        let written = store.write(&key, object, Write::Create);
        written.map_err(|err| anyhow::anyhow!("failed to write a namespace: {err:?}"))?;
    }
    Ok(())
}
