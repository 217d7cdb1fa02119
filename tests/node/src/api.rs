//! The stand-in's API server: nodes, namespaces, configuration maps, secrets and leases, enough of
//! discovery for kubectl, and `Status` for everything else. With etcd, the leader answers, and the
//! other servers forward requests to it.

use crate::etcd::Etcd;
use crate::http::{Request, Response};
use crate::quorum::Standing;
use crate::store::{Refusal, Store, Write};
use crate::{VERSION, log, password, table};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where servers join etcd.
pub(crate) const MEMBERS: &str = "/standin/members";
/// Where nodes send their passwords, as in k3s.
pub(crate) const KUBELET: &str = "/v1-k3s/serving-kubelet.crt";
/// Where agents get the list of servers, as in k3s.
pub(crate) const SERVERS: &str = "/v1-k3s/apiservers";
/// The headers with the name and the password of a node, as in k3s.
pub(crate) const NODE_NAME: &str = "k3s-node-name";
pub(crate) const NODE_PASSWORD: &str = "k3s-node-password";

/// Marks a request that another server has forwarded, so that it is not forwarded again.
const PASSED_ON: &str = "x-standin-passed-on";

pub(crate) struct Api {
    pub(crate) store: Arc<Store>,
    pub(crate) is_ready: AtomicBool,
    pub(crate) token: String,
    /// The authority's certificate, as PEM.
    pub(crate) authority: String,
    /// The store of the objects; a server without it has no other servers.
    pub(crate) etcd: Option<Arc<Etcd>>,
}

/// The properties of a kind of objects.
pub(crate) struct Kind {
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    singular: &'static str,
    short: &'static str,
    /// The group; empty for the oldest kinds.
    group: &'static str,
    is_namespaced: bool,
}

const LEASES: &str = "coordination.k8s.io";

/// The kinds that the server supports, all of version v1 of their groups.
const KINDS: [Kind; 5] = [
    Kind {
        kind: "ConfigMap",
        plural: "configmaps",
        singular: "configmap",
        short: "cm",
        group: "",
        is_namespaced: true,
    },
    Kind {
        kind: "Namespace",
        plural: "namespaces",
        singular: "namespace",
        short: "ns",
        group: "",
        is_namespaced: false,
    },
    Kind {
        kind: "Node",
        plural: "nodes",
        singular: "node",
        short: "no",
        group: "",
        is_namespaced: false,
    },
    Kind {
        kind: "Secret",
        plural: "secrets",
        singular: "secret",
        short: "",
        group: "",
        is_namespaced: true,
    },
    Kind {
        kind: "Lease",
        plural: "leases",
        singular: "lease",
        short: "",
        group: LEASES,
        is_namespaced: true,
    },
];

/// The meaning of a path: all objects of a kind, those of a namespace, or one of them.
struct Target<'a> {
    kind: &'static Kind,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
}

