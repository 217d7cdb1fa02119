//! The formats of libraries.

use std::fmt;

/// The format of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Linux, the BSDs.
    Elf,
    /// Apple.
    MachO,
    /// Windows.
    Pe,
}

impl Format {
    /// The format that this platform loads.
    pub const HOST: Self = if cfg!(target_vendor = "apple") {
        Self::MachO
    } else if cfg!(windows) {
        Self::Pe
    } else {
        Self::Elf
    };
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::MachO => "Mach-O",
            Self::Pe => "PE",
        })
    }
}
