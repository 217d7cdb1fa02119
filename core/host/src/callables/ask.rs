//! Asks a program for completions of a word of its command line, by the convention of the Go
//! library cobra: `program __complete <args…> <word>` prints one candidate per line, and a
//! directive at the end.
//!
//! Invariant: whatever the program does, it takes the user a limited time and the host a limited
//! amount of memory.

use crate::process::Job;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// The time limit for a program.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// The prefix of a line that is not a candidate, but advice for the user.
const ADVICE: &str = "_activeHelp_ ";

/// The answer of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The candidates, each with its description, which may be empty.
    pub candidates: Vec<(String, String)>,
    /// How to use them.
    pub directive: Directive,
}

/// How to use candidates: the bits of cobra's `ShellCompDirective`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directive(u32);

impl Directive {
    /// The program failed: there is nothing to offer.
    pub const ERROR: Self = Self(1);
    /// No space follows the word.
    pub const NO_SPACE: Self = Self(2);
    /// Files are not offered, even if there are no candidates.
    pub const NO_FILES: Self = Self(4);
    /// The candidates are extensions of the files to offer.
    pub const FILTER_EXTENSIONS: Self = Self(8);
    /// Directories are offered: those in the directory that is the candidate, if there is one.
    pub const FILTER_DIRS: Self = Self(16);
    /// The candidates are in the order in which they are to be offered.
    pub const KEEP_ORDER: Self = Self(32);

    /// Returns whether all bits of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Asks a program for completions of `word` after `args`; `None` if it does not answer. The
/// variables in `private` are not passed on.
pub fn ask(path: &Path, args: &[OsString], word: &OsStr, private: &[&str]) -> Option<Answer> {
    let mut command = Command::new(path);
    command.arg("__complete").args(args).arg(word);
    for variable in private {
        command.env_remove(variable);
    }
    ask_within(command, TIME_LIMIT)
}

fn ask_within(command: Command, limit: Duration) -> Option<Answer> {
    let (input, max_output) = (Arc::default(), MAX_ANSWER);
    let job = Job { command, input, limit, max_output, services: None };
    parse(&job.run_well().ok()?.stdout)
}

/// Parses an answer; `None` if it has no directive, and is therefore not an answer.
fn parse(output: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(|it| it.trim_end_matches('\r')).filter(|it| !it.is_empty());
    let mut lines: Vec<_> = lines.collect();
    let directive = lines.pop()?.strip_prefix(':')?.parse().ok()?;
    let lines = lines.into_iter().filter(|it| !it.starts_with(ADVICE));
    let candidates = lines.map(|it| {
        let (value, help) = it.split_once('\t').unwrap_or((it, ""));
        (value.to_owned(), help.to_owned())
    });
    Some(Answer { candidates: candidates.collect(), directive: Directive(directive) })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn answer(script: &str, limit: Duration) -> Option<Answer> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        ask_within(command, limit)
    }

    #[test]
    fn an_answer_has_candidates_and_a_directive() {
        let answer = parse(b"one\tThe first\ntwo\r\n_activeHelp_ hint\n\n:36\n").unwrap();
        let pair = |value: &str, help: &str| (value.to_owned(), help.to_owned());
        assert_eq!(answer.candidates, [pair("one", "The first"), pair("two", "")]);
        assert!(answer.directive.has(Directive::NO_FILES));
        assert!(answer.directive.has(Directive::KEEP_ORDER));
        assert!(!answer.directive.has(Directive::ERROR));
        assert_eq!(parse(b":4"), Some(Answer { candidates: vec![], directive: Directive(4) }));
    }

    #[test]
    fn what_has_no_directive_at_its_end_is_not_an_answer() {
        for output in [&b""[..], b"\n\n", b"one\ntwo\n", b":4\none\n", b"one\n:four\n", b":-1\n"] {
            assert_eq!(parse(output), None, "{output:?}");
        }
    }

    #[test]
    fn a_program_is_asked_for_a_limited_time_and_amount() {
        let long = Duration::from_secs(60);
        assert_eq!(answer("echo one; echo :4", long).unwrap().candidates[0].0, "one");
        assert_eq!(answer("echo one; echo :4; exit 1", long), None);
        assert_eq!(answer("while :; do echo 0123456789012345678901234567890; done", long), None);
        let start = Instant::now();
        assert_eq!(answer("sleep 60 & echo :4; wait", Duration::from_millis(100)), None);
        assert!(start.elapsed() < long / 2);
    }
}
