//! Arguments that several commands have.

use crate::digest::Digest;
use crate::errors::usage;
use crate::install::Consent;
use crate::manager::Manager;
use crate::signature::{InvalidKey, PublicKey};
use crate::store::Stored;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Exit, Session, Values};
use pintle_host::fs;
use pintle_plugin::Candidate;
use std::path::Path;

/// The largest size of a key file.
const MAX_KEY_LEN: u64 = 64 * 1024;

pub(super) fn name() -> Arg {
    Arg::new("plugin")
        .value_name("PLUGIN")
        .add(Values(installed))
        .help("The name of the plugin, its key, or `owner/repo`")
}

/// Returns the plugins of the store that are not on the line yet.
fn installed(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let plugins = Manager::new(session).and_then(|it| it.plugins()).unwrap_or_default();
    let candidate = |it: &Stored| {
        let (version, receipt) = it.latest()?;
        Some(Candidate::new(receipt.name.clone(), format!("{version} of {}", receipt.source)))
    };
    let mut found: Vec<_> = plugins.iter().filter_map(candidate).collect();
    found.retain(|it| !texts(matches, "plugin").any(|given| given == it.value));
    found
}

pub(super) fn names(command: Command, help: &'static str) -> Command {
    command.arg(name().num_args(0..).help(help))
}

pub(super) fn texts<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    matches.get_many::<String>(name).into_iter().flatten().map(String::as_str)
}

/// Adds the options of commands that query sources.
pub(super) fn asking(command: Command) -> Command {
    command
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("MIRROR")
                .value_hint(clap::ValueHint::DirPath)
                .help("Fetch plugins from a mirror: a directory, or `oci://…`"),
        )
        .arg(
            Arg::new("api")
                .long("api")
                .value_name("URL")
                .help("The URL of the GitHub API, for GitHub Enterprise servers"),
        )
}

/// Adds the options of commands that install plugins.
pub(super) fn installing(command: Command) -> Command {
    asking(command)
        .arg(
            Arg::new("yes")
                .long("yes")
                .short('y')
                .action(ArgAction::SetTrue)
                .help("Answer every question with yes"),
        )
        .arg(
            Arg::new("allow-downgrade")
                .long("allow-downgrade")
                .action(ArgAction::SetTrue)
                .help("Accept lower trust than before, or an older version"),
        )
}

/// Returns the manager, configured with the options of [`asking`].
pub(super) fn manager<'a>(
    session: &'a Session<'a>,
    matches: &ArgMatches,
) -> Result<Manager<'a>, CliError> {
    let text = |name| matches.get_one::<String>(name);
    Manager::new(session)?.with_api(text("api").cloned()).with_mirror(text("from").map(|it| &**it))
}

/// Adds the option for pre-releases.
pub(super) fn pre(command: Command) -> Command {
    command.arg(Arg::new("pre").long("pre").action(ArgAction::SetTrue).help("Include pre-releases"))
}

pub(super) fn consent(manager: &Manager<'_>, matches: &ArgMatches) -> Result<Consent, CliError> {
    let text = |name| matches.try_get_one::<String>(name).ok().flatten();
    let digest = text("sha256").map(|it| it.parse::<Digest>());
    Ok(Consent {
        yes: matches.get_flag("yes"),
        allow_downgrade: matches.get_flag("allow-downgrade"),
        minimum_trust: manager.config.minimum_trust,
        key: text("key").map(|it| key(it)).transpose()?,
        digest: digest.transpose().map_err(|err| usage(err.to_string()))?,
    })
}

/// Reads a key, or a file that contains one. No key is a path: it would need a directory `RW…`.
fn key(text: &str) -> Result<PublicKey, CliError> {
    let err = match text.parse() {
        Ok(key) => return Ok(key),
        Err(err) => err,
    };
    let hint = "specify a key, which begins with `RW`, or a `.pub` file that contains one";
    let invalid = |err: &(dyn std::error::Error + 'static)| {
        CliError::from_error(Exit::Usage, err).hint(hint.to_owned())
    };
    let contents = match fs::read_named(Path::new(text), MAX_KEY_LEN) {
        Err(unread) if unread.is_absent() => return Err(invalid(&err)),
        contents => contents.map_err(|err| invalid(&err))?,
    };
    let key = contents.into_text().map_err(|err| invalid(&err))?;
    key.parse().map_err(|err: InvalidKey| invalid(&err))
}