impl Api {
    /// Answers a request.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let is_ready = self.is_ready.load(Ordering::Acquire) && self.works();
        match request.path() {
            "/livez" => return text(200, "ok"),
            "/readyz" | "/healthz" if is_ready => return text(200, "ok"),
            "/readyz" | "/healthz" => {
                return text(
                    500,
                    "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n",
                );
            }
            "/cacerts" => return text(200, &self.authority),
            "/version" => return json_response(200, &version()),
            _ => {}
        }
        let bearer = request.header("authorization").strip_prefix("Bearer ");
        if !request.is_known && bearer != Some(&self.token) {
            return status(401, "Unauthorized", "Unauthorized");
        }
        let Some(etcd) = &self.etcd else { return self.answer_here(request) };
        if let Some(response) = etcd.answer(request) {
            return response;
        }
        match etcd.standing() {
            Standing::Leading => self.answer_as_leader(etcd, request),
            Standing::Following(leader) if request.header(PASSED_ON).is_empty() => {
                self.pass_on(etcd, &leader, request)
            }
            Standing::Learner => unavailable("etcdserver: rpc not supported for learner"),
            _ => unavailable("etcdserver: no leader"),
        }
    }

    /// Returns whether this server has to do the work that only one server does.
    pub(crate) fn leads(&self) -> bool {
        self.etcd.as_ref().is_none_or(|it| it.standing() == Standing::Leading)
    }

    /// Returns whether requests for objects can be answered.
    pub(crate) fn works(&self) -> bool {
        let is_working =
            |it: &Arc<Etcd>| matches!(it.standing(), Standing::Leading | Standing::Following(_));
        self.etcd.as_ref().is_none_or(is_working)
    }

    fn answer_as_leader(&self, etcd: &Etcd, request: &Request) -> Response {
        let before = self.store.stamp();
        let response = self.answer_here(request);
        // Renewals are frequent, and are copied a little later together with other changes.
        let is_renewal = request.path().contains("/leases/") && request.method == "PATCH";
        if request.method == "GET" || is_renewal || self.store.stamp() == before {
            return response;
        }
        match etcd.replicate() {
            Ok(()) => response,
            Err(err) => unavailable(&format!("{err:#}")),
        }
    }

    fn pass_on(&self, etcd: &Etcd, leader: &str, request: &Request) -> Response {
        let mut passed = Request::new(&request.method, &request.target)
            .with(PASSED_ON, "1")
            .with("authorization", &format!("Bearer {}", self.token));
        for header in ["accept", NODE_NAME, NODE_PASSWORD] {
            passed = passed.with(header, request.header(header));
        }
        let passed = passed.with_body(request.header("content-type"), request.body.clone());
        etcd.ask(leader, &passed).unwrap_or_else(|_| unavailable("etcdserver: no leader"))
    }

    fn answer_here(&self, request: &Request) -> Response {
        let path: Vec<_> = request.path().split('/').filter(|it| !it.is_empty()).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("POST", _) if request.path() == MEMBERS => self.add_member(request),
            ("POST", _) if request.path() == KUBELET => self.check_password(request),
            ("GET", _) if request.path() == SERVERS => json_response(200, &self.servers()),
            ("GET", ["api"]) => json_response(200, &versions()),
            ("GET", ["apis"]) => json_response(200, &groups()),
            ("GET", ["apis", LEASES]) => json_response(200, &group(LEASES)),
            ("GET", ["api", "v1"]) => json_response(200, &resources("", "v1")),
            ("GET", ["apis", LEASES, "v1"]) => {
                json_response(200, &resources(LEASES, &format!("{LEASES}/v1")))
            }
            (_, ["api", "v1", rest @ ..]) => self.answer_in_group(request, "", rest),
            (_, ["apis", LEASES, "v1", rest @ ..]) => self.answer_in_group(request, LEASES, rest),
            _ => not_found(),
        }
    }

    fn answer_in_group(&self, request: &Request, group: &str, path: &[&str]) -> Response {
        match target(group, path) {
            Some(target) => self.answer_for(request, &target),
            None => not_found(),
        }
    }

    /// Adds a server to etcd as a learner, and sends it all data.
    fn add_member(&self, request: &Request) -> Response {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let (Some(name), Some(address)) = (body["name"].as_str(), body["address"].as_str()) else {
            return status(400, "BadRequest", "a member has a name and an address");
        };
        if self.etcd.is_none() {
            return status(400, "BadRequest", "etcd is disabled: the server has SQLite");
        }
        match self.store.change_members(|it| it.add_learner(name, address)) {
            Ok(Ok(())) => {
                log::info(&format!("Adding member {name}=https://{address}:2380 to etcd cluster"));
                Response::json(200, self.store.export())
            }
            Ok(Err(message)) => unavailable(&message),
            Err(refusal) => status(500, "InternalError", &format!("{refusal:?}")),
        }
    }

    fn check_password(&self, request: &Request) -> Response {
        let (node, given) = (request.header(NODE_NAME), request.header(NODE_PASSWORD));
        match password::is_right(&self.store, node, given) {
            Ok(true) => json_response(200, &success()),
            Ok(false) => status(403, "Forbidden", password::REJECTED),
            Err(refusal) => status(500, "InternalError", &format!("{refusal:?}")),
        }
    }

    /// Returns the addresses of all servers, as reported by their nodes.
    fn servers(&self) -> Value {
        let (nodes, _) = self.store.list("nodes/");
        let role = "node-role.kubernetes.io/control-plane";
        let servers = nodes.iter().filter(|it| !it["metadata"]["labels"][role].is_null());
        let addresses = servers.flat_map(|it| it["status"]["addresses"].as_array().cloned());
        let addresses = addresses.flatten().filter(|it| it["type"] == "InternalIP");
        addresses.map(|it| it["address"].clone()).collect()
    }

    fn answer_for(&self, request: &Request, target: &Target<'_>) -> Response {
        let how = match (request.method.as_str(), target.name) {
            ("GET", _)
                if request.parameter("watch").is_some_and(|it| it != "0" && it != "false") =>
            {
                return status(405, "MethodNotAllowed", "the stand-in does not watch");
            }
            ("GET", None) => return self.list(request, target),
            ("GET", Some(name)) => {
                return match self.store.get(&target.key(name)) {
                    Some(it) => show(request, target.kind, it),
                    None => target.missing(name),
                };
            }
            ("DELETE", Some(name)) if target.kind.kind == "Node" && self.is_member(name) => {
                return self.begin_deletion(request, target, name);
            }
            ("DELETE", Some(name)) => {
                if target.kind.kind == "Node" {
                    // Kubernetes's garbage collector does this.
                    let _ = self.store.remove(&format!("leases/kube-node-lease/{name}"));
                }
                return match self.store.remove(&target.key(name)) {
                    Ok(Some(_)) => json_response(200, &success()),
                    Ok(None) => target.missing(name),
                    Err(refusal) => target.refused(name, &refusal),
                };
            }
            // Nodes join with this request, and repeat it.
            ("POST", None) if target.kind.kind == "Node" => Write::Join,
            ("POST", None) if !target.kind.is_namespaced || target.namespace.is_some() => {
                Write::Create
            }
            ("PUT", Some(_)) => Write::Replace,
            ("PATCH", Some(_)) => match request.header("content-type").split(';').next() {
                Some("application/apply-patch+yaml") => Write::Apply,
                Some("application/merge-patch+json" | "application/strategic-merge-patch+json") => {
                    Write::Merge
                }
                _ => return status(415, "UnsupportedMediaType", "no such patch in the stand-in"),
            },
            _ => return status(405, "MethodNotAllowed", "the server does not allow this method"),
        };
        self.write(request, target, how)
    }

    fn is_member(&self, node: &str) -> bool {
        self.store.members().iter().any(|it| it.node() == node)
    }

    /// Deletes the node of a server: first its etcd member, then the object.
    fn begin_deletion(&self, request: &Request, target: &Target<'_>, name: &str) -> Response {
        let finalizer = "wrangler.cattle.io/managed-etcd-controller";
        let mark = json!({
            "metadata": { "deletionTimestamp": log::now(), "finalizers": [finalizer] },
        });
        match self.store.write(&target.key(name), mark, Write::Merge) {
            Ok((it, _)) => show(request, target.kind, it),
            Err(refusal) => target.refused(name, &refusal),
        }
    }

    fn list(&self, request: &Request, target: &Target<'_>) -> Response {
        let (mut items, version) = self.store.list(&target.key(""));
        if let Some(selector) = request.parameter("fieldSelector") {
            let name = selector.strip_prefix("metadata.name=").map(|it| it.trim_start_matches('='));
            items.retain(|it| it["metadata"]["name"].as_str() == name);
        }
        if let Some(selector) = request.parameter("labelSelector") {
            items.retain(|it| is_selected(&it["metadata"]["labels"], &selector));
        }
        if wants_table(request) {
            return json_response(200, &table::table(target.kind, &items, version));
        }
        json_response(
            200,
            &json!({
                "kind": format!("{}List", target.kind.kind),
                "apiVersion": target.kind.api_version(),
                "metadata": { "resourceVersion": version.to_string() },
                "items": items,
            }),
        )
    }

    fn write(&self, request: &Request, target: &Target<'_>, how: Write) -> Response {
        // The request of some kubectl commands.
        if request.header("content-type") == "application/vnd.kubernetes.protobuf" {
            return status(415, "UnsupportedMediaType", "the stand-in reads JSON only");
        }
        let Ok(mut object @ Value::Object(_)) = serde_json::from_slice(&request.body) else {
            return status(400, "BadRequest", "the body is no JSON object");
        };
        let given = object["metadata"]["name"].as_str().map(str::to_owned);
        let Some(name) = target.name.map(str::to_owned).or(given) else {
            return status(400, "BadRequest", "the object has no name");
        };
        if how != Write::Merge {
            object["apiVersion"] = target.kind.api_version().into();
            object["kind"] = target.kind.kind.into();
        }
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        object["metadata"]["name"] = name.as_str().into();
        if let Some(namespace) = target.namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        match self.store.write(&target.key(&name), object, how) {
            Ok((it, true)) => json_response(201, &it),
            Ok((it, false)) => show(request, target.kind, it),
            Err(refusal) => target.refused(&name, &refusal),
        }
    }
}

