//! Cluster files of both formats, valid and invalid.

use super::{ClusterFile, ClusterFileError, Defaults, Pair, Privilege, parse};
use crate::role::Role;
use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

fn read(text: &str) -> Result<ClusterFile, String> {
    parse(text, Path::new("/f"), None, Defaults::default()).map_err(|err| shown(&err))
}

fn shown(err: &ClusterFileError) -> String {
    let cause = err.source().map(|it| format!(": {it}"));
    format!("{err}{}", cause.unwrap_or_default())
}

mod own {
    use super::*;

    const WHOLE: &str = r#"
apiVersion: pintle.dev/v1alpha1
kind: Cluster
metadata:
  name: demo
spec:
  servers: 3
  agents: 2
  image: k3s:x
  api: { host: 0.0.0.0, ip: 127.0.0.1, port: 6550 }
  network: lan
  token: abc
  privilege: reduced
  ports: [{ port: "8080:80", nodes: ["agent:0"] }]
  volumes: [{ volume: "./data:/data:ro" }]
  env: [{ name: A, value: "1" }]
  args: [{ arg: --disable=traefik, nodes: [server] }]
  labels: [{ name: team, value: x, nodes: ["agent:*", "server:0"] }]
  memory: [{ memory: 1g }]
  files: [{ path: /etc/x, text: hello, mode: "0600" }]
  hostAliases: [{ ip: 10.0.0.1, hostnames: [a, b] }]
  registries: { mirrors: { docker.io: { endpoint: ["http://m"] } } }
  options: { wait: false, timeout: 90s, rollback: false, kubeconfig: { update: true, switch: false } }
plugins:
  registry: { create: { port: 5000 } }
"#;

    #[test]
    fn every_key_has_its_effect() {
        let file = read(WHOLE).unwrap();
        let spec = file.spec.unwrap();
        assert_eq!((spec.servers, spec.agents, spec.image.as_str()), (3, 2, "k3s:x"));
        assert_eq!(spec.name.as_str(), "demo");
        assert_eq!((spec.api.host.as_deref(), spec.api.port), (Some("0.0.0.0"), Some(6550)));
        assert_eq!(spec.network.as_deref(), Some("lan"));
        assert_eq!(spec.api.ip.unwrap().to_string(), "127.0.0.1");
        assert_eq!(spec.token.unwrap().0, "abc");
        assert_eq!(spec.privilege.to_string(), "reduced");
        assert_eq!(spec.ports[0].value.host, Some(8080));
        assert!(spec.ports[0].nodes.as_ref().unwrap().matches(Role::Agent, 0));
        assert_eq!(spec.volumes[0].value.to_bind(), "/f/./data:/data:ro");
        assert_eq!(spec.env[0].value, Pair("A".into(), "1".into()));
        assert_eq!(spec.args[0].value, "--disable=traefik");
        assert!(spec.labels[0].nodes.as_ref().unwrap().matches(Role::Server, 0));
        assert_eq!(spec.memory[0].value.0, 1 << 30);
        assert_eq!(spec.files[0].value.mode, 0o600);
        assert_eq!(spec.host_aliases.len(), 2);
        assert!(spec.registries.contains_key("mirrors"));
        assert_eq!(spec.plugins["registry"]["create"]["port"], 5000);
        assert_eq!((file.wait, file.rollback), (Some(false), Some(false)));
        assert_eq!(file.timeout, Some(Duration::from_secs(90)));
        assert_eq!((file.kubeconfig_update, file.kubeconfig_switch), (Some(true), Some(false)));
    }

