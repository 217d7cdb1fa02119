//! The forms of results.

use super::text::escaped;
use serde::Serialize;
use std::borrow::Cow;

/// The form of results, and of errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For programs, and for people who look closely.
    Yaml,
}

impl Form {
    /// Returns the form for programs that has this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// Whether this is the form for people.
    pub fn is_text(self) -> bool {
        self == Self::Text
    }

    /// Returns a value in a form for programs; `None` if the form is the one for people.
    pub fn text_of<T: Serialize>(self, value: &T) -> Option<String> {
        match self {
            Self::Text => None,
            Self::Json => serde_json::to_string_pretty(value).ok(),
            Self::Yaml => serde_saphyr::to_string(value).ok(),
        }
    }
}

/// Returns a foreign text as one line without control characters, which could make
/// a terminal show something else.
pub fn plain(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => escaped(text, "\\n").into(),
        false => Cow::Borrowed(text),
    }
}

/// Lays out rows in columns, two spaces apart; the last column is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<_>> =
        rows.iter().map(|row| row.iter().map(|it| plain(it)).collect()).collect();
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; n_columns];
    for (cell, idx) in rows.iter().flat_map(|row| row.iter().zip(0..)) {
        widths[idx] = widths[idx].max(cell.chars().count());
    }
    let mut text = String::new();
    for row in &rows {
        let start = text.len();
        for (cell, width) in row.iter().zip(&widths) {
            if text.len() > start {
                text.push_str("  ");
            }
            text.push_str(cell);
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
