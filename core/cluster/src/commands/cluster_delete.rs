//! `cluster delete`: removes clusters with everything that belongs to them.

use super::session_engine::{locks, names, report, user_kubeconfig, with_engine};
use super::shared_args::{self, names_args};
use crate::operations;
use clap::{ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Hooks, Session, Step};
use pintle_plugin::Level;

pub(super) fn command(command: Command) -> Command {
    command.args(names_args())
}

pub(super) fn run(
    session: &Session<'_>,
    hooks: &Hooks,
    matches: &ArgMatches,
) -> Result<Step, CliError> {
    let names = names(session);
    let mut wanted = shared_args::names(matches)?;
    if matches.get_flag("all") {
        wanted = with_engine(session, async |engine| operations::all_names(&engine, &names).await)?;
    }
    let kubeconfig = user_kubeconfig().ok();
    let report = report(session);
    let mut exit = Exit::Done;
    for name in wanted {
        let deleted = with_engine(session, async |engine| {
            let _lock = locks(session).take(&engine, &name, &report).await?;
            operations::delete(&engine, &names, &name, hooks, kubeconfig.as_ref(), &report).await
        })?;
        if deleted.removed.is_empty() {
            let text = format!("there is no cluster `{name}`: nothing to delete");
            session.console().log(Level::Warn, &text);
        }
        let is_complete = deleted.failures.is_empty();
        for err in deleted.failures {
            exit = Exit::Failed;
            session.fail(&err.into());
        }
        if !deleted.removed.is_empty() && is_complete {
            session.console().log(Level::Info, &format!("the cluster `{name}` is gone"));
        }
    }
    Ok(exit.into())
}
