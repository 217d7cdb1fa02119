//! `plugin search`, and suggestions from the index for unknown commands.

use super::allowed::ALLOWED;
use super::args;
use crate::config::Config;
use crate::errors::usage;
use crate::index::{Loaded, Match, Plugin};
use crate::manager::Manager;
use clap::{Arg, ArgMatches, Command, ValueHint};
use pintle_host::cli::{CliError, Exit, Session, Step, output};
use serde::Serialize;

pub(super) fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("word")
                .value_name("WORD")
                .num_args(0..)
                .help("Words in the name, the description or the commands [default: all plugins]"),
        )
        .arg(
            Arg::new("index")
                .long("index")
                .value_name("FILE|URL")
                .value_hint(ValueHint::AnyPath)
                .help("The index to search, instead of the configured one"),
        )
        .arg(output::arg())
}

/// The output. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Answer<'a> {
    index: &'a str,
    /// `signed` if a signature was verified.
    trust: &'static str,
    key: Option<String>,
    plugins: Vec<&'a Plugin>,
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let named = args::texts(matches, "index").next();
    let loaded = manager.index(named)?.ok_or_else(|| no_index(session))?;
    let words: Vec<_> = args::texts(matches, "word").collect();
    let answer = answer(&loaded, &words);
    output::print(matches, session.console(), &answer, text);
    Ok(Exit::Done.into())
}

fn answer<'a>(loaded: &'a Loaded, words: &[&str]) -> Answer<'a> {
    Answer {
        index: &loaded.place,
        trust: if loaded.key.is_some() { "signed" } else { "unsigned" },
        key: loaded.key.as_ref().map(ToString::to_string),
        plugins: loaded.index.search(words),
    }
}

fn text(answer: &Answer<'_>) -> String {
    if answer.plugins.is_empty() {
        return "no plugin in the index matches".to_owned();
    }
    let head = ["PLUGIN", "VERSION", "SOURCE", "DESCRIPTION"].map(str::to_owned).to_vec();
    let rows = answer.plugins.iter().map(|it| {
        let deprecated = it.deprecated.as_ref().map(|it| format!(" (deprecated: {it})"));
        let description = format!("{}{}", it.description, deprecated.unwrap_or_default());
        let description = description.trim_start().to_owned();
        vec![it.name.clone(), it.version.clone(), it.source.clone(), description]
    });
    output::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn no_index(session: &Session<'_>) -> CliError {
    let path = Config::path(session.identity());
    let path =
        path.map_or_else(|| "the configuration".to_owned(), |it| format!("`{}`", it.display()));
    usage("no plugin index is configured")
        .hint(format!("set `index` in {path} to a file or a URL, or specify one with `--index`"))
}

/// Returns the plugin in the index that provides an unknown command. Never uses the network.
pub(super) fn suggest(session: &Session<'_>, words: &[String]) -> Option<String> {
    let loaded = glance(session)?;
    let (how, found) = loaded.index.with_command(words)?;
    let name = &session.identity().command_name;
    let what = match how {
        Match::Command => "this command",
        // The host's own nouns have help, which is more useful.
        Match::Noun if session.is_noun(words) => return None,
        Match::Noun => "commands that begin with this",
    };
    Some(match found[..] {
        [plugin] => format!(
            "plugin `{}` has {what}: run `{name} plugin install {}`",
            plugin.name, plugin.source
        ),
        _ => format!(
            "{} plugins in the index have {what}: run `{name} plugin search {}`",
            found.len(),
            words.first()?
        ),
    })
}

/// Returns the plugin in the index that has the name of an unknown option and takes part in the
/// command. The index does not list the options of plugins. Never uses the network.
pub(super) fn suggest_option(session: &Session<'_>, command: &str, option: &str) -> Option<String> {
    let loaded = glance(session)?;
    let [plugin] = loaded.index.named(option)[..] else { return None };
    let takes_part = plugin.subcommands.iter().any(|it| it == command);
    let is_installed = session
        .catalog()
        .entries()
        .iter()
        .filter_map(|it| it.key())
        .any(|it| it.name().to_string() == plugin.name);
    let name = &session.identity().command_name;
    (takes_part && !is_installed).then(|| {
        format!(
            "plugin `{}` in the index takes part in `{name} {command}`: run `{name} plugin \
             install {}`, and add it to `--plugins`",
            plugin.name, plugin.source
        )
    })
}

/// Returns the index if it is available immediately.
fn glance(session: &Session<'_>) -> Option<Loaded> {
    // If the system manages plugins, its packages should be installed.
    (ALLOWED.check)(session).ok()?;
    let manager = Manager::new(session).ok()?;
    manager.index_place(None).ok()??.glance()
}
