//! The commands as clap sees them.
//!
//! Two trees: the core tree takes any unknown word as "perhaps a plugin's command",
//! and needs no catalog; the full tree has a stub for each plugin command, made of
//! manifests alone. Only a command that needs the full tree pays for it.

#[cfg(feature = "cluster")]
use super::cluster;
use super::{Host, completion, events, global, output, plugin, project, scaffold, version};
use crate::catalog::Catalog;
use clap::{Arg, ArgAction, Command};
use clap_complete::engine::{CompletionCandidate, SubcommandCandidates};
use std::borrow::Cow;
use std::ffi::OsString;

/// The id of the argument that takes everything a command cannot know yet.
pub(super) const REST: &str = "rest";

/// The nouns of the scaffolding subcommands, each with a line of help.
const SCAFFOLD_NOUNS: [(&str, &str); 2] =
    [("create", "Add something to the project"), ("delete", "Undo what was added to the project")];

/// Returns the commands of the host itself that the line can mean; unknown words are kept
/// for later.
///
/// clap takes time for each command that it knows, whether it is called or not.
pub(super) fn core(host: &Host, line: &[OsString]) -> Command {
    // An embedding program's own commands are its own: what they do not know is an error.
    let is_extra = |it: &Command| {
        host.extra_commands.iter().any(|extra| extra.command.get_name() == it.get_name())
    };
    keep_unknown(some(host, &|word| line.iter().any(|it| it == word)), &is_extra)
}

/// Returns the host's commands, and a stub for each plugin command whose first word
/// is `first`; for each plugin command there is, if that is `None`.
///
/// clap takes microseconds and a kilobyte for each command, so with a thousand
/// plugins only those are worth a stub that the line can mean.
pub(super) fn full(host: &Host, catalog: &Catalog, first: Option<&str>) -> Command {
    let mut stubs: Vec<_> = catalog.commands().collect();
    stubs.retain(|(_, command)| {
        first.is_none_or(|it| command.path.first().is_some_and(|word| word == it))
    });
    stubs.sort_by(|one, other| one.1.path.cmp(&other.1.path));
    stubs.into_iter().fold(base(host), |root, (entry, command)| {
        let owner = entry.key().map(|it| it.name().to_string()).unwrap_or_default();
        insert(root, &command.path, &owner, |name| {
            deferred(Command::new(name).about(output::plain(&command.about).into_owned()))
        })
    })
}

/// Returns the help of the whole host, the plugins' commands at its end.
pub(super) fn help_text(host: &Host, catalog: &Catalog) -> String {
    let mut root = base(host);
    let mut help = root.render_help().ansi().to_string();
    let words = plugin_words(&root, catalog);
    let width = words.iter().map(|(word, _)| word.len()).max().unwrap_or(0);
    if !words.is_empty() {
        help.push_str("\nCommands of plugins:\n");
    }
    for (word, about) in words {
        // The words are ASCII: the catalog takes no others.
        help.extend(["  ", word, &" ".repeat(width - word.len() + 2), &about, "\n"]);
    }
    help
}

/// Returns the first words of the plugins' commands, sorted, each with a line of help.
fn plugin_words<'c>(root: &Command, catalog: &'c Catalog) -> Vec<(&'c str, Cow<'c, str>)> {
    let mut words = Vec::new();
    for (entry, command) in catalog.commands() {
        let Some((word, rest)) = command.path.split_first() else { continue };
        let about = match (rest, entry.key()) {
            ([], _) | (_, None) => output::plain(&command.about),
            (_, Some(key)) => commands_of(key.name().as_str()).into(),
        };
        words.push((word.as_str(), about));
    }
    words.sort_unstable();
    words.dedup_by(|one, other| one.0 == other.0);
    // A plugin's verb under a noun of the host shows in that noun's help.
    words.retain(|(word, _)| root.find_subcommand(word).is_none());
    words
}

