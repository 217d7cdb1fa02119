//! An interface written on abi_stable alone: all of its types are part of the layout, so a new
//! field in `Image` or `Report` makes all plugins incompatible.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RArc, RString, RVec};

/// A request.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct Image {
    pub name: RString,
    pub width: u32,
    pub pixels: RArc<RVec<u8>>,
}

/// A reply.
#[repr(C)]
#[derive(StableAbi)]
pub struct Report {
    pub findings: RVec<RString>,
    pub n_bytes: usize,
    pub pixels: RArc<RVec<u8>>,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ScannerRef)))]
#[sabi(missing_field(panic))]
pub struct Scanner {
    #[sabi(last_prefix_field)]
    pub scan: extern "C" fn(Image) -> Report,
}

impl RootModule for ScannerRef {
    abi_stable::declare_root_module_statics! {ScannerRef}
    const BASE_NAME: &'static str = "scanner";
    const NAME: &'static str = "scanner";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
