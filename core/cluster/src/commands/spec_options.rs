//! The options that describe a cluster, and the cluster file behind them.

use super::cluster_file_text::{invalid, load};
use super::completed;
use super::errors::FILTERS;
use super::session_engine::names;
use super::shared_args::{config_arg, parse_name};
use crate::error::ClusterError;
use crate::spec::{
    self, ApiAddress, ClusterFile, ClusterSpec, DEFAULT_IMAGE, Defaults, Filtered, Memory,
    NodeFilter, Pair, Publish, Secret, ValueError, variable_of_line, volume_of_line,
};
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use pintle_host::caller;
use pintle_host::catalog::PluginName;
use pintle_host::cli::{CliError, Exit, Session, Values};
use pintle_plugin::Level;
use std::str::FromStr;

/// The options, in the order of the help.
pub(super) fn args() -> Vec<Arg> {
    let one = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let many = |name: &'static str, value: &'static str, help: &'static str| {
        one(name, value, help).action(ArgAction::Append)
    };
    vec![
        Arg::new("name").value_name("NAME").help("The cluster's name"),
        config_arg(),
        Arg::new("ignore-unsupported")
            .long("ignore-unsupported")
            .action(ArgAction::SetTrue)
            .help("Print warnings, not errors, for unsupported settings in a k3d file"),
        one("servers", "N", "The number of servers [default: 1]")
            .short('s')
            .value_parser(value_parser!(u16).range(1..)),
        one("agents", "N", "The number of agents [default: 0]")
            .short('a')
            .value_parser(value_parser!(u16)),
        Arg::new("image")
            .short('i')
            .long("image")
            .value_name("IMAGE")
            .add(Values(completed::images))
            .help(format!("The image of the nodes [default: {DEFAULT_IMAGE}]")),
        one("api-port", "[HOST:]PORT", "The address and port of the API [default: a free port]")
            .value_parser(value_parser!(ApiAddress)),
        many("port", "[[IP:]PORT:]PORT[@NODES]", "A port to publish (can be repeated)").short('p'),
        many("volume", "[SOURCE:]TARGET[:ro][@NODES]", "A mount (can be repeated)").short('v'),
        many("env", "NAME[=VALUE][@NODES]", "An environment variable (can be repeated)").short('e'),
        many("k3s-arg", "ARG[@NODES]", "An argument for k3s (can be repeated)")
            .allow_hyphen_values(true),
        many("label", "NAME=VALUE[@NODES]", "A label of the containers (can be repeated)"),
        many(
            "memory",
            "SIZE[@NODES]",
            "The memory limit of a node, for example 2g (can be repeated)",
        ),
        one(
            "network",
            "NAME",
            "A network to share with other clusters; it is created if it does not exist",
        ),
        one("subnet", "CIDR", "The address range of the cluster's network"),
        one("token", "SECRET", "The secret with which nodes join [default: random]"),
        one("privilege", "full|reduced", "The privileges of the containers [default: full]")
            .value_parser(["full", "reduced"]),
    ]
}

/// Returns the description of the cluster, and the rest of the cluster file.
pub(super) fn read(
    session: &Session<'_>,
    matches: &ArgMatches,
) -> Result<(ClusterSpec, ClusterFile), CliError> {
    let given = matches.get_one::<String>("name").map(|it| parse_name(it)).transpose()?;
    let identity = session.identity();
    let defaults = defaults(session)?;
    let path = matches.get_one::<String>("config").map_or("", |it| it);
    let mut file = match matches.contains_id("config") {
        true => {
            let (text, folder) = load(path)?;
            spec::parse(&text, &folder, given.as_ref(), defaults.clone())
                .map_err(|source| ClusterError::File { path: path.to_owned(), source })?
        }
        false => ClusterFile::empty(),
    };
    for warning in &file.warnings {
        session.console().log(Level::Warn, warning);
    }
    check_supported(session, path, &file, matches.get_flag("ignore-unsupported"))?;
    let mut spec = match (file.spec.take(), given) {
        (Some(spec), _) => spec,
        (None, Some(name)) => ClusterSpec::with_defaults(name, defaults),
        (None, None) => {
            let text = "the cluster has no name";
            let hint = format!(
                "specify a name, for example `{} cluster create demo`",
                identity.command_name
            );
            return Err(CliError::new(Exit::Usage, text).hint(hint));
        }
    };
    set_sizes(&mut spec, matches);
    check_file(session, path, &spec)?;
    apply(session, &mut spec, matches)?;
    qualify_plugins(session, path, &mut spec)?;
    Ok((spec, file))
}

