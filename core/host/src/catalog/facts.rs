//! What the catalog must know of each manifest, borrowed from its JSON.
//!
//! With a thousand plugins installed, most manifests are only judged and asked for
//! their commands. [`Facts`] does that without copying their texts; the [`Manifest`]
//! itself is made when somebody looks at it.

use super::index::read_at;
use pintle_plugin::manifest::{FORMAT, Manifest, ManifestCommand, ManifestError};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::sync::{Arc, OnceLock};

/// A [`Manifest`] whose texts are borrowed. All fields are read, so that what is no
/// [`Manifest`] is no `Facts` either.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Facts<'a> {
    format: u32,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow)]
    description: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) deprecated: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) abi: AbiFacts<'a>,
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    #[serde(borrow)]
    rustc: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) host: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) project_versions: Vec<Text<'a>>,
    pub(super) commands: Vec<ManifestCommand>,
    #[serde(borrow)]
    pub(super) subcommands: Vec<Text<'a>>,
    #[serde(borrow)]
    pub(super) events: Vec<Text<'a>>,
}

/// The part of [`Facts`] that decides whether a library fits a host.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AbiFacts<'a> {
    #[serde(borrow)]
    pub(super) interface: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) abi_stable: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) panic: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) root: Cow<'a, str>,
}

/// A text in a list, which serde would not borrow by itself.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// What a plugin brings, as far as a listing shows it: the part of a manifest that is
/// looked at for each plugin.
#[derive(Debug, Default)]
pub(super) struct Brings {
    pub(super) commands: Vec<ManifestCommand>,
    pub(super) subcommands: Vec<String>,
    pub(super) events: Vec<String>,
    pub(super) deprecated: Option<String>,
}

impl From<Facts<'_>> for Brings {
    fn from(facts: Facts<'_>) -> Self {
        let own = |texts: Vec<Text<'_>>| texts.into_iter().map(|it| it.0.into_owned()).collect();
        Self {
            commands: facts.commands,
            subcommands: own(facts.subcommands),
            events: own(facts.events),
            deprecated: facts.deprecated.map(|it| it.0.into_owned()),
        }
    }
}

impl From<&Manifest> for Brings {
    fn from(manifest: &Manifest) -> Self {
        Self {
            commands: manifest.commands.clone(),
            subcommands: manifest.subcommands.clone(),
            events: manifest.events.clone(),
            deprecated: manifest.deprecated.clone(),
        }
    }
}

impl<'a> Facts<'a> {
    /// Reads the facts from the JSON in a plugin's file, as [`Manifest::parse`] does.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, ManifestError> {
        // One check of the whole is cheaper than one of each text.
        let facts: Self = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        }
        .map_err(ManifestError::Json)?;
        match facts.format {
            FORMAT => Ok(facts),
            other => Err(ManifestError::Format(other)),
        }
    }

    /// Borrows the facts from a manifest.
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        let abi = &manifest.abi;
        Self {
            format: manifest.format,
            name: Cow::Borrowed(&manifest.name),
            version: Cow::Borrowed(&manifest.version),
            abi: AbiFacts {
                interface: Cow::Borrowed(&abi.interface),
                abi_stable: Cow::Borrowed(&abi.abi_stable),
                panic: Cow::Borrowed(&abi.panic),
                root: Cow::Borrowed(&abi.root),
            },
            target: Cow::Borrowed(&manifest.target),
            host: Cow::Borrowed(&manifest.host),
            project_versions: manifest.project_versions.iter().map(|it| Text(it.into())).collect(),
            commands: manifest.commands.clone(),
            ..Self::default()
        }
    }
}

/// A manifest that is read when somebody looks at it.
#[derive(Debug)]
pub(super) struct LazyManifest {
    json: Json,
    /// Boxed, as most are never read.
    parsed: OnceLock<Option<Box<Manifest>>>,
}

#[derive(Debug)]
enum Json {
    Own(Vec<u8>),
    /// A part of the index: the file, the place, and the length.
    Shared(Arc<File>, u64, usize),
}

impl Default for LazyManifest {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl LazyManifest {
    /// Keeps the JSON of a manifest; what is none counts as no manifest.
    pub(super) fn new(json: Vec<u8>) -> Self {
        Self { json: Json::Own(json), parsed: OnceLock::new() }
    }

    /// Keeps a part of the index.
    pub(super) fn shared(index: Arc<File>, start: u64, len: usize) -> Self {
        Self { json: Json::Shared(index, start, len), parsed: OnceLock::new() }
    }

    /// Returns the manifest, if there is one.
    pub(super) fn get(&self) -> Option<&Manifest> {
        let parse = || match &self.json {
            Json::Own(json) => Manifest::parse(json).ok().map(Box::new),
            Json::Shared(index, start, len) => {
                let mut json = vec![0; *len];
                read_at(index, &mut json, *start)?;
                Manifest::parse(&json).ok().map(Box::new)
            }
        };
        self.parsed.get_or_init(parse).as_deref()
    }
}

impl From<Manifest> for LazyManifest {
    fn from(manifest: Manifest) -> Self {
        Self { parsed: OnceLock::from(Some(Box::new(manifest))), ..Self::default() }
    }
}
