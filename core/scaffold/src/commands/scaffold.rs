//! The subcommands that a chain of plugins carries out: `init`, `edit`, `create api`, …
//!
//! Which plugins those are stands on the command line, in PROJECT, or in the host's
//! defaults; only then are the flags known, and only then is the line parsed.

use super::show::{Lines, Seeing};
use super::subcommand::Subcommand;
use crate::project::{
    Api, Gvk, PROJECT, ProjectError, ProjectFile, Resource, default_project_name,
};
use crate::{
    Chain, Flags, Job, Lock, Part, Plugins, Prepared, Record, Recovery, Rework, ScaffoldError,
};
use clap::{ArgMatches, Command};
use pintle_host::catalog::{PluginKey, ProjectVersion};
use pintle_host::cli::global::{self, option_values};
use pintle_host::cli::{Bound, CliError, Exit, Session, Step, args, plugin, warn_deprecated};
use pintle_host::lifecycle;
use pintle_host::transport::LoadedPlugin;
use pintle_plugin::Level;
use pintle_plugin::message::ProjectEvent;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// What is known of a subcommand before its line is parsed.
struct Setting {
    subcommand: Subcommand,
    root: PathBuf,
    /// `None` for `init`, and where there is none yet.
    project: Option<ProjectFile>,
    version: ProjectVersion,
    /// Today.
    date: String,
    plugins: Vec<LoadedPlugin>,
}

/// Completes a scaffolding subcommand with what its chain of plugins takes; `line` is what
/// follows its words.
pub(super) fn bind(
    session: &Session<'_>,
    subcommand: Subcommand,
    command: Command,
    line: &[OsString],
) -> Result<Bound, CliError> {
    if session.is_completing() {
        let setting = Setting::new(session, subcommand, line);
        let setting = setting.unwrap_or_else(|_| Setting::without_plugins(session, subcommand));
        return setting.bind(session, None, command);
    }
    let lock = lock(session, only_looks(line))?;
    let setting = match Setting::new(session, subcommand, line) {
        Err(err) if global::asks_for_help(line) => {
            let text = format!("the plugins' flags are not shown: {err}");
            session.console().log(Level::Warn, &text);
            Setting::without_plugins(session, subcommand)
        }
        it => it?,
    };
    setting.plugins.iter().for_each(|it| warn_deprecated(session, it));
    setting.bind(session, lock, command)
}

/// Whether the command on the line changes nothing, and so must work where nothing can
/// be written. This must be known before the line can be parsed.
fn only_looks(line: &[OsString]) -> bool {
    let words = line.iter().take_while(|it| *it != "--");
    global::asks_for_help(line) || words.into_iter().any(|it| it == "--dry-run" || it == "--diff")
}

/// Takes the lock of the project in the current folder, before anything is read there.
/// A command that only looks takes none, but what an interrupted run has left is
/// repaired all the same.
pub(super) fn lock(session: &Session<'_>, only_looks: bool) -> Result<Option<Lock>, CliError> {
    let console = session.console();
    let root = current_dir()?;
    if only_looks {
        let recovery = crate::recover(&root).map_err(ScaffoldError::Transaction)?;
        tell_recovery(session, &recovery);
        return Ok(None);
    }
    let lock = Lock::acquire(&root, &mut |it| console.log(Level::Info, it))
        .map_err(ScaffoldError::Transaction)?;
    tell_recovery(session, lock.recovery());
    Ok(Some(lock))
}

fn tell_recovery(session: &Session<'_>, recovery: &Recovery) {
    if *recovery != Recovery::Nothing {
        session.console().log(Level::Warn, &recovery.to_string());
    }
}

pub(super) fn current_dir() -> Result<PathBuf, CliError> {
    std::env::current_dir().map_err(|err| {
        CliError::new(Exit::Failed, "failed to find the current folder")
            .cause(&err)
            .hint("it may have been deleted".to_owned())
    })
}

