//! `cluster start` and `cluster stop`.

use super::session_engine::{locks, names, report, user_kubeconfig, with_engine};
use super::shared_args::{self, names_args, timeout, timeout_arg, wait_args};
use crate::names::ClusterName;
use crate::nodes;
use crate::operations::{self, StartOptions};
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step};
use pintle_plugin::Level;

pub(super) fn start_command(command: Command) -> Command {
    command.args(names_args()).args(wait_args()).arg(timeout_arg())
}

pub(super) fn stop_command(command: Command) -> Command {
    let timeout = timeout_arg().help("The time limit, for example 90s or 5m [default: no limit]");
    command.args(names_args()).arg(timeout)
}

pub(super) fn start(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let options = StartOptions {
        wait: !matches.get_flag("no-wait"),
        timeout: timeout(matches),
        kubeconfig: user_kubeconfig().ok(),
    };
    let (names, report) = (names(session), report(session));
    for name in wanted(session, matches)? {
        with_engine(session, async |engine| {
            let _lock = locks(session).take(&engine, &name, &report).await?;
            let cluster = nodes::get(&engine, &names, &name).await?;
            operations::start(&engine, &names, cluster, hooks, &options, &report).await
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
    let (names, report) = (names(session), report(session));
    for name in wanted(session, matches)? {
        with_engine(session, async |engine| {
            let _lock = locks(session).take(&engine, &name, &report).await?;
            let cluster = nodes::get(&engine, &names, &name).await?;
            operations::stop(&engine, cluster, hooks, timeout(matches), &report).await
        })?;
        session.console().log(Level::Info, &format!("the cluster `{name}` has stopped"));
    }
    Ok(Exit::Done.into())
}

/// Returns the names of the clusters that the user means. All of them are looked up before the
/// first one is changed.
fn wanted(session: &Session<'_>, matches: &ArgMatches) -> Result<Vec<ClusterName>, CliError> {
    let names = names(session);
    if matches.get_flag("all") {
        return with_engine(session, async |engine| {
            let all = nodes::list(&engine, &names).await?;
            Ok(all.iter().map(|it| it.name.parse()).collect::<Result<_, _>>()?)
        });
    }
    let given = shared_args::names(matches)?;
    with_engine(session, async |engine| {
        for name in &given {
            nodes::get(&engine, &names, name).await?;
        }
        Ok(given)
    })
}
