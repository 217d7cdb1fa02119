//! Arguments that several commands have.

use crate::digest::Digest;
use crate::errors::usage;
use crate::install::Consent;
use crate::manager::Manager;
use crate::signature::PublicKey;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pintle_host::cli::{CliError, Session};

pub(super) fn name() -> Arg {
    Arg::new("plugin").value_name("PLUGIN").help("The name of the plugin, its key, or `owner/repo`")
}

pub(super) fn names(command: Command, help: &'static str) -> Command {
    command.arg(name().num_args(0..).help(help))
}

pub(super) fn texts<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a str> {
    matches.get_many::<String>(name).into_iter().flatten().map(String::as_str)
}

/// Adds the options of commands that fetch plugins.
pub(super) fn fetching(command: Command) -> Command {
    command
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("MIRROR")
                .value_hint(clap::ValueHint::DirPath)
                .help("Take plugins from what `plugin mirror` has made: a directory, or `oci://…`"),
        )
        .arg(
            Arg::new("api")
                .long("api")
                .value_name("URL")
                .help("The address of GitHub's API, for servers of an enterprise"),
        )
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
                .help("Accept what is vouched for less than before, or is older"),
        )
}

/// Returns the manager with what the options of [`fetching`] say.
pub(super) fn manager<'a>(
    session: &'a Session<'a>,
    matches: &ArgMatches,
) -> Result<Manager<'a>, CliError> {
    let text = |name| matches.get_one::<String>(name);
    Manager::new(session)?.with_api(text("api").cloned()).with_mirror(text("from").map(|it| &**it))
}

/// Adds the option for versions before their release.
pub(super) fn pre(command: Command) -> Command {
    command
        .arg(Arg::new("pre").long("pre").action(ArgAction::SetTrue).help("Take pre-releases, too"))
}

pub(super) fn consent(matches: &ArgMatches) -> Result<Consent, CliError> {
    let text = |name| matches.try_get_one::<String>(name).ok().flatten();
    let key = text("key").map(|it| it.parse::<PublicKey>());
    let digest = text("sha256").map(|it| it.parse::<Digest>());
    Ok(Consent {
        yes: matches.get_flag("yes"),
        allow_downgrade: matches.get_flag("allow-downgrade"),
        key: key.transpose().map_err(|err| usage(err.to_string()))?,
        digest: digest.transpose().map_err(|err| usage(err.to_string()))?,
    })
}
