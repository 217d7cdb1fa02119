//! The keys of kubebuilder's plugins: `sample.example.org/v1`, `go.kubebuilder.io/v4-alpha`.

use std::fmt;

/// The longest name, in bytes (RFC 1123).
const MAX_NAME: usize = 253;

/// The stages of a version that is not stable.
const STAGES: [&str; 2] = ["alpha", "beta"];

/// A plugin's name, and its version in kubebuilder's form: a number and a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    number: u64,
    stage: Option<&'static str>,
}

impl Key {
    /// Reads the names of a plugin's two directories.
    pub(super) fn new(name: &str, version: &str) -> Result<Self, InvalidKey> {
        if !is_name(name) {
            return Err(InvalidKey::Name(name.to_owned()));
        }
        let invalid = || InvalidKey::Version(version.to_owned());
        let text = version.strip_prefix('v').unwrap_or(version);
        let (number, stage) = match text.split_once('-') {
            Some((number, stage)) => {
                let stage = STAGES.into_iter().find(|it| *it == stage);
                (number, Some(stage.ok_or_else(invalid)?))
            }
            None => (text, None),
        };
        let is_number = number.bytes().all(|it| it.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number).ok_or_else(invalid)?;
        Ok(Self { name: name.to_owned(), number, stage })
    }

    /// Returns the version in this host's form.
    pub(super) fn semver(&self) -> String {
        let stage = self.stage.map_or(String::new(), |it| format!("-{it}"));
        format!("{}.0.0{stage}", self.number)
    }

    /// Returns the key in this host's form; `qualifier` is appended to a name without a dot.
    pub(super) fn full_key(&self, qualifier: &str) -> String {
        let name = &self.name;
        match name.contains('.') || qualifier.is_empty() {
            true => format!("{name}/v{}", self.semver()),
            false => format!("{name}.{qualifier}/v{}", self.semver()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v{}", self.name, self.number)?;
        self.stage.map_or(Ok(()), |it| write!(f, "-{it}"))
    }
}

/// Directory names that are not those of a plugin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidKey {
    /// The outer one is the plugin's name.
    #[error("its directory `{0}` is not a valid plugin name")]
    Name(String),
    /// The inner one is its version.
    #[error("its directory `{0}` is not a valid kubebuilder version")]
    Version(String),
}

/// Returns a full key of this host in kubebuilder's form, if kubebuilder supports it.
pub(super) fn as_kubebuilders(key: &str) -> String {
    let split = || {
        let (name, version) = key.split_once('/')?;
        let version = version.strip_prefix('v')?;
        let (numbers, stage) = version.split_once('-').unwrap_or((version, ""));
        let number = numbers.strip_suffix(".0.0")?;
        let text = if stage.is_empty() { number.to_owned() } else { format!("{number}-{stage}") };
        Key::new(name, &text).ok()
    };
    split().map_or_else(|| key.to_owned(), |it| it.to_string())
}

/// Whether a text is a DNS-1123 subdomain.
fn is_name(text: &str) -> bool {
    let inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let is_part = |it: &str| {
        !it.is_empty() && it.bytes().all(inner) && !it.starts_with('-') && !it.ends_with('-')
    };
    text.len() <= MAX_NAME && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_with_a_stage() {
        for (version, expected) in [
            ("v1", Some(("a.io/v1", "1.0.0"))),
            ("2", Some(("a.io/v2", "2.0.0"))),
            ("v4-alpha", Some(("a.io/v4-alpha", "4.0.0-alpha"))),
            ("v3-beta", Some(("a.io/v3-beta", "3.0.0-beta"))),
            ("v1.0.0", None),
            ("v1-rc", None),
            ("+1", None),
            ("V1", None),
            (".DS_Store", None),
            ("", None),
        ] {
            let key = Key::new("a.io", version).ok();
            let found = key.map(|it| (it.to_string(), it.semver()));
            let expected = expected.map(|(key, it)| (key.to_owned(), it.to_owned()));
            assert_eq!(found, expected, "{version}");
        }
    }

    #[test]
    fn a_name_is_a_subdomain() {
        assert!(Key::new("sample", "v1").is_ok() && Key::new("a.b-c.d1", "v1").is_ok());
        for name in ["Sample", "", "a..b", "-a", "a_b", ".a"] {
            assert_eq!(Key::new(name, "v1"), Err(InvalidKey::Name(name.to_owned())));
        }
    }

    #[test]
    fn keys_of_this_host_are_spelt_as_kubebuilder_does_where_it_can() {
        for (key, expected) in [
            ("a.io/v1.0.0", "a.io/v1"),
            ("a.io/v4.0.0-alpha", "a.io/v4-alpha"),
            ("a.io/v1.2.0", "a.io/v1.2.0"),
            ("a.io/v1.0.0-rc.1", "a.io/v1.0.0-rc.1"),
            ("go.kubebuilder.io/v4", "go.kubebuilder.io/v4"),
        ] {
            assert_eq!(as_kubebuilders(key), expected);
        }
        let key = Key::new("sample", "v1").unwrap();
        assert_eq!(key.full_key("pintle.dev"), "sample.pintle.dev/v1.0.0");
    }
}
