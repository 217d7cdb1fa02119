//! Plugins in Debian's docker-registry.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use tempfile::TempDir;

use super::super::http::{Client, Content, Download, Options};
use super::super::spec::{OciSpec, Spec};
use super::artifact::is_file_name;
use super::registry::is_local;
use super::*;

const PROGRAM: &str = "/usr/bin/docker-registry";

const LINUX: &str = "x86_64-unknown-linux-gnu";
const MUSL: &str = "x86_64-unknown-linux-musl";
const MAC: &str = "aarch64-apple-darwin";

/// A registry for one test, which runs until this value is dropped.
struct Server {
    child: Child,
    port: u16,
    dir: TempDir,
}

impl Server {
    /// Starts a registry; `None` if it is not installed, which is an error where it is required.
    fn start(password: Option<&str>) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            assert!(std::env::var_os("PINTLE_REQUIRE_ALL").is_none(), "{PROGRAM} is missing");
            let _ = writeln!(std::io::stderr(), "left out: {PROGRAM} is not installed");
            return None;
        }
        let dir = tempfile::tempdir().expect("there is a temporary directory");
        let port = free_port();
        let auth = match password {
            Some(hashed) => {
                let file = dir.path().join("htpasswd");
                fs::write(&file, format!("ada:{hashed}\n")).expect("the directory is ours");
                format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display())
            }
            None => String::new(),
        };
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: 127.0.0.1:{port}\n{auth}",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        fs::write(&file, config).expect("the directory is ours");
        let child = Command::new(PROGRAM)
            .arg("serve")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry starts");
        let server = Self { child, port, dir };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "the registry does not answer");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn spec(&self, rest: &str) -> OciSpec {
        match format!("oci://127.0.0.1:{}/{rest}", self.port).parse() {
            Ok(Spec::Oci(spec)) => spec,
            other => panic!("it is a registry: {other:?}"),
        }
    }

    /// Changes the bytes of a blob in the registry's store.
    fn damage(&self, digest: &str) {
        let hex = digest.strip_prefix("sha256:").expect("it is a digest");
        let blobs = self.dir.path().join("data/docker/registry/v2/blobs/sha256");
        let path = blobs.join(&hex[..2]).join(hex).join("data");
        let mut bytes = fs::read(&path).expect("the blob is there");
        bytes[0] ^= 1;
        fs::write(&path, bytes).expect("the directory is ours");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket can be had");
    listener.local_addr().expect("the socket is bound").port()
}

fn client() -> Client {
    let options = Options {
        pauses: vec![Duration::from_millis(1); 2],
        is_interrupted: || false,
        ..Options::new("pintle", "1.2.3")
    };
    Client::new(options, &|_| None).expect("the client is set up")
}

fn file(name: &str, bytes: &[u8]) -> PushFile {
    PushFile {
        name: name.into(),
        media_type: "application/octet-stream".into(),
        bytes: bytes.into(),
    }
}

fn targets() -> Vec<PushTarget> {
    let target = |target: &str, files| PushTarget { target: target.into(), files };
    vec![
        target(LINUX, vec![file("a.so", b"linux"), file("README.md", b"read")]),
        target(MUSL, vec![file("a.so", b"musl")]),
        target(MAC, vec![file("a.dylib", b"mac")]),
    ]
}

fn in_memory<'a>(progress: &'a mut dyn FnMut(u64, Option<u64>)) -> Download<'a> {
    Download { partial: None, limit: 1000, expected_len: None, progress }
}

fn told(err: &OciError, server: &Server) -> String {
    let text = pintle_host::causes::with_causes(err);
    let text = format!("{text}\nhint: {}", err.hint().unwrap_or_default());
    text.replace(&format!(":{}", server.port), ":PORT")
}

