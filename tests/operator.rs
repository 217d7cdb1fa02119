//! The operator that the plugin `rust` scaffolds: it passes its own checks, and it works with a
//! real API server.

use crate::control_plane::{ControlPlane, free_port, program};
use crate::engine::{Berth, Image};
use crate::kubectl::has_kustomize;
use crate::support::{Sandbox, built, deps_dir};
use base64::Engine as _;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The operator's sources, in a project that the host has created.
pub(crate) struct Operator {
    sandbox: Sandbox,
}

impl Operator {
    /// Scaffolds a project of this name, with each of the commands.
    #[track_caller]
    pub(crate) fn scaffold(name: &str, commands: &[&str]) -> Self {
        Self::scaffold_with(name, "", commands)
    }

    /// Scaffolds a project with more options of `init`.
    #[track_caller]
    pub(crate) fn scaffold_with(name: &str, options: &str, commands: &[&str]) -> Self {
        let this = Self::empty();
        let init = format!(
            "init --domain example.org --plugins rust,license,ci --project-name {name} {options}"
        );
        for line in std::iter::once(init.as_str()).chain(commands.iter().copied()) {
            let out = this.sandbox.run(line.split_whitespace()).success();
            assert!(!out.stderr.contains("failed"), "{out}");
        }
        this
    }

    /// Returns a directory for a project, with the host and plugins that scaffold it.
    pub(crate) fn empty() -> Self {
        let tools = Path::new(env!("CARGO")).parent().expect("cargo is in a directory");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", tools.display());
        let sandbox = Sandbox::outside()
            .library("rust.so", &built("libpintle_plugin_rust.so"))
            .library("license.so", &built("libpintle_plugin_license.so"))
            .library("ci.so", &built("libpintle_plugin_ci.so"))
            // For rustfmt, which the plugin runs.
            .env("PATH", path);
        Self { sandbox }
    }

    /// Runs the host in the project; returns its messages.
    #[track_caller]
    pub(crate) fn pintle(&self, line: &str) -> String {
        self.sandbox.run(line.split_whitespace()).success().stderr.clone()
    }

    /// Runs the host in the project; returns its results.
    #[track_caller]
    pub(crate) fn stdout(&self, line: &str) -> String {
        self.sandbox.run(line.split_whitespace()).success().stdout.clone()
    }

    /// Runs the host in the project; returns the error of the command.
    #[track_caller]
    pub(crate) fn fails(&self, line: &str) -> String {
        let out = self.sandbox.run(line.split_whitespace());
        assert_eq!(out.code(), 1, "{out}");
        out.stderr
    }

    /// Returns the findings of `project check` for a project with mistakes.
    #[track_caller]
    pub(crate) fn problems(&self) -> String {
        let out = self.sandbox.run(["project", "check"]);
        assert_eq!(out.code(), 1, "{out}");
        out.stdout
    }

    /// Runs the host in the project; returns why the command is refused.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str) -> String {
        let out = self.sandbox.run(line.split_whitespace());
        assert_eq!(out.code(), 2, "{out}");
        out.stderr
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.sandbox.work()
    }

    /// Runs cargo in the project; its dependencies are compiled once for all tests.
    #[track_caller]
    pub(crate) fn cargo(&self, args: &[&str]) -> String {
        self.run(Command::new(env!("CARGO")).args(args))
    }

    /// Runs a program in the project; returns its standard output.
    #[track_caller]
    pub(crate) fn run(&self, command: &mut Command) -> String {
        let out = self.output(command);
        let [stdout, stderr] =
            [out.stdout, out.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        assert!(out.status.success(), "{command:?}\n{stdout}\n{stderr}");
        stdout
    }

    /// Runs a program in the project.
    pub(crate) fn output(&self, command: &mut Command) -> Output {
        let _alone = alone();
        self.prepare(command);
        command.output().unwrap_or_else(|err| panic!("{command:?}: {err}"))
    }

    /// Starts a program in the project; a program that compiles must run [`alone`].
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        self.prepare(command);
        command.spawn().unwrap_or_else(|err| panic!("{command:?}: {err}"))
    }

    fn prepare(&self, command: &mut Command) {
        let tools = Path::new(env!("CARGO")).parent().expect("cargo is in a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        command.current_dir(self.root()).env("CARGO_TARGET_DIR", target());
        // A proxy of rustup would look for the toolchain that the project names.
        command.env("PATH", format!("{}:{path}", tools.display()));
        // No test debugs the operators.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        // The outer cargo's variables are not meant for this one.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_")
                || text == "CARGO_MANIFEST_DIR"
                || ["RUSTFLAGS", "RUSTC_BOOTSTRAP"].contains(&&*text)
            {
                command.env_remove(&name);
            }
        }
    }

    /// Runs a script of the workflow in the project.
    #[track_caller]
    fn bash(&self, script: &str) {
        self.run(Command::new("bash").args(["-e", "-o", "pipefail", "-c", script]));
    }

    #[track_caller]
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let path = self.root().join(path);
        let text = fs::read_to_string(&path).expect("the file is scaffolded");
        assert_eq!(text.matches(from).count(), 1, "the scaffold has changed: {text}");
        fs::write(&path, text.replace(from, to)).expect("the project is writable");
    }
}