impl Setting {
    fn bind(
        self,
        session: &Session<'_>,
        lock: Option<Lock>,
        command: Command,
    ) -> Result<Bound, CliError> {
        let (command, flags) = self.command(session, command)?;
        let run = move |session: &Session<'_>, matches: &ArgMatches| {
            self.scaffold(session, lock, &flags, matches).map(Step::from)
        };
        Ok(Bound { command, run: Box::new(run) })
    }

    fn new(
        session: &Session<'_>,
        subcommand: Subcommand,
        line: &[OsString],
    ) -> Result<Self, CliError> {
        let root = current_dir()?;
        let project = match subcommand {
            Subcommand::Init => None,
            _ => load_project(&root)?,
        };
        let version = match &project {
            Some(project) => *project.version(),
            None => asked_version(session, line)?,
        };
        let mut setting = Self { project, ..Self::empty(subcommand, root, version) };
        for key in setting.keys(session, line)? {
            let plugin = session.load(session.catalog().resolve(&key, Some(&version))?)?;
            if setting.plugins.iter().any(|it| it.key() == plugin.key()) {
                let text = format!("plugin `{}` stands twice in the chain", plugin.key());
                return Err(CliError::new(Exit::Usage, text));
            }
            setting.plugins.push(plugin);
        }
        Ok(setting)
    }

    /// Returns what is known whatever is installed: the host's own flags.
    fn without_plugins(session: &Session<'_>, subcommand: Subcommand) -> Self {
        Self::empty(subcommand, PathBuf::new(), session.host().default_project_version())
    }

    fn empty(subcommand: Subcommand, root: PathBuf, version: ProjectVersion) -> Self {
        let date = OffsetDateTime::now_utc().date().to_string();
        Self { subcommand, root, project: None, version, date, plugins: Vec::new() }
    }

    /// Returns the keys of the chain: from the line, else from PROJECT, else the host's.
    fn keys(&self, session: &Session<'_>, line: &[OsString]) -> Result<Vec<PluginKey>, CliError> {
        let given = option_values(line, "--plugins");
        let given = given.iter().map(|it| it.to_string_lossy());
        let given: Vec<_> = given
            .flat_map(|it| it.split(',').map(|it| it.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        if !given.is_empty() {
            return given.iter().map(|it| plugin::parse_key(it)).collect();
        }
        if let Some(project) = &self.project {
            return project.layout().iter().map(|it| plugin::parse_key(it)).collect();
        }
        Ok(session.host().default_plugins(&self.version).to_vec())
    }

    fn chain<'a>(&'a self, session: &'a Session<'_>) -> Chain<'a> {
        Chain {
            subcommand: self.subcommand.name(),
            plugins: &self.plugins,
            project_version: &self.version,
            date: &self.date,
            identity: session.identity(),
        }
    }

    /// Returns the clap command with the flags of the host and of the chain.
    fn command(
        &self,
        session: &Session<'_>,
        command: Command,
    ) -> Result<(Command, Flags), CliError> {
        let services = session.services().of("");
        let own = self.subcommand.args();
        let names = own.iter().filter_map(|it| Some((it.get_long()?, it.get_short())));
        let globals = global::LONG_NAMES.iter().map(|it| (*it, None));
        let letters = global::SHORT_NAMES.iter().map(|it| ("", Some(*it)));
        let reserved: Vec<_> = names.chain(globals).chain(letters).collect();
        let flags = self.chain(session).bind_flags(&reserved, &services)?;
        let mut description = self.chain(session).describe(&services)?;
        if description.about.is_empty() {
            description.about = self.subcommand.about().to_owned();
        }
        description.args = flags.iter().map(|it| it.arg.clone()).collect();
        let command =
            args::command(command.get_name().to_owned(), &description).map_err(|why| {
                let text = format!("a plugin of the chain describes its flags wrongly: {why}");
                CliError::new(Exit::Refused, text)
            })?;
        let chain: Vec<_> = self.plugins.iter().map(|it| it.key().to_string()).collect();
        let chain = if chain.is_empty() {
            "none; choose with `--plugins`".to_owned()
        } else {
            chain.join(", ")
        };
        let command = command
            .disable_version_flag(true)
            .args(own.into_iter().enumerate().map(|(idx, it)| it.display_order(idx)))
            .after_help(format!("Plugins: {chain}"));
        Ok((command, flags))
    }

    /// Takes all steps, with the hooks before and behind what reaches the disk.
    fn scaffold(
        &self,
        session: &Session<'_>,
        lock: Option<Lock>,
        flags: &Flags,
        matches: &ArgMatches,
    ) -> Result<Exit, CliError> {
        let needs_plugins = !self.subcommand.deletes() && self.subcommand != Subcommand::Edit;
        if self.plugins.is_empty() && needs_plugins {
            let text = format!("`{}` has no plugins to run", self.subcommand.name());
            return Err(CliError::new(Exit::Usage, text)
                .hint("name some with `--plugins`, as `--plugins rust`".to_owned()));
        }
        let seeing = Seeing::new(matches);
        let prepared = match self.subcommand.deletes() {
            true => self.prepare_undo(session, flags, matches)?,
            false => self.prepare(session, flags, matches, &seeing)?,
        };
        bring(session, lock, self.subcommand.event(), &self.version, prepared, &seeing, matches)
    }

    /// Takes all steps in memory.
    fn prepare(
        &self,
        session: &Session<'_>,
        flags: &Flags,
        matches: &ArgMatches,
        seeing: &Seeing,
    ) -> Result<Prepared, CliError> {
        let specs: Vec<_> = flags.iter().map(|it| it.arg.clone()).collect();
        let mut values = args::values(&specs, matches);
        for name in ["force", "skip-existing"] {
            values.insert(name.to_owned(), matches.get_flag(name).into());
        }
        let project = self.project_file(session, matches)?;
        let resource = self.resource(&project, matches)?;
        let job = Job {
            root: &self.root,
            chain: self.chain(session),
            flags,
            args: values,
            project,
            resource,
        };
        let services = session.services().of("");
        crate::prepare(job, &services).or_else(|failure| {
            seeing.dump(session, &failure.dump())?;
            Err(failure.error.into())
        })
    }

    /// Undoes in memory.
    fn prepare_undo(
        &self,
        session: &Session<'_>,
        flags: &Flags,
        matches: &ArgMatches,
    ) -> Result<Prepared, CliError> {
        let project = self.project_file(session, matches)?;
        let text = |name: &str| matches.get_one::<String>(name).map_or("", |it| it);
        let gvk = find_gvk(&project, text("group"), text("version"), text("kind"))?;
        let part = match self.subcommand {
            Subcommand::DeleteApi => Part::All,
            _ => {
                let [defaulting, validation, conversion] =
                    ["defaulting", "validation", "conversion"].map(|it| matches.get_flag(it));
                let all = !(defaulting || validation || conversion);
                Part::Webhooks {
                    defaulting: defaulting || all,
                    validation: validation || all,
                    conversion: conversion || all,
                }
            }
        };
        let record = Record::load(&self.root)?;
        let plugins = recorded_plugins(session, &record, &|_| None)?;
        let rework = Rework {
            root: &self.root,
            project,
            record,
            plugins: &plugins,
            identity: session.identity(),
        };
        let specs: Vec<_> = flags.iter().map(|it| it.arg.clone()).collect();
        let services = session.services().of("");
        let values = args::values(&specs, matches);
        Ok(rework.undo(self.chain(session), flags, values, &gvk, part, &services)?)
    }

    fn project_file(
        &self,
        session: &Session<'_>,
        matches: &ArgMatches,
    ) -> Result<ProjectFile, CliError> {
        match (&self.project, self.subcommand) {
            (Some(project), _) => return Ok(project.clone()),
            (None, Subcommand::Init) => {}
            (None, _) => {
                let command = session.identity().command_name.clone();
                return Err(ScaffoldError::NotInitialized {
                    path: self.root.join(PROJECT),
                    command,
                }
                .into());
            }
        }
        let text = |name: &str| matches.get_one::<String>(name);
        let mut project = ProjectFile::new(&self.version)?;
        project.set_domain(text("domain").map_or("", |it| it))?;
        let default = default_project_name(&self.root);
        project.set_project_name(text("project-name").unwrap_or(&default))?;
        if let Some(repo) = text("repo") {
            project.set_repo(repo)?;
        }
        Ok(project)
    }

    /// Returns the resource that the line names.
    fn resource(
        &self,
        project: &ProjectFile,
        matches: &ArgMatches,
    ) -> Result<Option<Resource>, CliError> {
        let mut resource = match self.subcommand {
            Subcommand::CreateApi => api_resource(project, matches)?,
            Subcommand::CreateWebhook => webhook_resource(project, matches)?,
            _ => return Ok(None),
        };
        if let Some(plural) = matches.get_one::<String>("plural") {
            resource = resource.with_plural(plural)?;
        }
        Ok(Some(resource))
    }
}

