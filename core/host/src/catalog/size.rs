//! Checks that a manifest keeps the limits of its format and contains no duplicates.

use super::manifest_view::{ManifestView, Text};
use super::refusal::Refusal;
use pintle_plugin::manifest::limits;

/// Checks the length of a manifest as JSON, before it is read.
pub(super) fn check_bytes(json: &[u8]) -> Result<(), Refusal> {
    match json.len() {
        found if found > limits::BYTES => {
            Err(Refusal::LongManifest { found, limit: limits::BYTES })
        }
        _ => Ok(()),
    }
}

/// Checks the number of items in a manifest, the length of its texts, and that it contains no
/// duplicates.
pub(super) fn check(view: &ManifestView<'_>) -> Result<(), Refusal> {
    let abi = &view.abi;
    for (what, text) in [
        ("name", &view.name),
        ("version", &view.version),
        ("interface version", &abi.interface),
        ("abi_stable version", &abi.abi_stable),
        ("panic strategy", &abi.panic),
        ("root symbol", &abi.root),
        ("target", &view.target),
        ("compiler", &view.rustc),
        ("requirement on the host", &view.host),
    ] {
        check_length(what, text.len(), limits::NAME)?;
    }
    for (what, text) in [
        ("description", &view.description),
        ("home page", &view.homepage),
        ("repository", &view.repository),
        ("licence", &view.license),
    ] {
        check_length(what, text.len(), limits::LINE)?;
    }
    let deprecated = view.deprecated.as_ref().map_or(0, |it| it.0.len());
    check_length("deprecation notice", deprecated, limits::LINE)?;
    check_number("authors", view.authors.len(), limits::ITEMS)?;
    for author in &view.authors {
        check_length("author", author.0.len(), limits::LINE)?;
    }
    check_names("project versions", "project version", &view.project_versions)?;
    check_names("subcommands", "subcommand", &view.subcommands)?;
    check_names("events", "event", &view.events)?;
    check_names("interfaces", "interface", &view.interfaces)?;
    check_commands(view)
}

fn check_commands(view: &ManifestView<'_>) -> Result<(), Refusal> {
    check_number("commands", view.commands.len(), limits::COMMANDS)?;
    for command in &view.commands {
        check_help("command", &command.path, &command.about, "")?;
    }
    check_unique("command", view.commands.iter().map(|it| &it.path), |it| it.join(" "))?;
    check_number("nouns", view.nouns.len(), limits::ITEMS)?;
    for noun in &view.nouns {
        check_help("noun", &noun.path, &noun.about, &noun.long_about)?;
    }
    check_unique("noun", view.nouns.iter().map(|it| &it.path), |it| it.join(" "))
}

/// Checks the words and the help of a command or a noun.
fn check_help(
    what: &'static str,
    path: &[String],
    about: &str,
    long_about: &str,
) -> Result<(), Refusal> {
    let (words, help) = match what {
        "noun" => ("words in a noun", "help for a noun"),
        _ => ("words in a command", "help for a command"),
    };
    check_number(words, path.len(), limits::WORDS)?;
    for word in path {
        check_length("word of a command or noun", word.len(), limits::NAME)?;
    }
    check_length(help, about.len(), limits::LINE)?;
    check_length(help, long_about.len(), limits::LONG_ABOUT)
}

fn check_names(
    plural: &'static str,
    what: &'static str,
    names: &[Text<'_>],
) -> Result<(), Refusal> {
    check_number(plural, names.len(), limits::ITEMS)?;
    for name in names {
        check_length(what, name.0.len(), limits::NAME)?;
    }
    check_unique(what, names.iter().map(|it| &it.0), |it| it.to_string())
}

fn check_number(what: &'static str, found: usize, limit: usize) -> Result<(), Refusal> {
    if found > limit { Err(Refusal::TooMany { what, found, limit }) } else { Ok(()) }
}

fn check_length(what: &'static str, found: usize, limit: usize) -> Result<(), Refusal> {
    if found > limit { Err(Refusal::TooLong { what, found, limit }) } else { Ok(()) }
}

/// Checks that nothing is in a list twice.
fn check_unique<T: Ord>(
    what: &'static str,
    items: impl ExactSizeIterator<Item = T>,
    show: impl Fn(&T) -> String,
) -> Result<(), Refusal> {
    if items.len() < 2 {
        return Ok(());
    }
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    match items.windows(2).find(|it| it[0] == it[1]) {
        Some(twice) => Err(Refusal::Twice { what, value: show(&twice[0]) }),
        None => Ok(()),
    }
}
