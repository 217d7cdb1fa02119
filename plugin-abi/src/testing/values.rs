//! The values of a run's arguments, checked against the plugin's declarations.

use super::Error;
use crate::{Arg, ArgKind, ValueType, rules};
use serde_json::{Map, Value};

/// Checks the given values and adds the defaults, as a host does after parsing a command line.
pub(super) fn check(
    command: &str,
    declared: &[Arg],
    given: Vec<(String, Value)>,
) -> Result<Map<String, Value>, Error> {
    let mut values: Map<String, Value> = Map::new();
    for (name, value) in given {
        let Some(arg) = declared.iter().find(|it| it.name == name) else {
            let known = listed(declared.iter().map(|it| it.name.as_str()));
            return Err(Error::refused(format!(
                "{command} declares no argument `{name}`; it declares {known}"
            )));
        };
        let value = checked(arg, value)?;
        match (values.get_mut(&name), value) {
            (None, value) => drop(values.insert(name, value)),
            (Some(Value::Array(before)), Value::Array(more)) => before.extend(more),
            (Some(_), _) => {
                return Err(Error::refused(format!("the argument `{name}` is given twice")));
            }
        }
    }
    for arg in declared.iter().filter(|it| !values.contains_key(&it.name)).collect::<Vec<_>>() {
        if arg.kind == ArgKind::Flag {
            values.insert(arg.name.clone(), false.into());
        } else if arg.kind == ArgKind::Count {
            values.insert(arg.name.clone(), 0.into());
        } else if let Some(text) = &arg.default {
            values.insert(arg.name.clone(), parse_default(arg, text)?);
        } else if arg.required {
            let name = &arg.name;
            return Err(Error::refused(format!("{command} requires the argument `{name}`")));
        }
    }
    Ok(values)
}

/// Returns the names in backticks, separated by commas.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|it| format!("`{it}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn checked(arg: &Arg, value: Value) -> Result<Value, Error> {
    if !arg.is_list() {
        return check_one(arg, &value).map(|()| value);
    }
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    values.iter().try_for_each(|it| check_one(arg, it))?;
    Ok(Value::Array(values))
}

fn check_one(arg: &Arg, value: &Value) -> Result<(), Error> {
    let fits = match value_type(arg) {
        ValueType::String | ValueType::Path => value.is_string(),
        ValueType::Integer => value.is_i64(),
        ValueType::Number => value.is_number(),
        ValueType::Boolean => value.is_boolean(),
    };
    let name = &arg.name;
    if !fits {
        let expected = expected(arg);
        return Err(Error::refused(format!("the argument `{name}` takes {expected}, not {value}")));
    }
    if value.is_number() && !rules::is_in_range(arg, &value.to_string()) {
        return Err(Error::refused(format!("the argument `{name}` does not take {value}")));
    }
    match value {
        Value::String(text) if !arg.choices.is_empty() && !arg.choices.contains(text) => {
            let choices = listed(arg.choices.iter().map(String::as_str));
            Err(Error::refused(format!("the argument `{name}` takes {choices}, not `{text}`")))
        }
        _ => Ok(()),
    }
}

fn parse_default(arg: &Arg, text: &str) -> Result<Value, Error> {
    let value = match value_type(arg) {
        ValueType::String | ValueType::Path => Some(Value::from(text)),
        ValueType::Integer => text.parse::<i64>().ok().map(Value::from),
        ValueType::Number => rules::parse_number(text).map(Value::from),
        ValueType::Boolean => text.parse::<bool>().ok().map(Value::from),
    };
    let value = value.ok_or_else(|| {
        let (name, expected) = (&arg.name, expected(arg));
        Error::refused(format!("the default `{text}` of the argument `{name}` is not {expected}"))
    })?;
    checked(arg, value)
}

fn value_type(arg: &Arg) -> ValueType {
    match arg.kind {
        ArgKind::Flag => ValueType::Boolean,
        ArgKind::Count => ValueType::Integer,
        _ => arg.value,
    }
}

fn expected(arg: &Arg) -> &'static str {
    match value_type(arg) {
        ValueType::String => "text",
        ValueType::Path => "a path",
        ValueType::Integer => "a 64-bit integer",
        ValueType::Number => "a number",
        ValueType::Boolean => "`true` or `false`",
    }
}
