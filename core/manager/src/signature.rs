//! [minisign] signatures, and what they are bound to.
//!
//! A signature only covers bytes. Its trusted comment must identify them, so that the bytes of one
//! plugin, version or target are not mistaken for another's.
//!
//! [minisign]: https://jedisct1.github.io/minisign/

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minisign_verify::Signature;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::str::FromStr;

/// The first word of a trusted comment.
const PREFIX: &str = "pintle-plugin";
/// The target of a file that is for all targets, such as a script.
const EVERY_TARGET: (&str, &str) = ("target", "any");
/// The algorithms of signatures: of the bytes themselves, and of their hash.
const LEGACY: &[u8] = b"Ed";
const PREHASHED: &[u8] = b"ED";
/// The beginning of both keys and signatures: the algorithm, then the ID of the key.
const ID: std::ops::Range<usize> = 2..10;

/// A minisign public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    key: minisign_verify::PublicKey,
    line: String,
    id: KeyId,
}

/// What a signature must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound<'a> {
    /// The name of the plugin.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The target triple.
    pub target: &'a str,
    /// The name of the signed file.
    pub file: &'a str,
}

/// The signer's comment on a file whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedComment(String);

/// Why a text is not a public key.
#[derive(Debug, thiserror::Error)]
#[error("invalid minisign public key `{text}`")]
#[non_exhaustive]
pub struct InvalidKey {
    /// The text, or the line of it that should contain the key.
    pub text: String,
}

/// Why the signature of a file was refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to verify the signature of `{file}`")]
pub struct SignatureError {
    /// The signed file.
    pub file: String,
    /// The reason.
    #[source]
    pub reason: Reason,
}

/// What is wrong with a signature.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is not a minisign signature.
    #[error("not a minisign signature")]
    Malformed,
    /// It signs the bytes themselves, as old versions of minisign did.
    #[error("legacy signature (algorithm `Ed`); sign with minisign 0.11 or newer, or with `-H`")]
    Legacy,
    /// It was made with another key.
    #[error("signed with key {found}, but the trusted key is {expected}")]
    OtherKey {
        /// The ID of the trusted key.
        expected: String,
        /// The ID of the key that was used.
        found: String,
    },
    /// The bytes, the signature or its comment were changed.
    #[error("the signature does not match the file and its trusted comment")]
    Mismatch,
    /// The trusted comment is not for a plugin.
    #[error("the trusted comment is not for a plugin: expected `{expected}`, found `{found}`")]
    Unbound {
        /// The expected beginning.
        expected: String,
        /// The actual comment.
        found: String,
    },
    /// The trusted comment lacks a required word.
    #[error("the trusted comment has no `{key}`: expected `{key}={expected}`, found `{found}`")]
    Missing {
        /// The missing key.
        key: &'static str,
        /// The expected value.
        expected: String,
        /// The whole comment.
        found: String,
    },
    /// The signature is for something else.
    #[error("signed for another {key}: expected `{expected}`, found `{found}`")]
    Differs {
        /// The key that differs.
        key: &'static str,
        /// The expected value.
        expected: String,
        /// The actual value.
        found: String,
    },
    /// The trusted comment contains a key more than once.
    #[error(
        "the trusted comment has more than one `{key}`: expected `{key}={expected}`, found \
         `{found}`"
    )]
    Repeated {
        /// The repeated key.
        key: &'static str,
        /// The expected value.
        expected: String,
        /// The whole comment.
        found: String,
    },
}

/// Returns the possible names of a file's signature, the usual one first.
pub fn signature_names(asset: &str) -> [String; 2] {
    [".minisig", ".sig"].map(|it| format!("{asset}{it}"))
}

/// Returns the trusted comment for a signature, for `minisign -S -t`.
///
/// The values are read back as words, so a value with a space cannot be verified.
pub fn trusted_comment(bound: &Bound<'_>) -> String {
    let pairs = bound.pairs().map(|(key, value)| format!(" {key}={value}"));
    format!("{PREFIX}{}", pairs.concat())
}

