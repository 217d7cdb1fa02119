//! The requirements of a host for a plugin's manifest.

use super::key::PluginKey;
use super::manifest_view::{ManifestView, Text};
use super::name::{PluginName, is_label};
use super::project_version::ProjectVersion;
use super::refusal::Refusal;
use super::rules::Rules;
use super::size;
use super::version::PluginVersion;
use crate::identity::LIBRARY_VERSION;
use pintle_plugin::manifest::{ABI_STABLE_VERSION, INTERFACE_VERSION, TARGET};

/// Returns the full key of a plugin whose manifest is valid.
pub(super) fn judge(view: &ManifestView<'_>, rules: &Rules) -> Result<PluginKey, Refusal> {
    size::check(view)?;
    check_facts(view, rules)
}

/// Returns the full key of a plugin whose manifest is valid; the caller has checked its size.
pub(super) fn check_facts(view: &ManifestView<'_>, rules: &Rules) -> Result<PluginKey, Refusal> {
    let key = key_of(view, rules)?;
    check_contents(view)?;
    Ok(key)
}

/// Returns the full key that a manifest claims.
pub(super) fn key_of(view: &ManifestView<'_>, rules: &Rules) -> Result<PluginKey, Refusal> {
    let name = view
        .name
        .parse::<PluginName>()
        .and_then(|it| it.qualified(&rules.identity.name_qualifier))
        .map_err(|source| Refusal::Name { source })?;
    let version: PluginVersion =
        view.version.parse().map_err(|source| Refusal::Version { source })?;
    Ok(PluginKey::exact(name, version))
}

/// The prefix of the names of root symbols: `export_plugin!` creates such names, and no other
/// library has them. That such a symbol is a header is part of the proof that opening a plugin is
/// safe.
const ROOT_PREFIX: &str = "pintle_root_";

/// Checks that the plugin was built for this host.
pub(super) fn check_abi(view: &ManifestView<'_>, rules: &Rules) -> Result<(), Refusal> {
    let abi = &view.abi;
    if view.target != TARGET {
        let found = view.target.to_string();
        return Err(Refusal::WrongTarget { found, expected: TARGET });
    }
    check_interface(&abi.interface)?;
    if abi.abi_stable != ABI_STABLE_VERSION {
        let (found, expected) = (abi.abi_stable.to_string(), ABI_STABLE_VERSION);
        return Err(Refusal::AbiStable { found, expected });
    }
    if abi.panic != "unwind" && !rules.allow_panic_abort {
        return Err(Refusal::PanicStrategy { strategy: abi.panic.to_string() });
    }
    if !abi.root.starts_with(ROOT_PREFIX) {
        let (symbol, prefix) = (abi.root.to_string(), ROOT_PREFIX);
        return Err(Refusal::RootSymbolName { symbol, prefix });
    }
    Ok(())
}

fn check_interface(text: &str) -> Result<(), Refusal> {
    let Ok(found) = text.parse::<semver::Version>() else {
        return Err(Refusal::BadInterface { found: text.to_owned() });
    };
    let expected = interface_major();
    // Within a major version, both directions work: the transport chooses the direction of the
    // layout check from the two versions.
    match found.major.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Refusal::InterfaceTooOld { found, expected }),
        std::cmp::Ordering::Greater => Err(Refusal::InterfaceTooNew { found, expected }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

fn interface_major() -> u64 {
    let version: semver::Version =
        INTERFACE_VERSION.parse().expect("cargo accepts no other version");
    version.major
}

fn check_host(requirement: &str) -> Result<(), Refusal> {
    // It is empty, for example in a manifest from another tool, or has the macro's default.
    if requirement.is_empty() || requirement == "*" {
        return Ok(());
    }
    let parsed: semver::VersionReq = requirement.parse().map_err(|source| {
        Refusal::BadHostRequirement { requirement: requirement.to_owned(), source }
    })?;
    let host: semver::Version = LIBRARY_VERSION.parse().expect("cargo accepts no other version");
    if is_met(&parsed, &host) {
        return Ok(());
    }
    Err(Refusal::HostRequirement { requirement: requirement.to_owned(), host: LIBRARY_VERSION })
}

/// Whether a host of this version meets a requirement.
fn is_met(requirement: &semver::VersionReq, host: &semver::Version) -> bool {
    // semver excludes pre-releases from every range that does not name one, but `0.2.0-rc.1` is to
    // be tested with the plugins for `0.2`.
    let released = semver::Version::new(host.major, host.minor, host.patch);
    requirement.matches(host) || requirement.matches(&released)
}

/// Checks a manifest, apart from its name and version.
fn check_contents(view: &ManifestView<'_>) -> Result<(), Refusal> {
    if view.project_versions.is_empty() && !view.subcommands.is_empty() {
        return Err(Refusal::NoProjectVersions);
    }
    for version in &view.project_versions {
        version.0.parse::<ProjectVersion>().map_err(|source| Refusal::ProjectVersion { source })?;
    }
    let is_command = |path: &[String]| !path.is_empty() && path.iter().all(|it| is_label(it));
    match view.commands.iter().find(|it| !is_command(&it.path)) {
        Some(bad) => Err(Refusal::Command { command: bad.path.join(" ") }),
        None => check_host(&view.host),
    }
}

/// Checks that a plugin that lists versions of the PROJECT file supports one that this host
/// supports.
pub(super) fn check_supported(view: &ManifestView<'_>) -> Result<(), Refusal> {
    let is_supported = |it: &Text<'_>| it.0.parse().is_ok_and(ProjectVersion::is_supported);
    match view.project_versions.as_slice() {
        [] => Ok(()),
        versions if versions.iter().any(is_supported) => Ok(()),
        _ => {
            let found: Vec<_> = view.project_versions.iter().map(|it| it.0.as_ref()).collect();
            Err(Refusal::UnsupportedProjectVersions { found: found.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pre_release_of_the_host_is_tried_with_the_plugins_for_the_release() {
        for (requirement, host, met) in [
            (">=0.2", "0.2.0-rc.1", true),
            ("^0.2", "0.2.3", true),
            (">=0.3", "0.2.0-rc.1", false),
            ("<0.2", "0.2.0", false),
        ] {
            let (requirement, host) = (requirement.parse().unwrap(), host.parse().unwrap());
            assert_eq!(is_met(&requirement, &host), met, "{requirement} {host}");
        }
    }
}
