//! The part of a manifest that the catalog always requires, borrowed from its JSON.
//!
//! With a thousand plugins installed, most manifests are only checked and asked for their commands.
//! [`ManifestView`] does that without copying their texts; the [`Manifest`] itself is created when
//! it is needed.

use super::limits;
use pintle_plugin::manifest::{FORMAT, Manifest, ManifestCommand, ManifestError, ManifestNoun};
use serde::Deserialize;
use std::borrow::Cow;

/// A [`Manifest`] whose texts are borrowed. All fields are read, so JSON that is not a valid
/// [`Manifest`] is not a valid `ManifestView` either.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ManifestView<'a> {
    format: u32,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) deprecated: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) abi: AbiView<'a>,
    #[serde(borrow)]
    pub(super) target: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) rustc: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) host: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) project_versions: Vec<Text<'a>>,
    pub(super) commands: Vec<ManifestCommand>,
    #[serde(borrow)]
    pub(super) subcommands: Vec<Text<'a>>,
    #[serde(borrow)]
    pub(super) events: Vec<Text<'a>>,
    #[serde(borrow)]
    pub(super) interfaces: Vec<Text<'a>>,
    pub(super) nouns: Vec<ManifestNoun>,
    #[serde(borrow)]
    pub(super) homepage: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) license: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) authors: Vec<Text<'a>>,
}

/// The part of [`ManifestView`] that determines whether a library is compatible with a host.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AbiView<'a> {
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

impl<'a> ManifestView<'a> {
    /// Reads the manifest from the JSON in a plugin's file, as [`Manifest::parse`] does.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, ManifestError> {
        // One check of the whole is cheaper than a check of each text.
        let view: Self = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        }
        .map_err(|err| ManifestError::Json(shortened(err)))?;
        match view.format {
            FORMAT => Ok(view),
            other => Err(ManifestError::Format(other)),
        }
    }

    /// Borrows from a manifest.
    pub(super) fn of(manifest: &'a Manifest) -> Self {
        let abi = &manifest.abi;
        let texts = |texts: &'a [String]| texts.iter().map(|it| Text(it.into())).collect();
        Self {
            format: manifest.format,
            name: Cow::Borrowed(&manifest.name),
            version: Cow::Borrowed(&manifest.version),
            abi: AbiView {
                interface: Cow::Borrowed(&abi.interface),
                abi_stable: Cow::Borrowed(&abi.abi_stable),
                panic: Cow::Borrowed(&abi.panic),
                root: Cow::Borrowed(&abi.root),
            },
            target: Cow::Borrowed(&manifest.target),
            rustc: Cow::Borrowed(&manifest.rustc),
            description: Cow::Borrowed(&manifest.description),
            deprecated: manifest.deprecated.as_ref().map(|it| Text(it.into())),
            host: Cow::Borrowed(&manifest.host),
            project_versions: texts(&manifest.project_versions),
            commands: manifest.commands.clone(),
            subcommands: texts(&manifest.subcommands),
            events: texts(&manifest.events),
            interfaces: texts(&manifest.interfaces),
            nouns: manifest.nouns.clone(),
            homepage: Cow::Borrowed(&manifest.homepage),
            repository: Cow::Borrowed(&manifest.repository),
            license: Cow::Borrowed(&manifest.license),
            authors: texts(&manifest.authors),
        }
    }
}

/// Returns the reader's error without most of the input that it quotes.
fn shortened(err: serde_json::Error) -> serde_json::Error {
    use serde::de::Error as _;
    let report = err.to_string();
    match report.char_indices().nth(limits::REPORT) {
        Some((end, _)) => serde_json::Error::custom(format!("{}…", &report[..end])),
        None => err,
    }
}
