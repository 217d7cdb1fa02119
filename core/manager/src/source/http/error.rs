//! Why a download failed. No text here contains credentials or secrets from a URL.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::HeaderMap;
use url::Url;

type Source = Box<dyn Error + Send + Sync>;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A text that is not a URL, or a URL that cannot be fetched.
    #[error("invalid URL `{url}`")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        source: Option<Source>,
    },
    /// The host is unknown.
    #[error("unknown host `{host}` in `{url}`")]
    NoSuchHost {
        /// The host.
        host: String,
        /// The URL.
        url: String,
        /// The resolver's error.
        source: Source,
    },
    /// The host accepts no connection, or the network is down.
    #[error("failed to connect to `{host}` for `{url}`")]
    Connect {
        /// The host, with its port.
        host: String,
        /// The URL.
        url: String,
        /// The system's error.
        source: Source,
    },
    /// A trusted connection could not be established.
    #[error("failed to establish a trusted connection to `{host}` for `{url}`")]
    Tls {
        /// The host.
        host: String,
        /// The URL.
        url: String,
        /// Whether the certificate was rejected.
        is_untrusted: bool,
        /// The error of TLS.
        source: Source,
    },
    /// The proxy failed.
    #[error("the proxy `{proxy}` failed for `{url}`")]
    Proxy {
        /// The proxy, without credentials.
        proxy: String,
        /// The URL.
        url: String,
        /// The error.
        source: Source,
    },
    /// An environment variable does not contain a proxy.
    #[error("invalid proxy in the environment variable `{variable}`: {reason}")]
    ProxySetting {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server refused the request or failed.
    #[error("{}", refusal(url, *status, message))]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The server's message, shortened.
        message: String,
        /// When the request can be repeated.
        limits: Limits,
    },
    /// No data arrived in time.
    #[error("timed out after {} {what} `{url}`", humantime::format_duration(*after))]
    Timeout {
        /// The URL.
        url: String,
        /// What the client was waiting for, for example `connecting to`.
        what: &'static str,
        /// The time limit.
        after: Duration,
    },
    /// The connection broke, and attempts to resume the download failed.
    #[error("the connection broke while fetching `{url}`")]
    Broken {
        /// The URL.
        url: String,
        /// The error.
        source: Source,
    },
    /// The number of bytes differs from the announced one.
    #[error("wrong length of `{url}`: expected {expected} bytes, received {actual}")]
    WrongLength {
        /// The URL.
        url: String,
        /// The announced number.
        expected: u64,
        /// The received number.
        actual: u64,
    },
    /// There are more bytes than allowed.
    #[error("`{url}` is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("the redirect of `{url}` to `{to}` is not followed: {reason}")]
    Redirect {
        /// The URL.
        url: String,
        /// Its target.
        to: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// The response has an unexpected form.
    #[error("invalid response from `{url}`")]
    Answer {
        /// The URL.
        url: String,
        /// What is wrong with it.
        source: Source,
    },
    /// The user interrupted the command.
    #[error("interrupted while fetching `{url}`")]
    Interrupted {
        /// The URL.
        url: String,
    },
    /// The target file cannot be written.
    #[error("failed to write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: Source,
    },
    /// A file with certificate authorities cannot be used.
    #[error("failed to read certificate authorities from `{}`", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Source,
    },
    /// The client cannot be set up.
    #[error("failed to set up the HTTP client")]
    Setup(#[source] Source),
}

/// The rate limits that a server reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The number of remaining requests (`x-ratelimit-remaining`).
    pub remaining: Option<u64>,
    /// When the limit is reset, in seconds since 1970 (`x-ratelimit-reset`).
    pub reset: Option<u64>,
    /// The number of seconds to wait (`retry-after`).
    pub retry_after: Option<u64>,
}

impl Limits {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        Self {
            remaining: number("x-ratelimit-remaining"),
            reset: number("x-ratelimit-reset"),
            retry_after: number("retry-after"),
        }
    }
}

