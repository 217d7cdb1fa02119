//! The manager with remote, silent, verbose or dishonest servers.

use crate::control_plane;
use crate::plugin_manager::{Harbour, Registry, Signer, asset, program, release};
use crate::program_kit::has;
use crate::release_server::{Asset, ReleaseServer};
use crate::support::{Output, Sandbox, first_line};
use expect_test::expect;
use pintle_plugin::manifest::TARGET;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Answers each request with a function of its head, and returns the port.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket is available");
    let port = listener.local_addr().expect("it is bound").port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let _ = (&client).write_all(&answer(&head_of(&client)));
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

/// Reads a request up to its body.
fn head_of(client: &TcpStream) -> String {
    let lines = BufReader::new(client).lines().map_while(Result::ok);
    lines.take_while(|it| !it.is_empty()).map(|it| it + "\n").collect()
}

fn reply(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A program that is the plugin `NAME.example.org`.
fn named(name: &str) -> String {
    program("1.0.0", name).replace("hello.example.org", &format!("{name}.example.org"))
}

#[track_caller]
fn assert_without(out: &Output, secret: &str) {
    let is_shown = [&out.stdout, &out.stderr].iter().any(|it| it.contains(secret));
    assert!(!is_shown, "`{secret}` is shown:\n{out}");
}

#[test]
fn the_query_of_an_address_is_kept_and_never_shown() {
    const SECRET: &str = "open-sesame";
    let port = serve(|head| match head.split_once("open-sesame").map(|it| it.0) {
        Some("GET /hello.sh?token=") => reply("200 OK", program("1.0.0", "hello")),
        Some("GET /other.sh?token=") => reply("200 OK", program("2.0.0", "hello")),
        Some(_) => reply("403 Forbidden", "{\"message\":\"open-sesame opens nothing here\"}"),
        None => reply("404 Not Found", ""),
    });
    let sandbox = Sandbox::new();
    let at = |name: &str| format!("http://127.0.0.1:{port}/{name}?token={SECRET}");
    let run = |args: &[&str]| {
        let out = sandbox.run(args);
        assert_without(&out, SECRET);
        out
    };
    let hello = at("hello.sh");
    let wrong = format!("sha256:{}", "0".repeat(64));
    assert_eq!(run(&["plugin", "install", &hello, "--sha256", &wrong]).code(), 3);
    let out = run(&["plugin", "install", &hello]).success();
    let shown = format!("from `http://127.0.0.1:{port}/hello.sh?…`");
    assert!(out.stdout.contains(&shown), "{out}");
    assert_eq!(run(&["hello"]).success().stdout, "hello 1.0.0\n");
    for args in [
        &["plugin", "why", "hello"][..],
        &["plugin", "why", "hello", "-o", "json"],
        &["plugin", "list", "--all"],
        &["plugin", "list", "-o", "json"],
        &["plugin", "verify"],
        &["plugin", "outdated"],
        &["plugin", "update"],
    ] {
        let _ = run(args).success();
    }
    // Another source, a refusal that repeats the token, and a file that cannot be mirrored.
    assert_eq!(run(&["plugin", "install", &at("other.sh")]).code(), 3);
    let out = run(&["plugin", "install", &at("missing.sh")]);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("… opens nothing here"), "{out}");
    assert_eq!(run(&["plugin", "mirror", "mirror", &hello]).code(), 1);
    // The lock file has the whole address: otherwise, other users could not fetch it.
    let lock = sandbox.path("home/.local/share/pintle/plugins/plugins.lock");
    let text = fs::read_to_string(&lock).expect("it is there");
    assert!(text.contains(&hello), "{text}");
    fs::copy(&lock, sandbox.work().join("team.lock")).expect("the file can be copied");
    let offline = ["plugin", "sync", "--lock", "team.lock", "--offline"];
    let _ = run(&["plugin", "remove", "hello"]).success();
    assert_eq!(run(&offline).code(), 1);
    let _ = run(&offline[..4]).success();
}

#[test]
fn a_server_that_repeats_a_token_does_not_get_it_shown() {
    let port = serve(|head| {
        let token = head.lines().find_map(|it| it.strip_prefix("authorization: Bearer "));
        let message = format!("who is {}?\u{1b}[2J", token.unwrap_or("nobody"));
        reply("403 Forbidden", format!("{{\"message\":{}}}", json(&message)))
    });
    let sandbox = Sandbox::new()
        .env("PINTLE_GITHUB_API", format!("http://127.0.0.1:{port}/"))
        .env("GH_ENTERPRISE_TOKEN", "open-sesame");
    let out = sandbox.run(["plugin", "install", "acme/hello"]);
    assert_eq!(out.code(), 1, "{out}");
    assert!(out.stderr.contains("who is …?"), "{out}");
    assert_without(&out, "open-sesame");
    assert_without(&out, "\u{1b}");
}

