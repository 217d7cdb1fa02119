//! A result for people to read.

use serde::{Deserialize, Serialize};

/// A result for people to read: a text, or a table that the host lays out.
///
/// If the plugin is newer and the host does not know the view, it shows the result as YAML.
///
/// ```
/// use pintle_plugin::{Table, View};
///
/// assert!(View::from("two lines\nof text").text.is_some());
/// assert!(View::from(Table::new(["NAME"])).table.is_some());
/// ```
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

/// Rows and columns, which the host lays out like its own tables.
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
    ///
    /// ```
    /// use pintle_plugin::Table;
    ///
    /// assert_eq!(Table::new(["NAME", "STATE"]).columns.len(), 2);
    /// ```
    pub fn new<I: IntoIterator<Item: Into<String>>>(columns: I) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// ```
    /// use pintle_plugin::Table;
    ///
    /// let ships = [("argo", "at sea"), ("ark", "aground")];
    /// let table = ships.iter().fold(Table::new(["NAME", "STATE"]), |it, (name, at)| it.row([*name, *at]));
    /// assert_eq!(table.rows.len(), 2);
    /// ```
    #[must_use]
    pub fn row<I: IntoIterator<Item: Into<String>>>(mut self, cells: I) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }
}
