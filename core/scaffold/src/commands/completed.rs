//! Completions for the resources in PROJECT, and for plugins that scaffold.

use super::working_project::{load_project, project_root};
use crate::project::gvk::Gvk;
use crate::project::resource::Resource;
use clap::ArgMatches;
use pintle_host::catalog::PluginKey;
use pintle_host::cli::{Session, plugin_keys};
use pintle_plugin::Candidate;
use std::collections::BTreeSet;

/// Returns the groups of the project's resources.
pub(super) fn groups(_: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    parts(matches, &[("version", Gvk::version), ("kind", Gvk::kind)], Gvk::group)
}

/// Returns the versions of the project's resources.
pub(super) fn versions(_: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    parts(matches, &[("group", Gvk::group), ("kind", Gvk::kind)], Gvk::version)
}

/// Returns the kinds of the project's resources.
pub(super) fn kinds(_: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    parts(matches, &[("group", Gvk::group), ("version", Gvk::version)], Gvk::kind)
}

/// Returns the other versions of the resource on the line.
pub(super) fn spokes(_: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let mut found = parts(matches, &[("group", Gvk::group), ("kind", Gvk::kind)], Gvk::version);
    let hub = matches.get_one::<String>("version");
    found.retain(|it| Some(&it.value) != hub);
    found
}

type Part = for<'g> fn(&'g Gvk) -> &'g str;

/// Returns a part of the resources whose other parts match the line.
fn parts(matches: &ArgMatches, others: &[(&str, Part)], part: Part) -> Vec<Candidate> {
    let project = project_root().and_then(|it| load_project(&it)).ok().flatten();
    let given = |name: &str| matches.try_get_one::<String>(name).ok().flatten();
    let is_meant = |it: &&Resource| {
        others.iter().all(|(name, part)| given(name).is_none_or(|given| part(it.gvk()) == given))
    };
    let resources = project.iter().flat_map(|it| it.resources()).filter(is_meant);
    let found: BTreeSet<_> = resources.map(|it| part(it.gvk())).collect();
    found.into_iter().map(|it| Candidate::new(it, "")).collect()
}

/// Returns the plugins that can be members of a chain and are not on the line yet.
pub(super) fn chain(session: &Session<'_>, matches: &ArgMatches) -> Vec<Candidate> {
    let given = matches.try_get_many::<String>("plugins").ok().flatten();
    let given: Vec<_> = given.into_iter().flatten().collect();
    let mut keys = plugin_keys(session, |it| it.is_usable() && !it.subcommands().is_empty());
    keys.retain(|it| !given.contains(&&it.value));
    keys
}

/// Returns the versions of the plugins that have created the project.
pub(super) fn upgrades(session: &Session<'_>, _: &ArgMatches) -> Vec<Candidate> {
    let made_by = session.made_by().unwrap_or_default();
    let is_meant = |key: &PluginKey| made_by.iter().any(|it| it.name() == key.name());
    let keys = plugin_keys(session, |it| it.is_usable() && it.key().is_some_and(is_meant));
    let candidate = |it: Candidate| {
        let (name, version) = it.value.split_once('/')?;
        Some(Candidate::new(format!("{name}@{version}"), it.help))
    };
    keys.into_iter().filter_map(candidate).collect()
}
