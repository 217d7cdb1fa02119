//! Converts the description of a cluster to its containers. Pure.

use super::subnet::Subnet;
use crate::engine::File;
use crate::names::{Names, label};
use crate::role::Role;
use crate::spec::{ClusterSpec, NodeFilter, Privilege, Secret};
use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointIpamConfig, EndpointSettings, HostConfig,
    NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// The port of the API server in a node.
pub(crate) const API_PORT: &str = "6443/tcp";

/// Where the first server writes the kubeconfig.
pub(crate) const KUBECONFIG_PATH: &str = "/output/kubeconfig.yaml";

/// The directory that the nodes of a cluster share.
pub(crate) const SHARED_FOLDER: &str = "/var/lib/pintle";

/// A node to create.
#[derive(Debug, Clone)]
pub(crate) struct NodePlan {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) body: ContainerCreateBody,
    /// The files that exist before the node starts.
    pub(crate) files: Vec<File>,
}

/// What the nodes of one cluster have in common.
pub(crate) struct Common<'a> {
    pub(crate) names: &'a Names,
    /// The labels of everything that the run creates.
    pub(crate) labels: HashMap<String, String>,
    /// The name of the network.
    pub(crate) network: &'a str,
    pub(crate) is_network_external: bool,
    pub(crate) token: &'a Secret,
    /// The host on which the API server is published, as seen from here.
    pub(crate) api_host: &'a str,
    /// The addresses of the network, if nodes can have fixed ones.
    pub(crate) subnet: Option<Subnet>,
}

/// Returns all nodes of a cluster, the first server first.
pub(crate) fn nodes(spec: &ClusterSpec, common: &Common<'_>) -> Vec<NodePlan> {
    let mut addresses = common.subnet.into_iter().flat_map(|it| it.of_nodes());
    spec.nodes().map(|node| plan(spec, common, node, addresses.next())).collect()
}

fn plan(
    spec: &ClusterSpec,
    common: &Common<'_>,
    node: (Role, usize),
    address: Option<Ipv4Addr>,
) -> NodePlan {
    let (role, idx) = node;
    let name = common.names.node(&spec.name, role, idx);
    // Every server also publishes the API, in case the first one is not running.
    let api_ip = (role == Role::Server).then(|| api_ip(spec, common));
    let (exposed, bindings) = ports(spec, node, api_ip);
    let mut labels = labels(spec, common, node);
    labels.extend(address.map(|it| (common.names.key(label::ADDRESS), it.to_string())));
    let body = ContainerCreateBody {
        hostname: Some(name.clone()),
        image: Some(spec.image.clone()),
        cmd: Some(args(spec, common, node)),
        env: Some(env(spec, common, node)),
        labels: Some(labels),
        exposed_ports: Some(exposed),
        host_config: Some(HostConfig {
            port_bindings: Some(bindings),
            ..host_config(spec, common, node)
        }),
        networking_config: Some(networking(common.network, address)),
        ..ContainerCreateBody::default()
    };
    let all = NodeFilter::all();
    let files = ClusterSpec::for_node(&spec.files, node, &all).cloned();
    let files = spec.registries_file().into_iter().chain(files).collect();
    NodePlan { name, role, body, files }
}

/// Returns the settings of a node in its network.
pub(crate) fn networking(network: &str, address: Option<Ipv4Addr>) -> NetworkingConfig {
    let config = address.map(|it| EndpointIpamConfig {
        ipv4_address: Some(it.to_string()),
        ..EndpointIpamConfig::default()
    });
    let endpoint = EndpointSettings { ipam_config: config, ..EndpointSettings::default() };
    NetworkingConfig { endpoints_config: Some(HashMap::from([(network.to_owned(), endpoint)])) }
}

