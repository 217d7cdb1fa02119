//! One run of the host: its settings, and what it has loaded so far.

use super::error::CliError;
use super::exit::Exit;
use super::explain;
use super::global::{self, Early};
use super::interface_info::InterfaceInfo;
use super::output;
use super::provenance::Provenance;
use super::raised;
use super::settings::Settings;
use crate::callables::Callables;
use crate::caller;
use crate::catalog::{
    Catalog, DirOrigin, Disabled, Entry, ForeignPlugin, OtherFile, PluginKey, ProjectVersion,
    Reason, ResolveError, Rules, SearchPath, State, Transport, Wanted, Warning,
};
use crate::config::{Config, ConfigError};
use crate::fs::{Exposure, is_worth_protecting};
use crate::identity::Identity;
use crate::lifecycle::{EventInfo, TimeLimit};
use crate::services::{Console, Form, ProgramCalls, Service, Services, Verbosity};
use crate::transport::program::{self, EventVariables, HookedCommand};
use crate::transport::{self, LoadedPlugin};
use clap::{ArgMatches, Command};
use pintle_plugin::manifest::INTERFACE_VERSION;
use pintle_plugin::message::Caller;
use pintle_plugin::{Host, Interface, Level, Remote, anyhow};
use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The time limit for programs to end with the run. They are killed after two seconds.
const PROGRAM_GRACE: Duration = Duration::from_secs(5);

/// The commands of the host, as far as a run depends on them.
pub(super) trait Surroundings {
    /// Returns all commands with their arguments, without those of plugins.
    fn command(&self, settings: &Settings) -> Command;

    /// Returns the paths of all commands, including aliases: none of them belongs to a plugin.
    fn paths(&self) -> Vec<Vec<String>>;

    /// Returns whether `words` are incomplete: more words must follow to form a command.
    fn is_noun(&self, words: &[String]) -> bool;

    /// Returns whether the commands that begin with a word are the host's own: they show
    /// information and manage plugins.
    fn is_own(&self, word: &str) -> bool;

    /// Returns the words of all commands that can require plugins, as the configuration names them.
    fn work(&self) -> Vec<Vec<String>>;

    /// Returns all events, those of each group in its order.
    fn events(&self) -> Vec<EventInfo>;

    /// Returns all interfaces, those of each group in its order.
    fn interfaces(&self) -> Vec<InterfaceInfo>;

    /// Checks the options that a plugin's hooks add to commands of the host; returns those
    /// commands, and the number of options for each. `announce` is called with each command before
    /// the plugin is called.
    fn check_options(
        &self,
        session: &Session<'_>,
        plugin: &LoadedPlugin,
        announce: &dyn Fn(&str),
    ) -> Result<Vec<(String, usize)>, CliError>;