impl Kind {
    fn api_version(&self) -> String {
        if self.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", self.group) }
    }
}

impl Target<'_> {
    fn key(&self, name: &str) -> String {
        match (self.kind.is_namespaced, self.namespace) {
            (true, None) => format!("{}/", self.kind.plural),
            (true, Some(namespace)) => format!("{}/{namespace}/{name}", self.kind.plural),
            (false, _) => format!("{}/{name}", self.kind.plural),
        }
    }

    fn missing(&self, name: &str) -> Response {
        self.refused(name, &Refusal::Missing)
    }

    fn refused(&self, name: &str, refusal: &Refusal) -> Response {
        let what = format!("{} \"{name}\"", self.kind.plural);
        match refusal {
            Refusal::Exists => status(409, "AlreadyExists", &format!("{what} already exists")),
            Refusal::Missing => status(404, "NotFound", &format!("{what} not found")),
            Refusal::Conflict => {
                let message = format!(
                    "Operation cannot be fulfilled on {what}: the object has been modified; \
                     please apply your changes to the latest version and try again"
                );
                status(409, "Conflict", &message)
            }
            Refusal::Failed(err) => status(500, "InternalError", &format!("{err:#}")),
        }
    }
}

fn target<'a>(group: &str, path: &[&'a str]) -> Option<Target<'a>> {
    let (namespace, plural, name) = match *path {
        ["namespaces", namespace, plural] => (Some(namespace), plural, None),
        ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name)),
        [plural] => (None, plural, None),
        [plural, name] => (None, plural, Some(name)),
        _ => return None,
    };
    let kind = KINDS.iter().find(|it| it.group == group && it.plural == plural)?;
    let fits = match (namespace, name) {
        (Some(_), _) => kind.is_namespaced,
        (None, Some(_)) => !kind.is_namespaced,
        (None, None) => true,
    };
    fits.then_some(Target { kind, namespace, name })
}

