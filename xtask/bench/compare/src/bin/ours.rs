//! A host on pintle-host: `ours PLUGIN`.

use anyhow::{Context as _, Result, ensure};
use compare::{SIZES, nanos, print};
use pintle_bench_plugin::{Image, Scanner};
use pintle_host::catalog::Rules;
use pintle_host::services::{Console, Services};
use pintle_host::transport;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args_os().nth(1).context("usage: ours PLUGIN")?);
    let start = Instant::now();
    let scanner = transport::load(&path, &Rules::default())?.interface::<dyn Scanner>()?;
    let load = start.elapsed();
    let services = Services::new(Arc::new(Console::new())).of("compare");
    let mut times = [0.0; 2];
    for (time, size) in times.iter_mut().zip(SIZES) {
        let image = Image { name: "photo".to_owned(), width: 8, pixels: vec![1; size].into() };
        let report = scanner.scan(image.clone(), &services.host())?;
        ensure!(report.n_bytes == size && report.findings == ["photo"]);
        *time = nanos(|| drop(scanner.scan(image.clone(), &services.host())));
    }
    print(load, times);
    Ok(())
}
