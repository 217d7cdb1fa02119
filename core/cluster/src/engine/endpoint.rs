//! Finds the engine by the rules of the Docker command line.
//!
//! `DOCKER_HOST` comes first, then `DOCKER_CONTEXT`, then the context that
//! `docker context use` has set, then the usual sockets: Docker's, rootless Docker's,
//! Docker Desktop's, Podman's. Source: the manual of `docker context`, and Podman's
//! `podman system service`.

use pintle_host::caller;
use pintle_host::fs::{self, Dir};
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The name of the context that means the usual sockets.
const DEFAULT_CONTEXT: &str = "default";

/// The largest file of Docker's configuration that is read.
const MAX_FILE: u64 = 16 << 20;

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket as `unix:///path`, or a Windows pipe as `npipe:////./pipe/name`.
    Local(String),
    /// A TCP address.
    Tcp {
        /// As `tcp://host:port`.
        address: String,
        /// The directory with `ca.pem`, `cert.pem` and `key.pem`, if TLS is used.
        tls: Option<PathBuf>,
    },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(address) | Self::Tcp { address, .. } => f.write_str(address),
        }
    }
}

/// Why no engine can be determined from the environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is of an unsupported kind.
    #[error("invalid or unsupported address of a Docker engine in {origin}: `{address}`")]
    Address {
        /// The address.
        address: String,
        /// Where it is set.
        origin: Origin,
    },
    /// The address requires TLS, and no certificates are configured.
    #[error("`{address}` in {origin} requires TLS, but there are no certificates for it")]
    NoCertificates {
        /// The address.
        address: String,
        /// Where it is set.
        origin: Origin,
    },
    /// The context does not exist.
    #[error("there is no Docker context `{name}` in `{}`", folder.display())]
    NoContext {
        /// Its name.
        name: String,
        /// Where contexts are stored.
        folder: PathBuf,
    },
    /// A file of Docker's configuration is invalid or cannot be read.
    #[error("invalid Docker configuration `{}`", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where an address is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The environment variable `DOCKER_HOST`.
    Variable,
    /// A Docker context.
    Context(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str("DOCKER_HOST"),
            Self::Context(name) => write!(f, "the context `{name}`"),
        }
    }
}

/// What the search for the engine reads.
pub struct Environment<'a> {
    /// Returns an environment variable.
    pub var: &'a dyn Fn(&str) -> Option<OsString>,
    /// Returns whether a socket exists.
    pub exists: &'a dyn Fn(&Path) -> bool,
}

impl Environment<'static> {
    /// Returns the process's own environment.
    pub fn of_process() -> Self {
        Self { var: &caller::var_os, exists: &|path| path.exists() }
    }
}

impl Environment<'_> {
    /// Returns a variable that is set and not empty.
    fn text(&self, name: &str) -> Option<String> {
        let value = (self.var)(name)?.to_string_lossy().into_owned();
        Some(value).filter(|it| !it.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.text(name).map(PathBuf::from)
    }

    /// Returns the directory with the certificates for `address`, if TLS is requested.
    fn certificates(&self, address: &str) -> Option<PathBuf> {
        let named = self.text("DOCKER_CERT_PATH").map(PathBuf::from);
        match self.text("DOCKER_TLS_VERIFY") {
            Some(_) => named.or_else(|| self.configuration()),
            None if address.starts_with("https://") => named,
            None => None,
        }
    }

    /// Returns the directory of Docker's own configuration.
    fn configuration(&self) -> Option<PathBuf> {
        match self.text("DOCKER_CONFIG") {
            Some(dir) => Some(dir.into()),
            None => self.home().map(|it| it.join(".docker")),
        }
    }
}

impl Endpoint {
    /// Finds the engine that `environment` selects.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] when its settings are invalid.
    pub fn find(environment: &Environment<'_>) -> Result<Self, EndpointError> {
        let endpoint = Self::locate(environment)?;
        if let Self::Tcp { tls: Some(folder), .. } = &endpoint {
            check_certificates(folder)?;
        }
        Ok(endpoint)
    }

    fn locate(environment: &Environment<'_>) -> Result<Self, EndpointError> {
        if let Some(address) = environment.text("DOCKER_HOST") {
            let tls = environment.certificates(&address);
            let endpoint = Self::parse(&address, tls, Origin::Variable)?;
            let wants_tls = environment.text("DOCKER_TLS_VERIFY").is_some();
            return match endpoint {
                Self::Tcp { tls: None, .. } if wants_tls => {
                    Err(EndpointError::NoCertificates { address, origin: Origin::Variable })
                }
                endpoint => Ok(endpoint),
            };
        }
        let configuration = environment.configuration();
        let context = match environment.text("DOCKER_CONTEXT") {
            Some(name) => Some(name),
            None => configuration.as_deref().map(current_context).transpose()?.flatten(),
        };
        match (context.filter(|it| it != DEFAULT_CONTEXT), configuration) {
            (Some(name), Some(dir)) => of_context(&name, &dir.join("contexts")),
            _ => Ok(Self::Local(default_address(environment))),
        }
    }

