//! What every source gives: releases, their files, and what can go wrong.

use crate::digest::Digest;
use pintle_host::fs;
use std::error::Error;
use std::time::Duration;
use time::OffsetDateTime;

/// One version of a plugin at its source.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// What the source calls it.
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
    /// Where it is fetched from.
    pub url: String,
    /// Its length in bytes.
    pub size: Option<u64>,
    /// The digest that the source gives for it.
    pub digest: Option<Digest>,
    /// A digest that the source gives in a form that cannot be compared.
    pub unknown_digest: Option<String>,
    /// The target that it is for, where the source says so.
    pub target: Option<String>,
}

/// Which release is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// This one, by its tag or its version; without, the newest.
    pub version: Option<String>,
    /// Whether a pre-release can be the newest.
    pub pre_releases: bool,
    /// How old the newest must be.
    pub minimum_age: Option<Duration>,
}

/// What to do about releases that are too young.
pub(super) const TOO_NEW: &str =
    "wait, or specify a version that you have examined, for example `owner/repo@1.2.0`";

/// Why a source does not give what is wanted.
#[derive(Debug)]
pub struct OriginError {
    /// What happened.
    pub source: Box<dyn Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the user has ended it.
    pub is_interrupted: bool,
}

impl OriginError {
    /// Returns an error that is not known more closely.
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

/// Is told how many bytes have come, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// A place that has releases of one plugin. Several are asked at the same time.
pub trait Origin: Sync {
    /// Finds a release.
    ///
    /// # Errors
    ///
    /// When there is none that is wanted, or the source does not answer.
    fn release(&self, wanted: &Wanted) -> Result<Release, OriginError>;

    /// Returns the server that is asked; `None` if nothing comes over a network.
    fn server(&self) -> Option<String>;

    /// Fetches a file of a release.
    ///
    /// # Errors
    ///
    /// When it does not come whole.
    fn fetch(&self, file: &Remote, progress: Progress<'_>) -> Result<Vec<u8>, OriginError>;
}
