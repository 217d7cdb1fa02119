//! The node's information about itself, and the object that reports it to the API server.

use crate::args::Settings;
use crate::log;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;

/// Returns the name that the kernel gives the node.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the node's own addresses, except the loopback addresses.
pub(crate) fn addresses() -> Vec<Ipv4Addr> {
    local_addresses(&fs::read_to_string("/proc/net/fib_trie").unwrap_or_default())
}

/// Returns the names and addresses in a server's certificate. As in k3s, the name of the node is
/// not one of them: only `--tls-san` adds it.
pub(crate) fn server_names(settings: &Settings) -> BTreeSet<String> {
    let fixed = [
        "localhost",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "10.43.0.1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let mut names: BTreeSet<String> = fixed.into_iter().map(str::to_owned).collect();
    names.extend(addresses().iter().map(Ipv4Addr::to_string));
    names.extend(settings.names.iter().cloned());
    names
}

/// Returns the node as a Kubernetes object.
pub(crate) fn object(settings: &Settings, version: &str, is_ready: bool) -> Value {
    let name = &settings.name;
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": name, "labels": labels(settings) },
        "spec": { "providerID": format!("k3s://{name}") },
        "status": status(settings, version, is_ready),
    })
}

fn labels(settings: &Settings) -> Map<String, Value> {
    let fixed = [
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/hostname", &settings.name),
        ("kubernetes.io/os", "linux"),
        ("node.kubernetes.io/instance-type", "k3s"),
    ];
    let role = settings.is_server.then_some(("node-role.kubernetes.io/control-plane", "true"));
    let own = settings.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let all = fixed.into_iter().chain(role).chain(own);
    all.map(|(key, value)| (key.to_owned(), value.into())).collect()
}

fn status(settings: &Settings, version: &str, is_ready: bool) -> Value {
    let now = log::now();
    let ready = if is_ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        ("False", "KubeletNotReady", "container runtime network not ready")
    };
    let (status, reason, message) = ready;
    let addresses = addresses();
    let mut listed: Vec<_> =
        addresses.iter().map(|it| json!({ "type": "InternalIP", "address": it })).collect();
    listed.push(json!({ "type": "Hostname", "address": settings.name }));
    let resources = json!({
        "cpu": "2",
        "ephemeral-storage": "10Gi",
        "memory": "4Gi",
        "pods": "110",
    });
    json!({
        "addresses": listed,
        "allocatable": resources,
        "capacity": resources,
        "conditions": [{
            "type": "Ready",
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": "",
            "containerRuntimeVersion": "containerd://2.1.4-k3s1",
            "kernelVersion": rustix::system::uname().release().to_string_lossy(),
            "kubeProxyVersion": "",
            "kubeletVersion": version,
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "K3s stand-in",
            "systemUUID": "",
        },
    })
}

/// Finds the addresses that the kernel's routing table lists as local: a line with the address is
/// followed by one with its type.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(address) = last
            && !address.is_loopback()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_the_routing_table() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                     Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 172.18.0.0\n        \
                     /16 link UNICAST\n           |-- 172.18.0.2\n              /32 host LOCAL\n\
                     |-- 172.18.255.255\n              /32 link BROADCAST\n";
        let twice = format!("{table}{table}");
        assert_eq!(local_addresses(&twice), [Ipv4Addr::new(172, 18, 0, 2)]);
    }
}