    #[test]
    fn what_the_file_says_comes_before_the_defaults_even_if_it_is_the_same() {
        let defaults = || Defaults { image: "mine:1".into(), privilege: Privilege::Reduced };
        let spec = |spec: &str| {
            let text = format!(
                "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: a}}\nspec: {spec}\n"
            );
            let file = parse(&text, Path::new("/f"), None, defaults()).unwrap();
            let spec = file.spec.unwrap();
            (spec.image, spec.privilege.to_string())
        };
        assert_eq!(spec("{}"), ("mine:1".into(), "reduced".into()));
        let image = super::super::DEFAULT_IMAGE;
        let said = spec(&format!("{{image: '{image}', privilege: full}}"));
        assert_eq!(said, (image.into(), "full".into()));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let check = |text: &str, expected: &str| {
            let err = read(text).unwrap_err();
            assert!(err.contains(expected), "{err}");
        };
        let with = |spec: &str| {
            format!(
                "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: a}}\nspec:\n  {spec}\n"
            )
        };
        check("kind: Cluster\n", "unknown kind `Cluster` of version ``");
        check(&with("serverz: 3"), "unknown field `serverz`");
        check(&with("serverz: 3"), "line 5");
        check(&with("ports: [{port: x}]"), "invalid port mapping `x`");
        check(&with("ports: [{port: '80', nodes: [nodes]}]"), "invalid node filter `nodes`");
        check(
            &with("files: [{path: a, text: b}]"),
            "has a path that is not absolute or contains `..`",
        );
        check(&with("files: [{path: /a}]"), "requires either a text or a source");
        check(&with("files: [{path: /a, source: no-such}]"), "failed to read `/f/no-such`");
        check(&with("options: {timeout: soon}"), "`soon`");
        check("apiVersion: pintle.dev/v1alpha1\nkind: Cluster\n", "the cluster has no name");
    }
}

mod k3d {
    use super::*;

    const WHOLE: &str = r#"
apiVersion: k3d.io/v1alpha5
kind: Simple
metadata: { name: mycluster }
servers: 1
agents: 2
kubeAPI: { host: "myhost.my.domain", hostIP: "127.0.0.1", hostPort: "6445" }
image: rancher/k3s:v1.20.4-k3s1
network: my-custom-net
subnet: "172.28.0.0/16"
token: superSecretToken
volumes: [{ volume: "/my/host/path:/path/in/node", nodeFilters: ["server:0", "agent:*"] }]
ports: [{ port: "8080:80", nodeFilters: [loadbalancer] }, { port: "81:81", nodeFilters: ["agent:0:direct"] }]
env: [{ envVar: "bar=baz", nodeFilters: ["server:0"] }]
registries:
  create:
    name: registry.localhost
    host: "0.0.0.0"
    hostPort: "5000"
    proxy: { remoteURL: "https://registry-1.docker.io", username: "", password: "" }
    volumes: ["/some/path:/var/lib/registry"]
  use: ["k3d-myotherregistry:5000"]
  config: |
    mirrors:
      "my.company.registry":
        endpoint: ["http://my.company.registry:5000"]
hostAliases: [{ ip: 1.2.3.4, hostnames: [my.host.local, that.other.local] }]
options:
  k3d:
    wait: true
    timeout: "60s"
    disableLoadbalancer: false
    disableImageVolume: false
    disableRollback: true
    loadbalancer: { configOverrides: ["settings.workerConnections=2048"] }
  k3s:
    extraArgs: [{ arg: "--tls-san=my.host.domain", nodeFilters: ["server:*"] }]
    nodeLabels: [{ label: foo=bar, nodeFilters: ["agent:1"] }]
  kubeconfig: { updateDefaultKubeconfig: true, switchCurrentContext: false }
  runtime:
    gpuRequest: all
    labels: [{ label: bar=baz, nodeFilters: ["agent:1"] }]
    ulimits: [{ name: nofile, soft: 26677, hard: 26677 }]
"#;

    #[test]
    fn k3ds_own_example_is_read_and_what_is_not_supported_is_named() {
        let file = parse(WHOLE, Path::new("/f"), None, Defaults::default()).unwrap();
        let spec = file.spec.unwrap();
        assert_eq!((spec.servers, spec.agents), (1, 2));
        assert_eq!(spec.api.host.as_deref(), Some("myhost.my.domain"));
        assert_eq!(spec.api.ip.map(|it| it.to_string()).as_deref(), Some("127.0.0.1"));
        assert_eq!(spec.api.port, Some(6445));
        assert_eq!(spec.ports.len(), 2);
        assert_eq!(spec.env[0].value.1, "baz");
        assert_eq!(spec.args[0].value, "--tls-san=my.host.domain");
        assert_eq!(spec.args[1].value, "--node-label=foo=bar");
        assert_eq!(spec.host_aliases[1], ("1.2.3.4".into(), "that.other.local".into()));
        assert!(spec.registries["mirrors"]["my.company.registry"].is_object());
        let registry = &spec.plugins["registry"];
        assert_eq!(registry["create"]["name"], "registry.localhost");
        assert_eq!(registry["create"]["port"], 5000);
        assert_eq!(registry["create"]["proxy"]["remote"], "https://registry-1.docker.io");
        assert_eq!(registry["use"][0], "k3d-myotherregistry:5000");
        assert_eq!((file.wait, file.rollback), (Some(true), Some(false)));
        assert_eq!(file.kubeconfig_switch, Some(false));
        assert_eq!(
            file.warnings,
            [
                "`options.k3d.disableLoadbalancer`: there is no load balancer; the first server publishes its ports",
            ]
        );
        assert_eq!(
            file.unsupported,
            [
                "`options.k3d.loadbalancer.configOverrides`: there is no load balancer",
                "`options.runtime.gpuRequest`: nodes cannot have GPUs",
            ]
        );
        assert_eq!(spec.ulimits[0].name, "nofile");
    }

