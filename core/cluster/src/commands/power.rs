//! `cluster start` and `cluster stop`.

use super::{
    kubeconfig_path, names, names_args, parse_name, report, timeout, timeout_arg, wait_args,
    with_engine,
};
use crate::{self as cluster, Cluster, StartOptions};
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step};
use pintle_plugin::Level;

pub(super) fn start_command(command: Command) -> Command {
    command.args(names_args()).args(wait_args()).arg(timeout_arg())
}

pub(super) fn stop_command(command: Command) -> Command {
    command.args(names_args()).arg(timeout_arg())
}

pub(super) fn start(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let options = StartOptions {
        wait: !matches.get_flag("no-wait"),
        timeout: timeout(matches),
        kubeconfig: kubeconfig_path().ok(),
    };
    let (names, report) = (names(session), report(session));
    for cluster in wanted(session, matches)? {
        let name = cluster.name.clone();
        with_engine(session, async |engine| {
            cluster::start(&engine, &names, cluster, hooks, &options, &report).await
        })?;
        let state = if options.wait { "is ready" } else { "runs" };
        session.console().log(Level::Info, &format!("the cluster `{name}` {state}"));
    }
    Ok(Exit::Done.into())
}

pub(super) fn stop(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let report = report(session);
    for cluster in wanted(session, matches)? {
        let name = cluster.name.clone();
        with_engine(session, async |engine| {
            cluster::stop(&engine, cluster, hooks, timeout(matches), &report).await
        })?;
        session.console().log(Level::Info, &format!("the cluster `{name}` has stopped"));
    }
    Ok(Exit::Done.into())
}

/// Returns the clusters that the user names; all of them are looked for before the first
/// is touched.
fn wanted(session: &Session<'_>, matches: &ArgMatches) -> Result<Vec<Cluster>, CliError> {
    let names = names(session);
    if matches.get_flag("all") {
        return with_engine(session, async |engine| cluster::list(&engine, &names).await);
    }
    let given = matches.get_many::<String>("name").into_iter().flatten();
    let given = given.map(|it| parse_name(it)).collect::<Result<Vec<_>, _>>()?;
    with_engine(session, async |engine| {
        let mut found = Vec::new();
        for name in &given {
            found.push(cluster::get(&engine, &names, name).await?);
        }
        Ok(found)
    })
}
