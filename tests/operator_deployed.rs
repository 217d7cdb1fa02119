//! The scaffolded operator as it is deployed: with its own account and no other permissions, with
//! metrics for authorized readers, and removed completely at the end.

use crate::control_plane::{ControlPlane, free_port};
use crate::kubectl::has_kustomize;
use crate::operator::{Operator, alone, apply, captain, field, http_get, target};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The operator, outside of the cluster, with the account that is deployed for it.
struct Deployed {
    child: Child,
    log: PathBuf,
    metrics: u16,
}

impl Deployed {
    fn start(plane: &ControlPlane, name: &str, namespace: Option<&str>) -> Self {
        let metrics = free_port();
        let kubeconfig = account(plane, name);
        let log = plane.path(&format!("{name}.log"));
        let file = fs::File::create(&log).expect("the directory is writable");
        let child = Command::new(target().join("debug").join(name))
            .arg("--leader-elect")
            .arg(format!("--metrics-bind-address=127.0.0.1:{metrics}"))
            .arg("--health-probe-bind-address=0")
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAMESPACE", format!("{name}-system"))
            .env("WATCH_NAMESPACE", namespace.unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"))
            .stderr(file)
            .spawn()
            .expect("the operator is built");
        Self { child, log, metrics }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Reads the metrics with a token.
    fn metrics(&self, token: &str) -> Result<String, String> {
        let out = Command::new("kubectl")
            .args(["get", "--raw", "/metrics", "--insecure-skip-tls-verify"])
            .arg(format!("--server=https://127.0.0.1:{}", self.metrics))
            .arg(format!("--token={token}"))
            .env("KUBECONFIG", "/dev/null")
            .output()
            .expect("kubectl can be run");
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn token(plane: &ControlPlane, account: &str, namespace: &str) -> String {
    let namespace = format!("--namespace={namespace}");
    plane.kubectl(&["create", "token", account, &namespace]).expect("the account exists")
}

/// Returns a kubeconfig of the operator's own account.
fn account(plane: &ControlPlane, name: &str) -> PathBuf {
    let token = token(plane, &format!("{name}-controller-manager"), &format!("{name}-system"));
    let admin = fs::read_to_string(plane.kubeconfig()).expect("it is written");
    let (clusters, _) = admin.split_once("users:\n").expect("it has users");
    let path = plane.path(&format!("{name}.kubeconfig"));
    let text = format!(
        "{clusters}users:\n- name: account\n  user:\n    token: {token}\n\
         contexts:\n- name: test\n  context:\n    cluster: test\n    user: account\n"
    );
    fs::write(&path, text).expect("the directory is writable");
    path
}

/// Runs a target of the project's Makefile, for the cluster.
fn make(plane: &ControlPlane, target: &str) -> Command {
    let mut command = Command::new("make");
    command.arg(target).env("KUBECONFIG", plane.kubeconfig());
    command
}

#[test]
fn what_is_deployed_works_with_its_own_rights_and_leaves_nothing_behind() {
    if !has_kustomize() {
        return;
    }
    let Some(plane) = ControlPlane::start() else { return };
    let commands = [
        "create api --group crew --version v1 --kind Captain",
        "create api --group fleet --version v1 --kind Ship --namespaced=false",
    ];
    let operator = Operator::scaffold("leaving", &commands);
    let tested = operator.run(&mut make(&plane, "test-cluster"));
    let expected = "the_samples_are_accepted_reconciled_and_deleted ... ok";
    assert!(tested.contains(expected), "{tested}");

    operator.run(Command::new("make").arg("lint"));
    let out = operator.output(&mut make(&plane, "deploy"));
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && !stderr.contains("Warning"), "{stderr}");
    operator.cargo(&["build", "--quiet", "--bins"]);
    let deployed = Deployed::start(&plane, "leaving", None);
    let captains: Vec<Value> =
        (0..300).map(|it| captain(&format!("c-{it:03}"), json!("hey"))).collect();
    apply(&plane, &json!({ "apiVersion": "v1", "kind": "List", "items": captains }));
    let mut ship = captain("ship", json!("hey"));
    ship["kind"] = json!("Ship");
    ship["apiVersion"] = json!("fleet.example.org/v1");
    apply(&plane, &ship);
    plane.wait_for("all objects are reconciled", || {
        let finalizers = "jsonpath={.items[?(@.status.conditions)].metadata.finalizers[*]}";
        let count = |kind| {
            let found = plane.kubectl(&["get", kind, "--output", finalizers]);
            found.unwrap_or_default().split_whitespace().count()
        };
        count("captains") == 300 && count("ships") == 1
    });
    assert!(!deployed.log().contains("forbidden"), "{}", deployed.log());

    metrics_are_for_those_who_may_read_them(&plane, &deployed);

    let refused = operator.output(&mut make(&plane, "uninstall"));
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{stderr}");
    assert!(stderr.contains("Captain default/c-299") && stderr.contains("Ship /ship"), "{stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");

    operator.run(&mut make(&plane, "undeploy"));
    let all = [
        "crd",
        "clusterrole",
        "clusterrolebinding",
        "namespace",
        "rolebinding",
        "deployment",
        "configmap",
    ];
    for kind in all {
        let list = ["get", kind, "--all-namespaces", "--output=name"];
        let names = plane.kubectl(&list).expect("the kind is known");
        let left: Vec<&str> = names
            .lines()
            .filter(|it| ["leaving", "captain", "ship."].iter().any(|part| it.contains(part)))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    // The second time, there is nothing to do.
    operator.run(&mut make(&plane, "undeploy"));
}

fn metrics_are_for_those_who_may_read_them(plane: &ControlPlane, deployed: &Deployed) {
    let err = deployed.metrics("no-such-token").expect_err("the token is invalid");
    assert!(err.contains("Unauthorized") || err.contains("logged in"), "{err}");
    for command in ["create serviceaccount stranger", "create serviceaccount prometheus"] {
        plane.kubectl(&command.split(' ').collect::<Vec<_>>()).expect("it is new");
    }
    let bind = "create clusterrolebinding prometheus --clusterrole=leaving-metrics-reader \
                --serviceaccount=default:prometheus";
    plane.kubectl(&bind.split_whitespace().collect::<Vec<_>>()).expect("the role is deployed");
    let err = deployed.metrics(&token(plane, "stranger", "default"));
    let err = err.expect_err("the account has no such role");
    assert!(err.to_lowercase().contains("forbidden"), "{err}");

    let text = deployed.metrics(&token(plane, "prometheus", "default")).expect("the role is bound");
    let value = |series: &str| {
        let line = text.lines().find(|it| it.starts_with(series));
        let line = line.unwrap_or_else(|| panic!("no {series}: {text}"));
        line.rsplit(' ').next().and_then(|it| it.parse::<f64>().ok()).expect("it is a number")
    };
    let reconciled =
        r#"controller_runtime_reconcile_total{controller="captain",result="requeue_after"}"#;
    assert!(value(reconciled) >= 300.0, "{text}");
    assert!(value(r#"workqueue_adds_total{controller="captain","#) >= 300.0, "{text}");
    for kind in ["captain", "ship"] {
        let depth = format!(r#"workqueue_depth{{controller="{kind}","#);
        assert_eq!(value(&depth), 0.0, "nothing waits any more: {text}");
    }
    assert!(value("process_resident_memory_bytes") > 1e6, "{text}");
    assert_eq!(value(r#"leader_election_master_status{name="leaving"}"#), 1.0);
    // The metrics that kubebuilder's dashboards query.
    for series in [
        "controller_runtime_active_workers",
        "controller_runtime_reconcile_errors_total",
        "controller_runtime_reconcile_time_seconds_bucket",
        "process_cpu_seconds_total",
        "workqueue_depth",
        "workqueue_queue_duration_seconds_bucket",
        "workqueue_retries_total",
        "workqueue_unfinished_work_seconds",
        "workqueue_work_duration_seconds_bucket",
    ] {
        value(series);
    }
}

#[test]
fn a_namespaced_operator_works_in_its_namespace_only() {
    if !has_kustomize() {
        return;
    }
    let Some(plane) = ControlPlane::start() else { return };
    let commands = ["create api --group crew --version v1 --kind Captain"];
    let operator = Operator::scaffold_with("fenced", "--namespaced", &commands);
    let refused =
        operator.refused("create api --group fleet --version v1 --kind Ship --namespaced=false");
    assert!(refused.contains("works only in its own namespace"), "{refused}");

    // The options of `init` are used again when the commands are repeated.
    let upgraded = operator.pintle("project upgrade --diff");
    assert!(upgraded.contains("the same files as before"), "{upgraded}");

    operator.run(&mut make(&plane, "deploy"));
    operator.cargo(&["build", "--quiet", "--bins"]);
    operator.run(Command::new("make").args(["lint", "test"]));
    let cluster_wide = plane.kubectl(&["get", "clusterrole", "--output=name"]).expect("they exist");
    let ours: Vec<&str> = cluster_wide.lines().filter(|it| it.contains("fenced")).collect();
    assert_eq!(ours.len(), 2, "the reviews of those who read metrics need them: {ours:?}");

    let deployed = Deployed::start(&plane, "fenced", Some("fenced-system"));
    for namespace in ["default", "fenced-system"] {
        let mut object = captain("ann", json!("hey"));
        object["metadata"]["namespace"] = json!(namespace);
        apply(&plane, &object);
    }
    plane.wait_for("the object in its namespace is reconciled", || {
        let ready = "jsonpath={.status.conditions[0].status}";
        let get = ["get", "captain", "ann", "--namespace=fenced-system", "--output", ready];
        plane.kubectl(&get).is_ok_and(|it| it == "True")
    });
    assert_eq!(field(&plane, "captain/ann", ".metadata.finalizers"), "");
    assert!(!deployed.log().contains("forbidden"), "{}", deployed.log());
    operator.run(&mut make(&plane, "undeploy"));
    drop(deployed);
    webhooks_are_off_in_a_local_run(&plane, &operator);
}

/// `make run` works on a machine that the cluster cannot reach, also with webhooks.
fn webhooks_are_off_in_a_local_run(plane: &ControlPlane, operator: &Operator) {
    operator.pintle(
        "create webhook --group crew --version v1 --kind Captain --defaulting --validation",
    );
    // A cluster-scoped kind that is not the project's own.
    operator.pintle("create api --group core --version v1 --kind Node --resource=false");
    operator.run(Command::new("make").arg("lint"));
    let manifest = operator.run(Command::new("kubectl").args(["kustomize", "config/default"]));
    let selector = "kubernetes.io/metadata.name: fenced-system";
    assert_eq!(manifest.matches(selector).count(), 2, "{manifest}");
    let health = free_port();
    let mut command = make(plane, "run");
    command
        .env("METRICS_BIND_ADDRESS", "0")
        .env("HEALTH_PROBE_BIND_ADDRESS", format!("127.0.0.1:{health}"))
        .process_group(0);
    let compiling = alone();
    let mut run = operator.spawn(&mut command);
    plane.wait_for("the operator is ready", || {
        http_get(&format!("127.0.0.1:{health}"), "/readyz").contains(" 200 ")
    });
    drop(compiling);
    apply(plane, &captain("bob", json!("hey")));
    plane.wait_for("the object is reconciled", || {
        field(plane, "captain/bob", ".status.conditions[0].status") == "True"
    });
    // Like Ctrl-C: the whole process group of the terminal.
    let group = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process_group(group, rustix::process::Signal::INT).expect("it runs");
    let _ = run.wait().expect("it is accessible");
    assert!(http_get(&format!("127.0.0.1:{health}"), "/readyz").is_empty(), "it has ended");
}
