//! The exit codes.

use std::ffi::OsString;
use std::process::ExitCode;

/// How the host ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// The work failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// A plugin was refused: ABI, version, integrity.
    Refused,
    /// Ambiguous or conflicting plugins.
    Ambiguous,
    /// The engine that the command works with is not there.
    NoEngine,
    /// A plugin crashed.
    Crashed,
    /// A program was found, and could not be run: as in a shell.
    NotRun,
    /// A signal ended the work.
    Interrupted,
    /// A command ended with its own exit code.
    Code(u8),
}

impl Exit {
    /// Returns the code that the process ends with. 70 is `EX_SOFTWARE` of sysexits.h.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Ambiguous => 4,
            Self::NoEngine => 5,
            Self::Crashed => 70,
            Self::NotRun => 126,
            Self::Interrupted => 130,
            Self::Code(code) => code,
        }
    }
}

/// How one step of the dispatch ended.
#[derive(Debug)]
pub enum Step {
    /// The command is done.
    Exit(Exit),
    /// Go on with these arguments, as if the user had typed them.
    Continue(Vec<OsString>),
}

impl From<Exit> for Step {
    fn from(exit: Exit) -> Self {
        Self::Exit(exit)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
