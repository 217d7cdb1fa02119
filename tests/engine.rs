//! A real Docker engine: the images on it that tests need, the objects of a cluster, and clusters
//! that are removed at the end of their test.

use crate::kubectl::has_kubectl;
use crate::support::{Output, Sandbox, deps_dir, fixture, install, skip};
use bollard::Docker;
use bollard::models::{ContainerInspectResponse, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, PushImageOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptions, RemoveVolumeOptions, TagImageOptionsBuilder,
};
use futures_util::TryStreamExt as _;
use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::runtime::Runtime;

/// The image of a node, for tests that only require k3s's behaviour.
///
/// `PINTLE_TEST_NODE_IMAGE` replaces it, for example with a real k3s image.
const NODE_IMAGE: &str = "PINTLE_TEST_NODE_IMAGE";

/// A Docker engine.
pub(crate) struct Engine {
    runtime: Runtime,
    docker: Docker,
}

/// The images of `cargo xtask node-images`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Image {
    /// Nodes that are ready immediately.
    Standin,
    /// Nodes with a real API server.
    ControlPlane,
    /// Debian's docker-registry.
    Registry,
}

impl Engine {
    /// Finds the engine; returns `None` if none is running.
    #[track_caller]
    pub(crate) fn get() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("the system has threads");
        let docker = runtime.block_on(async {
            let docker = Docker::connect_with_defaults().ok()?;
            docker.negotiate_version().await.ok()
        });
        match docker {
            Some(docker) => Some(Self { runtime, docker }),
            None => {
                skip("a Docker engine");
                None
            }
        }
    }

    /// Returns the tag of an image; imports the image if the engine does not have it.
    #[track_caller]
    pub(crate) fn image(&self, image: Image) -> Option<String> {
        let name = match image {
            Image::Standin => "standin",
            Image::ControlPlane => "control-plane",
            Image::Registry => "registry",
        };
        let archive = images().join(name).with_extension("tar");
        let Ok(tag) = fs::read_to_string(archive.with_extension("tag")) else {
            skip(&format!("the image `{name}`; `cargo xtask node-images` builds it"));
            return None;
        };
        // Tests are separate processes, and one import is enough.
        let lock = File::create(archive.with_extension("lock")).expect("the directory is writable");
        lock.lock().expect("a file can be locked");
        if self.runtime.block_on(self.docker.inspect_image(&tag)).is_err() {
            self.import(image, &archive, &tag);
        }
        Some(tag)
    }

    fn import(&self, image: Image, archive: &Path, tag: &str) {
        let changes = match image {
            Image::Registry => {
                "ENTRYPOINT [\"/bin/registry\", \"serve\"]\n\
                 CMD [\"/etc/docker/registry/config.yml\"]\nEXPOSE 5000"
            }
            _ => "ENTRYPOINT [\"/bin/k3s\"]\nENV PATH=/bin",
        };
        let (repository, version) = tag.split_once(':').expect("a tag has a version");
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(repository)
            .tag(version)
            .changes(changes.lines().map(str::to_owned).collect());
        let bytes = fs::read(archive).expect("the archive can be read");
        let body = bollard::body_full(bytes.into());
        let docker = self.docker.clone().with_timeout(std::time::Duration::from_secs(600));
        let steps = docker.create_image(Some(options.build()), Some(body), None);
        let done: Result<Vec<_>, _> = self.runtime.block_on(steps.try_collect());
        done.expect("the engine imports the archive");
    }

    /// Returns the names of all containers, networks and volumes of a cluster, sorted.
    pub(crate) fn things(&self, cluster: &str) -> Vec<String> {
        let label = format!("pintle.cluster={cluster}");
        let filter = HashMap::from([("label".to_owned(), vec![label])]);
        self.runtime.block_on(async {
            let options = ListContainersOptionsBuilder::new().all(true).filters(&filter).build();
            let containers =
                self.docker.list_containers(Some(options)).await.expect("the engine lists them");
            let options = ListNetworksOptionsBuilder::new().filters(&filter).build();
            let networks =
                self.docker.list_networks(Some(options)).await.expect("the engine lists them");
            let options = ListVolumesOptionsBuilder::new().filters(&filter).build();
            let volumes =
                self.docker.list_volumes(Some(options)).await.expect("the engine lists them");
            let containers = containers.into_iter().flat_map(|it| it.names.unwrap_or_default());
            let networks = networks.into_iter().filter_map(|it| it.name);
            let volumes = volumes.volumes.unwrap_or_default().into_iter().map(|it| it.name);
            let mut names: Vec<String> = containers
                .map(|it| format!("container {}", it.trim_start_matches('/')))
                .chain(networks.map(|it| format!("network {it}")))
                .chain(volumes.map(|it| format!("volume {it}")))
                .collect();
            names.sort();
            names
        })
    }

    /// Returns the engine's description of a container.
    #[track_caller]
    pub(crate) fn inspect(&self, name: &str) -> ContainerInspectResponse {
        self.runtime.block_on(self.docker.inspect_container(name, None)).expect("it is there")
    }

    /// Runs a command in a container, and returns its output.
    #[track_caller]
    pub(crate) fn exec(&self, container: &str, command: &[&str]) -> String {
        use bollard::exec::{StartExecOptions, StartExecResults};
        let config = bollard::models::ExecConfig {
            cmd: Some(command.iter().map(|it| (*it).to_owned()).collect()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        self.runtime.block_on(async {
            let id = self.docker.create_exec(container, config).await.expect("it runs").id;
            let started = self.docker.start_exec(&id, None::<StartExecOptions>).await;
            let StartExecResults::Attached { output, .. } = started.expect("it starts") else {
                panic!("it is attached");
            };
            let parts: Vec<_> = output.try_collect().await.expect("there is output");
            parts.into_iter().map(|it| it.to_string()).collect()
        })
    }

    /// Returns a file of a container, or `None` if there is none.
    pub(crate) fn file(&self, container: &str, path: &str) -> Option<String> {
        let options = bollard::query_parameters::DownloadFromContainerOptionsBuilder::new();
        let options = options.path(path).build();
        let parts = self.docker.download_from_container(container, Some(options));
        let parts: Vec<_> = self.runtime.block_on(parts.try_collect()).ok()?;
        let bytes: Vec<u8> = parts.concat();
        let bytes = pintle::cluster::engine::unpack_one(&bytes).ok()?;
        Some(String::from_utf8(bytes).expect("it is text"))
    }

    /// Adds a name to an image.
    #[track_caller]
    pub(crate) fn tag(&self, image: &str, name: &str) {
        let (repository, tag) = split_tag(name);
        let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
        let done = self.runtime.block_on(self.docker.tag_image(image, Some(options)));
        done.expect("the engine has the image");
    }

    /// Pushes an image to the registry in its name.
    #[track_caller]
    pub(crate) fn push(&self, name: &str) {
        // An engine requires credentials, even if the registry does not.
        self.push_with(name, bollard::auth::DockerCredentials::default());
    }

    /// Pushes an image to a registry that requires credentials.
    #[track_caller]
    pub(crate) fn push_as(&self, name: &str, user: &str, password: &str) {
        let credentials = bollard::auth::DockerCredentials {
            username: Some(user.to_owned()),
            password: Some(password.to_owned()),
            ..Default::default()
        };
        self.push_with(name, credentials);
    }

    #[track_caller]
    fn push_with(&self, name: &str, credentials: bollard::auth::DockerCredentials) {
        let (repository, tag) = split_tag(name);
        let options = PushImageOptionsBuilder::new().tag(tag).build();
        let steps = self.docker.push_image(repository, Some(options), Some(credentials));
        let done: Result<Vec<_>, _> = self.runtime.block_on(steps.try_collect());
        done.expect("the registry accepts the image");
    }

    /// Pulls an image from the registry in its name.
    #[track_caller]
    pub(crate) fn pull(&self, name: &str) {
        let options = CreateImageOptionsBuilder::new().from_image(name).build();
        let steps = self.docker.create_image(Some(options), None, None);
        let done: Result<Vec<_>, _> = self.runtime.block_on(steps.try_collect());
        done.expect("the registry has the image");
    }

    /// Removes a name of an image; the last name removes the image.
    #[track_caller]
    pub(crate) fn remove_image(&self, name: &str) {
        let done =
            self.runtime.block_on(self.docker.remove_image(name, None::<RemoveImageOptions>, None));
        done.expect("the engine has the image");
    }

    /// Returns the archive of an image.
    #[track_caller]
    pub(crate) fn save(&self, image: &str) -> Vec<u8> {
        let parts = self.docker.export_image(image).try_collect::<Vec<_>>();
        self.runtime.block_on(parts).expect("the engine saves the image").concat()
    }

    /// Creates a network with labels.
    #[track_caller]
    pub(crate) fn create_network(&self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(labels.collect()),
            ..Default::default()
        };
        let done = self.runtime.block_on(self.docker.create_network(config));
        done.expect("the engine creates the network");
    }

    /// Removes a network; fails if it does not exist.
    pub(crate) fn remove_network(&self, name: &str) -> Result<(), bollard::errors::Error> {
        self.runtime.block_on(self.docker.remove_network(name))
    }

    /// Returns a subnet that no network of the engine uses and that the machine has no route to.
    #[track_caller]
    pub(crate) fn free_subnet(&self) -> String {
        let networks = self.docker.list_networks(None);
        let networks = self.runtime.block_on(networks).expect("the engine lists them").into_iter();
        let pools = networks.flat_map(|it| it.ipam?.config).flatten().filter_map(|it| it.subnet);
        let mut taken: Vec<_> = pools.filter_map(|it| range(&it)).collect();
        taken.extend(routes());
        let random = RandomState::new().hash_one(()) as u16;
        // 10.42 and 10.43 are for pods and services in a cluster.
        let candidates = (0..=u16::MAX).map(|it| random.wrapping_add(it));
        let mut free = candidates.map(|it| [10, (it >> 8) as u8, it as u8, 0]).filter(|it| {
            let first = u32::from_be_bytes(*it);
            let (first, last) = (first, first | 0xff);
            ![42, 43].contains(&it[1]) && taken.iter().all(|it| last < it.0 || it.1 < first)
        });
        let [a, b, c, d] = free.next().expect("some subnet is free");
        format!("{a}.{b}.{c}.{d}/24")
    }

    /// Returns the engine's API, for calls that are shorter this way.
    pub(crate) fn client(&self) -> (&Runtime, &Docker) {
        (&self.runtime, &self.docker)
    }

    /// Pauses a container.
    #[track_caller]
    pub(crate) fn pause(&self, name: &str) {
        self.runtime.block_on(self.docker.pause_container(name)).expect("it pauses");
    }

    /// Stops a container.
    #[track_caller]
    pub(crate) fn stop(&self, name: &str) {
        self.runtime.block_on(self.docker.stop_container(name, None)).expect("it stops");
    }

    /// Returns whether a container of this name exists.
    pub(crate) fn has_container(&self, name: &str) -> bool {
        self.runtime.block_on(self.docker.inspect_container(name, None)).is_ok()
    }

    /// Removes a container if it exists.
    pub(crate) fn remove_container(&self, name: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let _ = self.runtime.block_on(self.docker.remove_container(name, Some(options)));
    }

    /// Removes all objects of a cluster, whatever their state.
    pub(crate) fn clean(&self, cluster: &str) {
        for thing in self.things(cluster) {
            let Some((kind, name)) = thing.split_once(' ') else { continue };
            // Containers are first in the order of the kinds.
            self.runtime.block_on(async {
                match kind {
                    "container" => {
                        let options = RemoveContainerOptionsBuilder::new().force(true).v(true);
                        let _ = self.docker.remove_container(name, Some(options.build())).await;
                    }
                    "network" => drop(self.docker.remove_network(name).await),
                    _ => {
                        let options = None::<RemoveVolumeOptions>;
                        let _ = self.docker.remove_volume(name, options).await;
                    }
                }
            });
        }
    }
}

