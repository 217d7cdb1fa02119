//! The index: a file that says which plugins there are, and where.
//!
//! It is static: a local file, or one on a web server. Its texts come from strangers, so they are
//! limited in number and length, and have no control characters when they leave this module.

use crate::config::Config;
use crate::defaults::Defaults;
use crate::digest::Digest;
use crate::signature::{self, PublicKey, SignatureError};
use crate::source::FetchError;
use crate::source::http::Client;
use pintle_host::cli::Session;
use pintle_host::fs::{self, Mode};
use pintle_host::services::plain;
use pintle_host::{PluginName, Purpose};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use url::Url;

/// The version of the format.
const FORMAT: u32 = 1;
/// The largest index that is read.
const MAX_LEN: u64 = 16 * 1024 * 1024;
/// The most plugins that it can have.
const MAX_PLUGINS: usize = 50_000;
/// The most commands, subcommands or events of a plugin.
const MAX_NAMES: usize = 200;
/// The longest text.
const MAX_TEXT: usize = 500;
/// How long what was fetched is used again.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// A signature is far shorter.
const MAX_SIGNATURE: u64 = 64 * 1024;

/// What an index says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Index {
    /// The version of the format.
    pub format: u32,
    /// The plugins.
    pub plugins: Vec<Listed>,
}

/// A plugin in an index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// Its full name.
    pub name: String,
    /// Where it is installed from, as the user would type it.
    pub source: String,
    /// Its newest version.
    pub version: String,
    /// One line on it.
    #[serde(default)]
    pub description: String,
    /// Its commands, as `registry create`.
    #[serde(default)]
    pub commands: Vec<String>,
    /// The scaffolding subcommands that it takes part in.
    #[serde(default)]
    pub subcommands: Vec<String>,
    /// The events that it has hooks on.
    #[serde(default)]
    pub events: Vec<String>,
    /// Why it should not be used any more.
    #[serde(default)]
    pub deprecated: Option<String>,
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// None is configured.
    #[error("no index of plugins is configured")]
    None,
    /// It cannot be read.
    #[error("failed to read the index `{place}`")]
    Read {
        /// Where it is.
        place: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be fetched.
    #[error("failed to fetch the index `{place}`")]
    Fetch {
        /// Where it is.
        place: String,
        /// Why.
        source: FetchError,
    },
    /// It is not what this format allows.
    #[error("the index `{place}` is damaged: {what}")]
    Damaged {
        /// Where it is.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// It is not signed as it must be.
    #[error("the index `{place}` is not trusted")]
    Untrusted {
        /// Where it is.
        place: String,
        /// Why.
        source: Box<SignatureError>,
    },
    /// Its signature is missing.
    #[error("the index `{place}` has no signature `{place}.minisig`")]
    Unsigned {
        /// Where it is.
        place: String,
    },
    /// The key of the configuration is none.
    #[error("`index-key` of the configuration is not a key")]
    Key(#[source] signature::InvalidKey),
}

impl IndexError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::None => Some(
                "name one with `--index`, or as `index` in `plugins.toml` of the configuration"
                    .to_owned(),
            ),
            Self::Fetch { source, .. } => source.hint(),
            Self::Untrusted { .. } | Self::Unsigned { .. } => {
                Some("do not use it, and tell whoever publishes it".to_owned())
            }
            _ => None,
        }
    }
}

/// Where an index is, and the key that it must be signed with.
#[derive(Debug)]
pub(crate) struct Place {
    text: String,
    key: Option<PublicKey>,
    cache: Option<PathBuf>,
}

impl Place {
    /// Returns the index of the option, of the configuration, or of the host's makers.
    pub(crate) fn find(
        session: &Session<'_>,
        config: &Config,
        option: Option<&str>,
    ) -> Result<Self, IndexError> {
        let defaults = session.settings().defaults::<Defaults>();
        let of_makers = || Some((defaults?.index.clone()?, defaults?.index_key.clone()));
        let configured = config.index.clone().map(|it| (it, config.index_key.clone()));
        let (text, key) = match option {
            Some(option) => (option.to_owned(), config.index_key.clone()),
            None => configured.or_else(of_makers).ok_or(IndexError::None)?,
        };
        let key = key.map(|it| it.parse()).transpose().map_err(IndexError::Key)?;
        let cache = session.identity().dir(Purpose::Cache, &|it| std::env::var_os(it));
        Ok(Self { text, key, cache: cache.map(|it| it.join("index")) })
    }

    /// Returns whether it must be signed.
    pub(crate) fn is_signed(&self) -> bool {
        self.key.is_some()
    }

