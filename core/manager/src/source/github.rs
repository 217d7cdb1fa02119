//! GitHub's releases: which there are, and their files.
//!
//! Invariants: a token reaches the host of its API and no other, and is in no text; what was
//! asked for a moment ago is not asked again, as anonymous users have 60 requests an hour.

mod cache;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use pintle_host::PluginVersion;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::{Host, Url};

use super::http::{Client, Download, Downloaded, FetchError, Limits, MAX_JSON};
use super::{Environment, hex, parse_sha256};
use cache::{Cache, Kept};

/// The API of github.com.
const PUBLIC_API: &str = "https://api.github.com/";

/// How many releases a page has.
const PAGE: usize = 100;

/// How many pages are read at most.
const MAX_PAGES: usize = 10;

/// The version of the API that this was written for.
const API_VERSION: &str = "2022-11-28";

/// The releases of a server with GitHub's API.
#[derive(Debug)]
pub struct GitHub<'c> {
    client: &'c Client,
    api: Url,
    token: Option<Token>,
    cache: Option<Cache>,
}

/// The tokens of the environment, each for the servers it is meant for.
#[derive(Clone, Default)]
pub struct Tokens {
    public: Option<Token>,
    enterprise: Option<Token>,
}

/// A token, and the variable that holds it.
#[derive(Clone)]
struct Token {
    variable: &'static str,
    value: HeaderValue,
}

/// A release, as GitHub reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The tag, as `v1.2.3`.
    pub tag: String,
    /// The tag as a version, if it is one.
    pub version: Option<PluginVersion>,
    /// When it was published.
    pub published: Option<OffsetDateTime>,
    /// Whether GitHub or the version says that it is a pre-release.
    pub is_prerelease: bool,
    /// Whether GitHub guarantees that its files never change.
    pub is_immutable: bool,
    /// Its files.
    pub assets: Vec<Asset>,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The name.
    pub name: String,
    /// Its address at the API, which works for private repositories too.
    pub url: Url,
    /// The number of bytes.
    pub size: u64,
    /// The digest that GitHub computed when the file was uploaded; files older than June 2025
    /// have none.
    pub sha256: Option<[u8; 32]>,
    /// The media type.
    pub content_type: String,
}

/// Why a release is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitHubError {
    /// The server was not reached, or failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The address of the API is not valid.
    #[error("invalid address of the GitHub API `{text}`")]
    Api {
        /// What was given.
        text: String,
    },
    /// The limit of requests is reached.
    #[error("{}", limited(host, *until, *is_authorized, *is_secondary))]
    RateLimited {
        /// The host of the API.
        host: String,
        /// When it ends, if the server says so.
        until: Option<OffsetDateTime>,
        /// Whether a token was sent.
        is_authorized: bool,
        /// Whether it is the limit for too many requests at once, which a token does not raise.
        is_secondary: bool,
    },
    /// The repository, or the release, does not exist or is not visible.
    #[error("{}", not_found(host, repo, tag.as_deref(), *is_authorized))]
    NotFound {
        /// The host of the API.
        host: String,
        /// The repository, as `owner/repo`.
        repo: String,
        /// The tag that was asked for.
        tag: Option<String>,
        /// Whether a token was sent.
        is_authorized: bool,
    },
    /// The repository has releases, but none that is wanted.
    #[error("the repository `{repo}` has no release{}", if *has_prereleases { " other than pre-releases" } else { "" })]
    NoRelease {
        /// The repository, as `owner/repo`.
        repo: String,
        /// Whether there are pre-releases.
        has_prereleases: bool,
    },
    /// Bytes other than the ones that were uploaded.
    #[error("wrong digest of `{name}`: expected sha256:{expected}, received sha256:{actual}")]
    Digest {
        /// The file.
        name: String,
        /// The digest that GitHub reports.
        expected: String,
        /// The digest of what was received.
        actual: String,
    },
    /// The token was rejected.
    #[error("`{host}` rejected the token in the environment variable `{variable}`")]
    Token {
        /// The host of the API.
        host: String,
        /// The variable that holds the token.
        variable: &'static str,
    },
}

