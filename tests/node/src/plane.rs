//! A node with a real control plane: etcd, kube-apiserver and kube-controller-manager run as
//! children of this process. There is still no kubelet.
//!
//! etcd accepts plain HTTP from anyone who reaches the container's address, which is acceptable
//! only in the private network of a test.

use crate::args::Settings;
use crate::http::{Client, Request, Response};
use crate::keys::{Authority, write_secret};
use crate::standin::token;
use crate::{STATE, join, lease, log, node, times};
use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

const PROGRAMS: &str = "/usr/bin";
const LOGS: &str = "/var/log";
/// The time limit for the children to end, all together.
const PATIENCE: Duration = Duration::from_secs(5);

/// The interval between renewals of a lease: a real API server is slower than the stand-in's.
const RENEWAL: Duration = Duration::from_secs(1);

/// The children by their ids. A child that is missing here has ended.
static CHILDREN: Mutex<Children> =
    Mutex::new(Children { running: BTreeMap::new(), is_stopping: false, has_reaper: false });
static CHILD_ENDED: Condvar = Condvar::new();

struct Children {
    running: BTreeMap<i32, &'static str>,
    is_stopping: bool,
    has_reaper: bool,
}

/// Returns whether the container has the programs of a control plane.
pub(crate) fn is_there() -> bool {
    Path::new(PROGRAMS).join("kube-apiserver").exists()
}

/// Runs a node. Returns only if it cannot be run.
pub(crate) fn run(settings: Settings) -> anyhow::Result<()> {
    let role = if settings.is_server { "k3s" } else { "k3s agent" };
    log::info(&format!("Starting {role} {} (control plane without kubelets)", crate::VERSION));
    let authority = Authority::new(&token(&settings)?)?;
    if settings.is_server {
        run_server(&settings, &authority)
    } else {
        let url = settings.url.as_deref().context("--server is required")?;
        let admin = authority.admin()?;
        let client = Client::new(url, authority.client_of_any_name(Some(&admin))?)?;
        join::without_end(url, || register(&settings, &client));
        keep_lease(&settings, &client)
    }
}

