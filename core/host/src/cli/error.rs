//! Errors as the user reads them: what happened, why, what to do, and the exit code.
//!
//! The libraries' errors contain facts. Here they get their exit codes, and [`explain`] adds what
//! to do about them.

use super::exit::Exit;
use super::explain;
use super::hint::Hint;
use crate::catalog::{CommandConflict, ResolveError, defect};
use crate::causes::causes;
use crate::config::{ConfigError, EditError};
use crate::identity::Identity;
use crate::lifecycle::HookError;
use crate::services::{Console, Excerpt, Form, Verbosity, escaped};
use crate::transport::{CallError, LoadError, NoInterface};
use anstyle::{AnsiColor, Style};
use pintle_plugin::anyhow;
use pintle_plugin::message::{ErrorKind, ErrorReply};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;

/// An error to be shown to the user.
pub struct CliError {
    exit: Exit,
    message: String,
    causes: Vec<Cause>,
    hint: Option<Hint>,
    /// Shown with `-v` only.
    detail: Option<String>,
}

/// An error of another process of this host.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    code: u8,
    message: String,
    causes: Vec<Cause>,
    hint: Option<String>,
    detail: Option<String>,
}

/// Why an error happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Cause {
    Line(String),
    /// Lines of foreign text, for example of a log.
    Excerpt(String),
}

