//! A plugin that is a program: it reads a line of JSON from standard input, and then the pixels.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, Read as _};

#[derive(Deserialize)]
struct Image {
    name: String,
    width: u32,
    n_bytes: usize,
}

#[derive(Serialize)]
struct Report {
    findings: Vec<String>,
    n_bytes: usize,
}

fn main() -> Result<()> {
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let image: Image = serde_json::from_str(&line)?;
    let mut pixels = Vec::with_capacity(image.n_bytes);
    input.read_to_end(&mut pixels)?;
    ensure!(image.width > 0);
    let report = Report { findings: vec![image.name], n_bytes: pixels.len() };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
