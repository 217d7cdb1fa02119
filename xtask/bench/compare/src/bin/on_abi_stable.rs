//! A host on abi_stable alone: `on_abi_stable PLUGIN`.

use abi_stable::library::RootModule as _;
use abi_stable::std_types::{RArc, RVec};
use anyhow::{Context as _, Result, ensure};
use compare::{SIZES, nanos, print};
use interface_abi_stable::{Image, ScannerRef};
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args_os().nth(1).context("usage: on_abi_stable PLUGIN")?);
    let start = Instant::now();
    // One plugin per interface and process: loading a second file would return this one.
    let scanner = ScannerRef::load_from_file(&path)?;
    let load = start.elapsed();
    let mut times = [0.0; 2];
    for (time, size) in times.iter_mut().zip(SIZES) {
        let pixels = RArc::new(RVec::from(vec![1; size]));
        let image = Image { name: "photo".into(), width: 8, pixels };
        let report = scanner.scan()(image.clone());
        ensure!(report.n_bytes == size && report.findings[0].as_str() == "photo");
        *time = nanos(|| drop(scanner.scan()(image.clone())));
    }
    print(load, times);
    Ok(())
}
