//! The arguments of commands and flags: how a plugin declares them, and their values.

use crate::error::Result;
use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Display;

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
    /// The name: of the value for a positional argument, without the dashes for all others.
    pub name: String,
    /// How the argument is given.
    pub kind: ArgKind,
    /// The type of the value.
    pub value: ValueType,
    /// The one-letter form, without the dash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short: Option<char>,
    /// The name of the value in the help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_name: Option<String>,
    /// One-line help.
    pub help: String,
    /// The value if none is given, as the user would type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The values to choose from; empty if any value is valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Whether the argument must be given.
    pub required: bool,
    /// Whether the argument may be given several times; its value is then a list.
    pub repeated: bool,
    /// Other names of an option or a flag, without the dashes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The environment variable that provides the value if the argument is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The smallest number that is allowed, as the user would type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The largest number that is allowed, as the user would type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// The minimum and maximum number of values of one occurrence; the value is then a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_values: Option<(u32, u32)>,
    /// The separator of several values in one word; the value is then a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The arguments and groups that conflict with this argument.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// The arguments and groups that this argument requires.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Whether a positional argument has all words after `--`, unchanged, and no others.
    #[serde(skip_serializing_if = "is_false")]
    pub rest: bool,
    /// Whether the argument is hidden from help and completion.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// Whether the plugin completes the value.
    #[serde(skip_serializing_if = "is_false")]
    pub completed: bool,
    /// The heading in the help under which the argument is listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(it: &bool) -> bool {
    !it
}

/// How an [`Arg`] is given. A kind that this release does not know counts as an option.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ArgKind {
    /// By its position.
    Positional,
    /// As `--name`; true if given.
    Flag,
    /// As `--name`, any number of times; the value is the count.
    Count,
    /// As `--name VALUE`.
    #[default]
    #[serde(other)]
    Option,
}