/// Waits until no other test compiles a project: they share the target directory, and the program
/// `crdgen` in it.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the directory in which all scaffolded projects are compiled.
pub(crate) fn target() -> PathBuf {
    deps_dir().ancestors().nth(2).expect("`deps` is in a target directory").join("scaffolded")
}

/// Returns the scripts of the workflow's first job, with the names of their steps.
fn workflow(operator: &Operator) -> Vec<(String, String)> {
    let text = fs::read_to_string(operator.root().join(".github/workflows/ci.yml"));
    let text = text.expect("the workflow is scaffolded");
    let workflow: Value = serde_saphyr::from_str(&text).expect("the workflow is YAML");
    let steps = workflow["jobs"]["check"]["steps"].as_array().cloned().unwrap_or_default();
    let script =
        |it: &Value| Some((it["name"].as_str()?.to_owned(), it.get("run")?.as_str()?.to_owned()));
    let scripts: Vec<_> = steps.iter().filter_map(script).collect();
    assert_eq!(scripts.len(), 6, "{text}");
    scripts
}

/// The step of the workflow that requires kubectl.
const MANIFESTS: &str = "Check the manifests";

const ALL: &[&str] = &[
    "create api --group crew --version v1 --kind Captain",
    "create api --group crew --version v2 --kind Captain",
    "create api --group crew --version v1 --kind Sailor",
    "create api --group fleet --version v1alpha1 --kind Ship --namespaced=false",
    "create api --group apps --version v1 --kind Deployment --resource=false",
    "create webhook --group crew --version v1 --kind Captain --defaulting --validation --conversion --spoke v2",
];

#[test]
fn a_scaffolded_operator_passes_its_own_checks() {
    let (webhooks, kinds) = ALL.split_last().expect("there are commands");
    let operator = Operator::scaffold("checked", kinds);
    operator.run(Command::new("make").args(["lint", "test"]));
    operator.pintle(webhooks);
    let user = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "x"]] {
        operator.run(Command::new("git").args(user).args(args));
    }
    // The workflow of the plugin `ci`: format, lints, tests, definitions.
    for (name, script) in workflow(&operator) {
        // The toolchain is that of these tests, and kubectl has a test of its own.
        if !["Install Rust", MANIFESTS].contains(&name.as_str()) {
            operator.bash(&script);
        }
    }
    let definitions = operator.cargo(&["run", "--quiet", "--bin", "crdgen"]);
    assert_eq!(definitions.matches("kind: CustomResourceDefinition").count(), 3);

    // The scaffolded manifests are the same as those that the operator itself writes.
    let bases = operator.root().join("config/crd/bases");
    let read = || -> Vec<_> {
        let mut files: Vec<_> =
            fs::read_dir(&bases).expect("they are scaffolded").flatten().collect();
        files.sort_by_key(fs::DirEntry::file_name);
        files
            .iter()
            .map(|it| (it.path(), fs::read_to_string(it.path()).expect("it is UTF-8")))
            .collect()
    };
    let scaffolded = read();
    operator.cargo(&["run", "--quiet", "--bin", "crdgen", "config/crd/bases"]);
    assert_eq!(read(), scaffolded);
    kubebuilder_makes_a_chart(&operator);
}

