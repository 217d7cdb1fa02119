//! Hooks on the events of clusters, on a real Docker engine.

use crate::engine::{Berth, Image};
use crate::support::Sandbox;
use expect_test::expect;
use std::fs;
use std::time::{Duration, Instant};

/// A berth with the fixture whose hooks are controlled by options.
fn harbour(name: &str) -> Option<Berth> {
    Some(Berth::standin(name)?.plugin("harbour"))
}

#[test]
fn hooks_follow_a_cluster_through_its_life() {
    let Some(berth) = harbour("life") else { return };
    let transcript = berth.transcript(&[
        "cluster create NAME --agents 1",
        "node create --cluster NAME --harbour-berth east",
        "node delete pintle-NAME-agent-0 --harbour-berth west",
        "cluster stop NAME",
        "cluster start NAME",
        "cluster delete NAME",
    ]);
    expect![[r#"
        $ pintle cluster create NAME --agents 1
        --- stderr ---
        creating the cluster `NAME`
        harbour: pre-cluster-create NAME in pintle-NAME: 2 nodes, 0 with ids, ready false, rollback false
        waiting for the nodes
        waiting for the nodes: done
        harbour: post-cluster-create NAME in pintle-NAME: 2 nodes, 2 with ids, ready true, rollback false
        the cluster `NAME` is ready
        [exit 0]
        $ pintle node create --cluster NAME --harbour-berth east
        --- stderr ---
        harbour: pre-node-create pintle-NAME-agent-1 at east
        adding pintle-NAME-agent-1 to the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        harbour: post-node-create pintle-NAME-agent-1 at east
        the node `pintle-NAME-agent-1` has joined
        [exit 0]
        $ pintle node delete pintle-NAME-agent-0 --harbour-berth west
        --- stderr ---
        harbour: pre-node-delete pintle-NAME-agent-0 at west
        harbour: post-node-delete pintle-NAME-agent-0 at west
        the node `pintle-NAME-agent-0` is gone
        [exit 0]
        $ pintle cluster stop NAME
        --- stderr ---
        harbour: pre-cluster-stop NAME in pintle-NAME: 2 nodes, 2 with ids, ready false, rollback false
        stopping the cluster `NAME`
        harbour: post-cluster-stop NAME in pintle-NAME: 2 nodes, 2 with ids, ready false, rollback false
        the cluster `NAME` has stopped
        [exit 0]
        $ pintle cluster start NAME
        --- stderr ---
        harbour: pre-cluster-start NAME in pintle-NAME: 2 nodes, 2 with ids, ready false, rollback false
        starting the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        harbour: post-cluster-start NAME in pintle-NAME: 2 nodes, 2 with ids, ready true, rollback false
        the cluster `NAME` is ready
        [exit 0]
        $ pintle cluster delete NAME
        --- stderr ---
        harbour: pre-cluster-delete NAME in pintle-NAME: 2 nodes, 2 with ids, ready false, rollback false
        deleting the cluster `NAME`
        harbour: post-cluster-delete NAME in pintle-NAME: 2 nodes, 2 with ids, ready false, rollback false
        the cluster `NAME` is gone
        [exit 0]
    "#]].assert_eq(&transcript);
    berth.assert_nothing_left();
}

#[test]
fn what_hooks_amend_is_made() {
    let Some(berth) = harbour("amend") else { return };
    fs::create_dir(berth.sandbox.work().join("chart")).unwrap();
    fs::write(berth.sandbox.work().join("chart/map"), "here").unwrap();
    let chart = berth.sandbox.work().join("chart").display().to_string();
    let file = format!(
        "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nspec:\n  agents: 1\n  env: [{{name: MINE, value: user}}]\n\
         plugins:\n  harbour.example.org:\n    env: {{A: hook, MINE: hook}}\n    mirror: {{'r:5000': 'http://r'}}\n    \
         text: ahoy\n    mount: {{'{chart}': /chart}}\n"
    );
    fs::write(berth.sandbox.work().join("c.yaml"), file).unwrap();
    let _ = berth.run("cluster create NAME --config c.yaml").success();
    for suffix in ["server-0", "agent-0"] {
        let node = format!("pintle-{}-{suffix}", berth.name);
        let config = berth.engine.inspect(&node).config.unwrap();
        let env = config.env.unwrap();
        let value = |name: &str| env.iter().rfind(|it| it.starts_with(name)).cloned();
        assert_eq!(value("A=").as_deref(), Some("A=hook"));
        assert_eq!(value("MINE=").as_deref(), Some("MINE=user"));
        assert_eq!(config.labels.unwrap().get("harbour").map(String::as_str), Some("yes"));
        assert_eq!(berth.engine.file(&node, "/etc/harbour/text").as_deref(), Some("ahoy"));
        assert_eq!(berth.engine.file(&node, "/chart/map").as_deref(), Some("here"));
        let registries = berth.engine.file(&node, "/etc/rancher/k3s/registries.yaml").unwrap();
        assert!(registries.contains("r:5000") && registries.contains("http://r"), "{registries}");
    }
    // Nodes that join later have the same registries.
    let _ = berth.run("node create --cluster NAME").success();
    let node = format!("pintle-{}-agent-1", berth.name);
    let registries = berth.engine.file(&node, "/etc/rancher/k3s/registries.yaml").unwrap();
    assert!(registries.contains("http://r"), "{registries}");
    let env = berth.engine.inspect(&node).config.unwrap().env.unwrap();
    assert!(env.contains(&"HARBOUR=node".to_owned()), "{env:?}");
}

#[test]
fn plugins_that_amend_one_thing_differently_are_in_conflict() {
    let Some(berth) = harbour("conflict") else { return };
    let berth = berth.plugin("harbour-rival");
    let file = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nplugins:\n  harbour.example.org: {env: {HARBOUR: mine}}\n";
    fs::write(berth.sandbox.work().join("c.yaml"), file).unwrap();
    let output = berth.run("cluster create NAME --config c.yaml");
    let shown = berth.shown(&output);
    assert_eq!(output.code(), 1, "{shown}");
    assert!(
        shown.contains("error: plugins `harbour.example.org/v1.0.0` and `harbour-rival.example.org/v1.0.0` amend the variable `HARBOUR` differently")
            || shown.contains("error: plugins `harbour-rival.example.org/v1.0.0` and `harbour.example.org/v1.0.0` amend the variable `HARBOUR` differently"),
        "{shown}"
    );
    berth.assert_nothing_left();
}

#[test]
fn each_hooks_output_is_kept_together() {
    let Some(berth) = harbour("output") else { return };
    let berth = berth.plugin("harbour-rival");
    let output = berth.run("cluster create NAME");
    let lines: Vec<_> = output.stderr.lines().collect();
    for event in ["pre-cluster-create", "post-cluster-create"] {
        let first = format!("rival: one {event}");
        let idx = lines.iter().position(|it| *it == first).unwrap_or_else(|| panic!("{output}"));
        assert_eq!(lines[idx + 1], format!("rival: two {event}"), "{output}");
    }
    let _ = output.success();
}

#[test]
fn a_veto_leaves_everything_as_it_was() {
    let Some(berth) = harbour("veto").and_then(Berth::with_kubectl) else { return };
    let transcript = berth.transcript(&[
        "cluster create NAME --harbour-veto pre-cluster-create",
        "cluster create NAME",
        "cluster stop NAME --harbour-veto pre-cluster-stop",
        "cluster delete NAME --harbour-veto pre-cluster-delete",
    ]);
    expect![[r#"
        $ pintle cluster create NAME --harbour-veto pre-cluster-create
        --- stderr ---
        creating the cluster `NAME`
        harbour: pre-cluster-create NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback false
        removing what was created
        harbour: post-cluster-delete NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback true
        error: plugin `harbour.example.org/v1.0.0` vetoed `pre-cluster-create`: the harbour is closed
        [exit 1]
        $ pintle cluster create NAME
        --- stderr ---
        creating the cluster `NAME`
        harbour: pre-cluster-create NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback false
        waiting for the nodes
        waiting for the nodes: done
        harbour: post-cluster-create NAME in pintle-NAME: 1 nodes, 1 with ids, ready true, rollback false
        the cluster `NAME` is ready
        [exit 0]
        $ pintle cluster stop NAME --harbour-veto pre-cluster-stop
        --- stderr ---
        harbour: pre-cluster-stop NAME in pintle-NAME: 1 nodes, 1 with ids, ready false, rollback false
        error: plugin `harbour.example.org/v1.0.0` vetoed `pre-cluster-stop`: the harbour is closed
        [exit 1]
        $ pintle cluster delete NAME --harbour-veto pre-cluster-delete
        --- stderr ---
        harbour: pre-cluster-delete NAME in pintle-NAME: 1 nodes, 1 with ids, ready false, rollback false
        error: plugin `harbour.example.org/v1.0.0` vetoed `pre-cluster-delete`: the harbour is closed
        [exit 1]
    "#]].assert_eq(&transcript);
    assert!(berth.kubectl("get nodes --no-headers").contains("Ready"));
}

#[test]
fn a_hook_that_fails_behind_the_creation_undoes_it() {
    let Some(berth) = harbour("fails") else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let line =
        format!("cluster create NAME --harbour-fail post-cluster-create --harbour-buoy {image}");
    let transcript = berth.transcript(&[&line]);
    expect![[r#"
        $ pintle cluster create NAME --harbour-fail post-cluster-create --harbour-buoy IMAGE
        --- stderr ---
        creating the cluster `NAME`
        harbour: pre-cluster-create NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback false
        harbour: buoy-NAME is running
        waiting for the nodes
        waiting for the nodes: done
        harbour: post-cluster-create NAME in pintle-NAME: 1 nodes, 1 with ids, ready true, rollback false
        removing what was created
        harbour: post-cluster-delete NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback true
        error: the hook of plugin `harbour.example.org/v1.0.0` on `post-cluster-create` failed
          caused by: the tide is out
        hint: wait for the flood
        [exit 1]
    "#]].assert_eq(&transcript);
    berth.assert_nothing_left();
    assert!(
        !berth.kubeconfig().exists()
            || !fs::read_to_string(berth.kubeconfig()).unwrap().contains(&berth.name)
    );
    let kept = berth.run("cluster create NAME --harbour-fail post-cluster-create --no-rollback");
    assert_eq!(kept.code(), 1, "{kept}");
    assert_eq!(berth.things().len(), 3);
}

#[test]
fn what_hooks_made_goes_with_a_failed_creation() {
    let Some(berth) = harbour("buoy") else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    // The container is created first, and then a node crashes.
    let line = format!("cluster create NAME --harbour-buoy {image} -e STANDIN_CRASH_AT_START=1");
    let output = berth.run(&line);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("is running"), "{output}");
    berth.assert_nothing_left();
}

#[test]
fn a_failed_delete_hook_is_told_and_the_deletion_goes_on() {
    let Some(berth) = harbour("delete") else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let _ = berth.run(&format!("cluster create NAME --harbour-buoy {image}")).success();
    let transcript = berth.transcript(&["cluster delete NAME --harbour-fail post-cluster-delete"]);
    expect![[r#"
        $ pintle cluster delete NAME --harbour-fail post-cluster-delete
        --- stderr ---
        harbour: pre-cluster-delete NAME in pintle-NAME: 1 nodes, 1 with ids, ready false, rollback false
        deleting the cluster `NAME`
        harbour: post-cluster-delete NAME in pintle-NAME: 1 nodes, 1 with ids, ready false, rollback false
        warning: removing what the hooks have left: `buoy-NAME`
        error: the hook of plugin `harbour.example.org/v1.0.0` on `post-cluster-delete` failed
          caused by: the tide is out
        hint: wait for the flood
        [exit 1]
    "#]].assert_eq(&transcript);
    berth.assert_nothing_left();
}

#[test]
fn a_hook_that_hangs_is_left_behind() {
    let Some(berth) = harbour("hang") else { return };
    let berth = berth.env("PINTLE_HOOK_TIMEOUT", "1s");
    let begin = Instant::now();
    let transcript = berth.transcript(&[
        "cluster create NAME --harbour-wait pre-cluster-create",
        "cluster create NAME --harbour-wait post-cluster-create",
    ]);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    expect![[r#"
        $ pintle cluster create NAME --harbour-wait pre-cluster-create
        --- stderr ---
        creating the cluster `NAME`
        harbour: pre-cluster-create NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback false
        warning: plugin `harbour.example.org/v1.0.0` has been working on `pre-cluster-create` for 500ms
        removing what was created
        harbour: post-cluster-delete NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback true
        error: the hook of plugin `harbour.example.org/v1.0.0` on `pre-cluster-create` timed out after 1s
        hint: check what the plugin waits for, or set `PINTLE_HOOK_TIMEOUT` to a longer time limit for hooks, for example `10m`
        [exit 1]
        $ pintle cluster create NAME --harbour-wait post-cluster-create
        --- stderr ---
        creating the cluster `NAME`
        harbour: pre-cluster-create NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback false
        waiting for the nodes
        waiting for the nodes: done
        harbour: post-cluster-create NAME in pintle-NAME: 1 nodes, 1 with ids, ready true, rollback false
        warning: plugin `harbour.example.org/v1.0.0` has been working on `post-cluster-create` for 500ms
        removing what was created
        harbour: post-cluster-delete NAME in pintle-NAME: 1 nodes, 0 with ids, ready false, rollback true
        error: the hook of plugin `harbour.example.org/v1.0.0` on `post-cluster-create` timed out after 1s
        hint: check what the plugin waits for, or set `PINTLE_HOOK_TIMEOUT` to a longer time limit for hooks, for example `10m`
        [exit 1]
    "#]].assert_eq(&transcript);
    berth.assert_nothing_left();
    let berth = berth.env("PINTLE_HOOK_TIMEOUT", "soon");
    expect![[r#"
        $ pintle cluster create NAME
        --- stderr ---
        error: invalid duration `soon` in `PINTLE_HOOK_TIMEOUT`
          caused by: expected number at 0
        hint: use a duration, for example `90s` or `5m`
        [exit 2]
    "#]]
    .assert_eq(&berth.transcript(&["cluster create NAME"]));
}

#[test]
fn a_hook_that_panics_undoes_and_exits_with_70() {
    let Some(berth) = harbour("panic") else { return };
    let output = berth.run("cluster create NAME --harbour-panic post-cluster-create");
    assert_eq!(output.code(), 70, "{output}");
    assert!(output.stderr.contains("all hands lost"), "{output}");
    berth.assert_nothing_left();
}

#[test]
fn help_says_whose_options_they_are() {
    let sandbox = Sandbox::new().plugin("harbour");
    let help = sandbox.run(["cluster", "create", "--help"]).success().stdout;
    let own: Vec<_> =
        help.lines().skip_while(|it| !it.starts_with("Options of plugin")).take(11).collect();
    expect![[r#"
        Options of plugin harbour.example.org/v1.0.0:
              --harbour-fail <EVENT>       Fail on an event
              --harbour-veto <EVENT>       Veto an event
              --harbour-wait <EVENT>       Hang on an event
              --harbour-panic <EVENT>      Panic on an event
              --harbour-run <EVENT WORDS>  Run a command of the host on an event
              --harbour-buoy <IMAGE>       Make a container first"#]]
    .assert_eq(&own.join("\n"));
    // None of it if the plugin does not listen.
    let help = sandbox.run(["cluster", "list", "--help"]).success().stdout;
    assert!(!help.contains("harbour"), "{help}");
    let sandbox = sandbox.env("PINTLE_COMPLETE", "fish");
    let completed = sandbox.run(["--", "pintle", "cluster", "create", "--harbour-v"]).success();
    assert_eq!(completed.stdout, "--harbour-veto[TAB]Veto an event\n");
    // Its hook completes the values of one of them.
    let words = ["--", "pintle", "cluster", "create", "--harbour-fail", "po"];
    let completed = sandbox.run(words).success();
    assert_eq!(completed.stdout, "post-cluster-create\n");
}

#[test]
fn options_that_clash_are_told_with_their_owners() {
    let sandbox = Sandbox::new().plugin("harbour").plugin("harbour-rival");
    let sandbox = sandbox.env("DOCKER_HOST", "unix:///no/such.sock");
    let sandbox = sandbox.env("RIVAL_TAKES", "agents");
    expect![[r#"
        $ pintle cluster create demo
        --- stderr ---
        error: plugin `harbour-rival.example.org/v1.0.0` cannot add its options to `cluster create`: `--agents` belongs to the host
        hint: disable the plugin with `--disable-plugin harbour-rival.example.org/v1.0.0`
        [exit 4]
    "#]].assert_eq(&sandbox.transcript(&["cluster create demo"]));
    let sandbox = sandbox.env("RIVAL_TAKES", "harbour-veto");
    expect![[r#"
        $ pintle cluster create demo
        --- stderr ---
        error: plugin `harbour.example.org/v1.0.0` cannot add its options to `cluster create`: `--harbour-veto` belongs to plugin harbour-rival.example.org/v1.0.0
        hint: disable the plugin with `--disable-plugin harbour.example.org/v1.0.0`
        [exit 4]
    "#]].assert_eq(&sandbox.transcript(&["cluster create demo"]));
}

#[test]
fn a_section_for_a_plugin_that_is_not_there_is_refused() {
    let sandbox = Sandbox::new().env("DOCKER_HOST", "unix:///no/such.sock");
    let file = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\nplugins: {registry: {create: {}}}\n";
    fs::write(sandbox.work().join("c.yaml"), file).unwrap();
    expect![[r#"
        $ pintle cluster create --config c.yaml
        --- stderr ---
        error: the cluster file `c.yaml` has a section for the plugin `registry.pintle.dev`, but no such plugin subscribes to the creation of clusters
        hint: install the plugin, or remove the section from the file
        [exit 1]
    "#]].assert_eq(&sandbox.transcript(&["cluster create --config c.yaml"]));
}

#[test]
fn events_are_listed_with_their_subscribers() {
    let sandbox = Sandbox::new().plugin("harbour").plugin("harbour-rival").plugin("veto");
    let text = sandbox.run(["events"]).success().stdout;
    let lines: Vec<_> =
        text.lines().filter(|it| it.contains("EVENT") || it.contains("example.org")).collect();
    expect![[r#"
        EVENT                 WHEN                                            SUBSCRIBERS
        pre-project-init      before a new project is written                 veto.example.org/v1.0.0
        pre-cluster-create    before a cluster is created                     harbour-rival.example.org/v1.0.0, harbour.example.org/v1.0.0
        post-cluster-create   when a new cluster is ready                     harbour-rival.example.org/v1.0.0, harbour.example.org/v1.0.0
        pre-cluster-start     before a cluster's nodes are started            harbour.example.org/v1.0.0
        post-cluster-start    when a started cluster is ready                 harbour.example.org/v1.0.0
        pre-cluster-stop      before a cluster's nodes are stopped            harbour.example.org/v1.0.0
        post-cluster-stop     when a cluster's nodes have stopped             harbour.example.org/v1.0.0
        pre-cluster-delete    before a cluster is deleted                     harbour.example.org/v1.0.0
        post-cluster-delete   when a cluster is gone, or its creation undone  harbour.example.org/v1.0.0
        pre-node-create       before nodes join a cluster                     harbour.example.org/v1.0.0
        post-node-create      when the new nodes are ready                    harbour.example.org/v1.0.0
        pre-node-delete       before nodes leave a cluster                    harbour.example.org/v1.0.0
        post-node-delete      after the nodes are deleted                     harbour.example.org/v1.0.0"#]].assert_eq(&lines.join("\n"));
    let json = sandbox.run(["events", "-o", "json"]).success().stdout;
    let events: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(events.len(), 20);
    let creation = events.iter().find(|it| it["name"] == "pre-cluster-create").unwrap();
    assert_eq!(creation["subscribers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_plugin_reaches_only_its_own_containers() {
    let Some(berth) = harbour("own").and_then(Berth::with_kubectl) else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let _ = berth.run("cluster create NAME").success();
    let buoy = format!("buoy-of-{}", berth.name);
    let server = format!("pintle-{}-server-0", berth.name);
    let network = format!("pintle-{}", berth.name);
    let transcript = berth.transcript(&[
        &format!("buoy run {buoy} {image}"),
        &format!("buoy run {buoy} {image}"),
        &format!("buoy connect {buoy} {network}"),
        &format!("buoy connect {buoy} {network}"),
        "buoy list",
        &format!("buoy stop {buoy}"),
        "buoy list",
        &format!("buoy start {buoy}"),
        &format!("buoy disconnect {buoy} {network}"),
        &format!("buoy disconnect {buoy} {network}"),
        &format!("buoy remove {server}"),
        &format!("buoy disconnect {server} {network}"),
        "buoy apply NAME ConfigMap",
        "buoy apply NAME Lighthouse",
        "buoy apply no-such-cluster ConfigMap",
        &format!("buoy remove {buoy}"),
        "buoy list",
    ]);
    // Whatever the result of the test is, the container belongs to no cluster that would be
    // removed.
    berth.engine.remove_container(&buoy);
    expect![[r#"
        $ pintle buoy run buoy-of-NAME IMAGE
        buoy-of-NAME running 1
        [exit 0]
        $ pintle buoy run buoy-of-NAME IMAGE
        --- stderr ---
        error: the engine failed to create the container `buoy-of-NAME`
          caused by: Conflict. The container name "/buoy-of-NAME" is already in use by container "[ID]". You have to remove (or rename) that container to be able to reuse that name.
        [exit 1]
        $ pintle buoy connect buoy-of-NAME pintle-NAME
        [exit 0]
        $ pintle buoy connect buoy-of-NAME pintle-NAME
        [exit 0]
        $ pintle buoy list
        buoy-of-NAME running bridge,pintle-NAME
        [exit 0]
        $ pintle buoy stop buoy-of-NAME
        [exit 0]
        $ pintle buoy list
        buoy-of-NAME exited bridge,pintle-NAME
        [exit 0]
        $ pintle buoy start buoy-of-NAME
        [exit 0]
        $ pintle buoy disconnect buoy-of-NAME pintle-NAME
        [exit 0]
        $ pintle buoy disconnect buoy-of-NAME pintle-NAME
        [exit 0]
        $ pintle buoy remove pintle-NAME-server-0
        --- stderr ---
        error: the plugin has no container `pintle-NAME-server-0`
        [exit 1]
        $ pintle buoy disconnect pintle-NAME-server-0 pintle-NAME
        --- stderr ---
        error: the plugin has no container `pintle-NAME-server-0`
        [exit 1]
        $ pintle buoy apply NAME ConfigMap
        [exit 0]
        $ pintle buoy apply NAME Lighthouse
        --- stderr ---
        error: the API server refused to apply an object: the API server does not support its kind
        [exit 1]
        $ pintle buoy apply no-such-cluster ConfigMap
        --- stderr ---
        error: there is no cluster `no-such-cluster`
        hint: run `pintle cluster list` to list the clusters
        [exit 1]
        $ pintle buoy remove buoy-of-NAME
        [exit 0]
        $ pintle buoy list
        [exit 0]
    "#]].assert_eq(&transcript);
    assert_eq!(berth.kubectl("get configmap buoy -n kube-public -o jsonpath={.data.a}"), "b");
}
