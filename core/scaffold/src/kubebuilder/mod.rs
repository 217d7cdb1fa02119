//! kubebuilder's external plugins: its plugins in this host, and this host's plugins in
//! kubebuilder.
//!
//! An external plugin is a program that is run for each request, with JSON on its standard
//! input and output (the protocol `v1alpha1`). Here, [`plugins`] finds such programs, and an
//! [endpoint](endpoint) answers for each of them like a plugin of this host. In the other
//! direction, [`bridge`] answers kubebuilder's requests with a plugin of this host.
//!
//! Invariants: finding plugins lists directories and runs nothing; what a program returns passes
//! through the universe and its checks, like the output of all plugins.

mod arguments;
pub(crate) mod bridge;
mod cache;
mod discovery;
mod endpoint;
mod files;
pub(crate) mod install;
mod key;
pub(crate) mod line;
mod protocol;

use cache::Cache;
use discovery::{Found, find, root};
use endpoint::{External, Surroundings};
use line::Line;
use pintle_host::Purpose;
use pintle_host::caller;
use pintle_host::catalog::{Endpoint, ForeignPlugin, Manifest, Transport};
use pintle_host::cli::Session;
use pintle_plugin::manifest;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The environment variable, after the host's prefix, that has otherwise omitted files sent.
const SEND_ALL: &str = "EXTERNAL_PLUGINS_SEND_ALL";

/// Finds kubebuilder's external plugins, and what looks like one but cannot be used.
pub(crate) fn plugins(session: &Session<'_>) -> Vec<ForeignPlugin> {
    let env = caller::var_os;
    let Some(root) = root(&env) else { return Vec::new() };
    let found = find(&root);
    if found.is_empty() {
        return Vec::new();
    }
    let identity = session.identity();
    let qualifier = &identity.name_qualifier;
    let keys = found.iter().filter_map(|it| it.key.as_ref().ok());
    let names: BTreeMap<_, _> = keys.map(|it| (it.full_key(qualifier), it.to_string())).collect();
    let limit = session.hook_time_limit().map(|it| it.limit).map_err(|err| err.to_string());
    let surroundings = Arc::new(Surroundings {
        limit,
        limit_variable: identity.env_var("HOOK_TIMEOUT"),
        names,
        cache: Cache::new(identity.dir(Purpose::Cache, &env)),
        line: session.shared(Line::default),
        sends_all: env(&identity.env_var(SEND_ALL)).is_some_and(|it| it == "1"),
        is_silent: session.is_completing(),
    });
    found.into_iter().map(|it| foreign(it, &surroundings)).collect()
}

/// Returns where kubebuilder looks for external plugins on this system.
pub(crate) fn default_root() -> Option<PathBuf> {
    root(&caller::var_os).map(|it| it.path)
}

fn foreign(found: Found, surroundings: &Arc<Surroundings>) -> ForeignPlugin {
    let Found { path, key } = found;
    let found = key.map(|key| {
        let mut it = Manifest::default();
        it.format = manifest::FORMAT;
        it.name.clone_from(&key.name);
        it.version = key.semver();
        it.description = "An external plugin of kubebuilder".to_owned();
        it.project_versions = vec!["3".to_owned()];
        // A program cannot declare which ones it implements; for others, it returns nothing.
        it.subcommands = protocol::SUBCOMMANDS.map(|(name, _)| name.to_owned()).to_vec();
        let endpoint = External::new(path.clone(), key, Arc::clone(surroundings));
        (it, Arc::new(endpoint) as Arc<dyn Endpoint>)
    });
    ForeignPlugin { transport: Transport::External, path, found }
}
