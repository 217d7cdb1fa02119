//! Plugins in library files, opened in-process.
//!
//! Invariants: no code of a library runs before its file has passed the catalog's checks, and none
//! of its functions is called before its layout has passed abi_stable's check. A library is never
//! unloaded: its threads and thread-locals may outlive every call.
#![expect(
    unsafe_code,
    reason = "opening a library runs foreign code, and its symbols have no types"
)]

use super::descriptors;
use super::error::LoadError;
use super::layout::{LayoutError, check_layout};
use super::loaded::{LoadedPlugin, Reach};
use crate::catalog::library_file::exports;
use crate::catalog::{Entry, Examined, Refusal, RefusedFile, Rules, examine};
use crate::fs::{Exposure, is_worth_protecting};
use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError, RootModuleError};
use pintle_plugin::manifest::{INTERFACE_VERSION, Manifest};
use pintle_plugin::raw::PluginRootRef;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Opens the plugin file at `path` and checks it whole.
///
/// Opening a library runs its initializers, so `path` must be in a location that the user trusts;
/// the checks find mistakes, not malicious code.
///
/// # Errors
///
/// [`LoadError`] at the first check that fails.
pub fn load(path: &Path, rules: &Rules) -> Result<LoadedPlugin, LoadError> {
    open(path, examine_in_room(path, rules)?, false)
}

/// Opens the file of a listed plugin, like [`load`], provided that it is still the same plugin: the
/// command, the hook or the key by which it is called belongs to the plugin that was listed.
///
/// # Errors
///
/// [`LoadError`] at the first check that fails.
pub fn load_listed(entry: &Entry, rules: &Rules) -> Result<LoadedPlugin, LoadError> {
    let (Some(listed), Some(path)) = (entry.key(), entry.path()) else {
        let plugin = entry.key().map(ToString::to_string).unwrap_or_default();
        return Err(LoadError::NoFile { plugin });
    };
    let examined = examine_in_room(path, rules)?;
    if !entry.is_same_as(&examined) {
        let (listed, found) = (listed.clone(), examined.key);
        return Err(LoadError::Replaced { path: path.to_owned(), listed, found });
    }
    let verdict = entry.layout().filter(|it| it.is_of(&examined.file));
    let is_fitting = verdict.as_ref().is_some_and(|it| it.holds_for(&examined.file));
    let plugin = open(path, examined, is_fitting)?;
    if let Some(verdict) = verdict.filter(|_| !is_fitting) {
        verdict.keep();
    }
    Ok(plugin)
}

/// Examines a file, with a raised limit on open files if required.
fn examine_in_room(path: &Path, rules: &Rules) -> Result<Examined, LoadError> {
    let is_out = |it: &RefusedFile| descriptors::refused(&it.refusal);
    match examine(path, rules) {
        Err(file) if is_out(&file) && descriptors::raise() => examine(path, rules),
        res => res,
    }
    .map_err(|file| match is_out(&file) {
        true => no_descriptors(path),
        false => LoadError::Refused(file),
    })
}

fn no_descriptors(path: &Path) -> LoadError {
    LoadError::NoDescriptors { path: path.to_owned(), limit: descriptors::limit() }
}

/// Opens a file that was examined, and performs the checks that require it to be open; the check of
/// its layout is skipped if this build of the host has already found it compatible.
fn open(path: &Path, examined: Examined, is_fitting: bool) -> Result<LoadedPlugin, LoadError> {
    let owned = || path.to_owned();
    if let Some(exposure) = examined.exposure.filter(|_| is_worth_protecting()) {
        return Err(exposed(path, examined, exposure));
    }
    // The dynamic linker also searches a library's dependencies, so the file itself is checked,
    // before any of its code runs.
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

/// Opens the library permanently, and returns the header of its root symbol.
fn open_header(
    file: File,
    manifest: &Manifest,
    path: &Path,
) -> Result<&'static LibHeader, LoadError> {
    descriptors::make_room(&file);
    let library = match open_library(&file, path) {
        Err(_) if descriptors::are_used_up(&file) && descriptors::raise() => {
            open_library(&file, path)
        }
        res => res,
    };
    let library = library.map_err(|err| match descriptors::are_used_up(&file) {
        true => no_descriptors(path),
        false => open_error(path, err),
    })?;
    // From here on, the library is loaded, whatever the result of the checks.
    let library = release(file, library, path);
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
    // Not the whole search path, nor the current directory: only the plugin's own directory, the
    // program's, and the system's.
    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
    // Only an empty path has no absolute path, and no file with an empty path was examined.
    let path = unsearched(path).map_err(|_| libloading::Error::LoadLibraryExWUnknown)?;
    // SAFETY: the file is a library for this machine. Its initialisers run here:
    // that is the trust `load` asks for.
    let library = unsafe { Library::load_with_flags(path, flags) }?;
    library.pin()?;
    Ok(library)
}

