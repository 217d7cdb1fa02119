//! Where the engine is, by the rules of the Docker command line.
//!
//! `DOCKER_HOST` comes first, then `DOCKER_CONTEXT`, then the context that
//! `docker context use` has set, then the usual sockets: Docker's, rootless Docker's,
//! Docker Desktop's, Podman's. Source: the manual of `docker context`, and Podman's
//! `podman system service`.

use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The name of the context that stands for the usual sockets.
const DEFAULT_CONTEXT: &str = "default";

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket as `unix:///path`, or a pipe of Windows as `npipe:////./pipe/name`.
    Local(String),
    /// A TCP address.
    Tcp {
        /// As `tcp://host:port`.
        address: String,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`, where TLS is used.
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

/// Why the environment names no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is of no kind that can be used.
    #[error("`{address}` of {source_name} is no address of a Docker engine that can be used here")]
    Address {
        /// The address.
        address: String,
        /// Who says so: `DOCKER_HOST`, or a context.
        source_name: String,
    },
    /// There is no such context.
    #[error("there is no Docker context `{name}` in `{}`", folder.display())]
    NoContext {
        /// Its name.
        name: String,
        /// Where contexts are kept.
        folder: PathBuf,
    },
    /// A file of Docker's configuration is not what it should be.
    #[error("`{}` is no configuration of Docker", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EndpointError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Address { address, .. } if address.starts_with("ssh://") => {
                "forward the engine's socket with `ssh -L`, and name it with DOCKER_HOST=unix://…"
                    .to_owned()
            }
            Self::Address { .. } => "use `unix:///path/to/socket` or `tcp://host:port`".to_owned(),
            Self::NoContext { .. } => "`docker context ls` lists the contexts".to_owned(),
            Self::Configuration { .. } => "mend the file, or set DOCKER_HOST".to_owned(),
        }
    }
}

/// What the search for the engine looks at.
pub struct Environment<'a> {
    /// Returns an environment variable.
    pub var: &'a dyn Fn(&str) -> Option<OsString>,
    /// Returns whether a socket is there.
    pub exists: &'a dyn Fn(&Path) -> bool,
}

impl Environment<'static> {
    /// Returns the process's own environment.
    pub fn of_process() -> Self {
        Self { var: &|name| std::env::var_os(name), exists: &|path| path.exists() }
    }
}

impl Environment<'_> {
    /// Returns a variable that is set to some text.
    fn text(&self, name: &str) -> Option<String> {
        let value = (self.var)(name)?.to_string_lossy().into_owned();
        Some(value).filter(|it| !it.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.text(name).map(PathBuf::from)
    }

    /// Returns the folder of Docker's own configuration.
    fn configuration(&self) -> Option<PathBuf> {
        match self.text("DOCKER_CONFIG") {
            Some(dir) => Some(dir.into()),
            None => self.home().map(|it| it.join(".docker")),
        }
    }
}

impl Endpoint {
    /// Finds the engine that `environment` means.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] when what it says makes no sense.
    pub fn find(environment: &Environment<'_>) -> Result<Self, EndpointError> {
        if let Some(address) = environment.text("DOCKER_HOST") {
            let tls = environment.text("DOCKER_TLS_VERIFY").and_then(|_| {
                let dir = environment.text("DOCKER_CERT_PATH").map(PathBuf::from);
                dir.or_else(|| environment.configuration())
            });
            return Self::parse(&address, tls, "DOCKER_HOST");
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

    /// Returns whether the engine runs on this machine, and sees its files.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Returns the host that the ports of containers are published on, as seen from here.
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

    fn parse(
        address: &str,
        tls: Option<PathBuf>,
        source_name: &str,
    ) -> Result<Self, EndpointError> {
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let local = if cfg!(windows) { "npipe" } else { "unix" };
        match scheme {
            it if it == local && !rest.is_empty() => Ok(Self::Local(address.to_owned())),
            "tcp" | "http" | "https" if !rest.is_empty() => {
                Ok(Self::Tcp { address: format!("tcp://{}", rest.trim_end_matches('/')), tls })
            }
            _ => Err(EndpointError::Address {
                address: address.to_owned(),
                source_name: source_name.to_owned(),
            }),
        }
    }
}

#[cfg(windows)]
fn default_address(_environment: &Environment<'_>) -> String {
    "npipe:////./pipe/docker_engine".to_owned()
}

/// Returns the first of the usual sockets that is there; Docker's own if none is.
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
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        // Without a configuration there is no context but the default.
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(EndpointError::Configuration { path, source: err.into() }),
    };
    match serde_json::from_slice::<Configuration>(&text) {
        Ok(it) => Ok(it.current_context.filter(|it| !it.is_empty())),
        Err(err) => Err(EndpointError::Configuration { path, source: err.into() }),
    }
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
/// The folder of a context is named by a digest of its name; as the name stands inside
/// too, all are looked through instead.
fn of_context(name: &str, contexts: &Path) -> Result<Endpoint, EndpointError> {
    let missing =
        || EndpointError::NoContext { name: name.to_owned(), folder: contexts.to_owned() };
    let folders = std::fs::read_dir(contexts.join("meta")).map_err(|_| missing())?;
    for folder in folders.flatten() {
        let path = folder.path().join("meta.json");
        let Ok(text) = std::fs::read(&path) else { continue };
        let context: Context = serde_json::from_slice(&text)
            .map_err(|err| EndpointError::Configuration { path, source: err.into() })?;
        if context.name != name {
            continue;
        }
        let address = context.endpoints.get("docker").map(|it| it.host.as_str());
        let tls = contexts.join("tls").join(folder.file_name()).join("docker");
        let tls = Some(tls).filter(|it| it.is_dir());
        return Endpoint::parse(address.unwrap_or_default(), tls, &format!("context `{name}`"));
    }
    Err(missing())
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
        let found = find(vars, sockets).unwrap_or_else(|err| format!("{err}; {}", err.hint()));
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
            "`ssh://box` of DOCKER_HOST is no address of a Docker engine that can be used here; \
             forward the engine's socket with `ssh -L`, and name it with DOCKER_HOST=unix://…",
        );
        check(
            &[("DOCKER_HOST", "unix://")],
            &[],
            "`unix://` of DOCKER_HOST is no address of a Docker engine that can be used here; \
             use `unix:///path/to/socket` or `tcp://host:port`",
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
    fn a_configuration_that_makes_no_sense_is_told() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{").unwrap();
        let config = dir.path().display().to_string();
        let err = find(&[("DOCKER_CONFIG", &config)], &[]).unwrap_err().to_string();
        assert!(err.ends_with("config.json` is no configuration of Docker"), "{err}");
    }

    #[test]
    fn the_host_of_published_ports_is_the_engines() {
        let host = |it: &str| Endpoint::parse(it, None, "").unwrap().host().to_owned();
        assert_eq!(host("unix:///a.sock"), "127.0.0.1");
        assert_eq!(host("tcp://box:2375"), "box");
        assert_eq!(host("tcp://[::1]:2375"), "::1");
    }
}
