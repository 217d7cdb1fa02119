//! Clusters on a real Docker engine, when something fails: after each failure, the engine contains
//! nothing of the cluster, and the user knows the cause.

use crate::control_plane::free_port;
use crate::engine::{Berth, Image};
use crate::proxy::{Held, Proxy, Side, Vice, is_change, wait_for_call};
use crate::support::{Output, Sandbox, skip};
use expect_test::expect;
use rustix::process::Signal;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// Sends a signal to a host.
fn signal(child: &Child, signal: Signal) {
    let pid = rustix::process::Pid::from_child(child);
    // It may have ended already; in that case, there is nothing to interrupt.
    let _ = rustix::process::kill_process(pid, signal);
}

#[test]
fn without_an_engine_the_exit_code_is_5() {
    let sandbox = Sandbox::new().env("DOCKER_HOST", "unix:///no/such.sock");
    let transcript = sandbox.transcript(&[
        "cluster list",
        "cluster create demo",
        "kubeconfig get demo",
        "image import x -c demo",
    ]);
    expect![[r#"
        $ pintle cluster list
        --- stderr ---
        error: no Docker engine answers at `unix:///no/such.sock`
          caused by: Socket not found: /no/such.sock
        hint: start Docker or Podman's service, or specify another engine with DOCKER_HOST or `docker context use`
        [exit 5]
        $ pintle cluster create demo
        --- stderr ---
        error: no Docker engine answers at `unix:///no/such.sock`
          caused by: Socket not found: /no/such.sock
        hint: start Docker or Podman's service, or specify another engine with DOCKER_HOST or `docker context use`
        [exit 5]
        $ pintle kubeconfig get demo
        --- stderr ---
        error: no Docker engine answers at `unix:///no/such.sock`
          caused by: Socket not found: /no/such.sock
        hint: start Docker or Podman's service, or specify another engine with DOCKER_HOST or `docker context use`
        [exit 5]
        $ pintle image import x -c demo
        --- stderr ---
        error: no Docker engine answers at `unix:///no/such.sock`
          caused by: Socket not found: /no/such.sock
        hint: start Docker or Podman's service, or specify another engine with DOCKER_HOST or `docker context use`
        [exit 5]
    "#]].assert_eq(&transcript);
    let sandbox = sandbox.env("DOCKER_HOST", "ssh://there");
    expect![[r#"
        $ pintle node list
        --- stderr ---
        error: invalid or unsupported address of a Docker engine in DOCKER_HOST: `ssh://there`
        hint: forward the engine's socket with `ssh -L`, and set DOCKER_HOST=unix://…
        [exit 5]
    "#]]
    .assert_eq(&sandbox.transcript(&["node list"]));
    let sandbox = sandbox.env("DOCKER_HOST", "tcp://127.0.0.1:1");
    expect![[r#"
        $ pintle cluster list
        --- stderr ---
        error: no Docker engine answers at `tcp://127.0.0.1:1`
          caused by: Error in the hyper legacy client: client error (Connect)
          caused by: client error (Connect)
          caused by: tcp connect error
          caused by: Connection refused (os error 111)
        hint: check DOCKER_HOST or `docker context ls`, and that the engine listens there
        [exit 5]
    "#]]
    .assert_eq(&sandbox.transcript(&["cluster list"]));
    // Help requires no engine.
    let _ = sandbox.run(["cluster", "create", "--help"]).success();
}

#[test]
fn https_without_certificates_and_bad_time_limits_are_errors() {
    let sandbox = Sandbox::new().plugin("harbour");
    let https = sandbox.env("DOCKER_HOST", "https://127.0.0.1:1");
    expect![[r#"
        $ pintle cluster list
        --- stderr ---
        error: `https://127.0.0.1:1` in DOCKER_HOST requires TLS, but there are no certificates for it
        hint: set DOCKER_CERT_PATH to the directory with `ca.pem`, `cert.pem` and `key.pem`, or use `tcp://host:port` for an engine without TLS
        [exit 5]
    "#]].assert_eq(&https.transcript(&["cluster list"]));
    let limit = https.env("PINTLE_ENGINE_TIMEOUT", "soon");
    // Whether a command uses the engine itself, or has a plugin that requests containers.
    expect![[r#"
        $ pintle cluster list
        --- stderr ---
        error: invalid duration `soon` in PINTLE_ENGINE_TIMEOUT
          caused by: expected number at 0
        hint: use a duration such as `90s` or `5m`
        [exit 2]
        $ pintle buoy list
        --- stderr ---
        error: invalid duration `soon` in PINTLE_ENGINE_TIMEOUT
          caused by: expected number at 0
        hint: use a duration such as `90s` or `5m`
        [exit 2]
    "#]]
    .assert_eq(&limit.transcript(&["cluster list", "buoy list"]));
}

#[test]
fn a_fifo_is_not_waited_for() {
    let sandbox = Sandbox::new().env("DOCKER_HOST", "unix:///no/such.sock");
    let made = Command::new("mkfifo").arg(sandbox.work().join("fifo")).status();
    assert!(made.is_ok_and(|it| it.success()));
    let text = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n\
                spec: {files: [{path: /a, source: ./fifo}]}\n";
    fs::write(sandbox.work().join("source.yaml"), text).unwrap();
    let transcript = sandbox.transcript(&[
        "cluster create --config fifo",
        "cluster create --config source.yaml",
        "cluster create --config .",
    ]);
    expect![[r#"
        $ pintle cluster create --config fifo
        --- stderr ---
        error: failed to read the cluster file `fifo`
          caused by: it is a FIFO, not a regular file
        [exit 1]
        $ pintle cluster create --config source.yaml
        --- stderr ---
        error: failed to read a file for the cluster file `source.yaml`
          caused by: failed to read `[SANDBOX]/desk/./fifo`
          caused by: it is a FIFO, not a regular file
        [exit 1]
        $ pintle cluster create --config .
        --- stderr ---
        error: failed to read the cluster file `.`
          caused by: it is a directory, not a regular file
        [exit 1]
    "#]]
    .assert_eq(&transcript);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    let Some(berth) = Berth::standin("wrong") else { return };
    fs::write(
        berth.sandbox.work().join("bad.yaml"),
        "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nspec: {serverz: 1}\n",
    )
    .unwrap();
    let transcript = berth.transcript(&[
        "cluster create Not_A_Name",
        "cluster create",
        "cluster create NAME -p 80:x",
        "cluster create NAME -p 80@nodes",
        "cluster create NAME --servers 0",
        "cluster create NAME --label pintle.role=x",
        "cluster create NAME --network host",
        "cluster create NAME --volume ./absent:/data",
        "cluster create NAME --config bad.yaml",
        "cluster create NAME --config absent.yaml",
        "cluster create NAME --timeout soon",
        "cluster start NAME",
        "cluster inspect NAME",
    ]);
    expect![[r#"
        $ pintle cluster create Not_A_Name
        --- stderr ---
        error: invalid cluster name `Not_A_Name`: a name has at most 32 lower-case letters, digits and `-`, and begins and ends with a letter or digit
        [exit 2]
        $ pintle cluster create
        --- stderr ---
        error: the cluster has no name
        hint: specify a name, for example `pintle cluster create demo`
        [exit 2]
        $ pintle cluster create NAME -p 80:x
        --- stderr ---
        error: `--port 80:x`: invalid port mapping `80:x`: use a form such as `8080:80`, `127.0.0.1:[PORT]:80/tcp` or `80`
        [exit 2]
        $ pintle cluster create NAME -p 80@nodes
        --- stderr ---
        error: `--port 80@nodes`: invalid node filter `nodes`
        hint: use a filter such as `server:0`, `agent:0,2`, `agent:0-3`, `server:*` or `all`; separate several with `;`; write `\@` for an `@` in the value
        [exit 2]
        $ pintle cluster create NAME --servers 0
        --- stderr ---
        error: invalid value '0' for '--servers <N>': 0 is not in 1..=65535

        For more information, try '--help'.
        [exit 2]
        $ pintle cluster create NAME --label pintle.role=x
        --- stderr ---
        error: the label `pintle.role` is reserved for the host
        [exit 2]
        $ pintle cluster create NAME --network host
        --- stderr ---
        error: the network `host` cannot be used: nodes could not find each other by name in it
        [exit 2]
        $ pintle cluster create NAME --volume ./absent:/data
        --- stderr ---
        error: the mount source `[SANDBOX]/desk/./absent` for `/data` does not exist
        hint: create it first
        [exit 1]
        $ pintle cluster create NAME --config bad.yaml
        --- stderr ---
        error: invalid cluster file `bad.yaml`
          caused by: line 3 column 8: unknown field `serverz`, expected one of servers, agents, image, api, ports, volumes, env, args, labels, memory, files, hostAliases, network, subnet, token, privilege, registries, options
             --> <input>:3:8
              |
            1 | apiVersion: pintle.dev/v1alpha1
            2 | kind: Cluster
            3 | spec: {serverz: 1}
              |        ^ unknown field `serverz`, expected one of servers, agents, image, api, ports, volumes, env, args, labels, memory, files, hostAliases, network, subnet, token, privilege, registries, options
        [exit 2]
        $ pintle cluster create NAME --config absent.yaml
        --- stderr ---
        error: failed to read the cluster file `absent.yaml`
          caused by: No such file or directory (os error 2)
        [exit 1]
        $ pintle cluster create NAME --timeout soon
        --- stderr ---
        error: invalid value 'soon' for '--timeout <DURATION>': expected number at 0

        For more information, try '--help'.
        [exit 2]
        $ pintle cluster start NAME
        --- stderr ---
        error: there is no cluster `NAME`
        hint: run `pintle cluster list` to list the clusters
        [exit 1]
        $ pintle cluster inspect NAME
        --- stderr ---
        error: there is no cluster `NAME`
        hint: run `pintle cluster list` to list the clusters
        [exit 1]
    "#]].assert_eq(&transcript);
    berth.assert_nothing_left();
}

#[test]
fn a_cluster_file_comes_from_the_standard_input() {
    let sandbox = Sandbox::new().env("DOCKER_HOST", "unix:///no/such.sock");
    let head = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n";
    fs::write(sandbox.work().join("good.yaml"), head).unwrap();
    fs::write(sandbox.work().join("bad.yaml"), format!("{head}spec: {{agents: few}}\n")).unwrap();
    let line = |file: &str| format!("$PINTLE cluster create --config - < {file}");
    // Until the engine, which does not exist.
    assert_eq!(sandbox.script(&[], &line("good.yaml")).code(), 5);
    let bad = sandbox.script(&[], &line("bad.yaml"));
    assert_eq!(bad.code(), 2, "{bad}");
    assert!(bad.stderr.contains("line 4"), "{bad}");
}

#[test]
fn a_second_cluster_of_the_name_is_refused() {
    let Some(berth) = Berth::new("twice").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME").success();
    expect![[r#"
        $ pintle cluster create NAME --agents 1
        --- stderr ---
        error: the cluster `NAME` already exists or is being created
        hint: choose another name, or run `pintle cluster delete NAME` first
        [exit 1]
    "#]]
    .assert_eq(&berth.transcript(&["cluster create NAME --agents 1"]));
    assert!(berth.kubectl("get nodes --no-headers").contains("Ready"), "the first is unchanged");
}

#[test]
fn of_two_that_make_one_cluster_at_once_one_wins() {
    let Some(berth) = Berth::standin("race").and_then(Berth::with_kubectl) else { return };
    for _ in 0..5 {
        let start = || berth.sandbox.start(berth.words("cluster create NAME --agents 1"));
        let children: Vec<_> = (0..3).map(|_| start()).collect();
        let outputs: Vec<_> = children.into_iter().map(|it| berth.sandbox.finish(it)).collect();
        let mut codes: Vec<_> = outputs.iter().map(|it| it.code()).collect();
        codes.sort_unstable();
        assert_eq!(
            codes,
            [0, 1, 1],
            "{}",
            outputs.iter().map(ToString::to_string).collect::<String>()
        );
        let losers = outputs.iter().filter(|it| it.code() == 1);
        for loser in losers {
            let shown = berth.shown(loser);
            assert!(
                shown.contains("error: the cluster `NAME` already exists or is being created"),
                "{shown}"
            );
        }
        let things: Vec<_> = berth.things().iter().map(|it| berth.hide(it)).collect();
        assert_eq!(
            things,
            [
                "container pintle-NAME-agent-0",
                "container pintle-NAME-server-0",
                "network pintle-NAME",
                "volume pintle-NAME-shared"
            ]
        );
        assert_eq!(berth.kubectl("get nodes --no-headers").lines().count(), 2);
        let _ = berth.run("cluster delete NAME").success();
        berth.assert_nothing_left();
    }
}

#[test]
fn an_image_that_cannot_be_had_leaves_nothing() {
    let Some(berth) = Berth::standin("pull") else { return };
    let output = berth.run("cluster create NAME --image localhost:1/no/such:image");
    let shown = berth.shown(&output);
    assert_eq!(output.code(), 1, "{shown}");
    assert!(
        shown.contains(
            "error: the engine failed to pull the image `localhost:[PORT]/no/such:image`"
        ),
        "{shown}"
    );
    berth.assert_nothing_left();
}

#[test]
fn a_port_that_is_taken_leaves_nothing() {
    let Some(berth) = Berth::standin("port") else { return };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = berth.run(&format!("cluster create NAME --agents 1 --api-port {port}"));
    let shown = berth.shown(&output);
    assert_eq!(output.code(), 1, "{shown}");
    assert!(
        shown.contains("error: the engine failed to start the node `pintle-NAME-server-0`"),
        "{shown}"
    );
    assert!(shown.contains("hint: another program uses the port"), "{shown}");
    berth.assert_nothing_left();
}

#[test]
fn a_node_that_crashes_is_shown_with_its_last_words() {
    for (test, node) in [("crash0", "server-0"), ("crash1", "server-1"), ("crash2", "agent-0")] {
        let Some(berth) = Berth::standin(test) else { return };
        let line = format!(
            "cluster create NAME --servers 2 --agents 1 -e STANDIN_CRASH_AT_START=1 -e STANDIN_ONLY={node}"
        );
        let output = berth.run(&line);
        let shown = berth.shown(&output);
        assert_eq!(output.code(), 1, "{shown}");
        assert!(
            shown.contains(&format!(
                "error: the node `pintle-NAME-{node}` stopped with exit code 1"
            )),
            "{shown}"
        );
        assert!(shown.contains("crashed as told"), "{shown}");
        berth.assert_nothing_left();
        assert!(!berth.kubeconfig().exists());
    }
}

#[test]
fn a_node_that_crashes_later_is_noticed_too() {
    let Some(berth) = Berth::standin("crash3") else { return };
    let output = berth.run(
        "cluster create NAME --agents 1 -e STANDIN_CRASH_AFTER=300 -e STANDIN_NODE_NEVER_READY=1 -e STANDIN_ONLY=agent-0",
    );
    let shown = berth.shown(&output);
    assert_eq!(output.code(), 1, "{shown}");
    assert!(
        shown.contains("error: the node `pintle-NAME-agent-0` stopped with exit code 1"),
        "{shown}"
    );
    berth.assert_nothing_left();
}

#[test]
fn what_is_never_ready_ends_with_the_time_limit() {
    let Some(berth) = Berth::standin("never") else { return };
    let begin = Instant::now();
    let shown = berth.transcript(&[
        "cluster create NAME --timeout 6s -e STANDIN_NEVER_READY=1",
        "cluster create NAME --agents 1 --timeout 6s -e STANDIN_NODE_NEVER_READY=1 -e STANDIN_ONLY=agent-0",
    ]);
    expect![[r#"
        $ pintle cluster create NAME --timeout 6s -e STANDIN_NEVER_READY=1
        --- stderr ---
        creating the cluster `NAME`
        removing what was created
        error: `cluster create NAME` timed out after 6s while waiting for the API server
        hint: allow more time with `--timeout`, or keep the nodes with `--no-rollback` and read their logs
        [exit 1]
        $ pintle cluster create NAME --agents 1 --timeout 6s -e STANDIN_NODE_NEVER_READY=1 -e STANDIN_ONLY=agent-0
        --- stderr ---
        creating the cluster `NAME`
        waiting for the nodes
        removing what was created
        error: `cluster create NAME` timed out after 6s while waiting for the nodes (1 of 2 were ready)
        hint: allow more time with `--timeout`, or keep the nodes with `--no-rollback` and read their logs
        [exit 1]
    "#]].assert_eq(&shown);
    // The limit applies to the whole command, not to each of its parts.
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
    berth.assert_nothing_left();
}

#[test]
fn what_is_ready_late_is_waited_for() {
    let Some(berth) = Berth::standin("late").and_then(Berth::with_kubectl) else { return };
    let line = "cluster create NAME --servers 2 --agents 1 -e STANDIN_READY_AFTER=1500 -e STANDIN_NODE_READY_AFTER=2500";
    let _ = berth.run(line).success();
    let nodes = berth.kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|it| it.contains(" Ready ")).count(), 3, "{nodes}");
}

#[test]
fn without_rollback_what_was_made_is_kept_for_a_look() {
    let Some(berth) = Berth::standin("keep") else { return };
    let output = berth.run("cluster create NAME --no-rollback -e STANDIN_CRASH_AT_START=1");
    let shown = berth.shown(&output);
    assert!(shown.contains("warning: what was created is kept: `pintle-NAME`, `pintle-NAME-server-0`, `pintle-NAME-shared`"), "{shown}");
    assert_eq!(berth.things().len(), 3);
    let logs = berth.run("cluster logs NAME").success();
    assert!(logs.stdout.contains("crashed as told"), "{logs}");
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn a_kubeconfig_that_cannot_be_written_is_refused_before_anything_is_made() {
    let Some(berth) = Berth::standin("kubeconfig") else { return };
    let path = berth.kubeconfig();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let check = |text: &str, expected: expect_test::Expect| {
        fs::write(&path, text.replace("NAME", &berth.name)).unwrap();
        let shown = berth.transcript(&["cluster create NAME"]);
        expected.assert_eq(&shown);
        berth.assert_nothing_left();
        assert_eq!(fs::read_to_string(&path).unwrap(), text.replace("NAME", &berth.name));
    };
    check(
        "- no\n- kubeconfig\n",
        expect![[r#"
            $ pintle cluster create NAME
            --- stderr ---
            error: invalid kubeconfig `[HOME]/.kube/config`
              caused by: it is not a map
            hint: fix the file, or specify another one with KUBECONFIG
            [exit 1]
        "#]],
    );
    check(
        "contexts:\n- {name: pintle-NAME, context: {cluster: prod, user: me}}\n",
        expect![[r#"
            $ pintle cluster create NAME
            --- stderr ---
            error: the context `pintle-NAME` in `[HOME]/.kube/config` refers to another cluster or user
            hint: rename it with `kubectl --kubeconfig [HOME]/.kube/config config rename-context pintle-NAME NEW`, or choose another kubeconfig
            [exit 1]
        "#]],
    );
    // An object that the user created is not replaced, with or without a context that refers to it.
    let cluster = "clusters:\n- {name: pintle-NAME, cluster: {server: 'https://prod'}}\n";
    check(
        cluster,
        expect![[r#"
            $ pintle cluster create NAME
            --- stderr ---
            error: the cluster `pintle-NAME` in `[HOME]/.kube/config` was not written for this cluster
            hint: remove it with `kubectl --kubeconfig [HOME]/.kube/config config delete-cluster pintle-NAME`, or choose another kubeconfig
            [exit 1]
        "#]],
    );
    check(
        "users:\n- {name: admin@pintle-NAME, user: {token: secret}}\n",
        expect![[r#"
            $ pintle cluster create NAME
            --- stderr ---
            error: the user `admin@pintle-NAME` in `[HOME]/.kube/config` was not written for this cluster
            hint: remove it with `kubectl --kubeconfig [HOME]/.kube/config config delete-user admin@pintle-NAME`, or choose another kubeconfig
            [exit 1]
        "#]],
    );
    // Under another name, the context would still need the cluster.
    check(
        &format!(
            "{cluster}contexts:\n- {{name: pintle-NAME, context: {{cluster: pintle-NAME}}}}\n"
        ),
        expect![[r#"
            $ pintle cluster create NAME
            --- stderr ---
            error: the cluster `pintle-NAME` in `[HOME]/.kube/config` was not written for this cluster
            hint: rename it in the file, and in the contexts that refer to it, or choose another kubeconfig
            [exit 1]
        "#]],
    );
    fs::write(&path, "kind: Config\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let shown = berth.transcript(&["cluster create NAME"]);
    expect![[r#"
        $ pintle cluster create NAME
        --- stderr ---
        error: the kubeconfig `[HOME]/.kube/config` is read-only
        hint: give its owner write permission, or specify another file with KUBECONFIG
        [exit 1]
    "#]]
    .assert_eq(&shown);
    // Opening a FIFO would block forever.
    fs::remove_file(&path).unwrap();
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|it| it.success()));
    let shown = berth.transcript(&["cluster create NAME"]);
    expect![[r#"
        $ pintle cluster create NAME
        --- stderr ---
        error: failed to read the kubeconfig `[HOME]/.kube/config`
          caused by: it is a FIFO, not a regular file
        [exit 1]
    "#]]
    .assert_eq(&shown);
    berth.assert_nothing_left();
    // A file that is not to be written need not be writable.
    let _ = berth.run("cluster create NAME --kubeconfig-update=false").success();
}

#[test]
fn a_cluster_in_a_kubeconfig_that_cannot_be_written_is_not_started() {
    let Some(berth) = Berth::standin("unwritten") else { return };
    let _ = berth.run("cluster create NAME").success();
    let _ = berth.run("cluster stop NAME").success();
    let path = berth.kubeconfig();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let shown = berth.transcript(&["cluster start NAME", "cluster list"]);
    expect![[r#"
        $ pintle cluster start NAME
        --- stderr ---
        error: the kubeconfig `[HOME]/.kube/config` is read-only
        hint: give its owner write permission, or specify another file with KUBECONFIG
        [exit 1]
    "#]]
    .assert_eq(shown.split_inclusive("[exit 1]\n").next().unwrap());
    let server = berth.engine.inspect(&format!("pintle-{}-server-0", berth.name));
    assert_eq!(server.state.and_then(|it| it.running), Some(false));
    // A file that cannot be read may have any other content.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "- no\n- kubeconfig\n").unwrap();
    let shown = berth.transcript(&["cluster start NAME"]);
    expect![[r#"
        $ pintle cluster start NAME
        --- stderr ---
        warning: the kubeconfig was not updated: invalid kubeconfig `[HOME]/.kube/config`: it is not a map
        starting the cluster `NAME`
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
    "#]]
    .assert_eq(&shown);
    // The user's changes to the cluster's entry are kept.
    let mine = "clusters:\n- {name: pintle-NAME, cluster: {server: 'https://tunnel'}}\ncontexts:\n\
                - name: pintle-NAME\n  context: {cluster: pintle-NAME, user: admin@pintle-NAME}\n";
    let mine = mine.replace("NAME", &berth.name);
    fs::write(&path, &mine).unwrap();
    let started = berth.run("cluster start NAME").success();
    assert!(
        started.stderr.contains("warning: the kubeconfig was not updated: the cluster"),
        "{started}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), mine);
    // A file that is not to be changed need not be writable, for example if the cluster is not in
    // the file or its port stays the same.
    fs::write(&path, "kind: Config\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let _ = berth.run("cluster start NAME").success();
    fs::remove_file(&path).unwrap();
    let _ = berth.run("cluster delete NAME").success();
    let port = free_port();
    let _ = berth.run(&format!("cluster create NAME --api-port {port}")).success();
    let _ = berth.run("cluster stop NAME").success();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let _ = berth.run("cluster start NAME").success();
}

#[test]
fn whatever_is_wrong_with_a_cluster_file_the_error_names_it() {
    let sandbox = Sandbox::new().env("DOCKER_HOST", "unix:///no/such.sock");
    let own = |text: &str| {
        format!("apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: a}}\n{text}\n")
    };
    let k3d = |text: &str| {
        format!("apiVersion: k3d.io/v1alpha5\nkind: Simple\nmetadata: {{name: a}}\n{text}\n")
    };
    let mut shown = String::new();
    for text in [
        "kind: [\n".to_owned(),
        "kind: Pod\napiVersion: v1\n".to_owned(),
        "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\n".to_owned(),
        own("spec: {servers: 0}"),
        own("spec: {servers: many}"),
        own("spec: {ports: [{port: x}]}"),
        own("spec: {ports: [{port: '80', nodes: [boat]}]}"),
        own("spec: {ports: [{port: '80', nodes: ['agent:0']}]}"),
        own("spec: {labels: [{name: pintle.role, value: x}]}"),
        own("spec: {privilege: some}"),
        own("spec: {files: [{path: /a, source: no-such}]}"),
        own("spec: {files: [{path: a, text: b}]}"),
        own("spec: {options: {timeout: soon}}"),
        own("plugins: {'*': {}}"),
        own("plugins: {registry: {}}"),
        k3d("token: ${NO_SUCH_VARIABLE}"),
        k3d("env: [{envVar: NO_SUCH_VARIABLE}]"),
        k3d("servers: many"),
        k3d("image: latest"),
        k3d("colour: red"),
        k3d("network: [a]"),
        k3d("ports: [{}]"),
        k3d("registries: {config: no-such.yaml}"),
    ] {
        fs::write(sandbox.work().join("c.yaml"), &text).unwrap();
        let output = sandbox.run(["cluster", "create", "--config", "c.yaml"]);
        let first = output.stderr.lines().take_while(|it| !it.contains("--> <input>"));
        assert!(
            output.stderr.lines().next().is_some_and(|it| it.contains("`c.yaml`")),
            "{text}{output}"
        );
        shown.extend(first.map(|it| format!("{it}\n")));
    }
    expect![[r#"
        error: invalid cluster file `c.yaml`
          caused by: line 1 column 7: expected string scalar
        error: invalid cluster file `c.yaml`
          caused by: unknown kind `Pod` of version `v1`
        hint: use `Cluster` of `pintle.dev/v1alpha1`, or `Simple` of `k3d.io/v1alpha5`
        error: invalid cluster file `c.yaml`
          caused by: the cluster has no name
        hint: specify a name on the command line, or set `metadata.name` in the file
        error: invalid cluster file `c.yaml`
          caused by: a cluster requires at least one server
        error: invalid cluster file `c.yaml`
          caused by: line 4 column 17: invalid u64
        error: invalid cluster file `c.yaml`
          caused by: invalid port mapping `x`: use a form such as `8080:80`, `127.0.0.1:8080:80/tcp` or `80`
        error: invalid cluster file `c.yaml`
          caused by: invalid node filter `boat`
        error: invalid cluster file `c.yaml`
          caused by: the node filter `agent:0` refers to a node that does not exist: the cluster has 0 agents
        hint: use a filter such as `server:0`, `agent:0,2`, `agent:0-3`, `server:*` or `all`; separate several with `;`; write `\@` for an `@` in the value
        error: invalid cluster file `c.yaml`
          caused by: the label `pintle.role` is reserved for the host
        error: invalid cluster file `c.yaml`
          caused by: invalid privilege `some`: use `full` or `reduced`
        error: failed to read a file for the cluster file `c.yaml`
          caused by: failed to read `[SANDBOX]/desk/no-such`
          caused by: No such file or directory (os error 2)
        error: invalid cluster file `c.yaml`
          caused by: the file `a` has a path that is not absolute or contains `..`
        error: invalid cluster file `c.yaml`
          caused by: invalid duration `soon`
          caused by: expected number at 0
        error: invalid cluster file `c.yaml`
          caused by: invalid plugin name `*` under `plugins`
        error: the cluster file `c.yaml` has a section for the plugin `registry.pintle.dev`, but no such plugin subscribes to the creation of clusters
        hint: install the plugin, or remove the section from the file
        error: invalid cluster file `c.yaml`
          caused by: the environment variable `NO_SUCH_VARIABLE` is not set
        hint: set it; for a dollar sign, write `$$` in k3d files
        error: invalid cluster file `c.yaml`
          caused by: the environment variable `NO_SUCH_VARIABLE` is not set
        hint: set it; for a dollar sign, write `$$` in k3d files
        error: invalid cluster file `c.yaml`
          caused by: invalid value of `servers`
          caused by: invalid type: string "many", expected usize
        error: unsupported in the cluster file `c.yaml`: `image: latest`: k3s channels are not supported; specify an image
        hint: remove it, or ignore it with `--ignore-unsupported`
        error: unsupported in the cluster file `c.yaml`: `colour`
        hint: remove it, or ignore it with `--ignore-unsupported`
        error: invalid cluster file `c.yaml`
          caused by: `network` is not a string
        error: invalid cluster file `c.yaml`
          caused by: an item has no `port`
        error: failed to read a file for the cluster file `c.yaml`
          caused by: failed to read `[SANDBOX]/desk/no-such.yaml`
          caused by: No such file or directory (os error 2)
    "#]].assert_eq(&shown);
    // Commands that take only the cluster's name from a file also name the file.
    fs::write(sandbox.work().join("c.yaml"), "kind: Pod\napiVersion: v1\n").unwrap();
    let shown = sandbox.transcript(&["cluster delete --config c.yaml", "cluster stop -c d.yaml"]);
    expect![[r#"
        $ pintle cluster delete --config c.yaml
        --- stderr ---
        error: invalid cluster file `c.yaml`
          caused by: unknown kind `Pod` of version `v1`
        hint: use `Cluster` of `pintle.dev/v1alpha1`, or `Simple` of `k3d.io/v1alpha5`
        [exit 2]
        $ pintle cluster stop -c d.yaml
        --- stderr ---
        error: failed to read the cluster file `d.yaml`
          caused by: No such file or directory (os error 2)
        [exit 1]
    "#]]
    .assert_eq(&shown);
}

#[test]
fn a_kubeconfig_that_becomes_invalid_meanwhile_undoes_the_cluster() {
    let Some(berth) = Berth::standin("meanwhile") else { return };
    let (proxy, held) = Proxy::holding(|_, line| {
        (line.starts_with("POST ") && line.contains("/start")).then_some(Side::Request)
    });
    let env = [("DOCKER_HOST".to_owned(), proxy.address())];
    let mut child = berth.sandbox.start_with(&env, berth.words("cluster create NAME"));
    let start = wait_for_call(&held, &mut child).expect("the node is started");
    fs::create_dir_all(berth.kubeconfig().parent().unwrap()).unwrap();
    fs::write(berth.kubeconfig(), "- no\n- kubeconfig\n").unwrap();
    drop(start);
    let output = berth.sandbox.finish(child);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("invalid kubeconfig `"), "{output}");
    proxy.settle();
    berth.assert_nothing_left();
    assert_eq!(fs::read_to_string(berth.kubeconfig()).unwrap(), "- no\n- kubeconfig\n");
}

#[test]
fn what_a_user_has_put_under_the_names_of_a_cluster_stays() {
    let Some(berth) = Berth::standin("mine") else { return };
    let of_user = "apiVersion: v1\nkind: Config\nclusters:\n- name: pintle-NAME\n  \
                   cluster: {server: 'https://prod.example:6443'}\nusers:\n\
                   - name: admin@pintle-NAME\n  user: {token: secret}\n";
    let context = "contexts:\n- name: pintle-NAME\n  \
                   context: {cluster: pintle-NAME, user: admin@pintle-NAME}\n\
                   current-context: pintle-NAME\n";
    for text in [of_user.to_owned(), format!("{of_user}{context}")] {
        let text = text.replace("NAME", &berth.name);
        let _ = berth.run("cluster create NAME").success();
        fs::write(berth.kubeconfig(), &text).unwrap();
        let _ = berth.run("cluster delete NAME").success();
        assert_eq!(fs::read_to_string(berth.kubeconfig()).unwrap(), text);
        fs::remove_file(berth.kubeconfig()).unwrap();
    }
}

#[test]
fn the_entries_of_a_cluster_go_with_it_in_whatever_state_it_is() {
    let Some(berth) = Berth::standin("entries") else { return };
    let is_in = || fs::read_to_string(berth.kubeconfig()).unwrap().contains(&berth.name);
    let server = format!("pintle-{}-server-0", berth.name);
    for state in ["running", "behind a tunnel", "stopped", "lost"] {
        let _ = berth.run("cluster create NAME").success();
        assert!(is_in(), "{state}");
        match state {
            "stopped" => berth.engine.stop(&server),
            "lost" => berth.engine.remove_container(&server),
            "behind a tunnel" => {
                let text = fs::read_to_string(berth.kubeconfig()).unwrap();
                let text = text.replace("https://127.0.0.1:", "https://localhost:1");
                fs::write(berth.kubeconfig(), text).unwrap();
            }
            _ => {}
        }
        let _ = berth.run("cluster delete NAME").success();
        assert!(!is_in(), "{state}");
    }
}

#[test]
fn an_archive_that_a_node_cannot_read_because_of_zstd_is_explained() {
    let Some(berth) = Berth::standin("zstd") else { return };
    let is_there = Command::new("zstd").arg("--version").output().is_ok();
    if !is_there {
        skip("zstd");
        return;
    }
    let _ = berth.run("cluster create NAME").success();
    fs::write(berth.sandbox.work().join("a.tar"), berth.engine.save(berth.image())).unwrap();
    let _ = berth.sandbox.script(&[], "zstd -q a.tar").success();
    let expected = expect![[r#"
        --- stderr ---
        error: the image was not imported into `pintle-NAME-server-0`
          caused by: ctr: unrecognized image format
        hint: some versions of containerd cannot read archives that are compressed with zstd: decompress the archive with `zstd -d`, or compress it with gzip
        [exit 1]
    "#]];
    expected.assert_eq(&berth.shown(&berth.run("image import a.tar.zst -c NAME")));
    let script = format!("$PINTLE image import - -c {} < a.tar.zst", berth.name);
    expected.assert_eq(&berth.shown(&berth.sandbox.script(&[], &script)));
}

/// The creation that is interrupted.
const CREATE: &str = "cluster create NAME --servers 2 --agents 1";

/// Returns how many calls a creation makes to the engine, so that moments can be distributed over
/// them.
fn calls_of_a_creation(berth: &Berth) -> usize {
    let proxy = Proxy::start(Vice::None);
    let env = [("DOCKER_HOST".to_owned(), proxy.address())];
    let _ = run_with(berth, &env, CREATE).success();
    let n_calls = proxy.calls().len();
    let _ = berth.run("cluster delete NAME").success();
    n_calls
}

/// A creation that has reached a moment: before its `nth` call, or just after it.
struct CutOff {
    proxy: Proxy,
    child: Child,
    /// `None` if the creation ended before the moment: not every creation makes the same calls.
    held: Option<Held>,
}

impl CutOff {
    #[track_caller]
    fn at(berth: &Berth, nth: usize, side: Side) -> Self {
        Self::of(nth, side, |env| berth.sandbox.start_with(env, berth.words(CREATE)))
    }

    /// Does the same with a creation that `start` starts, with environment variables.
    #[track_caller]
    fn of(nth: usize, side: Side, start: impl FnOnce(&[(String, String)]) -> Child) -> Self {
        let (proxy, held) = Proxy::holding(move |it, _| (it == nth).then_some(side));
        let mut child = start(&[("DOCKER_HOST".to_owned(), proxy.address())]);
        let held = wait_for_call(&held, &mut child);
        Self { proxy, child, held }
    }

    /// Returns whether the creation has requested an object from the engine.
    fn has_begun(&self) -> bool {
        self.proxy.calls().iter().any(|it| is_change(it))
    }

    /// Lets the engine continue, and waits for the end.
    fn finish(self, berth: &Berth) -> Output {
        // The signal is on its way to the host; its arrival cannot be observed.
        thread::sleep(Duration::from_millis(20));
        drop(self.held);
        let output = berth.sandbox.finish(self.child);
        self.proxy.settle();
        output
    }
}

/// Returns `n` moments, distributed evenly over the calls of a creation, on alternating sides.
fn moments(n_calls: usize, n: usize) -> impl Iterator<Item = (usize, Side)> {
    let sides = [Side::Request, Side::Answer].into_iter().cycle();
    (0..n).map(move |it| n_calls * it / n).zip(sides)
}

/// Returns the signals that end a creation; reports the ones that cannot be used.
#[expect(clippy::print_stderr, reason = "a signal that is not tried should be seen")]
fn signals() -> Vec<Signal> {
    if is_interrupt_ignored() {
        eprintln!("SIGINT is ignored, as by a background job of a script: SIGTERM is used");
        return vec![Signal::TERM];
    }
    vec![Signal::INT, Signal::TERM]
}

/// Returns whether this process was started with SIGINT ignored; its children inherit that.
fn is_interrupt_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let mask = status.lines().find_map(|it| it.strip_prefix("SigIgn:")).expect("Linux has it");
    let mask = u64::from_str_radix(mask.trim(), 16).expect("it is a number");
    mask >> (Signal::INT.as_raw() - 1) & 1 == 1
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    // As `nohup` and scripts with background jobs start programs.
    let folder = tempfile::tempdir().unwrap();
    let launcher = folder.path().join("launcher");
    let host = env!("CARGO_BIN_EXE_pintle");
    fs::write(&launcher, format!("#!/bin/sh\ntrap '' INT HUP\nexec '{host}' \"$@\"\n")).unwrap();
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
    let sandbox = Sandbox::of(&launcher, "PINTLE");
    let Some(berth) = Berth::with("ignored", Image::Standin, sandbox) else { return };
    let (proxy, held) = Proxy::holding(|_, line| {
        let is_start = line.starts_with("POST ") && line.contains("/start");
        is_start.then_some(Side::Answer)
    });
    let env = [("DOCKER_HOST".to_owned(), proxy.address())];
    let mut child = berth.sandbox.start_with(&env, berth.words("cluster create NAME"));
    let start = wait_for_call(&held, &mut child).expect("the node is started");
    signal(&child, Signal::INT);
    signal(&child, Signal::HUP);
    drop(start);
    let output = berth.sandbox.finish(child);
    assert_eq!(output.code(), 0, "{output}");
    proxy.settle();
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn a_signal_at_any_moment_leaves_nothing() {
    let Some(berth) = Berth::new("signals") else { return };
    let n_calls = calls_of_a_creation(&berth);
    let own = "current-context: mine\ncontexts:\n- context:\n    cluster: mine\n  name: mine\n";
    let mut n_interrupted = 0;
    for (idx, (nth, side)) in moments(n_calls, 20).enumerate() {
        // Each of the signals at each of the sides.
        let kinds = signals();
        let kind = kinds[idx / 2 % kinds.len()];
        fs::write(berth.kubeconfig(), own).unwrap();
        let cut_off = CutOff::at(&berth, nth, side);
        let (is_at_moment, has_begun) = (cut_off.held.is_some(), cut_off.has_begun());
        signal(&cut_off.child, kind);
        let output = cut_off.finish(&berth);
        match output.status().code() {
            Some(130) => n_interrupted += 1,
            Some(0) => drop(berth.run("cluster delete NAME").success()),
            // Until something is created, there is nothing to undo.
            None => assert!(is_at_moment && !has_begun, "call {nth}, {side:?}: {output}"),
            Some(_) => panic!("call {nth}, {side:?}: {output}"),
        }
        berth.assert_nothing_left();
        let after = fs::read_to_string(berth.kubeconfig()).unwrap();
        let after: serde_json::Value = serde_saphyr::from_str(&after).unwrap();
        assert_eq!(after["contexts"].as_array().unwrap().len(), 1, "call {nth}, {side:?}");
        if output.status().code() != Some(0) {
            assert_eq!(after["current-context"], "mine", "call {nth}, {side:?}");
        }
    }
    assert!(n_interrupted >= 12, "only {n_interrupted} of 20 were interrupted");
}

#[test]
fn a_run_that_keeps_what_it_made_waits_for_its_requests() {
    let Some(berth) = Berth::standin("settles") else { return };
    let (proxy, held) = Proxy::holding(|_, line| {
        let is_network = line.starts_with("POST ") && line.contains("/networks/create");
        is_network.then_some(Side::Request)
    });
    let env = [("DOCKER_HOST".to_owned(), proxy.address())];
    let mut child =
        berth.sandbox.start_with(&env, berth.words("cluster create NAME --no-rollback"));
    let request = wait_for_call(&held, &mut child).expect("the network can be created");
    signal(&child, signals()[0]);
    // Enough time for a host that does not wait.
    thread::sleep(Duration::from_millis(500));
    let ended = child.try_wait().expect("it is a child process");
    assert!(ended.is_none(), "the host ended before the engine had completed the request");
    drop(request);
    let output = berth.sandbox.finish(child);
    assert_eq!(output.code(), 130, "{output}");
    assert!(output.stderr.contains("what was created is kept"), "{output}");
    let _ = berth.run("cluster delete NAME").success();
    proxy.settle();
    berth.assert_nothing_left();
}

#[test]
fn deleting_waits_for_what_is_still_at_work_on_the_cluster() {
    let Some(berth) = Berth::standin("at-work") else { return };
    let image = berth.image().to_owned();
    let import = format!("image import {image} -c NAME");
    let runs = [
        ("cluster start NAME", "/start"),
        ("cluster stop NAME", "/stop"),
        (import.as_str(), "/exec"),
    ];
    for (line, call) in runs {
        let _ = berth.run("cluster create NAME").success();
        if line.contains("start") {
            let _ = berth.run("cluster stop NAME").success();
        }
        let (proxy, held) = Proxy::holding(move |_, line| {
            let path = line.split(['?', ' ']).nth(1).unwrap_or_default();
            (line.starts_with("POST ") && path.ends_with(call)).then_some(Side::Request)
        });
        let env = [("DOCKER_HOST".to_owned(), proxy.address())];
        let mut at_work = berth.sandbox.start_with(&env, berth.words(line));
        let request = wait_for_call(&held, &mut at_work).expect("the call is made");
        // With the same address, because the lock depends on the engine's address.
        let mut deletion = berth.sandbox.start_with(&env, berth.words("cluster delete NAME"));
        // Enough time for a host that does not wait.
        thread::sleep(Duration::from_millis(500));
        let ended = deletion.try_wait().expect("it is a child process");
        assert!(ended.is_none(), "the host did not wait for `{line}`");
        drop(request);
        // Later calls pass immediately.
        let through = thread::spawn(move || while held.recv().is_ok() {});
        let process = at_work.id();
        let _ = berth.sandbox.finish(at_work).success();
        let output = berth.sandbox.finish(deletion).success();
        let told = format!("waiting for process {process}, which is working on the cluster");
        assert!(output.stderr.contains(&told), "{line}: {output}");
        drop(proxy);
        drop(through);
        berth.assert_nothing_left();
    }
}

#[test]
fn a_host_that_a_hook_starts_does_not_wait_for_the_run_it_belongs_to() {
    let Some(berth) = Berth::standin("inner").map(|it| it.plugin("harbour")) else { return };
    let inner = [
        (
            "cluster create NAME",
            "post-cluster-create",
            format!("image import {} -c NAME", berth.image()),
        ),
        ("cluster stop NAME", "post-cluster-stop", "cluster start NAME".to_owned()),
        (
            "cluster start NAME",
            "pre-cluster-start",
            "node create --cluster NAME --no-wait".to_owned(),
        ),
    ];
    for (line, event, inner) in inner {
        let mut words = berth.words(line);
        words.push("--harbour-run".to_owned());
        words.push(format!("{event} {}", berth.words(&inner).join(" ")));
        let output = berth.sandbox.finish(berth.sandbox.start(words)).success();
        assert!(output.stderr.contains("harbour: it ran"), "{output}");
        assert!(!output.stderr.contains("waiting for process"), "{output}");
    }
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let Some(berth) = Berth::standin("ignored") else { return };
    let n_calls = calls_of_a_creation(&berth);
    // As `nohup` and scripts start background jobs.
    let script = format!("trap '' INT HUP; exec \"$PINTLE\" {}", berth.words(CREATE).join(" "));
    for (kind, code) in [(Signal::INT, 0), (Signal::HUP, 0), (Signal::TERM, 130)] {
        let start = |env: &[(String, String)]| berth.sandbox.start_script(env, &script);
        let cut_off = CutOff::of(n_calls / 2, Side::Answer, start);
        assert!(cut_off.held.is_some(), "the creation is at work");
        signal(&cut_off.child, kind);
        let output = cut_off.finish(&berth);
        assert_eq!(output.code(), code, "{kind:?}: {output}");
        let _ = berth.run("cluster delete NAME").success();
        berth.assert_nothing_left();
    }
}

#[test]
fn a_second_signal_leaves_at_once_and_says_what_remains() {
    let Some(berth) = Berth::standin("second") else { return };
    // The first moment is the start of the node, the second is the first removal.
    let (proxy, held) = Proxy::holding(|_, line| {
        let is_start = line.starts_with("POST ") && line.contains("/start");
        let is_removal = line.starts_with("DELETE ");
        is_start.then_some(Side::Answer).or(is_removal.then_some(Side::Request))
    });
    let env = [("DOCKER_HOST".to_owned(), proxy.address())];
    let line = "cluster create NAME -e STANDIN_NEVER_READY=1";
    let mut child = berth.sandbox.start_with(&env, berth.words(line));
    let kind = signals()[0];
    let start = wait_for_call(&held, &mut child).expect("the node is started");
    signal(&child, kind);
    drop(start);
    let removal = wait_for_call(&held, &mut child).expect("the removal starts");
    let second = Instant::now();
    signal(&child, kind);
    let output = berth.sandbox.finish(child);
    assert!(second.elapsed() < Duration::from_secs(3), "{:?}", second.elapsed());
    assert_eq!(output.code(), 130, "{output}");
    let shown = berth.shown(&output);
    expect![[r#"
        --- stderr ---
        creating the cluster `NAME`
        interrupted; removing what was created (interrupt again to keep it)
        error: interrupted again; not removed: `pintle-NAME`, `pintle-NAME-server-0`, `pintle-NAME-shared`
        hint: run `pintle cluster delete NAME` to remove what is left
        [exit 130]
    "#]].assert_eq(&shown);
    drop(removal);
    proxy.settle();
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn what_a_killed_run_leaves_can_be_deleted() {
    let Some(berth) = Berth::standin("killed") else { return };
    let n_calls = calls_of_a_creation(&berth);
    for (nth, side) in moments(n_calls, 12) {
        let mut cut_off = CutOff::at(&berth, nth, side);
        cut_off.child.kill().unwrap();
        let _ = cut_off.finish(&berth);
        if !berth.things().is_empty() {
            let again = berth.run(CREATE);
            assert_eq!(again.code(), 1, "call {nth}, {side:?}: {again}");
            assert!(berth.shown(&again).contains("already exists or is being created"), "{again}");
        }
        let _ = berth.run("cluster delete NAME").success();
        berth.assert_nothing_left();
    }
}

#[test]
fn remains_without_any_container_are_found_and_deleted() {
    let Some(berth) = Berth::standin("remains") else { return };
    let labels = [("app", "pintle"), ("pintle.cluster", &berth.name)];
    berth.engine.create_network(&format!("pintle-{}", berth.name), &labels);
    let shown = berth.transcript(&["cluster create NAME", "cluster delete NAME"]);
    expect![[r#"
        $ pintle cluster create NAME
        --- stderr ---
        error: the cluster `NAME` already exists or is being created
        hint: if no other run is creating it, run `pintle cluster delete NAME` to remove what is left
        [exit 1]
        $ pintle cluster delete NAME
        --- stderr ---
        deleting the cluster `NAME`
        the cluster `NAME` is gone
        [exit 0]
    "#]]
    .assert_eq(&shown);
    berth.assert_nothing_left();
}

#[test]
fn an_engine_that_dies_midway_is_told_and_the_remains_can_be_deleted() {
    let Some(berth) = Berth::standin("dies") else { return };
    let n_calls = calls_of_a_creation(&berth);
    // The last calls are those of a cluster that is ready; another creation may make fewer calls.
    for (n_calls, _) in moments(n_calls * 3 / 4, 8) {
        let proxy = Proxy::start(Vice::DiesAfter(n_calls));
        let env = vec![("DOCKER_HOST".to_owned(), proxy.address())];
        let output = run_with(&berth, &env, CREATE);
        let code = output.code();
        assert!(code == 1 || code == 5, "after {n_calls} calls: {output}");
        proxy.settle();
        drop(proxy);
        let _ = berth.run("cluster delete NAME").success();
        berth.assert_nothing_left();
    }
}

#[test]
fn an_engine_that_hangs_is_an_error() {
    let Some(berth) = Berth::standin("hangs") else { return };
    let proxy = Proxy::start(Vice::HangsAfter(0));
    let mut env = vec![
        ("DOCKER_HOST".to_owned(), proxy.address()),
        ("PINTLE_ENGINE_TIMEOUT".to_owned(), "1s".to_owned()),
    ];
    let begin = Instant::now();
    let output = run_with(&berth, &env, "cluster list");
    assert_eq!(output.code(), 5, "{output}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let proxy = Proxy::start(Vice::HangsAfter(3));
    env[0].1 = proxy.address();
    let output = run_with(&berth, &env, "cluster create NAME");
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("it did not answer in time"), "{output}");
    drop(proxy);
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn an_engine_behind_tcp_and_tls_is_reached() {
    let Some(berth) = Berth::standin("tcp") else { return };
    let proxy = Proxy::start(Vice::None);
    let mut env = vec![("DOCKER_HOST".to_owned(), proxy.address())];
    let _ = run_with(&berth, &env, "cluster create NAME").success();
    let _ = run_with(&berth, &env, "cluster delete NAME").success();
    berth.assert_nothing_left();

    let folder = berth.sandbox.path("certs");
    let tls = Proxy::start_tls(&folder);
    env[0].1 = tls.address();
    env.push(("DOCKER_TLS_VERIFY".to_owned(), "1".to_owned()));
    env.push(("DOCKER_CERT_PATH".to_owned(), folder.display().to_string()));
    let _ = run_with(&berth, &env, "cluster list").success();
    // Without the certificates, the engine does not answer.
    env.truncate(1);
    assert_eq!(run_with(&berth, &env, "cluster list").code(), 5);
}

#[test]
fn a_failed_import_is_a_failed_command() {
    let Some(berth) = Berth::standin("import") else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let line = "cluster create NAME --agents 1 -e STANDIN_CTR_FAILS=1 -e STANDIN_ONLY=agent-0";
    let _ = berth.run(line).success();
    let shown = berth.shown(&berth.run(&format!("image import {image} -c NAME")));
    expect![[r#"
        --- stderr ---
        error: the image was not imported into `pintle-NAME-agent-0`
          caused by: ctr: failed to ingest: no space left on device
        [exit 1]
    "#]]
    .assert_eq(&shown);
}

#[test]
fn an_engine_without_privileged_containers_says_what_to_do() {
    let Some(berth) = Berth::standin("privilege") else { return };
    let output = berth.run("cluster create NAME --privilege full");
    if output.code() == 0 {
        // This engine can start them.
        return;
    }
    assert!(
        output.stderr.contains(
            "hint: this engine cannot start privileged containers: try `--privilege reduced`"
        ),
        "{output}"
    );
    berth.assert_nothing_left();
}

/// Runs the host with additional variables.
#[track_caller]
fn run_with(berth: &Berth, env: &[(String, String)], line: &str) -> Output {
    berth.sandbox.run_with(env, berth.words(line))
}

#[test]
fn of_two_that_add_nodes_at_once_the_winners_nodes_stay() {
    let Some(berth) = Berth::standin("nodes").and_then(Berth::with_kubectl) else { return };
    let _ = berth.run("cluster create NAME").success();
    // They are like hosts on different machines: none has the lock of another.
    let start = |idx: i32| {
        let cache = berth.sandbox.path(&format!("cache-{idx}"));
        let env = [("XDG_CACHE_HOME".to_owned(), cache.display().to_string())];
        let words = berth.words("node create --cluster NAME --replicas 2");
        berth.sandbox.start_with(&env, words)
    };
    let children: Vec<_> = (0..3).map(start).collect();
    let outputs: Vec<_> = children.into_iter().map(|it| berth.sandbox.finish(it)).collect();
    // Each may take the name of another's second node, so all may fail, but each that fails reports
    // it.
    assert!(outputs.iter().all(|it| [0, 1].contains(&it.code())), "{outputs:?}");
    // The losers removed only their own containers: every container is a node, and every node has
    // one.
    let things = berth.things();
    let mut containers: Vec<_> =
        things.iter().filter_map(|it| it.strip_prefix("container ")).collect();
    containers.sort_unstable();
    let nodes = berth.kubectl("get nodes --no-headers -o name");
    let mut nodes: Vec<_> = nodes.lines().filter_map(|it| it.strip_prefix("node/")).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, containers);
}
