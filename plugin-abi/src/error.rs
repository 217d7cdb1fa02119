//! Errors on the author's side, and the message that carries them across the boundary.
//!
//! Authors use [`anyhow`]. This module adds a hint, marks wrong usage, and converts the chain of
//! causes to an [`ErrorReply`] and back.

use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::fmt;

/// The result of an author's function.
///
/// ```
/// use pintle_plugin::{Result, anyhow::Context as _};
///
/// fn settings() -> Result<String> {
///     std::fs::read_to_string("settings.toml").context("failed to read the settings")
/// }
/// assert_eq!(settings().unwrap_err().to_string(), "failed to read the settings");
/// ```
pub type Result<T, E = anyhow::Error> = std::result::Result<T, E>;

/// An error with advice on how to fix it.
#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for Hinted {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

/// The error of a command that was asked for something that it cannot do.
///
/// The host exits with 2, as for any incorrect usage.
///
/// ```
/// use pintle_plugin::{Result, UsageError};
///
/// fn check(n_ships: u32) -> Result<()> {
///     match n_ships {
///         0 => Err(UsageError("give at least one ship".to_owned()).into()),
///         _ => Ok(()),
///     }
/// }
/// assert!(check(0).is_err());
/// ```
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for UsageError {}

/// The error of a host that has no Docker engine, and so no containers to offer.
#[derive(Debug)]
pub(crate) struct NoEngine(String);

impl fmt::Display for NoEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for NoEngine {}

/// The error of a side that is too old to know the request.
#[derive(Debug)]
pub(crate) struct Unsupported(pub(crate) String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Unsupported {}

/// Distinguishes errors.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn run(host: &Host<'_>) -> Result<()> {
/// // Hosts of an older interface have no directories for plugins.
/// let cache = match host.directories() {
///     Ok(directories) => Some(directories.cache),
///     Err(err) if err.is_unsupported() => None,
///     Err(err) => return Err(err),
/// };
/// # Ok(())
/// # }
/// ```
pub trait ErrorExt {
    /// Returns whether the other side is too old for the request, so that the caller can manage
    /// without it: the host for a plugin, or a plugin for its host.
    fn is_unsupported(&self) -> bool;
}

impl ErrorExt for anyhow::Error {
    fn is_unsupported(&self) -> bool {
        let is_reply = |it: &(dyn StdError + 'static)| {
            it.downcast_ref::<ErrorReply>().is_some_and(|it| it.kind == ErrorKind::Unsupported)
        };
        layers(self).any(|it| it.is::<Unsupported>()) || self.chain().any(is_reply)
    }
}

/// Returns the error, and the errors that hints were added to, from the outside in.
fn layers(err: &anyhow::Error) -> impl Iterator<Item = &anyhow::Error> {
    // A hint or a mark may be below several layers of context.
    std::iter::successors(Some(err), |it| it.downcast_ref::<Hinted>().map(|it| &it.error))
}

/// Adds advice to an error.
///
/// ```
/// use pintle_plugin::{Hint as _, Result};
///
/// fn read() -> Result<String> {
///     std::fs::read_to_string("harbour.toml").hint("create it with `pintle harbour init`")
/// }
/// assert!(read().is_err());
/// ```
pub trait Hint<T> {
    /// Adds a line that explains how to fix the error.
    ///
    /// # Errors
    ///
    /// The error itself, with the hint.
    fn hint(self, text: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, text: impl Into<String>) -> Result<T> {
        self.map_err(|err| Hinted { error: err.into(), hint: text.into() }.into())
    }
}

/// How an error is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The work failed.
    #[default]
    Failed,
    /// The caller asked for something that the command cannot do.
    Usage,
    /// The plugin panicked.
    Panicked,
    /// The other side is too old to know the request.
    Unsupported,
    /// There is no Docker engine.
    NoEngine,
    /// A kind that this release does not know.
    #[serde(other)]
    Other,
}

