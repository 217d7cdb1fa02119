//! HTTP/1 over TLS, as far as kubectl, the clients in tests and the nodes require it.

use crate::log;
use anyhow::{Context as _, ensure};
use rustls::pki_types::ServerName;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

/// More than any object in a test.
const MOST_BODY: usize = 16 << 20;
const MOST_HEAD: u64 = 64 << 10;
/// The time limit for another server; containers that are stopped do not answer at all.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the client has sent a certificate of the authority.
    pub(crate) is_known: bool,
    is_last: bool,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// Another server.
pub(crate) struct Client {
    pub(crate) host: String,
    port: u16,
    config: Arc<ClientConfig>,
    limit: Duration,
    /// The connections that wait for the next request; `None` if every request uses its own.
    idle: Option<Mutex<Vec<Stream>>>,
}

type Stream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// The other server has another authority or does not know our token, so a retry is useless.
#[derive(Debug)]
pub(crate) struct Denied;

impl std::error::Error for Denied {}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("401 Unauthorized")
    }
}

/// The other server's certificate is for other names than the requested one.
#[derive(Debug)]
pub(crate) struct WrongName {
    valid: String,
    expected: String,
}

impl std::error::Error for WrongName {}

impl std::fmt::Display for WrongName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "x509: certificate is valid for {}, not {}", self.valid, self.expected)
    }
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: vec![], body: vec![], is_known: false, is_last: true }
    }

    pub(crate) fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = body;
        self.with("content-type", content_type)
    }

    /// Returns a header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, it)| it)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Returns a parameter of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').map(|it| it.split_once('=').unwrap_or((it, "")));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| decode(value))
    }
}

impl Response {
    /// Returns an answer with JSON.
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, content_type: "application/json".to_owned(), body }
    }
}