/// Fails if the file contains unsupported settings, unless the user has accepted that.
fn check_supported(
    session: &Session<'_>,
    path: &str,
    file: &ClusterFile,
    is_ignored: bool,
) -> Result<(), CliError> {
    if file.unsupported.is_empty() {
        return Ok(());
    }
    if is_ignored {
        for it in &file.unsupported {
            session.console().log(Level::Warn, &format!("unsupported and ignored: {it}"));
        }
        return Ok(());
    }
    let all = file.unsupported.join("; ");
    Err(CliError::new(Exit::Usage, format!("unsupported in the cluster file `{path}`: {all}"))
        .hint("remove it, or ignore it with `--ignore-unsupported`".to_owned()))
}

/// Returns the defaults that the environment sets for all clusters.
fn defaults(session: &Session<'_>) -> Result<Defaults, CliError> {
    let identity = session.identity();
    let var = |suffix: &str| caller::var(&identity.env_var(suffix)).filter(|it| !it.is_empty());
    let mut defaults = Defaults::default();
    if let Some(image) = var("NODE_IMAGE") {
        defaults.image = image;
    }
    if let Some(text) = var("PRIVILEGE") {
        defaults.privilege = parse(&text)?;
    }
    Ok(defaults)
}

fn set_sizes(spec: &mut ClusterSpec, matches: &ArgMatches) {
    if let Some(servers) = matches.get_one::<u16>("servers") {
        spec.servers = usize::from(*servers);
    }
    if let Some(agents) = matches.get_one::<u16>("agents") {
        spec.agents = usize::from(*agents);
    }
}

/// Checks what can be checked in a file only when the size of the cluster is known.
fn check_file(session: &Session<'_>, path: &str, spec: &ClusterSpec) -> Result<(), CliError> {
    if spec.servers == 0 {
        return Err(invalid(path, ClusterError::NoServer));
    }
    spec.check_nodes().map_err(|err| invalid(path, err).hint(FILTERS.to_owned()))?;
    match spec.labels.iter().find(|it| names(session).is_reserved(&it.value.0)) {
        Some(label) => Err(invalid(path, reserved(&label.value.0))),
        None => Ok(()),
    }
}

/// Applies the command line to the rest of the file: single values replace those in the file, and
/// repeated values are added after them.
fn apply(
    session: &Session<'_>,
    spec: &mut ClusterSpec,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    if let Some(image) = text("image") {
        spec.image = image;
    }
    if let Some(api) = matches.get_one::<ApiAddress>("api-port") {
        spec.api = api.clone();
    }
    if let Some(privilege) = text("privilege") {
        spec.privilege = parse(&privilege)?;
    }
    spec.network = text("network").or(spec.network.take());
    spec.subnet = text("subnet").or(spec.subnet.take());
    spec.token = text("token").map(Secret).or(spec.token.take());
    spec.ports.extend(parsed::<Publish>(session, matches, "port")?);
    spec.volumes.extend(filtered(session, matches, "volume", &|it| {
        volume_of_line(it).map_err(|err| err.to_string())
    })?);
    spec.env.extend(filtered(session, matches, "env", &variable)?);
    spec.args.extend(parsed::<String>(session, matches, "k3s-arg")?);
    spec.labels.extend(parsed::<Pair>(session, matches, "label")?);
    spec.memory.extend(parsed::<Memory>(session, matches, "memory")?);
    spec.check_nodes()
        .map_err(|err| CliError::new(Exit::Usage, err.to_string()).hint(FILTERS.to_owned()))?;
    user_labels(session, spec.labels.iter().map(|it| it.value.clone()))?;
    Ok(())
}

