//! The options that every command takes.

use crate::services::Verbosity;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The option whose values are the keys of plugins.
pub(super) const DISABLE_PLUGIN: &str = "disable-plugin";

/// Returns the options that every command takes.
pub(super) fn args() -> [Arg; 5] {
    [
        Arg::new("plugin-dir")
            .long("plugin-dir")
            .value_name("DIR")
            .value_hint(ValueHint::DirPath)
            .value_parser(clap::value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("Look for plugins in this directory first (can be repeated)"),
        Arg::new(DISABLE_PLUGIN)
            .long(DISABLE_PLUGIN)
            .value_name("KEY")
            .action(ArgAction::Append)
            .help("Ignore this plugin (can be repeated)"),
        Arg::new("allow-panic-abort")
            .long("allow-panic-abort")
            .action(ArgAction::SetTrue)
            .help("Load plugins whose panics end the host"),
        Arg::new("quiet")
            .short('q')
            .long("quiet")
            .action(ArgAction::SetTrue)
            .help("Show only errors"),
        Arg::new("verbose")
            .short('v')
            .long("verbose")
            .action(ArgAction::Count)
            .help("Show more messages (twice: all messages)"),
    ]
    .map(|it| it.global(true).help_heading("Global options").display_order(1000))
}

/// Returns a command with the options that every command takes. If the command has a short name
/// itself, for example `-v` for a volume, its own meaning applies.
pub(super) fn add_to(command: Command) -> Command {
    let args = args().map(|it| match it.get_short() {
        Some(short) if command.get_arguments().any(|own| own.get_short() == Some(short)) => {
            it.short(None)
        }
        _ => it,
    });
    command.args(args)
}

/// Returns the verbosity that `-q` and `-v` request.
pub(super) fn verbosity(matches: &ArgMatches) -> Verbosity {
    level(matches.get_flag("quiet"), usize::from(matches.get_count("verbose")))
}

fn level(is_quiet: bool, n_verbose: usize) -> Verbosity {
    match (is_quiet, n_verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Debug,
        (false, _) => Verbosity::Trace,
    }
}

/// The options that are required before plugins are found, and thus before the arguments can be
/// parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Early {
    /// The directories of `--plugin-dir`.
    pub(super) plugin_dirs: Vec<PathBuf>,
    /// The keys of `--disable-plugin`.
    pub(super) disabled: Vec<String>,
    /// Whether `--allow-panic-abort` is given.
    pub(super) allow_panic_abort: bool,
    /// The verbosity that `-q` and `-v` seem to request. How a command interprets `-v` is known
    /// later.
    pub(super) verbosity: Verbosity,
}

impl Early {
    /// Finds the options in a command line that has not been parsed.
    pub(super) fn scan(args: &[OsString]) -> Self {
        let text = |it: OsString| it.to_string_lossy().into_owned();
        Self {
            plugin_dirs: option_values(args, "--plugin-dir")
                .into_iter()
                .map(PathBuf::from)
                .collect(),
            disabled: option_values(args, "--disable-plugin").into_iter().map(text).collect(),
            allow_panic_abort: before_dashes(args).any(|it| it == "--allow-panic-abort"),
            verbosity: early_verbosity(args),
        }
    }
}

fn early_verbosity(args: &[OsString]) -> Verbosity {
    let given = || before_dashes(args).flat_map(in_long_form);
    let n_verbose = given().filter(|it| it == "--verbose").count();
    level(given().any(|it| it == "--quiet"), n_verbose)
}

/// Returns the values of the option `name` in a command line that has not been parsed.
pub fn option_values(args: &[OsString], name: &str) -> Vec<OsString> {
    let mut found = Vec::new();
    let mut args = before_dashes(args);
    while let Some(arg) = args.next() {
        if arg == name {
            found.extend(args.next().map(OsStr::to_owned));
        } else if let Some(value) = value_after_equals(arg, name) {
            found.push(value);
        }
    }
    found
}

/// Returns whether `arg` is one of the host's options that are followed by a value.
pub(super) fn takes_value(arg: &OsStr) -> bool {
    arg == "--plugin-dir" || arg == "--disable-plugin"
}

/// Returns whether `arg` is a complete option of the host, except those for help and version.
pub(super) fn is_own(arg: &OsStr) -> bool {
    let has_value = ["--plugin-dir=", "--disable-plugin="]
        .iter()
        .any(|it| arg.as_encoded_bytes().starts_with(it.as_bytes()));
    let is_flag = || ["--allow-panic-abort", "--quiet", "--verbose"].iter().any(|it| arg == *it);
    has_value || is_flag() || !letters(arg).is_empty()
}

/// Returns the letters of a short option that are all `q` or `v`, for example of `-vv`.
fn letters(arg: &OsStr) -> &str {
    let letters = arg.to_str().and_then(|it| it.strip_prefix('-'));
    letters.filter(|it| it.chars().all(|it| "qv".contains(it))).unwrap_or_default()
}

/// Returns one of the host's options with long names for `-q` and `-v`.
pub(super) fn in_long_form(arg: &OsStr) -> Vec<OsString> {
    let long = |it| if it == 'q' { "--quiet" } else { "--verbose" };
    match letters(arg) {
        "" => vec![arg.to_owned()],
        letters => letters.chars().map(|it| long(it).into()).collect(),
    }
}

#[cfg(unix)]
fn value_after_equals(arg: &OsStr, name: &str) -> Option<OsString> {
    use std::os::unix::ffi::OsStrExt;
    let value = arg.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    Some(OsStr::from_bytes(value).to_owned())
}

#[cfg(not(unix))]
fn value_after_equals(arg: &OsStr, name: &str) -> Option<OsString> {
    Some(arg.to_str()?.strip_prefix(name)?.strip_prefix('=')?.into())
}

/// Returns whether a command line that has not been parsed requests help.
pub fn asks_for_help(args: &[OsString]) -> bool {
    before_dashes(args).any(|it| it == "--help" || it == "-h")
}

fn before_dashes(args: &[OsString]) -> impl Iterator<Item = &OsStr> {
    args.iter().map(OsString::as_os_str).take_while(|it| *it != "--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::rules;

    #[test]
    fn plugins_are_told_of_every_option() {
        let command = Command::new("x").version("1").args(args());
        let mut command = command.disable_help_subcommand(true);
        command.build();
        let mut long: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
        let mut short: Vec<_> = command.get_arguments().filter_map(Arg::get_short).collect();
        let (mut names, mut letters) = (rules::HOST_OPTIONS.to_vec(), rules::HOST_LETTERS.to_vec());
        long.sort_unstable();
        names.sort_unstable();
        short.sort_unstable();
        letters.sort_unstable();
        assert_eq!((long, short), (names, letters));
    }

    #[test]
    fn options_are_found_anywhere_before_two_dashes() {
        let args: Vec<OsString> =
            ["hello", "--plugin-dir", "a", "x", "--plugin-dir=b", "--", "--plugin-dir=c"]
                .map(Into::into)
                .into();
        let early = Early::scan(&args);
        assert_eq!(early.plugin_dirs, [PathBuf::from("a"), PathBuf::from("b")]);
        assert!(!early.allow_panic_abort);
    }
}
