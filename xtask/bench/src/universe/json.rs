//! The chain as processes: each plugin gets all files as JSON on its standard input, and
//! answers with what it changes.
//!
//! This is what the ways of other tools cost at the least: a plugin need not send back
//! what it left alone, and both sides write as they encode.

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
    deleted: Vec<String>,
    added: BTreeMap<String, File>,
    /// The memory that the plugin's process has more than at its beginning.
    grown: u64,
}

pub(crate) fn run(n_plugins: usize) -> Result<Value> {
    let before = crate::peak_memory()?;
    let file = |text| File { text, mode: 0o644, plugin: String::new() };
    let mut universe: BTreeMap<_, _> =
        files(N_FILES).map(|(path, text)| (path, file(text))).collect();
    let (mut peak, mut n_changes) = (0, 0);
    let start = Instant::now();
    for position in 0..n_plugins {
        let reply = ask(&Request { position, universe: &universe })?;
        for path in reply.deleted {
            universe.remove(&path).context("a plugin deletes what is not there")?;
        }
        n_changes += reply.added.len();
        for (path, file) in reply.added {
            let other = universe.insert(path, file);
            ensure!(other.is_none(), "a plugin adds what is there");
        }
        peak = peak.max(reply.grown);
    }
    let nanos = start.elapsed().as_nanos() as f64;
    ensure!(n_changes == n_plugins * N_FILES / 100, "{n_changes} files were changed");
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
    let (mut reply, mut n_bytes) = (Reply::default(), 0);
    for (idx, (path, file)) in universe.into_iter().enumerate() {
        ensure!(path.ends_with(".rs"), "`{path}` is no source file");
        n_bytes += file.text.len();
        if idx % 100 == position {
            let text = "#".repeat(file.text.len());
            let plugin = format!("bench-{position}");
            reply.deleted.push(path.clone());
            reply.added.insert(path, File { text, mode: file.mode, plugin });
        }
    }
    ensure!(n_bytes > 0, "the files are empty");
    reply.grown = crate::peak_memory()? - before;
    let mut stdout = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut stdout, &reply)?;
    Ok(stdout.flush()?)
}
