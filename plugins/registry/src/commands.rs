//! The commands: independent registries, and a list of all registries.

use crate::each::Failures;
use crate::listing;
use crate::registry::{self, Registry};
use crate::spec::{Environment, Proxy, Publish, Secret, Spec, Volume};
use pintle_plugin::prelude::*;
use std::collections::BTreeSet;

/// The networks to which engines connect containers by default.
const DEFAULT_NETWORKS: [&str; 2] = ["bridge", "podman"];

/// `registry create`
#[derive(Default)]
pub(crate) struct Create;

impl Command for Create {
    const PATH: &'static [&'static str] = &["registry", "create"];
    const ABOUT: &'static str = "Create a registry that several clusters can use";

    fn args(&self) -> Vec<Arg> {
        vec![
            Arg::positional("name")
                .help("The registry's name [default: this program's, with `-registry`]"),
            Arg::option("port")
                .value_name("[IP:]PORT")
                .help("Port on this machine [default: a free one, only for this machine]"),
            Arg::option("image").help("Image to run"),
            Arg::option("volume")
                .value_name("SOURCE:TARGET")
                .repeated()
                .help("Mount a directory or a volume; images are in /var/lib/registry"),
            Arg::option("proxy-remote-url")
                .value_name("URL")
                .help("Run as a pull-through cache of this registry"),
            Arg::option("proxy-username").value_name("USER").help("User name for that registry"),
            Arg::option("proxy-password")
                .value_name("PASSWORD")
                .help("Password for that registry; other users can see it while the command runs"),
            Arg::flag("no-delete").help("Do not allow images to be deleted"),
        ]
    }

    fn long_about(&self) -> String {
        "Clusters use it with `cluster create --registry-use NAME`.\n\n\
         Environment variables, which begin with this program's name in upper case: \
         `…_REGISTRY_IMAGE` sets the image, unless `--image` is given; \
         `…_REGISTRY_PROXY_PASSWORD` sets the password, unless `--proxy-password` is given."
            .to_owned()
    }

    fn examples(&self) -> Vec<(String, String)> {
        let example = |about: &str, line: &str| (about.to_owned(), line.to_owned());
        vec![
            example("A registry at a port of your choice", "registry create --port 5000"),
            example(
                "A cache of Docker Hub",
                "registry create hub --proxy-remote-url https://registry-1.docker.io",
            ),
        ]
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let spec = read(call)?;
        let known = registry::all(host.containers())?;
        let registry = registry::make(host.containers(), &known, &spec)?;
        registry.tell(host);
        let verb = if spec.proxy.is_some() { "pull from" } else { "push to" };
        if let Some(address) = registry.address() {
            host.println(format!("{:<13}{address}/IMAGE", format!("{verb}:")));
        }
        host.println(format!("{:<13}{}/IMAGE", "in clusters:", registry.inner_address()));
        Ok(Outcome::done())
    }
}

fn read(call: &Call) -> Result<Spec> {
    let (args, host) = (&call.args, &call.caller.host);
    let environment = Environment::new(host);
    let name = args.find("name")?.unwrap_or_else(|| format!("{host}-registry"));
    let mut spec = Spec::new(name, &environment)?;
    spec.image = args.find("image")?.unwrap_or(spec.image);
    if let Some(port) = args.find::<String>("port")? {
        spec.publish = Publish::parse(&port)?;
    }
    let volumes: Vec<String> = args.find("volume")?.unwrap_or_default();
    let folder = std::env::current_dir().ok();
    spec.volumes =
        volumes.iter().map(|it| Volume::parse(it, folder.as_deref())).collect::<Result<_>>()?;
    spec.proxy = Proxy::read(
        args.find("proxy-remote-url")?,
        args.find("proxy-username")?,
        args.find("proxy-password")?.map(Secret),
        &environment,
    )?;
    spec.delete = !args.flag("no-delete");
    Ok(spec)
}

/// `registry list`
#[derive(Default)]
pub(crate) struct List;

impl Command for List {
    const PATH: &'static [&'static str] = &["registry", "list"];
    const ABOUT: &'static str = "List the registries";

    fn args(&self) -> Vec<Arg> {
        vec![
            Arg::option("output")
                .short('o')
                .value_name("FORMAT")
                .choice("text")
                .choice("json")
                .choice("yaml")
                .default_value("text")
                .help("The output format"),
        ]
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let registries = registry::all(host.containers())?;
        host.println(listing::show(&registries, &call.args.get::<String>("output")?)?);
        Ok(Outcome::done())
    }
}

