//! Checks whether the layout of a plugin's root module is compatible with the host's.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::type_layout::TypeLayout;
use pintle_plugin::manifest::INTERFACE_VERSION;
use pintle_plugin::raw::PluginRootRef;
use semver::Version;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Why a layout does not fit.
#[derive(Debug)]
pub(super) enum LayoutError {
    /// It is another layout than the host's.
    Differs {
        /// The first difference, in one line.
        summary: String,
        /// All differences, as abi_stable prints them.
        report: String,
    },
    /// Its description is invalid.
    Damaged,
}

/// Checks the plugin's layout against the host's.
///
/// abi_stable accepts an implementation that is newer than its interface and refuses the opposite.
/// The interface only grows at its end, so the older side acts as the interface. Each plugin is
/// checked by itself: no object with a table of functions is passed from plugin to plugin.
pub(super) fn check_layout(
    plugin: &'static TypeLayout,
    interface: &str,
) -> Result<(), LayoutError> {
    let host = <PluginRootRef as StableAbi>::LAYOUT;
    let (older, newer) = if is_older(interface) { (plugin, host) } else { (host, plugin) };
    let check = || check_layout_compatibility_with_globals(older, newer, &CheckingGlobals::new());
    match quietly(check) {
        Some(Ok(())) => Ok(()),
        Some(Err(err)) => Err(differs(&err.to_string())),
        None => Err(LayoutError::Damaged),
    }
}

fn is_older(interface: &str) -> bool {
    let host = Version::parse(INTERFACE_VERSION).expect("a crate's version is semantic");
    Version::parse(interface).is_ok_and(|it| it < host)
}

/// Extracts the innermost difference from abi_stable's report.
fn differs(report: &str) -> LayoutError {
    let mut lines = report.lines().map(str::trim).filter(|it| !it.is_empty());
    let summary = match lines.by_ref().find(|it| it.starts_with("Error:")) {
        Some(error) => {
            let what = error.trim_start_matches("Error:").trim();
            let rest: Vec<_> = lines.take_while(|it| !it.contains("error(s)")).take(4).collect();
            format!("{what} {}", rest.join(" "))
        }
        None => "the layouts differ".to_owned(),
    };
    LayoutError::Differs { summary, report: report.to_owned() }
}

thread_local! {
    /// Whether a panic of this thread is not to be reported.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a check of foreign data; `None` if it panics, which is not reported as a panic of the host.
fn quietly<T>(check: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                previous(info);
            }
        }));
    });
    IS_QUIET.set(true);
    // The data of the check is read only, or dropped with it.
    let result = catch_unwind(AssertUnwindSafe(check));
    IS_QUIET.set(false);
    result.ok()
}
