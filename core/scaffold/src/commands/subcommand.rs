//! The scaffolding subcommands, and the host's own flags on each.

use crate::Detail;
use clap::{Arg, ArgAction};
use pintle_host::cli::output;

/// A scaffolding subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subcommand {
    Init,
    Edit,
    CreateApi,
    CreateWebhook,
    DeleteApi,
    DeleteWebhook,
}

impl Subcommand {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Edit => "edit",
            Self::CreateApi => "create api",
            Self::CreateWebhook => "create webhook",
            Self::DeleteApi => "delete api",
            Self::DeleteWebhook => "delete webhook",
        }
    }

    /// The middle of the names of its events.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Init => "project-init",
            Self::Edit => "project-edit",
            Self::CreateApi | Self::CreateWebhook => "resource-create",
            Self::DeleteApi | Self::DeleteWebhook => "resource-delete",
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Init => "Start a project in the current folder",
            Self::Edit => "Change the project as a whole, or let more plugins take part in it",
            Self::CreateApi => "Add an API: a kind, its version and its controller",
            Self::CreateWebhook => "Add webhooks to an API",
            Self::DeleteApi => "Undo what was scaffolded for an API",
            Self::DeleteWebhook => "Undo what was scaffolded for the webhooks of an API",
        }
    }

    /// Whether the subcommand undoes what another has done.
    pub(super) fn deletes(self) -> bool {
        matches!(self, Self::DeleteApi | Self::DeleteWebhook)
    }

    /// The flags of the host itself.
    pub(super) fn args(self) -> Vec<Arg> {
        let mut args = match self {
            Self::Init => init(),
            Self::Edit => vec![plugins("The plugins to change, and to take into the project")],
            Self::CreateApi => [vec![chain()], gvk(true), api()].concat(),
            Self::CreateWebhook => [vec![chain()], gvk(true), webhooks("Make"), spoke()].concat(),
            Self::DeleteApi => gvk(false),
            Self::DeleteWebhook => [gvk(false), webhooks("Undo only")].concat(),
        };
        if !self.deletes() {
            args.extend(existing());
        }
        args.extend(seeing());
        args
    }
}

fn init() -> Vec<Arg> {
    vec![
        chain(),
        text("project-version", "VERSION", "The version of the PROJECT file"),
        text("domain", "DOMAIN", "The domain of the API groups").default_value("my.domain"),
        text("repo", "URL", "The repository of the project"),
        text("project-name", "NAME", "The name of the project [default: the folder's]"),
    ]
}

fn api() -> Vec<Arg> {
    vec![
        switch("resource", "Make the API type"),
        switch("controller", "Make the controller"),
        switch("namespaced", "The resource lives in a namespace"),
        text(
            "external-api-module",
            "MODULE",
            "The module with the type of an API of another project, as `cert_manager::v1`",
        ),
        text("external-api-domain", "DOMAIN", "The domain of an API of another project"),
    ]
}

fn gvk(with_plural: bool) -> Vec<Arg> {
    let mut args = vec![
        text("group", "GROUP", "The API group without the domain, as `crew`").required(true),
        text("version", "VERSION", "The version, as `v1alpha1`").required(true),
        text("kind", "KIND", "The kind, as `Captain`").required(true),
    ];
    if with_plural {
        args.push(text("plural", "PLURAL", "The plural, where English is irregular"));
    }
    args
}

fn webhooks(verb: &str) -> Vec<Arg> {
    vec![
        flag("defaulting", format!("{verb} the webhook that fills in defaults")),
        flag("validation", format!("{verb} the webhook that accepts or denies")),
        flag("conversion", format!("{verb} the webhook that converts between versions")),
    ]
}

fn spoke() -> Vec<Arg> {
    vec![
        text("spoke", "VERSION,…", "The versions that are converted from and to this one")
            .value_delimiter(',')
            .action(ArgAction::Append),
    ]
}

/// What to do about files that are there already.
fn existing() -> Vec<Arg> {
    vec![
        flag("force", "Make again what is there already".to_owned())
            .conflicts_with("skip-existing"),
        flag("skip-existing", "Leave files that are there already as they are".to_owned()),
    ]
}

/// Ways to look at what would be done.
pub(super) fn seeing() -> Vec<Arg> {
    vec![
        flag("dry-run", "List what would change, and change nothing".to_owned()),
        flag("diff", "Show what would change, line by line, and change nothing".to_owned()),
        Arg::new("dump-universe")
            .long("dump-universe")
            .value_name("DETAIL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(Detail::NAMES[0])
            .value_parser(Detail::NAMES)
            .help("Print the files as the plugins see them, as JSON"),
        output::arg(),
    ]
}

fn chain() -> Arg {
    plugins("The chain of plugins, in order (can be repeated)")
}

fn plugins(help: &'static str) -> Arg {
    Arg::new("plugins").long("plugins").value_name("KEY,…").action(ArgAction::Append).help(help)
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn flag(name: &'static str, help: String) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// A flag that is on unless `--name=false` says no.
fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("BOOL")
        .value_parser(clap::value_parser!(bool))
        .num_args(0..=1)
        .require_equals(true)
        .default_value("true")
        .default_missing_value("true")
        .help(help)
}
