//! Opens a plugin step by step, and times each step.
//!
//! The host takes the same steps but does not report their times.
#![expect(
    unsafe_code,
    reason = "opening a library runs foreign code, and its symbols have no types"
)]

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeaderRef, LibHeader};
use anyhow::{Context, Result, anyhow};
use libloading::Library;
use pintle_plugin::raw::PluginRootRef;
use std::path::Path;
use std::time::{Duration, Instant};

/// The symbol of the plugin's header: crate name and version, as `export_plugin!` generates it.
const ROOT: &str = "pintle_root_pintle_bench_plugin_0_1_0";

/// A plugin that is open.
pub(crate) struct Opened {
    pub(crate) root_module: PluginRootRef,
    /// A function that adds one.
    pub(crate) raw: extern "C" fn(u64) -> u64,
    /// The time of each step, by name.
    pub(crate) times: [(&'static str, Duration); 5],
}

/// Opens a plugin of the benchmark.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    let start = Instant::now();
    let library = open_library(path)?;
    let opened = Instant::now();
    // SAFETY: `export_plugin!` gives this name to a header only.
    let header = *unsafe { library.get::<AbiHeaderRef>(ROOT) }?;
    let header = header.upgrade().map_err(|err| anyhow!("not a header: {err}"))?;
    let upgraded = Instant::now();
    check_layout(header)?;
    let checked = Instant::now();
    // The second check finds the library's pages in memory: its time is the check itself.
    check_layout(header)?;
    let checked_again = Instant::now();
    // SAFETY: the layout check returned Ok for this header a few lines up, and the
    // library is never unmapped, so the module outlives every use.
    let root_module = unsafe { header.init_root_module_with_unchecked_layout::<PluginRootRef>() };
    let root_module =
        root_module.map_err(|err| anyhow!("failed to load the root module: {err}"))?;
    let made = Instant::now();

    // SAFETY: the benchmark's plugin exports a function of this name and type.
    let raw = *unsafe { library.get::<extern "C" fn(u64) -> u64>("pintle_bench_raw") }?;
    // The root module and the function are valid as long as the library is mapped: for ever.
    std::mem::forget(library);
    let times = [
        ("dlopen", opened - start),
        ("upgrade", upgraded - opened),
        ("layout", checked - upgraded),
        ("layout_again", checked_again - checked),
        ("root", made - checked_again),
    ];
    Ok(Opened { root_module, raw, times })
}

#[cfg(unix)]
fn open_library(path: &Path) -> Result<Library> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the file is a copy of the plugin that was built for this bench.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }?;
    Ok(library.into())
}

#[cfg(not(unix))]
fn open_library(path: &Path) -> Result<Library> {
    // SAFETY: the file is a copy of the plugin that was built for this bench.
    Ok(unsafe { Library::new(path) }?)
}

/// Checks the layout as `pintle::transport` does: each plugin separately.
fn check_layout(header: &'static LibHeader) -> Result<()> {
    let plugin = header.layout().context("the plugin has no description of its layout")?;
    let host = <PluginRootRef as StableAbi>::LAYOUT;
    check_layout_compatibility_with_globals(host, plugin, &CheckingGlobals::new())
        .map_err(|err| anyhow!("the layouts differ: {err}"))
}
