//! Everything that a plugin declares, checked without running any of it.

use super::scaffold::check_flags;
use super::{Error, command, manifest};
use crate::LinkedPlugin;
use crate::manifest::Manifest;

/// Checks everything that a plugin declares with the rules of a host: the arguments of each
/// command, and the flags on each scaffolding subcommand.
///
/// `plugin check` of a host checks the same in the built library.
///
/// ```
/// # use pintle_plugin::{prelude::*, testing};
/// # pintle_plugin::export_plugin! {
/// #     name: "hello.example.org",
/// #     description: "Says hello",
/// #     project_versions: ["3"],
/// #     commands: [Hello],
/// # }
/// #[derive(Default)]
/// struct Hello;
///
/// impl Command for Hello {
///     const PATH: &'static [&'static str] = &["hello"];
///     const ABOUT: &'static str = "Greet somebody";
///
///     fn args(&self) -> Vec<Arg> {
///         vec![Arg::option("times").integer().choice("once")]
///     }
/// #   fn run(&self, _call: &Call, _host: &Host<'_>) -> Result<Outcome> {
/// #       Ok(Outcome::done())
/// #   }
/// }
///
/// # fn main() {
/// let err = testing::check(plugin()).unwrap_err();
/// assert_eq!(
///     err.to_string(),
///     "invalid arguments of the command `hello`: the argument `times` cannot have choices: \
///      its value is a number, and only text can",
/// );
/// # }
/// ```
///
/// # Errors
///
/// [`Error`] for the first thing that no host accepts.
pub fn check(plugin: LinkedPlugin) -> Result<(), Error> {
    let Manifest { commands, subcommands, .. } = manifest(plugin)?;
    for it in commands {
        let path: Vec<&str> = it.path.iter().map(String::as_str).collect();
        command(plugin, &path).describe()?;
    }
    subcommands.iter().try_for_each(|it| check_flags(plugin, it))
}
