//! `project repair`: resolves the conflicts that a merge has left in scaffolded files.

use super::commit::{Moments, show_or_commit};
use super::options;
use super::preview::ShowOptions;
use super::recorded_plugins::recorded_plugins;
use super::working_project::{lock, project_root};
use crate::error::ScaffoldError;
use crate::operations::repair::marked;
use crate::operations::rework::Rework;
use crate::project::error::ProjectError;
use crate::project::file::PROJECT;
use crate::project::union;
use crate::record::file::Record;
use clap::ArgMatches;
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step};
use pintle_plugin::Level;

const NAME: &str = "project repair";

pub(super) const ROW: Row = Row::new(
    &["project", "repair"],
    "Resolve merge conflicts in PROJECT, the record and scaffolded files",
    Run::Plain(run),
)
.args(|command| command.args(options::show()));

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let show = ShowOptions::new(matches);
    let root = project_root()?;
    let lock = lock(session, &root, show.changes_nothing())?;
    let (record, is_stale) = Record::load_both_sides(&root)?;
    let path = root.join(PROJECT);
    let (before, project) = match union::load_both_sides(&path, &record) {
        Err(ProjectError::Missing { .. }) => {
            return Err(ScaffoldError::NotInitialized { path }.into());
        }
        it => it?,
    };
    let marked = marked(&root, &record)?;
    if marked.is_empty() && !is_stale && project.to_string() == before {
        session.console().log(Level::Info, "there is nothing to repair");
        return Ok(Exit::Done.into());
    }
    let (plugins, memo) = recorded_plugins(session, &record, &|_| None)?;
    let version = *project.version();
    let identity = session.identity();
    let (limit, memo) = (session.hook_time_limit()?, &memo);
    let rework = Rework { root: &root, project, record, plugins: &plugins, identity, limit, memo };
    let services = session.services().of("");
    let prepared = rework.repair(NAME, before, &marked, &services)?;
    show_or_commit(session, lock, Moments::EDIT, &version, prepared, &show, matches).map(Step::from)
}
