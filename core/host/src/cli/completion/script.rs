//! `completion SHELL`: the script that calls the host at each Tab.

use super::shell::Shell;
use crate::cli::error::CliError;
use crate::cli::exit::{Exit, Step};
use crate::cli::group::{Row, Run};
use crate::cli::session::Session;
use crate::identity::Identity;
use clap::{Arg, ArgMatches};

pub(in crate::cli) const ROW: Row =
    Row::new(&["completion"], "Print the completion script of a shell", Run::Plain(run)).args(
        |command| {
            let shell = Arg::new("shell").value_name("SHELL").required(true);
            command.arg(shell.value_parser(Shell::names()).help("The shell"))
        },
    );

/// Prints the script for the shell in `matches`.
fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let shell = matches.get_one::<String>("shell").expect("the argument is required");
    let shell = Shell::named(shell).expect("the parser knows the shells");
    let identity = session.identity();
    session.console().println(shell.script(&identity.command_name, &variable(identity)));
    Ok(Exit::Done.into())
}

/// Returns the name of the variable with which the script identifies itself to the host.
pub(super) fn variable(identity: &Identity) -> String {
    identity.env_var("COMPLETE")
}
