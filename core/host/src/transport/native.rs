//! Plugins in library files, opened in-process.
//!
//! Invariants: no code of a library runs before its file has passed the catalog's
//! checks, and none of its functions is called before its layout has passed
//! abi_stable's. A library is never unloaded: its threads and thread-locals may
//! outlive every call.
#![expect(
    unsafe_code,
    reason = "opening a library runs foreign code, and its symbols have no types"
)]

use super::error::LoadError;
use super::layout::{LayoutError, check_layout};
use super::loaded::{LoadedPlugin, Reach};
use crate::catalog::library_file::exports;
use crate::catalog::{Entry, Examined, Refusal, RefusedFile, Rules, examine};
use crate::fs::{Exposure, is_worth_protecting};
use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError, RootModuleError};
use pintle_plugin::manifest::{INTERFACE_VERSION, Manifest};
use pintle_plugin::raw::PluginRootRef;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Opens the plugin file at `path` and checks it whole.
///
/// Opening a library runs its initialisers, so `path` must come from a place the
/// user trusts; the checks find mistakes, not malice.
///
/// # Errors
///
/// [`LoadError`] at the first check that fails.
pub fn load(path: &Path, rules: &Rules) -> Result<LoadedPlugin, LoadError> {
    let examined = examine(path, rules).map_err(LoadError::Refused)?;
    open(path, examined, false)
}

/// Opens the file of a plugin that was listed, as [`load`] does, provided that it is still
/// the same plugin: the command, the hook or the key by which it is called belongs to what
/// was listed.
///
/// # Errors
///
/// [`LoadError`] at the first check that fails.
pub fn load_listed(entry: &Entry, rules: &Rules) -> Result<LoadedPlugin, LoadError> {
    let (Some(listed), Some(path)) = (entry.key(), entry.path()) else {
        let plugin = entry.key().map(ToString::to_string).unwrap_or_default();
        return Err(LoadError::NoFile { plugin });
    };
    let examined = examine(path, rules).map_err(LoadError::Refused)?;
    if !entry.is_same_as(&examined) {
        let (listed, found) = (listed.clone(), examined.key);
        return Err(LoadError::Replaced { path: path.to_owned(), listed, found });
    }
    let verdict = entry.layout().filter(|it| it.is_of(&examined.file));
    let is_fitting = verdict.is_some_and(|it| it.holds_for(&examined.file));
    let plugin = open(path, examined, is_fitting)?;
    if let Some(verdict) = verdict.filter(|_| !is_fitting) {
        verdict.keep();
    }
    Ok(plugin)
}

/// Opens a file that was examined, and makes the checks that need it open; not that of its layout
/// if this build of the host has found before that it fits.
fn open(path: &Path, examined: Examined, is_fitting: bool) -> Result<LoadedPlugin, LoadError> {
    let owned = || path.to_owned();
    if let Some(exposure) = examined.exposure.filter(|_| is_worth_protecting()) {
        return Err(exposed(path, examined, exposure));
    }
    // The dynamic linker also searches a library's dependencies, so the file itself
    // is asked, before any of its code runs.
    let symbol = &examined.manifest.abi.root;
    if !exports(&examined.file, symbol).unwrap_or(false) {
        return Err(LoadError::NoRootSymbol { path: owned(), symbol: symbol.clone() });
    }
    let Examined { file, manifest, key, .. } = examined;
    let header = open_header(file, &manifest, path)?;
    let layout = header.layout().ok_or_else(|| LoadError::NoLayout { path: owned() })?;
    if !is_fitting {
        check_layout(layout, &manifest.abi.interface).map_err(|err| match err {
            LayoutError::Differs { summary, report } => {
                LoadError::Incompatible { path: owned(), summary, report }
            }
            LayoutError::Damaged => LoadError::DamagedLayout { path: owned() },
        })?;
    }

    // SAFETY: the layout check returned Ok for this header, a few lines up or when this very
    // file, by its stamp, was opened by this very build of the host, as an index says that none
    // but the user can write. The library is never unmapped, so the module outlives every use.
    let root = unsafe { header.init_root_module_with_unchecked_layout::<PluginRootRef>() }
        .map_err(|err| LoadError::Construction { path: owned(), reason: reason(&err) })?;
    if let Some(field) = manifest_difference(&manifest, root.manifest()().as_slice()) {
        return Err(LoadError::ManifestDiffers { path: owned(), field });
    }
    Ok(LoadedPlugin { key, manifest, reach: Reach::Root(root) })
}

/// Returns the error of a file that others may change.
fn exposed(path: &Path, examined: Examined, exposure: Exposure) -> LoadError {
    let Examined { id, manifest, key, .. } = examined;
    LoadError::Refused(Box::new(RefusedFile {
        path: path.to_owned(),
        id: Some(id),
        manifest: Some(manifest),
        key: Some(key),
        refusal: Refusal::Exposed { exposure },
    }))
}

