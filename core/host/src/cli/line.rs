//! A command line before it is parsed: its words, and the host's options between them.

use super::global;
use std::ffi::OsString;

/// The first words of a command line, and everything else on it.
#[derive(Debug)]
pub(super) struct Line<'a> {
    args: &'a [OsString],
    /// The words, each with its position.
    words: Vec<(usize, String)>,
}

impl<'a> Line<'a> {
    /// Finds the words, up to the first option that is not a global one.
    pub(super) fn new(args: &'a [OsString]) -> Self {
        let mut words = Vec::new();
        let mut args_left = args.iter().enumerate();
        while let Some((idx, arg)) = args_left.next() {
            if global::takes_value(arg) {
                args_left.next();
            } else if !global::is_own(arg) {
                match arg.to_str().filter(|it| !it.starts_with('-')) {
                    Some(word) => words.push((idx, word.to_owned())),
                    None => break,
                }
            }
        }
        Self { args, words }
    }

    /// Returns the words.
    pub(super) fn words(&self) -> Vec<String> {
        self.words.iter().map(|it| it.1.clone()).collect()
    }

    /// Returns the line without its first `n` words. The host's options before and between them
    /// come first, in their long form: the command determines what `-v` means after the words.
    pub(super) fn rest(&self, n: usize) -> Vec<OsString> {
        let end = n.checked_sub(1).and_then(|it| self.words.get(it)).map_or(0, |it| it.0 + 1);
        let is_word = |idx: &usize| self.words[..n].iter().any(|it| it.0 == *idx);
        let before = (0..end).filter(|it| !is_word(it)).map(|it| &self.args[it]);
        let before = before.flat_map(|it| global::in_long_form(it));
        before.chain(self.args[end..].iter().cloned()).collect()
    }
}

/// How a line is divided if it calls a program: the options before its words belong to the host,
/// and everything else to the program.
impl<'a> Line<'a> {
    /// Returns the words that can name a program: up to the first option of any kind.
    pub(super) fn program_words(&self) -> Vec<String> {
        let first = self.n_before();
        let words = self.words.iter().zip(first..).take_while(|(it, idx)| it.0 == *idx);
        words.map(|(it, _)| it.1.clone()).collect()
    }

    /// Returns the host's own options before the words.
    pub(super) fn before_words(&self) -> &'a [OsString] {
        &self.args[..self.n_before()]
    }

    /// Returns everything after the first `n` words of those that can name a program, unchanged.
    pub(super) fn behind_program(&self, n: usize) -> &'a [OsString] {
        &self.args[self.n_before() + n..]
    }

    fn n_before(&self) -> usize {
        self.words.first().map_or(self.args.len(), |it| it.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split(' ').map(Into::into).collect()
    }

    #[test]
    fn the_words_of_a_line_are_found_behind_the_hosts_own_options() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(Line::new(&args(line)).words(), expected, "{line}");
        };
        check("fleet list", &["fleet", "list"]);
        check("--plugin-dir a fleet -vv list --all x", &["fleet", "list"]);
        check("--disable-plugin=a -q --verbose fleet", &["fleet"]);
        check("--help fleet", &[]);
        check("- fleet", &[]);
        check("-- fleet", &[]);
    }

    #[test]
    fn the_words_of_a_program_end_at_the_first_option() {
        let check = |line: &str, before: &str, expected: &[&str], behind: &str| {
            let args = |line: &str| if line.is_empty() { Vec::new() } else { args(line) };
            let all = args(line);
            let line = Line::new(&all);
            assert_eq!(line.before_words(), args(before));
            assert_eq!(line.program_words(), expected);
            assert_eq!(line.behind_program(expected.len()), args(behind));
        };
        check("foo a --x b", "", &["foo", "a"], "--x b");
        check("foo -v a", "", &["foo"], "-v a");
        check(
            "-v --plugin-dir a foo --plugin-dir b c",
            "-v --plugin-dir a",
            &["foo"],
            "--plugin-dir b c",
        );
        check("foo -- a", "", &["foo"], "-- a");
        check("--help foo", "--help foo", &[], "");
        check("-q", "-q", &[], "");
    }

    #[test]
    fn the_rest_keeps_the_hosts_options_before_the_words() {
        let check = |line: &str, n: usize, expected: &str| {
            assert_eq!(Line::new(&args(line)).rest(n), args(expected), "{line}");
        };
        check("fleet list --all x", 2, "--all x");
        check(
            "-qv --plugin-dir a fleet -vv list -v x",
            2,
            "--quiet --verbose --plugin-dir a --verbose --verbose -v x",
        );
        check("fleet list a", 1, "list a");
        check("--plugin-dir=a fleet -- -v", 1, "--plugin-dir=a -- -v");
    }
}
