//! The formats of a listing.

use super::global;
use crate::services::{Console, Form};
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;
use std::ffi::OsString;
use std::path::Path;

pub use crate::services::{Cell, Table, plain, table};

/// Returns the option for the format of a listing.
pub fn arg() -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .value_parser(["text", "json", "yaml"])
        .default_value("text")
        .help("The output format")
}

/// Returns the option for the format of a listing that can have more columns.
pub fn arg_wide() -> Arg {
    arg().value_parser(["text", "wide", "json", "yaml"])
}

/// Returns whether `matches` request all columns.
pub fn is_wide(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("output").is_some_and(|it| it == "wide")
}

/// Returns whether `matches` request text.
pub fn is_text(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("output").is_none_or(|it| it == "text")
}

/// Prints `value` in the format that `matches` request; `text` returns it as text.
pub fn print<T: Serialize>(
    matches: &ArgMatches,
    console: &Console,
    value: &T,
    text: impl FnOnce(&T) -> String,
) {
    let form = matches.get_one::<String>("output").and_then(|it| Form::from_name(it));
    let text = form.unwrap_or_default().text_of(value).unwrap_or_else(|| text(value));
    console.println(text.trim_end_matches('\n'));
}

/// Returns the format that a line requests that has not been parsed.
pub(super) fn asked_form(args: &[OsString]) -> Form {
    let long = global::option_values(args, "--output");
    let short = global::option_values(args, "-o");
    let joined = args.iter().take_while(|it| *it != "--");
    let joined = joined.filter_map(|it| it.to_str()?.strip_prefix("-o"));
    let values = long.iter().chain(&short).filter_map(|it| it.to_str()).chain(joined);
    values.filter_map(Form::from_name).last().unwrap_or_default()
}

/// Whether a command lets its user choose the form.
pub(super) fn has_forms(command: &Command) -> bool {
    let option = command.get_arguments().find(|it| it.get_long() == Some("output"));
    option.is_some_and(|it| it.get_possible_values().iter().any(|it| it.get_name() == "json"))
}

/// Returns a path as unambiguous text: bytes that are not UTF-8 are `\xNN`, control characters are
/// escaped as in Rust, and a backslash is doubled.
#[cfg(unix)]
pub fn path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for it in chunk.valid().chars() {
            match it {
                '\\' => text.push_str("\\\\"),
                it if it.is_control() => text.extend(it.escape_default()),
                it => text.push(it),
            }
        }
        text.extend(chunk.invalid().iter().map(|it| format!("\\x{it:02x}")));
    }
    text
}

/// Returns a path as text.
#[cfg(not(unix))]
pub fn path(path: &Path) -> String {
    crate::services::escaped(&path.to_string_lossy(), "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_path_can_be_told_from_its_text() {
        use std::os::unix::ffi::OsStrExt;
        let text = |bytes: &[u8]| path(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!(text("/a/Größe.so".as_bytes()), "/a/Größe.so");
        assert_eq!(text(b"/a\xff\\xff\n.so"), r"/a\xff\\xff\n.so");
    }

    #[test]
    fn the_form_of_errors_is_found_before_the_line_is_parsed() {
        let asked = |line: &str| asked_form(&line.split(' ').map(Into::into).collect::<Vec<_>>());
        for line in ["a -o json", "a -ojson b", "a --output=json", "--output json a"] {
            assert_eq!(asked(line), Form::Json, "{line}");
        }
        assert_eq!(asked("a -o yaml"), Form::Yaml);
        for line in ["a", "a -o text", "a -- -o json", "a -o"] {
            assert_eq!(asked(line), Form::Text, "{line}");
        }
    }
}
