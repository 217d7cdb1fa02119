//! The credentials that `docker login` has stored.

use base64::Engine as _;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use pintle_host::caller;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use url::Url;

use super::super::http::{Client, FetchError, redact};
use super::error::OciError;

/// How much is read of a registry's response to a request without a token.
const MAX_ANSWER: u64 = 1 << 20;

/// How the user is known to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The user is anonymous.
    Anonymous,
    /// A name, and a password or token.
    Basic {
        /// The name.
        user: String,
        /// The password or token.
        password: String,
    },
    /// A token from the registry's own login, which is exchanged for other tokens.
    Identity {
        /// The token.
        token: String,
    },
}

impl Credentials {
    /// Reads the credentials that `docker login` has stored, including with a helper; anonymous if
    /// there are none.
    ///
    /// # Errors
    ///
    /// [`OciError::Credentials`].
    pub fn of_docker(registry: &str) -> Result<Self, OciError> {
        let found = docker_credential::get_credential(docker_key(registry));
        if matches!(found, Err(CredentialRetrievalError::ConfigReadError)) && has_config() {
            let reason = "its `config.json` cannot be read".to_owned();
            return Err(OciError::Credentials { registry: registry.to_owned(), reason });
        }
        Self::understand(registry, found)
    }

    pub(super) fn understand(
        registry: &str,
        found: Result<DockerCredential, CredentialRetrievalError>,
    ) -> Result<Self, OciError> {
        use CredentialRetrievalError as Cause;
        let fail = |reason: &str| {
            let (registry, reason) = (registry.to_owned(), reason.to_owned());
            Err(OciError::Credentials { registry, reason })
        };
        match found {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                Ok(Self::Basic { user, password })
            }
            Ok(DockerCredential::IdentityToken(token)) => Ok(Self::Identity { token }),
            Err(Cause::NoCredentialConfigured | Cause::ConfigNotFound | Cause::ConfigReadError) => {
                Ok(Self::Anonymous)
            }
            // Docker's helpers print this for a registry without a login.
            Err(Cause::HelperFailure { stdout, stderr, .. })
                if format!("{stdout}{stderr}").contains("credentials not found") =>
            {
                Ok(Self::Anonymous)
            }
            // Not the helper's output, which can contain a secret.
            Err(Cause::HelperFailure { helper, .. }) => fail(&format!("`{helper}` failed")),
            Err(err) => fail(&err.to_string()),
        }
    }

    pub(super) fn auth(&self) -> RegistryAuth {
        match self {
            // An identity token is exchanged first, and never sent itself.
            Self::Anonymous | Self::Identity { .. } => RegistryAuth::Anonymous,
            Self::Basic { user, password } => RegistryAuth::Basic(user.clone(), password.clone()),
        }
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        let Self::Basic { user, password } = self else { return None };
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        sensitive(&format!("Basic {text}"))
    }
}

// A password is never shown.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => write!(f, "Anonymous"),
            Self::Identity { .. } => write!(f, "Identity {{ token: … }}"),
            Self::Basic { user, .. } => write!(f, "Basic {{ user: {user:?}, password: … }}"),
        }
    }
}

/// Returns the name of a registry in Docker's configuration.
fn docker_key(registry: &str) -> &str {
    match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
        it => it,
    }
}

/// Returns whether Docker has a configuration. docker_credential does not distinguish a missing one
/// from a broken one.
fn has_config() -> bool {
    let home = || caller::home_dir().map(|it| it.join(".docker"));
    let dir = caller::var_os("DOCKER_CONFIG").map(Into::into).or_else(home);
    dir.is_some_and(|it: std::path::PathBuf| it.join("config.json").exists())
}

/// A registry's response to a request without a token: where to get one.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: Url,
    service: Option<String>,
}

/// The response of a token server.
#[derive(Deserialize)]
struct TokenMessage {
    access_token: String,
}

/// Exchanges an identity token for a token with a certain scope; anonymous if the registry requires
/// none.
pub(super) fn exchange(
    client: &Client,
    base: &Url,
    scope: &str,
    token: &str,
) -> Result<RegistryAuth, FetchError> {
    let mut url = base.clone();
    url.set_path("/v2/");
    let answer = client.get(&url, &HeaderMap::new(), MAX_ANSWER)?;
    let Some(challenge) = answer.headers.get(WWW_AUTHENTICATE).and_then(read_challenge) else {
        return Ok(RegistryAuth::Anonymous);
    };
    let realm = &challenge.realm;
    if realm.scheme() != "https" && base.scheme() == "https" {
        let reason = "a secret would be sent without encryption";
        return Err(FetchError::Redirect { url: redact(&url), to: redact(realm), reason });
    }
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", client.options().command.as_str()),
        ("service", challenge.service.as_deref().unwrap_or_default()),
        ("scope", scope),
        ("refresh_token", token),
    ];
    let answer = client.post_form(realm, &fields)?.accept(realm)?;
    let message: TokenMessage = serde_json::from_slice(&answer.body)
        .map_err(|err| FetchError::Answer { url: redact(realm), source: err.into() })?;
    Ok(RegistryAuth::Bearer(message.access_token))
}

/// Reads `Bearer realm="https://…",service="…"`.
fn read_challenge(header: &HeaderValue) -> Option<Challenge> {
    let text = header.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    let value = |key: &str| {
        let start = rest.find(&format!("{key}=\""))? + key.len() + 2;
        rest[start..].split('"').next()
    };
    let realm = Url::parse(value("realm")?).ok()?;
    let challenge = Challenge { realm, service: value("service").map(str::to_owned) };
    scheme.eq_ignore_ascii_case("bearer").then_some(challenge)
}

pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
