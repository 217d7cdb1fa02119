//! The scaffolded operator under faults: it loses no data, stops on request, and one bad object
//! affects nothing else.

use crate::control_plane::{ControlPlane, free_port};
use crate::operator::{Operator, apply, captain, client_config, field, http_get, refusal, target};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PROJECT: &[&str] = &[
    "create api --group crew --version v1 --kind Captain",
    "create api --group crew --version v2 --kind Captain",
    "create api --group crew --version v1 --kind Sailor",
    "create webhook --group crew --version v1 --kind Captain --defaulting --validation --conversion --spoke v2",
];

/// The time limit for the operator to end by itself: less than Kubernetes grants it.
const SOON: Duration = Duration::from_secs(15);

/// A running operator and its log.
struct Running {
    child: Child,
    log: std::path::PathBuf,
    health: u16,
    metrics: u16,
}

impl Running {
    /// Starts the operator, with webhooks on a port or without webhooks.
    fn start(
        name: &str,
        folder: &Path,
        kubeconfig: &Path,
        webhooks: Option<u16>,
        args: &[&str],
    ) -> Self {
        let [metrics, health] = [free_port(), free_port()];
        let log = folder.join(format!("operator-{health}.log"));
        let file = fs::File::create(&log).expect("the directory is writable");
        let child = Command::new(target().join("debug").join(name))
            .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"))
            .arg("--metrics-secure=false")
            .arg(format!("--health-probe-bind-address=127.0.0.1:{health}"))
            .arg(format!("--webhook-port={}", webhooks.unwrap_or_default()))
            .arg("--webhook-cert-path")
            .arg(folder.join("webhook"))
            .args(args)
            .env("KUBECONFIG", kubeconfig)
            .env("ENABLE_WEBHOOKS", webhooks.is_some().to_string())
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn()
            .expect("the operator is built");
        Self { child, log, health, metrics }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    }