/// The type of the value of an [`Arg`]. A type that this release does not know counts as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ValueType {
    /// A signed 64-bit integer.
    Integer,
    /// A 64-bit floating-point number.
    Number,
    /// `true` or `false`; the type of every [`ArgKind::Flag`].
    Boolean,
    /// A path; shells complete it.
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

    /// Declares an argument that is given by its position.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let name = Arg::positional("name").help("Whom to greet"); // hello NAME
    /// assert_eq!(name.name, "name");
    /// ```
    pub fn positional(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Positional, ValueType::String)
    }

    /// Declares an option that takes a value: `--name VALUE`.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let color = Arg::option("color").default_value("blue"); // --color COLOR
    /// assert_eq!(color.default.as_deref(), Some("blue"));
    /// ```
    pub fn option(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Option, ValueType::String)
    }

    /// Declares a flag that takes no value: `--name`.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let loud = Arg::flag("loud").short('l'); // --loud or -l
    /// assert!(!loud.required);
    /// ```
    pub fn flag(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Flag, ValueType::Boolean)
    }

    /// Declares a flag that may be given several times, and whose value is the count.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let depth = Arg::count("deep").short('d'); // -ddd is 3
    /// assert!(!depth.is_list());
    /// ```
    pub fn count(name: impl Into<String>) -> Self {
        Self::new(name, ArgKind::Count, ValueType::Integer)
    }

    /// Declares an argument that has all words after `--`, including those that begin with a dash.
    /// Its value is a list.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let command = Arg::rest("command").help("The program to run"); // run -- ls -l
    /// assert!(command.is_list());
    /// ```
    pub fn rest(name: impl Into<String>) -> Self {
        let arg = Self::new(name, ArgKind::Positional, ValueType::String);
        Self { rest: true, repeated: true, ..arg }
    }

    /// Declares `-o`/`--output`, with which the user chooses the output format of
    /// [`Host::show`](crate::Host::show).
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// assert_eq!(Arg::output().choices, ["text", "json", "yaml"]);
    /// ```
    pub fn output() -> Self {
        let arg = Self::option("output").short('o').value_name("FORMAT");
        let arg = arg.choice("text").choice("json").choice("yaml").default_value("text");
        arg.help("The form of the output")
    }

    /// Returns whether the value is a list.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// assert!(Arg::option("tag").repeated().is_list());
    /// assert!(!Arg::option("tag").is_list());
    /// ```
    pub fn is_list(&self) -> bool {
        self.repeated || self.n_values.is_some() || self.delimiter.is_some()
    }

    /// Sets the one-letter form.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// assert_eq!(Arg::flag("loud").short('l').short, Some('l'));
    /// ```
    pub fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// Sets the one-line help.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// assert_eq!(Arg::flag("loud").help("Greet in capitals").help, "Greet in capitals");
    /// ```
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = text.into();
        self
    }

    /// Sets the name of the value in the help.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let memory = Arg::option("memory").value_name("SIZE"); // --memory <SIZE>
    /// assert_eq!(memory.value_name.as_deref(), Some("SIZE"));
    /// ```
    pub fn value_name(mut self, word: impl Into<String>) -> Self {
        self.value_name = Some(word.into());
        self
    }

    /// Sets the value if none is given, as the user would type it.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let times = Arg::option("times").integer().default_value("1");
    /// assert_eq!(times.default.as_deref(), Some("1"));
    /// ```
    pub fn default_value(mut self, value: impl Into<String>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Adds a value to choose from.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let size = Arg::option("size").choice("small").choice("large");
    /// assert_eq!(size.choices, ["small", "large"]);
    /// ```
    pub fn choice(mut self, value: impl Into<String>) -> Self {
        self.choices.push(value.into());
        self
    }

    /// Accepts only whole numbers.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let times = Arg::option("times").integer().min(1);
    /// assert_eq!(times.min.as_deref(), Some("1"));
    /// ```
    pub fn integer(mut self) -> Self {
        self.value = ValueType::Integer;
        self
    }

    /// Accepts only numbers.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let ratio = Arg::option("ratio").number().min(0.0).max(1.0);
    /// assert_eq!(ratio.max.as_deref(), Some("1"));
    /// ```
    pub fn number(mut self) -> Self {
        self.value = ValueType::Number;
        self
    }

    /// Accepts only `true` or `false`.
    ///
    /// ```
    /// use pintle_plugin::{Arg, ValueType};
    ///
    /// let colors = Arg::option("colors").boolean().default_value("true"); // --colors false
    /// assert_eq!(colors.value, ValueType::Boolean);
    /// ```
    pub fn boolean(mut self) -> Self {
        self.value = ValueType::Boolean;
        self
    }

    /// Accepts a path.
    ///
    /// ```
    /// use pintle_plugin::{Arg, ValueType};
    ///
    /// let file = Arg::positional("file").path(); // The shell completes file names.
    /// assert_eq!(file.value, ValueType::Path);
    /// ```
    pub fn path(mut self) -> Self {
        self.value = ValueType::Path;
        self
    }

    /// Makes the argument required.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// assert!(Arg::positional("name").required().required);
    /// ```
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Allows the argument several times; the value is then a list.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let tags = Arg::option("tag").repeated(); // --tag a --tag b
    /// assert!(tags.is_list());
    /// ```
    pub fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    /// Adds another name of an option or a flag, without the dashes.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let color = Arg::option("color").alias("colour");
    /// assert_eq!(color.aliases, ["colour"]);
    /// ```
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// Takes the value of an environment variable if the argument is not given.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let token = Arg::option("token").env("HARBOUR_TOKEN");
    /// assert_eq!(token.env.as_deref(), Some("HARBOUR_TOKEN"));
    /// ```
    pub fn env(mut self, variable: impl Into<String>) -> Self {
        self.env = Some(variable.into());
        self
    }

    /// Sets the smallest number that is allowed.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let port = Arg::option("port").integer().min(1024);
    /// assert_eq!(port.min.as_deref(), Some("1024"));
    /// ```
    pub fn min(mut self, number: impl Display) -> Self {
        self.min = Some(number.to_string());
        self
    }

    /// Sets the largest number that is allowed.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let port = Arg::option("port").integer().min(1).max(65_535);
    /// assert_eq!(port.max.as_deref(), Some("65535"));
    /// ```
    pub fn max(mut self, number: impl Display) -> Self {
        self.max = Some(number.to_string());
        self
    }

    /// Takes from `least` to `most` values at a time, for example `--size WIDTH HEIGHT`.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let size = Arg::option("size").integer().n_values(2, 2);
    /// assert_eq!(size.n_values, Some((2, 2)));
    /// ```
    pub fn n_values(mut self, least: u32, most: u32) -> Self {
        self.n_values = Some((least, most));
        self
    }

    /// Takes several values in one word, for example `--tags a,b` with a comma as separator.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let tags = Arg::option("tags").delimiter(',');
    /// assert!(tags.is_list());
    /// ```
    pub fn delimiter(mut self, delimiter: char) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Makes the argument conflict with another argument or group.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let quiet = Arg::flag("silent").conflicts_with("loud");
    /// assert_eq!(quiet.conflicts, ["loud"]);
    /// ```
    pub fn conflicts_with(mut self, name: impl Into<String>) -> Self {
        self.conflicts.push(name.into());
        self
    }

    /// Makes the argument require another argument or group.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let user = Arg::option("password").requires("user");
    /// assert_eq!(user.requires, ["user"]);
    /// ```
    pub fn requires(mut self, name: impl Into<String>) -> Self {
        self.requires.push(name.into());
        self
    }

    /// Hides the argument from help and completion.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// assert!(Arg::flag("internal").hidden().hidden);
    /// ```
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Lets the plugin complete the value, with [`Command::complete`](crate::Command::complete),
    /// [`Scaffold::complete`](crate::Scaffold::complete) or
    /// [`Hook::complete`](crate::Hook::complete).
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let ship = Arg::positional("ship").completed();
    /// assert!(ship.completed);
    /// ```
    pub fn completed(mut self) -> Self {
        self.completed = true;
        self
    }

    /// Lists the argument under a heading of its own in the help.
    ///
    /// ```
    /// use pintle_plugin::Arg;
    ///
    /// let key = Arg::option("key").heading("Security");
    /// assert_eq!(key.heading.as_deref(), Some("Security"));
    /// ```
    pub fn heading(mut self, text: impl Into<String>) -> Self {
        self.heading = Some(text.into());
        self
    }
}

