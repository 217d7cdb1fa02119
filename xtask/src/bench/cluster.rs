//! Clusters in Docker: the host against a script that creates the same with the docker CLI.
//!
//! Both create a cluster of the same name in turns, and the engine's objects are compared. All of
//! them have the label `pintle.cluster=bench-…`, and are removed at the end, whatever happens.

use super::table::{NOT_SLOWER, Row};
use super::timing::{Program, Stats, stats};
use crate::node_images;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// The script that the host is compared with.
const SCRIPT: &str = include_str!("cluster.sh");

/// The programs that the script needs, with arguments that do nothing.
const TOOLS: [(&str, &[&str]); 5] = [
    ("sh", &["-c", ":"]),
    ("docker", &["--version"]),
    ("kubectl", &["version", "--client"]),
    ("curl", &["--version"]),
    ("jq", &["--version"]),
];

/// The life of a cluster: the steps that are timed, in their order.
const STEPS: [&str; 4] = ["create", "stop", "start", "delete"];

const SIZES: [Size; 2] =
    [Size { servers: 1, agents: 0, n_pairs: 7 }, Size { servers: 3, agents: 2, n_pairs: 5 }];

/// The user's kubeconfig before the first cluster; it has an entry.
const KUBECONFIG: &str = "apiVersion: v1
kind: Config
clusters:
- name: other
  cluster: {server: 'https://127.0.0.1:1'}
contexts:
- name: other
  context: {cluster: other, user: other}
users:
- name: other
  user: {token: secret}
current-context: other
";

/// Properties of an object that differ from one run to the next, or are not about the object.
const OF_ONE_RUN: [&str; 12] = [
    "Id",
    "Created",
    "CreatedAt",
    "Containers",
    "IPAM",
    "pintle.run",
    // The host looks for a free subnet.
    "IPAMConfig",
    "pintle.address",
    "IPRange",
    // Whether the client requested the output.
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
];

/// The size of a cluster, and how often each side creates it.
struct Size {
    servers: usize,
    agents: usize,
    n_pairs: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.servers, self.agents) {
            (1, 0) => f.write_str("1 server"),
            (servers, agents) => write!(f, "{servers} servers, {agents} agents"),
        }
    }
}

/// The program that creates a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Maker {
    Host,
    Script,
}

/// Returns the rows of clusters; without an engine, prints a message and returns no rows.
pub(super) fn rows(host: &Path) -> Vec<Row> {
    of_sizes(|image, size| measure(&Berth::new(host, image, size)?, size))
}

/// Returns the rows of clusters of this host against clusters of the host `before`.
pub(super) fn rows_before(host: &Path, before: &Path) -> Vec<Row> {
    of_sizes(|image, size| {
        let (now, before) = (Berth::new(host, image, size)?, Berth::new(before, image, size)?);
        let life = |berth: &Berth| berth.life(Maker::Host);
        // Both are cold in their first round.
        life(&before)?;
        life(&now)?;
        let (now, before) = in_turns(size, || life(&now), || life(&before))?;
        Ok(rows_of_steps(size, &now, "before", &before, NOT_SLOWER))
    })
}

/// Measures clusters of each size with the image of the nodes.
fn of_sizes(measure: impl Fn(&str, &Size) -> Result<Vec<Row>>) -> Vec<Row> {
    if let Some(why) = obstacle() {
        println!("clusters are skipped: {why}");
        return Vec::new();
    }
    let image = match image() {
        Ok(image) => image,
        Err(err) => return vec![Row::missing("clusters", &err)],
    };
    let rows = SIZES.iter().map(|size| {
        eprintln!("measuring clusters of {size}");
        let rows = measure(&image, size);
        rows.unwrap_or_else(|err| vec![Row::missing(format!("clusters of {size}"), &err)])
    });
    rows.flatten().collect()
}

/// Returns why no clusters can be created, or none by the script.
fn obstacle() -> Option<String> {
    if !node_images::has_engine() {
        return Some("no Docker engine is running".to_owned());
    }
    let is_there = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        let status = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|it| it.success())
    };
    let missing = TOOLS.iter().find(|(program, args)| !is_there(program, args));
    missing.map(|(program, _)| format!("the script needs `{program}`"))
}

