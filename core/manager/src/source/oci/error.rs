//! Why a registry could not be used.

use super::super::http::FetchError;

/// Why a registry could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// The registry could not be reached, or failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The tag, the digest or the repository does not exist, or is not visible.
    #[error("`{spec}` does not exist or is private")]
    NotFound {
        /// The requested artifact.
        spec: String,
        /// The registry.
        registry: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// The registry requires other credentials.
    #[error("{}", unauthorized(registry, *has_credentials))]
    Unauthorized {
        /// The registry.
        registry: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// Docker's configuration contains unusable credentials.
    #[error("failed to read Docker's credentials for `{registry}`: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// The reason.
        reason: String,
    },
    /// The bytes do not match their digest.
    #[error("wrong digest of {what} in `{spec}`: expected {expected}, received {actual}")]
    Digest {
        /// The repository.
        spec: String,
        /// The kind of bytes.
        what: String,
        /// The requested digest.
        expected: String,
        /// The digest of the received bytes.
        actual: String,
    },
    /// The manifest does not describe a plugin.
    #[error("`{spec}` is not a plugin: {reason}")]
    Invalid {
        /// The requested artifact.
        spec: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry refused a push.
    #[error("failed to push to `{spec}`: {reason}")]
    Push {
        /// The repository.
        spec: String,
        /// The registry's message.
        reason: String,
    },
}

impl OciError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch(err) => err.hint(),
            Self::NotFound { has_credentials: true, .. } => {
                Some("check the spelling, and that your account can read the repository".into())
            }
            Self::NotFound { registry, .. } => Some(format!(
                "check the spelling; for a private repository run `docker login {registry}`"
            )),
            Self::Unauthorized { registry, .. } | Self::Credentials { registry, .. } => {
                Some(format!("run `docker login {registry}` with an account that has access"))
            }
            Self::Digest { .. } => {
                Some("do not use these files; report this to the owner of the registry".into())
            }
            Self::Invalid { .. } | Self::Push { .. } => None,
        }
    }
}

fn unauthorized(registry: &str, has_credentials: bool) -> String {
    if has_credentials {
        return format!("the registry `{registry}` rejected the credentials");
    }
    format!("the registry `{registry}` requires credentials, but Docker has stored none for it")
}
