//! `cluster …`, `node …`, `kubeconfig …`, `image …`: throw-away clusters on a Docker engine.

mod create;
mod delete;
mod image;
mod inspect;
mod kubeconfig;
mod list;
mod logs;
mod node;
mod power;
mod report;
mod spec;

use crate::engine::{Engine, Lazy, TIME_LIMIT};
use crate::{self as cluster, ClusterError, ClusterName, EngineContainers, Names};
use clap::{Arg, ArgAction, ArgMatches};
use pintle_host::cli::{CliError, Exit, Group, Hooks, Need, Noun, Row, Run, Session};
use pintle_host::lifecycle::EventInfo;
use pintle_host::services::Service;
use report::ConsoleReport;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Clusters as a group of a host: `cluster`, `node`, `kubeconfig` and `image`, and
/// containers as a service to plugins.
pub static GROUP: Group = Group {
    name: "cluster",
    nouns: &[
        Noun { word: "cluster", about: "Throw-away clusters in Docker" },
        Noun { word: "node", about: "The nodes of clusters" },
        Noun { word: "kubeconfig", about: "The kubeconfigs of clusters" },
        Noun { word: "image", about: "Images in clusters" },
    ],
    rows: &[
        Row::new(
            &["cluster", "create"],
            "Make a cluster",
            Run::Hooked {
                // A failed creation is undone, and then plugins undo theirs.
                events: &["pre-cluster-create", "post-cluster-create", "post-cluster-delete"],
                run: create::run,
            },
        )
        .args(create::command)
        .needs(&[ENGINE]),
        Row::new(
            &["cluster", "delete"],
            "Delete clusters with everything that belongs to them",
            Run::Hooked {
                events: &["pre-cluster-delete", "post-cluster-delete"],
                run: delete::run,
            },
        )
        .args(delete::command)
        .needs(&[ENGINE]),
        Row::new(
            &["cluster", "start"],
            "Start clusters that were stopped",
            Run::Hooked { events: &["pre-cluster-start", "post-cluster-start"], run: power::start },
        )
        .args(power::start_command)
        .needs(&[ENGINE]),
        Row::new(
            &["cluster", "stop"],
            "Stop clusters; what they store is kept",
            Run::Hooked { events: &["pre-cluster-stop", "post-cluster-stop"], run: power::stop },
        )
        .args(power::stop_command)
        .needs(&[ENGINE]),
        list::ROW,
        inspect::ROW,
        logs::ROW,
        Row::new(
            &["node", "create"],
            "Add nodes to a cluster",
            Run::Hooked {
                events: &["pre-node-create", "post-node-create", "post-node-delete"],
                run: node::create,
            },
        )
        .args(node::create_command)
        .needs(&[ENGINE]),
        Row::new(
            &["node", "delete"],
            "Remove nodes from their clusters",
            Run::Hooked { events: &["pre-node-delete", "post-node-delete"], run: node::delete },
        )
        .args(node::delete_command)
        .needs(&[ENGINE]),
        node::LIST,
        kubeconfig::GET,
        kubeconfig::MERGE,
        image::IMPORT,
    ],
    events: &[
        EventInfo::new("pre-cluster-create", "before anything of a cluster is made", "amend, veto"),
        EventInfo::new(
            "post-cluster-create",
            "when a new cluster is ready",
            "act; a failure undoes it all",
        ),
        EventInfo::new("pre-cluster-start", "before a cluster's nodes are started", "veto"),
        EventInfo::new("post-cluster-start", "when a started cluster is ready", "act"),
        EventInfo::new("pre-cluster-stop", "before a cluster's nodes are stopped", "veto"),
        EventInfo::new("post-cluster-stop", "when a cluster's nodes have stopped", "act"),
        EventInfo::new("pre-cluster-delete", "before a cluster is deleted", "veto"),
        EventInfo::new(
            "post-cluster-delete",
            "when a cluster is gone, or its creation undone",
            "act",
        ),
        EventInfo::new("pre-node-create", "before nodes join a cluster", "amend, veto"),
        EventInfo::new(
            "post-node-create",
            "when the new nodes are ready",
            "act; a failure undoes them",
        ),
        EventInfo::new("pre-node-delete", "before nodes leave a cluster", "veto"),
        EventInfo::new("post-node-delete", "when the nodes are gone", "act"),
    ],
    services: Some(|session| containers(session)),
};

/// An engine. It is looked for when it is first called; what can be wrong before that is
/// how long its calls may take.
pub(super) const ENGINE: Need = Need { check: |session| engine_time_limit(session).map(drop) };

fn engine_time_limit(session: &Session<'_>) -> Result<Duration, CliError> {
    Ok(session.time_limit("ENGINE_TIMEOUT")?.unwrap_or(TIME_LIMIT))
}

/// Returns the engine, which is not looked for before it is needed.
fn engine(session: &Session<'_>) -> Arc<Lazy> {
    // What makes no sense was told by the need; see `ENGINE`.
    session.shared(|| Lazy::new(engine_time_limit(session).unwrap_or(TIME_LIMIT)))
}

/// Returns containers as a service to a plugin's own commands.
fn containers(session: &Session<'_>) -> Arc<dyn Service> {
    Arc::new(EngineContainers::new(engine(session), names(session)))
}

fn names(session: &Session<'_>) -> Names {
    Names::new(session.identity())
}

/// Does some work with the engine.
fn with_engine<T>(
    session: &Session<'_>,
    work: impl AsyncFnOnce(Engine) -> Result<T, ClusterError>,
) -> Result<T, CliError> {
    let lazy = engine(session);
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
    let hint = err.hint(&session.identity().command_name);
    // A hook's error has causes of its own, and its own exit code.
    if let ClusterError::Hook(hook) = err {
        return CliError::from_hook(hook);
    }
    CliError::from_error(exit, err).hint_if_known(hint)
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
    Ok(crate::default_kubeconfig(&|name| std::env::var_os(name))?)
}

fn report<'a>(session: &'a Session<'_>) -> ConsoleReport<'a> {
    ConsoleReport::new(session.console())
}

/// Lets the hooks' containers be a part of a run, so that it can undo them.
fn in_run(session: &Session<'_>, hooks: &Hooks, run: &Arc<cluster::Run>) -> Hooks {
    let containers = EngineContainers::in_run(engine(session), Arc::clone(run));
    let services = hooks.services.clone().with(Arc::new(containers));
    Hooks { services, ..hooks.clone() }
}
