//! The arguments of commands and flags: how a plugin declares them, and their values.

use crate::error::Result;
use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One argument of a command, or one flag of a scaffolding subcommand.
///
/// ```
/// use pintle_plugin::Arg;
///
/// let name = Arg::positional("name").default_value("world").help("Whom to greet");
/// let loud = Arg::flag("loud").short('l').help("Greet in capitals");
/// let times = Arg::option("times").integer().default_value("1").help("How often to greet");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Arg {
    /// The name: of the value for a positional argument, without the dashes for the others.
    pub name: String,
    /// How the argument is given.
    pub kind: ArgKind,
    /// What the value is.
    pub value: ValueType,
    /// The one-letter form, without the dash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<char>,
    /// The word that stands for the value in the help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_name: Option<String>,
    /// One line of help.
    pub help: String,
    /// The value when none is given, as the user would type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The values to choose from; empty means that any value will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Whether the argument must be given.
    pub required: bool,
    /// Whether the argument may be given several times; its value is then a list.
    pub repeated: bool,
}

/// How an [`Arg`] is given. A way that this release does not know counts as an option.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ArgKind {
    /// By its place.
    Positional,
    /// As `--name`; true when given.
    Flag,
    /// As `--name VALUE`.
    #[default]
    #[serde(other)]
    Option,
}

/// What the value of an [`Arg`] is. A type that this release does not know counts as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ValueType {
    /// A whole number of 64 bits with a sign.
    Integer,
    /// A floating-point number of 64 bits.
    Number,
    /// `true` or `false`; the type of every [`ArgKind::Flag`].
    Boolean,
    /// A path, completed as one.
    Path,
    /// Any text.
    #[default]
    #[serde(other)]
    String,
}

impl Arg {
    fn new(name: impl Into<String>, kind: ArgKind, value: ValueType) -> Self {
        Self { name: name.into(), kind, value, ..Self::default() }
    }

    /// Declares an argument that is given by its place.
    pub fn positional(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Positional, ValueType::String)
    }

    /// Declares an option that takes a value: `--name VALUE`.
    pub fn option(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Option, ValueType::String)
    }

    /// Declares a flag that takes no value: `--name`.
    pub fn flag(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Flag, ValueType::Boolean)
    }

    /// Sets the one-letter form.
    pub fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// Sets the line of help.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = text.into();
        self
    }

    /// Sets the word that stands for the value in the help.
    pub fn value_name(mut self, word: impl Into<String>) -> Self {
        self.value_name = Some(word.into());
        self
    }

    /// Sets the value when none is given, as the user would type it.
    pub fn default_value(mut self, value: impl Into<String>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Adds a value to choose from.
    pub fn choice(mut self, value: impl Into<String>) -> Self {
        self.choices.push(value.into());
        self
    }

    /// Takes whole numbers only.
    pub fn integer(mut self) -> Self {
        self.value = ValueType::Integer;
        self
    }

    /// Takes numbers only.
    pub fn number(mut self) -> Self {
        self.value = ValueType::Number;
        self
    }

    /// Takes `true` or `false`.
    pub fn boolean(mut self) -> Self {
        self.value = ValueType::Boolean;
        self
    }

    /// Takes a path.
    pub fn path(mut self) -> Self {
        self.value = ValueType::Path;
        self
    }

    /// Must be given.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// May be given several times; the value is then a list.
    pub fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }
}

/// The values of the arguments of one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args(Map<String, Value>);

impl Args {
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Self(values)
    }

    /// Returns the value of the argument `name`.
    ///
    /// # Errors
    ///
    /// When the argument was not given and has no default, or when its value is no `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.find(name)?.ok_or_else(|| anyhow!("the argument `{name}` is missing"))
    }

    /// Returns the value of the argument `name`, or `None` when it was not given.
    ///
    /// # Errors
    ///
    /// When the value is no `T`.
    pub fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .with_context(|| format!("the argument `{name}` has a value of another type")),
        }
    }

    /// Returns whether the flag `name` was given.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Reads all values into a struct, whose fields are named like the arguments.
    ///
    /// # Errors
    ///
    /// When a field has no argument, or an argument another type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(Value::Object(self.0.clone())).context("the arguments do not fit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_newer_plugin_declares_degrades() {
        let arg = json!({ "name": "when", "kind": "count", "value": "duration", "new": [1] });
        let arg: Arg = serde_json::from_value(arg).unwrap();
        assert_eq!(arg, Arg::option("when"));
    }
}