/// Returns the tag of the image of nodes that are ready immediately; imports it if necessary.
fn image() -> Result<String> {
    let made = node_images::build()?;
    let archive = made.into_iter().find(|it| it.file_stem().is_some_and(|it| it == "standin"));
    let archive = archive.context("there is no image of stand-in nodes")?;
    let tag = fs::read_to_string(archive.with_extension("tag")).context("failed to read a tag")?;
    if docker(["image", "inspect", &tag]).is_err() {
        let path = archive.to_str().context("the path of the target directory is not UTF-8")?;
        let changes = ["ENTRYPOINT [\"/bin/k3s\"]", "ENV PATH=/bin"];
        docker(["import", "--change", changes[0], "--change", changes[1], path, &tag])?;
    }
    Ok(tag)
}

/// Creates a cluster of one size in turns, and returns a row for each step of its life.
fn measure(berth: &Berth, size: &Size) -> Result<Vec<Row>> {
    // The first round does not count: everything is cold, and the engine's objects are compared.
    let (ours, theirs) = (berth.inspected(Maker::Host)?, berth.inspected(Maker::Script)?);
    if let Some(difference) = difference(&ours, &theirs) {
        bail!("the script creates something else: {difference}");
    }
    let life = |maker| berth.life(maker);
    let (ours, theirs) = in_turns(size, || life(Maker::Host), || life(Maker::Script))?;
    Ok(rows_of_steps(size, &ours, "script with the docker CLI", &theirs, 1.0))
}

/// The times of the steps of many lives.
type Times = Vec<[f64; 4]>;

/// Measures clusters that are created in turns by this host and by the other program.
fn in_turns(
    size: &Size,
    ours: impl Fn() -> Result<[f64; 4]>,
    theirs: impl Fn() -> Result<[f64; 4]>,
) -> Result<(Times, Times)> {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for pair in 0..size.n_pairs {
        // Both take turns at being the first.
        if pair % 2 == 1 {
            their_times.push(theirs()?);
            our_times.push(ours()?);
        } else {
            our_times.push(ours()?);
            their_times.push(theirs()?);
        }
    }
    Ok((our_times, their_times))
}

fn rows_of_steps(
    size: &Size,
    ours: &[[f64; 4]],
    other: &str,
    theirs: &[[f64; 4]],
    times: f64,
) -> Vec<Row> {
    let row = |(idx, step): (usize, &str)| {
        let median = |times: &[[f64; 4]]| stats(times.iter().map(|it| it[idx]).collect()).median;
        let turns: Stats =
            stats(ours.iter().zip(theirs).map(|(ours, theirs)| ours[idx] / theirs[idx]).collect());
        let work = format!("cluster {step}, {size}");
        Row::at_most(work, median(ours), other, median(theirs), turns, times)
    };
    STEPS.into_iter().enumerate().map(row).collect()
}

/// A cluster's name, and everything that is needed to create the cluster. When this value is
/// dropped, the remains of the cluster are removed.
struct Berth {
    temp: TempDir,
    name: String,
    host: PathBuf,
    version: String,
    image: String,
    servers: usize,
    agents: usize,
}

impl Berth {
    fn new(host: &Path, image: &str, size: &Size) -> Result<Self> {
        let &Size { servers, agents, .. } = size;
        let temp = tempfile::Builder::new().prefix("bench-").tempdir()?;
        for folder in ["home", "plugins", "work"] {
            fs::create_dir(temp.path().join(folder))?;
        }
        fs::write(temp.path().join("kubeconfig"), KUBECONFIG)?;
        // Another run of the benchmark may use the same engine.
        let name = format!("bench-{}-{servers}-{agents}", std::process::id());
        let (host, image, version) = (host.to_owned(), image.to_owned(), String::new());
        let mut berth = Self { temp, name, host, version, image, servers, agents };
        let said = berth.program(&berth.host, ["version"]).output()?;
        let said = String::from_utf8(said).context("the host's version is not UTF-8")?;
        let version = said.split_whitespace().nth(1).context("the host printed no version")?;
        berth.version = version.to_owned();
        Ok(berth)
    }

    /// Creates, stops, starts and deletes the cluster; returns how many nanoseconds each step took.
    fn life(&self, maker: Maker) -> Result<[f64; 4]> {
        let mut times = [0.0; 4];
        for (time, step) in times.iter_mut().zip(STEPS) {
            let program = self.step(maker, step);
            let start = Instant::now();
            let done = program.output();
            *time = start.elapsed().as_nanos() as f64;
            done.with_context(|| format!("`cluster {step}` of {maker:?}"))?;
        }
        Ok(times)
    }

