//! libFuzzer, on the target that `PINTLE_FUZZ_TARGET` names.
#![no_main]

mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("PINTLE_FUZZ_TARGET").unwrap_or_default();
    let target = targets::TARGETS.iter().find(|it| it.0 == name);
    target.unwrap_or_else(|| panic!("unknown target `{name}`")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
