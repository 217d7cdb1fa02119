//! A plugin of the interface on abi_stable alone.

use abi_stable::export_root_module;
use abi_stable::prefix_type::PrefixTypeTrait as _;
use abi_stable::sabi_extern_fn;
use interface_abi_stable::{Image, Report, Scanner, ScannerRef};

#[export_root_module]
pub fn scanner() -> ScannerRef {
    Scanner { scan }.leak_into_prefix()
}

#[sabi_extern_fn]
fn scan(image: Image) -> Report {
    let n_bytes = image.pixels.len();
    Report { findings: vec![image.name].into(), n_bytes, pixels: image.pixels }
}
