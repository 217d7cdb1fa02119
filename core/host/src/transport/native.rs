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

use super::LoadedPlugin;
use crate::catalog::{Examined, RefusedFile, Rules, examine, image};
use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeaderRef, LibHeader, LibraryError, RootModuleError};
use abi_stable::type_layout::TypeLayout;
use pintle_plugin::manifest::{INTERFACE_VERSION, Manifest};
use pintle_plugin::raw::PluginRootRef;
use semver::Version;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file did not pass the checks that need no code of it.
    #[error(transparent)]
    Refused(Box<RefusedFile>),
    /// The file does not define the symbol that its manifest names.
    #[error("plugin file `{}` does not define its root symbol `{symbol}`", path.display())]
    NoRootSymbol {
        /// The file.
        path: PathBuf,
        /// The symbol.
        symbol: String,
    },
    /// The dynamic linker did not take the file.
    #[error("the dynamic linker rejected plugin file `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the linker said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The root symbol is no header of the abi_stable series that this host uses.
    #[error("the root symbol of plugin file `{}` is no header of abi_stable 0.11", path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// The library was built without a description of its root module's layout.
    #[error("plugin file `{}` does not describe its layout", path.display())]
    NoLayout {
        /// The file.
        path: PathBuf,
    },
    /// The layout of the root module is not the one of this host.
    #[error("plugin file `{}` has another layout than this host: {summary}", path.display())]
    Incompatible {
        /// The file.
        path: PathBuf,
        /// The first difference, in one line.
        summary: String,
        /// All differences, as abi_stable prints them: up to thousands of lines.
        report: String,
    },
    /// The plugin's code says something else than the manifest in its file.
    #[error("the manifest of plugin file `{}` is not the one of its code: they differ in `{field}`", path.display())]
    ManifestDiffers {
        /// The file.
        path: PathBuf,
        /// The first field that differs.
        field: String,
    },
    /// The plugin's root module could not be made.
    #[error("plugin file `{}` failed to make its root module: {reason}", path.display())]
    Construction {
        /// The file.
        path: PathBuf,
        /// What the plugin said.
        reason: String,
    },
}

impl LoadError {
    /// Returns what to do about the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(file) => Some(file.refusal.hint()),
            Self::NoRootSymbol { .. } | Self::NoLayout { .. } | Self::Header { .. } => {
                Some("build it with `pintle_plugin::export_plugin!` of interface 1.x".to_owned())
            }
            Self::Open { .. } => {
                Some("a library that the plugin needs may be missing on this machine".to_owned())
            }
            Self::Incompatible { .. } => Some(format!(
                "rebuild the plugin with pintle-plugin {INTERFACE_VERSION}; `-v` shows every difference"
            )),
            Self::ManifestDiffers { .. } => {
                Some("the file was changed after it was built; install it again".to_owned())
            }
            Self::Construction { .. } => None,
        }
    }
}

/// Opens the plugin file at `path` and checks it whole.
///
/// Opening a library runs its initialisers, so `path` must come from a place the
/// user trusts; the checks find mistakes, not malice.
///
/// # Errors
///
/// [`LoadError`] at the first check that fails.
pub fn load(path: &Path, rules: &Rules) -> Result<LoadedPlugin, LoadError> {
    let owned = || path.to_owned();
    let examined = examine(path, rules).map_err(LoadError::Refused)?;
    // The dynamic linker also searches a library's dependencies, so the file itself
    // is asked, before any of its code runs.
    let symbol = &examined.manifest.abi.root;
    if !image::exports(&examined.file, symbol).unwrap_or(false) {
        return Err(LoadError::NoRootSymbol { path: owned(), symbol: symbol.clone() });
    }
    let Examined { file, manifest, key, .. } = examined;
    let header = open_header(file, &manifest, path)?;
    let layout = header.layout().ok_or_else(|| LoadError::NoLayout { path: owned() })?;
    check_layout(layout, &manifest).map_err(|(summary, report)| LoadError::Incompatible {
        path: owned(),
        summary,
        report,
    })?;

    // SAFETY: the layout check returned Ok for this header two lines up, and the
    // library is never unmapped, so the module outlives every use.
    let root = unsafe { header.init_root_module_with_unchecked_layout::<PluginRootRef>() }
        .map_err(|err| LoadError::Construction { path: owned(), reason: reason(&err) })?;
    if let Some(field) = manifest_difference(&manifest, root.manifest()().as_slice()) {
        return Err(LoadError::ManifestDiffers { path: owned(), field });
    }
    Ok(LoadedPlugin { key, manifest, root })
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
    // SAFETY: only plugins export symbols under the name that a manifest gives as
    // their root, and they are headers. `upgrade` looks at the header's magic bytes
    // before anything else of it.
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
    // SAFETY: the file is a library for this machine. Its initialisers run here:
    // that is the trust `load` asks for.
    let library = unsafe { Library::new(path) }?;
    library.pin()?;
    Ok(library)
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

/// Checks the plugin's layout against the host's.
///
/// abi_stable takes an implementation that is newer than its interface and refuses
/// the opposite. The interface only ever grows at its end, so whichever side is
/// older plays the part of the interface. Each plugin is checked by itself: no
/// object with a table of functions travels from plugin to plugin.
fn check_layout(plugin: &'static TypeLayout, manifest: &Manifest) -> Result<(), (String, String)> {
    let host = <PluginRootRef as StableAbi>::LAYOUT;
    let (older, newer) =
        if is_older(&manifest.abi.interface) { (plugin, host) } else { (host, plugin) };
    check_layout_compatibility_with_globals(older, newer, &CheckingGlobals::new())
        .map_err(|err| summarize(&err.to_string()))
}

fn is_older(interface: &str) -> bool {
    let host = Version::parse(INTERFACE_VERSION).expect("a crate's version is semantic");
    Version::parse(interface).is_ok_and(|it| it < host)
}

/// Takes the innermost difference out of abi_stable's report.
fn summarize(report: &str) -> (String, String) {
    let mut lines = report.lines().map(str::trim).filter(|it| !it.is_empty());
    let summary = match lines.by_ref().find(|it| it.starts_with("Error:")) {
        Some(error) => {
            let what = error.trim_start_matches("Error:").trim();
            let rest: Vec<_> = lines.take_while(|it| !it.contains("error(s)")).take(4).collect();
            format!("{what} {}", rest.join(" "))
        }
        None => "the layouts differ".to_owned(),
    };
    (summary, report.to_owned())
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