/// Returns the arguments of k3s. Source: "k3s server" and "k3s agent" in the k3s manual.
fn args(spec: &ClusterSpec, common: &Common<'_>, node: (Role, usize)) -> Vec<String> {
    let (role, idx) = node;
    let mut args = vec![role.to_string()];
    if role == Role::Server {
        let mut hosts = vec![common.api_host.to_owned()];
        hosts.extend(spec.api.host.clone().filter(|it| it != common.api_host));
        let reached = spec.api.reached_at(common.api_host);
        if !hosts.contains(&reached) {
            hosts.push(reached);
        }
        for host in hosts {
            args.extend(["--tls-san".to_owned(), host]);
        }
        if idx == 0 {
            // The other nodes join it by its name, which older versions of k3s do not add to their
            // certificate by themselves.
            let own = common.names.node(&spec.name, role, idx);
            args.extend(["--tls-san".to_owned(), own]);
        }
        if idx == 0 && spec.servers > 1 {
            args.push("--cluster-init".to_owned());
        }
    }
    let servers = "server".parse().expect("it is a filter");
    args.extend(ClusterSpec::for_node(&spec.args, node, &servers).cloned());
    args
}

fn env(spec: &ClusterSpec, common: &Common<'_>, node: (Role, usize)) -> Vec<String> {
    let all = NodeFilter::all();
    let own = ClusterSpec::for_node(&spec.env, node, &all).map(|it| format!("{}={}", it.0, it.1));
    let mut env = vec![
        format!("K3S_TOKEN={}", common.token.0),
        format!("K3S_KUBECONFIG_OUTPUT={KUBECONFIG_PATH}"),
    ];
    if node != (Role::Server, 0) {
        let first = common.names.node(&spec.name, Role::Server, 0);
        env.push(format!("K3S_URL=https://{first}:6443"));
    }
    env.extend(own);
    env
}

fn labels(spec: &ClusterSpec, common: &Common<'_>, node: (Role, usize)) -> HashMap<String, String> {
    let all = NodeFilter::all();
    let own = ClusterSpec::for_node(&spec.labels, node, &all);
    let mut labels: HashMap<_, _> = own.map(|it| (it.0.clone(), it.1.clone())).collect();
    labels.extend(common.labels.clone());
    let key = |it| common.names.key(it);
    labels.insert(key(label::ROLE), node.0.to_string());
    labels.insert(key(label::NETWORK), common.network.to_owned());
    labels.insert(key(label::NETWORK_EXTERNAL), common.is_network_external.to_string());
    labels.insert(key(label::PRIVILEGE), spec.privilege.to_string());
    if node == (Role::Server, 0) {
        labels.insert(key(label::API_HOST), spec.api.reached_at(common.api_host));
    }
    labels
}

/// Where a node's ports are published on the engine's machine.
pub(crate) type Bindings = HashMap<String, Option<Vec<PortBinding>>>;

/// Returns the ports of a node, and where they are published. The API's port is published on
/// `api_ip`.
fn ports(
    spec: &ClusterSpec,
    node: (Role, usize),
    api_ip: Option<String>,
) -> (Vec<String>, Bindings) {
    let mut bindings = Bindings::new();
    let mut publish = |container: String, ip: &str, host: Option<u16>| {
        let binding = PortBinding {
            host_ip: Some(ip.to_owned()),
            // Without a number, the engine chooses a free port.
            host_port: Some(host.map_or(String::new(), |it| it.to_string())),
        };
        bindings.entry(container).or_default().get_or_insert_default().push(binding);
    };
    if let Some(ip) = api_ip {
        publish(API_PORT.to_owned(), &ip, spec.api.port.filter(|_| node == (Role::Server, 0)));
    }
    for port in spec.ports_of(node) {
        for offset in 0..port.count {
            let container = format!("{}/{}", port.container + offset, port.protocol);
            publish(container, &port.ip, port.host.map(|it| it + offset));
        }
    }
    (bindings.keys().cloned().collect(), bindings)
}