    /// Reads the index; `client` is asked for if it must be fetched.
    pub(crate) fn load<'c, E: From<IndexError>>(
        &self,
        client: impl FnOnce() -> Result<&'c Client, E>,
    ) -> Result<Index, E> {
        let Some(url) = self.url() else { return Ok(self.read_local()?) };
        if let Some(index) = self.cached(MAX_AGE) {
            return Ok(index);
        }
        Ok(self.fetch(client()?, &url)?)
    }

    /// Reads the index if that takes no network.
    pub(crate) fn known(&self) -> Option<Index> {
        match self.url() {
            Some(_) => self.cached(Duration::MAX),
            None => self.read_local().ok(),
        }
    }

    fn url(&self) -> Option<Url> {
        let is_address = self.text.starts_with("https://") || self.text.starts_with("http://");
        is_address.then(|| Url::parse(&self.text).ok()).flatten()
    }

    fn read_local(&self) -> Result<Index, IndexError> {
        let read = |path: &Path, limit| {
            fs::read_named(path, limit)
                .map(|it| it.bytes)
                .map_err(|err| IndexError::Read { place: self.text.clone(), source: err.into() })
        };
        let bytes = read(Path::new(&self.text), MAX_LEN)?;
        let signature = PathBuf::from(format!("{}.minisig", self.text));
        let signature = match self.key.is_some() && signature.exists() {
            true => Some(read(&signature, MAX_SIGNATURE)?),
            false => None,
        };
        self.verify(&bytes, signature.as_deref())?;
        parse(&self.text, &bytes)
    }

    fn fetch(&self, client: &Client, url: &Url) -> Result<Index, IndexError> {
        let failed = |source| IndexError::Fetch { place: self.text.clone(), source };
        let get = |url: &Url, limit| client.get(url, &HeaderMap::new(), limit).map_err(failed);
        let bytes = get(url, MAX_LEN)?.accept(url).map_err(failed)?.body;
        let mut signature = None;
        if self.key.is_some() {
            let mut address = url.clone();
            address.set_path(&format!("{}.minisig", url.path()));
            let answer = get(&address, MAX_SIGNATURE)?;
            signature = answer.is_success().then_some(answer.body);
        }
        self.verify(&bytes, signature.as_deref())?;
        let index = parse(&self.text, &bytes)?;
        if let Some(path) = self.cache_file() {
            // It is only a copy.
            let made = path.parent().map(std::fs::create_dir_all);
            let _ = made.map(|_| fs::replace(&path, &bytes, Mode::New(0o644)));
        }
        Ok(index)
    }

    fn verify(&self, bytes: &[u8], signature: Option<&[u8]>) -> Result<(), IndexError> {
        let Some(key) = &self.key else { return Ok(()) };
        let place = || self.text.clone();
        let signature = signature.ok_or_else(|| IndexError::Unsigned { place: place() })?;
        let text = String::from_utf8_lossy(signature);
        signature::verify(key, bytes, &text, &self.text)
            .map(drop)
            .map_err(|err| IndexError::Untrusted { place: place(), source: Box::new(err) })
    }

    /// Returns where a copy is kept: one that was verified with another key is another one.
    fn cache_file(&self) -> Option<PathBuf> {
        let key = self.key.as_ref().map(ToString::to_string).unwrap_or_default();
        let digest = Digest::of(format!("{}\n{key}", self.text).as_bytes()).hex();
        Some(self.cache.as_ref()?.join(format!("{}.json", &digest[..24])))
    }

    fn cached(&self, max_age: Duration) -> Option<Index> {
        let path = self.cache_file()?;
        let modified = path.metadata().and_then(|it| it.modified()).ok()?;
        // A clock that was put back makes it no younger.
        let age = SystemTime::now().duration_since(modified).unwrap_or(Duration::MAX);
        let bytes = fs::read_regular(&path, MAX_LEN).ok().filter(|_| age <= max_age)?.bytes;
        parse(&self.text, &bytes).ok()
    }
}

impl Index {
    /// Returns the plugins that have all words in their name, description or commands, the best
    /// known of them first: by their names.
    pub fn search(&self, words: &[&str]) -> Vec<&Listed> {
        let words: Vec<_> = words.iter().map(|it| it.to_lowercase()).collect();
        let has = |it: &&Listed| {
            let texts = [&it.name, &it.description].into_iter().chain(&it.commands);
            let texts = texts.chain(&it.subcommands).chain(&it.events);
            let texts: Vec<_> = texts.map(|it| it.to_lowercase()).collect();
            words.iter().all(|word| texts.iter().any(|it| it.contains(word.as_str())))
        };
        let mut found: Vec<_> = self.plugins.iter().filter(has).collect();
        found.sort_by(|left, right| left.name.cmp(&right.name));
        found
    }

    /// Returns the plugin with a name, which may be a short one that only one plugin has.
    pub fn named(&self, name: &str) -> Option<&Listed> {
        if let Some(found) = self.plugins.iter().find(|it| it.name == name) {
            return Some(found);
        }
        let is_short =
            |it: &&Listed| it.name.parse::<PluginName>().is_ok_and(|it| it.short() == name);
        let mut found = self.plugins.iter().filter(is_short);
        found.next().filter(|_| found.next().is_none())
    }