/// Returns a text as JSON.
fn json(text: &str) -> String {
    serde_json::to_string(text).expect("the text is JSON")
}

#[test]
fn a_name_that_could_steer_the_terminal_is_refused_and_never_shown_as_it_is() {
    let names = |head: &str| match head {
        it if it.contains("acme/one/") => vec![format!("one-{TARGET}\u{1b}[2J.tar.gz")],
        it if it.contains("acme/none/") => vec!["a\u{1b}[2J.zip".into(), "b\r.zip".into()],
        it if it.contains("acme/two/") => {
            ["a", "b"].map(|it| format!("{it}-{TARGET}\u{1b}[2J.tar.gz")).to_vec()
        }
        _ => vec![format!("tag-{TARGET}.sh")],
    };
    let port = serve(move |head| {
        let asset = |name: String| {
            format!(
                "{{\"name\":{},\"url\":\"http://127.0.0.1:1/\",\"size\":3,\"digest\":null,\
                 \"browser_download_url\":\"http://127.0.0.1:1/\",\"state\":\"uploaded\",\
                 \"content_type\":\"application/octet-stream\"}}",
                json(&name)
            )
        };
        let assets: Vec<_> = names(head).into_iter().map(asset).collect();
        let body = format!(
            "{{\"tag_name\":{},\"draft\":false,\"prerelease\":false,\"immutable\":false,\
             \"published_at\":\"2026-01-02T03:04:05Z\",\"assets\":[{}]}}",
            json("v1\u{1b}[2J"),
            assets.join(",")
        );
        reply("200 OK", body)
    });
    let api = format!("http://127.0.0.1:{port}/");
    let sandbox = Sandbox::new().env("PINTLE_GITHUB_API", api);
    for (repo, code) in [("one", 3), ("none", 1), ("two", 1), ("tag", 1)] {
        let out = sandbox.run(["plugin", "install", &format!("acme/{repo}")]);
        assert_eq!(out.code(), code, "{out}");
        let is_raw = |it: char| it.is_control() && it != '\n';
        assert!(!out.stderr.contains(is_raw) && !out.stdout.contains(is_raw), "{out:?}");
    }
    assert!(!sandbox.path("home/.local/share/pintle/plugins/acme").exists());
}

#[test]
fn a_lock_file_that_calls_a_release_signed_does_not_make_it_so() {
    let harbour = Harbour::new(&["1.0.0"]);
    let Some(signer) = Signer::new(&harbour.sandbox, "ours") else { return };
    let _ = harbour.sandbox.run(["plugin", "install", "acme/hello"]).success();
    let lock = fs::read_to_string(harbour.store().join("plugins.lock")).expect("it is there");
    let honest = ".trust = \"digest\"";
    assert!(lock.contains(honest), "{lock}");
    let key = fs::read_to_string(signer.path("pub")).expect("it was created");
    let key = key.lines().nth(1).expect("a key has two lines");
    let forged = ".trust = \"signed\"";
    let with_key = format!("{forged}\n\"hello.example.org\".key = \"{key}\"");
    for forged in [forged, &with_key] {
        let sandbox = Sandbox::new().env("PINTLE_GITHUB_API", harbour.server.url());
        fs::write(sandbox.work().join("team.lock"), lock.replace(honest, forged))
            .expect("the file is accessible");
        let out = sandbox.run(["plugin", "sync", "--lock", "team.lock"]);
        assert_eq!(out.code(), 3, "{out}");
        assert!(out.stderr.contains("its trust is `digest`, but was `signed` before"), "{out}");
        assert_eq!(sandbox.run(["hello"]).code(), 2);
        assert!(!sandbox.path("home/.local/share/pintle/plugins/acme").exists());
    }
}

