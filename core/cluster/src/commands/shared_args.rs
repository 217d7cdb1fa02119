//! Arguments that several commands have.

use crate::error::ClusterError;
use crate::names::ClusterName;
use clap::{Arg, ArgAction, ArgMatches};
use pintle_host::cli::CliError;
use std::time::Duration;

pub(super) fn name_arg() -> Arg {
    Arg::new("name").value_name("NAME").required(true).help("The cluster's name")
}

pub(super) fn names_args() -> [Arg; 2] {
    [
        Arg::new("name")
            .value_name("NAME")
            .num_args(1..)
            .required_unless_present("all")
            .help("The clusters' names"),
        Arg::new("all")
            .long("all")
            .short('a')
            .action(ArgAction::SetTrue)
            .conflicts_with("name")
            .help("All clusters"),
    ]
}

pub(super) fn timeout_arg() -> Arg {
    Arg::new("timeout")
        .long("timeout")
        .value_name("DURATION")
        .value_parser(humantime::parse_duration)
        .help(
            "How long all of it may take, for example 90s or 5m [default: 10m for the nodes alone]",
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
            .help("Return once the nodes run"),
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

/// Returns the clusters' names that the user typed.
pub(super) fn names(matches: &ArgMatches) -> Result<Vec<ClusterName>, CliError> {
    let given = matches.get_many::<String>("name").into_iter().flatten();
    given.map(|it| parse_name(it)).collect()
}
