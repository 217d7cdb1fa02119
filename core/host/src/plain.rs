//! Texts whose width need not be computed.

/// Returns whether a text contains only visible ASCII characters and spaces: its width is its
/// number of bytes, and it can be shown as it is.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Without a branch for each byte, many bytes are checked in one step.
    text.iter().fold(true, |all, it| all & (b' '..=b'~').contains(it))
}
