//! Takes a project through a chain of plugins, and prints time and memory as JSON.
//!
//! `universe native PLUGIN…` calls plugins in-process, and so do `universe look PLUGIN…`, where
//! they look at every file, and `universe first PLUGIN…`, in memory that the process never had; `universe json N` starts this program N
//! times as a plugin that speaks JSON over pipes; `universe disk FOLDER` lists and reads
//! a project that it makes there. Each way has a process to itself, so that the peak of
//! its memory is its own.
#![expect(clippy::print_stdout, reason = "the result goes to `cargo xtask bench`")]

mod disk;
mod files;
mod json;
mod native;

use anyhow::{Context, Result, bail};
use native::Kind;
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let results = match args.as_slice() {
        ["native", plugins @ ..] => chain(plugins, Kind::Native)?,
        ["look", plugins @ ..] => chain(plugins, Kind::Look)?,
        ["first", plugins @ ..] => chain(plugins, Kind::First)?,
        ["json", n_plugins] => json::run(n_plugins.parse()?)?,
        ["json-plugin"] => return json::plugin(),
        ["disk", folder] => disk::run(&PathBuf::from(folder))?,
        _ => bail!(
            "usage: universe native PLUGIN… | look PLUGIN… | first PLUGIN… | json N | disk FOLDER"
        ),
    };
    println!("{results}");
    Ok(())
}

fn chain(plugins: &[&str], kind: Kind) -> Result<pintle_plugin::json::Value> {
    native::run(plugins.iter().map(Path::new), kind)
}

/// Returns the most memory that this process ever had, in bytes.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("the peak of the memory is known on Linux only")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|it| it.trim().strip_suffix(" kB"));
    Ok(kilobytes.context("there is no peak of the memory")?.parse::<u64>()? * 1024)
}
