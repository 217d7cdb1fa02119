//! An existing registry, according to its container; and the creation of one.

use crate::spec::{PORT, Spec, label};
use pintle_plugin::anyhow;
use pintle_plugin::containers::{ContainerInfo, Containers, PublishedPort};
use pintle_plugin::prelude::*;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::{Duration, Instant};

/// How often to try to keep a port that the engine has chosen.
const MAX_TRIES: usize = 3;

/// How long a cache may take to answer, or to find that it cannot reach its registry.
const TRIAL: Duration = Duration::from_secs(1);

/// How often to check the cache.
const PAUSE: Duration = Duration::from_millis(20);

/// A registry.
#[derive(Debug, Clone)]
pub(crate) struct Registry(ContainerInfo);

impl std::ops::Deref for Registry {
    type Target = ContainerInfo;

    fn deref(&self) -> &ContainerInfo {
        &self.0
    }
}

impl From<ContainerInfo> for Registry {
    fn from(container: ContainerInfo) -> Self {
        Self(container)
    }
}

impl Registry {
    fn port(&self) -> u16 {
        self.labels.get(label::PORT).and_then(|it| it.parse().ok()).unwrap_or(PORT)
    }

    fn published(&self) -> Option<&PublishedPort> {
        let port = self.port();
        self.ports.iter().find(|it| it.container == port && it.host != 0)
    }

    /// Returns the host and port at which the engine's machine reaches it while it runs.
    pub(crate) fn address(&self) -> Option<String> {
        let PublishedPort { host_ip, host, .. } = self.published()?;
        Some(match host_ip.parse() {
            Ok(ip) if !is_local(ip) => std::net::SocketAddr::new(ip, *host).to_string(),
            _ => format!("localhost:{host}"),
        })
    }

    /// Returns the host and port at which the nodes of its clusters reach it.
    pub(crate) fn inner_address(&self) -> String {
        format!("{}:{}", self.name, self.port())
    }

    /// Returns the URL of the registry that it is a pull-through cache of.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.labels.get(label::PROXY).map(String::as_str)
    }

    /// Returns the hosts and ports in image names for which it is a mirror in clusters.
    pub(crate) fn stands_for(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::from([self.inner_address()]);
        if let Some(port) = self.published().map(|it| it.host) {
            keys.extend([format!("{}:{port}", self.name), format!("localhost:{port}")]);
        }
        keys.extend(self.address());
        keys.extend(self.proxy().map(remote_key));
        keys
    }

    /// Returns whether it has been running since it was started.
    fn keeps_running(&self) -> bool {
        self.state == "running" && self.restarts == 0
    }

    /// Reports that it was started, and whether it is still running.
    pub(crate) fn tell(&self, host: &Host<'_>) {
        let name = &self.name;
        if self.keeps_running() {
            let at = self.address().map_or(String::new(), |it| format!(" at {it}"));
            host.info(format!("the registry `{name}` runs{at}"));
        } else {
            // A cache ends if it cannot reach its registry, and is restarted again and again.
            host.warn(format!(
                "the registry `{name}` does not keep running: check `docker logs {name}`"
            ));
        }
    }

    /// Returns the endpoint for nodes.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.inner_address())
    }
}

/// Returns whether `localhost` can be used instead of the address.
fn is_local(ip: IpAddr) -> bool {
    ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
}

/// Returns the host in image names for the registry at a URL.
fn remote_key(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |it| it.1);
    match rest.split('/').next().unwrap_or_default() {
        // Docker Hub has one name in image names, and another one for its API.
        "registry-1.docker.io" | "index.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    }
}

/// Returns the plugin's registries, sorted by name.
///
/// # Errors
///
/// When there is no engine, or it fails.
pub(crate) fn all(containers: Containers<'_>) -> Result<Vec<Registry>> {
    Ok(containers.list()?.into_iter().map(Registry).collect())
}

/// Returns the registries for a user who types the name of one.
///
/// # Errors
///
/// When there is no engine, or it fails.
pub(crate) fn candidates(host: &Host<'_>) -> Result<Vec<Candidate>> {
    let candidate = |it: Registry| Candidate::new(it.name.clone(), it.state.clone());
    Ok(all(host.containers())?.into_iter().map(candidate).collect())
}

/// Returns the registry `name`.
///
/// # Errors
///
/// When it does not exist. The hint lists the existing ones.
pub(crate) fn pick<'a>(known: &'a [Registry], name: &str) -> Result<&'a Registry> {
    let names: Vec<_> = known.iter().map(|it| format!("`{}`", it.name)).collect();
    let hint = match names.as_slice() {
        [] => "there are no registries; create one with `registry create`".to_owned(),
        names => format!("use an existing registry: {}", names.join(", ")),
    };
    known
        .iter()
        .find(|it| it.name == name)
        .ok_or_else(|| anyhow!("there is no registry `{name}`"))
        .hint(hint)
}

