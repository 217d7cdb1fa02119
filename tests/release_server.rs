//! A stand-in for GitHub: the API for releases on one port, the files themselves on another.
//!
//! It implements what the manager relies on: `latest`, tags, pages with `Link`, ETags, digests,
//! tokens, rate limits, ranges. Files can have faults. Every request is recorded, so tests can
//! check which headers arrived where. Unit tests of `core/manager` also use this file: it requires
//! only the standard library.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// A release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Release {
    pub(crate) tag: String,
    pub(crate) is_prerelease: bool,
    pub(crate) is_draft: bool,
    pub(crate) is_immutable: bool,
    /// For example `2026-01-02T03:04:05Z`; a fixed time if it is empty.
    pub(crate) published: String,
    pub(crate) assets: Vec<Asset>,
}

/// A file of a release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asset {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// For example `sha256:…`; without one, `null` in the API.
    pub(crate) digest: Option<String>,
}

/// The fault of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks after this number of bytes, once; ranges work.
    BreaksAfter(usize),
    /// The connection breaks after this number of bytes, each time.
    AlwaysBreaksAfter(usize),
    /// The file arrives byte by byte, with a pause after each.
    Slow(Duration),
    /// Nothing arrives after this number of bytes, and the connection stays open.
    HangsAfter(usize),
    /// The header announces this number of bytes.
    WrongLength(usize),
    /// Ranges are ignored; the connection breaks after this number of bytes, once.
    IgnoresRange(usize),
    /// It ends after this number of bytes as if it were complete.
    Truncated(usize),
    /// There is no ETag, or a weak one; the connection breaks after this number of bytes, once.
    NoEtag(usize),
    WeakEtag(usize),
    /// The file changes after the connection has broken after this number of bytes.
    ChangesAfter(usize),
    /// The server fails with 503 this number of times.
    Fails(usize),
    /// The address of the file redirects to itself.
    Loops,
}

/// A refusal of the whole API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// 403 with `x-ratelimit-remaining: 0` and the time of its end, in seconds since 1970.
    Primary(u64),
    /// 429 with `retry-after`, in seconds.
    Secondary(u64),
    /// 403 without any such header.
    Forbidden,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path, with the query.
    pub(crate) path: String,
    /// Whether it arrived at the host of the files.
    pub(crate) is_at_files: bool,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| &**value)
    }
}

/// A server with releases, until this value is dropped.
#[derive(Debug)]
pub(crate) struct ReleaseServer {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    api_port: u16,
    files_port: u16,
    is_over: AtomicBool,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    releases: HashMap<String, Vec<Release>>,
    /// Repositories that are visible only to requests with a token.
    private: HashSet<String>,
    /// The only valid token; if there is none, every token is valid.
    token: Option<String>,
    faults: HashMap<String, Fault>,
    limit: Option<Limit>,
    requests: Vec<Request>,
}

impl ReleaseServer {
    /// Starts a server without releases.
    pub(crate) fn start() -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0").expect("a socket is available");
        let port = |it: &TcpListener| it.local_addr().expect("the socket is bound").port();
        let (api, files) = (bind(), bind());
        let state = Arc::new(State {
            api_port: port(&api),
            files_port: port(&files),
            is_over: AtomicBool::new(false),
            facts: Mutex::default(),
        });
        serve(api, Arc::clone(&state), false);
        serve(files, Arc::clone(&state), true);
        Self { state }
    }

    /// Returns the address of the API.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.state.api_port)
    }

    /// Returns the address of a file at the other host.
    #[track_caller]
    pub(crate) fn file_url(&self, repo: &str, tag: &str, asset: &str) -> String {
        let facts = self.state.facts();
        let releases = facts.releases.get(repo).map(Vec::as_slice).unwrap_or_default();
        let position = releases.iter().position(|it| it.tag == tag);
        self.state.location(repo, position.expect("the release exists"), asset)
    }

    /// Adds a release to a repository; the last release that is neither a draft nor a pre-release
    /// is the latest.
    pub(crate) fn release(&self, repo: &str, release: Release) {
        self.state.facts().releases.entry(repo.to_owned()).or_default().push(release);
    }

    /// Gives a file a fault, by its name.
    pub(crate) fn fault(&self, asset: &str, fault: Fault) {
        self.state.facts().faults.insert(asset.to_owned(), fault);
    }

    /// Removes the fault of a file.
    pub(crate) fn fix(&self, asset: &str) {
        self.state.facts().faults.remove(asset);
    }

    /// Refuses all requests to the API.
    pub(crate) fn limit(&self, limit: Option<Limit>) {
        self.state.facts().limit = limit;
    }

    /// Accepts only this token.
    pub(crate) fn require_token(&self, token: &str) {
        self.state.facts().token = Some(token.to_owned());
    }

    /// Hides a repository from requests without a token.
    pub(crate) fn hide(&self, repo: &str) {
        self.state.facts().private.insert(repo.to_owned());
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.facts().requests.clone()
    }

    /// Forgets the requests so far.
    pub(crate) fn forget_requests(&self) {
        self.state.facts().requests.clear();
    }
}

