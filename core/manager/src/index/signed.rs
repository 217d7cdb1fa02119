//! The content of the signature of an index.
//!
//! The signature covers the bytes. Its trusted comment states that they are an index, so that no
//! other file of the same signer is mistaken for one, and when they were signed, so that an old
//! index is not mistaken for the current one.

use crate::signature::TrustedComment;

/// The first word of the trusted comment.
const PREFIX: &str = "pintle-index";
/// The prefix of the time of signing.
const CREATED: &str = "created=";

/// Returns the trusted comment of an index, for `minisign -S -t`. `created` is the time of signing,
/// in seconds since 1970.
pub fn trusted_comment(created: u64) -> String {
    format!("{PREFIX} {CREATED}{created}")
}

/// Returns when an index was signed; `None` if the comment is not that of an index. Unknown words
/// are reserved for later formats.
pub(super) fn created(comment: &TrustedComment) -> Option<u64> {
    let mut words = comment.as_str().split_whitespace();
    if words.next() != Some(PREFIX) {
        return None;
    }
    let mut values = words.filter_map(|it| it.strip_prefix(CREATED));
    match (values.next(), values.next()) {
        (Some(value), None) => value.parse().ok(),
        _ => None,
    }
}
