//! A plugin's arguments as clap's, and their values on the way back.

use super::global;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::CommandDescription;
use pintle_plugin::{Arg, ArgKind, ValueType};
use std::collections::HashSet;

/// Returns the clap command for a plugin's description of it.
///
/// # Errors
///
/// One line on what is wrong with the description.
pub fn command(name: String, description: &CommandDescription) -> Result<clap::Command, String> {
    check(&description.args)?;
    let mut command = clap::Command::new(name).about(description.about.clone());
    if !description.long_about.is_empty() {
        command =
            command.long_about(format!("{}\n\n{}", description.about, description.long_about));
    }
    if !description.examples.is_empty() {
        let line =
            |it: &pintle_plugin::message::Example| format!("  {}\n      {}", it.line, it.about);
        let lines: Vec<_> = description.examples.iter().map(line).collect();
        command = command.after_help(format!("Examples:\n{}", lines.join("\n")));
    }
    Ok(command.args(description.args.iter().map(clap_arg)))
}

/// Returns the values that the user gave, or that are the defaults, by name. A flag
/// always has one.
pub fn values(args: &[Arg], matches: &ArgMatches) -> Map<String, Value> {
    let given = |it: &&Arg| matches.value_source(&it.name).is_some();
    args.iter().filter(given).map(|it| (it.name.clone(), value(it, matches))).collect()
}

fn value(arg: &Arg, matches: &ArgMatches) -> Value {
    if arg.kind == ArgKind::Flag {
        return Value::Bool(matches.get_flag(&arg.name));
    }
    match arg.value {
        ValueType::Integer => typed::<i64>(arg, matches),
        ValueType::Number => typed::<f64>(arg, matches),
        ValueType::Boolean => typed::<bool>(arg, matches),
        _ => typed::<String>(arg, matches),
    }
}

fn typed<T: Clone + Send + Sync + Into<Value> + 'static>(arg: &Arg, matches: &ArgMatches) -> Value {
    let mut values = matches.get_many::<T>(&arg.name).into_iter().flatten().cloned();
    match arg.repeated {
        true => Value::Array(values.map(Into::into).collect()),
        false => values.next().map_or(Value::Null, Into::into),
    }
}

/// Returns the clap argument for a plugin's; [`check`] has passed it.
pub fn clap_arg(spec: &Arg) -> clap::Arg {
    let mut arg = clap::Arg::new(spec.name.clone()).help(spec.help.clone()).required(spec.required);
    if spec.kind != ArgKind::Positional {
        arg = arg.long(spec.name.clone());
    }
    if let Some(short) = spec.short {
        arg = arg.short(short);
    }
    if spec.kind == ArgKind::Flag {
        return arg.action(ArgAction::SetTrue);
    }
    let value_name =
        spec.value_name.clone().unwrap_or_else(|| spec.name.to_uppercase().replace('-', "_"));
    arg = arg.value_name(value_name);
    if spec.repeated {
        arg = arg.action(ArgAction::Append);
        if spec.kind == ArgKind::Positional {
            arg = arg.num_args(if spec.required { 1.. } else { 0.. });
        }
    }
    if let Some(default) = &spec.default {
        arg = arg.default_value(default.clone());
    }
    match spec.value {
        ValueType::Integer => arg.value_parser(value_parser!(i64)).allow_negative_numbers(true),
        ValueType::Number => arg.value_parser(value_parser!(f64)).allow_negative_numbers(true),
        ValueType::Boolean => arg.value_parser(value_parser!(bool)),
        ValueType::Path => arg.value_hint(ValueHint::AnyPath),
        _ if !spec.choices.is_empty() => {
            arg.value_parser(PossibleValuesParser::new(spec.choices.clone()))
        }
        _ => arg,
    }
}

