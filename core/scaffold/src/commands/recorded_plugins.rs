//! Which installed plugins rerun the commands of the record.

use super::working_project::project_root;
use crate::record::file::Record;
use crate::record::memo::Memo;
use crate::record::replay::Plugins;
use pintle_host::Purpose;
use pintle_host::caller;
use pintle_host::catalog::{PluginKey, ProjectVersion, ResolveError};
use pintle_host::cli::{CliError, Exit, Hint, Session, plugin};
use pintle_plugin::Level;
use std::collections::BTreeMap;

/// Returns the error of a missing plugin that the project needs: the command line is not at fault.
pub(super) fn missing(err: ResolveError) -> CliError {
    match err {
        ResolveError::NotFound { .. } => {
            CliError::from_error(Exit::Refused, &err).hint(Hint::new(|host| {
                let name = &host.command_name;
                format!("install the plugin in a directory that `{name} plugin abi` lists")
            }))
        }
        err => err.into(),
    }
}

/// Returns the plugins that created the project in the current directory, each in the version that
/// was used last.
pub(super) fn made_by(_: &Session<'_>) -> Result<Vec<PluginKey>, CliError> {
    let record = Record::load(&project_root()?)?;
    let mut found: Vec<PluginKey> = Vec::new();
    for text in record.commands().iter().flat_map(|it| &it.plugins) {
        let key = plugin::parse_key(text)?;
        match found.iter_mut().find(|it| it.name() == key.name()) {
            Some(earlier) => *earlier = key,
            None => found.push(key),
        }
    }
    Ok(found)
}

/// Returns the plugins that the commands of the record were run with, or their replacements;
/// `wanted` returns which plugin to use instead.
pub(super) fn recorded_plugins(
    session: &Session<'_>,
    record: &Record,
    wanted: &dyn Fn(&PluginKey) -> Option<PluginKey>,
) -> Result<(Plugins, Memo), CliError> {
    let mut plugins = Plugins::new();
    // Programs other than libraries may consist of more than one file.
    let (mut files, mut are_libraries) = (BTreeMap::new(), true);
    for command in record.commands() {
        let version = command.project_version.parse::<ProjectVersion>().ok();
        for text in &command.plugins {
            if plugins.contains_key(text) {
                continue;
            }
            let key = plugin::parse_key(text)?;
            let asked = wanted(&key);
            let exact = asked.clone().unwrap_or_else(|| key.clone());
            let found = match session.resolve(&exact, version.as_ref()) {
                Ok(entry) => entry,
                Err(err) if asked.is_some() => return Err(missing(err)),
                // Another version of the plugin can run the same commands.
                Err(_) => {
                    let any = PluginKey::new(key.name().clone(), None);
                    let entry = session.resolve(&any, version.as_ref()).map_err(missing)?;
                    let text = format!("`{key}` is not installed; using another version");
                    session.console().log(Level::Warn, &text);
                    entry
                }
            };
            let plugin = session.load(&found)?;
            are_libraries &= plugin.is_library();
            files.extend(found.path().map(|it| (text.clone(), it.to_owned())));
            plugins.insert(text.clone(), plugin);
        }
    }
    let cache = session.identity().dir(Purpose::Cache, &caller::var_os);
    Ok((plugins, Memo::new(cache.filter(|_| are_libraries), files)))
}
