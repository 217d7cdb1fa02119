//! Clusters on a real Docker engine, without failures.

use crate::control_plane::free_port;
use crate::engine::{Berth, Image};
use expect_test::expect;
use std::fs;
use std::io::Write as _;

#[test]
fn a_cluster_is_made_listed_and_deleted() {
    let Some(berth) = Berth::new("whole") else { return };
    let transcript = berth.transcript(&[
        "cluster create NAME --servers 3 --agents 2 --token hush-hush",
        "cluster start NAME",
        "cluster delete NAME",
        "cluster delete NAME",
    ]);
    expect![[r#"
        $ pintle cluster create NAME --servers 3 --agents 2 --token hush-hush
        --- stderr ---
        creating the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
        $ pintle cluster start NAME
        --- stderr ---
        starting the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
        $ pintle cluster delete NAME
        --- stderr ---
        deleting the cluster `NAME`
        the cluster `NAME` is gone
        [exit 0]
        $ pintle cluster delete NAME
        --- stderr ---
        warning: there is no cluster `NAME`: nothing to delete
        [exit 0]
    "#]]
    .assert_eq(&transcript);
    berth.assert_nothing_left();
}

#[test]
fn what_a_cluster_holds_is_named_and_labelled() {
    let Some(berth) = Berth::new("labels") else { return };
    let _ = berth.run("cluster create NAME --agents 1 --label team=x@agent").success();
    let things: Vec<_> = berth.things().iter().map(|it| berth.hide(it)).collect();
    expect![[r#"
        container pintle-NAME-agent-0
        container pintle-NAME-server-0
        network pintle-NAME
        volume pintle-NAME-shared"#]]
    .assert_eq(&things.join("\n"));
    let agent = berth.engine.inspect(&format!("pintle-{}-agent-0", berth.name));
    let labels = agent.config.unwrap().labels.unwrap();
    let mut labels: Vec<_> = labels.into_iter().filter(|it| it.0 != "pintle.run").collect();
    // The engine chooses the address, which differs between runs.
    labels.retain(|it| it.0 != "pintle.address");
    labels.sort();
    let labels: Vec<_> =
        labels.iter().map(|it| format!("{}={}", it.0, berth.hide(&it.1))).collect();
    expect![[r#"
        app=pintle
        pintle.cluster=NAME
        pintle.network=pintle-NAME
        pintle.network.external=false
        pintle.privilege=reduced
        pintle.role=agent
        pintle.version=0.1.0
        team=x"#]]
    .assert_eq(&labels.join("\n"));
}

#[test]
fn every_node_is_ready_in_kubectls_eyes() {
    let Some(berth) = Berth::new("kubectl").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 3 --agents 2").success();
    let nodes = berth.kubectl("get nodes --no-headers");
    let nodes: Vec<_> = nodes
        .lines()
        .map(|it| it.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .map(|it| berth.hide(&it))
        .collect();
    expect![[r#"
        pintle-NAME-agent-0 Ready
        pintle-NAME-agent-1 Ready
        pintle-NAME-server-0 Ready
        pintle-NAME-server-1 Ready
        pintle-NAME-server-2 Ready"#]]
    .assert_eq(&nodes.join("\n"));
    let context = berth.kubectl("config current-context");
    assert_eq!(berth.hide(&context), "pintle-NAME\n");
}

#[test]
fn listings_have_all_forms_and_no_secret() {
    let Some(berth) = Berth::new("lists") else { return };
    let _ = berth.run("cluster create NAME --agents 1 --token hush-hush --label team=x").success();
    let of_ours = |line: &str| {
        let output = berth.run(line).success();
        assert!(!output.to_string().contains("hush-hush"), "{output}");
        output.stdout
    };
    let clusters: Vec<serde_json::Value> =
        serde_json::from_str(&of_ours("cluster list -o json")).unwrap();
    let own = clusters.iter().find(|it| it["name"] == berth.name.as_str()).unwrap();
    let own = berth.hide(&serde_json::to_string_pretty(own).unwrap());
    expect![[r#"
        {
          "name": "NAME",
          "servers": 1,
          "serversRunning": 1,
          "agents": 1,
          "agentsRunning": 1,
          "network": "pintle-NAME",
          "api": "https://127.0.0.1:[PORT]",
          "image": "IMAGE"
        }"#]]
    .assert_eq(&own);
    for line in ["cluster list", "cluster list -o wide", "node list -o wide", "node list -o json"] {
        assert!(of_ours(line).contains(&berth.name), "{line}");
    }
    let yaml = berth.hide(&of_ours("cluster inspect NAME -o yaml"));
    let yaml: Vec<_> = yaml.lines().filter(|it| !it.trim_start().starts_with("id:")).collect();
    expect![[r#"
        name: NAME
        nodes:
        - name: pintle-NAME-server-0
          cluster: NAME
          role: server
          state: running
          image: IMAGE
          ports:
          - 127.0.0.1:[PORT]->6443/tcp
          labels:
            team: x
        - name: pintle-NAME-agent-0
          cluster: NAME
          role: agent
          state: running
          image: IMAGE
          ports: []
          labels:
            team: x
        network: pintle-NAME
        networkIsExternal: false
        api: https://127.0.0.1:[PORT]"#]]
    .assert_eq(&yaml.join("\n"));
    expect![[r#"
        Name:     NAME
        API:      https://127.0.0.1:[PORT]
        Network:  pintle-NAME
        Nodes:
          pintle-NAME-server-0  server  running  IMAGE  127.0.0.1:[PORT]->6443/tcp team=x
          pintle-NAME-agent-0   agent   running  IMAGE  team=x
    "#]]
    .assert_eq(&berth.hide(&of_ours("cluster inspect NAME")));
}

#[test]
fn values_reach_the_nodes_that_they_are_for() {
    let Some(berth) = Berth::standin("values").and_then(Berth::with_kubectl) else { return };
    let folder = berth.sandbox.work().join("data");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("here"), "yes").unwrap();
    let _ = berth
        .run(
            "cluster create -v ./data:/first NAME --agents 2 -e ALL=1 -e ONE=a\\@b@agent:1 \
             -v ./data:/data:ro@agent:* --memory 256m@agent:0 \
             --k3s-arg --node-label=colour=red@agent:0 -p 127.0.0.1::80@agent:0 --label a=b",
        )
        .success();
    let node = |suffix: &str| berth.engine.inspect(&format!("pintle-{}-{suffix}", berth.name));
    let env = |suffix: &str| {
        let mut env = node(suffix).config.unwrap().env.unwrap();
        env.retain(|it| it.starts_with("ALL=") || it.starts_with("ONE="));
        env.join(" ")
    };
    assert_eq!(
        [env("server-0"), env("agent-0"), env("agent-1")],
        ["ALL=1", "ALL=1", "ALL=1 ONE=a@b"]
    );
    let memory = |suffix: &str| node(suffix).host_config.unwrap().memory.unwrap();
    assert_eq!([memory("server-0"), memory("agent-0"), memory("agent-1")], [0, 256 << 20, 0]);
    let agent = format!("pintle-{}-agent-1", berth.name);
    assert_eq!(berth.engine.file(&agent, "/data/here").as_deref(), Some("yes"));
    let server = format!("pintle-{}-server-0", berth.name);
    assert_eq!(berth.engine.file(&server, "/data/here"), None);
    assert_eq!(berth.engine.file(&server, "/first/here").as_deref(), Some("yes"));
    let red = berth.kubectl("get nodes -l colour=red --no-headers");
    assert!(red.contains("agent-0") && red.lines().count() == 1, "{red}");
    let ports = node("agent-0").network_settings.unwrap().ports.unwrap();
    let port = ports["80/tcp"].as_ref().unwrap()[0].clone();
    assert_eq!(port.host_ip.as_deref(), Some("127.0.0.1"));
    assert!(port.host_port.unwrap().parse::<u16>().unwrap() > 0);
}

#[test]
fn a_cluster_file_says_it_all_and_the_line_has_the_last_word() {
    let Some(berth) = Berth::new("file") else { return };
    let file = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {name: other}\nspec:\n  \
                servers: 1\n  agents: 3\n  env: [{name: A, value: file}, {name: B, value: file}]\n  \
                files: [{path: /etc/hello, text: ahoy, nodes: [agent]}]\n  \
                registries: {mirrors: {docker.io: {endpoint: [\"http://m:1\"]}}}\n  \
                hostAliases: [{ip: 10.9.8.7, hostnames: [far]}]\n  \
                options: {timeout: 2m, kubeconfig: {switch: false}}\n";
    fs::write(berth.sandbox.work().join("c.yaml"), file).unwrap();
    let shown = berth.transcript(&["cluster create NAME --config c.yaml --agents 1 -e A=line"]);
    expect![[r#"
        $ pintle cluster create NAME --config c.yaml --agents 1 -e A=line
        --- stderr ---
        creating the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        use it with `kubectl --context pintle-NAME`
        [exit 0]
    "#]]
    .assert_eq(&shown);
    let agent = format!("pintle-{}-agent-0", berth.name);
    let env = berth.engine.inspect(&agent).config.unwrap().env.unwrap();
    let value = |name: &str| env.iter().rfind(|it| it.starts_with(name)).cloned();
    assert_eq!(value("A="), Some("A=line".into()));
    assert_eq!(value("B="), Some("B=file".into()));
    assert_eq!(berth.engine.file(&agent, "/etc/hello").as_deref(), Some("ahoy"));
    expect![[r#"
        mirrors:
          docker.io:
            endpoint:
            - http://m:1
    "#]]
    .assert_eq(&berth.engine.file(&agent, "/etc/rancher/k3s/registries.yaml").unwrap_or_default());
    let hosts = berth.engine.inspect(&agent).host_config.unwrap().extra_hosts.unwrap();
    assert_eq!(hosts, ["far:10.9.8.7", "host.pintle.internal:host-gateway"]);
    assert!(!berth.kubeconfig_text().contains("current-context"));
}

#[test]
fn k3ds_file_is_read_and_what_is_not_supported_is_named() {
    let Some(berth) = Berth::new("simple") else { return };
    let file = "apiVersion: k3d.io/v1alpha5\nkind: Simple\nmetadata: {name: other}\nservers: 1\n\
                agents: 1\nenv: [{envVar: A=1, nodeFilters: [\"agent:*\"]}]\noptions:\n  k3d: \
                {wait: true, timeout: 60s, disableImageVolume: true}\n  runtime: {gpuRequest: all}\n";
    fs::write(berth.sandbox.work().join("k3d.yaml"), file).unwrap();
    let shown = berth.transcript(&["cluster create NAME --config k3d.yaml --ignore-unsupported"]);
    expect![[r#"
        $ pintle cluster create NAME --config k3d.yaml --ignore-unsupported
        --- stderr ---
        warning: unsupported and ignored: `options.runtime.gpuRequest`: nodes cannot have GPUs
        creating the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
    "#]]
    .assert_eq(&shown);
    let agent = berth.engine.inspect(&format!("pintle-{}-agent-0", berth.name));
    assert!(agent.config.unwrap().env.unwrap().contains(&"A=1".to_owned()));
}

#[test]
fn a_stopped_cluster_starts_with_what_it_stored() {
    let Some(berth) = Berth::new("power").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let data =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept"},"data":{"a":"b"}}"#;
    let manifest = berth.sandbox.path("kept.json");
    fs::write(&manifest, data).unwrap();
    let apply = format!("apply --server-side --validate=false -f {}", manifest.display());
    let _ = berth.kubectl(&apply);
    let shown =
        berth.transcript(&["cluster stop NAME", "kubeconfig get NAME", "cluster start NAME"]);
    expect![[r#"
        $ pintle cluster stop NAME
        --- stderr ---
        stopping the cluster `NAME`
        the cluster `NAME` has stopped
        [exit 0]
        $ pintle kubeconfig get NAME
        --- stderr ---
        error: the kubeconfig of the cluster `NAME` does not exist
        hint: the first server writes it when it is running: start it with `pintle cluster start NAME`
        [exit 1]
        $ pintle cluster start NAME
        --- stderr ---
        starting the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
    "#]]
    .assert_eq(&shown);
    // The port has changed, and the kubeconfig is updated.
    let kept = berth.kubectl("get configmap kept -o jsonpath={.data.a}");
    assert_eq!(kept, "b");
}

#[test]
fn nodes_join_and_leave() {
    let Some(berth) = Berth::new("nodes").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --agents 1 -e A=1").success();
    let shown = berth.transcript(&[
        "node create --cluster NAME --replicas 2 -e B=2 --label team=x",
        "node delete pintle-NAME-agent-0 pintle-NAME-agent-2",
        "node delete pintle-NAME-agent-7",
        "node delete pintle-NAME-server-0",
        "node create --cluster NAME --role server",
    ]);
    expect![[r#"
        $ pintle node create --cluster NAME --replicas 2 -e B=2 --label team=x
        --- stderr ---
        adding pintle-NAME-agent-1, pintle-NAME-agent-2 to the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the node `pintle-NAME-agent-1` has joined
        the node `pintle-NAME-agent-2` has joined
        [exit 0]
        $ pintle node delete pintle-NAME-agent-0 pintle-NAME-agent-2
        --- stderr ---
        the node `pintle-NAME-agent-0` is gone
        the node `pintle-NAME-agent-2` is gone
        [exit 0]
        $ pintle node delete pintle-NAME-agent-7
        --- stderr ---
        error: there is no node `pintle-NAME-agent-7`
        hint: run `pintle node list` to list the nodes
        [exit 1]
        $ pintle node delete pintle-NAME-server-0
        --- stderr ---
        error: the node `pintle-NAME-server-0` cannot be deleted: all other nodes have joined it, and the kubeconfig refers to it
        [exit 2]
        $ pintle node create --cluster NAME --role server
        --- stderr ---
        error: the cluster was created with a single server, which no other server can join
        hint: create the cluster with several servers, for example with `--servers 3`
        [exit 2]
    "#]].assert_eq(&shown);
    let nodes = berth.kubectl("get nodes --no-headers -o name");
    assert_eq!(berth.hide(&nodes), "node/pintle-NAME-agent-1\nnode/pintle-NAME-server-0\n");
    let env = berth.engine.inspect(&format!("pintle-{}-agent-1", berth.name)).config.unwrap().env;
    let env = env.unwrap();
    assert!(env.contains(&"A=1".to_owned()) && env.contains(&"B=2".to_owned()), "{env:?}");
}

#[test]
fn servers_join_a_control_plane_of_several() {
    let Some(berth) = Berth::new("servers").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME --servers 2").success();
    let _ = berth.run("node create --cluster NAME --role server").success();
    let nodes = berth.kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|it| it.contains("control-plane")).count(), 3, "{nodes}");
}

#[test]
fn images_come_from_the_engine_a_file_and_the_standard_input() {
    let Some(berth) = Berth::standin("images") else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let list = |suffix: &str| {
        let node = format!("pintle-{}-{suffix}", berth.name);
        berth.engine.exec(&node, &["ctr", "images", "ls", "-q"])
    };
    let _ = berth.run(&format!("image import {image} -c NAME")).success();
    assert!(list("server-0").contains(&image) && list("agent-0").contains(&image));
    for node in ["server-0", "agent-0"] {
        let node = format!("pintle-{}-{node}", berth.name);
        let _ = berth.engine.exec(&node, &["rm", "/var/lib/rancher/k3s/agent/images.txt"]);
    }
    fs::write(berth.sandbox.work().join("a.tar"), berth.engine.save(&image)).unwrap();
    let _ = berth.run("image import a.tar -c NAME").success();
    assert!(list("agent-0").contains(&image));
    let script = format!("$PINTLE image import - -c {} < a.tar", berth.name);
    let _ = berth.sandbox.script(&[], &script).success();
    // The archive has been removed.
    let shared = format!("pintle-{}-shared", berth.name);
    assert_eq!(files_in_volume(&berth, &shared), 0);
}

/// Returns the number of files in a volume, as the engine reports it.
fn files_in_volume(berth: &Berth, volume: &str) -> usize {
    let (runtime, docker) = berth.engine.client();
    let volume = runtime.block_on(docker.inspect_volume(volume)).expect("it is there");
    fs::read_dir(volume.mountpoint).expect("the tests run where the engine does").count()
}

#[test]
fn logs_name_their_nodes() {
    let Some(berth) = Berth::standin("logs") else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let both = berth.run("cluster logs NAME --tail 1").success().stdout;
    let starts: Vec<_> = both.lines().map(|it| it.split(": ").next().unwrap_or("")).collect();
    let starts: Vec<_> = starts.iter().map(|it| berth.hide(it)).collect();
    assert_eq!(starts, ["pintle-NAME-server-0", "pintle-NAME-agent-0"]);
    let one = berth.run("cluster logs NAME --node agent:0").success().stdout;
    assert!(one.contains("Successfully registered node"), "{one}");
    assert!(!one.contains("k3s is up and running"), "{one}");
}

#[test]
fn parallel_merges_of_kubeconfigs_lose_nothing() {
    let Some(berth) = Berth::new("merges") else { return };
    let others: Vec<_> = (0..7).filter_map(|it| Berth::new(&format!("merge{it}"))).collect();
    for it in std::iter::once(&berth).chain(&others) {
        let _ = it.run("cluster create NAME --kubeconfig-update=false").success();
    }
    let names: Vec<_> = std::iter::once(&berth).chain(&others).map(|it| it.name.clone()).collect();
    for round in 0..25 {
        let path = berth.sandbox.path(&format!("merged-{round}"));
        let path_text = path.display().to_string();
        let children: Vec<_> = names
            .iter()
            .map(|it| berth.sandbox.start(["kubeconfig", "merge", it, "-o", &path_text]))
            .collect();
        for child in children {
            let _ = berth.sandbox.finish(child).success();
        }
        let text = fs::read_to_string(&path).unwrap();
        let config: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let mut found: Vec<_> = config["contexts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap().trim_start_matches("pintle-").to_owned())
            .collect();
        found.sort();
        let mut expected = names.clone();
        expected.sort();
        assert_eq!(found, expected, "round {round}");
    }
}

#[test]
fn a_network_that_was_there_stays() {
    let Some(berth) = Berth::new("lan") else { return };
    let network = format!("lan-{}", berth.name);
    berth.engine.create_network(&network, &[]);
    let output = berth.run(&format!("cluster create NAME --network {network}"));
    let deleted = berth.run("cluster delete NAME");
    let removed = berth.engine.remove_network(&network);
    let _ = (output.success(), deleted.success());
    removed.expect("the network is still there");
    berth.assert_nothing_left();
}

#[test]
fn subnets_and_api_ports_are_as_asked_for() {
    let Some(berth) = Berth::new("subnet").and_then(Berth::with_kubectl) else { return };
    let (subnet, port) = (berth.engine.free_subnet(), free_port());
    let line = format!("cluster create NAME --subnet {subnet} --api-port localhost:{port}");
    let _ = berth.run(&line).success();
    let (runtime, docker) = berth.engine.client();
    let network = runtime.block_on(docker.inspect_network(&format!("pintle-{}", berth.name), None));
    let given = network.unwrap().ipam.unwrap().config.unwrap()[0].subnet.clone();
    assert_eq!(given.as_deref(), Some(subnet.as_str()));
    let text = berth.kubeconfig_text();
    assert!(text.contains(&format!("server: https://localhost:{port}\n")), "{text}");
    assert!(berth.kubectl("get nodes").contains("Ready"));
}

#[test]
fn without_waiting_the_nodes_run() {
    let Some(berth) = Berth::new("nowait").and_then(Berth::with_kubectl) else { return };
    let shown = berth.transcript(&["cluster create NAME --servers 2 --no-wait"]);
    expect![[r#"
        $ pintle cluster create NAME --servers 2 --no-wait
        --- stderr ---
        creating the cluster `NAME`
        the nodes of the cluster `NAME` are running; they may not be ready yet
        run `pintle kubeconfig merge NAME` to add it to your kubeconfig
        [exit 0]
    "#]]
    .assert_eq(&shown);
    assert!(!berth.kubeconfig().exists());
    let _ = berth.run("cluster start NAME").success();
    let _ = berth.run("kubeconfig merge NAME --kubeconfig-switch").success();
    assert_eq!(berth.kubectl("get nodes --no-headers").lines().count(), 2);
}

#[test]
fn other_ways_to_the_engine_are_found() {
    let Some(berth) = Berth::new("ways") else { return };
    let config = berth.sandbox.path("docker");
    fs::create_dir_all(config.join("contexts/meta/x")).unwrap();
    fs::write(config.join("config.json"), r#"{"currentContext": "there"}"#).unwrap();
    let meta =
        r#"{"Name": "there", "Endpoints": {"docker": {"Host": "unix:///var/run/docker.sock"}}}"#;
    fs::write(config.join("contexts/meta/x/meta.json"), meta).unwrap();
    if std::env::var_os("DOCKER_HOST").is_some() {
        return;
    }
    let berth = berth.env("DOCKER_CONFIG", &config.display().to_string());
    let _ = berth.run("cluster list").success();
    let berth = berth.env("DOCKER_CONTEXT", "nowhere");
    let shown = berth.shown(&berth.run("cluster list"));
    expect![[r#"
        --- stderr ---
        error: there is no Docker context `nowhere` in `[SANDBOX]/docker/contexts`
        hint: run `docker context ls` to list the contexts
        [exit 5]
    "#]]
    .assert_eq(&shown);
}

impl Berth {
    fn kubeconfig_text(&self) -> String {
        fs::read_to_string(self.kubeconfig()).expect("the host has written the file")
    }
}

#[test]
fn an_image_comes_before_a_file_of_its_name_and_archives_may_be_compressed() {
    let Some(berth) = Berth::standin("names") else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let image = berth.image().to_owned();
    let path = berth.sandbox.work().join(&image);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "a program, say").unwrap();
    let _ = berth.run(&format!("image import {image} -c NAME")).success();
    // The name is the path of a file.
    let output = berth.run(&format!("image import ./{image} -c NAME"));
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("is not an image archive"), "{output}");
    fs::write(berth.sandbox.work().join("a"), berth.engine.save(&image)).unwrap();
    let _ = berth.sandbox.script(&[], "gzip --fast a").success();
    let _ = berth.run("image import a.gz -c NAME").success();
    let script = format!("$PINTLE image import - -c {} < a.gz", berth.name);
    let _ = berth.sandbox.script(&[], &script).success();
    // A node that cannot import it is a failure, even if the other nodes can.
    berth.engine.pause(&format!("pintle-{}-agent-0", berth.name));
    let shown = berth.transcript(&["image import a.gz -c NAME"]);
    expect![[r#"
        $ pintle image import a.gz -c NAME
        --- stderr ---
        error: the image was not imported into `pintle-NAME-agent-0`
          caused by: `pintle-NAME-agent-0` is paused
        [exit 1]
    "#]]
    .assert_eq(&shown);
}

#[test]
fn archives_that_are_no_images_are_refused_by_every_node() {
    let Some(berth) = Berth::standin("noimage") else { return };
    let _ = berth.run("cluster create NAME --agents 1").success();
    let mut file = fs::File::create(berth.sandbox.work().join("half.tar")).unwrap();
    file.write_all(&[7; 4096]).unwrap();
    fs::File::create(berth.sandbox.work().join("empty.tar")).unwrap();
    fs::create_dir(berth.sandbox.work().join("buoy")).unwrap();
    let _ = berth.sandbox.script(&[], "tar cf other.tar half.tar").success();
    let shown = berth.transcript(&[
        "image import other.tar -c NAME",
        "image import half.tar -c NAME",
        "image import ./empty.tar -c NAME",
        "image import buoy -c NAME",
        "image import ./absent.tar -c NAME",
        "image import no/such:image -c NAME",
        "image import - half.tar -c NAME",
    ]);
    expect![[r#"
        $ pintle image import other.tar -c NAME
        --- stderr ---
        error: the image was not imported into `pintle-NAME-server-0`, `pintle-NAME-agent-0`
          caused by: ctr: unrecognized image format
        [exit 1]
        $ pintle image import half.tar -c NAME
        --- stderr ---
        error: the engine has no image `half.tar`, and the file `half.tar` is not an image archive
        hint: pull or build the image first, or specify an archive that `docker save` has written
        [exit 1]
        $ pintle image import ./empty.tar -c NAME
        --- stderr ---
        error: `./empty.tar` is not an image archive
        hint: create an image archive with `docker save --output FILE IMAGE`
        [exit 1]
        $ pintle image import buoy -c NAME
        --- stderr ---
        error: the engine has no image `buoy`, and the file `buoy` cannot be read: it is a directory, not a regular file
        hint: pull or build the image first, or specify an archive that `docker save` has written
        [exit 1]
        $ pintle image import ./absent.tar -c NAME
        --- stderr ---
        error: `./absent.tar` does not exist
        hint: create an image archive with `docker save --output FILE IMAGE`
        [exit 1]
        $ pintle image import no/such:image -c NAME
        --- stderr ---
        error: the engine has no image `no/such:image`, and the file `no/such:image` does not exist
        hint: pull or build the image first, or specify an archive that `docker save` has written
        [exit 1]
        $ pintle image import - half.tar -c NAME
        --- stderr ---
        error: the standard input can be read only once: use one `-` and one cluster
        [exit 2]
    "#]]
    .assert_eq(&shown);
    assert_eq!(files_in_volume(&berth, &format!("pintle-{}-shared", berth.name)), 0);
}