/// Returns the resource of `create api`.
fn api_resource(project: &ProjectFile, matches: &ArgMatches) -> Result<Resource, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", |it| it);
    let switch = |name: &str| matches.get_one::<bool>(name).copied().unwrap_or(true);
    let (group, version, kind) = (text("group"), text("version"), text("kind"));
    let own = || Gvk::new(group, project.domain(), version, kind);
    let is_external = !text("external-api-module").is_empty();
    let mut resource = if is_external {
        let domain = text("external-api-domain");
        let mut resource = Resource::new(Gvk::new(group, domain, version, kind)?);
        resource.external = true;
        resource.module = text("external-api-module").to_owned();
        resource
    } else if !switch("resource") && own().is_ok_and(|it| project.resource(&it).is_none()) {
        // A controller for what the project does not define: Kubernetes must define it.
        match Resource::of_core(group, version, kind) {
            Some(resource) => resource?,
            None => Resource::new(own()?),
        }
    } else {
        Resource::new(own()?)
    };
    if !resource.external && !resource.core {
        let api = Api { namespaced: switch("namespaced"), ..Api::default() };
        resource.api = switch("resource").then_some(api);
    }
    resource.controller = switch("controller");
    Ok(resource)
}

/// Returns the resource of `create webhook`.
fn webhook_resource(project: &ProjectFile, matches: &ArgMatches) -> Result<Resource, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", |it| it);
    let gvk = find_gvk(project, text("group"), text("version"), text("kind"))?;
    let Some(known) = project.resource(&gvk) else {
        return Err(ScaffoldError::UnknownResource { gvk }.into());
    };
    let mut resource = Resource::new(gvk);
    (resource.external, resource.core) = (known.external, known.core);
    resource.module.clone_from(&known.module);
    resource.webhooks.defaulting = matches.get_flag("defaulting");
    resource.webhooks.validation = matches.get_flag("validation");
    resource.webhooks.conversion = matches.get_flag("conversion");
    resource.webhooks.spoke =
        matches.get_many::<String>("spoke").into_iter().flatten().cloned().collect();
    if !resource.webhooks.is_any() {
        return Err(CliError::new(Exit::Usage, "no webhook is asked for")
            .hint("ask for some of `--defaulting`, `--validation` and `--conversion`".to_owned()));
    }
    Ok(resource)
}