#[test]
fn kustomize_reads_the_manifests_of_a_scaffolded_operator() {
    if !has_kustomize() {
        return;
    }
    let operator = Operator::scaffold("kustomized", ALL);
    let scripts = workflow(&operator);
    let check = scripts.iter().find(|it| it.0 == MANIFESTS);
    operator.bash(&check.expect("the workflow checks the manifests").1);
    for folder in ["default", "crd", "samples", "prometheus", "network-policy"] {
        let folder = format!("config/{folder}");
        let text = operator.run(Command::new("kubectl").args(["kustomize", &folder]));
        assert!(!text.is_empty(), "{folder} is empty");
    }
}

#[test]
fn names_and_namespace_are_those_that_kustomize_is_given() {
    if !has_kustomize() {
        return;
    }
    let operator = Operator::scaffold("renamed", ALL);
    let path = "config/default/kustomization.yaml";
    operator.replace(path, "namespace: renamed-system", "namespace: elsewhere");
    operator.replace(path, "namePrefix: renamed-", "namePrefix: other-");
    let text = operator.run(Command::new("kubectl").args(["kustomize", "config/default"]));
    let left: Vec<&str> = text.lines().filter(|it| it.contains("renamed-")).collect();
    assert!(left.is_empty(), "{left:?}");
    for expected in [
        "- other-webhook-service.elsewhere.svc\n",
        "- other-webhook-service.elsewhere.svc.cluster.local\n",
        "name: other-selfsigned-issuer\n",
        "cert-manager.io/inject-ca-from: elsewhere/other-serving-cert\n",
        "          name: other-webhook-service\n          namespace: elsewhere\n          path: /convert\n",
        "      name: other-webhook-service\n      namespace: elsewhere\n      path: /mutate/",
        "      name: other-webhook-service\n      namespace: elsewhere\n      path: /validate/",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(text.matches("cert-manager.io/inject-ca-from: elsewhere/other-").count(), 3);
}

#[test]
fn every_object_has_its_labels_and_a_name_of_its_own() {
    if !has_kustomize() {
        return;
    }
    let operator = Operator::scaffold("labelled", ALL);
    let text = operator.run(Command::new("kubectl").args(["kustomize", "config/default"]));
    let mut names = std::collections::BTreeSet::new();
    for object in objects(&text) {
        let (kind, metadata) = (&object["kind"], &object["metadata"]);
        let labels = &metadata["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], "labelled", "{object}");
        assert_eq!(labels["app.kubernetes.io/managed-by"], "kustomize", "{object}");
        // The files of a chart are named only by the objects' names, except for the Deployment.
        if kind != "Namespace" && kind != "Deployment" {
            assert!(names.insert(metadata["name"].to_string()), "{kind} {}", metadata["name"]);
        }
        if kind == "Deployment" {
            let template = &object["spec"]["template"];
            let annotations = &template["metadata"]["annotations"];
            assert_eq!(annotations["kubectl.kubernetes.io/default-container"], "manager");
            assert_eq!(template["spec"]["containers"][0]["name"], "manager");
        }
    }
    for role in ["admin", "editor", "viewer"] {
        for kind in ["crew-captain", "crew-sailor", "fleet-ship"] {
            assert!(names.contains(&format!("\"labelled-{kind}-{role}-role\"")), "{names:?}");
        }
    }
}

/// Kubebuilder's optional plugins work in the project; the one for Helm creates a chart from it.
fn kubebuilder_makes_a_chart(operator: &Operator) {
    let Some(kubebuilder) = program("kubebuilder") else { return };
    if !has_kustomize() {
        return;
    }
    // The keys that kubebuilder can read; the host also reads them.
    let path = operator.root().join("PROJECT");
    let project = fs::read_to_string(&path).expect("it is scaffolded").replace("/v1.0.0", "/v1");
    fs::write(&path, project).expect("the project is writable");
    operator.run(Command::new("make").arg("build-installer"));
    let helm = "--plugins=helm.kubebuilder.io/v2-alpha";
    operator.run(Command::new(kubebuilder).args(["edit", helm]));
    let installer = fs::read_to_string(operator.root().join("dist/install.yaml"));
    let objects = objects(&installer.expect("make creates the file"));
    let chart = operator.root().join("dist/chart/templates");
    let files = walk(&chart);
    for object in objects.iter().filter(|it| it["kind"] != "Namespace") {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let file = match object["kind"].as_str() {
            Some("Deployment") => "manager/manager.yaml".to_owned(),
            _ => format!("{}.yaml", name.trim_start_matches("checked-")),
        };
        let n_same = files.iter().filter(|it| it.ends_with(&file)).count();
        assert_eq!(n_same, 1, "{file}: {files:?}");
    }
    let manager = fs::read_to_string(chart.join("manager/manager.yaml")).expect("it is there");
    for value in [".Values.metrics.port", ".Values.webhook.port", ".Values.manager.image"] {
        assert!(manager.contains(value), "{value}: {manager}");
    }
    // The host can still edit the project.
    operator.pintle("create api --group crew --version v1 --kind Cook");
}

/// Returns all files in a directory.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("it is a directory").flatten() {
        match entry.path() {
            path if path.is_dir() => files.append(&mut walk(&path)),
            path => files.push(path),
        }
    }
    files
}

