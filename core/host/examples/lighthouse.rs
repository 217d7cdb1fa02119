//! An example of a host in another field: a lighthouse. It depends only on `pintle-host`, adds a
//! group with two commands and an event, and gets everything else from the library: the search for
//! plugins, help, completion, `plugin list`, exit codes.
//!
//! A plugin that subscribes to `post-lamp-light` is called when the lamp is lit.

use clap::{Arg, ArgMatches, value_parser};
use pintle_host::cli::{CliError, Exit, Group, Hooks, Noun, Row, Run, Session, Step};
use pintle_host::lifecycle::EventInfo;
use pintle_host::plugin::EventType;
use pintle_host::{Cli, clap};
use serde::Serialize;
use serde_json::{Map, Value};
use std::process::ExitCode;

static LIGHTHOUSE: Group = Group {
    name: "lighthouse",
    nouns: &[Noun { word: "lamp", about: "The lamp of the lighthouse" }],
    rows: &[
        Row::new(
            &["lamp", "light"],
            "Light the lamp",
            Run::Hooked { events: &["post-lamp-light"], run: light },
        )
        .args(|command| {
            let colour = Arg::new("colour").long("colour").value_name("COLOUR");
            command.arg(colour.value_parser(["white", "red"]).default_value("white"))
        }),
        Row::new(&["fog"], "Sound the horn", Run::Plain(fog)).args(|command| {
            let times = Arg::new("times").value_name("TIMES").help("How often");
            command.arg(times.value_parser(value_parser!(u8).range(1..)).default_value("1"))
        }),
    ],
    events: &[EventInfo::of(&POST_LAMP_LIGHT)],
    ..Group::EMPTY
};

const POST_LAMP_LIGHT: EventType<LampEvent> =
    EventType::new("post-lamp-light", "when the lamp burns");

/// The payload of the event: the lamp that was lit.
#[derive(Serialize)]
struct LampEvent {
    colour: String,
    /// The values of the options that plugins added to the command.
    options: Map<String, Value>,
}

fn light(session: &Session<'_>, hooks: &Hooks, matches: &ArgMatches) -> Result<Step, CliError> {
    let colour = matches.get_one::<String>("colour").map_or("white", String::as_str);
    session.console().println(format!("the lamp burns {colour}"));
    let event = LampEvent { colour: colour.to_owned(), options: hooks.options.clone() };
    for outcome in hooks.dispatch(&POST_LAMP_LIGHT, &event) {
        outcome.result?;
    }
    Ok(Exit::Done.into())
}

fn fog(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let times = matches.get_one::<u8>("times").copied().unwrap_or(1);
    session.console().println(vec!["honk"; usize::from(times)].join(" "));
    Ok(Exit::Done.into())
}

fn main() -> ExitCode {
    Cli::new()
        .command_name("lighthouse")
        .version("1.0.0")
        .about("Keeps a lighthouse")
        .name_qualifier("lighthouse.example")
        .group(&LIGHTHOUSE)
        .run(std::env::args_os())
}
