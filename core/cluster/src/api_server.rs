//! A cluster's own API server: checks readiness, lists nodes, and applies objects.

use crate::kubeconfig::Credentials;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long the API server may take for one response.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long one readiness check may take. It is repeated, and a user should soon learn that nothing
/// answers at an address.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// The largest response that is read. A list of nodes needs some ten kilobytes per node.
const MAX_ANSWER: usize = 32 << 20;

/// The labels of nodes that are servers. Source: k3s, pkg/server, "setNodeLabelsAndAnnotations".
const SERVER_ROLES: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/etcd"];

/// A cluster's API server.
pub(crate) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    server: String,
}

/// What went wrong with a cluster's API server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The credentials cannot be used.
    #[error("the cluster's credentials are invalid")]
    Credentials {
        /// What is wrong with them.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It does not answer.
    #[error("the API server at `{server}` does not answer")]
    Unreachable {
        /// Where it is.
        server: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It refused.
    #[error("the API server refused to {action}: {message}")]
    Refused {
        /// What it was asked to do.
        action: String,
        /// The HTTP status.
        status: u16,
        /// Its message.
        message: String,
    },
}

/// A node as the API server knows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeStatus {
    pub(crate) name: String,
    pub(crate) is_ready: bool,
    /// Whether it belongs to the control plane or to the cluster's store.
    pub(crate) is_server: bool,
    /// The node's message about its readiness.
    pub(crate) message: String,
}

impl Api {
    /// Prepares calls with the given credentials. Sends nothing yet.
    pub(crate) fn new(credentials: &Credentials) -> Result<Self, ApiError> {
        let mut roots = rustls::RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&credentials.authority) {
            let added = roots.add(root.map_err(invalid)?);
            added.map_err(invalid)?;
        }
        let certificates = CertificateDer::pem_slice_iter(&credentials.certificate);
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let key = PrivateKeyDer::from_pem_slice(&credentials.key).map_err(invalid)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|it| it.with_root_certificates(roots))
            .and_then(|it| it.with_client_auth_cert(certificates, key))
            .map_err(invalid)?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, server: credentials.server.clone() })
    }

    /// Fails unless the API server reports that it is ready.
    pub(crate) async fn check_ready(&self) -> Result<(), ApiError> {
        let asked = self.send(Method::GET, "/readyz", None);
        let answer = tokio::time::timeout(READY_LIMIT, asked).await;
        let (status, body) = answer.map_err(|err| self.unreachable(Box::new(err)))??;
        accept("report that it is ready", status, &body).map(drop)
    }

    /// Returns the cluster's nodes.
    pub(crate) async fn nodes(&self) -> Result<Vec<NodeStatus>, ApiError> {
        let (status, body) = self.send(Method::GET, "/api/v1/nodes", None).await?;
        let body = accept("list the nodes", status, &body)?;
        let list: NodeList =
            serde_json::from_slice(body).map_err(|err| self.unreachable(Box::new(err)))?;
        Ok(list.items.into_iter().map(Into::into).collect())
    }

    /// Returns when each node last renewed its lease. Unlike the condition `Ready`, which remains
    /// for a while after a node has stopped, this is a sign of life.
    pub(crate) async fn leases(&self) -> Result<BTreeMap<String, SystemTime>, ApiError> {
        let path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
        let (status, body) = self.send(Method::GET, path, None).await?;
        let body = accept("list the leases of the nodes", status, &body)?;
        let list: LeaseList =
            serde_json::from_slice(body).map_err(|err| self.unreachable(Box::new(err)))?;
        let renewed = |it: LeaseObject| {
            let time = humantime::parse_rfc3339(&it.spec.renew_time?).ok()?;
            Some((it.metadata.name, time))
        };
        Ok(list.items.into_iter().filter_map(renewed).collect())
    }

    /// Returns whether the object of a node exists.
    pub(crate) async fn has_node(&self, name: &str) -> Result<bool, ApiError> {
        let (status, body) = self.send(Method::GET, &format!("/api/v1/nodes/{name}"), None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(false),
            status => accept(&format!("inspect the node `{name}`"), status, &body).map(|_| true),
        }
    }

    /// Requests the removal of a node's object, which finalizers may delay. It is not an error if
    /// the object does not exist.
    pub(crate) async fn delete_node(&self, name: &str) -> Result<(), ApiError> {
        let path = format!("/api/v1/nodes/{name}");
        self.delete(&path, &format!("delete the node `{name}`")).await
    }

    /// Removes the secret that binds a node's name to one container. It is not an error if the
    /// secret does not exist. Source: "Node password" in the k3s manual.
    pub(crate) async fn delete_node_password(&self, name: &str) -> Result<(), ApiError> {
        let path = format!("/api/v1/namespaces/kube-system/secrets/{name}.node-password.k3s");
        self.delete(&path, &format!("delete the node password of `{name}`")).await
    }

    async fn delete(&self, path: &str, action: &str) -> Result<(), ApiError> {
        let (status, body) = self.send(Method::DELETE, path, None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(()),
            status => accept(action, status, &body).map(drop),
        }
    }

    /// Applies one object with a server-side apply.
    pub(crate) async fn apply(&self, manifest: &Value, manager: &str) -> Result<(), ApiError> {
        let action = "apply an object";
        let path = self.path_of(manifest).await?;
        let path = format!("{path}?fieldManager={manager}&force=true");
        // JSON is YAML.
        let (status, body) = self.send(Method::PATCH, &path, Some(manifest.to_string())).await?;
        accept(action, status, &body).map(drop)
    }

    /// Asks the API server for the plural of a manifest's kind.
    async fn path_of(&self, manifest: &Value) -> Result<String, ApiError> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let wrong = |message: &str| ApiError::Refused {
            action: "apply an object".to_owned(),
            status: 400,
            message: message.to_owned(),
        };
        let version = text("/apiVersion").ok_or_else(|| wrong("it has no `apiVersion`"))?;
        let kind = text("/kind").ok_or_else(|| wrong("it has no `kind`"))?;
        let name = text("/metadata/name").ok_or_else(|| wrong("it has no name"))?;
        let group = match version.contains('/') {
            true => format!("/apis/{version}"),
            false => format!("/api/{version}"),
        };
        let (status, body) = self.send(Method::GET, &group, None).await?;
        let body = accept(&format!("list the kinds of `{version}`"), status, &body)?;
        let list: ResourceList =
            serde_json::from_slice(body).map_err(|err| self.unreachable(Box::new(err)))?;
        let resource =
            list.resources.into_iter().find(|it| it.kind == kind && !it.name.contains('/'));
        let resource = resource.ok_or_else(|| wrong("the API server does not support its kind"))?;
        Ok(match (resource.namespaced, text("/metadata/namespace").unwrap_or("default")) {
            (true, namespace) => format!("{group}/namespaces/{namespace}/{}/{name}", resource.name),
            (false, _) => format!("{group}/{}/{name}", resource.name),
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.trim_end_matches('/')))
            .header("accept", "application/json")
            .header("user-agent", concat!("pintle/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header("content-type", "application/apply-patch+yaml");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(|err| self.unreachable(Box::new(err)))?;
        let work = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((status, body.to_bytes()))
        };
        match tokio::time::timeout(TIME_LIMIT, work).await {
            Ok(result) => result.map_err(|err| self.unreachable(err)),
            Err(elapsed) => Err(self.unreachable(Box::new(elapsed))),
        }
    }

    fn unreachable(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ApiError {
        ApiError::Unreachable { server: self.server.clone(), source }
    }
}

