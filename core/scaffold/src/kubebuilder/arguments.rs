//! The flags of external plugins as arguments of this host, and the conversion of their values
//! back.
//!
//! kubebuilder passes on the words of its command line. Here, they are reconstructed from the
//! values: a flag that has its default value is omitted, as if it had not been given.

use super::protocol::Flag;
use pintle_plugin::message::ScaffoldRequest;
use pintle_plugin::{Arg, ValueType, rules};
use serde_json::Value;

/// The domain of a project for which the user has not chosen one, here and in kubebuilder.
pub(super) const DEFAULT_DOMAIN: &str = "my.domain";

/// Flags that kubebuilder itself has, regardless of the plugin.
const OF_KUBEBUILDER: [&str; 4] = ["group", "version", "kind", "help"];

/// Returns the flags of a plugin that the host does not have itself, and the names of those
/// that no command of this host can have.
pub(super) fn args(subcommand: &str, flags: &[Flag]) -> (Vec<Arg>, Vec<String>) {
    let own = flags.iter().filter(|it| !is_of_host(subcommand, &it.name)).map(arg);
    let (args, invalid): (Vec<_>, Vec<_>) = own.partition(is_valid);
    (args, invalid.into_iter().map(|it| it.name).collect())
}

fn is_valid(arg: &Arg) -> bool {
    rules::check_args(std::slice::from_ref(arg)).is_ok()
}

/// Returns the flags on the command line, for a plugin that does not declare its own.
pub(super) fn args_of_line(subcommand: &str, flags: &[(String, bool)]) -> Vec<Arg> {
    let free = flags.iter().filter(|(name, _)| !is_of_host(subcommand, name));
    free.map(|(name, has_value)| match has_value {
        true => Arg::option(name),
        false => Arg::flag(name),
    })
    .filter(is_valid)
    .collect()
}

fn is_of_host(subcommand: &str, name: &str) -> bool {
    OF_KUBEBUILDER.contains(&name)
        || rules::HOST_OPTIONS.contains(&name)
        || rules::subcommand_options(subcommand).contains(&name)
}

fn arg(flag: &Flag) -> Arg {
    let arg = Arg::option(&flag.name).help(&flag.usage);
    let default = flag.default.trim();
    match flag.kind.to_ascii_lowercase().as_str() {
        // With or without a value, which needs a `=` only in kubebuilder.
        "bool" => {
            let mut arg = arg.boolean().n_values(0, 1);
            if is_true(default) {
                arg = arg.default_value("true");
            }
            arg
        }
        "int" => arg.integer().default_value(match default.parse::<i64>() {
            Ok(number) => number.to_string(),
            Err(_) => "0".to_owned(),
        }),
        "float" => arg.number().default_value(match rules::parse_number(default) {
            Some(_) => default,
            None => "0",
        }),
        _ if flag.default.is_empty() => arg,
        _ => arg.default_value(&flag.default),
    }
}

/// Reads a default value as Go does.
pub(super) fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// Returns the arguments of a subcommand's request. `declared` contains the plugin's flags,
/// including those that the host has itself.
pub(super) fn words(
    request: &ScaffoldRequest,
    declared: &[Flag],
    args: &[Arg],
) -> Option<Vec<String>> {
    let mut words = Words(Vec::new());
    let declares = |name: &str| declared.iter().any(|it| it.name == name);
    if let Some(resource) = &request.resource {
        words.text("group", &resource.group);
        words.text("version", &resource.version);
        words.text("kind", &resource.kind);
        if declares("plural") {
            words.text("plural", &resource.plural);
        }
    }
    match (request.subcommand.as_str(), &request.resource) {
        ("init", _) => {
            let project = &request.project;
            if project.domain != DEFAULT_DOMAIN {
                words.text("domain", &project.domain);
            }
            words.text("repo", &project.repo);
            if declares("project-name") {
                words.text("project-name", &project.name);
            }
            words.switch("namespaced", project.namespaced, false);
        }
        ("create api", Some(resource)) => {
            words.switch("resource", resource.api, true);
            words.switch("controller", resource.controller, true);
            words.switch("namespaced", resource.namespaced || !resource.api, true);
        }
        ("create webhook", Some(resource)) => {
            let webhooks = &resource.webhooks;
            words.switch("defaulting", webhooks.defaulting, false);
            words.switch("programmatic-validation", webhooks.validation, false);
            words.switch("conversion", webhooks.conversion, false);
            words.text("spoke", &webhooks.spoke.join(","));
        }
        _ => {}
    }
    let is_forced = request.args.get("force").and_then(Value::as_bool).unwrap_or_default();
    words.switch("force", is_forced, false);
    let own = request.args.iter().filter(|(it, _)| !is_of_host(&request.subcommand, it));
    for (name, value) in own {
        words.value(name, value, args.iter().find(|it| it.name == *name));
    }
    Some(words.0).filter(|it| !it.is_empty())
}

struct Words(Vec<String>);

