//! The forms of a listing.

use crate::services::Console;
use clap::{Arg, ArgMatches};
use serde::Serialize;

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
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

/// Lays out rows in columns, two spaces apart; the last column is not padded.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |idx: usize| rows.iter().filter_map(move |row| row.get(idx));
    let width = |idx| cells(idx).map(|it| it.chars().count()).max();
    let widths: Vec<usize> = (0..n_columns).map(|it| width(it).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:width$}", plain(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
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
