//! The commands as clap sees them, for help, for errors and for completion.
//!
//! A command is never parsed with the whole tree: its words are resolved with the table and with
//! manifests. The tree has a stub for each command of a plugin, created only from manifests.

use super::builder::Host;
use super::group::Row;
use super::output::{self, Cell, Table};
use super::rows::insert;
use crate::callables::Callable;
use crate::catalog::{Catalog, Entry, Nouns};
use crate::services::escaped;
use clap::Command;
use clap_complete::engine::{CompletionCandidate, SubcommandCandidates};
use std::borrow::Cow;

/// The line of help of a program, which has no description.
const PROGRAM: &str = "A program on the search path";

/// Returns the host's commands, and a stub for each plugin command whose first word is `first`; if
/// `first` is `None`, for each plugin command.
///
/// clap takes microseconds and a kilobyte for each command, so with a thousand plugins, only
/// commands that match the line get a stub.
pub(super) fn full(host: &Host, catalog: &Catalog, first: Option<&str>) -> Command {
    let nouns = catalog.nouns();
    let mut stubs: Vec<_> = catalog.commands().collect();
    stubs.retain(|(_, command)| first.is_none_or(|it| command.words.split(' ').next() == Some(it)));
    stubs.sort_by_key(|it| it.1.words);
    stubs.into_iter().fold(base(host), |root, (entry, command)| {
        let path: Vec<&str> = command.words.split(' ').collect();
        let leaf = Command::new(path.last().copied().unwrap_or_default().to_owned());
        // The long help of a noun is shown only for the noun on the line.
        let help = |n_words: usize, noun: Command| {
            noun_help(entry, &nouns, &path[..n_words].join(" "), first.is_some(), noun)
        };
        let leaf = leaf.about(output::plain(command.about).into_owned());
        insert(root, &path, 0, &help, leaf)
    })
}

/// Adds help to the noun with the words `path`: from the plugin that describes it, or else the name
/// of a plugin, `entry`, that has commands with this noun.
fn noun_help(
    entry: &Entry,
    nouns: &Nouns<'_>,
    path: &str,
    is_long: bool,
    noun: Command,
) -> Command {
    let Some(about) = nouns.about(path) else { return noun.about(commands_of(entry)) };
    let about = output::plain(about).into_owned();
    let long = nouns.long_about(path).filter(|_| is_long);
    match long.map(|it| escaped(it, "\n")) {
        Some(long) => noun.long_about(format!("{about}\n\n{long}")).about(about),
        None => noun.about(about),
    }
}

/// Returns a tree with a stub for each program.
pub(super) fn with_programs(root: Command, programs: &[Callable]) -> Command {
    programs.iter().fold(root, |root, it| {
        let path: Vec<&str> = it.words.iter().map(String::as_str).collect();
        let leaf = Command::new(it.words.last().cloned().unwrap_or_default()).about(PROGRAM);
        insert(root, &path, 0, &|_, noun| noun.about("Programs on the search path"), leaf)
    })
}

/// Returns the help of the whole host: that of its own commands, with styles; and that of the
/// plugins' commands and the programs, without styles.
pub(super) fn help_text(
    host: &Host,
    catalog: &Catalog,
    programs: &[Callable],
) -> (String, Vec<u8>) {
    let mut root = base(host);
    let own = root.render_help().ansi().to_string();
    let mut help = Vec::new();
    let lines = plugin_words(&root, catalog).into_iter().map(Word::cells);
    push_section(&mut help, "Commands of plugins:", lines);
    let programs = programs.iter().map(|it| {
        [it.words.join(" "), output::path(&it.path)].map(|it| Cell::new(it.into_bytes()))
    });
    push_section(&mut help, "Programs on the search path:", programs);
    (own, help)
}

/// Adds a section to a help text, unless it is empty.
fn push_section<'t>(
    help: &mut Vec<u8>,
    heading: &str,
    lines: impl ExactSizeIterator<Item = [Cell<'t>; 2]>,
) {
    if lines.len() == 0 {
        return;
    }
    help.extend(["\n", heading, "\n"].concat().into_bytes());
    let mut table = Table::new(2, lines.len());
    lines.for_each(|it| table.push_row(it));
    help.extend(table.text("  "));
}

/// The first word of plugins' commands, and its line of help.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Word<'c> {
    word: &'c [u8],
    about: Cow<'c, [u8]>,
    /// Whether the width of both is known to be their number of bytes.
    is_plain: bool,
}

impl<'c> Word<'c> {
    fn cells(self) -> [Cell<'c>; 2] {
        match self.is_plain {
            true => [Cell::plain(self.word), Cell::plain(self.about)],
            false => [Cell::new(self.word), Cell::new(self.about)],
        }
    }
}

