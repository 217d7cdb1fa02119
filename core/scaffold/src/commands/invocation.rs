//! The subcommands that a chain of plugins implements: `init`, `edit`, `create api`, …
//!
//! The command line, PROJECT or the host's defaults determine the plugins; only then are the flags
//! known, and only then is the line parsed.

use super::commit::show_or_commit;
use super::options;
use super::preview::ShowOptions;
use super::recorded_plugins::{missing, recorded_plugins};
use super::resource_args::{find_gvk, resource};
use super::stranger;
use super::subcommand::Subcommand;
use super::working_project::{current_dir, load_project, lock, project_root, surrounding_project};
use crate::chain::flags::Flags;
use crate::chain::members::Chain;
use crate::error::ScaffoldError;
use crate::kubebuilder::line::Line;
use crate::operations::prepared::Prepared;
use crate::operations::rework::{Part, Rework};
use crate::operations::scaffold::{Job, prepare};
use crate::project::file::{PROJECT, ProjectFile};
use crate::project::keys::is_kubebuilders;
use crate::project::name::{check_domain, check_project_name, default_project_name};
use crate::record::file::Record;
use crate::transaction::Lock;
use clap::{ArgMatches, Command};
use pintle_host::catalog::{PluginKey, ProjectVersion, ResolveError};
use pintle_host::cli::global::{self, option_values};
use pintle_host::cli::{
    Bound, CliError, Exit, Session, Step, args, completed_by, plugin, warn_deprecated,
};
use pintle_host::lifecycle::TimeLimit;
use pintle_host::transport::LoadedPlugin;
use pintle_plugin::{Level, rules};
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

/// What is known about a subcommand before its line is parsed.
struct Invocation {
    subcommand: Subcommand,
    root: PathBuf,
    /// `None` for `init`, and if there is no project yet.
    project: Option<ProjectFile>,
    version: ProjectVersion,
    /// Today.
    date: String,
    plugins: Vec<LoadedPlugin>,
    /// The keys of the plugins, as they were specified.
    keys: Vec<String>,
    limit: TimeLimit,
}

/// Completes a scaffolding subcommand with the flags of its chain of plugins; `line` is what
/// follows the words of the subcommand.
pub(super) fn bind(
    session: &Session<'_>,
    subcommand: Subcommand,
    command: Command,
    line: &[OsString],
) -> Result<Bound, CliError> {
    session.shared(Line::default).set(line);
    if session.is_completing() {
        let invocation = Invocation::new(session, subcommand, line);
        let invocation =
            invocation.unwrap_or_else(|_| Invocation::without_plugins(session, subcommand));
        return invocation.bind(session, None, command);
    }
    let root = root(subcommand)?;
    if subcommand == Subcommand::Init
        && !global::asks_for_help(line)
        && let Some(project) = surrounding_project(&root)
    {
        return Err(ScaffoldError::InsideProject { project: project.to_owned() }.into());
    }
    let lock = lock(session, &root, only_looks(line))?;
    let invocation = match Invocation::new(session, subcommand, line) {
        Err(err) if global::asks_for_help(line) => {
            let text = format!("cannot show the flags of the plugins: {err}");
            session.console().log(Level::Warn, &text);
            Invocation::without_plugins(session, subcommand)
        }
        it => it?,
    };
    invocation.plugins.iter().for_each(|it| warn_deprecated(session, it));
    invocation.bind(session, lock, command)
}

/// Returns the directory of the project that the subcommand works in.
fn root(subcommand: Subcommand) -> Result<PathBuf, CliError> {
    if subcommand == Subcommand::Init { current_dir() } else { project_root() }
}

/// Whether the command on the line changes nothing, and so must work where nothing can
/// be written. This must be known before the line can be parsed.
fn only_looks(line: &[OsString]) -> bool {
    let words = line.iter().take_while(|it| *it != "--");
    global::asks_for_help(line) || words.into_iter().any(|it| it == "--dry-run" || it == "--diff")
}