/// Arguments of a command of which at most one, or at least one, can be given.
///
/// ```
/// use pintle_plugin::ArgGroup;
///
/// // `--json` or `--table`, but not both, and one of them must be given.
/// let form = ArgGroup::new("form", ["json", "table"]).required();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ArgGroup {
    /// The name by which conflicts and requirements refer to the group.
    pub name: String,
    /// The names of the arguments.
    pub args: Vec<String>,
    /// Whether one of them must be given.
    pub required: bool,
    /// Whether several of them can be given together.
    pub multiple: bool,
}

impl ArgGroup {
    /// Declares a group of which at most one argument can be given.
    ///
    /// ```
    /// use pintle_plugin::ArgGroup;
    ///
    /// let form = ArgGroup::new("form", ["json", "table"]);
    /// assert_eq!(form.args, ["json", "table"]);
    /// ```
    pub fn new<I: IntoIterator<Item: Into<String>>>(name: impl Into<String>, args: I) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { name: name.into(), args, ..Self::default() }
    }

    /// Requires one of the arguments.
    ///
    /// ```
    /// use pintle_plugin::ArgGroup;
    ///
    /// assert!(ArgGroup::new("form", ["json", "table"]).required().required);
    /// ```
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Allows several of the arguments together.
    ///
    /// ```
    /// use pintle_plugin::ArgGroup;
    ///
    /// // `--json`, `--table` or both, but not neither.
    /// let forms = ArgGroup::new("forms", ["json", "table"]).multiple().required();
    /// assert!(forms.multiple);
    /// ```
    pub fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }
}

/// The values of the arguments of one call.
///
/// ```
/// # use pintle_plugin::prelude::*;
/// # fn run(call: &Call) -> Result<()> {
/// let name: String = call.args.get("name")?;
/// let times: u32 = call.args.find("times")?.unwrap_or(1);
/// let is_loud = call.args.flag("loud");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args(Map<String, Value>);

impl Args {
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Self(values)
    }

    /// Returns the value of the argument `name`.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(call: &Call) -> Result<()> {
    /// let name: String = call.args.get("name")?;
    /// let tags: Vec<String> = call.args.get("tags")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the argument was not given and has no default, or if its value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.find(name)?.ok_or_else(|| anyhow!("the argument `{name}` is missing"))
    }

    /// Returns the value of the argument `name`, or `None` if it was not given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(call: &Call) -> Result<()> {
    /// let limit: Option<u64> = call.args.find("limit")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the value is not a `T`.
    pub fn find<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .with_context(|| format!("the argument `{name}` has an unexpected type")),
        }
    }

    /// Returns how often the counted flag `name` was given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(call: &Call) -> Result<()> {
    /// let depth = call.args.count("deep"); // 2 for -dd
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Returns whether the flag `name` was given.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(call: &Call) -> Result<()> {
    /// let greeting = if call.args.flag("loud") { "HELLO" } else { "hello" };
    /// # Ok(())
    /// # }
    /// ```
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Reads all values into a struct whose fields have the names of the arguments.
    ///
    /// ```
    /// # use pintle_plugin::prelude::*;
    /// # fn run(call: &Call) -> Result<()> {
    /// #[derive(serde::Deserialize)]
    /// struct Values {
    ///     name: String,
    ///     times: Option<u32>,
    /// }
    ///
    /// let values: Values = call.args.parse()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a field has no argument, or an argument has another type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(Value::Object(self.0.clone())).context("unexpected arguments")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_newer_plugin_declares_degrades() {
        let arg = json!({ "name": "when", "kind": "gesture", "value": "duration", "new": [1] });
        let arg: Arg = serde_json::from_value(arg).unwrap();
        assert_eq!(arg, Arg::option("when"));
    }
}