/// Returns the tree for completing the first word: the plugins' words are no commands
/// of it, only candidates.
pub(super) fn first_word(host: &Host, catalog: &Catalog) -> Command {
    let root = base(host);
    let words = plugin_words(&root, catalog).into_iter();
    let words: Vec<_> = words.map(|(word, about)| (word.to_owned(), about.into_owned())).collect();
    let candidate = |(word, about): &(String, String)| {
        CompletionCandidate::new(word).help(Some(about.clone().into()))
    };
    root.allow_external_subcommands(true)
        .add(SubcommandCandidates::new(move || words.iter().map(candidate).collect()))
}

fn commands_of(plugin: &str) -> String {
    format!("Commands of plugin {plugin}")
}

/// Returns `root` with the command that `leaf` makes at `path`; nouns on the way come into being.
pub(super) fn insert(
    root: Command,
    path: &[String],
    owner: &str,
    leaf: impl FnOnce(String) -> Command,
) -> Command {
    let Some((word, rest)) = path.split_first() else { return root };
    if rest.is_empty() {
        return root.subcommand(leaf(word.clone()));
    }
    match root.find_subcommand(word).is_some() {
        true => root.mut_subcommand(word, |it| insert(it, rest, owner, leaf)),
        false => {
            let noun = noun(Command::new(word.clone()).about(commands_of(owner)));
            root.subcommand(insert(noun, rest, owner, leaf))
        }
    }
}

/// Returns the paths of the host's own commands. They are known without the tree.
pub(super) fn core_paths(host: &Host) -> Vec<Vec<String>> {
    let own = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let mut paths: Vec<_> = ["help", "version", "completion", "events"].map(|it| own(&[it])).into();
    paths.extend(plugin::VERBS.map(|it| own(&["plugin", it])));
    paths.extend(project::VERBS.map(|it| own(&["project", it])));
    #[cfg(feature = "cluster")]
    for (noun, verbs) in cluster::VERBS {
        paths.extend(verbs.iter().map(|it| own(&[noun, it])));
    }
    let scaffolding = scaffold::commands().map(|it| it.0);
    paths.extend(scaffolding.map(|it| it.split(' ').map(str::to_owned).collect()));
    for extra in &host.extra_commands {
        collect(&extra.command, &mut own(&[extra.command.get_name()]), &mut paths);
    }
    paths
}

fn collect(command: &Command, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    if command.get_subcommands().next().is_none() && !path.is_empty() {
        paths.push(path.clone());
    }
    for child in command.get_subcommands() {
        path.push(child.get_name().to_owned());
        collect(child, path, paths);
        path.pop();
    }
}

/// Returns all commands of the host.
fn base(host: &Host) -> Command {
    some(host, &|_| true)
}

/// Returns the commands of the host whose first words are wanted.
fn some(host: &Host, wanted: &dyn Fn(&str) -> bool) -> Command {
    let name = host.identity.command_name.clone();
    let root = Command::new(name.clone())
        .bin_name(name)
        .version(host.identity.version.clone())
        .about(host.about.clone())
        .args(global::args())
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND");
    let own = ["help", "version", "completion", "plugin", "project", "events"];
    let own = own.into_iter().filter(|it| wanted(it)).map(|it| match it {
        "events" => events::command(),
        "help" => help(),
        "version" => version::command(),
        "completion" => completion::command(),
        "plugin" => plugin::command(),
        _ => project::command(),
    });
    let nouns = SCAFFOLD_NOUNS.iter().filter(|it| wanted(it.0));
    let nouns = nouns.map(|(word, about)| noun(Command::new(*word).about(*about)));
    let root = scaffold::commands().into_iter().fold(
        root.subcommands(own).subcommands(nouns),
        |root, (words, about)| {
            let leaf = |word: &'static str| deferred(Command::new(word).about(about));
            match words.split_once(' ') {
                _ if !wanted(words.split(' ').next().unwrap_or_default()) => root,
                None => root.subcommand(leaf(words)),
                Some((word, verb)) => root.mut_subcommand(word, |it| it.subcommand(leaf(verb))),
            }
        },
    );
    #[cfg(feature = "cluster")]
    let root = {
        let nouns = cluster::VERBS.iter().filter(|it| wanted(it.0));
        root.subcommands(nouns.map(|it| cluster::command(it.0)))
    };
    let extra = host.extra_commands.iter().map(|it| &it.command);
    noun(root).subcommands(extra.filter(|it| wanted(it.get_name())).cloned())
}

