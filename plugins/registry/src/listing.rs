//! The output formats of the list.

use crate::registry::Registry;
use pintle_plugin::prelude::*;
use serde::Serialize;

/// A registry in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    name: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    cluster_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<&'a str>,
    networks: &'a [String],
    image: &'a str,
}

impl<'a> Row<'a> {
    fn new(registry: &'a Registry) -> Self {
        Self {
            name: &registry.name,
            state: &registry.state,
            address: registry.address(),
            cluster_address: registry.inner_address(),
            cluster: Some(registry.cluster.as_str()).filter(|it| !it.is_empty()),
            proxy: registry.proxy(),
            networks: &registry.networks,
            image: &registry.image,
        }
    }
}

/// Returns the list in the format `text`, `json` or `yaml`, without the last line feed.
///
/// # Errors
///
/// None in practice, because strings are always valid JSON.
pub(crate) fn show(registries: &[Registry], form: &str) -> Result<String> {
    let rows: Vec<_> = registries.iter().map(Row::new).collect();
    match form {
        "json" => Ok(json::to_string_pretty(&rows)?),
        "yaml" => yaml(&json::to_value(&rows)?),
        _ => Ok(text(&rows)),
    }
}

fn text(rows: &[Row<'_>]) -> String {
    let head = ["NAME", "STATE", "ADDRESS", "CLUSTER", "PROXY"].map(str::to_owned);
    let or_none = |it: Option<&str>| it.unwrap_or("-").to_owned();
    let cells = rows.iter().map(|row| {
        let address = or_none(row.address.as_deref());
        let (cluster, proxy) = (or_none(row.cluster), or_none(row.proxy));
        [row.name.to_owned(), row.state.to_owned(), address, cluster, proxy]
    });
    let table: Vec<_> = std::iter::once(head).chain(cells).collect();
    let width = |idx: usize| table.iter().map(|row| row[idx].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    table.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Writes a list of flat maps: every JSON value is also valid YAML.
fn yaml(rows: &json::Value) -> Result<String> {
    let rows = rows.as_array().context("the listing is a list")?;
    if rows.is_empty() {
        return Ok("[]".to_owned());
    }
    let mut lines = Vec::new();
    for row in rows {
        for (key, value) in row.as_object().context("a row of the listing is a map")? {
            let start = if key == "name" { "-" } else { " " };
            lines.push(format!("{start} {key}: {value}"));
        }
    }
    Ok(lines.join("\n"))
}
