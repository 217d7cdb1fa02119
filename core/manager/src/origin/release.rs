//! The common types of all sources: releases, their files, and errors.

use crate::digest::Digest;
use pintle_host::fs;
use std::error::Error;
use std::time::Duration;
use time::OffsetDateTime;

/// One version of a plugin at its source.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// The source's name for it.
    pub tag: Option<String>,
    /// When it was published.
    pub published: Option<OffsetDateTime>,
    /// Whether the source promises that it never changes.
    pub is_immutable: bool,
    /// The files.
    pub files: Vec<Remote>,
}

/// A file of a release.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its name.
    pub name: String,
    /// The URL from which it is fetched.
    pub url: String,
    /// Its length in bytes.
    pub size: Option<u64>,
    /// The digest from the source.
    pub digest: Option<Digest>,
    /// A digest from the source in an unsupported form.
    pub unknown_digest: Option<String>,
    /// Its target, if the source specifies it.
    pub target: Option<String>,
}

/// Selects a release.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// This release, by its tag or its version; without it, the newest.
    pub version: Option<String>,
    /// Whether a pre-release can be the newest.
    pub pre_releases: bool,
    /// The minimum age of the newest release.
    pub minimum_age: Option<Duration>,
}

/// What to do about releases that are too recent.
pub(super) const TOO_NEW: &str =
    "wait, or specify a version that you have examined, for example `owner/repo@1.2.0`";

/// Why a source does not provide the requested release.
#[derive(Debug)]
pub struct OriginError {
    /// What happened.
    pub source: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the user has interrupted it.
    pub is_interrupted: bool,
}

impl OriginError {
    /// Returns an error without further details.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), hint: None, is_interrupted: false }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<fs::Error> for OriginError {
    fn from(err: fs::Error) -> Self {
        Self::new(err)
    }
}

/// Is called with the number of received bytes, and of all bytes if known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// A source with the releases of one plugin. Several are queried at the same time.
pub trait Origin: Sync {
    /// Finds a release.
    ///
    /// # Errors
    ///
    /// When no release matches, or the source does not answer.
    fn release(&self, wanted: &Wanted) -> Result<Release, OriginError>;

    /// Returns the server that is queried; `None` if the source needs no network.
    fn server(&self) -> Option<String>;

    /// Fetches a file of a release.
    ///
    /// # Errors
    ///
    /// When it cannot be fetched completely.
    fn fetch(&self, file: &Remote, progress: Progress<'_>) -> Result<Vec<u8>, OriginError>;
}
