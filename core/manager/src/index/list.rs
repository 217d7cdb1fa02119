//! The content of an index.

use super::error::Invalid;
use crate::source::Spec;
use pintle_host::services::plain;
use pintle_host::{PluginKey, PluginName, PluginVersion};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The supported format of indexes.
pub const FORMAT: u32 = 1;
/// The largest index that is read, in bytes.
pub const MAX_LEN: u64 = 16 * 1024 * 1024;

/// The largest number of plugins in an index.
const MAX_PLUGINS: usize = 50_000;
/// The largest number of commands, subcommands and events of a plugin, each.
const MAX_ITEMS: usize = 1_000;
/// The longest text, in bytes.
const MAX_TEXT: usize = 1_000;
/// The characters that a source may contain besides letters and digits. None of them has a meaning
/// in a shell, because users copy the source from a hint.
const SOURCE_CHARS: &str = "-_./:@+~%=,\\";

/// A list of plugins, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Index {
    format: u32,
    plugins: Vec<Plugin>,
}

/// A plugin in an index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its full name.
    pub name: String,
    /// Its source, in the form that `plugin install` accepts, without a version.
    pub source: String,
    /// One line that describes its purpose.
    #[serde(default)]
    pub description: String,
    /// Its newest version.
    pub version: String,
    /// The commands that it provides, for example `registry create`.
    #[serde(default)]
    pub commands: Vec<String>,
    /// The scaffolding subcommands that it takes part in.
    #[serde(default)]
    pub subcommands: Vec<String>,
    /// The events that its hooks subscribe to.
    #[serde(default)]
    pub events: Vec<String>,
    /// Why it should no longer be used, and what to use instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
}

/// How words match the commands of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The words begin with a command.
    Command,
    /// A command begins with the words.
    Noun,
}

/// An index as it is in a file. Unknown fields are ignored, so that new ones can be added.
#[derive(Deserialize)]
struct File {
    format: u32,
    plugins: Vec<Plugin>,
}

/// The part of an index that all formats have.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

impl Index {
    /// Creates an index.
    ///
    /// # Errors
    ///
    /// A limit is exceeded, or a field of a plugin is malformed.
    pub fn new(mut plugins: Vec<Plugin>) -> Result<Self, Invalid> {
        if plugins.len() > MAX_PLUGINS {
            return Err(Invalid::Plugins { found: plugins.len(), limit: MAX_PLUGINS });
        }
        plugins.iter().try_for_each(check)?;
        plugins.sort_by(|left, right| left.name.cmp(&right.name));
        let mut names = HashSet::new();
        if let Some(it) = plugins.iter().find(|it| !names.insert(&it.name)) {
            return Err(Invalid::Twice { plugin: it.name.clone() });
        }
        Ok(Self { format: FORMAT, plugins })
    }