fn invalid(err: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    ApiError::Credentials { source: Box::new(err) }
}

fn accept<'a>(action: &str, status: StatusCode, body: &'a Bytes) -> Result<&'a Bytes, ApiError> {
    if status.is_success() {
        return Ok(body);
    }
    let said: Option<Value> = serde_json::from_slice(body).ok();
    let message = said.as_ref().and_then(|it| it.get("message")).and_then(Value::as_str);
    Err(ApiError::Refused {
        action: action.to_owned(),
        status: status.as_u16(),
        message: message.map_or_else(|| status.to_string(), str::to_owned),
    })
}

#[derive(Deserialize)]
struct NodeList {
    #[serde(default)]
    items: Vec<NodeObject>,
}

#[derive(Deserialize)]
struct NodeObject {
    metadata: NodeMetadata,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct NodeMetadata {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    conditions: Vec<BTreeMap<String, Value>>,
}

impl From<NodeObject> for NodeStatus {
    fn from(node: NodeObject) -> Self {
        let is = |it: &BTreeMap<String, Value>, key: &str, value: &str| {
            it.get(key).and_then(Value::as_str) == Some(value)
        };
        let ready = node.status.conditions.iter().find(|it| is(it, "type", "Ready"));
        let message = ready.and_then(|it| it.get("message")).and_then(Value::as_str);
        let is_server = SERVER_ROLES.iter().any(|it| node.metadata.labels.contains_key(*it));
        Self {
            is_server,
            is_ready: ready.is_some_and(|it| is(it, "status", "True")),
            message: message.unwrap_or("it has not reported its state yet").to_owned(),
            name: node.metadata.name,
        }
    }
}

#[derive(Deserialize)]
struct LeaseList {
    #[serde(default)]
    items: Vec<LeaseObject>,
}

#[derive(Deserialize)]
struct LeaseObject {
    metadata: Metadata,
    #[serde(default)]
    spec: LeaseSpec,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct LeaseSpec {
    renew_time: Option<String>,
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<ResourceInfo>,
}

#[derive(Deserialize)]
struct ResourceInfo {
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespaced: bool,
}
