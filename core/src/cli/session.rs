//! One run of the host: what it knows already, and what it has loaded so far.

use super::global::Early;
use super::{CliError, Exit, Host, tree};
use crate::catalog::{Catalog, Entry, PluginKey, Rules, SearchPath, State};
use crate::lifecycle::TimeLimit;
use crate::services::{Console, Services};
use crate::transport::{self, LoadedPlugin};
use pintle_plugin::Level;
use pintle_plugin::message::Caller;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One run of the host.
///
/// The catalog is made when a command first needs it, and each plugin is loaded
/// once, when it is first called.
pub(super) struct Session<'a> {
    pub(super) host: &'a Host,
    pub(super) console: Arc<Console>,
    #[cfg(feature = "cluster")]
    engine: OnceCell<Arc<crate::engine::Lazy>>,
    early: Early,
    search: OnceCell<SearchPath>,
    rules: OnceCell<Rules>,
    catalog: OnceCell<Catalog>,
    loaded: RefCell<HashMap<PluginKey, LoadedPlugin>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(host: &'a Host, early: Early) -> Self {
        Self {
            host,
            console: Arc::new(Console::new()),
            #[cfg(feature = "cluster")]
            engine: OnceCell::new(),
            early,
            search: OnceCell::new(),
            rules: OnceCell::new(),
            catalog: OnceCell::new(),
            loaded: RefCell::default(),
        }
    }

    /// Returns what plugins get from the host.
    pub(super) fn services(&self) -> Services {
        let services = Services::new(Arc::clone(&self.console));
        #[cfg(feature = "cluster")]
        let services = services.with_containers(Arc::new(super::cluster::containers(self)));
        services
    }

    /// Returns the folders in which plugins are looked for.
    pub(super) fn search(&self) -> &SearchPath {
        self.search.get_or_init(|| {
            SearchPath::new(&self.host.identity, &self.early.plugin_dirs, &|it| {
                std::env::var_os(it)
            })
        })
    }

    /// Returns what the host demands of a plugin.
    pub(super) fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules {
            identity: self.host.identity.clone(),
            core_commands: tree::core_paths(self.host),
            disabled: self.disabled(),
            allow_panic_abort: self.early.allow_panic_abort || self.env_flag("ALLOW_PANIC_ABORT"),
        })
    }

    /// Returns the plugins that exist.
    pub(super) fn catalog(&self) -> &Catalog {
        self.catalog
            .get_or_init(|| Catalog::discover(self.search(), &self.host.linked, self.rules()))
    }

    /// Returns the callable form of a plugin that the catalog knows.
    ///
    /// # Errors
    ///
    /// When the plugin is refused, by the catalog or while it is loaded.
    pub(super) fn load(&self, entry: &Entry) -> Result<LoadedPlugin, CliError> {
        let Some(key) = entry.key().filter(|_| entry.is_usable()) else {
            return Err(unusable(entry));
        };
        if let Some(plugin) = self.loaded.borrow().get(key) {
            return Ok(plugin.clone());
        }
        let plugin = match (entry.linked(), entry.path()) {
            (Some(linked), _) => {
                let manifest = entry.manifest().cloned().unwrap_or_default();
                transport::link(*linked, key.clone(), manifest)
            }
            (None, Some(path)) => transport::load(path, self.rules())?,
            (None, None) => return Err(unusable(entry)),
        };
        self.loaded.borrow_mut().insert(key.clone(), plugin.clone());
        Ok(plugin)
    }

    /// Returns the plugins whose hooks subscribe to an event, of those that are wanted. One
    /// that cannot be loaded has no say, like one that the catalog refuses.
    pub(super) fn subscribers(
        &self,
        event: &str,
        wanted: &dyn Fn(&Entry) -> bool,
    ) -> Vec<LoadedPlugin> {
        let entries = self.catalog().subscribers(event).filter(|it| wanted(it));
        let load = |entry| match self.load(entry) {
            Ok(plugin) => Some(plugin),
            Err(err) => {
                let text = format!("a hook on `{event}` is left out: {err}");
                self.console.log(Level::Warn, &text);
                None
            }
        };
        entries.filter_map(load).collect()
    }

    /// Returns the engine, which is not looked for before it is needed.
    #[cfg(feature = "cluster")]
    pub(super) fn engine(&self) -> Arc<crate::engine::Lazy> {
        let make = || {
            // What makes no sense was told when the command began; see `time_limit`.
            let limit = self.time_limit("ENGINE_TIMEOUT").ok().flatten();
            Arc::new(crate::engine::Lazy::new(limit.unwrap_or(crate::engine::TIME_LIMIT)))
        };
        Arc::clone(self.engine.get_or_init(make))
    }

    /// Returns how long hooks may take, by the user's word or by default.
    pub(super) fn hook_time_limit(&self) -> Result<TimeLimit, CliError> {
        let mut limit = TimeLimit::default();
        if let Some(given) = self.time_limit("HOOK_TIMEOUT")? {
            limit.limit = given;
            limit.notice = limit.notice.min(given / 2);
        }
        Ok(limit)
    }

    /// Returns the duration that an environment variable of the host names.
    pub(super) fn time_limit(&self, suffix: &str) -> Result<Option<Duration>, CliError> {
        let variable = self.host.identity.env_var(suffix);
        let Some(text) = std::env::var_os(&variable).filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let text = text.to_string_lossy().into_owned();
        humantime::parse_duration(&text).map(Some).map_err(|err| {
            CliError::new(Exit::Usage, format!("`{text}` of {variable} is no duration"))
                .cause(&err)
                .hint("durations are `90s`, `5m`".to_owned())
        })
    }

    /// Returns why the command that `words` mean is not there: its plugin is refused or
    /// disabled.
    pub(super) fn set_aside(&self, words: &[String]) -> Option<CliError> {
        let mut entries = self.catalog().entries().iter();
        let entry = entries.find(|it| {
            matches!(it.state(), State::Refused | State::Disabled)
                && it.commands().iter().any(|it| means(words, &it.path))
        })?;
        Some(unusable(entry))
    }

    /// Returns who calls `plugin`.
    pub(super) fn caller(&self, plugin: &PluginKey) -> Caller {
        let mut caller = Caller::default();
        caller.host = self.host.identity.command_name.clone();
        caller.version = self.host.identity.version.clone();
        caller.plugin = plugin.to_string();
        caller
    }

    fn disabled(&self) -> Vec<PluginKey> {
        let var = std::env::var_os(self.host.identity.env_var("DISABLE_PLUGINS"));
        let var = var.unwrap_or_default().to_string_lossy().into_owned();
        let keys = self.early.disabled.iter().map(String::as_str).chain(var.split(','));
        let keys = keys.map(str::trim).filter(|it| !it.is_empty());
        keys.filter_map(|it| match it.parse() {
            Ok(key) => Some(key),
            Err(err) => {
                let text = format!("`{it}` disables no plugin: {err}");
                self.console.log(Level::Warn, &text);
                None
            }
        })
        .collect()
    }

    fn env_flag(&self, suffix: &str) -> bool {
        std::env::var_os(self.host.identity.env_var(suffix)).is_some_and(|it| it == "1")
    }
}

/// Returns whether `words` begin with a command's path, or are the nouns of one.
fn means(words: &[String], path: &[String]) -> bool {
    let n = words.len().min(path.len());
    n > 0 && words[..n] == path[..n]
}

fn unusable(entry: &Entry) -> CliError {
    let name = match (entry.key(), entry.path()) {
        (Some(key), _) => key.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "?".to_owned(),
    };
    let reason = entry.reason().unwrap_or_default();
    let text = match entry.state() {
        State::Disabled => format!("plugin `{name}` is disabled"),
        state => format!("plugin `{name}` is {state}: {reason}"),
    };
    CliError::new(Exit::Refused, text).hint(entry.hint())
}
