//! `cluster create`.

use super::session_engine::{in_run, locks, names, report, user_kubeconfig, with_engine};
use super::shared_args::{timeout, timeout_arg, wait_args};
use super::spec_options;
use crate::operations::{self, CreateOptions, Run};
use crate::spec::{ClusterFile, ClusterSpec};
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step};
use pintle_plugin::Level;
use std::sync::Arc;

pub(super) fn command(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .args(spec_options::args())
        .args(wait_args())
        .arg(timeout_arg())
        .arg(flag("no-rollback", "Keep what was created if something fails"))
        .arg(
            Arg::new("kubeconfig-update")
                .long("kubeconfig-update")
                .value_name("BOOL")
                .value_parser(clap::value_parser!(bool))
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .help("Add the cluster to your kubeconfig [default: true]"),
        )
        .arg(
            Arg::new("kubeconfig-switch")
                .long("kubeconfig-switch")
                .value_name("BOOL")
                .value_parser(clap::value_parser!(bool))
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .help("Make the cluster the current context [default: true]"),
        )
}

pub(super) fn run(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let (spec, file) = spec_options::read(session, matches)?;
    let options = options(matches, &file)?;
    let report = report(session);
    let (name, names) = (spec.name.clone(), names(session));
    let described = outcome(session, &spec, &options);
    with_engine(session, async |engine| {
        let _lock = locks(session).take(&engine, &name, &report).await?;
        let run = Arc::new(Run::new(engine, names.clone(), name.clone()));
        let hooks = in_run(session, hooks, &run);
        operations::create(&run, &hooks, spec, &options, &report).await
    })?;
    for line in described {
        session.console().log(Level::Info, &line);
    }
    Ok(Exit::Done.into())
}

/// Returns the options of the creation. The command line takes precedence over the file.
fn options(matches: &ArgMatches, file: &ClusterFile) -> Result<CreateOptions, CliError> {
    let switch = |name: &str, of_file: Option<bool>| {
        matches.get_one::<bool>(name).copied().or(of_file).unwrap_or(true)
    };
    let wait = match (matches.get_flag("wait"), matches.get_flag("no-wait")) {
        (_, true) => false,
        (true, _) => true,
        _ => file.wait.unwrap_or(true),
    };
    let update = switch("kubeconfig-update", file.kubeconfig_update);
    Ok(CreateOptions {
        wait,
        timeout: timeout(matches).or(file.timeout),
        rollback: !matches.get_flag("no-rollback") && file.rollback.unwrap_or(true),
        kubeconfig: match update && wait {
            true => Some(user_kubeconfig()?),
            false => None,
        },
        switch: switch("kubeconfig-switch", file.kubeconfig_switch),
    })
}

/// Returns what to print when the cluster exists.
fn outcome(session: &Session<'_>, spec: &ClusterSpec, options: &CreateOptions) -> Vec<String> {
    let (host, name) = (&session.identity().command_name, &spec.name);
    let mut lines = vec![match options.wait {
        true => format!("the cluster `{name}` is ready"),
        false => {
            format!("the nodes of the cluster `{name}` are running; they may not be ready yet")
        }
    }];
    if options.kubeconfig.is_none() {
        lines.push(format!("run `{host} kubeconfig merge {name}` to add it to your kubeconfig"));
    } else if !options.switch {
        let context = names(session).cluster(name);
        lines.push(format!("use it with `kubectl --context {context}`"));
    }
    lines
}
