//! The real engine, reached over TCP: with a fault, or held up at a moment that a test chooses.
//!
//! Each connection is for one call, so calls can be counted: a moment is a number of calls, never a
//! time. A repeated call is not counted, because how often a host asks whether something is ready
//! depends on the load of the machine.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The engine that is reached.
const ENGINE: &str = "/var/run/docker.sock";

/// How long a test may wait for a call. Only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The fault of an engine.
#[derive(Clone, Copy)]
pub(crate) enum Vice {
    None,
    /// After this number of calls, it does not exist any more.
    DiesAfter(usize),
    /// After this number of calls, it does not answer any more.
    HangsAfter(usize),
}

/// The position where a call is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Before the engine receives it.
    Request,
    /// When the engine has started to answer, and the host does not know it.
    Answer,
}

/// A call that is held up, until this value is dropped.
pub(crate) struct Held {
    _release: Sender<()>,
}

/// Decides which calls are held up, by their number and their first line.
type Moment = Box<dyn Fn(usize, &str) -> Option<Side> + Send + Sync>;

/// The real engine, reached over TCP.
pub(crate) struct Proxy {
    port: u16,
    is_over: Arc<AtomicBool>,
    calls: Arc<Calls>,
}

/// The calls that were made.
#[derive(Default)]
struct Calls {
    /// Each once, for example `POST /v1.41/containers/create?name=x`.
    lines: Mutex<Vec<String>>,
    /// How many calls that change something the engine has not answered yet.
    n_open: AtomicUsize,
}

impl Proxy {
    /// Starts an engine with a fault.
    pub(crate) fn start(vice: Vice) -> Self {
        let calls = Arc::new(Calls::default());
        let moment: Moment = Box::new(|_, _| None);
        let shared = Arc::clone(&calls);
        Self::serve(calls, move |client| {
            let Some(call) = Call::read(client, &shared) else { return };
            match vice {
                Vice::DiesAfter(n) if call.nth >= n => {}
                Vice::HangsAfter(n) if call.nth >= n => call.hang(),
                _ => call.forward(&shared, &moment, &mpsc::channel().0),
            }
        })
    }

    /// Starts an engine whose calls are held up when `moment` returns true.
    pub(crate) fn holding(
        moment: impl Fn(usize, &str) -> Option<Side> + Send + Sync + 'static,
    ) -> (Self, Receiver<Held>) {
        let calls = Arc::new(Calls::default());
        let moment: Moment = Box::new(moment);
        let (sender, receiver) = mpsc::channel();
        let shared = Arc::clone(&calls);
        let proxy = Self::serve(calls, move |client| {
            if let Some(call) = Call::read(client, &shared) {
                call.forward(&shared, &moment, &sender);
            }
        });
        (proxy, receiver)
    }

