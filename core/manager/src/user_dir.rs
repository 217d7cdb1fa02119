//! The location of the user's plugins.

use pintle_host::caller;
use pintle_host::catalog::{DirOrigin, SearchPath};
use pintle_host::cli::Session;
use std::path::PathBuf;

/// Returns the user's plugin directory.
pub(crate) fn user_dir(session: &Session<'_>) -> Option<PathBuf> {
    // Not the session's own directory, which depends on the project's lock file.
    let search = SearchPath::new(session.identity(), &[], &caller::var_os);
    let user = search.dirs().iter().find(|it| it.origin == DirOrigin::User);
    user.map(|it| it.path.clone())
}
