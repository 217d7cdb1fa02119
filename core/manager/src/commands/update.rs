//! `plugin outdated` and `plugin update`.

use super::{args, show};
use crate::asking;
use crate::install::{Demand, Installer, Source};
use crate::manager::{Manager, parse};
use crate::origin::Release;
use crate::source::Spec;
use crate::store::{Receipt, Stored};
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::PluginVersion;
use pintle_host::cli::{CliError, Exit, Session, Step, output};
use pintle_plugin::Level;
use serde::Serialize;

pub(super) fn args(command: Command) -> Command {
    let command = args::names(command, "The plugins to update [default: all]").arg(
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Only list what would be updated"),
    );
    args::pre(args::installing(command))
}

pub(super) fn outdated_args(command: Command) -> Command {
    let command = args::names(command, "The plugins to check [default: all]");
    args::pre(args::asking(command)).arg(output::arg())
}

/// A plugin that has a newer version. The names of the fields are part of the interface.
#[derive(Serialize)]
struct Outdated {
    name: String,
    installed: String,
    newest: String,
    source: String,
    pinned: bool,
}

/// Returns the selected plugins.
fn meant(manager: &Manager<'_>, matches: &ArgMatches) -> Result<Vec<Stored>, CliError> {
    let Some(store) = manager.store()? else { return Ok(Vec::new()) };
    let mut names = args::texts(matches, "plugin").peekable();
    match names.peek() {
        Some(_) => names.map(|it| manager.find(&store, it)).collect(),
        None => Ok(store.plugins()?.into_iter().filter(|it| it.current.is_some()).collect()),
    }
}

/// A plugin that may have newer versions, and their source.
struct Candidate<'m> {
    stored: Stored,
    source: Source<'m>,
}

impl<'m> Candidate<'m> {
    /// Returns `None` for a plugin whose source has no other versions.
    fn of(manager: &'m Manager<'_>, stored: Stored) -> Result<Option<Self>, CliError> {
        let Some((_, receipt)) = stored.latest() else { return Ok(None) };
        let spec = parse(&receipt.source)?;
        if !has_versions(&spec) {
            return Ok(None);
        }
        let source = manager.source(&spec)?;
        Ok(Some(Self { stored, source }))
    }

    fn receipt(&self) -> &Receipt {
        self.stored.latest().expect("only one with a version is a candidate").1
    }
}

/// The newest release of a plugin and its tag, if it is newer than the installed version.
type Newer = Option<(String, Release)>;

/// Queries the newest releases, and returns them in the order of the plugins.
fn newest(
    manager: &Manager<'_>,
    candidates: &[Candidate<'_>],
    matches: &ArgMatches,
) -> Vec<Result<Newer, CliError>> {
    let origins: Vec<_> = candidates.iter().map(|it| &*it.source.origin).collect();
    let wanted = manager.newest(matches.get_flag("pre"));
    let releases = asking::releases(manager.session.console(), &origins, &wanted);
    let found = candidates.iter().zip(releases);
    found.map(|(candidate, release)| Ok(newer(candidate.receipt(), release?))).collect()
}

/// Returns a release and its tag, if it is newer than the installed version.
fn newer(receipt: &Receipt, release: Release) -> Newer {
    let tag = release.tag.clone()?;
    let newest = tag.parse::<PluginVersion>().ok();
    let is_newer = match (&newest, receipt.plugin_version()) {
        (Some(newest), Some(installed)) => *newest > installed,
        _ => receipt.tag.as_ref() != Some(&tag),
    };
    is_newer.then_some((tag, release))
}

/// Returns whether a source can have versions other than the installed one.
fn has_versions(spec: &Spec) -> bool {
    !matches!(spec, Spec::Path(_) | Spec::Url(_))
}

pub(super) fn outdated(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = args::manager(session, matches)?;
    let mut candidates = Vec::new();
    for stored in meant(&manager, matches)? {
        candidates.extend(Candidate::of(&manager, stored)?);
    }
    let mut found = Vec::new();
    let mut exit = Exit::Done;
    for (candidate, newest) in candidates.iter().zip(newest(&manager, &candidates, matches)) {
        let receipt = candidate.receipt();
        match newest {
            Ok(None) => {}
            Ok(Some((newest, _))) => found.push(Outdated {
                name: receipt.name.clone(),
                installed: receipt.version.clone(),
                newest: newest.strip_prefix('v').unwrap_or(&newest).to_owned(),
                source: receipt.source.clone(),
                pinned: candidate.stored.state.is_pinned,
            }),
            // The others are listed regardless.
            Err(err) => {
                exit = Exit::Failed;
                let text = format!("{}: {err}", receipt.name);
                session.console().log(Level::Error, &text);
            }
        }
    }
    output::print(matches, session.console(), &found, |found| {
        if found.is_empty() {
            return match exit {
                Exit::Done => "every plugin is up to date".to_owned(),
                _ => String::new(),
            };
        }
        let heading = ["PLUGIN", "INSTALLED", "NEWEST", "SOURCE"].map(ToOwned::to_owned).to_vec();
        let row = |it: &Outdated| {
            let newest = match it.pinned {
                true => format!("{} (pinned)", it.newest),
                false => it.newest.clone(),
            };
            vec![it.name.clone(), it.installed.clone(), newest, it.source.clone()]
        };
        let rows: Vec<_> = std::iter::once(heading).chain(found.iter().map(row)).collect();
        output::table(&rows)
    });
    Ok(exit.into())
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = args::manager(session, matches)?;
    let consent = args::consent(&manager, matches)?;
    let is_dry = matches.get_flag("dry-run");
    let store = (!is_dry).then(|| manager.lock()).transpose()?;
    let host = &session.identity().command_name;
    let is_named = args::texts(matches, "plugin").next().is_some();
    let mut candidates = Vec::new();
    for stored in meant(&manager, matches)? {
        let Some((_, receipt)) = stored.latest() else { continue };
        if stored.state.is_pinned {
            if is_named {
                let key = show::key(receipt);
                let text = format!("{key} is pinned: run `{host} plugin unpin` first");
                session.console().log(Level::Warn, &text);
            }
            continue;
        }
        if stored.current.is_none() {
            let key = show::key(receipt);
            let text = format!("{key} is not in use: run `{host} plugin install` first");
            session.console().log(Level::Warn, &text);
            continue;
        }
        candidates.extend(Candidate::of(&manager, stored)?);
    }
    let (mut n_done, mut failure) = (0, None);
    for (candidate, newest) in candidates.iter().zip(newest(&manager, &candidates, matches)) {
        let receipt = candidate.receipt();
        let res = newest.and_then(|newest| {
            let Some((tag, release)) = newest else { return Ok(()) };
            n_done += 1;
            let Some(store) = &store else {
                let newest = tag.strip_prefix('v').unwrap_or(&tag);
                let text = format!("{} would become v{newest}", show::key(receipt));
                session.console().println(text);
                return Ok(());
            };
            let demand = Demand {
                release: Some(release),
                is_update: true,
                is_visible: true,
                ..Demand::default()
            };
            let installer = Installer { session, store, consent: &consent };
            show::installed(session, &installer.install(&candidate.source, &demand)?);
            Ok(())
        });
        if let Err(err) = res {
            // A failure does not prevent the update of the others.
            if let Some(before) = failure.replace(err) {
                let _: Exit = session.fail(&before);
            }
        }
    }
    match failure {
        Some(err) => Err(err),
        None => {
            if n_done == 0 {
                session.console().println("every plugin is up to date");
            }
            Ok(Exit::Done.into())
        }
    }
}
