//! `cluster inspect`: everything about one cluster, but its secrets.

use super::super::{CliError, Exit, Session, output};
use super::{name, name_arg, names, with_engine};
use crate::cluster::{self, Cluster};
use clap::{ArgMatches, Command};

pub(super) fn command() -> Command {
    Command::new("inspect").about("Show all about a cluster").arg(name_arg()).arg(output::arg())
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Exit, CliError> {
    let (name, names) = (name(matches)?, names(session));
    let cluster = with_engine(session, async |engine| cluster::get(&engine, &names, &name).await)?;
    output::print(matches, &session.console, &cluster, text);
    Ok(Exit::Done)
}

fn text(cluster: &Cluster) -> String {
    let origin = if cluster.network_is_external { " (was there before)" } else { "" };
    let mut text = format!(
        "Name:     {}\nAPI:      {}\nNetwork:  {}{origin}\nNodes:\n",
        cluster.name,
        cluster.api.as_deref().unwrap_or("not published now"),
        cluster.network,
    );
    let mut table = Vec::new();
    for node in &cluster.nodes {
        let labels: Vec<_> =
            node.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        table.push(vec![
            format!("  {}", node.name),
            node.role.to_string(),
            node.state.clone(),
            node.image.clone(),
            [node.ports.join(","), labels.join(",")].join(" ").trim().to_owned(),
        ]);
    }
    text.push_str(&output::table(&table));
    text
}
