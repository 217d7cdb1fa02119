//! What the catalog knows about one plugin.

use super::clash::Clash;
use super::contributions::{Contributions, HelpLine, RawLine, is_one};
use super::examine::{Examined, examine_file};
use super::file::{FileError, FileId, RegularFile, Stamp};
use super::foreign::{Endpoint, ForeignPlugin};
use super::index::{Known, LayoutVerdict};
use super::key::PluginKey;
use super::lazy_manifest::LazyManifest;
use super::manifest_view::ManifestView;
use super::project_version::ProjectVersion;
use super::reason::Reason;
use super::refusal::Refusal;
use super::requirements;
use super::rules::{Disabled, Rules};
use super::transport::Transport;
use super::version::PluginVersion;
use crate::causes::with_causes;
use pintle_plugin::LinkedPlugin;
use pintle_plugin::manifest::{Manifest, ManifestCommand};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Whether a plugin can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be used.
    Ok,
    /// It can be used, but some of its commands only with its key.
    Conflict,
    /// It was already found in an earlier place, and that one is used.
    Shadowed,
    /// The user has disabled it.
    Disabled,
    /// It is not a plugin that this host can run.
    Refused,
}

impl State {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Conflict => "conflict",
            Self::Shadowed => "shadowed",
            Self::Disabled => "disabled",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A plugin, or a file that should be one, in a [`Catalog`](super::Catalog).
///
/// The data of the index becomes a path, a key or a reason only when it is needed: listings have
/// thousands of entries and need little of each.
pub struct Entry {
    known: Option<Known>,
    path: OnceLock<Option<PathBuf>>,
    is_link: bool,
    transport: Transport,
    key: OnceLock<Option<Box<PluginKey>>>,
    manifest: LazyManifest,
    contributions: Contributions,
    /// Why it cannot be used, if that is not part of the index.
    verdict: Option<Box<Reason>>,
    /// The data of the index about it.
    remembered: OnceLock<Box<Reason>>,
    pub(super) id: Option<FileId>,
    pub(super) is_current: bool,
    rare: Option<Box<Rare>>,
}

/// What few entries have. With thousands of entries, each must be small.
#[derive(Default)]
struct Rare {
    linked: Option<LinkedPlugin>,
    endpoint: Option<Arc<dyn Endpoint>>,
    clashes: Vec<Clash>,
    copies: Vec<PathBuf>,
}

impl Entry {
    /// Returns the plugin's full name and version, if they are known.
    pub fn key(&self) -> Option<&PluginKey> {
        let known = || self.known.as_ref().and_then(Known::key).map(Box::new);
        self.key.get_or_init(known).as_deref()
    }

    /// Returns the bytes of the plugin's full name, if it is known.
    pub(super) fn raw_name(&self) -> Option<&[u8]> {
        match &self.known {
            Some(known) => known.name(),
            None => self.key().map(|it| it.name().as_str().as_bytes()),
        }
    }

    /// Returns the key as it is written, if it is known.
    pub(crate) fn raw_key(&self) -> Option<Cow<'_, [u8]>> {
        match &self.known {
            Some(known) => known.raw_key().map(Cow::from),
            None => self.key().map(|it| it.to_string().into_bytes().into()),
        }
    }

    /// Returns whether its texts are as wide as they have bytes, and can be shown as they are;
    /// false if that is not known.
    pub(crate) fn is_plain(&self) -> bool {
        self.known.as_ref().is_some_and(Known::is_plain)
    }

