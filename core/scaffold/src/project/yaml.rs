//! Reads YAML, and reports the position of errors.

use super::error::ProjectError;
use serde::de::DeserializeOwned;

/// Reads a text of YAML.
///
/// # Errors
///
/// [`ProjectError::Syntax`] with line and column.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, ProjectError> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|err| {
        let (line, column) = err.location().map_or((1, 1), |it| (it.line(), it.column()));
        let message = err.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        let place = format!(" at line {line}, column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        ProjectError::Syntax { line, column, message }
    })
}