/// Returns whether labels match a selector such as `a=b,c,d!=e`.
fn is_selected(labels: &Value, selector: &str) -> bool {
    selector.split(',').all(|it| match it.split_once('=') {
        Some((key, value)) => match key.strip_suffix('!') {
            Some(key) => labels[key] != value,
            None => labels[key] == value.trim_start_matches('='),
        },
        None => !labels[it].is_null(),
    })
}

fn wants_table(request: &Request) -> bool {
    request.header("accept").contains("as=Table")
}

fn show(request: &Request, kind: &Kind, object: Value) -> Response {
    if wants_table(request) {
        return json_response(200, &table::table(kind, &[object], 0));
    }
    json_response(200, &object)
}

fn not_found() -> Response {
    status(404, "NotFound", "the server could not find the requested resource")
}

fn success() -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" })
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    });
    json_response(code, &body)
}

fn unavailable(message: &str) -> Response {
    status(503, "ServiceUnavailable", message)
}

fn json_response(status: u16, body: &Value) -> Response {
    Response::json(status, body.to_string().into_bytes())
}

fn text(status: u16, body: &str) -> Response {
    let content_type = "text/plain; charset=utf-8".to_owned();
    Response { status, content_type, body: body.as_bytes().to_vec() }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "34",
        "gitVersion": VERSION,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2025-10-01T00:00:00Z",
        "goVersion": "go1.24.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

fn groups() -> Value {
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [group(LEASES)] })
}