    #[test]
    fn what_an_item_has_more_is_named_too() {
        let text = "apiVersion: k3d.io/v1alpha4\nkind: Simple\nmetadata: {name: a}\n\
                    ports: [{port: '80', colour: red}]\nregistries: {create: {name: r, shape: round}}\n";
        let file = parse(text, Path::new("/f"), None, Defaults::default()).unwrap();
        assert_eq!(file.warnings, ["`k3d.io/v1alpha4` is read as `k3d.io/v1alpha5`"]);
        assert_eq!(file.unsupported, ["`ports.colour`", "`registries.create.shape`"]);
    }

    #[test]
    fn mistakes_are_errors() {
        let err = |text: &str| {
            let text = format!(
                "apiVersion: k3d.io/v1alpha5\nkind: Simple\nmetadata: {{name: a}}\n{text}\n"
            );
            read(&text).unwrap_err()
        };
        assert!(err("servers: many").contains("invalid value of `servers`"));
        assert!(err("ports: [{}]").contains("an item has no `port`"));
        assert!(err("options: {k3d: {timeout: soon}}").contains("`soon`"));
        assert!(err("kubeAPI: {hostIP: box}").contains("invalid value of `kubeAPI.hostIP`"));
        assert!(err("kubeAPI: {hostPort: x}").contains("invalid value of `kubeAPI.hostPort`"));
        let port = "registries: {create: {hostPort: '70000'}}";
        assert!(err(port).contains("invalid value of `registries.create.hostPort`"));
        assert!(err("registries: {config: no-such.yaml}").contains("failed to read"));
        let config = "registries: {config: '{mirrors: [a]}'}";
        assert!(err(config).contains("`mirrors` is not a mapping"));
        let unset = "the environment variable `NO_SUCH_VARIABLE` is not set";
        assert!(err("token: ${NO_SUCH_VARIABLE}").contains(unset));
        assert!(err("env: [{envVar: NO_SUCH_VARIABLE}]").contains(unset));
    }

    #[test]
    fn versions_that_do_not_exist_are_not_read() {
        let err = read("apiVersion: k3d.io/v2\nkind: Simple\n").unwrap_err();
        assert_eq!(err, "unknown kind `Simple` of version `k3d.io/v2`");
    }

    #[test]
    fn variables_may_stand_where_yaml_has_braces() {
        // cargo sets it.
        let text =
            "apiVersion: k3d.io/v1alpha5\nkind: Simple\nmetadata: {name: ${CARGO_PKG_NAME}}\n";
        assert_eq!(read(text).unwrap().spec.unwrap().name.as_str(), "pintle-cluster");
    }

    #[test]
    fn the_name_is_read_without_the_rest() {
        let name = |text: &str| {
            super::super::name_of_cluster(text, Path::new("/f")).map(|it| it.to_string())
        };
        let head = "apiVersion: k3d.io/v1alpha5\nkind: Simple\n";
        assert_eq!(name(head).unwrap(), "k3s-default");
        assert_eq!(name(&format!("{head}metadata: {{name: A}}\nports: [1]\n")).unwrap(), "a");
        let own = "apiVersion: pintle.dev/v1alpha1\nkind: Cluster\n";
        assert_eq!(name(&format!("{own}metadata: {{name: b}}\n")).unwrap(), "b");
        assert_eq!(name(own).unwrap_err().to_string(), "the cluster has no name");
        // The file that is named there does not describe a cluster.
        let other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: harbour}\n";
        assert!(matches!(name(other), Err(ClusterFileError::Kind { .. })));
    }
}
