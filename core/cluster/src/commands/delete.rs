//! `cluster delete`: removes clusters with everything that belongs to them.

use super::{error, kubeconfig_path, names, names_args, parse_name, report, with_engine};
use crate::{self as cluster};
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
    let given = matches.get_many::<String>("name").into_iter().flatten();
    let mut wanted = given.map(|it| parse_name(it)).collect::<Result<Vec<_>, _>>()?;
    if matches.get_flag("all") {
        wanted = with_engine(session, async |engine| cluster::all_names(&engine, &names).await)?;
    }
    let kubeconfig = kubeconfig_path().ok();
    let report = report(session);
    let mut exit = Exit::Done;
    for name in wanted {
        let deleted = with_engine(session, async |engine| {
            cluster::delete(&engine, &names, &name, hooks, kubeconfig.as_deref(), &report).await
        })?;
        if deleted.removed.is_empty() {
            let text = format!("there is no cluster `{name}`: nothing to delete");
            session.console().log(Level::Warn, &text);
        }
        for err in &deleted.failures {
            exit = Exit::Failed;
            session.fail(&error(session, err));
        }
        if !deleted.removed.is_empty() && deleted.failures.is_empty() {
            session.console().log(Level::Info, &format!("the cluster `{name}` is gone"));
        }
    }
    Ok(exit.into())
}