    /// Like an engine with TLS, whose clients must send a certificate.
    pub(crate) fn start_tls(folder: &Path) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        fs::create_dir(folder).expect("the directory is writable");
        let ca_key = KeyPair::generate().expect("keys can be created");
        let mut ca = CertificateParams::new(Vec::new()).expect("keys can be created");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).expect("keys can be created");
        let issuer = Issuer::new(ca, ca_key);
        let issue = || {
            let key = KeyPair::generate().expect("keys can be created");
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let certificate = CertificateParams::new(names)
                .expect("keys can be created")
                .signed_by(&key, &issuer);
            (certificate.expect("keys can be created"), key)
        };
        let (client, client_key) = issue();
        fs::write(folder.join("ca.pem"), ca_certificate.pem()).expect("the directory is writable");
        fs::write(folder.join("cert.pem"), client.pem()).expect("the directory is writable");
        fs::write(folder.join("key.pem"), client_key.serialize_pem())
            .expect("the directory is writable");
        let (server, server_key) = issue();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca_certificate.der().clone()).expect("keys can be created");
        let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build();
        let config = rustls::ServerConfig::builder()
            .with_client_cert_verifier(verifier.expect("keys can be created"))
            .with_single_cert(
                vec![server.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(server_key.serialize_der())
                    .expect("keys can be created"),
            )
            .expect("keys can be created");
        let config = Arc::new(config);
        Self::serve(Arc::default(), move |client| {
            let connection =
                rustls::ServerConnection::new(Arc::clone(&config)).expect("keys can be created");
            let mut tls = rustls::StreamOwned::new(connection, client);
            // The test makes only one request with a small answer per connection.
            let mut request = vec![0; 1 << 16];
            let Ok(n_read) = tls.read(&mut request) else { return };
            request.truncate(n_read);
            let mut engine = UnixStream::connect(ENGINE).expect("the engine answers");
            engine.write_all(&for_one_call(request)).expect("the engine answers");
            let mut answer = Vec::new();
            let _ = engine.read_to_end(&mut answer);
            let _ = tls.write_all(&answer);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        })
    }

    fn serve(calls: Arc<Calls>, handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket is available");
        let port = listener.local_addr().expect("a socket is available").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, handle) = (Arc::clone(&is_over), Arc::new(handle));
        thread::spawn(move || {
            for client in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { return };
                let handle = Arc::clone(&handle);
                thread::spawn(move || handle(client));
            }
        });
        Self { port, is_over, calls }
    }

    pub(crate) fn address(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// Returns the first lines of all calls so far, each once.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lines.lock().expect("no thread panics while it holds the lock").clone()
    }

    /// Waits until the engine has answered all calls that change something.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let start = Instant::now();
        while self.calls.n_open.load(Ordering::SeqCst) > 0 {
            assert!(start.elapsed() < PATIENCE, "a call is not answered: {:?}", self.calls());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The listener notices it at its next client.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Waits until a call is held up; returns `None` if the host ends before.
#[track_caller]
pub(crate) fn wait_for_call(held: &Receiver<Held>, host: &mut Child) -> Option<Held> {
    let start = Instant::now();
    loop {
        match held.recv_timeout(Duration::from_millis(10)) {
            Ok(held) => return Some(held),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if host.try_wait().expect("the host is a child process").is_some() {
            return None;
        }
        assert!(start.elapsed() < PATIENCE, "the call is never made");
    }
}

/// Returns whether a call creates, changes or removes something.
pub(crate) fn is_change(line: &str) -> bool {
    let path = line.split(['?', ' ']).nth(1).unwrap_or_default();
    !line.starts_with("GET ") && !line.starts_with("HEAD ") && !path.ends_with("/wait")
}

/// A call of a client.
struct Call {
    client: TcpStream,
    /// The number of earlier calls.
    nth: usize,
    is_new: bool,
    line: String,
    /// The head, and the part of the body that arrived with it.
    start: Vec<u8>,
}

impl Call {
    fn read(mut client: TcpStream, calls: &Calls) -> Option<Self> {
        let (mut start, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        while !start.windows(4).any(|it| it == b"\r\n\r\n") {
            match client.read(&mut chunk) {
                Ok(n_read) if n_read > 0 => start.extend(&chunk[..n_read]),
                _ => return None,
            }
        }
        let line = start.split(|it| *it == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let mut lines = calls.lines.lock().expect("no thread panics while it holds the lock");
        let (nth, is_new) = (lines.len(), !lines.contains(&line));
        if is_new {
            lines.push(line.clone());
        }
        Some(Self { client, nth, is_new, line, start })
    }

    /// Sends nothing, as long as the client waits.
    fn hang(mut self) {
        let _ = io::copy(&mut self.client, &mut io::sink());
    }

    /// Forwards everything, in both directions.
    fn forward(self, calls: &Calls, moment: &Moment, held: &Sender<Held>) {
        let is_change = usize::from(is_change(&self.line));
        calls.n_open.fetch_add(is_change, Ordering::SeqCst);
        self.exchange(moment, held);
        calls.n_open.fetch_sub(is_change, Ordering::SeqCst);
    }

    fn exchange(mut self, moment: &Moment, held: &Sender<Held>) {
        let side = if self.is_new { moment(self.nth, &self.line) } else { None };
        if side == Some(Side::Request) {
            hold(held);
        }
        let mut engine = UnixStream::connect(ENGINE).expect("the engine answers");
        if engine.write_all(&for_one_call(self.start)).is_err() {
            return;
        }
        let (mut from_client, mut to_engine) = (
            self.client.try_clone().expect("a socket is available"),
            engine.try_clone().expect("a socket is available"),
        );
        thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_engine);
            let _ = to_engine.shutdown(Shutdown::Write);
        });
        if side == Some(Side::Answer) {
            let mut chunk = vec![0; 1 << 16];
            let n_read = engine.read(&mut chunk).unwrap_or(0);
            hold(held);
            let _ = self.client.write_all(&chunk[..n_read]);
        }
        let _ = io::copy(&mut engine, &mut self.client);
        let _ = self.client.shutdown(Shutdown::Both);
    }
}

/// Reports to the test that a call is held up, and waits until the test releases it.
fn hold(held: &Sender<Held>) {
    let (release, released) = mpsc::channel();
    if held.send(Held { _release: release }).is_ok() {
        let _ = released.recv_timeout(PATIENCE);
    }
}

/// Returns the start of a request that asks the engine to close the connection after it.
fn for_one_call(start: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&start);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    let end_of_line = start.windows(2).position(|it| it == b"\r\n");
    match end_of_line {
        // A connection that is upgraded has no further HTTP calls.
        Some(end) if !head.contains("\r\nconnection:") => {
            let (line, rest) = start.split_at(end);
            [line, b"\r\nConnection: close", rest].concat()
        }
        _ => start,
    }
}