#[test]
fn a_sync_that_fails_leaves_nothing_of_the_plugin_that_failed() {
    let harbour = Harbour::new(&["1.0.0"]);
    let other = asset(&format!("other-{TARGET}.sh"), named("other"));
    harbour.server.release("acme/other", release("v1.0.0", vec![other]));
    let sandbox = &harbour.sandbox;
    for source in ["acme/hello", "acme/other"] {
        let install = ["plugin", "install", "--project", source];
        let _ = sandbox.run(install).success();
    }
    let lock = sandbox.work().join(".pintle/plugins.lock");
    let text = fs::read_to_string(&lock).expect("it is there");
    let line = text
        .lines()
        .find(|it| it.contains(&format!("other.example.org\".targets.{TARGET}.archive")));
    let line = line.expect("the lock has the digest");
    let right = line.split('"').rev().nth(1).expect("it is in quotes");
    let wrong = format!("sha256:{}", "0".repeat(64));

    let theirs = Sandbox::new().env("PINTLE_GITHUB_API", harbour.server.url());
    fs::create_dir(theirs.work().join(".pintle")).expect("the directory is new");
    let theirs_lock = theirs.work().join(".pintle/plugins.lock");
    fs::write(&theirs_lock, text.replace(right, &wrong)).expect("it is accessible");
    let out = theirs.run(["plugin", "sync", "--locked"]);
    assert_eq!(out.code(), 3, "{out}");
    let failure = "failed to install `acme/other` while comparing its digest";
    assert!(out.stderr.contains(failure), "{out}");
    let store = theirs.path("home/.local/share/pintle/plugins");
    assert!(!store.join("acme/other").exists() && !store.join(".store/projects").exists());
    for command in ["hello", "other"] {
        assert_eq!(theirs.run([command]).code(), 2);
    }
    // With the correct lock file, the other plugins follow.
    fs::write(&theirs_lock, text).expect("it is accessible");
    let out = theirs.run(["plugin", "sync", "--locked"]).success();
    assert!(out.stdout.contains("2 plugins as locked, 1 installed"), "{out}");
    assert_eq!(theirs.run(["other"]).success().stdout, "hello 1.0.0\n");
}

#[test]
fn a_server_that_lets_wait_is_named() {
    let port = serve(|_| {
        thread::sleep(Duration::from_millis(1500));
        reply("404 Not Found", "{}")
    });
    let api = format!("http://127.0.0.1:{port}/");
    let sandbox = Sandbox::new().env("PINTLE_GITHUB_API", api);
    let out = sandbox.run(["plugin", "install", "acme/hello"]);
    assert_eq!(out.code(), 1, "{out}");
    let asking = format!("asking 127.0.0.1:{port}\n");
    assert!(out.stderr.starts_with(&asking), "{out}");
    let url = format!("http://127.0.0.1:{port}/hello.sh");
    let out = sandbox.run(["plugin", "install", &url]);
    assert!(out.stderr.starts_with(&asking), "{out}");
    let out = sandbox.run(["plugin", "install", "acme/hello", "--quiet"]);
    assert!(!out.stderr.contains("asking"), "{out}");
}

#[test]
fn several_sources_are_asked_at_the_same_time_and_answer_in_order() {
    let names: Vec<_> = (0..20).map(|it| format!("p{it:02}")).collect();
    let mut sandbox = Sandbox::new();
    let server = ReleaseServer::start();
    for name in &names {
        let bytes = named(name).into_bytes();
        let file = format!("{name}-{TARGET}.sh");
        let file = Asset { name: file, digest: None, bytes };
        server.release(&format!("acme/{name}"), release("v1.0.0", vec![file]));
    }
    sandbox.set_env("PINTLE_GITHUB_API", server.url());
    let sources = names.iter().map(|it| format!("acme/{it}"));
    let install = ["plugin", "install"].map(str::to_owned).into_iter().chain(sources);
    let _ = sandbox.run(install).success();
    fs::remove_dir_all(sandbox.path("home/.cache/pintle/github")).expect("it is there");

    let (n_now, n_most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, most) = (Arc::clone(&n_now), Arc::clone(&n_most));
    let port = serve(move |_| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(200));
        now.fetch_sub(1, Ordering::SeqCst);
        reply("404 Not Found", "{}")
    });
    sandbox.set_env("PINTLE_GITHUB_API", format!("http://127.0.0.1:{port}/"));
    for command in ["outdated", "update"] {
        n_most.store(0, Ordering::SeqCst);
        let out = sandbox.run(["plugin", command]);
        assert_eq!(out.code(), 1, "{out}");
        let failed = out.stderr.lines().filter(|it| it.starts_with("error: "));
        let named: Vec<_> = failed
            .map(|line| names.iter().find(|it| line.contains(it.as_str())).expect(line))
            .collect();
        assert_eq!(named, names.iter().collect::<Vec<_>>(), "{out}");
        let n_most = n_most.load(Ordering::SeqCst);
        assert!((4..=8).contains(&n_most), "{n_most} at the same time");
    }
}

