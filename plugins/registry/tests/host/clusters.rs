//! The hook on the events of clusters.

use super::support::{event, plugin, registry, stopped, with};
use pintle_plugin::containers::ContainerInfo;
use pintle_plugin::json::{Value, json};
use pintle_plugin::message::DescribeRequest;
use pintle_plugin::testing::{self, Reaction};
use pintle_plugin::{ClusterEvent, HookReply, Level};

#[track_caller]
fn run(name: &str, payload: &ClusterEvent, containers: &[ContainerInfo]) -> Reaction {
    try_run(name, payload, containers).expect("the hook succeeds")
}

fn try_run(
    name: &str,
    payload: &ClusterEvent,
    containers: &[ContainerInfo],
) -> Result<Reaction, testing::Error> {
    let test = testing::event(plugin(), name).payload(payload);
    containers.iter().cloned().fold(test, testing::EventTest::container).run()
}

/// Returns a registry that is in this network, too.
fn within(registry: ContainerInfo, network: &str) -> ContainerInfo {
    with(registry, |it| it.networks.push(network.into()))
}

/// Returns a registry that belongs to this cluster.
fn of(cluster: &str, registry: ContainerInfo) -> ContainerInfo {
    with(registry, |it| it.cluster = cluster.into())
}

fn cache(registry: ContainerInfo, url: &str) -> ContainerInfo {
    with(registry, |it| drop(it.labels.insert("registry.pintle.dev/proxy".into(), url.into())))
}

fn names(reaction: &Reaction) -> Vec<&str> {
    reaction.containers.iter().map(|it| it.name.as_str()).collect()
}

/// Returns the keys and the endpoints of the mirrors.
fn mirrors(reply: &HookReply) -> Vec<(String, String)> {
    let all = reply.amend["mirrors"].as_object().expect("there are mirrors");
    all.iter()
        .map(|(key, to)| (key.clone(), to[0].as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, to)| ((*key).to_owned(), (*to).to_owned())).collect()
}

/// Returns the text of the announcement, and the cluster that got it.
fn announced(reaction: &Reaction) -> (&str, Value) {
    let [(cluster, manifest)] = reaction.applied.as_slice() else {
        panic!("one thing is applied, not {:?}", reaction.applied)
    };
    assert_eq!(manifest["kind"], "ConfigMap");
    assert_eq!(
        manifest["metadata"],
        json!({ "name": "local-registry-hosting", "namespace": "kube-public" })
    );
    let text = manifest["data"]["localRegistryHosting.v1"].as_str().unwrap_or_default();
    (cluster, serde_saphyr::from_str(text).expect("the announcement is YAML"))
}