/// Creates a registry and starts it.
///
/// # Errors
///
/// When the name or the port is in use, or the engine fails. In both cases, no registry remains.
pub(crate) fn make(
    containers: Containers<'_>,
    known: &[Registry],
    spec: &Spec,
) -> Result<Registry> {
    let name = &spec.name;
    if known.iter().any(|it| it.name == *name) {
        return Err(anyhow!("the registry `{name}` already exists"))
            .hint("choose another name, use the existing registry, or delete it first");
    }
    let container = match spec.publish.port {
        0 => run_at_free_port(containers, spec),
        port => containers.run(spec.container(port)),
    };
    match container {
        Ok(container) if spec.proxy.is_some() => on_trial(containers, Registry(container)),
        Ok(container) => Ok(Registry(container)),
        Err(err) => Err(explain(err, spec)),
    }
}

/// Waits until a cache answers or has ended. Whether its port can be reached from here depends on
/// the engine, so a cache that does neither is considered to be running.
fn on_trial(containers: Containers<'_>, mut cache: Registry) -> Result<Registry> {
    let start = Instant::now();
    while cache.keeps_running() && start.elapsed() < TRIAL {
        if cache.address().is_some_and(|it| answers(&it)) {
            break;
        }
        thread::sleep(PAUSE);
        cache = containers.find(&cache.name)?.map_or(cache, Registry);
    }
    Ok(cache)
}

/// Returns whether the program at the address responds to HTTP: an engine accepts connections for a
/// program that is not listening yet.
fn answers(address: &str) -> bool {
    let mut addresses = address.to_socket_addrs().into_iter().flatten();
    let stream = addresses.find_map(|it| TcpStream::connect_timeout(&it, TRIAL).ok());
    let ask = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(TRIAL))?;
        stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")?;
        stream.read_exact(&mut [0])
    };
    stream.is_some_and(|it| ask(it).is_ok())
}

/// Runs a registry on a port that the engine chooses, and makes this port permanent.
///
/// An engine chooses another port each time it starts a container, and after its own restart, but
/// nodes keep the port in their mirrors, and users in the names of their images. Only the engine
/// knows which ports are free on its machine, which may not be this one. Therefore the engine
/// chooses, and the registry is created again with this port.
fn run_at_free_port(containers: Containers<'_>, spec: &Spec) -> Result<ContainerInfo> {
    let mut n_tries = 0;
    loop {
        n_tries += 1;
        let first = Registry(containers.run(spec.container(0))?);
        let Some(port) = first.published().map(|it| it.host) else { return Ok(first.0) };
        containers.remove(&spec.name)?;
        match containers.run(spec.container(port)) {
            // Another program has taken the port in the meantime.
            Err(_) if n_tries < MAX_TRIES => {}
            result => return result,
        }
    }
}

/// Adds a hint if the engine's message is known; other errors stay as they are.
fn explain(err: anyhow::Error, spec: &Spec) -> anyhow::Error {
    let text = format!("{err:#}");
    let result: Result<()> =
        Err(err.context(format!("cannot create the registry `{}`", spec.name)));
    let says = |words: &[&str]| words.iter().any(|it| text.contains(it));
    let result = if says(&["name is already in use", "is already in use by"]) {
        result.hint("another container has this name: choose another name for the registry")
    } else if says(&["port is already allocated", "address already in use"]) {
        result.hint("choose another port, or omit it to use a free one")
    } else {
        result
    };
    result.expect_err("it was made as an error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(ip: &str, host: u16) -> Registry {
        let mut port = PublishedPort::default();
        (port.container, port.host_ip, port.host) = (PORT, ip.to_owned(), host);
        let mut container = ContainerInfo::default();
        container.name = "r1".to_owned();
        container.ports = vec![port];
        Registry(container)
    }

    #[test]
    fn the_address_is_that_of_the_machine() {
        for (ip, expected) in [
            ("", "localhost:4000"),
            ("0.0.0.0", "localhost:4000"),
            ("127.0.0.1", "localhost:4000"),
            ("::1", "localhost:4000"),
            ("127.0.0.2", "127.0.0.2:4000"),
            ("10.0.0.7", "10.0.0.7:4000"),
            ("fd00::1", "[fd00::1]:4000"),
        ] {
            assert_eq!(registry(ip, 4000).address().as_deref(), Some(expected));
        }
        assert_eq!(Registry(ContainerInfo::default()).address(), None);
    }

    #[test]
    fn a_registry_stands_for_all_its_names() {
        let names = |it: &Registry| it.stands_for().into_iter().collect::<Vec<_>>();
        let local = registry("127.0.0.1", 4000);
        assert_eq!(names(&local), ["localhost:4000", "r1:4000", "r1:5000"]);
        assert_eq!(local.endpoint(), "http://r1:5000");
        let same_port = registry("10.0.0.7", 5000);
        assert_eq!(names(&same_port), ["10.0.0.7:5000", "localhost:5000", "r1:5000"]);
        let mut cache = registry("", 4000);
        cache.0.labels.insert(label::PROXY.into(), "https://registry-1.docker.io".into());
        cache.0.ports.clear();
        assert_eq!(names(&cache), ["docker.io", "r1:5000"]);
        cache.0.labels.insert(label::PROXY.into(), "*".into());
        assert_eq!(names(&cache), ["*", "r1:5000"]);
    }

    #[test]
    fn a_remote_registry_is_known_as_images_name_it() {
        assert_eq!(remote_key("https://registry-1.docker.io/"), "docker.io");
        assert_eq!(remote_key("https://ghcr.io"), "ghcr.io");
        assert_eq!(remote_key("http://a.example:5000/b"), "a.example:5000");
    }
}