    /// Waits for an answer of the health endpoint.
    #[track_caller]
    fn wait_for(&self, path: &str, text: &str) {
        let address = format!("127.0.0.1:{}", self.health);
        let start = Instant::now();
        while !http_get(&address, path).contains(text) {
            assert!(start.elapsed() < SOON, "{path} never reports {text}:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end, which must be soon.
    #[track_caller]
    fn end(&mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is accessible") {
                return (status, self.log());
            }
            assert!(start.elapsed() < SOON, "the operator does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a kubeconfig for a server on this port that accepts any client.
fn kubeconfig(folder: &Path, port: u16) -> std::path::PathBuf {
    let path = folder.join(format!("kubeconfig-{port}"));
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters:\n- name: test\n  cluster:\n    server: http://127.0.0.1:{port}\n\
         users:\n- name: test\n  user: {{}}\n\
         contexts:\n- name: test\n  context:\n    cluster: test\n    user: test\n"
    );
    fs::write(&path, text).expect("the directory is writable");
    path
}

/// Starts an API server that returns its version and forbids everything else.
fn forbidding_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let mut request = [0; 8192];
    while let Ok(n) = stream.read(&mut request) {
        if n == 0 {
            return;
        }
        let (code, body) = match request.starts_with(b"GET /version") {
            true => {
                let names = ["gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion"];
                let mut version: Value = names.iter().map(|it| (*it, json!("v"))).collect();
                for (name, value) in
                    [("major", "1"), ("minor", "1"), ("compiler", "gc"), ("platform", "x")]
                {
                    version[name] = json!(value);
                }
                ("200 OK", version)
            }
            false => (
                "403 Forbidden",
                json!({
                    "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
                    "message": "nothing is allowed", "reason": "Forbidden", "code": 403,
                }),
            ),
        };
        let body = body.to_string();
        let head = "Content-Type: application/json\r\nContent-Length";
        let _ = write!(stream, "HTTP/1.1 {code}\r\n{head}: {}\r\n\r\n{body}", body.len());
    }
}

#[test]
fn a_scaffolded_operator_ends_when_it_is_told_to_and_says_why() {
    let operator = Operator::scaffold("ending", PROJECT);
    // A server of the user's own, which stops early on request.
    operator.replace(
        "src/main.rs",
        "        // +pintle:scaffold:controllers\n",
        "        // +pintle:scaffold:controllers\n        .server(dying)\n",
    );
    let main = operator.root().join("src/main.rs");
    let dying = "\nasync fn dying(\n    context: ending::Context,\n    starting: ending::Starting,\n) \
                 -> Result<()> {\n    starting.done();\n    if std::env::var_os(\"DYING\").is_none() {\n        \
                 context.stop.cancelled().await;\n    }\n    Ok(())\n}\n";
    let text = fs::read_to_string(&main).expect("it is scaffolded");
    fs::write(&main, text + dying).expect("the project is writable");
    operator.cargo(&["build", "--quiet", "--bins"]);
    let folder = operator.root();

    // It accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let silent_port = silent.local_addr().expect("it is bound").port();
    let silent = kubeconfig(&folder, silent_port);
    for args in [&[][..], &["--leader-elect"]] {
        let mut early = Running::start("ending", &folder, &silent, None, args);
        thread::sleep(Duration::from_millis(70));
        early.terminate();
        let (status, log) = early.end();
        // A signal also ends the process before the process handles signals.
        assert!(status.success() || status.signal() == Some(15), "{status}: {log}");
    }

    // A missing certificate ends the replica, whether it leads or waits.
    let mut bare =
        Running::start("ending", &folder, &silent, Some(free_port()), &["--leader-elect"]);
    let (status, log) = bare.end();
    assert_eq!(status.code(), Some(1), "{log}");
    let expected = "failed to read the certificate in `";
    assert!(log.contains(expected) && log.contains("No such file"), "{log}");
    assert!(!log.contains('\u{1b}'), "no colors in a file: {log}");

    // An address that is in use.
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let addr = taken.local_addr().expect("it is bound").to_string();
    let mut second = Command::new(target().join("debug/ending"))
        .arg(format!("--metrics-bind-address={addr}"))
        .arg("--health-probe-bind-address=0")
        .env("KUBECONFIG", &silent)
        .env("ENABLE_WEBHOOKS", "false")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the operator is built");
    let mut log = String::new();
    let stdout = second.stdout.as_mut().expect("it is a pipe");
    stdout.read_to_string(&mut log).expect("it is UTF-8");
    assert_eq!(second.wait().expect("it is accessible").code(), Some(1), "{log}");
    assert!(log.contains(&format!("failed to listen on {addr}")), "{log}");

    // A server that fails ends the process, and the error names it.
    let dying = Command::new(target().join("debug/ending"))
        .args(["--metrics-bind-address=0", "--health-probe-bind-address=0", "--webhook-port=-1"])
        .env("KUBECONFIG", &silent)
        .env("DYING", "true")
        .output()
        .expect("the operator is built");
    let log = String::from_utf8_lossy(&dying.stdout);
    assert_eq!(dying.status.code(), Some(1), "{log}");
    assert!(log.contains("`ending::dying` ended early"), "{log}");

    // The API server has stopped.
    let gone = kubeconfig(&folder, free_port());
    let mut alone = Running::start("ending", &folder, &gone, None, &[]);
    let (status, log) = alone.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("Connection refused") && !log.contains("Kube("), "{log}");

    // No list ever arrives.
    let forbidding = kubeconfig(&folder, forbidding_server());
    let mut waiting = Running::start("ending", &folder, &forbidding, None, &[]);
    waiting.wait_for("/readyz", " 200 ");
    while !waiting.log().contains("failed to perform initial object list") {
        thread::sleep(Duration::from_millis(20));
    }
    waiting.terminate();
    let (status, log) = waiting.end();
    assert!(status.success(), "{status}: {log}");
    let expected = "failed to perform initial object list: nothing is allowed";
    assert!(log.contains(expected) && !log.contains("Status {"), "{log}");

    // An unfinished request delays the server; a second signal does not wait for it.
    let mut held = Running::start("ending", &folder, &forbidding, None, &[]);
    held.wait_for("/readyz", " 200 ");
    let mut open = TcpStream::connect(("127.0.0.1", held.health)).expect("the server listens");
    open.write_all(b"GET /healthz HTTP/1.1\r\nHost").expect("the server reads");
    thread::sleep(Duration::from_millis(200));
    held.terminate();
    thread::sleep(Duration::from_millis(500));
    let second = Instant::now();
    held.terminate();
    let (status, log) = held.end();
    assert_eq!(status.code(), Some(143), "{log}");
    assert!(second.elapsed() < Duration::from_secs(3), "{log}");
    drop(open);
}

#[test]
fn a_scaffolded_operator_loses_nothing_and_minds_its_manners() {
    let Some(plane) = ControlPlane::start() else { return };
    let operator = Operator::scaffold("stormy", PROJECT);
    let message = "    pub message: Option<String>,\n";
    let more = "    #[serde(default)]\n    pub mood: Option<Mood>,\n    \
                #[serde(default)]\n    pub age: Option<u32>,\n";
    for version in ["v1", "v2"] {
        let path = format!("src/api/crew/{version}/captain.rs");
        operator.replace(&path, message, &format!("{message}{more}"));
        let mood = "/// An enum.\n#[derive(Clone, Debug, PartialEq)]\n\
                    #[derive(schemars::JsonSchema, serde::Deserialize, serde::Serialize)]\n\
                    pub enum Mood {\n    Good,\n    Bad,\n}\n\n/// The observed state";
        operator.replace(&path, "/// The observed state", mood);
    }
    // A field that became required; the definition in the cluster is older.
    let rank = format!("{message}    pub rank: String,\n");
    operator.replace("src/api/crew/v1/sailor.rs", message, &rank);
    operator.cargo(&["build", "--quiet", "--bins"]);
    fs::create_dir(plane.path("webhook")).expect("the directory is new");
    plane.make_certificate("hook", "/CN=webhook", "subjectAltName=IP:127.0.0.1");
    for (from, to) in [("hook.crt", "webhook/tls.crt"), ("hook.key", "webhook/tls.key")] {
        fs::copy(plane.path(from), plane.path(to)).expect("the certificate exists");
    }

    let port = free_port();
    definitions_of_another_age(&plane, &operator, port);
    let folder = plane.path("");
    let running =
        Running::start("stormy", &folder, &plane.kubeconfig(), Some(port), &["--leader-elect"]);
    running.wait_for("/readyz", " 200 ");
    webhooks(&plane, port);

    webhooks_lose_nothing(&plane);
    a_bad_object_stops_nothing(&plane, &running);
    manners(&plane, &running);
    running.terminate();
    let mut running = running;
    let (status, log) = running.end();
    assert!(status.success(), "{status}: {log}");
}

/// Installs definitions with a field that the operator does not know, and without one that it
/// requires.
fn definitions_of_another_age(plane: &ControlPlane, operator: &Operator, port: u16) {
    let text = operator.cargo(&["run", "--quiet", "--bin", "crdgen"]);
    assert!(!text.contains("uint32"), "API servers do not know that format: {text}");
    for document in text.split("---\n").filter(|it| !it.is_empty()) {
        let mut definition: Value = serde_saphyr::from_str(document).expect("crdgen prints YAML");
        if let Some(conversion) = definition["spec"].get_mut("conversion") {
            conversion["webhook"]["clientConfig"] = client_config(plane, port, "/convert");
        }
        for version in definition["spec"]["versions"].as_array_mut().expect("there are versions") {
            let properties = &mut version["schema"]["openAPIV3Schema"]["properties"];
            let conditions = &properties["status"]["properties"]["conditions"];
            assert_eq!(conditions["x-kubernetes-list-type"], "map");
            let spec = &mut properties["spec"];
            spec["properties"]["newer"] =
                json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            spec.as_object_mut().expect("it is a schema").remove("required");
        }
        apply(plane, &definition);
    }
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    plane.kubectl(&wait).expect("the definitions are established");
}

fn webhooks(plane: &ControlPlane, port: u16) {
    for (kind, verb) in
        [("MutatingWebhookConfiguration", "mutate"), ("ValidatingWebhookConfiguration", "validate")]
    {
        let path = format!("/{verb}/crew.example.org/v1/captains");
        let rule = json!({
            "apiGroups": ["crew.example.org"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["captains"],
        });
        let webhook = json!({
            "name": format!("{verb}.captains.crew.example.org"),
            "admissionReviewVersions": ["v1"],
            "clientConfig": client_config(plane, port, &path),
            "sideEffects": "None",
            "rules": [rule],
        });
        let version = "admissionregistration.k8s.io/v1";
        let metadata = json!({ "name": verb });
        apply(
            plane,
            &json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "webhooks": [webhook] }),
        );
    }
}

#[track_caller]
fn get(plane: &ControlPlane, object: &str) -> Value {
    let text = plane.kubectl(&["get", object, "-o", "json"]).unwrap_or_else(|err| panic!("{err}"));
    serde_json::from_str(&text).expect("kubectl prints JSON")
}

fn webhooks_lose_nothing(plane: &ControlPlane) {
    let newer = json!({ "a": [{ "b": 1 }], "c": { "d": "e" } });
    for version in ["v1", "v2"] {
        let name = format!("kept-{version}");
        let mut object = captain(&name, json!("x"));
        object["apiVersion"] = json!(format!("crew.example.org/{version}"));
        object["spec"] = json!({ "newer": newer });
        apply(plane, &object);
        for read in ["v1", "v2"] {
            let found = get(plane, &format!("captains.{read}.crew.example.org/{name}"));
            let expected = json!({ "newer": newer, "message": "hello" });
            assert_eq!(found["spec"], expected, "created as {version}, read as {read}");
        }
    }
    // The type writes null for an enum that is missing, and the server accepts it.
    let mut object = captain("moody", json!("x"));
    object["spec"]["mood"] = json!("Good");
    apply(plane, &object);
    object["spec"]["mood"] = Value::Null;
    let _ = plane.kubectl_with(&["replace", "-f", "-"], &object.to_string()).expect("null fits");
    assert_eq!(get(plane, "captain/moody")["spec"].get("mood"), None);

    let mut object = captain("empty", json!("x"));
    object.as_object_mut().expect("it is an object").remove("spec");
    let said = plane.kubectl_with(&["create", "--validate=false", "-f", "-"], &object.to_string());
    let err = said.expect_err("the object should be refused");
    assert!(err.contains("spec: Required value"), "{err}");
    let err = refusal(plane, &captain("blank", json!(" ")));
    assert!(err.contains("must not be blank"), "{err}");
}

fn sailor(name: &str) -> Value {
    let mut object = captain(name, json!("hey"));
    object["kind"] = json!("Sailor");
    object["spec"]["rank"] = json!("cook");
    object
}

fn a_bad_object_stops_nothing(plane: &ControlPlane, running: &Running) {
    // The definition of the operator's own version is installed after these objects.
    for name in ["bad", "held"] {
        let mut object = sailor(name);
        object["spec"] = json!({ "message": "hey" });
        if name == "held" {
            object["metadata"]["finalizers"] = json!(["crew.example.org/sailor"]);
        }
        apply(plane, &object);
    }
    apply(plane, &sailor("good"));
    plane.wait_for("the good object is reconciled", || {
        field(plane, "configmap/good-sailor", ".data.message") == "hey"
    });
    plane.wait_for("the bad object is reported in an event", || {
        let events = plane.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
        events.is_ok_and(|it| it.contains("\"Invalid\"") && it.contains("field rank"))
    });
    let metrics = http_get(&format!("127.0.0.1:{}", running.metrics), "/metrics");
    let series = r#"controller_runtime_terminal_reconcile_errors_total{controller="sailor"} "#;
    assert!(metrics.contains(series), "{metrics}");
    assert!(running.log().contains("the object does not match its type"), "{}", running.log());
    let bad = get(plane, "sailor/bad");
    assert!(bad.get("status").is_none() && bad["metadata"].get("finalizers").is_none(), "{bad}");
    for name in ["bad", "held", "good"] {
        plane.kubectl(&["delete", "sailor", name, "--timeout=60s"]).expect("it can be deleted");
    }
}

fn manners(plane: &ControlPlane, running: &Running) {
    apply(plane, &captain("ann", json!("hey")));
    plane.wait_for("the status is set", || {
        field(plane, "captain/ann", ".status.conditions[?(@.type==\"Ready\")].status") == "True"
    });
    for object in ["captain/ann", "configmap/ann-captain", "lease/stormy"] {
        let names = field(plane, object, ".metadata.managedFields[*].manager");
        let names: Vec<&str> = names.split(' ').filter(|it| !it.starts_with("kubectl")).collect();
        assert!(!names.is_empty() && names.iter().all(|it| *it == "stormy"), "{object}: {names:?}");
    }
    let events = plane.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).expect("they exist");
    assert!(events.contains("\"Applied\"") && events.contains("\"stormy\""), "{events}");

