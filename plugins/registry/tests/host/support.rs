//! What the tests of this plugin share.

use pintle_plugin::containers::{ContainerInfo, PublishedPort};
use pintle_plugin::json::{Value, from_value, json};
use pintle_plugin::{ClusterEvent, LinkedPlugin};

/// Returns the plugin.
pub(crate) fn plugin() -> LinkedPlugin {
    pintle_plugin_registry::plugin()
}

/// Returns a registry that runs, and is published at this port.
pub(crate) fn registry(name: &str, host_port: u16) -> ContainerInfo {
    let mut port = PublishedPort::default();
    (port.container, port.host_ip, port.host) = (5000, "127.0.0.1".into(), host_port);
    let mut container = ContainerInfo::default();
    container.id = format!("id-of-{name}");
    container.name = name.into();
    container.image = "registry:2".into();
    (container.running, container.state) = (true, "running".into());
    container.labels.insert("registry.pintle.dev/port".into(), "5000".into());
    container.ports = vec![port];
    container.networks = vec!["bridge".into()];
    container
}

/// Changes a registry.
pub(crate) fn with(
    mut registry: ContainerInfo,
    change: impl FnOnce(&mut ContainerInfo),
) -> ContainerInfo {
    change(&mut registry);
    registry
}

/// Lets a registry be stopped.
pub(crate) fn stopped(registry: ContainerInfo) -> ContainerInfo {
    with(registry, |it| (it.running, it.state) = (false, "exited".into()))
}

/// Returns an event of the cluster `name`, which is ready and in a network of its own.
pub(crate) fn event(name: &str, options: Value) -> ClusterEvent {
    let event = json!({
        "cluster": {
            "name": name,
            "network": format!("pintle-{name}"),
            "nodes": [{ "name": format!("pintle-{name}-server-0"), "role": "server" }],
            "ready": true,
        },
        "options": options,
    });
    from_value(event).expect("the event is one")
}
