//! TOML that people write: errors have one line, with the position and the key.

use crate::fs;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::path::{Path, PathBuf};

/// The largest file that is read.
const MAX_LEN: u64 = 1024 * 1024;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the configuration `{}`", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: Box<dyn Error + Send + Sync>,
}

/// Reads a configuration file. A file that does not exist counts as empty.
///
/// # Errors
///
/// When the file exists but cannot be read.
pub fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, ConfigError> {
    let failed = |source| ConfigError { path: path.to_owned(), source };
    match read_text(path)? {
        Some(text) => parse(&text).map_err(|why| failed(why.into())),
        None => Ok(T::default()),
    }
}

/// Reads the text of a configuration file; `None` if there is none.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError { path: path.to_owned(), source };
    match fs::read_named(path, MAX_LEN) {
        Ok(contents) => contents.into_text().map(Some).map_err(|err| failed(err.into())),
        Err(err) if err.is_absent() => Ok(None),
        Err(err) => Err(failed(err.into())),
    }
}

/// Reads a text that should be TOML.
///
/// # Errors
///
/// One line that describes the fault.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let document = toml::Deserializer::parse(text).map_err(|err| broken_toml(text, &err))?;
    serde_path_to_error::deserialize(document).map_err(|err| {
        let why = broken_toml(text, err.inner());
        match (err.path().iter().next(), why.split_once(": ")) {
            (Some(_), Some((line, why))) => format!("{line}: `{}`: {why}", err.path()),
            _ => why,
        }
    })
}

/// Returns one line that describes the fault of a text that should be TOML.
fn broken_toml(text: &str, err: &toml::de::Error) -> String {
    let before = err.span().and_then(|it| text.get(..it.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, err.message().trim_end())
}
