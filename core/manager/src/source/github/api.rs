//! Queries the API for releases and their files.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH};
use time::OffsetDateTime;
use url::Url;

use super::super::http::{
    Client, Download, Downloaded, FetchError, Limits, MAX_JSON, host_of, redact,
};
use super::cache::{Cache, Kept, now};
use super::error::GitHubError;
use super::release::{Asset, Release, ReleaseMessage};
use super::tokens::{Token, Tokens};
use crate::digest::hex;

/// The number of releases on a page.
const PAGE: usize = 100;

/// The largest number of pages that are read.
const MAX_PAGES: usize = 10;

/// The version of the API for which this was written.
const API_VERSION: &str = "2022-11-28";

/// The releases of a server with GitHub's API.
#[derive(Debug)]
pub struct GitHub<'c> {
    client: &'c Client,
    api: Url,
    token: Option<Token>,
    cache: Option<Cache>,
}

impl<'c> GitHub<'c> {
    /// Prepares the use of an API without sending a request. Uses the token that is meant for this
    /// host.
    ///
    /// # Errors
    ///
    /// [`GitHubError::Api`].
    pub fn new(client: &'c Client, api: &str, tokens: Tokens) -> Result<Self, GitHubError> {
        let invalid = || GitHubError::Api { text: shown_api(api) };
        let mut api = Url::parse(api).map_err(|_| invalid())?;
        let is_plain = api.username().is_empty() && api.password().is_none();
        if !matches!(api.scheme(), "http" | "https") || api.host_str().is_none() || !is_plain {
            return Err(invalid());
        }
        api.set_query(None);
        api.set_fragment(None);
        let token = tokens.for_api(&api);
        Ok(Self { client, api, token, cache: None })
    }

    /// Caches answers in a directory, which is created when required. An anonymous answer that is
    /// younger than `max_age` is used without a request; five minutes are usual.
    pub fn cached_in(mut self, dir: impl Into<PathBuf>, max_age: Duration) -> Self {
        self.cache = Some(Cache { dir: dir.into(), max_age });
        self
    }

    /// Returns the server that is queried.
    pub fn server(&self) -> String {
        host_of(&self.api)
    }

    /// Returns whether requests contain a token.
    pub fn is_authorized(&self) -> bool {
        self.token.is_some()
    }

