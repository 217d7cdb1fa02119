//! Versions of the PROJECT file's format.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The version of a PROJECT file's format: `N`, `N-alpha` or `N-beta`, with `N` at least 1.
///
/// There is one spelling for each version, so equal text means equal versions: no `v`, no sign, no
/// leading zero. An alpha is lower than a beta, and both are lower than the stable version with the
/// same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectVersion {
    number: u32,
    stage: Stage,
}

/// How finished a [`ProjectVersion`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// `N-alpha`.
    Alpha,
    /// `N-beta`.
    Beta,
    /// `N`.
    Stable,
}

/// Text that is not a project version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid project version `{text}`: expected `N`, `N-alpha` or `N-beta`, for example `3`")]
pub struct ProjectVersionError {
    text: String,
}

impl ProjectVersion {
    /// Returns whether this host reads and writes PROJECT files of this version.
    pub fn is_supported(self) -> bool {
        self == Self::default()
    }

    /// Returns the version `number`-`stage`, or `None` for the number 0.
    pub const fn new(number: u32, stage: Stage) -> Option<Self> {
        if number == 0 { None } else { Some(Self { number, stage }) }
    }

    /// Returns the number before the stage.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Returns how finished the version is.
    pub const fn stage(self) -> Stage {
        self.stage
    }

    /// Returns whether the version is neither alpha nor beta.
    pub const fn is_stable(self) -> bool {
        matches!(self.stage, Stage::Stable)
    }
}

impl Default for ProjectVersion {
    /// Returns `3`, the version that a new project gets.
    fn default() -> Self {
        Self { number: 3, stage: Stage::Stable }
    }
}

impl FromStr for ProjectVersion {
    type Err = ProjectVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ProjectVersionError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<ProjectVersion> {
    let (number, stage) = match text.split_once('-') {
        None => (text, Stage::Stable),
        Some((number, "alpha")) => (number, Stage::Alpha),
        Some((number, "beta")) => (number, Stage::Beta),
        Some(_) => return None,
    };
    // `u32::from_str` would also accept `+3` and `03`.
    let plain = number.bytes().all(|it| it.is_ascii_digit()) && !number.starts_with('0');
    if !plain {
        return None;
    }
    ProjectVersion::new(number.parse().ok()?, stage)
}

impl fmt::Display for ProjectVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage {
            Stage::Alpha => write!(f, "{}-alpha", self.number),
            Stage::Beta => write!(f, "{}-beta", self.number),
            Stage::Stable => write!(f, "{}", self.number),
        }
    }
}

impl TryFrom<String> for ProjectVersion {
    type Error = ProjectVersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProjectVersion> for String {
    fn from(version: ProjectVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_prints_as_it_was_read() {
        for text in ["1", "3", "3-alpha", "2-beta", "4294967295"] {
            assert_eq!(text.parse::<ProjectVersion>().unwrap().to_string(), text);
        }
        assert_eq!(ProjectVersion::default().to_string(), "3");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "0",
            "0-alpha",
            "v3",
            "+3",
            "-3",
            "03",
            "3-",
            "3-rc",
            "3-Alpha",
            "3.0",
            "3 ",
            "3-alpha1",
            "-alpha",
            "4294967296",
            "٣",
        ] {
            let err = text.parse::<ProjectVersion>().unwrap_err().to_string();
            assert!(err.starts_with(&format!("invalid project version `{text}`")), "{err}");
        }
    }

    #[test]
    fn an_alpha_comes_before_a_beta_and_both_before_the_stable_one() {
        let sorted = ["2", "3-alpha", "3-beta", "3", "10-alpha"];
        let versions = sorted.map(|it| it.parse::<ProjectVersion>().unwrap());
        assert!(versions.is_sorted(), "{versions:?}");
    }

    #[test]
    fn json_holds_a_string() {
        let version: ProjectVersion = serde_json::from_str(r#""3-alpha""#).unwrap();
        assert_eq!(serde_json::to_string(&version).unwrap(), r#""3-alpha""#);
        assert!(serde_json::from_str::<ProjectVersion>("3").is_err());
        assert!(serde_json::from_str::<ProjectVersion>(r#""v3""#).is_err());
    }
}