impl Drop for ReleaseServer {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        for port in [self.state.api_port, self.state.files_port] {
            // The listener notices it at its next client.
            drop(TcpStream::connect(("127.0.0.1", port)));
        }
    }
}

impl State {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().expect("no thread panics while it holds the lock")
    }

    /// Returns the address to which the API redirects for a file.
    fn location(&self, repo: &str, release: usize, asset: &str) -> String {
        format!("http://127.0.0.1:{}/files/{repo}/{release}/{asset}?secret=1", self.files_port)
    }
}

fn serve(listener: TcpListener, state: Arc<State>, is_at_files: bool) {
    thread::spawn(move || {
        for client in listener.incoming() {
            if state.is_over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(client) = client else { continue };
            let state = Arc::clone(&state);
            thread::spawn(move || {
                // One request per connection is enough.
                if let Some(request) = read(&client, is_at_files) {
                    state.facts().requests.push(request.clone());
                    answer(&state, &request, &client);
                    let _ = client.shutdown(Shutdown::Both);
                }
            });
        }
    });
}

fn read(client: &TcpStream, is_at_files: bool) -> Option<Request> {
    let mut lines = BufReader::new(client).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines.take_while(|it| !it.is_empty());
    let headers = headers.filter_map(|it| {
        let (name, value) = it.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Request { method, path, is_at_files, headers: headers.collect() })
}

fn answer(state: &State, request: &Request, client: &TcpStream) {
    if request.is_at_files {
        serve_file(state, request, client);
    } else {
        let reply = api(state, request);
        let _ = reply.send(client);
    }
}

/// An answer of the API.
struct Reply {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    fn new(status: &'static str, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn message(status: &'static str, message: &str) -> Self {
        Self::new(status, format!("{{\"message\":{message:?}}}"))
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn send(&self, mut client: &TcpStream) -> std::io::Result<()> {
        let mut text = format!("HTTP/1.1 {}\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !self.status.starts_with("304") {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        client.write_all(format!("{text}\r\n{}", self.body).as_bytes())
    }
}

fn api(state: &State, request: &Request) -> Reply {
    let mut facts = state.facts();
    let token = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
    if let Some(limit) = facts.limit {
        return refuse(limit);
    }
    if let (Some(token), Some(valid)) = (token, &facts.token)
        && token != valid
    {
        return Reply::message("401 Unauthorized", "Bad credentials");
    }
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let not_found = || Reply::message("404 Not Found", "Not Found");
    let ["repos", owner, repo, rest @ ..] = &parts[..] else { return not_found() };
    let name = format!("{owner}/{repo}");
    if facts.private.contains(&name) && token.is_none() {
        return not_found();
    }
    let Some(releases) = facts.releases.get(&name).cloned() else { return not_found() };
    match rest {
        ["releases"] => list(state, request, &name, &releases, query),
        ["releases", "latest"] => {
            let latest = releases.iter().rposition(|it| !it.is_draft && !it.is_prerelease);
            latest.map_or_else(not_found, |n| one(state, request, &name, n, &releases[n]))
        }
        ["releases", "tags", tag] => {
            let tag = tag.replace("%2F", "/");
            let found = releases.iter().position(|it| it.tag == tag && !it.is_draft);
            found.map_or_else(not_found, |n| one(state, request, &name, n, &releases[n]))
        }
        // Releases often have files of the same names.
        ["releases", "assets", release, asset] => {
            let release = release.parse::<usize>().unwrap_or(usize::MAX);
            let assets = releases.get(release).map(|it| &*it.assets).unwrap_or_default();
            if !assets.iter().any(|it| it.name == *asset) {
                return not_found();
            }
            if let Some(Fault::Fails(n)) = facts.faults.get(*asset).copied()
                && n > 0
            {
                facts.faults.insert((*asset).to_owned(), Fault::Fails(n - 1));
                return Reply::message("503 Service Unavailable", "Unavailable");
            }
            let location = match facts.faults.get(*asset) {
                Some(Fault::Loops) => request.path.clone(),
                _ => state.location(&name, release, asset),
            };
            Reply::new("302 Found", "").with("Location", location)
        }
        _ => not_found(),
    }
}

fn refuse(limit: Limit) -> Reply {
    match limit {
        Limit::Primary(reset) => Reply::message("403 Forbidden", "API rate limit exceeded")
            .with("x-ratelimit-limit", 60)
            .with("x-ratelimit-remaining", 0)
            .with("x-ratelimit-reset", reset),
        Limit::Secondary(seconds) => {
            Reply::message("429 Too Many Requests", "You have exceeded a secondary rate limit")
                .with("retry-after", seconds)
        }
        Limit::Forbidden => Reply::message("403 Forbidden", "Resource protected by SAML"),
    }
}

fn list(state: &State, request: &Request, repo: &str, releases: &[Release], query: &str) -> Reply {
    let number = |name: &str| {
        let mut pairs = query.split('&').filter_map(|it| it.split_once('='));
        pairs.find(|(key, _)| *key == name)?.1.parse::<usize>().ok()
    };
    let (per_page, page) = (number("per_page").unwrap_or(30), number("page").unwrap_or(1));
    let newest_first: Vec<_> = releases.iter().enumerate().rev().collect();
    let pages: Vec<_> = newest_first.chunks(per_page.max(1)).collect();
    let shown = pages.get(page - 1).copied().unwrap_or_default();
    let json: Vec<_> = shown.iter().map(|(n, it)| release_json(state, repo, *n, it)).collect();
    let reply = current(request, format!("[{}]", json.join(",")));
    if page >= pages.len() {
        return reply;
    }
    let next = format!(
        "<http://127.0.0.1:{}/repos/{repo}/releases?per_page={per_page}&page={}>; rel=\"next\"",
        state.api_port,
        page + 1
    );
    reply.with("Link", next)
}

fn one(state: &State, request: &Request, repo: &str, n: usize, release: &Release) -> Reply {
    current(request, release_json(state, repo, n, release))
}

/// Answers with 304 if the client has this already.
fn current(request: &Request, body: String) -> Reply {
    let etag = etag_of(body.as_bytes());
    if request.header("if-none-match") == Some(&*etag) {
        return Reply::new("304 Not Modified", "").with("ETag", etag);
    }
    Reply::new("200 OK", body).with("ETag", etag).with("Content-Type", "application/json")
}

fn release_json(state: &State, repo: &str, n: usize, release: &Release) -> String {
    let assets: Vec<_> = release
        .assets
        .iter()
        .map(|it| {
            let digest = it.digest.as_ref().map_or("null".to_owned(), |it| format!("{it:?}"));
            format!(
                "{{\"name\":{:?},\"url\":\"http://127.0.0.1:{}/repos/{repo}/releases/assets/{n}/{}\",\
                 \"browser_download_url\":\"http://127.0.0.1:{}/browser/{}\",\"state\":\"uploaded\",\
                 \"content_type\":\"application/octet-stream\",\"size\":{},\"digest\":{digest}}}",
                it.name,
                state.api_port,
                it.name,
                state.files_port,
                it.name,
                it.bytes.len()
            )
        })
        .collect();
    let published =
        if release.published.is_empty() { "2026-01-02T03:04:05Z" } else { &release.published };
    format!(
        "{{\"tag_name\":{:?},\"draft\":{},\"prerelease\":{},\"immutable\":{},\
         \"published_at\":\"{published}\",\"assets\":[{}]}}",
        release.tag,
        release.is_draft,
        release.is_prerelease,
        release.is_immutable,
        assets.join(",")
    )
}

fn serve_file(state: &State, request: &Request, client: &TcpStream) {
    let path = request.path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let (repo, release, name) = match parts[..] {
        ["files", owner, repo, release, name] => (format!("{owner}/{repo}"), release, name),
        _ => (String::new(), "", ""),
    };
    let release = release.parse::<usize>().unwrap_or(usize::MAX);
    let (bytes, fault) = {
        let mut facts = state.facts();
        let releases = facts.releases.get(&repo).and_then(|it| it.get(release));
        let asset = releases.and_then(|it| it.assets.iter().find(|it| it.name == name));
        let bytes = asset.map(|it| it.bytes.clone());
        let fault = facts.faults.get(name).copied();
        let after = match fault {
            Some(Fault::BreaksAfter(_) | Fault::NoEtag(_) | Fault::WeakEtag(_)) => Some(None),
            Some(Fault::IgnoresRange(n)) if n < usize::MAX => {
                Some(Some(Fault::IgnoresRange(usize::MAX)))
            }
            _ => None,
        };
        match after {
            Some(Some(it)) => drop(facts.faults.insert(name.to_owned(), it)),
            Some(None) => drop(facts.faults.remove(name)),
            None => {}
        }
        if let Some(Fault::ChangesAfter(_)) = fault {
            facts.faults.remove(name);
            let all = facts.releases.values_mut().flatten().flat_map(|it| &mut it.assets);
            all.filter(|it| it.name == name).for_each(|it| it.bytes.reverse());
        }
        (bytes, fault)
    };
    let Some(bytes) = bytes else {
        let _ = Reply::message("404 Not Found", "Not Found").send(client);
        return;
    };
    let _ = send_file(request, client, &bytes, fault);
}

fn send_file(
    request: &Request,
    mut client: &TcpStream,
    bytes: &[u8],
    fault: Option<Fault>,
) -> std::io::Result<()> {
    let etag = match fault {
        Some(Fault::NoEtag(_)) => None,
        Some(Fault::WeakEtag(_)) => Some(format!("W/{}", etag_of(bytes))),
        _ => Some(etag_of(bytes)),
    };
    let is_unchanged = request.header("if-range").is_none_or(|it| Some(it) == etag.as_deref());
    let knows_ranges = !matches!(fault, Some(Fault::IgnoresRange(_)));
    let start = request.header("range").and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-'));
    let start = start.and_then(|it| it.parse::<usize>().ok());
    let start = start.filter(|_| is_unchanged && knows_ranges);
    let etag = etag.map(|it| format!("ETag: {it}\r\n")).unwrap_or_default();
    if start.is_some_and(|it| it >= bytes.len()) {
        let head = format!(
            "HTTP/1.1 416 Range Not Satisfiable\r\nConnection: close\r\n{etag}\
             Content-Range: bytes */{}\r\nContent-Length: 0\r\n\r\n",
            bytes.len()
        );
        return client.write_all(head.as_bytes());
    }
    let rest = &bytes[start.unwrap_or(0)..];
    let (status, range) = match start {
        Some(start) => {
            let (last, len) = (bytes.len() - 1, bytes.len());
            ("206 Partial Content", format!("Content-Range: bytes {start}-{last}/{len}\r\n"))
        }
        None => ("200 OK", String::new()),
    };
    let length = match fault {
        Some(Fault::WrongLength(n)) => format!("Content-Length: {n}\r\n"),
        // The end of the connection is the end of the file.
        Some(Fault::Truncated(_)) => String::new(),
        _ => format!("Content-Length: {}\r\n", rest.len()),
    };
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{etag}{range}{length}\r\n");
    client.write_all(head.as_bytes())?;
    send_body(client, rest, fault)
}

fn send_body(mut client: &TcpStream, rest: &[u8], fault: Option<Fault>) -> std::io::Result<()> {
    let up_to = |n: usize| &rest[..n.min(rest.len())];
    match fault {
        Some(
            Fault::BreaksAfter(n)
            | Fault::AlwaysBreaksAfter(n)
            | Fault::IgnoresRange(n)
            | Fault::Truncated(n)
            | Fault::NoEtag(n)
            | Fault::WeakEtag(n)
            | Fault::ChangesAfter(n),
        ) => client.write_all(up_to(n)),
        Some(Fault::HangsAfter(n)) => {
            client.write_all(up_to(n))?;
            // Longer than any test waits.
            thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Some(Fault::Slow(pause)) => rest.iter().try_for_each(|it| {
            client.write_all(&[*it])?;
            thread::sleep(pause);
            Ok(())
        }),
        _ => client.write_all(rest),
    }
}

/// Returns a strong ETag of some bytes (FNV-1a).
fn etag_of(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, it| {
        (hash ^ u64::from(*it)).wrapping_mul(0x100_0000_01b3)
    });
    format!("\"{hash:016x}\"")
}