/// Returns the path by which `LoadLibraryExW` opens exactly this file. It would search for a
/// relative path, starting in the program's directory, and add `.dll` to a name without a dot,
/// unless the name ends with a dot.
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

/// Returns a path to the file that was examined, even if it has been renamed since.
///
/// For a path that the linker has seen before, it returns the library that it already has, and the
/// number of a closed descriptor is reused. Therefore, each path has a unique spelling.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn descriptor_path(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    static N_OPENED: AtomicU64 = AtomicU64::new(0);
    let spelling = spelling(N_OPENED.fetch_add(1, Ordering::Relaxed));
    let path = PathBuf::from(format!("/proc/self/fd/{spelling}{}", file.as_raw_fd()));
    // A container or a chroot may have no /proc.
    path.exists().then_some(path)
}

/// Returns a part of a path that has no effect, unique for each number: its bits, the lowest first.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn spelling(number: u64) -> String {
    let bits = (0..u64::BITS - number.leading_zeros()).map(|bit| number >> bit & 1);
    bits.map(|it| if it == 1 { "./" } else { "/" }).collect()
}

/// Releases the descriptor by which a library was opened, once the linker knows the library by its
/// path: with hundreds of plugins, there are not enough descriptors.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn release(file: File, library: Library, path: &Path) -> Library {
    use std::os::unix::ffi::OsStrExt;
    let Ok(name) = CString::new(path.as_os_str().as_bytes()) else {
        std::mem::forget(file);
        return library;
    };
    let handle = library.into_raw();
    let mut map: *mut LinkMap = std::ptr::null_mut();
    // SAFETY: the handle is that of a library which is never closed, and this request fills in
    // one pointer.
    let res = unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) };
    match res == 0 && !map.is_null() {
        // SAFETY: glibc's link map begins with these two fields (`link.h`) and lives as long as
        // its library, which is for ever, as does the name. The name is there for debuggers and
        // backtraces, which would look for symbols in whatever has the descriptor's number by
        // then; glibc looks at it only to compare it with the paths of other libraries.
        true => unsafe { (&raw mut (*map).name).write_volatile(name.into_raw()) },
        false => std::mem::forget(file),
    }
    // SAFETY: the handle was taken from a library a few lines up, and nothing else has it.
    unsafe { Library::from_raw(handle) }
}

/// The public part of a library in `link.h`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[repr(C)]
struct LinkMap {
    address: usize,
    name: *mut std::ffi::c_char,
}

/// Keeps the descriptor by which a library was opened: the linker may identify the library by its
/// number.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn release(file: File, library: Library, _: &Path) -> Library {
    std::mem::forget(file);
    library
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
            format!("it has interface {actual_version}, but this host has {INTERFACE_VERSION}")
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

    #[cfg(target_os = "linux")]
    #[test]
    fn each_descriptor_has_another_path_that_leads_to_its_file() {
        let file = File::open("/proc/self/exe").unwrap();
        let paths: Vec<_> = (0..300).map(|_| descriptor_path(&file).unwrap()).collect();
        let texts: std::collections::HashSet<_> = paths.iter().map(|it| it.as_os_str()).collect();
        assert_eq!(texts.len(), paths.len());
        assert_eq!(spelling(6), "/././");
        let target = std::env::current_exe().unwrap();
        assert!(paths.iter().all(|it| it.read_link().unwrap() == target));
    }

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
