//! `init` and `create api`: the subcommands that a chain of plugins carries out.
//!
//! Which plugins those are stands on the command line, in PROJECT, or in the host's
//! defaults; only then are the flags known, and only then is the line parsed.

use super::global::option_values;
use super::{CliError, Exit, Session, args, dispatch, global, plugin};
use crate::catalog::PluginKey;
use crate::lifecycle;
use crate::project::{
    Api, Gvk, NameError, PROJECT, ProjectError, ProjectFile, ProjectVersion, Resource,
    default_project_name,
};
use crate::scaffold::{self, Chain, Flags, Job, Lock, Recovery, Report, ScaffoldError};
use crate::services::PluginServices;
use crate::transport::LoadedPlugin;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_plugin::Level;
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::ProjectEvent;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A scaffolding subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subcommand {
    Init,
    CreateApi,
}

impl Subcommand {
    fn parse(words: &str) -> Option<Self> {
        match words {
            "init" => Some(Self::Init),
            "create api" => Some(Self::CreateApi),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::CreateApi => "create api",
        }
    }

    /// The middle of the names of its events.
    fn event(self) -> &'static str {
        match self {
            Self::Init => "project-init",
            Self::CreateApi => "resource-create",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Init => "Start a project in the current folder",
            Self::CreateApi => "Add an API: a kind, its version and its controller",
        }
    }

    /// The flags of the host itself.
    fn args(self) -> Vec<Arg> {
        match self {
            Self::Init => vec![
                plugins_arg(),
                Arg::new("project-version")
                    .long("project-version")
                    .value_name("VERSION")
                    .help("The version of the PROJECT file"),
                Arg::new("domain")
                    .long("domain")
                    .value_name("DOMAIN")
                    .help("The domain of the API groups")
                    .default_value("my.domain"),
                Arg::new("repo")
                    .long("repo")
                    .value_name("URL")
                    .help("The repository of the project"),
                Arg::new("project-name")
                    .long("project-name")
                    .value_name("NAME")
                    .help("The name of the project [default: the folder's]"),
            ],
            Self::CreateApi => vec![
                plugins_arg(),
                Arg::new("group")
                    .long("group")
                    .value_name("GROUP")
                    .required(true)
                    .help("The API group without the domain, as `crew`"),
                Arg::new("version")
                    .long("version")
                    .value_name("VERSION")
                    .required(true)
                    .help("The version, as `v1alpha1`"),
                Arg::new("kind")
                    .long("kind")
                    .value_name("KIND")
                    .required(true)
                    .help("The kind, as `Captain`"),
                Arg::new("plural")
                    .long("plural")
                    .value_name("PLURAL")
                    .help("The plural, where English is irregular"),
                switch("resource", "Make the API type"),
                switch("controller", "Make the controller"),
                switch("namespaced", "The resource lives in a namespace"),
                Arg::new("force")
                    .long("force")
                    .action(ArgAction::SetTrue)
                    .help("Make again what is there already"),
            ],
        }
    }
}

fn plugins_arg() -> Arg {
    Arg::new("plugins")
        .long("plugins")
        .value_name("KEY,…")
        .action(ArgAction::Append)
        .help("The chain of plugins, in order (can be repeated)")
}

/// A flag that is on unless `--name=false` says no.
fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("BOOL")
        .value_parser(clap::value_parser!(bool))
        .num_args(0..=1)
        .require_equals(true)
        .default_value("true")
        .default_missing_value("true")
        .help(help)
}

/// What is known of a subcommand before its line is parsed.
struct Setting {
    subcommand: Subcommand,
    root: PathBuf,
    /// `None` for `init`, and where there is none yet.
    project: Option<ProjectFile>,
    version: ProjectVersion,
    plugins: Vec<LoadedPlugin>,
}

/// Runs a scaffolding subcommand; `line` is what follows its words.
pub(super) fn run(session: &Session<'_>, words: &str, line: &[OsString]) -> Result<Exit, CliError> {
    let subcommand = Subcommand::parse(words).expect("the tree has the subcommands of this module");
    // Help changes nothing, and must work where nothing can be written.
    let early = match global::asks_for_help(line) {
        true => None,
        false => Some(lock(session)?),
    };
    let setting = match Setting::new(session, subcommand, line) {
        Err(err) if global::asks_for_help(line) => {
            session.console.log(Level::Warn, &format!("the plugins' flags are not shown: {err}"));
            Setting::without_plugins(session, subcommand)
        }
        it => it?,
    };
    setting.plugins.iter().for_each(|it| dispatch::warn_deprecated(session, it));
    let (command, flags) = setting.command(session)?;
    let line = std::iter::once(OsString::new()).chain(line.iter().cloned());
    let matches = match command.try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(err) => return Ok(dispatch::show_clap(session, &err)),
    };
    dispatch::apply_verbosity(session, &matches);
    let lock = match early {
        Some(lock) => lock,
        None => lock(session)?,
    };
    let report = setting.scaffold(session, &lock, &flags, &matches)?;
    drop(lock);
    tell(session, &report);
    Ok(Exit::Done)
}