    // A status that another client changes is not a reason to reconcile.
    let n_applied = || {
        let log = running.log();
        log.lines().filter(|it| it.contains("applying") && it.contains("ann")).count()
    };
    let before = n_applied();
    let mut object = get(plane, "captains.v1.crew.example.org/ann");
    object["status"]["conditions"][0]["message"] = json!("another text");
    let path = "/apis/crew.example.org/v1/namespaces/default/captains/ann/status";
    plane
        .kubectl_with(&["replace", "--raw", path, "-f", "-"], &object.to_string())
        .expect("the status can be changed");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(n_applied(), before, "{}", running.log());
    object = get(plane, "captains.v1.crew.example.org/ann");
    object["status"]["conditions"][0]["status"] = json!("Perhaps");
    let said = plane.kubectl_with(&["replace", "--raw", path, "-f", "-"], &object.to_string());
    let err = said.expect_err("a condition is True, False or Unknown");
    assert!(err.contains("Unsupported value"), "{err}");

    plane.kubectl(&["delete", "captain", "ann", "--timeout=60s"]).expect("it can be deleted");
    plane.wait_for("what it owned is gone", || {
        plane.kubectl(&["get", "configmap", "ann-captain"]).is_err()
    });
    thread::sleep(Duration::from_secs(1));
    let log = running.log();
    let warnings: Vec<&str> =
        log.lines().filter(|it| it.contains("WARN") && it.contains("ann")).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
}
