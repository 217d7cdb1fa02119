//! `project upgrade`: applies what newer plugins create from the commands that created the project.

use super::commit::{Moments, show_or_commit};
use super::completed;
use super::options;
use super::preview::ShowOptions;
use super::recorded_plugins::recorded_plugins;
use super::working_project::{lock, open_project, project_root};
use crate::operations::rework::Rework;
use crate::record::file::Record;
use clap::{Arg, ArgMatches};
use pintle_host::catalog::PluginKey;
use pintle_host::cli::{CliError, Exit, Hint, Row, Run, Session, Step, Values, plugin};
use pintle_plugin::Level;

const NAME: &str = "project upgrade";

pub(super) const ROW: Row = Row::new(
    &["project", "upgrade"],
    "Apply newer versions of the plugins to the project, and keep your own changes",
    Run::Plain(run),
)
.args(|command| {
    command
        .arg(
            Arg::new("plugin")
                .value_name("PLUGIN[@VERSION]")
                .add(Values(completed::upgrades))
                .help("The plugin to upgrade [default: all, each to its highest version]"),
        )
        .args(options::show())
});

fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let show = ShowOptions::new(matches);
    let lock = lock(session, &project_root()?, show.changes_nothing())?;
    let (root, project) = open_project()?;
    let record = Record::load(&root)?;
    let asked = matches
        .get_one::<String>("plugin")
        .map(|it| plugin::parse_key(&it.replacen('@', "/", 1)))
        .transpose()?;
    // A short name means a plugin of the project, regardless of what else is installed.
    let asked = match asked {
        None => None,
        Some(key) => Some(of_project(&record, &key)?),
    };
    let wanted = |known: &PluginKey| match &asked {
        None => Some(PluginKey::new(known.name().clone(), None)),
        Some(key) => (key.name() == known.name()).then(|| key.clone()),
    };
    let (plugins, memo) = recorded_plugins(session, &record, &wanted)?;
    let version = *project.version();
    let identity = session.identity();
    let (limit, memo) = (session.hook_time_limit()?, &memo);
    let rework = Rework { root: &root, project, record, plugins: &plugins, identity, limit, memo };
    let services = session.services().of("");
    let prepared = rework.upgrade(NAME, &services)?;
    if prepared.changes().is_empty() && prepared.conflicts().is_empty() {
        session.console().log(Level::Info, "the plugins create the same files as before");
    }
    show_or_commit(session, lock, Moments::EDIT, &version, prepared, &show, matches).map(Step::from)
}

/// Returns the key with the full name of the project's plugin that it means.
fn of_project(record: &Record, key: &PluginKey) -> Result<PluginKey, CliError> {
    let text = key.name().as_str();
    for known in record.commands().iter().flat_map(|it| &it.plugins) {
        let known = plugin::parse_key(known)?;
        let name = known.name().as_str();
        if name == text || name.split('.').next() == Some(text) {
            return Ok(PluginKey::new(known.name().clone(), key.version().cloned()));
        }
    }
    let error = CliError::new(Exit::Usage, format!("the project does not use plugin `{key}`"));
    Err(error.hint(Hint::new(|host| {
        format!("run `{} project show` to list the project's plugins", host.command_name)
    })))
}
