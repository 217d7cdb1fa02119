//! The options that every command takes.

use crate::services::Verbosity;
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The long names that belong to the host on every command.
pub(super) const LONG_NAMES: &[&str] =
    &["help", "version", "quiet", "verbose", "plugin-dir", "disable-plugin", "allow-panic-abort"];

/// The short names that belong to the host on every command.
pub(super) const SHORT_NAMES: &[char] = &['h', 'V', 'q', 'v'];

/// Returns the options that every command takes.
pub(super) fn args() -> [Arg; 5] {
    [
        Arg::new("plugin-dir")
            .long("plugin-dir")
            .value_name("DIR")
            .value_hint(ValueHint::DirPath)
            .value_parser(clap::value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("Look for plugins in this folder first (can be repeated)"),
        Arg::new("disable-plugin")
            .long("disable-plugin")
            .value_name("KEY")
            .action(ArgAction::Append)
            .help("Do as if this plugin were not installed (can be repeated)"),
        Arg::new("allow-panic-abort")
            .long("allow-panic-abort")
            .action(ArgAction::SetTrue)
            .help("Take plugins whose panics end the host"),
        Arg::new("quiet")
            .short('q')
            .long("quiet")
            .action(ArgAction::SetTrue)
            .help("Show errors only"),
        Arg::new("verbose")
            .short('v')
            .long("verbose")
            .action(ArgAction::Count)
            .help("Show more (twice: everything)"),
    ]
    .map(|it| it.global(true).help_heading("Options of every command").display_order(1000))
}

/// Returns the options that every command takes, for one whose `-v` is something else.
#[cfg(feature = "cluster")]
pub(super) fn args_without_v() -> [Arg; 5] {
    args().map(|it| if it.get_short() == Some('v') { it.short(None) } else { it })
}

/// Returns what `-q` and `-v` ask for; `None` when neither is given.
pub(super) fn verbosity(matches: &ArgMatches) -> Option<Verbosity> {
    match (matches.get_flag("quiet"), matches.get_count("verbose")) {
        (true, _) => Some(Verbosity::Quiet),
        (false, 0) => None,
        (false, 1) => Some(Verbosity::Debug),
        (false, _) => Some(Verbosity::Trace),
    }
}

/// What must be known before the plugins are, and so before the arguments can be parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Early {
    /// The folders of `--plugin-dir`.
    pub(super) plugin_dirs: Vec<PathBuf>,
    /// The keys of `--disable-plugin`.
    pub(super) disabled: Vec<String>,
    /// Whether `--allow-panic-abort` is given.
    pub(super) allow_panic_abort: bool,
}

impl Early {
    /// Picks the options out of a command line that is not parsed yet.
    pub(super) fn scan(args: &[OsString]) -> Self {
        let text = |it: OsString| it.to_string_lossy().into_owned();
        Self {
            plugin_dirs: option_values(args, "--plugin-dir")
                .into_iter()
                .map(PathBuf::from)
                .collect(),
            disabled: option_values(args, "--disable-plugin").into_iter().map(text).collect(),
            allow_panic_abort: before_dashes(args).any(|it| it == "--allow-panic-abort"),
        }
    }
}

/// Returns the values of the option `name` in a command line that is not parsed yet.
pub(super) fn option_values(args: &[OsString], name: &str) -> Vec<OsString> {
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

/// Returns the words that a command line begins with, before any option that is not
/// the host's own on every command.
pub(super) fn words(args: &[OsString]) -> Vec<String> {
    let mut words = Vec::new();
    let mut args = args.iter().map_while(|it| it.to_str());
    while let Some(arg) = args.next() {
        match arg {
            "--plugin-dir" | "--disable-plugin" => drop(args.next()),
            arg if is_own(arg) => {}
            arg if arg.starts_with('-') => break,
            word => words.push(word.to_owned()),
        }
    }
    words
}

/// Returns whether `arg` alone is one of the host's options, except those for help and version.
fn is_own(arg: &str) -> bool {
    let is_short =
        arg.len() > 1 && arg.starts_with('-') && arg[1..].chars().all(|it| "qv".contains(it));
    let has_value = ["--plugin-dir=", "--disable-plugin="].iter().any(|it| arg.starts_with(it));
    is_short || has_value || ["--allow-panic-abort", "--quiet", "--verbose"].contains(&arg)
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

/// Returns whether a command line that is not parsed yet asks for help.
pub(super) fn asks_for_help(args: &[OsString]) -> bool {
    before_dashes(args).any(|it| it == "--help" || it == "-h")
}

fn before_dashes(args: &[OsString]) -> impl Iterator<Item = &OsStr> {
    args.iter().map(OsString::as_os_str).take_while(|it| *it != "--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_line_are_found_behind_the_hosts_own_options() {
        let check = |line: &str, expected: &[&str]| {
            let args: Vec<OsString> = line.split(' ').map(Into::into).collect();
            assert_eq!(words(&args), expected, "{line}");
        };
        check("fleet list", &["fleet", "list"]);
        check("--plugin-dir a fleet -vv list --all x", &["fleet", "list"]);
        check("--disable-plugin=a -q --verbose fleet", &["fleet"]);
        check("--help fleet", &[]);
        check("- fleet", &[]);
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