/// A TLS web server whose certificate is from its own authority.
struct Far {
    child: Child,
    port: u16,
}

impl Far {
    /// Serves the directory that the sandbox's host runs in.
    fn start(sandbox: &Sandbox) -> Option<Self> {
        if !has("openssl") || !has("python3") {
            return None;
        }
        let script = "
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                -subj /CN=authority -keyout ca.key -out ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
                -subj /CN=far.example -keyout key.pem -out request.pem
            printf 'subjectAltName=DNS:far.example,DNS:localhost,IP:127.0.0.1' >names
            openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial \
                -days 2 -extfile names -out cert.pem";
        let _ = sandbox.script(&[], script).success();
        let server = "
import http.server, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()";
        let mut command = Command::new("python3");
        command.args(["-c", server]).current_dir(sandbox.work());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python3 starts");
        let line = first_line(child.stdout.take().expect("it is a pipe"));
        let port = line.parse().expect("it prints its port");
        Some(Self { child, port })
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy that only connects, to one port of this machine regardless of the requested address;
/// returns its port and the requested addresses.
fn proxy(to: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket is available");
    let port = listener.local_addr().expect("it is bound").port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let asked = Arc::clone(&seen);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let asked = Arc::clone(&asked);
            thread::spawn(move || {
                let head = head_of(&client);
                let line = head.lines().next().unwrap_or_default().to_owned();
                asked.lock().expect("no thread panics while it holds the lock").push(line);
                tunnel(&client, to)
            });
        }
    });
    (port, seen)
}

fn tunnel(mut client: &TcpStream, to: u16) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", to))?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    io::copy(&mut &server, &mut client)?;
    client.shutdown(Shutdown::Both)
}

