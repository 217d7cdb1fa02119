//! A result as people read it.

use serde::{Deserialize, Serialize};

/// A result as people read it: a text, or a table that the host lays out.
///
/// A host that knows neither of them, because the plugin is newer, shows the result as YAML.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct View {
    /// Lines of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Rows and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
}

impl From<String> for View {
    fn from(text: String) -> Self {
        Self { text: Some(text), ..Self::default() }
    }
}

impl From<&str> for View {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Table> for View {
    fn from(table: Table) -> Self {
        Self { table: Some(table), ..Self::default() }
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