    /// Returns whether the engine runs on this machine, and can access its files.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Returns the host on which the ports of containers are published, as seen from here.
    pub fn host(&self) -> &str {
        match self {
            Self::Local(_) => "127.0.0.1",
            Self::Tcp { address, .. } => {
                let rest = address.split_once("://").map_or(address.as_str(), |it| it.1);
                let rest = rest.split(['/', '?']).next().unwrap_or(rest);
                match rest.strip_prefix('[').and_then(|it| it.split_once(']')) {
                    Some((v6, _)) => v6,
                    None => rest.rsplit_once(':').map_or(rest, |it| it.0),
                }
            }
        }
    }

    fn parse(address: &str, tls: Option<PathBuf>, origin: Origin) -> Result<Self, EndpointError> {
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let local = if cfg!(windows) { "npipe" } else { "unix" };
        match scheme {
            it if it == local && !rest.is_empty() => Ok(Self::Local(address.to_owned())),
            "https" if tls.is_none() && !rest.is_empty() => {
                Err(EndpointError::NoCertificates { address: address.to_owned(), origin })
            }
            "tcp" | "http" | "https" if !rest.is_empty() => {
                Ok(Self::Tcp { address: format!("tcp://{}", rest.trim_end_matches('/')), tls })
            }
            _ => Err(EndpointError::Address { address: address.to_owned(), origin }),
        }
    }
}

#[cfg(windows)]
fn default_address(_environment: &Environment<'_>) -> String {
    "npipe:////./pipe/docker_engine".to_owned()
}

/// Returns the first of the usual sockets that exists, or Docker's own if there is none.
#[cfg(not(windows))]
fn default_address(environment: &Environment<'_>) -> String {
    let runtime = environment.text("XDG_RUNTIME_DIR").map(PathBuf::from);
    let home = environment.home();
    let sockets = [
        Some(PathBuf::from("/var/run/docker.sock")),
        runtime.as_ref().map(|it| it.join("docker.sock")),
        home.as_ref().map(|it| it.join(".docker/run/docker.sock")),
        runtime.as_ref().map(|it| it.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    let mut sockets = sockets.into_iter().flatten();
    let found = sockets.find(|it| (environment.exists)(it));
    let path = found.unwrap_or_else(|| PathBuf::from("/var/run/docker.sock"));
    format!("unix://{}", path.display())
}

/// Returns the context that `docker context use` has set.
fn current_context(configuration: &Path) -> Result<Option<String>, EndpointError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Configuration {
        current_context: Option<String>,
    }
    let path = configuration.join("config.json");
    // Without a configuration, there is only the default context.
    let Some(text) = read(&path)? else { return Ok(None) };
    let configuration: Configuration =
        serde_json::from_slice(&text).map_err(|err| invalid(&path, err))?;
    Ok(configuration.current_context.filter(|it| !it.is_empty()))
}

/// One file of `contexts/meta/<digest>/meta.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Context {
    name: String,
    #[serde(default)]
    endpoints: HashMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEndpoint {
    #[serde(default)]
    host: String,
}

/// Reads the endpoint of the context `name`.
///
/// The directory of a context is named by a digest of its name. Because the name is also inside the
/// file, all files are read instead. A file that cannot be read therefore says nothing about the
/// requested context, unless no other file has its name.
fn of_context(name: &str, contexts: &Path) -> Result<Endpoint, EndpointError> {
    let missing =
        || EndpointError::NoContext { name: name.to_owned(), folder: contexts.to_owned() };
    let meta = contexts.join("meta");
    let folders = match Dir::open(&meta).and_then(|it| it.list("")) {
        Ok(folders) => folders,
        Err(err) if err.is_absent() => return Err(missing()),
        Err(err) => return Err(invalid(&meta, err.cause)),
    };
    let mut failure = None;
    for folder in folders {
        let context = match read_context(&meta.join(&folder.name).join("meta.json")) {
            Ok(Some(context)) if context.name == name => context,
            Ok(_) => continue,
            Err(err) => {
                failure.get_or_insert(err);
                continue;
            }
        };
        let address = context.endpoints.get("docker").map(|it| it.host.as_str());
        let tls = contexts.join("tls").join(&folder.name).join("docker");
        // Certificates that cannot be accessed are not treated as missing.
        let tls = match Dir::open(&tls) {
            Ok(_) => Some(tls),
            Err(err) if err.kind() == ErrorKind::NotFound => None,
            Err(err) => return Err(invalid(&tls, err.cause)),
        };
        let origin = Origin::Context(name.to_owned());
        return Endpoint::parse(address.unwrap_or_default(), tls, origin);
    }
    Err(failure.unwrap_or_else(missing))
}

/// Checks that the existing certificates can be read, because the client opens any file with these
/// names, and blocks on it.
fn check_certificates(folder: &Path) -> Result<(), EndpointError> {
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        read(&folder.join(name))?;
    }
    Ok(())
}

