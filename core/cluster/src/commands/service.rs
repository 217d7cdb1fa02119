//! Containers as a service for plugins.

use super::errors;
use crate::operations::PluginContainers;
use pintle_host::Identity;
use pintle_host::services::Service;
use pintle_plugin::message::{ErrorReply, ServiceReply, ServiceRequest};

/// The service.
pub(super) struct ContainerService {
    containers: PluginContainers,
    identity: Identity,
}

impl ContainerService {
    pub(super) fn new(containers: PluginContainers, identity: &Identity) -> Self {
        Self { containers, identity: identity.clone() }
    }
}

impl Service for ContainerService {
    fn takes(&self, request: &ServiceRequest) -> bool {
        matches!(request, ServiceRequest::Containers(_))
    }

    fn call(&self, plugin: &str, request: ServiceRequest) -> Result<ServiceReply, ErrorReply> {
        let ServiceRequest::Containers(request) = request else {
            return Err(ErrorReply::unsupported("only containers are supported here"));
        };
        let answer = self.containers.answer(plugin, request);
        let mut reply = ServiceReply::default();
        reply.containers = answer.map_err(|err| errors::reply(&err, &self.identity))?;
        Ok(reply)
    }
}
