//! Cluster files: Pintle's own `Cluster`, and k3d's `Simple`.

use super::cluster_file::ClusterFile;
use super::cluster_spec::Defaults;
use super::error::ClusterFileError;
use super::{k3d_format, own_format};
use crate::names::ClusterName;
use serde::Deserialize;
use std::path::Path;

/// What every cluster file begins with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Head {
    api_version: String,
    kind: String,
}

/// Reads a cluster file; `folder` is what its relative paths start from, `name` the
/// cluster's, if the user has given one, and `defaults` apply where the file says nothing.
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
    let head: Head = serde_saphyr::from_str(text).map_err(ClusterFileError::yaml)?;
    match (head.api_version.as_str(), head.kind.as_str()) {
        (own_format::API_VERSION, own_format::KIND) => {
            own_format::read(text, folder, name, defaults)
        }
        (version, k3d_format::KIND) if version.starts_with(k3d_format::GROUP) => {
            k3d_format::read(text, version, folder, name, defaults)
        }
        _ => Err(ClusterFileError::Kind { version: head.api_version, kind: head.kind }),
    }
}
