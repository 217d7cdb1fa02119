//! The directories of a plugin.

use crate::caller;
use crate::identity::{Identity, Purpose};
use pintle_plugin::message::{Directories, ErrorReply};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Returns the directories of the plugin with the name `plugin`, for all its versions. Missing
/// directories are created, with access only for the user.
pub(super) fn directories(identity: &Identity, plugin: &str) -> Result<Directories, ErrorReply> {
    let mut directories = Directories::default();
    directories.config = directory(identity, Purpose::Config, plugin)?;
    directories.cache = directory(identity, Purpose::Cache, plugin)?;
    directories.state = directory(identity, Purpose::State, plugin)?;
    Ok(directories)
}

fn directory(identity: &Identity, purpose: Purpose, plugin: &str) -> Result<PathBuf, ErrorReply> {
    let of_host = identity.dir(purpose, &caller::var_os).ok_or_else(|| {
        let mut err = ErrorReply::failed("the user has no directory for the plugin's files");
        err.hint = Some("set `HOME`".to_owned());
        err
    })?;
    let path = of_host.join("plugins").join(plugin);
    let created = create(&path).map_err(|err| {
        let mut reply =
            ErrorReply::failed(format!("failed to create the directory `{}`", path.display()));
        reply.causes.push(err.to_string());
        reply
    });
    created.map(|()| path)
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}
