//! The commands of groups as clap sees them.

use super::global;
use super::group::{Group, Row};
use super::settings::Settings;
use clap::Command;

/// Returns `root` with a command at `path`, whose first `n_done` words lead to `root`. Missing
/// nouns on the way are added, with the help that `help` adds to the noun with this number of
/// words.
pub(super) fn insert(
    root: Command,
    path: &[&str],
    n_done: usize,
    help: &dyn Fn(usize, Command) -> Command,
    leaf: Command,
) -> Command {
    let Some((word, rest)) = path[n_done..].split_first() else { return root };
    if rest.is_empty() {
        return root.subcommand(leaf);
    }
    let has_noun = root.find_subcommand(word).is_some();
    let root = match has_noun {
        true => root,
        false => root.subcommand(help(n_done + 1, noun(Command::new((*word).to_owned())))),
    };
    root.mut_subcommand(word, |it| insert(it, path, n_done + 1, help, leaf))
}

/// Returns the host's command, with all commands of its groups below it.
pub(super) fn tree(
    settings: &Settings,
    groups: &[&'static Group],
    command: impl Fn(&Row) -> Command,
) -> Command {
    let nouns: Vec<_> = groups.iter().flat_map(|it| it.nouns).collect();
    let about = |row: &Row| {
        let noun = nouns.iter().find(|it| row.path.first() == Some(&it.word));
        noun.map_or("", |it| it.about)
    };
    let rows = groups.iter().flat_map(|it| it.rows);
    rows.fold(root(settings), |root, row| {
        insert(root, row.path, 0, &|_, noun| noun.about(about(row)), command(row))
    })
}

/// Returns the host's command without any below it.
pub(super) fn root(settings: &Settings) -> Command {
    let name = settings.identity.command_name.clone();
    let root = Command::new(name.clone())
        .bin_name(name)
        .version(settings.identity.version.clone())
        .about(settings.about.clone())
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND");
    noun(global::add_to(root))
}

/// Returns a command that requires one of its subcommands.
pub(super) fn noun(command: Command) -> Command {
    command.subcommand_required(true).arg_required_else_help(true)
}