/// Returns the first and the last address of a subnet; `None` if it is not an IPv4 subnet.
fn range(subnet: &str) -> Option<(u32, u32)> {
    let (address, bits) = subnet.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let hosts = u32::MAX.checked_shr(bits.parse().ok()?).unwrap_or(0);
    Some((u32::from(address) & !hosts, u32::from(address) | hosts))
}

/// Returns the ranges that this machine has routes to, except the default route.
fn routes() -> Vec<(u32, u32)> {
    let table = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let route = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |idx: usize| u32::from_str_radix(words.get(idx)?, 16).ok().map(u32::from_be);
        let (first, mask) = (number(1)?, number(7)?);
        (mask != 0).then_some((first, first | !mask))
    };
    table.lines().filter_map(route).collect()
}

/// Splits the name of an image into repository and tag.
fn split_tag(name: &str) -> (&str, &str) {
    name.rsplit_once(':').expect("the name has a tag")
}

fn images() -> PathBuf {
    // The test is in `target/debug/deps`.
    let target = deps_dir().ancestors().nth(2).map(Path::to_owned);
    target.expect("cargo builds into a directory of the target directory").join("node-images")
}

/// A cluster name that no other test uses, and a host that creates the cluster. When the test ends,
/// the remains of the cluster are removed.
pub(crate) struct Berth {
    pub(crate) sandbox: Sandbox,
    pub(crate) name: String,
    pub(crate) engine: Engine,
    /// The image of the nodes.
    image: String,
}