    /// Creates the services that the groups provide to plugins.
    fn services(&self, session: &Session<'_>) -> Vec<Arc<dyn Service>>;

    /// Returns the commands that hooks can add options to.
    fn hooked(&self) -> Vec<HookedCommand>;

    /// Returns the variables that the groups set for programs on events.
    fn variables(&self) -> Vec<EventVariables>;

    /// Finds the plugins that are not libraries of this interface.
    fn foreign_plugins(&self, session: &Session<'_>) -> Vec<ForeignPlugin>;

    /// Finds the directory of the plugins that the project requires.
    fn project_plugins(&self, session: &Session<'_>) -> Result<Option<PathBuf>, CliError>;

    /// Returns the plugins that created the project.
    fn made_by(&self, session: &Session<'_>) -> Result<Vec<PluginKey>, CliError>;

    /// Decides whether a plugin may be loaded.
    fn vet(&self, session: &Session<'_>, entry: &Entry) -> Result<(), CliError>;

    /// Returns where a plugin was installed from.
    fn provenance(&self, session: &Session<'_>, entry: &Entry) -> Option<Provenance>;

    /// Returns what to do about words that are no command.
    fn suggest(&self, session: &Session<'_>, words: &[String]) -> Option<String>;

    /// Returns what to do about an option that a command does not have.
    fn suggest_option(&self, session: &Session<'_>, command: &str, option: &str) -> Option<String>;
}

/// One run of the host.
///
/// The catalog is built when a command first requires it, and each plugin is loaded once, when it
/// is first called.
pub struct Session<'a> {
    settings: &'a Settings,
    surroundings: &'a dyn Surroundings,
    console: Arc<Console>,
    early: OnceCell<Early>,
    form: Cell<Form>,
    search: OnceCell<SearchPath>,
    /// Why the plugins that the project requires are not searched.
    no_project_plugins: RefCell<Option<CliError>>,
    rules: OnceCell<Rules>,
    config: OnceCell<Result<Config, ConfigError>>,
    catalog: OnceCell<Catalog>,
    /// The part of the catalog for the line, and the words for which it was searched.
    of_line: OnceCell<(Vec<String>, Option<Catalog>)>,
    of_events: RefCell<HashMap<String, Option<Arc<Catalog>>>>,
    callables: OnceCell<Callables>,
    loaded: RefCell<HashMap<PluginKey, LoadedPlugin>>,
    is_completing: Cell<bool>,
    is_parsed: Cell<bool>,
    /// Whether the configuration was searched for mistakes.
    pub(super) is_config_checked: Cell<bool>,
    /// Whether the command ran without one of its hooks.
    has_left_out: Cell<bool>,
    shared: RefCell<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    program_calls: ProgramCalls,
}

impl<'a> Session<'a> {
    pub(super) fn new(settings: &'a Settings, surroundings: &'a dyn Surroundings) -> Self {
        Self {
            settings,
            surroundings,
            console: Arc::new(Console::new()),
            early: OnceCell::new(),
            form: Cell::default(),
            search: OnceCell::new(),
            no_project_plugins: RefCell::default(),
            rules: OnceCell::new(),
            config: OnceCell::new(),
            catalog: OnceCell::new(),
            of_line: OnceCell::new(),
            of_events: RefCell::default(),
            callables: OnceCell::new(),
            loaded: RefCell::default(),
            is_completing: Cell::new(false),
            is_parsed: Cell::new(false),
            is_config_checked: Cell::new(false),
            has_left_out: Cell::new(false),
            shared: RefCell::default(),
            program_calls: ProgramCalls::default(),
        }
    }

    /// Reads the options that are required before the line is parsed.
    pub(super) fn start(&self, args: &[OsString]) {
        self.form.set(output::asked_form(args));
        let early = self.early.get_or_init(|| Early::scan(args));
        self.console.set_verbosity(early.verbosity);
    }

    /// Refuses options that a caller with fewer privileges than this process must not use, and
    /// reports what is ignored.
    pub(super) fn check_caller(&self) -> Result<(), CliError> {
        caller::protect_temporary_files();
        raised::report_ignored(self.identity(), &self.console);
        match self.early().plugin_dirs.is_empty() {
            true => Ok(()),
            false => raised::check_trusted("the option `--plugin-dir`"),
        }
    }

    /// Ends the programs that are still running: hooks that a command left behind because it was
    /// interrupted or because they took too long.
    pub(super) fn end_programs(&self) {
        self.program_calls.end(PROGRAM_GRACE);
    }

    /// Returns whether the run only answers a completion script, and must neither change nor print
    /// anything.
    pub fn is_completing(&self) -> bool {
        self.is_completing.get()
    }

    pub(super) fn complete(&self) {
        self.is_completing.set(true);
        self.console.set_verbosity(Verbosity::Quiet);
    }

    fn early(&self) -> &Early {
        self.early.get_or_init(Early::default)
    }

    /// Returns what the embedding program has set.
    pub fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// Returns all commands of the host with their arguments, without those of plugins.
    pub(super) fn command(&self) -> Command {
        self.surroundings.command(self.settings)
    }

    /// Returns all events of the host.
    pub fn events(&self) -> Vec<EventInfo> {
        self.surroundings.events()
    }

    /// Returns all interfaces by which the host calls plugins.
    pub fn interfaces(&self) -> Vec<InterfaceInfo> {
        self.surroundings.interfaces()
    }

    /// Checks the options that a plugin's hooks add to commands of the host; see
    /// [`Surroundings::check_options`].
    pub(super) fn check_options(
        &self,
        plugin: &LoadedPlugin,
        announce: &dyn Fn(&str),
    ) -> Result<Vec<(String, usize)>, CliError> {
        self.surroundings.check_options(self, plugin, announce)
    }

    /// Returns the host's names.
    pub fn identity(&self) -> &'a Identity {
        &self.settings.identity
    }

    /// Returns the terminal.
    pub fn console(&self) -> &Arc<Console> {
        &self.console
    }

    /// Returns the form in which errors are shown.
    pub(super) fn form(&self) -> Form {
        self.form.get()
    }

    /// Shows errors as text if the command has no option for the output format.
    pub(super) fn narrow_form(&self, command: &Command) {
        if !output::has_forms(command) {
            self.form.set(Form::Text);
        }
    }

    /// Shows errors as text, whatever the line seems to request.
    pub(super) fn show_errors_as_text(&self) {
        self.form.set(Form::Text);
    }

    /// Shows an error, and returns how the process is to end.
    pub fn fail(&self, err: &CliError) -> Exit {
        err.show(&self.console, self.identity(), self.form());
        err.exit()
    }

    /// Returns the words that call a command, including the host's name.
    pub fn bin_name(&self, path: &[&str]) -> String {
        format!("{} {}", self.settings.identity.command_name, path.join(" "))
    }

    /// Applies `-q` and `-v`, which may be before or after a command's words. If a plugin continues
    /// with another command line, the options of the first line also apply.
    pub(super) fn apply_verbosity(&self, matches: &ArgMatches) {
        let verbosity = global::verbosity(matches);
        let is_first = !self.is_parsed.replace(true);
        if is_first || verbosity != Verbosity::Normal {
            self.console.set_verbosity(verbosity);
        }
    }

    /// Returns the object of type `T` of this run, which `init` creates on first use: the commands
    /// and the services of a group share it.
    pub fn shared<T: Any + Send + Sync>(&self, init: impl FnOnce() -> T) -> Arc<T> {
        let found = self.shared.borrow().get(&TypeId::of::<T>()).cloned();
        if let Some(found) = found.and_then(|it| it.downcast().ok()) {
            return found;
        }
        let made = Arc::new(init());
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(&made) as _;
        self.shared.borrow_mut().insert(TypeId::of::<T>(), any);
        made
    }

    /// Returns the services of the host for plugins.
    pub fn services(&self) -> Services {
        let services = Services::new(Arc::clone(&self.console));
        let services = services.for_host(self.settings.identity.clone());
        let services = services.in_run(self.program_calls.clone());
        let of_groups = self.surroundings.services(self).into_iter();
        of_groups.fold(services, Services::with)
    }

    /// Returns the directories in which plugins are searched for.
    pub fn search(&self) -> &SearchPath {
        self.search.get_or_init(|| {
            let search = SearchPath::new(
                &self.settings.identity,
                &self.early().plugin_dirs,
                &caller::var_os,
            );
            if !caller::is_trusted() {
                return search;
            }
            match self.surroundings.project_plugins(self) {
                Ok(Some(dir)) => search.with_project(dir),
                Ok(None) => search,
                Err(err) => {
                    self.no_project_plugins.replace(Some(err));
                    search
                }
            }
        })
    }

    /// Returns an error as a line of a log, including what to do about it.
    fn with_advice(&self, err: &CliError) -> String {
        match err.advice(self.identity()) {
            Some(advice) => format!("{}: {advice}", err.line()),
            None => err.line(),
        }
    }

    /// Returns the user's plugin directory, which may not exist.
    pub fn user_plugin_dir(&self) -> Option<&Path> {
        let mut dirs = self.search().dirs().iter();
        dirs.find(|it| it.origin == DirOrigin::User).map(|it| &*it.path)
    }

    /// Returns the directories that options name for this run.
    pub(super) fn named_plugin_dirs(&self) -> &[PathBuf] {
        &self.early().plugin_dirs
    }

    /// Returns whether a plugin's file is in a directory that is named for this run: by an option
    /// or in the environment.
    pub fn is_named_for_this_run(&self, entry: &Entry) -> bool {
        let origins = [DirOrigin::Option, DirOrigin::Environment];
        entry.path().is_some_and(|it| origins.iter().any(|origin| self.search().has(*origin, it)))
    }

    /// Returns the plugins that created the project in which the command is run, with their
    /// versions.
    ///
    /// # Errors
    ///
    /// When the project's data cannot be read.
    pub fn made_by(&self) -> Result<Vec<PluginKey>, CliError> {
        self.surroundings.made_by(self)
    }

    /// Returns where a plugin was installed from, if a group installed it. Groups install plugins
    /// as links. Listings call this for thousands of plugins, most of which are files.
    pub fn provenance(&self, entry: &Entry) -> Option<Provenance> {
        if !entry.is_link() {
            return None;
        }
        self.surroundings.provenance(self, entry)
    }

    /// Returns the groups' hint for words that are not a command.
    pub(super) fn suggestion(&self, words: &[String]) -> Option<String> {
        self.surroundings.suggest(self, words)
    }

    /// Returns the groups' hint for an option, given without dashes, that is unknown to all plugins
    /// of a command.
    pub fn suggest_option(&self, command: &str, option: &str) -> Option<String> {
        self.surroundings.suggest_option(self, command, option)
    }

    /// Returns whether the commands that begin with a word are the host's own; see
    /// [`Surroundings::is_own`].
    pub(super) fn is_own(&self, word: &str) -> bool {
        self.surroundings.is_own(word)
    }

    /// Returns the words of all commands that can require plugins; see [`Surroundings::work`].
    pub(super) fn work(&self) -> Vec<Vec<String>> {
        self.surroundings.work()
    }

    /// Returns the configuration of the user and the system. It is read once.
    pub(super) fn config(&self) -> Result<&Config, &ConfigError> {
        let env = |it: &str| caller::var_os(it);
        let load = || Config::load(self.identity(), &env, !caller::is_trusted());
        self.config.get_or_init(load).as_ref()
    }

    /// Returns the host's rules for plugins.
    pub fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules {
            identity: self.settings.identity.clone(),
            core_commands: self.surroundings.paths(),
            disabled: self.disabled(),
            allow_panic_abort: self.early().allow_panic_abort || self.env_flag("ALLOW_PANIC_ABORT"),
        })
    }

    /// Returns the plugins that exist.
    ///
    /// When it is built, the directories that could not be searched are reported: any of them could
    /// contain the plugin for the command.
    pub fn catalog(&self) -> &Catalog {
        self.catalog.get_or_init(|| {
            let (search, linked) = (self.search(), &self.settings.linked);
            let catalog = Catalog::with_foreign(search, linked, self.rules(), |files| {
                self.foreign_plugins(files)
            });
            if let Some(err) = self.no_project_plugins.take() {
                self.console.log(Level::Warn, &self.with_advice(&err));
            }
            if let Err(err) = self.config() {
                let text = CliError::from_error(Exit::Usage, err).line();
                self.console.log(Level::Warn, &text);
            }
            for warning in catalog.warnings() {
                let err = CliError::from_error(Exit::Failed, warning);
                let err = match warning {
                    Warning::Unsearched { .. } => err,
                    _ => err.hint(explain::exposed()),
                };
                self.console.log(Level::Warn, &self.with_advice(&err));
            }
            catalog
        })
    }

    fn foreign_plugins(&self, files: Vec<OtherFile>) -> Vec<ForeignPlugin> {
        let mut found = match files.is_empty() {
            true => Vec::new(),
            false => {
                let answers = self.search().answers();
                program::find(files, answers.as_deref(), &self.around_programs())
            }
        };
        found.extend(self.surroundings.foreign_plugins(self));
        found
    }

    /// Returns the part of the catalog for a query, if the index is sufficient. The cost of the
    /// whole catalog grows with the number of plugins.
    pub(super) fn narrow(&self, wanted: Wanted<'_>) -> Option<Catalog> {
        let search = self.search();
        // Problems with the search are reported with the whole catalog.
        if self.catalog.get().is_some() || self.no_project_plugins.borrow().is_some() {
            return None;
        }
        let foreign = |files| self.foreign_plugins(files);
        Catalog::narrow(search, &self.settings.linked, self.rules(), wanted, foreign)
    }

    /// Returns a catalog with the command that `words` begin with, if there is one, and all
    /// commands that could conflict with it.
    pub(super) fn catalog_of_command(&self, words: &[String]) -> &Catalog {
        let narrow = || (words.to_vec(), self.narrow(Wanted::Command(words)));
        match self.of_line.get_or_init(narrow) {
            (known, Some(catalog)) if known == words && has_command(catalog, words) => catalog,
            _ => self.catalog(),
        }
    }

    /// Returns a catalog with all commands that begin with a word, if there are any.
    pub(super) fn catalog_below(&self, word: &str) -> &Catalog {
        let words = || vec![word.to_owned()];
        let narrow = || (words(), self.narrow(Wanted::Below(word)));
        match self.of_line.get_or_init(narrow) {
            (known, Some(catalog)) if *known == words() => catalog,
            _ => self.catalog(),
        }
    }

    /// Returns what plugins that are programs are run with.
    pub(super) fn around_programs(&self) -> Arc<program::Surroundings> {
        let identity = self.identity().clone();
        let variables = self.surroundings.variables();
        let events = self.events().iter().map(|it| it.name).collect();
        let hooked = self.surroundings.hooked();
        Arc::new(program::Surroundings { identity, variables, events, hooked })
    }

    /// Returns the programs on the search path that can be called as commands of the host.
    pub(super) fn callables(&self) -> &Callables {
        self.callables.get_or_init(|| {
            Callables::new(&self.settings.identity, caller::var_os("PATH").as_deref())
        })
    }

    /// Returns the callable form of a plugin in the catalog.
    ///
    /// # Errors
    ///
    /// When the plugin is refused, by the catalog or when it is loaded.
    pub fn load(&self, entry: &Entry) -> Result<LoadedPlugin, CliError> {
        self.vet(entry)?;
        self.load_unvetted(entry)
    }

    fn vet(&self, entry: &Entry) -> Result<(), CliError> {
        match entry.is_usable() {
            true => self.surroundings.vet(self, entry),
            false => Ok(()),
        }
    }

    fn load_unvetted(&self, entry: &Entry) -> Result<LoadedPlugin, CliError> {
        let Some(key) = entry.key().filter(|_| entry.is_usable()) else {
            return Err(unusable(entry));
        };
        if let Some(plugin) = self.loaded.borrow().get(key) {
            return Ok(plugin.clone());
        }
        self.warn_of_exposure(entry);
        self.warn_of_newer_copies(entry);
        let manifest = || entry.manifest().cloned().unwrap_or_default();
        let plugin = match (entry.linked(), entry.endpoint()) {
            (Some(linked), _) => transport::link(*linked, key.clone(), manifest()),
            (_, Some(endpoint)) => transport::adapt(endpoint.clone(), key.clone(), manifest()),
            (None, None) => transport::load_listed(entry, self.rules())?,
        };
        self.loaded.borrow_mut().insert(key.clone(), plugin.clone());
        Ok(plugin)
    }

    /// Warns of a plugin that others can change. If that is not safe, the plugin is refused.
    fn warn_of_exposure(&self, entry: &Entry) {
        let metadata = entry.path().and_then(|it| it.metadata().ok());
        let exposure = metadata.as_ref().and_then(Exposure::of);
        let Some(exposure) = exposure.filter(|_| !is_worth_protecting()) else { return };
        let text = format!("plugin `{}` is not safe: {exposure}", name(entry));
        let err = CliError::new(Exit::Failed, text).hint(explain::exposed());
        self.console.log(Level::Warn, &self.with_advice(&err));
    }

    /// Asks a program for its description, and returns the callable form of the plugin.
    ///
    /// # Errors
    ///
    /// When the file is not a program that can be used.
    pub(super) fn load_program(&self, path: &Path) -> Result<LoadedPlugin, CliError> {
        let answers = self.search().answers();
        let found = program::examine(path, answers.as_deref(), &self.around_programs());
        let program =
            ForeignPlugin { transport: Transport::Executable, path: path.to_owned(), found };
        let catalog =
            Catalog::with_foreign(&SearchPath::default(), &[], self.rules(), |_| vec![program]);
        let entry = catalog.entries().first().expect("it has the one program");
        // It is only examined, and not used.
        self.load_unvetted(entry)
    }

    /// Returns a plugin's implementation of an interface, for example of `dyn ImageScanner`.
    ///
    /// # Errors
    ///
    /// When the plugin cannot be loaded, or does not implement the interface.
    pub fn interface<I: Interface + ?Sized>(&self, entry: &Entry) -> Result<Remote<I>, CliError> {
        Ok(self.load(entry)?.interface()?)
    }

    /// Calls a plugin's implementation of an interface, for example of `dyn ImageScanner`, with
    /// the services of the host.
    ///
    /// # Errors
    ///
    /// When the plugin cannot be loaded or does not implement the interface, or what `work`
    /// returns.
    pub fn call<I: Interface + ?Sized, T>(
        &self,
        entry: &Entry,
        work: impl FnOnce(&Remote<I>, &Host<'_>) -> anyhow::Result<T>,
    ) -> Result<T, CliError> {
        let plugin = self.load(entry)?;
        let services = self.services().of(plugin.key().to_string());
        Ok(work(&plugin.interface()?, &services.host())?)
    }

    /// Warns once that a plugin is older than a copy of it in a later directory.
    fn warn_of_newer_copies(&self, entry: &Entry) {
        let Some(path) = entry.path() else { return };
        for copy in entry.copies().iter().filter(|it| is_newer(it, path)) {
            let text = format!(
                "plugin `{}` is older than its copy in `{}`: remove `{}`",
                name(entry),
                copy.display(),
                path.display()
            );
            self.console.log(Level::Warn, &text);
        }
    }

    /// Warns once that a plugin whose version was not requested is a pre-release.
    pub(super) fn warn_of_pre_release(&self, entry: &Entry) {
        let Some(key) = entry.key().filter(|it| !self.loaded.borrow().contains_key(*it)) else {
            return;
        };
        if entry.version().is_some_and(|it| !it.is_stable()) {
            let text = format!("plugin `{key}` is a pre-release, and there is no stable version");
            self.console.log(Level::Warn, &text);
        }
    }

    /// Returns the plugins that `wanted` selects and whose hooks subscribe to an event. If a hook
    /// that runs after the work (`post-…`) cannot run, it is left out, with a warning and an exit
    /// code.
    ///
    /// # Errors
    ///
    /// When a group forbids to load a plugin, or when a hook that runs before the work (`pre-…`)
    /// cannot run: it might have vetoed, so the command must not continue without it.
    pub fn subscribers(
        &self,
        event: &str,
        wanted: &dyn Fn(&Entry) -> bool,
    ) -> Result<Vec<LoadedPlugin>, CliError> {
        let Subscribers { plugins, fault, left_out } = self.find_subscribers(event, wanted);
        if let Some(fault) = fault {
            return Err(fault);
        }
        self.leave_out(&left_out);
        Ok(plugins)
    }

    pub(super) fn find_subscribers(
        &self,
        event: &str,
        wanted: &dyn Fn(&Entry) -> bool,
    ) -> Subscribers {
        let mut found = Subscribers::default();
        let narrow = self.catalog_of_event(event);
        let catalog = narrow.as_deref().unwrap_or_else(|| self.catalog());
        for entry in catalog.subscribers(event).filter(|it| wanted(it)) {
            if let Err(err) = self.vet(entry) {
                found.fault.get_or_insert(err);
                continue;
            }
            self.warn_of_pre_release(entry);
            match self.load_unvetted(entry) {
                Ok(plugin) => found.plugins.push(plugin),
                Err(err) => found.add(event, self.cannot_run(event, entry, err)),
            }
        }
        for entry in catalog.refused_subscribers(event).filter(|it| wanted(it)) {
            found.add(event, self.cannot_run(event, entry, unusable(entry)));
        }
        found
    }

    fn cannot_run(&self, event: &str, entry: &Entry, err: CliError) -> CliError {
        let hint = explain::hook_cannot_run(entry, err.advice(self.identity()));
        let text = format!("the hook of plugin `{}` on `{event}` cannot run", name(entry));
        err.under(text).exit_with(Exit::Refused).hint(hint)
    }

    /// Reports hooks that were left out of a command, so the command is incomplete.
    pub(super) fn leave_out(&self, hooks: &[CliError]) {
        for err in hooks {
            self.console.log(Level::Warn, &self.with_advice(err));
            self.has_left_out.set(true);
        }
    }

    /// Returns whether a command ran without one of its hooks.
    pub(super) fn has_left_out(&self) -> bool {
        self.has_left_out.get()
    }

    /// Finds the plugins whose hooks subscribe to any of some events, all at once.
    pub(super) fn expect_events(&self, events: &[&str]) {
        let is_known = |it: &&str| self.of_events.borrow().contains_key(*it);
        if self.catalog.get().is_none() && !events.iter().all(is_known) {
            let found = self.narrow(Wanted::Events(events)).map(Arc::new);
            let found = events.iter().map(|it| ((*it).to_owned(), found.clone()));
            self.of_events.borrow_mut().extend(found);
        }
    }

    fn catalog_of_event(&self, event: &str) -> Option<Arc<Catalog>> {
        self.expect_events(&[event]);
        self.of_events.borrow().get(event).cloned().flatten()
    }

    /// Finds the plugin for a key, as [`Catalog::resolve`] does.
    ///
    /// # Errors
    ///
    /// When there is no plugin for the key, or more than one.
    pub fn resolve(
        &self,
        key: &PluginKey,
        project: Option<&ProjectVersion>,
    ) -> Result<FoundEntry<'_>, ResolveError> {
        if let Some(catalog) = self.narrow(Wanted::Plugin(key))
            && let Ok(entry) = catalog.resolve(key, project)
            && let Some(idx) = catalog.entries().iter().position(|it| std::ptr::eq(it, entry))
        {
            return Ok(FoundEntry::Narrow(catalog.into(), idx));
        }
        self.catalog().resolve(key, project).map(FoundEntry::Whole)
    }

    /// Returns the time limit for hooks, set by the user or the default.
    pub fn hook_time_limit(&self) -> Result<TimeLimit, CliError> {
        let mut limit = TimeLimit::default();
        if let Some(given) = self.time_limit("HOOK_TIMEOUT")? {
            limit.limit = given;
            limit.notice = limit.notice.min(given / 2);
        }
        Ok(limit)
    }

    /// Returns the duration in an environment variable of the host.
    pub fn time_limit(&self, suffix: &str) -> Result<Option<Duration>, CliError> {
        let variable = self.settings.identity.env_var(suffix);
        let Some(text) = caller::var_os(&variable).filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let text = text.to_string_lossy().into_owned();
        let hint = "use a duration, for example `90s` or `5m`";
        match humantime::parse_duration(&text) {
            Ok(Duration::ZERO) => {
                let text = format!(
                    "invalid duration `{text}` in `{variable}`: it must be longer than zero"
                );
                Err(CliError::new(Exit::Usage, text).hint(hint))
            }
            Ok(limit) => Ok(Some(limit)),
            Err(err) => {
                let text = format!("invalid duration `{text}` in `{variable}`");
                Err(CliError::new(Exit::Usage, text).cause(&err).hint(hint))
            }
        }
    }

    /// Returns whether `words` are incomplete: more words must follow to form a command of the host
    /// or of a plugin that can be used.
    pub fn is_noun(&self, words: &[String]) -> bool {
        let start = format!("{} ", words.join(" "));
        self.surroundings.is_noun(words)
            || self.catalog().commands().any(|it| it.1.words.starts_with(&start))
    }

    /// Returns why the command for `words` is not available: its plugin is refused or disabled.
    pub(super) fn set_aside(&self, words: &[String]) -> Option<CliError> {
        let mut entries = self.catalog().entries().iter();
        let entry = entries.find(|it| {
            matches!(it.state(), State::Refused | State::Disabled)
                && it.commands().iter().any(|it| means(words, &it.path))
        })?;
        Some(unusable(entry))
    }

    /// Returns the owner of `words`, which therefore do not call a program: a command or a noun of
    /// the host or of a plugin, even if it is refused, disabled or in conflict with another.
    pub(super) fn owner(&self, words: &[String]) -> Option<Owner<'_>> {
        let has = |path: &[String]| path.starts_with(words) || words.starts_with(path);
        if self.rules().core_commands.iter().any(|it| has(it)) {
            return Some(Owner::Host);
        }
        let (search, rules, now) = (self.search(), self.rules(), SystemTime::now());
        self.catalog().owner(words, search, rules, now).map(Owner::Plugin)
    }

    /// Returns the description of the host for calls of `plugin`.
    pub fn caller(&self, plugin: &PluginKey) -> Caller {
        let mut caller = Caller::default();
        caller.host = self.settings.identity.command_name.clone();
        caller.version = self.settings.identity.version.clone();
        caller.plugin = plugin.to_string();
        caller.interface = INTERFACE_VERSION.to_owned();
        caller
    }

    fn disabled(&self) -> Vec<Disabled> {
        let var = caller::var_os(&self.settings.identity.env_var("DISABLE_PLUGINS"));
        let var = var.unwrap_or_default().to_string_lossy().into_owned();
        let keys = self.early().disabled.iter().map(String::as_str).chain(var.split(','));
        let keys = keys.map(str::trim).filter(|it| !it.is_empty());
        let for_this_run = keys.filter_map(|it| match it.parse::<PluginKey>() {
            Ok(key) => Some(key.into()),
            Err(err) => {
                let text = format!("cannot disable plugin `{it}`: {err}");
                self.console.log(Level::Warn, &text);
                None
            }
        });
        // Commands that depend on a configuration that cannot be read report the error.
        let for_ever = self.config().map(Config::disabled).unwrap_or_default();
        for_this_run.chain(for_ever.iter().cloned()).collect()
    }

    fn env_flag(&self, suffix: &str) -> bool {
        caller::var_os(&self.settings.identity.env_var(suffix)).is_some_and(|it| it == "1")
    }
}

/// A plugin that was found by its key.
#[derive(Debug)]
pub enum FoundEntry<'s> {
    /// In a part of the catalog, with the entry's index there.
    Narrow(Box<Catalog>, usize),
    /// In the catalog of the run.
    Whole(&'s Entry),
}

impl std::ops::Deref for FoundEntry<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        match self {
            Self::Narrow(catalog, idx) => &catalog.entries()[*idx],
            Self::Whole(entry) => entry,
        }
    }
}

/// Returns whether a catalog has a command or a conflict for words.
fn has_command(catalog: &Catalog, words: &[String]) -> bool {
    !matches!(catalog.find_command(words), Ok(None))
}

/// The owner of the words of a command line.
pub(super) enum Owner<'a> {
    Host,
    Plugin(&'a Entry),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("used by the host"),
            Self::Plugin(entry) => write!(f, "used by plugin `{}`", name(entry)),
        }
    }
}