    /// Runs all steps once, and returns the cluster's objects in the engine.
    fn inspected(&self, maker: Maker) -> Result<Value> {
        let mut things = Value::Null;
        for step in STEPS {
            let done = self.step(maker, step).output();
            done.with_context(|| format!("`cluster {step}` of {maker:?}"))?;
            let config = fs::read_to_string(self.temp.path().join("kubeconfig"))?;
            let has_entry = config.contains(&format!("pintle-{}", self.name));
            ensure!(
                has_entry != (step == "delete"),
                "{maker:?} did not update the kubeconfig: {step}"
            );
            ensure!(config.contains("other"), "{maker:?} damaged the kubeconfig: {step}");
            match step {
                "create" => things = self.things()?,
                "delete" => {
                    let left = self.ids()?.concat();
                    ensure!(left.is_empty(), "{maker:?} leaves {}", left.join(", "));
                }
                _ => {}
            }
        }
        Ok(things)
    }

    fn step(&self, maker: Maker, step: &str) -> Program {
        match maker {
            Maker::Script => self.program(Path::new("/bin/sh"), ["-c", SCRIPT, "cluster.sh", step]),
            Maker::Host => {
                let mut program =
                    self.program(&self.host, ["--quiet", "cluster", step, &self.name]);
                if step == "create" {
                    let (servers, agents) = (self.servers.to_string(), self.agents.to_string());
                    let size = ["--servers", &servers, "--agents", &agents];
                    program.args.extend(size.map(Into::into));
                }
                if step != "delete" {
                    program.args.extend(["--timeout", "60s"].map(Into::into));
                }
                program
            }
        }
    }

    fn program<const N: usize>(&self, path: &Path, args: [&str; N]) -> Program {
        let temp = self.temp.path();
        let numbers = |range: std::ops::Range<usize>| {
            range.map(|it| it.to_string()).collect::<Vec<_>>().join(" ").into()
        };
        let own = [
            ("HOME", temp.join("home").into()),
            ("KUBECONFIG", temp.join("kubeconfig").into()),
            ("PINTLE_NODE_IMAGE", self.image.clone().into()),
            ("PINTLE_PRIVILEGE", "reduced".into()),
            ("PINTLE_PLUGIN_PATH", temp.join("plugins").into()),
            ("PINTLE_PLUGIN_SYSTEM_PATH", "".into()),
            ("CLUSTER", self.name.clone().into()),
            ("JOINING", numbers(1..self.servers)),
            ("AGENTS", numbers(0..self.agents)),
            ("IMAGE", self.image.clone().into()),
            ("VERSION", self.version.clone().into()),
            ("WORK", temp.join("work").into()),
        ];
        let outer = ["PATH", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"];
        let outer = outer.into_iter().filter_map(|it| Some((it, std::env::var_os(it)?)));
        Program {
            path: path.to_owned(),
            args: args.map(Into::into).into(),
            env: own.into_iter().chain(outer).map(|(name, it)| (name.to_owned(), it)).collect(),
            folder: temp.to_owned(),
            stdin: None,
            next: None,
        }
    }

    /// Returns the cluster's objects in the engine, without properties that differ between runs.
    fn things(&self) -> Result<Value> {
        let inspect = |kind: &str, ids: &[String]| -> Result<Vec<Value>> {
            let args = [kind, "inspect"].into_iter().chain(ids.iter().map(String::as_str));
            serde_json::from_slice(&docker(args)?)
                .context("the output of `docker inspect` is not JSON")
        };
        let [containers, networks, volumes] = self.ids()?;
        let containers = inspect("container", &containers)?.into_iter().map(|it| {
            let of = |key| it[key].clone();
            json!({
                "Name": of("Name"),
                "Config": of("Config"),
                "HostConfig": of("HostConfig"),
                "Mounts": of("Mounts"),
            })
        });
        Ok(plain(json!({
            "containers": containers.collect::<Vec<_>>(),
            "networks": inspect("network", &networks)?,
            "volumes": inspect("volume", &volumes)?,
        })))
    }

    /// Returns the ids of the cluster's containers and networks, and the names of its volumes.
    fn ids(&self) -> Result<[Vec<String>; 3]> {
        let label = format!("label=pintle.cluster={}", self.name);
        let find = |list: &[&str]| -> Result<Vec<String>> {
            let filter = ["--quiet", "--filter", label.as_str()];
            let said = docker(list.iter().copied().chain(filter))?;
            Ok(String::from_utf8_lossy(&said).lines().map(str::to_owned).collect())
        };
        Ok([find(&["ps", "--all"])?, find(&["network", "ls"])?, find(&["volume", "ls"])?])
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        let Ok([containers, networks, volumes]) = self.ids() else { return };
        let remove: [(&[&str], _); 3] = [
            (&["rm", "--force", "--volumes"], containers),
            (&["network", "rm"], networks),
            (&["volume", "rm"], volumes),
        ];
        for (verb, ids) in remove.iter().filter(|it| !it.1.is_empty()) {
            let args = verb.iter().copied().chain(ids.iter().map(String::as_str));
            if let Err(err) = docker(args) {
                eprintln!("failed to remove the cluster `{}`: {err:#}", self.name);
            }
        }
    }
}

/// Runs docker and returns its output.
fn docker<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
    let out = Command::new("docker").args(args).output().context("failed to run docker")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "docker failed: {}", said.trim());
    Ok(out.stdout)
}

