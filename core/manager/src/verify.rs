//! Checks whether the files in the store are still the installed ones.

use crate::archive::MAX_LEN;
use crate::config::{Config, Verify};
use crate::digest::Digest;
use crate::errors::refused;
use crate::project::VIEWS;
use crate::source::spec::shown;
use crate::store::{FileRecord, Place, Receipt, Store, StoreError};
use crate::user_dir::user_dir;
use pintle_host::cli::{CliError, Provenance, Session};
use pintle_host::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Returns the faults of the files of a version, one sentence each.
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
            Some(Err(fault)) => Some(format!("`{path}`: {fault}")),
            Some(Ok(it)) if it.digest != record.digest => {
                Some(format!("`{path}` has different content"))
            }
            Some(Ok(it)) if it.is_executable != record.is_executable => {
                Some(format!("`{path}` has a different mode"))
            }
            Some(Ok(_)) => None,
        });
    }
    let is_new = |it: &&String| !receipt.files.contains_key(*it);
    faults.extend(found.keys().filter(is_new).map(|it| format!("`{it}` was added")));
    if receipt.digest_of_files() != receipt.content {
        faults.push("its receipt was changed".to_owned());
    }
    Ok(faults)
}

/// Compares a plugin's file with the installed one before it is loaded, if configured.
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
    let Some(store) = Store::open(&root)? else { return Ok(()) };
    let linked = match link_in(&root, path) {
        None => None,
        Some((dir, name)) => store.follow(&dir, &name)?.map_err(|fault| {
            not_installed(session, &format!("`{}` {}", path.display(), fault.text))
        })?,
    };
    // Only files in the store have known digests.
    let Ok(real) = path.canonicalize() else { return Ok(()) };
    let Ok(below) = real.strip_prefix(&root) else { return Ok(()) };
    let record = match linked.and_then(|it| it.files.get(&it.file).copied()) {
        Some(record) => Some(record),
        None => match record_of(&store, below)? {
            Record::Unknown => return Ok(()),
            Record::Of(record) => record,
        },
    };
    if let Some(record) = record
        && digest_of_file(&real)? == Some(record.digest)
    {
        return Ok(());
    }
    let text = format!("`{}` is not the installed one", real.display());
    Err(not_installed(session, &text))
}

/// Returns the digest of a file; `None` if it is larger than any installed file can be.
fn digest_of_file(path: &Path) -> Result<Option<Digest>, StoreError> {
    let (file, metadata) = fs::open_regular(path)?;
    if metadata.len() > MAX_LEN {
        return Ok(None);
    }
    Digest::of_reader(file.take(MAX_LEN)).map(Some).map_err(|err| {
        let (operation, path) = (fs::Operation::Read, path.to_owned());
        fs::Error { operation, path, cause: err.into() }.into()
    })
}

fn not_installed(session: &Session<'_>, what: &str) -> CliError {
    let name = &session.identity().command_name;
    refused(format!("plugin file {what}"))
        .hint(format!("run `{name} plugin verify`, and install the plugin again"))
}

/// Returns the source of a plugin in the store, and its trust.
pub(crate) fn provenance(
    session: &Session<'_>,
    entry: &pintle_host::catalog::Entry,
) -> Option<Provenance> {
    // Not all links belong to the store.
    entry.path()?.read_link().ok().filter(|it| it.is_relative())?;
    let root = session.shared(|| Root(user_dir(session).and_then(|it| it.canonicalize().ok())));
    let root = root.0.as_deref()?;
    let (dir, name) = link_in(root, entry.path()?)?;
    let store = Store::open(root).ok()??;
    let receipt = store.linked(&dir, &name).ok()??;
    Some(Provenance { source: shown(&receipt.source), trust: receipt.trust.to_string() })
}

/// The directory of the store, for one run of the host.
struct Root(Option<PathBuf>);

/// Returns the directory in the store and the name of a link in the store or in a view.
fn link_in(root: &Path, path: &Path) -> Option<(PathBuf, String)> {
    let dir = path.parent()?.canonicalize().ok()?;
    let dir = dir.strip_prefix(root).ok()?;
    let is_of_links = dir == Path::new("") || dir.starts_with(VIEWS);
    is_of_links.then_some((dir.to_owned(), path.file_name()?.to_str()?.to_owned()))
}

/// The store's information about a file.
enum Record {
    /// It does not belong to a plugin in the store.
    Unknown,
    /// It does. Nothing is known about an added file, or one with a damaged receipt.
    Of(Option<FileRecord>),
}

fn record_of(store: &Store, below: &Path) -> Result<Record, CliError> {
    let parts: Vec<_> = below.iter().filter_map(|it| it.to_str()).collect();
    let [owner, repo, version, file @ ..] = &parts[..] else { return Ok(Record::Unknown) };
    let place = Place { owner: (*owner).to_owned(), repo: (*repo).to_owned() };
    if place.check().is_err() {
        return Ok(Record::Unknown);
    }
    // If there is no fault, one receipt suffices; reading the others would take longer than the
    // check.
    let known = store.receipt(&place, version).ok().flatten();
    if let Some(record) = known.and_then(|it| it.files.get(&file.join("/")).copied()) {
        return Ok(Record::Of(Some(record)));
    }
    let Some(stored) = store.plugin(&place)? else { return Ok(Record::Unknown) };
    let receipt: Option<&Receipt> = stored.versions.get(*version);
    Ok(Record::Of(receipt.and_then(|it| it.files.get(&file.join("/"))).copied()))
}
