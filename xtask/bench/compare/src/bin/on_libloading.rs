//! A host on libloading alone: `on_libloading PLUGIN`.

use anyhow::{Context as _, Result, ensure};
use compare::{SIZES, nanos, print};
use libloading::Library;
use std::path::PathBuf;
use std::time::Instant;

/// The structs of `plugin-raw`, repeated here: there is no crate that both depend on.
#[repr(C)]
struct Image {
    name: *const u8,
    name_len: usize,
    width: u32,
    pixels: *const u8,
    pixels_len: usize,
}

#[repr(C)]
struct Report {
    finding: *mut u8,
    finding_len: usize,
    n_bytes: usize,
}

type Scan = unsafe extern "C" fn(*const Image) -> Report;
type Free = unsafe extern "C" fn(Report);

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args_os().nth(1).context("usage: on_libloading PLUGIN")?);
    let start = Instant::now();
    // SAFETY: the file is assumed to be a plugin of this interface; nothing guarantees it.
    let library = unsafe { Library::new(path) }?;
    // SAFETY: as above.
    let (scan, free) =
        unsafe { (library.get::<Scan>("scan")?, library.get::<Free>("free_report")?) };
    let load = start.elapsed();
    let mut times = [0.0; 2];
    for (time, size) in times.iter_mut().zip(SIZES) {
        let pixels = vec![1; size];
        let call = || {
            let name = "photo";
            let image = Image {
                name: name.as_ptr(),
                name_len: name.len(),
                width: 8,
                pixels: pixels.as_ptr(),
                pixels_len: pixels.len(),
            };
            // SAFETY: the pointers are those of a string and a vector that outlive the call.
            let report = unsafe { scan(&image) };
            // SAFETY: the finding belongs to the plugin, and is copied before it is freed.
            let finding =
                unsafe { std::slice::from_raw_parts(report.finding, report.finding_len) }.to_vec();
            let n_bytes = report.n_bytes;
            // SAFETY: the report is not used any more.
            unsafe { free(report) };
            (finding, n_bytes)
        };
        ensure!(call() == (b"photo".to_vec(), size));
        *time = nanos(|| drop(call()));
    }
    print(load, times);
    Ok(())
}
