//! Scaffolding errors as the user sees them: exit codes and hints.
//!
//! Invariant: only this file connects the library's errors with options and the host's command.

use crate::chain::flags::FlagError;
use crate::error::{ScaffoldError, StepError};
use crate::path::HOST_FOLDER;
use crate::project::error::ProjectError;
use crate::project::name::{NameError, PluralError};
use crate::record::file::RecordError;
use crate::transaction::TransactionError;
use crate::universe::UniverseError;
use pintle_host::cli::{CliError, Exit, Hint};
use pintle_host::lifecycle::TakeStepError;
use std::io::ErrorKind;

/// What the user can do about an error of the library.
pub(crate) trait Advice {
    fn hint(&self) -> Option<Hint>;

    /// Returns the hint with the command name of Pintle itself.
    #[cfg(test)]
    fn hint_text(&self) -> Option<String> {
        self.hint().map(|it| it.text(&pintle_host::Identity::default()))
    }
}

impl From<ScaffoldError> for CliError {
    fn from(err: ScaffoldError) -> Self {
        let message = err.to_string();
        match err {
            ScaffoldError::Replay { source, .. } => Self::from(*source).under(message),
            ScaffoldError::Step { source, .. } => match *source {
                // A plugin's reply has its own exit code, causes and hint.
                StepError::Call(call) => Self::from(*call).under(message),
                StepError::Interrupted => {
                    Self::from_error(Exit::Interrupted, &StepError::Interrupted)
                }
                source => failed(&source).under(message),
            },
            err @ ScaffoldError::Absent { .. } => {
                Self::from_error(Exit::Refused, &err).hint_if_known(err.hint())
            }
            err => failed(&err),
        }
    }
}

impl From<ProjectError> for CliError {
    fn from(err: ProjectError) -> Self {
        failed(&err)
    }
}

impl From<UniverseError> for CliError {
    fn from(err: UniverseError) -> Self {
        failed(&err)
    }
}

impl From<RecordError> for CliError {
    fn from(err: RecordError) -> Self {
        failed(&err)
    }
}

impl From<TransactionError> for CliError {
    fn from(err: TransactionError) -> Self {
        failed(&err)
    }
}

impl From<PluralError> for CliError {
    fn from(err: PluralError) -> Self {
        Self::from_error(Exit::Usage, &err).hint_if_known(err.hint())
    }
}

impl From<NameError> for CliError {
    fn from(err: NameError) -> Self {
        Self::from_error(Exit::Usage, &err).hint_if_known(err.hint())
    }
}

fn failed<E: std::error::Error + Advice + 'static>(err: &E) -> CliError {
    CliError::from_error(Exit::Failed, err).hint_if_known(err.hint())
}

impl Advice for ScaffoldError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::AlreadyInitialized { .. } => Some(Hint::new(|host| {
                let name = &host.command_name;
                format!("use `{name} create` to add to the project, or `{name} edit` to change it")
            })),
            Self::InsideProject { .. } => Some(
                "start another project in a directory outside this project; all commands of a \
                 project also work in its subdirectories"
                    .into(),
            ),
            Self::WebhookExists { webhook, .. } => {
                Some(format!("omit `--{webhook}`, or use `--force` to scaffold it again").into())
            }
            Self::NotInitialized { .. } => {
                Some(Hint::new(|host| format!("run `{} init` first", host.command_name)))
            }
            Self::NoPart { .. } => None,
            Self::NotJoined { .. } => {
                Some("nothing was written; fix the problem, then run the command again".into())
            }
            Self::ResourceExists { .. } => {
                Some("choose another kind or version, or use `--force` to scaffold it again".into())
            }
            Self::Step { source, .. } => source.hint(),
            Self::Replay { source, .. } => source.hint(),
            Self::Flags(err) => err.hint(),
            Self::Project(err) => err.hint(),
            Self::Universe(err) => err.hint(),
            Self::Transaction(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Version(_) => None,
            Self::Overwrites { .. } => Some(
                "use `--skip-existing` to keep these lines and change the others, or `--force` to \
                 replace the whole file without any of your changes"
                    .into(),
            ),
            Self::NoRecord { .. } => Some(
                format!(
                    "restore the record in `{HOST_FOLDER}` from version control; its first \
                     command must be `init`"
                )
                .into(),
            ),
            Self::Absent { .. } => Some("install the plugin, or a version that replaces it".into()),
            Self::UnknownResource { .. } => Some(Hint::new(|host| {
                format!("run `{} project show` to list the project's resources", host.command_name)
            })),
        }
    }
}