#[test]
fn stock_kustomize_builds_the_same_objects_as_kubectl() {
    if !has_kustomize() {
        return;
    }
    let Some(kustomize) = program("kustomize") else { return };
    let operator = Operator::scaffold("stocked", ALL);
    for folder in ["default", "crd", "samples"] {
        let folder = format!("config/{folder}");
        let stock = operator.run(Command::new(&kustomize).args(["build", &folder]));
        let kubectl = operator.run(Command::new("kubectl").args(["kustomize", &folder]));
        assert!(!objects(&stock).is_empty(), "{folder} is empty");
        assert_eq!(objects(&stock), objects(&kubectl), "{folder}");
    }
}

/// Returns the objects of a manifest, in a fixed order.
fn objects(manifest: &str) -> Vec<Value> {
    let documents = manifest.split("\n---\n");
    let read = |it| serde_saphyr::from_str(it).expect("kustomize prints YAML");
    let mut objects: Vec<Value> = documents.map(read).collect();
    objects.sort_by_key(Value::to_string);
    objects
}

#[test]
fn a_cluster_with_restricted_pods_admits_all_of_a_scaffolded_operator() {
    if !has_kustomize() {
        return;
    }
    let Some(plane) = ControlPlane::start() else { return };
    let operator = Operator::scaffold("admitted", ALL);
    // cert-manager does not run here; its kinds are sufficient.
    for (kind, plural) in [("Certificate", "certificates"), ("Issuer", "issuers")] {
        apply(&plane, &any_definition("cert-manager.io", "v1", kind, plural));
    }
    let restricted = ["enforce", "audit", "warn"]
        .map(|it| (format!("pod-security.kubernetes.io/{it}"), json!("restricted")));
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "admitted-system",
            "labels": serde_json::Map::from_iter(restricted),
        },
    });
    // Not applied: kubectl would remove the labels when it applies the operator's manifest.
    plane.kubectl_with(&["create", "-f", "-"], &namespace.to_string()).expect("it is new");
    assert_structural(&plane);

    let manifest = operator.run(Command::new("kubectl").args(["kustomize", "config/default"]));
    let as_deployed = ["apply", "--server-side", "--validate=strict", "-f", "-"];
    plane.kubectl_with(&as_deployed, &manifest).unwrap_or_else(|err| panic!("{err}"));
    let pods = ["get", "pods", "--namespace=admitted-system", "--output=name"];
    plane
        .wait_for("the operator has a pod", || plane.kubectl(&pods).is_ok_and(|it| !it.is_empty()));
    assert_structural(&plane);

    // Other pods are not admitted there.
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "root", "namespace": "admitted-system" },
        "spec": { "containers": [{ "name": "root", "image": "root" }] },
    });
    let err = refusal(&plane, &pod);
    assert!(err.contains("violates PodSecurity \"restricted"), "{err}");
}

/// Returns a definition of a kind without a schema for its fields.
fn any_definition(group: &str, version: &str, kind: &str, plural: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": { "kind": kind, "plural": plural },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                    },
                },
            }],
        },
    })
}