    /// Returns the plugins with a command that the words begin with.
    pub fn with_command(&self, words: &[String]) -> Vec<&Listed> {
        let begins = |command: &String| {
            let command: Vec<_> = command.split(' ').collect();
            words.len() >= command.len() && command.iter().zip(words).all(|(own, word)| own == word)
        };
        self.plugins.iter().filter(|it| it.commands.iter().any(begins)).collect()
    }
}

fn parse(place: &str, bytes: &[u8]) -> Result<Index, IndexError> {
    let damaged = |what: String| IndexError::Damaged { place: place.to_owned(), what };
    let mut index: Index = serde_json::from_slice(bytes).map_err(|err| damaged(err.to_string()))?;
    if index.format != FORMAT {
        return Err(damaged(format!("it has format {}, this host knows {FORMAT}", index.format)));
    }
    if index.plugins.len() > MAX_PLUGINS {
        return Err(damaged(format!("it has more than {MAX_PLUGINS} plugins")));
    }
    for plugin in &mut index.plugins {
        check(plugin).map_err(damaged)?;
    }
    Ok(index)
}

/// Checks the lengths of what is said of a plugin, and makes its texts fit for a terminal.
fn check(plugin: &mut Listed) -> Result<(), String> {
    let name = plain(&plugin.name).into_owned();
    if plugin.name.parse::<PluginName>().is_err() {
        return Err(format!("`{name}` is not the name of a plugin"));
    }
    for names in [&mut plugin.commands, &mut plugin.subcommands, &mut plugin.events] {
        if names.len() > MAX_NAMES {
            return Err(format!("plugin `{name}` has more than {MAX_NAMES} names of one kind"));
        }
        names.iter_mut().try_for_each(|it| clean(it, &name))?;
    }
    for text in [&mut plugin.source, &mut plugin.version, &mut plugin.description] {
        clean(text, &name)?;
    }
    plugin.deprecated.iter_mut().try_for_each(|it| clean(it, &name))
}

fn clean(text: &mut String, name: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT {
        return Err(format!("a text of plugin `{name}` is longer than {MAX_TEXT} bytes"));
    }
    *text = plain(text).into_owned();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{"format": 1, "later": true, "plugins": [
        {"name": "registry.pintle.dev", "source": "pintle-dev/registry", "version": "1.0.0",
         "description": "Registries beside clusters", "commands": ["registry create"], "x": 1},
        {"name": "license.pintle.dev", "source": "pintle-dev/license", "version": "1.0.0",
         "description": "A licence\u001b[31m", "subcommands": ["init"]},
        {"name": "license.example.org", "source": "acme/license", "version": "0.1.0"}]}"#;

    fn index() -> Index {
        parse("it", INDEX.as_bytes()).unwrap()
    }

    #[test]
    fn plugins_are_found_by_words_names_and_commands() {
        let index = index();
        let names = |found: Vec<&Listed>| -> Vec<String> {
            found.into_iter().map(|it| it.name.clone()).collect()
        };
        assert_eq!(names(index.search(&["CLUSTER", "registr"])), ["registry.pintle.dev"]);
        assert_eq!(names(index.search(&["license"])).len(), 2);
        assert_eq!(names(index.search(&[])).len(), 3);
        let words = ["registry", "create", "x"].map(ToOwned::to_owned);
        assert_eq!(names(index.with_command(&words)), ["registry.pintle.dev"]);
        assert!(index.with_command(&words[..1]).is_empty());
        assert_eq!(index.named("registry").unwrap().source, "pintle-dev/registry");
        assert_eq!(index.named("license"), None);
        assert_eq!(index.named("license.example.org").unwrap().source, "acme/license");
    }

    #[test]
    fn nothing_of_an_index_reaches_the_terminal_as_it_is() {
        assert!(!index().plugins[1].description.contains('\u{1b}'));
    }

    #[test]
    fn what_is_too_much_or_wrong_is_an_error() {
        let plugin = |more: &str| {
            format!(
                r#"{{"format": 1, "plugins": [{{"name": "a.b", "source": "a/b", "version": "1"{more}}}]}}"#
            )
        };
        let long = "x".repeat(MAX_TEXT + 1);
        let many = vec!["\"a\""; MAX_NAMES + 1].join(",");
        for (text, what) in [
            ("[]".to_owned(), "invalid"),
            (INDEX.replace("\"format\": 1", "\"format\": 2"), "format 2"),
            (plugin("").replace("a.b", "A!"), "is not the name"),
            (plugin(&format!(", \"description\": \"{long}\"")), "longer than"),
            (plugin(&format!(", \"commands\": [{many}]")), "more than 200"),
        ] {
            let err = parse("it", text.as_bytes()).unwrap_err().to_string();
            assert!(err.contains(what), "{err}");
        }
        parse("it", plugin("").as_bytes()).unwrap();
    }
}