/// Returns the output of `docker inspect` without properties that differ between runs, and in one
/// form if clients write the same value in several forms.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.into_iter().filter(|(key, _)| !OF_ONE_RUN.contains(&key.as_str()));
            map.map(|(key, it)| (key, plain(it))).filter(|(_, it)| !is_nothing(it)).collect()
        }
        Value::Array(list) => {
            let mut list: Vec<_> = list.into_iter().map(plain).collect();
            list.retain(|it| !it.as_str().is_some_and(|it| it.starts_with("K3S_TOKEN=")));
            // The order in these lists only reflects the order of the arguments; a different number
            // of arguments is still a difference.
            list.sort_by_key(Value::to_string);
            list.into()
        }
        Value::String(text) => text.strip_prefix("CAP_").unwrap_or(&text).into(),
        value => value,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Returns the first line in which two values differ.
fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    let (ours, theirs) = (format!("{ours:#}"), format!("{theirs:#}"));
    if ours == theirs {
        return None;
    }
    let mut pairs = ours.lines().zip(theirs.lines());
    let (ours, theirs) = pairs.find(|(ours, theirs)| ours != theirs).unwrap_or(("", "more"));
    Some(format!("found `{}`, expected `{}`", theirs.trim(), ours.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_may_write_the_same_in_several_ways() {
        let ours = json!({
            "Env": ["K3S_TOKEN=1", "A=1", "B=2"],
            "CapDrop": ["SYS_RESOURCE"],
            "Dns": null,
            "Labels": {"app": "pintle", "pintle.run": "1"},
        });
        let theirs = json!({
            "Env": ["B=2", "A=1", "K3S_TOKEN=2"],
            "CapDrop": ["CAP_SYS_RESOURCE"],
            "Dns": [],
            "Labels": {"app": "pintle", "pintle.run": "2"},
        });
        assert_eq!(difference(&plain(ours), &plain(theirs)), None);
    }

    #[test]
    fn what_is_not_the_same_is_named() {
        let env = |text: &str| plain(json!({"Env": [text], "Image": "node"}));
        let said = difference(&env("A=1"), &env("A=2")).unwrap();
        assert_eq!(said, "found `\"A=2\"`, expected `\"A=1\"`");
    }

    #[test]
    fn each_step_has_its_row_and_its_budget() {
        let size = Size { servers: 3, agents: 2, n_pairs: 2 };
        let (ours, theirs) = ([[1e6, 2e6, 3e6, 4e6]; 2], [[1e6, 1e6, 6e6, 8e6]; 2]);
        let rows = rows_of_steps(&size, &ours, "script", &theirs, 1.0);
        let shown: Vec<_> = rows.iter().map(|it| (it.work.as_str(), it.verdict.holds())).collect();
        assert_eq!(
            shown,
            [
                ("cluster create, 3 servers, 2 agents", true),
                ("cluster stop, 3 servers, 2 agents", false),
                ("cluster start, 3 servers, 2 agents", true),
                ("cluster delete, 3 servers, 2 agents", true),
            ]
        );
    }
}
