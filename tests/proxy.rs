//! The real engine, reached over TCP, with a vice.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What is wrong with an engine.
#[derive(Clone, Copy)]
pub(crate) enum Vice {
    None,
    /// After so many connections it is not there any more.
    DiesAfter(usize),
    /// After so many connections it says nothing.
    HangsAfter(usize),
    /// It takes long to remove a container.
    SlowRemoval,
}

/// The real engine, reached over TCP, with a vice.
pub(crate) struct Proxy {
    port: u16,
    is_over: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(vice: Vice) -> Self {
        Self::serve(move |client, nth| match vice {
            Vice::DiesAfter(n) if nth >= n => {}
            Vice::HangsAfter(n) if nth >= n => {
                // As long as the client waits.
                let mut client = client;
                let _ = std::io::copy(&mut client, &mut std::io::sink());
            }
            vice => forward(client, matches!(vice, Vice::SlowRemoval)),
        })
    }

    /// Like an engine with TLS, whose clients must show a certificate.
    pub(crate) fn start_tls(folder: &Path) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        fs::create_dir(folder).expect("the folder is ours");
        let ca_key = KeyPair::generate().expect("keys can be made");
        let mut ca = CertificateParams::new(Vec::new()).expect("keys can be made");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).expect("keys can be made");
        let issuer = Issuer::new(ca, ca_key);
        let issue = || {
            let key = KeyPair::generate().expect("keys can be made");
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let certificate =
                CertificateParams::new(names).expect("keys can be made").signed_by(&key, &issuer);
            (certificate.expect("keys can be made"), key)
        };
        let (client, client_key) = issue();
        fs::write(folder.join("ca.pem"), ca_certificate.pem()).expect("the folder is ours");
        fs::write(folder.join("cert.pem"), client.pem()).expect("the folder is ours");
        fs::write(folder.join("key.pem"), client_key.serialize_pem()).expect("the folder is ours");
        let (server, server_key) = issue();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca_certificate.der().clone()).expect("keys can be made");
        let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build();
        let config = rustls::ServerConfig::builder()
            .with_client_cert_verifier(verifier.expect("keys can be made"))
            .with_single_cert(
                vec![server.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(server_key.serialize_der())
                    .expect("keys can be made"),
            )
            .expect("keys can be made");
        let config = Arc::new(config);
        Self::serve(move |client, _| {
            let connection =
                rustls::ServerConnection::new(Arc::clone(&config)).expect("keys can be made");
            let mut tls = rustls::StreamOwned::new(connection, client);
            // One request with a small answer is all that the test makes of each connection.
            let mut request = vec![0; 1 << 16];
            let Ok(n_read) = tls.read(&mut request) else { return };
            let mut engine =
                UnixStream::connect("/var/run/docker.sock").expect("the engine answers");
            let text = String::from_utf8_lossy(&request[..n_read]).into_owned();
            let text = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            engine.write_all(text.as_bytes()).expect("the engine answers");
            let mut answer = Vec::new();
            let _ = engine.read_to_end(&mut answer);
            let _ = tls.write_all(&answer);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        })
    }

    fn serve(handle: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket can be had");
        let port = listener.local_addr().expect("a socket can be had").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, handle) = (Arc::clone(&is_over), Arc::new(handle));
        thread::spawn(move || {
            for (nth, client) in listener.incoming().enumerate() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { return };
                let handle = Arc::clone(&handle);
                thread::spawn(move || handle(client, nth));
            }
        });
        Self { port, is_over }
    }

    pub(crate) fn address(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The listener sees it at its next client.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Passes everything on, in both directions.
fn forward(mut client: TcpStream, is_removal_slow: bool) {
    let mut first = vec![0; 1 << 16];
    let Ok(n_read) = client.read(&mut first) else { return };
    if is_removal_slow && first.starts_with(b"DELETE ") {
        thread::sleep(Duration::from_secs(5));
    }
    let mut engine = UnixStream::connect("/var/run/docker.sock").expect("the engine answers");
    if engine.write_all(&first[..n_read]).is_err() {
        return;
    }
    let (mut from_client, mut to_engine) = (
        client.try_clone().expect("a socket can be had"),
        engine.try_clone().expect("a socket can be had"),
    );
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_engine);
        let _ = to_engine.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut engine, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}