#[test]
fn a_plugin_is_pushed_pinned_and_fetched() {
    let Some(server) = Server::start(None) else { return };
    let client = client();
    let spec = server.spec("acme/registry:v1.2.3");
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    let digest = registry.push(&targets(), Some("1.2.3")).expect("it is pushed");
    let pinned = registry.pin().expect("it is there");
    assert_eq!(pinned.digest, digest);
    assert_eq!(pinned.version.as_deref(), Some("1.2.3"));
    let shown: Vec<_> = pinned
        .platforms
        .iter()
        .map(|it| {
            let files: Vec<_> = it.files.iter().map(|it| &*it.name).collect();
            format!("{:?} {:?} {files:?}", it.target.as_deref(), it.platform.as_deref())
        })
        .collect();
    expect![[r#"
        Some("x86_64-unknown-linux-gnu") Some("linux/amd64") ["a.so", "README.md"]
        Some("x86_64-unknown-linux-musl") Some("linux/amd64") ["a.so"]
        Some("aarch64-apple-darwin") Some("darwin/arm64/v8") ["a.dylib"]"#]]
    .assert_eq(&shown.join("\n"));
    let [linux] = pinned.for_target(LINUX)[..] else { panic!("one fits") };
    let mut progress = |_, _| {};
    let done = registry.fetch(&linux.files[0], &mut in_memory(&mut progress)).expect("it is there");
    assert!(matches!(done.content, Content::Memory(it) if it == b"linux"));
    // The digest refers to the same artifact as the tag.
    let spec = server.spec(&format!("acme/registry@{digest}"));
    let by_digest = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    assert_eq!(by_digest.pin().expect("it is there"), pinned);
}

#[test]
fn what_does_not_exist_is_reported() {
    let Some(server) = Server::start(None) else { return };
    let client = client();
    let spec = server.spec("acme/absent:v1");
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    let err = registry.pin().expect_err("it is not there");
    expect![[r#"
        `oci://127.0.0.1:PORT/acme/absent:v1` does not exist or is private
        hint: check the spelling; for a private repository run `docker login 127.0.0.1:PORT`"#]]
    .assert_eq(&told(&err, &server));
}

#[test]
fn other_bytes_than_the_digest_names_are_refused() {
    let Some(server) = Server::start(None) else { return };
    let client = client();
    let spec = server.spec("acme/registry:v1");
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    registry.push(&targets(), None).expect("it is pushed");
    let pinned = registry.pin().expect("it is there");
    let [linux] = pinned.for_target(LINUX)[..] else { panic!("one fits") };
    server.damage(&linux.files[0].digest);
    let path = server.dir.path().join("part");
    let mut progress = |_, _| {};
    let mut download = Download { partial: Some(path.clone()), ..in_memory(&mut progress) };
    let err = registry.fetch(&linux.files[0], &mut download).expect_err("it is damaged");
    assert!(matches!(err, OciError::Digest { .. }), "{err:?}");
    assert!(!path.exists(), "it is not kept");
}

/// A registry that answers each request, given as its first line and its headers, with a status,
/// headers and a body.
fn serve_by(answer: impl Fn(&str) -> (&'static str, String, String) + Send + 'static) -> OciSpec {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket can be had");
    let port = listener.local_addr().expect("the socket is bound").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (status, headers, body) = answer(&read_request(&mut stream));
            let headers = headers.replace("PORT", &port.to_string());
            let len = body.len();
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}");
            let _ =
                stream.write_all(format!("{head}Content-Length: {len}\r\n\r\n{body}").as_bytes());
        }
    });
    match format!("oci://127.0.0.1:{port}/acme/registry:v1").parse() {
        Ok(Spec::Oci(spec)) => spec,
        other => panic!("it is a registry: {other:?}"),
    }
}

/// Reads a request, including the form that it may contain.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut part = [0; 4096];
    loop {
        let n_read = stream.read(&mut part).unwrap_or(0);
        request += &String::from_utf8_lossy(&part[..n_read]);
        let lower = request.to_ascii_lowercase();
        let len = lower.split("content-length: ").nth(1).and_then(|it| it.lines().next());
        let len = len.and_then(|it| it.parse().ok()).unwrap_or(0);
        let is_whole = request.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= len);
        if is_whole || n_read == 0 {
            return request;
        }
    }
}

/// A registry that answers every request with one manifest.
fn serve(manifest: &str) -> OciSpec {
    let manifest = manifest.to_owned();
    serve_by(move |_| ("200 OK", String::new(), manifest.clone()))
}

/// A registry whose tokens are valid for one manifest.
fn serve_with_tokens(form: Option<&'static str>) -> OciSpec {
    let (n_given, n_used) = (AtomicUsize::new(0), AtomicUsize::new(0));
    serve_by(move |request| {
        let line = request.lines().next().unwrap_or_default();
        if line.contains(" /token") {
            // A POST with a form is only for identity tokens.
            let is_good = form.is_none_or(|it| line.starts_with("POST ") && request.contains(it));
            let n = n_given.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!("{{\"token\":\"t{n}\",\"access_token\":\"t{n}\"}}");
            return (if is_good { "200 OK" } else { "401 Unauthorized" }, String::new(), body);
        }
        let n = n_given.load(Ordering::SeqCst);
        let is_current = request.contains(&format!("Bearer t{n}\r\n"));
        if is_current && n_used.swap(n, Ordering::SeqCst) < n {
            return ("200 OK", String::new(), EMPTY_MANIFEST.into());
        }
        let challenge =
            "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:PORT/token\",service=\"s\"\r\n";
        ("401 Unauthorized", challenge.into(), String::new())
    })
}