/// Returns the resource of the project that the user means: one of the project's domain,
/// else one of any domain.
fn find_gvk(
    project: &ProjectFile,
    group: &str,
    version: &str,
    kind: &str,
) -> Result<Gvk, CliError> {
    let own = Gvk::new(group, project.domain(), version, kind)?;
    let is_it = |it: &&Resource| {
        it.gvk().group() == group && it.gvk().version() == version && it.gvk().kind() == kind
    };
    if project.resource(&own).is_some() {
        return Ok(own);
    }
    Ok(project.resources().iter().find(is_it).map_or(own, |it| it.gvk().clone()))
}

/// Returns the plugins that the commands of the record were carried out with, or what
/// takes their place; `wanted` says which to take instead of those of its name.
pub(super) fn recorded_plugins(
    session: &Session<'_>,
    record: &Record,
    wanted: &dyn Fn(&PluginKey) -> Option<PluginKey>,
) -> Result<Plugins, CliError> {
    let mut plugins = Plugins::new();
    for command in record.commands() {
        let version = command.project_version.parse::<ProjectVersion>().ok();
        for text in &command.plugins {
            if plugins.contains_key(text) {
                continue;
            }
            let key = plugin::parse_key(text)?;
            let asked = wanted(&key);
            let exact = asked.clone().unwrap_or_else(|| key.clone());
            let found = match session.catalog().resolve(&exact, version.as_ref()) {
                Ok(entry) => entry,
                Err(err) if asked.is_some() => return Err(err.into()),
                // Another version of the plugin does the same commands.
                Err(_) => {
                    let any = PluginKey::new(key.name().clone(), None);
                    let entry = session.catalog().resolve(&any, version.as_ref())?;
                    let text = format!("`{key}` is not installed; another version does its part");
                    session.console().log(Level::Warn, &text);
                    entry
                }
            };
            plugins.insert(text.clone(), session.load(found)?);
        }
    }
    Ok(plugins)
}

