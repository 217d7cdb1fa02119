//! What a host requires of the arguments that a plugin declares.
//!
//! Hosts and [`testing`](crate::testing) share these functions, so that a plugin whose tests
//! pass is not refused by a host for what it declares.

use crate::args::{Arg, ArgKind, ValueType};
use std::collections::HashSet;

/// The long names of the options that a host has on every command.
pub const HOST_OPTIONS: &[&str] =
    &["help", "version", "quiet", "verbose", "plugin-dir", "disable-plugin", "allow-panic-abort"];

/// The letters of the options that a host has on every command.
pub const HOST_LETTERS: &[char] = &['h', 'V', 'q', 'v'];

/// The letters of the options that a host has on the scaffolding subcommands.
pub const SUBCOMMAND_LETTERS: &[char] = &['o'];

const EXISTING: &[&str] = &["force", "skip-existing"];
const SHOW: &[&str] = &["dry-run", "diff", "dump-universe", "output"];
const GVK: &[&str] = &["group", "version", "kind"];
const WEBHOOKS: &[&str] = &["defaulting", "validation", "conversion"];

/// Returns the long names of the options that a host itself has on a scaffolding subcommand.
pub fn subcommand_options(subcommand: &str) -> Vec<&'static str> {
    let own: &[&[&str]] = match subcommand {
        "init" => {
            let project: &[&str] =
                &["plugins", "project-version", "domain", "repo", "project-name", "namespaced"];
            &[project, EXISTING]
        }
        "edit" => &[&["plugins"], EXISTING],
        "create api" => {
            let api: &[&str] = &[
                "plugins",
                "plural",
                "resource",
                "controller",
                "namespaced",
                "external-api-module",
                "external-api-domain",
            ];
            &[GVK, api, EXISTING]
        }
        "create webhook" => &[GVK, &["plugins", "plural", "spoke"], WEBHOOKS, EXISTING],
        "delete api" => &[GVK],
        "delete webhook" => &[GVK, WEBHOOKS],
        _ => &[],
    };
    own.iter().chain([&SHOW]).flat_map(|it| it.iter().copied()).collect()
}

/// Checks the arguments of a command.
///
/// # Errors
///
/// One line on the first argument that no host accepts.
pub fn check_args(args: &[Arg]) -> Result<(), String> {
    let (mut names, mut letters) = (HashSet::new(), HashSet::new());
    for arg in args {
        let name = &arg.name;
        check_name(name)?;
        if !names.insert(name) {
            return Err(format!("the argument `{name}` is declared twice"));
        }
        if HOST_OPTIONS.contains(&name.as_str()) {
            return Err(format!("the name `{name}` belongs to the host"));
        }
        if let Some(letter) = arg.short {
            check_letter(arg, letter)?;
            if !letters.insert(letter) {
                return Err(format!("the option `-{letter}` is declared twice"));
            }
        }
        check_kind(arg)?;
        check_default(arg)?;
    }
    check_positions(args)
}

/// Checks the flags that a plugin adds to a scaffolding subcommand.
///
/// # Errors
///
/// One line on the first flag that no host accepts.
pub fn check_flags(subcommand: &str, flags: &[Arg]) -> Result<(), String> {
    check_args(flags)?;
    let of_host = subcommand_options(subcommand);
    for flag in flags {
        let name = &flag.name;
        if flag.kind == ArgKind::Positional {
            return Err(format!(
                "`{name}` is a positional argument: a subcommand takes flags only"
            ));
        }
        if of_host.contains(&name.as_str()) {
            return Err(format!("the flag `--{name}` belongs to the host"));
        }
        if let Some(letter) = flag.short.filter(|it| SUBCOMMAND_LETTERS.contains(it)) {
            return Err(format!("the flag `-{letter}` belongs to the host"));
        }
    }
    Ok(())
}

/// Reads a number as a host does: JSON has neither infinities nor NaN.
pub fn parse_number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|it: &f64| it.is_finite())
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-' || it == '_';
    match !name.is_empty() && name.chars().all(fits) && !name.starts_with('-') {
        true => Ok(()),
        false => Err(format!(
            "invalid argument name `{name}`: only lower-case letters, digits, `-` and `_` are \
             allowed, and it must not start with `-`"
        )),
    }
}

fn check_letter(arg: &Arg, letter: char) -> Result<(), String> {
    if HOST_LETTERS.contains(&letter) {
        return Err(format!("the option `-{letter}` belongs to the host"));
    }
    if !letter.is_ascii_alphanumeric() || arg.kind == ArgKind::Positional {
        let name = &arg.name;
        return Err(format!("the argument `{name}` cannot have the short form `{letter}`"));
    }
    Ok(())
}

/// Finds what the builder of an argument can express, but no command line.
fn check_kind(arg: &Arg) -> Result<(), String> {
    let name = &arg.name;
    if arg.kind == ArgKind::Flag {
        if arg.repeated {
            return Err(format!("the flag `{name}` cannot be repeated"));
        }
        // Any other type may be one that this release does not know.
        let takes_value =
            matches!(arg.value, ValueType::Integer | ValueType::Number | ValueType::Path);
        if takes_value || !arg.choices.is_empty() {
            return Err(format!("the flag `{name}` cannot have a value: declare an option"));
        }
        return Ok(());
    }
    if !arg.choices.is_empty() && arg.value != ValueType::String {
        let kind = match arg.value {
            ValueType::Integer | ValueType::Number => "a number",
            ValueType::Boolean => "`true` or `false`",
            _ => "a path",
        };
        return Err(format!(
            "the argument `{name}` cannot have choices: its value is {kind}, and only text can"
        ));
    }
    Ok(())
}

