//! k3d's files in `tests/fixtures/k3d`: a cluster from each of them matches its plan on the engine.
//! The plans are the snapshot of a unit test of `pintle-cluster`.

use crate::cluster_whole::{address, start_registry, with_registry};
use crate::engine::{Berth, Image};
use crate::support::copy_dir;
use bollard::models::ContainerInspectResponse;
use expect_test::expect;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The plans of all files.
const PLANS: &str = include_str!("../core/cluster/src/spec/k3d_files.txt");

/// Files whose registry is a cache, which exits unless it reaches its remote registry: they have a
/// separate test.
const CACHES: &[&str] = &["30-registry-proxy", "31-registry-proxy-all"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/k3d")
}

/// The plan of one file, limited to the nodes.
struct Plan {
    file: &'static str,
    /// The content of the first line, for example `api=localhost`.
    head: Vec<&'static str>,
    /// Names without the cluster's name, and the lines of each.
    nodes: Vec<(&'static str, Vec<&'static str>)>,
}

fn plans() -> Vec<Plan> {
    let sections = PLANS.split("== ").skip(1);
    sections.map(|it| plan(it.lines().filter(|it| !it.is_empty()))).collect()
}

fn plan(mut lines: impl Iterator<Item = &'static str>) -> Plan {
    let file = lines.next().expect("a section has a title");
    let mut head = lines.next().expect("a plan has a first line").split(' ').skip(1);
    let prefix = format!("pintle-{}-", head.next().expect("a cluster has a name"));
    let mut plan = Plan { file, head: head.collect(), nodes: Vec::new() };
    for line in lines {
        if let Some((name, cmd)) = line.strip_prefix(&prefix).and_then(|it| it.split_once(": ")) {
            plan.nodes.push((name, vec![cmd]));
        } else if let (Some(line), Some(node)) = (line.strip_prefix("  "), plan.nodes.last_mut()) {
            node.1.push(line);
        }
    }
    plan
}

impl Plan {
    fn berth(&self) -> Option<Berth> {
        let wants_registry = fs::read_to_string(fixtures().join(format!("{}.yaml", self.file)))
            .expect("the file is there")
            .contains("${REGISTRY}")
            || self.file == "29-registry-create-default";
        let berth = match wants_registry {
            true => with_registry("k3d", Image::Standin)?,
            false => Berth::new("k3d")?,
        };
        copy_dir(&fixtures(), &berth.sandbox.work());
        copy_dir(&fixtures(), &berth.sandbox.path("home"));
        let registry = format!("pier-{}", berth.name);
        let subnet = berth.engine.free_subnet();
        let (network, volume) = shared(&berth);
        Some(
            berth
                .env("TOKEN", "from-environment")
                .env("SUBNET", &subnet)
                .env("REGISTRY", &registry)
                .env("SERVERS", "1")
                .env("AGENTS", "2")
                .env("NETWORK", &network)
                .env("VOLUME", &volume),
        )
    }

    /// Creates the cluster, compares it with the plan, and deletes it.
    #[track_caller]
    fn check(&self) {
        let Some(berth) = self.berth() else { return };
        let file = self.file;
        let registry = format!("pier-{}", berth.name);
        let uses_registry = file == "32-registry-use";
        if uses_registry {
            let _ = berth.run(&format!("registry create {registry}")).success();
        }
        // The nodes are stand-ins, regardless of the file, and nothing waits for them.
        let image = berth.image();
        let line = format!(
            "cluster create NAME --config {file}.yaml --image {image} --no-wait \
             --ignore-unsupported"
        );
        let _ = berth.run(&line).success();
        for (name, lines) in &self.nodes {
            let name = format!("pintle-{}-{name}", berth.name);
            let container = berth.engine.inspect(&name);
            self.check_node(&berth, &name, &container, lines);
        }
        assert_eq!(
            berth
                .things()
                .iter()
                .filter(|it| it.contains("-server-") || it.contains("-agent-"))
                .count(),
            self.nodes.len(),
            "{file}"
        );
        let _ = berth.run("cluster delete NAME").success();
        if uses_registry {
            let _ = berth.run(&format!("registry delete {registry}")).success();
        }
        berth.assert_nothing_left();
    }

