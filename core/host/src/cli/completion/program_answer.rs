//! Answers completion scripts for the arguments of a program on the search path, with the offers of
//! the program itself.

use super::offer::Offer;
use super::paths::{self, Wanted};
use super::script::variable;
use crate::callables::{self, Answer, Directive};
use crate::cli::builder::Host;
use crate::cli::callable;
use crate::cli::line::Line;
use crate::cli::session::Session;
use std::ffi::OsString;
use std::path::Path;

/// Returns the offers of a program for the last word of a line, or `None` if the line does not call
/// a program.
pub(super) fn answer(host: &Host, session: &Session<'_>, line: &[OsString]) -> Option<Vec<Offer>> {
    let (word, typed) = line.get(1..)?.split_last()?;
    let (word, typed) = (word.to_str()?, Line::new(typed));
    let words = typed.words();
    let is_command = || {
        !matches!(session.catalog_below(&words[0]).find_command(&words), Ok(None))
            || is_set_aside(session, &words)
    };
    if words.is_empty() || host.table.find(&words).is_some() || is_command() {
        return None;
    }
    let (path, n) = callable::find(session, &typed)?;
    // A program may start the host, for example to list something. That process must not complete.
    let own = variable(session.identity());
    let answer = callables::ask(&path, typed.behind_program(n), word.as_ref(), &[&own]);
    let names = typed.program_words();
    let mut offers = Vec::new();
    if typed.behind_program(names.len()).is_empty() {
        let more = callable::below(session, &names).into_iter();
        let more = more.filter_map(|it| it.words.into_iter().nth(names.len()));
        offers.extend(more.filter(|it| it.starts_with(word)).map(Offer::new));
        offers.dedup();
    }
    offers.extend(answer.map_or_else(|| paths(word, &Wanted::Files), |it| of_program(word, &it)));
    Some(offers)
}

fn is_set_aside(session: &Session<'_>, words: &[String]) -> bool {
    !session.is_noun(words) && session.set_aside(words).is_some()
}

/// Parses the answer of a program.
fn of_program(word: &str, answer: &Answer) -> Vec<Offer> {
    let has = |it| answer.directive.has(it);
    let values = || answer.candidates.iter().map(|it| it.0.as_str());
    if has(Directive::ERROR) {
        return Vec::new();
    }
    if has(Directive::FILTER_EXTENSIONS) {
        let extensions = values().map(|it| it.trim_start_matches('.').to_owned());
        return paths(word, &Wanted::FilesLike(extensions.collect()));
    }
    if has(Directive::FILTER_DIRS) {
        return match values().next() {
            Some(base) => paths::below(Path::new(base), word, &Wanted::Dirs),
            None => paths(word, &Wanted::Dirs),
        };
    }
    if answer.candidates.is_empty() && !has(Directive::NO_FILES) {
        return paths(word, &Wanted::Files);
    }
    let option = option_of(word);
    let mut offers = Vec::new();
    for (value, help) in &answer.candidates {
        // The value of an option is sent without the option.
        let value = match value.starts_with(option) {
            true => value.clone(),
            false => format!("{option}{value}"),
        };
        let is_open = has(Directive::NO_SPACE);
        offers.push(Offer { is_open, ..Offer::new(value).help(help) });
    }
    offers.retain(|it| it.value.starts_with(word));
    if !has(Directive::KEEP_ORDER) {
        offers.sort_by(|one, other| one.value.cmp(&other.value));
    }
    offers
}

/// Returns paths that match the word, or the value of the option in the word.
fn paths(word: &str, wanted: &Wanted) -> Vec<Offer> {
    let option = option_of(word);
    let found = paths::offers(&word[option.len()..], wanted);
    found.into_iter().map(|it| Offer { value: format!("{option}{}", it.value), ..it }).collect()
}

/// Returns `--name=` if the word is an option with its value.
fn option_of(word: &str) -> &str {
    let end = word.find('=').filter(|_| word.starts_with('-'));
    end.map_or("", |it| &word[..=it])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_an_option_is_told_from_the_option() {
        assert_eq!(option_of("--out=fi"), "--out=");
        assert_eq!(option_of("-o="), "-o=");
        assert_eq!(option_of("--out"), "");
        assert_eq!(option_of("a=b"), "");
    }
}
