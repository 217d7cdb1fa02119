//! `plugin sync`: installs exactly the plugins of a lock file.

use super::{args, show};
use crate::errors::{failed, usage};
use crate::install::{Consent, Demand, Installer};
use crate::lockfile::Locked;
use crate::manager::{Manager, parse};
use crate::origin::Wanted;
use crate::project::{FILE, ProjectLock};
use crate::store::{LockedStore, Receipt};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use pintle_host::PluginKey;
use pintle_host::cli::{CliError, Exit, Session, Step};
use std::path::PathBuf;

pub(super) fn args(command: Command) -> Command {
    let command = command
        .arg(
            Arg::new("lock")
                .long("lock")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(clap::ValueHint::FilePath)
                .help("Replace your own plugins with the plugins in this lock file"),
        )
        .arg(
            Arg::new("locked")
                .long("locked")
                .action(ArgAction::SetTrue)
                .help("Leave the lock file unchanged, even if information could be added"),
        )
        .arg(
            Arg::new("offline")
                .long("offline")
                .action(ArgAction::SetTrue)
                .help("Do not use the network"),
        );
    args::installing(command)
}

pub(super) fn run(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let manager = args::manager(session, matches)?.offline(matches.get_flag("offline"));
    let consent = args::consent(&manager, matches)?;
    if let Some(path) = matches.get_one::<PathBuf>("lock") {
        let project = ProjectLock::load(path)?;
        return sync_user(&manager, &project, &consent);
    }
    let store = manager.lock()?;
    let (mut n_new, mut project) = match ProjectLock::find(session)? {
        Some(project) => (0, project),
        None => lock_what_made(&manager, &store, &consent, matches.get_flag("locked"))?,
    };
    n_new += make_view(&manager, &store, &project, &consent)?;
    if !matches.get_flag("locked") && complete(&store, &mut project)? {
        project.write()?;
        make_view(&manager, &store, &project, &consent)?;
    }
    report(session, n_new, project.lock.plugin.len());
    Ok(Exit::Done.into())
}

/// Locks the plugins that created the project, in the same versions, and returns how many had to be
/// installed.
fn lock_what_made(
    manager: &Manager<'_>,
    store: &LockedStore,
    consent: &Consent,
    is_locked: bool,
) -> Result<(usize, ProjectLock), CliError> {
    let session = manager.session;
    let name = &session.identity().command_name;
    let made_by = if is_locked { Vec::new() } else { session.made_by()? };
    if made_by.is_empty() {
        return Err(usage(format!("there is no `{FILE}` in this directory or above it")).hint(
            format!(
                "specify a lock file with `--lock`, or create one with `{name} plugin install \
                 --project`"
            ),
        ));
    }
    let (mut n_new, mut project) = (0, ProjectLock::empty()?);
    for key in made_by {
        let (is_new, receipt) = find_or_install(manager, store, consent, &key)?;
        n_new += usize::from(is_new);
        project.lock.plugin.insert(receipt.name.clone(), Locked::of(&receipt));
    }
    project.write()?;
    Ok((n_new, project))
}

/// Returns a version of the store, and whether it had to be installed.
fn find_or_install(
    manager: &Manager<'_>,
    store: &LockedStore,
    consent: &Consent,
    key: &PluginKey,
) -> Result<(bool, Receipt), CliError> {
    let name = key.name().to_string();
    let plugins = store.plugins()?;
    let receipts =
        || plugins.iter().flat_map(|it| it.versions.values()).filter(|it| it.name == name);
    if let Some(receipt) = receipts().find(|it| it.plugin_version() == key.exact_version()) {
        return Ok((false, receipt.clone()));
    }
    let source = match receipts().next() {
        Some(other) => other.source.clone(),
        None => manager.source_of(&name)?.ok_or_else(|| {
            failed(format!("the project was created with plugin `{key}`, whose source is unknown"))
                .hint("install any version of it, and repeat this command".to_owned())
        })?,
    };
    let version = key.exact_version().map(|it| it.to_string());
    let wanted = Wanted { version, ..Wanted::default() };
    let demand = Demand { wanted, ..Demand::default() };
    let installer = Installer { session: manager.session, store, consent };
    let done = installer.install(&manager.source(&parse(&source)?)?, &demand)?;
    show::installed(manager.session, &done);
    Ok((true, done.receipt))
}

fn report(session: &Session<'_>, n_new: usize, n_all: usize) {
    let plugins = |n| if n == 1 { "1 plugin".to_owned() } else { format!("{n} plugins") };
    session.console().println(match n_new {
        0 => format!("{} as locked: nothing to do", plugins(n_all)),
        _ => format!("{} as locked, {} installed", plugins(n_all), n_new),
    });
}

/// Installs the plugins that a project requires, and creates the directory that its commands
/// search. Returns how many plugins were installed.
pub(super) fn make_view(
    manager: &Manager<'_>,
    store: &LockedStore,
    project: &ProjectLock,
    consent: &Consent,
) -> Result<usize, CliError> {
    let (mut n_new, mut members) = (0, Vec::new());
    for (name, locked) in &project.lock.plugin {
        let (place, done, version) = manager.install_locked(store, name, locked, consent, false)?;
        if let Some(done) = done {
            show::installed(manager.session, &done);
            n_new += 1;
        }
        members.push((place, version));
    }
    store.make_view(&project.view(), &project.path, &members)?;
    Ok(n_new)
}

/// Adds information about this platform to a lock file.
fn complete(store: &LockedStore, project: &mut ProjectLock) -> Result<bool, CliError> {
    let target = pintle_plugin::manifest::TARGET;
    let plugins = store.plugins()?;
    let mut is_changed = false;
    for (name, locked) in &mut project.lock.plugin {
        let mut receipts = plugins.iter().flat_map(|it| it.versions.values());
        let Some(receipt) = receipts.find(|it| it.name == *name && locked.fits(it, target)) else {
            continue;
        };
        let known = Locked::of(receipt).targets.remove(target);
        if let Some(own) = locked.targets.get_mut(target)
            && own.content.is_none()
            && let Some(known) = known
        {
            own.content = known.content;
            is_changed = true;
        }
    }
    Ok(is_changed)
}

/// Replaces the user's plugins with those in a lock file; others are disabled.
fn sync_user(
    manager: &Manager<'_>,
    lock: &ProjectLock,
    consent: &Consent,
) -> Result<Step, CliError> {
    let session = manager.session;
    let store = manager.lock()?;
    let mut n_new = 0;
    for (name, locked) in &lock.lock.plugin {
        let (_, done, _) = manager.install_locked(&store, name, locked, consent, true)?;
        if let Some(done) = done {
            show::installed(session, &done);
            n_new += 1;
        }
    }
    for stored in store.plugins()? {
        let Some((_, receipt)) = stored.in_use() else { continue };
        if !lock.lock.plugin.contains_key(&receipt.name) {
            store.disable(&stored)?;
            session.console().println(format!("{} is no longer in use", show::key(receipt)));
        }
    }
    report(session, n_new, lock.lock.plugin.len());
    Ok(Exit::Done.into())
}
