//! The host's own options of the scaffolding subcommands.

use super::completed;
use super::subcommand::Subcommand;
use crate::dump::Detail;
use clap::{Arg, ArgAction, Command};
use pintle_host::cli::{Values, output};

/// The flags of the host itself.
pub(super) fn of(subcommand: Subcommand) -> Vec<Arg> {
    let mut args = match subcommand {
        Subcommand::Init => init(),
        Subcommand::Edit => vec![plugins("The plugins to run, and to add to the project")],
        Subcommand::CreateApi => [vec![chain()], gvk(true), api(), external()].concat(),
        Subcommand::CreateWebhook => {
            [vec![chain()], gvk(true), webhooks("Create"), spoke(), external()].concat()
        }
        Subcommand::DeleteApi => gvk(false),
        Subcommand::DeleteWebhook => [gvk(false), webhooks("Undo only")].concat(),
    };
    if !subcommand.deletes() {
        args.extend(existing());
    }
    args.extend(show());
    args
}

/// Adds the flags to a subcommand, with a note about those that are not known yet.
pub(super) fn add_to(command: Command, subcommand: Subcommand) -> Command {
    command.args(of(subcommand)).after_help("Plugins can add options: `--help` lists all of them.")
}

fn init() -> Vec<Arg> {
    vec![
        chain(),
        text("project-version", "VERSION", "The version of the PROJECT file"),
        text("domain", "DOMAIN", "The domain of the API groups").default_value("my.domain"),
        text("repo", "URL", "The repository of the project"),
        text(
            "project-name",
            "NAME",
            "The name of the project [default: the name of the directory]",
        ),
        flag("namespaced", "Restrict the operator to its own namespace".to_owned()),
    ]
}

fn api() -> Vec<Arg> {
    vec![
        switch("resource", "Create the API type"),
        switch("controller", "Create the controller"),
        switch("namespaced", "Whether the resource is namespaced"),
    ]
}

/// The source of an API of another project. Each of these options makes the API one of another
/// project.
fn external() -> Vec<Arg> {
    vec![
        text(
            "external-api-domain",
            "DOMAIN",
            "The domain of an API of another project, for example `io`",
        ),
        text(
            "external-api-path",
            "PATH",
            "The path in the code of the type of an API of another project, for example \
             `cert_manager::v1`",
        ),
        text(
            "external-api-module",
            "MODULE",
            "The package with the type of an API of another project, for example \
             `cert-manager@0.4`",
        ),
    ]
}

fn gvk(with_plural: bool) -> Vec<Arg> {
    let mut args = vec![
        text("group", "GROUP", "The API group without the domain, for example `crew`")
            .required(true)
            .add(Values(completed::groups)),
        text("version", "VERSION", "The version, for example `v1alpha1`")
            .required(true)
            .add(Values(completed::versions)),
        text("kind", "KIND", "The kind, for example `Captain`")
            .required(true)
            .add(Values(completed::kinds)),
    ];
    if with_plural {
        args.push(text("plural", "PLURAL", "The plural of the kind [default: the English plural]"));
    }
    args
}

fn webhooks(verb: &str) -> Vec<Arg> {
    vec![
        flag("defaulting", format!("{verb} the webhook that sets defaults")),
        flag("validation", format!("{verb} the webhook that accepts or denies objects")),
        flag("conversion", format!("{verb} the webhook that converts between versions")),
    ]
}

fn spoke() -> Vec<Arg> {
    vec![
        text("spoke", "VERSION,…", "The versions that are converted from and to this one")
            .value_delimiter(',')
            .add(Values(completed::spokes))
            .action(ArgAction::Append),
    ]
}

/// What to do with files that already exist.
fn existing() -> Vec<Arg> {
    vec![
        flag("force", "Recreate what already exists".to_owned()).conflicts_with("skip-existing"),
        flag("skip-existing", "Keep files that already exist".to_owned()),
    ]
}

/// Ways to show the changes without making them.
pub(super) fn show() -> Vec<Arg> {
    vec![
        flag("dry-run", "List the changes without making them".to_owned()),
        flag("diff", "Show the changes line by line without making them".to_owned()),
        Arg::new("dump-universe")
            .long("dump-universe")
            .value_name("DETAIL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(Detail::NAMES[0])
            .value_parser(Detail::NAMES)
            .help("Print all files as the plugins left them, as JSON"),
        output::arg(),
    ]
}

fn chain() -> Arg {
    plugins("The chain of plugins, in order (can be repeated)")
}

fn plugins(help: &'static str) -> Arg {
    Arg::new("plugins")
        .long("plugins")
        .value_name("KEY,…")
        .value_delimiter(',')
        .add(Values(completed::chain))
        .action(ArgAction::Append)
        .help(help)
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn flag(name: &'static str, help: String) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// A flag that is on unless `--name=false` is given.
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

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::rules;

    #[test]
    fn manual_pages_have_the_options_of_the_host() {
        let host = pintle_host::Cli::new().group(&super::super::GROUP).build().unwrap();
        let command = host.command();
        let create = command.find_subcommand("create").unwrap();
        let pages = [(&command, "init", "domain"), (create, "api", "kind")];
        for (noun, word, option) in pages {
            let page = noun.find_subcommand(word).unwrap();
            assert!(page.get_arguments().any(|it| it.get_id() == option), "{word}");
        }
    }

    #[test]
    fn plugins_are_told_of_every_option() {
        use Subcommand::{CreateApi, CreateWebhook, DeleteApi, DeleteWebhook, Edit, Init};
        for subcommand in [Init, Edit, CreateApi, CreateWebhook, DeleteApi, DeleteWebhook] {
            let args = of(subcommand);
            let mut names: Vec<_> = args.iter().filter_map(Arg::get_long).collect();
            let mut known = rules::subcommand_options(subcommand.name());
            names.sort_unstable();
            known.sort_unstable();
            assert_eq!(names, known, "{}", subcommand.name());
            let letters: Vec<_> = args.iter().filter_map(Arg::get_short).collect();
            assert_eq!(letters, rules::SUBCOMMAND_LETTERS);
        }
    }
}