fn group(name: &str) -> Value {
    let version = json!({ "groupVersion": format!("{name}/v1"), "version": "v1" });
    json!({
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": [version],
        "preferredVersion": version,
    })
}

fn resources(group: &str, version: &str) -> Value {
    let verbs = ["create", "delete", "get", "list", "patch", "update"];
    let describe = |it: &Kind| {
        json!({
            "name": it.plural,
            "singularName": it.singular,
            "namespaced": it.is_namespaced,
            "kind": it.kind,
            "verbs": verbs,
            "shortNames": Some(it.short).filter(|it| !it.is_empty()).into_iter().collect::<Vec<_>>(),
        })
    };
    let resources: Vec<_> = KINDS.iter().filter(|it| it.group == group).map(describe).collect();
    json!({ "kind": "APIResourceList", "groupVersion": version, "resources": resources })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::Members;

    fn api() -> (tempfile::TempDir, Api) {
        let folder = tempfile::tempdir().unwrap();
        let api = Api {
            store: Arc::new(Store::open(folder.path().join("standin.json")).unwrap()),
            is_ready: AtomicBool::new(false),
            token: "secret".to_owned(),
            authority: String::new(),
            etcd: None,
        };
        (folder, api)
    }

    /// Sends a request with the token; returns the status and the body.
    fn ask(api: &Api, method: &str, target: &str, body: Value) -> (u16, Value) {
        let request = Request::new(method, target)
            .with("authorization", "Bearer secret")
            .with_body("application/apply-patch+yaml", body.to_string().into_bytes());
        let response = api.answer(&request);
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }

    #[test]
    fn only_clients_with_the_token_get_in() {
        let (_folder, api) = api();
        let status = |request: Request| api.answer(&request).status;
        assert_eq!(status(Request::new("GET", "/api/v1/nodes")), 401);
        let wrong = Request::new("GET", "/api").with("authorization", "Bearer wrong");
        assert_eq!(status(wrong), 401);
        assert_eq!(status(Request::new("GET", "/version")), 200);
        assert_eq!(ask(&api, "GET", "/api/v1/nodes?limit=500", Value::Null).0, 200);
    }

    #[test]
    fn readiness_is_told() {
        let (_folder, api) = api();
        let ready = || api.answer(&Request::new("GET", "/readyz?verbose")).status;
        assert_eq!(ready(), 500);
        api.is_ready.store(true, Ordering::Release);
        assert_eq!(ready(), 200);
    }

    #[test]
    fn configuration_maps_are_kept_by_namespace() {
        let (_folder, api) = api();
        let map = json!({ "metadata": { "name": "a", "labels": { "x": "y" } }, "data": {} });
        let one = "/api/v1/namespaces/default/configmaps/a";
        assert_eq!(ask(&api, "PATCH", &format!("{one}?fieldManager=t"), map.clone()).0, 201);
        assert_eq!(ask(&api, "PATCH", one, map.clone()).0, 200);
        assert_eq!(ask(&api, "POST", "/api/v1/namespaces/other/configmaps", map).0, 201);
        let count = |target: &str| {
            ask(&api, "GET", target, Value::Null).1["items"].as_array().unwrap().len()
        };
        assert_eq!(count("/api/v1/configmaps"), 2);
        assert_eq!(count("/api/v1/namespaces/other/configmaps"), 1);
        assert_eq!(count("/api/v1/configmaps?labelSelector=x%3Dy"), 2);
        assert_eq!(count("/api/v1/configmaps?labelSelector=x%21%3Dy"), 0);
        assert_eq!(count("/api/v1/configmaps?fieldSelector=metadata.name%3Db"), 0);
        assert_eq!(ask(&api, "DELETE", one, Value::Null).0, 200);
        let (status, body) = ask(&api, "GET", one, Value::Null);
        assert_eq!((status, body["reason"].as_str()), (404, Some("NotFound")));
    }

    #[test]
    fn what_is_not_there_has_a_status() {
        let (_folder, api) = api();
        for path in
            ["/apis/apps/v1", "/api/v1/pods", "/api/v1/configmaps/a", "/", "/api/v1/nodes/a"]
        {
            let (status, body) = ask(&api, "GET", path, Value::Null);
            assert_eq!((status, body["kind"].as_str()), (404, Some("Status")), "{path}");
        }
        assert_eq!(ask(&api, "GET", "/api/v1/nodes?watch=true", Value::Null).0, 405);
    }

    #[test]
    fn leases_have_a_group_of_their_own() {
        let (_folder, api) = api();
        let one = crate::lease::path("a");
        let (status, lease) = ask(&api, "PATCH", &one, json!({ "spec": {} }));
        assert_eq!((status, &lease["apiVersion"]), (201, &json!("coordination.k8s.io/v1")));
        let list = one.strip_suffix("/a").unwrap();
        let (_, list) = ask(&api, "GET", list, Value::Null);
        assert_eq!(
            (&list["kind"], list["items"].as_array().unwrap().len()),
            (&json!("LeaseList"), 1)
        );
        assert_eq!(ask(&api, "GET", "/api/v1/leases", Value::Null).0, 404);
        let (_, resources) = ask(&api, "GET", "/apis/coordination.k8s.io/v1", Value::Null);
        assert_eq!(resources["resources"][0]["name"], "leases");
    }

    #[test]
    fn a_password_is_checked_until_its_secret_is_deleted() {
        let (_folder, api) = api();
        let log_in = |password: &str| {
            let request = Request::new("POST", KUBELET)
                .with("authorization", "Bearer secret")
                .with(NODE_NAME, "a")
                .with(NODE_PASSWORD, password);
            api.answer(&request).status
        };
        assert_eq!((log_in("x"), log_in("x"), log_in("y")), (200, 200, 403));
        let secret = "/api/v1/namespaces/kube-system/secrets/a.node-password.k3s";
        assert_eq!(ask(&api, "DELETE", secret, Value::Null).0, 200);
        assert_eq!(log_in("y"), 200);
    }

    #[test]
    fn the_node_of_a_member_is_only_marked_when_it_is_deleted() {
        let (_folder, api) = api();
        api.store.change_members(|it| *it = Members::of_first("a-1", "10.0.0.1")).unwrap();
        for node in ["a", "b"] {
            let object = json!({ "metadata": { "name": node } });
            assert_eq!(ask(&api, "POST", "/api/v1/nodes", object).0, 201);
            assert_eq!(ask(&api, "DELETE", &format!("/api/v1/nodes/{node}"), Value::Null).0, 200);
        }
        let (status, node) = ask(&api, "GET", "/api/v1/nodes/a", Value::Null);
        assert!(status == 200 && node["metadata"]["deletionTimestamp"].is_string());
        assert_eq!(ask(&api, "GET", "/api/v1/nodes/b", Value::Null).0, 404);
    }

    #[test]
    fn agents_learn_the_addresses_of_servers() {
        let (_folder, api) = api();
        let node = |name: &str, labels: Value| {
            let address = json!({ "type": "InternalIP", "address": format!("10.0.0.{name}") });
            let metadata = json!({ "name": name, "labels": labels });
            json!({ "metadata": metadata, "status": { "addresses": [address] } })
        };
        let role = json!({ "node-role.kubernetes.io/control-plane": "true" });
        ask(&api, "POST", "/api/v1/nodes", node("1", role));
        ask(&api, "POST", "/api/v1/nodes", node("2", json!({})));
        assert_eq!(ask(&api, "GET", SERVERS, Value::Null).1, json!(["10.0.0.1"]));
        // A server without etcd cannot be joined by others.
        let member = json!({ "name": "b-1", "address": "10.0.0.2" });
        assert_eq!(ask(&api, "POST", MEMBERS, member).0, 400);
    }
}
