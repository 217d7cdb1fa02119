//! libFuzzer, on the target that `PINTLE_FUZZ_TARGET` names.
#![no_main]

mod targets;

use peak_alloc::PeakAlloc;
use std::sync::LazyLock;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How much memory a target may take at once, besides the size of its input.
const MAX_MEMORY: usize = 16 * 1024 * 1024;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("PINTLE_FUZZ_TARGET").unwrap_or_default();
    let target = targets::TARGETS.iter().find(|it| it.0 == name);
    target.unwrap_or_else(|| panic!("unknown target `{name}`")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = *TARGET;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    target(data);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(taken <= data.len() + MAX_MEMORY, "{taken} bytes for an input of {}", data.len());
});
