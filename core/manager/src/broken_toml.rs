//! What is wrong with a text that should be TOML, for messages of one line.

/// Says in one line what is wrong with a text that should be TOML.
pub(crate) fn broken_toml(text: &str, err: &toml::de::Error) -> String {
    let before = err.span().and_then(|it| text.get(..it.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, err.message().trim_end())
}
