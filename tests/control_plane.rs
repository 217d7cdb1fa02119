//! A real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager on loopback,
//! while a test runs.

use crate::kubectl::has_kubectl;
use crate::support::{deps_dir, skip};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The time limit for everything in the cluster that a test waits for.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running control plane. It ends when this value is dropped.
pub(crate) struct ControlPlane {
    folder: TempDir,
    children: Vec<Child>,
}

impl ControlPlane {
    /// Starts a control plane; returns `None` if its programs are missing.
    #[track_caller]
    pub(crate) fn start() -> Option<Self> {
        let programs = programs()?;
        if Command::new("openssl").arg("version").output().is_err() {
            skip("openssl");
            return None;
        }
        if !has_kubectl() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary directory can be created");
        let mut plane = Self { folder, children: Vec::new() };
        plane.make_keys();
        let [client, peer, api] = [free_port(), free_port(), free_port()];
        let store = format!("http://127.0.0.1:{client}");
        let etcd = [
            format!("--data-dir={}", plane.path("store").display()),
            format!("--listen-client-urls={store}"),
            format!("--advertise-client-urls={store}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
        ];
        plane.spawn(&programs.join("etcd"), &etcd);
        let keys = plane.folder.path().to_owned();
        let file = |name: &str| keys.join(name).display().to_string();
        let server = [
            format!("--etcd-servers={store}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={api}"),
            format!("--tls-cert-file={}", file("server.crt")),
            format!("--tls-private-key-file={}", file("server.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            format!("--service-account-key-file={}", file("accounts.key")),
            "--service-cluster-ip-range=10.43.0.0/16".to_owned(),
            // No pod runs here, and no service is reached at its address.
            "--endpoint-reconciler-type=none".to_owned(),
            "--allow-privileged=true".to_owned(),
        ];
        plane.spawn(&programs.join("kube-apiserver"), &server);
        plane.write_kubeconfig(api);
        let controllers = [
            format!("--kubeconfig={}", plane.kubeconfig().display()),
            "--leader-elect=false".to_owned(),
            // Several control planes run at a time, and no client queries the controllers.
            "--secure-port=0".to_owned(),
            format!("--service-account-private-key-file={}", file("accounts.key")),
            format!("--root-ca-file={}", file("ca.crt")),
        ];
        plane.spawn(&programs.join("kube-controller-manager"), &controllers);
        plane.wait_for("the API server is ready", || {
            plane.kubectl(&["get", "--raw", "/readyz"]).is_ok()
        });
        plane.wait_for("there is a namespace", || {
            plane.kubectl(&["get", "namespace", "default"]).is_ok()
        });
        Some(plane)
    }

    /// Returns the file with the server's address for clients.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// Returns a path in the control plane's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs kubectl; the error is its standard error. A warning fails the test.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        self.kubectl_with(args, "")
    }

    /// Runs kubectl with a text on standard input.
    pub(crate) fn kubectl_with(&self, args: &[&str], input: &str) -> Result<String, String> {
        let (stdout, stderr) = self.kubectl_says(args, input);
        let stdout = stdout.ok_or_else(|| stderr.clone())?;
        assert!(!stderr.contains("Warning:"), "kubectl {}: {stderr}", args.join(" "));
        Ok(stdout)
    }

    /// Runs kubectl; returns its standard output if it succeeded, and its standard error.
    pub(crate) fn kubectl_says(&self, args: &[&str], input: &str) -> (Option<String>, String) {
        use std::io::Write as _;
        let mut command = Command::new("kubectl");
        command.args(args).env("KUBECONFIG", self.kubeconfig()).env("HOME", self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl can be run");
        let mut stdin = child.stdin.take().expect("it is a pipe");
        stdin.write_all(input.as_bytes()).expect("kubectl reads its input");
        drop(stdin);
        let out = child.wait_with_output().expect("kubectl ends");
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        (out.status.success().then(|| text(&out.stdout)), text(&out.stderr))
    }

    /// Waits until a condition holds; fails the test if it does not.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < PATIENCE, "timed out: {what}\n{}", self.logs());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Creates a certificate for a server on 127.0.0.1, signed by the control plane's authority:
    /// `<name>.crt` and `<name>.key`.
    pub(crate) fn make_certificate(&self, name: &str, subject: &str, extension: &str) {
        let [key, request, certificate] = ["key", "csr", "crt"]
            .map(|it| self.path(&format!("{name}.{it}")).display().to_string());
        let extensions = self.path(&format!("{name}.ext"));
        fs::write(&extensions, extension).expect("the directory is writable");
        let [authority, authority_key] =
            ["ca.crt", "ca.key"].map(|it| self.path(it).display().to_string());
        let extensions = extensions.display().to_string();
        let new = [
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &request, "-subj",
            subject,
        ];
        openssl(&new);
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &authority,
            "-CAkey",
            &authority_key,
            "-CAcreateserial",
            "-out",
            &certificate,
            "-days",
            "2",
            "-extfile",
            &extensions,
        ]);
    }

    fn make_keys(&self) {
        let [key, certificate] = ["ca.key", "ca.crt"].map(|it| self.path(it).display().to_string());
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-days",
            "2",
            "-subj",
            "/CN=test",
        ]);
        self.make_certificate("server", "/CN=server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
        self.make_certificate("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth");
        openssl(&["genrsa", "-out", &self.path("accounts.key").display().to_string(), "2048"]);
    }

