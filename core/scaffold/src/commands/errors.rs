//! The errors of scaffolding as the user reads them: exit codes, and what to do.
//!
//! Invariant: only here do errors of the library learn of options and of the host's command.

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

    /// Returns the hint as the user of Pintle itself reads it.
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
                // What a plugin answered has its own exit code, causes and hint.
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
                "start another project in a directory that is not in this one; all commands of a \
                 project also work in its subdirectories"
                    .into(),
            ),
            Self::WebhookExists { webhook, .. } => Some(
                format!("leave out `--{webhook}`, or use `--force` to scaffold it again").into(),
            ),
            Self::NotInitialized { .. } => {
                Some(Hint::new(|host| format!("run `{} init` first", host.command_name)))
            }
            Self::NoPart { .. } => None,
            Self::NotJoined { .. } => {
                Some("nothing was written; a plugin joins the project only if it takes part".into())
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
                "`--skip-existing` leaves these lines as they are, and changes the others; `--force` \
                 makes the whole file anew, without any of your changes"
                    .into(),
            ),
            Self::NoRecord { .. } => Some(
                format!(
                    "restore the record in `{HOST_FOLDER}` from version control; it must begin \
                     with `init`"
                )
                .into(),
            ),
            Self::Absent { .. } => {
                Some("install the plugin, or the version that replaces it".into())
            }
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
                        "nothing was written; check what the plugin waits for, or give plugins \
                         more time with the variable `{variable}`, for example `10m`"
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
            Self::Staging { .. } => {
                Some("set `TMPDIR` to a directory where the copy can be written".into())
            }
            Self::Tool { command, .. } => {
                let program = command.split(' ').next().unwrap_or_default();
                Some(format!("the plugin needs `{program}`; nothing was written").into())
            }
        }
    }
}

impl Advice for FlagError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Types { .. } | Self::Letter { .. } => {
                Some("leave one of the two plugins out of `--plugins`".into())
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
                Some("this host reads project versions 3, 3-alpha and 2".into())
            }
            Self::Edit { key } => {
                let text = format!("write the value of `{key}` in block style, without anchors");
                Some(text.into())
            }
            Self::Name(err) => err.hint(),
            Self::Conflict { .. } => Some(repair_hint()),
            Self::Unpaired { .. } => Some("resolve this conflict by hand".into()),
            Self::Contradiction { key, .. } => Some(
                format!("write the `{key}` that is right on both sides, then try again").into(),
            ),
            Self::Value { fix, .. } => Some(fix.clone().into()),
            Self::Syntax { line, .. } => Some(
                format!("fix the YAML in line {line}, or restore the file from version control")
                    .into(),
            ),
            Self::Encoding { .. } => Some("save it as UTF-8, without a byte order mark".into()),
            Self::Link { .. } => Some("replace the link by a copy of the file".into()),
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
                    format!("leave out `--plural`, or use `--plural {known}`")
                }
                Self::Taken { .. } => {
                    "choose another kind, or another plural with `--plural`".to_owned()
                }
            }
            .into(),
        )
    }
}

impl Advice for NameError {
    fn hint(&self) -> Option<Hint> {
        Some(format!("write it like `{}`", self.example()).into())
    }
}

impl Advice for UniverseError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Conflict { path, other: None, .. } => Some(
                format!(
                    "use `--force` to overwrite `{path}`, or `--skip-existing` to leave it as it is"
                )
                .into(),
            ),
            Self::Conflict { .. } => Some("leave one of the two plugins out of the chain".into()),
            Self::Occupied { path, .. } => Some(format!("move `{path}` away").into()),
            Self::List { .. } => {
                Some("make it readable, or list it in the project's `.gitignore`".into())
            }
            Self::Case { .. } => Some(
                "some systems cannot store both; use one spelling, or delete the other file".into(),
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
            Self::Unpaired { .. } => Some("resolve this conflict by hand".into()),
            Self::TooLarge { .. } | Self::Full => {
                Some("leave the plugin that writes such files out of the chain".into())
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
            Self::Occupied { path } => Some(format!("move `{path}` away, then try again").into()),
            Self::Disappeared { .. } | Self::Changed { .. } => {
                Some("nothing was written; try again".into())
            }
            Self::Disk { action: "look for", path, source }
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                let text =
                    format!("check that you have permission to search the directory of `{path}`");
                Some(text.into())
            }
            Self::Disk { path, source, .. } => disk_hint(path, source.kind()),
            Self::Busy { lock: Some(lock), .. } => Some(
                format!(
                    "wait until the process has ended; if it does not run any more, remove `{}`",
                    lock.display()
                )
                .into(),
            ),
            Self::Busy { lock: None, .. } => {
                Some("wait until the process has ended, or stop it, then try again".into())
            }
            Self::Journal { path, .. } => Some(journal_hint(path)),
            Self::Undo { undo, .. } => Some(
                format!("{undo}; once that is fixed, the next command finishes or undoes the run")
                    .into(),
            ),
            Self::Interrupted { source, .. } => match &**source {
                Self::Changed { path } | Self::Occupied { path } => Some(
                    format!("move your `{path}` away; the next command then restores the old one")
                        .into(),
                ),
                other => other.hint(),
            },
            Self::Path { .. } => None,
        }
    }
}

/// Returns what to do about what a merge has left.
fn repair_hint() -> Hint {
    Hint::new(|host| {
        format!("run `{} project repair` to take over what both sides did", host.command_name)
    })
}

/// Returns what to do about a record that cannot be read.
fn read_hint(kind: ErrorKind) -> Option<Hint> {
    match kind {
        ErrorKind::PermissionDenied => Some("check that you have permission to read it".into()),
        // It is too large, no text, or no file.
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
            Some(format!("`{path}` is on another file system than the project").into())
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("free space on the disk, then try again".into())
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
        "compare the project with your version control; the replaced files are `{run}/*.old`; \
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
        expect!["failed to run `create api` again, command 2 of the record: `create api` failed at `a.io/v1.0.0`, while it scaffolds: no wood: no forest"].assert_eq(&CliError::from(replayed(call.into())).to_string());

        let path = "a".to_owned();
        let source = UniverseError::Read { path, source: ErrorKind::PermissionDenied.into() };
        expect!["failed to run `create api` again, command 2 of the record: `create api` failed at `a.io/v1.0.0`, while it scaffolds: failed to read `a`: permission denied"].assert_eq(&CliError::from(replayed(source.into())).to_string());
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
            `a` has changed meanwhile; once that is fixed, the next command finishes or undoes the run
            move your `a` away; the next command then restores the old one"#]].assert_eq(&texts);
    }
}
