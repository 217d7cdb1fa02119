//! The version of the PROJECT file's format.

use std::fmt::{self, Display};
use std::str::FromStr;

/// The version of the PROJECT file's format: `3` by default.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectVersion {
    number: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Alpha,
    Beta,
    Stable,
}

/// Some text is no project version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no project version, as `3` or `4-alpha`")]
pub struct ProjectVersionError(String);

impl Default for ProjectVersion {
    fn default() -> Self {
        Self { number: 3, stage: Stage::Stable }
    }
}

impl FromStr for ProjectVersion {
    type Err = ProjectVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, stage) = match text.split_once('-') {
            None => (text, Stage::Stable),
            Some((number, "alpha")) => (number, Stage::Alpha),
            Some((number, "beta")) => (number, Stage::Beta),
            Some(_) => return Err(ProjectVersionError(text.to_owned())),
        };
        match number.parse() {
            Ok(number) if number > 0 => Ok(Self { number, stage }),
            _ => Err(ProjectVersionError(text.to_owned())),
        }
    }
}

impl Display for ProjectVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Alpha => "-alpha",
            Stage::Beta => "-beta",
            Stage::Stable => "",
        };
        write!(f, "{}{stage}", self.number)
    }
}
