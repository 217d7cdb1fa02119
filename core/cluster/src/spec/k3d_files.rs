//! Tests the k3d files in `tests/fixtures/k3d`. For each file, the plans of the containers and all
//! other settings are compared as one text.

use super::parse::parse_in;
use super::surroundings::Surroundings;
use super::{ClusterFile, Defaults, Secret};
use crate::names::Names;
use crate::nodes::container_plan::{self, Common, NodePlan};
use pintle_host::Identity;
use std::error::Error as _;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/k3d")
}

/// Reads a file from the directory, which is also the current directory and the home directory.
fn read(text: &str) -> Result<ClusterFile, String> {
    let (folder, home) = (folder(), folder().display().to_string());
    let var = |name: &str| match name {
        "HOME" => Some(home.clone()),
        "TOKEN" => Some("from-environment".to_owned()),
        "SUBNET" => Some("10.99.0.0/24".to_owned()),
        "REGISTRY" => Some("pier".to_owned()),
        "REMOTE" => Some("http://127.0.0.1:1".to_owned()),
        "SERVERS" => Some("1".to_owned()),
        "NETWORK" => Some("lan".to_owned()),
        "VOLUME" => Some("hold".to_owned()),
        "AGENTS" => Some("2".to_owned()),
        _ => None,
    };
    let around = Surroundings {
        folder: &folder,
        here: folder.clone(),
        home: Some(folder.clone()),
        var: &var,
    };
    parse_in(text, &around, None, Defaults::default()).map_err(|err| {
        let cause = err.source().map(|it| format!(": {it}"));
        format!("{err}{}", cause.unwrap_or_default())
    })
}

fn outcome(text: &str) -> String {
    match read(text) {
        Ok(file) => shown(file),
        Err(err) => format!("error: {err}\n"),
    }
}

/// Returns everything that differs from the smallest cluster.
fn shown(file: ClusterFile) -> String {
    let spec = file.spec.unwrap();
    let mut text = format!("cluster {}", spec.name);
    let default = Defaults::default();
    if spec.image != default.image {
        write!(text, " image={}", spec.image).unwrap();
    }
    for (name, value) in [("network", &spec.network), ("subnet", &spec.subnet)] {
        if let Some(value) = value {
            write!(text, " {name}={value}").unwrap();
        }
    }
    if let Some(token) = &spec.token {
        write!(text, " token={}", token.0).unwrap();
    }
    if spec.api.host.is_some() || spec.api.ip.is_some() {
        write!(text, " api={}", spec.api.reached_at("127.0.0.1")).unwrap();
    }
    let options = [
        ("wait", file.wait),
        ("rollback", file.rollback),
        ("update", file.kubeconfig_update),
        ("switch", file.kubeconfig_switch),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            write!(text, " {name}={value}").unwrap();
        }
    }
    if let Some(timeout) = file.timeout {
        write!(text, " timeout={timeout:?}").unwrap();
    }
    text.push('\n');
    for (plugin, section) in &spec.plugins {
        writeln!(text, "plugin {plugin} {section}").unwrap();
    }
    for note in &file.warnings {
        writeln!(text, "note: {note}").unwrap();
    }
    for it in &file.unsupported {
        writeln!(text, "unsupported: {it}").unwrap();
    }
    if let Err(err) = spec.check_nodes() {
        writeln!(text, "error: {err}").unwrap();
    }
    let names = Names::new(&Identity::default());
    let common = Common {
        names: &names,
        labels: names.labels(spec.name.as_str(), "run"),
        network: "net",
        is_network_external: false,
        token: &Secret("secret".into()),
        api_host: "127.0.0.1",
        subnet: None,
    };
    for plan in container_plan::nodes(&spec, &common) {
        node(&mut text, &plan);
    }
    text.replace(&folder().canonicalize().unwrap().display().to_string(), "[FIXTURES]")
        .replace(&folder().display().to_string(), "[FIXTURES]")
}

fn node(text: &mut String, plan: &NodePlan) {
    let body = &plan.body;
    let host = body.host_config.as_ref().unwrap();
    // The name differs if a test creates the cluster.
    let args = body.cmd.as_ref().unwrap().join(" ").replace(&plan.name, "ITSELF");
    writeln!(text, "{}: {args}", plan.name).unwrap();
    for it in body.env.iter().flatten().filter(|it| !it.starts_with("K3S_")) {
        writeln!(text, "  env {it}").unwrap();
    }
    let mut lines: Vec<String> = Vec::new();
    let labels = body.labels.iter().flatten();
    let labels = labels.filter(|it| !it.0.starts_with("pintle.") && it.0 != "app");
    lines.extend(labels.map(|(name, value)| format!("label {name}={value}")));
    for (port, bindings) in host.port_bindings.iter().flatten() {
        for it in bindings.iter().flatten() {
            let (ip, of_host) = (it.host_ip.as_deref(), it.host_port.as_deref());
            let (ip, of_host) = (ip.unwrap_or_default(), of_host.unwrap_or_default());
            lines.push(format!("port {ip}:{of_host}->{port}"));
        }
    }
    lines.sort();
    let binds = host.binds.iter().flatten().filter(|it| !it.contains("-shared:"));
    lines.extend(binds.map(|it| format!("bind {it}")));
    let mounts = host.mounts.iter().flatten().filter_map(|it| it.target.clone());
    lines.extend(mounts.map(|it| format!("mount {it}")));
    for it in host.ulimits.iter().flatten() {
        let (soft, hard) = (it.soft.unwrap_or_default(), it.hard.unwrap_or_default());
        lines.push(format!("ulimit {}={soft}:{hard}", it.name.as_deref().unwrap_or_default()));
    }
    lines.extend(host.pid_mode.iter().map(|it| format!("pid {it}")));
    lines.extend(host.memory.map(|it| format!("memory {it}")));
    let hosts = host.extra_hosts.iter().flatten().filter(|it| !it.ends_with("host-gateway"));
    lines.extend(hosts.map(|it| format!("host {it}")));
    for it in &plan.files {
        let contents = String::from_utf8_lossy(&it.bytes).replace('\n', "|");
        lines.push(format!("file {} {:o} {contents}", it.path, it.mode));
    }
    for line in lines {
        writeln!(text, "  {line}").unwrap();
    }
}

#[test]
fn every_file_of_the_fixtures_becomes_a_plan() {
    let mut paths: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 40);
    let mut all = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{} says what it covers", path.display());
        let name = path.file_stem().unwrap().to_string_lossy();
        writeln!(all, "== {name}\n{}", outcome(&text)).unwrap();
    }
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/spec/k3d_files.txt");
    expect_test::expect_file![expected].assert_eq(&all);
}
