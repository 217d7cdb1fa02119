//! What the plugin does when the engine fails, which the kit's host never does.

use super::support::{event, plugin, registry};
use pintle_plugin::containers::{ContainerInfo, ContainerRequest};
use pintle_plugin::host::{HostServices, Stream};
use pintle_plugin::json::{json, to_vec};
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};
use pintle_plugin::raw::RawHost;
use pintle_plugin::{ClusterEvent, Level};
use std::sync::{Mutex, MutexGuard};

/// Returns why a request fails; the number is that of the containers asked for before.
type Fault = fn(&ContainerRequest, usize) -> Option<&'static str>;

/// An engine some of whose requests fail.
struct Faulty {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    containers: Vec<ContainerInfo>,
    /// The port of each container that was asked for.
    ports: Vec<u16>,
    log: Vec<String>,
}

impl Faulty {
    fn new(containers: Vec<ContainerInfo>, fault: Fault) -> Self {
        Self { fault, state: Mutex::new(State { containers, ..State::default() }) }
    }

    fn answer(&self, request: ContainerRequest) -> Result<Vec<ContainerInfo>, ErrorReply> {
        let mut state = self.state();
        let n_runs = state.ports.len();
        if let ContainerRequest::Run(spec) = &request {
            state.ports.push(spec.ports[0].host);
        }
        if let Some(reason) = (self.fault)(&request, n_runs) {
            return Err(ErrorReply::failed(reason));
        }
        match request {
            ContainerRequest::Run(spec) => {
                let port = match spec.ports[0].host {
                    // The first one gets 30000, the next 30001.
                    0 => (30_000..).nth(n_runs).unwrap_or_default(),
                    port => port,
                };
                state.containers.push(registry(&spec.name, port));
                return Ok(state.containers.last().cloned().into_iter().collect());
            }
            ContainerRequest::List {} => return Ok(state.containers.clone()),
            // What is started stays as it is.
            ContainerRequest::Start { name } => {
                return Ok(state.containers.iter().filter(|it| it.name == name).cloned().collect());
            }
            ContainerRequest::Remove { name } => {
                let n_before = state.containers.len();
                state.containers.retain(|it| it.name != name);
                if state.containers.len() == n_before {
                    return Err(ErrorReply::failed("there is no such container"));
                }
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    fn hand(&self, name: &str, event: &ClusterEvent) -> Result<(), ErrorReply> {
        let payload = to_vec(event).expect("an event is JSON");
        let reply = plugin().root().event(name, &payload, RawHost::new(self));
        reply.into_message().map(drop)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    fn names(&self) -> Vec<String> {
        self.state().containers.iter().map(|it| it.name.clone()).collect()
    }
}

impl HostServices for Faulty {
    fn write(&self, _stream: Stream, _text: &[u8]) {}

    fn log(&self, _level: Level, text: &str) {
        self.state().log.push(text.to_owned());
    }

    fn request(&self, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        let ServiceRequest::Containers(request) = request else {
            return Err(ErrorReply::failed("there are containers only"));
        };
        let mut reply = ServiceReply::default();
        reply.containers = self.answer(request)?;
        Ok(reply)
    }
}

fn asks() -> ClusterEvent {
    event("faulty", json!({ "registry": true }))
}

#[test]
fn a_port_that_is_lost_in_between_is_chosen_anew() {
    let host = Faulty::new(Vec::new(), |request, n_runs| match request {
        ContainerRequest::Run(_) if n_runs == 1 => Some("port is already allocated"),
        _ => None,
    });
    host.hand("pre-cluster-create", &asks()).unwrap();
    assert_eq!(host.state().ports, [0, 30_000, 0, 30_002]);
    assert_eq!(host.names(), ["pintle-faulty-registry"]);
}

#[test]
fn a_port_is_not_sought_for_ever() {
    let host = Faulty::new(Vec::new(), |request, n_runs| match request {
        ContainerRequest::Run(_) if n_runs % 2 == 1 => Some("port is already allocated"),
        _ => None,
    });
    let err = host.hand("pre-cluster-create", &asks()).unwrap_err();
    assert_eq!(err.message, "cannot create the registry `pintle-faulty-registry`");
    assert_eq!(err.causes, ["port is already allocated"]);
    assert_eq!(err.hint.as_deref(), Some("choose another port, or omit it to use a free one"));
    assert_eq!(host.state().ports.len(), 6);
    assert!(host.names().is_empty());
}

#[test]
fn a_registry_that_ends_at_once_is_told() {
    let mut dead = registry("one", 0);
    dead.running = false;
    dead.state = "exited".into();
    let host = Faulty::new(vec![dead], |_, _| None);
    host.hand("pre-cluster-create", &event("faulty", json!({ "registry-use": ["one"] }))).unwrap();
    let expected = "the registry `one` does not keep running: check `docker logs one`";
    assert_eq!(host.state().log, [expected]);
}

#[test]
fn a_name_that_another_container_has_is_told() {
    let host = Faulty::new(Vec::new(), |request, _| match request {
        ContainerRequest::Run(_) => Some("The container name \"/a\" is already in use by b"),
        _ => None,
    });
    let err = host.hand("pre-cluster-create", &asks()).unwrap_err();
    assert!(err.hint.unwrap().starts_with("another container has this name"));
    assert_eq!(host.state().ports, [0]);
}

fn own(name: &str) -> ContainerInfo {
    let mut registry = registry(name, 1);
    registry.cluster = "faulty".into();
    registry
}

#[test]
fn all_that_cannot_be_removed_is_named_and_the_rest_is_removed() {
    let host =
        Faulty::new(vec![own("one"), own("two"), own("three")], |request, _| match request {
            ContainerRequest::Remove { name } if name != "two" => Some("it is stuck"),
            _ => None,
        });
    let err = host.hand("post-cluster-delete", &asks()).unwrap_err();
    assert_eq!(err.message, "cannot remove `one`, `three`");
    assert_eq!(err.causes, ["`one`: it is stuck; `three`: it is stuck"]);
    assert_eq!(host.names(), ["one", "three"]);
}

#[test]
fn what_somebody_else_removed_is_no_failure() {
    // The first removal of a name takes both, as if somebody else were faster.
    let host = Faulty::new(vec![own("one"), own("one")], |_, _| None);
    host.hand("post-cluster-delete", &asks()).unwrap();
    assert!(host.names().is_empty());
}

#[test]
fn a_registry_that_does_not_start_stops_no_other() {
    let stopped = |name: &str| {
        let mut registry = own(name);
        registry.running = false;
        registry
    };
    let host = Faulty::new(vec![stopped("one"), own("two")], |request, _| match request {
        ContainerRequest::Start { .. } => Some("its network is gone"),
        _ => None,
    });
    let err = host.hand("post-cluster-start", &asks()).unwrap_err();
    assert_eq!(err.message, "cannot start `one`");
    assert_eq!(err.causes, ["its network is gone"]);
}

#[test]
fn a_cluster_is_not_given_up_for_an_announcement() {
    let host = Faulty::new(vec![own("one")], |request, _| match request {
        ContainerRequest::Apply { .. } => Some("the API server is busy"),
        _ => None,
    });
    host.hand("post-cluster-start", &asks()).unwrap();
    let expected = "cannot announce the registry `one` in the cluster: the API server is busy";
    assert_eq!(host.state().log, [expected]);
}