/// Checks that the server accepts all schemas as structural.
#[track_caller]
fn assert_structural(plane: &ControlPlane) {
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    plane.kubectl(&wait).expect("the definitions are established");
    let types = "jsonpath={.items[*].status.conditions[?(@.status==\"True\")].type}";
    let types = plane.kubectl(&["get", "crd", "--output", types]).expect("there are definitions");
    assert!(!types.contains("NonStructuralSchema"), "{types}");
}

/// A running replica of the operator, outside of the cluster.
struct Replica {
    child: Child,
    webhook_port: u16,
    health_port: u16,
}

impl Replica {
    fn start(plane: &ControlPlane, identity: &str, webhook_port: u16) -> Self {
        let [metrics, health] = [free_port(), free_port()];
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(plane.path(&format!("{identity}.log")));
        let log = log.expect("the directory is writable");
        let child = Command::new(target().join("debug/proven"))
            .args(["--leader-elect", "--identity", identity, "--namespace", "default"])
            .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"))
            .arg(format!("--health-probe-bind-address=127.0.0.1:{health}"))
            .arg(format!("--webhook-port={webhook_port}"))
            .arg("--webhook-cert-path")
            .arg(plane.path("webhook"))
            .env("KUBECONFIG", plane.kubeconfig())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("the operator is built");
        Self { child, webhook_port, health_port: health }
    }

    /// Waits until the replica reports that it is ready.
    fn wait(&self, plane: &ControlPlane) {
        let address = format!("127.0.0.1:{}", self.health_port);
        plane.wait_for("the operator is ready", || http_get(&address, "/readyz").contains(" 200 "));
    }

    /// Stops the replica, and waits for its end.
    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it is accessible");
        assert!(status.success(), "the operator ended with {status}");
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn http_get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut text = String::new();
    if let Ok(mut stream) = std::net::TcpStream::connect(address) {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_string(&mut text);
    }
    text
}

/// Returns how the API server reaches a webhook of the replica: by URL, with its authority.
pub(crate) fn client_config(plane: &ControlPlane, port: u16, path: &str) -> Value {
    let authority = fs::read(plane.path("ca.crt")).expect("the authority can be created");
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    json!({ "url": format!("https://127.0.0.1:{port}{path}"), "caBundle": authority })
}

/// The resource in the stored version.
const STORED: &str = "captains.v1.crew.example.org";

#[track_caller]
pub(crate) fn apply(plane: &ControlPlane, object: &Value) {
    plane
        .kubectl_with(&["apply", "-f", "-"], &object.to_string())
        .unwrap_or_else(|err| panic!("{err}"));
}

/// Returns the server's error when it refuses an object.
#[track_caller]
pub(crate) fn refusal(plane: &ControlPlane, object: &Value) -> String {
    let said = plane.kubectl_with(&["apply", "-f", "-"], &object.to_string());
    said.expect_err("the object should be refused")
}

pub(crate) fn captain(name: &str, message: Value) -> Value {
    json!({
        "apiVersion": "crew.example.org/v1",
        "kind": "Captain",
        "metadata": { "name": name },
        "spec": { "message": message },
    })
}

