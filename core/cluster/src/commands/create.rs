//! `cluster create`: makes a cluster.

use super::{error, in_run, kubeconfig_path, names, report, spec, timeout, timeout_arg, wait_args};
use crate::{self as cluster, CreateOptions, Run};
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step};
use pintle_plugin::Level;
use std::sync::Arc;

pub(super) fn command(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .args(spec::args())
        .args(wait_args())
        .arg(timeout_arg())
        .arg(flag("no-rollback", "Keep what was made when something fails"))
        .arg(
            Arg::new("kubeconfig-update")
                .long("kubeconfig-update")
                .value_name("BOOL")
                .value_parser(clap::value_parser!(bool))
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .help("Put the cluster into your kubeconfig [default: true]"),
        )
        .arg(
            Arg::new("kubeconfig-switch")
                .long("kubeconfig-switch")
                .value_name("BOOL")
                .value_parser(clap::value_parser!(bool))
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .help("Make the cluster the current context there [default: true]"),
        )
}

pub(super) fn run(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let (spec, file) = spec::read(session, matches)?;
    let switch = |name: &str, of_file: Option<bool>| {
        matches.get_one::<bool>(name).copied().or(of_file).unwrap_or(true)
    };
    let wait = match (matches.get_flag("wait"), matches.get_flag("no-wait")) {
        (_, true) => false,
        (true, _) => true,
        _ => file.wait.unwrap_or(true),
    };
    let update = switch("kubeconfig-update", file.kubeconfig_update);
    let options = CreateOptions {
        wait,
        timeout: timeout(matches).or(file.timeout),
        rollback: !matches.get_flag("no-rollback") && file.rollback.unwrap_or(true),
        kubeconfig: match update && wait {
            true => Some(kubeconfig_path().map_err(|err| error(session, &err))?),
            false => None,
        },
        switch: switch("kubeconfig-switch", file.kubeconfig_switch),
    };
    let report = report(session);
    let (name, names) = (spec.name.clone(), names(session));
    let cluster = super::with_engine(session, async |engine| {
        let run = Arc::new(Run::new(engine, names.clone(), name.clone()));
        let hooks = in_run(session, hooks, &run);
        cluster::create(&run, &hooks, spec, &options, &report).await
    })?;
    let host = &session.identity().command_name;
    let console = session.console();
    if wait {
        console.log(Level::Info, &format!("the cluster `{name}` is ready"));
    } else {
        let text = format!("the nodes of the cluster `{name}` run; they may not be ready yet");
        console.log(Level::Info, &text);
    }
    if options.kubeconfig.is_none() {
        let text = format!("`{host} kubeconfig merge {name}` puts it into your kubeconfig");
        console.log(Level::Info, &text);
    } else if !options.switch {
        let context = names.cluster(&name);
        console.log(Level::Info, &format!("use it with `kubectl --context {context}`"));
    }
    drop(cluster);
    Ok(Exit::Done.into())
}