impl Words {
    /// Adds a flag with a text, unless the text is empty.
    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.option(name, text);
        }
    }

    fn option(&mut self, name: &str, text: &str) {
        let flag = format!("--{name}");
        // kubebuilder does not accept a value that looks like a flag.
        if text.starts_with("--") {
            self.0.push(format!("{flag}={text}"));
        } else {
            self.0.extend([flag, text.to_owned()]);
        }
    }

    /// Adds a flag that is on or off, unless it has its default value.
    fn switch(&mut self, name: &str, is_on: bool, default: bool) {
        if is_on != default {
            self.boolean(name, is_on);
        }
    }

    fn boolean(&mut self, name: &str, is_on: bool) {
        let word = if is_on { format!("--{name}") } else { format!("--{name}=false") };
        if !self.0.contains(&word) {
            self.0.push(word);
        }
    }

    /// Adds a flag of the plugin's own, unless it has its default value.
    fn value(&mut self, name: &str, value: &Value, arg: Option<&Arg>) {
        let is_switch = arg.is_some_and(|it| it.value == ValueType::Boolean);
        let default = arg.and_then(|it| it.default.as_deref());
        match value {
            Value::Bool(is_on) => self.switch(name, *is_on, false),
            Value::Array(values) if is_switch => {
                let is_on = values.first().and_then(Value::as_bool).unwrap_or(true);
                if default != Some(if is_on { "true" } else { "false" }) {
                    self.boolean(name, is_on);
                }
            }
            Value::Null => {}
            value => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // A number may be written in more than one way.
                let number = |it: &str| it.parse::<f64>().ok();
                let is_default =
                    |it: &str| it == text || value.is_number() && number(it) == number(&text);
                if !default.is_some_and(is_default) {
                    self.option(name, &text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::message::Resource;

    fn flag(name: &str, kind: &str, default: &str) -> Flag {
        let [name, kind, default] = [name, kind, default].map(str::to_owned);
        Flag { name, kind, default, usage: String::new() }
    }

    fn request(subcommand: &str, args: Value) -> ScaffoldRequest {
        let mut request = ScaffoldRequest::default();
        subcommand.clone_into(&mut request.subcommand);
        request.args = args.as_object().cloned().unwrap_or_default();
        request
    }

    #[test]
    fn flags_of_all_types_are_valid_arguments() {
        let flags = [
            flag("crew", "int", "x"),
            flag("size", "float", "1.50"),
            flag("loud", "bool", "true"),
            flag("calm", "bool", "maybe"),
            flag("name", "string", ""),
            flag("list", "stringSlice", "a,b"),
            flag("kind", "string", ""),
            flag("domain", "string", "a.io"),
            flag("verbose", "bool", ""),
            flag("myFlag", "bool", ""),
        ];
        let (args, invalid) = args("init", &flags);
        assert_eq!(invalid, ["myFlag"]);
        assert_eq!(rules::check_flags("init", &args), Ok(()));
        let names: Vec<_> = args.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["crew", "size", "loud", "calm", "name", "list"]);
        assert_eq!(args[0].default.as_deref(), Some("0"));
    }

    #[test]
    fn the_words_of_the_line_are_put_together_again() {
        let flags = [
            flag("crew", "int", "5"),
            flag("size", "float", "1.50"),
            flag("loud", "bool", "true"),
            flag("calm", "bool", ""),
            flag("name", "string", "ada"),
        ];
        let (args, _) = args("edit", &flags);
        let words = |values: Value| words(&request("edit", values), &flags, &args);
        let defaults = serde_json::json!({
            "crew": 5, "size": 1.5, "loud": [true], "name": "ada", "force": false,
        });
        assert_eq!(words(defaults), None);
        let given = serde_json::json!({
            "crew": 7, "size": 2.5, "loud": [false], "calm": [], "name": "--x", "force": true,
            "any": "thing", "other": true,
        });
        let expected = [
            "--force",
            "--crew",
            "7",
            "--size",
            "2.5",
            "--loud=false",
            "--calm",
            "--name=--x",
            "--any",
            "thing",
            "--other",
        ];
        assert_eq!(words(given).unwrap(), expected);
    }

    #[test]
    fn the_resource_is_named_and_the_hosts_own_flags_are_sent_if_given() {
        let mut call = request("create api", Value::Null);
        let mut resource = Resource::default();
        [&mut resource.group, &mut resource.version, &mut resource.kind]
            .into_iter()
            .zip(["crew", "v1", "Captain"])
            .for_each(|(field, text)| text.clone_into(field));
        (resource.api, resource.controller, resource.namespaced) = (true, false, true);
        call.resource = Some(resource);
        let expected =
            ["--group", "crew", "--version", "v1", "--kind", "Captain", "--controller=false"];
        assert_eq!(words(&call, &[], &[]).unwrap(), expected);

        let mut call = request("init", Value::Null);
        DEFAULT_DOMAIN.clone_into(&mut call.project.domain);
        "demo".clone_into(&mut call.project.name);
        assert_eq!(words(&call, &[], &[]), None);
        "example.org".clone_into(&mut call.project.domain);
        let declared = [flag("project-name", "string", "")];
        let expected = ["--domain", "example.org", "--project-name", "demo"];
        assert_eq!(words(&call, &declared, &[]).unwrap(), expected);
    }
}