impl GitHubError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch(err) => err.hint(),
            Self::RateLimited { is_secondary: true, .. } => Some("wait and try again".into()),
            Self::RateLimited { is_authorized: false, host, .. } => Some(format!(
                "set {} to a token, which raises the limit from 60 to 5,000 requests an hour",
                variable_for(host)
            )),
            Self::RateLimited { .. } => Some("wait, or use a lock file with --locked".into()),
            Self::NotFound { is_authorized: false, host, .. } => Some(format!(
                "check the spelling; for a private repository set {} to a token that can read it",
                variable_for(host)
            )),
            Self::NotFound { .. } => {
                Some("check the spelling, and that the token can read the repository".into())
            }
            Self::NoRelease { has_prereleases: true, .. } => {
                Some("name a version, for example `owner/repo@v1.0.0-rc.1`".into())
            }
            Self::NoRelease { .. } => None,
            Self::Digest { .. } => {
                Some("try again; if it fails again, do not use this file".into())
            }
            Self::Token { variable, .. } => {
                Some(format!("renew the token in {variable}, or unset the variable"))
            }
            Self::Api { .. } => {
                Some("use a URL such as `https://github.example.com/api/v3/`".into())
            }
        }
    }
}

impl Tokens {
    /// Reads the tokens in the order that gh has: `GH_TOKEN`, `GITHUB_TOKEN` for github.com and
    /// `*.ghe.com`; `GH_ENTERPRISE_TOKEN`, `GITHUB_ENTERPRISE_TOKEN` for all other servers.
    pub fn read(env: Environment<'_>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|variable| {
                let text = env(variable).filter(|it| !it.trim().is_empty())?;
                let mut value = HeaderValue::from_str(&format!("Bearer {}", text.trim())).ok()?;
                value.set_sensitive(true);
                Some(Token { variable, value })
            })
        };
        Self {
            public: first(["GH_TOKEN", "GITHUB_TOKEN"]),
            enterprise: first(["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]),
        }
    }

    /// Returns the token for an API; none for one that is reached without protection.
    fn for_api(self, api: &Url) -> Option<Token> {
        let is_protected = api.scheme() == "https" || is_loopback(api);
        let token = if is_public(api.host_str()?) { self.public } else { self.enterprise };
        token.filter(|_| is_protected)
    }
}

// Tokens are never shown.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("public", &self.public)
            .field("enterprise", &self.enterprise)
            .finish()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=…", self.variable)
    }
}

/// Returns the address of the API: the option, else the variable `<PREFIX>_GITHUB_API`, else that
/// of gh's `GH_HOST`, else that of github.com.
pub fn api_address(option: Option<&str>, prefix: &str, env: Environment<'_>) -> String {
    let variable = |name: &str| env(name).filter(|it| !it.trim().is_empty());
    if let Some(it) =
        option.map(str::to_owned).or_else(|| variable(&format!("{prefix}_GITHUB_API")))
    {
        return it;
    }
    match variable("GH_HOST").map(|it| it.trim().to_ascii_lowercase()) {
        Some(host) if host == "github.com" => PUBLIC_API.to_owned(),
        Some(host) if host.ends_with(".ghe.com") => format!("https://api.{host}/"),
        Some(host) => format!("https://{host}/api/v3/"),
        None => PUBLIC_API.to_owned(),
    }
}

impl<'c> GitHub<'c> {
    /// Prepares the use of an API; asks for nothing yet. Of the tokens it takes the one that is
    /// meant for this host.
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

    /// Keeps answers in a directory, which is created when it is needed. An anonymous answer that
    /// is younger than `max_age` is used without asking; five minutes are usual.
    pub fn cached_in(mut self, dir: impl Into<PathBuf>, max_age: Duration) -> Self {
        self.cache = Some(Cache { dir: dir.into(), max_age });
        self
    }

    /// Returns whether requests have a token.
    pub fn is_authorized(&self) -> bool {
        self.token.is_some()
    }

    /// Returns the latest release of `owner/repo` by GitHub's rules: no pre-release, and the one
    /// that the owner has marked as latest if there is one.
    ///
    /// # Errors
    ///
    /// [`GitHubError`].
    pub fn latest(&self, repo: &str) -> Result<Release, GitHubError> {
        let found = self.find(repo, &["releases", "latest"])?;
        found.ok_or_else(|| self.not_found(repo, None))
    }

    /// Returns the release with a tag: as given, else with or without a leading `v`.
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

    /// Returns the release with the highest version; among tags that are no versions, the one
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

    /// Returns the releases, at most a thousand, in the order of the server.
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

