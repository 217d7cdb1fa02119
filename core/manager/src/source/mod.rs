//! Where plugins come from: what the user typed, and how the files of a release are fetched.
//!
//! In reading order: what a source is ([`spec`]), how bytes are fetched ([`http`]), the two kinds
//! of servers that know releases ([`github`], [`oci`]). Everything here blocks; what comes from
//! the network has a limit, and nothing is trusted before its hash is compared.

pub mod github;
pub mod http;
pub mod oci;
pub mod spec;

#[cfg(test)]
#[allow(dead_code, reason = "shared with the integration tests, each of which uses a part")]
#[path = "../../../../tests/release_server.rs"]
mod release_server;

pub use github::GitHub;
pub use http::{Client, Download, Downloaded, FetchError};
pub use spec::Spec;

/// Reads a variable of the environment: `std::env::var` in the host, anything in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns the SHA-256 digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest_of(ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// Returns a finished SHA-256 digest as an array.
pub(crate) fn digest_of(digest: ring::digest::Digest) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(digest.as_ref());
    array
}

/// Returns bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// Reads a SHA-256 digest as servers write it: `sha256:` and 64 hexadecimal digits.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?;
    if digits.len() != 64 || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let mut array = [0; 32];
    for (byte, pair) in array.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(array)
}
