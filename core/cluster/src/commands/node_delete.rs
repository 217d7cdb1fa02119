//! `node delete`.

use super::session_engine::{names, report, with_engine};
use crate::error::ClusterError;
use crate::{nodes, operations};
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step};
use pintle_plugin::Level;

pub(super) fn command(command: Command) -> Command {
    command
        .arg(
            Arg::new("node")
                .value_name("NODE")
                .num_args(1..)
                .required(true)
                .help("The nodes' names"),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help(
            "Delete also when the cluster does not answer, or cannot go on without the nodes",
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
        for cluster in &clusters {
            let own: Vec<_> =
                cluster.nodes.iter().filter(|it| wanted.contains(&&it.name)).cloned().collect();
            if !own.is_empty() {
                operations::delete_nodes(&engine, &names, hooks, cluster, &own, force, &report)
                    .await?;
            }
        }
        Ok(())
    })?;
    for node in wanted {
        session.console().log(Level::Info, &format!("the node `{node}` is gone"));
    }
    Ok(Exit::Done.into())
}
