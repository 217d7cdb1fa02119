//! Reads cluster files: Pintle's own `Cluster`, and k3d's `Simple`.

use super::cluster_file::ClusterFile;
use super::cluster_spec::Defaults;
use super::error::ClusterFileError;
use super::expansion::expand;
use super::surroundings::Surroundings;
use super::{fields, k3d_format, own_format};
use crate::names::ClusterName;
use serde::Deserialize;
use std::path::Path;

/// The beginning of every cluster file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Head {
    api_version: String,
    kind: String,
    metadata: serde_json::Value,
}

/// Reads a cluster file. Paths are relative to the given directory, `name` is the cluster's name if
/// the user has given one, and `defaults` apply to missing settings.
///
/// # Errors
///
/// When it is invalid, or a file that it names cannot be read.
pub fn parse(
    text: &str,
    folder: &Path,
    name: Option<&ClusterName>,
    defaults: Defaults,
) -> Result<ClusterFile, ClusterFileError> {
    parse_in(text, &Surroundings::of_process(folder), name, defaults)
}

/// Reads a cluster file in surroundings other than those of this process.
pub(super) fn parse_in(
    text: &str,
    around: &Surroundings<'_>,
    name: Option<&ClusterName>,
    defaults: Defaults,
) -> Result<ClusterFile, ClusterFileError> {
    let head = head(text, around)?;
    match (head.api_version.as_str(), head.kind.as_str()) {
        (own_format::API_VERSION, own_format::KIND) => {
            own_format::read(text, around, name, defaults)
        }
        (version, k3d_format::KIND) if k3d_format::VERSIONS.contains(&version) => {
            k3d_format::read(text, version, around, name, defaults)
        }
        _ => Err(ClusterFileError::Kind { version: head.api_version, kind: head.kind }),
    }
}

/// Returns only the name of the cluster that a file describes.
///
/// # Errors
///
/// When it is invalid, or contains no name.
pub fn name_of_cluster(text: &str, folder: &Path) -> Result<ClusterName, ClusterFileError> {
    let around = Surroundings::of_process(folder);
    let head = head(text, &around)?;
    let name = match (head.api_version.as_str(), head.kind.as_str()) {
        (own_format::API_VERSION, own_format::KIND) => {
            let name = head.metadata["name"].as_str().map(str::to_owned);
            name.map(fields::value).transpose()?
        }
        (version, k3d_format::KIND) if k3d_format::VERSIONS.contains(&version) => {
            k3d_format::name(text, &around)?
        }
        // The name of another kind of object is not that of a cluster.
        _ => {
            return Err(ClusterFileError::Kind { version: head.api_version, kind: head.kind });
        }
    };
    name.ok_or(ClusterFileError::NoName)
}

/// Reads the head of a file.
fn head(text: &str, around: &Surroundings<'_>) -> Result<Head, ClusterFileError> {
    let read = |text: &str| serde_saphyr::from_str(text).map_err(ClusterFileError::yaml);
    read(text).or_else(|err| {
        // Variables in braces may be where braces have a meaning in YAML.
        let head: Head = expand(text, around.var).and_then(|it| read(&it)).map_err(|_| err)?;
        Ok(head)
    })
}
