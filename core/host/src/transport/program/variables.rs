//! The variables of a call.

use crate::caller;
use crate::identity::Identity;
use pintle_plugin::json::{Map, Value};
use pintle_plugin::manifest::INTERFACE_VERSION;
use pintle_plugin::message::Resource;
use pintle_plugin::{Arg, ArgKind};
use std::ffi::OsString;
use std::process::Command;

/// The variables that distinguish the kinds of calls and belong to one call: a program that runs
/// the host does not pass them on.
const OF_ONE_CALL: [&str; 8] =
    ["COMPLETE", "EVENT", "PLUGIN", "REPLY", "REQUEST", "STEP", "SUBCOMMAND", "WORDS"];

/// The variables of a call, by the part of their names after the host's prefix.
pub(super) struct Variables(Vec<(String, OsString)>);

impl Variables {
    /// Returns the variables of a call with the command `command`, for example `EXEC`.
    pub(super) fn of(command: &str) -> Self {
        Self(Vec::new()).set("COMMAND", command)
    }

    /// Sets a variable.
    pub(super) fn set(mut self, suffix: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.0.push((suffix.into(), value.into()));
        self
    }

    pub(super) fn plugin(self, key: &str) -> Self {
        self.set("PLUGIN", key)
    }

    /// Sets one variable for each argument with a value.
    pub(super) fn values(mut self, values: &Map<String, Value>) -> Self {
        for (name, value) in values {
            if let Some(text) = text(value) {
                self = self.set(format!("ARG_{}", capitals(name)), text);
            }
        }
        self
    }

    /// Sets the variables about a resource.
    pub(super) fn resource(self, resource: &Resource) -> Self {
        self.set("RESOURCE_GROUP", &resource.group)
            .set("RESOURCE_DOMAIN", &resource.domain)
            .set("RESOURCE_VERSION", &resource.version)
            .set("RESOURCE_KIND", &resource.kind)
            .set("RESOURCE_PLURAL", &resource.plural)
    }

    /// Sets the variables of a program that is about to be run.
    pub(super) fn apply(self, command: &mut Command, host: &Identity) {
        let own = self
            .set("HOST", &host.command_name)
            .set("HOST_VERSION", &host.version)
            .set("INTERFACE", INTERFACE_VERSION);
        let argument = host.env_var("ARG_");
        let inherited = caller::var_names();
        let arguments = inherited.filter(|it| it.to_string_lossy().starts_with(&argument));
        let names = OF_ONE_CALL.iter().map(|it| host.env_var(it).into());
        for name in arguments.chain(names) {
            command.env_remove::<OsString>(name);
        }
        // A value that contains NUL cannot be a variable; the request contains it.
        let is_possible = |it: &OsString| !it.as_encoded_bytes().contains(&0);
        for (suffix, value) in own.0 {
            match is_possible(&value) {
                true => command.env(host.env_var(&suffix), value),
                false => command.env_remove(host.env_var(&suffix)),
            };
        }
        caller::protect(command);
    }
}

/// Returns the values of a command's positional arguments, in their order.
pub(super) fn positional<'a>(
    args: &'a [Arg],
    values: &'a Map<String, Value>,
) -> impl Iterator<Item = String> + 'a {
    let positional = args.iter().filter(|it| it.kind == ArgKind::Positional);
    positional.filter_map(|it| values.get(&it.name)).flat_map(|value| match value {
        Value::Array(all) => all.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect::<Vec<_>>(),
    })
}

/// Returns a value for a program without a JSON parser; a flag that is not given has none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => Some(all.iter().filter_map(text).collect::<Vec<_>>().join("\n")),
        other => Some(other.to_string()),
    }
}

/// Returns the part of a variable's name for an argument's name.
pub(super) fn capitals(name: &str) -> String {
    name.to_ascii_uppercase().replace(|it: char| !it.is_ascii_alphanumeric(), "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::json::json;

    #[test]
    fn values_are_variables_and_arguments() {
        let values = json!({
            "dry-run": true, "quiet": false, "size": 3, "tag": ["a", "b c"], "name": "x",
        });
        let Value::Object(values) = values else { unreachable!() };
        let set: Vec<_> = Variables::of("EXEC").values(&values).0;
        let set: Vec<_> =
            set.iter().map(|(name, it)| (name.as_str(), it.to_str().unwrap())).collect();
        assert_eq!(
            set,
            [
                ("COMMAND", "EXEC"),
                ("ARG_DRY_RUN", "true"),
                ("ARG_SIZE", "3"),
                ("ARG_TAG", "a\nb c"),
                ("ARG_NAME", "x"),
            ]
        );
        let args = [Arg::positional("name"), Arg::option("size"), Arg::positional("tag")];
        assert_eq!(positional(&args, &values).collect::<Vec<_>>(), ["x", "a", "b c"]);
    }
}