fn check_default(arg: &Arg) -> Result<(), String> {
    let Some(default) = &arg.default else { return Ok(()) };
    let parses = match arg.value {
        ValueType::Integer => default.parse::<i64>().is_ok(),
        ValueType::Number => parse_number(default).is_some(),
        ValueType::Boolean => default.parse::<bool>().is_ok(),
        _ => arg.choices.is_empty() || arg.choices.contains(default),
    };
    match parses && arg.kind != ArgKind::Flag && !arg.required {
        true => Ok(()),
        false => Err(format!("the argument `{}` cannot have the default `{default}`", arg.name)),
    }
}

/// Checks that each word of a command line can belong to one positional argument only.
fn check_positions(args: &[Arg]) -> Result<(), String> {
    let mut open_end: Option<&Arg> = None;
    for arg in args.iter().filter(|it| it.kind == ArgKind::Positional) {
        if let Some(before) = open_end.filter(|it| arg.required || it.repeated) {
            return Err(format!(
                "the argument `{}` comes after `{}`, which is optional or repeated",
                arg.name, before.name
            ));
        }
        if arg.repeated || !arg.required {
            open_end = Some(arg);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_err(args: &[Arg], expected: &str) {
        assert_eq!(check_args(args).unwrap_err(), expected);
    }

    #[test]
    fn names_and_letters_are_unique_and_not_the_hosts() {
        check_err(&[Arg::option("a"), Arg::flag("a")], "the argument `a` is declared twice");
        check_err(&[Arg::flag("quiet")], "the name `quiet` belongs to the host");
        check_err(&[Arg::positional("quiet")], "the name `quiet` belongs to the host");
        check_err(&[Arg::flag("x").short('v')], "the option `-v` belongs to the host");
        let twice = [Arg::flag("x").short('x'), Arg::flag("y").short('x')];
        check_err(&twice, "the option `-x` is declared twice");
        check_err(
            &[Arg::positional("x").short('x')],
            "the argument `x` cannot have the short form `x`",
        );
        check_err(
            &[Arg::option("A b")],
            "invalid argument name `A b`: only lower-case letters, digits, `-` and `_` are \
             allowed, and it must not start with `-`",
        );
    }

    #[test]
    fn what_no_command_line_can_express_is_found() {
        check_err(&[Arg::flag("loud").repeated()], "the flag `loud` cannot be repeated");
        check_err(
            &[Arg::flag("loud").integer()],
            "the flag `loud` cannot have a value: declare an option",
        );
        check_err(
            &[Arg::flag("loud").choice("very")],
            "the flag `loud` cannot have a value: declare an option",
        );
        check_err(
            &[Arg::option("n").integer().choice("1")],
            "the argument `n` cannot have choices: its value is a number, and only text can",
        );
        check_err(
            &[Arg::option("n").choice("a").path()],
            "the argument `n` cannot have choices: its value is a path, and only text can",
        );
        assert_eq!(check_args(&[Arg::option("n").choice("a").repeated()]), Ok(()));
    }

    #[test]
    fn a_default_is_a_value_that_the_argument_takes() {
        for (arg, default) in [
            (Arg::option("n").integer(), "many"),
            (Arg::option("n").number(), "inf"),
            (Arg::option("n").number(), "NaN"),
            (Arg::option("n").number(), "1e309"),
            (Arg::option("n").choice("a"), "b"),
            (Arg::option("n").required(), "b"),
            (Arg::flag("n"), "true"),
        ] {
            let expected = format!("the argument `n` cannot have the default `{default}`");
            check_err(&[arg.default_value(default)], &expected);
        }
        assert_eq!(check_args(&[Arg::option("n").number().default_value("-1e3")]), Ok(()));
    }

    #[test]
    fn only_the_last_positional_argument_is_repeated() {
        let after = "the argument `b` comes after `a`, which is optional or repeated";
        check_err(&[Arg::positional("a"), Arg::positional("b").required()], after);
        check_err(&[Arg::positional("a").required().repeated(), Arg::positional("b")], after);
        assert_eq!(check_args(&[Arg::positional("a"), Arg::positional("b").repeated()]), Ok(()));
    }

    #[test]
    fn flags_of_a_subcommand_are_not_the_hosts() {
        let check = |subcommand, flag: Arg| check_flags(subcommand, &[flag]).unwrap_err();
        assert_eq!(check("init", Arg::flag("domain")), "the flag `--domain` belongs to the host");
        assert_eq!(check("edit", Arg::flag("x").short('o')), "the flag `-o` belongs to the host");
        assert_eq!(
            check("init", Arg::positional("x")),
            "`x` is a positional argument: a subcommand takes flags only"
        );
        assert_eq!(check_flags("edit", &[Arg::flag("domain")]), Ok(()));
    }
}