impl Berth {
    /// Returns a berth with stand-in nodes; `None` without an engine or the image.
    #[track_caller]
    pub(crate) fn new(name: &str) -> Option<Self> {
        Self::with(name, Image::Standin, Sandbox::new())
    }

    /// Returns a berth for a sandbox.
    #[track_caller]
    pub(crate) fn with(name: &str, image: Image, sandbox: Sandbox) -> Option<Self> {
        let engine = Engine::get()?;
        let real = std::env::var(NODE_IMAGE).ok().filter(|it| !it.is_empty());
        let (image, privilege) = match real {
            // A real node requires an engine that starts privileged containers.
            Some(image) => {
                (image, std::env::var("PINTLE_PRIVILEGE").unwrap_or_else(|_| "full".to_owned()))
            }
            None => (engine.image(image)?, "reduced".to_owned()),
        };
        let sandbox = sandbox.env("PINTLE_NODE_IMAGE", &image).env("PINTLE_PRIVILEGE", privilege);
        let sandbox = match std::env::var_os("DOCKER_HOST") {
            Some(host) => sandbox.env("DOCKER_HOST", host),
            None => sandbox,
        };
        // Names have at most 32 characters. Tests of several checkouts or machines may share an
        // engine, and two tests of this process may have chosen the same name.
        let name = format!("t{:08x}-{name}", RandomState::new().hash_one(()) as u32);
        Some(Self { engine, sandbox, name, image })
    }