impl FetchError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchHost { .. } => "check the spelling of the host and your network connection",
            Self::Connect { .. } | Self::Timeout { .. } | Self::Broken { .. } => {
                "check your network connection, or set HTTPS_PROXY if a proxy is required"
            }
            Self::Tls { is_untrusted: true, .. } => {
                "if your network uses its own certificate authority, set SSL_CERT_FILE to a file \
                 with its certificate"
            }
            Self::Tls { .. } => "check that the server supports HTTPS at this port",
            Self::Proxy { .. } | Self::ProxySetting { .. } => {
                "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY lists hosts without a proxy"
            }
            Self::Status { status: 401, .. } => "check the token or the credentials",
            Self::Status { status: 403, .. } => "check that your account or token has access",
            Self::Status { status: 404, .. } => "check the spelling; it may also be private",
            Self::Status { limits: Limits { retry_after: Some(it), .. }, .. } => {
                return Some(format!("try again in {it} s"));
            }
            Self::Status { status: 429 | 500.., .. } => "try again later",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns whether another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Broken { .. } => true,
            Self::Timeout { what, .. } => *what != CONNECTING,
            Self::Status { status, .. } => matches!(status, 500 | 502..=504),
            _ => false,
        }
    }
}

pub(super) const CONNECTING: &str = "connecting to";
pub(super) const WAITING: &str = "waiting for data from";

/// The context of the errors of one request.
pub(in super::super) struct Context<'a> {
    pub(super) url: &'a Url,
    /// The proxy of this request.
    pub(super) proxy: Option<String>,
    pub(super) connect_limit: Duration,
    pub(super) idle_limit: Duration,
}

impl Context<'_> {
    /// Converts an error of reqwest.
    pub(in super::super) fn explain(&self, err: reqwest::Error) -> FetchError {
        // The error created here contains the URL, without its secrets.
        let err = err.without_url();
        let url = redact(self.url);
        let host = host_of(self.url);
        if err.is_timeout() {
            let (what, after) = if err.is_connect() {
                (CONNECTING, self.connect_limit)
            } else {
                (WAITING, self.idle_limit)
            };
            return FetchError::Timeout { url, what, after };
        }
        if let Some(tls) = find::<rustls::Error>(&err) {
            let is_untrusted = matches!(tls, rustls::Error::InvalidCertificate(_));
            let source = Box::new(tls.clone());
            return FetchError::Tls { host, url, is_untrusted, source };
        }
        let innermost = cause(&err).to_string();
        if err.is_connect() && innermost.contains("tls handshake") {
            return FetchError::Tls { host, url, is_untrusted: false, source: innermost.into() };
        }
        if let (true, Some(proxy)) = (err.is_connect(), &self.proxy) {
            return FetchError::Proxy { proxy: proxy.clone(), url, source: cause(&err) };
        }
        if err.is_dns() {
            return FetchError::NoSuchHost { host, url, source: cause(&err) };
        }
        if err.is_connect() {
            return FetchError::Connect { host, url, source: cause(&err) };
        }
        if err.is_builder() {
            return FetchError::InvalidUrl { url, source: Some(cause(&err)) };
        }
        FetchError::Broken { url, source: cause(&err) }
    }
}

/// Returns a URL in displayable form: without credentials, and without the content of its query.
pub fn redact(url: &Url) -> String {
    let mut shown = url.clone();
    let query = if shown.query().is_some() { "?…" } else { "" };
    shown.set_query(None);
    shown.set_fragment(None);
    // Both fail only for URLs without a host, which have no credentials.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    format!("{shown}{query}")
}

/// Returns the host of a URL, with the port if it is not the default one.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn refusal(url: &str, status: u16, message: &str) -> String {
    let meaning = match status {
        401 => "authentication is required or was rejected",
        403 => "permission denied",
        404 => "not found",
        410 => "no longer available",
        407 => "the proxy requires authentication",
        429 => "too many requests",
        500.. => "the server failed",
        _ => "the server refused the request",
    };
    let text = format!("{meaning}: `{url}` (HTTP status {status})");
    if message.is_empty() { text } else { format!("{text}: {message}") }
}

/// Returns the innermost cause, which is the system's error. The layers around it repeat each
/// other.
fn cause(err: &reqwest::Error) -> Source {
    let mut innermost: &dyn Error = err;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    match innermost.downcast_ref::<io::Error>() {
        Some(it) => it
            .raw_os_error()
            .map_or_else(|| io::Error::new(it.kind(), it.to_string()), io::Error::from_raw_os_error)
            .into(),
        None => innermost.to_string().into(),
    }
}

/// Returns the first cause of a type. `io::Error` does not return the wrapped error from `source`.
fn find<'e, T: Error + 'static>(err: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(err);
    while let Some(err) = next {
        if let Some(found) = err.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = err.downcast_ref::<io::Error>().and_then(|it| it.get_ref());
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => err.source(),
        };
    }
    None
}
