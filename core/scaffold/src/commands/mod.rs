//! The scaffolding commands: parsing of the command line, and output.

mod blame;
mod bridge;
mod check;
mod commit;
mod completed;
mod diff;
pub(crate) mod errors;
mod file_state;
mod invocation;
mod options;
mod preview;
mod project_show;
mod recorded_plugins;
mod repair;
mod resource_args;
mod stranger;
mod subcommand;
mod upgrade;
mod working_project;

use crate::kubebuilder;
use pintle_host::cli::{Bound, CliError, Group, Noun, Row, Run, Session};
use pintle_host::lifecycle::EventInfo;
use pintle_plugin::events;
use std::ffi::OsString;
use subcommand::Subcommand;

/// Scaffolding as a command group of a host: `init`, `edit`, `create`, `delete` and `project`.
pub static GROUP: Group = Group {
    name: "scaffold",
    nouns: &[
        Noun { word: "create", about: "Add APIs and webhooks to the project" },
        Noun { word: "delete", about: "Remove APIs and webhooks from the project" },
        Noun { word: "project", about: "Show, check, upgrade and repair the project" },
        Noun { word: "bridge", about: "Use plugins of this host in kubebuilder" },
    ],
    rows: &[
        row(&["init"], Subcommand::Init, |session, command, line| {
            invocation::bind(session, Subcommand::Init, command, line)
        })
        .common(),
        row(&["edit"], Subcommand::Edit, |session, command, line| {
            invocation::bind(session, Subcommand::Edit, command, line)
        }),
        row(&["create", "api"], Subcommand::CreateApi, |session, command, line| {
            invocation::bind(session, Subcommand::CreateApi, command, line)
        })
        .common(),
        row(&["create", "webhook"], Subcommand::CreateWebhook, |session, command, line| {
            invocation::bind(session, Subcommand::CreateWebhook, command, line)
        })
        .common(),
        row(&["delete", "api"], Subcommand::DeleteApi, |session, command, line| {
            invocation::bind(session, Subcommand::DeleteApi, command, line)
        }),
        row(&["delete", "webhook"], Subcommand::DeleteWebhook, |session, command, line| {
            invocation::bind(session, Subcommand::DeleteWebhook, command, line)
        }),
        project_show::ROW,
        blame::ROW,
        check::ROW,
        upgrade::ROW,
        repair::ROW,
        bridge::KUBEBUILDER,
        bridge::INSTALL,
    ],
    events: &[
        EventInfo::of(&events::PRE_PROJECT_INIT),
        EventInfo::of(&events::POST_PROJECT_INIT),
        EventInfo::of(&events::PRE_PROJECT_EDIT),
        EventInfo::of(&events::POST_PROJECT_EDIT),
        EventInfo::of(&events::PRE_RESOURCE_CREATE),
        EventInfo::of(&events::POST_RESOURCE_CREATE),
        EventInfo::of(&events::PRE_RESOURCE_DELETE),
        EventInfo::of(&events::POST_RESOURCE_DELETE),
    ],
    plugins: Some(kubebuilder::plugins),
    made_by: Some(recorded_plugins::made_by),
    ..Group::EMPTY
};

type Bind = fn(&Session<'_>, clap::Command, &[OsString]) -> Result<Bound, CliError>;

const fn row(path: &'static [&'static str], subcommand: Subcommand, bind: Bind) -> Row {
    Row::new(path, subcommand.about(), Run::Late(bind))
}