/// Takes the lock of the project in the current folder, before anything is read there.
fn lock(session: &Session<'_>) -> Result<Lock, CliError> {
    let console = &session.console;
    let lock = Lock::acquire(&current_dir()?, &mut |it| console.log(Level::Info, it))
        .map_err(ScaffoldError::Transaction)?;
    if *lock.recovery() != Recovery::Nothing {
        console.log(Level::Warn, &lock.recovery().to_string());
    }
    Ok(lock)
}

fn current_dir() -> Result<PathBuf, CliError> {
    std::env::current_dir().map_err(|err| {
        CliError::new(Exit::Failed, "failed to find the current folder")
            .cause(&err)
            .hint("it may have been deleted".to_owned())
    })
}

/// Returns the tree with the flags of the scaffolding subcommand at `words`, if it is one.
pub(super) fn complete(
    session: &Session<'_>,
    words: &[String],
    line: &[OsString],
) -> Option<(Vec<String>, Command)> {
    let subcommand =
        [1, 2].into_iter().find_map(|n| Subcommand::parse(&words.get(..n)?.join(" ")))?;
    let setting = Setting::new(session, subcommand, line);
    let setting = setting.unwrap_or_else(|_| Setting::without_plugins(session, subcommand));
    let (command, _) = setting.command(session).ok()?;
    Some((subcommand.name().split(' ').map(str::to_owned).collect(), command))
}

impl Setting {
    fn new(
        session: &Session<'_>,
        subcommand: Subcommand,
        line: &[OsString],
    ) -> Result<Self, CliError> {
        let root = current_dir()?;
        let project = match subcommand {
            Subcommand::Init => None,
            Subcommand::CreateApi => load_project(&root)?,
        };
        let version = match &project {
            Some(project) => *project.version(),
            None => asked_version(session, line)?,
        };
        let mut setting = Self { subcommand, root, project, version, plugins: Vec::new() };
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
        let (version, plugins) = (session.host.default_project_version, Vec::new());
        Self { subcommand, root: PathBuf::new(), project: None, version, plugins }
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
        Ok(session.host.default_plugins.get(&self.version).cloned().unwrap_or_default())
    }

