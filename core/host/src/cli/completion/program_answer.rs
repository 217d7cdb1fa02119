//! What a completion script is answered for the arguments of a program on the search path: what
//! the program itself offers.
//!
//! The line is not the host's to understand. So the engine gets a command with one argument that
//! takes everything, and a line of as many words.

use super::script::variable;
use crate::callables::{self, Answer, Directive};
use crate::cli::builder::Host;
use crate::cli::line::Line;
use crate::cli::session::Session;
use crate::cli::{callable, output};
use clap::{Arg, Command};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};
use std::ffi::{OsStr, OsString};

/// The variables by which the scripts of clap_complete tell where the cursor is.
const OF_SCRIPTS: [&str; 4] =
    ["_CLAP_IFS", "_CLAP_COMPLETE_INDEX", "_CLAP_COMPLETE_COMP_TYPE", "_CLAP_COMPLETE_SPACE"];

/// Returns a command that offers what a program does for the last word of a line; `None` if the
/// line calls no program.
pub(super) fn answer(
    host: &Host,
    session: &Session<'_>,
    shell: &str,
    line: &[OsString],
) -> Option<Command> {
    let (word, typed) = line.get(1..)?.split_last()?;
    let typed = Line::new(typed);
    let words = typed.words();
    let is_command = || {
        !matches!(session.catalog_below(&words[0]).find_command(&words), Ok(None))
            || is_set_aside(session, &words)
    };
    if words.is_empty() || host.table.find(&words).is_some() || is_command() {
        return None;
    }
    let (path, n) = callable::find(session, &typed)?;
    let (args, word) = joined(shell, typed.behind_program(n), word);
    // A program may start the host, for example to list something: that one shall not complete.
    let own = variable(session.identity());
    let private: Vec<_> = [own.as_str()].into_iter().chain(OF_SCRIPTS).collect();
    let answer = callables::ask(&path, &args, &word.whole(), &private);
    let mut offer = Offer { word, answer, more: Vec::new() };
    let names = typed.program_words();
    if typed.behind_program(names.len()).is_empty() {
        let more = callable::below(session, &names).into_iter();
        offer.more = more.filter_map(|it| it.words.into_iter().nth(names.len())).collect();
        offer.more.dedup();
    }
    let arg = Arg::new("args").num_args(0..).allow_hyphen_values(true);
    let arg = arg.add(ArgValueCompleter::new(move |_: &OsStr| offer.candidates()));
    let command = Command::new(host.settings.identity.command_name.clone());
    Some(command.disable_help_flag(true).disable_version_flag(true).arg(arg))
}

fn is_set_aside(session: &Session<'_>, words: &[String]) -> bool {
    !session.is_noun(words) && session.set_aside(words).is_some()
}

/// Returns a line of the same length in which no word means anything.
pub(super) fn stand_in(line: Vec<OsString>) -> Vec<OsString> {
    let n = line.len();
    let word = |(idx, it)| if idx + 1 < n { OsString::from("x") } else { it };
    line.into_iter().enumerate().map(word).collect()
}

/// The word that is completed.
struct Word {
    /// What of it the shell takes for words of their own, and so does not replace.
    apart: String,
    /// What the shell replaces.
    rest: OsString,
}

impl Word {
    fn whole(&self) -> OsString {
        let mut whole = OsString::from(&self.apart);
        whole.push(&self.rest);
        whole
    }
}

/// Returns the arguments as the shell itself will have them. bash breaks words at `=` and `:`
/// for completion, and hands them over in pieces.
fn joined(shell: &str, args: &[OsString], word: &OsStr) -> (Vec<OsString>, Word) {
    let whole = |args: &[OsString], word: &OsStr| {
        (args.to_vec(), Word { apart: String::new(), rest: word.to_owned() })
    };
    if shell != "bash" {
        return whole(args, word);
    }
    let is_break = |it: &OsStr| it == "=" || it == ":";
    let mut joined: Vec<OsString> = Vec::new();
    let mut is_open = false;
    for arg in args {
        match joined.last_mut() {
            Some(last) if is_open || is_break(arg) => last.push(arg),
            _ => joined.push(arg.clone()),
        }
        is_open = is_break(arg);
    }
    let apart = joined.last().filter(|_| is_open).and_then(|it| it.to_str()).map(str::to_owned);
    match apart {
        Some(apart) => {
            joined.pop();
            (joined, Word { apart, rest: word.to_owned() })
        }
        None => whole(&joined, word),
    }
}