impl Client {
    /// Returns a client for an address like `https://host:6443`.
    pub(crate) fn new(url: &str, config: ClientConfig) -> anyhow::Result<Self> {
        let parse = || {
            let authority = url.strip_prefix("https://")?.split('/').next()?;
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) => (host, port.parse().ok()?),
                None => (authority, 6443),
            };
            Some((host.to_owned(), port)).filter(|(host, _)| !host.is_empty())
        };
        let (host, port) = parse().with_context(|| format!("failed to read the URL `{url}`"))?;
        Ok(Self { host, port, config: Arc::new(config), limit: PATIENCE, idle: None })
    }

    /// Keeps connections open for later requests. Only for servers that send the length of every
    /// answer, as the stand-in does.
    pub(crate) fn keep_alive(self) -> Self {
        Self { idle: Some(Mutex::default()), ..self }
    }

    /// Sets the time limit for connecting, and for each step of an answer.
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Sends a request. The error is [`Denied`] if the server belongs to another cluster.
    pub(crate) fn send(&self, request: &Request) -> anyhow::Result<Response> {
        let kept = self.idle.as_ref().and_then(|it| lock(it).pop());
        if let Some(stream) = kept {
            match self.exchange(stream, request) {
                // The server has closed the connection in the meantime.
                Err(err) if !is_timeout(&err) => {}
                other => return other,
            }
        }
        self.exchange(self.connect()?, request)
    }

    fn connect(&self) -> anyhow::Result<Stream> {
        let address = (self.host.as_str(), self.port).to_socket_addrs();
        let address = address.with_context(|| format!("lookup {}: no such host", self.host))?;
        let address = address.into_iter().next();
        let address = address.with_context(|| format!("no address for `{}`", self.host))?;
        let tcp = TcpStream::connect_timeout(&address, self.limit)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(self.limit))?;
        tcp.set_write_timeout(Some(self.limit))?;
        let name = ServerName::try_from(self.host.clone())?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)?;
        Ok(BufReader::new(StreamOwned::new(session, tcp)))
    }

    fn exchange(&self, mut stream: Stream, request: &Request) -> anyhow::Result<Response> {
        // Version 1.0: the answer then arrives in one piece, and the connection ends after it.
        let version = if self.idle.is_some() { "1.1" } else { "1.0" };
        let mut head = format!("{} {} HTTP/{version}\r\n", request.method, request.target);
        head += &format!("host: {}:{}\r\n", self.host, self.port);
        for (key, value) in &request.headers {
            head += &format!("{key}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", request.body.len());
        write(stream.get_mut(), head.as_bytes(), &request.body).map_err(explain)?;
        let response = read_response(&mut stream)?;
        if let Some(idle) = &self.idle {
            lock(idle).push(stream);
        }
        if response.status == 401 {
            return Err(Denied.into());
        }
        Ok(response)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_timeout(err: &anyhow::Error) -> bool {
    let kind = err.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
}

/// Answers requests for ever, each connection in a separate thread.
pub(crate) fn serve(
    listener: TcpListener,
    config: ServerConfig,
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> io::Result<()> {
    let (config, answer) = (Arc::new(config), Arc::new(answer));
    thread::Builder::new().name("listener".to_owned()).spawn(move || {
        for tcp in listener.incoming().flatten() {
            let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
            let connection = thread::Builder::new().name("connection".to_owned());
            // A broken connection affects only its client.
            let spawned = connection.spawn(move || {
                let _ = serve_connection(tcp, config, &*answer);
            });
            if let Err(err) = spawned {
                log::info(&format!("failed to serve a connection: {err}"));
            }
        }
    })?;
    Ok(())
}

fn serve_connection(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    answer: &dyn Fn(&Request) -> Response,
) -> anyhow::Result<()> {
    tcp.set_nodelay(true)?;
    let session = ServerConnection::new(config)?;
    let mut stream = BufReader::new(StreamOwned::new(session, tcp));
    while let Some(mut request) = read_request(&mut stream)? {
        request.is_known = stream.get_ref().conn.peer_certificates().is_some();
        let response = answer(&request);
        let (status, length) = (response.status, response.body.len());
        let head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: {}\r\ncontent-length: {length}\r\n{}\r\n",
            reason(status),
            response.content_type,
            if request.is_last { "connection: close\r\n" } else { "" },
        );
        write(stream.get_mut(), head.as_bytes(), &response.body)?;
        if request.is_last {
            break;
        }
    }
    let stream = stream.get_mut();
    stream.conn.send_close_notify();
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(())
}

/// Reads a request; returns `None` if the client has closed the connection.
fn read_request(stream: &mut impl BufRead) -> anyhow::Result<Option<Request>> {
    let Some(head) = read_head(stream)? else { return Ok(None) };
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    ensure!(parsed.parse(&head)?.is_complete(), "half a request");
    let mut request =
        Request::new(parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    request.headers = owned(parsed.headers);
    let connection = request.header("connection").to_ascii_lowercase();
    request.is_last = connection == "close" || parsed.version == Some(0);
    ensure!(request.header("transfer-encoding").is_empty(), "a body in chunks");
    let length = request.header("content-length").parse().unwrap_or(0);
    ensure!(length <= MOST_BODY, "too large a body");
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn read_response(stream: &mut impl BufRead) -> anyhow::Result<Response> {
    let head = read_head(stream).map_err(explain)?;
    let head = head.context("the server ended the connection")?;
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut headers);
    ensure!(parsed.parse(&head)?.is_complete(), "half an answer");
    let status = parsed.code.unwrap_or_default();
    let headers = owned(parsed.headers);
    let header = |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let content_type = header("content-type").map(|(_, it)| it.clone()).unwrap_or_default();
    let mut body = Vec::new();
    match header("content-length").map(|(_, it)| it.parse()) {
        Some(length) => {
            body.resize(length?, 0);
            stream.read_exact(&mut body)?;
        }
        None => drop(stream.read_to_end(&mut body)?),
    }
    Ok(Response { status, content_type, body })
}

/// Reads up to the blank line.
fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut stream = stream.take(MOST_HEAD);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return match head.is_empty() {
                true => Ok(None),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
    }
    Ok(Some(head))
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
    headers.iter().map(|it| (it.name.to_owned(), text(it.value))).collect()
}

fn write(stream: &mut impl Write, head: &[u8], body: &[u8]) -> io::Result<()> {
    // In one piece, so that it is sent in one record.
    stream.write_all(&[head, body].concat())?;
    stream.flush()
}

/// Returns whether the connection failed because of the other side's certificate: its authority is
/// not ours, because ours comes from the token, or it is for other names.
fn explain(err: io::Error) -> anyhow::Error {
    let cause = err.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => Denied.into(),
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected,
            presented,
        })) => {
            let names = presented.iter().filter_map(|it| it.split('"').nth(1));
            let valid = names.collect::<Vec<_>>().join(", ");
            WrongName { valid, expected: expected.to_str().into_owned() }.into()
        }
        _ => err.into(),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        415 => "Unsupported Media Type",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let code = code.and_then(|it| u8::from_str_radix(it, 16).ok());
        let (byte, length) = match (first, code) {
            (b'%', Some(code)) => (code, 3),
            (b'+', _) => (b' ', 1),
            (other, _) => (*other, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Authority;
    use std::collections::BTreeSet;

    #[test]
    fn requests_are_read_one_after_the_other() {
        let text = "PUT /a?x=b%3Dc+d&y HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\
                    Connection: close\r\n\r\n";
        let mut stream = text.as_bytes();
        let first = read_request(&mut stream).unwrap().unwrap();
        assert_eq!((first.method.as_str(), first.path(), first.is_last), ("PUT", "/a", false));
        assert_eq!(first.body, b"hi");
        assert_eq!(first.parameter("x").as_deref(), Some("b=c d"));
        assert_eq!(first.parameter("z"), None);
        let second = read_request(&mut stream).unwrap().unwrap();
        assert_eq!((second.path(), second.is_last), ("/b", true));
        assert!(read_request(&mut stream).unwrap().is_none());
        assert!(read_request(&mut "GET /half".as_bytes()).is_err());
    }

    #[test]
    fn nodes_with_the_same_token_understand_each_other() {
        let authority = Authority::new("a").unwrap();
        let names = BTreeSet::from(["localhost".to_owned()]);
        let config = authority.serve(&authority.server(&names).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let answer = |request: &Request| {
            let status = if request.is_known { 200 } else { 401 };
            Response { status, content_type: String::new(), body: request.body.clone() }
        };
        serve(listener, config, answer).unwrap();

        let request = Request::new("GET", "/").with_body("text/plain", b"hello".to_vec());
        let send = |config| Client::new(&url, config).unwrap().send(&request);
        let admin = authority.admin().unwrap();
        let response = send(authority.client(Some(&admin)).unwrap()).unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, b"hello".as_slice()));
        let is_denied = |config| send(config).err().is_some_and(|it| it.is::<Denied>());
        assert!(is_denied(authority.client(None).unwrap()));
        assert!(is_denied(Authority::new("b").unwrap().client(None).unwrap()));
    }

    fn server(authority: &Authority, name: &str) -> String {
        let names = BTreeSet::from([name.to_owned(), "kubernetes".to_owned()]);
        let config = authority.serve(&authority.server(&names).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let answer = |request: &Request| {
            let body = request.body.clone();
            Response { status: 200, content_type: String::new(), body }
        };
        serve(listener, config, answer).unwrap();
        url
    }

    #[test]
    fn a_certificate_is_valid_for_its_names_only() {
        let authority = Authority::new("a").unwrap();
        let url = server(&authority, "other");
        let send = |config| Client::new(&url, config).unwrap().send(&Request::new("GET", "/"));
        let err = send(authority.client(None).unwrap()).err().unwrap();
        let expected = "x509: certificate is valid for kubernetes, other, not localhost";
        assert_eq!(err.to_string(), expected);
        assert!(send(authority.client_of_any_name(None).unwrap()).is_ok());
        let stranger = Authority::new("b").unwrap().client_of_any_name(None).unwrap();
        assert!(send(stranger).err().is_some_and(|it| it.is::<Denied>()));
    }

    #[test]
    fn connections_are_kept_for_later_requests() {
        let authority = Authority::new("a").unwrap();
        let url = server(&authority, "localhost");
        let client = Client::new(&url, authority.client(None).unwrap()).unwrap().keep_alive();
        for word in ["one", "two"] {
            let request = Request::new("PUT", "/").with_body("", word.as_bytes().to_vec());
            assert_eq!(client.send(&request).unwrap().body, word.as_bytes());
            assert_eq!(lock(client.idle.as_ref().unwrap()).len(), 1);
        }
    }
}
