//! Systems whose plugins are managed by a package manager.

use crate::errors::failed;
use pintle_host::caller;
use pintle_host::catalog::DirOrigin;
use pintle_host::cli::{CliError, Need, Session};
use pintle_host::fs;
use serde::Deserialize;

/// The name of the marker file, in one of the system's plugin directories.
const FILE: &str = "managed.toml";
const MAX_LEN: u64 = 64 * 1024;

/// The command changes the installed plugins, which the system may manage itself.
pub(super) const ALLOWED: Need = Need { check };

/// The packager's message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Marker {
    message: Option<String>,
}

fn check(session: &Session<'_>) -> Result<(), CliError> {
    let variable = session.identity().env_var("MANAGER");
    if caller::var_os(&variable).is_some_and(|it| it == "on") {
        return Ok(());
    }
    let of_system =
        |origin| matches!(origin, DirOrigin::Executable | DirOrigin::Local | DirOrigin::System);
    let mut dirs = session.search().dirs().iter().filter(|it| of_system(it.origin));
    let Some(path) = dirs.find_map(|it| {
        let path = it.path.join(FILE);
        path.symlink_metadata().is_ok().then_some(path)
    }) else {
        return Ok(());
    };
    // A marker that cannot be read counts, too.
    let text = fs::read_named(&path, MAX_LEN).ok().and_then(|it| it.into_text().ok());
    let marker: Marker = text.and_then(|it| toml::from_str(&it).ok()).unwrap_or_default();
    let hint = format!("to run the command anyway, set `{variable}=on`");
    let hint = match marker.message {
        Some(message) => format!("{}; {hint}", message.trim().trim_end_matches('.')),
        None => format!("install plugins as system packages; {hint}"),
    };
    let text = format!("plugins are managed by the system, according to `{}`", path.display());
    Err(failed(text).hint(hint))
}
