//! Errors of queries for releases.

use std::time::Duration;

use pintle_host::PluginVersion;
use time::OffsetDateTime;

use super::super::http::FetchError;
use super::cache::now;
use super::tokens::variable_for;

/// Why a release could not be determined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitHubError {
    /// The server could not be reached, or failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The URL of the API is invalid.
    #[error("invalid address of the GitHub API `{text}`")]
    Api {
        /// The text.
        text: String,
    },
    /// The limit of requests is reached.
    #[error("{}", limited(host, *until, *is_authorized, *is_secondary))]
    RateLimited {
        /// The host of the API.
        host: String,
        /// When the limit ends, if the server reports it.
        until: Option<OffsetDateTime>,
        /// Whether a token was sent.
        is_authorized: bool,
        /// Whether it is the limit for requests in a short time, which a token does not raise.
        is_secondary: bool,
    },
    /// The repository or the release does not exist, or is not visible.
    #[error("{}", not_found(host, repo, tag.as_deref(), *is_authorized))]
    NotFound {
        /// The host of the API.
        host: String,
        /// The repository, in the form `owner/repo`.
        repo: String,
        /// The requested tag.
        tag: Option<String>,
        /// Whether a token was sent.
        is_authorized: bool,
    },
    /// The repository has releases, but none that matches.
    #[error("the repository `{repo}` has no release{}", if *has_prereleases { " other than pre-releases" } else { "" })]
    NoRelease {
        /// The repository, in the form `owner/repo`.
        repo: String,
        /// Whether it has pre-releases.
        has_prereleases: bool,
    },
    /// The bytes differ from the uploaded ones.
    #[error("wrong digest of `{name}`: expected sha256:{expected}, received sha256:{actual}")]
    Digest {
        /// The file.
        name: String,
        /// The digest that GitHub reports.
        expected: String,
        /// The digest of the received bytes.
        actual: String,
    },
    /// The token was rejected.
    #[error("`{host}` rejected the token in the environment variable `{variable}`")]
    Token {
        /// The host of the API.
        host: String,
        /// The variable that contains the token.
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
                "set {} to a token, which raises the limit from 60 to 5,000 requests per hour",
                variable_for(host)
            )),
            Self::RateLimited { .. } => Some("wait, or use a lock file with --locked".into()),
            Self::NotFound { tag: Some(tag), .. } if tag.parse::<PluginVersion>().is_err() => {
                Some(format!(
                    "`{tag}` is interpreted as the tag of a release: specify a full version, or \
                     omit it for the newest"
                ))
            }
            Self::NotFound { is_authorized: false, host, .. } => Some(format!(
                "check the spelling; for a private repository set {} to a token that can read it",
                variable_for(host)
            )),
            Self::NotFound { .. } => {
                Some("check the spelling, and that the token can read the repository".into())
            }
            Self::NoRelease { has_prereleases: true, .. } => {
                Some("specify a version, for example `owner/repo@v1.0.0-rc.1`".into())
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

fn limited(
    host: &str,
    until: Option<OffsetDateTime>,
    is_authorized: bool,
    is_secondary: bool,
) -> String {
    let limit = match (is_secondary, is_authorized) {
        (true, _) => "the limit of requests in a short time",
        (false, true) => "the hourly limit of requests for this token",
        (false, false) => "the limit of 60 requests per hour without a token",
    };
    let until = until.filter(|it| it.unix_timestamp() > now().cast_signed());
    let until = until.map_or_else(String::new, |it| format!("; it ends {}", moment(it)));
    format!("`{host}` has reached {limit}{until}")
}

/// Returns a time in readable form: how far away it is, and when.
fn moment(it: OffsetDateTime) -> String {
    let seconds = u64::try_from(it.unix_timestamp()).unwrap_or(0).saturating_sub(now());
    // Above two minutes, whole minutes suffice.
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