    #[track_caller]
    fn check_node(
        &self,
        berth: &Berth,
        name: &str,
        container: &ContainerInspectResponse,
        lines: &[&str],
    ) {
        let file = self.file;
        let (files, others): (Vec<&str>, Vec<&str>) =
            lines.iter().copied().partition(|it| it.starts_with("file "));
        let mut expected = String::new();
        for line in others {
            writeln!(expected, "{line}").expect("a string accepts any text");
        }
        let mut found = shown(container);
        for folder in [berth.sandbox.work(), berth.sandbox.path("home")] {
            let real = folder.canonicalize().expect("it is there");
            found = found.replace(&real.display().to_string(), "[FIXTURES]");
            found = found.replace(&folder.display().to_string(), "[FIXTURES]");
        }
        found = found.replace(&shared(berth).1, "hold").replace(name, "ITSELF");
        assert_eq!(found, expected, "{file}: {name}");
        for line in files {
            let mut parts = line.splitn(4, ' ').skip(1);
            let (path, _mode, contents) = (parts.next(), parts.next(), parts.next());
            let path = path.expect("a file has a path");
            // The plugin's mirrors are in it besides the content of the file.
            if path.ends_with("registries.yaml") && file == "26-registries-config-null" {
                let text = berth.engine.file(name, path).unwrap_or_default();
                assert!(text.contains("http://pier-"), "{file}: {text}");
                continue;
            }
            let text = berth.engine.file(name, path).map(|it| it.replace('\n', "|"));
            assert_eq!(text.as_deref(), contents, "{file}: {path} in {name}");
        }
        let config = container.config.as_ref().expect("a container has a configuration");
        let value = |key: &str| self.head.iter().find_map(|it| it.strip_prefix(key));
        if let Some(token) = value("token=") {
            let expected = format!("K3S_TOKEN={token}");
            let env = config.env.as_ref().expect("a node has variables");
            assert!(env.contains(&expected), "{file}: {env:?}");
        }
        if let (Some(host), true) = (value("api="), name.ends_with("server-0")) {
            let labels = config.labels.as_ref().expect("a node has labels");
            assert_eq!(labels.get("pintle.api.host").map(String::as_str), Some(host), "{file}");
        }
    }
}

/// Returns the names of the network and the volume that clusters of a test share.
fn shared(berth: &Berth) -> (String, String) {
    (format!("lan-{}", berth.name), format!("hold-{}", berth.name))
}

/// Returns which of the shared network and volume exist.
fn shared_things(berth: &Berth, (network, volume): &(String, String)) -> (bool, bool) {
    let (runtime, docker) = berth.engine.client();
    runtime.block_on(async {
        let network = docker.inspect_network(network, None).await.is_ok();
        (network, docker.inspect_volume(volume).await.is_ok())
    })
}

