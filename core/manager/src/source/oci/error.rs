//! Why a registry could not be used.

use super::super::http::FetchError;

/// Why a registry could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// The registry was not reached, or failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The tag, the digest or the repository does not exist, or is not visible.
    #[error("`{spec}` does not exist or is private")]
    NotFound {
        /// What was looked up.
        spec: String,
        /// The registry.
        registry: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// The registry asks for other credentials.
    #[error("{}", unauthorized(registry, *has_credentials))]
    Unauthorized {
        /// The registry.
        registry: String,
        /// Whether credentials were sent.
        has_credentials: bool,
    },
    /// Docker's configuration has credentials that cannot be used.
    #[error("failed to read Docker's credentials for `{registry}`: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// Bytes that are not the ones that their digest names.
    #[error("wrong digest of {what} in `{spec}`: expected {expected}, received {actual}")]
    Digest {
        /// The repository.
        spec: String,
        /// Which bytes.
        what: String,
        /// The digest that was asked for.
        expected: String,
        /// The digest of what was received.
        actual: String,
    },
    /// A manifest that does not describe a plugin.
    #[error("`{spec}` is not a plugin: {reason}")]
    Invalid {
        /// What was looked up.
        spec: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The registry did not accept something.
    #[error("failed to push to `{spec}`: {reason}")]
    Push {
        /// The repository.
        spec: String,
        /// What the registry reports.
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
