//! `node create`.

use super::completed;
use super::session_engine::{in_run, locks, names, report, with_engine};
use super::shared_args::{parse_name, timeout, timeout_arg, wait_args};
use super::spec_options::user_labels;
use crate::nodes;
use crate::operations::{self, NodeOptions, NodeSpec};
use crate::role::Role;
use crate::spec::{Memory, Pair};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step, Values};
use pintle_plugin::Level;
use std::sync::Arc;

pub(super) fn command(command: Command) -> Command {
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
                .add(Values(completed::clusters))
                .help("The cluster"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .value_parser(["agent", "server"])
                .default_value("agent")
                .help("The role of the nodes"),
        )
        .arg(
            Arg::new("replicas")
                .long("replicas")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..))
                .default_value("1")
                .help("The number of nodes"),
        )
        .arg(
            Arg::new("image")
                .short('i')
                .long("image")
                .value_name("IMAGE")
                .add(Values(completed::images))
                .help("The image of the nodes [default: the image of the other nodes]"),
        )
        .arg(
            many("env", "NAME=VALUE", "An environment variable (can be repeated)")
                .short('e')
                .value_parser(value_parser!(Pair)),
        )
        .arg(
            many("k3s-arg", "ARG", "An argument for k3s (can be repeated)")
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
                .help("The memory limit of each node, for example 512m or 2g"),
        )
        .args(wait_args())
        .arg(timeout_arg())
        .arg(
            Arg::new("no-rollback")
                .long("no-rollback")
                .action(ArgAction::SetTrue)
                .help("Keep what was created if something fails"),
        )
}

pub(super) fn run(
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
        labels: user_labels(session, pairs("label"))?,
        memory: matches.get_one::<Memory>("memory").copied(),
    };
    let options = NodeOptions {
        wait: !matches.get_flag("no-wait"),
        timeout: timeout(matches),
        rollback: !matches.get_flag("no-rollback"),
    };
    let (names, report) = (names(session), report(session));
    let made = with_engine(session, async |engine| {
        let _lock = locks(session).take(&engine, &name, &report).await?;
        let cluster = nodes::get(&engine, &names, &name).await?;
        let run = Arc::new(operations::Run::new(engine, names.clone(), name.clone()));
        let hooks = in_run(session, hooks, &run);
        operations::create_nodes(&run, &hooks, &cluster, &spec, &options, &report).await
    })?;
    let done = if options.wait { "has joined" } else { "was started" };
    for node in made {
        session.console().log(Level::Info, &format!("the node `{node}` {done}"));
    }
    Ok(Exit::Done.into())
}