/// Shows what would change, or brings it to the disk between its hooks.
pub(super) fn bring(
    session: &Session<'_>,
    lock: Option<Lock>,
    event: &str,
    version: &ProjectVersion,
    prepared: Prepared,
    seeing: &Seeing,
    matches: &ArgMatches,
) -> Result<Exit, CliError> {
    seeing.dump(session, &prepared.dump())?;
    let exit = match prepared.remarks().iter().any(|it| it.marked) {
        true => Exit::Failed,
        false => Exit::Done,
    };
    let Some(lock) = lock.filter(|_| !seeing.only_looks()) else {
        seeing.show(session, matches, &prepared);
        return Ok(exit);
    };
    let lines = Lines::new(&prepared);
    run_hooks(session, &format!("pre-{event}"), version, &prepared.event())?;
    let report = prepared.commit(&lock)?;
    drop(lock);
    seeing.report(session, matches, &report, lines);
    run_hooks(session, &format!("post-{event}"), version, &report.event())?;
    Ok(exit)
}

/// Hands an event before or behind the work to all plugins that subscribe to it.
fn run_hooks(
    session: &Session<'_>,
    event: &str,
    version: &ProjectVersion,
    payload: &ProjectEvent,
) -> Result<(), CliError> {
    let subscribers = session.subscribers(event, &|it| it.supports(version));
    let replies = lifecycle::dispatch(
        event,
        payload,
        &subscribers,
        &session.services(),
        session.hook_time_limit()?,
    )?;
    match replies.iter().find(|it| !it.1.amend.is_empty()) {
        Some((plugin, _)) => {
            let text = format!("plugin `{plugin}` amends `{event}`, which cannot be amended");
            Err(CliError::new(Exit::Failed, text))
        }
        None => Ok(()),
    }
}

/// Reads PROJECT; `None` when there is none.
pub(super) fn load_project(root: &Path) -> Result<Option<ProjectFile>, CliError> {
    match ProjectFile::load(&root.join(PROJECT)) {
        Ok(project) => Ok(Some(project)),
        Err(ProjectError::Missing { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}

fn asked_version(session: &Session<'_>, line: &[OsString]) -> Result<ProjectVersion, CliError> {
    let Some(text) = option_values(line, "--project-version").pop() else {
        return Ok(session.host().default_project_version());
    };
    let text = text.to_string_lossy();
    text.parse().map_err(|err| {
        CliError::new(Exit::Usage, format!("`{text}` is no project version")).cause(&err)
    })
}
