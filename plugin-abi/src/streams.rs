//! The streams for a plugin's output, and the levels of log lines.

/// The stream for a plugin's output.
///
/// ```
/// use pintle_plugin::host::Stream;
///
/// assert_ne!(Stream::Out, Stream::Err);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stream {
    /// The standard output: results.
    Out = 0,
    /// The standard error: messages.
    Err = 1,
}

/// The level of a log line.
///
/// ```
/// use pintle_plugin::Level;
///
/// assert_ne!(Level::Warn, Level::Info);
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// A possible problem.
    Warn = 2,
    /// Information for the user.
    #[default]
    Info = 3,
    /// Information for developers.
    Debug = 4,
    /// Everything. Levels of a later release count as this one.
    #[serde(other)]
    Trace = 5,
}

impl Level {
    /// Numbers of a later release count as [`Level::Trace`].
    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            0 | 1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            4 => Self::Debug,
            _ => Self::Trace,
        }
    }
}
