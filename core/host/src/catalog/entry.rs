//! What the catalog knows of one plugin.

use super::clash::Clash;
use super::contributions::{Contributions, Line, NounHelp};
use super::examine::{Examined, examine_file};
use super::file::{FileError, FileId, RegularFile, Stamp};
use super::foreign::{Endpoint, ForeignPlugin};
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
use pintle_plugin::LinkedPlugin;
use pintle_plugin::manifest::{Manifest, ManifestCommand};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether a plugin can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be used.
    Ok,
    /// It can be used, but some of its commands only with its key.
    Conflict,
    /// It is found in an earlier place too, and that one counts.
    Shadowed,
    /// The user has disabled it.
    Disabled,
    /// It is not a plugin that this host can run.
    Refused,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Conflict => "conflict",
            Self::Shadowed => "shadowed",
            Self::Disabled => "disabled",
            Self::Refused => "refused",
        })
    }
}

/// A plugin, or a file that should be one, in a [`Catalog`](super::Catalog).
pub struct Entry {
    path: Option<PathBuf>,
    linked: Option<LinkedPlugin>,
    endpoint: Option<Arc<dyn Endpoint>>,
    transport: Transport,
    key: Option<PluginKey>,
    manifest: LazyManifest,
    contributions: Contributions,
    /// Why it cannot be used, if so.
    verdict: Option<Reason>,
    pub(super) id: Option<FileId>,
    pub(super) clashes: Vec<Clash>,
    pub(super) is_current: bool,
    pub(super) copies: Vec<PathBuf>,
}

/// What is known of one plugin file from last time.
pub(super) struct Known {
    pub(super) key: Option<PluginKey>,
    pub(super) manifest: LazyManifest,
    pub(super) contributions: Contributions,
    /// Why it was refused.
    pub(super) refusal: Option<String>,
}

impl Entry {
    /// Returns the plugin's full name and version, if they are known.
    pub fn key(&self) -> Option<&PluginKey> {
        self.key.as_ref()
    }