const EMPTY_MANIFEST: &str =
    r#"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:0","size":2},"layers":[]}"#;

#[test]
fn an_expired_token_is_renewed() {
    let client = client();
    let spec = serve_with_tokens(None);
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    let first = registry.pin().expect("there is a token");
    assert_eq!(registry.pin().expect("there is another token"), first);
}

#[test]
fn an_identity_token_is_exchanged() {
    let client = client();
    let form = "grant_type=refresh_token&client_id=pintle&service=s\
                &scope=repository%3Aacme%2Fregistry%3Apull&refresh_token=mine";
    let pin = |token: &str| {
        let spec = serve_with_tokens(Some(form));
        let credentials = Credentials::Identity { token: token.to_owned() };
        Registry::new(&client, &spec, credentials).expect("it is set up").pin()
    };
    pin("mine").expect("the token is good");
    let err = pin("other").expect_err("the token is not good");
    assert!(matches!(err, OciError::Unauthorized { has_credentials: true, .. }), "{err:?}");
}

#[track_caller]
fn check_invalid(manifest: &str, expected: Expect) {
    let spec = serve(manifest);
    let client = client();
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    let err = registry.pin().expect_err("it is not a plugin").to_string();
    expected.assert_eq(&err.replace(&spec.registry, "HOST:PORT"));
}

#[test]
fn manifests_that_are_not_plugins_are_refused() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let with = |layers: &str| {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{digest}","size":2}},"layers":[{layers}]}}"#
        )
    };
    let layer = |title: &str, digest: &str, size: i64| {
        format!(
            r#"{{"mediaType":"a/b","digest":"{digest}","size":{size},"annotations":{{"org.opencontainers.image.title":"{title}"}}}}"#
        )
    };
    check_invalid(
        "hello",
        expect![
            "`oci://HOST:PORT/acme/registry:v1` is not a plugin: its manifest is not an OCI manifest or index"
        ],
    );
    check_invalid(
        &with(&layer("../a.so", &digest, 1)),
        expect!["`oci://HOST:PORT/acme/registry:v1` is not a plugin: invalid file name `../a.so`"],
    );
    check_invalid(
        &with(&layer("a.so", &digest, -1)),
        expect!["`oci://HOST:PORT/acme/registry:v1` is not a plugin: `a.so` has a negative size"],
    );
    check_invalid(
        &with(&layer("a.so", "sha512:00", 1)),
        expect![
            "`oci://HOST:PORT/acme/registry:v1` is not a plugin: unsupported digest `sha512:00`"
        ],
    );
    let one = layer("a.so", &digest, 1);
    check_invalid(
        &with(&format!("{one},{one}")),
        expect![
            "`oci://HOST:PORT/acme/registry:v1` is not a plugin: two files have the name `a.so`"
        ],
    );
    // Its only manifest does not match its digest.
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{OCI_IMAGE_MEDIA_TYPE}","digest":"{digest}","size":2}}]}}"#
    );
    let spec = serve(&index);
    let client = client();
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    let err = registry.pin().expect_err("it is another manifest");
    assert!(matches!(&err, OciError::Digest { expected, .. } if *expected == digest), "{err:?}");
}

#[test]
fn signatures_are_found() {
    let Some(server) = Server::start(None) else { return };
    let client = client();
    let spec = server.spec("acme/registry:v1");
    let registry = Registry::new(&client, &spec, Credentials::Anonymous).expect("it is set up");
    registry.push(&targets(), None).expect("it is pushed");
    let pinned = registry.pin().expect("it is there");
    let signature =
        |name: &str| OciSignature { name: name.into(), text: "untrusted comment: x\n".into() };
    let linux = &pinned.platforms[0];
    assert_eq!(registry.signatures(&linux.digest).expect("there are none"), []);
    let (one, two) = (signature("a.so.minisig"), signature("b.so.minisig"));
    registry.push_signature(linux, &one).expect("it is pushed");
    registry.push_signature(linux, &two).expect("it is pushed");
    assert_eq!(registry.signatures(&linux.digest).expect("they are there"), [one, two]);
    let other = &pinned.platforms[1];
    assert_eq!(registry.signatures(&other.digest).expect("there are none"), []);
}