#[test]
fn own_authorities_are_trusted_and_proxies_are_used() {
    let mut sandbox = Sandbox::new();
    let Some(far) = Far::start(&sandbox) else { return };
    fs::write(sandbox.work().join("hello.sh"), program("1.0.0", "hello"))
        .expect("the file is accessible");
    let near = format!("https://localhost:{}/hello.sh", far.port);
    let out = sandbox.run(["plugin", "install", &near]);
    let text = out.to_string().replace(&far.port.to_string(), "[PORT]");
    expect![[r#"
        --- stderr ---
        error: failed to install `https://localhost:[PORT]/hello.sh` while looking for the release
          caused by: failed to establish a trusted connection to `localhost:[PORT]` for `https://localhost:[PORT]/hello.sh.minisig`
          caused by: invalid peer certificate: UnknownIssuer
        hint: if your network uses its own certificate authority, set SSL_CERT_FILE to a file with its certificate
        [exit 1]
    "#]].assert_eq(&text);

    sandbox.set_env("SSL_CERT_FILE", sandbox.work().join("ca.pem"));
    let _ = sandbox.run(["plugin", "install", &near]).success();
    assert_eq!(sandbox.run(["hello"]).success().stdout, "hello 1.0.0\n");
    let _ = sandbox.run(["plugin", "remove", "hello"]).success();

    // No name server knows this host: only the proxy reaches it.
    let (port, seen) = proxy(far.port);
    let asked =
        || std::mem::take(&mut *seen.lock().expect("no thread panics while it holds the lock"));
    sandbox.set_env("HTTPS_PROXY", format!("http://127.0.0.1:{port}"));
    let _ = sandbox.run(["plugin", "install", "https://far.example/hello.sh"]).success();
    let lines = asked();
    let is_connect = |it: &String| it == "CONNECT far.example:443 HTTP/1.1";
    assert!(!lines.is_empty() && lines.iter().all(is_connect), "{lines:?}");
    let _ = sandbox.run(["plugin", "remove", "hello"]).success();

    sandbox.set_env("NO_PROXY", "localhost");
    let _ = sandbox.run(["plugin", "install", &near]).success();
    assert_eq!(asked(), Vec::<String>::new());
    // The proxy has stopped.
    sandbox.set_env("HTTPS_PROXY", "http://ada:open-sesame@127.0.0.1:1");
    let out = sandbox.run(["plugin", "install", "https://far.example/hello.sh"]);
    assert_without(&out, "open-sesame");
    expect![[r#"
        --- stderr ---
        error: failed to install `https://far.example/hello.sh` while looking for the release
          caused by: the proxy `http://127.0.0.1:1/` failed for `https://far.example/hello.sh.minisig`
          caused by: Connection refused (os error 111)
        hint: check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY lists hosts without a proxy
        [exit 1]
    "#]].assert_eq(&out.to_string());
}

/// A registry client from another project.
struct Oras<'a> {
    sandbox: &'a Sandbox,
    program: std::path::PathBuf,
}

impl<'a> Oras<'a> {
    fn new(sandbox: &'a Sandbox) -> Option<Self> {
        Some(Self { sandbox, program: control_plane::program("oras")? })
    }

    /// Runs it in the directory of the sandbox's host, with arguments that are split at blanks.
    #[track_caller]
    fn run(&self, line: &str) -> String {
        let mut command = Command::new(&self.program);
        command.args(line.split(' ')).current_dir(self.sandbox.work());
        let out = command.env("HOME", self.sandbox.path("home")).output().expect("oras starts");
        assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

#[test]
fn what_another_client_pushes_is_installed_and_what_we_push_it_pulls() {
    const TYPE: &str = "--plain-http --artifact-type application/vnd.pintle";
    const VERSION: &str = "--annotation org.opencontainers.image.version=1.0.0";
    let harbour = Harbour::new(&["1.0.0"]);
    let sandbox = &harbour.sandbox;
    let Some(oras) = Oras::new(sandbox) else { return };
    let Some(signer) = Signer::new(sandbox, "ours") else { return };
    let Some(registry) = Registry::start(sandbox) else { return };
    let host = format!("127.0.0.1:{}", registry.port);
    let write = |file: &Asset| {
        fs::write(sandbox.work().join(&file.name), &file.bytes).expect("the directory is writable");
    };

    // One program for all platforms, without an index.
    let file = asset("hello.sh", program("1.0.0", "hello"));
    write(&file);
    oras.run(&format!("push {TYPE}.plugin.v1 {VERSION} {host}/acme/one:latest hello.sh"));
    let _ = sandbox.run(["plugin", "install", &format!("oci://{host}/acme/one")]).success();
    assert_eq!(sandbox.run(["hello"]).success().stdout, "hello 1.0.0\n");
    let _ = sandbox.run(["plugin", "remove", "hello"]).success();

    // Two targets with an index, and a signature for ours.
    let file = Asset { name: format!("hello-{TARGET}.sh"), ..file };
    let signature = signer.sign("1.0.0", &file);
    let other = asset("hello-other.sh", *b"#!/bin/sh\n");
    [&file, &signature, &other].into_iter().for_each(write);
    let repo = format!("{host}/acme/hello");
    for (tag, platform, target, name) in [
        ("ours", "linux/amd64", TARGET, &file.name),
        ("other", "darwin/arm64", "aarch64-apple-darwin", &other.name),
    ] {
        oras.run(&format!(
            "push {TYPE}.plugin.v1 {VERSION} --artifact-platform {platform} --annotation \
             pintle.dev/target={target} {repo}:{tag} {name}:application/octet-stream"
        ));
    }
    oras.run(&format!("manifest index create {TYPE}.plugin.v1 {VERSION} {repo}:1.0.0 ours other"));
    oras.run(&format!("attach {TYPE}.signature.v1 {repo}:ours {}", signature.name));
    let key = fs::read_to_string(signer.path("pub")).expect("it was created");
    let key = key.lines().nth(1).expect("a key has two lines");
    let source = format!("oci://{repo}:1.0.0");
    let out = sandbox.run(["plugin", "install", &source, "--key", key]).success();
    assert!(out.stdout.contains("(trust: signed)"), "{out}");
    let why = sandbox.run(["plugin", "why", "hello"]).success();
    assert!(why.stdout.contains("targets  aarch64-apple-darwin, [TARGET]\n"), "{why}");
    assert_eq!(sandbox.run(["hello"]).success().stdout, "hello 1.0.0\n");

    // It finds the content of our mirror by its platform.
    let mirror = format!("oci://{host}/mirror");
    let _ = sandbox.run(["plugin", "mirror", &mirror, "acme/hello"]).success();
    let mirrored = format!("{host}/mirror/acme/hello:1.0.0");
    oras.run(&format!("pull --plain-http --platform darwin/arm64 -o pulled {mirrored}"));
    let pulled = sandbox.work().join("pulled/hello-1.0.0-aarch64-apple-darwin.tar.gz");
    assert_eq!(fs::read(pulled).expect("it was pulled"), b"apples");
}
