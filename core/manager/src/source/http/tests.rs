//! Downloads and redirects, tested with a faulty server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use url::Url;

use super::super::release_server::{Asset, Fault, Release, ReleaseServer};
use super::client::follow;
use super::header::{AUTHORIZATION, HeaderMap};
use super::*;
use crate::digest::sha256;

const REPO: &str = "acme/registry";
const ASSET: &str = "plugin.so";

fn options() -> Options {
    Options {
        connect_limit: Duration::from_secs(5),
        idle_limit: Duration::from_millis(500),
        pauses: vec![Duration::from_millis(1); 2],
        is_interrupted: || false,
        ..Options::new("pintle", "1.2.3")
    }
}

fn client() -> Client {
    Client::new(options(), &|_| None).expect("the client is set up")
}

fn bytes() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// A server with one file, whose content is [`bytes`].
fn server(fault: Option<Fault>) -> ReleaseServer {
    let server = ReleaseServer::start();
    let asset = Asset { name: ASSET.into(), bytes: bytes(), digest: None };
    let release = Release { tag: "v1".into(), assets: vec![asset], ..Release::default() };
    server.release(REPO, release);
    if let Some(fault) = fault {
        server.fault(ASSET, fault);
    }
    server
}

fn url(server: &ReleaseServer) -> Url {
    server.file_url(REPO, "v1", ASSET).parse().expect("it is a URL")
}

struct Case {
    partial: Option<PathBuf>,
    limit: u64,
    expected_len: Option<u64>,
}

impl Case {
    fn run(&self, client: &Client, url: &Url) -> Result<Downloaded, FetchError> {
        let mut progress = |_, _| {};
        let mut download = Download {
            partial: self.partial.clone(),
            limit: self.limit,
            expected_len: self.expected_len,
            progress: &mut progress,
        };
        client.download(url, &HeaderMap::new(), &mut download)
    }
}

fn in_memory() -> Case {
    Case { partial: None, limit: 1 << 20, expected_len: None }
}

fn in_file(dir: &TempDir) -> Case {
    Case { partial: Some(dir.path().join("part")), ..in_memory() }
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("there is a temporary directory")
}

/// Returns the result of a download as text, without the parts that differ between runs.
fn told(server: &ReleaseServer, outcome: Result<Downloaded, FetchError>) -> String {
    let result = match outcome {
        Ok(done) => {
            let content = match done.content {
                Content::Memory(bytes) => bytes,
                Content::File(path) => fs::read(path).expect("the file is there"),
            };
            assert_eq!(done.len, content.len() as u64);
            assert_eq!(done.sha256, sha256(&content), "the hash is that of the content");
            let kind = if content == bytes() { "whole" } else { "other" };
            format!("{kind}: {} bytes", content.len())
        }
        Err(err) => pintle_host::causes::with_causes(&err),
    };
    let requests = server.requests();
    let ranges: Vec<_> = requests.iter().map(|it| it.header("range").unwrap_or("-")).collect();
    // With the colon: a number alone could be a length.
    let port = |text: &str| format!(":{}", text.split(['/', ':']).nth(4).unwrap_or_default());
    let text = format!("{result}; asked for: {}", ranges.join(", "));
    text.replace(&port(&server.url()), ":API").replace(&port(url(server).as_str()), ":FILES")
}

#[track_caller]
fn check(fault: Option<Fault>, case: impl Fn(&TempDir) -> Case, expected: Expect) {
    let (server, dir) = (server(fault), dir());
    let outcome = case(&dir).run(&client(), &url(&server));
    expected.assert_eq(&told(&server, outcome));
    let left = fs::read_dir(dir.path()).expect("the directory is ours").count();
    assert!(left <= 2, "the file and its record, no more");
}

#[test]
fn a_file_is_downloaded_to_memory_and_to_disk() {
    check(None, |_| in_memory(), expect!["whole: 400000 bytes; asked for: -"]);
    check(None, in_file, expect!["whole: 400000 bytes; asked for: -"]);
}

