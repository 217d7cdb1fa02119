//! What a callable suggests for the word that is being typed, by the convention of cobra:
//! `PROGRAM __complete ARGS… WORD` prints a suggestion on each line, with a tab and a
//! description, and at last `:N`, where the bits of N say what else to do
//! (<https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md>).

use crate::process::Job;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(2);
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

const ERROR: u32 = 1;
const NO_FILES: u32 = 4;
const EXTENSIONS: u32 = 8;
const DIRECTORIES: u32 = 16;

/// What to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Completion {
    /// Words, each with a description; files as well if it says so and there are no words.
    Words(Vec<(String, String)>, bool),
    /// Files with one of these extensions, and directories.
    Files(Vec<String>),
    /// Directories.
    Directories,
}

/// Asks a program. One that does not know how to answer has nothing to offer but files.
///
/// `variable` is the one by which the shell's script tells the host that it completes: a program
/// that runs the host does not complete, and so does not get it.
pub(crate) fn complete(path: &Path, args: &[OsString], word: &OsStr, variable: &str) -> Completion {
    let mut command = Command::new(path);
    command.arg("__complete").args(args).arg(word).env_remove(variable);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("_CLAP_") {
            command.env_remove(name);
        }
    }
    let (input, limit) = (Arc::default(), LIMIT);
    let job = Job { command, input, limit, max_output: MAX_ANSWER, services: None };
    let answer = job.run_well().ok().and_then(|it| parse(&it.stdout));
    answer.unwrap_or_else(|| Completion::Words(Vec::new(), true))
}

/// Reads an answer; one without a directive is none.
fn parse(answer: &[u8]) -> Option<Completion> {
    let text = String::from_utf8_lossy(answer);
    let mut lines: Vec<_> = text.lines().filter(|it| !it.is_empty()).collect();
    let directive: u32 = lines.pop()?.strip_prefix(':')?.trim().parse().ok()?;
    let is_set = |bit| directive & bit != 0;
    if is_set(ERROR) {
        return Some(Completion::Words(Vec::new(), false));
    }
    // Lines for people, whatever is being typed.
    lines.retain(|it| !it.starts_with("_activeHelp_ "));
    let words = lines.iter().map(|it| it.split_once('\t').unwrap_or((it, "")));
    let words = words.map(|(word, about)| (word.to_owned(), about.to_owned()));
    Some(match () {
        () if is_set(EXTENSIONS) => Completion::Files(words.map(|it| it.0).collect()),
        () if is_set(DIRECTORIES) => Completion::Directories,
        () => Completion::Words(words.collect(), !is_set(NO_FILES)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_words_and_a_directive() {
        let words = |words: &[(&str, &str)], files| {
            let own = words.iter().map(|(word, about)| ((*word).to_owned(), (*about).to_owned()));
            Some(Completion::Words(own.collect(), files))
        };
        for (answer, expected) in [
            ("up\tStart it\ndown\n:4\n", words(&[("up", "Start it"), ("down", "")], false)),
            (":0\n", words(&[], true)),
            ("up\n_activeHelp_ type a name\n:36", words(&[("up", "")], false)),
            ("up\n:1", words(&[], false)),
            ("yaml\njson\n:8", Some(Completion::Files(vec!["yaml".into(), "json".into()]))),
            (":16", Some(Completion::Directories)),
            ("usage: tool\n", None),
            ("", None),
            (":x", None),
        ] {
            assert_eq!(parse(answer.as_bytes()), expected, "{answer}");
        }
    }
}