#[test]
fn a_scaffolded_operator_works_on_a_cluster() {
    let Some(plane) = ControlPlane::start() else { return };
    let operator = Operator::scaffold("proven", ALL);
    // The part that users write: the domain of the kind.
    operator.replace(
        "src/controller/crew/captain.rs",
        "object.spec.message.clone().unwrap_or_default()",
        "object.spec.message.clone().unwrap_or_default().to_uppercase()",
    );
    // Rules of a schema, as in the documentation of schemars.
    operator.replace(
        "src/api/crew/v1/sailor.rs",
        "    #[schemars(length(max = 253))]\n",
        "    #[schemars(length(max = 253), extend(\"x-kubernetes-validations\" = \
         [{\"rule\": \"self != 'mutiny'\", \"message\": \"not on this ship\"}]))]\n",
    );
    operator.replace(
        "src/api/crew/v1/sailor.rs",
        "    pub message: Option<String>,\n",
        "    pub message: Option<String>,\n    /// What the sailor can do.\n    \
         #[serde(default, skip_serializing_if = \"Vec::is_empty\")]\n    \
         #[schemars(extend(\"x-kubernetes-list-type\" = \"set\"))]\n    \
         pub skills: Vec<String>,\n",
    );
    // The results of the validation for objects with these names.
    operator.replace(
        "src/webhook/crew/v1/captain_validation.rs",
        "    let (_, _) = (old, warnings);\n",
        "    let _ = old;\n    if object.metadata.name.as_deref() == Some(\"warned\") {\n        \
         warnings.push(\"the rum is low\".to_owned());\n    }\n",
    );
    operator.replace(
        "src/webhook/crew/v1/captain_validation.rs",
        "    let (_, _) = (object, warnings);\n    Ok(())\n",
        "    let _ = warnings;\n    match object.metadata.name.as_deref() {\n        \
         Some(\"needed\") => Err(\"the ship needs a captain\".to_owned()),\n        _ => Ok(()),\n    }\n",
    );
    operator.cargo(&["build", "--quiet", "--bins"]);
    fs::create_dir(plane.path("webhook")).expect("the directory is new");
    plane.make_certificate("hook", "/CN=webhook", "subjectAltName=IP:127.0.0.1");
    for (from, to) in [("hook.crt", "webhook/tls.crt"), ("hook.key", "webhook/tls.key")] {
        fs::copy(plane.path(from), plane.path(to)).expect("the certificate exists");
    }

    let port = free_port();
    definitions_are_established(&plane, &operator, port);
    let first = Replica::start(&plane, "first", port);
    first.wait(&plane);
    admission_is_registered(&plane, first.webhook_port);

    objects_are_reconciled(&plane);
    a_failure_is_told(&plane);
    schemas_hold(&plane);
    webhooks_answer(&plane);
    samples_are_valid(&plane, &operator);
    let first = nothing_is_lost_by_a_restart(&plane, first);
    another_replica_takes_over(&plane, first);
}

#[test]
fn a_scaffolded_operator_reconciles_on_a_cluster_of_ours() {
    let berth = Berth::with("operator", Image::ControlPlane, Sandbox::new());
    let Some(berth) = berth.and_then(Berth::with_kubectl) else { return };
    let operator =
        Operator::scaffold("moored", &["create api --group crew --version v1 --kind Captain"]);
    operator.replace(
        "src/controller/crew/captain.rs",
        "object.spec.message.clone().unwrap_or_default()",
        "object.spec.message.clone().unwrap_or_default().to_uppercase()",
    );
    operator.cargo(&["build", "--quiet", "--bins"]);
    let _ = berth.run("cluster create NAME --agents 1").success();
    let manifest = berth.sandbox.path("crd.yaml");
    let definitions = operator.cargo(&["run", "--quiet", "--bin", "crdgen"]);
    fs::write(&manifest, definitions).expect("the directory is writable");
    berth.kubectl(&format!("apply -f {}", manifest.display()));
    berth.kubectl("wait --for=condition=Established crd --all --timeout=60s");
    let [metrics, health] = [free_port(), free_port()];
    let mut child = Command::new(target().join("debug/moored"))
        .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"))
        .arg(format!("--health-probe-bind-address=127.0.0.1:{health}"))
        .env("KUBECONFIG", berth.kubeconfig())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the operator is built");
    let object = berth.sandbox.path("ann.json");
    fs::write(&object, captain("ann", json!("hey")).to_string())
        .expect("the directory is writable");
    berth.kubectl(&format!("apply -f {}", object.display()));
    let begin = std::time::Instant::now();
    let mut found = String::new();
    while found != "HEY" && begin.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let out = Command::new("kubectl")
            .args(["get", "configmap", "ann-captain", "-o", "jsonpath={.data.message}"])
            .env("KUBECONFIG", berth.kubeconfig())
            .output()
            .expect("kubectl can be run");
        found = String::from_utf8_lossy(&out.stdout).into_owned();
    }
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(found, "HEY", "the operator has created the owned object");
}

fn definitions_are_established(plane: &ControlPlane, operator: &Operator, port: u16) {
    let text = operator.cargo(&["run", "--quiet", "--bin", "crdgen"]);
    for document in text.split("---\n").filter(|it| !it.is_empty()) {
        let mut definition: Value = serde_saphyr::from_str(document).expect("crdgen prints YAML");
        if let Some(conversion) = definition["spec"].get_mut("conversion") {
            conversion["webhook"]["clientConfig"] = client_config(plane, port, "/convert");
        }
        apply(plane, &definition);
    }
    assert_structural(plane);
}

