//! The common basis of all commands of the manager: the user's store, and the sources.

use crate::asking;
use crate::config::Config;
use crate::defaults::Defaults;
use crate::errors::{failed, usage};
use crate::index;
use crate::install::{Consent, Demand, Installed, Installer, Source};
use crate::lockfile::Locked;
use crate::origin::{
    GitHubOrigin, LocalOrigin, MirrorOrigin, OciOrigin, Origin, UrlOrigin, Wanted, sweep,
};
use crate::source::github::{self, GitHub, Tokens};
use crate::source::http::{Client, Options};
use crate::source::spec::{OciSpec, Spec, shown};
use crate::store::{LockedStore, Place, Store, Stored};
use crate::user_dir::user_dir;
use pintle_host::caller;
use pintle_host::cli::{CliError, Session, check_trusted};
use pintle_host::{PluginKey, PluginName, Purpose};
use pintle_plugin::Level;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an anonymous answer of GitHub is reused.
const MAX_AGE: Duration = Duration::from_secs(300);

/// The manager of one run of the host.
pub(crate) struct Manager<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) config: Config,
    root: PathBuf,
    client: OnceCell<Client>,
    api: Option<String>,
    mirror: Option<Mirror>,
    is_offline: bool,
}

impl<'a> Manager<'a> {
    pub(crate) fn new(session: &'a Session<'a>) -> Result<Self, CliError> {
        check_trusted("the user's plugin directory")?;
        let config = Config::load(session.identity())?;
        let root = user_dir(session).ok_or_else(|| {
            failed("the user has no plugin directory")
                .hint("set `HOME` or `XDG_DATA_HOME`".to_owned())
        })?;
        let client = OnceCell::new();
        Ok(Self { session, config, root, client, api: None, mirror: None, is_offline: false })
    }

    /// Takes releases only from a mirror.
    pub(crate) fn with_mirror(self, mirror: Option<&str>) -> Result<Self, CliError> {
        Ok(Self { mirror: mirror.map(Mirror::parse).transpose()?, ..self })
    }

    /// Queries a server other than GitHub's own.
    pub(crate) fn with_api(self, api: Option<String>) -> Self {
        Self { api, ..self }
    }

    /// Disables the network.
    pub(crate) fn offline(self, is_offline: bool) -> Self {
        Self { is_offline, ..self }
    }

    /// Opens the store for reading.
    pub(crate) fn store(&self) -> Result<Option<Store>, CliError> {
        Ok(Store::open(&self.root)?)
    }

    /// Opens the store for changes.
    pub(crate) fn lock(&self) -> Result<LockedStore, CliError> {
        let console = self.session.console();
        Ok(Store::lock(&self.root, &mut |holder| {
            console.log(Level::Info, &format!("waiting for {holder}, which is changing plugins"));
        })?)
    }

    /// Returns the plugins in the store.
    pub(crate) fn plugins(&self) -> Result<Vec<Stored>, CliError> {
        match self.store()? {
            Some(store) => Ok(store.plugins()?),
            None => Ok(Vec::new()),
        }
    }

