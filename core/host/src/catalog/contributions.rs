//! What a plugin contributes to the host.

use super::manifest_view::{ManifestView, Text};
use pintle_plugin::manifest::{Manifest, ManifestCommand, ManifestNoun};

/// What a plugin contributes: the part of a manifest that is looked at for each plugin.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contributions {
    pub(super) commands: Vec<ManifestCommand>,
    pub(super) subcommands: Vec<String>,
    pub(super) events: Vec<String>,
    pub(super) interfaces: Vec<String>,
    pub(super) deprecated: Option<String>,
    pub(super) nouns: Vec<NounHelp>,
}

/// The line of help for a noun. The long help is left in the manifest, which is read when the
/// noun's own help is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NounHelp {
    pub(super) path: Vec<String>,
    pub(super) about: String,
}

impl NounHelp {
    fn of(noun: &ManifestNoun) -> Self {
        Self { path: noun.path.clone(), about: noun.about.clone() }
    }
}

impl From<ManifestView<'_>> for Contributions {
    fn from(view: ManifestView<'_>) -> Self {
        let own = |texts: Vec<Text<'_>>| texts.into_iter().map(|it| it.0.into_owned()).collect();
        Self {
            commands: view.commands,
            subcommands: own(view.subcommands),
            events: own(view.events),
            interfaces: own(view.interfaces),
            deprecated: view.deprecated.map(|it| it.0.into_owned()),
            nouns: view.nouns.iter().map(NounHelp::of).collect(),
        }
    }
}

impl From<&Manifest> for Contributions {
    fn from(manifest: &Manifest) -> Self {
        Self {
            commands: manifest.commands.clone(),
            subcommands: manifest.subcommands.clone(),
            events: manifest.events.clone(),
            interfaces: manifest.interfaces.clone(),
            deprecated: manifest.deprecated.clone(),
            nouns: manifest.nouns.iter().map(NounHelp::of).collect(),
        }
    }
}