/// What is offered for a word.
struct Offer {
    word: Word,
    /// What the program has answered, if it has.
    answer: Option<Answer>,
    /// Words that with those on the line are the names of other programs.
    more: Vec<String>,
}

impl Offer {
    fn candidates(&self) -> Vec<CompletionCandidate> {
        let rest = self.word.rest.to_string_lossy();
        let names =
            self.more.iter().filter(|it| it.starts_with(&*rest)).map(CompletionCandidate::new);
        names.chain(self.of_program()).collect()
    }

    fn of_program(&self) -> Vec<CompletionCandidate> {
        let Some(answer) = &self.answer else { return self.paths(PathCompleter::any()) };
        let has = |it| answer.directive.has(it);
        let values = || answer.candidates.iter().map(|it| it.0.clone());
        if has(Directive::ERROR) {
            return Vec::new();
        }
        if has(Directive::FILTER_EXTENSIONS) {
            let extensions: Vec<_> =
                values().map(|it| it.trim_start_matches('.').to_owned()).collect();
            return self.paths(PathCompleter::any().filter(move |it| {
                it.extension().is_some_and(|own| extensions.iter().any(|it| own == it.as_str()))
            }));
        }
        if has(Directive::FILTER_DIRS) {
            let dirs = PathCompleter::dir();
            let base = values().next().and_then(|it| Some(std::env::current_dir().ok()?.join(it)));
            return self.paths(match base {
                Some(base) => dirs.current_dir(base),
                None => dirs,
            });
        }
        if answer.candidates.is_empty() && !has(Directive::NO_FILES) {
            return self.paths(PathCompleter::any());
        }
        self.values(answer)
    }

    /// Returns the program's candidates that fit the word.
    fn values(&self, answer: &Answer) -> Vec<CompletionCandidate> {
        let whole = self.word.whole().to_string_lossy().into_owned();
        let option = option_of(&whole);
        let mut fitting = Vec::new();
        for (value, help) in &answer.candidates {
            // The value of an option comes without the option.
            let value = match value.starts_with(option) {
                true => value.clone(),
                false => format!("{option}{value}"),
            };
            let shown = value.strip_prefix(&self.word.apart).filter(|_| value.starts_with(&whole));
            fitting.extend(shown.map(|it| (output::plain(it).into_owned(), help)));
        }
        if !answer.directive.has(Directive::KEEP_ORDER) {
            fitting.sort_by(|one, other| one.0.cmp(&other.0));
        }
        let candidates = fitting.into_iter().map(|(value, help)| {
            let help = Some(output::plain(help).into_owned()).filter(|it| !it.is_empty());
            CompletionCandidate::new(value).help(help.map(Into::into))
        });
        candidates.collect()
    }

    /// Returns paths that fit the word, or the value of the option that the word is.
    fn paths(&self, completer: PathCompleter) -> Vec<CompletionCandidate> {
        let rest = self.word.rest.to_string_lossy();
        let option = option_of(&rest);
        match option.is_empty() {
            true => completer.complete(&self.word.rest),
            false => {
                let found = completer.complete(rest[option.len()..].as_ref());
                found.into_iter().map(|it| it.add_prefix(option)).collect()
            }
        }
    }
}

/// Returns `--name=` if the word is an option with its value.
fn option_of(word: &str) -> &str {
    let end = word.find('=').filter(|_| word.starts_with('-'));
    end.map_or("", |it| &word[..=it])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_joined(shell: &str, line: &str, expected: &str) {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let (word, args) = words.split_last().unwrap();
        let (args, word) = joined(shell, args, word);
        let args: Vec<_> = args.iter().map(|it| it.to_string_lossy()).collect();
        let found = format!("{}|{}|{}", args.join(" "), word.apart, word.rest.to_string_lossy());
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn the_pieces_of_words_that_bash_hands_over_are_joined() {
        check_joined("bash", "a b c", "a b||c");
        check_joined("bash", "a --out = fi", "a|--out=|fi");
        check_joined("bash", "--out = file --in = ", "--out=file|--in=|");
        check_joined("bash", "a : b c", "a:b||c");
        check_joined("bash", "= a", "|=|a");
        check_joined("zsh", "a --out = fi", "a --out =||fi");
    }

    #[test]
    fn the_value_of_an_option_is_told_from_the_option() {
        assert_eq!(option_of("--out=fi"), "--out=");
        assert_eq!(option_of("-o="), "-o=");
        assert_eq!(option_of("--out"), "");
        assert_eq!(option_of("a=b"), "");
    }
}