    /// Finds the plugin in the store that the user means, by its key, its name or its source.
    pub(crate) fn find(&self, store: &Store, text: &str) -> Result<Stored, CliError> {
        let plugins = store.plugins()?;
        let key: Option<PluginKey> = text.parse().ok();
        let is_meant = |it: &Stored| {
            it.place.to_string() == text
                || it.latest().is_some_and(|(_, receipt)| {
                    receipt.source == text
                        || key
                            .as_ref()
                            .zip(receipt.key())
                            .is_some_and(|(asked, own)| asked.matches_name(own.name()))
                })
        };
        let mut found: Vec<_> = plugins.into_iter().filter(is_meant).collect();
        match (found.pop(), found.pop()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) => {
                let text = format!("`{text}` is ambiguous: `{}`, `{}`", one.place, other.place);
                Err(CliError::new(pintle_host::cli::Exit::Ambiguous, text))
            }
            _ => Err(self.not_found(text, key.as_ref())),
        }
    }

    fn not_found(&self, text: &str, key: Option<&PluginKey>) -> CliError {
        let text = shown(text);
        let elsewhere = key.and_then(|it| self.session.catalog().resolve(it, None).ok());
        match elsewhere.and_then(|it| it.path()) {
            Some(path) => failed(format!(
                "plugin `{text}` is `{}`, which was not installed by this command",
                path.display()
            ))
            .hint(
                "change it with the program that installed it; if you have copied it there, \
                 replace or remove the file"
                    .to_owned(),
            ),
            None => {
                let name = &self.session.identity().command_name;
                failed(format!("plugin `{text}` is not installed"))
                    .hint(format!("run `{name} plugin list` to list the plugins"))
            }
        }
    }

    /// Parses a source. A single word means a first-party plugin of the host.
    pub(crate) fn spec(&self, text: &str) -> Result<Spec, CliError> {
        let err = match parse(text) {
            // Neither silently takes precedence: one may be a stranger's.
            Ok(spec @ Spec::GitHub { .. }) if Path::new(text).is_file() => {
                let message = format!("`{text}` is a file, but also names a GitHub repository");
                return Err(usage(message)
                    .hint(format!("use `./{text}` for the file, or `github.com/{spec}`")));
            }
            Ok(spec) => return Ok(spec),
            Err(err) => err,
        };
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (text, None),
        };
        if name.parse::<PluginName>().is_ok()
            && let Some(source) = self.source_of(name)?
        {
            let spec = match (parse(&source)?, version) {
                (spec, None) => spec,
                (Spec::GitHub { owner, repo, .. }, version) => {
                    Spec::GitHub { owner, repo, version }
                }
                (Spec::Oci(spec), tag) => Spec::Oci(OciSpec { tag, ..spec }),
                (_, Some(version)) => {
                    let source = shown(&source);
                    let text =
                        format!("`{source}` is a single file, and has no version `{version}`");
                    return Err(usage(text).hint(format!("omit `@{version}`")));
                }
            };
            self.session
                .console()
                .log(Level::Info, &format!("`{text}` is `{}`", shown(&spec.to_string())));
            return Ok(spec);
        }
        let is_word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '@' | '.');
        let defaults = self.session.settings().defaults::<Defaults>();
        match defaults.and_then(|it| it.owner.as_ref()) {
            Some(owner) if text.chars().all(is_word) => {
                let source = format!("{owner}/{text}");
                self.session.console().log(Level::Info, &format!("`{text}` is `{source}`"));
                parse(&source)
            }
            _ if self.config.index.is_some() && name.parse::<PluginName>().is_ok() => {
                let command = &self.session.identity().command_name;
                let text = format!("unknown plugin `{name}`: it is not in the plugin index");
                Err(usage(text).hint(format!(
                    "run `{command} plugin search` to list the available plugins, or specify a \
                     source"
                )))
            }
            _ => Err(err),
        }
    }

    /// Returns the source that the user has typed.
    pub(crate) fn source(&self, spec: &Spec) -> Result<Source<'_>, CliError> {
        let place = Place { owner: spec.owner(), repo: spec.repo() };
        let text = spec.source();
        let offline = || {
            let text = shown(&text);
            let text = format!("`{text}` is not in the store, and network access is disabled");
            failed(text).hint("specify a mirror with `--from`, or omit `--offline`".to_owned())
        };
        let partial = || self.cache("partial").inspect(|it| sweep(it));
        let origin: Box<dyn Origin + '_> = match (&self.mirror, spec) {
            (Some(Mirror::Dir(root)), _) => Box::new(MirrorOrigin::new(root, place.clone())),
            (None, Spec::Path(path)) => Box::new(LocalOrigin::new(path)),
            _ if self.is_offline => return Err(offline()),
            (Some(Mirror::Oci(mirror)), _) => {
                let spec = mirrored(mirror, &place);
                Box::new(OciOrigin::new(self.client()?, &spec, partial())?)
            }
            (None, Spec::GitHub { owner, repo, .. }) => Box::new(GitHubOrigin {
                github: self.github()?,
                repo: format!("{owner}/{repo}"),
                partial: partial(),
            }),
            (None, Spec::Url(url)) => {
                let client = self.client()?;
                Box::new(UrlOrigin { client, url: url.clone(), partial: partial() })
            }
            (None, Spec::Oci(spec)) => Box::new(OciOrigin::new(self.client()?, spec, partial())?),
        };
        Ok(Source { text, place, origin })
    }

    /// Returns the location of the plugin index, from the command line or the configuration.
    pub(crate) fn index_place(
        &self,
        named: Option<&str>,
    ) -> Result<Option<index::Place>, CliError> {
        let identity = self.session.identity();
        let path = Config::path(identity);
        let defaults = self.session.settings().defaults::<Defaults>();
        let of_makers = defaults.and_then(|it| Some((it.index.as_ref()?, &it.index_key)));
        let own_key = self.config.index_key.clone();
        let (text, base, key) = match (named, &self.config.index, of_makers) {
            (Some(text), ..) => (text, None, own_key),
            (None, Some(text), _) => (&**text, path.as_deref().and_then(Path::parent), own_key),
            (None, None, Some((text, None))) => (&**text, None, None),
            (None, None, Some((text, Some(key)))) => {
                let key = key
                    .parse()
                    .map_err(|err| CliError::from_error(pintle_host::cli::Exit::Usage, &err))?;
                (&**text, None, Some(key))
            }
            (None, None, None) => return Ok(None),
        };
        let cache = identity.dir(Purpose::Cache, &caller::var_os);
        let cache = cache.map(|it| it.join("index"));
        Ok(Some(index::Place::new(text, base, key, cache)?))
    }

    /// Reads the plugin index, from the command line or the configuration.
    pub(crate) fn index(&self, named: Option<&str>) -> Result<Option<index::Loaded>, CliError> {
        let Some(place) = self.index_place(named)? else { return Ok(None) };
        let server = place.server().filter(|_| !self.is_offline);
        let client = server.as_ref().map(|_| self.client()).transpose()?;
        let servers = server.into_iter().collect();
        let loaded = asking::patiently(self.session.console(), servers, || place.load(client))?;
        if let Some(err) = &loaded.stale {
            let text = format!("{err}: the plugin index may be outdated");
            self.session.console().log(Level::Warn, &text);
        }
        Ok(Some(loaded))
    }

    /// Returns the source of a plugin according to the index.
    pub(crate) fn source_of(&self, name: &str) -> Result<Option<String>, CliError> {
        let Some(loaded) = self.index(None)? else { return Ok(None) };
        match loaded.index.named(name)[..] {
            [] => Ok(None),
            [plugin] => Ok(Some(plugin.source.clone())),
            ref several => {
                let names: Vec<_> = several.iter().map(|it| format!("`{}`", it.name)).collect();
                let text =
                    format!("`{name}` is ambiguous in the plugin index: {}", names.join(", "));
                Err(CliError::new(pintle_host::cli::Exit::Ambiguous, text)
                    .hint("use the full name of the plugin that you want".to_owned()))
            }
        }
    }

    pub(crate) fn client(&self) -> Result<&Client, CliError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let identity = self.session.identity();
        let options = Options::new(&identity.command_name, &identity.version);
        let client = Client::new(options, &env).map_err(crate::origin::OriginError::from)?;
        Ok(self.client.get_or_init(|| client))
    }

    fn github(&self) -> Result<GitHub<'_>, CliError> {
        let prefix = self.session.identity().env_var("");
        let prefix = prefix.trim_end_matches('_');
        let api = github::api_address(self.api.as_deref(), prefix, &env);
        let github = GitHub::new(self.client()?, &api, Tokens::read(&env))
            .map_err(crate::origin::OriginError::from)?;
        Ok(match self.cache("github") {
            Some(dir) => github.cached_in(dir, MAX_AGE),
            None => github,
        })
    }

    fn cache(&self, name: &str) -> Option<PathBuf> {
        let dir = self.session.identity().dir(Purpose::Cache, &caller::var_os)?;
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).ok().map(|()| dir)
    }

    /// Returns the release to use if none is specified.
    pub(crate) fn newest(&self, pre_releases: bool) -> Wanted {
        Wanted { version: None, pre_releases, minimum_age: self.config.minimum_release_age }
    }

    /// Installs exactly the version in a lock file, unless it is in the store already, and returns
    /// the directory of the version.
    pub(crate) fn install_locked(
        &self,
        store: &LockedStore,
        name: &str,
        locked: &Locked,
        consent: &Consent,
        is_visible: bool,
    ) -> Result<(Place, Option<Installed>, String), CliError> {
        let spec: Spec = parse(&locked.source)?;
        let place = Place { owner: spec.owner(), repo: spec.repo() };
        let target = pintle_plugin::manifest::TARGET;
        if let Some(stored) = store.plugin(&place)? {
            let found =
                stored.versions.iter().find(|(_, it)| it.name == name && locked.fits(it, target));
            if let Some((version, _)) = found {
                if is_visible && stored.current.as_ref() != Some(version) {
                    store.switch(&place, version)?;
                }
                return Ok((place, None, version.clone()));
            }
        }
        let source = self.source(&spec)?;
        let expected = Some((name, &*locked.version));
        let demand = Demand { locked: Some(locked), expected, is_visible, ..Demand::default() };
        // The URLs in the lock file do not apply to files in a mirror.
        let wanted = Wanted {
            version: Some(locked.tag.clone().unwrap_or_else(|| locked.version.clone())),
            ..Wanted::default()
        };
        let demand = Demand { wanted, is_mirrored: self.mirror.is_some(), ..demand };
        let done = Installer { session: self.session, store, consent }.install(&source, &demand)?;
        let version = done.version.clone();
        Ok((place, Some(done), version))
    }
}

