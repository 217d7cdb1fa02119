//! Checks everything that a plugin declares without running any of it.

use super::scaffold::check_flags;
use super::{Error, caller, command, decode, manifest};
use crate::manifest::Manifest;
use crate::message::{self, CommandDescription, DescribeRequest};
use crate::{LinkedPlugin, rules};

/// Checks everything that a plugin declares against the rules of a host: the arguments of each
/// command, the flags of each scaffolding subcommand, and the options of hooks.
///
/// `plugin check` of a host performs the same checks on the built library.
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
/// [`Error`] for the first declaration that no host accepts.
pub fn check(plugin: LinkedPlugin) -> Result<(), Error> {
    let Manifest { commands, subcommands, events, .. } = manifest(plugin)?;
    for it in commands {
        let path: Vec<&str> = it.path.iter().map(String::as_str).collect();
        command(plugin, &path).describe()?;
    }
    subcommands.iter().try_for_each(|it| check_flags(plugin, it))?;
    // Without hooks, the library does not contain the code that answers this.
    let mut hooked = rules::HOOKED_COMMANDS.iter().filter(|_| !events.is_empty());
    hooked.try_for_each(|it| check_options(plugin, it))
}

/// Requests the options that the hooks add to a command of the host, and checks them.
fn check_options(plugin: LinkedPlugin, command: &[&str]) -> Result<(), Error> {
    let path = command.iter().map(ToString::to_string).collect();
    let request = DescribeRequest { caller: caller(plugin)?, path };
    let reply = plugin.root().options(&message::encode(&request));
    let description: CommandDescription = decode("command description", &reply.into_message()?)?;
    rules::check_options(&description.args)
        .map_err(|why| Error::refused(format!("invalid options on `{}`: {why}", command.join(" "))))
}
