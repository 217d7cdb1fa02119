//! `cluster inspect`: everything about one cluster, except its secrets.

use super::session_engine::{ENGINE, names, with_engine};
use super::shared_args::{name, name_arg};
use crate::nodes::{self, Cluster};
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, output};
use pintle_host::services::escaped;

pub(super) const ROW: Row =
    Row::new(&["cluster", "inspect"], "Show the details of a cluster", Run::Plain(run))
        .args(|command| command.arg(name_arg()).arg(output::arg()))
        .needs(&[ENGINE]);

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (name, names) = (name(matches)?, names(session));
    let cluster = with_engine(session, async |engine| nodes::get(&engine, &names, &name).await)?;
    output::print(matches, session.console(), &cluster, text);
    Ok(Exit::Done.into())
}

fn text(cluster: &Cluster) -> String {
    let origin = if cluster.network_is_external { " (shared)" } else { "" };
    let mut text = format!(
        "Name:     {}\nAPI:      {}\nNetwork:  {}{origin}\nNodes:\n",
        cluster.name,
        escaped(cluster.api.as_deref().unwrap_or("not published"), "\\n"),
        escaped(&cluster.network, "\\n"),
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
