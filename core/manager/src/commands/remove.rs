//! `plugin remove`.

use super::{args, show};
use crate::manager::Manager;
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Step};

pub(super) fn args(command: Command) -> Command {
    command.arg(args::name().required(true).num_args(1..))
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = Manager::new(session)?;
    let store = manager.lock()?;
    let names = args::texts(matches, "plugin");
    let found = names.map(|it| manager.find(&store, it)).collect::<Result<Vec<_>, _>>()?;
    for stored in found {
        store.remove(&stored)?;
        let name = stored.latest().map_or_else(|| stored.place.to_string(), |it| show::key(it.1));
        session.console().println(format!("removed {name}"));
    }
    Ok(Exit::Done.into())
}