#[test]
fn a_broken_connection_is_resumed() {
    check(
        Some(Fault::BreaksAfter(1000)),
        |_| in_memory(),
        expect!["whole: 400000 bytes; asked for: -, bytes=1000-"],
    );
    check(
        Some(Fault::BreaksAfter(1000)),
        in_file,
        expect!["whole: 400000 bytes; asked for: -, bytes=1000-"],
    );
}

#[test]
fn without_a_strong_etag_a_download_begins_again() {
    check(Some(Fault::NoEtag(1000)), in_file, expect!["whole: 400000 bytes; asked for: -, -"]);
    check(Some(Fault::WeakEtag(1000)), in_file, expect!["whole: 400000 bytes; asked for: -, -"]);
}

#[test]
fn a_server_that_ignores_ranges_restarts_the_download() {
    check(
        Some(Fault::IgnoresRange(1000)),
        in_file,
        expect!["whole: 400000 bytes; asked for: -, bytes=1000-"],
    );
}

#[test]
fn a_file_that_changes_is_downloaded_again() {
    check(
        Some(Fault::ChangesAfter(1000)),
        in_file,
        expect!["other: 400000 bytes; asked for: -, bytes=1000-"],
    );
}

#[test]
fn three_attempts_are_made() {
    check(
        Some(Fault::AlwaysBreaksAfter(1000)),
        in_file,
        expect![
            "the connection broke while fetching `http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…`: end of file before message length reached; asked for: -, bytes=1000-, bytes=2000-"
        ],
    );
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    check(
        Some(Fault::HangsAfter(1000)),
        |_| in_memory(),
        expect![
            "timed out after 500ms waiting for data from `http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…`; asked for: -, bytes=1000-, bytes=2000-"
        ],
    );
}

#[test]
fn wrong_lengths_are_errors() {
    let known = |_: &TempDir| Case { expected_len: Some(400_000), ..in_memory() };
    check(
        Some(Fault::WrongLength(500_000)),
        |_| in_memory(),
        expect![
            "wrong length of `http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…`: expected 500000 bytes, received 400000; asked for: -, bytes=400000-"
        ],
    );
    check(
        Some(Fault::WrongLength(300_000)),
        known,
        expect![
            "wrong length of `http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…`: expected 400000 bytes, received 300000; asked for: -"
        ],
    );
    check(
        Some(Fault::Truncated(1000)),
        known,
        expect![
            "wrong length of `http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…`: expected 400000 bytes, received 3000; asked for: -, bytes=1000-, bytes=2000-"
        ],
    );
    let other = |_: &TempDir| Case { expected_len: Some(12), ..in_memory() };
    check(
        None,
        other,
        expect![
            "wrong length of `http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…`: expected 12 bytes, received 400000; asked for: -"
        ],
    );
}

#[test]
fn what_is_larger_than_the_limit_is_refused() {
    let small = |dir: &TempDir| Case { limit: 2000, ..in_file(dir) };
    check(
        None,
        small,
        expect![
            "`http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…` is larger than the limit of 2000 bytes; asked for: -"
        ],
    );
    // The server announces no length.
    check(
        Some(Fault::Truncated(3000)),
        small,
        expect![
            "`http://127.0.0.1:FILES/files/acme/registry/0/plugin.so?…` is larger than the limit of 2000 bytes; asked for: -"
        ],
    );
}

#[test]
fn the_next_process_resumes() {
    let (server, dir) = (server(Some(Fault::AlwaysBreaksAfter(100_000))), dir());
    let case = in_file(&dir);
    let outcome = case.run(&client(), &url(&server));
    assert!(matches!(outcome, Err(FetchError::Broken { .. })), "{outcome:?}");
    server.fix(ASSET);
    server.forget_requests();
    let outcome = case.run(&client(), &url(&server));
    expect!["whole: 400000 bytes; asked for: bytes=300000-"].assert_eq(&told(&server, outcome));
    assert!(!record(&dir).exists(), "a whole file has no record");
}

