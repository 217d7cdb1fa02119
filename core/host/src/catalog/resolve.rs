//! Finds the plugin for a key.

use super::entry::Entry;
use super::key::PluginKey;
use super::list::list;
use super::name::PluginName;
use super::project_version::ProjectVersion;
use super::reason::{Reason, place};
use super::refusal::Refusal;
use super::rules::Disabled;
use super::version::VersionPattern;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How similar two names must be for one to be suggested in place of the other, up to 1.
const SIMILAR: f64 = 0.85;

/// How many names or keys are suggested.
const MAX_SUGGESTED: usize = 3;

/// Why there is no plugin for a key.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// No plugin has this name.
    #[error("plugin `{key}` is not installed")]
    NotFound {
        /// The key.
        key: PluginKey,
        /// The names that look like it, the most similar first.
        similar: Vec<PluginName>,
    },
    /// The plugin has only other versions.
    #[error(
        "no version of plugin `{name}` matches `{key}`; installed versions: {}",
        list(installed)
    )]
    NoSuchVersion {
        /// The key.
        key: PluginKey,
        /// The plugin for the key's name.
        name: PluginName,
        /// The installed versions, the highest first.
        installed: Vec<PluginKey>,
    },
    /// Several plugins have this short name.
    #[error("plugin `{key}` is ambiguous: {}", list(candidates))]
    Ambiguous {
        /// The key.
        key: PluginKey,
        /// The plugins, by name.
        candidates: Vec<PluginKey>,
    },
    /// The plugin has only pre-releases, and the key does not ask for one.
    #[error("only pre-releases match `{key}`: {}", list(found))]
    OnlyPreReleases {
        /// The key.
        key: PluginKey,
        /// The pre-releases, the highest first.
        found: Vec<PluginKey>,
    },
    /// The plugin does not support the project version.
    #[error(
        "plugin `{plugin}` does not support project version `{project}`; it supports {}",
        list(supported)
    )]
    UnsupportedProjectVersion {
        /// The key.
        key: PluginKey,
        /// The plugin for the key.
        plugin: PluginKey,
        /// The project version.
        project: ProjectVersion,
        /// The project versions that the plugin supports.
        supported: Vec<ProjectVersion>,
        /// Versions of the plugin that support the project but do not match the key.
        others: Vec<PluginKey>,
    },
    /// The plugin is installed, and this host cannot run it.
    #[error("plugin `{key}` was found in {}, but is refused", place(path.as_deref()))]
    Refused {
        /// The key.
        key: PluginKey,
        /// Its file; `None` if it is a part of the program.
        path: Option<PathBuf>,
        /// Why it is refused.
        source: Arc<Refusal>,
    },
    /// The plugin is installed, and the user has disabled it.
    #[error("plugin `{key}` is installed but disabled")]
    Disabled {
        /// The key.
        key: PluginKey,
        /// The plugin for the key.
        plugin: PluginKey,
        /// The key that disables it, and who disabled it.
        by: Disabled,
    },
}

/// Finds the plugin for a key.
pub(super) fn resolve<'c>(
    entries: &'c [Entry],
    key: &PluginKey,
    project: Option<&ProjectVersion>,
) -> Result<&'c Entry, ResolveError> {
    let versions = usable_of_name(entries, key);
    if versions.is_empty() {
        return Err(missing(entries, key));
    }
    let asked = |it: &&Entry| it.key().is_some_and(|it| key.matches_key(it));
    let matching: Vec<_> = versions.iter().copied().filter(asked).collect();
    if matching.is_empty() {
        let other = || no_such_version(key, &versions);
        return Err(set_aside(entries, key).unwrap_or_else(other));
    }
    check_one_name(key, &matching)?;
    let likely = likely(key, &matching)?;
    let Some(project) = project else { return Ok(best(&likely)) };
    // A pre-release never replaces a stable version that does not support the project; the user
    // must ask for it.
    let supporting: Vec<_> = likely.iter().copied().filter(|it| it.supports(project)).collect();
    if supporting.is_empty() {
        return Err(unsupported(key, project, &versions, best(&likely)));
    }
    Ok(best(&supporting))
}

/// Returns the usable versions of the plugins for the key's name, the highest first.
fn usable_of_name<'c>(entries: &'c [Entry], key: &PluginKey) -> Vec<&'c Entry> {
    let usable = |matches: &dyn Fn(&PluginName) -> bool| -> Vec<&'c Entry> {
        let usable = entries.iter().filter(|it| it.is_usable());
        usable.filter(|it| it.key().is_some_and(|it| matches(it.name()))).collect()
    };
    let mut found = usable(&|it| it == key.name());
    if found.is_empty() {
        found = usable(&|it| key.matches_name(it));
    }
    found.sort_by_key(|it| std::cmp::Reverse(it.version()));
    found
}

