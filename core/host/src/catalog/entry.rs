//! What the catalog knows of one plugin.

use super::ProjectVersion;
use super::Rules;
use super::commands::Clash;
use super::examine::{self, FileId};
use super::facts::{Brings, Facts, LazyManifest};
use super::index::{Known, Stamp};
use super::key::PluginKey;
use super::refusal::Refusal;
use super::version::PluginVersion;
use pintle_plugin::LinkedPlugin;
use pintle_plugin::manifest::{Manifest, ManifestCommand};
use std::fmt;
use std::path::{Path, PathBuf};

/// How the host reaches a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Transport {
    /// It is a part of the program.
    Linked,
    /// It is a library that is loaded into the process.
    Native,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linked => "linked",
            Self::Native => "native",
        })
    }
}

/// What becomes of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be used.
    Ok,
    /// It can be used, but some of its commands only with its key.
    Conflict,
    /// It is found in an earlier place too, which counts.
    Shadowed,
    /// The user has switched it off.
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
    transport: Transport,
    key: Option<PluginKey>,
    manifest: LazyManifest,
    brings: Brings,
    verdict: Verdict,
    pub(super) id: Option<FileId>,
    pub(super) clashes: Vec<Clash>,
    pub(super) is_current: bool,
}

/// What was decided of a plugin, apart from its commands.
#[derive(Debug)]
enum Verdict {
    Usable,
    Refused(Box<Refusal>),
    Shadowed { reason: String },
    Disabled { by: PluginKey },
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

    /// Returns what becomes of the plugin.
    pub fn state(&self) -> State {
        match self.verdict {
            Verdict::Usable if self.clashes.is_empty() => State::Ok,
            Verdict::Usable => State::Conflict,
            Verdict::Refused(_) => State::Refused,
            Verdict::Shadowed { .. } => State::Shadowed,
            Verdict::Disabled { .. } => State::Disabled,
        }
    }

    /// Returns why the plugin is in its state, if that is not [`State::Ok`].
    pub fn reason(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Usable if self.clashes.is_empty() => None,
            Verdict::Usable => {
                let clashes: Vec<_> = self.clashes.iter().map(ToString::to_string).collect();
                Some(clashes.join("; "))
            }
            Verdict::Refused(refusal) => Some(refusal.reason()),
            Verdict::Shadowed { reason } => Some(reason.clone()),
            Verdict::Disabled { by } => Some(format!("it is disabled as `{by}`")),
        }
    }

    /// Returns what to do about the plugin's state.
    pub fn hint(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Usable => self.clashes.first().map(Clash::hint),
            Verdict::Refused(refusal) => Some(refusal.hint()),
            Verdict::Shadowed { .. } => Some("remove one of the two".to_owned()),
            Verdict::Disabled { .. } => Some(super::DISABLED_HINT.to_owned()),
        }
    }

    /// Returns why the plugin was refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.verdict {
            Verdict::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns whether the plugin can be run. One with conflicting commands can,
    /// through its other commands and through its key.
    pub fn is_usable(&self) -> bool {
        matches!(self.verdict, Verdict::Usable)
    }

    /// Returns whether this is the version of its plugin whose commands and hooks count.
    ///
    /// That is the highest usable stable one, or the highest pre-release if there
    /// are no others.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// Returns the plugin's version, if it is known.
    pub fn version(&self) -> Option<PluginVersion> {
        self.key()?.exact_version()
    }

    /// Returns whether the plugin understands a version of the PROJECT file.
    pub fn supports(&self, project: &ProjectVersion) -> bool {
        self.project_versions().any(|it| it == *project)
    }

    /// Returns the versions of the PROJECT file that the plugin understands.
    pub fn project_versions(&self) -> impl Iterator<Item = ProjectVersion> {
        let versions = self.manifest().into_iter().flat_map(|it| &it.project_versions);
        versions.filter_map(|it| it.parse().ok())
    }

    /// Returns the commands that the plugin brings, whether they can be called or not.
    pub fn commands(&self) -> &[ManifestCommand] {
        &self.brings.commands
    }

    /// Returns the scaffolding subcommands that the plugin takes part in.
    pub fn subcommands(&self) -> &[String] {
        &self.brings.subcommands
    }

    /// Returns the events that the plugin's hooks subscribe to.
    pub fn events(&self) -> &[String] {
        &self.brings.events
    }

    /// Returns why the plugin should not be used any more, if so.
    pub fn deprecated(&self) -> Option<&str> {
        self.brings.deprecated.as_deref()
    }

    /// Looks at a file.
    pub(super) fn from_file(
        path: PathBuf,
        opened: Result<examine::Opened, Refusal>,
        rules: &Rules,
    ) -> Self {
        let judged = examine::judge_file(opened, rules);
        let mut entry = Self {
            path: Some(path),
            manifest: judged.manifest,
            brings: judged.brings,
            id: judged.id,
            ..Self::new(Transport::Native)
        };
        match judged.refusal {
            None => entry.accept(judged.key, rules),
            Some(refusal) => {
                // What a refused plugin would bring is worth a better message than
                // "no such command".
                entry.brings = entry.manifest().map(Brings::from).unwrap_or_default();
                entry.key = judged.key;
                entry.verdict = Verdict::Refused(Box::new(refusal));
            }
        }
        entry
    }

    /// Takes a file that is known from last time.
    pub(super) fn from_index(path: PathBuf, stamp: &Stamp, known: Known, rules: &Rules) -> Self {
        let mut entry = Self {
            path: Some(path),
            manifest: known.manifest,
            brings: known.brings,
            id: stamp.file_id(),
            ..Self::new(Transport::Native)
        };
        entry.accept(Some(known.key), rules);
        entry
    }

    /// Takes a plugin that is a part of the program.
    pub(super) fn from_linked(plugin: LinkedPlugin, rules: &Rules) -> Self {
        let mut entry = Self::new(Transport::Linked);
        entry.linked = Some(plugin);
        match Manifest::parse(plugin.manifest().as_bytes()) {
            Ok(manifest) => entry.judge(manifest, rules),
            Err(source) => entry.verdict = Verdict::Refused(Box::new(Refusal::Manifest { source })),
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
            transport,
            key: None,
            manifest: LazyManifest::default(),
            brings: Brings::default(),
            verdict: Verdict::Usable,
            id: None,
            clashes: Vec::new(),
            is_current: false,
        }
    }

    fn judge(&mut self, manifest: Manifest, rules: &Rules) {
        let facts = Facts::of(&manifest);
        match examine::judge(&facts, rules) {
            Ok(key) => self.accept(Some(key), rules),
            Err(refusal) => {
                self.key = examine::key_of(&facts, rules).ok();
                self.verdict = Verdict::Refused(Box::new(refusal));
            }
        }
        self.brings = Brings::from(&manifest);
        self.manifest = manifest.into();
    }

    fn accept(&mut self, key: Option<PluginKey>, rules: &Rules) {
        let is_key = |it: &&PluginKey| key.as_ref().is_some_and(|key| it.matches_key(key));
        if let Some(by) = rules.disabled.iter().find(is_key) {
            self.verdict = Verdict::Disabled { by: by.clone() };
        }
        self.key = key;
    }

    pub(super) fn shadow(&mut self, reason: String) {
        self.verdict = Verdict::Shadowed { reason };
    }

    /// Returns where the plugin is, for messages.
    pub(super) fn place(&self) -> String {
        match &self.path {
            Some(path) => format!("`{}`", path.display()),
            None => "the program itself".to_owned(),
        }
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
