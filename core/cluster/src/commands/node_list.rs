//! `node list`.

use super::session_engine::{ENGINE, names, with_engine};
use crate::nodes;
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, output};

pub(super) const ROW: Row = Row::new(&["node", "list"], "List the nodes", Run::Plain(run))
    .aliases(&["ls"])
    .args(|command| command.arg(output::arg_wide()))
    .needs(&[ENGINE]);

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let names = names(session);
    let nodes = with_engine(session, async |engine| nodes::all_nodes(&engine, &names).await)?;
    let is_wide = output::is_wide(matches);
    output::print(matches, session.console(), &nodes, |nodes| {
        let mut head = vec!["NAME", "ROLE", "CLUSTER", "STATE"];
        if is_wide {
            head.extend(["IMAGE", "PORTS"]);
        }
        let mut table = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
        for node in nodes {
            let mut row = vec![
                node.name.clone(),
                node.role.to_string(),
                node.cluster.clone(),
                node.state.clone(),
            ];
            if is_wide {
                row.extend([node.image.clone(), node.ports.join(",")]);
            }
            table.push(row);
        }
        output::table(&table)
    });
    Ok(Exit::Done.into())
}
