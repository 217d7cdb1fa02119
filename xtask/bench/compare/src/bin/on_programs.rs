//! A host whose plugins are programs: `on_programs PROGRAM`.

use anyhow::{Context as _, Result, ensure};
use compare::{SIZES, nanos, print};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

#[derive(Serialize)]
struct Image<'a> {
    name: &'a str,
    width: u32,
    n_bytes: usize,
}

#[derive(Deserialize)]
struct Report {
    findings: Vec<String>,
    n_bytes: usize,
}

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args_os().nth(1).context("usage: on_programs PROGRAM")?);
    let mut times = [0.0; 2];
    for (time, size) in times.iter_mut().zip(SIZES) {
        let pixels = vec![1; size];
        let report = scan(&path, &pixels)?;
        ensure!(report.n_bytes == size && report.findings == ["photo"]);
        *time = nanos(|| drop(scan(&path, &pixels)));
    }
    // A program is not loaded; it is started for each call.
    print(Duration::ZERO, times);
    Ok(())
}

fn scan(path: &Path, pixels: &[u8]) -> Result<Report> {
    let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("the standard input is not piped")?;
    let image = Image { name: "photo", width: 8, n_bytes: pixels.len() };
    writeln!(input, "{}", serde_json::to_string(&image)?)?;
    input.write_all(pixels)?;
    drop(input);
    Ok(serde_json::from_slice(&child.wait_with_output()?.stdout)?)
}
