//! Clusters with a registry and with a real control plane: complete user workflows on a real Docker
//! engine.

use crate::control_plane::free_port;
use crate::engine::{Berth, Image};
use crate::support::{built, install};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

/// A berth with the plugin `registry`, whose image is Debian's docker-registry.
pub(crate) fn with_registry(name: &str, image: Image) -> Option<Berth> {
    let berth = Berth::with(name, image, crate::support::Sandbox::new())?;
    let registry = berth.engine.image(Image::Registry)?;
    let library = built("libpintle_plugin_registry.so");
    install(&library, &berth.sandbox.plugins().join("registry.so"));
    Some(berth.env("PINTLE_REGISTRY_IMAGE", &registry))
}

/// Returns the address of a registry on this machine.
#[track_caller]
pub(crate) fn address(berth: &Berth, name: &str) -> String {
    let list = berth.run("registry list -o json").success().stdout;
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).expect("it is JSON");
    let own = list.iter().find(|it| it["name"] == name).expect("it is listed");
    own["address"].as_str().expect("it is published").to_owned()
}

#[test]
fn a_cluster_with_a_registry_comes_and_goes() {
    let berth = with_registry("demo", Image::Standin).and_then(Berth::with_kubectl);
    let Some(berth) = berth else { return };
    let Some(image) = berth.engine.image(Image::Standin) else { return };
    let shown = berth.transcript(&["cluster create NAME --agents 2 --registry"]);
    expect![[r#"
        $ pintle cluster create NAME --agents 2 --registry
        --- stderr ---
        creating the cluster `NAME`
        the registry `pintle-NAME-registry` runs at localhost:[PORT]
        waiting for the nodes
        waiting for the nodes: done
        the cluster `NAME` is ready
        [exit 0]
    "#]]
    .assert_eq(&shown);
    let nodes = berth.kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|it| it.contains(" Ready ")).count(), 3, "{nodes}");

    let registry = format!("pintle-{}-registry", berth.name);
    let address = address(&berth, &registry);
    let pushed = format!("{address}/buoy:1");
    berth.engine.tag(&image, &pushed);
    berth.engine.push(&pushed);
    berth.engine.remove_image(&pushed);
    berth.engine.pull(&pushed);
    berth.engine.remove_image(&pushed);

    // Nodes know the registry by all its names, and tools find it in the cluster.
    let node = format!("pintle-{}-agent-1", berth.name);
    let mirrors =
        berth.engine.file(&node, "/etc/rancher/k3s/registries.yaml").expect("it is there");
    let port = address.rsplit(':').next().expect("it has a port");
    let mirrors = berth.hide(&mirrors).replace(port, "[PORT]");
    expect![[r#"
        mirrors:
          "localhost:[PORT]":
            endpoint:
            - http://pintle-NAME-registry:5000
          "pintle-NAME-registry:[PORT]":
            endpoint:
            - http://pintle-NAME-registry:5000
          "pintle-NAME-registry:5000":
            endpoint:
            - http://pintle-NAME-registry:5000
    "#]]
    .assert_eq(&mirrors);
    let hosting = berth.kubectl(
        "get configmap local-registry-hosting -n kube-public -o jsonpath={.data.localRegistryHosting\\.v1}",
    );
    expect![[r#"
        host: "localhost:[PORT]"
        hostFromClusterNetwork: "pintle-NAME-registry:5000"
        hostFromContainerRuntime: "pintle-NAME-registry:5000"
    "#]]
    .assert_eq(&berth.hide(&hosting).replace(port, "[PORT]"));

    let _ = berth.run("cluster delete NAME").success();
    let left = berth.run("registry list").success();
    assert!(!left.stdout.contains(&registry), "{left}");
    berth.assert_nothing_left();
}

#[test]
fn a_registry_serves_several_clusters_and_outlives_them() {
    let Some(berth) = with_registry("shared", Image::Standin) else { return };
    let Some(other) = Berth::new("shared2") else { return };
    let registry = format!("reg-{}", berth.name);
    let _ = berth.run(&format!("registry create {registry}")).success();
    let made = || {
        let _ = berth.run(&format!("cluster create NAME --registry-use {registry}")).success();
        let line = format!("cluster create {} --registry-use {registry}", other.name);
        let _ = berth.run(&line).success();
        let networks = berth.engine.inspect(&registry).network_settings.unwrap().networks.unwrap();
        assert!(networks.contains_key(&format!("pintle-{}", berth.name)), "{networks:?}");
        assert!(networks.contains_key(&format!("pintle-{}", other.name)), "{networks:?}");
        let _ = berth.run("cluster delete NAME").success();
        berth.assert_nothing_left();
        let networks = berth.engine.inspect(&registry).network_settings.unwrap().networks.unwrap();
        assert!(!networks.contains_key(&format!("pintle-{}", berth.name)), "{networks:?}");
        assert!(networks.contains_key(&format!("pintle-{}", other.name)), "{networks:?}");
        let before = address(&berth, &registry);
        let _ = berth.run(&format!("registry stop {registry}")).success();
        let _ = berth.run(&format!("registry start {registry}")).success();
        assert_eq!(address(&berth, &registry), before, "a port that images name stays");
    };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(made));
    let _ = berth.run(&format!("registry delete {registry}"));
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    let missing = berth.run(&format!("cluster create NAME --registry-use {registry}"));
    assert_eq!(missing.code(), 1, "{missing}");
    berth.assert_nothing_left();
}

#[test]
fn a_pull_through_cache_is_made_from_a_cluster_file() {
    let Some(berth) = with_registry("cache", Image::Standin) else { return };
    // The remote registry is another registry of this test.
    let far = format!("far-{}", berth.name);
    let _ = berth.run(&format!("registry create {far}")).success();
    let made = || {
        let Some(image) = berth.engine.image(Image::Standin) else { return };
        let pushed = format!("{}/buoy:1", address(&berth, &far));
        berth.engine.tag(&image, &pushed);
        berth.engine.push(&pushed);
        berth.engine.remove_image(&pushed);
        let ip = berth.engine.inspect(&far).network_settings.unwrap().networks.unwrap();
        let ip = ip["bridge"].ip_address.clone().unwrap();
        let file = format!(
            "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nplugins:\n  registry:\n    create:\n      proxy: {{remote: 'http://{ip}:5000'}}\n"
        );
        std::fs::write(berth.sandbox.work().join("c.yaml"), file).unwrap();
        let _ = berth.run("cluster create NAME --config c.yaml").success();
        let node = format!("pintle-{}-server-0", berth.name);
        let mirrors = berth.engine.file(&node, "/etc/rancher/k3s/registries.yaml").unwrap();
        assert!(mirrors.contains(&format!("{ip}:5000")), "{mirrors}");
        let cache = address(&berth, &format!("pintle-{}-registry", berth.name));
        berth.engine.pull(&format!("{cache}/buoy:1"));
        berth.engine.remove_image(&format!("{cache}/buoy:1"));
        let _ = berth.run("cluster delete NAME").success();
        berth.assert_nothing_left();
    };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(made));
    let _ = berth.run(&format!("registry delete {far}"));
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_true_control_plane_has_all_nodes_and_keeps_what_it_stores() {
    let berth = with_registry("plane", Image::ControlPlane).and_then(Berth::with_kubectl);
    let Some(berth) = berth else { return };
    let _ = berth.run("cluster create NAME --servers 2 --agents 1 --registry").success();
    let nodes = berth.kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|it| it.contains(" Ready ")).count(), 3, "{nodes}");
    let hosting = "get configmap local-registry-hosting -n kube-public -o name";
    assert_eq!(berth.kubectl(hosting), "configmap/local-registry-hosting\n");
    berth.kubectl("create configmap kept --from-literal=a=b");
    let _ = berth.run("cluster stop NAME").success();
    let _ = berth.run("cluster start NAME").success();
    assert_eq!(berth.kubectl("get configmap kept -o jsonpath={.data.a}"), "b");
    let nodes = berth.kubectl("get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|it| it.contains(" Ready ")).count(), 3, "{nodes}");
    let _ = berth.run("node create --cluster NAME").success();
    let _ = berth.run("node delete pintle-NAME-agent-0").success();
    let nodes = berth.kubectl("get nodes --no-headers -o name");
    assert!(!nodes.contains("agent-0") && nodes.contains("agent-1"), "{nodes}");
    let _ = berth.run("cluster delete NAME").success();
    berth.assert_nothing_left();
}

/// The credentials that a registry accepts: `ada` with the password `hush`.
const ACCOUNTS: &str = "ada:$2b$04$VBo35wupkSQuT/xN.3bko.t2PDm8h18JdLTE0y45gMBahT5sMdVNa\n";

/// Starts a registry that requires these credentials, and returns its address.
fn start_private_registry(berth: &Berth) -> Option<String> {
    let env = ["AUTH=htpasswd", "AUTH_HTPASSWD_REALM=vault", "AUTH_HTPASSWD_PATH=/accounts"];
    start_registry(berth, &format!("{}-vault", berth.name), &env)
}

/// Starts a registry that Pintle has not created, and returns its address. It is removed with the
/// berth.
pub(crate) fn start_registry(berth: &Berth, name: &str, env: &[&str]) -> Option<String> {
    use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
    use bollard::query_parameters::{
        CreateContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    };
    use pintle::cluster::engine::{File, pack};
    let image = berth.engine.image(Image::Registry)?;
    let port = free_port().to_string();
    let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some(port.clone()) };
    let body = ContainerCreateBody {
        image: Some(image),
        env: Some(env.iter().map(|it| format!("REGISTRY_{it}")).collect()),
        labels: Some([("pintle.cluster".to_owned(), berth.name.clone())].into()),
        host_config: Some(HostConfig {
            port_bindings: Some([("5000/tcp".to_owned(), Some(vec![binding]))].into()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let accounts =
        File { path: "/accounts".into(), bytes: ACCOUNTS.as_bytes().to_vec(), mode: 0o644 };
    let archive = bollard::body_full(pack(&[accounts]).expect("it fits").into());
    let (runtime, docker) = berth.engine.client();
    runtime.block_on(async {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        docker.create_container(Some(options), body).await.expect("it is created");
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        docker.upload_to_container(name, Some(options), archive).await.expect("it is there");
        docker.start_container(name, None).await.expect("it starts");
    });
    let address = format!("localhost:{port}");
    // The engine accepts connections to a published port before the program inside listens.
    let answers = (0..300).any(|_| {
        let answers = answers_http(&address);
        if !answers {
            std::thread::sleep(Duration::from_millis(100));
        }
        answers
    });
    assert!(answers, "the registry at {address} does not answer");
    Some(address)
}

fn answers_http(address: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let asked = stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n");
    asked.is_ok() && matches!(stream.read(&mut [0; 64]), Ok(1..))
}

#[test]
fn an_image_is_pulled_with_the_credentials_of_docker_login() {
    let Some(berth) = Berth::standin("login") else { return };
    let Some(registry) = start_private_registry(&berth) else { return };
    let image = format!("{registry}/node:1");
    berth.engine.tag(berth.image(), &image);
    berth.engine.push_as(&image, "ada", "hush");
    berth.engine.remove_image(&image);
    let line = format!("cluster create NAME --no-wait --image {image}");
    let refused = berth.run(&line);
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(refused.stderr.contains(&format!("pull the image `{image}`")), "{refused}");

    let folder = berth.sandbox.path("home/.docker");
    fs::create_dir_all(&folder).unwrap();
    let configure = |text: String| fs::write(folder.join("config.json"), text).unwrap();
    // "ada:hush"
    configure(format!(r#"{{"auths": {{"{registry}": {{"auth": "YWRhOmh1c2g="}}}}}}"#));
    let check = |berth: &Berth| {
        let _ = berth.run(&line).success();
        let _ = berth.run("cluster delete NAME").success();
        berth.engine.remove_image(&image);
    };
    check(&berth);

    // A missing helper is reported when it is needed.
    configure(format!(r#"{{"credHelpers": {{"{registry}": "vault"}}}}"#));
    let refused = berth.run(&line);
    assert!(refused.stderr.contains("without the credentials of `docker login`"), "{refused}");
    let helper = berth.sandbox.path("home/docker-credential-vault");
    let answer = r#"{"ServerURL": "x", "Username": "ada", "Secret": "hush"}"#;
    fs::write(&helper, format!("#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", berth.sandbox.path("home").display());
    let berth = berth.env("PATH", &path);
    check(&berth);
}