    /// Reads an index.
    ///
    /// # Errors
    ///
    /// It is not JSON with the expected structure, its format is unknown, a limit is exceeded, or a
    /// field of a plugin is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let expected = FORMAT;
        match serde_json::from_slice::<File>(bytes) {
            Ok(File { format: FORMAT, plugins }) => Self::new(plugins),
            Ok(File { format, .. }) => Err(Invalid::Format { found: format.into(), expected }),
            // Another format may have another structure.
            Err(err) => match serde_json::from_slice::<Head>(bytes) {
                Ok(Head { format }) if format != u64::from(FORMAT) => {
                    Err(Invalid::Format { found: format, expected })
                }
                _ => Err(Invalid::Json(err)),
            },
        }
    }

    /// Returns the text of a file with this index.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("lists of texts are always JSON") + "\n"
    }

    /// Makes the paths among the sources absolute, relative to `base`, the directory of the index.
    pub(super) fn resolve(&mut self, base: &Path) {
        for plugin in &mut self.plugins {
            if let Ok(Spec::Path(path)) = plugin.source.parse() {
                // Joining an absolute path leaves it unchanged.
                let path: PathBuf = base.join(path).components().collect();
                plugin.source = path.to_string_lossy().into_owned();
            }
        }
    }

    /// Checks that no plugin is a file on this machine.
    pub(super) fn check_remote(&self) -> Result<(), Invalid> {
        let is_path = |it: &&Plugin| matches!(it.source.parse(), Ok(Spec::Path(_)));
        match self.plugins.iter().find(is_path) {
            Some(it) => {
                let problem = format!("is a path, but the index is not a file: `{}`", it.source);
                Err(Invalid::Field { plugin: it.name.clone(), field: "source", problem })
            }
            None => Ok(()),
        }
    }

    /// Returns the plugins, sorted by name.
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// Returns the plugins that have all of the words in their name, description or commands,
    /// regardless of case. Those with all of them in their name come first.
    pub fn search(&self, words: &[&str]) -> Vec<&Plugin> {
        let words: Vec<_> = words.iter().map(|it| it.to_lowercase()).collect();
        let has_all = |text: &str| {
            let text = text.to_lowercase();
            words.iter().all(|it| text.contains(it))
        };
        let text =
            |it: &Plugin| format!("{}\n{}\n{}", it.name, it.description, it.commands.join("\n"));
        let (mut named, others): (Vec<_>, Vec<_>) =
            self.plugins.iter().filter(|it| has_all(&text(it))).partition(|it| has_all(&it.name));
        named.extend(others);
        named
    }

    /// Returns the plugins that a name refers to: the one with this name, or those with this short
    /// name.
    pub fn named(&self, name: &str) -> Vec<&Plugin> {
        let Ok(asked) = name.parse::<PluginName>() else { return Vec::new() };
        let asked = PluginKey::new(asked, None);
        let is_meant = |it: &&Plugin| it.name.parse().is_ok_and(|it| asked.matches_name(&it));
        self.plugins.iter().filter(is_meant).collect()
    }

    /// Returns the plugins that provide the command with which the words begin; if there are none,
    /// those with a longer command.
    pub fn with_command(&self, words: &[String]) -> Option<(Match, Vec<&Plugin>)> {
        let typed = words.join(" ");
        let begins = |text: &str, with: &str| {
            text.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let having = |is_meant: &dyn Fn(&str) -> bool| -> Vec<&Plugin> {
            let plugins = self.plugins.iter();
            plugins.filter(|it| it.commands.iter().any(|it| is_meant(it))).collect()
        };
        let exact = having(&|command| begins(&typed, command));
        let (found, how) = match exact.is_empty() {
            true => (having(&|command| begins(command, &typed)), Match::Noun),
            false => (exact, Match::Command),
        };
        (!found.is_empty() && !typed.is_empty()).then_some((how, found))
    }
}

fn check(plugin: &Plugin) -> Result<(), Invalid> {
    let wrong = |field, problem: String| {
        let name: String = plain(&plugin.name).chars().take(100).collect();
        Err(Invalid::Field { plugin: name, field, problem })
    };
    let texts = [
        ("name", &plugin.name),
        ("source", &plugin.source),
        ("description", &plugin.description),
        ("version", &plugin.version),
    ];
    let deprecated = plugin.deprecated.iter().map(|it| ("deprecation", it));
    let lists = [
        ("commands", &plugin.commands),
        ("subcommands", &plugin.subcommands),
        ("events", &plugin.events),
    ];
    for (field, list) in lists {
        if list.len() > MAX_ITEMS {
            return wrong(field, format!("are {}, but the limit is {MAX_ITEMS}", list.len()));
        }
        if list.iter().any(|it| it.trim().is_empty()) {
            return wrong(field, "contain an empty one".to_owned());
        }
    }
    let items = lists.into_iter().flat_map(|(field, list)| list.iter().map(move |it| (field, it)));
    for (field, text) in texts.into_iter().chain(deprecated).chain(items) {
        if text.len() > MAX_TEXT {
            return wrong(field, format!("has {} bytes, but the limit is {MAX_TEXT}", text.len()));
        }
        if text.contains(char::is_control) {
            return wrong(field, "contains control characters".to_owned());
        }
    }
    if !plugin.name.parse::<PluginName>().is_ok_and(|it| it.is_qualified()) {
        return wrong(
            "name",
            "is not a full plugin name, for example `hello.example.org`".to_owned(),
        );
    }
    if plugin.version.parse::<PluginVersion>().is_err() {
        return wrong("version", format!("is invalid: `{}`", plugin.version));
    }
    if !is_source(&plugin.source) {
        return wrong(
            "source",
            format!("is not a valid source without a version: `{}`", plugin.source),
        );
    }
    Ok(())
}

/// Returns whether a text is a source, and cannot be interpreted as anything else on a command
/// line.
fn is_source(text: &str) -> bool {
    let is_allowed = |it: char| it.is_alphanumeric() || SOURCE_CHARS.contains(it);
    // A bare word would be looked up in the index again.
    text.contains(['/', '\\'])
        && !text.starts_with('-')
        && text.chars().all(is_allowed)
        && text.parse::<Spec>().is_ok_and(|it| it.version().is_none())
}