/// Finds what clap would take for a bug of the host, and tells it as a defect of the plugin.
///
/// # Errors
///
/// One line on the first argument that cannot be.
pub fn check(args: &[Arg]) -> Result<(), String> {
    let (mut names, mut shorts) = (HashSet::new(), HashSet::new());
    let mut open_end: Option<&String> = None;
    for arg in args {
        let name = &arg.name;
        check_name(name)?;
        if !names.insert(name) {
            return Err(format!("the argument `{name}` is declared twice"));
        }
        if global::LONG_NAMES.contains(&name.as_str()) {
            return Err(format!("the name `{name}` belongs to the host"));
        }
        if let Some(short) = arg.short {
            if global::SHORT_NAMES.contains(&short) {
                return Err(format!("the option `-{short}` belongs to the host"));
            }
            if !short.is_ascii_alphanumeric() || arg.kind == ArgKind::Positional {
                return Err(format!("the argument `{name}` cannot have the short form `{short}`"));
            }
            if !shorts.insert(short) {
                return Err(format!("the option `-{short}` is declared twice"));
            }
        }
        if arg.kind == ArgKind::Positional {
            if let Some(before) = open_end {
                let why = format!(
                    "the argument `{name}` comes after `{before}`, which may be left out or repeated"
                );
                if arg.required || args.iter().any(|it| it.name == *before && it.repeated) {
                    return Err(why);
                }
            }
            if arg.repeated || !arg.required {
                open_end = Some(name);
            }
        }
        check_default(arg)?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-' || it == '_';
    match !name.is_empty() && name.chars().all(fits) && !name.starts_with('-') {
        true => Ok(()),
        false => {
            Err(format!("`{name}` is no name for an argument: lower-case letters, digits and `-`"))
        }
    }
}

fn check_default(arg: &Arg) -> Result<(), String> {
    let Some(default) = &arg.default else { return Ok(()) };
    let parses = match arg.value {
        ValueType::Integer => default.parse::<i64>().is_ok(),
        ValueType::Number => default.parse::<f64>().is_ok(),
        ValueType::Boolean => default.parse::<bool>().is_ok(),
        _ => arg.choices.is_empty() || arg.choices.contains(default),
    };
    match parses && arg.kind != ArgKind::Flag && !arg.required {
        true => Ok(()),
        false => Err(format!("the argument `{}` cannot have the default `{default}`", arg.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: Vec<Arg>, line: &[&str]) -> Value {
        let mut description = CommandDescription::default();
        description.args = args;
        let command = command("x".into(), &description).unwrap().no_binary_name(true);
        command.clone().debug_assert();
        let matches = command.try_get_matches_from(line).unwrap();
        Value::Object(values(&description.args, &matches))
    }

    #[test]
    fn values_have_the_types_that_the_plugin_declared() {
        let args = vec![
            Arg::positional("name").default_value("world"),
            Arg::positional("rest").repeated(),
            Arg::option("times").integer().default_value("1"),
            Arg::option("ratio").number(),
            Arg::option("label").repeated(),
            Arg::flag("loud").short('l'),
        ];
        let line =
            ["ada", "b", "c", "--times", "-3", "--ratio=0.5", "--label=a", "--label", "b", "-l"];
        let expected = serde_json::json!({
            "name": "ada", "rest": ["b", "c"], "times": -3, "ratio": 0.5, "label": ["a", "b"], "loud": true,
        });
        assert_eq!(parse(args.clone(), &line), expected);
        assert_eq!(
            parse(args, &[]),
            serde_json::json!({"name": "world", "times": 1, "loud": false})
        );
    }

    #[track_caller]
    fn check_err(args: &[Arg], expected: &str) {
        assert_eq!(check(args).unwrap_err(), expected);
    }

    #[test]
    fn what_a_plugin_declares_wrongly_is_told_by_name() {
        check_err(&[Arg::option("a"), Arg::flag("a")], "the argument `a` is declared twice");
        check_err(&[Arg::flag("quiet")], "the name `quiet` belongs to the host");
        check_err(&[Arg::positional("quiet")], "the name `quiet` belongs to the host");
        check_err(&[Arg::flag("x").short('v')], "the option `-v` belongs to the host");
        check_err(
            &[Arg::option("n").integer().default_value("many")],
            "the argument `n` cannot have the default `many`",
        );
        check_err(
            &[Arg::positional("a"), Arg::positional("b").required()],
            "the argument `b` comes after `a`, which may be left out or repeated",
        );
        check_err(
            &[Arg::option("A b")],
            "`A b` is no name for an argument: lower-case letters, digits and `-`",
        );
    }
}