/// Where releases are copied to, and installed from.
#[derive(Debug)]
pub(crate) enum Mirror {
    /// A directory.
    Dir(PathBuf),
    /// A registry, with the beginning of its repository names.
    Oci(OciSpec),
}

impl Mirror {
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        if !text.starts_with("oci://") {
            return Ok(Self::Dir(std::path::absolute(text).unwrap_or_else(|_| text.into())));
        }
        match parse(text)? {
            Spec::Oci(spec) if spec.tag.is_none() && spec.digest.is_none() => Ok(Self::Oci(spec)),
            _ => Err(usage(format!(
                "`{text}` names a tag or a digest, not a location for repositories"
            ))),
        }
    }
}

/// Returns the repository of a plugin in a mirror that is a registry. Repository names contain no
/// upper-case letters.
pub(crate) fn mirrored(mirror: &OciSpec, place: &Place) -> OciSpec {
    let repository = format!("{}/{}/{}", mirror.repository, place.owner, place.repo);
    OciSpec { repository: repository.to_ascii_lowercase(), ..mirror.clone() }
}

/// Parses a source that the user has typed.
pub(crate) fn parse(text: &str) -> Result<Spec, CliError> {
    text.parse::<Spec>()
        .map_err(|err| CliError::from_error(pintle_host::cli::Exit::Usage, &err).hint(err.hint()))
}

fn env(name: &str) -> Option<String> {
    caller::var(name)
}
