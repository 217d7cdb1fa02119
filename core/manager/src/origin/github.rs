//! Releases on GitHub.

use super::partial::{bytes_of, partial_file};
use super::release::{Origin, OriginError, Progress, Release, Remote, TOO_NEW, Wanted};
use crate::archive::MAX_LEN;
use crate::digest::Digest;
use crate::source::FetchError;
use crate::source::github::{self, GitHub, GitHubError};
use crate::source::http::Download;
use std::path::PathBuf;
use time::OffsetDateTime;

/// The releases of one repository.
pub(crate) struct GitHubOrigin<'c> {
    pub(crate) github: GitHub<'c>,
    pub(crate) repo: String,
    /// Where partially downloaded files are stored.
    pub(crate) partial: Option<PathBuf>,
}

/// No release is old enough.
#[derive(Debug, thiserror::Error)]
#[error("all releases of `{repo}` are younger than {}", humantime::format_duration(*age))]
struct TooNew {
    repo: String,
    age: std::time::Duration,
}

impl Origin for GitHubOrigin<'_> {
    fn release(&self, wanted: &Wanted) -> Result<Release, OriginError> {
        let found = match (&wanted.version, wanted.minimum_age, wanted.pre_releases) {
            (Some(version), ..) => self.github.tag(&self.repo, version)?,
            (None, None, false) => self.github.latest(&self.repo)?,
            (None, None, true) => self.github.newest(&self.repo, true)?,
            (None, Some(age), pre_releases) => {
                let limit = OffsetDateTime::now_utc() - age;
                let releases = self.github.list(&self.repo)?.into_iter();
                let old = releases
                    .filter(|it| pre_releases || !it.is_prerelease)
                    .filter(|it| it.published.is_none_or(|it| it <= limit));
                let newest = old.max_by(|left, right| left.version.cmp(&right.version));
                let too_new = || TooNew { repo: self.repo.clone(), age };
                newest.ok_or_else(|| OriginError::new(too_new()).hint(TOO_NEW))?
            }
        };
        Ok(Release {
            published: found.published,
            is_immutable: found.is_immutable,
            files: found.assets.iter().map(remote).collect(),
            tag: Some(found.tag),
        })
    }

    fn server(&self) -> Option<String> {
        Some(self.github.server())
    }

    fn fetch(&self, file: &Remote, progress: Progress<'_>) -> Result<Vec<u8>, OriginError> {
        let partial = self.partial.as_ref().map(|it| partial_file(it, file));
        let mut download = Download { partial, limit: MAX_LEN, expected_len: file.size, progress };
        let asset = asset(file)?;
        let done = self.github.download(&asset, &mut download)?;
        bytes_of(done.content)
    }
}

fn remote(asset: &github::Asset) -> Remote {
    Remote {
        name: asset.name.clone(),
        url: asset.url.to_string(),
        size: Some(asset.size),
        digest: asset.sha256.map(Digest::from),
        unknown_digest: asset.unknown_digest.clone(),
        target: None,
    }
}

fn asset(file: &Remote) -> Result<github::Asset, OriginError> {
    Ok(github::Asset {
        name: file.name.clone(),
        url: url::Url::parse(&file.url).map_err(OriginError::new)?,
        size: file.size.unwrap_or_default(),
        sha256: None,
        unknown_digest: None,
        content_type: String::new(),
    })
}

impl From<GitHubError> for OriginError {
    fn from(err: GitHubError) -> Self {
        let is_interrupted = matches!(err, GitHubError::Fetch(FetchError::Interrupted { .. }));
        Self { hint: err.hint(), is_interrupted, source: Box::new(err) }
    }
}
