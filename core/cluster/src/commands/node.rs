//! `node create`, `node delete`, `node list`.

use super::{
    ENGINE, in_run, names, parse_name, report, timeout, timeout_arg, wait_args, with_engine,
};
use crate::{self as cluster, ClusterError, Memory, NodeOptions, NodeSpec, Pair, Role};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use pintle_host::cli::{CliError, Exit, Hooks, Row, Run, Session, Step, output};
use pintle_plugin::Level;
use std::sync::Arc;

pub(super) fn create_command(command: Command) -> Command {
    let many = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
    };
    command
        .arg(
            Arg::new("cluster")
                .short('c')
                .long("cluster")
                .value_name("NAME")
                .required(true)
                .help("The cluster"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_parser(["agent", "server"])
                .default_value("agent")
                .help("What the nodes are"),
        )
        .arg(
            Arg::new("replicas")
                .long("replicas")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..))
                .default_value("1")
                .help("How many"),
        )
        .arg(
            Arg::new("image")
                .short('i')
                .long("image")
                .value_name("IMAGE")
                .help("Their image [default: as the others']"),
        )
        .arg(
            many("env", "NAME=VALUE", "An environment variable (can be repeated)")
                .short('e')
                .value_parser(value_parser!(Pair)),
        )
        .arg(
            many("k3s-arg", "ARG", "An argument of k3s (can be repeated)")
                .allow_hyphen_values(true),
        )
        .arg(
            many("label", "NAME=VALUE", "A label of the containers (can be repeated)")
                .value_parser(value_parser!(Pair)),
        )
        .arg(
            Arg::new("memory")
                .long("memory")
                .value_name("SIZE")
                .value_parser(value_parser!(Memory))
                .help("The most memory of each, as 512m or 2g"),
        )
        .args(wait_args())
        .arg(timeout_arg())
        .arg(
            Arg::new("no-rollback")
                .long("no-rollback")
                .action(ArgAction::SetTrue)
                .help("Keep what was made when something fails"),
        )
}

pub(super) fn create(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let name = parse_name(matches.get_one::<String>("cluster").map_or("", |it| it))?;
    let pairs = |name: &str| matches.get_many::<Pair>(name).into_iter().flatten().cloned();
    let spec = NodeSpec {
        role: match matches.get_one::<String>("role").map(String::as_str) {
            Some("server") => Role::Server,
            _ => Role::Agent,
        },
        replicas: matches.get_one::<u16>("replicas").map_or(1, |it| usize::from(*it)),
        image: matches.get_one::<String>("image").cloned(),
        args: matches.get_many::<String>("k3s-arg").into_iter().flatten().cloned().collect(),
        env: pairs("env").collect(),
        labels: super::spec::user_labels(session, pairs("label"))?,
        memory: matches.get_one::<Memory>("memory").copied(),
    };
    let options = NodeOptions {
        wait: !matches.get_flag("no-wait"),
        timeout: timeout(matches),
        rollback: !matches.get_flag("no-rollback"),
    };
    let (names, report) = (names(session), report(session));
    let made = with_engine(session, async |engine| {
        let cluster = cluster::get(&engine, &names, &name).await?;
        let run = Arc::new(cluster::Run::new(engine, names.clone(), name.clone()));
        let hooks = in_run(session, hooks, &run);
        cluster::create_nodes(&run, &hooks, &cluster, &spec, &options, &report).await
    })?;
    for node in made {
        session.console().log(Level::Info, &format!("the node `{node}` has joined"));
    }
    Ok(Exit::Done.into())
}

pub(super) fn delete_command(command: Command) -> Command {
    command.arg(
        Arg::new("node").value_name("NODE").num_args(1..).required(true).help("The nodes' names"),
    )
}

pub(super) fn delete(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let (names, report) = (names(session), report(session));
    let wanted: Vec<&String> = matches.get_many("node").into_iter().flatten().collect();
    with_engine(session, async |engine| {
        let clusters = cluster::list(&engine, &names).await?;
        for name in &wanted {
            let is_known = clusters.iter().any(|it| it.nodes.iter().any(|it| it.name == **name));
            if !is_known {
                return Err(ClusterError::NoNode { name: (*name).clone() });
            }
        }
        for cluster in &clusters {
            let nodes: Vec<_> =
                cluster.nodes.iter().filter(|it| wanted.contains(&&it.name)).cloned().collect();
            if !nodes.is_empty() {
                cluster::delete_nodes(&engine, &names, hooks, cluster, &nodes, &report).await?;
            }
        }
        Ok(())
    })?;
    for node in wanted {
        session.console().log(Level::Info, &format!("the node `{node}` is gone"));
    }
    Ok(Exit::Done.into())
}

pub(super) const LIST: Row = Row::new(&["node", "list"], "List the nodes", Run::Plain(list))
    .aliases(&["ls"])
    .args(|command| command.arg(output::arg_wide()))
    .needs(&[ENGINE]);

fn list(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let names = names(session);
    let nodes = with_engine(session, async |engine| cluster::all_nodes(&engine, &names).await)?;
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