/// Opens the library for good and returns the header behind its root symbol.
fn open_header(
    file: File,
    manifest: &Manifest,
    path: &Path,
) -> Result<&'static LibHeader, LoadError> {
    let library = open_library(&file, path).map_err(|err| open_error(path, err))?;
    // From here on the library is there, whatever the checks say of it, and the linker
    // knows it by the number of this descriptor: were it closed, the next plugin could
    // get the same number and be taken for this one.
    std::mem::forget(file);
    let symbol = manifest.abi.root.as_str();
    // SAFETY: the name begins with `pintle_root_`, as the catalog has checked: only
    // `export_plugin!` makes such symbols, and they are headers. `upgrade` reads the
    // header's magic bytes before anything else of it.
    let header = unsafe { library.get::<AbiHeaderRef>(symbol) }.map(|it| *it);
    std::mem::forget(library);
    let header = header.map_err(|err| open_error(path, err))?;
    header.upgrade().map_err(|_| LoadError::Header { path: path.to_owned() })
}

#[cfg(unix)]
type Library = libloading::os::unix::Library;

#[cfg(windows)]
type Library = libloading::os::windows::Library;

#[cfg(unix)]
fn open_library(file: &File, path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{RTLD_LOCAL, RTLD_NOW};
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    let path = descriptor_path(file).unwrap_or_else(|| path.to_owned());
    // SAFETY: the file is a shared library for this machine whose segments all lie
    // inside it. Its initialisers run here: that is the trust `load` asks for.
    unsafe { Library::open(Some(path), flags) }
}

#[cfg(windows)]
fn open_library(_file: &File, path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR,
    };
    // Not the whole search path, nor the current directory: the plugin's own directory,
    // the program's, and the system's.
    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
    // Only an empty path has no absolute one, and nothing of that name was examined.
    let path = unsearched(path).map_err(|_| libloading::Error::LoadLibraryExWUnknown)?;
    // SAFETY: the file is a library for this machine. Its initialisers run here:
    // that is the trust `load` asks for.
    let library = unsafe { Library::load_with_flags(path, flags) }?;
    library.pin()?;
    Ok(library)
}

/// Returns the path by which `LoadLibraryExW` opens exactly this file. It would search for a
/// relative path, the program's directory first, and add `.dll` to a name without a dot,
/// unless the name ends in one.
#[cfg(any(windows, test))]
fn unsearched(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = std::path::absolute(path)?.into_os_string();
    let has_dot =
        Path::new(&path).file_name().is_some_and(|it| it.as_encoded_bytes().contains(&b'.'));
    if !has_dot {
        path.push(".");
    }
    Ok(path.into())
}

/// Returns a path to the file that was examined, whatever has been renamed since.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn descriptor_path(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    // A container or a chroot may come without /proc.
    path.exists().then_some(path)
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn descriptor_path(_file: &File) -> Option<PathBuf> {
    None
}

fn open_error(path: &Path, err: libloading::Error) -> LoadError {
    LoadError::Open { path: path.to_owned(), source: Box::new(err) }
}

fn reason(err: &LibraryError) -> String {
    match err {
        LibraryError::RootModule { err: RootModuleError::Unwound, .. } => "it panicked".to_owned(),
        LibraryError::RootModule { err: RootModuleError::Returned(err), .. } => err.to_string(),
        LibraryError::IncompatibleVersionNumber { actual_version, .. } => {
            format!("it has interface {actual_version}, this host has {INTERFACE_VERSION}")
        }
        err => err.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Returns the first field in which the code's manifest differs from the file's.
fn manifest_difference(file: &Manifest, code: &[u8]) -> Option<String> {
    let code = match Manifest::parse(code) {
        Ok(code) if code == *file => return None,
        Ok(code) => code,
        Err(_) => return Some("format".to_owned()),
    };
    let as_object = |it| serde_json::to_value(it).expect("a manifest has string keys");
    let (file, code) = (as_object(file), as_object(&code));
    let fields = file.as_object().into_iter().flatten();
    let differing = fields.into_iter().find(|(field, value)| code.get(field) != Some(value));
    Some(differing.map_or_else(|| "deprecated".to_owned(), |(field, _)| field.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_opens_the_file_that_was_examined_and_searches_for_none() {
        let folder = std::env::current_dir().unwrap();
        let check = |path: &str, expected: &str| {
            assert_eq!(unsearched(Path::new(path)).unwrap(), folder.join(expected), "{path}");
        };
        check("x.dll", "x.dll");
        check("./plugins/x.dll", "plugins/x.dll");
        check("plugins/x", "plugins/x.");
        check("plugins.d/x", "plugins.d/x.");
        check("plugins/.x", "plugins/.x");
        let absolute = folder.join("x");
        assert_eq!(unsearched(&absolute).unwrap(), folder.join("x."));
    }
}