/// Returns labels that the user may set.
pub(super) fn user_labels(
    session: &Session<'_>,
    labels: impl Iterator<Item = Pair>,
) -> Result<Vec<Pair>, CliError> {
    let names = names(session);
    let labels: Vec<_> = labels.collect();
    match labels.iter().find(|it| names.is_reserved(&it.0)) {
        Some(label) => Err(CliError::new(Exit::Usage, reserved(&label.0))),
        None => Ok(labels),
    }
}

fn reserved(label: &str) -> String {
    format!("the label `{label}` is reserved for the host")
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(
    session: &Session<'_>,
    matches: &ArgMatches,
    name: &str,
) -> Result<Vec<Filtered<T>>, CliError> {
    filtered(session, matches, name, &|it| it.parse().map_err(|err: T::Err| err.to_string()))
}

fn variable(text: &str) -> Result<Pair, String> {
    match variable_of_line(text) {
        Some(pair) => pair.map_err(|err: ValueError| err.to_string()),
        None => Err(format!("the environment variable `{text}` is not set")),
    }
}

/// Reads the values of an option, each with the nodes that it applies to.
fn filtered<T>(
    session: &Session<'_>,
    matches: &ArgMatches,
    name: &str,
    read: &dyn Fn(&str) -> Result<T, String>,
) -> Result<Vec<Filtered<T>>, CliError> {
    let texts = matches.get_many::<String>(name).into_iter().flatten();
    let read = |text: &String| {
        let option = |why: &str| CliError::new(Exit::Usage, format!("`--{name} {text}`: {why}"));
        let item = Filtered::from(text.as_str());
        if text.ends_with("@loadbalancer") {
            let note = "there is no load balancer: the first server publishes its ports";
            session.console().log(Level::Warn, note);
        }
        item.try_map(|value: String| {
            read(&value).map_err(|err| match not_a_filter(&value) {
                Some(why) => option(&why).hint(FILTERS.to_owned()),
                None => option(&err),
            })
        })
    };
    texts.map(read).collect()
}

/// Returns why the text after the last `@` of a value is not a filter.
fn not_a_filter(value: &str) -> Option<String> {
    let (_, filter) = value.rsplit_once('@')?;
    filter.parse::<NodeFilter>().err().map(|err| err.to_string())
}

fn parse<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, CliError> {
    text.parse().map_err(|err: T::Err| CliError::new(Exit::Usage, err.to_string()))
}

/// Replaces the names of the sections for plugins with the plugins' full names.
fn qualify_plugins(
    session: &Session<'_>,
    path: &str,
    spec: &mut ClusterSpec,
) -> Result<(), CliError> {
    let qualifier = &session.identity().name_qualifier;
    let sections = std::mem::take(&mut spec.plugins);
    for (name, section) in sections {
        let wrong = || {
            let text = format!("invalid plugin name `{name}` under `plugins`");
            invalid(path, text)
        };
        let full: PluginName = name.parse().map_err(|_| wrong())?;
        let full = full.qualified(qualifier).map_err(|_| wrong())?.to_string();
        let listens = |event: &str| {
            let mut subscribers = session.catalog().subscribers(event);
            subscribers.any(|it| it.key().is_some_and(|it| it.name().as_str() == full))
        };
        if !listens("pre-cluster-create") && !listens("post-cluster-create") {
            let text = format!(
                "the cluster file `{path}` has a section for the plugin `{full}`, but no such \
                 plugin subscribes to the creation of clusters"
            );
            return Err(CliError::new(Exit::Failed, text)
                .hint("install the plugin, or remove the section from the file".to_owned()));
        }
        spec.plugins.insert(full, section);
    }
    Ok(())
}
