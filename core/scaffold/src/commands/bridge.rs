//! `bridge kubebuilder` and `bridge install`: plugins of this host in kubebuilder.

use super::completed;
use super::invocation::today;
use super::recorded_plugins::missing;
use super::working_project::current_dir;
use crate::kubebuilder::bridge::{Bridge, BridgeError, Quiet, Request, error_answer};
use crate::kubebuilder::default_root;
use crate::kubebuilder::install::{InstallError, install};
use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use pintle_host::catalog::{Entry, Transport};
use pintle_host::cli::{CliError, Exit, Row, Run, Session, Step, Values, plugin};
use std::io::{self, Read as _};
use std::path::PathBuf;

/// kubebuilder cannot create a request that is larger than this.
const MAX_REQUEST: u64 = 1 << 30;

pub(super) const KUBEBUILDER: Row = Row::new(
    &["bridge", "kubebuilder"],
    "Answer a request from kubebuilder, which runs this command as an external plugin",
    Run::Plain(answer),
)
.args(|command| command.arg(key()));

pub(super) const INSTALL: Row = Row::new(
    &["bridge", "install"],
    "Install a plugin as an external plugin of kubebuilder",
    Run::Plain(lay_out),
)
.args(|command| {
    command.args([
        key(),
        Arg::new("dir")
            .long("dir")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::DirPath)
            .help("The directory for external plugins [default: where kubebuilder looks for them]"),
        Arg::new("force")
            .long("force")
            .action(ArgAction::SetTrue)
            .help("Overwrite an existing file even if it is not a bridge of this host"),
    ])
});

fn key() -> Arg {
    Arg::new("key")
        .value_name("KEY")
        .required(true)
        .add(Values(completed::chain))
        .help("The key of the plugin")
}

/// Answers one request. A failure is an answer, too: if a program ends with a failure, kubebuilder
/// shows nothing.
fn answer(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let mut command = String::new();
    let text = try_answer(session, matches, &mut command).unwrap_or_else(|err| {
        let hint = err.advice(session.identity()).map(|it| format!("hint: {it}"));
        error_answer(&command, [err.to_string()].into_iter().chain(hint).collect())
    });
    session.console().println(&text);
    Ok(Exit::Done.into())
}

fn try_answer(
    session: &Session<'_>,
    matches: &ArgMatches,
    command: &mut String,
) -> Result<String, CliError> {
    let mut stdin = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_REQUEST)
        .read_to_end(&mut stdin)
        .map_err(|err| CliError::new(Exit::Failed, "failed to read standard input").cause(&err))?;
    let request = Request::parse(&stdin)?;
    command.clone_from(&request.command);
    let entry = entry(session, matches)?;
    let plugin = session.load(entry)?;
    let root = current_dir()?;
    let services = Quiet(session.services().of(plugin.key().to_string()));
    let date = today();
    let bridge = Bridge {
        plugin,
        identity: session.identity(),
        date: &date,
        root: &root,
        services: &services,
    };
    Ok(bridge.answer(&request)?)
}

/// Writes the script that kubebuilder runs.
fn lay_out(session: &Session<'_>, matches: &ArgMatches) -> Result<Step, CliError> {
    let entry = entry(session, matches)?;
    let plugin = session.load(entry)?;
    if plugin.manifest().subcommands.is_empty() {
        let text = format!("plugin `{}` does not scaffold", plugin.key());
        return Err(CliError::new(Exit::Usage, text).hint("choose a plugin that scaffolds"));
    }
    let dir = matches.get_one::<PathBuf>("dir").cloned();
    let dir = dir.or_else(default_root).ok_or_else(|| {
        CliError::new(
            Exit::Failed,
            "kubebuilder has no directory for external plugins on this system",
        )
        .hint("specify a directory with `--dir`, or set `HOME`")
    })?;
    let host = std::env::current_exe().map_err(|err| {
        CliError::new(Exit::Failed, "failed to find the executable of this host").cause(&err)
    })?;
    let path = install(&dir, plugin.key(), &host, matches.get_flag("force"))?;
    session.console().println(path.display());
    Ok(Exit::Done.into())
}

/// Returns the plugin that the command line names. A bridge to an external plugin would lead back
/// to kubebuilder.
fn entry<'s>(session: &'s Session<'_>, matches: &ArgMatches) -> Result<&'s Entry, CliError> {
    let key = matches.get_one::<String>("key").map_or("", |it| it);
    let entry = session.catalog().resolve(&plugin::parse_key(key)?, None).map_err(missing)?;
    if entry.transport() == Transport::External {
        let text = format!("plugin `{key}` is already an external plugin of kubebuilder");
        return Err(CliError::new(Exit::Usage, text).hint("specify a plugin of this host"));
    }
    Ok(entry)
}

impl From<BridgeError> for CliError {
    fn from(err: BridgeError) -> Self {
        match err {
            BridgeError::Scaffold(err) => Self::from(err),
            BridgeError::Request(_) => Self::from_error(Exit::Usage, &err)
                .hint("let kubebuilder run this command; it sends the request as one JSON object"),
            BridgeError::Usage(_) => Self::from_error(Exit::Usage, &err),
        }
    }
}

impl From<InstallError> for CliError {
    fn from(err: InstallError) -> Self {
        let hint = match &err {
            InstallError::Occupied { .. } => "use `--force` to overwrite it",
            InstallError::Version(_) => {
                "use a release, alpha or beta version: kubebuilder supports only `vN`, `vN-alpha` \
                 and `vN-beta`"
            }
            InstallError::Text { .. } => "move the host to a path that is valid UTF-8",
            InstallError::Directory { .. } | InstallError::Write(_) => {
                "check that you have write permission, or specify another directory with `--dir`"
            }
        };
        Self::from_error(Exit::Failed, &err).hint(hint)
    }
}
