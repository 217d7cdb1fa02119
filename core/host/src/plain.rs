//! Texts whose width need not be counted.

/// Returns whether a text has no characters but those of ASCII that are visible, and blanks: it
/// is as wide as it has bytes, and can be shown as it is.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Without a branch for each byte, many are looked at in one step.
    text.iter().fold(true, |all, it| all & (b' '..=b'~').contains(it))
}