fn admission_is_registered(plane: &ControlPlane, port: u16) {
    for (kind, verb) in
        [("MutatingWebhookConfiguration", "mutate"), ("ValidatingWebhookConfiguration", "validate")]
    {
        let path = format!("/{verb}/crew.example.org/v1/captains");
        apply(
            plane,
            &json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": kind,
                "metadata": { "name": verb },
                "webhooks": [{
                    "name": format!("{verb}.captains.crew.example.org"),
                    "admissionReviewVersions": ["v1"],
                    "clientConfig": client_config(plane, port, &path),
                    "sideEffects": "None",
                    "rules": [{
                        "apiGroups": ["crew.example.org"],
                        "apiVersions": ["v1"],
                        "operations": match verb {
                            "validate" => json!(["CREATE", "UPDATE", "DELETE"]),
                            _ => json!(["CREATE", "UPDATE"]),
                        },
                        "resources": ["captains"],
                    }],
                }],
            }),
        );
    }
}

/// Returns a field of an object, or an empty string.
pub(crate) fn field(plane: &ControlPlane, object: &str, path: &str) -> String {
    plane.kubectl(&["get", object, "-o", &format!("jsonpath={{{path}}}")]).unwrap_or_default()
}

fn objects_are_reconciled(plane: &ControlPlane) {
    apply(plane, &captain("ann", json!("hey")));
    plane.wait_for("the owned object is made", || {
        field(plane, "configmap/ann-captain", ".data.message") == "HEY"
    });
    plane.wait_for("the status is set", || {
        field(plane, "captain/ann", ".status.conditions[?(@.type==\"Ready\")].status") == "True"
    });
    let since = || field(plane, "captain/ann", ".status.conditions[0].lastTransitionTime");
    let before = since();

    apply(plane, &captain("ann", json!("ahoy")));
    plane.wait_for("the update is followed", || {
        field(plane, "configmap/ann-captain", ".data.message") == "AHOY"
    });
    plane.wait_for("the status follows", || {
        field(plane, "captain/ann", ".status.observedGeneration") == "2"
    });
    assert_eq!(since(), before, "what stays true has no new time");

    // Changes of other clients to the owned object are undone.
    plane.kubectl(&["delete", "configmap", "ann-captain"]).expect("it is there");
    plane.wait_for("it is made again", || {
        field(plane, "configmap/ann-captain", ".data.message") == "AHOY"
    });
}

/// Obstacles to the owned object are reported until they are removed.
fn a_failure_is_told(plane: &ControlPlane) {
    let other = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "stuck-captain" },
        "immutable": true,
        "data": { "message": "never" },
    });
    apply(plane, &other);
    apply(plane, &captain("stuck", json!("ever")));
    let ready = |field_name: &str| {
        let path = format!(".status.conditions[?(@.type==\"Ready\")].{field_name}");
        field(plane, "captain/stuck", &path)
    };
    plane.wait_for("the failure is told", || ready("status") == "False");
    assert_eq!(ready("reason"), "Failed");
    assert!(ready("message").contains("field is immutable"), "{}", ready("message"));
    plane.kubectl(&["delete", "configmap", "stuck-captain"]).expect("it is there");
    plane.wait_for("it works after all", || ready("status") == "True");
}

/// The schemas are checked on a kind without webhooks: a defaulting webhook would refuse the object
/// before the schema is checked.
fn schemas_hold(plane: &ControlPlane) {
    let sailor = |spec: Value| {
        let mut sailor = captain("tom", Value::Null);
        sailor["kind"] = json!("Sailor");
        sailor["spec"] = spec;
        sailor
    };
    let refusal = |spec: Value| refusal(plane, &sailor(spec));
    let err = refusal(json!({ "message": 5 }));
    assert!(err.contains("spec.message") && err.contains("must be of type string"), "{err}");
    let err = refusal(json!({ "mesage": "hey" }));
    assert!(err.contains("unknown field \"spec.mesage\""), "{err}");
    let err = refusal(json!({ "message": "mutiny" }));
    assert!(err.contains("spec.message") && err.contains("not on this ship"), "{err}");
    let err = refusal(json!({ "skills": ["knots", "knots"] }));
    assert!(err.contains("spec.skills[1]: Duplicate value"), "{err}");
    apply(plane, &sailor(json!({ "message": "hey", "skills": ["knots", "maps"] })));
}