/// Returns the first words of the plugins' commands, sorted.
fn plugin_words<'c>(root: &'c Command, catalog: &'c Catalog) -> Vec<Word<'c>> {
    let nouns = catalog.nouns();
    let mut words = Vec::with_capacity(catalog.entries().len());
    for (entry, command) in catalog.raw_commands() {
        words.push(match command.words.iter().position(|it| *it == b' ') {
            None => {
                let (word, about) = (command.words, command.about.into());
                Word { word, about, is_plain: entry.is_plain() }
            }
            Some(len) => {
                let word = &command.words[..len];
                let about = nouns.raw_about(word).map(Cow::from);
                let about = about.unwrap_or_else(|| commands_of(entry).into_bytes().into());
                Word { word, about, is_plain: false }
            }
        });
    }
    // Most are sorted already, and this sort sees that.
    words.sort();
    words.dedup_by(|one, other| one.word == other.word);
    // A plugin's verb for a noun of the host is shown in the help of that noun.
    let names = |it: &'c Command| std::iter::once(it.get_name()).chain(it.get_all_aliases());
    let mut own: Vec<_> = root.get_subcommands().flat_map(names).map(str::as_bytes).collect();
    own.sort_unstable();
    let mut own = own.into_iter().peekable();
    words.retain(|it| {
        while own.next_if(|own| *own < it.word).is_some() {}
        own.peek() != Some(&it.word)
    });
    words
}

/// Returns the tree for completing the first word: the words of plugins and programs are only
/// candidates in it, not commands.
pub(super) fn first_word(host: &Host, catalog: &Catalog, programs: &[Callable]) -> Command {
    let root = base(host);
    let words = plugin_words(&root, catalog).into_iter();
    let text = |it: &[u8]| output::plain(&String::from_utf8_lossy(it)).into_owned();
    let mut words: Vec<_> = words.map(|it| (text(it.word), text(&it.about))).collect();
    // The words of plugins are sorted, and so are the programs.
    let is_taken = |it: &str| {
        words.binary_search_by(|own| own.0.as_str().cmp(it)).is_ok()
            || root.find_subcommand(it).is_some()
    };
    let mut of_programs: Vec<_> = programs.iter().filter_map(|it| it.words.first()).collect();
    of_programs.dedup();
    of_programs.retain(|it| !it.contains(char::is_control) && !is_taken(it));
    words.extend(of_programs.into_iter().map(|it| (it.clone(), PROGRAM.to_owned())));
    let candidate = |(word, about): &(String, String)| {
        CompletionCandidate::new(word).help(Some(about.clone().into()))
    };
    root.allow_external_subcommands(true)
        .add(SubcommandCandidates::new(move || words.iter().map(candidate).collect()))
}

fn commands_of(entry: &Entry) -> String {
    let name = entry.key().map(|it| it.name().as_str()).unwrap_or_default();
    format!("Commands of plugin {name}")
}

/// Returns all commands of the host, without the arguments of the rows in groups.
fn base(host: &Host) -> Command {
    host.table.commands(&host.settings, Row::stub)
}

impl Host {
    /// Returns all commands of the host as clap sees them, without those of plugins: for manual
    /// pages, and for clap's own check in a test.
    pub fn command(&self) -> Command {
        self.table.commands(&self.settings, Row::with_global_args)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::noun;
    use super::super::session::Surroundings;
    use super::*;
    use crate::Cli;

    #[test]
    fn the_tree_holds_what_clap_demands() {
        let dock = noun(Command::new("dock")).subcommand(Command::new("in"));
        let host = Cli::new().extra_command(dock, |_, _| Ok(0)).build().unwrap();
        host.command().debug_assert();
        full(&host, &Catalog::from_manifests([]), None).debug_assert();
    }

    #[test]
    fn the_paths_are_the_leaves_of_the_tree() {
        fn leaves(command: &Command, path: &[String], found: &mut Vec<Vec<String>>) {
            if command.get_subcommands().next().is_none() {
                found.push(path.to_vec());
            }
            for child in command.get_subcommands() {
                leaves(child, &[path, &[child.get_name().to_owned()]].concat(), found);
            }
        }
        let dock = noun(Command::new("dock")).subcommand(Command::new("in"));
        let host = Cli::new().extra_command(dock, |_, _| Ok(0)).build().unwrap();
        let (mut of_the_tree, mut paths) = (Vec::new(), Surroundings::paths(&host.table));
        leaves(&base(&host), &[], &mut of_the_tree);
        paths.sort();
        of_the_tree.sort();
        assert_eq!(paths, of_the_tree);
        assert!(paths.contains(&vec!["dock".to_owned(), "in".to_owned()]));
    }
}
