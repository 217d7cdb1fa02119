//! `cluster …`, `node …`, `kubeconfig …`, `image …`: throw-away clusters on a Docker engine.

mod create;
mod delete;
mod hooked;
mod image;
mod inspect;
mod kubeconfig;
mod list;
mod logs;
mod node;
mod power;
mod report;
mod spec;

use super::{CliError, Exit, Session, global, tree};
use crate::cluster::{ClusterError, ClusterName, EngineContainers, Hooks, Names, Run};
use crate::engine::Engine;
use clap::{Arg, ArgAction, ArgMatches, Command};
use report::ConsoleReport;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The host's own verbs, by noun.
pub(super) const VERBS: [(&str, &[&str]); 4] = [
    ("cluster", &["create", "delete", "start", "stop", "list", "inspect", "logs"]),
    ("node", &["create", "delete", "list"]),
    ("kubeconfig", &["get", "merge"]),
    ("image", &["import"]),
];

/// Returns the clap command of a noun. The options of commands with hooks are known only
/// once the plugins are.
pub(super) fn command(noun: &str) -> Command {
    match noun {
        "cluster" => tree::noun(Command::new("cluster").about("Throw-away clusters in Docker"))
            .subcommands(hooked::COMMANDS.iter().filter(|it| it.path[0] == noun).map(deferred))
            .subcommand(list::command())
            .subcommand(inspect::command())
            .subcommand(logs::command()),
        "node" => tree::noun(Command::new("node").about("The nodes of clusters"))
            .subcommands(hooked::COMMANDS.iter().filter(|it| it.path[0] == noun).map(deferred))
            .subcommand(node::list_command()),
        "kubeconfig" => tree::noun(Command::new("kubeconfig").about("The kubeconfigs of clusters"))
            .subcommand(kubeconfig::get_command())
            .subcommand(kubeconfig::merge_command()),
        _ => tree::noun(Command::new("image").about("Images in clusters"))
            .subcommand(image::command()),
    }
}

fn deferred(it: &hooked::Hooked) -> Command {
    let command = tree::deferred(Command::new(it.path[1]).about(it.about));
    match it.has_own_v() {
        // An argument of its own comes before the one that every command has.
        true => {
            let [.., verbose] = global::args_without_v();
            command.arg(verbose.global(false))
        }
        false => command,
    }
}

/// Returns whether the words are one of the commands here.
pub(super) fn is_command(words: &[&str]) -> bool {
    let [noun, verb] = words else { return false };
    VERBS.iter().any(|it| it.0 == *noun && it.1.contains(verb))
}

/// Runs one of the commands here; `rest` are the words that the core tree kept for later.
pub(super) fn run(
    session: &Session<'_>,
    words: &[&str],
    matches: &ArgMatches,
    rest: &[OsString],
) -> Result<Exit, CliError> {
    match words {
        ["cluster", "list"] => list::run(session, matches),
        ["cluster", "inspect"] => inspect::run(session, matches),
        ["cluster", "logs"] => logs::run(session, matches),
        ["node", "list"] => node::list(session, matches),
        ["kubeconfig", "get"] => kubeconfig::get(session, matches),
        ["kubeconfig", "merge"] => kubeconfig::merge(session, matches),
        ["image", "import"] => image::run(session, matches),
        words => hooked::run(session, words, rest),
    }
}

/// Returns the tree's command at these words, with its options, for completion.
pub(super) fn complete(session: &Session<'_>, words: &[String]) -> Option<(Vec<String>, Command)> {
    hooked::complete(session, words)
}

/// Returns containers as a service to a plugin's own commands.
pub(super) fn containers(session: &Session<'_>) -> EngineContainers {
    EngineContainers::new(session.engine(), names(session))
}

fn names(session: &Session<'_>) -> Names {
    Names::new(&session.host.identity)
}

/// Does some work with the engine.
fn with_engine<T>(
    session: &Session<'_>,
    work: impl AsyncFnOnce(Engine) -> Result<T, ClusterError>,
) -> Result<T, CliError> {
    session.time_limit("ENGINE_TIMEOUT")?;
    let lazy = session.engine();
    let work = async {
        let engine = lazy.engine().await?;
        work(engine).await
    };
    lazy.block_on(work).map_err(|err| error(session, &err))
}

/// Returns a cluster's error in the form for the user.
fn error(session: &Session<'_>, err: &ClusterError) -> CliError {
    let exit = match err {
        _ if err.is_absence_of_engine() => Exit::NoEngine,
        _ if err.is_interrupt() => Exit::Interrupted,
        ClusterError::Invalid(_) => Exit::Usage,
        _ => Exit::Failed,
    };
    let hint = err.hint(&session.host.identity.command_name);
    // A hook's error has causes of its own, and its own exit code.
    if let ClusterError::Hook(hook) = err {
        return CliError::from_hook(hook);
    }
    CliError::from_error(exit, err).hint(hint)
}

fn name_arg() -> Arg {
    Arg::new("name").value_name("NAME").required(true).help("The cluster's name")
}

fn names_args() -> [Arg; 2] {
    [
        Arg::new("name")
            .value_name("NAME")
            .num_args(1..)
            .required_unless_present("all")
            .help("The clusters' names"),
        Arg::new("all")
            .long("all")
            .short('a')
            .action(ArgAction::SetTrue)
            .conflicts_with("name")
            .help("All clusters"),
    ]
}

fn timeout_arg() -> Arg {
    Arg::new("timeout")
        .long("timeout")
        .value_name("DURATION")
        .value_parser(humantime::parse_duration)
        .help("How long all of it may take, as 90s or 5m [default: no limit]")
}

fn wait_args() -> [Arg; 2] {
    [
        Arg::new("wait")
            .long("wait")
            .action(ArgAction::SetTrue)
            .help("Wait until the API server answers and all nodes are ready [default]"),
        Arg::new("no-wait")
            .long("no-wait")
            .action(ArgAction::SetTrue)
            .overrides_with("wait")
            .help("Return once the nodes run"),
    ]
}

fn timeout(matches: &ArgMatches) -> Option<Duration> {
    matches.get_one::<Duration>("timeout").copied()
}

/// Reads a cluster's name as the user typed it.
fn parse_name(text: &str) -> Result<ClusterName, CliError> {
    text.parse().map_err(|err| CliError::from_error(Exit::Usage, &err))
}

fn name(matches: &ArgMatches) -> Result<ClusterName, CliError> {
    parse_name(matches.get_one::<String>("name").map_or("", |it| it))
}

/// Returns the kubeconfig that entries are written to.
fn kubeconfig_path() -> Result<PathBuf, ClusterError> {
    Ok(crate::cluster::default_kubeconfig(&|name| std::env::var_os(name))?)
}

fn report<'a>(session: &'a Session<'_>) -> ConsoleReport<'a> {
    ConsoleReport::new(&session.console)
}

/// Lets the hooks' containers be a part of a run, so that it can undo them.
fn in_run(session: &Session<'_>, hooks: &Hooks, run: &Arc<Run>) -> Hooks {
    let containers = EngineContainers::in_run(session.engine(), Arc::clone(run));
    let services = hooks.services.clone().with_containers(Arc::new(containers));
    Hooks { services, ..hooks.clone() }
}
