//! A node that only claims to be one: there is an API server with a few objects, and no kubelet. It
//! starts, joins and ends like a node of k3s.

use crate::api::{Api, MEMBERS};
use crate::args::Settings;
use crate::controllers::Controllers;
use crate::etcd::Etcd;
use crate::http::{self, Client, Request};
use crate::keys::{self, Authority};
use crate::kubelet::{Kubelet, Rejected};
use crate::members::{self, Members};
use crate::servers::Servers;
use crate::store::{Store, Write};
use crate::switches::Switches;
use crate::{STATE, VERSION, join, log, node, times};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use std::{fs, thread};

/// Runs a node. Returns only if it cannot be run.
pub(crate) fn run(settings: Settings, switches: Switches) -> anyhow::Result<()> {
    if settings.is_server {
        run_server(settings, switches)
    } else {
        run_agent(&settings, &switches)
    }
}

/// Returns the token, which the first server may have to generate.
pub(crate) fn token(settings: &Settings) -> anyhow::Result<String> {
    if let Some(token) = &settings.token {
        return Ok(token.clone());
    }
    let path = Path::new(STATE).join("server/token");
    if let Ok(token) = fs::read_to_string(&path) {
        return Ok(token);
    }
    let token = keys::random(16)?;
    keys::write_secret(&path, token.as_bytes())?;
    Ok(token)
}

fn run_agent(settings: &Settings, switches: &Switches) -> anyhow::Result<()> {
    let started = Instant::now();
    log::info(&format!("Starting k3s agent {VERSION} (stand-in)"));
    let token = token(settings)?;
    let config = Authority::new(&token)?.client_of_any_name(None)?;
    let url = settings.url.as_deref().context("--server is required")?;
    let path = Path::new(STATE).join("agent/etc/k3s-agent-load-balancer.json");
    let servers = Servers::new(url, config, &token, Some(path))?;
    let ready_after = switches.node_ready_after;
    let kubelet = Kubelet { settings, servers: &servers, started, ready_after };
    join::without_end(url, || kubelet.log_in());
    kubelet.run()
}

fn run_server(settings: Settings, switches: Switches) -> anyhow::Result<()> {
    let started = Instant::now();
    log::info(&format!("Starting k3s {VERSION} (stand-in)"));
    let token = token(&settings)?;
    let authority = Authority::new(&token)?;
    let identity = authority.server(&node::server_names(&settings))?;
    let store = Arc::new(Store::open(Path::new(STATE).join("standin.json"))?);
    let etcd = etcd(&settings, &authority, &token, &store)?;
    let api = Arc::new(Api {
        store,
        is_ready: AtomicBool::new(false),
        token,
        authority: authority.pem(),
        etcd,
    });
    authority.write_kubeconfig(&settings.kubeconfig)?;
    log::info(&format!("Wrote kubeconfig {}", settings.kubeconfig.display()));
    log::info("Run: k3s kubectl");
    log::info("Waiting for API server to become available");
    thread::sleep(times::API_START);
    let listener = TcpListener::bind("0.0.0.0:6443").context("failed to listen on port 6443")?;
    let config = authority.serve(&identity)?;
    let answering = Arc::clone(&api);
    http::serve(listener, config, move |it| answering.answer(it))?;
    let (controlled, promotion) = (Arc::clone(&api), switches.promotion);
    thread::Builder::new()
        .name("controllers".to_owned())
        .spawn(move || Controllers::new(promotion).run(&controlled))?;
    while !api.works() {
        thread::sleep(times::TICK);
    }
    log::info("Kube API server is now running");
    if let Some(pause) = switches.ready_after {
        let api = Arc::clone(&api);
        let become_ready = move || {
            thread::sleep(pause);
            api.is_ready.store(true, Ordering::Release);
            log::info("k3s is up and running");
        };
        thread::Builder::new().name("readiness".to_owned()).spawn(become_ready)?;
    }
    let config = authority.client_of_any_name(None)?;
    let own = "https://127.0.0.1:6443";
    let servers = Servers::new(own, config, &api.token, None)?;
    let ready_after = switches.node_ready_after;
    let kubelet = Kubelet { settings: &settings, servers: &servers, started, ready_after };
    let logged_in = join::without_end(own, || match kubelet.log_in() {
        Err(err) if err.is::<Rejected>() => Ok(Err(err)),
        other => other.map(Ok),
    });
    logged_in.context("preparing server")?;
    kubelet.run()
}

/// Returns this server as a member of etcd, which it may have to join; `None` if it stores its data
/// alone.
fn etcd(
    settings: &Settings,
    authority: &Authority,
    token: &str,
    store: &Arc<Store>,
) -> anyhow::Result<Option<Arc<Etcd>>> {
    let is_member = !store.members().is_empty();
    if !is_member && settings.url.is_none() {
        add_namespaces(store)?;
        if !settings.is_cluster_init {
            return Ok(None);
        }
    }
    let path = Path::new(STATE).join("server/db/etcd/name");
    let name = members::own_name(&path, &settings.name)?;
    let addresses: Vec<_> = node::addresses().iter().map(ToString::to_string).collect();
    let joined = store.members().find(&name).map(|it| it.address.clone());
    let address = joined.filter(|it| addresses.contains(it));
    let address = address.or_else(|| addresses.first().cloned());
    let address = address.context("the container has no address")?;
    match &settings.url {
        _ if is_member => log::info("Managed etcd cluster already initialized, ignoring join"),
        Some(url) => {
            let client = Client::new(url, authority.client(None)?)?;
            store.import(&join_etcd(&client, url, token, &name, &address)?)?;
        }
        None => {
            let first = Members::of_first(&name, &address);
            let changed = store.change_members(|it| *it = first);
            changed.map_err(|err| anyhow::anyhow!("failed to begin etcd: {err:?}"))?;
        }
    }
    let etcd = Etcd::new(name, address, token, authority, Arc::clone(store))?;
    Ok(Some(Arc::new(etcd)))
}

/// Joins etcd as a learner, and returns its data. There is one attempt, as in k3s: any failure ends
/// the server.
fn join_etcd(
    client: &Client,
    url: &str,
    token: &str,
    name: &str,
    address: &str,
) -> anyhow::Result<Vec<u8>> {
    let body = json!({ "name": name, "address": address }).to_string();
    let request = Request::new("POST", MEMBERS)
        .with("authorization", &format!("Bearer {token}"))
        .with_body("application/json", body.into_bytes());
    let response = client.send(&request).map_err(|err| join::explain(err, url))?;
    if response.status != 200 {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let message = body["message"].as_str().unwrap_or_default();
        bail!("preparing server: start managed database: joining etcd cluster: {message}");
    }
    Ok(response.body)
}

fn add_namespaces(store: &Store) -> anyhow::Result<()> {
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
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
