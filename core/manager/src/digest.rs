//! SHA-256 digests: as bytes, as hexadecimal digits, and in the form of lock files and servers.

use ring::digest::{Context, SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

const PREFIX: &str = "sha256:";
/// How much is read at a time.
const BUFFER_LEN: usize = 64 * 1024;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text that is not `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid digest `{0}`: use `sha256:` and 64 hexadecimal digits")]
pub struct DigestError(String);

impl Digest {
    /// Returns the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }

    /// Returns the digest of a reader's content, which is never in memory as a whole.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut context = Context::new(&SHA256);
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self(digest_of(context.finish()))),
                Ok(len) => context.update(&buffer[..len]),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
    }

    /// Returns the digest of a set of files: of their paths, whether they are executable, and their
    /// own digests, in the order of the paths.
    pub fn of_files<'a>(files: impl IntoIterator<Item = (&'a str, bool, Self)>) -> Self {
        let mut lines: Vec<_> = files
            .into_iter()
            .map(|(path, is_executable, digest)| {
                format!("{digest} {} {path}\n", if is_executable { 'x' } else { '-' })
            })
            .collect();
        lines.sort_unstable_by(|left, right| {
            left[PREFIX.len() + 64..].cmp(&right[PREFIX.len() + 64..])
        });
        let mut context = Context::new(&SHA256);
        lines.iter().for_each(|it| context.update(it.as_bytes()));
        Self(digest_of(context.finish()))
    }

    /// Returns the hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix(PREFIX).unwrap_or(text);
        parse_hex(hex).map(Self).ok_or_else(|| DigestError(text.to_owned()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Returns the SHA-256 digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest_of(digest(&SHA256, bytes))
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

/// Reads a SHA-256 digest in the form that servers use: `sha256:` and 64 hexadecimal digits.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    parse_hex(text.strip_prefix(PREFIX)?)
}

fn parse_hex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let mut array = [0; 32];
    for (byte, pair) in array.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(array)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(digest.hex().parse(), Ok(digest));
        assert_eq!(Digest::of_reader(&b"abc"[..]).unwrap(), digest);
        let long = vec![b'a'; 2 * BUFFER_LEN + 1];
        assert_eq!(Digest::of_reader(&long[..]).unwrap(), Digest::of(&long));
        for bad in ["", "sha256:", "sha256:ab", "sha512:00", &text[..70], &text.replace('b', "g")] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_order_of_files_does_not_matter_and_all_else_does() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let both = Digest::of_files([("a", false, a), ("b", true, b)]);
        assert_eq!(both, Digest::of_files([("b", true, b), ("a", false, a)]));
        for other in [
            Digest::of_files([("a", false, a)]),
            Digest::of_files([("a", true, a), ("b", true, b)]),
            Digest::of_files([("a", false, b), ("b", true, a)]),
            Digest::of_files([("a2", false, a), ("b", true, b)]),
        ] {
            assert_ne!(both, other);
        }
    }
}