    /// Returns the plugin's manifest, if it could be read.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.get()
    }

    /// Returns the plugin's file; a linked plugin has none.
    pub fn path(&self) -> Option<&Path> {
        let known = || self.known.as_ref().map(Known::path);
        self.path.get_or_init(known).as_deref()
    }

    /// Returns whether the plugin's file can be a symbolic link; no other file has a target.
    pub fn is_link(&self) -> bool {
        self.is_link
    }

    /// Returns how the host reaches the plugin.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the plugin itself, if it is a part of the program.
    pub fn linked(&self) -> Option<&LinkedPlugin> {
        self.rare.as_ref()?.linked.as_ref()
    }

    /// Returns what answers the plugin's calls, if it is not a library of this interface.
    pub fn endpoint(&self) -> Option<&Arc<dyn Endpoint>> {
        self.rare.as_ref()?.endpoint.as_ref()
    }

    /// Returns whether the plugin can be used.
    pub fn state(&self) -> State {
        match self.verdict.as_deref() {
            None if self.is_remembered_as_refused() => State::Refused,
            None if self.clashes().is_empty() => State::Ok,
            None | Some(Reason::Clashes(_)) => State::Conflict,
            Some(Reason::Refused(_)) => State::Refused,
            Some(Reason::SameFile { .. } | Reason::AlreadyFound { .. } | Reason::Locked { .. }) => {
                State::Shadowed
            }
            Some(Reason::Disabled { .. }) => State::Disabled,
        }
    }

    /// Returns why the plugin is in its state, if the state is not [`State::Ok`].
    pub fn reason(&self) -> Option<Reason> {
        let clashes = || Reason::Clashes(self.clashes().to_vec());
        let verdict = self.verdict.as_deref().or_else(|| self.remembered());
        verdict.cloned().or_else(|| (!self.clashes().is_empty()).then(clashes))
    }

    /// Returns the same as text, with all causes.
    pub(crate) fn raw_reason(&self) -> Option<Cow<'_, [u8]>> {
        match &self.known {
            Some(known) if self.verdict.is_none() && known.is_refused() => {
                Some(known.refusal().into())
            }
            _ if self.state() == State::Ok => None,
            _ => self.reason().map(|it| with_causes(&it).into_bytes().into()),
        }
    }

    fn is_remembered_as_refused(&self) -> bool {
        self.known.as_ref().is_some_and(Known::is_refused)
    }

    fn remembered(&self) -> Option<&Reason> {
        let known = self.known.as_ref().filter(|it| it.is_refused())?;
        Some(self.remembered.get_or_init(|| {
            let text = String::from_utf8_lossy(known.refusal()).into_owned();
            let path = known.path();
            Box::new(Reason::Refused(Arc::new(Refusal::Remembered { text, path })))
        }))
    }

    /// Returns why the plugin was refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self.verdict.as_deref().or_else(|| self.remembered()) {
            Some(Reason::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Returns whether the plugin can be run. A plugin with conflicting commands can be run: by its
    /// other commands and by its key.
    pub fn is_usable(&self) -> bool {
        self.verdict.is_none() && !self.is_remembered_as_refused()
    }

    /// Returns whether this is the version of its plugin whose commands and hooks are used.
    ///
    /// That is the highest usable stable version, or the highest pre-release if there are only
    /// pre-releases: a user who installs only a pre-release wants to use it.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// Returns the plugin's version, if it is known.
    pub fn version(&self) -> Option<PluginVersion> {
        self.key()?.exact_version()
    }

    /// Returns whether the plugin supports a version of the PROJECT file. A plugin that names no
    /// version does not scaffold, and is compatible with every version.
    pub fn supports(&self, project: &ProjectVersion) -> bool {
        let mut versions = self.project_versions().peekable();
        versions.peek().is_none() || versions.any(|it| it == *project)
    }

    /// Returns the versions of the PROJECT file that the plugin supports.
    pub fn project_versions(&self) -> impl Iterator<Item = ProjectVersion> {
        let versions = self.manifest().into_iter().flat_map(|it| &it.project_versions);
        versions.filter_map(|it| it.parse().ok())
    }

    /// Returns the plugin's commands, whether they can be called or not.
    pub fn commands(&self) -> &[ManifestCommand] {
        &self.contributions.decoded().commands
    }

    /// Returns the scaffolding subcommands that the plugin takes part in.
    pub fn subcommands(&self) -> &[String] {
        &self.contributions.decoded().subcommands
    }

    /// Returns the events that the plugin's hooks subscribe to.
    pub fn events(&self) -> &[String] {
        &self.contributions.decoded().events
    }

    /// Returns the interfaces of embedding programs that the plugin implements.
    pub fn interfaces(&self) -> &[String] {
        &self.contributions.decoded().interfaces
    }

    /// Returns whether words are one of the commands, or a prefix of one, or begin with one.
    pub(crate) fn has_words(&self, words: &[u8]) -> bool {
        self.contributions.raw_lines().any(|it| is_one(it.words, words))
    }

    /// Returns the plugin's commands without converting them.
    pub(super) fn lines(&self) -> impl Iterator<Item = HelpLine<'_>> + Clone {
        self.contributions.lines()
    }

    /// Returns the plugin's commands, as bytes.
    pub(super) fn raw_lines(&self) -> impl Iterator<Item = RawLine<'_>> + Clone {
        self.contributions.raw_lines()
    }

    /// Returns the nouns that the plugin has help for, as bytes.
    pub(super) fn raw_nouns(&self) -> impl Iterator<Item = RawLine<'_>> {
        self.contributions.raw_nouns()
    }

    /// Returns what the plugin provides, as listings show it: its commands, its subcommands and
    /// interfaces, and the number of events that its hooks subscribe to.
    pub(crate) fn brought(&self) -> Cow<'_, [u8]> {
        if let Some(known) = &self.known {
            return known.brought().into();
        }
        let own = &self.contributions;
        let names = own.raw_lines().map(|it| it.words).chain(own.raw_others());
        let names = names.collect::<Vec<_>>().join(&b", "[..]);
        let events = match own.n_events() {
            0 => String::new(),
            1 => "1 event".to_owned(),
            n => format!("{n} events"),
        };
        let parts = [names, events.into_bytes()].into_iter().filter(|it| !it.is_empty());
        let parts = parts.collect::<Vec<_>>();
        if parts.is_empty() { b"-".into() } else { parts.join(&b"; "[..]).into() }
    }

    /// Returns the nouns that the plugin has help for, without converting them.
    pub(super) fn noun_lines(&self) -> impl Iterator<Item = HelpLine<'_>> {
        self.contributions.noun_lines()
    }

    /// Returns the events that the plugin's hooks subscribe to, without converting them.
    pub(super) fn hooked_events(&self) -> impl Iterator<Item = &str> {
        self.contributions.events()
    }

    /// Returns what the plugin contributes, as the index has it.
    pub(super) fn contributed(&self) -> &[u8] {
        self.contributions.bytes()
    }

    /// Returns the JSON of the plugin's manifest, if it could be read.
    pub(super) fn manifest_json(&self) -> Cow<'_, [u8]> {
        self.manifest.json()
    }

    /// Returns the deprecation notice of the plugin, if there is one.
    pub fn deprecated(&self) -> Option<&str> {
        match &self.known {
            Some(known) if !known.is_deprecated() => None,
            _ => self.contributions.deprecated(),
        }
    }

    /// Returns what is known of the layout of the plugin's root module.
    pub(crate) fn layout(&self) -> Option<LayoutVerdict> {
        self.known.as_ref().and_then(Known::layout)
    }

    /// Returns whether a file that has just been examined is the plugin that was listed: the same
    /// version of the same plugin, with the same contributions.
    pub(crate) fn is_same_as(&self, found: &Examined) -> bool {
        self.key() == Some(&found.key) && self.contributions == Contributions::from(&found.manifest)
    }

    /// Examines a file.
    pub(super) fn from_file(
        path: PathBuf,
        is_link: bool,
        opened: Result<RegularFile, FileError>,
        rules: &Rules,
    ) -> Self {
        let found = examine_file(opened, rules);
        let mut entry = Self {
            path: Some(path).into(),
            is_link,
            manifest: found.manifest,
            contributions: found.contributions,
            id: found.id,
            ..Self::new(Transport::Native)
        };
        match found.refusal {
            None => entry.accept(found.key, rules),
            Some(refusal) => {
                // If its contributions are known, an error for one of its commands can be better
                // than "unknown command".
                entry.contributions = entry.manifest().map(Contributions::from).unwrap_or_default();
                entry.refuse(found.key, refusal, rules);
            }
        }
        entry
    }

    /// Creates the entry of a file that is known from the last search.
    pub(super) fn from_index(is_link: bool, stamp: &Stamp, known: Known, rules: &Rules) -> Self {
        let mut entry = Self::of(Transport::Native, Some(known));
        entry.is_link = is_link;
        entry.id = stamp.file_id();
        entry.verdict = entry.disabled(rules).map(Box::new);
        entry
    }

    /// Creates the entry of a plugin that is part of the program.
    pub(super) fn from_linked(plugin: LinkedPlugin, rules: &Rules) -> Self {
        let mut entry = Self::new(Transport::Linked);
        entry.rare().linked = Some(plugin);
        match Manifest::parse(plugin.manifest().as_bytes()) {
            Ok(manifest) => entry.judge(manifest, rules),
            Err(source) => entry.refuse(None, Refusal::Manifest { source }, rules),
        }
        entry
    }

    /// Creates the entry of a plugin that is not a library of this interface.
    pub(super) fn from_foreign(plugin: ForeignPlugin, rules: &Rules) -> Self {
        let mut entry = Self::new(plugin.transport);
        entry.path = Some(plugin.path).into();
        match plugin.found {
            Ok((manifest, endpoint)) => {
                entry.rare().endpoint = Some(endpoint);
                entry.judge(manifest, rules);
            }
            Err(source) => entry.refuse(None, Refusal::Foreign { source }, rules),
        }
        entry
    }

    /// Creates an entry from a manifest without a plugin.
    pub(super) fn from_manifest(manifest: Manifest, rules: &Rules) -> Self {
        let mut entry = Self::new(Transport::Native);
        entry.judge(manifest, rules);
        entry
    }

    fn new(transport: Transport) -> Self {
        Self::of(transport, None)
    }

    fn of(transport: Transport, known: Option<Known>) -> Self {
        Self {
            manifest: known.as_ref().map_or_else(LazyManifest::default, Known::manifest),
            contributions: known.as_ref().map(Known::contributions).unwrap_or_default(),
            known,
            path: OnceLock::new(),
            is_link: false,
            transport,
            key: OnceLock::new(),
            verdict: None,
            remembered: OnceLock::new(),
            id: None,
            is_current: false,
            rare: None,
        }
    }

    fn judge(&mut self, manifest: Manifest, rules: &Rules) {
        let view = ManifestView::of(&manifest);
        match requirements::judge(&view, rules) {
            Ok(key) => self.accept(Some(key), rules),
            Err(refusal) => self.refuse(requirements::key_of(&view, rules).ok(), refusal, rules),
        }
        self.contributions = Contributions::from(&manifest);
        self.manifest = manifest.into();
    }

    fn accept(&mut self, key: Option<PluginKey>, rules: &Rules) {
        self.key = key.map(Box::new).into();
        self.verdict = self.disabled(rules).map(Box::new);
    }

    fn disabled(&self, rules: &Rules) -> Option<Reason> {
        let is_own = |it: &&Disabled| self.key().is_some_and(|key| it.key.matches_key(key));
        let by = rules.disabled.iter().find(is_own)?;
        Some(Reason::Disabled { by: by.clone() })
    }

    /// Creates the entry of a plugin that cannot be run. A disabled plugin counts as absent,
    /// whatever is wrong with it.
    fn refuse(&mut self, key: Option<PluginKey>, refusal: Refusal, rules: &Rules) {
        self.accept(key, rules);
        self.verdict.get_or_insert_with(|| Box::new(Reason::Refused(Arc::new(refusal))));
    }

    /// Returns the files with the same version of the plugin that come after this one.
    pub fn copies(&self) -> &[PathBuf] {
        self.rare.as_ref().map_or(&[], |it| &it.copies)
    }

    /// Returns the commands that conflict with others.
    pub(super) fn clashes(&self) -> &[Clash] {
        self.rare.as_ref().map_or(&[], |it| &it.clashes)
    }

    pub(super) fn add_copy(&mut self, path: PathBuf) {
        self.rare().copies.push(path);
    }

    pub(super) fn add_clash(&mut self, clash: Clash) {
        self.rare().clashes.push(clash);
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Takes the plugin out of use, for example because it was already found in an earlier place.
    pub(super) fn set_aside(&mut self, reason: Reason) {
        self.verdict = Some(Box::new(reason));
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key().map(ToString::to_string))
            .field("path", &self.path())
            .field("transport", &self.transport)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