/// Returns a command that does nothing without one of its subcommands.
pub(super) fn noun(command: Command) -> Command {
    command.subcommand_required(true).arg_required_else_help(true)
}

/// Returns a command whose arguments are only known once its plugins are.
pub(super) fn deferred(command: Command) -> Command {
    command.disable_help_flag(true).arg(
        Arg::new(REST)
            .value_parser(clap::value_parser!(OsString))
            .action(ArgAction::Append)
            .num_args(0..)
            .trailing_var_arg(true)
            .allow_hyphen_values(true)
            .hide(true),
    )
}

fn help() -> Command {
    Command::new("help")
        .about("Show the help of a command")
        .arg(Arg::new("command").value_name("COMMAND").num_args(0..).help("The command's words"))
}

fn keep_unknown(command: Command, is_extra: &dyn Fn(&Command) -> bool) -> Command {
    let nouns: Vec<_> = command
        .get_subcommands()
        .filter(|it| it.is_subcommand_required_set() && !is_extra(it))
        .map(|it| it.get_name().to_owned())
        .collect();
    let command = command
        .allow_external_subcommands(true)
        .external_subcommand_value_parser(clap::value_parser!(OsString));
    let keep = |it: Command| keep_unknown(it, &|_| false);
    nouns.into_iter().fold(command, |it, noun| it.mut_subcommand(noun, keep))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;

    #[test]
    fn the_core_tree_holds_what_clap_demands() {
        let host = Cli::new().build().unwrap();
        base(&host).debug_assert();
        full(&host, &Catalog::from_manifests([]), None).debug_assert();
    }

    #[test]
    fn core_paths_are_the_leaves() {
        let dock = noun(Command::new("dock")).subcommand(Command::new("in"));
        let host = Cli::new().extra_command(dock, |_, _| Ok(0)).build().unwrap();
        let mut of_the_tree = Vec::new();
        collect(&base(&host), &mut Vec::new(), &mut of_the_tree);
        let mut paths = core_paths(&host);
        paths.sort();
        of_the_tree.sort();
        assert_eq!(paths, of_the_tree);
        assert!(paths.contains(&vec!["dock".to_owned(), "in".to_owned()]));
    }

    #[test]
    fn an_unknown_word_under_an_embedders_noun_is_no_plugin_command() {
        let dock = noun(Command::new("dock")).subcommand(Command::new("in"));
        let host = Cli::new().extra_command(dock, |_, _| Ok(0)).build().unwrap();
        let parse = |line: &[&str]| {
            let line: Vec<OsString> = line.iter().map(Into::into).collect();
            let args = std::iter::once(OsString::new()).chain(line.iter().cloned());
            core(&host, &line).try_get_matches_from(args)
        };
        let err = parse(&["dock", "bogus"]).unwrap_err();
        assert_eq!(err.kind(), clap::error::ErrorKind::InvalidSubcommand);
        assert!(parse(&["dock", "in"]).is_ok());
        assert!(parse(&["create", "bogus"]).is_ok());
    }

    #[test]
    fn the_core_tree_has_only_what_the_line_can_mean() {
        let host = Cli::new().build().unwrap();
        let words = |line: &[&str]| -> Vec<String> {
            let line: Vec<OsString> = line.iter().map(Into::into).collect();
            let tree = core(&host, &line);
            tree.get_subcommands().map(|it| it.get_name().to_owned()).collect()
        };
        assert_eq!(words(&["-q", "create", "api"]), ["create"]);
        assert!(words(&["hello"]).is_empty());
        assert_eq!(words(&["help", "init"]), ["help", "init"]);
    }
}
