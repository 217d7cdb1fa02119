//! `cluster logs`: shows the logs of the nodes.

use super::completed;
use super::session_engine::{ENGINE, names, with_engine};
use super::shared_args::{name, name_arg};
use crate::nodes::{self, Node};
use crate::operations;
use crate::spec::NodeFilter;
use clap::{Arg, ArgAction, ArgMatches};
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, Values};

pub(super) const ROW: Row =
    Row::new(&["cluster", "logs"], "Show the logs of the nodes", Run::Plain(run))
        .args(|command| {
            command
                .arg(name_arg())
                .arg(
                    Arg::new("node")
                        .long("node")
                        .value_name("FILTER")
                        .value_parser(clap::value_parser!(NodeFilter))
                        .add(Values(completed::filters))
                        .help("Show only these nodes, for example server:0 or agent:*"),
                )
                .arg(
                    Arg::new("follow")
                        .short('f')
                        .long("follow")
                        .action(ArgAction::SetTrue)
                        .help("Follow the logs until interrupted"),
                )
                .arg(
                    Arg::new("tail")
                        .long("tail")
                        .value_name("LINES")
                        .value_parser(clap::value_parser!(u32))
                        .help("Show only this many lines from the end of each log"),
                )
        })
        .needs(&[ENGINE]);

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let (name, names) = (name(matches)?, names(session));
    let filter = matches.get_one::<NodeFilter>("node");
    let tail = matches.get_one::<u32>("tail").copied();
    let follow = matches.get_flag("follow");
    with_engine(session, async |engine| {
        let cluster = nodes::get(&engine, &names, &name).await?;
        let nodes: Vec<&Node> = cluster
            .nodes
            .iter()
            .filter(|it| filter.is_none_or(|filter| filter.matches(it.role, it.idx())))
            .collect();
        let print = |node: &str, text: &str| {
            let prefix = if nodes.len() > 1 { format!("{node}: ") } else { String::new() };
            for line in text.lines() {
                session.console().println(format_args!("{prefix}{line}"));
            }
        };
        operations::logs(&engine, &nodes, tail, follow, &print).await
    })?;
    Ok(Exit::Done.into())
}
