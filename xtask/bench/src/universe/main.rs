//! Passes a project through a chain of plugins, and prints time and memory as JSON.
//!
//! `universe native PLUGIN…` calls plugins in-process. With `universe look PLUGIN…`, they also
//! look at every file; with `universe first PLUGIN…`, they use memory that is new to the process.
//! `universe json N` starts this program N times as a plugin that exchanges JSON over pipes.
//! `universe disk DIR` lists and reads a project that it creates there. Each mode runs in a
//! separate process, so the peak of the memory is its own.
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
            "usage: universe native PLUGIN… | look PLUGIN… | first PLUGIN… | json N | disk DIR"
        ),
    };
    println!("{results}");
    Ok(())
}

fn chain(plugins: &[&str], kind: Kind) -> Result<pintle_plugin::json::Value> {
    native::run(plugins.iter().map(Path::new), kind)
}

/// Returns the peak memory of this process, in bytes.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .context("the peak memory can be read on Linux only")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|it| it.trim().strip_suffix(" kB"));
    Ok(kilobytes.context("`/proc/self/status` has no peak memory")?.parse::<u64>()? * 1024)
}
