//! A result as people read it.

use serde::{Deserialize, Serialize};

/// A result as people read it: a text, or a table that the host lays out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum View {
    /// Lines of text.
    Text(String),
    /// Rows and columns.
    Table(Table),
}

impl Default for View {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<String> for View {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for View {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Table> for View {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

/// Rows and columns, which the host lays out as it does its own.
///
/// ```
/// use pintle_plugin::Table;
///
/// let table = Table::new(["NAME", "STATE"]).row(["harbour", "open"]).row(["quay", "closed"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct Table {
    /// The headings of the columns, in capitals by convention.
    pub columns: Vec<String>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns a table without rows.
    pub fn new<I: IntoIterator<Item: Into<String>>>(columns: I) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn row<I: IntoIterator<Item: Into<String>>>(mut self, cells: I) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }
}
