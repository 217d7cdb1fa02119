//! The forms of results.

use super::text::escaped;
use crate::plain::is_plain;
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
    /// For programs, and for people who want all details.
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

    /// Returns a value in a format for programs; `None` if the format is text.
    pub fn text_of<T: Serialize>(self, value: &T) -> Option<String> {
        match self {
            Self::Text => None,
            Self::Json => serde_json::to_string_pretty(value).ok(),
            Self::Yaml => serde_saphyr::to_string(value).ok(),
        }
    }
}

/// Returns a foreign text as one line without control characters, which could change what a
/// terminal shows.
pub fn plain(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => escaped(text, "\\n").into(),
        false => Cow::Borrowed(text),
    }
}

/// Lays out rows in columns, separated by two spaces; the last column is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut table = Table::new(rows.iter().map(Vec::len).max().unwrap_or(0), rows.len());
    for row in rows {
        row.iter().for_each(|it| table.push(Cell::new(it.as_bytes())));
        table.end_row();
    }
    let mut text = table.text("");
    text.pop();
    String::from_utf8_lossy(&text).into_owned()
}

/// A text in a [`Table`]. It consists of bytes: output need not be valid UTF-8.
pub struct Cell<'t> {
    text: Cow<'t, [u8]>,
    width: usize,
}

impl<'t> Cell<'t> {
    /// Returns a cell for a foreign text.
    pub fn new(text: impl Into<Cow<'t, [u8]>>) -> Self {
        let text = text.into();
        if is_plain(&text) {
            return Self::plain(text);
        }
        let text = plain(&String::from_utf8_lossy(&text)).into_owned();
        let width = text.chars().count();
        Self { text: text.into_bytes().into(), width }
    }

    /// Returns how many more bytes the text has than it is wide.
    fn more(&self) -> usize {
        self.text.len() - self.width
    }

    /// Returns a cell for a text of visible ASCII characters and spaces, whose width need not be
    /// computed.
    pub fn plain(text: impl Into<Cow<'t, [u8]>>) -> Self {
        let text = text.into();
        Self { width: text.len(), text }
    }
}

/// Rows in columns, separated by two spaces. Cells are borrowed where possible, because there may
/// be thousands of rows.
pub struct Table<'t> {
    cells: Vec<Cell<'t>>,
    widths: Vec<usize>,
}

impl<'t> Table<'t> {
    /// Returns a table without rows, with capacity for `n_rows`.
    pub fn new(n_columns: usize, n_rows: usize) -> Self {
        Self { cells: Vec::with_capacity(n_columns * n_rows), widths: vec![0; n_columns] }
    }

    /// Adds a cell to the last row.
    pub fn push(&mut self, cell: Cell<'t>) {
        let column = self.cells.len() % self.widths.len();
        self.widths[column] = self.widths[column].max(cell.width);
        self.cells.push(cell);
    }

    /// Adds a row.
    pub fn push_row<const N: usize>(&mut self, row: [Cell<'t>; N]) {
        for (cell, widest) in row.iter().zip(&mut self.widths) {
            *widest = cell.width.max(*widest);
        }
        self.cells.extend(row);
    }

    /// Ends the last row, the rest of which is empty.
    pub fn end_row(&mut self) {
        while !self.cells.len().is_multiple_of(self.widths.len().max(1)) {
            self.cells.push(Cell::plain(&b""[..]));
        }
    }

    /// Returns the rows, each preceded by `indentation` and followed by a line feed.
    pub fn text(&self, indentation: &str) -> Vec<u8> {
        let (starts, width) = self.starts();
        let n_columns = starts.len().max(1);
        let n_rows = self.cells.len() / n_columns;
        let mut text = Vec::with_capacity(n_rows * (indentation.len() + width + 1));
        for row in self.cells.chunks(n_columns) {
            text.extend_from_slice(indentation.as_bytes());
            let start = text.len();
            // The difference between the length and the width of the row's cells so far.
            let mut more = 0;
            let is_blank = |it: &&Cell<'_>| it.text.iter().all(|it| *it == b' ');
            let n_shown = row.len() - row.iter().rev().take_while(is_blank).count();
            for (cell, column) in row[..n_shown].iter().zip(&starts) {
                text.resize(start + column + more, b' ');
                text.extend_from_slice(&cell.text);
                more += cell.more();
            }
            let shown = text[start..].trim_ascii_end().len();
            text.truncate(start + shown);
            text.push(b'\n');
        }
        text
    }

    /// Returns where each column begins, and how wide all are.
    fn starts(&self) -> (Vec<usize>, usize) {
        let mut at = 0;
        let start = |width: &usize| {
            let start = at;
            at += width;
            at += if at > 0 { 2 } else { 0 };
            start
        };
        (self.widths.iter().map(start).collect(), at)
    }
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

    #[test]
    fn cells_of_a_table_may_be_empty_wide_or_foreign() {
        let row = |it: [&str; 3]| it.map(str::to_owned).to_vec();
        let rows =
            [row(["\u{e4}\u{f6}", " ", "x "]), row(["", "b\n\u{1b}", "  "]), row(["", "", ""])];
        assert_eq!(table(&rows), "\u{e4}\u{f6}             x\n    b\\n\\u{1b}\n");
        let wide = "w".repeat(100);
        assert_eq!(
            table(&[row([&wide, "", "z"]), row(["a", "", "z"])]).lines().last().unwrap().len(),
            105
        );
    }
}
