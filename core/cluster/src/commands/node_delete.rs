//! `node delete`.

use super::completed;
use super::session_engine::{locks, names, report, with_engine};
use crate::error::ClusterError;
use crate::nodes::{self, Node};
use crate::operations;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step, Values};
use pintle_plugin::Level;

pub(super) fn command(command: Command) -> Command {
    command
        .arg(
            Arg::new("node")
                .value_name("NODE")
                .num_args(1..)
                .add(Values(completed::nodes))
                .required(true)
                .help("The nodes' names"),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help(
            "Delete the nodes even if the cluster does not answer, or cannot work without them",
        ))
}

pub(super) fn run(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let (names, report) = (names(session), report(session));
    let force = matches.get_flag("force");
    let wanted: Vec<&String> = matches.get_many("node").into_iter().flatten().collect();
    with_engine(session, async |engine| {
        let clusters = nodes::list(&engine, &names).await?;
        for name in &wanted {
            let is_known = clusters.iter().any(|it| it.nodes.iter().any(|it| it.name == **name));
            if !is_known {
                return Err(ClusterError::NoNode { name: (*name).clone() });
            }
        }
        let is_wanted = |it: &&Node| wanted.contains(&&it.name);
        for cluster in clusters.iter().filter(|it| it.nodes.iter().any(|it| is_wanted(&it))) {
            let name = cluster.name.parse()?;
            let _lock = locks(session).take(&engine, &name, &report).await?;
            // Another run may have changed it in the meantime.
            let cluster = nodes::get(&engine, &names, &name).await?;
            let own: Vec<_> = cluster.nodes.iter().filter(is_wanted).cloned().collect();
            operations::delete_nodes(&engine, &names, hooks, &cluster, &own, force, &report)
                .await?;
        }
        Ok(())
    })?;
    for node in wanted {
        session.console().log(Level::Info, &format!("the node `{node}` is gone"));
    }
    Ok(Exit::Done.into())
}
