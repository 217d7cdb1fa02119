//! The values in cluster files, for both formats.

use super::cluster_spec::{ClusterSpec, Defaults};
use super::destinations;
use super::error::{ClusterFileError, FileFault};
use super::node_filter::NodeFilter;
use super::surroundings::Surroundings;
use super::values::{Pair, ValueError, VolumeMount};
use crate::engine::File;
use crate::names::ClusterName;
use pintle_host::caller;
use pintle_host::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The largest file that a cluster file can copy into nodes: it is held in memory.
const MAX_SOURCE: u64 = 64 << 20;

/// Returns the smallest cluster, with the name from the user or from the file.
pub(super) fn base(
    given: Option<&ClusterName>,
    of_file: Option<&str>,
    defaults: Defaults,
) -> Result<ClusterSpec, ClusterFileError> {
    let name = match (given, of_file) {
        (Some(name), _) => name.clone(),
        (None, Some(text)) => value(text.to_owned())?,
        (None, None) => return Err(ClusterFileError::NoName),
    };
    Ok(ClusterSpec::with_defaults(name, defaults))
}

/// Reads a value from its text.
pub(super) fn value<T>(text: String) -> Result<T, ClusterFileError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(|err: T::Err| ClusterFileError::Invalid { source: Box::new(err) })
}

pub(super) fn duration(text: &str) -> Result<Duration, ClusterFileError> {
    let invalid = |source| ClusterFileError::Duration { text: text.to_owned(), source };
    humantime::parse_duration(text).map_err(invalid)
}

/// Reads a mount. Relative paths are relative to the given directory.
pub(super) fn volume(
    text: String,
    folder: &Path,
    around: &Surroundings<'_>,
) -> Result<VolumeMount, ClusterFileError> {
    let mut mount: VolumeMount = value(text)?;
    absolute(&mut mount, folder, around);
    Ok(mount)
}

/// Converts the source of a mount to an absolute path, if it is a path.
pub(super) fn absolute(mount: &mut VolumeMount, folder: &Path, around: &Surroundings<'_>) {
    let is_path = mount.is_path();
    let Some(source) = mount.source.as_mut().filter(|it| is_path && !it.starts_with('/')) else {
        return;
    };
    let path = around.path(source, folder);
    *source = path.canonicalize().unwrap_or(path).display().to_string();
}

/// Reads a mount of the command line. Relative paths start from the current directory.
pub(crate) fn volume_of_line(text: &str) -> Result<VolumeMount, ValueError> {
    let around = Surroundings::of_process(Path::new(""));
    let mut mount: VolumeMount = text.parse()?;
    absolute(&mut mount, &around.here, &around);
    Ok(mount)
}

/// Reads `NAME=VALUE`, or `NAME` for the variable with that name.
pub(super) fn variable(text: String, around: &Surroundings<'_>) -> Result<Pair, ClusterFileError> {
    if text.contains('=') || text.is_empty() {
        return value(text);
    }
    match (around.var)(&text) {
        Some(value) => Ok(Pair(text, value)),
        None => Err(ClusterFileError::Unset { name: text }),
    }
}

/// Reads a variable of the command line like [`variable`]; `None` if it is not set.
pub(crate) fn variable_of_line(text: &str) -> Option<Result<Pair, ValueError>> {
    match text.contains('=') || text.is_empty() {
        true => Some(text.parse()),
        false => caller::var(text).map(|it| Ok(Pair(text.to_owned(), it))),
    }
}

pub(super) fn file(
    path: String,
    text: Option<String>,
    source: Option<PathBuf>,
    mode: Option<&str>,
    around: &Surroundings<'_>,
) -> Result<File, ClusterFileError> {
    let path = destinations::resolve(&path).into_owned();
    let wrong = |fault| ClusterFileError::File { path: path.clone(), fault };
    if !path.starts_with('/') || path.split('/').any(|it| it == "..") {
        return Err(wrong(FileFault::Path));
    }
    let bytes = match (text, source) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(source)) => read(around.path(&source.to_string_lossy(), around.folder))?,
        _ => return Err(wrong(FileFault::Content)),
    };
    let mode = u32::from_str_radix(mode.unwrap_or("0644"), 8);
    let mode = mode.ok().filter(|it| *it <= 0o7777).ok_or_else(|| wrong(FileFault::Mode))?;
    Ok(File { path, bytes, mode })
}

pub(super) fn read(path: PathBuf) -> Result<Vec<u8>, ClusterFileError> {
    match fs::read_named(&path, MAX_SOURCE) {
        Ok(contents) => Ok(contents.bytes),
        Err(err) => Err(ClusterFileError::Read { path, source: err.into() }),
    }
}

/// Reads the node filters of an item. An empty list means the default.
pub(super) fn nodes(filters: &[String]) -> Result<Option<NodeFilter>, ClusterFileError> {
    match filters {
        [] => Ok(None),
        filters => value(filters.join(";")).map(Some),
    }
}