impl Advice for StepError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Call(err) => err.reply().hint.clone().map(Hint::from),
            Self::NoReply(err) => match &**err {
                TakeStepError::TimedOut { .. } => Some(Hint::new(|host| {
                    let variable = host.env_var("HOOK_TIMEOUT");
                    format!(
                        "nothing was written; check what the plugin is waiting for, or set \
                         `{variable}` to a longer time, for example `10m`"
                    )
                })),
                TakeStepError::NotStarted { .. } => {
                    Some("check the limits of this machine on threads and memory".into())
                }
                _ => None,
            },
            Self::Interrupted => None,
            Self::Universe(err) => err.hint(),
            Self::Project(err) => err.hint(),
            Self::Resource(err) => err.hint(),
            Self::Staging { .. } => Some("set `TMPDIR` to a writable directory".into()),
            Self::Tool { command, .. } => {
                let program = command.split(' ').next().unwrap_or_default();
                let text = format!(
                    "nothing was written; check that `{program}` works, because the plugin requires it"
                );
                Some(text.into())
            }
        }
    }
}

impl Advice for FlagError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Types { .. } | Self::Letter { .. } => {
                Some("remove one of the two plugins from `--plugins`".into())
            }
            Self::Reserved { .. } | Self::Positional { .. } => {
                Some("this is a defect of the plugin; report it to its author".into())
            }
        }
    }
}

impl Advice for ProjectError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Invalid { source, .. } => source.hint(),
            Self::NoVersion => Some("add the line `version: \"3\"`".into()),
            Self::Unsupported { .. } => {
                Some("this host supports only the project versions 3, 3-alpha and 2".into())
            }
            Self::Edit { key } => {
                let text = format!("write the value of `{key}` in block style, without anchors");
                Some(text.into())
            }
            Self::Name(err) => err.hint(),
            Self::Conflict { .. } => Some(repair_hint()),
            Self::Unpaired { .. } => Some("resolve this conflict manually".into()),
            Self::Contradiction { key, .. } => {
                Some(format!("write the correct `{key}` on both sides, then try again").into())
            }
            Self::Value { fix, .. } => Some(fix.clone().into()),
            Self::Syntax { line, .. } => Some(
                format!("fix the YAML on line {line}, or restore the file from version control")
                    .into(),
            ),
            Self::Encoding { .. } => Some("save it as UTF-8 without a byte order mark".into()),
            Self::Link { .. } => Some("replace the link with a copy of the file".into()),
            Self::Plural(err) => err.hint(),
            Self::Missing { .. } | Self::Read { .. } | Self::Write { .. } => None,
        }
    }
}

impl Advice for PluralError {
    fn hint(&self) -> Option<Hint> {
        Some(
            match self {
                Self::Known { known, .. } => {
                    format!("omit `--plural`, or use `--plural {known}`")
                }
                Self::Taken { .. } => {
                    "choose another kind, or specify another plural with `--plural`".to_owned()
                }
            }
            .into(),
        )
    }
}

impl Advice for NameError {
    fn hint(&self) -> Option<Hint> {
        Some(format!("use a value such as `{}`", self.example()).into())
    }
}

impl Advice for UniverseError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Conflict { path, other: None, .. } => Some(
                format!("use `--force` to overwrite `{path}`, or `--skip-existing` to keep it")
                    .into(),
            ),
            Self::Conflict { .. } => Some("remove one of the two plugins from the chain".into()),
            Self::Occupied { path, .. } => Some(format!("move `{path}` out of the way").into()),
            Self::List { .. } => {
                Some("make it readable, or add it to the project's `.gitignore`".into())
            }
            Self::Case { .. } => Some(
                "use the same spelling, or delete the other file: some systems cannot store both"
                    .into(),
            ),
            _ => None,
        }
    }
}

impl Advice for RecordError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Format { .. } => {
                Some(Hint::new(|host| format!("install a newer version of {}", host.command_name)))
            }
            Self::Read { source, .. } => read_hint(source.kind()),
            Self::Conflict { .. } => Some(repair_hint()),
            Self::Unpaired { .. } => Some("resolve this conflict manually".into()),
            Self::TooLarge { .. } | Self::Full => {
                Some("remove the plugin that writes such files from the chain".into())
            }
            Self::Line { .. } | Self::Base { .. } | Self::Resource { .. } => {
                Some("restore it from version control".into())
            }
        }
    }
}

