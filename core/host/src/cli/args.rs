//! A plugin's arguments as clap's, and their values on the way back.

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::CommandDescription;
use pintle_plugin::{Arg, ArgKind, ValueType, rules};

/// Returns the clap command for a plugin's description of it.
///
/// # Errors
///
/// One line on what is wrong with the description.
pub fn command(name: String, description: &CommandDescription) -> Result<clap::Command, String> {
    rules::check_args(&description.args)?;
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

/// Returns the clap argument for a plugin's; [`rules::check_args`] has accepted it.
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
        ValueType::Number => arg.value_parser(number).allow_negative_numbers(true),
        ValueType::Boolean => arg.value_parser(value_parser!(bool)),
        ValueType::Path => arg.value_hint(ValueHint::AnyPath),
        _ if !spec.choices.is_empty() => {
            arg.value_parser(PossibleValuesParser::new(spec.choices.clone()))
        }
        _ => arg,
    }
}

/// Reads a number that JSON can hold.
fn number(text: &str) -> Result<f64, String> {
    rules::parse_number(text).ok_or_else(|| match text.parse::<f64>() {
        Ok(_) => "the number must be finite and at most 1.8e308".to_owned(),
        Err(err) => err.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

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

    #[test]
    fn a_number_that_json_lacks_is_wrong_usage() {
        let mut description = CommandDescription::default();
        description.args = vec![Arg::option("ratio").number(), Arg::positional("n").number()];
        let command = command("x".into(), &description).unwrap().no_binary_name(true);
        for value in ["inf", "-inf", "nan", "NaN", "1e309", "-1e309", "infinity"] {
            for line in [vec![format!("--ratio={value}")], vec!["--".into(), value.to_owned()]] {
                let err = command.clone().try_get_matches_from(&line).unwrap_err();
                assert_eq!((err.kind(), err.exit_code()), (ErrorKind::ValueValidation, 2));
                let name = if line.len() == 1 { "--ratio <RATIO>" } else { "[N]" };
                let expected = format!(
                    "error: invalid value '{value}' for '{name}': the number must be finite and \
                     at most 1.8e308"
                );
                assert_eq!(err.to_string().lines().next(), Some(expected.as_str()));
            }
        }
    }
}
