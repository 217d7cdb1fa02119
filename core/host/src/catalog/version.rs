//! Plugin versions, and version patterns in keys.

use semver::{Prerelease, Version};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A plugin's version: a semantic version, parsed tolerantly and printed as `v1.2.3` or
/// `v1.2.3-rc.1`.
///
/// A leading `v` and missing numbers are allowed: `1`, `v1.2` and `v4-alpha` are `v1.0.0`, `v1.2.0`
/// and `v4.0.0-alpha`. Build metadata (`+…`) is dropped, because it does not determine which
/// version is newer and would give one version two keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginVersion(Version);

/// The version in a key: `v1`, `v1.2`, `v1.2.3`, `v4-alpha`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionPattern {
    major: u64,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: Prerelease,
}

/// Text that is not a plugin version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid plugin version `{text}`: expected a form such as `v1`, `v1.2`, `v1.2.3` or `v1.2.3-rc.1`"
)]
pub struct VersionError {
    text: String,
}

impl PluginVersion {
    /// Returns whether the version has no pre-release part.
    pub fn is_stable(&self) -> bool {
        self.0.pre.is_empty()
    }

    /// Returns the semantic version, without build metadata.
    pub fn as_semver(&self) -> &Version {
        &self.0
    }
}

impl VersionPattern {
    /// Returns whether `version` matches the pattern.
    ///
    /// Numbers that the pattern omits match any number. The same applies to the pre-release part of
    /// a pattern with fewer than three numbers; `v4-alpha` also matches `v4.0.0-alpha.2`. A pattern
    /// with three numbers matches only that version.
    pub fn matches(&self, version: &PluginVersion) -> bool {
        let version = &version.0;
        self.major == version.major
            && self.minor.is_none_or(|it| it == version.minor)
            && self.patch.is_none_or(|it| it == version.patch)
            && self.takes_pre(&version.pre)
    }

    fn takes_pre(&self, pre: &Prerelease) -> bool {
        if *pre == self.pre {
            return true;
        }
        if self.is_exact() {
            return false;
        }
        let rest = pre.strip_prefix(self.pre.as_str());
        self.pre.is_empty() || rest.is_some_and(|it| it.starts_with('.'))
    }

    /// Returns whether the pattern has all three numbers, and therefore matches one version.
    pub fn is_exact(&self) -> bool {
        self.patch.is_some()
    }

    /// Returns whether the pattern contains a pre-release.
    pub fn has_pre_release(&self) -> bool {
        !self.pre.is_empty()
    }

    /// Returns the version, if the pattern matches only one.
    pub fn exact(&self) -> Option<PluginVersion> {
        self.is_exact().then(|| self.clone().lowest())
    }

    fn lowest(self) -> PluginVersion {
        let (minor, patch) = (self.minor.unwrap_or(0), self.patch.unwrap_or(0));
        let build = semver::BuildMetadata::EMPTY;
        PluginVersion(Version { major: self.major, minor, patch, pre: self.pre, build })
    }
}

impl From<PluginVersion> for VersionPattern {
    fn from(PluginVersion(it): PluginVersion) -> Self {
        Self { major: it.major, minor: Some(it.minor), patch: Some(it.patch), pre: it.pre }
    }
}

impl FromStr for VersionPattern {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| VersionError { text: text.to_owned() })
    }
}

impl FromStr for PluginVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<VersionPattern>().map(VersionPattern::lowest)
    }
}

fn parse(text: &str) -> Option<VersionPattern> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text.split_once('+').unwrap_or((text, "0"));
    semver::BuildMetadata::new(build).ok().filter(|it| !it.is_empty())?;
    let (numbers, pre) = match text.split_once('-') {
        Some((numbers, pre)) => (numbers, Prerelease::new(pre).ok().filter(|it| !it.is_empty())?),
        None => (text, Prerelease::EMPTY),
    };
    let mut numbers = numbers.split('.').map(number);
    let major = numbers.next()??;
    let minor = match numbers.next() {
        Some(minor) => Some(minor?),
        None => None,
    };
    let patch = match numbers.next() {
        Some(patch) => Some(patch?),
        None => None,
    };
    numbers.next().is_none().then_some(VersionPattern { major, minor, patch, pre })
}