#[test]
fn options_are_for_making_clusters_only() {
    let options = |verb: &str| {
        let mut request = DescribeRequest::default();
        request.path = vec!["cluster".into(), verb.into()];
        let request = pintle_plugin::json::to_vec(&request).unwrap();
        let reply = plugin().root().options(&request).into_message().unwrap();
        let reply: Value = pintle_plugin::json::from_slice(&reply).unwrap();
        let args = reply["args"].as_array().cloned().unwrap_or_default();
        args.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(options("create"), ["registry", "registry-port", "registry-use"]);
    assert!(options("delete").is_empty());
}

#[test]
fn a_cluster_that_wants_no_registry_gets_none() {
    for name in ["pre-cluster-create", "post-cluster-create"] {
        let done = run(name, &event("plain", json!({})), &[stopped(registry("one", 1))]);
        assert_eq!(done.reply, HookReply::proceed());
        assert!(!done.containers[0].running);
        assert!(done.applied.is_empty() && done.log.is_empty());
    }
}

#[test]
fn a_registry_is_made_for_the_cluster() {
    let made = run("pre-cluster-create", &event("made", json!({ "registry": true })), &[]);
    let registry = &made.containers[0];
    assert_eq!(
        (registry.name.as_str(), registry.cluster.as_str()),
        ("pintle-made-registry", "made")
    );
    assert_eq!(registry.networks, ["bridge"]);
    let to = "http://pintle-made-registry:5000";
    assert_eq!(
        mirrors(&made.reply),
        pairs(&[
            ("localhost:40000", to),
            ("pintle-made-registry:40000", to),
            ("pintle-made-registry:5000", to),
        ])
    );
}

#[test]
fn a_section_makes_a_cache() {
    let mut event = event("cached", json!({ "registry-port": "0.0.0.0:5000" }));
    let section = json!({ "create": { "proxy": { "remote": "https://registry-1.docker.io" } } });
    event.config.insert("registry.pintle.dev".into(), section);
    let made = run("pre-cluster-create", &event, &[]);
    let to = "http://pintle-cached-registry:5000";
    assert_eq!(
        mirrors(&made.reply),
        pairs(&[("docker.io", to), ("localhost:5000", to), ("pintle-cached-registry:5000", to)])
    );
    let made = run("post-cluster-create", &event, &made.containers);
    assert!(made.applied.is_empty(), "a cache takes no images");
}

#[test]
fn registries_that_are_used_are_started() {
    let event = event("user", json!({ "registry-use": ["one:7000", "k3d-two"] }));
    let two = of("other", stopped(registry("k3d-two", 2000)));
    let done = run("pre-cluster-create", &event, &[registry("one", 1000), two]);
    assert!(done.containers.iter().all(|it| it.running));
    assert_eq!(
        mirrors(&done.reply),
        pairs(&[
            ("k3d-two:2000", "http://k3d-two:5000"),
            ("k3d-two:5000", "http://k3d-two:5000"),
            ("localhost:1000", "http://one:5000"),
            ("localhost:2000", "http://k3d-two:5000"),
            ("one:1000", "http://one:5000"),
            ("one:5000", "http://one:5000"),
            ("one:7000", "http://one:5000"),
        ])
    );
    assert_eq!(
        done.log,
        [
            (Level::Warn, "`k3d-two` is deleted with the cluster `other`".to_owned()),
            (Level::Info, "the registry `k3d-two` runs at localhost:2000".to_owned()),
        ]
    );
}

#[test]
fn two_caches_of_one_registry_are_asked_in_turn() {
    let event = event("caches", json!({ "registry-use": ["one", "two"] }));
    let all = [registry("one", 1), registry("two", 2)].map(|it| cache(it, "https://ghcr.io"));
    let done = run("pre-cluster-create", &event, &all);
    assert_eq!(
        done.reply.amend["mirrors"]["ghcr.io"],
        json!(["http://one:5000", "http://two:5000"])
    );
}

#[test]
fn a_cache_that_ends_again_and_again_is_told() {
    let ends = || with(cache(registry("one", 1), "*"), |it| it.state = "restarting".into());
    let text = "the registry `one` does not keep running: check `docker logs one`";
    let event = event("caches", json!({ "registry-use": ["one"] }));
    for name in ["pre-cluster-create", "post-cluster-start"] {
        let done = run(name, &event, &[within(ends(), "pintle-caches")]);
        assert_eq!(done.log, [(Level::Warn, text.to_owned())], "{name}");
    }
}

#[test]
fn a_registry_that_cannot_be_used_or_made_stops_the_cluster() {
    let err = |options: Value| {
        let all = [registry("one", 1), registry("pintle-bad-registry", 2)];
        try_run("pre-cluster-create", &event("bad", options), &all).unwrap_err()
    };
    let missing = err(json!({ "registry": true, "registry-use": ["absent"] }));
    assert_eq!(missing.to_string(), "there is no registry `absent`");
    assert_eq!(missing.hint(), Some("use an existing registry: `one`, `pintle-bad-registry`"));
    let taken = err(json!({ "registry": true }));
    assert_eq!(taken.to_string(), "the registry `pintle-bad-registry` already exists");
    let port = err(json!({ "registry-port": "5000" }));
    assert_eq!(port.to_string(), "a port without a registry");
}

#[test]
fn a_new_cluster_reaches_its_registries_and_knows_the_first() {
    let event = event("whole", json!({ "registry": true, "registry-use": ["one"] }));
    let before = run("pre-cluster-create", &event, &[registry("one", 1000)]);
    let done = run("post-cluster-create", &event, &before.containers);
    for it in &done.containers {
        assert_eq!(it.networks, ["bridge", "pintle-whole"]);
    }
    let (cluster, hosting) = announced(&done);
    assert_eq!(cluster, "whole");
    assert_eq!(
        hosting,
        json!({
            "host": "localhost:40000",
            "hostFromClusterNetwork": "pintle-whole-registry:5000",
            "hostFromContainerRuntime": "pintle-whole-registry:5000",
        })
    );
}

#[test]
fn a_registry_is_announced_rather_than_a_cache() {
    let event = event("rather", json!({ "registry-use": ["one", "two"] }));
    let all = [cache(registry("one", 1), "https://ghcr.io"), registry("two", 2)];
    assert_eq!(announced(&run("post-cluster-create", &event, &all)).1["host"], "localhost:2");
}

#[test]
fn nothing_is_announced_in_a_cluster_that_is_not_ready() {
    let mut event = event("unready", json!({ "registry-use": ["one"] }));
    event.cluster.ready = false;
    let done = run("post-cluster-create", &event, &[registry("one", 1)]);
    assert!(done.applied.is_empty());
    assert_eq!(done.containers[0].networks, ["bridge", "pintle-unready"]);
    let text = "the registry `one` is not announced in the cluster, which may not be ready yet";
    assert_eq!(done.log, [(Level::Info, text.to_owned())]);
}

#[test]
fn a_registry_that_is_gone_behind_the_creation_is_told() {
    let event = event("behind", json!({ "registry-use": ["one"] }));
    let err = try_run("post-cluster-create", &event, &[]).unwrap_err();
    assert_eq!(err.to_string(), "there is no registry `one`");
}

#[test]
fn a_started_cluster_gets_its_registries_back() {
    let all = [
        within(stopped(registry("aa", 1)), "pintle-back"),
        stopped(registry("bb", 2)),
        of("back", stopped(registry("zz", 3))),
    ];
    let done = run("post-cluster-start", &event("back", json!({})), &all);
    let running: Vec<_> = done.containers.iter().map(|it| it.running).collect();
    assert_eq!(running, [true, false, true]);
    assert_eq!(announced(&done).1["host"], "localhost:3");
}

#[test]
fn a_started_cluster_without_registries_is_left_alone() {
    let done = run("post-cluster-start", &event("alone", json!({})), &[registry("one", 1)]);
    assert!(done.applied.is_empty() && done.log.is_empty());
}

#[test]
fn a_deleted_cluster_takes_its_registry_with_it() {
    let all = [
        of("gone", within(registry("own", 1), "pintle-gone")),
        within(registry("used", 2), "pintle-gone"),
        of("other", registry("other", 3)),
    ];
    let done = run("post-cluster-delete", &event("gone", json!({})), &all);
    assert_eq!(names(&done), ["used", "other"]);
    assert_eq!(done.containers[0].networks, ["bridge"]);
}

#[test]
fn what_is_left_of_a_cluster_has_no_nodes_and_may_have_no_registries() {
    let mut event = event("remains", json!({}));
    event.cluster.nodes.clear();
    let all = [of("remains", registry("own", 1)), within(registry("used", 2), "pintle-remains")];
    let done = run("post-cluster-delete", &event, &all);
    assert_eq!(done.containers[0].networks, ["bridge"]);
    assert!(run("post-cluster-delete", &event, &[]).containers.is_empty());
}

#[test]
fn a_network_that_clusters_share_keeps_its_registries() {
    let mut event = event("shared", json!({}));
    event.cluster.network = "lan".into();
    event.cluster.network_external = true;
    let all = [of("shared", within(registry("own", 1), "lan")), within(registry("used", 2), "lan")];
    let done = run("post-cluster-delete", &event, &all);
    assert_eq!(names(&done), ["used"]);
    assert_eq!(done.containers[0].networks, ["bridge", "lan"]);
}

#[test]
fn a_creation_that_failed_takes_back_what_it_made() {
    let mut event = event("failed", json!({ "registry": true }));
    let before = run("pre-cluster-create", &event, &[]);
    event.rollback = true;
    assert!(run("post-cluster-delete", &event, &before.containers).containers.is_empty());
}
