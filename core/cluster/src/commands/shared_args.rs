//! Arguments that several commands have.

use super::cluster_file_text::load;
use super::completed;
use crate::error::ClusterError;
use crate::names::ClusterName;
use crate::spec::name_of_cluster;
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use pintle_host::cli::{CliError, Values};
use std::time::Duration;

pub(super) fn name_arg() -> Arg {
    Arg::new("name")
        .value_name("NAME")
        .required(true)
        .add(Values(completed::clusters))
        .help("The cluster's name")
}

/// The option that names a cluster file.
pub(super) fn config_arg() -> Arg {
    Arg::new("config")
        .long("config")
        .short('c')
        .value_name("FILE")
        .value_hint(ValueHint::FilePath)
        .help("A cluster file, or `-` for the standard input")
}

pub(super) fn names_args() -> [Arg; 3] {
    [
        Arg::new("name")
            .value_name("NAME")
            .num_args(1..)
            .add(Values(completed::clusters))
            .required_unless_present_any(["all", "config"])
            .help("The clusters' names"),
        Arg::new("all")
            .long("all")
            .short('a')
            .action(ArgAction::SetTrue)
            .conflicts_with_all(["name", "config"])
            .help("All clusters"),
        config_arg().help("A cluster file with the cluster's name, or `-` for the standard input"),
    ]
}

pub(super) fn timeout_arg() -> Arg {
    Arg::new("timeout")
        .long("timeout")
        .value_name("DURATION")
        .value_parser(humantime::parse_duration)
        .help(
            "The time limit for the whole command, for example 90s or 5m [default: 10m for the \
             nodes only]",
        )
}

pub(super) fn wait_args() -> [Arg; 2] {
    [
        Arg::new("wait")
            .long("wait")
            .action(ArgAction::SetTrue)
            .help("Wait until the API server answers and all nodes are ready [default]"),
        Arg::new("no-wait")
            .long("no-wait")
            .action(ArgAction::SetTrue)
            .overrides_with("wait")
            .help("Return when the nodes are running"),
    ]
}

pub(super) fn timeout(matches: &ArgMatches) -> Option<Duration> {
    matches.get_one::<Duration>("timeout").copied()
}

/// Reads a cluster's name as the user typed it.
pub(super) fn parse_name(text: &str) -> Result<ClusterName, CliError> {
    Ok(text.parse().map_err(ClusterError::Name)?)
}

pub(super) fn name(matches: &ArgMatches) -> Result<ClusterName, CliError> {
    parse_name(matches.get_one::<String>("name").map_or("", |it| it))
}

/// Returns the cluster names that the user typed. The name in a cluster file is used only if the
/// user typed none, as with `cluster create`.
pub(super) fn names(matches: &ArgMatches) -> Result<Vec<ClusterName>, CliError> {
    let given = matches.get_many::<String>("name").into_iter().flatten();
    let mut names: Vec<_> = given.map(|it| parse_name(it)).collect::<Result<_, _>>()?;
    if let (Some(path), true) = (matches.get_one::<String>("config"), names.is_empty()) {
        let (text, folder) = load(path)?;
        let name = name_of_cluster(&text, &folder);
        names.push(name.map_err(|source| ClusterError::File { path: path.clone(), source })?);
    }
    Ok(names)
}