#[test]
fn a_registry_with_a_password_takes_it() {
    // `ada` with the password `hush`, hashed with bcrypt.
    let hashed = "$2b$04$VBo35wupkSQuT/xN.3bko.t2PDm8h18JdLTE0y45gMBahT5sMdVNa";
    let Some(server) = Server::start(Some(hashed)) else { return };
    let client = client();
    let spec = server.spec("acme/registry:v1");
    let with = |credentials| Registry::new(&client, &spec, credentials).expect("it is set up");
    let basic =
        |password: &str| Credentials::Basic { user: "ada".into(), password: password.into() };
    with(basic("hush")).push(&targets(), None).expect("it is pushed");
    with(basic("hush")).pin().expect("it is there");
    let err = with(Credentials::Anonymous).pin().expect_err("it has a password");
    expect![[r#"
        the registry `127.0.0.1:PORT` requires credentials, but Docker has stored none for it
        hint: run `docker login 127.0.0.1:PORT` with an account that has access"#]]
    .assert_eq(&told(&err, &server));
    let err = with(basic("wrong")).pin().expect_err("it has another password");
    expect![[r#"
        the registry `127.0.0.1:PORT` rejected the credentials
        hint: run `docker login 127.0.0.1:PORT` with an account that has access"#]]
    .assert_eq(&told(&err, &server));
    with(basic("wrong")).push(&targets(), None).expect_err("it has another password");
}

#[test]
fn docker_credentials_are_understood() {
    let read = |json: &str| {
        let found = docker_credential::get_credential_from_reader(json.as_bytes(), "ghcr.io");
        Credentials::understand("ghcr.io", found).map_err(|err| err.to_string())
    };
    assert_eq!(read("{}"), Ok(Credentials::Anonymous));
    let auths = r#"{"auths":{"ghcr.io":{"auth":"YWRhOnNlY3JldA=="}}}"#;
    let ada = Credentials::Basic { user: "ada".into(), password: "secret".into() };
    assert_eq!(read(auths), Ok(ada.clone()));
    assert!(!format!("{ada:?}").contains("secret"));
    let token = r#"{"auths":{"ghcr.io":{"identitytoken":"x"}}}"#;
    assert_eq!(read(token), Ok(Credentials::Identity { token: "x".into() }));
    let helper = r#"{"credHelpers":{"ghcr.io":"absent-helper"}}"#;
    expect!["failed to read Docker's credentials for `ghcr.io`: Unable to communicate with credential helper"].assert_eq(&read(helper).expect_err("it is not installed"));
}

#[test]
fn plain_http_is_for_this_machine_alone() {
    for registry in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"] {
        assert!(is_local(registry), "{registry}");
    }
    for registry in ["ghcr.io", "10.0.0.1:5000", "localhost.evil.com", "[::2]"] {
        assert!(!is_local(registry), "{registry}");
    }
}

fn platform(target: Option<&str>, platform: Option<&str>) -> OciPlatform {
    OciPlatform {
        digest: String::new(),
        size: 0,
        target: target.map(str::to_owned),
        platform: platform.map(str::to_owned),
        files: Vec::new(),
    }
}

#[test]
fn a_target_is_chosen_by_its_annotation_first() {
    let pinned = Pinned {
        digest: String::new(),
        version: None,
        platforms: vec![
            platform(Some(LINUX), Some("linux/amd64")),
            platform(Some(MUSL), Some("linux/amd64")),
            platform(None, Some("linux/arm64")),
            platform(None, Some("linux/arm/v7")),
            platform(None, Some("linux/arm/v6")),
            platform(None, Some("windows/amd64")),
        ],
    };
    let chosen = |target: &str| -> Vec<usize> {
        let found = pinned.for_target(target);
        let position = |it: &&OciPlatform| pinned.platforms.iter().position(|own| own == *it);
        found.iter().filter_map(position).collect()
    };
    assert_eq!(chosen(LINUX), [0]);
    assert_eq!(chosen(MUSL), [1]);
    assert_eq!(chosen("aarch64-unknown-linux-gnu"), [2]);
    assert_eq!(chosen("armv7-unknown-linux-gnueabihf"), [3]);
    assert_eq!(chosen("x86_64-pc-windows-msvc"), [5]);
    assert!(chosen(MAC).is_empty());
    assert!(chosen("wasm32-unknown-unknown").is_empty());
    let single =
        Pinned { digest: String::new(), version: None, platforms: vec![platform(None, None)] };
    assert_eq!(single.for_target(MAC).len(), 1);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["", ".", "..", "a/b", "a\\b", "c:a", "a\nb"] {
        assert!(!is_file_name(name), "{name:?}");
    }
    assert!(is_file_name("libplugin-1.0.so"));
}