#[test]
fn what_belongs_to_another_url_is_not_resumed() {
    let (server, dir) = (server(None), dir());
    let case = in_file(&dir);
    fs::write(dir.path().join("part"), [0; 1000]).expect("the directory is ours");
    let other = format!("{{\"url\":\"{}\",\"etag\":\"\\\"1\\\"\"}}", "0".repeat(64));
    fs::write(record(&dir), other).expect("the directory is ours");
    let outcome = case.run(&client(), &url(&server));
    expect!["whole: 400000 bytes; asked for: -"].assert_eq(&told(&server, outcome));
}

#[test]
fn a_whole_file_is_not_sent_again() {
    let (server, dir) = (server(None), dir());
    let case = in_file(&dir);
    server.fault(ASSET, Fault::AlwaysBreaksAfter(10));
    case.run(&client(), &url(&server)).expect_err("the connection breaks");
    server.fix(ASSET);
    fs::write(dir.path().join("part"), bytes()).expect("the directory is ours");
    server.forget_requests();
    let outcome = case.run(&client(), &url(&server));
    expect!["whole: 400000 bytes; asked for: bytes=400000-"].assert_eq(&told(&server, outcome));
}

#[cfg(unix)]
#[test]
fn a_partial_file_is_not_written_through_a_link() {
    let (server, dir) = (server(None), dir());
    let other = dir.path().join("other");
    fs::write(&other, "mine").expect("the directory is ours");
    std::os::unix::fs::symlink(&other, dir.path().join("part")).expect("the directory is ours");
    let err = in_file(&dir).run(&client(), &url(&server)).expect_err("it is a link");
    assert!(matches!(err, FetchError::File { .. }), "{err:?}");
    assert_eq!(fs::read(&other).expect("it is there"), b"mine");
}

fn record(dir: &TempDir) -> PathBuf {
    dir.path().join("part.origin")
}

static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

#[test]
fn an_interrupt_ends_a_download_and_keeps_what_has_come() {
    let (server, dir) = (server(Some(Fault::HangsAfter(1000))), dir());
    let options = Options {
        is_interrupted: || IS_INTERRUPTED.load(Ordering::SeqCst),
        idle_limit: Duration::from_secs(60),
        ..options()
    };
    let client = Client::new(options, &|_| None).expect("the client is set up");
    let start = Instant::now();
    let mut progress = |n, _| IS_INTERRUPTED.store(n == 1000, Ordering::SeqCst);
    let path = dir.path().join("part");
    let mut download = Download {
        partial: Some(path.clone()),
        limit: 1 << 20,
        expected_len: None,
        progress: &mut progress,
    };
    let outcome = client.download(&url(&server), &HeaderMap::new(), &mut download);
    assert!(matches!(outcome, Err(FetchError::Interrupted { .. })), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(fs::read(path).expect("it is kept").len(), 1000);
    assert!(record(&dir).exists());
}

#[test]
fn progress_is_reported_and_grows() {
    let server = server(Some(Fault::BreaksAfter(1000)));
    let mut seen = Vec::new();
    let mut progress = |n, total| seen.push((n, total));
    let mut download =
        Download { partial: None, limit: 1 << 20, expected_len: None, progress: &mut progress };
    client().download(&url(&server), &HeaderMap::new(), &mut download).expect("it is resumed");
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&(400_000, Some(400_000))));
}

#[test]
fn credentials_stay_with_their_host() {
    let server = server(None);
    let api: Url = format!("{}repos/acme/registry/releases/assets/0/{ASSET}", server.url())
        .parse()
        .expect("it is a URL");
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, "Bearer secret".parse().expect("it is a header"));
    let answer = client().get(&api, &headers, 1 << 20).expect("the server answers");
    assert_eq!(answer.status, 200);
    let requests = server.requests();
    let seen: Vec<_> =
        requests.iter().map(|it| (it.is_at_files, it.header("authorization"))).collect();
    assert_eq!(seen, [(false, Some("Bearer secret")), (true, None)]);
    assert!(requests.iter().all(|it| it.header("user-agent") == Some("pintle/1.2.3")));
}

