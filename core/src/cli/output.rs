//! The forms of a listing.

use crate::services::Console;
use clap::{Arg, ArgMatches, value_parser};
use serde::Serialize;

/// The form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON value.
    Json,
    /// One YAML document.
    Yaml,
}

/// Returns the option that chooses a [`Format`].
pub fn arg() -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .value_parser(value_parser!(Format))
        .default_value("text")
        .help("The form of the output")
}

/// Prints `value` in the form that `matches` ask for; `text` is the form for people.
pub fn print<T: Serialize>(
    matches: &ArgMatches,
    console: &Console,
    value: &T,
    text: impl FnOnce(&T) -> String,
) {
    let format = matches.get_one::<Format>("output").copied().unwrap_or(Format::Text);
    let text = match format {
        Format::Text => text(value),
        Format::Json => {
            serde_json::to_string_pretty(value).expect("listings have string keys")
        }
        Format::Yaml => serde_saphyr::to_string(value).expect("listings have string keys"),
    };
    console.println(text.trim_end_matches('\n'));
}

/// Lays out rows in columns, two spaces apart; the last column is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |idx| rows.iter().filter_map(|it| it.get(idx)).map(|it| it.chars().count()).max();
    let widths: Vec<usize> = (0..n_columns).map(|it| width(it).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
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