fn read_context(path: &Path) -> Result<Option<Context>, EndpointError> {
    let Some(text) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|err| invalid(path, err))
}

/// Reads a file of Docker's configuration; `None` if it does not exist.
fn read(path: &Path) -> Result<Option<Vec<u8>>, EndpointError> {
    match fs::read_named(path, MAX_FILE) {
        Ok(contents) => Ok(Some(contents.bytes)),
        Err(err) if err.is_absent() => Ok(None),
        Err(err) => Err(invalid(path, err.cause)),
    }
}

fn invalid(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> EndpointError {
    EndpointError::Configuration { path: path.to_owned(), source: source.into() }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn find(vars: &[(&str, &str)], sockets: &[&str]) -> Result<String, EndpointError> {
        let var = |name: &str| vars.iter().find(|it| it.0 == name).map(|it| it.1.into());
        let exists = |path: &Path| sockets.iter().any(|it| Path::new(it) == path);
        let endpoint = Endpoint::find(&Environment { var: &var, exists: &exists })?;
        Ok(match &endpoint {
            Endpoint::Tcp { tls: Some(dir), .. } => format!("{endpoint} with {}", dir.display()),
            _ => endpoint.to_string(),
        })
    }

    #[track_caller]
    fn check(vars: &[(&str, &str)], sockets: &[&str], expected: &str) {
        let found = find(vars, sockets).unwrap_or_else(|err| err.to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn docker_host_comes_first() {
        check(&[("DOCKER_HOST", "unix:///a.sock")], &[], "unix:///a.sock");
        check(&[("DOCKER_HOST", "tcp://box:2375/")], &[], "tcp://box:2375");
        check(
            &[("DOCKER_HOST", "tcp://box:2376"), ("DOCKER_TLS_VERIFY", "1"), ("HOME", "/h")],
            &[],
            "tcp://box:2376 with /h/.docker",
        );
        check(
            &[
                ("DOCKER_HOST", "tcp://box:2376"),
                ("DOCKER_TLS_VERIFY", "1"),
                ("DOCKER_CERT_PATH", "/certs"),
            ],
            &[],
            "tcp://box:2376 with /certs",
        );
    }

    #[test]
    fn an_address_that_cannot_be_used_is_told() {
        check(
            &[("DOCKER_HOST", "ssh://box")],
            &[],
            "invalid or unsupported address of a Docker engine in DOCKER_HOST: `ssh://box`",
        );
        check(
            &[("DOCKER_HOST", "unix://")],
            &[],
            "invalid or unsupported address of a Docker engine in DOCKER_HOST: `unix://`",
        );
    }

    #[test]
    fn the_usual_sockets_are_tried_in_order() {
        let vars = [("XDG_RUNTIME_DIR", "/run/user/7"), ("HOME", "/nowhere")];
        check(&vars, &[], "unix:///var/run/docker.sock");
        check(&vars, &["/run/podman/podman.sock"], "unix:///run/podman/podman.sock");
        let both = ["/run/podman/podman.sock", "/run/user/7/podman/podman.sock"];
        check(&vars, &both, "unix:///run/user/7/podman/podman.sock");
        check(&vars, &["/run/user/7/docker.sock"], "unix:///run/user/7/docker.sock");
    }

    #[test]
    fn contexts_are_found_by_the_name_inside() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("config.json", r#"{"auths": {}, "currentContext": "far"}"#);
        write(
            "contexts/meta/aa/meta.json",
            r#"{"Name": "near", "Metadata": {}, "Endpoints": {"docker": {"Host": "unix:///near.sock"}}}"#,
        );
        write(
            "contexts/meta/bb/meta.json",
            r#"{"Name": "far", "Endpoints": {"docker": {"Host": "tcp://far:2376", "SkipTLSVerify": false}}}"#,
        );
        write("contexts/tls/bb/docker/ca.pem", "");
        let config = dir.path().display().to_string();
        let tls = dir.path().join("contexts/tls/bb/docker");
        let far = format!("tcp://far:2376 with {}", tls.display());
        check(&[("DOCKER_CONFIG", &config)], &[], &far);
        let near = [("DOCKER_CONFIG", config.as_str()), ("DOCKER_CONTEXT", "near")];
        check(&near, &[], "unix:///near.sock");
        let default = [("DOCKER_CONFIG", config.as_str()), ("DOCKER_CONTEXT", "default")];
        check(&default, &[], "unix:///var/run/docker.sock");
        let absent = [("DOCKER_CONFIG", config.as_str()), ("DOCKER_CONTEXT", "absent")];
        let err = find(&absent, &[]).unwrap_err().to_string();
        assert!(err.starts_with("there is no Docker context `absent`"), "{err}");
        let host = [("DOCKER_CONFIG", config.as_str()), ("DOCKER_HOST", "unix:///host.sock")];
        check(&host, &[], "unix:///host.sock");
    }

    #[test]
    fn https_is_never_plain_tcp() {
        check(
            &[("DOCKER_HOST", "https://box:2376")],
            &[],
            "`https://box:2376` in DOCKER_HOST requires TLS, but there are no certificates for it",
        );
        check(
            &[("DOCKER_HOST", "https://box:2376"), ("DOCKER_CERT_PATH", "/certs")],
            &[],
            "tcp://box:2376 with /certs",
        );
    }

    #[test]
    fn tls_that_is_asked_for_is_never_left_out() {
        // There is no place to look for certificates.
        let vars = [("DOCKER_HOST", "tcp://box:2376"), ("DOCKER_TLS_VERIFY", "1")];
        let expected =
            "`tcp://box:2376` in DOCKER_HOST requires TLS, but there are no certificates for it";
        check(&vars, &[], expected);
        check(&[("DOCKER_HOST", "unix:///a.sock"), vars[1]], &[], "unix:///a.sock");

        // A context's certificates cannot be accessed: here, the directory is a loop of links.
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("contexts/meta/aa");
        std::fs::create_dir_all(&folder).unwrap();
        let meta = r#"{"Name": "far", "Endpoints": {"docker": {"Host": "tcp://far:2376"}}}"#;
        std::fs::write(folder.join("meta.json"), meta).unwrap();
        let tls = dir.path().join("contexts/tls");
        std::os::unix::fs::symlink(&tls, &tls).unwrap();
        let config = dir.path().display().to_string();
        let context = [("DOCKER_CONFIG", config.as_str()), ("DOCKER_CONTEXT", "far")];
        let err = find(&context, &[]).unwrap_err().to_string();
        assert!(err.starts_with("invalid Docker configuration `"), "{err}");
    }

    #[test]
    fn a_fifo_among_the_certificates_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(dir.path().join("ca.pem")).status();
        assert!(made.unwrap().success());
        let certs = dir.path().display().to_string();
        let vars = [("DOCKER_HOST", "https://box:2376"), ("DOCKER_CERT_PATH", certs.as_str())];
        let err = find(&vars, &[]).unwrap_err().to_string();
        assert!(err.ends_with("ca.pem`"), "{err}");
    }

    #[test]
    fn a_malformed_context_fails_only_those_who_use_it() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, text) in [
            ("aa", "{"),
            ("bb", r#"{"Name": "near", "Endpoints": {"docker": {"Host": "unix:///near.sock"}}}"#),
            ("cc", "[]"),
            ("dd", r#"{"Name": "tls", "Endpoints": {"docker": {"Host": "https://box"}}}"#),
        ] {
            let folder = dir.path().join("contexts/meta").join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("meta.json"), text).unwrap();
        }
        let config = dir.path().display().to_string();
        let of = |name| [("DOCKER_CONFIG", config.as_str()), ("DOCKER_CONTEXT", name)];
        check(&of("near"), &[], "unix:///near.sock");
        let err = find(&of("other"), &[]).unwrap_err().to_string();
        assert!(err.ends_with("meta.json`"), "{err}");
        let tls =
            "`https://box` in the context `tls` requires TLS, but there are no certificates for it";
        check(&of("tls"), &[], tls);
    }

    #[test]
    fn a_configuration_that_makes_no_sense_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{").unwrap();
        let config = dir.path().display().to_string();
        let err = find(&[("DOCKER_CONFIG", &config)], &[]).unwrap_err().to_string();
        assert!(err.ends_with("config.json`"), "{err}");
    }

    #[test]
    fn the_host_of_published_ports_is_the_engines() {
        let host =
            |it: &str| Endpoint::parse(it, None, Origin::Variable).unwrap().host().to_owned();
        assert_eq!(host("unix:///a.sock"), "127.0.0.1");
        assert_eq!(host("tcp://box:2375"), "box");
        assert_eq!(host("tcp://[::1]:2375"), "::1");
    }
}