    /// Downloads a file of a release, and compares it with its size and its digest if GitHub has
    /// one.
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
        download.expected_len = Some(asset.size);
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

    /// Returns an answer, of the cache if it still holds; `None` for 404.
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
        // The address of a file comes from the server, and may be anywhere.
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

    /// Says what a refusal of GitHub means.
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

/// A release as the API reports it.
#[derive(Deserialize)]
struct ReleaseMessage {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    published_at: Option<String>,
    #[serde(default)]
    assets: Vec<AssetMessage>,
}

/// A file as the API reports it.
#[derive(Deserialize)]
struct AssetMessage {
    name: String,
    #[serde(deserialize_with = "read_url")]
    url: Url,
    size: u64,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

impl From<ReleaseMessage> for Release {
    fn from(it: ReleaseMessage) -> Self {
        let version: Option<PluginVersion> = it.tag_name.parse().ok();
        let published = it.published_at.and_then(|it| OffsetDateTime::parse(&it, &Rfc3339).ok());
        // An upload that was broken off stays listed as `starter`.
        let is_uploaded = |it: &AssetMessage| it.state.as_deref().is_none_or(|it| it == "uploaded");
        Self {
            is_prerelease: it.prerelease || version.as_ref().is_some_and(|it| !it.is_stable()),
            is_immutable: it.immutable.unwrap_or(false),
            assets: it.assets.into_iter().filter(is_uploaded).map(Asset::from).collect(),
            tag: it.tag_name,
            version,
            published,
        }
    }
}

impl From<AssetMessage> for Asset {
    fn from(it: AssetMessage) -> Self {
        Self {
            name: it.name,
            url: it.url,
            size: it.size,
            sha256: it.digest.as_deref().and_then(parse_sha256),
            content_type: it.content_type.unwrap_or_default(),
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(url: &Url, body: &str) -> Result<T, FetchError> {
    serde_json::from_str(body)
        .map_err(|err| FetchError::Answer { url: super::http::redact(url), source: err.into() })
}

fn read_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(serde::de::Error::custom)
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// Returns whether a host is github.com or one of its tenants, as gh has it.
fn is_public(host: &str) -> bool {
    matches!(host, "api.github.com" | "github.com") || host.ends_with(".ghe.com")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(it)) => it == "localhost",
        Some(Host::Ipv4(it)) => it.is_loopback(),
        Some(Host::Ipv6(it)) => it.is_loopback(),
        None => false,
    }
}

fn variable_for(host: &str) -> &'static str {
    if is_public(host) { "GH_TOKEN" } else { "GH_ENTERPRISE_TOKEN" }
}

fn shown_api(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), |it| super::http::redact(&it))
}

fn limited(
    host: &str,
    until: Option<OffsetDateTime>,
    is_authorized: bool,
    is_secondary: bool,
) -> String {
    let limit = match (is_secondary, is_authorized) {
        (true, _) => "the limit for many requests in a short time",
        (false, true) => "the limit of requests an hour for this token",
        (false, false) => "the limit of 60 requests an hour without a token",
    };
    let until = until.filter(|it| it.unix_timestamp() > now().cast_signed());
    let until = until.map_or_else(String::new, |it| format!("; it ends {}", moment(it)));
    format!("`{host}` has reached {limit}{until}")
}

/// Returns a moment for people: how far away it is, and when.
fn moment(it: OffsetDateTime) -> String {
    let seconds = u64::try_from(it.unix_timestamp()).unwrap_or(0).saturating_sub(now());
    // Minutes are enough above two of them.
    let rounded = if seconds > 120 { seconds.div_ceil(60) * 60 } else { seconds };
    let away = humantime::format_duration(Duration::from_secs(rounded));
    let (hour, minute, second) = (it.hour(), it.minute(), it.second());
    format!("in {away}, at {hour:02}:{minute:02}:{second:02} UTC")
}

fn not_found(host: &str, repo: &str, tag: Option<&str>, is_authorized: bool) -> String {
    let release = match tag {
        Some(tag) => format!("has no release `{tag}`"),
        None => "has no release".to_owned(),
    };
    let reader = if is_authorized { "the token" } else { "requests without a token" };
    format!(
        "the repository `{repo}` at `{host}` does not exist, {release}, or is not visible to {reader}"
    )
}

#[cfg(test)]
mod tests;