/// Parses a number as semver writes it: only digits, no leading zero.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|it| it.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if plain && !padded { text.parse().ok() } else { None }
}

impl fmt::Display for PluginVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Display for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.major)?;
        for number in [self.minor, self.patch].into_iter().flatten() {
            write!(f, ".{number}")?;
        }
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        Ok(())
    }
}

impl Ord for VersionPattern {
    /// Compares the lowest version that each pattern matches; the shorter pattern is first.
    fn cmp(&self, other: &Self) -> Ordering {
        let lowest = self.clone().lowest().cmp(&other.clone().lowest());
        lowest.then(self.minor.cmp(&other.minor)).then(self.patch.cmp(&other.patch))
    }
}

impl PartialOrd for VersionPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<String> for PluginVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PluginVersion> for String {
    fn from(version: PluginVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, version: &str, pattern: &str) {
        assert_eq!(text.parse::<PluginVersion>().unwrap().to_string(), version);
        assert_eq!(text.parse::<VersionPattern>().unwrap().to_string(), pattern);
    }

    #[test]
    fn versions_are_read_tolerantly_and_printed_in_one_way() {
        check("1", "v1.0.0", "v1");
        check("v1.2", "v1.2.0", "v1.2");
        check("1.2.3", "v1.2.3", "v1.2.3");
        check("v4-alpha", "v4.0.0-alpha", "v4-alpha");
        check("1.2.3-rc.1", "v1.2.3-rc.1", "v1.2.3-rc.1");
        check("v0", "v0.0.0", "v0");
        check("1.2.3-a-b", "v1.2.3-a-b", "v1.2.3-a-b");
    }

    #[test]
    fn build_metadata_is_dropped() {
        check("1.2.3+k8s1.30", "v1.2.3", "v1.2.3");
        check("v4-alpha+1", "v4.0.0-alpha", "v4-alpha");
    }

    #[test]
    fn other_text_is_refused() {
        for bad in [
            "",
            "v",
            "V1",
            "vv1",
            "1.",
            ".1",
            "1.2.3.4",
            "01",
            "v007",
            "+1",
            "-1",
            "1-",
            "1.2-",
            "1.x",
            "1.2.3-01",
            "1+",
            "1.2.3-ä",
            " 1",
            "latest",
            "99999999999999999999",
        ] {
            assert!(bad.parse::<PluginVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_ordered_as_semver_orders_them() {
        let sorted = ["0", "1.0.0-alpha", "1.0.0-rc.1", "1", "1.2", "1.10", "v2-alpha", "2"];
        let versions = sorted.map(|it| it.parse::<PluginVersion>().unwrap());
        assert!(versions.is_sorted(), "{versions:?}");
        let patterns = ["v1-alpha", "v1", "v1.0", "v1.0.0", "v1.2", "v2"];
        let patterns = patterns.map(|it| it.parse::<VersionPattern>().unwrap());
        assert!(patterns.is_sorted(), "{patterns:?}");
    }

    #[test]
    fn a_pattern_matches_what_it_leaves_open() {
        for (pattern, yes, no) in [
            ("v1", &["1", "1.2.3", "1.3.0-rc.1"][..], &["2", "0.1"][..]),
            ("v1.2", &["1.2", "1.2.9"], &["1.3", "1"]),
            ("v1.2.3", &["1.2.3"], &["1.2.4", "1.2.3-rc.1"]),
            (
                "v4-alpha",
                &["4-alpha", "4.1.0-alpha", "4.0.0-alpha.2"],
                &["4", "4-alphabet", "4-beta"],
            ),
            ("v4.0.0-alpha", &["4-alpha"], &["4.0.0-alpha.2", "4"]),
        ] {
            let pattern: VersionPattern = pattern.parse().unwrap();
            for text in yes {
                assert!(pattern.matches(&text.parse().unwrap()), "{pattern} takes {text}");
            }
            for text in no {
                assert!(!pattern.matches(&text.parse().unwrap()), "{pattern} refuses {text}");
            }
        }
    }
}