/// Returns the engine's description of a node, in the words of the plans.
fn shown(container: &ContainerInspectResponse) -> String {
    let config = container.config.as_ref().expect("a container has a configuration");
    let host = container.host_config.as_ref().expect("a container has a host configuration");
    let mut lines = vec![config.cmd.as_ref().expect("a node has arguments").join(" ")];
    let is_own = |it: &&String| !it.starts_with("K3S_") && !it.starts_with("PATH=");
    lines.extend(config.env.iter().flatten().filter(is_own).map(|it| format!("env {it}")));
    let mut sorted: Vec<String> = Vec::new();
    let labels = config.labels.iter().flatten();
    let labels = labels.filter(|it| !it.0.starts_with("pintle.") && it.0 != "app");
    sorted.extend(labels.map(|(name, value)| format!("label {name}={value}")));
    for (port, bindings) in host.port_bindings.iter().flatten() {
        for it in bindings.iter().flatten() {
            let (ip, of_host) = (it.host_ip.as_deref(), it.host_port.as_deref());
            let (ip, of_host) = (ip.unwrap_or_default(), of_host.unwrap_or_default());
            sorted.push(format!("port {ip}:{of_host}->{port}"));
        }
    }
    sorted.sort();
    lines.extend(sorted);
    // The privileges of a container are not from the file.
    let of_host = |it: &&String| it.contains("-shared:") || it.starts_with("/sys/fs/cgroup:");
    let binds = host.binds.iter().flatten().filter(|it| !of_host(it));
    lines.extend(binds.map(|it| format!("bind {it}")));
    let mounts = host.mounts.iter().flatten().filter_map(|it| it.target.as_ref());
    lines.extend(mounts.map(|it| format!("mount {it}")));
    for it in host.ulimits.iter().flatten() {
        let (soft, hard) = (it.soft.unwrap_or_default(), it.hard.unwrap_or_default());
        lines.push(format!("ulimit {}={soft}:{hard}", it.name.as_deref().unwrap_or_default()));
    }
    let pid = host.pid_mode.iter().filter(|it| !it.is_empty());
    lines.extend(pid.map(|it| format!("pid {it}")));
    lines.extend(host.memory.filter(|it| *it > 0).map(|it| format!("memory {it}")));
    let hosts = host.extra_hosts.iter().flatten().filter(|it| !it.ends_with("host-gateway"));
    lines.extend(hosts.map(|it| format!("host {it}")));
    lines.into_iter().map(|it| it + "\n").collect()
}

/// Checks every fourth file, so that four tests check them in parallel.
#[track_caller]
fn check_every_fourth(from: usize) {
    let plans = plans().into_iter().skip(from).step_by(4);
    for plan in plans.filter(|it| !CACHES.contains(&it.file)) {
        plan.check();
    }
}

#[test]
fn the_first_quarter_of_the_files_becomes_what_is_planned() {
    check_every_fourth(0);
}

#[test]
fn the_second_quarter_of_the_files_becomes_what_is_planned() {
    check_every_fourth(1);
}

#[test]
fn the_third_quarter_of_the_files_becomes_what_is_planned() {
    check_every_fourth(2);
}

#[test]
fn the_last_quarter_of_the_files_becomes_what_is_planned() {
    check_every_fourth(3);
}