    /// Uses the stand-in for this berth's nodes, regardless of the environment: for tests of
    /// behaviour that only the stand-in has.
    #[track_caller]
    pub(crate) fn standin(name: &str) -> Option<Self> {
        let mut berth = Self::new(name)?;
        berth.image = berth.engine.image(Image::Standin)?;
        let image = berth.image.clone();
        Some(berth.env("PINTLE_NODE_IMAGE", &image).env("PINTLE_PRIVILEGE", "reduced"))
    }

    /// Returns the same berth; `None` without kubectl.
    #[track_caller]
    pub(crate) fn with_kubectl(self) -> Option<Self> {
        has_kubectl().then_some(self)
    }

    /// Starts containers in the cluster's network that are not part of the cluster. They are
    /// removed with the berth.
    #[track_caller]
    pub(crate) fn start_bystanders(&self, n: usize) {
        use bollard::models::{ContainerCreateBody, HostConfig};
        use bollard::query_parameters::CreateContainerOptionsBuilder;
        let (runtime, docker) = self.engine.client();
        for idx in 0..n {
            let name = format!("{}-bystander-{idx}", self.name);
            let body = ContainerCreateBody {
                image: Some(self.image.clone()),
                cmd: Some(vec!["server".to_owned()]),
                labels: Some([("pintle.cluster".to_owned(), self.name.clone())].into()),
                host_config: Some(HostConfig {
                    network_mode: Some(format!("pintle-{}", self.name)),
                    ..HostConfig::default()
                }),
                ..ContainerCreateBody::default()
            };
            let options = CreateContainerOptionsBuilder::new().name(&name).build();
            runtime.block_on(async {
                docker.create_container(Some(options), body).await.expect("it is created");
                docker.start_container(&name, None).await.expect("it starts");
            });
        }
    }

