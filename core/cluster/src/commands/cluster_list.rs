//! `cluster list`: lists the clusters.

use super::session_engine::{ENGINE, names, with_engine};
use crate::nodes::{self, Cluster};
use crate::role::Role;
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, output};
use serde::Serialize;

pub(super) const ROW: Row = Row::new(&["cluster", "list"], "List the clusters", Run::Plain(run))
    .aliases(&["ls"])
    .args(|command| command.arg(output::arg_wide()))
    .needs(&[ENGINE])
    .common();

/// A cluster in a listing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    servers: usize,
    servers_running: usize,
    agents: usize,
    agents_running: usize,
    network: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<String>,
    image: String,
}

impl From<Cluster> for Listed {
    fn from(cluster: Cluster) -> Self {
        let (servers_running, servers) = cluster.count(Role::Server);
        let (agents_running, agents) = cluster.count(Role::Agent);
        let image = cluster.nodes.first().map(|it| it.image.clone()).unwrap_or_default();
        Self {
            servers,
            servers_running,
            agents,
            agents_running,
            image,
            name: cluster.name,
            network: cluster.network,
            api: cluster.api,
        }
    }
}

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let names = names(session);
    let clusters = with_engine(session, async |engine| nodes::list(&engine, &names).await)?;
    let rows: Vec<Listed> = clusters.into_iter().map(Into::into).collect();
    let is_wide = output::is_wide(matches);
    output::print(matches, session.console(), &rows, |rows| text(rows, is_wide));
    Ok(Exit::Done.into())
}

fn text(rows: &[Listed], is_wide: bool) -> String {
    let mut head = vec!["NAME", "SERVERS", "AGENTS"];
    if is_wide {
        head.extend(["API", "NETWORK", "IMAGE"]);
    }
    let mut table = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for row in rows {
        let mut cells = vec![
            row.name.clone(),
            format!("{}/{}", row.servers_running, row.servers),
            format!("{}/{}", row.agents_running, row.agents),
        ];
        if is_wide {
            cells.push(row.api.clone().unwrap_or_else(|| "-".to_owned()));
            cells.extend([row.network.clone(), row.image.clone()]);
        }
        table.push(cells);
    }
    output::table(&table)
}