fn samples_are_valid(plane: &ControlPlane, operator: &Operator) {
    let samples = fs::read_dir(operator.root().join("config/samples"));
    let samples = samples.expect("they are scaffolded").flatten().map(|it| it.path());
    for sample in samples.filter(|it| !it.ends_with("kustomization.yaml")) {
        let text = fs::read_to_string(&sample).expect("it is UTF-8");
        let applied = plane.kubectl_with(&["apply", "-f", "-"], &text);
        applied.unwrap_or_else(|err| panic!("{}: {err}", sample.display()));
    }
}

fn webhooks_answer(plane: &ControlPlane) {
    let mut silent = captain("silent", Value::Null);
    silent["spec"] = json!({});
    apply(plane, &silent);
    assert_eq!(field(plane, "captain/silent", ".spec.message"), "hello");

    let err = refusal(plane, &captain("blank", json!(" ")));
    assert!(err.contains("denied the request: spec.message: must not be blank"), "{err}");

    let (_, stderr) =
        plane.kubectl_says(&["apply", "-f", "-"], &captain("warned", json!("hey")).to_string());
    assert!(stderr.contains("Warning: the rum is low"), "{stderr}");
    apply(plane, &captain("needed", json!("hey")));
    let err = plane.kubectl(&["delete", "captain", "needed"]).expect_err("the field is required");
    assert!(err.contains("denied the request: the ship needs a captain"), "{err}");

    let converted = plane.kubectl(&["get", "captains.v2.crew.example.org", "silent", "-o", "json"]);
    let converted = converted.expect("the conversion webhook answers");
    let converted: Value = serde_json::from_str(&converted).expect("kubectl prints JSON");
    assert_eq!(converted["apiVersion"], "crew.example.org/v2");
    assert_eq!(converted["spec"]["message"], "hello");
}

fn nothing_is_lost_by_a_restart(plane: &ControlPlane, replica: Replica) -> Replica {
    let port = replica.webhook_port;
    // There is no answer while no replica runs.
    plane.kubectl(&["delete", "validatingwebhookconfiguration/validate"]).expect("it is there");
    replica.stop();
    // The request uses the stored version, because conversions are not answered either.
    plane.kubectl(&["delete", &format!("{STORED}/ann"), "--wait=false"]).expect("it is there");
    let deleted = field(plane, &format!("{STORED}/ann"), ".metadata.deletionTimestamp");
    assert!(!deleted.is_empty(), "the finalizer keeps the object");
    let replica = Replica::start(plane, "first", port);
    plane.wait_for("the object is gone", || plane.kubectl(&["get", "captain", "ann"]).is_err());
    plane.wait_for("what it owned is gone", || {
        plane.kubectl(&["get", "configmap", "ann-captain"]).is_err()
    });
    replica
}

fn another_replica_takes_over(plane: &ControlPlane, first: Replica) {
    let holder = || field(plane, "lease/proven", ".spec.holderIdentity");
    plane.wait_for("the first replica leads", || holder() == "first");
    let second = Replica::start(plane, "second", free_port());
    second.wait(plane);
    apply(plane, &captain("bob", json!("x")));
    plane.wait_for("the object is reconciled", || {
        field(plane, "configmap/bob-captain", ".data.message") == "X"
    });
    assert_eq!(holder(), "first", "the second replica waits for the lease");

    // Webhooks call the first replica, which is about to end.
    plane.kubectl(&["delete", "mutatingwebhookconfiguration/mutate"]).expect("it is there");
    first.stop();
    plane.wait_for("the second replica leads", || holder() == "second");
    plane.kubectl(&["delete", "configmap", "bob-captain"]).expect("it is there");
    plane.wait_for("the second replica works", || {
        field(plane, "configmap/bob-captain", ".data.message") == "X"
    });
    second.stop();
}
