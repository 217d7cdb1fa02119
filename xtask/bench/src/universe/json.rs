//! The chain as processes: each plugin gets all files as JSON on its standard input, and
//! answers with all files as they are then.
//!
//! So do kubebuilder's external plugins (plugin phase 2, as its sample plugin answers), where a
//! universe goes in and comes out. Here both sides write as they encode, in a language that is
//! as fast.

use crate::files::{N_FILES, files};
use anyhow::{Context, Result, ensure};
use pintle_plugin::json::{Value, json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A file, as the answer of a plugin and as part of the universe.
#[derive(Serialize, Deserialize)]
struct File {
    text: String,
    mode: u32,
    plugin: String,
}

#[derive(Serialize)]
struct Request<'a> {
    position: usize,
    universe: &'a BTreeMap<String, File>,
}

#[derive(Deserialize)]
struct OwnedRequest {
    position: usize,
    universe: BTreeMap<String, File>,
}

#[derive(Default, Serialize, Deserialize)]
struct Reply {
    universe: BTreeMap<String, File>,
    /// The memory that the plugin's process has more than at its beginning.
    grown: u64,
}

pub(crate) fn run(n_plugins: usize) -> Result<Value> {
    let before = crate::peak_memory()?;
    let file = |text| File { text, mode: 0o644, plugin: String::new() };
    let mut universe: BTreeMap<_, _> =
        files(N_FILES).map(|(path, text)| (path, file(text))).collect();
    let mut peak = 0;
    let start = Instant::now();
    for position in 0..n_plugins {
        let reply = ask(&Request { position, universe: &universe })?;
        universe = reply.universe;
        peak = peak.max(reply.grown);
    }
    let nanos = start.elapsed().as_nanos() as f64;
    let n_changed = universe.values().filter(|it| !it.plugin.is_empty()).count();
    ensure!(n_changed == n_plugins * N_FILES / 100, "{n_changed} files were changed");
    let grown = crate::peak_memory()? - before;
    Ok(json!({ "json": nanos, "json_grown": grown, "json_plugin_grown": peak }))
}

fn ask(request: &Request<'_>) -> Result<Reply> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("json-plugin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let answer = talk(&mut child, request)?;
    ensure!(child.wait()?.success(), "a plugin failed");
    Ok(serde_json::from_slice(&answer)?)
}

fn talk(child: &mut Child, request: &Request<'_>) -> Result<Vec<u8>> {
    let mut stdin = BufWriter::with_capacity(1 << 16, child.stdin.take().context("no pipe")?);
    serde_json::to_writer(&mut stdin, request)?;
    stdin.flush()?;
    drop(stdin);
    let mut answer = Vec::new();
    child.stdout.take().context("no pipe")?.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Does what the bench's plugin does.
pub(crate) fn plugin() -> Result<()> {
    let before = crate::peak_memory()?;
    let mut request = Vec::new();
    io::stdin().lock().read_to_end(&mut request)?;
    let OwnedRequest { position, universe } = serde_json::from_slice(&request)?;
    drop(request);
    let (mut reply, mut n_bytes) = (Reply { universe, grown: 0 }, 0);
    for (idx, (path, file)) in reply.universe.iter_mut().enumerate() {
        ensure!(path.ends_with(".rs"), "`{path}` is no source file");
        n_bytes += file.text.len();
        if idx % 100 == position {
            file.text = "#".repeat(file.text.len());
            file.plugin = format!("bench-{position}");
        }
    }
    ensure!(n_bytes > 0, "the files are empty");
    reply.grown = crate::peak_memory()? - before;
    let mut stdout = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, &reply)?;
    Ok(stdout.flush()?)
}
