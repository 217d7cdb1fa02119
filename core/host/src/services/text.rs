//! Foreign text on the user's terminal, which must not look like the host's own.

use std::fmt;

/// Returns a foreign text, for example of a file, a plugin or an engine, with its control
/// characters escaped as in Rust. `line_feed` replaces line feeds: `\n` for one line, or an
/// indentation to keep the lines.
pub fn escaped(text: &str, line_feed: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '\n' => shown.push_str(line_feed),
            it if it.is_control() => shown.extend(it.escape_default()),
            it => shown.push(it),
        }
    }
    shown
}

/// Some lines of foreign text, for example the end of a log. As the cause of an error, they are
/// shown as indented lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(pub String);

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl std::error::Error for Excerpt {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_or_forge_a_line_is_escaped() {
        let text = "a\nhint: b\u{1b}[2J\u{9b}c\rä";
        assert_eq!(escaped(text, "\\n"), r"a\nhint: b\u{1b}[2J\u{9b}c\rä");
        assert_eq!(escaped(text, "\n  "), "a\n  hint: b\\u{1b}[2J\\u{9b}c\\rä");
    }
}
