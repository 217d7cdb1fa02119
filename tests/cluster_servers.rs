//! Clusters of several servers, and the meaning of "ready", on nodes that behave like k3s.

use crate::engine::Berth;
use crate::proxy::Proxy;
use expect_test::expect;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

impl Berth {
    fn node(&self, node: &str) -> String {
        format!("pintle-{}-{node}", self.name)
    }

    /// Returns the address of a node in the cluster's network.
    fn address_of(&self, node: &str) -> String {
        let inspected = self.engine.inspect(&self.node(node));
        let networks = inspected.network_settings.and_then(|it| it.networks).unwrap_or_default();
        networks.into_values().find_map(|it| it.ip_address).unwrap_or_default()
    }

    /// Waits until a condition holds.
    #[track_caller]
    fn wait_until(&self, what: &str, has_happened: impl Fn() -> bool) {
        let start = Instant::now();
        while !has_happened() {
            assert!(start.elapsed().as_secs() < 30, "timed out: {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns which nodes kubectl reports as Ready, through a kubeconfig.
    fn ready(&self) -> BTreeMap<String, bool> {
        let nodes = self.kubectl("get nodes --no-headers");
        let node = |line: &str| {
            let mut words = line.split_whitespace();
            let name = self.hide(words.next()?);
            Some((name.replace("pintle-NAME-", ""), words.next()? == "Ready"))
        };
        nodes.lines().filter_map(node).collect()
    }

    /// Fails the test unless exactly these nodes exist, and all are Ready.
    #[track_caller]
    fn assert_ready(&self, nodes: &[&str]) {
        let expected = nodes.iter().map(|it| ((*it).to_owned(), true)).collect();
        assert_eq!(self.ready(), expected);
    }
}

#[test]
fn three_servers_come_up_again_after_a_stop() {
    let Some(berth) = Berth::standin("three").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 3 --agents 1").success();
    let nodes = ["agent-0", "server-0", "server-1", "server-2"];
    berth.assert_ready(&nodes);
    let before = nodes.map(|it| berth.address_of(it));
    let _ = berth.run("cluster stop NAME").success();
    // Other containers that start in the meantime must not take the nodes' addresses.
    berth.start_bystanders(4);
    let _ = berth.run("cluster start NAME --timeout 60s").success();
    assert_eq!(nodes.map(|it| berth.address_of(it)), before);
    berth.assert_ready(&nodes);
}

#[test]
fn servers_join_one_after_the_other() {
    let Some(berth) = Berth::standin("turns") else { return };
    // The store accepts the next member after it has promoted the last one.
    let slow = "-e STANDIN_PROMOTION_EVERY=3000";
    let _ = berth.run(&format!("cluster create NAME --servers 3 {slow}")).success();
    let _ = berth.run("node create --cluster NAME --role server --replicas 2").success();
    for idx in 0..5 {
        let server = berth.engine.inspect(&berth.node(&format!("server-{idx}")));
        assert_eq!(server.restart_count, Some(0), "server-{idx} was refused");
    }
}

#[test]
fn a_server_leaves_the_store_before_its_container_goes() {
    let Some(berth) = Berth::standin("leave").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 2").success();
    // From two to one: the remaining member must have a quorum by itself.
    let shown = berth.transcript(&["node delete pintle-NAME-server-1"]);
    expect![[r#"
        $ pintle node delete pintle-NAME-server-1
        --- stderr ---
        the node `pintle-NAME-server-1` is gone
        [exit 0]
    "#]]
    .assert_eq(&shown);
    berth.assert_ready(&["server-0"]);
    // The number is free again, and nothing of its previous node is in the way.
    let _ = berth.run("node create --cluster NAME --role server --timeout 60s").success();
    berth.assert_ready(&["server-0", "server-1"]);
}

#[test]
fn kubectl_goes_on_by_way_of_the_servers_that_are_left() {
    let Some(berth) = Berth::standin("left").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 3").success();
    berth.engine.stop(&berth.node("server-0"));
    let other = berth.run("kubeconfig get NAME").success().stdout;
    fs::write(berth.kubeconfig(), other).unwrap();
    // The store may have lost its leader, and elects another one soon.
    let name = berth.node("server-1");
    assert!(berth.kubectl("get nodes -o name").contains(&name));
    let _ = berth.run("cluster start NAME --timeout 60s").success();
    let _ = berth.run("node delete pintle-NAME-server-2").success();
    berth.assert_ready(&["server-0", "server-1"]);
}

#[test]
fn a_server_is_not_deleted_where_the_cluster_could_not_go_on() {
    let Some(berth) = Berth::standin("quorum") else { return };
    let _ = berth.run("cluster create NAME --servers 3 --agents 1").success();
    berth.engine.stop(&berth.node("server-1"));
    let shown = berth.transcript(&[
        "node delete pintle-NAME-server-2",
        "cluster stop NAME",
        "node delete pintle-NAME-server-2",
        "node delete pintle-NAME-agent-0",
    ]);
    expect![[r#"
        $ pintle node delete pintle-NAME-server-2
        --- stderr ---
        error: without `pintle-NAME-server-2` the cluster `NAME` would lose its quorum: 1 of the 2 remaining servers are ready
        hint: wait until the other servers are ready, or delete one server at a time; `--force` deletes them regardless, and the cluster may be lost
        [exit 1]
        $ pintle cluster stop NAME
        --- stderr ---
        stopping the cluster `NAME`
        the cluster `NAME` has stopped
        [exit 0]
        $ pintle node delete pintle-NAME-server-2
        --- stderr ---
        error: the API server of the cluster `NAME` does not answer
          caused by: the kubeconfig of the cluster `NAME` does not exist
        hint: start the cluster with `pintle cluster start NAME`; `--force` deletes the nodes' containers regardless, but the cluster still counts the nodes as members when it starts
        [exit 1]
        $ pintle node delete pintle-NAME-agent-0
        --- stderr ---
        error: the API server of the cluster `NAME` does not answer
          caused by: the kubeconfig of the cluster `NAME` does not exist
        hint: start the cluster with `pintle cluster start NAME`; `--force` deletes the nodes' containers regardless, but the cluster still counts the nodes as members when it starts
        [exit 1]
    "#]].assert_eq(&shown);
    assert_eq!(berth.things().len(), 6);
}

#[test]
fn a_member_without_a_container_counts_until_its_node_is_deleted() {
    let Some(berth) = Berth::standin("member").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 3").success();
    berth.engine.remove_container(&berth.node("server-1"));
    let shown = berth.transcript(&["node delete pintle-NAME-server-2"]);
    expect![[r#"
        $ pintle node delete pintle-NAME-server-2
        --- stderr ---
        error: without `pintle-NAME-server-2` the cluster `NAME` would lose its quorum: 1 of the 2 remaining servers are ready
        hint: servers without a container still count as members of the cluster: remove them first with `kubectl delete node pintle-NAME-server-1`
        [exit 1]
    "#]]
    .assert_eq(&shown);
    let _ = berth.kubectl(&format!("delete node --wait=false {}", berth.node("server-1")));
    berth.wait_until("the cluster has forgotten it", || !berth.ready().contains_key("server-1"));
    let _ = berth.run("node delete pintle-NAME-server-2").success();
    berth.assert_ready(&["server-0"]);
}

#[test]
fn a_server_that_is_taken_back_leaves_the_store_first() {
    let Some(berth) = Berth::standin("back").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 2").success();
    let _ = berth.run("node delete pintle-NAME-server-1").success();
    // It joins the store and is never ready: one of two members is not a quorum.
    let line =
        "node create --cluster NAME --role server --timeout 8s -e STANDIN_NODE_NEVER_READY=1";
    let output = berth.run(line);
    assert_eq!(output.code(), 1, "{output}");
    berth.assert_ready(&["server-0"]);
}

#[test]
fn a_server_that_leaves_is_not_the_one_that_is_asked() {
    let Some(berth) = Berth::standin("asked") else { return };
    let _ = berth.run("cluster create NAME --servers 4").success();
    berth.engine.stop(&berth.node("server-0"));
    let _ = berth.run("node delete pintle-NAME-server-1").success();
    let left = berth.run("cluster inspect NAME").success().stdout;
    assert!(!left.contains("server-1") && left.contains("server-3"), "{left}");
}

#[test]
fn of_several_servers_the_dead_ones_leave_first() {
    let Some(berth) = Berth::standin("dead").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 3").success();
    berth.engine.stop(&berth.node("server-2"));
    let _ = berth.run("node delete pintle-NAME-server-1 pintle-NAME-server-2").success();
    berth.assert_ready(&["server-0"]);
}

#[test]
fn a_deleted_agent_leaves_its_name_free() {
    let Some(berth) = Berth::standin("again").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let _ = berth.run("node delete pintle-NAME-agent-0").success();
    let _ = berth.run("node create --cluster NAME --timeout 30s").success();
    berth.assert_ready(&["agent-0", "server-0"]);
    // With `--force`, the cluster is not informed, and the name can still be used again.
    let _ = berth.run("cluster stop NAME").success();
    let _ = berth.run("node delete --force pintle-NAME-agent-0").success();
    let _ = berth.run("cluster start NAME --timeout 60s").success();
    let _ = berth.run("node create --cluster NAME --timeout 30s").success();
    berth.assert_ready(&["agent-0", "server-0"]);
}

#[test]
fn who_waits_is_told_for_what_and_why() {
    let Some(berth) = Berth::standin("told") else { return };
    let _ = berth.run("cluster create NAME").success();
    let lines = [
        "node create --cluster NAME --timeout 13s -e K3S_TOKEN=wrong",
        "node create --cluster NAME --no-wait",
    ];
    let shown = lines.map(|it| format!("$ pintle {it}\n{}", berth.run(it))).concat();
    let shown = berth.hide_names(&shown);
    expect![[r#"
        $ pintle node create --cluster NAME --timeout 13s -e K3S_TOKEN=wrong
        --- stderr ---
        adding pintle-NAME-agent-0 to the cluster `NAME`
        waiting for the nodes
        warning: still waiting for the nodes
          `pintle-NAME-agent-0`: it has not joined yet; it logs: Waiting to retrieve agent configuration; server is not ready: https://pintle-NAME-server-0:6443: 401 Unauthorized
        removing what was created
        error: `node create NAME` timed out after 13s while waiting for the nodes to be ready
        hint: allow more time with `--timeout`, or keep the nodes with `--no-rollback` and read their logs
        [exit 1]
        $ pintle node create --cluster NAME --no-wait
        --- stderr ---
        adding pintle-NAME-agent-0 to the cluster `NAME`
        the node `pintle-NAME-agent-0` was started
        [exit 0]
    "#]].assert_eq(&shown);
}

/// Starts a TLS server with a self-signed certificate, and returns its port.
fn start_impostor(address: &str) -> u16 {
    let made =
        rcgen::generate_simple_self_signed([address.to_owned()]).expect("keys can be created");
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.expect("keys can be created"));
    let config = Arc::new(config.expect("the certificate is valid"));
    let listener = TcpListener::bind((address, 0)).expect("a socket is available");
    let port = listener.local_addr().expect("a socket is available").port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a socket is available");
            let tls = rustls::ServerConnection::new(Arc::clone(&config));
            // The client ends the connection.
            let _ = tls.expect("the configuration is valid").complete_io(&mut client);
        }
    });
    port
}

#[test]
fn who_waits_for_what_cannot_be_reached_is_told_the_last_error() {
    // At an address that belongs to something else.
    let foreign = format!("127.0.0.2, port: {}", start_impostor("127.0.0.2"));
    let cases = [
        (
            foreign.as_str(),
            "",
            "does not answer: client error (Connect): invalid peer certificate: UnknownIssuer",
        ),
        (
            "no-such-name.invalid",
            "",
            "waiting for the API server: the API server at `https://no-such-name.invalid:",
        ),
        // No machine has this address (RFC 5737).
        ("192.0.2.1", "", "waiting for the API server: the API server at `https://192.0.2.1:"),
        (
            "127.0.0.1",
            " -e STANDIN_NODE_NEVER_READY=1",
            "waiting for the nodes\n  `pintle-NAME-server-0`: ",
        ),
    ];
    let waiting = cases.map(|(host, options, told)| {
        let berth = Berth::standin("unreached")?;
        let file = format!(
            "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\n\
             spec: {{api: {{host: {host}, ip: 127.0.0.1}}}}\n"
        );
        fs::write(berth.sandbox.work().join("c.yaml"), file).unwrap();
        let line = format!("cluster create NAME --config c.yaml --timeout 20s{options}");
        let child = berth.sandbox.start(berth.words(&line));
        Some((berth, child, told))
    });
    for (berth, child, told) in waiting.into_iter().flatten() {
        let output = berth.sandbox.finish(child);
        let told = told.replace("NAME", &berth.name);
        let is_told = output.stderr.contains("warning: still ") && output.stderr.contains(&told);
        assert!(output.code() == 1 && is_told, "{told}\n{output}");
        berth.assert_nothing_left();
    }
}

#[test]
fn why_k3s_ended_is_shown_and_not_its_usage() {
    let Some(berth) = Berth::standin("usage") else { return };
    let shown = berth.transcript(&["cluster create NAME --k3s-arg --no-such-flag"]);
    expect![[r#"
        $ pintle cluster create NAME --k3s-arg --no-such-flag
        --- stderr ---
        creating the cluster `NAME`
        removing what was created
        error: the node `pintle-NAME-server-0` stopped with exit code 1
          caused by: flag provided but not defined: -no-such-flag
        [exit 1]
    "#]]
    .assert_eq(&shown);
    for kind in ["fatal", "klog", "panic"] {
        let line =
            format!("cluster create NAME -e STANDIN_CRASH_AT_START=1 -e STANDIN_CRASH_AS={kind}");
        let output = berth.run(&line);
        assert_eq!(output.code(), 1, "{output}");
        assert!(output.stderr.contains("crashed as told"), "{output}");
        assert!(!output.stderr.contains("goroutine"), "{output}");
    }
    berth.assert_nothing_left();
}

#[test]
fn proxies_are_for_neither_the_engine_nor_the_cluster() {
    let Some(berth) = Berth::standin("proxies") else { return };
    // Over TCP, because a proxy does not apply to Unix sockets.
    let (engine, _held) = Proxy::holding(|_, _| None);
    let berth = berth.env("DOCKER_HOST", &engine.address());
    let names =
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let berth = names.iter().fold(berth, |berth, name| berth.env(name, "http://127.0.0.1:1"));
    let _ = berth.run("cluster create NAME --agents 1 --timeout 60s").success();
    let _ = berth.run("node delete pintle-NAME-agent-0").success();
}

#[test]
fn few_descriptors_are_an_error_and_never_a_panic() {
    let Some(berth) = Berth::standin("descriptors") else { return };
    for limit in 3..24 {
        let script = format!("ulimit -n {limit}; exec \"$PINTLE\" cluster list");
        let child = berth.sandbox.start_script(&[], &script);
        let output = berth.sandbox.finish(child);
        assert!(!output.stderr.contains("panic"), "with {limit}: {output}");
        let code = output.status().code();
        assert!(matches!(code, Some(0 | 1 | 2 | 5 | 127)), "with {limit}: {output}");
    }
}

#[test]
fn what_a_run_is_still_making_is_waited_for_by_a_deletion() {
    let Some(berth) = Berth::standin("at-work") else { return };
    let words = berth.words("cluster create NAME --agents 2 -e STANDIN_READY_AFTER=1500");
    let child = berth.sandbox.start(words);
    berth.wait_until("something is made", || !berth.things().is_empty());
    let deleted = berth.run("cluster delete NAME").success();
    assert!(deleted.stderr.contains("waiting for process"), "{deleted}");
    let _ = berth.sandbox.finish(child).success();
    berth.assert_nothing_left();
}

#[test]
fn nodes_that_are_being_made_are_waited_for_by_a_deletion_of_nodes() {
    let Some(berth) = Berth::standin("in-turn") else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let before = berth.things().len();
    let line = "node create --cluster NAME -e STANDIN_NODE_READY_AFTER=1500";
    let child = berth.sandbox.start(berth.words(line));
    berth.wait_until("a node is made", || berth.things().len() > before);
    let deleted = berth.run("node delete pintle-NAME-agent-1").success();
    assert!(deleted.stderr.contains("waiting for process"), "{deleted}");
    let _ = berth.sandbox.finish(child).success();
    assert_eq!(berth.things().len(), before);
}

#[test]
fn a_server_that_restarts_while_nodes_are_waited_for_is_found_again() {
    let Some(berth) = Berth::standin("moved").and_then(Berth::with_kubectl) else { return };
    // Its API is then published at another port.
    let crash = "-e STANDIN_CRASH_AFTER=2000@server:0 -e STANDIN_CRASH_ONCE=1@server:0";
    let line = format!(
        "cluster create NAME --agents 1 --timeout 60s {crash} -e STANDIN_NODE_READY_AFTER=4000@agent:0"
    );
    let _ = berth.run(&line).success();
    let server = berth.engine.inspect(&berth.node("server-0"));
    assert_eq!(server.restart_count, Some(1), "it did not crash in time");
    berth.assert_ready(&["agent-0", "server-0"]);
}

#[test]
fn servers_without_fixed_addresses_are_told_of_when_they_start() {
    let Some(berth) = Berth::standin("unfixed") else { return };
    // In a network without a subnet of its own, the engine chooses the addresses at each start, as
    // it did for the clusters of earlier versions.
    let network = format!("{}-net", berth.name);
    berth.engine.create_network(&network, &[]);
    let _ = berth.run(&format!("cluster create NAME --servers 3 --network {network}"));
    let shown = berth.transcript(&["cluster stop NAME", "cluster start NAME --no-wait"]);
    let _ = berth.run("cluster delete NAME");
    let _ = berth.engine.remove_network(&network);
    expect![[r#"
        $ pintle cluster stop NAME
        --- stderr ---
        stopping the cluster `NAME`
        the cluster `NAME` has stopped
        [exit 0]
        $ pintle cluster start NAME --no-wait
        --- stderr ---
        starting the cluster `NAME`
        warning: the servers of the cluster `NAME` have no fixed addresses: if their addresses change, the cluster does not start again; delete it and create it again without `--network`
        the cluster `NAME` runs
        [exit 0]
    "#]]
    .assert_eq(&shown);
}
