//! The stand-in's API server: nodes, namespaces and configuration maps, enough of discovery
//! for kubectl, and `Status` for everything else.

use crate::http::{Client, Request, Response};
use crate::store::{Refusal, Store, Write};
use crate::{VERSION, table};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Says that a request was passed on by another server, so that it is not passed on again.
const PASSED_ON: &str = "x-standin-passed-on";

pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) is_ready: AtomicBool,
    pub(crate) token: String,
    /// The authority's certificate, as PEM.
    pub(crate) authority: String,
    /// The first server, which has the cluster's objects, for one that has joined it.
    pub(crate) first: Option<Client>,
}

/// What there is of an object's kind.
pub(crate) struct Kind {
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    singular: &'static str,
    short: &'static str,
    is_namespaced: bool,
}

/// The kinds that the server knows, all of version v1.
const KINDS: [Kind; 3] = [
    Kind {
        kind: "ConfigMap",
        plural: "configmaps",
        singular: "configmap",
        short: "cm",
        is_namespaced: true,
    },
    Kind {
        kind: "Namespace",
        plural: "namespaces",
        singular: "namespace",
        short: "ns",
        is_namespaced: false,
    },
    Kind { kind: "Node", plural: "nodes", singular: "node", short: "no", is_namespaced: false },
];

/// What a path means: all objects of a kind, those of a namespace, or one of them.
struct Target<'a> {
    kind: &'static Kind,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
}

impl Api {
    /// Answers a request.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let is_ready = self.is_ready.load(Ordering::Acquire);
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
        if let Some(response) = self.pass_on(request) {
            return response;
        }
        let path: Vec<_> = request.path().split('/').filter(|it| !it.is_empty()).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["api"]) => json_response(200, &versions()),
            ("GET", ["apis"]) => json_response(
                200,
                &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] }),
            ),
            ("GET", ["api", "v1"]) => json_response(200, &resources()),
            (_, ["api", "v1", rest @ ..]) => match target(rest) {
                Some(target) => self.answer_for(request, &target),
                None => not_found(),
            },
            _ => not_found(),
        }
    }

    /// Lets the first server answer; nothing when it does not, or when there is none.
    fn pass_on(&self, request: &Request) -> Option<Response> {
        let first = self.first.as_ref()?;
        if !request.header(PASSED_ON).is_empty() {
            return None;
        }
        let passed = Request::new(&request.method, &request.target)
            .with(PASSED_ON, "1")
            .with("authorization", &format!("Bearer {}", self.token))
            .with("accept", request.header("accept"))
            .with_body(request.header("content-type"), request.body.clone());
        first.send(&passed).ok()
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
            ("DELETE", Some(name)) => {
                return match self.store.remove(&target.key(name)) {
                    Ok(Some(_)) => json_response(200, &success()),
                    Ok(None) => target.missing(name),
                    Err(refusal) => target.refused(name, &refusal),
                };
            }
            // Nodes join with this, and come again.
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
                "apiVersion": "v1",
                "metadata": { "resourceVersion": version.to_string() },
                "items": items,
            }),
        )
    }

    fn write(&self, request: &Request, target: &Target<'_>, how: Write) -> Response {
        // What some commands of kubectl send.
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
            object["apiVersion"] = "v1".into();
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

fn target<'a>(path: &[&'a str]) -> Option<Target<'a>> {
    let (namespace, plural, name) = match *path {
        ["namespaces", namespace, plural] => (Some(namespace), plural, None),
        ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name)),
        [plural] => (None, plural, None),
        [plural, name] => (None, plural, Some(name)),
        _ => return None,
    };
    let kind = KINDS.iter().find(|it| it.plural == plural)?;
    let fits = match (namespace, name) {
        (Some(_), _) => kind.is_namespaced,
        (None, Some(_)) => !kind.is_namespaced,
        (None, None) => true,
    };
    fits.then_some(Target { kind, namespace, name })
}

/// Tells if labels fit to a selector like `a=b,c,d!=e`.
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

fn json_response(status: u16, body: &Value) -> Response {
    let body = body.to_string().into_bytes();
    Response { status, content_type: "application/json".to_owned(), body }
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

fn resources() -> Value {
    let verbs = ["create", "delete", "get", "list", "patch", "update"];
    let describe = |it: &Kind| {
        json!({
            "name": it.plural,
            "singularName": it.singular,
            "namespaced": it.is_namespaced,
            "kind": it.kind,
            "verbs": verbs,
            "shortNames": [it.short],
        })
    };
    let resources: Vec<_> = KINDS.iter().map(describe).collect();
    json!({ "kind": "APIResourceList", "groupVersion": "v1", "resources": resources })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api() -> (tempfile::TempDir, Api) {
        let folder = tempfile::tempdir().unwrap();
        let api = Api {
            store: Store::open(folder.path().join("standin.json")).unwrap(),
            is_ready: AtomicBool::new(false),
            token: "secret".to_owned(),
            authority: String::new(),
            first: None,
        };
        (folder, api)
    }

    /// Asks with the token; returns the status and the body.
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
}
