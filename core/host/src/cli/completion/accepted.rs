//! Checks whether the parser accepts the offers.
//!
//! Invariant: an offer that no further word can make valid is left out.

use super::offer::Offer;
use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

/// Leaves out what a command does not accept after the words that are typed already.
pub(super) fn retain(command: &Command, typed: &[OsString], offers: &mut Vec<Offer>) {
    let mut command = command.clone();
    if !accepts(&mut command, typed, &[]) {
        // The line is already invalid, so the parser would reject every offer.
        return;
    }
    // Any text is accepted as a value: the option's value is not known yet.
    let mut lenient = command.clone().mut_args(|arg| match arg.get_action() {
        ArgAction::Set | ArgAction::Append => arg.value_parser(ValueParser::os_string()),
        _ => arg,
    });
    offers.retain(|offer| match option(&command, &offer.value) {
        Some(option) => {
            let values = match option.is_require_equals_set() {
                true => 0,
                false => option.get_num_args().map_or(0, |it| it.min_values()),
            };
            let words = [&offer.value[..]].into_iter().chain(vec!["x"; values]);
            accepts(&mut lenient, typed, &words.collect::<Vec<_>>())
        }
        // A parser treats all paths alike, and there may be many of them.
        None => offer.is_path || accepts(&mut command, typed, &[&offer.value]),
    });
}

/// Returns the option in a word.
fn option<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    let long = word.strip_prefix("--");
    let is_meant = |it: &&Arg| match long {
        Some(long) => {
            it.get_long() == Some(long) || it.get_all_aliases().is_some_and(|it| it.contains(&long))
        }
        None => it.get_short().is_some_and(|it| word == format!("-{it}")),
    };
    command.get_arguments().find(is_meant)
}

/// Returns whether a line with these words is valid, or can be made valid by more words.
fn accepts(command: &mut Command, typed: &[OsString], words: &[&str]) -> bool {
    let name = OsString::new();
    let words = words.iter().map(OsString::from);
    let line = [name].into_iter().chain(typed.iter().cloned()).chain(words);
    let Err(err) = command.try_get_matches_from_mut(line) else { return true };
    match err.kind() {
        ErrorKind::InvalidValue => {
            matches!(err.get(ContextKind::InvalidValue), Some(ContextValue::String(it)) if it.is_empty())
        }
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::TooFewValues
        | ErrorKind::WrongNumberOfValues
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &[&str], offers: &[&str], expected: &[&str]) {
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let command = Command::new("x").args([
            flag("all").conflicts_with("name"),
            flag("now").short('n'),
            Arg::new("size").long("size").value_parser(clap::value_parser!(u8)).num_args(2),
            Arg::new("name").long("name").alias("title"),
            Arg::new("style").long("style").value_parser(["plain", "fancy"]).required(true),
            Arg::new("switch").long("switch").num_args(0..=1).require_equals(true),
            Arg::new("one").value_parser(["a", "b"]),
        ]);
        let typed: Vec<_> = typed.iter().map(OsString::from).collect();
        let mut offers = offers.iter().copied().map(Offer::new).collect();
        retain(&command, &typed, &mut offers);
        let offers: Vec<_> = offers.iter().map(|it| it.value.as_str()).collect();
        assert_eq!(offers, expected, "{typed:?}");
    }

    #[test]
    fn what_the_parser_refuses_is_not_offered() {
        let options =
            ["--all", "-n", "--now", "--size", "--name", "--title", "--style", "--switch"];
        check(&[], &options, &options);
        check(&[], &["--help", "-h", "--none", "-x"], &["--help", "-h"]);
        let left = ["-n", "--now", "--size", "--style", "--switch"];
        check(&["--name", "a"], &options, &left);
        check(&["-n"], &["-n", "--now", "--name"], &["--name"]);
        check(&["--style"], &["plain", "dull"], &["plain"]);
        check(&[], &["--style=plain", "--style=dull"], &["--style=plain"]);
        check(&["--switch"], &["a", "c"], &["a"]);
        check(&["a"], &["b", "--now"], &["--now"]);
        check(&["--size", "1"], &["2", "x"], &["2"]);
    }

    #[test]
    fn a_line_that_is_wrong_already_is_offered_all() {
        check(&["--none"], &["--all", "a"], &["--all", "a"]);
    }
}
