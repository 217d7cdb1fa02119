//! A plugin, and its archive for `plugin install`.

use super::archive::pack;
use super::build::How;
use super::files::{Files, file_name, texts};
use crate::cargo::{self, Artifact};
use crate::notices::{self, Notices};
use crate::{check, minisign, plugins};
use anyhow::{Context, Result};
use pintle_host::PluginKey;
use pintle_host::catalog::{Rules, examine};
use pintle_manager::signature::{Bound, trusted_comment};
use pintle_plugin::manifest::Manifest;
use std::path::{Path, PathBuf};

/// The file of an archive that contains the plugin's manifest.
pub(crate) const MANIFEST: &str = "pintle-plugin.toml";

/// A plugin to pack.
pub(super) struct Plugin {
    pub(super) key: PluginKey,
    pub(super) manifest: Manifest,
    pub(super) library: PathBuf,
    /// The directory of its sources.
    pub(super) folder: PathBuf,
    pub(super) notices: Notices,
}

impl Plugin {
    /// Reads the manifest of a plugin's library, and checks that a host accepts it. The packages in
    /// `built` were built at once.
    pub(super) fn of(
        source: &plugins::Source,
        built: &[&str],
        artifacts: &[Artifact],
    ) -> Result<Self> {
        let library = cargo::library(artifacts, &source.folder)?;
        let manifest = check::check(&library)?;
        let key = examine(&library, &Rules::default())?.key;
        let notices = Notices::of(&source.package, built, &manifest.target)?;
        Ok(Self { key, manifest, library, folder: source.folder.clone(), notices })
    }

    pub(super) fn key(&self) -> &PluginKey {
        &self.key
    }

    pub(super) fn version(&self) -> Result<String> {
        let version = self.key.exact_version().context("the plugin's key has no exact version")?;
        Ok(version.as_semver().to_string())
    }

    /// Packs the plugin into a directory; `root` is the directory that may contain licences.
    pub(super) fn pack(&self, root: &Path, out: &Path, how: &How) -> Result<PathBuf> {
        let name = self.key.name().short();
        let stem = format!("{name}-{}-{}", self.version()?, self.manifest.target);
        pack(&self.files(root)?, &stem, out, how)
    }

    fn files(&self, root: &Path) -> Result<Files> {
        let mut files = Files::default();
        files.copy(file_name(&self.library)?, &self.library)?;
        let (licences, readme) = (texts(root, "LICENSE")?, texts(&self.folder, "README")?);
        for path in licences.iter().chain(&readme) {
            files.copy(file_name(path)?, path)?;
        }
        files.add(MANIFEST, toml::to_string(&self.manifest)?);
        files.add(notices::FILE, self.notices.text(self.key.name().as_str())?);
        Ok(files)
    }

    pub(super) fn sign(&self, archive: &Path, key: &Path) -> Result<PathBuf> {
        let (name, version) = (self.key.name().to_string(), self.version()?);
        let (target, file) = (&self.manifest.target, file_name(archive)?);
        let bound = Bound { name: &name, version: &version, target, file };
        minisign::sign(key, archive, &trusted_comment(&bound))
    }
}