/// An error on its way across the boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ErrorReply {
    /// What happened.
    pub message: String,
    /// The causes, the nearest one first.
    pub causes: Vec<String>,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How the error is meant.
    pub kind: ErrorKind,
}

impl ErrorReply {
    /// Returns the error of a call that failed with `message`.
    ///
    /// ```
    /// use pintle_plugin::message::{ErrorKind, ErrorReply};
    ///
    /// assert_eq!(ErrorReply::failed("no answer").kind, ErrorKind::Failed);
    /// ```
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Returns the error of a side that does not know the request.
    ///
    /// ```
    /// use pintle_plugin::message::{ErrorKind, ErrorReply};
    ///
    /// assert_eq!(ErrorReply::unsupported("no service 9").kind, ErrorKind::Unsupported);
    /// ```
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: ErrorKind::Unsupported, ..Self::default() }
    }

    pub(crate) fn panicked(message: String) -> Self {
        Self { message, kind: ErrorKind::Panicked, ..Self::default() }
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ErrorReply {}

impl From<anyhow::Error> for ErrorReply {
    fn from(err: anyhow::Error) -> Self {
        into_reply(err)
    }
}

/// Converts an author's error for the host.
pub(crate) fn into_reply(err: anyhow::Error) -> ErrorReply {
    let mut kind = ErrorKind::Failed;
    let mut hint = None;
    for err in layers(&err) {
        if err.is::<UsageError>() {
            kind = ErrorKind::Usage;
        } else if err.is::<NoEngine>() {
            kind = ErrorKind::NoEngine;
        } else if err.is::<Unsupported>() {
            kind = ErrorKind::Unsupported;
        }
        if let Some(it) = err.downcast_ref::<Hinted>() {
            hint.get_or_insert_with(|| it.hint.clone());
        }
    }
    let causes = err.chain().skip(1).map(ToString::to_string).collect();
    ErrorReply { message: err.to_string(), causes, hint, kind }
}

/// Converts a host's error to one that an author can pass on.
pub(crate) fn from_reply(reply: ErrorReply) -> anyhow::Error {
    let mut causes = reply.causes.into_iter().rev();
    let (root, contexts) = match causes.next() {
        Some(root) => (root, causes.chain([reply.message]).collect()),
        None => (reply.message, Vec::new()),
    };
    let root = match reply.kind {
        ErrorKind::Usage => UsageError(root).into(),
        ErrorKind::NoEngine => NoEngine(root).into(),
        ErrorKind::Unsupported => Unsupported(root).into(),
        _ => anyhow::Error::msg(root),
    };
    let err = contexts.into_iter().fold(root, anyhow::Error::context);
    match reply.hint {
        Some(hint) => Hinted { error: err, hint }.into(),
        None => err,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_hint_and_kind_survive_layers_of_context() {
        let err: Result<()> = Err(UsageError("no such fleet".into()).into());
        let err = err.hint("try `fleet list`").context("cannot sail").unwrap_err();
        let reply = into_reply(err);
        assert_eq!(reply.message, "cannot sail");
        assert_eq!(reply.causes, ["no such fleet"]);
        assert_eq!(reply.hint.as_deref(), Some("try `fleet list`"));
        assert_eq!(reply.kind, ErrorKind::Usage);
    }

    #[test]
    fn an_error_reply_comes_back_with_its_causes() {
        let reply = ErrorReply {
            message: "a".into(),
            causes: vec!["b".into(), "c".into()],
            hint: Some("d".into()),
            kind: ErrorKind::Failed,
        };
        assert_eq!(into_reply(from_reply(reply.clone())), reply);
        for kind in [ErrorKind::Usage, ErrorKind::NoEngine, ErrorKind::Unsupported] {
            let reply = ErrorReply { kind, ..reply.clone() };
            let err = from_reply(reply.clone());
            assert_eq!(err.is_unsupported(), kind == ErrorKind::Unsupported);
            assert_eq!(into_reply(err), reply);
        }
    }
}