    fn chain<'a>(&'a self, session: &'a Session<'_>) -> Chain<'a> {
        Chain {
            subcommand: self.subcommand.name(),
            plugins: &self.plugins,
            project_version: &self.version,
            identity: &session.host.identity,
        }
    }

    /// Returns the clap command with the flags of the host and of the chain.
    fn command(&self, session: &Session<'_>) -> Result<(Command, Flags), CliError> {
        let services = PluginServices::new(&session.console, "");
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
        let name = self.subcommand.name();
        let command =
            args::command(name.rsplit(' ').next().unwrap_or(name).to_owned(), &description)
                .map_err(|why| {
                    CliError::new(
                        Exit::Refused,
                        format!("a plugin of the chain describes its flags wrongly: {why}"),
                    )
                })?;
        let chain: Vec<_> = self.plugins.iter().map(|it| it.key().to_string()).collect();
        let chain = if chain.is_empty() {
            "none; choose with `--plugins`".to_owned()
        } else {
            chain.join(", ")
        };
        let command = command
            .bin_name(format!("{} {name}", session.host.identity.command_name))
            .disable_version_flag(true)
            .args(own.into_iter().enumerate().map(|(idx, it)| it.display_order(idx)))
            .args(global::args())
            .after_help(format!("Plugins: {chain}"));
        Ok((command, flags))
    }

    /// Takes all steps, with the hooks before and behind what reaches the disk.
    fn scaffold(
        &self,
        session: &Session<'_>,
        lock: &Lock,
        flags: &Flags,
        matches: &ArgMatches,
    ) -> Result<Report, CliError> {
        if self.plugins.is_empty() {
            let text = format!("`{}` has no plugins to run", self.subcommand.name());
            return Err(CliError::new(Exit::Usage, text)
                .hint("name some with `--plugins`, as `--plugins rust`".to_owned()));
        }
        let specs: Vec<_> = flags.iter().map(|it| it.arg.clone()).collect();
        let mut values = args::values(&specs, matches);
        let project = self.project_file(session, matches)?;
        let resource = self.resource(&project, matches, &mut values)?;
        let job = Job {
            root: &self.root,
            chain: self.chain(session),
            flags,
            args: values,
            project,
            resource,
        };
        let services = PluginServices::new(&session.console, "");
        let prepared = scaffold::prepare(job, &services)?;
        self.dispatch(session, "pre", &prepared.event())?;
        let report = prepared.commit(lock, &services)?;
        self.dispatch(session, "post", &report.event())?;
        Ok(report)
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
                let command = session.host.identity.command_name.clone();
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

    /// Returns the resource that the line names; what only plugins ask for goes to `values`.
    fn resource(
        &self,
        project: &ProjectFile,
        matches: &ArgMatches,
        values: &mut Map<String, Value>,
    ) -> Result<Option<Resource>, CliError> {
        if self.subcommand != Subcommand::CreateApi {
            return Ok(None);
        }
        let text = |name: &str| matches.get_one::<String>(name).map_or("", |it| it);
        let switch = |name: &str| matches.get_one::<bool>(name).copied().unwrap_or(true);
        values.insert("force".to_owned(), matches.get_flag("force").into());
        let gvk = Gvk::new(text("group"), project.domain(), text("version"), text("kind"))?;
        let mut resource = Resource::new(gvk);
        if let Some(plural) = matches.get_one::<String>("plural") {
            resource = resource.with_plural(plural)?;
        }
        let api = Api { namespaced: switch("namespaced"), ..Api::default() };
        resource.api = switch("resource").then_some(api);
        resource.controller = switch("controller");
        Ok(Some(resource))
    }

    /// Hands the event before or behind the work to all plugins that subscribe to it.
    fn dispatch(
        &self,
        session: &Session<'_>,
        when: &str,
        payload: &ProjectEvent,
    ) -> Result<(), CliError> {
        let event = format!("{when}-{}", self.subcommand.event());
        let mut subscribers = Vec::new();
        for entry in session.catalog().subscribers(&event).filter(|it| it.supports(&self.version)) {
            match session.load(entry) {
                Ok(plugin) => subscribers.push(plugin),
                // Like a plugin that the catalog refuses: it has no say.
                Err(err) => session
                    .console
                    .log(Level::Warn, &format!("a hook on `{event}` is left out: {err}")),
            }
        }
        lifecycle::dispatch(&event, payload, &subscribers, &session.console)?;
        Ok(())
    }
}

/// Reads PROJECT; `None` when there is none.
fn load_project(root: &Path) -> Result<Option<ProjectFile>, CliError> {
    match ProjectFile::load(&root.join(PROJECT)) {
        Ok(project) => Ok(Some(project)),
        Err(ProjectError::Missing { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}

fn asked_version(session: &Session<'_>, line: &[OsString]) -> Result<ProjectVersion, CliError> {
    let Some(text) = option_values(line, "--project-version").pop() else {
        return Ok(session.host.default_project_version);
    };
    let text = text.to_string_lossy();
    text.parse().map_err(|err| {
        CliError::new(Exit::Usage, format!("`{text}` is no project version")).cause(&err)
    })
}

fn tell(session: &Session<'_>, report: &Report) {
    for notice in &report.notices {
        session.console.log(Level::Warn, notice);
    }
    let marked = [("+", &report.added), ("~", &report.replaced), ("-", &report.deleted)];
    for (mark, paths) in marked {
        paths.iter().for_each(|it| session.console.println(format!("{mark} {it}")));
    }
}

impl From<ScaffoldError> for CliError {
    fn from(err: ScaffoldError) -> Self {
        let message = err.to_string();
        if let Some(call) = err.call() {
            return Self::from(call.clone()).under(message);
        }
        Self::from_error(Exit::Failed, &err).hint(err.hint())
    }
}

impl From<ProjectError> for CliError {
    fn from(err: ProjectError) -> Self {
        Self::from_error(Exit::Failed, &err).hint(err.hint())
    }
}

impl From<NameError> for CliError {
    fn from(err: NameError) -> Self {
        Self::from_error(Exit::Usage, &err).hint(err.hint())
    }
}
