//! The commands `plugin install`, `plugin update` and so on, as a group of a host.

mod allowed;
mod args;
mod install;
mod mirror;
mod prune;
mod remove;
mod search;
mod show;
mod state;
mod sync;
mod update;
mod verify;
mod why;

use crate::{project, verify as verification};
use allowed::ALLOWED;
use pintle_host::cli::{Group, Row, Run};

/// The plugin manager as a group of a host: more verbs under `plugin`.
pub static GROUP: Group = Group {
    name: "manager",
    rows: &[
        Row::new(&["plugin", "install"], "Install plugins", Run::Plain(install::run))
            .args(install::args)
            .needs(&[ALLOWED])
            .common(),
        Row::new(&["plugin", "remove"], "Remove installed plugins", Run::Plain(remove::run))
            .aliases(&["uninstall"])
            .args(remove::args)
            .needs(&[ALLOWED]),
        Row::new(
            &["plugin", "outdated"],
            "List plugins that have newer versions",
            Run::Plain(update::outdated),
        )
        .args(update::outdated_args),
        Row::new(
            &["plugin", "update"],
            "Update plugins to their newest versions",
            Run::Plain(update::run),
        )
        .aliases(&["upgrade"])
        .args(update::args)
        .needs(&[ALLOWED]),
        Row::new(
            &["plugin", "rollback"],
            "Go back to the previous version",
            Run::Plain(state::rollback),
        )
        .args(state::name_arg)
        .needs(&[ALLOWED]),
        Row::new(&["plugin", "pin"], "Keep a plugin at its version", Run::Plain(state::pin))
            .args(state::name_arg)
            .needs(&[ALLOWED]),
        Row::new(&["plugin", "unpin"], "Undo `plugin pin`", Run::Plain(state::unpin))
            .args(state::name_arg)
            .needs(&[ALLOWED]),
        Row::new(&["plugin", "sync"], "Install the plugins of a lock file", Run::Plain(sync::run))
            .args(sync::args)
            .needs(&[ALLOWED]),
        Row::new(
            &["plugin", "verify"],
            "Check whether installed plugins have changed",
            Run::Plain(verify::run),
        )
        .args(verify::args),
        Row::new(
            &["plugin", "why"],
            "Show the source and the trust of an installed plugin",
            Run::Plain(why::run),
        )
        .args(why::args),
        Row::new(
            &["plugin", "prune"],
            "Remove versions that are not in use",
            Run::Plain(prune::run),
        )
        .args(prune::args)
        .needs(&[ALLOWED]),
        Row::new(
            &["plugin", "mirror"],
            "Copy releases to a directory or a registry to install from",
            Run::Plain(mirror::run),
        )
        .args(mirror::args),
        Row::new(&["plugin", "search"], "Search an index for plugins", Run::Plain(search::run))
            .args(search::args),
    ],
    suggest: Some(|session, words| {
        project::suggest(session, words).or_else(|| search::suggest(session, words))
    }),
    suggest_option: Some(search::suggest_option),
    project_plugins: Some(project::directory),
    provenance: Some(verification::provenance),
    vet: Some(|session, entry| {
        project::vet(session, entry)?;
        verification::vet(session, entry)
    }),
    ..Group::EMPTY
};