/// The form of an error for programs. The field names are part of the interface.
#[derive(Serialize)]
struct Object<'a> {
    code: u8,
    message: &'a str,
    causes: Vec<&'a str>,
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl CliError {
    /// Returns an error without a cause.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None, detail: None }
    }

    /// Returns an error with the causes of `err`.
    pub fn from_error(exit: Exit, err: &(dyn Error + 'static)) -> Self {
        let causes = causes(err).map(Cause::of).collect();
        Self { causes, ..Self::new(exit, err.to_string()) }
    }

    /// Returns the error for a line that clap rejected.
    pub(super) fn from_clap(err: &clap::Error) -> Self {
        let text = err.render().to_string();
        let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
        let mut parts = text.splitn(2, "\n\n");
        let message = parts.next().unwrap_or_default();
        let folded = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = folded(message);
        let parts = parts.next().unwrap_or_default().split("\n\n").map(folded);
        let (tips, others): (Vec<_>, Vec<_>) = parts.partition(|it| it.starts_with("tip: "));
        let usage = || others.into_iter().find(|it| it.starts_with("Usage: "));
        let hint = match &tips[..] {
            [] => usage().map(|it| it.replacen("Usage: ", "usage: ", 1)),
            tips => Some(tips.join("; ").replace("tip: ", "")),
        };
        Self { hint: hint.map(Hint::from), ..Self::new(Exit::Usage, message) }
    }

    /// Adds what to do about the error.
    pub fn hint(self, hint: impl Into<Hint>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds what to do about the error, if known.
    pub fn hint_if_known(self, hint: Option<impl Into<Hint>>) -> Self {
        Self { hint: hint.map(Into::into), ..self }
    }

    /// Adds a cause below the others.
    pub fn cause(mut self, err: &(dyn Error + 'static)) -> Self {
        self.causes.extend(std::iter::once(err).chain(causes(err)).map(Cause::of));
        self
    }

    /// Adds details that are shown only with `-v`.
    pub(super) fn detail(self, detail: String) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// Returns the error for another process of this host.
    pub(super) fn failure(&self, identity: &Identity) -> Failure {
        Failure {
            code: self.exit.code(),
            message: self.message.clone(),
            causes: self.causes.clone(),
            hint: self.hint.as_ref().map(|it| it.text(identity)),
            detail: self.detail.clone(),
        }
    }

    /// Makes the error the first cause of another.
    pub fn under(mut self, message: String) -> Self {
        let own = std::mem::replace(&mut self.message, message);
        self.causes.insert(0, Cause::Line(own));
        self
    }

    /// Changes how the process ends.
    pub(super) fn exit_with(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Returns the message and the causes as one line, for a log.
    pub(super) fn line(&self) -> String {
        escaped(&self.to_string(), "\\n")
    }

    /// Returns what to do about the error, if known.
    pub fn advice(&self, identity: &Identity) -> Option<String> {
        self.hint.as_ref().map(|it| it.text(identity))
    }

    /// Returns how the process is to end.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Shows the error on the standard error.
    pub(super) fn show(&self, console: &Console, identity: &Identity, form: Form) {
        let is_verbose = matches!(console.verbosity(), Verbosity::Debug | Verbosity::Trace);
        let detail = self.detail.as_deref().filter(|_| is_verbose);
        match form.text_of(&self.object(identity, detail)) {
            Some(text) => console.message(text.trim_end()),
            None => self.show_text(console, identity, detail),
        }
    }

    fn object<'a>(&'a self, identity: &Identity, detail: Option<&'a str>) -> Object<'a> {
        Object {
            code: self.exit.code(),
            message: &self.message,
            causes: self.causes.iter().map(Cause::text).collect(),
            hint: self.hint.as_ref().map(|it| it.text(identity)),
            detail,
        }
    }

    fn show_text(&self, console: &Console, identity: &Identity, detail: Option<&str>) {
        let error = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let hint = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        console.message(&format!("{error}error:{error:#} {}", escaped(&self.message, "\\n")));
        for cause in &self.causes {
            console.message(&format!("  caused by: {}", cause.shown()));
        }
        if let Some(text) = self.hint.as_ref().map(|it| it.text(identity)) {
            console.message(&format!("{hint}hint:{hint:#} {}", escaped(&text, "\\n")));
        }
        if let Some(detail) = detail {
            // Most of it is foreign text: none of its lines can look like one of the host's.
            console.message(&format!("  {}", escaped(detail.trim_end(), "\n  ")));
        }
    }
}

impl Cause {
    fn of(err: &(dyn Error + 'static)) -> Self {
        match err.downcast_ref::<Excerpt>() {
            Some(excerpt) => Self::Excerpt(excerpt.to_string()),
            None => Self::Line(err.to_string()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Line(text) | Self::Excerpt(text) => text,
        }
    }

    /// Returns the cause for a terminal: none of its lines can look like one of the host's.
    fn shown(&self) -> String {
        match self {
            Self::Line(text) => escaped(text, "\\n"),
            Self::Excerpt(text) => escaped(text.trim_end(), "\n    "),
        }
    }
}

impl fmt::Debug for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CliError");
        debug.field("exit", &self.exit).field("message", &self.message);
        debug.field("causes", &self.causes).finish_non_exhaustive()
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|it| write!(f, ": {}", it.text()))
    }
}

impl From<Failure> for CliError {
    fn from(err: Failure) -> Self {
        let Failure { code, message, causes, hint, detail } = err;
        Self { exit: Exit::Code(code), message, causes, hint: hint.map(Hint::from), detail }
    }
}

impl Error for CliError {}

impl From<ResolveError> for CliError {
    fn from(err: ResolveError) -> Self {
        let exit = match err {
            ResolveError::Ambiguous { .. } => Exit::Ambiguous,
            ResolveError::NotFound { .. } => Exit::Usage,
            _ => Exit::Refused,
        };
        Self::from_error(exit, &err).hint(explain::resolve(&err))
    }
}

impl From<CommandConflict> for CliError {
    fn from(err: CommandConflict) -> Self {
        let hint = explain::conflict(&err);
        Self::from_error(Exit::Ambiguous, &err).hint(hint)
    }
}

impl From<LoadError> for CliError {
    fn from(err: LoadError) -> Self {
        let exit = match err {
            LoadError::Construction { .. } => Exit::Crashed,
            _ => Exit::Refused,
        };
        let error = Self::from_error(exit, &err).hint_if_known(explain::load(&err));
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
            ErrorKind::Panicked => Self::from_error(Exit::Crashed, &err).hint(defect(None)),
            // A plugin's command fails like a built-in one, with its own message.
            _ => return Self { detail: Some(origin(&err)), ..Self::from_reply(reply) },
        };
        error.causes.extend(reply.causes.iter().cloned().map(Cause::Excerpt));
        error.hint = reply.hint.clone().map(Hint::from).or(error.hint);
        error.detail = Some(origin(&err));
        error
    }
}

fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Usage => Exit::Usage,
        ErrorKind::NoEngine => Exit::NoEngine,
        ErrorKind::Panicked => Exit::Crashed,
        _ => Exit::Failed,
    }
}