/// `registry delete`
#[derive(Default)]
pub(crate) struct Delete;

impl Command for Delete {
    const PATH: &'static [&'static str] = &["registry", "delete"];
    const ABOUT: &'static str = "Delete registries with the images in them";

    fn args(&self) -> Vec<Arg> {
        vec![names(), Arg::flag("all").short('a').help("All registries")]
    }

    fn complete(
        &self,
        _arg: &str,
        _word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        not_named(call, host)
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let wanted: Vec<String> = call.args.find("name")?.unwrap_or_default();
        if wanted.is_empty() != call.args.flag("all") {
            return Err(UsageError("expected either names or `--all`".to_owned()))
                .hint("list the names with `registry list`");
        }
        let containers = host.containers();
        let mut known = registry::all(containers)?;
        if !wanted.is_empty() {
            known = chosen(&known, &wanted)?;
        }
        let mut failures = Failures::default();
        for registry in &known {
            let name = &registry.name;
            if failures.note(name, containers.remove(name)).is_none() {
                continue;
            }
            let networks: Vec<_> = registry.networks.iter().map(String::as_str).collect();
            if let Some(networks) = foreign(&networks) {
                host.warn(format!(
                    "`{name}` was in {networks}: clusters there can no longer pull from it"
                ));
            }
            host.info(format!("the registry `{name}` is gone"));
        }
        failures.into_result("delete")?;
        Ok(Outcome::done())
    }
}

/// Returns a description of the networks that a user or a cluster has connected, if there are any.
fn foreign(networks: &[&str]) -> Option<String> {
    let foreign = networks.iter().filter(|it| !DEFAULT_NETWORKS.contains(it));
    let names: Vec<_> = foreign.map(|it| format!("`{it}`")).collect();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("the network {name}")),
        names => Some(format!("the networks {}", names.join(", "))),
    }
}

/// `registry start`
#[derive(Default)]
pub(crate) struct Start;

impl Command for Start {
    const PATH: &'static [&'static str] = &["registry", "start"];
    const ABOUT: &'static str = "Start stopped registries";

    fn args(&self) -> Vec<Arg> {
        vec![names().required()]
    }

    fn complete(
        &self,
        _arg: &str,
        _word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        not_named(call, host)
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let containers = host.containers();
        let mut failures = Failures::default();
        for it in chosen(&registry::all(containers)?, &call.args.get::<Vec<_>>("name")?)? {
            if let Some(started) = failures.note(&it.name, containers.start(&it.name)) {
                Registry::from(started).tell(host);
            }
        }
        failures.into_result("start")?;
        Ok(Outcome::done())
    }
}

/// `registry stop`
#[derive(Default)]
pub(crate) struct Stop;

impl Command for Stop {
    const PATH: &'static [&'static str] = &["registry", "stop"];
    const ABOUT: &'static str = "Stop registries and keep their images";

    fn args(&self) -> Vec<Arg> {
        vec![names().required()]
    }

    fn complete(
        &self,
        _arg: &str,
        _word: &str,
        call: &Call,
        host: &Host<'_>,
    ) -> Result<Vec<Candidate>> {
        not_named(call, host)
    }

    fn run(&self, call: &Call, host: &Host<'_>) -> Result<Outcome> {
        let containers = host.containers();
        let mut failures = Failures::default();
        for it in chosen(&registry::all(containers)?, &call.args.get::<Vec<_>>("name")?)? {
            if failures.note(&it.name, containers.stop(&it.name)).is_some() {
                host.info(format!("the registry `{}` has stopped", it.name));
            }
        }
        failures.into_result("stop")?;
        Ok(Outcome::done())
    }
}

fn names() -> Arg {
    Arg::positional("name").repeated().completed().help("The registries' names")
}

/// Returns the registries that are not on the line yet.
fn not_named(call: &Call, host: &Host<'_>) -> Result<Vec<Candidate>> {
    let named: Vec<String> = call.args.find("name")?.unwrap_or_default();
    let mut found = registry::candidates(host)?;
    found.retain(|it| !named.contains(&it.value));
    Ok(found)
}

/// Returns the registries with these names, each once.
fn chosen(known: &[Registry], names: &[String]) -> Result<Vec<Registry>> {
    let names: BTreeSet<_> = names.iter().collect();
    names.into_iter().map(|it| registry::pick(known, it).cloned()).collect()
}