    fn write_kubeconfig(&self, port: u16) {
        let [authority, certificate, key] =
            ["ca.crt", "admin.crt", "admin.key"].map(|it| self.path(it).display().to_string());
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters:\n- name: test\n  cluster:\n    server: https://127.0.0.1:{port}\n    \
             certificate-authority: {authority}\n\
             users:\n- name: admin\n  user:\n    client-certificate: {certificate}\n    client-key: {key}\n\
             contexts:\n- name: test\n  context:\n    cluster: test\n    user: admin\n"
        );
        fs::write(self.kubeconfig(), text).expect("the directory is writable");
    }

    fn spawn(&mut self, program: &Path, args: &[String]) {
        let name = program.file_name().expect("a program has a name").to_string_lossy();
        let log =
            fs::File::create(self.path(&format!("{name}.log"))).expect("the directory is writable");
        let stderr = log.try_clone().expect("a file can be shared");
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(stderr)
            .spawn();
        self.children.push(child.expect("the program can be run"));
    }

    /// Returns the ends of the logs.
    fn logs(&self) -> String {
        let entries = fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let logs =
            entries.map(|it| it.path()).filter(|it| it.extension().is_some_and(|it| it == "log"));
        let show = |path: PathBuf| {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(8).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            format!("--- {}\n{}\n", path.display(), lines.join("\n"))
        };
        logs.map(show).collect()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The store is stopped last: the other programs write to it.
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns a port that is not in use.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Returns a program that is built with the control plane: unmodified `kustomize`, `oras` or
/// `kubebuilder`. Returns `None` if it is not built.
#[track_caller]
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    Some(programs()?.join(name))
}

/// Returns the directory of the programs; `None` if they were not built, or built from another
/// recipe.
#[track_caller]
fn programs() -> Option<PathBuf> {
    // `target/<profile>/deps` contains the tests.
    let kept = deps_dir().ancestors().nth(2)?.join("control-plane");
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/control-plane");
    let read = |dir: &Path| ["go.mod", "build.sh"].map(|it| fs::read(dir.join(it)).ok());
    if read(&kept.join("module")) != read(&recipe) {
        skip("a control plane; `cargo xtask control-plane` builds it, with Go 1.26 or newer");
        return None;
    }
    Some(kept.join("bin"))
}

#[track_caller]
fn openssl(args: &[&str]) {
    let out = Command::new("openssl").args(args).output().expect("openssl can be run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