#[test]
fn a_cache_of_a_file_serves_what_its_remote_has() {
    let plan = plans().into_iter().find(|it| it.file == "30-registry-proxy");
    let Some(berth) = plan.expect("the file exists").berth() else { return };
    let (far, cache) = (format!("{}-far", berth.name), format!("pier-{}", berth.name));
    let Some(far_address) = start_registry(&berth, &far, &[]) else { return };
    let pushed = format!("{far_address}/buoy:1");
    berth.engine.tag(berth.image(), &pushed);
    berth.engine.push(&pushed);
    berth.engine.remove_image(&pushed);
    let networks = berth.engine.inspect(&far).network_settings.unwrap().networks.unwrap();
    let remote = format!("{}:5000", networks["bridge"].ip_address.clone().unwrap());
    let berth = berth.env("REMOTE", &format!("http://{remote}"));
    let create =
        format!("cluster create NAME --config 30-registry-proxy.yaml --image {}", berth.image());
    let created = berth.run(&create).success();
    assert!(created.stderr.contains(&format!("the registry `{cache}` runs at")), "{created}");
    // Nodes pull the remote's images through the cache, which is in their network.
    let server = format!("pintle-{}-server-0", berth.name);
    let mirrors = berth.engine.file(&server, "/etc/rancher/k3s/registries.yaml").unwrap();
    let mirror = format!("\"{remote}\":\n    endpoint:\n    - http://{cache}:5000\n");
    assert!(mirrors.contains(&mirror), "{mirrors}");
    let networks = berth.engine.inspect(&cache).network_settings.unwrap().networks.unwrap();
    assert!(networks.contains_key(&format!("pintle-{}", berth.name)), "{networks:?}");

    let pulled = format!("{}/buoy:1", address(&berth, &cache));
    berth.engine.pull(&pulled);
    berth.engine.remove_image(&pulled);
    // From now on, the cache has the image itself.
    berth.engine.remove_container(&far);
    berth.engine.pull(&pulled);
    berth.engine.remove_image(&pulled);
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn a_cache_that_ends_again_and_again_is_told() {
    let plan = plans().into_iter().find(|it| it.file == "31-registry-proxy-all");
    let Some(berth) = plan.expect("the file exists").berth() else { return };
    let cache = format!("pier-{}", berth.name);
    // The registry of the tests cannot be a cache of all others; nodes and pods start without it.
    let create = format!(
        "cluster create NAME --config 31-registry-proxy-all.yaml --image {}",
        berth.image()
    );
    let told = format!("the registry `{cache}` does not keep running");
    let created = berth.run(&create).success();
    assert!(created.stderr.contains(&told), "{created}");
    let env = berth.engine.inspect(&cache).config.and_then(|it| it.env).unwrap_or_default();
    assert!(env.contains(&"REGISTRY_PROXY_REMOTEURL=*".to_owned()), "{env:?}");
    let server = format!("pintle-{}-server-0", berth.name);
    let mirrors = berth.engine.file(&server, "/etc/rancher/k3s/registries.yaml").unwrap();
    let mirror = format!("\"*\":\n    endpoint:\n    - http://{cache}:5000\n");
    assert!(mirrors.contains(&mirror), "{mirrors}");
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

#[test]
fn every_file_has_a_plan() {
    let mut files: Vec<_> = fs::read_dir(fixtures())
        .expect("the directory exists")
        .map(|it| it.expect("it can be read").path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml"))
        .filter_map(|it| Some(it.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    files.sort();
    let plans: Vec<_> = plans().iter().map(|it| it.file.to_owned()).collect();
    assert_eq!(files, plans);
}

#[test]
fn what_is_not_supported_is_an_error_and_so_are_nodes_that_do_not_exist() {
    let Some(berth) = Berth::new("unsupported") else { return };
    copy_dir(&fixtures(), &berth.sandbox.work());
    let shown = berth.transcript(&[
        "cluster create NAME --config 41-unsupported.yaml",
        "cluster create NAME -p 8080:80@agent:0",
        "cluster create NAME --config 12-token.yaml",
        "cluster create NAME -e NO_SUCH_VARIABLE",
    ]);
    expect![[r#"
        $ pintle cluster create NAME --config 41-unsupported.yaml
        --- stderr ---
        error: unsupported in the cluster file `41-unsupported.yaml`: `image: latest`: k3s channels are not supported; specify an image; `LB` of `env` for `loadbalancer`: there is no load balancer; `manifests`: use `files` with the destination `k3s-manifests` instead; `options.k3d.loadbalancer.configOverrides`: there is no load balancer; `options.runtime.gpuRequest`: nodes cannot have GPUs; `colour`
        hint: remove it, or ignore it with `--ignore-unsupported`
        [exit 2]
        $ pintle cluster create NAME -p 8080:80@agent:0
        --- stderr ---
        error: the node filter `agent:0` refers to a node that does not exist: the cluster has 0 agents
        hint: use a filter such as `server:0`, `agent:0,2`, `agent:0-3`, `server:*` or `all`; separate several with `;`; write `\@` for an `@` in the value
        [exit 2]
        $ pintle cluster create NAME --config 12-token.yaml
        --- stderr ---
        error: invalid cluster file `12-token.yaml`
          caused by: the environment variable `TOKEN` is not set
        hint: set it; for a dollar sign, write `$$` in k3d files
        [exit 2]
        $ pintle cluster create NAME -e NO_SUCH_VARIABLE
        --- stderr ---
        error: `--env NO_SUCH_VARIABLE`: the environment variable `NO_SUCH_VARIABLE` is not set
        [exit 2]
    "#]]
    .assert_eq(&shown);
    berth.assert_nothing_left();
}

#[test]
fn what_clusters_share_goes_with_the_last_of_them() {
    let (Some(one), Some(two)) = (Berth::new("one"), Berth::new("two")) else { return };
    let names = shared(&one);
    let subnet = one.engine.free_subnet();
    let create = format!(
        "cluster create NAME --no-wait --network {} --subnet {subnet} -v {}:/data",
        names.0, names.1
    );
    let _ = one.run(&create).success();
    let _ = two.run(&create).success();
    let _ = one.run("cluster delete NAME").success();
    assert_eq!(shared_things(&one, &names), (true, true));
    // A cluster that is stopped uses them, too.
    let _ = two.run("cluster stop NAME").success();
    let _ = one.run(&create).success();
    let _ = one.run("cluster delete NAME").success();
    assert_eq!(shared_things(&one, &names), (true, true));
    let other = one.run(&create.replace(&subnet, "10.1.2.0/24"));
    assert!(
        other.to_string().contains("exists, but does not have the address range `10.1.2.0/24`"),
        "{other}"
    );
    let _ = two.run("cluster delete NAME").success();
    assert_eq!(shared_things(&one, &names), (false, false));
    one.assert_nothing_left();
}

#[test]
fn a_failed_creation_leaves_nothing_that_it_would_have_shared() {
    let Some(berth) = Berth::new("undone") else { return };
    let names = shared(&berth);
    let line = format!(
        "cluster create NAME --network {} -v {}:/data --image localhost:1/no-such-image",
        names.0, names.1
    );
    let output = berth.run(&line);
    assert!(output.to_string().contains("[exit 1]"), "{output}");
    assert_eq!(shared_things(&berth, &names), (false, false));
    berth.assert_nothing_left();
}

#[test]
fn a_volume_that_was_there_stays() {
    let Some(berth) = Berth::new("kept") else { return };
    let names = shared(&berth);
    let (runtime, docker) = berth.engine.client();
    let config =
        bollard::models::VolumeCreateRequest { name: Some(names.1.clone()), ..Default::default() };
    let _ = runtime.block_on(docker.create_volume(config)).expect("the engine creates it");
    let created = berth.run(&format!("cluster create NAME --no-wait -v {}:/data", names.1));
    let deleted = berth.run("cluster delete NAME");
    let kept = shared_things(&berth, &names);
    let none = None::<bollard::query_parameters::RemoveVolumeOptions>;
    let _ = runtime.block_on(docker.remove_volume(&names.1, none));
    let _ = (created.success(), deleted.success());
    assert_eq!(kept, (false, true));
}

#[test]
fn clusters_are_stopped_started_and_deleted_by_their_file() {
    let Some(berth) = Berth::new("byfile") else { return };
    let file =
        format!("apiVersion: k3d.io/v1alpha5\nkind: Simple\nmetadata: {{name: {}}}\n", berth.name);
    fs::write(berth.sandbox.work().join("k3d.yaml"), file).expect("the directory is writable");
    let shown = berth.transcript(&[
        "cluster create -c k3d.yaml --no-wait",
        "cluster stop -c k3d.yaml",
        "cluster start --config k3d.yaml --no-wait",
        "cluster delete --config k3d.yaml",
    ]);
    expect![[r#"
        $ pintle cluster create -c k3d.yaml --no-wait
        --- stderr ---
        creating the cluster `NAME`
        the nodes of the cluster `NAME` are running; they may not be ready yet
        run `pintle kubeconfig merge NAME` to add it to your kubeconfig
        [exit 0]
        $ pintle cluster stop -c k3d.yaml
        --- stderr ---
        stopping the cluster `NAME`
        the cluster `NAME` has stopped
        [exit 0]
        $ pintle cluster start --config k3d.yaml --no-wait
        --- stderr ---
        starting the cluster `NAME`
        the cluster `NAME` runs
        [exit 0]
        $ pintle cluster delete --config k3d.yaml
        --- stderr ---
        deleting the cluster `NAME`
        the cluster `NAME` is gone
        [exit 0]
    "#]]
    .assert_eq(&shown);
    berth.assert_nothing_left();
}