/// Ends the children in the order of their dependencies: the store is last.
pub(crate) fn stop() {
    let deadline = Instant::now() + PATIENCE;
    let mut children = lock();
    children.is_stopping = true;
    // The API server waits for its clients, including the controllers. The remaining time is for
    // etcd, which must not be killed.
    let groups: [(&[_], _); 2] = [
        (&["kube-apiserver", "kube-controller-manager"], deadline - PATIENCE / 2),
        (&["etcd"], deadline),
    ];
    for (names, deadline) in groups {
        for (id, _) in children.running.iter().filter(|(_, it)| names.contains(it)) {
            if let Some(pid) = Pid::from_raw(*id) {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        let are_there = |it: &mut Children| it.running.values().any(|it| names.contains(it));
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = CHILD_ENDED.wait_timeout_while(children, left, are_there);
        children = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn run_server(settings: &Settings, authority: &Authority) -> anyhow::Result<()> {
    let store = match &settings.url {
        Some(url) => {
            // The first server's API server reports when its store exists, and whether our token is
            // the right one.
            let first = admin_client(authority, url)?;
            join::until_hopeless(url, || get(&first, "/readyz").map(drop))?;
            format!("http://{}:2379", first.host)
        }
        None => {
            start_etcd(settings)?;
            "http://127.0.0.1:2379".to_owned()
        }
    };
    write_keys(settings, authority)?;
    authority.write_kubeconfig(&settings.kubeconfig)?;
    log::info(&format!("Wrote kubeconfig {}", settings.kubeconfig.display()));
    log::info("Run: k3s kubectl");
    log::info("Waiting for API server to become available");
    start_api_server(&store)?;
    if settings.url.is_none() {
        start_controllers(authority)?;
    }
    let own = "https://127.0.0.1:6443";
    let client = admin_client(authority, own)?;
    while get(&client, "/readyz").is_err() {
        thread::sleep(Duration::from_millis(50));
    }
    log::info("Kube API server is now running");
    log::info("k3s is up and running");
    join::without_end(own, || register(settings, &client));
    keep_lease(settings, &client)
}

fn start_etcd(settings: &Settings) -> anyhow::Result<()> {
    let address = address()?;
    spawn(
        "etcd",
        &[
            format!("--name={}", settings.name),
            format!("--data-dir={STATE}/server/db"),
            "--listen-client-urls=http://0.0.0.0:2379".to_owned(),
            format!("--advertise-client-urls=http://{address}:2379"),
            "--listen-peer-urls=http://127.0.0.1:2380".to_owned(),
            "--initial-advertise-peer-urls=http://127.0.0.1:2380".to_owned(),
            format!("--initial-cluster={}=http://127.0.0.1:2380", settings.name),
        ],
    )
}

fn start_api_server(store: &str) -> anyhow::Result<()> {
    let file = |name: &str| format!("{STATE}/server/tls/{name}");
    spawn(
        "kube-apiserver",
        &[
            format!("--etcd-servers={store}"),
            "--bind-address=0.0.0.0".to_owned(),
            "--secure-port=6443".to_owned(),
            format!("--advertise-address={}", address()?),
            format!("--tls-cert-file={}", file("server.crt")),
            format!("--tls-private-key-file={}", file("server.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            format!("--service-account-key-file={}", file("accounts.key")),
            "--service-cluster-ip-range=10.43.0.0/16".to_owned(),
            "--allow-privileged=true".to_owned(),
        ],
    )
}

fn start_controllers(authority: &Authority) -> anyhow::Result<()> {
    let kubeconfig = format!("{STATE}/server/cred/controller.kubeconfig");
    authority.write_kubeconfig(Path::new(&kubeconfig))?;
    let file = |name: &str| format!("{STATE}/server/tls/{name}");
    spawn(
        "kube-controller-manager",
        &[
            format!("--kubeconfig={kubeconfig}"),
            // A node without a kubelet would be treated as lost.
            "--controllers=*,-node-lifecycle-controller".to_owned(),
            "--leader-elect=false".to_owned(),
            format!("--service-account-private-key-file={}", file("accounts.key")),
            format!("--root-ca-file={}", file("ca.crt")),
        ],
    )
}

fn write_keys(settings: &Settings, authority: &Authority) -> anyhow::Result<()> {
    let server = authority.server(&node::server_names(settings))?;
    let files = [
        ("ca.crt", authority.pem()),
        ("server.crt", server.certificate_pem()),
        ("server.key", server.key_pem()),
        ("accounts.key", authority.accounts_key()),
    ];
    let folder = Path::new(STATE).join("server/tls");
    files.iter().try_for_each(|(name, text)| write_secret(&folder.join(name), text.as_bytes()))
}

fn address() -> anyhow::Result<String> {
    let addresses = node::addresses();
    addresses.first().map(ToString::to_string).context("the container has no address")
}

fn admin_client(authority: &Authority, url: &str) -> anyhow::Result<Client> {
    Client::new(url, authority.client(Some(&authority.admin()?))?)
}

/// Registers the node and marks it as Ready.
fn register(settings: &Settings, client: &Client) -> anyhow::Result<()> {
    let version = get(client, "/version")?;
    let version = version["gitVersion"].as_str().context("the server has no version")?;
    let object = node::object(settings, version, true);
    let made = send(client, "POST", "/api/v1/nodes", "application/json", &object)?;
    // It exists already if the container was started before.
    ensure!(matches!(made.status, 201 | 409), "the node is refused: {}", describe(&made));
    let path = format!("/api/v1/nodes/{}", settings.name);
    patch(client, &format!("{path}/status"), &json!({ "status": object["status"] }))?;
    let labels = &object["metadata"]["labels"];
    // Every new node has the taint "not ready"; only a controller that does not run here would
    // remove it.
    let rest = json!({ "metadata": { "labels": labels }, "spec": { "taints": null } });
    patch(client, &path, &rest)?;
    log::info(&format!("Successfully registered node {}", settings.name));
    Ok(())
}

/// Renews the node's lease for ever. A host that waits for a node waits for this lease.
fn keep_lease(settings: &Settings, client: &Client) -> ! {
    let path = format!("{}?fieldManager=kubelet&force=true", lease::path(&settings.name));
    loop {
        let object = lease::object(&settings.name, OffsetDateTime::now_utc());
        match send(client, "PATCH", &path, "application/apply-patch+yaml", &object) {
            Ok(it) if matches!(it.status, 200 | 201) => thread::sleep(RENEWAL),
            Ok(it) => {
                log::info(&format!("failed to renew the lease: {}", describe(&it)));
                thread::sleep(times::JOIN_RETRY);
            }
            Err(err) => {
                log::info(&format!("failed to renew the lease: {err:#}"));
                thread::sleep(times::JOIN_RETRY);
            }
        }
    }
}

fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    let response = client.send(&Request::new("GET", path))?;
    ensure!(response.status == 200, "{path}: {}", describe(&response));
    Ok(serde_json::from_slice(&response.body).unwrap_or_default())
}

fn patch(client: &Client, path: &str, patch: &Value) -> anyhow::Result<()> {
    let response = send(client, "PATCH", path, "application/merge-patch+json", patch)?;
    ensure!(response.status == 200, "{path}: {}", describe(&response));
    Ok(())
}

fn send(
    client: &Client,
    method: &str,
    path: &str,
    content_type: &str,
    body: &Value,
) -> anyhow::Result<Response> {
    let body = body.to_string().into_bytes();
    client.send(&Request::new(method, path).with_body(content_type, body))
}

/// Returns the status and the server's answer.
fn describe(response: &Response) -> String {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    format!("{} {}", response.status, body["message"].as_str().unwrap_or_default())
}

fn spawn(name: &'static str, args: &[String]) -> anyhow::Result<()> {
    let start = || {
        fs::create_dir_all(LOGS)?;
        let output = File::create(Path::new(LOGS).join(format!("{name}.log")))?;
        let errors = output.try_clone()?;
        let mut command = Command::new(Path::new(PROGRAMS).join(name));
        command.args(args).stdin(Stdio::null()).stdout(output).stderr(errors).spawn()
    };
    let mut children = lock();
    if children.is_stopping {
        bail!("the node stops");
    }
    let child = start().with_context(|| format!("failed to start {name}"))?;
    children.running.insert(child.id().cast_signed(), name);
    if !children.has_reaper {
        children.has_reaper = true;
        thread::Builder::new().name("reaper".to_owned()).spawn(reap)?;
    }
    Ok(())
}

/// Waits for every child, including those that were adopted because their parents ended: only the
/// first process can do that. Ends the process if a part of the control plane has ended by itself.
fn reap() {
    loop {
        let (id, status) = match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => (pid.as_raw_pid(), status),
            Ok(None) => continue,
            // There is no child, which is the case only while the node stops.
            Err(_) => {
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let mut children = lock();
        let Some(name) = children.running.remove(&id) else { continue };
        CHILD_ENDED.notify_all();
        if children.is_stopping {
            continue;
        }
        for line in last_lines(&Path::new(LOGS).join(format!("{name}.log"))) {
            log::info(&format!("{name}: {line}"));
        }
        let status = ExitStatus::from_raw(status.as_raw());
        log::fatal(&format!("{name} exited: {status}"));
        std::process::exit(1);
    }
}

fn last_lines(log: &Path) -> Vec<String> {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].iter().map(|it| (*it).to_owned()).collect()
}

fn lock() -> MutexGuard<'static, Children> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}
