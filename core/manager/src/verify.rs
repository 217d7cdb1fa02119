//! Whether the files of the store are still those that were installed.

use crate::config::{Config, Verify};
use crate::digest::Digest;
use crate::errors::refused;
use crate::manager::user_dir;
use crate::store::{FileRecord, Place, Receipt, Store, StoreError};
use pintle_host::cli::{CliError, Session};
use pintle_host::fs;
use std::path::Path;

/// The largest file of a plugin.
const MAX_LEN: u64 = 512 * 1024 * 1024;

/// Returns what is wrong with the files of a version, a sentence each.
pub(crate) fn faults(
    store: &Store,
    place: &Place,
    version: &str,
    receipt: &Receipt,
) -> Result<Vec<String>, StoreError> {
    let found = store.hash(place, version)?;
    let mut faults = Vec::new();
    for (path, record) in &receipt.files {
        faults.extend(match found.get(path) {
            None => Some(format!("`{path}` is missing")),
            Some(it) if it.digest != record.digest => Some(format!("`{path}` has other bytes")),
            Some(it) if it.is_executable != record.is_executable => {
                Some(format!("`{path}` has another mode"))
            }
            Some(_) => None,
        });
    }
    let is_new = |it: &&String| !receipt.files.contains_key(*it);
    faults.extend(found.keys().filter(is_new).map(|it| format!("`{it}` was added")));
    if receipt.digest_of_files() != receipt.content {
        faults.push("its receipt was changed".to_owned());
    }
    Ok(faults)
}

/// Compares a plugin's file with what was installed, before it is loaded, if the user wants that.
pub(crate) fn vet(
    session: &Session<'_>,
    entry: &pintle_host::catalog::Entry,
) -> Result<(), CliError> {
    let Some(path) = entry.path() else { return Ok(()) };
    let known = session.shared(|| Config::load(session.identity()));
    match &*known {
        Ok(config) if config.verify != Verify::Load => return Ok(()),
        Ok(_) => {}
        Err(_) => drop(Config::load(session.identity())?),
    }
    let Some(root) = user_dir(session).and_then(|it| it.canonicalize().ok()) else { return Ok(()) };
    // Only the store has digests of what it keeps.
    let Ok(real) = path.canonicalize() else { return Ok(()) };
    let Ok(below) = real.strip_prefix(&root) else { return Ok(()) };
    let Some((receipt, file)) = receipt_of(&root, below)? else { return Ok(()) };
    let record: Option<&FileRecord> = receipt.files.get(&file);
    let bytes = fs::read_regular(&real, MAX_LEN).map_err(StoreError::from)?.bytes;
    if record.is_some_and(|it| it.digest == Digest::of(&bytes)) {
        return Ok(());
    }
    let name = &session.identity().command_name;
    Err(refused(format!("plugin file `{}` is not the one that was installed", real.display()))
        .hint(format!("type `{name} plugin verify`, and install the plugin again")))
}

/// Finds the receipt of a file of the store, and the file's path in its version.
fn receipt_of(root: &Path, below: &Path) -> Result<Option<(Receipt, String)>, CliError> {
    let parts: Vec<_> = below.iter().filter_map(|it| it.to_str()).collect();
    let [owner, repo, version, file @ ..] = &parts[..] else { return Ok(None) };
    let place = Place { owner: (*owner).to_owned(), repo: (*repo).to_owned() };
    let Some(store) = Store::open(root)? else { return Ok(None) };
    let stored = store.plugin(&place)?;
    let receipt = stored.and_then(|mut it| it.versions.remove(*version));
    Ok(receipt.map(|it| (it, file.join("/"))))
}