    /// Returns the latest release of `owner/repo` by GitHub's rules: not a pre-release, and the one
    /// that the owner has marked as latest, if there is one.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub fn latest(&self, repo: &str) -> Result<Release, GitHubError> {
        let found = self.find(repo, &["releases", "latest"])?;
        found.ok_or_else(|| self.not_found(repo, None))
    }

    /// Returns the release with a tag: as given, or else with or without a leading `v`.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub fn tag(&self, repo: &str, tag: &str) -> Result<Release, GitHubError> {
        let other = tag.strip_prefix('v').map_or_else(|| format!("v{tag}"), str::to_owned);
        for tag in [tag, &other] {
            if let Some(release) = self.find(repo, &["releases", "tags", tag])? {
                return Ok(release);
            }
        }
        Err(self.not_found(repo, Some(tag)))
    }

    /// Returns the release with the highest version, or, among tags that are not versions, the one
    /// published last.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub fn newest(&self, repo: &str, include_prereleases: bool) -> Result<Release, GitHubError> {
        let releases = self.list(repo)?;
        let has_prereleases = releases.iter().any(|it| it.is_prerelease);
        let wanted = releases.into_iter().filter(|it| include_prereleases || !it.is_prerelease);
        let newest =
            wanted.max_by(|a, b| (&a.version, a.published).cmp(&(&b.version, b.published)));
        newest.ok_or_else(|| GitHubError::NoRelease { repo: repo.to_owned(), has_prereleases })
    }

    /// Returns the releases, at most a thousand, in the server's order.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub fn list(&self, repo: &str) -> Result<Vec<Release>, GitHubError> {
        let mut releases = Vec::new();
        for page in 1..=MAX_PAGES {
            let mut url = self.address(repo, &["releases"]);
            url.query_pairs_mut()
                .append_pair("per_page", &PAGE.to_string())
                .append_pair("page", &page.to_string());
            let answer = self.ask(&url)?.ok_or_else(|| self.not_found(repo, None))?;
            let found: Vec<ReleaseMessage> = parse(&url, &answer.body)?;
            releases.extend(found.into_iter().filter(|it| !it.draft).map(Release::from));
            if !answer.has_next {
                break;
            }
        }
        Ok(releases)
    }

    /// Downloads a file of a release, and compares it with its size and, if GitHub has one, its
    /// digest.
    ///
    /// # Errors
    ///
    /// [`GitHubError`]. Bytes with a wrong digest are not kept.
    pub fn download(
        &self,
        asset: &Asset,
        download: &mut Download<'_>,
    ) -> Result<Downloaded, GitHubError> {
        let accept = HeaderValue::from_static("application/octet-stream");
        let headers = self.headers(&asset.url, accept);
        download.expected_len = Some(asset.size).filter(|it| *it > 0);
        let done = self.client.download(&asset.url, &headers, download);
        let done = done.map_err(|err| self.explain(err))?;
        match asset.sha256 {
            Some(expected) if expected != done.sha256 => {
                done.content.discard();
                let (expected, actual) = (hex(&expected), hex(&done.sha256));
                Err(GitHubError::Digest { name: asset.name.clone(), expected, actual })
            }
            _ => Ok(done),
        }
    }

    fn find(&self, repo: &str, path: &[&str]) -> Result<Option<Release>, GitHubError> {
        let url = self.address(repo, path);
        let Some(answer) = self.ask(&url)? else { return Ok(None) };
        let release: ReleaseMessage = parse(&url, &answer.body)?;
        Ok(Some(release.into()))
    }

    /// Returns an answer, from the cache if it is still valid; `None` for 404.
    fn ask(&self, url: &Url) -> Result<Option<Kept>, GitHubError> {
        let kept = self.cache.as_ref().and_then(|it| it.read(url, self.is_authorized()));
        if let (Some(kept), Some(cache), false) = (&kept, &self.cache, self.is_authorized())
            && kept.is_younger_than(cache.max_age)
        {
            return Ok(Some(kept.clone()));
        }
        let mut headers =
            self.headers(url, HeaderValue::from_static("application/vnd.github+json"));
        let etag = kept.as_ref().and_then(|it| HeaderValue::from_str(it.etag.as_ref()?).ok());
        if let Some(etag) = etag {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let answer = self.client.get(url, &headers, MAX_JSON)?;
        let current = match (answer.status, kept) {
            (304, Some(kept)) => Kept { at: now(), ..kept },
            (404, _) => return Ok(None),
            _ if answer.is_success() => Kept::of(answer),
            _ => return Err(self.explain(answer.refusal(url))),
        };
        if let Some(cache) = &self.cache {
            cache.write(url, self.is_authorized(), &current);
        }
        Ok(Some(current))
    }

    fn headers(&self, url: &Url, accept: HeaderValue) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept);
        headers.insert("x-github-api-version", HeaderValue::from_static(API_VERSION));
        // The URL of a file comes from the server, and may refer to any host.
        if let (Some(token), true) = (&self.token, url.origin() == self.api.origin()) {
            headers.insert(AUTHORIZATION, token.value.clone());
        }
        headers
    }

    fn address(&self, repo: &str, path: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().push("repos").extend(repo.split('/')).extend(path);
        }
        url
    }

    /// Returns the error for a refusal by GitHub.
    fn explain(&self, err: FetchError) -> GitHubError {
        let FetchError::Status { status, limits, message, .. } = &err else { return err.into() };
        match (status, &self.token) {
            (401, Some(token)) => {
                GitHubError::Token { host: self.host(), variable: token.variable }
            }
            (403 | 429, _) => self.limit(*status, *limits, message).unwrap_or(err.into()),
            _ => err.into(),
        }
    }

    fn limit(&self, status: u16, limits: Limits, message: &str) -> Option<GitHubError> {
        let is_primary = limits.remaining == Some(0);
        let is_secondary = !is_primary
            && (status == 429 || limits.retry_after.is_some() || message.contains("rate limit"));
        if !is_primary && !is_secondary {
            return None;
        }
        let reset = limits.reset.filter(|_| is_primary);
        let until = limits.retry_after.map(|it| now().saturating_add(it)).or(reset);
        let until =
            until.and_then(|it| OffsetDateTime::from_unix_timestamp(it.try_into().ok()?).ok());
        let (host, is_authorized) = (self.host(), self.is_authorized());
        Some(GitHubError::RateLimited { host, until, is_authorized, is_secondary })
    }

    fn not_found(&self, repo: &str, tag: Option<&str>) -> GitHubError {
        GitHubError::NotFound {
            host: self.host(),
            repo: repo.to_owned(),
            tag: tag.map(str::to_owned),
            is_authorized: self.is_authorized(),
        }
    }

    fn host(&self) -> String {
        self.api.host_str().unwrap_or_default().to_owned()
    }
}

fn parse<T: serde::de::DeserializeOwned>(url: &Url, body: &str) -> Result<T, FetchError> {
    serde_json::from_str(body)
        .map_err(|err| FetchError::Answer { url: redact(url), source: err.into() })
}

fn shown_api(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), |it| redact(&it))
}