/// Verifies that some bytes are signed with a key, and returns the signer's comment. Errors refer
/// to the file as `file`.
///
/// # Errors
///
/// The signature is malformed, a legacy one, or was made with another key or for other bytes.
pub fn verify(
    key: &PublicKey,
    bytes: &[u8],
    signature_text: &str,
    file: &str,
) -> Result<TrustedComment, SignatureError> {
    verify_bytes(key, bytes, signature_text)
        .map(TrustedComment)
        .map_err(|reason| SignatureError { file: file.to_owned(), reason })
}

impl TrustedComment {
    /// Returns the comment.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks that the signature is for `bound`.
    ///
    /// The name and the version of a plugin are in the file itself, so they are known only after
    /// its bytes are trusted.
    ///
    /// # Errors
    ///
    /// The comment differs.
    pub fn check(&self, bound: &Bound<'_>) -> Result<(), SignatureError> {
        check_bound(&self.0, bound)
            .map_err(|reason| SignatureError { file: bound.file.to_owned(), reason })
    }
}

impl PublicKey {
    /// Returns the ID of the key, in minisign's notation.
    pub fn id(&self) -> String {
        self.id.to_string()
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    /// Parses the line of a key, or the text of a `.pub` file: a comment, then the line.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
        let first = lines.next().unwrap_or_default();
        let line = match first.starts_with("untrusted comment:") {
            true => lines.next().unwrap_or_default(),
            false => first,
        };
        let invalid = || InvalidKey { text: line.to_owned() };
        if lines.next().is_some() {
            return Err(InvalidKey { text: text.to_owned() });
        }
        let key = minisign_verify::PublicKey::from_base64(line).map_err(|_| invalid())?;
        let (_, id) = algorithm_and_id(line).ok_or_else(invalid)?;
        Ok(Self { key, line: line.to_owned(), id })
    }
}

impl Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.line
    }
}

impl<'a> Bound<'a> {
    fn pairs(&self) -> [(&'static str, &'a str); 4] {
        [
            ("name", self.name),
            ("version", self.version),
            ("target", self.target),
            ("file", self.file),
        ]
    }
}

/// The ID of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyId([u8; 8]);

impl Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// Returns the beginning of the line of a key or a signature.
fn algorithm_and_id(line: &str) -> Option<([u8; 2], KeyId)> {
    let bytes = BASE64_STANDARD.decode(line.trim()).ok()?;
    let algorithm = bytes.first_chunk()?;
    Some((*algorithm, KeyId(bytes.get(ID)?.try_into().ok()?)))
}

/// Verifies the signature, and returns its trusted comment.
fn verify_bytes(key: &PublicKey, bytes: &[u8], text: &str) -> Result<String, Reason> {
    let signature = Signature::decode(text).map_err(|_| Reason::Malformed)?;
    let line = text.lines().nth(1).unwrap_or_default();
    let (algorithm, id) = algorithm_and_id(line).ok_or(Reason::Malformed)?;
    if algorithm == LEGACY {
        return Err(Reason::Legacy);
    }
    if algorithm != PREHASHED {
        return Err(Reason::Malformed);
    }
    if id != key.id {
        return Err(Reason::OtherKey { expected: key.id(), found: id.to_string() });
    }
    key.key.verify(bytes, &signature, false).map_err(|_| Reason::Mismatch)?;
    Ok(signature.trusted_comment().to_owned())
}

fn check_bound(comment: &str, bound: &Bound<'_>) -> Result<(), Reason> {
    let mut words = comment.split_whitespace();
    let found = comment.to_owned();
    if words.next() != Some(PREFIX) {
        return Err(Reason::Unbound { expected: trusted_comment(bound), found });
    }
    let pairs: Vec<_> = words.filter_map(|it| it.split_once('=')).collect();
    bound.pairs().into_iter().try_for_each(|(key, value)| check_pair(key, value, &pairs, comment))
}

