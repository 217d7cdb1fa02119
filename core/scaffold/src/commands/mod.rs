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
use pintle_host::cli::{Group, Noun, Row, Run};
use pintle_host::lifecycle::EventInfo;
use pintle_plugin::events;
use subcommand::Subcommand;

/// The row of a scaffolding subcommand. Its own arguments are for the manual pages, which must not
/// depend on the installed plugins; `bind` adds those of the plugins.
macro_rules! row {
    ($subcommand:ident, $($word:literal),+) => {
        Row::new(
            &[$($word),+],
            Subcommand::$subcommand.about(),
            Run::Late(|session, command, line| {
                invocation::bind(session, Subcommand::$subcommand, command, line)
            }),
        )
        .args(|command| options::add_to(command, Subcommand::$subcommand))
    };
}

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
        row!(Init, "init").common(),
        row!(Edit, "edit"),
        row!(CreateApi, "create", "api").common(),
        row!(CreateWebhook, "create", "webhook").common(),
        row!(DeleteApi, "delete", "api"),
        row!(DeleteWebhook, "delete", "webhook"),
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