/// Returns the address on which the API's port is published: the address that the user specified,
/// or else the loopback address, so that a throw-away cluster is not open to the network.
///
/// An explicit address is the only one; the name of the host is for clients.
fn api_ip(spec: &ClusterSpec, common: &Common<'_>) -> String {
    if let Some(ip) = spec.api.ip {
        return ip.to_string();
    }
    let host = spec.api.host.as_deref().unwrap_or(common.api_host);
    match host.parse::<IpAddr>() {
        Ok(ip) if spec.api.host.is_some() || ip.is_loopback() => ip.to_string(),
        Err(_) if host == "localhost" => Ipv4Addr::LOCALHOST.to_string(),
        // A name, or the location of the engine, determines how clients reach the machine, not
        // which of its addresses to use.
        _ => Ipv4Addr::UNSPECIFIED.to_string(),
    }
}

fn host_config(spec: &ClusterSpec, common: &Common<'_>, node: (Role, usize)) -> HostConfig {
    let all = NodeFilter::all();
    let volumes: Vec<_> = ClusterSpec::for_node(&spec.volumes, node, &all).collect();
    let shared = format!("{}:{SHARED_FOLDER}", common.names.volume(&spec.name));
    let binds =
        volumes.iter().filter(|it| it.source.is_some()).map(|it| it.to_bind()).chain([shared]);
    let aliases = spec.host_aliases.iter().map(|(ip, name)| format!("{name}:{ip}"));
    // The engine maintains this line even after restarts, which a program could not.
    let gateway = format!("{}:host-gateway", common.names.engine_host());
    let tmpfs = ["/run", "/var/run"].map(|it| (it.to_owned(), String::new()));
    let memory = ClusterSpec::for_node(&spec.memory, node, &all).last();
    let anonymous = volumes.iter().filter(|it| it.source.is_none());
    let mounts: Vec<_> = anonymous
        .map(|it| bollard::models::Mount {
            target: Some(it.target.clone()),
            typ: Some(bollard::models::MountType::VOLUME),
            ..Default::default()
        })
        .collect();
    let ulimits = spec.ulimits.iter().map(|it| ResourcesUlimits {
        name: Some(it.name.clone()),
        soft: Some(it.soft),
        hard: Some(it.hard),
    });
    let base = HostConfig {
        network_mode: Some(common.network.to_owned()),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        binds: Some(binds.collect()),
        mounts: Some(mounts).filter(|it| !it.is_empty()),
        tmpfs: Some(tmpfs.into()),
        extra_hosts: Some(aliases.chain([gateway]).collect()),
        memory: memory.map(|it| it.0),
        ulimits: Some(ulimits.collect()).filter(|it: &Vec<_>| !it.is_empty()),
        pid_mode: spec.host_pid.then(|| "host".to_owned()),
        ..HostConfig::default()
    };
    privileged(base, spec.privilege)
}

/// The control groups of the engine's machine, for the pods.
const CGROUPS: &str = "/sys/fs/cgroup:/sys/fs/cgroup:rw";

/// The kernel log.
const KERNEL_LOG: &str = "/dev/kmsg";

