//! How the host reaches a plugin.

use std::fmt;

/// How the host reaches a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Transport {
    /// It is a part of the program.
    Linked,
    /// It is a library that is loaded into the process.
    Native,
    /// It is a program that is run for each call.
    Executable,
    /// It is a plugin of another system, adapted by a group of the host.
    External,
}

impl Transport {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Native => "native",
            Self::Executable => "executable",
            Self::External => "external",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
