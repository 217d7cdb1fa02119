//! Chooses the server, and the token for it.

use reqwest::header::HeaderValue;
use url::{Host, Url};

use super::super::Environment;

/// The API of github.com.
const PUBLIC_API: &str = "https://api.github.com/";

/// The tokens from the environment, each for certain servers.
#[derive(Clone, Default)]
pub struct Tokens {
    public: Option<Token>,
    enterprise: Option<Token>,
}

/// A token, and the variable that contains it.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) variable: &'static str,
    pub(super) value: HeaderValue,
}

impl Tokens {
    /// Reads the tokens in gh's order: `GH_TOKEN`, `GITHUB_TOKEN` for github.com and `*.ghe.com`;
    /// `GH_ENTERPRISE_TOKEN`, `GITHUB_ENTERPRISE_TOKEN` for all other servers.
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

    /// Returns the token for an API; none for an unencrypted connection.
    pub(super) fn for_api(self, api: &Url) -> Option<Token> {
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

/// Returns the URL of the API: from the option, or else from the variable `<PREFIX>_GITHUB_API`, or
/// else from gh's `GH_HOST`, or else that of github.com.
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

/// Returns whether a host is github.com or one of its tenants, by gh's rules.
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

pub(super) fn variable_for(host: &str) -> &'static str {
    if is_public(host) { "GH_TOKEN" } else { "GH_ENTERPRISE_TOKEN" }
}