/// Gives a container what k3s needs to run other containers in it.
pub(crate) fn privileged(base: HostConfig, privilege: Privilege) -> HostConfig {
    match privilege {
        Privilege::Full => HostConfig {
            privileged: Some(true),
            // Privileged containers cannot have their own user namespace.
            userns_mode: Some("host".to_owned()),
            ..base
        },
        // What engines without CAP_SYS_RESOURCE can start. The kubelet reads the kernel log, sets
        // kernel parameters, and creates its own control groups for pods.
        Privilege::Reduced => HostConfig {
            binds: Some(base.binds.into_iter().flatten().chain([CGROUPS.to_owned()]).collect()),
            devices: Some(vec![DeviceMapping {
                path_on_host: Some(KERNEL_LOG.to_owned()),
                path_in_container: Some(KERNEL_LOG.to_owned()),
                cgroup_permissions: Some("r".to_owned()),
            }]),
            masked_paths: Some(Vec::new()),
            readonly_paths: Some(Vec::new()),
            cap_add: Some(vec!["ALL".to_owned()]),
            cap_drop: Some(vec!["SYS_RESOURCE".to_owned()]),
            security_opt: Some(vec![
                "seccomp=unconfined".to_owned(),
                "apparmor=unconfined".to_owned(),
            ]),
            ..base
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ApiAddress, Filtered};
    use pintle_host::Identity;

    fn plans(change: impl FnOnce(&mut ClusterSpec)) -> Vec<NodePlan> {
        plans_at("127.0.0.1", change)
    }

    fn plans_at(api_host: &str, change: impl FnOnce(&mut ClusterSpec)) -> Vec<NodePlan> {
        let mut spec = ClusterSpec::new("demo".parse().unwrap());
        change(&mut spec);
        let names = Names::new(&Identity::default());
        let common = Common {
            names: &names,
            labels: names.labels("demo", "run"),
            network: "pintle-demo",
            is_network_external: false,
            token: &Secret("secret".into()),
            api_host,
            subnet: "172.28.0.0/22".parse().ok(),
        };
        nodes(&spec, &common)
    }

    fn cmd(plan: &NodePlan) -> String {
        plan.body.cmd.clone().unwrap().join(" ")
    }

    #[test]
    fn the_first_server_is_joined_by_all_others() {
        let plans = plans(|it| (it.servers, it.agents) = (2, 1));
        let shown: Vec<_> = plans
            .iter()
            .map(|it| {
                let env = it.body.env.clone().unwrap();
                let url = env.iter().find(|it| it.starts_with("K3S_URL")).cloned();
                format!("{}: {} {}", it.name, cmd(it), url.unwrap_or_default())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "pintle-demo-server-0: server --tls-san 127.0.0.1 --tls-san pintle-demo-server-0 --cluster-init ",
                "pintle-demo-server-1: server --tls-san 127.0.0.1 K3S_URL=https://pintle-demo-server-0:6443",
                "pintle-demo-agent-0: agent K3S_URL=https://pintle-demo-server-0:6443",
            ]
        );
    }

    #[test]
    fn every_node_has_an_address_of_its_own_and_a_server_its_way_to_the_api() {
        let plans = plans(|it| {
            (it.servers, it.agents) = (2, 1);
            it.api.port = Some(6550);
        });
        let shown: Vec<_> = plans
            .iter()
            .map(|it| {
                let label = it.body.labels.as_ref().unwrap()["pintle.address"].clone();
                let networking = it.body.networking_config.clone().unwrap();
                let endpoint = networking.endpoints_config.unwrap()["pintle-demo"].clone();
                assert_eq!(endpoint.ipam_config.unwrap().ipv4_address, Some(label.clone()));
                let host = it.body.host_config.clone().unwrap();
                let api = host.port_bindings.unwrap().get(API_PORT).cloned().flatten();
                let port = api.map(|it| format!("{:?}", it[0].host_port.clone().unwrap()));
                format!("{} {label} {}", it.name, port.unwrap_or_default())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "pintle-demo-server-0 172.28.0.2 \"6550\"",
                "pintle-demo-server-1 172.28.0.3 \"\"",
                "pintle-demo-agent-0 172.28.0.4 ",
            ]
        );
    }

    #[test]
    fn reduced_privileges_are_what_a_kubelet_needs() {
        let host = privileged(HostConfig::default(), Privilege::Reduced);
        assert_eq!(host.privileged, None);
        assert_eq!((host.masked_paths, host.readonly_paths), (Some(vec![]), Some(vec![])));
        assert_eq!(host.binds, Some(vec![CGROUPS.to_owned()]));
        let device = host.devices.unwrap().remove(0);
        assert_eq!(device.path_in_container.as_deref(), Some("/dev/kmsg"));
    }

    #[test]
    fn values_go_to_the_nodes_that_they_are_for() {
        let plans = plans(|it| {
            it.agents = 1;
            it.args.push("--disable=traefik".parse().unwrap());
            it.args.push("--node-label=a=b@agent".parse().unwrap());
            it.env.push(Filtered::plain("A=1".parse().unwrap()));
            it.labels.push(Filtered {
                value: "team=x".parse().unwrap(),
                nodes: Some("agent:0".parse().unwrap()),
            });
            it.memory.push(Filtered::plain("1g".parse().unwrap()));
        });
        assert_eq!(
            cmd(&plans[0]),
            "server --tls-san 127.0.0.1 --tls-san pintle-demo-server-0 --disable=traefik"
        );
        assert_eq!(cmd(&plans[1]), "agent --node-label=a=b");
        assert!(plans.iter().all(|it| it.body.env.as_ref().unwrap().contains(&"A=1".into())));
        let team = |it: &NodePlan| it.body.labels.as_ref().unwrap().get("team").cloned();
        assert_eq!((team(&plans[0]), team(&plans[1])), (None, Some("x".to_owned())));
        let memory = plans[1].body.host_config.as_ref().unwrap().memory;
        assert_eq!(memory, Some(1 << 30));
    }

    #[test]
    fn only_loopback_is_open_unless_the_user_says_so() {
        let binding = |change: &dyn Fn(&mut ClusterSpec)| {
            let plans = plans(change);
            let bindings = plans[0].body.host_config.clone().unwrap().port_bindings.unwrap();
            let api = bindings[API_PORT].clone().unwrap().remove(0);
            (api.host_ip.unwrap(), api.host_port.unwrap())
        };
        let pair = |ip: &str, port: &str| (ip.to_owned(), port.to_owned());
        assert_eq!(binding(&|_| {}), pair("127.0.0.1", ""));
        assert_eq!(binding(&|it| it.api = "6550".parse().unwrap()), pair("127.0.0.1", "6550"));
        let all = |it: &mut ClusterSpec| it.api = "0.0.0.0:6550".parse().unwrap();
        assert_eq!(binding(&all), pair("0.0.0.0", "6550"));
        let named = |it: &mut ClusterSpec| it.api = "box.lan:6550".parse().unwrap();
        assert_eq!(binding(&named), pair("0.0.0.0", "6550"));
        let of_both = |host: &str, ip: &str| {
            let (host, ip) = (Some(host.to_owned()), Some(ip.parse().unwrap()));
            binding(&|it| it.api = ApiAddress { host: host.clone(), ip, port: Some(1) })
        };
        assert_eq!(of_both("box.lan", "127.0.0.1"), pair("127.0.0.1", "1"));
        assert_eq!(of_both("localhost", "0.0.0.0"), pair("0.0.0.0", "1"));
        // The loopback address of another machine would be useless here.
        let far = plans_at("10.1.2.3", |_| {});
        let far = far[0].body.host_config.clone().unwrap().port_bindings.unwrap();
        let far = far[API_PORT].clone().unwrap().remove(0);
        assert_eq!(far.host_ip.as_deref(), Some("0.0.0.0"));
    }

    #[test]
    fn ranges_of_ports_are_published_one_by_one() {
        let plans = plans(|it| {
            it.ports.push(Filtered::plain("30000-30001:30000-30001/udp".parse().unwrap()));
        });
        let bindings = plans[0].body.host_config.clone().unwrap().port_bindings.unwrap();
        assert_eq!(bindings.len(), 3);
        let second = bindings["30001/udp"].clone().unwrap();
        assert_eq!(second[0].host_port.as_deref(), Some("30001"));
    }

    #[test]
    fn the_hosts_labels_cannot_be_replaced() {
        let plans = plans(|it| it.labels.push(Filtered::plain("pintle.role=x".parse().unwrap())));
        assert_eq!(plans[0].body.labels.as_ref().unwrap()["pintle.role"], "server");
    }
}
