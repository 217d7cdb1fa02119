//! The forms of a listing.

use crate::services::Console;
use clap::{Arg, ArgMatches};
use serde::Serialize;
use std::borrow::Cow;

/// Returns the option that chooses the form of a listing.
pub(super) fn arg() -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .value_parser(["text", "json", "yaml"])
        .default_value("text")
        .help("The form of the output")
}

/// Returns the option that chooses the form of a listing that can have more columns.
#[cfg(feature = "cluster")]
pub(super) fn arg_wide() -> Arg {
    arg().value_parser(["text", "wide", "json", "yaml"])
}

/// Returns whether `matches` ask for all columns.
#[cfg(feature = "cluster")]
pub(super) fn is_wide(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("output").is_some_and(|it| it == "wide")
}

/// Returns whether `matches` ask for the form for people.
pub(super) fn is_text(matches: &ArgMatches) -> bool {
    matches.get_one::<String>("output").is_none_or(|it| it == "text")
}

/// Prints `value` in the form that `matches` ask for; `text` is the form for people.
pub(super) fn print<T: Serialize>(
    matches: &ArgMatches,
    console: &Console,
    value: &T,
    text: impl FnOnce(&T) -> String,
) {
    let text = match matches.get_one::<String>("output").map(String::as_str) {
        Some("json") => serde_json::to_string_pretty(value).expect("listings have string keys"),
        Some("yaml") => serde_saphyr::to_string(value).expect("listings have string keys"),
        _ => text(value),
    };
    console.println(text.trim_end_matches('\n'));
}

/// Returns a plugin's text as one line without control characters, which could make
/// a terminal show something else.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        return text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    }
    Cow::Borrowed(text)
}

/// Lays out rows in columns, two spaces apart; the last column is not padded.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; n_columns];
    for (cell, idx) in rows.iter().flat_map(|row| row.iter().zip(0..)) {
        widths[idx] = widths[idx].max(cell.chars().count());
    }
    let mut text = String::new();
    for row in rows {
        let start = text.len();
        for (cell, width) in row.iter().zip(&widths) {
            if text.len() > start {
                text.push_str("  ");
            }
            text.push_str(&plain(cell));
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
        }
        text.truncate(start + text[start..].trim_end().len());
        text.push('\n');
    }
    text.pop();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_no_trailing_blanks() {
        let row = |it: [&str; 2]| it.map(str::to_owned).to_vec();
        assert_eq!(table(&[row(["a", "bb"]), row(["ccc", ""])]), "a    bb\nccc");
        assert_eq!(table(&[]), "");
    }
}
