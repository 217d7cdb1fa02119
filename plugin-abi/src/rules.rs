//! The rules of a host for the arguments that a plugin declares.
//!
//! Hosts and [`testing`](crate::testing) share these functions, so that a host does not reject the
//! declarations of a plugin whose tests pass.

use crate::args::{Arg, ArgGroup, ArgKind, ValueType};
use std::collections::HashSet;
use std::str::FromStr;

/// The long names of the options that a host has on every command.
pub const HOST_OPTIONS: &[&str] =
    &["help", "version", "quiet", "verbose", "plugin-dir", "disable-plugin", "allow-panic-abort"];

/// The letters of the options that a host has on every command.
pub const HOST_LETTERS: &[char] = &['h', 'V', 'q', 'v'];

/// The letters of the options that a host has on the scaffolding subcommands.
pub const SUBCOMMAND_LETTERS: &[char] = &['o'];

/// The commands to which hooks can add options on a host for Kubernetes, `pintle`.
pub const HOOKED_COMMANDS: &[&[&str]] = &[
    &["cluster", "create"],
    &["cluster", "delete"],
    &["cluster", "start"],
    &["cluster", "stop"],
    &["node", "create"],
    &["node", "delete"],
];

const EXISTING: &[&str] = &["force", "skip-existing"];
const SHOW: &[&str] = &["dry-run", "diff", "dump-universe", "output"];
const GVK: &[&str] = &["group", "version", "kind"];
const EXTERNAL: &[&str] = &["external-api-domain", "external-api-path", "external-api-module"];
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
            let api: &[&str] = &["plugins", "plural", "resource", "controller", "namespaced"];
            &[GVK, api, EXTERNAL, EXISTING]
        }
        "create webhook" => &[GVK, &["plugins", "plural", "spoke"], WEBHOOKS, EXTERNAL, EXISTING],
        "delete api" => &[GVK],
        "delete webhook" => &[GVK, WEBHOOKS],
        _ => &[],
    };
    own.iter().chain([&SHOW]).flat_map(|it| it.iter().copied()).collect()
}

/// Checks the arguments of a command, and the groups that they are in.
///
/// # Errors
///
/// One line about the first argument or group that no host accepts.
pub fn check_command(args: &[Arg], groups: &[ArgGroup]) -> Result<(), String> {
    check_declared(args)?;
    let mut names: HashSet<&str> = args.iter().map(|it| it.name.as_str()).collect();
    for ArgGroup { name, args: members, .. } in groups {
        check_name(name)?;
        if let Some(unknown) = members.iter().find(|it| args.iter().all(|arg| arg.name != **it)) {
            return Err(format!("unknown argument `{unknown}` in the group `{name}`"));
        }
        if members.is_empty() || !names.insert(name) {
            return Err(format!("the group `{name}` is empty, or its name is in use"));
        }
    }
    for arg in args {
        let mut others = arg.conflicts.iter().chain(&arg.requires);
        let is_unknown = |it: &&String| **it == arg.name || !names.contains(it.as_str());
        if let Some(other) = others.find(is_unknown) {
            return Err(format!("`{}` refers to an unknown argument or group `{other}`", arg.name));
        }
    }
    Ok(())
}

/// Checks arguments that are in no groups.
///
/// # Errors
///
/// One line about the first argument that no host accepts.
pub fn check_args(args: &[Arg]) -> Result<(), String> {
    check_command(args, &[])
}

fn check_declared(args: &[Arg]) -> Result<(), String> {
    let (mut names, mut letters) = (HashSet::new(), HashSet::new());
    for arg in args {
        for name in arg.aliases.iter().chain([&arg.name]) {
            check_name(name)?;
            if !names.insert(name) {
                return Err(format!("the argument `{name}` is declared twice"));
            }
            if HOST_OPTIONS.contains(&name.as_str()) {
                return Err(format!("the name `{name}` belongs to the host"));
            }
        }
        if let Some(letter) = arg.short {
            check_letter(arg, letter)?;
            if !letters.insert(letter) {
                return Err(format!("the option `-{letter}` is declared twice"));
            }
        }
        check_kind(arg)?;
        check_values(arg)?;
        check_default(arg)?;
    }
    check_positions(args)
}

