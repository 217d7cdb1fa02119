//! Updates registries when clusters are created, started or deleted.

use crate::each::Failures;
use crate::registry::{self, Registry};
use crate::request::{self, Request, Use};
use json::json;
use pintle_plugin::ClusterInfo;
use pintle_plugin::prelude::*;
use std::collections::BTreeSet;

/// The hook for the events of clusters.
#[derive(Default)]
pub(crate) struct Clusters;

impl Hook for Clusters {
    const EVENTS: &'static [&'static str] =
        &["pre-cluster-create", "post-cluster-create", "post-cluster-start", "post-cluster-delete"];

    fn options(&self, command: &[&str]) -> Vec<Arg> {
        if command == ["cluster", "create"] { request::options() } else { Vec::new() }
    }

    fn complete(
        &self,
        _option: &str,
        _word: &str,
        _call: &Call,
        host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        registry::candidates(host)
    }

    fn on_event(&self, event: &Event<'_>, host: &Host<'_>) -> Result<HookReply> {
        let payload: ClusterEvent = event.decode()?;
        match event.name() {
            "pre-cluster-create" => prepare(&payload, host),
            "post-cluster-create" => attach(&payload, host),
            "post-cluster-start" => wake(&payload.cluster, host),
            _ => clear(&payload.cluster, host),
        }
    }
}

/// Creates and starts the registries, and adds them to the nodes as mirrors.
fn prepare(event: &ClusterEvent, host: &Host<'_>) -> Result<HookReply> {
    let request = Request::read(event)?;
    if request.is_empty() {
        return Ok(HookReply::proceed());
    }
    let containers = host.containers();
    let known = registry::all(containers)?;
    let uses = request.uses.iter().map(|it| Ok((it, registry::pick(&known, &it.name)?)));
    let uses: Vec<(&Use, &Registry)> = uses.collect::<Result<_>>()?;

    let mut amendment = Amendment::new();
    if let Some(spec) = &request.create {
        let made = registry::make(containers, &known, spec)?;
        made.tell(host);
        amendment = mirror(amendment, &made, &BTreeSet::new());
    }
    for (it, registry) in uses {
        if !registry.cluster.is_empty() {
            let (name, cluster) = (&registry.name, &registry.cluster);
            host.warn(format!("`{name}` is deleted with the cluster `{cluster}`"));
        }
        let started = started(host, registry);
        let started = started.with_context(|| format!("cannot start `{}`", it.name))?;
        amendment = mirror(amendment, &started, &it.ports);
    }
    Ok(amendment.into())
}

/// Removes the registries of a deleted cluster.
///
/// Other registries leave its network, because a stopped container cannot start while it is
/// connected to a network that no longer exists.
fn clear(cluster: &ClusterInfo, host: &Host<'_>) -> Result<HookReply> {
    let containers = host.containers();
    let mut own = Vec::new();
    let mut others = Vec::new();
    for it in registry::all(containers)? {
        if it.cluster == cluster.name {
            own.push(it);
        } else if it.networks.contains(&cluster.network) {
            others.push(it);
        }
    }
    // A network that existed before the cluster may contain other clusters.
    if cluster.network_external {
        others.clear();
    }
    let mut failures = Failures::default();
    for it in &own {
        failures.note(&it.name, containers.remove(&it.name));
    }
    for it in &others {
        failures.note(&it.name, containers.disconnect(&it.name, &cluster.network));
    }
    if !failures.is_empty() {
        // A registry that was removed in the meantime is not a failure.
        let left = registry::all(containers)?;
        let is_left =
            |it: &Registry| it.cluster == cluster.name || it.networks.contains(&cluster.network);
        failures.retain(|name| left.iter().any(|it| it.name == name && is_left(it)));
    }
    failures.into_result("remove")?;
    Ok(HookReply::proceed())
}

/// Makes a registry a mirror for all its names, and for its name with these ports.
fn mirror(mut amendment: Amendment, registry: &Registry, ports: &BTreeSet<u16>) -> Amendment {
    let mut keys = registry.stands_for();
    keys.extend(ports.iter().map(|it| format!("{}:{it}", registry.name)));
    for key in keys {
        amendment = amendment.mirror(key, registry.endpoint());
    }
    amendment
}

/// Returns the registry as it is once it runs.
fn started(host: &Host<'_>, registry: &Registry) -> Result<Registry> {
    if registry.running {
        // It may be one that keeps restarting.
        if registry.state != "running" {
            registry.tell(host);
        }
        return Ok(registry.clone());
    }
    let started = Registry::from(host.containers().start(&registry.name)?);
    started.tell(host);
    Ok(started)
}

/// Connects the registries to the new cluster's network, and announces one of them.
fn attach(event: &ClusterEvent, host: &Host<'_>) -> Result<HookReply> {
    let request = Request::read(event)?;
    if request.is_empty() {
        return Ok(HookReply::proceed());
    }
    let (cluster, containers) = (&event.cluster, host.containers());
    let known = registry::all(containers)?;
    let all = request.names().map(|it| registry::pick(&known, it));
    let all: Vec<&Registry> = all.collect::<Result<_>>()?;
    for it in &all {
        containers.connect(&it.name, &cluster.network)?;
    }
    announce(cluster, &all, host);
    Ok(HookReply::proceed())
}

/// Starts the registries of a cluster that has been started, and announces one again, because its
/// address may have changed.
fn wake(cluster: &ClusterInfo, host: &Host<'_>) -> Result<HookReply> {
    let mut all = registry::all(host.containers())?;
    all.retain(|it| it.cluster == cluster.name || it.networks.contains(&cluster.network));
    all.sort_by_key(|it| it.cluster != cluster.name);
    let mut failures = Failures::default();
    let running: Vec<_> =
        all.iter().filter_map(|it| failures.note(&it.name, started(host, it))).collect();
    announce(cluster, &running.iter().collect::<Vec<_>>(), host);
    failures.into_result("start")?;
    Ok(HookReply::proceed())
}

/// Publishes in the cluster where tools should push to: KEP-1755. Only one registry can be
/// announced, and it must not be a cache, which accepts no images.
///
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry>
fn announce(cluster: &ClusterInfo, registries: &[&Registry], host: &Host<'_>) {
    let first = registries.iter().find(|it| it.proxy().is_none());
    let Some((registry, address)) = first.and_then(|it| Some((it, it.address()?))) else { return };
    let name = &registry.name;
    if !cluster.ready {
        host.info(format!(
            "the registry `{name}` is not announced in the cluster, which may not be ready yet"
        ));
        return;
    }
    let inner = registry.inner_address();
    let text = format!(
        "host: \"{address}\"\n\
         hostFromClusterNetwork: \"{inner}\"\n\
         hostFromContainerRuntime: \"{inner}\"\n"
    );
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "local-registry-hosting", "namespace": "kube-public" },
        "data": { "localRegistryHosting.v1": text },
    });
    // Nodes can pull from it regardless, so the cluster is not abandoned because of this.
    if let Err(err) = host.containers().apply(&cluster.name, manifest) {
        host.warn(format!("cannot announce the registry `{name}` in the cluster: {err:#}"));
    }
}
