//! Errors as the user reads them: what happened, why, what to do, and the exit code.

use super::exit::Exit;
use crate::catalog::{CommandConflict, ResolveError};
use crate::lifecycle::HookError;
use crate::services::{Console, Verbosity};
use crate::transport::{CallError, LoadError};
use anstyle::{AnsiColor, Style};
use pintle_plugin::message::ErrorKind;
use std::error::Error;

/// An error on its way to the user.
#[derive(Debug)]
pub(super) struct CliError {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// Shown with `-v` only.
    detail: Option<String>,
}

impl CliError {
    /// Returns an error without a cause.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None, detail: None }
    }

    /// Returns an error with the causes that `err` knows.
    pub(super) fn from_error(exit: Exit, err: &dyn Error) -> Self {
        let mut error = Self::new(exit, err.to_string());
        error.add_causes(err.source());
        error
    }

    /// Adds what to do about the error.
    pub(super) fn hint(self, hint: impl Into<Option<String>>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// Adds a cause below the others.
    pub(super) fn cause(mut self, err: &dyn Error) -> Self {
        self.add_causes(Some(err));
        self
    }

    /// Makes the error the first cause of another.
    pub(super) fn under(mut self, message: String) -> Self {
        self.causes.insert(0, std::mem::replace(&mut self.message, message));
        self
    }

    fn add_causes(&mut self, mut err: Option<&dyn Error>) {
        while let Some(cause) = err {
            self.causes.push(cause.to_string());
            err = cause.source();
        }
    }

    /// Returns how the process is to end.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Shows the error on the standard error.
    pub(super) fn show(&self, console: &Console) {
        let error = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let hint = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        console.message(&format!("{error}error:{error:#} {}", self.message));
        for cause in &self.causes {
            console.message(&format!("  caused by: {}", cause.replace('\n', "\n  ")));
        }
        if let Some(text) = &self.hint {
            console.message(&format!("{hint}hint:{hint:#} {text}"));
        }
        let is_verbose = matches!(console.verbosity(), Verbosity::Debug | Verbosity::Trace);
        if let (Some(detail), true) = (&self.detail, is_verbose) {
            console.message(detail);
        }
    }
}

impl std::fmt::Display for CliError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|it| write!(f, ": {it}"))
    }
}

impl From<ResolveError> for CliError {
    fn from(err: ResolveError) -> Self {
        let exit = match err {
            ResolveError::Ambiguous { .. } => Exit::Ambiguous,
            ResolveError::NotFound { .. } => Exit::Usage,
            _ => Exit::Refused,
        };
        Self::from_error(exit, &err).hint(err.hint())
    }
}

impl From<CommandConflict> for CliError {
    fn from(err: CommandConflict) -> Self {
        Self::from_error(Exit::Ambiguous, &err).hint(err.hint())
    }
}

impl From<LoadError> for CliError {
    fn from(err: LoadError) -> Self {
        let exit = match err {
            LoadError::Construction { .. } => Exit::Crashed,
            _ => Exit::Refused,
        };
        let error = Self::from_error(exit, &err).hint(err.hint());
        match err {
            LoadError::Incompatible { report, .. } => Self { detail: Some(report), ..error },
            _ => error,
        }
    }
}

impl From<CallError> for CliError {
    fn from(err: CallError) -> Self {
        let reply = err.reply();
        let mut error = match reply.kind {
            ErrorKind::Panicked => Self::from_error(Exit::Crashed, &err)
                .hint("this is a defect of the plugin; tell its author".to_owned()),
            // A plugin's command fails as a built-in one does: with its own words.
            kind => {
                let exit = match kind {
                    ErrorKind::Usage => Exit::Usage,
                    ErrorKind::NoEngine => Exit::NoEngine,
                    _ => Exit::Failed,
                };
                Self::new(exit, reply.message.clone())
            }
        };
        error.causes.extend(reply.causes.iter().cloned());
        error.hint = reply.hint.clone().or(error.hint);
        error.detail = Some(format!("the error comes from plugin `{}`", err.plugin()));
        error
    }
}

impl From<HookError> for CliError {
    fn from(err: HookError) -> Self {
        Self::from_hook(&err)
    }
}

impl CliError {
    /// Returns the error of a hook, with the words and the exit code of its plugin.
    pub(super) fn from_hook(err: &HookError) -> Self {
        match err {
            HookError::Veto { .. } => Self::from_error(Exit::Failed, err),
            HookError::TimedOut { .. } => Self::from_error(Exit::Failed, err).hint(
                "look at what the plugin waits for, or give hooks more time with the variable \
                 that ends in `HOOK_TIMEOUT`"
                    .to_owned(),
            ),
            HookError::Failed { source, .. } => Self::from(source.clone()).under(err.to_string()),
        }
    }
}