/// Returns whether `words` begin with a command's path, or are a prefix of one.
fn means(words: &[String], path: &[String]) -> bool {
    let n = words.len().min(path.len());
    n > 0 && words[..n] == path[..n]
}

pub(super) fn name(entry: &Entry) -> String {
    match (entry.key(), entry.path()) {
        (Some(key), _) => key.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "?".to_owned(),
    }
}

pub(super) fn unusable(entry: &Entry) -> CliError {
    let name = name(entry);
    match entry.reason() {
        Some(Reason::Disabled { by }) => {
            let error = CliError::new(Exit::Refused, format!("plugin `{name}` is disabled"));
            error.hint(explain::disabled(&by))
        }
        Some(reason) => {
            CliError::new(Exit::Refused, format!("plugin `{name}` is {}", entry.state()))
                .cause(&reason)
                .hint(explain::reason(&reason, entry.manifest()))
        }
        None => CliError::new(Exit::Refused, format!("plugin `{name}` has no key")),
    }
}

/// Returns whether a file was modified later than another one.
pub(super) fn is_newer(file: &Path, other: &Path) -> bool {
    let written = |it: &Path| it.metadata().and_then(|it| it.modified()).ok();
    written(file).zip(written(other)).is_some_and(|(file, other)| file > other)
}

/// The plugins with hooks on an event, and the errors of those that cannot run.
#[derive(Default)]
pub(super) struct Subscribers {
    pub(super) plugins: Vec<LoadedPlugin>,
    /// Why the event must not happen.
    pub(super) fault: Option<CliError>,
    /// Hooks without which the work is done, but not whole.
    pub(super) left_out: Vec<CliError>,
}

impl Subscribers {
    /// Adds a hook that cannot run. A hook before the work might have vetoed.
    fn add(&mut self, event: &str, err: CliError) {
        match event.starts_with("pre-") {
            true => drop(self.fault.get_or_insert(err)),
            false => self.left_out.push(err),
        }
    }
}
