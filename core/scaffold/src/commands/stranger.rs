//! Which plugin has an option that no plugin of the chain has.

use super::subcommand::Subcommand;
use crate::chain::members::Chain;
use pintle_host::catalog::Entry;
use pintle_host::cli::Session;

/// Returns what to do about an option, given without dashes, that no plugin of the chain has;
/// `keys` are the keys of the chain, as the user would type them.
pub(super) fn hint(
    session: &Session<'_>,
    chain: Chain<'_>,
    subcommand: Subcommand,
    keys: &[String],
    option: &str,
) -> Option<String> {
    let entries = session.catalog().entries().iter();
    let is_stranger = |it: &&Entry| {
        it.is_usable()
            && it.is_current()
            && it.supports(chain.project_version)
            && it.subcommands().iter().any(|it| it == subcommand.name())
            && !chain.plugins.iter().any(|plugin| Some(plugin.key()) == it.key())
    };
    let found = entries.filter(is_stranger).find(|it| has_option(session, chain, it, option));
    let Some(key) = found.and_then(Entry::key) else {
        return session.suggest_option(subcommand.name(), option);
    };
    let (name, command) = (key.name(), &session.identity().command_name);
    let what = match subcommand {
        Subcommand::Init => {
            let keys = [keys, &[name.to_string()]].concat();
            format!("add it with `--plugins {}`", keys.join(","))
        }
        Subcommand::Edit => format!("add it with `--plugins {name}`"),
        _ => format!("add it to the project with `{command} edit --plugins {name}`"),
    };
    Some(format!("plugin `{key}` has the option `--{option}`: {what}"))
}

/// Returns whether a plugin has an option. A plugin that does not answer has none.
fn has_option(session: &Session<'_>, chain: Chain<'_>, entry: &Entry, option: &str) -> bool {
    let Ok(plugin) = session.load(entry) else { return false };
    let alone = Chain { plugins: &[plugin], ..chain };
    let flags = alone.bind_flags(&[], &session.services().of(""));
    flags.is_ok_and(|it| it.iter().any(|it| it.arg.name == option))
}
