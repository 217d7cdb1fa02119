//! The commands of the plugin manager in a host that was built without it, as distributions that
//! package plugins do.

use clap::{Arg, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Group, Row, Run, Session, Step};

macro_rules! rows {
    ($($verb:literal),*) => {
        &[$(Row::new(&["plugin", $verb], "Not included in this build", Run::Plain(run)).args(args)),*]
    };
}

/// The commands, each of which says why it does nothing.
pub(crate) static GROUP: Group = Group {
    name: "manager",
    rows: rows!(
        "install", "remove", "outdated", "update", "rollback", "pin", "unpin", "sync", "verify",
        "why", "prune", "mirror", "search"
    ),
    ..Group::EMPTY
};

fn args(command: Command) -> Command {
    let any = Arg::new("any").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    command.arg(any.hide(true))
}

fn run(session: &Session<'_>, _: &ArgMatches) -> Result<Step, CliError> {
    let name = &session.identity().command_name;
    Err(CliError::new(Exit::Failed, format!("this {name} does not include the plugin manager"))
        .hint("install plugins as system packages, or register a file with `plugin register`"))
}
