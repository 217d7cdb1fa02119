//! The words of the command line, for plugins that do not declare their flags.

use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

/// What follows the words of the subcommand that the host runs.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Vec<String>>);

impl Line {
    /// Stores the line.
    pub(crate) fn set(&self, line: &[OsString]) {
        let words = line.iter().map(|it| it.to_string_lossy().into_owned()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// Returns the flags on the line, each once, and whether each has a value. As in kubebuilder, a
    /// flag has a value if the next word is not a flag.
    pub(super) fn flags(&self) -> Vec<(String, bool)> {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut flags: Vec<(String, bool)> = Vec::new();
        for (idx, word) in words.iter().enumerate().take_while(|(_, it)| *it != "--") {
            let Some(flag) = word.strip_prefix("--") else { continue };
            let (name, has_value) = match flag.split_once('=') {
                Some((name, _)) => (name, true),
                None => (flag, words.get(idx + 1).is_some_and(|it| !it.starts_with('-'))),
            };
            if !flags.iter().any(|it| it.0 == name) {
                flags.push((name.to_owned(), has_value));
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_a_value_if_the_next_word_is_not_a_flag() {
        let line = Line::default();
        line.set(&["--a", "b", "--c", "--d=e", "-q", "--a", "--f"].map(OsString::from));
        let flags = [("a", true), ("c", false), ("d", true), ("f", false)];
        assert_eq!(line.flags(), flags.map(|(name, it)| (name.to_owned(), it)));
    }
}