/// Checks the flags that a plugin adds to a scaffolding subcommand.
///
/// # Errors
///
/// One line about the first flag that no host accepts.
pub fn check_flags(subcommand: &str, flags: &[Arg]) -> Result<(), String> {
    check_args(flags)?;
    let of_host = subcommand_options(subcommand);
    for flag in flags {
        let name = &flag.name;
        if flag.kind == ArgKind::Positional {
            return Err(format!(
                "`{name}` is a positional argument: a subcommand accepts only flags"
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

/// Checks the options that a hook adds to a command of the host. A host also checks that they
/// are not options of the command itself, or of another plugin.
///
/// # Errors
///
/// One line about the first option that no host accepts.
pub fn check_options(options: &[Arg]) -> Result<(), String> {
    check_args(options)?;
    for option in options {
        if option.kind == ArgKind::Positional {
            return Err(format!("`{}` is not an option", option.name));
        }
        if option.required {
            return Err(format!("`--{}` must not be required", option.name));
        }
    }
    Ok(())
}

/// Reads a number like a host: JSON has neither infinities nor NaN.
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
        return Err(format!("invalid short form `{letter}` of the argument `{name}`"));
    }
    Ok(())
}

/// Finds declarations that the builder of an argument can express, but a command line cannot.
fn check_kind(arg: &Arg) -> Result<(), String> {
    let name = &arg.name;
    if matches!(arg.kind, ArgKind::Flag | ArgKind::Count) {
        if arg.repeated {
            return Err(format!("the flag `{name}` cannot be repeated: declare a counted flag"));
        }
        // Any other type may be one that this release does not know.
        let takes_value = match arg.kind {
            ArgKind::Flag => {
                matches!(arg.value, ValueType::Integer | ValueType::Number | ValueType::Path)
            }
            _ => arg.env.is_some(),
        };
        let has_values = arg.is_list() || arg.min.is_some() || arg.max.is_some() || arg.completed;
        if takes_value || has_values || !arg.choices.is_empty() {
            return Err(format!("the flag `{name}` cannot take a value: declare an option"));
        }
        return Ok(());
    }
    if arg.kind == ArgKind::Positional && !arg.aliases.is_empty() {
        return Err(format!("the argument `{name}` cannot have other names: it is positional"));
    }
    if arg.rest && (arg.kind != ArgKind::Positional || !arg.repeated) {
        return Err(format!("the argument `{name}` cannot take the words after `--`"));
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

/// Checks the number of values of an argument, their range, and its other sources.
fn check_values(arg: &Arg) -> Result<(), String> {
    let name = &arg.name;
    if let Some((least, most)) = arg.n_values.filter(|(least, most)| least > most || *most == 0) {
        return Err(format!("the argument `{name}` cannot take {least} to {most} values"));
    }
    let is_invalid = |it: &&String| it.is_empty() || it.contains(['=', '\0']);
    if let Some(variable) = arg.env.as_ref().filter(is_invalid) {
        return Err(format!("invalid environment variable `{variable}` of the argument `{name}`"));
    }
    for bound in arg.min.iter().chain(&arg.max) {
        if !is_number(arg, bound) {
            return Err(format!("invalid bound `{bound}` of the argument `{name}`"));
        }
    }
    match (&arg.min, &arg.max) {
        (Some(min), Some(max)) if !is_in_range(arg, min) => {
            Err(format!("invalid range {min} to {max} of the argument `{name}`"))
        }
        _ => Ok(()),
    }
}

/// Whether a text is a number of the argument's type.
fn is_number(arg: &Arg, text: &str) -> bool {
    match arg.value {
        ValueType::Integer => text.parse::<i64>().is_ok(),
        ValueType::Number => parse_number(text).is_some(),
        _ => false,
    }
}

/// Returns whether a text that is a number of the argument's type is within its range.
pub fn is_in_range(arg: &Arg, text: &str) -> bool {
    let (min, max) = (arg.min.as_deref(), arg.max.as_deref());
    match arg.value {
        ValueType::Integer => is_within::<i64>(text, min, max),
        ValueType::Number => is_within::<f64>(text, min, max),
        _ => true,
    }
}

fn is_within<T: FromStr + PartialOrd>(text: &str, min: Option<&str>, max: Option<&str>) -> bool {
    let parse = |it: &str| it.parse::<T>().ok();
    let Some(number) = parse(text) else { return false };
    min.and_then(parse).is_none_or(|it| number >= it)
        && max.and_then(parse).is_none_or(|it| number <= it)
}

fn check_default(arg: &Arg) -> Result<(), String> {
    let Some(default) = &arg.default else { return Ok(()) };
    let parses = match arg.value {
        ValueType::Integer | ValueType::Number => {
            is_number(arg, default) && is_in_range(arg, default)
        }
        ValueType::Boolean => default.parse::<bool>().is_ok(),
        _ => arg.choices.is_empty() || arg.choices.contains(default),
    };
    let takes_default = !matches!(arg.kind, ArgKind::Flag | ArgKind::Count) && !arg.rest;
    match parses && takes_default && !arg.required {
        true => Ok(()),
        false => Err(format!("invalid default `{default}` of the argument `{}`", arg.name)),
    }
}

/// Checks that each word of a command line can belong to only one positional argument.
fn check_positions(args: &[Arg]) -> Result<(), String> {
    let mut open_end: Option<&Arg> = None;
    let after_dashes = args.iter().filter(|it| it.rest);
    if let Some(second) = after_dashes.clone().nth(1) {
        let name = &second.name;
        return Err(format!("the argument `{name}` is the second one for the words after `--`"));
    }
    for arg in args.iter().filter(|it| it.kind == ArgKind::Positional && !it.rest) {
        if let Some(before) = open_end.filter(|it| arg.required || it.is_list()) {
            return Err(format!(
                "the argument `{}` comes after `{}`, which is optional or repeated",
                arg.name, before.name
            ));
        }
        if arg.is_list() || !arg.required {
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
        check_err(&[Arg::positional("x").short('x')], "invalid short form `x` of the argument `x`");
        check_err(
            &[Arg::option("A b")],
            "invalid argument name `A b`: only lower-case letters, digits, `-` and `_` are \
             allowed, and it must not start with `-`",
        );
    }

    #[test]
    fn what_no_command_line_can_express_is_found() {
        check_err(
            &[Arg::flag("loud").repeated()],
            "the flag `loud` cannot be repeated: declare a counted flag",
        );
        check_err(
            &[Arg::flag("loud").integer()],
            "the flag `loud` cannot take a value: declare an option",
        );
        check_err(
            &[Arg::flag("loud").choice("very")],
            "the flag `loud` cannot take a value: declare an option",
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
            let expected = format!("invalid default `{default}` of the argument `n`");
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
    fn numbers_have_ranges() {
        let port = || Arg::option("port").integer().min(1).max(65535);
        assert_eq!(check_args(&[port().default_value("80")]), Ok(()));
        check_err(&[port().default_value("0")], "invalid default `0` of the argument `port`");
        check_err(&[Arg::option("n").min(1)], "invalid bound `1` of the argument `n`");
        check_err(
            &[Arg::option("n").integer().min(0.5)],
            "invalid bound `0.5` of the argument `n`",
        );
        check_err(
            &[Arg::option("n").number().min(2).max(1.5)],
            "invalid range 2 to 1.5 of the argument `n`",
        );
    }

    #[test]
    fn what_an_argument_refers_to_is_known() {
        let args =
            [Arg::flag("a").conflicts_with("b"), Arg::flag("b"), Arg::flag("c").requires("g")];
        let group = |members: &[&str]| ArgGroup::new("g", members.iter().copied());
        assert_eq!(check_command(&args, &[group(&["a", "b"])]), Ok(()));
        check_err(&args, "`c` refers to an unknown argument or group `g`");
        check_err(
            &[Arg::flag("a").requires("a")],
            "`a` refers to an unknown argument or group `a`",
        );
        let err = |group: ArgGroup| check_command(&args, &[group]).unwrap_err();
        assert_eq!(err(group(&["x"])), "unknown argument `x` in the group `g`");
        assert_eq!(err(group(&[])), "the group `g` is empty, or its name is in use");
        assert_eq!(err(ArgGroup::new("a", ["b"])), "the group `a` is empty, or its name is in use");
    }

    #[test]
    fn other_forms_of_arguments_keep_to_their_kind() {
        check_err(
            &[Arg::option("color").alias("colour"), Arg::flag("colour")],
            "the argument `colour` is declared twice",
        );
        check_err(&[Arg::flag("x").alias("quiet")], "the name `quiet` belongs to the host");
        check_err(
            &[Arg::positional("x").alias("y")],
            "the argument `x` cannot have other names: it is positional",
        );
        check_err(
            &[Arg::count("x").env("X")],
            "the flag `x` cannot take a value: declare an option",
        );
        check_err(&[Arg::option("x").n_values(2, 1)], "the argument `x` cannot take 2 to 1 values");
        check_err(
            &[Arg::option("x").env("A=B")],
            "invalid environment variable `A=B` of the argument `x`",
        );
        check_err(
            &[Arg::rest("x"), Arg::rest("y")],
            "the argument `y` is the second one for the words after `--`",
        );
        let all = [
            Arg::positional("name").required(),
            Arg::positional("more").repeated(),
            Arg::rest("command"),
            Arg::count("deep").short('d'),
            Arg::option("size").integer().n_values(2, 2),
            Arg::option("tags").delimiter(',').env("TAGS").hidden().completed(),
        ];
        assert_eq!(check_args(&all), Ok(()));
    }

    #[test]
    fn options_of_hooks_are_optional() {
        let check = |option: Arg| check_options(&[option]).unwrap_err();
        assert_eq!(check(Arg::positional("x")), "`x` is not an option");
        assert_eq!(check(Arg::option("x").required()), "`--x` must not be required");
        assert_eq!(check(Arg::flag("quiet")), "the name `quiet` belongs to the host");
        assert_eq!(check_options(&[Arg::flag("x").short('x')]), Ok(()));
    }

    #[test]
    fn flags_of_a_subcommand_are_not_the_hosts() {
        let check = |subcommand, flag: Arg| check_flags(subcommand, &[flag]).unwrap_err();
        assert_eq!(check("init", Arg::flag("domain")), "the flag `--domain` belongs to the host");
        assert_eq!(check("edit", Arg::flag("x").short('o')), "the flag `-o` belongs to the host");
        assert_eq!(
            check("init", Arg::positional("x")),
            "`x` is a positional argument: a subcommand accepts only flags"
        );
        assert_eq!(check_flags("edit", &[Arg::flag("domain")]), Ok(()));
    }
}