fn check_pair(
    key: &'static str,
    value: &str,
    pairs: &[(&str, &str)],
    comment: &str,
) -> Result<(), Reason> {
    let (expected, whole) = (value.to_owned(), comment.to_owned());
    let mut values = pairs.iter().filter(|it| it.0 == key).map(|it| it.1);
    match (values.next(), values.next()) {
        (None, _) => Err(Reason::Missing { key, expected, found: whole }),
        (Some(_), Some(_)) => Err(Reason::Repeated { key, expected, found: whole }),
        (Some(found), None) if found == value || (key, found) == EVERY_TARGET => Ok(()),
        (Some(found), None) => Err(Reason::Differs { key, expected, found: found.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verifies a signature and what it is bound to.
    fn check(
        key: &PublicKey,
        bytes: &[u8],
        signature: &str,
        bound: &Bound<'_>,
    ) -> Result<(), SignatureError> {
        verify(key, bytes, signature, bound.file)?.check(bound)
    }

    /// All of them were made with minisign 0.11 (Debian), and keys that no longer exist.
    const FILE: &[u8] = b"a plugin\n";
    const KEY: &str = "RWQ97IQK4Xz+5Ld3K5d5NelB9i1q1h4CLras+C5P4YS90qvV478dbudZ";
    const OTHER_KEY: &str = "RWSde9aOKdXRuZsej2aiDMYIiIzAQWy0DClnngFzQvz8NI4CWqCe3Oix";
    const PUB_FILE: &str = "untrusted comment: minisign public key E4FE7CE10A84EC3D
RWQ97IQK4Xz+5Ld3K5d5NelB9i1q1h4CLras+C5P4YS90qvV478dbudZ
";
    const BOUND: Bound<'_> = Bound {
        name: "greeter.example.org",
        version: "v1.2.3",
        target: "x86_64-unknown-linux-gnu",
        file: "greeter.tar.gz",
    };
    const GOOD: &str = "untrusted comment: signature from minisign secret key
RUQ97IQK4Xz+5GzH/oRRqDKYl+yIdU+LIjYZ8Kcr7FBj3y40vCMVN9lRgIYeDfdO62E3p0bXbiAL808/4cCUHU64yQfF9DqafwE=
trusted comment: pintle-plugin name=greeter.example.org version=v1.2.3 target=x86_64-unknown-linux-gnu file=greeter.tar.gz
L4IXJJMK4xuVy89SCevfeu3rGSNPLQmGKkS/jMQYDB4rCCkSQMgpN2iRXg+Qgw5AgAb7luzk9RMSm341zLBODg==
";
    /// Made with `minisign -S -l`.
    const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWQ97IQK4Xz+5COFagXP2r10/GAuYAM0rm8xErO9/TNmXJTx+Pn/d+nudT76UwxzTSHDd1og4/oe4FC1epOIPBgn1Oews27sXAw=
trusted comment: pintle-plugin name=greeter.example.org version=v1.2.3 target=x86_64-unknown-linux-gnu file=greeter.tar.gz
xN/rpnnzt3t5ZevMeU2jWcJd29sMMzYqWcRNEnMXUS+id6V9+BsN0dt/qrvyU0guYcgJJ+2JFC+th3UNXVxzBw==
";
    const MISSING: &str = "untrusted comment: signature from minisign secret key
RUQ97IQK4Xz+5GzH/oRRqDKYl+yIdU+LIjYZ8Kcr7FBj3y40vCMVN9lRgIYeDfdO62E3p0bXbiAL808/4cCUHU64yQfF9DqafwE=
trusted comment: pintle-plugin name=greeter.example.org version=v1.2.3 file=greeter.tar.gz
hRkRd72jC3tAVBW4ZywJ+0oYMPtxgnK2XClmrtMaWqGET4EBM+Wpl/P5UF5NNQujf1W7BgR+TuYCUpE1mYZNCQ==
";
    const ORDER: &str = "untrusted comment: signature from minisign secret key
RUQ97IQK4Xz+5GzH/oRRqDKYl+yIdU+LIjYZ8Kcr7FBj3y40vCMVN9lRgIYeDfdO62E3p0bXbiAL808/4cCUHU64yQfF9DqafwE=
trusted comment: pintle-plugin  build=7 file=greeter.tar.gz target=x86_64-unknown-linux-gnu version=v1.2.3 name=greeter.example.org
+N3m7yroixiwAo/m256kiDgygIhLsXky7byFjywql4/f1GU9qMYl9WN4cXqTBAlnMrxktCjzDK7TjDeHvwoGAA==
";
    const OTHER: &str = "untrusted comment: signature from minisign secret key
RUSde9aOKdXRuWj7xDHbM4fEJu/ldrxUhSU3cPrh3jtDVaVGlUmKhhovC3FHm/ijSt248+3x7L+45WuMeNhF3OnfUJ5wN27XaQQ=
trusted comment: pintle-plugin name=greeter.example.org version=v1.2.3 target=x86_64-unknown-linux-gnu file=greeter.tar.gz
mDFphLn7PUQzGzm6bFlM9w60iCw9lsyZhGw+LpK2g2g2MAhG7ki9BALl32VdsgLRpVB3tDUZ2DVgKnVLqD0BCA==
";
    const TWICE: &str = "untrusted comment: signature from minisign secret key
RUQ97IQK4Xz+5GzH/oRRqDKYl+yIdU+LIjYZ8Kcr7FBj3y40vCMVN9lRgIYeDfdO62E3p0bXbiAL808/4cCUHU64yQfF9DqafwE=
trusted comment: pintle-plugin name=greeter.example.org version=v1.2.3 target=x86_64-unknown-linux-gnu file=greeter.tar.gz version=v9.9.9
xJxsv4RrcPuBdz4aN2jSx9sfW8wEWNMY9PMdzc9ZULBg5CqXAnTOK6coMaP/4E5T3Qm8RrmRLFBWpNmu/H+yCQ==
";
    const UNBOUND: &str = "untrusted comment: signature from minisign secret key
RUQ97IQK4Xz+5GzH/oRRqDKYl+yIdU+LIjYZ8Kcr7FBj3y40vCMVN9lRgIYeDfdO62E3p0bXbiAL808/4cCUHU64yQfF9DqafwE=
trusted comment: timestamp:1795802521\tfile:f\thashed
qrLeNhfPVRM5SJN1x1MPbPs3sWoEjuoTzYBDAurfq0RU8iS4zg4RDWzXdstxNuByG63oxfsBZ2dFtHpxtAl8Cg==
";

    fn key() -> PublicKey {
        KEY.parse().unwrap()
    }

    fn reason(bytes: &[u8], signature: &str, bound: &Bound<'_>) -> String {
        let err = check(&key(), bytes, signature, bound).unwrap_err();
        assert_eq!(err.to_string(), format!("failed to verify the signature of `{}`", bound.file));
        err.reason.to_string()
    }

    #[test]
    fn a_signature_of_minisign_is_verified() {
        check(&key(), FILE, GOOD, &BOUND).unwrap();
        check(&key(), FILE, ORDER, &BOUND).unwrap();
        check(&key(), FILE, &GOOD.replace('\n', "\r\n"), &BOUND).unwrap();
        assert!(GOOD.contains(&trusted_comment(&BOUND)));
    }

    #[test]
    fn what_is_not_the_signed_file_is_refused() {
        let mismatch = "the signature does not match the file and its trusted comment";
        assert_eq!(reason(b"another plugin\n", GOOD, &BOUND), mismatch);
        assert_eq!(reason(FILE, &GOOD.replace("v1.2.3", "v1.2.4"), &BOUND), mismatch);
        let comment = GOOD.replace("L4IXJJMK4xuV", "M4IXJJMK4xuV");
        assert_eq!(reason(FILE, &comment, &BOUND), mismatch);
    }

    #[test]
    fn an_algorithm_or_a_key_that_is_not_expected_is_refused() {
        assert_eq!(
            reason(FILE, LEGACY, &BOUND),
            "legacy signature (algorithm `Ed`); sign with minisign 0.11 or newer, or with `-H`"
        );
        assert_eq!(
            reason(FILE, OTHER, &BOUND),
            "signed with key B9D1D5298ED67B9D, but the trusted key is E4FE7CE10A84EC3D"
        );
        check(&OTHER_KEY.parse().unwrap(), FILE, OTHER, &BOUND).unwrap();
    }

    #[test]
    fn a_signature_counts_only_for_what_it_is_bound_to() {
        for (bound, expected) in [
            (
                Bound { name: "other.example.org", ..BOUND },
                "signed for another name: expected `other.example.org`, found `greeter.example.org`",
            ),
            (
                Bound { version: "v1.2.4", ..BOUND },
                "signed for another version: expected `v1.2.4`, found `v1.2.3`",
            ),
            (
                Bound { target: "aarch64-apple-darwin", ..BOUND },
                "signed for another target: expected `aarch64-apple-darwin`, found \
                 `x86_64-unknown-linux-gnu`",
            ),
            (
                Bound { file: "greeter.zip", ..BOUND },
                "signed for another file: expected `greeter.zip`, found `greeter.tar.gz`",
            ),
        ] {
            assert_eq!(reason(FILE, GOOD, &bound), expected);
        }
    }

    #[test]
    fn a_comment_says_each_thing_once() {
        assert_eq!(
            reason(FILE, MISSING, &BOUND),
            "the trusted comment has no `target`: expected `target=x86_64-unknown-linux-gnu`, \
             found `pintle-plugin name=greeter.example.org version=v1.2.3 file=greeter.tar.gz`"
        );
        assert!(reason(FILE, TWICE, &BOUND).starts_with(
            "the trusted comment has more than one `version`: expected `version=v1.2.3`"
        ));
        assert_eq!(
            reason(FILE, UNBOUND, &BOUND),
            "the trusted comment is not for a plugin: expected `pintle-plugin \
             name=greeter.example.org version=v1.2.3 target=x86_64-unknown-linux-gnu \
             file=greeter.tar.gz`, found `timestamp:1795802521\tfile:f\thashed`"
        );
    }

    #[test]
    fn what_is_cut_off_or_changed_is_refused_without_a_panic() {
        for len in 0..GOOD.trim_end().len() {
            check(&key(), FILE, &GOOD[..len], &BOUND).unwrap_err();
        }
        assert_eq!(reason(FILE, "", &BOUND), "not a minisign signature");
        assert_eq!(reason(FILE, "<html>\n\n\n\n", &BOUND), "not a minisign signature");
        assert_eq!(reason(FILE, KEY, &BOUND), "not a minisign signature");
    }

    #[test]
    fn a_key_is_read_from_its_line_or_its_file() {
        for text in [KEY, PUB_FILE, &PUB_FILE.replace('\n', "\r\n"), &format!("  {KEY}\n\n")] {
            let key: PublicKey = text.parse().unwrap();
            assert_eq!(
                (key.to_string(), key.id()),
                (KEY.to_owned(), "E4FE7CE10A84EC3D".to_owned())
            );
        }
        let json = serde_json::to_string(&key()).unwrap();
        assert_eq!(json, format!("\"{KEY}\""));
        assert_eq!(serde_json::from_str::<PublicKey>(&json).unwrap(), key());
    }

    #[test]
    fn what_is_not_a_key_is_an_error() {
        let two = format!("{KEY}\n{OTHER_KEY}");
        for text in ["", "x", &KEY[..40], &KEY[2..], "untrusted comment: a", &two, GOOD] {
            let err = text.parse::<PublicKey>().unwrap_err();
            assert!(err.to_string().starts_with("invalid minisign public key `"), "{err}");
        }
    }

    #[test]
    fn a_signature_is_beside_the_file() {
        assert_eq!(signature_names("a.tar.gz"), ["a.tar.gz.minisig", "a.tar.gz.sig"]);
    }
}