impl Invocation {
    fn bind(
        self,
        session: &Session<'_>,
        lock: Option<Lock>,
        command: Command,
    ) -> Result<Bound, CliError> {
        let (command, flags) = self.command(session, command)?;
        let this = Rc::new(self);
        let chosen = Rc::clone(&this);
        let run = move |session: &Session<'_>, matches: &ArgMatches| {
            this.scaffold(session, lock, &flags, matches).map(Step::from)
        };
        let hint = move |session: &Session<'_>, option: &str| {
            let chain = chosen.chain(session);
            stranger::hint(session, chain, chosen.subcommand, &chosen.keys, option)
        };
        Ok(Bound { command, run: Box::new(run), hint: Box::new(hint) })
    }

    fn new(
        session: &Session<'_>,
        subcommand: Subcommand,
        line: &[OsString],
    ) -> Result<Self, CliError> {
        let root = root(subcommand)?;
        let project = match subcommand {
            Subcommand::Init => None,
            _ => load_project(&root)?,
        };
        let version = match &project {
            Some(project) => *project.version(),
            None => asked_version(session, line)?,
        };
        let limit = session.hook_time_limit()?;
        let mut invocation = Self { project, limit, ..Self::empty(subcommand, root, version) };
        let given = given_keys(line);
        for key in invocation.keys(session, &given)? {
            invocation.keys.push(key.to_string());
            let found = match session.resolve(&key, Some(&version)) {
                Err(ResolveError::NotFound { .. }) if invocation.does_without(&key, &given) => {
                    invocation.keys.pop();
                    continue;
                }
                Err(err) if given.is_empty() => return Err(invocation.absent(err, &key)),
                found => found?,
            };
            let plugin = session.load(&found)?;
            if invocation.plugins.iter().any(|it| it.key() == plugin.key()) {
                let text = format!("the chain contains plugin `{}` twice", plugin.key());
                return Err(CliError::new(Exit::Usage, text));
            }
            invocation.plugins.push(plugin);
        }
        Ok(invocation)
    }

    /// Whether the chain of a project is complete without a plugin that is not installed: `edit` in
    /// a kubebuilder project is for the plugins of this host, and the keys under `plugins` may
    /// belong to other programs.
    fn does_without(&self, key: &PluginKey, given: &[String]) -> bool {
        let Some(project) = self.project.as_ref().filter(|it| it.is_shared()) else { return false };
        let key = key.to_string();
        let is_in_layout = project.layout().contains(&key);
        let is_edit = self.subcommand == Subcommand::Edit;
        given.is_empty() && (!is_in_layout || is_edit && is_kubebuilders(&key))
    }

    /// Returns the error of a plugin of the project, or of the default chain, that is not installed.
    fn absent(&self, err: ResolveError, key: &PluginKey) -> CliError {
        let subcommand = self.subcommand.name();
        if self.project.is_none() && self.subcommand != Subcommand::Init {
            // Outside a project, no installed plugin would help.
            return ScaffoldError::NotInitialized { path: self.root.join(PROJECT) }.into();
        }
        match is_kubebuilders(&key.to_string()) {
            true => CliError::from_error(Exit::Refused, &err).hint(format!(
                "run `kubebuilder {subcommand}`, because the plugin is one of kubebuilder, or \
                 specify the plugins to run here with `--plugins`"
            )),
            false => missing(err),
        }
    }

    /// Returns what is known regardless of the installed plugins: the host's own flags.
    fn without_plugins(session: &Session<'_>, subcommand: Subcommand) -> Self {
        Self::empty(subcommand, PathBuf::new(), session.settings().default_project_version())
    }

    fn empty(subcommand: Subcommand, root: PathBuf, version: ProjectVersion) -> Self {
        let date = today();
        let (plugins, keys) = (Vec::new(), Vec::new());
        let limit = TimeLimit::default();
        Self { subcommand, root, project: None, version, date, plugins, keys, limit }
    }

    /// Returns the keys of the chain: from the line, otherwise from PROJECT, otherwise the host's
    /// defaults.
    fn keys(&self, session: &Session<'_>, given: &[String]) -> Result<Vec<PluginKey>, CliError> {
        if !given.is_empty() {
            return given.iter().map(|it| plugin::parse_key(it)).collect();
        }
        if let Some(project) = &self.project {
            return project.keys().into_iter().map(plugin::parse_key).collect();
        }
        Ok(session.settings().default_plugins(&self.version).to_vec())
    }

    fn chain<'a>(&'a self, session: &'a Session<'_>) -> Chain<'a> {
        Chain {
            subcommand: self.subcommand.name(),
            plugins: &self.plugins,
            project_version: &self.version,
            date: &self.date,
            identity: session.identity(),
            limit: self.limit,
        }
    }

    /// Returns the clap command with the flags of the host and of the chain.
    fn command(
        &self,
        session: &Session<'_>,
        command: Command,
    ) -> Result<(Command, Flags), CliError> {
        let services = session.services().of("");
        let own = options::of(self.subcommand);
        let names = own.iter().filter_map(|it| Some((it.get_long()?, it.get_short())));
        let globals = rules::HOST_OPTIONS.iter().map(|it| (*it, None));
        let letters = rules::HOST_LETTERS.iter().map(|it| ("", Some(*it)));
        let reserved: Vec<_> = names.chain(globals).chain(letters).collect();
        let flags = self.chain(session).bind_flags(&reserved, &services)?;
        let mut description = self.chain(session).describe(&services)?;
        if description.about.is_empty() {
            description.about = self.subcommand.about().to_owned();
        }
        description.args = flags.iter().map(|it| it.arg.clone()).collect();
        let command =
            args::command(command.get_name().to_owned(), &description).map_err(|why| {
                let text = format!("a plugin of the chain has invalid flags: {why}");
                CliError::new(Exit::Refused, text)
            })?;
        let chain: Vec<_> = self.plugins.iter().map(|it| it.key().to_string()).collect();
        let chain = if chain.is_empty() {
            "none; choose plugins with `--plugins`".to_owned()
        } else {
            chain.join(", ")
        };
        let mut command = command
            .disable_version_flag(true)
            .args(own.into_iter().enumerate().map(|(idx, it)| it.display_order(idx)))
            .after_help(format!("Plugins: {chain}"));
        for plugin in self.plugins.iter().filter(|_| session.is_completing()) {
            let key = plugin.key().to_string();
            let own = flags.iter().filter(|it| it.plugins.first() == Some(&key));
            let own: Vec<_> = own.map(|it| it.arg.clone()).collect();
            let path: Vec<_> = self.subcommand.name().split(' ').collect();
            command = completed_by(command, plugin, &path, &own);
        }
        Ok((command, flags))
    }

    /// Takes all steps, with the hooks before and after the changes on disk.
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
            return Err(CliError::new(Exit::Usage, text).hint(
                "specify plugins with `--plugins`, for example `--plugins rust`".to_owned(),
            ));
        }
        let show = ShowOptions::new(matches);
        let prepared = match self.subcommand.deletes() {
            true => self.prepare_undo(session, flags, matches)?,
            false => self.prepare(session, flags, matches, &show)?,
        };
        show_or_commit(
            session,
            lock,
            self.subcommand.moments(),
            &self.version,
            prepared,
            &show,
            matches,
        )
    }

    /// Takes all steps in memory.
    fn prepare(
        &self,
        session: &Session<'_>,
        flags: &Flags,
        matches: &ArgMatches,
        show: &ShowOptions,
    ) -> Result<Prepared, CliError> {
        let specs: Vec<_> = flags.iter().map(|it| it.arg.clone()).collect();
        let mut values = args::values(&specs, matches);
        for name in ["force", "skip-existing"] {
            values.insert(name.to_owned(), matches.get_flag(name).into());
        }
        let project = self.project_file(matches)?;
        let resource = resource(self.subcommand, &project, matches)?;
        let job = Job {
            root: &self.root,
            chain: self.chain(session),
            flags,
            args: values,
            project,
            resource,
        };
        let services = session.services().of("");
        prepare(job, &services).or_else(|failure| {
            show.dump(session, &failure.dump())?;
            Err(failure.error.into())
        })
    }

    /// Undoes a command in memory.
    fn prepare_undo(
        &self,
        session: &Session<'_>,
        flags: &Flags,
        matches: &ArgMatches,
    ) -> Result<Prepared, CliError> {
        let project = self.project_file(matches)?;
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
        let (plugins, memo) = recorded_plugins(session, &record, &|_| None)?;
        let rework = Rework {
            root: &self.root,
            project,
            record,
            plugins: &plugins,
            identity: session.identity(),
            limit: self.limit,
            memo: &memo,
        };
        let specs: Vec<_> = flags.iter().map(|it| it.arg.clone()).collect();
        let services = session.services().of("");
        let values = args::values(&specs, matches);
        Ok(rework.undo(self.chain(session), flags, values, &gvk, part, &services)?)
    }

    fn project_file(&self, matches: &ArgMatches) -> Result<ProjectFile, CliError> {
        match (&self.project, self.subcommand) {
            (Some(project), _) => {
                let path = self.root.join(PROJECT);
                project.check_domain().map_err(|err| err.in_file(&path))?;
                return Ok(project.clone());
            }
            (None, Subcommand::Init) => {}
            (None, _) => {
                let path = self.root.join(PROJECT);
                return Err(ScaffoldError::NotInitialized { path }.into());
            }
        }
        let text = |name: &str| matches.get_one::<String>(name);
        let mut project = ProjectFile::new(&self.version)?;
        let default = default_project_name(&self.root);
        let (domain, name) = (text("domain").map_or("", |it| it), text("project-name"));
        let name = name.unwrap_or(&default);
        // An invalid value on the line is wrong usage; one from a plugin or PROJECT is not.
        if !domain.is_empty() {
            check_domain(domain)?;
        }
        check_project_name(name)?;
        project.set_domain(domain)?;
        project.set_project_name(name)?;
        if let Some(repo) = text("repo") {
            project.set_repo(repo)?;
        }
        project.set_namespaced(matches.get_flag("namespaced"))?;
        Ok(project)
    }
}

/// Returns the keys on the line.
fn given_keys(line: &[OsString]) -> Vec<String> {
    let given = option_values(line, "--plugins");
    let given = given.iter().map(|it| it.to_string_lossy());
    given.flat_map(|it| it.split(',').map(|it| it.trim().to_owned()).collect::<Vec<_>>()).collect()
}

fn asked_version(session: &Session<'_>, line: &[OsString]) -> Result<ProjectVersion, CliError> {
    let Some(text) = option_values(line, "--project-version").pop() else {
        return Ok(session.settings().default_project_version());
    };
    let text = text.to_string_lossy();
    text.parse().map_err(|err| {
        CliError::new(Exit::Usage, format!("invalid project version `{text}`")).cause(&err)
    })
}

/// Returns the day in UTC, such as `2026-11-21`.
pub(super) fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}