fn origin(err: &CallError) -> String {
    format!("the error was reported by plugin `{}`", err.plugin())
}

impl From<ConfigError> for CliError {
    fn from(err: ConfigError) -> Self {
        Self::from_error(Exit::Usage, &err)
    }
}

impl From<EditError> for CliError {
    fn from(err: EditError) -> Self {
        match err {
            EditError::Read(err) => err.into(),
            err => Self::from_error(Exit::Failed, &err).hint(explain::edit(&err)),
        }
    }
}

impl From<NoInterface> for CliError {
    fn from(err: NoInterface) -> Self {
        Self::from_error(Exit::Refused, &err).hint_if_known(explain::no_interface(&err))
    }
}

/// The error of an interface's method, whether the method belongs to a plugin or to the program.
impl From<anyhow::Error> for CliError {
    fn from(err: anyhow::Error) -> Self {
        let contexts: Vec<_> = err.chain().take_while(|it| !it.is::<CallError>()).collect();
        match err.chain().find_map(|it| it.downcast_ref::<CallError>()) {
            Some(call) => contexts
                .into_iter()
                .rev()
                .fold(Self::from(call.clone()), |error, it| error.under(it.to_string())),
            None => Self::from_reply(&ErrorReply::from(err)),
        }
    }
}

/// The error of an extra command: the library's own errors keep their exit codes and hints.
impl From<Box<dyn Error>> for CliError {
    fn from(err: Box<dyn Error>) -> Self {
        fn own<E: Error + Into<CliError> + 'static>(
            err: Box<dyn Error>,
        ) -> Result<CliError, Box<dyn Error>> {
            err.downcast::<E>().map(|it| (*it).into())
        }
        Err(err)
            .or_else(own::<Self>)
            .or_else(own::<CallError>)
            .or_else(own::<HookError>)
            .or_else(own::<LoadError>)
            .or_else(own::<NoInterface>)
            .or_else(own::<ResolveError>)
            .unwrap_or_else(|err| Self::from_foreign(err.as_ref()))
    }
}

impl From<HookError> for CliError {
    fn from(err: HookError) -> Self {
        Self::from_hook(&err)
    }
}

impl CliError {
    /// Returns an error of a type that is not the library's. An error of anyhow hides the type that
    /// it was created from, but not its causes: the call of a plugin has the plugin's answer.
    fn from_foreign(err: &(dyn Error + 'static)) -> Self {
        let mut chain = std::iter::once(err).chain(causes(err));
        let reply = chain.find_map(|it| it.downcast_ref::<ErrorReply>());
        match reply {
            Some(reply) => Self::from_error(exit_of(reply.kind), err)
                .hint_if_known(reply.hint.clone().map(Hint::from)),
            None => Self::from_error(Exit::Failed, err),
        }
    }

    /// Returns an error that a plugin's or the program's own code returned.
    fn from_reply(reply: &ErrorReply) -> Self {
        let mut error = Self::new(exit_of(reply.kind), reply.message.clone());
        error.causes.extend(reply.causes.iter().cloned().map(Cause::Excerpt));
        error.hint_if_known(reply.hint.clone())
    }

    /// Returns the error of a hook, with the message and the exit code of its plugin.
    pub fn from_hook(err: &HookError) -> Self {
        match err {
            HookError::Failed { source, .. } => Self::from(source.clone()).under(err.to_string()),
            HookError::Reply { reason, .. } => {
                let cause = std::io::Error::other(reason.clone());
                Self::from_error(Exit::Failed, err).cause(&cause).hint_if_known(explain::hook(err))
            }
            HookError::Interrupted => Self::from_error(Exit::Interrupted, err),
            _ => Self::from_error(Exit::Failed, err).hint_if_known(explain::hook(err)),
        }
    }
}
