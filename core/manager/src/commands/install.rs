//! `plugin install`.

use super::{args, show, sync};
use crate::errors::usage;
use crate::install::{Demand, Installer};
use crate::lockfile::Locked;
use crate::project::ProjectLock;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use pintle_host::cli::{CliError, Exit, Session, Step};

pub(super) fn args(command: Command) -> Command {
    let command = command
        .arg(
            Arg::new("source")
                .value_name("SOURCE")
                .required(true)
                .num_args(1..)
                .value_hint(clap::ValueHint::AnyPath)
                .help("`owner/repo[@version]` on GitHub, the URL of a file, or a file"),
        )
        .arg(
            Arg::new("key")
                .long("key")
                .value_name("KEY")
                .value_hint(ValueHint::FilePath)
                .help("The minisign key that the plugin is signed with, or its `.pub` file"),
        )
        .arg(
            Arg::new("sha256")
                .long("sha256")
                .value_name("DIGEST")
                .help("The SHA-256 digest of the fetched file"),
        )
        .arg(
            Arg::new("project")
                .long("project")
                .action(ArgAction::SetTrue)
                .help("Install it for the project in this directory, and add it to its lock file"),
        );
    args::pre(args::installing(command))
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = args::manager(session, matches)?;
    let consent = args::consent(&manager, matches)?;
    let specs = args::texts(matches, "source");
    let specs = specs.map(|it| manager.spec(it)).collect::<Result<Vec<_>, _>>()?;
    if specs.len() > 1 && (consent.key.is_some() || consent.digest.is_some()) {
        return Err(usage("`--key` and `--sha256` apply to one plugin, but several are named"));
    }
    let for_project = matches.get_flag("project");
    let mut project = match for_project {
        true => Some(ProjectLock::find(session)?.map_or_else(ProjectLock::empty, Ok)?),
        false => None,
    };
    let store = manager.lock()?;
    for spec in &specs {
        let source = manager.source(spec)?;
        let mut wanted = manager.newest(matches.get_flag("pre"));
        wanted.version = spec.version().map(ToOwned::to_owned);
        if wanted.version.is_some() {
            wanted.minimum_age = None;
        }
        let demand = Demand { wanted, is_visible: !for_project, ..Demand::default() };
        let done =
            Installer { session, store: &store, consent: &consent }.install(&source, &demand)?;
        show::installed(session, &done);
        if let Some(project) = &mut project {
            project.lock.plugin.insert(done.receipt.name.clone(), Locked::of(&done.receipt));
        }
    }
    if let Some(project) = project {
        project.write()?;
        sync::make_view(&manager, &store, &project, &consent)?;
    }
    Ok(Exit::Done.into())
}
