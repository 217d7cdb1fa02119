//! Converts a plugin's arguments to clap's, and their values back.

use crate::caller;
use clap::builder::{FalseyValueParser, PossibleValuesParser};
use clap::{ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_plugin::json::{Map, Value};
use pintle_plugin::message::CommandDescription;
use pintle_plugin::{Arg, ArgKind, ValueType, rules};

/// Returns the clap command for a plugin's description of it.
///
/// # Errors
///
/// One line that describes the fault of the description.
pub fn command(name: String, description: &CommandDescription) -> Result<clap::Command, String> {
    rules::check_command(&description.args, &description.groups)?;
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
    let groups = description.groups.iter().map(|it| {
        clap::ArgGroup::new(it.name.clone())
            .args(it.args.clone())
            .required(it.required)
            .multiple(it.multiple)
    });
    Ok(command.args(description.args.iter().map(clap_arg)).groups(groups))
}

/// Returns the values that the user gave or that are the defaults, by name. A flag always has one.
pub fn values(args: &[Arg], matches: &ArgMatches) -> Map<String, Value> {
    let given = |it: &&Arg| matches.value_source(&it.name).is_some();
    args.iter().filter(given).map(|it| (it.name.clone(), value(it, matches))).collect()
}

fn value(arg: &Arg, matches: &ArgMatches) -> Value {
    match arg.kind {
        ArgKind::Flag => return Value::Bool(matches.get_flag(&arg.name)),
        ArgKind::Count => return matches.get_count(&arg.name).into(),
        _ => {}
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
    match arg.is_list() {
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
    arg = arg.visible_aliases(spec.aliases.clone()).hide(spec.hidden);
    arg = arg.conflicts_with_all(spec.conflicts.clone());
    arg = spec.requires.iter().fold(arg, |arg, it| arg.requires(it.clone()));
    if let Some(heading) = &spec.heading {
        arg = arg.help_heading(heading.clone());
    }
    if let Some(variable) = spec.env.as_ref().filter(|_| caller::is_trusted()) {
        // The value may be a secret.
        arg = arg.env(variable.clone()).hide_env_values(true);
    }
    match spec.kind {
        ArgKind::Flag if spec.env.is_some() => {
            // A value that a shell script treats as false counts as false.
            return arg.action(ArgAction::SetTrue).value_parser(FalseyValueParser::new());
        }
        ArgKind::Flag => return arg.action(ArgAction::SetTrue),
        ArgKind::Count => return arg.action(ArgAction::Count),
        _ => {}
    }
    let value_name =
        spec.value_name.clone().unwrap_or_else(|| spec.name.to_uppercase().replace('-', "_"));
    arg = arg.value_name(value_name);
    if spec.repeated {
        arg = arg.action(ArgAction::Append);
        if spec.kind == ArgKind::Positional {
            arg = arg.num_args(if spec.required { 1.. } else { 0.. }).last(spec.rest);
        }
    }
    if let Some((least, most)) = spec.n_values {
        arg = arg.num_args(least as usize..=most as usize);
    }
    if let Some(delimiter) = spec.delimiter {
        arg = arg.value_delimiter(delimiter);
    }
    if let Some(default) = &spec.default {
        arg = arg.default_value(default.clone());
    }
    match spec.value {
        ValueType::Integer => {
            let bound = |it: &Option<String>| it.as_ref().and_then(|it| it.parse().ok());
            let (min, max) = (bound(&spec.min), bound(&spec.max));
            let range = min.unwrap_or(i64::MIN)..=max.unwrap_or(i64::MAX);
            arg.value_parser(value_parser!(i64).range(range)).allow_negative_numbers(true)
        }
        ValueType::Number => {
            let spec = spec.clone();
            let parse = move |text: &str| number_in_range(text, &spec);
            arg.value_parser(parse).allow_negative_numbers(true)
        }
        ValueType::Boolean => arg.value_parser(value_parser!(bool)),
        ValueType::Path => arg.value_hint(ValueHint::AnyPath),
        _ if !spec.choices.is_empty() => {
            arg.value_parser(PossibleValuesParser::new(spec.choices.clone()))
        }
        _ => arg,
    }
}

/// Parses a number that the argument accepts.
fn number_in_range(text: &str, spec: &Arg) -> Result<f64, String> {
    let number = number(text)?;
    match (rules::is_in_range(spec, text), &spec.min, &spec.max) {
        (true, ..) => Ok(number),
        (_, Some(min), Some(max)) => Err(format!("the number must be from {min} to {max}")),
        (_, Some(min), _) => Err(format!("the number must be at least {min}")),
        (_, _, max) => {
            Err(format!("the number must be at most {}", max.as_deref().unwrap_or_default()))
        }
    }
}

/// Parses a number that JSON can represent.
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
    use pintle_plugin::ArgGroup;

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

    /// Returns clap's complaint about a line.
    fn complaint(description: &CommandDescription, line: &[&str]) -> String {
        let command = command("x".into(), description).unwrap().no_binary_name(true);
        let Err(err) = command.try_get_matches_from(line) else { panic!("{line:?} is accepted") };
        assert_eq!(err.exit_code(), 2, "{err}");
        err.to_string().lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn arguments_have_many_forms() {
        let args = vec![
            Arg::positional("name").required(),
            Arg::rest("command"),
            Arg::count("deep").short('d'),
            Arg::option("size").integer().n_values(2, 2),
            Arg::option("tags").delimiter(',').alias("labels"),
            Arg::option("port").integer().min(1).max(65535).env("PINTLE_TEST_NO_SUCH_VARIABLE"),
        ];
        let line = ["a", "-ddd", "--size", "4", "3", "--labels=x,y", "--", "--port", "-x", "--"];
        let expected = serde_json::json!({
            "name": "a", "command": ["--port", "-x", "--"], "deep": 3, "size": [4, 3],
            "tags": ["x", "y"],
        });
        assert_eq!(parse(args.clone(), &line), expected);
        assert_eq!(parse(args, &["a"]), serde_json::json!({ "name": "a", "deep": 0 }));
    }

    #[test]
    fn the_environment_counts_where_nothing_is_given() {
        let args = vec![Arg::option("home").env("HOME"), Arg::flag("found").env("PATH")];
        let home = std::env::var("HOME").unwrap();
        let expected = serde_json::json!({ "home": home, "found": true });
        assert_eq!(parse(args.clone(), &[]), expected);
        let given = parse(args, &["--home", "elsewhere"]);
        assert_eq!(given["home"], "elsewhere");
    }

    #[test]
    fn what_does_not_go_together_is_wrong_usage() {
        let mut description = CommandDescription::default();
        description.args = vec![
            Arg::flag("json"),
            Arg::flag("table"),
            Arg::flag("wide").requires("table").conflicts_with("port"),
            Arg::option("port").integer().min(1).max(65535),
            Arg::option("ratio").number().min(0).max(1),
        ];
        description.groups = vec![ArgGroup::new("form", ["json", "table"]).required()];
        let complaint = |line: &[&str]| complaint(&description, line);
        assert_eq!(
            complaint(&["--json", "--table"]),
            "error: the argument '--json' cannot be used with '--table'"
        );
        assert_eq!(complaint(&[]), "error: the following required arguments were not provided:");
        assert_eq!(
            complaint(&["--wide"]),
            "error: the following required arguments were not provided:"
        );
        assert_eq!(
            complaint(&["--table", "--wide", "--port", "1"]),
            "error: the argument '--wide' cannot be used with '--port <PORT>'"
        );
        assert_eq!(
            complaint(&["--json", "--port", "0"]),
            "error: invalid value '0' for '--port <PORT>': 0 is not in 1..=65535"
        );
        assert_eq!(
            complaint(&["--json", "--ratio", "1.5"]),
            "error: invalid value '1.5' for '--ratio <RATIO>': the number must be from 0 to 1"
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