    /// Returns the plugin's manifest, if it could be read.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.get()
    }

    /// Returns the plugin's file; a linked plugin has none.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns how the host reaches the plugin.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the plugin itself, if it is a part of the program.
    pub fn linked(&self) -> Option<&LinkedPlugin> {
        self.linked.as_ref()
    }

    /// Returns what answers the plugin's calls, if it is not a library of this interface.
    pub fn endpoint(&self) -> Option<&Arc<dyn Endpoint>> {
        self.endpoint.as_ref()
    }

    /// Returns whether the plugin can be used.
    pub fn state(&self) -> State {
        match self.verdict {
            None if self.clashes.is_empty() => State::Ok,
            None | Some(Reason::Clashes(_)) => State::Conflict,
            Some(Reason::Refused(_)) => State::Refused,
            Some(Reason::SameFile { .. } | Reason::AlreadyFound { .. } | Reason::Locked { .. }) => {
                State::Shadowed
            }
            Some(Reason::Disabled { .. }) => State::Disabled,
        }
    }

    /// Returns why the plugin is in its state, if that is not [`State::Ok`].
    pub fn reason(&self) -> Option<Reason> {
        let clashes = || Reason::Clashes(self.clashes.clone());
        self.verdict.clone().or_else(|| (!self.clashes.is_empty()).then(clashes))
    }

    /// Returns why the plugin was refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.verdict {
            Some(Reason::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Returns whether the plugin can be run. One with conflicting commands can,
    /// through its other commands and through its key.
    pub fn is_usable(&self) -> bool {
        self.verdict.is_none()
    }

    /// Returns whether this is the version of its plugin whose commands and hooks count.
    ///
    /// That is the highest usable stable one, or the highest pre-release if there
    /// are no others: who installs a pre-release alone wants it.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// Returns the plugin's version, if it is known.
    pub fn version(&self) -> Option<PluginVersion> {
        self.key()?.exact_version()
    }

    /// Returns whether the plugin understands a version of the PROJECT file. One that names no
    /// version takes no part in scaffolding, and so fits any.
    pub fn supports(&self, project: &ProjectVersion) -> bool {
        let mut versions = self.project_versions().peekable();
        versions.peek().is_none() || versions.any(|it| it == *project)
    }

    /// Returns the versions of the PROJECT file that the plugin understands.
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

    /// Returns the plugin's commands, without making anything of them.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.contributions.lines()
    }

    /// Returns the nouns that the plugin has help for, without making anything of them.
    pub(super) fn noun_lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.contributions.noun_lines()
    }

    /// Returns the events that the plugin's hooks subscribe to, without making anything of them.
    pub(super) fn hooked_events(&self) -> impl Iterator<Item = &str> {
        self.contributions.events()
    }

    /// Returns what the plugin contributes, as the index has it.
    pub(super) fn contributed(&self) -> &[u8] {
        self.contributions.bytes()
    }

    /// Returns the JSON of the plugin's manifest, if it could be read.
    pub(super) fn manifest_json(&self) -> std::borrow::Cow<'_, [u8]> {
        self.manifest.json()
    }

    /// Returns the lines of help for the plugin's nouns.
    pub(super) fn nouns(&self) -> &[NounHelp] {
        &self.contributions.decoded().nouns
    }

    /// Returns why the plugin should not be used any more, if so.
    pub fn deprecated(&self) -> Option<&str> {
        self.contributions.decoded().deprecated.as_deref()
    }

    /// Returns whether a file that was examined now is the plugin that was listed: the same
    /// version of the same plugin, with the same contributions.
    pub(crate) fn is_same_as(&self, found: &Examined) -> bool {
        self.key.as_ref() == Some(&found.key)
            && self.contributions == Contributions::from(&found.manifest)
    }

    /// Examines a file.
    pub(super) fn from_file(
        path: PathBuf,
        opened: Result<RegularFile, FileError>,
        rules: &Rules,
    ) -> Self {
        let found = examine_file(opened, rules);
        let mut entry = Self {
            path: Some(path),
            manifest: found.manifest,
            contributions: found.contributions,
            id: found.id,
            ..Self::new(Transport::Native)
        };
        match found.refusal {
            None => entry.accept(found.key, rules),
            Some(refusal) => {
                // With its contributions known, a command of it can be answered with a better
                // message than "unknown command".
                entry.contributions = entry.manifest().map(Contributions::from).unwrap_or_default();
                entry.refuse(found.key, refusal, rules);
            }
        }
        entry
    }

    /// Takes a file that is known from last time.
    pub(super) fn from_index(path: PathBuf, stamp: &Stamp, known: Known, rules: &Rules) -> Self {
        let mut entry = Self {
            path: Some(path),
            manifest: known.manifest,
            contributions: known.contributions,
            id: stamp.file_id(),
            ..Self::new(Transport::Native)
        };
        match known.refusal {
            None => entry.accept(known.key, rules),
            Some(text) => {
                let path = entry.path.clone().unwrap_or_default();
                entry.refuse(known.key, Refusal::Remembered { text, path }, rules);
            }
        }
        entry
    }

    /// Takes a plugin that is a part of the program.
    pub(super) fn from_linked(plugin: LinkedPlugin, rules: &Rules) -> Self {
        let mut entry = Self::new(Transport::Linked);
        entry.linked = Some(plugin);
        match Manifest::parse(plugin.manifest().as_bytes()) {
            Ok(manifest) => entry.judge(manifest, rules),
            Err(source) => entry.refuse(None, Refusal::Manifest { source }, rules),
        }
        entry
    }

    /// Takes a plugin that is not a library of this interface.
    pub(super) fn from_foreign(plugin: ForeignPlugin, rules: &Rules) -> Self {
        let mut entry = Self::new(plugin.transport);
        entry.path = Some(plugin.path);
        match plugin.found {
            Ok((manifest, endpoint)) => {
                entry.endpoint = Some(endpoint);
                entry.judge(manifest, rules);
            }
            Err(source) => entry.refuse(None, Refusal::Foreign { source }, rules),
        }
        entry
    }

    /// Takes a manifest without a plugin behind it.
    pub(super) fn from_manifest(manifest: Manifest, rules: &Rules) -> Self {
        let mut entry = Self::new(Transport::Native);
        entry.judge(manifest, rules);
        entry
    }

    fn new(transport: Transport) -> Self {
        Self {
            path: None,
            linked: None,
            endpoint: None,
            transport,
            key: None,
            manifest: LazyManifest::default(),
            contributions: Contributions::default(),
            verdict: None,
            id: None,
            clashes: Vec::new(),
            is_current: false,
            copies: Vec::new(),
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
        let is_key = |it: &&Disabled| key.as_ref().is_some_and(|key| it.key.matches_key(key));
        if let Some(by) = rules.disabled.iter().find(is_key) {
            self.verdict = Some(Reason::Disabled { by: by.clone() });
        }
        self.key = key;
    }

    /// Takes a plugin that cannot be run. One that is disabled is as good as not there, whatever
    /// is wrong with it.
    fn refuse(&mut self, key: Option<PluginKey>, refusal: Refusal, rules: &Rules) {
        self.accept(key, rules);
        self.verdict.get_or_insert_with(|| Reason::Refused(Arc::new(refusal)));
    }

    /// Returns the files with the same version of the plugin that this one is found before.
    pub fn copies(&self) -> &[PathBuf] {
        &self.copies
    }

    /// Takes the plugin out of use, for example because another one is found before it.
    pub(super) fn set_aside(&mut self, reason: Reason) {
        self.verdict = Some(reason);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key.as_ref().map(ToString::to_string))
            .field("path", &self.path)
            .field("transport", &self.transport)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