#[test]
fn redirects_have_an_end() {
    let server = server(Some(Fault::Loops));
    let api = format!("{}repos/acme/registry/releases/assets/0/{ASSET}", server.url());
    let api = api.parse().expect("it is a URL");
    let err = client().get(&api, &HeaderMap::new(), 1 << 20).expect_err("it never ends");
    assert!(err.to_string().ends_with("is not followed: there are too many redirects"), "{err}");
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn a_failing_server_is_asked_again() {
    let server = server(Some(Fault::Fails(2)));
    let api = format!("{}repos/acme/registry/releases/assets/0/{ASSET}", server.url());
    let api = api.parse().expect("it is a URL");
    let answer = client().get(&api, &HeaderMap::new(), 1 << 20).expect("the server answers");
    assert_eq!(answer.status, 200);
    let outcome = {
        server.fault(ASSET, Fault::Fails(9));
        in_memory().run(&client(), &api)
    };
    let err = outcome.expect_err("the server fails");
    let text = err.to_string().replace(&server.url(), "API/");
    expect!["the server failed: `API/repos/acme/registry/releases/assets/0/plugin.so` (HTTP status 503): Unavailable"].assert_eq(&text);
}

#[track_caller]
fn check_error(client: &Client, url: &str, expected: Expect) {
    let url = url.parse().expect("it is a URL");
    let err = client.get(&url, &HeaderMap::new(), 1000).expect_err("nothing can be fetched");
    let text = pintle_host::causes::with_causes(&err);
    let hint = err.hint().unwrap_or_default();
    expected.assert_eq(&format!("{text}\nhint: {hint}"));
}

#[test]
fn errors_name_the_url_without_its_secrets() {
    let client = client();
    let url = "https://ada:secret@name.invalid/a?token=secret".parse().expect("it is a URL");
    let err = client.get(&url, &HeaderMap::new(), 1000).expect_err("there is no such host");
    assert_eq!(err.to_string(), "unknown host `name.invalid` in `https://name.invalid/a?…`");
    check_error(
        &client,
        "http://127.0.0.1:1/a",
        expect![[r#"
        failed to connect to `127.0.0.1:1` for `http://127.0.0.1:1/a`: Connection refused (os error 111)
        hint: check your network connection, or set HTTPS_PROXY if a proxy is required"#]],
    );
    check_error(
        &client,
        "ftp://127.0.0.1/a",
        expect![[r#"
        invalid URL `ftp://127.0.0.1/a`: unsupported scheme `ftp`
        hint: "#]],
    );
    let server = server(None);
    let answer = client.get(
        &format!("{}?secret", server.url()).parse().expect("it is a URL"),
        &HeaderMap::new(),
        1000,
    );
    let url = "http://host/a?secret".parse().expect("it is a URL");
    let err = answer.expect("the server answers").accept(&url).expect_err("there is nothing");
    expect!["not found: `http://host/a?…` (HTTP status 404): Not Found"]
        .assert_eq(&err.to_string());
}

#[test]
fn a_server_without_tls_is_a_tls_error() {
    let server = server(None);
    let url = server.url().replace("http://", "https://");
    let url = url.parse().expect("it is a URL");
    let err = client().get(&url, &HeaderMap::new(), 1000).expect_err("it has no TLS");
    assert!(matches!(err, FetchError::Tls { is_untrusted: false, .. }), "{err:?}");
    assert_eq!(err.hint().as_deref(), Some("check that the server supports HTTPS at this port"));
}

/// Serves one connection over TLS, with a certificate from the authority in `testdata`, whose key
/// no longer exists.
fn serve_tls() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket can be had");
    let port = listener.local_addr().expect("the socket is bound").port();
    let certificate = CertificateDer::from_pem_slice(include_bytes!("testdata/server.pem"));
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("testdata/server.key"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("it is a certificate")],
            key.expect("it is a key"),
        )
        .expect("they belong together");
    let config = Arc::new(config);
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the client connects");
        let connection = rustls::ServerConnection::new(config).expect("the config is valid");
        let mut tls = rustls::StreamOwned::new(connection, stream);
        let mut request = [0; 4096];
        if tls.read(&mut request).is_ok() {
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    format!("https://127.0.0.1:{port}/").parse().expect("it is a URL")
}

#[test]
fn an_authority_of_the_users_own_is_trusted_when_it_is_given() {
    let err = client().get(&serve_tls(), &HeaderMap::new(), 1000).expect_err("it is unknown");
    assert!(matches!(err, FetchError::Tls { is_untrusted: true, .. }), "{err:?}");
    assert!(err.hint().is_some_and(|it| it.contains("SSL_CERT_FILE")));
    let dir = dir();
    let path = dir.path().join("ca.pem");
    fs::write(&path, include_bytes!("testdata/ca.pem")).expect("the directory is ours");
    let options = Options { authorities: Some(path), ..options() };
    let client = Client::new(options, &|_| None).expect("the client is set up");
    let answer = client.get(&serve_tls(), &HeaderMap::new(), 1000).expect("it is trusted");
    assert_eq!(answer.body, b"ok");
}

#[test]
fn an_answer_has_a_limit() {
    let server = server(None);
    let err = client().get(&url(&server), &HeaderMap::new(), 1000).expect_err("it is larger");
    assert!(matches!(err, FetchError::TooLarge { limit: 1000, .. }), "{err:?}");
}

#[test]
fn a_proxy_is_used_and_named_when_it_fails() {
    let proxied = |value: &'static str| {
        Client::new(options(), &|name| (name == "HTTP_PROXY").then(|| value.to_owned()))
            .expect("the client is set up")
    };
    check_error(
        &proxied("http://ada:secret@127.0.0.1:1"),
        "http://example.invalid/a",
        expect![[r#"
        the proxy `http://127.0.0.1:1/` failed for `http://example.invalid/a`: Connection refused (os error 111)
        hint: check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY lists hosts without a proxy"#]],
    );
    // The stand-in interprets the whole URL as a path, so it is a proxy that knows no host.
    let server = server(None);
    let address = server.url();
    let client = Client::new(options(), &|name| (name == "http_proxy").then(|| address.clone()));
    let url = "http://example.invalid/a".parse().expect("it is a URL");
    let client = client.expect("the client is set up");
    let answer = client.get(&url, &HeaderMap::new(), 1000).expect("the proxy answers");
    assert_eq!(answer.status, 404);
    assert_eq!(server.requests()[0].path, "http://example.invalid/a");
}

#[test]
fn a_file_of_authorities_must_have_some() {
    let with = |path: &Path| {
        let options = Options { authorities: Some(path.to_owned()), ..options() };
        Client::new(options, &|_| None).map(drop)
    };
    let dir = dir();
    let path = dir.path().join("ca.pem");
    fs::write(&path, "nothing").expect("the directory is ours");
    let err = with(&path).expect_err("it has none");
    let text = pintle_host::causes::with_causes(&err);
    assert!(text.ends_with("the file contains no PEM certificate"), "{text}");
    with(&dir.path().join("absent")).expect_err("there is no file");
}

#[test]
fn nothing_goes_from_https_to_http() {
    let from = "https://a/x?secret".parse().expect("it is a URL");
    let told = |location| match follow(&from, location) {
        Ok(it) => it.to_string(),
        Err(err) => err.to_string(),
    };
    assert_eq!(told("/y"), "https://a/y");
    assert_eq!(told("https://b/y"), "https://b/y");
    expect!["the redirect of `https://a/x?…` to `http://a/y?…` is not followed: it leads from HTTPS to unencrypted HTTP"].assert_eq(&told("http://a/y?secret"));
    expect!["the redirect of `https://a/x?…` to `file:///etc/passwd` is not followed: only HTTP and HTTPS are supported"].assert_eq(&told("file:///etc/passwd"));
    expect![
        "the redirect of `https://a/x?…` to `?` is not followed: its location is not a valid URL"
    ]
    .assert_eq(&told("https://"));
}
