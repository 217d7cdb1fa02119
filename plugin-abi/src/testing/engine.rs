//! Containers that exist only in memory.

use crate::containers::{ContainerInfo, ContainerRequest, ContainerSpec};
use crate::message::ErrorReply;
use serde_json::Value;

/// The port of the first container that requests a free one.
const FIRST_FREE_PORT: u16 = 40_000;

/// An engine with a plugin's containers, and the manifests that it applied.
#[derive(Default)]
pub(super) struct Engine {
    pub(super) containers: Vec<ContainerInfo>,
    /// Each with the cluster that it was applied to.
    pub(super) applied: Vec<(String, Value)>,
    pub(super) n_free_ports: u16,
}

impl Engine {
    pub(super) fn answer(
        &mut self,
        request: ContainerRequest,
    ) -> Result<Vec<ContainerInfo>, ErrorReply> {
        match request {
            ContainerRequest::Run(spec) => return self.run(spec).map(|it| vec![it]),
            ContainerRequest::List {} => return Ok(self.containers.clone()),
            ContainerRequest::Start { name } => {
                let container = self.find(&name)?;
                set_running(container, true);
                return Ok(vec![container.clone()]);
            }
            ContainerRequest::Stop { name } => set_running(self.find(&name)?, false),
            ContainerRequest::Remove { name } => {
                self.find(&name)?;
                self.containers.retain(|it| it.name != name);
            }
            ContainerRequest::Connect { name, network } => {
                let networks = &mut self.find(&name)?.networks;
                networks.retain(|it| *it != network);
                networks.push(network);
            }
            ContainerRequest::Disconnect { name, network } => {
                self.find(&name)?.networks.retain(|it| *it != network);
            }
            ContainerRequest::Apply { cluster, manifest } => self.applied.push((cluster, manifest)),
            ContainerRequest::Unknown => {
                return Err(ErrorReply::unsupported("the test kit does not support this call"));
            }
        }
        Ok(Vec::new())
    }

    fn run(&mut self, spec: ContainerSpec) -> Result<ContainerInfo, ErrorReply> {
        if self.containers.iter().any(|it| it.name == spec.name) {
            return Err(ErrorReply::failed(format!("a container `{}` exists", spec.name)));
        }
        let network = if spec.network.is_empty() { "bridge".to_owned() } else { spec.network };
        let mut ports = spec.ports;
        for port in ports.iter_mut().filter(|it| it.host == 0) {
            port.host = FIRST_FREE_PORT + self.n_free_ports;
            self.n_free_ports += 1;
        }
        let mut container = ContainerInfo {
            id: format!("id-of-{}", spec.name),
            name: spec.name,
            image: spec.image,
            labels: spec.labels,
            ports,
            networks: vec![network],
            cluster: spec.cluster,
            ..ContainerInfo::default()
        };
        set_running(&mut container, true);
        self.containers.push(container.clone());
        Ok(container)
    }

    fn find(&mut self, name: &str) -> Result<&mut ContainerInfo, ErrorReply> {
        let missing = || ErrorReply::failed(format!("there is no container `{name}`"));
        self.containers.iter_mut().find(|it| it.name == name).ok_or_else(missing)
    }
}

fn set_running(container: &mut ContainerInfo, running: bool) {
    container.running = running;
    container.state = if running { "running" } else { "exited" }.to_owned();
}