/// Checks that all plugins that match a key have one name.
fn check_one_name(key: &PluginKey, matching: &[&Entry]) -> Result<(), ResolveError> {
    let names = names(matching);
    if names.len() == 1 {
        return Ok(());
    }
    let with_name = |it| PluginKey::new(PluginName::clone(it), key.version().cloned());
    let candidates = names.into_iter().map(with_name).collect();
    Err(ResolveError::Ambiguous { key: key.clone(), candidates })
}

fn names<'c>(entries: &[&'c Entry]) -> BTreeSet<&'c PluginName> {
    entries.iter().filter_map(|it| it.key()).map(PluginKey::name).collect()
}

/// Returns the entry that is used if several match; there is at least one.
fn best<'c>(entries: &[&'c Entry]) -> &'c Entry {
    entries.iter().copied().max_by_key(|it| it.version()).expect("the caller has found one")
}

/// Returns the versions that match a key: stable ones, unless the key contains a pre-release.
fn likely<'c>(key: &PluginKey, matching: &[&'c Entry]) -> Result<Vec<&'c Entry>, ResolveError> {
    if key.version().is_some_and(VersionPattern::has_pre_release) {
        return Ok(matching.to_owned());
    }
    let is_stable = |it: &&Entry| it.version().is_some_and(|it| it.is_stable());
    let stable: Vec<_> = matching.iter().copied().filter(is_stable).collect();
    if stable.is_empty() {
        let keys = matching.iter().filter_map(|it| it.key()).cloned();
        return Err(ResolveError::OnlyPreReleases { key: key.clone(), found: keys.collect() });
    }
    Ok(stable)
}

fn no_such_version(key: &PluginKey, versions: &[&Entry]) -> ResolveError {
    let installed: Vec<_> = versions.iter().filter_map(|it| it.key()).cloned().collect();
    let name = match names(versions).into_iter().collect::<Vec<_>>()[..] {
        [name] => name.clone(),
        _ => key.name().clone(),
    };
    ResolveError::NoSuchVersion { key: key.clone(), name, installed }
}

fn unsupported(
    key: &PluginKey,
    project: &ProjectVersion,
    versions: &[&Entry],
    meant: &Entry,
) -> ResolveError {
    let others = versions.iter().filter(|it| it.supports(project)).filter_map(|it| it.key());
    ResolveError::UnsupportedProjectVersion {
        key: key.clone(),
        plugin: meant.key().unwrap_or(key).clone(),
        project: *project,
        supported: meant.project_versions().collect(),
        others: others.cloned().collect(),
    }
}

fn missing(entries: &[Entry], key: &PluginKey) -> ResolveError {
    set_aside(entries, key).unwrap_or_else(|| ResolveError::NotFound {
        key: key.clone(),
        similar: similar(entries, key.name()),
    })
}

/// Returns the error for a plugin that is installed but refused or disabled.
fn set_aside(entries: &[Entry], key: &PluginKey) -> Option<ResolveError> {
    let is_meant = |it: &&Entry| match it.key() {
        Some(it) => key.matches_key(it),
        None => looks_like(it, key.name()),
    };
    let reasons = entries.iter().filter(is_meant).filter_map(|it| Some((it, it.reason()?)));
    let error = |(entry, reason): (&Entry, Reason)| match (reason, entry.key()) {
        (Reason::Disabled { by }, Some(plugin)) => {
            Some(ResolveError::Disabled { key: key.clone(), plugin: plugin.clone(), by })
        }
        (Reason::Refused(source), _) => {
            let path = entry.path().map(Path::to_owned);
            Some(ResolveError::Refused { key: key.clone(), path, source })
        }
        _ => None,
    };
    reasons.into_iter().find_map(error)
}

/// Whether a file whose manifest cannot be read has the name of a plugin.
fn looks_like(entry: &Entry, name: &PluginName) -> bool {
    let stem = entry.path().and_then(|it| it.file_stem()).unwrap_or_default().to_string_lossy();
    let stem = stem.strip_prefix(std::env::consts::DLL_PREFIX).unwrap_or(&stem).replace('_', "-");
    let is_whole_words = |rest: &str| rest.is_empty() || rest.starts_with(['-', '.']);
    stem.strip_prefix(name.short()).is_some_and(is_whole_words)
}

fn similar(entries: &[Entry], name: &PluginName) -> Vec<PluginName> {
    let names: BTreeSet<_> = entries
        .iter()
        .filter(|it| it.is_usable())
        .filter_map(Entry::key)
        .map(PluginKey::name)
        .collect();
    let mut scored: Vec<_> = names
        .into_iter()
        .map(|it| (similarity(name, it), it))
        .filter(|(score, _)| *score >= SIMILAR)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(MAX_SUGGESTED).map(|(_, it)| it.clone()).collect()
}

fn similarity(asked: &PluginName, name: &PluginName) -> f64 {
    let short = strsim::jaro_winkler(asked.short(), name.short());
    if !asked.is_qualified() {
        return short;
    }
    short.min(strsim::jaro_winkler(asked.as_str(), name.as_str()))
}
