//! A directory from which plugins can be installed without the network, created by `plugin mirror`.
//!
//! `<owner>/<repo>/<version>/` contains the files of a release, and `release.toml` the information
//! from the source. Signatures are mirrored like all files, so a mirror need not be trusted.

use super::release::{Origin, OriginError, Progress, Release, Remote, TOO_NEW, Wanted};
use crate::archive::MAX_LEN;
use crate::digest::Digest;
use crate::store::place::Place;
use pintle_host::PluginVersion;
use pintle_host::config;
use pintle_host::fs::{self, Dir, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The file with the information about a mirrored release.
const FILE: &str = "release.toml";
/// The largest such file.
const MAX_RECORD: u64 = 4 * 1024 * 1024;

/// The information about a release in a mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorRelease {
    /// The source's name for the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// When it was published, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Whether the source promises that it never changes.
    #[serde(default)]
    pub is_immutable: bool,
    /// The files, by their names.
    pub files: BTreeMap<String, MirrorFile>,
}

/// A file of a mirrored release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorFile {
    /// The digest from the source, or else the digest of the fetched file.
    pub digest: Digest,
    /// Its target, if the source has specified one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// The releases of one plugin in a mirror.
#[derive(Debug)]
pub struct MirrorOrigin {
    root: PathBuf,
    place: Place,
}

/// What a mirror does not have.
#[derive(Debug, thiserror::Error)]
enum MirrorError {
    #[error("mirror `{}` has no release of `{place}`", root.display())]
    NoPlugin { root: PathBuf, place: Place },
    #[error("mirror `{}` has no version `{version}` of `{place}`, but {}", root.display(), listed(there))]
    NoVersion { root: PathBuf, place: Place, version: String, there: Vec<String> },
    #[error("mirror `{}` has no version of `{place}` that is older than {}", root.display(), humantime::format_duration(*age))]
    TooNew { root: PathBuf, place: Place, age: Duration },
    #[error("mirror `{}` has only pre-releases of `{place}`", root.display())]
    NoStable { root: PathBuf, place: Place },
    #[error("`{}` is damaged", path.display())]
    Damaged { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

fn listed(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|it| format!("`{it}`")).collect();
    names.join(", ")
}

impl MirrorOrigin {
    /// Returns the releases of a plugin in the mirror at `root`.
    pub fn new(root: impl Into<PathBuf>, place: Place) -> Self {
        Self { root: root.into(), place }
    }

    /// Returns the path of a plugin's version in a mirror.
    pub fn path(place: &Place, version: &str) -> PathBuf {
        Path::new(&place.owner).join(&place.repo).join(version)
    }

    /// Writes the information about a release into its directory in a mirror.
    ///
    /// # Errors
    ///
    /// When writing to disk fails.
    pub fn write(folder: &Path, release: &MirrorRelease) -> Result<(), fs::Error> {
        let text = toml::to_string(release).expect("a release has string keys");
        fs::replace(&folder.join(FILE), text.as_bytes(), fs::Mode::New(0o644))
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.place.owner).join(&self.place.repo)
    }

    /// Returns the versions that the mirror has, the newest first.
    fn versions(&self) -> Result<Vec<(String, MirrorRelease)>, OriginError> {
        let missing =
            || MirrorError::NoPlugin { root: self.root.clone(), place: self.place.clone() };
        let dir = match Dir::open(&self.folder()) {
            Err(err) if err.is_absent() => return Err(OriginError::new(missing())),
            dir => dir?,
        };
        let mut found = Vec::new();
        for entry in dir.list("")?.into_iter().filter(|it| it.kind == Kind::Directory) {
            let Some(name) = entry.name.to_str().filter(|it| !it.starts_with('.')) else {
                continue;
            };
            let path = Path::new(name).join(FILE);
            let damaged = |source| MirrorError::Damaged { path: dir.path().join(&path), source };
            let text = dir.read_regular(&path, MAX_RECORD)?.into_text();
            let text = text.map_err(|err| OriginError::new(damaged(err.into())))?;
            let release =
                config::parse(&text).map_err(|why| OriginError::new(damaged(why.into())))?;
            found.push((name.to_owned(), release));
        }
        found.sort_by_key(|(name, _)| std::cmp::Reverse(name.parse::<PluginVersion>().ok()));
        if found.is_empty() { Err(OriginError::new(missing())) } else { Ok(found) }
    }

    fn choose(&self, wanted: &Wanted) -> Result<(String, MirrorRelease), OriginError> {
        let versions = self.versions()?;
        let there: Vec<_> = versions.iter().map(|it| it.0.clone()).collect();
        let (root, place) = (self.root.clone(), self.place.clone());
        let Some(version) = &wanted.version else {
            let now = OffsetDateTime::now_utc();
            let fits = |(name, release): &(String, MirrorRelease)| {
                let is_stable = name.parse().is_ok_and(|it: PluginVersion| it.is_stable());
                let age = published(release).map(|it| now - it);
                let is_old = wanted.minimum_age.is_none_or(|min| age.is_none_or(|it| it >= min));
                (wanted.pre_releases || is_stable) && is_old
            };
            let found = versions.into_iter().find(fits);
            return found.ok_or_else(|| match wanted.minimum_age {
                Some(age) => {
                    OriginError::new(MirrorError::TooNew { root, place, age }).hint(TOO_NEW)
                }
                None => OriginError::new(MirrorError::NoStable { root, place })
                    .hint("use one of them with `--pre`, or specify its version"),
            });
        };
        let same = |(name, release): &(String, MirrorRelease)| {
            let bare = |it: &str| it.strip_prefix('v').unwrap_or(it).to_owned();
            release.tag.as_ref() == Some(version) || bare(name) == bare(version)
        };
        let missing = || {
            let version = version.clone();
            MirrorError::NoVersion { root, place, version, there }
        };
        versions.into_iter().find(same).ok_or_else(|| OriginError::new(missing()))
    }
}

fn published(release: &MirrorRelease) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(release.published.as_ref()?, &Rfc3339).ok()
}

impl Origin for MirrorOrigin {
    fn release(&self, wanted: &Wanted) -> Result<Release, OriginError> {
        let (version, release) = self.choose(wanted)?;
        let folder = self.folder().join(version);
        let remote = |(name, file): (&String, &MirrorFile)| Remote {
            name: name.clone(),
            url: folder.join(name).to_string_lossy().into_owned(),
            size: None,
            digest: Some(file.digest),
            unknown_digest: None,
            target: file.target.clone(),
        };
        Ok(Release {
            files: release.files.iter().map(remote).collect(),
            published: published(&release),
            tag: release.tag,
            is_immutable: release.is_immutable,
        })
    }

    fn server(&self) -> Option<String> {
        None
    }

    fn fetch(&self, file: &Remote, _: Progress<'_>) -> Result<Vec<u8>, OriginError> {
        Ok(fs::read_regular(Path::new(&file.url), MAX_LEN)?.bytes)
    }
}
