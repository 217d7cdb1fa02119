//! `plugin search`.

use super::args;
use crate::errors::index;
use crate::index::{Index, Listed, Place};
use crate::manager::Manager;
use clap::{Arg, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step, output};
use serde::Serialize;

/// How many plugins with a command are named in a hint.
const MAX_HINTS: usize = 3;

pub(super) fn args(command: Command) -> Command {
    command
        .arg(
            Arg::new("word")
                .value_name("WORD")
                .num_args(0..)
                .help("What its name, its description or a command of it contains"),
        )
        .arg(
            Arg::new("index")
                .long("index")
                .value_name("FILE|URL")
                .value_hint(clap::ValueHint::AnyPath)
                .help("The index to search"),
        )
        .arg(output::arg())
}

/// A plugin that was found. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Found<'a> {
    name: &'a str,
    version: &'a str,
    source: &'a str,
    description: &'a str,
    commands: &'a [String],
    subcommands: &'a [String],
    events: &'a [String],
    deprecated: Option<&'a str>,
    signed: bool,
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let option = matches.get_one::<String>("index").map(String::as_str);
    let place = Place::find(session, &manager.config, option).map_err(|err| index(&err))?;
    let index: Index = manager.index(&place)?;
    let words: Vec<_> = args::texts(matches, "word").collect();
    let found: Vec<_> =
        index.search(&words).into_iter().map(|it| row(it, place.is_signed())).collect();
    output::print(matches, session.console(), &found, |found| text(found));
    Ok(Exit::Done.into())
}

fn row(it: &Listed, signed: bool) -> Found<'_> {
    Found {
        name: &it.name,
        version: &it.version,
        source: &it.source,
        description: &it.description,
        commands: &it.commands,
        subcommands: &it.subcommands,
        events: &it.events,
        deprecated: it.deprecated.as_deref(),
        signed,
    }
}

fn text(found: &[Found<'_>]) -> String {
    if found.is_empty() {
        return "no plugin of the index fits".to_owned();
    }
    let heading = ["PLUGIN", "VERSION", "SOURCE", "DESCRIPTION"].map(ToOwned::to_owned).to_vec();
    let row = |it: &Found<'_>| {
        let description = match it.deprecated {
            Some(why) => format!("deprecated: {why}"),
            None => it.description.to_owned(),
        };
        vec![it.name.to_owned(), it.version.to_owned(), it.source.to_owned(), description]
    };
    output::table(&std::iter::once(heading).chain(found.iter().map(row)).collect::<Vec<_>>())
}

/// Returns the plugins of the index that have a command which is none here, as a hint. No network
/// is touched for that.
pub(super) fn suggest(session: &Session<'_>, words: &[String]) -> Option<String> {
    let config = crate::config::Config::load(session.identity()).ok()?;
    let index = Place::find(session, &config, None).ok()?.known()?;
    let name = &session.identity().command_name;
    let found = index.with_command(words);
    let plugins: Vec<_> = found
        .iter()
        .take(MAX_HINTS)
        .map(|it| {
            format!("plugin `{}` has it: type `{name} plugin install {}`", it.name, it.source)
        })
        .collect();
    (!plugins.is_empty()).then(|| plugins.join("; "))
}