impl Advice for TransactionError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Occupied { path } => {
                Some(format!("move `{path}` out of the way, then try again").into())
            }
            Self::Disappeared { .. } | Self::Changed { .. } => {
                Some("nothing was written; try again".into())
            }
            Self::Disk { action: "find", path, source }
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                let text =
                    format!("check that you have permission to search the directory of `{path}`");
                Some(text.into())
            }
            Self::Disk { path, source, .. } => disk_hint(path, source.kind()),
            Self::Busy { lock: Some(lock), .. } => Some(
                format!(
                    "wait until the process has ended; if it is no longer running, remove `{}`",
                    lock.display()
                )
                .into(),
            ),
            Self::Busy { lock: None, .. } => {
                Some("wait until the process has ended, or stop it, then try again".into())
            }
            Self::Journal { path, .. } => Some(journal_hint(path)),
            Self::Undo { undo, .. } => Some(
                format!(
                    "fix this problem: {undo}; the next command then finishes or undoes the run"
                )
                .into(),
            ),
            Self::Interrupted { source, .. } => match &**source {
                Self::Changed { path } | Self::Occupied { path } => Some(
                    format!(
                        "move your `{path}` out of the way; the next command then restores the old \
                         one"
                    )
                    .into(),
                ),
                other => other.hint(),
            },
            Self::Path { .. } => None,
        }
    }
}

/// Returns what to do about the conflicts that a merge has left.
fn repair_hint() -> Hint {
    Hint::new(|host| {
        format!("run `{} project repair` to combine the changes of both sides", host.command_name)
    })
}

/// Returns what to do about a record that cannot be read.
fn read_hint(kind: ErrorKind) -> Option<Hint> {
    match kind {
        ErrorKind::PermissionDenied => Some("check that you have permission to read it".into()),
        // It is too large, not text, or not a file.
        ErrorKind::FileTooLarge
        | ErrorKind::InvalidData
        | ErrorKind::InvalidInput
        | ErrorKind::IsADirectory => Some("restore it from version control".into()),
        _ => None,
    }
}

fn disk_hint(path: &str, kind: ErrorKind) -> Option<Hint> {
    match kind {
        ErrorKind::CrossesDevices => {
            Some(format!("`{path}` is on a different file system from the project").into())
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("free up disk space, then try again".into())
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(
            format!("check that you have write permission for `{path}` and its directory").into(),
        ),
        _ => None,
    }
}

fn journal_hint(journal: &str) -> Hint {
    let run = journal.rsplit_once('/').map_or(journal, |(run, _)| run);
    let text = format!(
        "compare the project with version control (the replaced files are `{run}/*.old`), \
         then remove `{run}`"
    );
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StepName;
    use expect_test::expect;
    use pintle_host::transport::CallError;
    use pintle_plugin::message::{ErrorReply, Step};

    fn replayed(source: StepError) -> ScaffoldError {
        let (subcommand, plugin) = ("create api".to_owned(), "a.io/v1.0.0".to_owned());
        let (step, source) = (StepName(Step::Scaffold), Box::new(source));
        let source = ScaffoldError::Step { subcommand, step, plugin, source };
        ScaffoldError::Replay {
            subcommand: "create api".to_owned(),
            number: 2,
            source: source.into(),
        }
    }

    #[test]
    fn no_cause_of_an_error_is_left_out() {
        let plugin = "a.io/v1.0.0".parse().unwrap();
        let mut reply = ErrorReply::failed("no wood");
        reply.causes.push("no forest".to_owned());
        let call = CallError::Failed { plugin, source: reply };
        expect!["failed to rerun `create api`, command 2 of the record: `create api` failed in `a.io/v1.0.0` while scaffolding: no wood: no forest"].assert_eq(&CliError::from(replayed(call.into())).to_string());

        let path = "a".to_owned();
        let source = UniverseError::Read { path, source: ErrorKind::PermissionDenied.into() };
        expect!["failed to rerun `create api`, command 2 of the record: `create api` failed in `a.io/v1.0.0` while scaffolding: failed to read `a`: permission denied"].assert_eq(&CliError::from(replayed(source.into())).to_string());
    }

    #[test]
    fn a_hint_names_the_command_of_the_host() {
        let err = ScaffoldError::NotInitialized { path: "PROJECT".into() };
        let host =
            pintle_host::Identity { command_name: "rudder".to_owned(), ..Default::default() };
        assert_eq!(err.hint().unwrap().text(&host), "run `rudder init` first");
    }

    #[test]
    fn each_error_of_a_transaction_has_a_hint() {
        let path = || "a".to_owned();
        let changed = || TransactionError::Changed { path: path() };
        let undo = TransactionError::Undo {
            folder: "r".into(),
            undo: changed().into(),
            source: changed().into(),
        };
        let interrupted =
            TransactionError::Interrupted { root: "r".into(), source: changed().into() };
        let texts = [changed(), undo, interrupted].map(|it| it.hint_text().unwrap()).join("\n");
        expect![[r#"
            nothing was written; try again
            fix this problem: `a` has changed in the meantime; the next command then finishes or undoes the run
            move your `a` out of the way; the next command then restores the old one"#]].assert_eq(&texts);
    }
}