    /// Returns the image of the nodes.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }

    /// Adds a fixture plugin.
    #[track_caller]
    pub(crate) fn plugin(self, name: &str) -> Self {
        install(&fixture(name), &self.sandbox.plugins().join(format!("{name}.so")));
        self
    }

    /// Sets an environment variable of the host.
    pub(crate) fn env(mut self, variable: &str, value: &str) -> Self {
        self.sandbox.set_env(variable, value);
        self
    }

    /// Runs the host with the words of a line, in which `NAME` stands for the cluster.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Output {
        self.sandbox.run(self.words(line))
    }

    /// Returns the words of a line, in which `NAME` stands for the cluster.
    pub(crate) fn words(&self, line: &str) -> Vec<String> {
        line.split(' ').map(|it| it.replace("NAME", &self.name)).collect()
    }

    /// Runs lines and returns their output, with placeholders for the cluster's name and for values
    /// that differ between runs.
    #[track_caller]
    pub(crate) fn transcript(&self, lines: &[&str]) -> String {
        let shown = lines.iter().map(|it| format!("$ pintle {it}\n{}", self.run(it)));
        self.hide(&shown.collect::<String>())
    }

    /// Returns a host's output, with placeholders for the cluster's name and for values that differ
    /// between runs.
    pub(crate) fn shown(&self, output: &Output) -> String {
        self.hide(&output.to_string())
    }

    pub(crate) fn hide(&self, text: &str) -> String {
        self.hide_names(&without_waiting(text))
    }

    /// Returns a host's complete output, with placeholders for the cluster's name and for values
    /// that differ between runs.
    pub(crate) fn hide_names(&self, text: &str) -> String {
        let text = text.replace(&self.name, "NAME");
        hide_ids(&hide_ports(&text.replace(&self.image, "IMAGE")))
    }

    /// Returns the names of all objects of the cluster in the engine.
    pub(crate) fn things(&self) -> Vec<String> {
        self.engine.things(&self.name)
    }

    /// Fails the test if the engine has any object of the cluster.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        let things = self.things();
        assert!(things.is_empty(), "the engine still holds {things:?}");
    }

    /// Returns the kubeconfig that the host writes.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.sandbox.path("home/.kube/config")
    }

    /// Runs kubectl on the cluster, and returns its output.
    #[track_caller]
    pub(crate) fn kubectl(&self, words: &str) -> String {
        let out = Command::new("kubectl")
            .args(words.split(' '))
            .env("KUBECONFIG", self.kubeconfig())
            .output();
        let out = out.expect("kubectl is there");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "`kubectl {words}` failed: {said}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.engine.clean(&self.name);
    }
}

/// Returns a text without the messages that the host prints after a long wait, which depend on the
/// load of the machine. Tests of these messages do not use this function.
fn without_waiting(text: &str) -> String {
    let (mut shown, mut is_inside) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        let is_detail = is_inside && line.starts_with("  ");
        is_inside = is_detail || line.starts_with("warning: still waiting for ");
        if !is_inside {
            shown.push_str(line);
        }
    }
    shown
}

/// Replaces port numbers, which the engine chooses.
fn hide_ports(text: &str) -> String {
    let hide = |text: &str, host: &str| {
        let mut parts = text.split(host);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |shown, part| {
            let rest = part.trim_start_matches(|it: char| it.is_ascii_digit());
            let port = if rest.len() < part.len() { "[PORT]" } else { "" };
            shown + host + port + rest
        })
    };
    hide(&hide(text, "127.0.0.1:"), "localhost:")
}

/// Replaces ids of containers, which are 64 hexadecimal digits.
fn hide_ids(text: &str) -> String {
    let is_id = |it: &str| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
    let words = text.split('"').map(|it| if is_id(it) { "[ID]" } else { it });
    words.collect::<Vec<_>>().join("\"")
}
