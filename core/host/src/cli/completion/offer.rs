//! The offers for a word.

use crate::cli::output;

/// A word that completes the typed one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// The whole word, as a program receives it.
    pub(super) value: String,
    /// A short description, or an empty string.
    pub(super) help: String,
    /// Whether it is the path of a file.
    pub(super) is_path: bool,
    /// Whether the word may be continued.
    pub(super) is_open: bool,
}

impl Offer {
    pub(super) fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// Adds the first line of a help text.
    pub(super) fn help(mut self, help: &str) -> Self {
        self.help = output::plain(help.lines().next().unwrap_or_default()).into_owned();
        self
    }

    /// Returns whether the word can be on a line: control characters would control the terminal.
    pub(super) fn is_plain(&self) -> bool {
        !self.value.is_empty() && !self.value.contains(char::is_control)
    }
}
