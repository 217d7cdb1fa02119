//! `help`: the help of a command.

use super::group::{Row, Run};
use super::{CliError, Session, Step};
use clap::{Arg, ArgMatches};
use std::ffi::OsString;

pub(super) const ROW: Row = Row::new(&["help"], "Show the help of a command", Run::Plain(run))
    .args(|command| {
        let words = Arg::new("command").value_name("COMMAND").num_args(0..);
        command.arg(words.help("The command"))
    });

/// `help a b` is the same as `a b --help`.
fn run(_: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let words = matches.get_many::<String>("command").into_iter().flatten();
    Ok(Step::Continue(words.map(OsString::from).chain(["--help".into()]).collect()))
}
